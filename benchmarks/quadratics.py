"""Quadratics: agent-steps per second against numpy, and the share of the memory's bandwidth that they take.

One step of plain SGD and one communication a round, from the same streams of noise and gossip in three ways:
`simulate`, a numpy loop over the agents (how such experiments are usually written), and a prototype on stacked arrays
with the dense product W Θ. The models are compared. The three take turns in one process, and the best of the
repetitions counts.

The second table has arrays that no cache holds. What must move between memory and core in a local step is Θ twice
(read, written), the optima once and, where there is noise, the noise once; in a communication Θ twice more. The ceiling
is the triad c = a + s b (three arrays, as STREAM counts them) of the size of Θ, measured beside it. Drawing the noise
is a row of its own, with numpy's generator as its ceiling. A round of `simulate` is the difference of two runs, so that
neither building nor measuring counts. Numbers are float64.

Seconds are those of the processor, one thread, since others may share the machine.

    OMP_NUM_THREADS=1 python benchmarks/quadratics.py [--agents 300] [--dim 10] [--rounds 1000] [--repetitions 5]
"""

import argparse
import itertools
import platform
import time
from functools import partial
from pathlib import Path

import numpy as np
import scipy
import torch

from sim.optimizer import Optimizer
from sim.quadratic import Quadratic
from sim.randomness import stream
from sim.schedule import silent
from sim.simulate import simulate
from theory.links import links
from theory.sparse_draws import constant, random_matching

LR, PEERS = 0.1, 1.0
LARGE = {  # (agents, dimensions, replicas)
    "10,000 agents × 1,000": (10_000, 1_000, 1),
    "100,000 agents × 100": (100_000, 100, 1),
    "16 agents × 100 × 10,000 replicas": (16, 100, 10_000),
}


def schedules(agents):
    """{name: schedule of sparse matrices}."""
    return {"ring": constant(links("ring", agents=agents)), "random matching": random_matching(agents, PEERS)}


def dense(schedule):
    """The schedule with dense matrices, a constant one converted once."""
    known = [None, None]

    def draw(t, generator):
        W = schedule(t, generator)
        if W is not known[0]:
            known[:] = W, W.toarray()
        return known[1]

    return draw


def noise(problem, t):
    """The noise [agents, d] that the problem draws in round t, or 0."""
    if problem.config.sigma == 0:
        return 0.0
    drawn = stream(problem.seeds[0], "noise", t).standard_normal((problem.agents, problem.dim))
    return drawn * problem.noise_scale


def parts(problem):
    """(Θ, optima, curvature), each [agents, d] in numpy."""
    theta, optima = problem.init()[0].numpy(), problem.optima[0].numpy()
    return theta, optima, np.ascontiguousarray(problem.curvature.numpy())


def simulated(problem, schedule, rounds):
    """The models after `rounds` rounds of the simulator."""
    return simulate(problem, schedule, Optimizer("sgd", LR), rounds=rounds, measure_every=rounds)[1].theta[0].numpy()


def looped(problem, schedule, rounds):
    """The same by a loop over the agents."""
    theta, optima, curvature = parts(problem)
    before, heard = None, None
    for t in range(rounds):
        xi = np.broadcast_to(noise(problem, t), theta.shape)
        for k in range(problem.agents):
            theta[k] -= LR * (curvature[k] * (theta[k] - optima[k]) + xi[k])
        W = schedule(t, stream(problem.seeds[0], "gossip", t))
        if W is not before:
            before = W
            heard = [W.indices[a:b] for a, b in itertools.pairwise(W.indptr)]
            weights = [W.data[a:b] for a, b in itertools.pairwise(W.indptr)]
        theta = np.stack([w @ theta[peers] for w, peers in zip(weights, heard, strict=True)])
    return theta


def batched(problem, schedule, rounds):
    """The same on stacked arrays, with the dense W."""
    theta, optima, curvature = parts(problem)
    schedule = dense(schedule)
    for t in range(rounds):
        moved = theta - LR * (curvature * (theta - optima) + noise(problem, t))
        theta = schedule(t, stream(problem.seeds[0], "gossip", t)) @ moved
    return theta


def seconds(call):
    """(processor seconds, result) of a call."""
    started = time.process_time()
    result = call()
    return time.process_time() - started, result


def best(calls, repetitions):
    """{name: (least seconds, last result)} of calls that take turns."""
    found = dict.fromkeys(calls, (np.inf, None))
    for _ in range(repetitions):
        for name, call in calls.items():
            took, result = seconds(call)
            found[name] = min(found[name][0], took), result
    return found


