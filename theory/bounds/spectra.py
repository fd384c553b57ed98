"""Closed forms of 1 - slem for mixing matrices of named topologies.

Cosines are written as sin^2, so that the small gaps of large topologies keep all their digits. Sizes outside a region
have another spectrum: a ring of two is one edge, and a star of two has equal weights. The best constant edge weight is
2/(mu_2 + mu_max) with the Laplacian's smallest positive and largest eigenvalue, and 1 - slem = 2 mu_2/(mu_2 + mu_max);
on a hypercube it is 1/(d + 1), on a path 1/2. Whole spectra are in `theory.closed_forms`, circulants among them.
"""

from sympy import Eq, Integer, Max, Mod, Rational, ceiling, cos, pi, sin
from sympy.codegen.cfunctions import log2

from theory.bound import Bound
from theory.notation import symbols

agents, rows, cols, one_minus_slem = symbols("agents rows cols one_minus_slem")
EVEN, ODD = Eq(Mod(agents, 2), 0), Eq(Mod(agents, 2), 1)
LONGER = Max(rows, cols)
POWER_OF_TWO = (agents >= 2, Eq(Mod(log2(agents), 1), 0))


def _gap(name, formula, where, source, statement, example, assumption="doubly_stochastic"):
    formula = Integer(formula) if isinstance(formula, int) else formula
    return Bound(
        name=name, about="one_minus_slem", kind="equal", formula=formula, where=where, source=source,
        statement=statement, example=example, assumptions=(assumption,), order="either",
        decreasing=tuple(sorted(symbol.name for symbol in formula.free_symbols)),
    )  # fmt: skip


