"""Closed forms of spectra against matrices built by loops."""

import numpy as np
import pytest
import sympy

from theory.bounds import BOUNDS
from theory.closed_forms import BUILD, DIRECTED, EQUAL, Term, eigenvalues, known, one_minus_slem, terms
from theory.errors import OnemergeError
from theory.links import links
from theory.mixing import mixing
from theory.notation import NOTATION


def ring(agents, own=1 / 3, side=1 / 3):
    W = np.zeros((agents, agents))
    for i in range(agents):
        W[i, i] += own
        W[i, (i + 1) % agents] += side
        W[i, (i - 1) % agents] += side
    return W


def ring_half(agents):
    return ring(agents, 1 / 2, 1 / 4)


def ring_edge_half(agents):
    return ring(agents, 0, 1 / 2)


def metropolis(agents, edges):
    degree = [sum(i in edge for edge in edges) for i in range(agents)]
    W = np.zeros((agents, agents))
    for i, j in edges:
        W[i, j] = W[j, i] = 1 / (1 + max(degree[i], degree[j]))
    for i in range(agents):
        W[i, i] = 1 - W[i].sum()
    return W


def path(agents):
    return metropolis(agents, [(i, i + 1) for i in range(agents - 1)])


def star(agents):
    return metropolis(agents, [(0, i) for i in range(1, agents)])


def complete(agents):
    return metropolis(agents, [(i, j) for i in range(agents) for j in range(i)])


def bipartite(agents):
    half = agents // 2
    return metropolis(agents, [(i, j) for i in range(half) for j in range(half, agents)])


def constant(agents, edges, weight):
    """I - weight L."""
    W = np.eye(agents)
    for i, j in edges:
        W[i, j] = W[j, i] = weight
        W[i, i] -= weight
        W[j, j] -= weight
    return W


def best(agents, edges):
    """I - 2 L/(mu_2 + mu_max), the smallest slem that one edge weight gives."""
    mu = np.linalg.eigvalsh(np.eye(agents) - constant(agents, edges, 1))
    return constant(agents, edges, 2 / (mu[1] + mu[-1]))


def cells(rows, cols, closed):
    """Edges of a grid, or of a torus where `closed`."""
    right = [(a * cols + b, a * cols + (b + 1) % cols) for a in range(rows) for b in range(cols - 1 + closed)]
    down = [(a * cols + b, (a + 1) % rows * cols + b) for a in range(rows - 1 + closed) for b in range(cols)]
    return right + down


def path_edge_half(agents):
    return constant(agents, cells(1, agents, closed=False), 1 / 2)


def ring_best(agents):
    return best(agents, [(i, (i + 1) % agents) for i in range(agents)])


def star_best(agents):
    return best(agents, [(0, i) for i in range(1, agents)])


def grid(rows, cols):
    return constant(rows * cols, cells(rows, cols, closed=False), 1 / 5)


def grid_best(rows, cols):
    return best(rows * cols, cells(rows, cols, closed=False))


def torus_best(rows, cols):
    return best(rows * cols, cells(rows, cols, closed=True))


def torus(rows, cols):
    W = np.zeros((rows * cols, rows * cols))
    for a in range(rows):
        for b in range(cols):
            for da, db in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
                W[a * cols + b, (a + da) % rows * cols + (b + db) % cols] += 1 / 5
    return W


def hypercube(agents, lazy=False):
    d = agents.bit_length() - 1
    W = np.eye(agents) * (1 / 2 if lazy else 1 / (d + 1))
    for i in range(agents):
        for bit in range(d):
            W[i, i ^ (1 << bit)] = 1 / (2 * d) if lazy else 1 / (d + 1)
    return W


def hypercube_lazy(agents):
    return hypercube(agents, lazy=True)


def exponential(agents):
    """Row i receives from i - 2^k."""
    hops = [2**k for k in range(agents) if 2**k < agents]
    W = np.zeros((agents, agents))
    for i in range(agents):
        for hop in (0, *hops):
            W[i, (i - hop) % agents] += 1 / (1 + len(hops))
    return W


def slem(W):
    return np.sort(np.abs(np.linalg.eigvals(W)))[-2]


