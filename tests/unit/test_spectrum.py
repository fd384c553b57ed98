import networkx as nx
import numpy as np
import pytest
from scipy.sparse import csr_array

from theory.errors import OnemergeError
from theory.gossip import constant, local, one_peer_exponential, periodic, random_matching, random_peers
from theory.graphs import complete, exponential, grid, hypercube, path, ring, star, torus
from theory.mixing import check_mixing, complete_average, lazy_metropolis, max_degree, metropolis, uniform
from theory.operators import operator
from theory.spectrum import consensus_rate, contraction, eigenvalues, gap, mean_drift, slem

# W, slem, and p = 1 - slem² for normal doubly stochastic matrices
ORACLES = {
    "ring 8": (metropolis(ring(8)), 0.8047378541, 0.3523969861),
    "ring 16": (metropolis(ring(16)), 0.9492530217, 0.0989187008),
    "ring 32": (metropolis(ring(32)), 0.9871901869, 0.0254555348),
    "ring 64": (uniform(ring(64)), 0.9967898178, 0.0064100592),
    "path 16": (max_degree(path(16)), 0.9871901869, 0.0254555348),
    "star 16": (metropolis(star(16)), 0.9375, 0.1210937500),
    "torus 5x5": (metropolis(torus(5, 5)), 0.7236067977, 0.4763932023),
    "torus 8x8": (uniform(torus(8, 8)), 0.8828427125, 0.2205887450),
    "hypercube 8": (uniform(hypercube(8)), 0.5, 0.75),
    "hypercube 16": (uniform(hypercube(16)), 0.6, 0.64),
    "hypercube 64": (metropolis(hypercube(64)), 0.7142857143, 0.4897959184),
    "exponential 16": (uniform(exponential(16)), 0.6, 0.64),
    "exponential 64": (uniform(exponential(64)), 0.7142857143, 0.4897959184),
    "grid 4x4 Metropolis": (metropolis(grid(4, 4)), 0.8686406183, 1 - 0.8686406183**2),
    "grid 4x4 max degree": (max_degree(grid(4, 4)), 0.8828427125, 1 - 0.8828427125**2),
    "complete 9": (metropolis(complete(9)), 0.0, 1.0),
    "lazy path 8": (lazy_metropolis(path(8)), (1 + 0.9492530217) / 2, 1 - ((1 + 0.9492530217) / 2) ** 2),
    "one-peer matrix 16": (one_peer_exponential(16).draw(0, None), 0.9807852804, 1 - 0.9807852804**2),
}


@pytest.mark.parametrize("name", ORACLES)
def test_known_spectra(name):
    W, modulus, p = ORACLES[name]
    assert slem(W) == pytest.approx(modulus, abs=1e-10)
    assert contraction(W) == pytest.approx(modulus, abs=1e-10)
    assert consensus_rate(W) == pytest.approx(p, abs=1e-9)
    assert mean_drift(W) == pytest.approx(0, abs=1e-15)


def test_closed_form_spectra():
    for n in (3, 4, 7, 12):
        k = np.arange(n)
        expected = (1 + 2 * np.cos(2 * np.pi * k / n)) / 3
        np.testing.assert_allclose(np.sort(eigenvalues(metropolis(ring(n)))), np.sort(expected), atol=1e-14)
        expected = (1 + 2 * np.cos(np.pi * k / n)) / 3
        np.testing.assert_allclose(np.sort(eigenvalues(metropolis(path(n)))), np.sort(expected), atol=1e-14)
    star_spectrum = [1, *[1 - 1 / 9] * 7, 0]
    np.testing.assert_allclose(eigenvalues(metropolis(star(9))), star_spectrum, atol=1e-14)


@pytest.mark.parametrize("n", range(2, 40))
def test_exponential_gap_is_the_formula_for_even_sizes_only(n):
    W = uniform(exponential(n))
    gap, formula = 1 - slem(W), 2 / (1 + np.ceil(np.log2(n)))
    if n % 2 == 0:
        assert gap == pytest.approx(formula, abs=1e-12)
    else:
        assert gap > formula + 1e-3
    assert contraction(W) == pytest.approx(slem(W), abs=1e-12)  # circulant, hence normal


