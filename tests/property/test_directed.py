"""Directed weights, each against a slow twin: sums, Sinkhorn's limit, Perron vectors in fractions, push-sum by hand."""

from fractions import Fraction
from itertools import permutations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, random_array

from theory.directed import EXACT, column_stochastic, perron, push_sum, push_sum_rate, scaled, sinkhorn
from theory.edges import links_of
from theory.errors import OnemergeError
from theory.graphs import complete, exponential, path, ring, star
from theory.mixing import check_mixing, lazy, mixing, uniform
from theory.spectrum import slem

TRIANGLE = nx.DiGraph([(0, 1), (1, 2), (2, 0), (0, 2)])  # 2 hears 1 and 0, 1 hears 0, 0 hears 2


def sentence(call):
    with pytest.raises(OnemergeError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


@st.composite
def strong_digraphs(draw, largest=8):
    """A directed cycle through all agents, in random order, and some more edges."""
    n = draw(st.integers(1, largest))
    order = draw(st.permutations(range(n)))
    graph = nx.DiGraph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from((order[i], order[(i + 1) % n]) for i in range(n) if n > 1)
    more = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=10))
    graph.add_edges_from((i, j) for i, j in more if i != j)
    return graph


def slow_sinkhorn(A, sweeps=200_000):
    W = np.array(A, dtype=float)
    for _ in range(sweeps):
        W = W / W.sum(axis=0)
        W = W / W.sum(axis=1, keepdims=True)
        if np.abs(W.sum(axis=0) - 1).max() < 1e-14:
            break
    return W


def slow_perron(W):
    """π by Gaussian elimination in fractions of the floats of W, its rows made to sum to 1 exactly."""
    n = len(W)
    exact = [[Fraction(float(x)) for x in row] for row in W]
    exact = [[x / sum(row) for x in row] for row in exact]
    system = [[exact[j][i] - (i == j) for j in range(n)] + [Fraction(0)] for i in range(n)]
    system[-1] = [Fraction(1)] * (n + 1)
    for k in range(n):
        pivot = next(i for i in range(k, n) if system[i][k] != 0)
        system[k], system[pivot] = system[pivot], system[k]
        system[k] = [x / system[k][k] for x in system[k]]
        for i in range(n):
            if i != k:
                system[i] = [x - system[i][k] * y for x, y in zip(system[i], system[k], strict=True)]
    return np.array([float(row[-1]) for row in system])


def test_each_sender_splits_equally():
    P = column_stochastic(TRIANGLE)
    third = 1 / 3
    np.testing.assert_array_equal(P, [[third, 0, 1 / 2], [third, 1 / 2, 0], [third, 1 / 2, 1 / 2]])
    np.testing.assert_array_equal(column_stochastic(links_of(TRIANGLE), sparse=True).toarray(), P)
    np.testing.assert_array_equal(column_stochastic(star(4)), uniform(star(4)).T)
    np.testing.assert_array_equal(column_stochastic(exponential(6)), uniform(exponential(6)))
    assert column_stochastic(path(1)) == [[1.0]]


