"""The share of the memory's bandwidth that quadratics attain at sizes that no cache holds; float64.

What must move between memory and core in a local step is Θ twice (read, written), the optima once and, where there is
noise, the noise once; in a communication Θ twice more. The ceiling is the triad c = a + s b (three arrays, as STREAM
counts them) of the size of Θ, measured beside it. Drawing the noise is a row of its own, against numpy's generator.
"""

from functools import partial

import numpy as np
import torch

from paper_repro.bench.row import rates
from paper_repro.bench.timing import Clock, in_turn
from sim.optimizer import Optimizer
from sim.quadratic import Quadratic
from sim.schedule import silent
from sim.simulate import simulate
from theory.links import links
from theory.sparse_draws import constant

LR, SHARE, TOLERANCE = 0.1, 0.6, 1e-12
SIZES = ((10_000, 1_000, 1), (100_000, 100, 1), (16, 100, 10_000))  # (agents, dimensions, replicas)
BLOCK = 2**16  # numbers that the bare generator draws at once


def bandwidth(setting):
    """For each size a local step without noise and with it, a round without gossip and with it, and drawing."""
    cases = []
    for size in setting.sizes(SIZES, ((4, 5, 2),)):
        cases += [partial(local_step, sigma, *size, setting) for sigma in (0.0, 1.0)]
        cases += [partial(whole_round, gossip, *size, setting) for gossip in ("no gossip", "ring")]
        cases.append(partial(drawn, *size, setting))
    return cases


def share(what, size, ours, peer, setting, **fields):
    """A row of GB/s; `ours` and `peer` are (bytes, times)."""
    (moved, times), (their_moved, their_times) = ours, peer
    agents, dim, replicas = size
    fields = {"against": "triad", "target": setting.target("ratio", ">=", SHARE)} | fields
    return rates(
        setting,
        "GB/s",
        (moved / 1e9, times),
        (their_moved / 1e9, their_times),
        benchmark="quadratics",
        case=f"{what}, {agents:,} agents × {dim:,}" + (f" × {replicas:,} replicas" if replicas > 1 else ""),
        **fields,
    )


def triad(theta):
    """() -> c = a + s b on arrays as large as Θ, and the bytes it moves."""
    other, out = theta.clone(), torch.empty_like(theta)
    return partial(torch.add, theta, other, alpha=LR, out=out), 3 * theta.nbytes


def local_step(sigma, agents, dim, replicas, setting):
    """The fused step of plain SGD, its noise given, against the triad; checked against its formula."""
    problem = Quadratic(dim=dim, sigma=sigma).build(agents, range(replicas), setting.device)
    theta, (noise, optimum, curvature) = problem.init().flatten(0, 1), next(problem.batches(0, 1))
    expected = theta - LR * (curvature * (theta - optimum) + noise)
    ceiling, moved = triad(theta)
    own = theta.clone()
    problem.sgd_step_(own, LR, noise, optimum, curvature)
    difference = float((own - expected).abs().max())
    del expected
    step = partial(problem.sgd_step_, own, LR, noise, optimum, curvature)
    times = in_turn(setting.device, setting.sizes(15, 1), ours=step, triad=ceiling)
    return [
        share(
            f"local step, {'noise given' if sigma else 'no noise'}",
            (agents, dim, replicas),
            ((4 if sigma else 3) * theta.nbytes, times["ours"]),
            (moved, times["triad"]),
            setting,
            difference=difference,
            tolerance=TOLERANCE,
        )
    ]


def whole_round(gossip, agents, dim, replicas, setting):
    """Rounds of `simulate` in turn with the triad; its first warms up, and the last is left out, as it measures."""
    problem = Quadratic(dim=dim, sigma=0.0).build(agents, range(replicas), setting.device)
    schedule = silent if gossip == "no gossip" else constant(links("ring", agents=agents))
    ceiling, moved = triad(problem.init().flatten(0, 1))
    ours, theirs, clock = [], [], Clock(setting.device)
    repetitions = setting.sizes(15, 1)

    def turn(state):
        if 1 < state.round <= repetitions + 1:
            ours.append(clock.lap())
        clock.restart()
        ceiling()
        if state.round > 1:
            theirs.append(clock.lap())
        clock.restart()

    rounds = repetitions + 2
    every = {"rounds": rounds, "measure_every": rounds, "threads": setting.threads}
    simulate(problem, schedule, Optimizer("sgd", LR), on_round=turn, **every)
    arrays = 3 if gossip == "no gossip" else 5
    size = (agents, dim, replicas)
    return [share(f"round, {gossip}", size, (arrays * moved / 3, ours), (moved, theirs), setting)]


def drawn(agents, dim, replicas, setting):
    """The noise of one step, against numpy's generator alone on an array that stays in the cache."""
    problem = Quadratic(dim=dim).build(agents, range(replicas), setting.device)
    out, generator = np.empty(BLOCK), np.random.default_rng(0)
    numbers, blocks = agents * dim * replicas, setting.sizes(16, 1)
    times = in_turn(
        setting.device,
        setting.sizes(5, 1),
        ours=lambda: next(problem.batches(1, 1)),
        bare=lambda: [generator.standard_normal(out=out) for _ in range(blocks)],
    )
    size, against = (agents, dim, replicas), {"against": "numpy's generator", "target": None}
    return [
        share(
            "noise drawn", size, (8 * numbers, times["ours"]), (8 * blocks * BLOCK, times["bare"]), setting, **against
        )
    ]
