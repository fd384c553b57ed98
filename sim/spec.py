"""One frozen value names a run: its fields give flags, the content hash and the columns of the table."""

import hashlib
import json
import types
import typing
from dataclasses import dataclass, field, fields, replace

from sim.arguments import whole
from sim.execution import EXECUTIONS
from sim.faults import Faults
from sim.following import EdgeMerge
from sim.kinds import require_kinds
from sim.linear_network import LinearNetwork
from sim.logistic import Logistic
from sim.models.vision import weights_digest
from sim.network import Classification
from sim.optimizer import Optimizer
from sim.probes.named import make_probes, parse_probes
from sim.quadratic import Quadratic
from sim.schedule import always, every, merge, server, silent, then_merge, window
from sim.smooth import Smooth
from sim.step import ORDERS
from theory import gossip, sparse_draws
from theory.errors import OnemergeError, require
from theory.graphs import exponential, ring
from theory.mixing import mixing

NUMERICS = 3  # raised whenever the same spec gives other numbers; guarded by a golden run in the tests

MANY = 128  # agents from which on sparse draws of the same matrices take less time than dense ones


def _constant(spec, graph, weights):
    graph = graph(spec.agents)
    return sparse_draws.constant(graph, weights) if spec.agents >= MANY else always(mixing(graph, weights))


def _sparse_if_many(spec, family, *parameters):
    if spec.agents >= MANY:
        return getattr(sparse_draws, family)(spec.agents, *parameters)
    return getattr(gossip, family)(spec.agents, *parameters).draw


PROBE_DTYPES = ("same", "float64")
PROBLEMS = {  # by the name that a record of a run has under `problem`
    kind.__name__.lower(): kind for kind in (Classification, Quadratic, Smooth, Logistic, LinearNetwork)
}
GOSSIPS = {
    "none": lambda spec: silent,
    "random_peers": lambda spec: _sparse_if_many(spec, "random_peers", spec.peers),
    "random_matching": lambda spec: _sparse_if_many(spec, "random_matching", spec.peers),
    "ring": lambda spec: _constant(spec, ring, "metropolis"),
    "exponential": lambda spec: _constant(spec, exponential, "uniform"),
    "one_peer_exponential": lambda spec: _sparse_if_many(spec, "one_peer_exponential"),
    "complete": lambda spec: merge(spec.agents),
    "server": lambda spec: server(spec.agents, spec.participation),
    "edge": lambda spec: EdgeMerge(spec.agents, spec.edge),
    "periodic": lambda spec: every(merge(spec.agents), spec.period),
}


