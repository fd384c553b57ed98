from itertools import combinations, product

import networkx as nx
import numpy as np
import pytest

from theory.errors import OnemergeError
from theory.gossip import pairwise_exchange, random_peers
from theory.graph_gossip import pairwise_on, random_neighbors
from theory.graphs import complete, exponential, path, ring, star
from theory.links import links
from theory.mixing import check_mixing, complete_average, uniform
from theory.spectrum import consensus_rate, mean_drift, slem

DIRECTED = nx.DiGraph([(0, 1), (1, 2), (2, 0), (0, 2), (3, 0), (0, 3), (1, 3)])  # not symmetric, degrees 1 and 2
IDLE = nx.Graph([(0, 1), (1, 2), (2, 0)])
IDLE.add_node(3)  # hears nobody
NEIGHBORS = [
    *((path(2), r) for r in (0.3, 1)),
    *((path(3), r) for r in (0.3, 1, 1.6, 2)),
    *((star(4), r) for r in (0.5, 1, 1.25, 2, 3)),
    *((complete(4), r) for r in (0.4, 1, 2, 2.5, 3)),
    *((DIRECTED, r) for r in (0.7, 1, 1.5, 2)),
    *((IDLE, r) for r in (0.7, 1)),
]
PAIRWISE = [path(2), path(3), star(4), ring(4), complete(4), nx.Graph([(0, 1), (1, 2), (2, 0), (2, 3)])]


def every_choice(graph, r):
    """All (probability, W) of base+random, by enumeration of what every agent may pick."""
    choices, m = [], len(graph)
    for i in range(m):
        heard = sorted(graph.predecessors(i) if graph.is_directed() else graph.neighbors(i))
        own = []
        for picked, chance in ((int(r), 1 - r % 1), (int(r) + 1, r % 1)):
            sets = list(combinations(heard, min(picked, len(heard))))
            own += [(chance / len(sets), chosen) for chosen in sets if chance > 0]
        choices.append(own)
    for rows in product(*choices):
        W = np.zeros((m, m))
        for i, (_, chosen) in enumerate(rows):
            W[i, [i, *chosen]] = 1 / (1 + len(chosen))
        yield np.prod([chance for chance, _ in rows]), W


def every_exchange(graph):
    """All (probability, W) of a pairwise exchange on a graph."""
    m = len(graph)
    for i in range(m):
        for j in graph.neighbors(i):
            W = np.eye(m)
            W[[i, i, j, j], [i, j, i, j]] = 0.5
            yield 1 / (m * graph.degree(i)), W


CASES = [
    *((random_neighbors(graph, r), list(every_choice(graph, r))) for graph, r in NEIGHBORS),
    *((pairwise_on(graph), list(every_exchange(graph))) for graph in PAIRWISE),
]


@pytest.mark.parametrize(("gossip", "draws"), CASES)
def test_exact_moments_equal_the_full_enumeration(gossip, draws):
    m = gossip.agents
    J, M = complete_average(m), np.random.default_rng(m).standard_normal((2, m, m))
    assert sum(chance for chance, _ in draws) == pytest.approx(1, abs=1e-14)
    for measured, slow in (
        (gossip.mean(0), sum(c * W for c, W in draws)),
        (gossip.second_moment(), sum(c * W.T @ W for c, W in draws)),
        (gossip.mean_moment(), sum(c * W.T @ J @ W for c, W in draws)),
        (gossip.pull_back(0, M), sum(c * W.T @ M @ W for c, W in draws)),
        (gossip.push_forward(0, M), sum(c * W @ M @ W.T for c, W in draws)),
        (gossip.pull_back(0, M[0]), sum(c * W.T @ M[0] @ W for c, W in draws)),
    ):
        np.testing.assert_allclose(measured, slow, atol=1e-14)
    assert gossip.mean_preserving == (max(np.abs(W.sum(axis=0) - 1).max() for _, W in draws) < 1e-12)


@pytest.mark.parametrize(("gossip", "draws"), CASES)
def test_draws_are_those_of_the_enumeration(gossip, draws):
    generator, trials, possible = np.random.default_rng(5), 2000, {}
    for chance, W in draws:
        key = W.round(12).tobytes()
        possible[key] = possible.get(key, 0) + chance
    drawn = [gossip.draw(t, generator).round(12).tobytes() for t in range(trials)]
    assert set(drawn) <= set(possible)
    for key, chance in possible.items():
        error = (chance * (1 - chance) / trials) ** 0.5
        assert abs(drawn.count(key) / trials - chance) <= 5 * error + 2 / trials


