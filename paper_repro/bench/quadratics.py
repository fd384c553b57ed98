"""`quadratics`: agent-steps a second at 300 agents × 10 dimensions, against a loop over agents and stacked arrays.

One step of plain SGD and one communication a round, from the same streams of noise and gossip, in float64:

    numpy loop             one agent after the other, how such experiments are usually written
    stacked, dense W @ Θ   the same on arrays of all agents

Without noise it is least squares by gradient descent, written in the eigenvectors of every agent's Gram matrix.
"""

import itertools
from functools import partial

import numpy as np
import torch

from paper_repro.bench.bandwidth import bandwidth
from paper_repro.bench.row import rates
from paper_repro.bench.timing import in_turn
from sim.optimizer import Optimizer
from sim.quadratic import Quadratic
from sim.randomness import stream
from sim.simulate import simulate
from theory.links import links
from theory.sparse_draws import constant, random_matching

LR = 0.1
SCHEDULES = {
    "ring": lambda agents: constant(links("ring", agents=agents)),
    "random matching": lambda agents: random_matching(agents, 1.0),
}
TARGET = 2_000_000  # agent-steps a second at 300 agents × 10 dimensions on a CPU
TOLERANCE = 1e-10


def quadratics(setting):
    """Two gossips with noise and without, then the share of the memory's bandwidth at large sizes."""
    pairs = itertools.product(SCHEDULES, (1.0, 0.0))
    return [partial(measured, name, sigma, setting) for name, sigma in pairs] + bandwidth(setting)


def measured(name, sigma, setting):
    """The rows of one gossip."""
    agents, dim, rounds = setting.sizes((300, 10, 1000), (6, 3, 4))
    schedule, problem = SCHEDULES[name](agents), Quadratic(dim=dim, sigma=sigma).build(agents, (0,), setting.device)
    few = max(1, rounds // 20)  # of the loop
    peers = {"numpy loop": (looped, few), "stacked, dense W @ Θ": (batched, max(1, rounds // 4))}
    ours = partial(simulated, problem, schedule, setting.threads)
    calls = {peer: partial(way, problem, schedule, count) for peer, (way, count) in peers.items()}
    times = in_turn(setting.device, setting.sizes(15, 1), ours=partial(ours, rounds), **calls)
    models = ours(few)
    return [
        rates(
            setting,
            "agent-steps/s",
            (agents * rounds, times["ours"]),
            (agents * count, times[peer]),
            benchmark="quadratics",
            case=f"{agents} agents × {dim}, {name}, {'noise' if sigma else 'no noise: least squares'}",
            against=peer,
            target=setting.target("ours", ">=", TARGET),
            difference=float((models - way(problem, schedule, few)).abs().max()),
            tolerance=TOLERANCE,
        )
        for peer, (way, count) in peers.items()
    ]


def simulated(problem, schedule, threads, rounds):
    """The models [agents, d] after `rounds` rounds of the simulator."""
    every = {"rounds": rounds, "measure_every": rounds, "threads": threads}
    return simulate(problem, schedule, Optimizer("sgd", LR), **every)[1].theta[0]


def noise(problem, t):
    """The noise [agents, d] that the problem draws in round t, or 0."""
    if problem.config.sigma == 0:
        return np.zeros((problem.agents, problem.dim))
    drawn = stream(problem.seeds[0], "noise", t).standard_normal((problem.agents, problem.dim))
    return drawn * problem.noise_scale


def looped(problem, schedule, rounds):
    """The same by a loop over the agents."""
    theta, optima = problem.init()[0].numpy(), problem.optima[0].numpy()
    curvature, before = problem.curvature.numpy(), None
    for t in range(rounds):
        xi = noise(problem, t)
        for k in range(problem.agents):
            theta[k] -= LR * (curvature[k] * (theta[k] - optima[k]) + xi[k])
        W = schedule(t, stream(problem.seeds[0], "gossip", t))
        if W is not before:
            before = W
            heard = [W.indices[a:b] for a, b in itertools.pairwise(W.indptr)]
            weights = [W.data[a:b] for a, b in itertools.pairwise(W.indptr)]
        theta = np.stack([w @ theta[peers] for w, peers in zip(weights, heard, strict=True)])
    return torch.from_numpy(theta)


def batched(problem, schedule, rounds):
    """The same on arrays of all agents; a W that stays the same is made dense once."""
    theta, optima, curvature, before = problem.init()[0], problem.optima[0], problem.curvature, None
    for t in range(rounds):
        gradient = curvature * (theta - optima)
        if problem.config.sigma > 0:
            gradient += torch.from_numpy(noise(problem, t))
        W = schedule(t, stream(problem.seeds[0], "gossip", t))
        if W is not before:
            before, dense = W, torch.from_numpy(W.toarray())
        theta = dense @ (theta - LR * gradient)
    return theta
