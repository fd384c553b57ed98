"""Enclosures against eigenvalues of 50 digits, and against everything that makes an estimate wrong."""

import sys
from dataclasses import replace
from fractions import Fraction

import flint
import mpmath
import networkx as nx
import numpy as np
import pytest
import sympy
from scipy.sparse import csr_array

from theory import balls, inertia, rayleigh, unsymmetric
from theory.enclosure import QUANTITIES, enclose, enclose_gap
from theory.errors import OnemergeError
from theory.links import links
from theory.mixing import mixing
from theory.operators import operator
from theory.structures import Circulant

mp = mpmath.mp.clone() if hasattr(mpmath.mp, "clone") else mpmath.MPContext()
mp.dps = 50


def rational(graph, rule):
    """W as Fractions, by loops."""
    n, lazy = len(graph), rule.startswith("lazy_")
    degree, top = dict(graph.degree), max(dict(graph.degree).values())
    W = [[Fraction(0)] * n for _ in range(n)]
    for i, j in graph.edges:
        wide = 1 + (top if rule.endswith("max_degree") else max(degree[i], degree[j]))
        W[i][j] = W[j][i] = Fraction(1, wide * (2 if lazy else 1))
    for i in range(n):
        W[i][i] = 1 - sum(W[i])
    return W


def completed(W):
    """Stored W with the own weights that make its rows sum to 1, as Fractions."""
    exact = [[Fraction(x) for x in row] for row in W.tolist()]
    for i, row in enumerate(exact):
        row[i] += 1 - sum(row)
    return exact


def exact_values(W):
    """{quantity: its value} of a matrix of Fractions or floats, from eigenvalues of 50 digits."""
    n = len(W)
    M = mp.matrix([[mp.mpf(Fraction(x).numerator) / Fraction(x).denominator for x in row] for row in W])
    J = mp.ones(n) / n
    spectrum = mp.eigsy(M - J, eigvals_only=True) if M == M.T else mp.eig(M - J, left=False, right=False)
    slem = max(map(abs, spectrum))

    def norm(A):
        return mp.sqrt(max(mp.eigsy(A.T * A, eigvals_only=True)))

    drift = (mp.eye(n) - J) * M * (mp.eye(n) - J)
    return {"gap": 1 - slem, "slem": slem, "contraction": norm(M - J), "consensus_rate": 1 - norm(drift) ** 2}


def contains(enclosure, value, slack=0):
    return mp.mpf(enclosure.lower) - slack <= value <= mp.mpf(enclosure.upper) + slack


ERROR = mp.mpf(10) ** -25  # of the 50 digits, where eigenvalues are multiple


def random_graphs(count, most, seed):
    generator = np.random.default_rng(seed)
    for _ in range(count):
        n = int(generator.integers(2, most + 1))
        yield nx.gnp_random_graph(n, float(generator.uniform(0.2, 0.9)), seed=int(generator.integers(10**6)))


@pytest.mark.parametrize("rule", ["metropolis", "max_degree", "lazy_metropolis"])
def test_topologies_with_exact_fractions(rule):
    noticed = 0
    for graph in random_graphs(12, 9, seed=1):
        exact = exact_values(rational(graph, rule))
        for quantity in QUANTITIES:
            found = enclose(quantity, graph, rule)
            assert found.certified
            assert contains(found, exact[quantity], ERROR)
            width = found.upper - found.lower
            assert width <= 1e-13
            for shift in (-1.01 * width, 1.01 * width):  # a proof that is off by its own width is noticed
                moved = replace(found, lower=found.lower + shift, upper=found.upper + shift)
                noticed += width > 0 and not contains(moved, exact[quantity])
    assert noticed >= 40


def test_stored_matrices_symmetric_or_not():
    """Of the matrix as it is stored, of the one with unit rows, and of the one that was rounded."""
    for graph in random_graphs(8, 8, seed=2):
        W = mixing(graph, "metropolis")
        meant, stored, unit = (exact_values(M) for M in (rational(graph, "metropolis"), W.tolist(), completed(W)))
        for given in (W, csr_array(W)):
            for quantity in QUANTITIES:
                found = enclose(quantity, given)
                assert all(contains(found, exact[quantity], ERROR) for exact in (meant, stored, unit))
                assert found.upper - found.lower <= 1e-13