@pytest.mark.parametrize(("n", "gap"), [(3, 1), (5, 0.75), (7, 0.6464466094), (9, 0.5582133890), (33, 0.3921999563)])
def test_exponential_gap_at_odd_sizes(n, gap):
    assert 1 - slem(uniform(exponential(n))) == pytest.approx(gap, abs=1e-10)


def test_eigenvalues_come_by_modulus():
    symmetric = eigenvalues(metropolis(ring(6)))
    assert symmetric.dtype == np.float64
    W = uniform(exponential(6))
    values = eigenvalues(W)
    assert values.dtype == np.complex128
    assert values[0] == pytest.approx(1)
    assert (np.diff(np.abs(values)) < 1e-12).all()
    shifts = np.exp(2j * np.pi * np.arange(6) / 6)
    circulant = (1 + shifts + shifts**2 + shifts**4) / 4
    np.testing.assert_allclose(np.sort_complex(values.round(12)), np.sort_complex(circulant.round(12)), atol=1e-11)


SIZE_ONE = [ring(1), path(1), star(1), complete(1), hypercube(1), torus(1, 1), exponential(1)]


@pytest.mark.parametrize("graph", SIZE_ONE)
def test_one_agent(graph):
    W = uniform(graph)
    np.testing.assert_array_equal(eigenvalues(W), [1])
    assert (slem(W), contraction(W), consensus_rate(W), mean_drift(W)) == (0, 0, 1, 0)


@pytest.mark.parametrize("graph", [ring(2), path(2), star(2), complete(2), hypercube(2), torus(1, 2), exponential(2)])
def test_two_agents_average_at_once(graph):
    W = uniform(graph)
    np.testing.assert_array_equal(W, complete_average(2))
    assert (slem(W), contraction(W), consensus_rate(W)) == (0, 0, 1)


# 0 hears 1 and 2; 1 hears 0; 2 hears 0 and 1
DIRECTED = uniform(nx.DiGraph([(0, 1), (0, 2), (1, 0), (1, 2), (2, 0)]))
# doubly stochastic, neither symmetric nor normal: mixed from three permutations
DOUBLY = 0.5 * np.eye(4)[[1, 2, 0, 3]] + 0.3 * np.eye(4)[[0, 1, 3, 2]] + 0.2 * np.eye(4)[[1, 0, 3, 2]]


def test_the_three_numbers_differ_on_a_row_stochastic_matrix():
    np.testing.assert_array_equal(DIRECTED, [[1 / 3, 1 / 3, 1 / 3], [1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]])
    assert slem(DIRECTED) == pytest.approx(1 / 6, abs=1e-12)
    assert consensus_rate(DIRECTED) == pytest.approx(1 - 1 / 9, abs=1e-12)
    assert contraction(DIRECTED) == pytest.approx(1 / 6**0.5, abs=1e-12)
    assert mean_drift(DIRECTED) == pytest.approx(1 / 18, abs=1e-12)


def test_the_rates_are_the_worst_directions_of_one_round():
    angles = np.linspace(0, np.pi, 100_001)
    basis = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    z = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ basis  # unit deviations from consensus
    after = z @ DIRECTED.T
    mean = after.mean(axis=1, keepdims=True)
    assert consensus_rate(DIRECTED) == pytest.approx(1 - ((after - mean) ** 2).sum(axis=1).max(), abs=1e-8)
    assert contraction(DIRECTED) == pytest.approx((after**2).sum(axis=1).max() ** 0.5, abs=1e-8)
    assert mean_drift(DIRECTED) == pytest.approx(3 * (mean**2).max(), abs=1e-8)


