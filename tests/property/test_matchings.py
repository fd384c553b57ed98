from itertools import combinations, product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.errors import OnemergeError
from theory.graphs import complete, hypercube, path, ring, star, torus
from theory.links import links
from theory.matchings import between, matchings, random_matching_on, round_robin, round_robin_on
from theory.mixing import check_mixing, complete_average
from theory.spectrum import consensus_rate

DIRECTED = nx.DiGraph([(0, 1), (1, 2), (2, 0)])


def is_coloring(graph, classes):
    """Whether the classes are matchings, share no edge and together are the graph."""
    edges = [tuple(pair) for pairs in classes for pair in pairs.tolist()]
    disjoint = all(len(set(pairs.ravel().tolist())) == pairs.size for pairs in classes)
    return disjoint and sorted(edges) == sorted((min(e), max(e)) for e in graph.edges)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 12), st.floats(0, 1), st.integers(0, 10**6))
def test_matchings_split_any_graph_into_at_most_one_more_than_its_largest_degree(n, density, seed):
    graph = nx.gnp_random_graph(n, density, seed=seed)
    classes, largest = matchings(graph), max(degree for _, degree in graph.degree)
    assert is_coloring(graph, classes)
    assert all(len(pairs) for pairs in classes)
    assert largest <= len(classes) <= largest + 1
    if nx.is_bipartite(graph):
        assert len(classes) == largest


@pytest.mark.parametrize(
    ("graph", "count"),
    [
        (path(2), 1),
        (path(3), 2),
        (ring(8), 2),
        (ring(9), 3),
        (star(6), 5),
        (torus(4, 6), 4),
        (hypercube(16), 4),
        (complete(7), 7),
        (complete(8), 7),
        (nx.petersen_graph(), 4),  # 3 are not enough
        (nx.complete_bipartite_graph(3, 5), 5),
        (ring(1), 0),
    ],
)
def test_matchings_are_as_few_as_known(graph, count):
    classes = matchings(graph)
    assert is_coloring(graph, classes)
    assert len(classes) == count


@pytest.mark.parametrize("graph", [nx.petersen_graph(), nx.random_regular_graph(7, 60, seed=3)])
def test_matchings_are_no_more_than_those_of_a_greedy_coloring(graph):
    greedy = nx.greedy_color(nx.line_graph(graph))
    classes = matchings(graph)
    assert is_coloring(graph, classes)
    assert len(classes) <= max(greedy.values()) + 1


def test_between_is_the_product_with_the_laplacian_on_both_sides():
    pairs, M = np.array([[0, 3], [4, 1]]), np.random.default_rng(0).standard_normal((2, 6, 6))
    L = np.zeros((6, 6))
    for i, j in pairs:
        b = np.eye(6)[i] - np.eye(6)[j]
        L += np.outer(b, b)
    np.testing.assert_allclose(between(pairs, M), L @ M @ L, atol=1e-14)


@pytest.mark.parametrize("agents", [*range(2, 14), 64])
def test_round_robin_is_a_tournament(agents):
    gossip, met = round_robin(agents), []
    assert gossip.period == agents - 1 + agents % 2
    for t in range(gossip.period):
        W = gossip.draw(t, None)
        assert check_mixing(W).doubly_stochastic
        np.testing.assert_array_equal(W, W.T)
        np.testing.assert_array_equal(W @ W, W)
        pairs = np.argwhere(np.triu(W, 1) > 0).tolist()
        assert len(pairs) == agents // 2
        met += map(tuple, pairs)
    assert sorted(met) == list(combinations(range(agents), 2))
    assert gossip.finite_time == (agents in (2, 4))
    assert gossip.mean_preserving


def test_round_robin_of_three_agents_by_hand():
    third = {0: (1, 2), 1: (0, 1), 2: (0, 2)}  # who meet in round t: i + j = t mod 3
    for t, pair in third.items():
        x = np.array([1.0, 10.0, 100.0])
        x[list(pair)] = x[list(pair)].mean()
        np.testing.assert_allclose(round_robin(3).draw(t, None) @ [1.0, 10.0, 100.0], x, atol=1e-13)