def directed_examples():
    generator = np.random.default_rng(3)
    yield np.array([[0.7, 0.3], [0.1, 0.9]])
    yield np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.25, 0.25, 0.5]])
    for n in (3, 5, 8):
        rows = generator.random((n, n))
        yield rows / rows.sum(axis=1, keepdims=True)
        weights = generator.dirichlet(np.ones(4))
        yield sum(w * np.eye(n)[generator.permutation(n)] for w in weights)
        yield sum(w * np.eye(n)[generator.permutation(n)] for w in weights) + np.diag(generator.normal(size=n) * 1e-11)
    yield mixing(links("exponential", agents=6), "uniform")
    yield mixing(links("star", agents=7), "uniform")


@pytest.mark.parametrize("W", list(directed_examples()))
def test_directed_matrices(W):
    values = [exact_values(M) for M in (W.tolist(), completed(W))]
    for quantity in QUANTITIES:
        found = enclose(quantity, W)
        assert found.certified
        assert all(contains(found, exact[quantity], ERROR) for exact in values)
        sharp = np.abs(W.sum(axis=1) - 1).max() <= 1e-15
        assert found.upper - found.lower <= (1e-11 if sharp else 1e-9)
    assert values[1]["slem"] <= values[1]["contraction"] + ERROR


@pytest.mark.parametrize("agents", [1, 2, 3, 4, 7, 12])
def test_circulants(agents):
    generator = np.random.default_rng(agents)
    for symmetric in (True, False):
        raw = {int(h): Fraction(int(generator.integers(0, 9)), 64) for h in generator.integers(1, agents + 1, 3)}
        raw = {h % agents: w / 2 for h, w in raw.items() if h % agents}
        if symmetric:
            raw |= {-h % agents: w for h, w in raw.items()}
        weights = raw | {0: 1 - sum(raw.values())}
        W = [[weights.get((j - i) % agents, Fraction(0)) for j in range(agents)] for i in range(agents)]
        exact = exact_values(W)
        for quantity in QUANTITIES:
            found = enclose(quantity, Circulant(agents, weights))
            assert contains(found, exact[quantity], ERROR)
            assert found.upper - found.lower <= 1e-7 if exact["slem"] < 1e-3 else 1e-13


NAMED = [
    *(("ring", {"agents": n}) for n in (1, 2, 3, 4, 9)),
    *(("path", {"agents": n}) for n in (2, 3, 8)),
    *((name, {"rows": a, "cols": b}) for name in ("torus", "grid") for a, b in ((2, 2), (3, 3), (2, 5))),
    *(("hypercube", {"agents": n}) for n in (2, 8)),
    *((name, {"agents": n}) for name in ("star", "complete", "symmetric_exponential") for n in (1, 2, 3, 6)),
    ("circulant", {"agents": 9, "hops": [1, 3]}),
    ("binary_tree", {"agents": 9}),
    ("barbell", {"agents": 8}),
    ("lollipop", {"agents": 8, "clique": 4}),
]


@pytest.mark.parametrize(("name", "size"), NAMED, ids=[f"{name}-{list(size.values())}" for name, size in NAMED])
def test_names_structures_and_links_agree_with_the_exact_matrix(name, size):
    for rule in ("metropolis", "max_degree"):
        exact = exact_values(rational(links(name, **size).graph(), rule))
        ways = [enclose_gap(name, rule, **size), enclose_gap(links(name, **size), rule)]
        ways.append(enclose_gap(operator(name, rule, **size)))
        for found in ways:
            assert found.certified
            assert contains(found, exact["gap"], ERROR)
            assert found.upper - found.lower <= 1e-13


