"""Milliseconds of one gossip on Θ [m, d], float32: along its edges, in place, beside three other ways to compute it.

    edges    `sim.mixing.mix_`, with the exchange made before ("plan": the time to make it from the W given)
    dense    W @ Θ by torch, the same for every W
    loop     a flat host buffer [m, d] and a Python loop over the agents, each of which adds up the models it hears out
             of a copy of the buffer (how the paper's official code gossips; its copies from and to the modules are
             left out)
    CSR      the product of a torch.sparse CSR matrix and Θ

Times are of the CPU, the best of the repetitions, all ways in turn; printed as markdown, the others as multiples of
"edges". W is sparse but for the merge; that all ways agree up to rounding is checked.

    OMP_NUM_THREADS=1 python benchmarks/gossip.py [--agents 16 64 256 1024] [--columns 10000 100000] [--repetitions 3]
"""

import argparse
import importlib.metadata
import platform
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_array

from sim.mixing import exchange, mix_
from theory.graphs import exponential, ring
from theory.mixing import complete_average, metropolis, uniform
from theory.sparse_draws import random_peers

MOST = 2e9  # bytes of Θ, the result, and a copy


def matrices(agents):
    """{name: W}, sparse where there are edges and dense for the merge."""
    return {
        "R 0.2": random_peers(agents, 0.2)(0, np.random.default_rng(0)),
        "ring": metropolis(ring(agents), sparse=True),
        "exponential": uniform(exponential(agents), sparse=True),
        "merge": complete_average(agents),
    }


def looped(buffer, W):
    """x_i <- Σ_j W_ij x_j on a numpy buffer [m, d] by a loop over the agents; those that hear nobody are left out."""
    W, before = csr_array(W), buffer.copy()
    for i, (first, last) in enumerate(zip(W.indptr[:-1], W.indptr[1:], strict=True)):
        if last - first > 1:
            mixed = np.zeros_like(buffer[i])
            for j, weight in zip(W.indices[first:last], W.data[first:last], strict=True):
                mixed += np.float32(weight) * before[j]
            buffer[i] = mixed


def best(repetitions, **calls):
    """{name: the shortest CPU time in ms of a call}, the calls in turn."""
    times = {name: [] for name in calls}
    for _ in range(repetitions):
        for name, call in calls.items():
            start = time.process_time()
            call()
            times[name].append(1e3 * (time.process_time() - start))
    return {name: min(found) for name, found in times.items()}


def measured(name, W, theta, dense, repetitions):
    """A row of the table; `dense` is the time of W @ Θ."""
    agents = len(theta)
    plan = exchange([W], theta.dtype, "cpu")
    W = csr_array(W)
    parts = (torch.as_tensor(part.copy()) for part in (W.indptr, W.indices, W.data.astype(np.float32)))
    csr = torch.sparse_csr_tensor(*parts, size=W.shape)
    mixed, buffer = theta.clone(), theta.numpy().copy()
    mix_(mixed, plan)
    looped(buffer, W)
    for other in (torch.from_numpy(buffer), csr @ theta):
        torch.testing.assert_close(mixed, other, rtol=0, atol=1e-5)
    times = best(
        repetitions,
        edges=lambda: mix_(mixed, plan),
        loop=lambda: looped(buffer, W),
        csr=lambda: csr @ theta,
        plan=lambda: exchange([W], theta.dtype, "cpu"),
    )
    edges = times["edges"]
    ratios = " | ".join(f"{ratio / edges:.1f}" for ratio in (dense, times["loop"], times["csr"]))
    return f"| {name} | {agents} | {theta.shape[1]:,} | {times['plan']:.2f} | {edges:.2f} | {ratios} |"


def hardware():
    """Processor, number of threads and versions, in one line."""
    info = Path("/proc/cpuinfo")
    models = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    name = models[0] if models else platform.processor() or platform.machine()
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in ("torch", "numpy", "scipy"))
    return f"{name}, {torch.get_num_threads()} thread(s), {versions}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, nargs="+", default=[16, 64, 256, 1024])
    parser.add_argument("--columns", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta|Sparse invariant checks")
    print(hardware())
    print("\n| W | agents | d | plan, ms | edges, ms | dense / edges | loop / edges | CSR / edges |")
    print("|:---|---:|---:|---:|---:|---:|---:|---:|")
    for agents in arguments.agents:
        for columns in arguments.columns:
            if 3 * 4 * agents * columns > MOST:
                continue
            theta = torch.randn(agents, columns, generator=torch.Generator().manual_seed(0))
            W = torch.rand(agents, agents)
            dense = best(max(1, arguments.repetitions - 1), dense=lambda W=W, theta=theta: W @ theta)["dense"]
            for name, matrix in matrices(agents).items():
                print(measured(name, matrix, theta, dense, arguments.repetitions), flush=True)


if __name__ == "__main__":
    main()
