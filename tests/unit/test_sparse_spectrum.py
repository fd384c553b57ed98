"""Sparse routines against dense ones, Fourier transforms and closed forms; every method on the graphs it is for."""

import math
import time

import networkx as nx
import numpy as np
import pytest
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import eigsh

from theory import moduli
from theory.edge_forms import Edges, shape_of
from theory.errors import OnemergeError
from theory.lanczos import Clock, error_of, lanczos
from theory.mixing import complete_average, metropolis, mixing, uniform
from theory.operators import operator
from theory.sparse_ends import nearest
from theory.sparse_spectrum import moment_rate, sparse_contraction, sparse_gap, sparse_rate
from theory.spectrum import consensus_rate, contraction, gap, slem


def reference(structure):
    """1 - slem by the formulas of the structure."""
    loss = structure.losses().min()
    return loss / (1 + math.sqrt(1 - loss))


@pytest.mark.parametrize(
    ("name", "weights", "parameters", "method"),
    [
        ("ring", None, {"agents": 300}, "dense"),
        ("ring", None, {"agents": 5000}, "shift-invert"),
        ("path", None, {"agents": 100_000}, "shift-invert"),
        ("torus", None, {"rows": 60, "cols": 61}, "shift-invert"),
        ("grid", "max_degree", {"rows": 50, "cols": 71}, "shift-invert"),
        ("torus", None, {"rows": 24, "cols": 24}, "Lanczos"),
        ("hypercube", None, {"agents": 2**12}, "Lanczos"),
        ("hypercube", "lazy_metropolis", {"agents": 2**12}, "Lanczos"),
        ("symmetric_exponential", None, {"agents": 30_000}, "Lanczos"),
        ("complete", None, {"agents": 600}, "Lanczos"),
        ("exponential", None, {"agents": 2000}, "Lanczos on WᵀW"),
        ("exponential", None, {"agents": 2001}, "Lanczos on WᵀW"),
        ("directed_circulant", None, {"agents": 4000, "hops": [1, 2]}, "shift-invert on WᵀW"),
    ],
)
def test_sparse_gaps_have_eight_digits(name, weights, parameters, method):
    structure = operator(name, weights, **parameters)
    found = sparse_gap(structure.to_sparse())
    assert found.method == method
    assert found.value == pytest.approx(reference(structure), rel=1e-9)
    assert abs(found.value - reference(structure)) <= found.error + 1e-11 * found.value
    assert found.error <= 1e-6 * found.value
    assert found.seconds > 0


def test_the_lower_end_decides_where_it_is_nearer():
    """Self-weights near 0: 1 + λ_n is the gap, also where it is tiny and has to come from the inverse of I + W."""
    for n, method in ((61, "dense"), (2001, "shift-invert")):
        W = operator("ring", agents=n).to_sparse()
        W = csr_array(W * 1.5 - 0.5 * eye_array(n))  # 1/2 for each neighbor: cos(2πk/n), n odd
        found = sparse_gap(W)
        assert found.method == method
        assert found.value == pytest.approx(2 * math.sin(math.pi / (2 * n)) ** 2, rel=1e-9)
    expander = mixing(nx.random_regular_graph(4, 1000, seed=1), "metropolis", sparse=True)
    swapped = csr_array(expander * 1.25 - 0.25 * eye_array(1000))  # no self-weights, 1/4 for each of four neighbors
    values = np.linalg.eigvalsh(swapped.toarray())
    assert sparse_gap(swapped).value == pytest.approx(min(1 - values[-2], 1 + values[0]), rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "name", ["random_regular", "erdos_renyi", "watts_strogatz", "barabasi_albert", "star", "barbell"]
)
def test_irregular_graphs_against_a_dense_solver(name, seed):
    more = {
        "random_regular": {"degree": 4, "seed": seed},
        "erdos_renyi": {"probability": 0.02, "seed": seed},
        "watts_strogatz": {"degree": 4, "probability": 0.05, "seed": seed},
        "barabasi_albert": {"links": 2, "seed": seed},
    }
    W = operator(name, "metropolis", agents=600 + 50 * seed, **more.get(name, {}))
    values = np.linalg.eigvalsh(W.toarray())
    expected = min(1 - values[-2], 1 + values[0])
    assert sparse_gap(W).value == pytest.approx(expected, rel=1e-9, abs=1e-14)
    assert sparse_rate(W).value == pytest.approx(expected * (2 - expected), rel=1e-9, abs=1e-14)


