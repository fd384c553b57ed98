"""Spectra of named topologies as exact numbers, with multiplicities.

All but the directed circulants follow from the eigenvalues μ of the graph Laplacian L: weights that are equal on all
edges give W = I - αL with the eigenvalues 1 - αμ. The Laplacian of a Cartesian product has the sums of its factors'
eigenvalues: a torus is two rings, a grid two paths. Cosines are written as sin², so that 1 - λ = αμ keeps all digits.

No closed form is known for random graphs, barbell, lollipop and binary tree, nor for the Metropolis weights of a grid,
which differ at its border.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from sympy import Expr, I, Integer, Min, Rational, S, binomial, exp, pi, sin, symbols, sympify

from theory.edges import at_least
from theory.errors import require
from theory.families import dimension, offsets
from theory.links import family

K, L = symbols("k l", integer=True, nonnegative=True)
LAZY = "lazy_"
DIRECTED = ("exponential", "directed_circulant")
CIRCULANTS = ("circulant", "symmetric_exponential")
SYMMETRIC = ("ring", "torus", "hypercube", "complete")
EQUAL = {  # rule: topologies on all of whose edges it puts the same weight
    "uniform": (*SYMMETRIC, *CIRCULANTS, *DIRECTED),
    "metropolis": (*SYMMETRIC, *CIRCULANTS, "path", "star"),
    "max_degree": (*SYMMETRIC, *CIRCULANTS, "path", "star", "grid"),
    "best_constant": (*SYMMETRIC, "path", "star", "grid"),
}


@dataclass(frozen=True)
class Term:
    """Eigenvalues `value`, each `multiplicity` times, for k = 0..counts[0]-1 and l = 0..counts[1]-1 where in use."""

    value: Expr
    multiplicity: Expr = S.One
    counts: tuple = ()

    def expand(self):
        """[(value, multiplicity)], one pair for each index."""
        indices = [dict(zip((K, L), index, strict=False)) for index in product(*map(range, self.counts))]
        return [(self.value.subs(at), int(self.multiplicity.subs(at))) for at in indices]


@dataclass(frozen=True)
class Laplacian:
    """Spectrum of a graph Laplacian; `smallest` positive and `largest` eigenvalue are None where only `terms` tell."""

    agents: int
    degree: int
    terms: tuple
    smallest: Expr | None = None
    largest: Expr | None = None


def _line(agents):
    top = 4 * sin(pi * (agents - 1) / (2 * agents)) ** 2
    term = Term(4 * sin(pi * K / (2 * agents)) ** 2, counts=(agents,))
    return Laplacian(agents, min(agents - 1, 2), (term,), 4 * sin(pi / (2 * agents)) ** 2, top)


def _cycle(agents):
    if agents <= 2:
        return _line(agents)
    top = 4 * sin(pi * (agents // 2) / agents) ** 2
    return Laplacian(
        agents, 2, (Term(4 * sin(pi * K / agents) ** 2, counts=(agents,)),), 4 * sin(pi / agents) ** 2, top
    )


def _mesh(first, second):
    """Cartesian product of two of the above; an axis of one agent adds nothing."""
    (one,), (other,) = first.terms, second.terms
    term = Term(one.value + other.value.subs(K, L), counts=(*one.counts, *other.counts))
    smallest = [axis.smallest for axis in (first, second) if axis.agents > 1]
    return Laplacian(
        first.agents * second.agents, first.degree + second.degree, (term,),
        Min(*smallest) if smallest else first.smallest, first.largest + second.largest,
    )  # fmt: skip


def _hypercube(agents):
    d = dimension(agents)
    return Laplacian(agents, d, (Term(2 * K, binomial(d, K), (d + 1,)),), Integer(2), Integer(2 * d))


def _complete(agents):
    terms = (Term(Integer(0)), Term(Integer(agents), Integer(agents - 1)))
    return Laplacian(agents, agents - 1, terms, Integer(agents), Integer(agents))


def _star(agents):
    if agents <= 2:
        return _complete(agents)
    terms = (Term(Integer(0)), Term(Integer(1), Integer(agents - 2)), Term(Integer(agents)))
    return Laplacian(agents, agents - 1, terms, Integer(1), Integer(agents))


def heard_offsets(name, agents, hops=None):
    """Increasing offsets h in 1..n-1 of a circulant topology: agent i hears i + h mod n for each."""
    agents = at_least(1, agents=agents)
    ahead = [1 << k for k in range((agents - 1).bit_length())] if hops is None else offsets(agents, hops)
    hops = np.asarray(ahead, dtype=np.int64)
    return (hops if name in DIRECTED else np.union1d(hops, agents - hops)).tolist()


def _circulant(name, agents, hops=None):
    heard = heard_offsets(name, agents, hops)
    value = sum((2 * sin(pi * K * h / agents) ** 2 for h in heard), Integer(0))
    return Laplacian(agents, len(heard), (Term(value, counts=(agents,)),))


BUILD = {
    "ring": _cycle,
    "path": _line,
    "torus": lambda rows, cols: _mesh(_cycle(rows), _cycle(cols)),
    "grid": lambda rows, cols: _mesh(_line(rows), _line(cols)),
    "hypercube": _hypercube,
    "star": _star,
    "complete": _complete,
    "circulant": lambda agents, hops: _circulant("circulant", agents, hops),
    "symmetric_exponential": lambda agents: _circulant("symmetric_exponential", agents),
}


def known(name, weights):
    """Whether the spectrum of the named topology with weights of the named rule has a closed form here."""
    text = isinstance(name, str) and isinstance(weights, str)
    return text and name in EQUAL.get(weights.removeprefix(LAZY), ()) and weights != LAZY + "best_constant"


def _checked(name, weights, parameters):
    """The parameters as plain numbers, after a check that they make a topology with a closed form."""
    listed = "; ".join(f"{rule} of {', '.join(names)}" for rule, names in EQUAL.items())
    require(known(name, weights), f"no closed form for {weights} weights of {name}; there is one for {listed}")
    family(name, parameters)
    sizes = {key: value for key, value in parameters.items() if key != "hops"}
    at_least(1, **sizes)
    return parameters | {key: int(size) for key, size in sizes.items()}


def edge_weight(name, weights, **parameters):
    """(α, Laplacian) of W = I - αL on an undirected topology: α exact, as a sympy number."""
    parameters = _checked(name, weights, parameters)
    laplacian = BUILD[name](**parameters)
    if weights == "best_constant":
        total = laplacian.smallest + laplacian.largest
        return (2 / total if laplacian.agents > 1 else Integer(0)), laplacian
    return Rational(1, (1 + laplacian.degree) * (2 if weights.startswith(LAZY) else 1)), laplacian


def terms(name, weights, **parameters):
    """Eigenvalues of W as a tuple of `Term`, formulas in the indices k and l."""
    if name not in DIRECTED:
        alpha, laplacian = edge_weight(name, weights, **parameters)
        return tuple(Term(1 - alpha * term.value, term.multiplicity, term.counts) for term in laplacian.terms)
    parameters = _checked(name, weights, parameters)
    agents, heard = parameters["agents"], heard_offsets(name, **parameters)
    value = (1 + sum(exp(2 * pi * I * K * h / agents) for h in heard)) / sympify(1 + len(heard))
    return (Term((1 + value) / 2 if weights.startswith(LAZY) else value, counts=(agents,)),)


def eigenvalues(name, weights, **parameters):
    """[(eigenvalue of W as an exact sympy number, multiplicity)]; equal ones may occur apart."""
    pairs = [pair for term in terms(name, weights, **parameters) for pair in term.expand()]
    return [(value, times) for value, times in pairs if times > 0]


def one_minus_slem(name, weights, **parameters):
    """1 - slem as an exact sympy number, min(α μ_2, 2 - α μ_max); None for circulants: only `terms` has their ends."""
    if name in (*DIRECTED, *CIRCULANTS):
        _checked(name, weights, parameters)
        return None
    alpha, laplacian = edge_weight(name, weights, **parameters)
    if laplacian.agents == 1:
        return Integer(1)
    return Min(alpha * laplacian.smallest, 2 - alpha * laplacian.largest)
