"""The only time loop: rounds of local steps and gossip, measured as they go."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import torch

from sim.probe import consensus_distance
from sim.randomness import stream
from sim.step import ORDERS, one_round
from sim.threads import cpu_threads
from theory.errors import require

COLUMNS = ("seed", "round", "step", "metric", "agent", "value")


@dataclass(frozen=True)
class State:
    """Everything a run needs to go on: a resumed run ends in the same bits as an uninterrupted one.

    `round` rounds are done; `theta` [replicas, agents, d]; `diverged` [replicas] is the first step whose training
    loss, model or metric was not finite, or −1; `records` are the measurements so far, (round, step, metric, values)
    with values [replicas] or [replicas, agents].
    """

    round: int
    theta: torch.Tensor
    optimizer: tuple
    diverged: np.ndarray
    records: tuple = field(default=(), repr=False)

    @classmethod
    def start(cls, problem, optimizer):
        theta = problem.init()
        return cls(0, theta, optimizer.start(theta), np.full(len(problem.seeds), -1))


def simulate(
    problem,
    schedule,
    optimizer,
    *,
    rounds,
    local_steps=1,
    order="adapt_then_combine",
    measure_every=1,
    gradients_every=0,
    probes=(),
    probes_every=0,
    state=None,
    on_round=None,
    threads=1,
):
    """Run `rounds` rounds and return (table, final state).

    A round is `local_steps` steps of every agent, then one communication W = schedule(t, generator) (None: silent),
    t = 0, 1, ... Metrics are taken on the models after 0, m, 2m, ... rounds (m = `measure_every`; always after the
    last), gradient norms likewise every `gradients_every` rounds (0: never). The table is tidy: seed, round (rounds
    completed), step (local steps completed), metric, agent (<NA>: over all agents), value. Per-agent values are kept
    for the last round only; their mean over the agents is kept always, as average_<metric>. A replica that diverged at
    step t ends with one row diverged = t, and has no row after.

    `probes` are functions Θ [replicas, agents, d] -> {metric: [replicas] or [replicas, agents]} that leave Θ as it is,
    called every `probes_every` rounds (0: never) and recorded like metrics; where the problem measures a metric of the
    same name, its value stands. A value of a probe that is not finite (a quotient of nothing) has no row, and is no
    divergence.

    `state` continues an earlier run; `on_round(state)` is called after each round with the state so far.
    On the CPU torch has `threads` threads meanwhile; the last bits depend on their number, not on the machine's cores.
    """
    for name, value in (("rounds", rounds), ("local_steps", local_steps), ("measure_every", measure_every)):
        require(isinstance(value, int) and value >= 1, f"{name} must be a whole number of at least 1, not {value!r}.")
    for name, value in (("gradients_every", gradients_every), ("probes_every", probes_every)):
        whole = isinstance(value, int) and value >= 0
        require(whole, f"{name} must be a whole number >= 0 (0: never), not {value!r}.")
    require(order in ORDERS, f"Unknown order {order!r}; valid: {', '.join(ORDERS)}.")
    require(
        isinstance(threads, int) and threads >= 1, f"threads must be a whole number of at least 1, not {threads!r}."
    )
    with cpu_threads(threads):
        if state is None:
            first = (True, gradients_every > 0, probes if probes_every > 0 else ())
            state = _measured(State.start(problem, optimizer), problem, local_steps, *first, False)
        while state.round < rounds and (state.diverged < 0).any():
            W = _draw(schedule, state.round, problem)
            batches = problem.batches(state.round, local_steps)
            theta, memory, losses = one_round(order, problem.loss, optimizer, state.theta, state.optimizer, batches, W)
            done = state.round + 1
            diverged = _first_divergence(state, theta, losses, local_steps)
            state = replace(state, round=done, theta=theta, optimizer=memory, diverged=diverged)
            last = done == rounds
            metrics, gradients, probed = (
                every > 0 and (last or done % every == 0) for every in (measure_every, gradients_every, probes_every)
            )
            state = _measured(state, problem, local_steps, metrics, gradients, probes if probed else (), last)
            if on_round is not None:
                on_round(state)
    return table_of(problem.seeds, state, local_steps), state


def _draw(schedule, t, problem):
    """W [replicas, agents, agents] of round t, drawn on the CPU, one stream "gossip" per seed; None: all silent."""
    drawn = {seed: schedule(t, stream(seed, "gossip", t)) for seed in dict.fromkeys(problem.seeds)}
    if drawn[problem.seeds[0]] is None:
        return None
    stacked = np.stack([drawn[seed] for seed in problem.seeds])
    return torch.as_tensor(stacked, dtype=problem.dtype, device=problem.device)


def _first_divergence(state, theta, losses, local_steps):
    """Step of the first loss that is not finite, else the end of the round if the models are not, else as before."""
    bad_loss = ~torch.isfinite(losses).all(dim=2)  # [steps, replicas]
    bad_model = ~torch.isfinite(theta).flatten(1).all(dim=1)
    first = torch.where(bad_loss.any(dim=0), bad_loss.int().argmax(dim=0), local_steps).cpu().numpy()
    now = (bad_loss.any(dim=0) | bad_model).cpu().numpy()
    return np.where((state.diverged < 0) & now, state.round * local_steps + first, state.diverged)


def _measured(state, problem, local_steps, metrics, gradients, probes, last):
    """The state with its metrics and gradient norms recorded; where a value is not finite, the replica has diverged.

    Values of probes are recorded too where they are finite.
    """
    values, probed = {}, {}
    for probe in probes:
        probed |= probe(state.theta)
    if metrics:
        values |= {"consensus_distance": consensus_distance(state.theta), **problem.measure(state.theta)}
    if gradients:
        values |= problem.measure_gradients(state.theta)
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
