"""Closed forms of 1 - slem for mixing matrices of named topologies.

Cosines are written as sin^2, so that the small gaps of large topologies keep all their digits. Sizes outside a region
have another spectrum: a ring of two is one edge, and a star of two has equal weights.
"""

from sympy import Eq, Integer, Max, Mod, Rational, ceiling, pi, sin
from sympy.codegen.cfunctions import log2

from theory.bound import Bound
from theory.notation import symbols

agents, rows, cols, one_minus_slem = symbols("agents rows cols one_minus_slem")
POWER_OF_TWO = (agents >= 2, Eq(Mod(log2(agents), 1), 0))


def _gap(name, formula, where, source, statement, example):
    return Bound(
        name=name, about="one_minus_slem", kind="equal", formula=formula, where=where, source=source,
        statement=statement, example=example, assumptions=("doubly_stochastic",), order="either",
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
PATH_GAP = _gap(
    "path_gap", Rational(4, 3) * sin(pi / (2 * agents)) ** 2, (agents >= 3,),
    "spectrum (1 + 2 cos(pi k/n))/3, k < n, of a path seen as a folded ring of 2n",
    "Path with Metropolis weights, 1/3 for every edge.", {"agents": 16},
)  # fmt: skip
TORUS_GAP = _gap(
    "torus_gap", Rational(4, 5) * sin(pi / Max(rows, cols)) ** 2, (rows >= 3, cols >= 3),
    "spectrum (1 + 2 cos(2 pi i/a) + 2 cos(2 pi j/b))/5",
    "Torus of a rows and b columns with weights 1/5: the longer side decides.", {"rows": 5, "cols": 8},
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
COMPLETE_GAP = _gap(
    "complete_gap", Integer(1), (agents >= 2,),
    "spectrum 1, 0 (n - 1 times)",
    "Complete graph with weights 1/n.", {"agents": 16},
)  # fmt: skip
EXPONENTIAL_GAP = _gap(
    "exponential_gap", 2 / (1 + ceiling(log2(agents))), (Eq(Mod(agents, 2), 0),),
    "Ying et al. 2021, Proposition 1; for odd n the spectrum is another one",
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
