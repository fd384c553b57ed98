"""Fastest mixing: what is returned is feasible, what is claimed is proved, and closed forms are met or beaten."""

import sys

import networkx as nx
import numpy as np
import pytest
from scipy.optimize import minimize

import theory.fastest as module
from theory.edges import links_of
from theory.errors import OnemergeError
from theory.fastest import CLOSE, LARGEST_AGENTS, LARGEST_EDGES, fastest, fdla, fmmc, lower_bound
from theory.graphs import (
    barbell,
    binary_tree,
    complete,
    connected,
    erdos_renyi,
    grid,
    hypercube,
    lollipop,
    path,
    random_geometric,
    ring,
    star,
    torus,
    watts_strogatz,
)
from theory.mixing import best_constant, max_degree, metropolis
from theory.spectrum import slem

GEOMETRIC = random_geometric(60, 0.25, 0)
RANDOM = erdos_renyi(64, 0.1, 0)
SMALL = [grid(2, 3), lollipop(7, 4), barbell(8), binary_tree(10), watts_strogatz(16, 4, 0.3, 1)]


def sentence(call):
    with pytest.raises(OnemergeError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


def assert_feasible(graph, found, nonnegative):
    W, n = found.W, len(graph)
    np.testing.assert_array_equal(W, W.T)
    np.testing.assert_allclose(W.sum(axis=1), 1, rtol=0, atol=4e-16 * n)
    linked = nx.to_numpy_array(graph, nodelist=range(n), weight=None) + np.eye(n)
    assert not W[linked == 0].any()
    assert not nonnegative or W.min() >= 0
    assert found.upper == pytest.approx(slem(W), abs=1e-14)
    assert 0 <= found.lower <= found.upper
    assert found.width == found.upper - found.lower


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize("graph", [GEOMETRIC, RANDOM, grid(8, 8), *SMALL])
def test_the_optimum_is_enclosed_to_eight_digits(graph, nonnegative):
    assert connected(graph)
    found = fastest(graph, nonnegative)
    assert_feasible(graph, found, nonnegative)
    assert found.width < 1e-8
    assert found.upper <= min(slem(metropolis(graph)), slem(max_degree(graph)))
    assert nonnegative or found.upper <= slem(best_constant(graph))


def test_a_geometric_graph_of_60_agents_is_solved_for_both_kinds():
    signed, chain = fastest(GEOMETRIC), fastest(GEOMETRIC, nonnegative=True)
    assert signed.upper < chain.lower  # negative weights help, and this is proved
    assert signed.W.min() < 0
    assert signed.found_by == chain.found_by == "interior"
    assert signed.upper < slem(best_constant(GEOMETRIC)) - 1e-3


@pytest.mark.parametrize(
    ("graph", "value"),
    [
        (path(8), 0.92388),
        (ring(8), 0.744521),
        (grid(3, 3), 0.692551),
        (grid(4, 4), 0.824389),
        (star(8), 0.777778),
    ],
)
def test_spot_values(graph, value):
    found = fastest(graph)
    assert found.lower == pytest.approx(value, abs=5e-6)
    assert found.upper == pytest.approx(value, abs=5e-6)


@pytest.mark.parametrize(
    "graph",
    [ring(3), ring(7), ring(64), hypercube(16), torus(4, 4), star(9), complete(6), nx.complete_bipartite_graph(3, 5)],
)
def test_where_all_edges_are_alike_the_best_constant_is_the_optimum(graph, monkeypatch):
    monkeypatch.setattr(module, "interior_points", lambda *_: pytest.fail("the closed form needs no solver"))
    found = fastest(graph)
    assert_feasible(graph, found, False)
    assert found.found_by == "best_constant"
    assert found.width < CLOSE
    np.testing.assert_allclose(found.W, best_constant(graph), rtol=0, atol=1e-15)


@pytest.mark.parametrize("n", [2, 3, 4, 9, 32])
def test_a_path_mixes_fastest_with_weights_of_one_half(n):
    for nonnegative in (False, True):  # Boyd, Diaconis, Parrilo and Xiao, SIAM J. Optimization 20, 2009
        found = fastest(path(n), nonnegative)
        assert found.upper == pytest.approx(np.cos(np.pi / n), abs=1e-12)
        assert found.width < CLOSE
        np.testing.assert_allclose(np.diagonal(found.W, 1), 1 / 2, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", [4, 8, 20])
def test_a_star_needs_negative_weights(n):
    assert fastest(star(n)).upper == pytest.approx((n - 1) / (n + 1), abs=1e-12)
    chain = fastest(star(n), nonnegative=True)  # leaves at 1/(n - 1) each, the center keeps nothing
    assert chain.lower == pytest.approx((n - 2) / (n - 1), abs=1e-8)
    assert chain.upper == pytest.approx((n - 2) / (n - 1), abs=1e-8)
    assert chain.W[0, 0] < 1e-6
    assert_feasible(star(n), chain, True)


@pytest.mark.parametrize("nonnegative", [False, True])
def test_one_two_and_three_agents(nonnegative):
    for n in (1, 2, 3):
        found = fastest(complete(n), nonnegative)
        assert_feasible(complete(n), found, nonnegative)
        np.testing.assert_allclose(found.W, np.full((n, n), 1 / n), rtol=0, atol=1e-14)
        assert (found.lower, found.upper) == (0, pytest.approx(0, abs=1e-14))


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize("graph", SMALL)
def test_another_solver_comes_to_the_same_interval(graph, nonnegative):
    pytest.importorskip("cvxpy")
    own, other = fastest(graph, nonnegative), fastest(graph, nonnegative, solver="CLARABEL")
    assert_feasible(graph, other, nonnegative)
    assert max(own.lower, other.lower) <= min(own.upper, other.upper)
    assert other.width < 1e-6
    assert own.upper == pytest.approx(other.upper, abs=1e-7)


def test_a_plain_search_finds_nothing_better():
    graph = lollipop(5, 3)
    edges, found = np.array(graph.edges), fastest(graph)

    def rate(w):
        W = np.zeros((5, 5))
        W[edges[:, 0], edges[:, 1]] = W[edges[:, 1], edges[:, 0]] = w
        return slem(W + np.diag(1 - W.sum(axis=1)))

    starts = np.random.default_rng(0).uniform(0, 0.5, (6, len(edges)))
    options = {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 4000}
    best = min(minimize(rate, start, method="Nelder-Mead", options=options).fun for start in starts)
    assert best >= found.lower
    assert best == pytest.approx(found.upper, abs=1e-3)


def test_the_lower_bound_holds_for_any_proposal():
    generator, reached = np.random.default_rng(1), 0
    for graph in (path(5), grid(2, 3), star(6), lollipop(7, 4)):
        net, n = links_of(graph), len(graph)
        one, other = net.pairs.T
        best = {nonnegative: fastest(graph, nonnegative).upper for nonnegative in (False, True)}
        for _ in range(200):
            x, y = generator.standard_normal((2, n, 2))
            Y, z = x @ x.T - generator.random() * y @ y.T, generator.random(n) * generator.choice([0.1, 1, 10])
            if generator.random() < 0.5:  # start near the conditions: bounds above 0 are rare elsewhere
                slow = np.linalg.eigh(nx.laplacian_matrix(graph, nodelist=range(n)).toarray().astype(float))[1][:, 1]
                Y, z = 0.05 * Y + np.outer(slow, slow) * n, 0.05 * z + 0.5 * slow**2 * n
            signed, chain = lower_bound(net, Y, None), lower_bound(net, Y, z)
            assert signed <= best[False]
            assert chain <= best[True]
            reached += (signed > 0.05) + (chain > 0.05)
            w = generator.standard_normal(len(one))
            W = np.zeros((n, n))
            W[one, other] = W[other, one] = w
            assert signed <= slem(W + np.diag(1 - W.sum(axis=1)))
    assert reached > 300


def test_a_solver_that_fails_leaves_the_best_closed_form(monkeypatch):
    graph = grid(3, 4)
    truth = fastest(graph)
    bad = (np.full(17, np.nan), np.zeros((12, 12)), None)
    useless = (np.full(17, 7.0), np.eye(12), None)
    for proposals in ([], [bad], [useless]):
        monkeypatch.setattr(module, "interior_points", lambda *_, proposals=proposals: proposals)
        found = fastest(graph)
        assert_feasible(graph, found, False)
        assert found.found_by in ("best_constant", "metropolis", "max_degree")
        assert found.upper == min(slem(rule(graph)) for rule in (best_constant, metropolis, max_degree))
        assert found.lower <= truth.lower <= truth.upper < found.upper


def test_rules_by_name_are_dense_or_sparse():
    graph = grid(3, 3)
    for rule, nonnegative in ((fdla, False), (fmmc, True)):
        W = rule(graph)
        np.testing.assert_array_equal(W, fastest(graph, nonnegative).W)
        np.testing.assert_array_equal(rule(links_of(graph), sparse=True).toarray(), W)


def test_bad_input_is_named(monkeypatch):
    assert "2 components" in sentence(lambda: fastest(nx.empty_graph(2)))
    assert "1 directed edges" in sentence(lambda: fastest(nx.DiGraph([(0, 1)])))
    dense = erdos_renyi(100, 0.9, 0)
    text = sentence(lambda: fastest(dense))
    assert f"{dense.number_of_edges()} edges; fastest weights take at most {LARGEST_EDGES}" in text
    text = sentence(lambda: fastest(ring(LARGEST_AGENTS + 1)))
    assert f"{LARGEST_AGENTS + 1} agents; fastest weights take at most {LARGEST_AGENTS}" in text
    for solver in (None, 3, ["interior"], "clarabel"):
        assert "unknown solver" in sentence(lambda solver=solver: fastest(ring(4), solver=solver))  # which needs none
    text = sentence(lambda: fastest(grid(2, 3), solver="clarabell"))
    assert "'clarabell'" in text
    assert "CLARABEL" in text
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    assert "pip install '.[sdp]'" in sentence(lambda: fastest(grid(2, 3), solver="CLARABEL"))
    assert fastest(grid(2, 3)).width < 1e-8
