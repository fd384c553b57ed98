"""The only time loop: rounds of local steps and gossip, measured as they go."""

from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import torch

from sim.arguments import rates, require_held, require_parts, require_state, whole
from sim.communication import Communicator
from sim.execution import chosen, chunk_size, gradient_function
from sim.probes.spread import consensus_distance
from sim.step import ORDERS, Work, one_round_
from sim.threads import cpu_threads
from theory.errors import require, shown

COLUMNS = ("seed", "round", "step", "metric", "agent", "value")


@dataclass(frozen=True)
class State:
    """Everything a run needs to go on: a resumed run ends in the same bits as an uninterrupted one.

    `round` rounds are done; `theta` [replicas, agents, d]; `statistics` [replicas, agents, b] of models that carry them
    (BatchNorm), else None; `optimizer` its state; `published` [replicas, agents, d + b] what peers hear of every agent
    where messages may be stale, else None; `diverged` [replicas] is the first step whose training loss, model or metric
    was not finite, or −1; `traffic` [replicas, 2] the messages and bytes sent so far; `records` are the measurements so
    far, (round, step, metric, values) with values [replicas] or [replicas, agents].

    The tensors of a state that `simulate` hands out are the run's own, which the next round changes in place; `copy()`
    keeps them.
    """

    round: int
    theta: torch.Tensor
    statistics: torch.Tensor | None
    optimizer: tuple
    published: torch.Tensor | None
    diverged: np.ndarray
    traffic: np.ndarray
    records: tuple = field(default=(), repr=False)

    @classmethod
    def start(cls, problem, optimizer, stale=False):
        theta = problem.init()
        statistics = problem.init_statistics() if getattr(problem, "statistics", 0) else None
        parts = (theta,) if statistics is None else (theta, statistics)
        published = torch.cat(parts, dim=-1) if stale else None
        replicas = len(problem.seeds)
        start = optimizer.start(theta)
        return cls(0, theta, statistics, start, published, np.full(replicas, -1), np.zeros((replicas, 2)))

    def copy(self):
        """A state of its own memory."""
        clone = lambda tensor: None if tensor is None else tensor.clone()  # noqa: E731
        return replace(
            self,
            theta=clone(self.theta),
            statistics=clone(self.statistics),
            optimizer=tuple(map(clone, self.optimizer)),
            published=clone(self.published),
            traffic=self.traffic.copy(),
        )

    @property
    def models(self):
        """(Θ,) or (Θ, S): what a problem's measures take."""
        return (self.theta,) if self.statistics is None else (self.theta, self.statistics)


def simulate(
    problem,
    schedule,
    optimizer,
    *,
    rounds,
    local_steps=1,
    order="adapt_then_combine",
    lr=None,
    faults=None,
    measure_every=1,
    gradients_every=0,
    probes=(),
    probes_every=0,
    execution="auto",
    chunk=None,
    state=None,
    on_round=None,
    threads=1,
):
    """Run `rounds` rounds and return (table, final state).

    A round is `local_steps` steps of every agent, then one communication W = schedule(t, generator) (None: silent),
    t = 0, 1, ...; a tuple of schedules has one for every replica, and `lr` [replicas] a learning rate for each (None:
    the optimizer's). `faults` (sim.faults) lose messages, agents and news. Metrics are taken on the models after 0, m,
    2m, ... rounds (m = `measure_every`; always after the last), gradient norms likewise every `gradients_every` rounds
    (0: never). The table is tidy: seed, round (rounds completed), step (local steps completed), metric, agent (<NA>:
    over all agents), value. Per-agent values are kept for the last round only; their mean over the agents is kept
    always, as average_<metric>. Beside the metrics of the problem there are consensus_distance, and the messages and
    bytes sent so far (sim.traffic). A replica that diverged at step t (where the problem gives no losses: in the
    round that ends there) ends with one row diverged = t, and has no row after.

    `probes` are functions Θ [replicas, agents, d] -> {metric: [replicas] or [replicas, agents]} that leave Θ as it is,
    called every `probes_every` rounds (0: never) and recorded like metrics; where the problem measures a metric of the
    same name, its value stands. A value of a probe that is not finite (a quotient of nothing) has no row, and is no
    divergence. Problems with statistics S give them as a second argument.

    `execution` and `chunk`, the models at work at once, are of `sim.execution`. `state` continues an earlier run and
    is left as it was; `on_round(state)` is called after each round with the state so far, whose tensors the next round
    changes. On the CPU torch has `threads` threads meanwhile; the last bits depend on their number, not on the
    machine's cores.
    """
    whole(1, rounds=rounds, local_steps=local_steps, measure_every=measure_every, threads=threads)
    whole(0, " (0: never)", gradients_every=gradients_every, probes_every=probes_every)
    known = isinstance(order, str) and order in ORDERS
    require(known, f"Unknown order {shown(order)}; valid: {', '.join(ORDERS)}.")
    require_parts(problem, schedule, optimizer, faults, probes, on_round)
    with cpu_threads(threads):
        work = _work(problem, optimizer, lr, execution, chunk)
        communicator = Communicator(problem, schedule, faults)
        if state is None:
            first = (True, gradients_every > 0, probes if probes_every > 0 else ())
            begun = State.start(problem, optimizer, stale=communicator.stale)
            state = _measured(begun, problem, local_steps, *first, False)
        else:
            require_state(state, State, problem, optimizer, communicator.stale, rounds)
            state = state.copy()
        theta, memory = state.theta.flatten(0, 1), tuple(part.flatten(0, 1) for part in state.optimizer)
        statistics = None if state.statistics is None else state.statistics.flatten(0, 1)
        while state.round < rounds and (state.diverged < 0).any():
            communicator.next_round(state)
            batches = problem.batches(state.round, local_steps)
            losses = one_round_(order, work, theta, statistics, memory, batches, communicator.talk, communicator.active)
            done = state.round + 1
            diverged = _first_divergence(state, losses, local_steps)
            state = replace(state, round=done, diverged=diverged, traffic=state.traffic + communicator.sent)
            last = done == rounds
            metrics, gradients, probed = (
                every > 0 and (last or done % every == 0) for every in (measure_every, gradients_every, probes_every)
            )
            state = _measured(state, problem, local_steps, metrics, gradients, probes if probed else (), last)
            if on_round is not None:
                on_round(state)
    return table_of(problem.seeds, state, local_steps), state


