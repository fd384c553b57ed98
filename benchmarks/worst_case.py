"""Exact worst cases with one Gram block an eigenvalue beside one full Gram matrix: `python benchmarks/worst_case.py`.

Rings with Metropolis weights, both programs in one run, on the same problems, by the same solver: the largest consensus
distance with gradients bounded by phi = 1 ("phi", convex losses) and with heterogeneity zeta = 1 ("zeta", losses that
are only smooth), and the mean squared gradient with an initial gap of 1 and zeta = 1 ("gradient"). Printed as markdown:
seconds of each, their ratio, and the relative difference of the two values. A dash where the full Gram matrix would
need more than --full vectors.
"""

import argparse
import time
import warnings

from theory.graphs import ring
from theory.mixing import metropolis
from theory.proof.full_gram import full_gram
from theory.proof.worst_case import worst_case

PROBLEMS = {
    "phi": {"phi": 1.0},
    "zeta": {"zeta": 1.0, "kind": "nonconvex"},
    "gradient": {"zeta": 1.0, "initial_gap": 1.0, "kind": "nonconvex", "about": "gradient_norm_sq_mean"},
}
SIZES = ((4, 2), (8, 3), (8, 5), (16, 5), (16, 10), (16, 15), (64, 10), (256, 5), (256, 10), (1024, 10))
LR = {"phi": 0.1, "zeta": 0.01, "gradient": 0.1}


def timed(function, *arguments, **keywords):
    """(what the function returns, seconds)."""
    start = time.perf_counter()
    found = function(*arguments, **keywords)
    return found, time.perf_counter() - start


def rows(full, sizes=SIZES):
    for agents, steps in sizes:
        W = metropolis(ring(agents))
        for name, problem in PROBLEMS.items():
            if name == "gradient" and steps > 10:
                continue  # 870 multipliers and blocks of size 30: half a minute, with no more to see
            found, fast = timed(worst_case, W, steps, LR[name], **problem)
            slow, ratio, difference = "–", "–", "–"
            if agents * (2 * steps + 1) <= full:
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", message="Solution may be inaccurate")
                    value, seconds = timed(full_gram, W, steps, LR[name], **problem)
                slow, ratio = f"{seconds:.2f}", f"{seconds / fast:,.0f}"
                difference = f"{abs(found.value / value - 1):.0e}"
            shown = f"{found.value:.7g} | {found.gap:.0e} | {fast:.3f} | {slow} | {ratio} | {difference}"
            yield f"| {agents} | {steps} | {name} | {len(found.solution.blocks)} | {shown} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", type=int, default=60, help="largest number of vectors of the full Gram matrix")
    arguments = parser.parse_args()
    worst_case([0.5], 1, 0.1, phi=1.0)  # imports
    print("| agents | steps | problem | blocks | worst case | gap | blocks, s | full, s | ratio | difference |")
    print("|---:|---:|:--|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows(arguments.full):
        print(row, flush=True)
