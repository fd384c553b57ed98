"""Mixing matrices: how agents weigh what they hear, by the name of a rule.

W is float64 [m, m] and rows receive: x_i <- sum_j W[i, j] x_j. W[i, j] != 0 off the diagonal only where i hears j, the
edge j -> i of the graph; row i belongs to agent i. Closed-form rules are in `theory.weights`, the checks of a matrix
in `theory.validate`.
"""

from theory.directed import sinkhorn
from theory.errors import require, shown
from theory.fastest import fdla, fmmc
from theory.validate import (
    TOLERANCE,
    MixingReport,
    as_mixing,
    as_sparse,
    as_sparse_mixing,
    as_square,
    check_mixing,
    graph_of,
    validate_mixing,
)
from theory.weights import (
    best_constant,
    complete_average,
    damped,
    lazy,
    lazy_max_degree,
    lazy_metropolis,
    lazy_uniform,
    max_degree,
    metropolis,
    uniform,
)

__all__ = [
    "TOLERANCE",
    "WEIGHTS",
    "MixingReport",
    "as_mixing",
    "as_sparse",
    "as_sparse_mixing",
    "as_square",
    "best_constant",
    "check_mixing",
    "complete_average",
    "damped",
    "fdla",
    "fmmc",
    "graph_of",
    "lazy",
    "lazy_max_degree",
    "lazy_metropolis",
    "lazy_uniform",
    "max_degree",
    "metropolis",
    "mixing",
    "sinkhorn",
    "uniform",
    "validate_mixing",
]

WEIGHTS = {
    "uniform": uniform,
    "metropolis": metropolis,
    "max_degree": max_degree,
    "lazy_metropolis": lazy_metropolis,
    "lazy_uniform": lazy_uniform,
    "lazy_max_degree": lazy_max_degree,
    "best_constant": best_constant,
    "fdla": fdla,
    "fmmc": fmmc,
    "sinkhorn": sinkhorn,
}


def mixing(topology, weights="metropolis", sparse=False):
    """W [m, m] of a networkx graph or `Links` by the rule WEIGHTS[weights]: dense, or a csr_array with sparse=True."""
    known = isinstance(weights, str) and weights in WEIGHTS
    require(known, f"unknown weights {shown(weights)}; valid weights are {', '.join(WEIGHTS)}")
    return WEIGHTS[weights](topology, sparse)