def _work(problem, optimizer, lr, execution, chunk):
    if chunk is not None:
        whole(1, " (None: by rule)", chunk=chunk)
    replicas = len(problem.seeds)
    require_held(optimizer, problem.dtype)
    if lr is not None:
        lr = rates(lr, problem).repeat_interleave(problem.agents)[:, None]
    fused = getattr(problem, "sgd_step_", None) if optimizer.plain and chosen(problem, execution) == "batched" else None
    gradient, precision = gradient_function(problem, execution), getattr(problem, "precision", nullcontext)

    def precise(*models_and_batch):
        with precision():
            return gradient(*models_and_batch)

    return Work(
        gradient=precise,
        optimizer=optimizer,
        chunk=chunk or chunk_size(problem, execution, replicas * problem.agents),
        lr=lr,
        fused=fused,
    )


def _first_divergence(state, losses, local_steps):
    """Step of the first loss [steps, n] that is not finite, else the end of the round if the models are not, else as
    before."""
    if np.isfinite(float(state.theta.sum())) and (losses is None or np.isfinite(float(losses.sum()))):
        return state.diverged  # a sum is finite only where all its terms are
    ends = torch.stack(torch.aminmax(state.theta.flatten(1), dim=1))  # NaN where there is one; no copy of the models
    bad = ~torch.isfinite(ends).all(dim=0)
    first = torch.full_like(bad, local_steps, dtype=torch.int64)
    if losses is not None:
        bad_loss = ~torch.isfinite(losses.view(len(losses), len(bad), -1)).all(dim=2)  # [steps, replicas]
        first = torch.where(bad_loss.any(dim=0), bad_loss.int().argmax(dim=0), first)
        bad = bad | bad_loss.any(dim=0)
    now, first = bad.cpu().numpy(), first.cpu().numpy()
    return np.where((state.diverged < 0) & now, state.round * local_steps + first, state.diverged)


def _measured(state, problem, local_steps, metrics, gradients, probes, last):
    """The state with its metrics and gradient norms recorded; where a value is not finite, the replica has diverged.

    Values of probes are recorded too where they are finite.
    """
    if not (metrics or gradients or probes):
        return state
    values, probed = {}, {}
    for probe in probes:
        probed |= probe(*state.models)
    if metrics:
        sent = dict(zip(("messages", "bytes"), torch.from_numpy(state.traffic.T.copy()), strict=True))
        values |= {"consensus_distance": consensus_distance(state.theta), **problem.measure(*state.models), **sent}
    if gradients:
        values |= problem.measure_gradients(*state.models)
    step, diverged, records = state.round * local_steps, state.diverged, []
    for name, value in (values | probed | values).items():  # in the order of the metrics, whose own values they keep
        array = value.detach().cpu().numpy().astype(np.float64)
        if name in values:
            finite = np.isfinite(array).reshape(len(array), -1).all(axis=1)
            diverged = np.where((diverged < 0) & ~finite, step, diverged)
        else:
            array = np.where(np.isfinite(array), array, np.nan)
        if array.ndim == 2:
            if last:
                records.append((name, array))
            name, array = f"average_{name}", array.mean(axis=1)
        records.append((name, array))
    dead = diverged >= 0
    masked = ((name, np.where(dead[:, None] if a.ndim == 2 else dead, np.nan, a)) for name, a in records)
    added = tuple((state.round, step, name, array) for name, array in masked)
    return replace(state, diverged=diverged, records=state.records + added)


def table_of(seeds, state, local_steps):
    """The tidy table of a state's records (see `simulate`)."""
    frames = []
    for agents in (pd.array([pd.NA], dtype="Int64"), pd.array(range(state.theta.shape[1]), dtype="Int64")):
        chosen = [record for record in state.records if (record[3].ndim == 1) == agents.isna().any()]
        if not chosen:
            continue
        done, step, metric, values = zip(*chosen, strict=True)
        each = len(seeds) * len(agents)
        columns = {
            "seed": np.tile(np.repeat(seeds, len(agents)), len(chosen)),
            "round": np.repeat(done, each),
            "step": np.repeat(step, each),
            "metric": np.repeat(np.array(metric, dtype=object), each),
            "agent": pd.array(np.tile(agents.to_numpy(object), len(seeds) * len(chosen)), dtype="Int64"),
            "value": np.concatenate([v.ravel() for v in values]),
        }
        frames.append(pd.DataFrame(columns))
    rows = [
        (s, t // local_steps, t, "diverged", pd.NA, float(t))
        for s, t in zip(seeds, state.diverged, strict=True)
        if t >= 0
    ]
    if rows:
        frames.append(pd.DataFrame(rows, columns=COLUMNS).astype({"agent": "Int64"}))
    table = pd.concat(frames, ignore_index=True)
    return table[table["value"].notna()].sort_values(["seed", "round"], kind="stable", ignore_index=True)
