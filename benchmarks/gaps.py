"""The gap 1 - slem of mixing matrices: this project's routines beside scipy's and networkx's, 10^2 to 10^6 agents.

Every entry runs in a process of its own, with one thread, a limit on time and one on memory; what is cut at one size is
not tried at larger ones. Time is the CPU time of the routine alone, once; for "structure" it includes building the
matrix.
Digits are -log10 of the relative error of the gap, against the closed form where there is one, else against a dense
solver up to 3000 agents and this project's own value at a tolerance of 1e-11 above ("own"). Memory is the peak of the
process, interpreter and matrix included. scipy and networkx run with their defaults but for what is named.

    python benchmarks/gaps.py --sizes 2:6 --limit 12 --families ring torus
"""

import argparse
import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
import warnings

import networkx as nx
import numpy as np
from scipy.sparse import eye_array
from scipy.sparse.linalg import eigs, eigsh, lobpcg

from theory.operators import DIRECTED, STRUCTURES, operator
from theory.sparse_spectrum import sparse_gap
from theory.spectrum import gap

MEMORY = 8 << 30  # bytes of address space of one entry
BUILDING = 60  # seconds to start an entry and build its matrix
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
DENSE_REFERENCE = 3000  # agents
OWN = ("structure", "sparse")


def near_square(agents):
    """(rows, cols) with rows * cols = agents, as near to each other as possible."""
    rows = next(r for r in range(math.isqrt(agents), 0, -1) if agents % r == 0)
    return {"rows": rows, "cols": agents // rows}


FAMILIES = {
    "ring": lambda n: {"agents": n},
    "torus": near_square,
    "hypercube": lambda n: {"agents": 1 << round(math.log2(n))},
    "exponential": lambda n: {"agents": n},
    "symmetric_exponential": lambda n: {"agents": n},
    "random_regular": lambda n: {"agents": n, "degree": 4, "seed": 0},
}


def sparse_matrix(family, agents):
    """W as a csr_array: Metropolis weights, uniform ones on directed graphs."""
    W = operator(family, **FAMILIES[family](agents))
    return W.to_sparse() if isinstance(W, STRUCTURES) else W


def second(values):
    """1 - the second largest modulus of two eigenvalues, one of them 1."""
    return 1 - float(np.sort(np.abs(values))[0])


def by_lobpcg(W):
    n = W.shape[0]
    start = np.random.default_rng(0).standard_normal((n, 1))
    values, _ = lobpcg(eye_array(n) - W, start, Y=np.ones((n, 1)), tol=1e-9, maxiter=2000, largest=False)
    return float(values[0])


def dense_gap(W):
    W = W.toarray()
    symmetric = np.array_equal(W, W.T)
    values = np.linalg.eigvalsh(W) if symmetric else np.linalg.eigvals(W)
    return 1 - float(np.sort(np.abs(values))[-2])


SYMMETRIC = {  # routines of a csr_array
    "sparse": gap,
    "scipy eigsh": lambda W: second(eigsh(W, k=2, which="LM", return_eigenvectors=False)),
    "scipy eigsh sigma": lambda W: second(eigsh(W.tocsc(), k=2, sigma=1 + 1e-6, return_eigenvectors=False)),
    "scipy lobpcg": by_lobpcg,
    "numpy eigvalsh": dense_gap,
}
NETWORKX = {  # of a weighted graph: the smallest positive eigenvalue of the Laplacian of W
    f"networkx {method}": lambda graph, method=method: float(
        nx.algebraic_connectivity(graph, method=method, normalized=False, seed=0)
    )
    for method in ("tracemin_pcg", "tracemin_lu", "lanczos", "lobpcg")
}
DIRECTED_METHODS = {
    "sparse": gap,
    "scipy eigs": lambda W: second(eigs(W, k=2, which="LM", return_eigenvectors=False)),
    "numpy eigvals": dense_gap,
}


def methods(family):
    structured = ["structure"] if family != "random_regular" else []
    return structured + list(DIRECTED_METHODS if family in DIRECTED else SYMMETRIC | NETWORKX)


def one(family, agents, method, limit):
    """{"gap", "seconds", "memory" in MB} of one entry, in this process; an alarm ends it after `limit` seconds."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    if method == "structure":
        routine, given = lambda parameters: gap(operator(family, **parameters)), FAMILIES[family](agents)
    elif method in NETWORKX:
        off = sparse_matrix(family, agents)
        off.setdiag(0)
        off.eliminate_zeros()
        routine, given = NETWORKX[method], nx.from_scipy_sparse_array(off)
    else:
        given = sparse_matrix(family, agents)
        routine = (DIRECTED_METHODS if family in DIRECTED else SYMMETRIC)[method]
    signal.setitimer(signal.ITIMER_REAL, limit)  # no handler: it ends compiled loops too
    started = time.process_time()
    value = routine(given)
    seconds = time.process_time() - started
    return {"gap": value, "seconds": seconds, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def reference(family, agents):
    """(gap, where it comes from)."""
    W = operator(family, **FAMILIES[family](agents))
    if isinstance(W, STRUCTURES):
        closed = {
            "ring": lambda: 4 / 3 * math.sin(math.pi / agents) ** 2,
            "torus": lambda: 4 / 5 * math.sin(math.pi / max(near_square(agents).values())) ** 2,
            "hypercube": lambda: 2 / (1 + round(math.log2(W.agents))),
            "exponential": lambda: 2 / (1 + math.ceil(math.log2(agents))),
        }.get(family)
        return (closed(), "closed form") if closed else (gap(W), "Fourier")
    if agents <= DENSE_REFERENCE:
        return dense_gap(W), "dense"
    return sparse_gap(W, tolerance=1e-11).value, "own"


def entry(family, agents, method, limit):
    """What `one` found in a process of its own, or {"fault": why there is nothing}."""
    command = [sys.executable, __file__, "--limit", str(limit), "--one", family, str(agents), method]
    environment = os.environ | THREADS
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit + BUILDING, env=environment)
    except subprocess.TimeoutExpired:
        return {"fault": f"no matrix in {BUILDING} s"}
    if done.returncode == -signal.SIGALRM:
        return {"fault": f"cut at {limit:g} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"fault": last.split(":")[0].split(".")[-1]}
    return json.loads(done.stdout)


def digits(value, true):
    error = abs(value - true) / abs(true)
    return 16.0 if error == 0 else max(0.0, -math.log10(error))


def rows(families, sizes, limit, tell, chosen=None):
    """One dict an entry: family, agents, method and gap, seconds, digits, memory, or a fault; `tell` gets each."""
    for family in families:
        over = set()
        for agents in sizes:
            true, source = reference(family, agents)
            found = {}
            for method in methods(family):
                if method not in over and (chosen is None or method in chosen):
                    found[method] = entry(family, agents, method, limit)
                    if "fault" in found[method]:
                        over.add(method)
            peers = [row["seconds"] for name, row in found.items() if name not in OWN and "gap" in row
                     and digits(row["gap"], true) >= 6]  # fmt: skip
            for method, row in found.items():
                right = {"digits": digits(row["gap"], true)} if "gap" in row else {}
                ratio = {"ratio": min(peers) / row["seconds"]} if method in OWN and "gap" in row and peers else {}
                size = math.prod(v for k, v in FAMILIES[family](agents).items() if k in ("agents", "rows", "cols"))
                tell({"family": family, "agents": size, "reference": source, "method": method} | row | right | ratio)


def line(row):
    """The row of a Markdown table; ratio: how many times as long the best peer with 6 correct digits takes."""
    start = f"| {row['family']} | {row['agents']} | {row['method']} "
    if "fault" in row:
        return start + f"| {row['fault']} | | | |"
    number = f"{row['digits']:.1f}" + (" (own)" if row["reference"] == "own" else "")
    ratio = f"{row['ratio']:.3g}" if "ratio" in row else ""
    return start + f"| {row['seconds']:.3g} | {number} | {row['memory']:.0f} | {ratio} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sizes", default="2:6", help="powers of ten, from:to (default 2:6)")
    parser.add_argument("--limit", type=float, default=12.0, help="seconds for one entry (default 12)")
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=list(FAMILIES))
    parser.add_argument("--methods", nargs="+", help="only these, such as structure sparse 'scipy eigsh'")
    parser.add_argument("--one", nargs=3, metavar=("FAMILY", "AGENTS", "METHOD"), help="one entry, as JSON")
    options = parser.parse_args()
    if options.one:
        family, agents, method = options.one
        print(json.dumps(one(family, int(agents), method, options.limit)))
        return
    low, high = map(int, options.sizes.split(":"))
    print("| family | agents | method | seconds | digits | MB | best peer / ours |\n|---|---|---|---|---|---|---|")
    sizes = [10**power for power in range(low, high + 1)]
    rows(options.families, sizes, options.limit, lambda row: print(line(row), flush=True), options.methods)


if __name__ == "__main__":
    main()
