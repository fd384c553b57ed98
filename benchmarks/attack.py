"""Search for violations of the master bounds: `python benchmarks/attack.py --seconds 30`.

Exact moments of DSGD on quadratics (no sampling) against each bound, over 2 to 6 agents, schedules of 1 to 3 mixtures
of permutations (directed, not normal), in turn or drawn at random, curvatures of either sign where the bound allows it,
slopes, noise and learning rates up to the edge of the region: random restarts and hill climbing on the ratio of the
measured value to the bound. A ratio above 1 would refute the bound; the largest ones are printed as a markdown table.
"""

import argparse

import numpy as np

from sim.search.adversary import measure, ratio_of
from sim.search.climb import search
from sim.search.quadratic_attack import family
from theory.bounds import BOUNDS

CONCAVE = ("master_consensus", "master_consensus_cta", "master_consensus_start", "master_consensus_decay",
           "master_consensus_uneven", "master_consensus_correlated", "master_neighborhood", "typical_consensus",
           "typical_consensus_p", "onestep_consensus", "onestep_sharp")  # fmt: skip
BOWLS = ("master_nonconvex", "master_nonconvex_cta", "onestep_nonconvex", "master_convex", "master_convex_sharp",
         "master_strongly_convex", "master_strongly_convex_sharp")  # fmt: skip


def climb(name, seconds=np.inf, most=np.inf, seed=0):
    """(largest ratio found, number of tries) in some seconds, or in some tries."""
    bound = BOUNDS[name]
    generator = np.random.default_rng(seed)
    best = search(family(bound), lambda run: ratio_of(bound, measure(bound, run)), generator, most, seconds)
    return best.ratio, best.tries


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30, help="for each bound")
    parser.add_argument("names", nargs="*", default=(*CONCAVE, *BOWLS))
    arguments = parser.parse_args()
    print("| bound | tries | largest measured / bound |\n|---|---:|---:|")
    for bound in arguments.names:
        largest, number = climb(bound, arguments.seconds)
        print(f"| {bound} | {number:,} | {largest:.4f} |", flush=True)
