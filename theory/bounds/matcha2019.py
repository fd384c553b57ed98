"""Wang, Sahu, Yang, Joshi, Kar, 2019, arXiv 1905.09435: MATCHA, random matchings of a graph.

W = I - w sum_j B_j L_j with Laplacians L_j of matchings (L_j^2 = 2 L_j), B_j = 1 with probability q_j, independent.
With M = sum q_j L_j and V = sum q_j (1 - q_j) L_j, E[W^2] = I - 2 w M + w^2 (M^2 + 2 V) and 1 - p = |E[W^2] - J|_2.
The text was not seen; the authors' code has this E[W^2], and the records follow from it. The constants of the paper's
rate are not known: the master bounds take its place, with the gains of `koloskova2020` at window = 1.
"""

from sympy import Max

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Wang et al. 2019, arXiv 1905.09435"

edge_weight, activation, laplacian_gap, laplacian_max = symbols("edge_weight activation laplacian_gap laplacian_max")

MATCHA = ("doubly_stochastic", "random_matchings", "independent_rounds")
ORDERED = laplacian_gap <= laplacian_max
EXAMPLE = {"edge_weight": 0.4, "laplacian_gap": 0.586, "laplacian_max": 4.0}


def _kept(mu):
    """Eigenvalue of E[W^2] where that of the whole Laplacian is `mu`, at one activation for all matchings."""
    return (
        1
        - 2 * edge_weight * activation * mu
        + edge_weight**2 * activation * mu * (activation * mu + 2 * (1 - activation))
    )


def _kept_most(mu):
    """The same for any activations, at most, where that of the mean Laplacian is `mu`: V <= M."""
    return 1 - 2 * edge_weight * mu + edge_weight**2 * mu * (mu + 2)


MATCHA_UNIFORM_RATE = Bound(
    name="matcha_uniform_rate",
    about="p",
    kind="equal",
    formula=1 - Max(_kept(laplacian_gap), _kept(laplacian_max)),
    where=(ORDERED, Max(_kept(laplacian_gap), _kept(laplacian_max)) <= 1),
    assumptions=MATCHA,
    source=f"E[W^2] of {PAPER}, convex in the eigenvalue; derived here",
    statement="One activation for all matchings: the rate by the two ends of the graph's Laplacian.",
    example={"activation": 0.5} | EXAMPLE,
    order="either",
    increasing=("laplacian_gap",),
    decreasing=("laplacian_max",),
)
MATCHA_RATE = Bound(
    name="matcha_rate",
    about="p",
    kind="lower",
    formula=1 - Max(_kept_most(laplacian_gap), _kept_most(laplacian_max)),
    where=(ORDERED, Max(_kept_most(laplacian_gap), _kept_most(laplacian_max)) <= 1),
    assumptions=MATCHA,
    source=f"E[W^2] of {PAPER} with V <= M; derived here",
    statement="Any activations, with the ends of the mean Laplacian: positive for edge weights below 2/(2 + max).",
    example=EXAMPLE | {"edge_weight": 0.2},
    order="either",
    increasing=("laplacian_gap",),
    decreasing=("laplacian_max",),
)