SIZES = [3, 4, 5, 6, 7, 8, 16, 31]
SPECTRA = [
    *((family, {"agents": n}) for family in (ring, ring_half, path, star) for n in SIZES),
    *((family, {"agents": n}) for family in (complete, path_edge_half) for n in (2, *SIZES)),
    *((ring_edge_half, {"agents": n}) for n in (3, 5, 7, 31)),
    *((ring_best, {"agents": n}) for n in (4, 6, 8, 16)),
    *((star_best, {"agents": n}) for n in SIZES),
    *((bipartite, {"agents": n}) for n in (2, 4, 6, 16)),
    *((family, {"rows": a, "cols": b}) for family in (grid, grid_best) for a, b in ((3, 3), (3, 4), (5, 5), (7, 3))),
    *((grid_best, {"rows": a, "cols": b}) for a, b in ((2, 2), (2, 5))),
    *((torus_best, {"rows": a, "cols": b}) for a, b in ((4, 4), (4, 6), (8, 4))),
    *((family, {"agents": n}) for family in (hypercube, hypercube_lazy) for n in (2, 4, 8, 16, 64)),
    *((exponential, {"agents": n}) for n in (2, 4, 6, 8, 10, 12, 16, 18, 32, 34, 64)),
    *((torus, {"rows": a, "cols": b}) for a, b in ((3, 3), (3, 4), (4, 4), (5, 5), (3, 8), (8, 3), (4, 7))),
]


@pytest.mark.parametrize(("family", "size"), SPECTRA, ids=[f"{f.__name__}-{list(s.values())}" for f, s in SPECTRA])
def test_closed_forms_equal_the_spectrum(family, size):
    W = family(**size)
    np.testing.assert_allclose(W.sum(axis=0), 1, atol=1e-14)
    np.testing.assert_allclose(W.sum(axis=1), 1, atol=1e-14)
    gap = BOUNDS[f"{family.__name__}_gap"](**size)
    assert gap == pytest.approx(1 - slem(W), abs=1e-12)
    p = 1 - np.linalg.norm(W - 1 / len(W), 2) ** 2
    assert BOUNDS["consensus_rate_normal"](one_minus_slem=gap) == pytest.approx(p, abs=1e-12)


def test_every_closed_form_was_met_by_a_matrix():
    met = {f"{family.__name__}_gap" for family, _ in SPECTRA}
    assert met == {name for name, bound in BOUNDS.items() if bound.about == "one_minus_slem" and bound.kind == "equal"}


@pytest.mark.parametrize(
    ("family", "size", "matrix"),
    [
        (ring, {"agents": 2}, np.full((2, 2), 1 / 2)),
        (path, {"agents": 2}, path(2)),
        (star, {"agents": 2}, star(2)),
        (exponential, {"agents": 5}, exponential(5)),
        (exponential, {"agents": 9}, exponential(9)),
        (ring_edge_half, {"agents": 8}, ring_edge_half(8)),
        (ring_best, {"agents": 5}, ring_best(5)),
        (star_best, {"agents": 2}, star_best(2)),
        (torus_best, {"rows": 4, "cols": 5}, torus_best(4, 5)),
        (grid, {"rows": 2, "cols": 3}, None),
        (torus, {"rows": 2, "cols": 3}, None),
        (torus, {"rows": 3, "cols": 2}, None),
        (hypercube, {"agents": 12}, None),
        (complete, {"agents": 1}, None),
    ],
)
def test_closed_forms_are_refused_where_they_are_wrong(family, size, matrix):
    bound = BOUNDS[f"{family.__name__}_gap"]
    with pytest.raises(OnemergeError, match=f"{bound.name} needs"):
        bound(**size)
    if matrix is not None:  # the region is not too small: the formula does fail there
        values = {NOTATION[name].sympy: value for name, value in size.items()}
        assert abs(float(bound.formula.subs(values)) - (1 - slem(matrix))) > 0.01


# Whole spectra

LINES = [{"agents": n} for n in (1, 2, 3, 4, 5, 8, 9)]
MESHES = [{"rows": a, "cols": b} for a, b in ((1, 1), (1, 4), (2, 2), (2, 5), (3, 3), (4, 5))]
PARAMETERS = dict.fromkeys(("ring", "path", "star", "complete", "exponential", "symmetric_exponential"), LINES) | {
    "torus": MESHES,
    "grid": MESHES,
    "hypercube": [{"agents": n} for n in (1, 2, 4, 16)],
    "circulant": [{"agents": 9, "hops": "1,3"}, {"agents": 8, "hops": [4]}, {"agents": 2, "hops": [1]}],
    "directed_circulant": [{"agents": 7, "hops": [1, 3]}, {"agents": 6, "hops": [2, 3]}],
}
RULES = ["uniform", "metropolis", "max_degree", "lazy_uniform", "lazy_metropolis", "lazy_max_degree", "best_constant"]
FORMS = [(rule, name) for rule in RULES for name in PARAMETERS if known(name, rule)]