@settings(max_examples=60, deadline=None)
@given(strong_digraphs())
def test_sinkhorn_is_doubly_stochastic_on_the_edges_and_unique(graph):
    W, n = sinkhorn(graph), len(graph)
    np.testing.assert_allclose(W.sum(axis=0), 1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(W.sum(axis=1), 1, rtol=0, atol=1e-12)
    heard = nx.to_numpy_array(graph, nodelist=range(n)).T + np.eye(n)
    np.testing.assert_array_equal(W > 0, heard > 0)
    np.testing.assert_allclose(W, slow_sinkhorn(heard), rtol=0, atol=1e-9)
    np.testing.assert_allclose(mixing(graph, "sinkhorn", sparse=True).toarray(), W, rtol=0, atol=1e-15)
    assert check_mixing(W).valid


def test_sinkhorn_of_named_graphs():
    for n in (1, 2, 3, 7):
        np.testing.assert_allclose(sinkhorn(complete(n)), 1 / n, rtol=0, atol=1e-12)
        np.testing.assert_allclose(sinkhorn(ring(n)), uniform(ring(n)), rtol=0, atol=1e-12)
        np.testing.assert_allclose(sinkhorn(exponential(n)), uniform(exponential(n)), rtol=0, atol=1e-12)
    W = sinkhorn(TRIANGLE)
    logs = {(i, j): np.log(W[i, j]) for i in range(3) for j in range(3) if W[i, j]}
    rectangle = logs[0, 0] + logs[2, 2] - logs[0, 2] - logs[2, 0]  # 0 for D_1 A D_2
    assert rectangle == pytest.approx(0, abs=1e-12)


def test_factors_that_no_sum_sees_do_not_drift():
    graph = nx.DiGraph([(0, 2), (1, 0), (1, 3), (2, 3), (2, 0), (2, 1), (3, 1), (3, 2)])
    two = nx.disjoint_union(
        graph, nx.disjoint_union(TRIANGLE, nx.empty_graph(1, nx.DiGraph))
    )  # a factor each for three blocks
    for each in (graph, two):
        W = sinkhorn(each)
        np.testing.assert_allclose(W.sum(axis=0), 1, rtol=0, atol=EXACT)
        np.testing.assert_allclose(W, slow_sinkhorn(W > 0), rtol=0, atol=1e-11)


def test_newton_ends_where_sinkhorns_sweeps_would_take_thousands():
    n = 400  # the sweeps shrink the error by slem² each, here by 1 - 4e-4
    graph = nx.DiGraph([(i, (i + 1) % n) for i in range(n)] + [(7, 3), (90, 20)])
    W = sinkhorn(graph)
    assert slem(W) ** 2 > 0.999
    np.testing.assert_allclose(W.sum(axis=0), 1, rtol=0, atol=EXACT)
    np.testing.assert_allclose(W.sum(axis=1), 1, rtol=0, atol=EXACT)


def test_scaling_keeps_zeros_and_ratios_for_matrices_of_many_sizes():
    generator = np.random.default_rng(0)
    for n in (1, 2, 3, 6, 40):
        A = np.exp(4 * generator.standard_normal((n, n))) * ((generator.random((n, n)) < 0.5) | np.eye(n, dtype=bool))
        A[np.arange(n), (np.arange(n) + 1) % n] += 0.5  # strongly connected, with the diagonal
        W = scaled(A)
        np.testing.assert_allclose(W.sum(axis=0), 1, rtol=0, atol=1e-12)
        np.testing.assert_allclose(W.sum(axis=1), 1, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(W > 0, A > 0)
        rows, columns = np.nonzero(A)
        factors = np.zeros((len(rows), 2 * n))
        factors[np.arange(len(rows)), rows] = factors[np.arange(len(rows)), n + columns] = 1
        ratio = np.log(W[rows, columns] / A[rows, columns])
        found = np.linalg.lstsq(factors, ratio, rcond=None)[0]  # log D_1 and log D_2
        np.testing.assert_allclose(factors @ found, ratio, rtol=0, atol=1e-10)
        np.testing.assert_allclose(scaled(csr_array(A)).toarray(), W, rtol=0, atol=1e-15)


def test_a_large_sparse_matrix_is_scaled():
    n = 20_000
    A = random_array((n, n), density=4 / n, rng=np.random.default_rng(0), format="csr")
    A = csr_array(A + csr_array((np.ones(2 * n), (np.tile(np.arange(n), 2), np.r_[0:n, 1:n, 0])), shape=(n, n)))
    W = scaled(A)
    assert np.abs(W.sum(axis=0) - 1).max() <= EXACT
    assert np.abs(W.sum(axis=1) - 1).max() <= EXACT
    assert W.nnz == A.nnz


def on_a_diagonal(A):
    """Whether each entry lies on a positive diagonal, by all permutations."""
    found = np.zeros(A.shape, dtype=bool)
    for order in permutations(range(len(A))):
        if all(A[i, j] for i, j in enumerate(order)):
            found[np.arange(len(A)), order] = True
    return found


def test_support_is_judged_as_by_all_permutations():
    generator, outcomes = np.random.default_rng(3), {"no diagonal": 0, "not all": 0, "all": 0}
    for _ in range(400):
        n = int(generator.integers(1, 6))
        A = (generator.random((n, n)) < 0.55).astype(float)
        covered = on_a_diagonal(A)
        if not covered.any():
            assert "no permutation has positive entries only" in sentence(lambda A=A: scaled(A))
            outcomes["no diagonal"] += 1
        elif (covered < (A > 0)).any():
            text = sentence(lambda A=A: scaled(A))
            i, j = (int(x) for x in text[text.index("[") + 1 : text.index("]")].split(","))
            assert A[i, j] > 0
            assert not covered[i, j]
            assert f"the edge {j} -> {i}, " in text
            outcomes["not all"] += 1
        else:
            W = scaled(A)
            np.testing.assert_allclose(W.sum(axis=0), 1, rtol=0, atol=1e-12)
            np.testing.assert_array_equal(W > 0, A > 0)
            outcomes["all"] += 1
    assert min(outcomes.values()) > 40


def test_an_edge_on_no_cycle_is_named():
    graph = nx.DiGraph([(0, 1), (1, 0), (1, 2), (2, 3), (3, 2)])
    text = sentence(lambda: sinkhorn(graph))
    assert "the edge 1 -> 2 lies on no directed cycle" in text
    np.testing.assert_allclose(sinkhorn(nx.DiGraph([(0, 1), (1, 0), (2, 3), (3, 2)])).sum(axis=0), 1, atol=1e-12)


@pytest.mark.parametrize(
    ("A", "words"),
    [
        ([[0.5, 0.5], [-0.25, 1]], "entry [1, 0] is -0.25"),
        ([[0.5, np.nan], [1, 1]], "entry [0, 1] of the matrix is nan"),
        ([[1, np.inf], [1, 1]], "entry [0, 1] of the matrix is inf"),
        (np.ones((2, 3)), "shape (2, 3)"),
        ([], "shape (0,)"),
        ([[0.0]], "row 0 stays unmatched"),
        ([["a"]], "not an array of real numbers"),
    ],
)
def test_matrices_that_cannot_be_scaled_are_named(A, words):
    assert words in sentence(lambda: scaled(A))


@settings(max_examples=60, deadline=None)
@given(strong_digraphs(), st.integers(0, 1000))
def test_perron_vectors_agree_with_fractions(graph, seed):
    n = len(graph)
    W = uniform(graph) * np.exp(3 * np.random.default_rng(seed).standard_normal((n, n)))
    W /= W.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(perron(W), slow_perron(W), rtol=1e-11)
    np.testing.assert_allclose(
        np.linalg.matrix_power(lazy(uniform(graph)), 2**14), np.tile(perron(uniform(graph)), (n, 1))
    )


def test_perron_vectors_keep_their_digits_where_groups_hardly_hear_each_other():
    few = 1e-14
    W = np.array([[1 - few, few, 0], [2 * few, 1 - 3 * few, few], [0, 0.5, 0.5]])
    np.testing.assert_allclose(perron(W), np.array([2, 1, 2 * few]) / (3 + 2 * few), rtol=1e-12)


def test_perron_vectors_of_named_graphs():
    for n in (1, 2, 3, 8):
        np.testing.assert_allclose(perron(uniform(ring(n))), 1 / n, rtol=1e-14)
    degrees = np.array([7, *[1] * 7])
    np.testing.assert_allclose(perron(uniform(star(8))), (1 + degrees) / (1 + degrees).sum(), rtol=1e-14)
    np.testing.assert_array_equal(perron([[1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]]), [1, 0, 0])  # 0 hears nobody
    text = sentence(lambda: perron(np.eye(2)))
    assert "2 groups of agents hear nobody outside of their own" in text
    assert "weight [0, 1] is -0.5" in sentence(lambda: perron([[1.5, -0.5], [0, 1]]))
    assert "rows of a mixing matrix must sum to 1" in sentence(lambda: perron(column_stochastic(TRIANGLE)))


def test_dsgd_on_a_row_stochastic_matrix_minimizes_the_perron_mean():
    W, b = uniform(TRIANGLE), np.array([1.0, -2.0, 5.0])  # f_i(x) = (x - b_i)²/2
    limit = perron(W) @ b
    assert abs(limit - b.mean()) > 0.1
    gaps = []
    for lr in (1e-2, 1e-3, 1e-4):
        x = np.linalg.solve(np.eye(3) - (1 - lr) * W, lr * W @ b)  # x = W (x - lr (x - b))
        gaps.append(np.abs(x - limit).max())
    np.testing.assert_allclose(np.log10(np.divide(gaps[:-1], gaps[1:])), 1, atol=0.05)


@settings(max_examples=40, deadline=None)
@given(strong_digraphs(), st.integers(0, 1000))
def test_push_sum_tends_to_the_exact_mean_along_the_perron_vector(graph, seed):
    x, n = np.random.default_rng(seed).standard_normal((len(graph), 2)), len(graph)
    state, P = push_sum(x), column_stochastic(graph)
    rounds = int(40 / -np.log(max(push_sum_rate(P), 1e-9))) + n
    for _ in range(min(rounds, 3000)):
        state = state.round(P)
        np.testing.assert_allclose(state.mean, x.mean(axis=0), rtol=0, atol=1e-11)
        assert (state.w > 0).all()
    np.testing.assert_allclose(state.estimates, np.tile(x.mean(axis=0), (n, 1)), rtol=0, atol=1e-10)
    right = perron(P.T)  # P φ = φ
    np.testing.assert_allclose(P @ right, right, rtol=0, atol=1e-15)
    np.testing.assert_allclose(state.w, n * right, rtol=1e-9)
    np.testing.assert_allclose(state.x, np.outer(right, x.sum(axis=0)), rtol=0, atol=1e-10)


def test_the_error_of_push_sum_falls_at_its_rate():
    graph = nx.DiGraph([(i, (i + 1) % 9) for i in range(9)] + [(0, 4), (5, 2)])
    P, state = column_stochastic(graph), push_sum(np.random.default_rng(0).standard_normal(9))
    errors = []
    for _ in range(120):
        state = state.round(P)
        errors.append(np.abs(state.estimates - state.mean).max())
    slope = np.polyfit(np.arange(20, 120), np.log(errors[20:]), 1)[0]
    assert slope == pytest.approx(np.log(push_sum_rate(P)), rel=0.02)
    assert push_sum_rate(P) == pytest.approx(slem(P.T), abs=1e-12)


def test_push_sum_by_hand_and_over_changing_graphs():
    there, back = [[0.5, 0, 0], [0.5, 1, 0], [0, 0, 1]], [[1, 0, 0.5], [0, 0.5, 0], [0, 0.5, 0.5]]
    state = push_sum([4.0, 0.0, 2.0]).round(there)
    np.testing.assert_array_equal(state.x, [2, 2, 2])
    np.testing.assert_array_equal(state.w, [0.5, 1.5, 1])
    np.testing.assert_array_equal(state.estimates, [4, 4 / 3, 2])
    rate = push_sum_rate(there, back)  # neither alone links all agents
    assert rate == pytest.approx(np.sort(np.abs(np.linalg.eigvals(np.array(back) @ there)))[-2], abs=1e-12)
    for _ in range(60):
        state = state.round(back).round(csr_array(there))
    np.testing.assert_allclose(state.estimates, 2, rtol=0, atol=1e-12)
    plain = np.array([4.0, 0, 2])
    for _ in range(60):
        plain = np.array(back) @ there @ plain
    assert np.ptp(plain) > 0.5  # without the weights there is no agreement


def test_random_column_stochastic_rounds_reach_the_mean():
    generator, m = np.random.default_rng(5), 12
    x = generator.standard_normal((m, 2, 3))
    state = push_sum(x)
    for _ in range(200):
        P = np.eye(m)
        P[generator.integers(0, m, m), np.arange(m)] += 1  # one receiver each, maybe oneself
        state = state.round(P / P.sum(axis=0))
    np.testing.assert_allclose(state.estimates, np.broadcast_to(x.mean(axis=0), x.shape), rtol=0, atol=1e-10)


def test_bad_push_sums_are_named():
    state = push_sum([1.0, 2.0])
    assert "column 0 sums to 1.5" in sentence(lambda: state.round([[1, 0.5], [0.5, 0.5]]))
    assert "weight [0, 1] is -0.5" in sentence(lambda: state.round([[1, -0.5], [0, 1.5]]))
    assert "3 agents and the values have 2" in sentence(lambda: state.round(np.eye(3)))
    assert "agent 1 keeps nothing and receives nothing" in sentence(lambda: state.round([[1, 1], [0, 0]]))
    assert "shape (1, 2)" in sentence(lambda: state.round([[1, 0]]))
    assert "entry [0, 0] of the matrix is nan" in sentence(lambda: state.round([[np.nan, 0], [0, 1]]))
    assert "not finite" in sentence(lambda: push_sum([1.0, np.inf]))
    assert "shape ()" in sentence(lambda: push_sum(1.0))
    assert "at least one" in sentence(push_sum_rate)