def test_weak_links_keep_their_digits():
    """Two cliques joined by a link of weight w: 1 - λ_2 = 2w/k + O(w²) for cliques of k agents with W = J inside."""
    for k, w in ((4, 1e-11), (300, 1e-11)):
        W = np.kron(np.eye(2), np.full((k, k), 1 / k))
        W[0, k] = W[k, 0] = w
        W[0, 0] -= w
        W[k, k] -= w
        assert sparse_gap(csr_array(W)).value == pytest.approx(2 * w / k, rel=1e-9)
        assert gap(W) == pytest.approx(2 * w / k, rel=1e-9)


def test_the_error_says_what_several_nearly_equal_eigenvalues_cost():
    """Three cliques of k in a row by links w: distances of some w/k and 3w/k, which a dense solver cannot separate."""
    k = 4
    for w in (1e-9, 1e-11, 1e-13):
        W = np.kron(np.eye(3), np.full((k, k), 1 / k))
        for i, j in ((0, k), (k, 2 * k)):
            W[i, j] = W[j, i] = w
        np.fill_diagonal(W, 0)
        np.fill_diagonal(W, 1 - W.sum(axis=1))
        found = sparse_gap(csr_array(W))
        assert abs(found.value - w / k) <= found.error + 3 * w**2
        assert found.error <= (1e-9 if w > 1e-10 else 1e-2) * found.value


@pytest.mark.parametrize(
    ("W", "method"),
    [
        (eye_array(3), "3 components"),
        (csr_array(np.kron(np.eye(2), np.full((4, 4), 0.25))), "2 components"),
        (csr_array([[0.0, 1.0], [1.0, 0.0]]), "bipartite without self-weights"),
        (csr_array(operator("ring", agents=6).toarray() * 1.5 - 0.5 * np.eye(6)), "bipartite without self-weights"),
    ],
)
def test_no_gap_is_exactly_zero(W, method):
    found = sparse_gap(W)
    assert (found.value, found.error, found.method) == (0.0, 0.0, method)
    assert slem(W) == 1


def test_parts_with_negative_weights_may_have_less_than_no_gap():
    part = np.array([[-0.2, 1.2], [1.2, -0.2]])  # eigenvalues 1 and -1.4
    W = np.kron(np.eye(3), part)
    assert sparse_gap(csr_array(W)).value == pytest.approx(-0.4, abs=1e-14)
    assert gap(W) == pytest.approx(1 - slem(W), abs=1e-14)
    alone = np.kron(np.eye(2), [[1.2, -0.2], [-0.2, 1.2]])  # 1 and 1.4
    assert gap(alone) == pytest.approx(-0.4, abs=1e-14)
    lazy = np.kron(np.eye(2), metropolis(nx.path_graph(3)) * 1.6 - 0.6 * np.eye(3))  # negative, and no worse than 1
    assert sparse_gap(csr_array(lazy)).value == 0


def test_a_thin_graph_whose_matrix_reaches_beyond_one():
    n = 1000
    W = csr_array(operator("path", agents=n).to_sparse() * 2 - eye_array(n))  # 1/3 -> 2/3: λ from -5/3 to 1
    assert sparse_gap(W).value == pytest.approx(2 - 8 / 3 * math.cos(math.pi / (2 * n)) ** 2, rel=1e-9)
    bent = operator("path", agents=n).to_sparse().tolil()
    for i, j, more in ((500, 501, -1.0), (501, 500, -1.0), (500, 500, 1.0), (501, 501, 1.0)):
        bent[i, j] += more  # one link of weight -2/3: λ_2 > 1
    bent = csr_array(bent)
    assert sparse_gap(bent).value == pytest.approx(
        1 - np.abs(np.linalg.eigvalsh(bent.toarray() - 1 / n)).max(), rel=1e-9
    )