def distances(values, others):
    """Largest distance of complex `values` to `others`, each paired with the nearest one left."""
    others, worst = list(others), 0.0
    for value in values:
        nearest = min(range(len(others)), key=lambda k: abs(others[k] - value))
        worst = max(worst, abs(others.pop(nearest) - value))
    return worst


@pytest.mark.parametrize(("rule", "name"), FORMS)
def test_exact_eigenvalues_are_those_of_the_matrix(rule, name):
    for parameters in PARAMETERS[name]:
        W = mixing(links(name, **parameters), rule)
        pairs = eigenvalues(name, rule, **parameters)
        exact = [complex(value) for value, times in pairs for _ in range(times)]
        assert len(exact) == len(W)
        assert distances(exact, np.linalg.eigvals(W)) < 1e-13
        gap = one_minus_slem(name, rule, **parameters)
        if gap is None:
            assert name in (*DIRECTED, "circulant", "symmetric_exponential")
        else:
            assert float(gap) == pytest.approx(1 - np.abs(np.linalg.eigvals(W - 1 / len(W))).max(), abs=1e-13)


def test_every_name_and_rule_with_a_closed_form_was_met():
    assert len(FORMS) == sum(len(names) * (1 if rule == "best_constant" else 2) for rule, names in EQUAL.items())
    assert {name for _, name in FORMS} == set(BUILD) | set(DIRECTED)


@pytest.mark.parametrize(
    ("record", "name", "rule", "size"),
    [
        ("ring_gap", "ring", "metropolis", {"agents": 10**6}),
        ("path_gap", "path", "metropolis", {"agents": 10**6}),
        ("torus_gap", "torus", "uniform", {"rows": 1000, "cols": 3000}),
        ("grid_gap", "grid", "max_degree", {"rows": 1000, "cols": 3000}),
        ("hypercube_gap", "hypercube", "metropolis", {"agents": 2**20}),
        ("star_gap", "star", "metropolis", {"agents": 10**6}),
        ("complete_gap", "complete", "uniform", {"agents": 10**6}),
        ("ring_best_gap", "ring", "best_constant", {"agents": 10**6}),
        ("torus_best_gap", "torus", "best_constant", {"rows": 1000, "cols": 3000}),
        ("grid_best_gap", "grid", "best_constant", {"rows": 1000, "cols": 3000}),
        ("star_best_gap", "star", "best_constant", {"agents": 10**6}),
    ],
)
def test_records_equal_the_ends_of_whole_spectra(record, name, rule, size):
    """At sizes where 1 - slem by subtraction has lost half of its digits."""
    assert BOUNDS[record](**size) == pytest.approx(float(one_minus_slem(name, rule, **size)), rel=1e-13)


def test_multiplicities_are_counted_and_values_exact():
    half = sympy.Rational(1, 2)
    assert eigenvalues("star", "metropolis", agents=5) == [(1, 1), (sympy.Rational(4, 5), 3), (0, 1)]
    assert eigenvalues("hypercube", "max_degree", agents=8) == [(1, 1), (half, 3), (0, 3), (-half, 1)]
    (term,) = terms("path", "metropolis", agents=6)
    assert term == Term(1 - sympy.Rational(4, 3) * sympy.sin(sympy.pi * sympy.symbols("k", integer=True,
        nonnegative=True) / 12) ** 2, counts=(6,))  # fmt: skip


def test_no_closed_form_is_made_up():
    for name, rule in [("grid", "metropolis"), ("binary_tree", "metropolis"), ("star", "uniform"), ("ring", "fdla"),
                       ("circulant", "best_constant"), ("path", "lazy_best_constant")]:  # fmt: skip
        with pytest.raises(OnemergeError, match=f"no closed form for {rule} weights of {name}; there is one for"):
            eigenvalues(name, rule, agents=4)
    with pytest.raises(OnemergeError, match=r"agents is 2\.5; it must be an integer of at least 1"):
        eigenvalues("ring", "metropolis", agents=2.5)
    with pytest.raises(OnemergeError, match="ring misses parameter agents"):
        eigenvalues("ring", "metropolis")
    with pytest.raises(OnemergeError, match="a hypercube needs a power of two"):
        eigenvalues("hypercube", "metropolis", agents=6)
