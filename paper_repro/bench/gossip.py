"""`gossip`: one communication on Θ [m, d] float32, along its edges in place, against other ways to compute it.

    dense W @ Θ     torch's product, which costs the same for every W
    loop on a host  a flat buffer [m, d] and a Python loop over the agents, each of which adds up the models it hears
                    (how the paper's official code gossips; copies from and to its modules are left out)
    CSR             the product of a torch.sparse CSR matrix and Θ

Ours is `sim.mixing.mix_`. Where W is drawn anew every round (R 0.2) it includes making the exchange of W, which fixed
matrices need once; the others get W in their own form.
"""

import warnings
from functools import partial

import numpy as np
import torch
from scipy.sparse import csr_array, issparse

from paper_repro.bench.row import rates
from paper_repro.bench.timing import in_turn
from sim.mixing import exchange, mix_
from theory.graphs import exponential, ring
from theory.mixing import complete_average, metropolis, uniform
from theory.sparse_draws import random_peers

MATRICES = {  # sparse where there are edges
    "R 0.2": lambda agents: random_peers(agents, 0.2)(0, np.random.default_rng(0)),
    "ring": lambda agents: metropolis(ring(agents), sparse=True),
    "exponential": lambda agents: uniform(exponential(agents), sparse=True),
    "merge": complete_average,
}
ANEW = ("R 0.2",)
SIZES = ((16, 100_000), (256, 10_000), (256, 100_000), (1024, 10_000))  # (agents, d)
ALL_PEERS = (256, 10_000)
TOLERANCE = 1e-5


def gossip(setting):
    """A case for every size and matrix."""
    sizes = setting.sizes(SIZES, ((5, 7),))
    return [partial(measured, name, *size, setting) for size in sizes for name in MATRICES]


def measured(name, agents, columns, setting):
    """The rows of one W: against its dense product, at one size against the others too."""
    device, W = setting.device, MATRICES[name](agents)
    theta = torch.randn(agents, columns, generator=torch.Generator().manual_seed(0)).to(device)
    plan, mixed = exchange([W], theta.dtype, device), theta.clone()
    make = (lambda: exchange([W], theta.dtype, device)) if name in ANEW else (lambda: plan)
    peers = ways(W, theta)
    if (agents, columns) != ALL_PEERS and not setting.quick:
        peers = {"dense W @ Θ": peers["dense W @ Θ"]}
    mix_(mixed, plan)
    differences = {peer: float((mixed - call().to(device)).abs().max()) for peer, call in peers.items()}
    repetitions = setting.sizes(25 if agents * agents * columns < 1e9 else 7, 1)
    times = in_turn(device, repetitions, ours=lambda: mix_(mixed, make()), **peers)
    return [
        rates(
            setting,
            "gossips/s",
            (1, times["ours"]),
            (1, times[peer]),
            benchmark="gossip",
            case=f"{name}, {agents} agents × {columns:,}",
            against=peer,
            difference=difference,
            tolerance=TOLERANCE,
        )
        for peer, difference in differences.items()
    ]


def ways(W, theta):
    """{peer: () -> W Θ}, each with W in its own form."""
    full = torch.as_tensor(W.toarray() if issparse(W) else W).to(theta)
    sparse = csr_array(W)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta|Sparse invariant checks")
        parts = (torch.as_tensor(part.copy()) for part in (sparse.indptr, sparse.indices, sparse.data))
        csr = torch.sparse_csr_tensor(*parts, size=W.shape).to(theta)
    found = {"dense W @ Θ": lambda: full @ theta, "CSR": lambda: csr @ theta}
    if theta.device.type == "cpu":
        found["loop on a host buffer"] = lambda: looped(theta.numpy(), sparse)
    return found


def looped(buffer, W):
    """Σ_j W_ij x_j by a loop over the agents, written to the buffer's copy; those that hear nobody are left out."""
    mixed = buffer.copy()
    for i, (first, last) in enumerate(zip(W.indptr[:-1], W.indptr[1:], strict=True)):
        if last - first > 1:
            mixed[i] = 0
            for j, weight in zip(W.indices[first:last], W.data[first:last], strict=True):
                mixed[i] += np.float32(weight) * buffer[j]
    return torch.from_numpy(mixed)