def rates(agents, dim, rounds, repetitions):
    """Print the table of agent-steps per second."""
    print(f"{agents} agents × {dim} dimensions, {rounds} rounds\n")
    print("| gossip | noise | simulate, agent-steps/s | numpy loop | numpy, dense W | ÷ loop | ÷ dense | difference |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    few = max(1, rounds // 20)
    counts = {simulated: rounds, looped: few, batched: max(1, rounds // 4)}
    for (name, schedule), sigma in itertools.product(schedules(agents).items(), (1.0, 0.0)):
        problem = Quadratic(dim=dim, sigma=sigma).build(agents, (0,))
        found = best({way: partial(way, problem, schedule, count) for way, count in counts.items()}, repetitions)
        ours, *others = (agents * count / found[way][0] for way, count in counts.items())
        models = simulated(problem, schedule, few)
        difference = max(np.abs(models - way(problem, schedule, few)).max() for way in (looped, batched))
        columns = [*(f"{rate:,.0f}" for rate in (ours, *others)), *(f"{ours / rate:.1f}" for rate in others)]
        row = [name, "yes" if sigma else "no", *columns, f"{difference:.0e}"]
        print(f"| {' | '.join(row)} |", flush=True)


def bandwidth(repetitions):
    """Print the table of the share of the memory's bandwidth."""
    print("\n| size | what | moves, GB | GB/s | ceiling, GB/s | share |")
    print("|---|---|---:|---:|---:|---:|")
    for size, (agents, dim, replicas) in LARGE.items():
        ring = constant(links("ring", agents=agents))
        for sigma in (0.0, 1.0):
            problem = Quadratic(dim=dim, sigma=sigma).build(agents, range(replicas))
            theta, batch = problem.init().flatten(0, 1), next(problem.batches(0, 1))
            other, out = theta.clone(), torch.empty_like(theta)
            array = theta.numel() * 8 / 1e9
            step = (4 if sigma else 3) * array
            calls = {"triad": partial(torch.add, theta, other, alpha=LR, out=out)}
            calls["step"] = partial(problem.sgd_step_, theta, LR, *batch)
            found = best(calls, 2 * repetitions)
            ceiling = 3 * array / found["triad"][0]
            rows = [("local step, noise given" if sigma else "local step", step, step / found["step"][0])]
            del theta, batch, other, out, calls
            if sigma == 0:
                for name, schedule, moves in (("silent", silent, step), ("ring", ring, step + 2 * array)):
                    rows.append((f"round of simulate, {name}", moves, moves / round_of(problem, schedule, repetitions)))
            for name, moves, rate in rows:
                share = f"{rate:.1f} | {ceiling:.1f} | {rate / ceiling:.0%}"
                print(f"| {size} | {name} | {moves:.2f} | {share} |", flush=True)
        draws(size, problem, repetitions)


def round_of(problem, schedule, repetitions, few=1, many=6):
    """Processor seconds of one round in `simulate`: of a long run less a short one, over the rounds between."""
    short, long = (best({0: partial(simulated, problem, schedule, n)}, repetitions)[0][0] for n in (few, many))
    return (long - short) / (many - few)


def draws(size, problem, repetitions):
    """Print the row of a step's noise, whose ceiling is the generator alone."""
    numbers = len(problem.seeds) * problem.agents * problem.dim
    out, generator = np.empty(2**16), np.random.default_rng(0)
    took = best({0: lambda: next(problem.batches(1, 1))}, repetitions)[0][0]
    bare = best({0: lambda: [generator.standard_normal(out=out) for _ in range(16)]}, 10)[0][0]
    rate, ceiling = 8e-9 * numbers / took, 8e-9 * 16 * len(out) / bare
    print(f"| {size} | noise drawn | {8e-9 * numbers:.2f} | {rate:.2f} | {ceiling:.2f} | {rate / ceiling:.0%} |")


def hardware():
    """The processor and the versions, in words."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    versions = f"torch {torch.__version__}, numpy {np.__version__}, scipy {scipy.__version__}"
    return f"{names[0]}, {len(names)} cores, one thread; Python {platform.python_version()}, {versions}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--dim", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(hardware())
    rates(options.agents, options.dim, options.rounds, options.repetitions)
    bandwidth(options.repetitions)


if __name__ == "__main__":
    main()