@dataclass(frozen=True)
class Spec:
    """A run of `rounds` rounds of `local_steps` steps and one communication each, by `agents` agents.

    `gossip` names who talks (GOSSIPS; `peers` is R of the random ones; "complete" averages all by AllReduce, "server"
    a share `participation` of them, FedAvg; "edge" averages all once Ξ² > edge ‖∇L(θ̄)‖², "periodic" after every
    `period` rounds; METHODS of sim.schedule names the usual ones); inside rounds window_start <= t < window_stop the
    gossip is complete; `final_merge` replaces the last round's gossip by one global merge. `drop`, `drop_pairs`,
    `outage`, `outage_rounds`, `stale` are faults (sim.faults.Faults). `measure_every` and `gradients_every` count
    rounds, `probes_every` those of the `probes`, names of sim.probes with commas between, on `probe_images` training
    images (0: all), in `probe_dtype` "same" as the run or "float64". `execution` and `chunk`, how gradients are
    computed, change the last bits only. `keep_models` stores the final models. Seeds and the device are not fields: a
    seed is a replica of the spec, the device is recorded.
    """

    problem: Classification | Quadratic | Smooth | Logistic | LinearNetwork = field(default_factory=Classification)
    agents: int = 16
    rounds: int = 100
    local_steps: int = 10
    batch: int = 32
    optimizer: str = "sgd"
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip: float = 0.0
    gossip: str = "random_peers"
    peers: float = 0.2
    order: str = "adapt_then_combine"
    participation: float = field(default=1.0, metadata={"gossip": ("server",)})
    edge: float = field(default=1.0, metadata={"gossip": ("edge",)})
    period: int = field(default=1, metadata={"gossip": ("periodic",)})
    drop: float = 0.0
    drop_pairs: bool = False
    outage: float = 0.0
    outage_rounds: int = 1
    stale: float = 0.0
    window_start: int | None = None
    window_stop: int | None = None
    final_merge: bool = False
    measure_every: int = 1
    gradients_every: int = 0
    probes: str = ""
    probes_every: int = 0
    probe_images: int = 0
    probe_dtype: str = "same"
    execution: str = "auto"
    chunk: int | None = None
    keep_models: bool = False

    def __post_init__(self):
        require_kinds(self)
        counts = ("agents", "rounds", "local_steps", "batch", "measure_every", "period")
        whole(1, **{name: getattr(self, name) for name in counts})
        require(self.gossip in GOSSIPS, f"Unknown gossip {self.gossip!r}; valid: {', '.join(GOSSIPS)}.")
        require(self.order in ORDERS, f"Unknown order {self.order!r}; valid: {', '.join(ORDERS)}.")
        require(self.execution in EXECUTIONS, f"Unknown execution {self.execution!r}; valid: {', '.join(EXECUTIONS)}.")
        for name, zero in (("gradients_every", "never"), ("probes_every", "never"), ("probe_images", "all")):
            value = getattr(self, name)
            require(value >= 0, f"{name} must be a whole number >= 0 (0: {zero}), not {value!r}.")
        if self.chunk is not None:
            whole(1, " (none: by rule)", chunk=self.chunk)
        for f in _of_gossip():
            kinds, value = f.metadata["gossip"], getattr(self, f.name)
            require(
                self.gossip in kinds or value == f.default,
                f"{f.name} is a field of gossip {' and '.join(kinds)}: with {self.gossip} it is {f.default:g}, "
                f"not {value}.",
            )
        both = (self.window_start is None) == (self.window_stop is None)
        require(both, f"a window needs both ends, not {self.window_start} and {self.window_stop}.")
        if self.window_start is not None:
            fits = 0 <= self.window_start < self.window_stop <= self.rounds
            require(
                fits,
                f"a window needs 0 <= start < stop <= rounds = {self.rounds}, "
                f"not {self.window_start} and {self.window_stop}.",
            )
        parse_probes(self.probes)
        require(
            self.probe_dtype in PROBE_DTYPES,
            f"Unknown probe_dtype {self.probe_dtype!r}; valid: {', '.join(PROBE_DTYPES)}.",
        )
        self.local_optimizer()
        self.faults()
        self.schedule()

    def schedule(self):
        """Who communicates in round t: a schedule (sim.schedule)."""
        acting = GOSSIPS[self.gossip](self)
        if self.window_start is not None:
            acting = window(acting, merge(self.agents), self.window_start, self.window_stop)
        return then_merge(acting, self.agents, self.rounds - 1) if self.final_merge else acting

    def faults(self):
        """What fails: messages, agents, news."""
        return Faults(self.drop, self.drop_pairs, self.outage, self.outage_rounds, self.stale)

    def probing(self, problem):
        """The probes of the run of `problem`; nothing is made where they are never asked for."""
        if self.probes_every == 0:
            return ()
        kind = None if self.probe_dtype == "same" else self.probe_dtype
        return make_probes(self.probes, problem, lr=self.lr, images=self.probe_images, dtype=kind)

    def local_optimizer(self):
        """The local optimizer of every agent."""
        return Optimizer(self.optimizer, self.lr, self.momentum, self.weight_decay, self.clip)

    def build(self, seeds, device="cpu"):
        """The problem, with one replica per seed."""
        if isinstance(self.problem, Quadratic):  # whose steps have no batch
            return self.problem.build(self.agents, seeds, device)
        return self.problem.build(self.agents, seeds, self.batch, device)

    def with_gossip(self, gossip):
        """This run with another gossip; the fields of the one before have their defaults."""
        return replace(self, gossip=gossip, **{f.name: f.default for f in _of_gossip()})

    def trunk(self):
        """The run that this one follows, bit for bit, until round `branch`: no window, no merge, no end."""
        return replace(self, window_start=None, window_stop=None, final_merge=False, rounds=1, keep_models=False)

    @property
    def branch(self):
        """First round in which this run may differ from every other run of the same trunk: at the latest its last
        round, which may merge and is measured in full.
        """
        return self.rounds - 1 if self.window_start is None else min(self.window_start, self.rounds - 1)

    def flat(self):
        """All fields as one flat dict, the problem's fields among them (problem: its kind).

        Left out are fields that belong to other data sets or models than the run's, so that new ones leave the keys of
        old runs alone, and those that change no number (compare=False).
        """
        values = {"problem": type(self.problem).__name__.lower()}
        for record in (self.problem, self):
            for f in fields(record):
                own = all(getattr(record, what) in only for what, only in f.metadata.items())
                if f.name != "problem" and f.compare and own:
                    value = getattr(record, f.name)
                    if f.name == "weights" and value is not None:
                        value = weights_digest(value)
                    values[f.name] = float(value) if f.type is float else value  # 1 and 1.0 are one value, one key
        return values

    def key(self):
        """Content hash of all fields, defaults included, and of the numerics version (16 hex digits)."""
        text = json.dumps([NUMERICS, self.flat()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def override(self, **texts):
        """This spec with fields replaced by values given as text, as on the command line (`--set runs.lr=0.05`)."""
        own = {f.name: f for f in fields(self) if f.name != "problem"}
        inner = {f.name: f for f in fields(self.problem)}
        changes, inner_changes = {}, {}
        for name, text in texts.items():
            if name in own:
                changes[name] = parse_field(name, own[name].type, text)
            elif name in inner:
                inner_changes[name] = parse_field(name, inner[name].type, text)
            else:
                raise OnemergeError(f"Unknown field {name!r} of runs; valid: {', '.join(sorted(own | inner))}.")
        return replace(self, problem=replace(self.problem, **inner_changes), **changes)


def _of_gossip():
    """The fields that belong to one gossip."""
    return [f for f in fields(Spec) if "gossip" in f.metadata]


def parse_field(name, kind, text):
    """The text of a field as the field's type: int, float, bool ("true", "false"), str, or "none" where allowed."""
    allowed = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if types.NoneType in allowed and text.lower() == "none":
        return None
    kind = next(k for k in allowed if k is not types.NoneType)
    if kind is bool:
        require(text.lower() in ("true", "false"), f"{name} must be true or false, not {text!r}.")
        return text.lower() == "true"
    try:
        return kind(text)
    except ValueError:
        word = {int: "a whole number", float: "a number"}[kind]
        raise OnemergeError(f"{name} must be {word}, not {text!r}.") from None
