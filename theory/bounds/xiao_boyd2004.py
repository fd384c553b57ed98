"""Xiao & Boyd, Systems & Control Letters 53, 2004: the best constant weight for the edges of a graph.

W = I - w Laplacian has the eigenvalues 1 - w mu; the largest modulus on mu_2 ... mu_max is smallest where both ends are
equal, 1 - w mu_2 = w mu_max - 1. Derived here. The best weights edge by edge are a semidefinite program of
`theory.mixing`, without a closed form.
"""

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Xiao & Boyd 2004, Systems & Control Letters 53"

laplacian_gap, laplacian_max = symbols("laplacian_gap laplacian_max")
ORDERED = (laplacian_gap <= laplacian_max,)
EXAMPLE = {"laplacian_gap": 0.586, "laplacian_max": 4.0}

BEST_CONSTANT_WEIGHT = Bound(
    name="best_constant_weight",
    about="edge_weight",
    kind="equal",
    formula=2 / (laplacian_max + laplacian_gap),
    where=ORDERED,
    assumptions=("constant_edge_weight",),
    source=f"{PAPER}, best constant edge weight; derived here",
    statement="The one weight for all edges at which slem is smallest.",
    example=EXAMPLE,
    order="either",
    decreasing=("laplacian_gap", "laplacian_max"),
)
BEST_CONSTANT_SLEM = Bound(
    name="best_constant_slem",
    about="slem",
    kind="equal",
    formula=(laplacian_max - laplacian_gap) / (laplacian_max + laplacian_gap),
    where=ORDERED,
    assumptions=("constant_edge_weight", "symmetric_mixing"),
    source=f"{PAPER}, best constant edge weight; derived here",
    statement="slem at that weight.",
    example=EXAMPLE,
    order="either",
    increasing=("laplacian_max",),
    decreasing=("laplacian_gap",),
)