@pytest.mark.parametrize("agents", [5, 7, 9, 12, 33])
def test_the_directed_exponential_graph(agents):
    hops = [2**k for k in range(agents) if 2**k < agents]
    W = [[Fraction(int((j - i) % agents in (0, *hops)), 1 + len(hops)) for j in range(agents)] for i in range(agents)]
    moduli = [
        abs(sum(W[0][j] * mp.expjpi(mp.mpf(2 * j * k) / agents) for j in range(agents))) for k in range(1, agents)
    ]
    for found in (enclose_gap("exponential", agents=agents), enclose_gap(operator("exponential", agents=agents))):
        assert contains(found, 1 - max(moduli), ERROR)
        assert found.upper - found.lower <= 1e-13


SINE = {
    "ring": (lambda n: mp.mpf(4) / 3 * mp.sin(mp.pi / n) ** 2, {"agents": 10**6}),
    "path": (lambda n: mp.mpf(4) / 3 * mp.sin(mp.pi / (2 * n)) ** 2, {"agents": 10**5}),
    "torus": (lambda n: mp.mpf(4) / 5 * mp.sin(mp.pi / n) ** 2, {"rows": 1000, "cols": 300}),
    "exponential": (lambda n: mp.mpf(2) / 18, {"agents": 10**5}),
    "hypercube": (lambda n: mp.mpf(2) / 18, {"agents": 2**17}),
    "star": (lambda n: 1 / mp.mpf(n), {"agents": 10**5}),
}


@pytest.mark.parametrize("name", SINE)
def test_large_named_topologies(name):
    formula, size = SINE[name]
    found = enclose_gap(name, **size)
    assert contains(found, formula(next(iter(size.values()))))
    assert found.upper - found.lower <= 1e-13 * found.upper


def test_long_rings_keep_their_digits_without_a_closed_form():
    """Rows of a stored ring sum to 1 exactly; and pivots see a ring whose agents are shuffled."""
    agents = 10_000
    exact = mp.mpf(4) / 3 * mp.sin(mp.pi / agents) ** 2
    order = np.random.default_rng(0).permutation(agents)
    shuffled = nx.relabel_nodes(nx.cycle_graph(agents), dict(enumerate(order.tolist())))
    for found in (enclose_gap(mixing(links("ring", agents=agents), sparse=True)), enclose_gap(shuffled)):
        assert "pivots in balls" in found.method
        assert contains(found, exact)
        assert found.upper - found.lower <= 1e-12 * found.upper


# What makes an estimate wrong


def cliques(size, coupling):
    """Two cliques of `size` with weight 1/(2 size) inside and one weak link; rows of dyadic numbers sum to 1."""
    W = np.kron(np.eye(2), np.full((size, size), 1 / (2 * size)))
    W[0, size] = W[size, 0] = coupling
    np.fill_diagonal(W, 0)
    np.fill_diagonal(W, 1 - W.sum(axis=1))
    return W


@pytest.mark.parametrize("coupling", [2.0**-20, 2.0**-40, 1e-14, 2.0**-52, 1e-17, 1e-30, 0.0])
def test_nearly_disconnected_agents(coupling):
    W = cliques(4, coupling)
    found = enclose_gap(W)
    stored, unit = exact_values(W.tolist())["gap"], exact_values(completed(W))["gap"]
    assert found.certified
    assert contains(found, stored, ERROR)
    assert contains(found, unit, ERROR)
    assert found.upper - found.lower <= 1e-12 * max(coupling, 1e-3)
    if coupling in (2.0**-20, 2.0**-40):  # nothing is rounded: all digits
        assert found.upper - found.lower <= 1e-13 * found.upper
    if coupling < 2.0**-54:
        assert found.lower <= 0 <= found.upper


def test_a_weak_link_is_resolved_where_weights_are_exact():
    graph = nx.disjoint_union(nx.complete_graph(5), nx.complete_graph(5))
    assert enclose_gap(graph) == replace(enclose_gap(graph), lower=0.0, upper=0.0)
    graph.add_edge(0, 5)
    assert enclose_gap(graph).lower > 0.01