def test_a_transposed_gossip_would_not_drift():
    transposed = DIRECTED @ complete_average(3) @ DIRECTED.T  # E[W J Wᵀ] = J where the rows sum to 1
    np.testing.assert_allclose(transposed, complete_average(3), atol=1e-15)
    moment = constant(DIRECTED).mean_moment()
    assert np.abs(moment - complete_average(3)).max() > 0.01


def test_slem_is_below_the_contraction_on_a_doubly_stochastic_matrix():
    assert check_mixing(DOUBLY).doubly_stochastic
    assert slem(DOUBLY) == pytest.approx(np.sort(np.abs(np.linalg.eigvals(DOUBLY)))[-2], abs=1e-12)
    assert slem(DOUBLY) < contraction(DOUBLY) - 0.05
    assert consensus_rate(DOUBLY) == pytest.approx(1 - contraction(DOUBLY) ** 2, abs=1e-12)
    power = np.linalg.matrix_power(DOUBLY - complete_average(4), 400)  # W^t - J
    assert np.linalg.norm(power, 2) ** (1 / 400) == pytest.approx(slem(DOUBLY), abs=0.005)


def test_slem_counts_a_repeated_one():
    assert slem(np.eye(3)) == 1
    assert consensus_rate(local(3)) == pytest.approx(0, abs=1e-15)
    assert slem(np.array([[0.0, 1], [1, 0]])) == 1
    weights = np.array([[2.0, -1.0], [-1.0, 2.0]])  # eigenvalues 1 and 3: the second is the larger
    assert slem(weights) == pytest.approx(3)


def test_periodic_rate_is_of_the_whole_period():
    A, B = metropolis(path(4)), DOUBLY
    assert consensus_rate(periodic([A, B])) == pytest.approx(consensus_rate(B @ A), abs=1e-14)
    assert abs(consensus_rate(B @ A) - consensus_rate(A @ B)) > 1e-3
    for n in (2, 4, 8, 16, 64):
        assert consensus_rate(one_peer_exponential(n)) == pytest.approx(1, abs=1e-14)
    for n, residual in {6: 0.2165063509, 12: 0.2091290759, 24: 0.2073399477, 33: 0.0311084976}.items():
        assert consensus_rate(one_peer_exponential(n)) == pytest.approx(1 - residual**2, abs=1e-10)


def test_random_gossip_rates_follow_the_closed_forms():
    for m in (2, 3, 8, 16):
        q = 1 - 0.3 * m / (2 * (m - 1))
        assert consensus_rate(random_peers(m, 0.3)) == pytest.approx(1 - q * (1 - (1 - q) / m), abs=1e-14)
        assert mean_drift(random_peers(m, 0.3)) == pytest.approx(q * (1 - q) / m, abs=1e-15)
    assert consensus_rate(random_matching(16, 1)) == pytest.approx(1 - 14 / 30, abs=1e-14)
    assert mean_drift(random_matching(16, 1)) == pytest.approx(0, abs=1e-15)


def test_a_matrix_and_its_constant_gossip_agree():
    for W in (DIRECTED, DOUBLY, metropolis(star(5))):
        assert consensus_rate(W) == consensus_rate(constant(W))
        assert mean_drift(W) == mean_drift(constant(W))


@pytest.mark.parametrize("function", [eigenvalues, slem, contraction, consensus_rate, mean_drift])
def test_matrices_whose_rows_do_not_sum_to_one_are_refused(function):
    with pytest.raises(OnemergeError, match=r"row 1 sums to 0\.75, 0\.25 away from 1"):
        function([[0.5, 0.5], [0.5, 0.25]])


STRUCTURED = [
    ("ring", None, {"agents": 9}),
    ("path", None, {"agents": 7}),
    ("torus", None, {"rows": 3, "cols": 5}),
    ("grid", "lazy_max_degree", {"rows": 3, "cols": 4}),
    ("hypercube", None, {"agents": 8}),
    ("exponential", None, {"agents": 7}),
    ("exponential", None, {"agents": 12}),
    ("complete", None, {"agents": 5}),
    *[("ring", None, {"agents": n}) for n in (1, 2, 3)],
    *[("exponential", None, {"agents": n}) for n in (1, 2, 3)],
]