@pytest.mark.parametrize("seed", range(40))
def test_random_weights_against_a_dense_solver(seed):
    """Some weights negative, some graphs in parts; |λ| beyond 1 is no fault. Lanczos finds them too, at any size."""
    generator = np.random.default_rng(seed)
    n = int(generator.integers(4, 40))
    A = np.triu((generator.random((n, n)) < generator.choice([0.1, 0.3, 0.7])) * generator.normal(0.3, 0.4, (n, n)), 1)
    A = (A + A.T) / max(np.abs(A + A.T).sum(axis=1).max(), 1e-9) * generator.choice([0.4, 1.0])
    W = A + np.diag(1 - A.sum(axis=1))
    expected = 1 - np.abs(np.linalg.eigvalsh(W - complete_average(n))).max()
    assert gap(W) == pytest.approx(expected, abs=1e-13)
    if W.min() >= 0 or not np.allclose(W, np.eye(n)):
        ends, _ = lanczos(lambda x: W @ x, n, lambda *ends: False, Clock(), keep=True)
        found = min(1 - ends[0].value, 1 + ends[1].value)
        assert found == pytest.approx(min(expected, found), abs=1e-12)
        assert found >= expected - 1e-12


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_smallest_sizes(n):
    for W in (operator("path", agents=n).to_sparse(), operator("exponential", agents=n).to_sparse(), eye_array(n)):
        dense = W.toarray()
        assert sparse_gap(W).value == pytest.approx(1 - slem(dense), abs=1e-15)
        assert sparse_rate(W).value == pytest.approx(consensus_rate(dense), abs=1e-15)
        assert sparse_contraction(W).value == pytest.approx(contraction(dense), abs=1e-15)


def directed(n, seed):
    """(row-stochastic, doubly stochastic): neither is symmetric or normal."""
    generator = np.random.default_rng(seed)
    graph = nx.DiGraph([(i, (i + 1) % n) for i in range(n)] + generator.integers(0, n, (4 * n, 2)).tolist())
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    shares = generator.dirichlet(np.ones(4))
    doubly = sum(w * np.eye(n)[generator.permutation(n)] for w in shares[:3]) + shares[3] * np.eye(n)
    return uniform(graph), doubly


@pytest.mark.parametrize("n", [5, 30, 450])
def test_directed_matrices_against_singular_values(n):
    for W in directed(n, seed=n):
        assert np.abs(W - W.T).max() > 0.1
        J, sparse = complete_average(n), csr_array(W)
        singular = np.linalg.svd(W - J, compute_uv=False)[0]
        about_new_mean = np.linalg.svd((np.eye(n) - J) @ W @ (np.eye(n) - J), compute_uv=False)[0]
        modulus = np.abs(np.linalg.eigvals(W - J)).max()
        assert sparse_contraction(sparse).value == pytest.approx(singular, abs=1e-9)
        assert sparse_rate(sparse).value == pytest.approx(1 - about_new_mean**2, abs=1e-9)
        assert sparse_gap(sparse).value == pytest.approx(1 - modulus, abs=1e-9)
        assert slem(sparse) == pytest.approx(modulus, abs=1e-9)
        assert modulus < singular - 1e-3


def permuted(n, shares, seed):
    """Doubly stochastic mean of permutations, not normal: with two shares most eigenvalues crowd at one modulus."""
    generator = np.random.default_rng(seed)
    return sum(share * np.eye(n)[generator.permutation(n)] for share in shares)


@pytest.mark.parametrize("n", [450, 500])
def test_moduli_that_crowd_together_do_not_hide_the_largest(n):
    """One eigenvalue sought alone, Arnoldi's method came to the second modulus, and reported an error of 1e-12."""
    W = permuted(n, (0.9, 0.1), seed=0)
    modulus = np.abs(np.linalg.eigvals(W - complete_average(n))).max()
    assert sparse_gap(csr_array(W)).value == pytest.approx(1 - modulus, rel=1e-9)


@pytest.mark.parametrize("shares", [(0.7, 0.3), (0.5, 0.3, 0.2), (0.4, 0.3, 0.2, 0.1)])
def test_arnoldi_says_how_far_it_may_be_off(shares, monkeypatch):
    monkeypatch.setattr(moduli.largest_modulus, "__defaults__", (0,))
    for seed in range(2):
        W = permuted(500, shares, seed)
        modulus = np.abs(np.linalg.eigvals(W - complete_average(500))).max()
        found = sparse_gap(csr_array(W))
        assert found.method == "Arnoldi"
        assert abs(found.value - (1 - modulus)) <= found.error + 1e-12
        assert found.error <= 1e-2


def test_agents_that_agree_at_once_have_the_whole_gap(monkeypatch):
    """All hear agent 0: W - J has a defective eigenvalue 0, W on deviations is 0."""
    W = np.zeros((6, 6))
    W[:, 0] = 1
    assert slem(W) == 0
    assert gap(W) == sparse_gap(csr_array(W)).value == 1
    monkeypatch.setattr(moduli.largest_modulus, "__defaults__", (0,))
    assert sparse_gap(csr_array(W)).value == 1