@pytest.mark.parametrize("own", [1.0, 1 + 8e-10, 1 - 8e-10])
def test_one_agent_whose_weight_is_not_one(own):
    for quantity in QUANTITIES:
        found = enclose(quantity, [[own]])
        value = {"slem": abs(Fraction(own) - 1), "contraction": abs(Fraction(own) - 1), "consensus_rate": 1}
        exact = value.get(quantity, 1 - abs(Fraction(own) - 1))
        assert Fraction(found.lower) <= exact <= Fraction(found.upper)
        assert found.upper - found.lower <= 2e-9 * (own != 1)


@pytest.mark.parametrize("apart", [1e-6, 1e-10, 1e-13, 1e-15])
def test_clustered_eigenvalues(apart):
    """A ring's eigenvalues come in pairs; one edge a little heavier splits each pair."""
    W = mixing(links("ring", agents=9))
    W[0, 1] += apart
    W[1, 0] += apart
    W[0, 0] -= apart
    W[1, 1] -= apart
    found = enclose_gap(W)
    assert all(contains(found, exact_values(M)["gap"], ERROR) for M in (W.tolist(), completed(W)))
    assert found.upper - found.lower <= 1e-14


def test_negative_weights():
    generator = np.random.default_rng(5)
    for n in (2, 3, 6, 9):
        W = generator.normal(size=(n, n)) / n
        W = (W + W.T) / 2
        W += np.diag(1 - W.sum(axis=1))
        for given, gap in ((W, exact_values(completed(W))["gap"]), (csr_array(W), exact_values(W.tolist())["gap"])):
            found = enclose_gap(given)
            assert not found.certified or contains(found, gap, ERROR)
    star = enclose_gap("star", "best_constant", agents=8)
    assert contains(star, mp.mpf(2) / 9)
    assert contains(enclose_gap(mixing(links("star", agents=8), "best_constant")), mp.mpf(2) / 9, slack=1e-15)


@pytest.fixture
def without_balls(monkeypatch):
    monkeypatch.setattr(inertia, "BALL_WORK", -1)
    monkeypatch.setattr(rayleigh, "DENSE", 1)


def test_pivots_in_float64(without_balls):
    for graph in random_graphs(25, 10, seed=6):
        found, exact = enclose_gap(graph), exact_values(rational(graph, "metropolis"))["gap"]
        assert found.certified
        assert contains(found, exact, ERROR)
        assert found.upper - found.lower <= 1e-10
    for n in (100, 1000):
        found = enclose_gap(mixing(links("ring", agents=n), sparse=True))
        assert "float64" in found.method
        assert contains(found, mp.mpf(4) / 3 * mp.sin(mp.pi / n) ** 2)
        assert found.upper - found.lower <= 1e-11 * found.upper
    found = enclose_gap(almost_bipartite(101))
    assert contains(found, 2 * mp.sin(mp.pi / 202) ** 2)
    assert found.upper - found.lower <= 1e-13


def almost_bipartite(agents):
    """A ring without own weights: its gap is at the end near -1."""
    return csr_array(np.roll(np.eye(agents), 1, axis=1) / 2 + np.roll(np.eye(agents), -1, axis=1) / 2)


@pytest.mark.parametrize("agents", [3, 4, 5, 8, 33, 501])
def test_the_other_end_of_the_spectrum(agents):
    found = enclose_gap(almost_bipartite(agents))
    assert contains(found, 2 * mp.sin(mp.pi / (2 * agents)) ** 2 if agents % 2 else 0)
    assert found.upper - found.lower <= 1e-13


@pytest.mark.parametrize("high", [False, True])
def test_the_bound_of_the_backward_error_holds(high):
    """Also at shifts that are an eigenvalue but for its rounding, where float64 pivots miscount."""
    miscounted = 0
    for graph in random_graphs(8, 9, seed=7):
        W = mixing(graph, "metropolis")
        i, j = np.nonzero(np.triu(W, 1))
        weights = rayleigh.Weights(len(W), i, j, W[i, j], relative=0.0)
        order = inertia.elimination_order(weights)
        exact = -mp.matrix(W.tolist())
        for a in range(len(W)):
            exact[a, a] = 0
            exact[a, a] = -sum(exact[a, b] for b in range(len(W)))
        scale = -1 if high else 1
        values = sorted(scale * mu for mu in mp.eigsy(exact, eigvals_only=True))
        for shift in (-0.3, 0.4, *(-float(value) for value in values)):
            negative, bound = inertia._count_in_floats(weights, order, scale, shift)
            if negative is None:
                continue
            surely, perhaps = (sum(value + shift < end for value in values) for end in (-bound, bound))
            assert surely <= negative <= perhaps
            assert bound < 1e-12 or shift not in (-0.3, 0.4)
            miscounted += negative != sum(value + shift < 0 for value in values)
    assert miscounted >= 3