def test_round_robin_on_a_graph_uses_each_link_once():
    graph = nx.gnp_random_graph(9, 0.5, seed=1)
    gossip = round_robin_on(graph)
    met = [tuple(e) for t in range(gossip.period) for e in np.argwhere(np.triu(gossip.draw(t, None), 1) > 0)]
    assert sorted(map(tuple, np.array(met).tolist())) == sorted((min(e), max(e)) for e in graph.edges)
    assert round_robin_on(hypercube(8)).period == 3
    assert not round_robin_on(ring(6)).finite_time
    assert round_robin_on(links("ring", agents=6)).period == 2
    W = round_robin_on(path(3))
    np.testing.assert_allclose(
        W.second_moment(), (W.draw(1, None) @ W.draw(0, None)).T @ W.draw(1, None) @ W.draw(0, None)
    )


def every_matching(graph, r):
    """All (probability, W) of random_matching_on, from its own matchings."""
    m, classes = len(graph), matchings(graph)
    for pairs in classes:
        for active in product([False, True], repeat=len(pairs)):
            W, chance = np.eye(m), 1 / len(classes)
            for (i, j), on in zip(pairs, active, strict=True):
                chance *= r if on else 1 - r
                if on:
                    W[[i, i, j, j], [i, j, i, j]] = 0.5
            yield chance, W


@pytest.mark.parametrize("r", [0.3, 1])
@pytest.mark.parametrize(
    "graph", [path(2), path(3), star(4), ring(4), ring(5), complete(4), nx.Graph([(0, 1), (2, 3)])]
)
def test_random_matching_on_a_graph_has_the_moments_and_draws_of_its_enumeration(graph, r):
    gossip, draws, m = random_matching_on(graph, r), list(every_matching(graph, r)), len(graph)
    J, M = complete_average(m), np.random.default_rng(m).standard_normal((2, m, m))
    for measured, slow in (
        (gossip.mean(0), sum(c * W for c, W in draws)),
        (gossip.second_moment(), sum(c * W @ W for c, W in draws)),
        (gossip.mean_moment(), J),
        (gossip.pull_back(0, M), sum(c * W @ M @ W for c, W in draws)),
        (gossip.push_forward(0, M), sum(c * W @ M @ W for c, W in draws)),
    ):
        np.testing.assert_allclose(measured, slow, atol=1e-14)
    possible, generator, trials = {}, np.random.default_rng(3), 2000
    for chance, W in draws:
        possible[W.tobytes()] = possible.get(W.tobytes(), 0) + chance
    drawn = [gossip.draw(t, generator).tobytes() for t in range(trials)]
    assert set(drawn) <= set(possible)
    for key, chance in possible.items():
        error = (chance * (1 - chance) / trials) ** 0.5
        assert abs(drawn.count(key) / trials - chance) <= 5 * error + 2 / trials


def test_random_matching_on_the_ring_has_its_closed_rate():
    for m in (4, 10, 32):
        for r in (0.3, 1):
            rate = r * 2 * (1 - np.cos(2 * np.pi / m)) / 4  # r mu_2/(2 M), M = 2
            assert consensus_rate(random_matching_on(ring(m), r)) == pytest.approx(rate, abs=1e-13)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: matchings(DIRECTED), ["3 directed edges", "undirected"]),
        (lambda: matchings(5), ["int is no topology"]),
        (lambda: round_robin(1), ["agents is 1", "at least 2"]),
        (lambda: round_robin(2.5), ["agents is 2.5", "integer"]),
        (lambda: round_robin_on(ring(1)), ["no links"]),
        (lambda: random_matching_on(ring(4), 0), ["peers is 0", "(0, 1]"]),
        (lambda: random_matching_on(ring(4), float("nan")), ["peers is nan"]),
        (lambda: random_matching_on(nx.empty_graph(3), 1), ["no links"]),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises(OnemergeError) as error:
        call()
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)