@pytest.mark.parametrize("n", [2, 3, 12, 450])
def test_a_chain_of_followers_has_the_eigenvalues_of_its_diagonal(n, monkeypatch):
    """Agent 0 hears nobody and i hears i - 1: one Jordan block, of which a dense solver of W - J makes 0.96 at 450."""
    W = (np.eye(n) + np.eye(n, k=-1)) / 2
    W[0, 0] = 1
    order = np.random.default_rng(n).permutation(n)
    for M in (W, W[order][:, order]):
        assert slem(M) == slem(csr_array(M)) == 0.5
        assert gap(M) == 0.5


def test_eigenvalues_come_class_by_class():
    """A closed class, a class that hears it, and a follower of both; then two closed classes."""
    closed = np.roll(np.eye(5), 1, axis=1) * 0.3 + np.eye(5) * 0.7
    middle = np.array([[0.5, 0.3, 0.0], [0.0, 0.4, 0.6], [0.7, 0.2, 0.1]])
    W = np.zeros((9, 9))
    W[:5, :5], W[5:8, 5:8], W[5, 0] = closed, middle, 0.2
    W[8, [0, 5, 8]] = 0.25, 0.5, 0.25
    inner, outer = np.sort(np.abs(np.linalg.eigvals(closed)))[-2], np.abs(np.linalg.eigvals(middle)).max()
    assert inner < outer
    assert slem(W) == pytest.approx(outer, abs=1e-14)
    assert slem(W) == pytest.approx(np.sort(np.abs(np.linalg.eigvals(W)))[-2], abs=1e-13)
    W[5, [0, 5]] = 0.45, 0.25
    W[7, [5, 8 - 1]] = 0.0, 0.8
    assert slem(W) == pytest.approx(np.sort(np.abs(np.linalg.eigvals(W)))[-2], abs=1e-13)
    W[8] = np.eye(9)[8]
    assert slem(W) == 1
    assert gap(W) == sparse_gap(csr_array(W)).value == 0
    W[8, [7, 8]] = -0.4, 1.4
    assert slem(W) == pytest.approx(1.4, abs=1e-14)


def test_the_error_of_a_dense_solver_follows_the_condition_of_the_eigenvalue():
    basis = np.linalg.qr(np.column_stack([np.ones(9), np.random.default_rng(0).normal(size=(9, 8))]))[0][:, 1:]
    jordan = complete_average(9) + basis @ (0.5 * np.eye(8) + 0.3 * np.eye(8, k=1)) @ basis.T
    for W, worst in ((jordan, 1.0), (directed(30, 0)[0], 1e-12)):
        found = sparse_gap(csr_array(W))
        exact = 0.5 if W is jordan else 1 - np.sort(np.abs(np.linalg.eigvals(W)))[-2]
        assert abs(found.value - exact) <= found.error <= worst
    assert sparse_gap(csr_array(jordan)).error > 1e-6


def test_a_matrix_that_is_normal_but_for_rounding_has_the_gap_of_its_eigenvalues():
    """[[1 - g, e], [0, 1 - g]] on two deviations, e² below rounding: the norm is 1 - g + e/2 and misses g by e/2."""
    basis = np.linalg.qr(np.column_stack([np.ones(4), np.random.default_rng(0).normal(size=(4, 3))]))[0][:, 1:]
    g, e = 1e-6, 2e-8
    W = complete_average(4) + basis @ [[1 - g, e, 0], [0, 1 - g, 0], [0, 0, 0.3]] @ basis.T
    assert np.abs(W @ W.T - W.T @ W).max() < 1e-15
    assert consensus_rate(W) == pytest.approx(2 * g - e, rel=1e-3)
    assert gap(W) == pytest.approx(g, rel=1e-4)
    assert sparse_gap(csr_array(W)).value == pytest.approx(g, rel=1e-4)


def test_moment_rate_is_the_smallest_eigenvalue_of_the_laplacian():
    W = directed(50, seed=2)[1]
    expected = 1 - np.linalg.eigvalsh(W.T @ W)[-2]
    assert moment_rate(W.T @ W).value == pytest.approx(expected, rel=1e-12)
    assert moment_rate(csr_array(W.T @ W)).value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("agents", [2, 3, 50, 700])