@pytest.mark.parametrize("signed", [False, True])
def test_true_weights_may_differ_from_the_stored_ones(signed):
    generator = np.random.default_rng(10)
    for graph in random_graphs(10, 8, seed=11):
        W = mixing(graph, "max_degree") * np.where(np.eye(len(graph)), 1, 0.9 - 1.2 * signed * generator.random())
        i, j = np.nonzero(np.triu(W, 1))
        if not len(i):
            continue
        (low, high), _ = inertia.gap_of(rayleigh.Weights(len(W), i, j, W[i, j], relative=0.01))
        for _ in range(20):
            w = W[i, j] * (1 + 0.01 * generator.choice([-1, 1], len(i)) * generator.choice([1, generator.random()]))
            true = np.zeros(W.shape)
            true[i, j] = true[j, i] = w
            true += np.diag(1 - true.sum(axis=1))
            assert low - 1e-13 <= 1 - np.abs(np.linalg.eigvalsh(true - 1 / len(W))).max() <= high + 1e-13


def test_true_weights_of_directed_matrices_may_differ_too():
    generator = np.random.default_rng(12)
    W = generator.random((6, 6))
    W /= W.sum(axis=1, keepdims=True)
    (low, high), _ = unsymmetric.slem_of(W, 1e-6)
    norms = [unsymmetric.norm_of(W, 1e-6, about_old_mean)[0] for about_old_mean in (True, False)]
    for _ in range(50):
        true = W * (1 + 1e-6 * generator.choice([-1, 1], W.shape))
        true += np.diag(1 - true.sum(axis=1))
        assert low <= np.abs(np.linalg.eigvals(true - 1 / 6)).max() <= high
        for (least, most), A in zip(norms, (true - 1 / 6, true - true.mean(axis=0)), strict=True):
            assert least <= np.linalg.norm(A, 2) <= most
    assert high - low <= 1e-4


@pytest.mark.parametrize("arithmetic", ["balls", "float64"])
def test_wrong_eigenvectors_never_make_a_false_enclosure(arithmetic, monkeypatch):
    """Such as those of a solver that stopped too early: the count of pivots does not confirm them."""
    if arithmetic == "float64":
        monkeypatch.setattr(inertia, "BALL_WORK", -1)
        monkeypatch.setattr(rayleigh, "NEAR", 3)
    right = inertia.near_end
    generator = np.random.default_rng(8)
    wrong = {
        "noise": lambda vectors, high: generator.normal(size=vectors.shape),
        "the next ones": lambda vectors, high: vectors if high else vectors[:, 2:],
        "a little off": lambda vectors, high: vectors + 0.01 * generator.normal(size=vectors.shape),
        "no numbers": lambda vectors, high: vectors if high else vectors * np.nan,
        "constant": lambda vectors, high: vectors if high else np.ones_like(vectors),
    }
    refused = 0
    for spoil in wrong.values():
        spoiled = lambda weights, high, count, spoil=spoil: spoil(right(weights, high, count), high)  # noqa: E731
        monkeypatch.setattr(inertia, "near_end", spoiled)
        for graph in (nx.path_graph(9), nx.barbell_graph(4, 1), nx.petersen_graph()):
            found = enclose_gap(
                nx.relabel_nodes(graph, dict(zip(graph, sorted(graph), strict=True))), "lazy_metropolis"
            )
            refused += not found.certified
            exact = exact_values(rational(graph, "lazy_metropolis"))["gap"]
            assert not found.certified or contains(found, exact, ERROR)
    assert refused >= 6


# The parts


