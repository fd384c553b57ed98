"""Many runs in one stack: every combination of a schedule, a learning rate and a seed is a replica of one `simulate`.

Replicas of one seed share their noise, and those of one seed and schedule their gossip, so that a replica is the single
run of its schedule, learning rate and seed, and differences between combinations are paired. Memory is that of all
replicas at once: R · agents · d numbers for R = |schedules| · |lrs| · |seeds|, and as many for a step's noise.
"""

from itertools import product

import numpy as np
import pandas as pd

from sim.optimizer import Optimizer
from sim.simulate import simulate
from theory.errors import require

COLUMNS = ("lr", "schedule", "seed", "step", "metric", "value")


def ensemble(
    problem,
    agents,
    schedules,
    lrs,
    seeds,
    *,
    rounds,
    local_steps=1,
    order="adapt_then_combine",
    optimizer=None,
    measure_every=1,
    gradients_every=0,
    faults=None,
    device="cpu",
    threads=1,
):
    """The tidy table of all combinations: lr, schedule (its label), seed, step (local steps done), metric, value.

    `problem` is a configuration with build(agents, seeds, device), such as `sim.quadratic.Quadratic`; `schedules` are
    {label: schedule}; `optimizer` (None: plain SGD) has its own learning rate replaced by those of `lrs`. The other
    arguments are those of `simulate`. Metrics are those over all agents and, as average_<metric>, means over the
    agents. Rows go replica by replica in the order of schedules, lrs, seeds; a replica that diverged ends with one row
    diverged = t, and leaves the others as they would be without it.
    """
    require(len(schedules) > 0, "an ensemble needs at least one schedule.")
    lrs, seeds = tuple(map(float, lrs)), tuple(seeds)
    for name, values in (("lrs", lrs), ("seeds", seeds)):
        require(len(set(values)) == len(values) > 0, f"{name} must be distinct and at least one, not {values}.")
    require(all(0 < lr < np.inf for lr in lrs), f"lrs must be positive numbers, not {lrs}.")
    replicas = list(product(schedules, lrs, seeds))
    _, state = simulate(
        problem.build(agents, [seed for _, _, seed in replicas], device),
        tuple(schedules[label] for label, _, _ in replicas),
        Optimizer("sgd", lrs[0]) if optimizer is None else optimizer,
        rounds=rounds,
        local_steps=local_steps,
        order=order,
        lr=[lr for _, lr, _ in replicas],
        faults=faults,
        measure_every=measure_every,
        gradients_every=gradients_every,
        threads=threads,
    )
    return _table(replicas, state)


def _table(replicas, state):
    """The measurements of a state and the steps of divergence, replica by replica."""
    records = [(step, metric, values) for _, step, metric, values in state.records if values.ndim == 1]
    steps, metrics, values = zip(*records, strict=True)
    diverged = np.where(state.diverged >= 0, state.diverged, np.nan)[:, None]
    values = np.concatenate([np.stack(values, axis=1), diverged], axis=1)  # [replicas, records + 1]
    steps = np.concatenate([np.tile(steps, (len(replicas), 1)), state.diverged[:, None]], axis=1)
    labels, lrs, seeds = (np.repeat(np.array(part), values.shape[1]) for part in zip(*replicas, strict=True))
    named = np.tile(np.array([*metrics, "diverged"], dtype=object), len(replicas))
    columns = (lrs, labels.astype(object), seeds, steps.ravel(), named, values.ravel())
    table = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
    return table[table["value"].notna()].reset_index(drop=True)