@pytest.mark.parametrize("r", [0.25, 1, 3])
def test_random_neighbors_of_the_complete_graph_are_random_peers(r):
    ours, peers = random_neighbors(complete(6), r), random_peers(6, r)
    M = np.random.default_rng(1).standard_normal((6, 6))
    np.testing.assert_allclose(ours.pull_back(0, M), peers.pull_back(0, M), atol=1e-14)
    np.testing.assert_allclose(ours.push_forward(0, M), peers.push_forward(0, M), atol=1e-14)
    np.testing.assert_allclose(ours.mean(0), peers.mean(0), atol=1e-15)


def test_random_neighbors_that_pick_all_are_the_uniform_weights():
    for graph in (ring(5), star(5), exponential(6)):
        gossip = random_neighbors(graph, max(d for _, d in graph.degree) if not graph.is_directed() else 3)
        assert gossip.deterministic
        np.testing.assert_allclose(gossip.draw(0, None), uniform(graph), atol=1e-15)
        assert gossip.mean_preserving == check_mixing(uniform(graph)).doubly_stochastic


def test_random_neighbors_hear_their_graph_alone():
    gossip, generator = random_neighbors(links("exponential", agents=12), 2), np.random.default_rng(0)
    heard = uniform(exponential(12)) > 0
    for t in range(30):
        W = gossip.draw(t, generator)
        assert not (W[~heard] > 0).any()
        assert ((W > 0).sum(axis=1) == 3).all()
        assert check_mixing(W).row_stochastic
    assert 0 < consensus_rate(gossip) < 1
    assert mean_drift(gossip) > 0


SPECTRA = {  # of E[W], m = 8 and m = 16
    "complete": (complete, lambda m: 1 - 1 / (m - 1), (0.8571428571, 0.9333333333)),
    "ring": (ring, lambda m: 1 - (1 - np.cos(2 * np.pi / m)) / m, (0.9633883476, 0.9952424708)),
    "star": (star, lambda m: 1 - 1 / (2 * (m - 1)), (0.9285714286, 0.9666666667)),
    "path": (path, None, (0.9902540140, 0.9987952978)),
}


@pytest.mark.parametrize(("graph", "closed", "spots"), SPECTRA.values(), ids=SPECTRA)
def test_pairwise_exchange_follows_boyd(graph, closed, spots):
    for m, spot in zip((8, 16), spots, strict=True):
        gossip = pairwise_on(graph(m))
        assert slem(gossip.mean(0)) == pytest.approx(spot, abs=1e-10)
        assert consensus_rate(gossip) == pytest.approx(1 - spot, abs=1e-10)
        np.testing.assert_allclose(gossip.second_moment(), gossip.mean(0), atol=1e-15)
        if closed is not None:
            assert closed(m) == pytest.approx(spot, abs=1e-10)
    for m in (3, 5, 33):
        if closed is not None:
            assert consensus_rate(pairwise_on(graph(m))) == pytest.approx(1 - closed(m), abs=1e-13)


def test_pairwise_exchange_on_the_complete_graph_is_that_of_all_agents():
    ours, all_agents = pairwise_on(complete(5)), pairwise_exchange(5)
    M = np.random.default_rng(0).standard_normal((5, 5))
    np.testing.assert_allclose(ours.pull_back(0, M), all_agents.pull_back(0, M), atol=1e-14)
    np.testing.assert_allclose(ours.push_forward(0, M), all_agents.push_forward(0, M), atol=1e-14)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: random_neighbors(ring(5), 0), ["peers is 0", "at most 2"]),
        (lambda: random_neighbors(ring(5), 2.5), ["peers is 2.5", "at most 2"]),
        (lambda: random_neighbors(ring(5), float("nan")), ["peers is nan"]),
        (lambda: random_neighbors(ring(5), True), ["peers is True"]),
        (lambda: random_neighbors(ring(5), "1"), ["peers is '1'"]),
        (lambda: random_neighbors(ring(1), 1), ["no links"]),
        (lambda: random_neighbors(np.eye(3), 1), ["ndarray is no topology"]),
        (lambda: pairwise_on(DIRECTED), ["7 directed edges", "undirected"]),
        (lambda: pairwise_on(IDLE), ["agent 3 has no neighbor"]),
        (lambda: pairwise_on(ring(1)), ["agent 0 has no neighbor"]),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises(OnemergeError) as error:
        call()
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)