def test_pivots_count_eigenvalues_and_do_not_guess():
    generator = np.random.default_rng(9)
    for n in (1, 2, 5, 9):
        A = generator.integers(-3, 4, (n, n)).astype(float)
        A += A.T
        count = balls.in_balls(lambda A=A: balls.negative_pivots(*balls.triangle(flint.arb_mat(A.tolist()))))()
        assert count is None or count == (np.linalg.eigvalsh(A) < 0).sum()
    for singular in ([[0.0, 1.0], [1.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]):
        assert balls.negative_pivots(*balls.triangle(flint.arb_mat(singular))) is None


def test_formulas_in_balls():
    n = sympy.Integer(7)
    for formula in (sympy.sin(sympy.pi / n) ** 2 / 3, sympy.Max(sympy.sqrt(n), sympy.cos(1) - 4),
                    sympy.Min(2 / n, 1 - sympy.sin(1), evaluate=False), sympy.Integer(0)):  # fmt: skip
        low, high = balls.outward(balls.evaluate(formula))
        assert low <= sympy.N(formula, 40) <= high
        assert high - low <= 1e-15
    with pytest.raises(OnemergeError, match="tan"):
        balls.evaluate(sympy.tan(1))


@pytest.mark.parametrize("agents", [2, 3, 10, 1001])
def test_the_table_of_squares(agents):
    exact = [mp.sin(mp.pi * r / agents) ** 2 for r in range(agents // 2 + 1)]
    for value, wanted in zip(balls.sine_squares(agents).tolist(), exact, strict=True):
        assert abs(value - wanted) <= mp.mpf(2) ** -52 * wanted


# What is not certified, and bad input


def test_what_has_no_proof_is_said_in_a_sentence(monkeypatch):
    jordan = np.array([[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0.5, 0.5], [0, 0, 0, 1.0]])
    large = csr_array(np.roll(np.eye(1200), 1, axis=1) / 2 + np.eye(1200) / 2)
    monkeypatch.setattr(inertia, "FLOAT_WORK", 10)
    for found, word in [
        (enclose_gap(jordan), "defective"),
        (enclose_gap(large), "1200 agents is not symmetric"),
        (enclose("contraction", large.toarray()[:350, :350] + np.eye(350, k=-349) / 2), "up to 300 agents"),
        (enclose_gap("grid", rows=5, cols=5), "takes more than 1e+01 multiplications"),
    ]:
        assert (found.certified, found.lower, found.upper, found.method) == (False, None, None, "")
        assert found.reason.startswith("not certified: ")
        assert found.reason.endswith(".")
        assert word in found.reason
    assert enclose("contraction", jordan).certified


def test_bad_input():
    W = mixing(links("ring", agents=4))
    for call, sentence in [
        (lambda: enclose("speed", W), "unknown quantity 'speed'; valid ones are gap, slem, contraction"),
        (lambda: enclose_gap(W, agents=3), "agents: parameters go with the name of a topology"),
        (lambda: enclose_gap(W, "metropolis"), "weights is 'metropolis'; a matrix has its weights already"),
        (lambda: enclose_gap("circle", agents=4), "unknown topology 'circle'"),
        (lambda: enclose_gap("ring", agents=0), "agents is 0; it must be an integer of at least 1"),
        (lambda: enclose_gap("exponential", agents=0), "agents is 0; it must be an integer of at least 1"),
        (lambda: enclose_gap("ring", "heavy", agents=4), "heavy"),
        (lambda: enclose_gap("exponential", "metropolis", agents=5), "metropolis weights need an undirected graph"),
        (lambda: enclose_gap(W * 1.1), "row 0 sums to 1.1"),
        (lambda: enclose_gap(csr_array(W * 1.1)), "row 0 sums to 1.1"),
    ]:
        with pytest.raises(OnemergeError, match=sentence):
            call()


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    for call in (lambda: enclose_gap("ring", agents=4), lambda: enclose_gap(nx.barbell_graph(4, 0))):
        with pytest.raises(OnemergeError, match="need python-flint; install onemerge with its extra 'rigor'"):
            call()