@pytest.mark.parametrize(("name", "weights", "parameters"), STRUCTURED)
@pytest.mark.parametrize("function", [slem, gap, contraction, consensus_rate, mean_drift])
def test_dense_sparse_and_structured_matrices_agree(function, name, weights, parameters):
    structure = operator(name, weights, **parameters)
    expected = function(structure.toarray())
    assert function(structure) == pytest.approx(expected, abs=1e-14)
    assert function(structure.to_sparse()) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("W", [DIRECTED, DOUBLY, uniform(star(5))])
@pytest.mark.parametrize("function", [slem, gap, contraction, consensus_rate, mean_drift])
def test_sparse_matrices_that_are_not_normal_agree(function, W):
    assert function(csr_array(W)) == pytest.approx(function(W), abs=1e-13)


def test_structured_eigenvalues_come_by_modulus_too():
    for name in ("ring", "exponential"):
        structure = operator(name, agents=12)
        values = eigenvalues(structure)
        np.testing.assert_allclose(np.abs(values), np.abs(eigenvalues(structure.toarray())), atol=1e-14)
        np.testing.assert_allclose(np.abs(eigenvalues(structure.to_sparse())), np.abs(values), atol=1e-14)


@pytest.mark.parametrize("n", [3, 50, 1000])
def test_gaps_keep_the_digits_that_a_subtraction_loses(n):
    W, formula = metropolis(ring(n)), 4 / 3 * np.sin(np.pi / n) ** 2
    assert gap(W) == pytest.approx(formula, rel=1e-13)
    assert consensus_rate(W) == pytest.approx(formula * (2 - formula), rel=1e-13)
    assert consensus_rate(constant(W)) == consensus_rate(W)


def test_a_slow_ring_has_a_gap_below_rounding():
    """Weights of 1e-16: the gap is the Laplacian's, though 1 - slem is 0 by subtraction."""
    structure = operator("ring", agents=20)
    slow = structure.to_sparse() * 1e-15
    slow.setdiag(1 - 2e-15 / 3)
    formula = 1e-15 * 4 / 3 * np.sin(np.pi / 20) ** 2
    assert gap(slow) == pytest.approx(formula, rel=1e-12)
    assert gap(slow.toarray()) == pytest.approx(formula, rel=1e-12)


def test_the_gap_of_a_normal_directed_matrix_keeps_its_digits():
    n = 700
    W = (np.eye(n) + np.roll(np.eye(n), 1, axis=1)) / 2  # |λ_1| = cos(π/n)
    formula = 2 * np.sin(np.pi / (2 * n)) ** 2
    assert gap(W) == pytest.approx(formula, rel=1e-9)
    assert gap(csr_array(W)) == pytest.approx(formula, rel=1e-9)
    assert gap(operator("directed_circulant", agents=n, hops=1)) == pytest.approx(formula, rel=1e-12)


def test_the_gap_of_other_matrices_is_one_minus_slem():
    for W in (DIRECTED, DOUBLY, np.array([[2.0, -1.0], [-1.0, 2.0]]), np.eye(3)):
        assert gap(W) == pytest.approx(1 - slem(W), abs=1e-14)


def test_the_whole_spectrum_of_a_large_sparse_matrix_is_refused():
    large = operator("random_regular", agents=5000, degree=4, seed=0)
    with pytest.raises(OnemergeError, match="the whole spectrum of this csr_array needs a dense matrix; it has 5000"):
        eigenvalues(large)


@pytest.mark.parametrize("function", [eigenvalues, slem, gap, contraction, consensus_rate, mean_drift])
def test_sparse_matrices_whose_rows_do_not_sum_to_one_are_refused(function):
    with pytest.raises(OnemergeError, match=r"row 1 sums to 0\.75, 0\.25 away from 1"):
        function(csr_array([[0.5, 0.5], [0.5, 0.25]]))