def test_either_end_may_be_asked_for_alone(agents):
    for W in (operator("path", agents=agents).to_sparse(), operator("barbell", agents=agents)):
        values = np.linalg.eigvalsh(W.toarray())
        assert nearest(W, (-1,), Clock()).value == pytest.approx(1 - values[-2], rel=1e-8)
        assert nearest(W, (1,), Clock()).value == pytest.approx(1 + values[0], rel=1e-8)
    with pytest.raises(OnemergeError, match="the agents form 3 components; the other end of the spectrum needs one"):
        nearest(csr_array(eye_array(3)), (1,), Clock())


def test_quotients_are_the_quadratic_forms():
    W = csr_array(metropolis(nx.path_graph(9)) * 1.1 - 0.1 * np.eye(9))
    edges, x = Edges.of(W), np.random.default_rng(0).standard_normal(9)
    for sign in (-1, 1):
        form = np.eye(9) + sign * W.toarray()
        np.testing.assert_allclose(edges.applied(x, sign), form @ x, atol=1e-15)
        assert edges.quotient(x, sign) == pytest.approx(x @ form @ x / (x @ x), rel=1e-13)


def test_lanczos_finds_both_ends_and_their_vectors():
    M = np.random.default_rng(3).standard_normal((60, 60))
    M = (M + M.T) / 2
    deviations = np.eye(60) - complete_average(60)
    expected = np.sort(np.linalg.eigvalsh(deviations @ M @ deviations))
    for keep in (False, True):
        ends, vector = lanczos(
            lambda x: M @ x, 60, lambda up, low: max(up.residual, low.residual) < 1e-9, Clock(), keep=keep
        )
        for end, value in zip(ends, (expected[-1], expected[0]), strict=True):
            assert end.value == pytest.approx(value, abs=1e-9)
            x = vector(end)
            assert abs(x.sum()) < 1e-10
            assert np.linalg.norm(deviations @ M @ x - end.value * x) < 1e-7
            assert abs(end.value - value) <= end.residual + 1e-12


def test_errors_follow_kato_and_temple():
    assert error_of(1e-3, np.array([0.1, 0.2])) == pytest.approx(1e-5)
    assert error_of(1e-3, np.array([1e-9, 0.2])) == pytest.approx(1e-9 + 5e-6)  # a cluster of two
    assert error_of(1e-3, np.empty(0)) == 1e-3
    assert error_of(1e-3, np.array([1e-4])) == 1e-3  # no better than the residual


def test_thin_graphs_are_told_from_expanders():
    for name, parameters, thin in (
        ("ring", {"agents": 3000}, True),
        ("path", {"agents": 3000}, True),
        ("binary_tree", {"agents": 3000}, True),
        ("grid", {"rows": 50, "cols": 60}, True),
        ("random_regular", {"agents": 3000, "degree": 4, "seed": 0}, False),
        ("hypercube", {"agents": 2**11}, False),
        ("star", {"agents": 3000}, True),
    ):
        W = operator(name, "max_degree", **parameters)
        W = W if isinstance(W, csr_array) else W.to_sparse()
        assert shape_of(W)[0] == thin, name
    grid = operator("grid", "max_degree", rows=50, cols=60).to_sparse()
    assert 10 * 25**3 < shape_of(grid)[1] < 10 * 61**3


def test_a_time_limit_is_kept_and_said():
    expander = operator("random_regular", agents=60_000, degree=4, seed=1)
    started = time.perf_counter()
    with pytest.raises(OnemergeError, match=r"no result within the time limit of 0\.05 s: Lanczos came to step"):
        sparse_gap(expander, time_limit=0.05)
    assert time.perf_counter() - started < 5
    with pytest.raises(OnemergeError, match=r"no result within the time limit of 0\.05 s"):
        gap(expander, time_limit=0.05)


def test_scipy_agrees_on_an_expander():
    W = operator("random_regular", agents=5000, degree=4, seed=5)
    values = eigsh(W, k=2, which="LA", ncv=60, tol=0, return_eigenvectors=False)
    found = sparse_gap(W)
    assert found.method == "Lanczos"
    assert found.value == pytest.approx(1 - values.min(), rel=1e-9)


@pytest.mark.parametrize("function", [sparse_gap, sparse_rate, sparse_contraction])
def test_rows_that_do_not_sum_to_one_are_refused(function):
    with pytest.raises(OnemergeError, match=r"row 1 sums to 0\.75, 0\.25 away from 1"):
        function(csr_array([[0.5, 0.5], [0.5, 0.25]]))