RING_GAP = _gap(
    "ring_gap", Rational(4, 3) * sin(pi / agents) ** 2, (agents >= 3,),
    "circulant spectrum (1 + 2 cos(2 pi k/n))/3",
    "Ring with weights 1/3.", {"agents": 16},
)  # fmt: skip
RING_HALF_GAP = _gap(
    "ring_half_gap", sin(pi / agents) ** 2, (agents >= 3,),
    "circulant spectrum cos^2(pi k/n)",
    "Ring with self-weight 1/2 and 1/4 for each neighbor.", {"agents": 16},
)  # fmt: skip
RING_EDGE_HALF_GAP = _gap(
    "ring_edge_half_gap", 2 * sin(pi / (2 * agents)) ** 2, (agents >= 3, ODD),
    "circulant spectrum cos(2 pi k/n); for even n it has -1, and W^t does not converge",
    "Ring of odd n with weight 1/2 for each neighbor and none for itself.", {"agents": 15},
)  # fmt: skip
RING_BEST_GAP = _gap(
    "ring_best_gap", 2 * sin(pi / agents) ** 2 / (1 + sin(pi / agents) ** 2), (agents >= 4, EVEN),
    "Laplacian spectrum 4 sin^2(pi k/n); the weight is that of Xiao and Boyd 2004",
    "Ring of even n with the best constant edge weight.", {"agents": 16},
)  # fmt: skip
PATH_GAP = _gap(
    "path_gap", Rational(4, 3) * sin(pi / (2 * agents)) ** 2, (agents >= 3,),
    "spectrum (1 + 2 cos(pi k/n))/3, k < n, of a path seen as a folded ring of 2n",
    "Path with Metropolis weights, 1/3 for every edge.", {"agents": 16},
)  # fmt: skip
PATH_EDGE_HALF_GAP = _gap(
    "path_edge_half_gap", 2 * sin(pi / (2 * agents)) ** 2, (agents >= 2,),
    "spectrum cos(pi k/n), k < n; the hard instance of Lu and De Sa 2021, and the best constant edge weight",
    "Path with weight 1/2 for every edge, so that only its ends hear themselves.", {"agents": 16},
)  # fmt: skip
TORUS_GAP = _gap(
    "torus_gap", Rational(4, 5) * sin(pi / LONGER) ** 2, (rows >= 3, cols >= 3),
    "spectrum (1 + 2 cos(2 pi i/a) + 2 cos(2 pi j/b))/5",
    "Torus of a rows and b columns with weights 1/5: the longer side decides.", {"rows": 5, "cols": 8},
)  # fmt: skip
TORUS_BEST_GAP = _gap(
    "torus_best_gap", 2 * sin(pi / LONGER) ** 2 / (2 + sin(pi / LONGER) ** 2),
    (rows >= 4, cols >= 4, Eq(Mod(rows, 2), 0), Eq(Mod(cols, 2), 0)),
    "Laplacian spectrum 4 sin^2(pi i/a) + 4 sin^2(pi j/b); the weight is that of Xiao and Boyd 2004",
    "Torus of even sides with the best constant edge weight.", {"rows": 4, "cols": 8},
)  # fmt: skip
GRID_GAP = _gap(
    "grid_gap", Rational(4, 5) * sin(pi / (2 * LONGER)) ** 2, (rows >= 3, cols >= 3),
    "spectrum 1 - (4 sin^2(pi i/(2a)) + 4 sin^2(pi j/(2b)))/5",
    "Grid of a rows and b columns with weight 1/5 for every edge; Metropolis weights differ at the border.",
    {"rows": 5, "cols": 8},
)  # fmt: skip
GRID_BEST_GAP = _gap(
    "grid_best_gap",
    2 * sin(pi / (2 * LONGER)) ** 2
    / (sin(pi / (2 * LONGER)) ** 2 + cos(pi / (2 * rows)) ** 2 + cos(pi / (2 * cols)) ** 2),
    (rows >= 2, cols >= 2),
    "Laplacian spectrum 4 sin^2(pi i/(2a)) + 4 sin^2(pi j/(2b)); the weight is that of Xiao and Boyd 2004",
    "Grid of a rows and b columns with the best constant edge weight, which may make self-weights negative.",
    {"rows": 5, "cols": 8}, "normal_mixing",
)  # fmt: skip
HYPERCUBE_GAP = _gap(
    "hypercube_gap", 2 / (log2(agents) + 1), POWER_OF_TWO,
    "spectrum 1 - 2k/(d + 1) with multiplicity C(d, k)",
    "Hypercube of n = 2^d agents with weights 1/(d + 1).", {"agents": 16},
)  # fmt: skip
HYPERCUBE_LAZY_GAP = _gap(
    "hypercube_lazy_gap", 1 / log2(agents), POWER_OF_TWO,
    "spectrum 1 - k/d with multiplicity C(d, k)",
    "Hypercube of n = 2^d agents with self-weight 1/2.", {"agents": 16},
)  # fmt: skip
STAR_GAP = _gap(
    "star_gap", 1 / agents, (agents >= 3,),
    "spectrum 1, 1 - 1/n (n - 2 times), 0",
    "Star of n agents, center included, with Metropolis weights 1/n.", {"agents": 16},
)  # fmt: skip
STAR_BEST_GAP = _gap(
    "star_best_gap", 2 / (agents + 1), (agents >= 3,),
    "Laplacian spectrum 0, 1 (n - 2 times), n; the weight is that of Xiao and Boyd 2004",
    "Star of n agents with the best constant edge weight 2/(n + 1): the center's own weight is negative above n = 3.",
    {"agents": 16}, "normal_mixing",
)  # fmt: skip
BIPARTITE_GAP = _gap(
    "bipartite_gap", 4 / (agents + 2), (EVEN,),
    "spectrum 1, 1/(m + 1) (n - 2 times), -(m - 1)/(m + 1), m = n/2",
    "Complete bipartite graph of two halves with Metropolis weights 1/(1 + n/2).", {"agents": 16},
)  # fmt: skip
COMPLETE_GAP = _gap(
    "complete_gap", 1, (agents >= 2,),
    "spectrum 1, 0 (n - 1 times)",
    "Complete graph with weights 1/n.", {"agents": 16},
)  # fmt: skip
EXPONENTIAL_GAP = _gap(
    "exponential_gap", 2 / (1 + ceiling(log2(agents))), (EVEN,),
    "Ying et al. 2021, Proposition 1 as recalled; derived here in `ying2021`; at odd n the gap is larger",
    "Directed exponential graph of even n, i -> i + 2^k, with weights 1/(1 + ceil(log2 n)).", {"agents": 16},
)  # fmt: skip
CONSENSUS_RATE_NORMAL = Bound(
    name="consensus_rate_normal",
    about="p",
    kind="equal",
    formula=one_minus_slem * (2 - one_minus_slem),
    source="|W - J|_2 = slem for normal W, and p = 1 - |W - J|_2^2",
    statement="The consensus rate of a fixed normal mixing matrix, all of the above among them.",
    example={"one_minus_slem": 0.1},
    assumptions=("normal_mixing",),
    order="either",
)
