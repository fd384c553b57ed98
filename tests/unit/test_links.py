"""Edges of every family, against definitions spelled out pair by pair, and at 10^6 agents."""

from collections import Counter
from itertools import combinations, pairwise
from math import sqrt

import networkx as nx
import numpy as np
import pytest

from theory.edges import Links, links_of
from theory.errors import OnemergeError
from theory.graphs import TOPOLOGIES, connected, topology
from theory.links import FAMILIES, links


def rows(found):
    return list(map(tuple, found.pairs.tolist()))


def undirected(agents, linked):
    return [(i, j) for i, j in combinations(range(agents), 2) if linked(i, j) or linked(j, i)]


def circular(agents, hops):
    return lambda i, j: (j - i) % agents in {hop % agents for hop in hops}


def powers(agents):
    return [2**k for k in range(20) if 2**k < agents]


DEFINITIONS = {  # linked(i, j) for one order of an unordered pair
    "ring": lambda n: lambda i, j: (j - i) % n == 1,
    "path": lambda n: lambda i, j: j - i == 1,
    "hypercube": lambda n: lambda i, j: (i ^ j).bit_count() == 1,
    "star": lambda n: lambda i, j: i == 0,
    "complete": lambda n: lambda i, j: True,
    "binary_tree": lambda n: lambda i, j: (j - 1) // 2 == i,
    "barbell": lambda n: lambda i, j: (i < (n + 1) // 2) == (j < (n + 1) // 2) or (i + 1 == j == (n + 1) // 2),
    "symmetric_exponential": lambda n: circular(n, powers(n)),
}


@pytest.mark.parametrize("agents", [1, 2, 3, 4, 5, 8, 13, 16, 32])
@pytest.mark.parametrize("name", DEFINITIONS)
def test_families_of_one_size_pair_by_pair(name, agents):
    if name == "hypercube":
        agents = 1 << agents.bit_length() - 1
    found = links(name, agents=agents)
    assert (found.agents, found.directed) == (agents, False)
    assert rows(found) == undirected(agents, DEFINITIONS[name](agents))


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (1, 5), (2, 2), (2, 3), (3, 3), (4, 5), (5, 2)])
def test_grids_pair_by_pair(size):
    height, width = size

    def apart(i, j, closed):
        down, right = j // width - i // width, j % width - i % width
        return (down % height, right % width) if closed else (down, right)

    for name, closed in (("torus", True), ("grid", False)):
        steps = {(1 % height, 0), (0, 1 % width)} if closed else {(1, 0), (0, 1)}
        found = links(name, rows=height, cols=width)
        assert rows(found) == undirected(height * width, lambda i, j: apart(i, j, closed) in steps)  # noqa: B023


@pytest.mark.parametrize(("agents", "hops"), [(2, (1,)), (3, (2, 1)), (9, (1, 3)), (10, (5,)), (10, (3, 7)), (12, ())])
def test_circulants_pair_by_pair(agents, hops):
    assert rows(links("circulant", agents=agents, hops=hops)) == undirected(agents, circular(agents, hops))
    one_way = sorted(((i + hop) % agents, i) for i in range(agents) for hop in hops)
    found = links("directed_circulant", agents=agents, hops=hops)
    assert rows(found) == one_way
    assert found.directed


@pytest.mark.parametrize("agents", [1, 2, 3, 5, 8, 13])
def test_named_circulants_have_their_hops(agents):
    hops = powers(agents)
    for one, other in (
        (links("exponential", agents=agents), links("directed_circulant", agents=agents, hops=hops)),
        (links("symmetric_exponential", agents=agents), links("circulant", agents=agents, hops=hops)),
        (links("ring", agents=agents), links("circulant", agents=agents, hops=hops[:1])),
    ):
        assert rows(one) == rows(other)
        assert one.directed == other.directed


def test_hops_may_be_written_in_many_ways():
    expected = rows(links("circulant", agents=12, hops=(1, 2, 5)))
    for hops in ("1,2,5", "5, 2,1", [5, 2, 1, 1], np.array([1, 2, 5]), {1, 2, 5}, (11, 2, 7), iter((1, 2, 5))):
        assert rows(links("circulant", agents=12, hops=hops)) == expected
    assert rows(links("circulant", agents=12, hops=1)) == rows(links("circulant", agents=12, hops="1"))


@pytest.mark.parametrize("agents", [1, 2, 3, 7])
def test_lollipops_pair_by_pair(agents):
    for clique in range(1, agents + 1):
        expected = undirected(agents, lambda i, j: (i < j < clique) or (j - i == 1 and j >= clique))  # noqa: B023
        assert rows(links("lollipop", agents=agents, clique=clique)) == expected


EXAMPLES = {
    "torus": {"rows": 4, "cols": 6},
    "grid": {"rows": 4, "cols": 6},
    "hypercube": {"agents": 16},
    "lollipop": {"agents": 24, "clique": 5},
    "circulant": {"agents": 24, "hops": (1, 7)},
    "directed_circulant": {"agents": 24, "hops": (1, 7)},
    "random_regular": {"agents": 24, "degree": 5, "seed": 2},
    "erdos_renyi": {"agents": 24, "probability": 0.2, "seed": 2},
    "random_geometric": {"agents": 24, "radius": 0.3, "seed": 2},
    "watts_strogatz": {"agents": 24, "degree": 4, "probability": 0.3, "seed": 2},
    "barabasi_albert": {"agents": 24, "links": 3, "seed": 2},
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_in_its_final_form_and_the_same_as_a_graph(name):
    parameters = EXAMPLES.get(name, {"agents": 24})
    found, graph = links(name, **parameters), topology(name, **parameters)
    assert found.pairs.dtype == np.int64
    assert not found.pairs.flags.writeable
    assert all(one < other for one, other in pairwise(rows(found)))  # strictly increasing: no repetitions
    assert all(0 <= i < found.agents and 0 <= j < found.agents and i != j for i, j in rows(found))
    assert found.directed or all(i < j for i, j in rows(found))
    assert graph.is_directed() == found.directed
    assert list(graph) == list(range(found.agents))
    assert rows(links_of(graph)) == rows(links_of(found)) == rows(found)
    assert nx.utils.graphs_equal(TOPOLOGIES[name](**parameters), graph)
    assert TOPOLOGIES[name].__doc__ == FAMILIES[name].__doc__
    senders, receivers = found.arcs()
    assert sorted(zip(senders, receivers, strict=True)) == sorted(graph.to_directed().edges)
    strongly = nx.is_strongly_connected(graph) if found.directed else nx.is_connected(graph)
    assert connected(found) == connected(graph) == strongly


def test_links_of_a_directed_graph_keep_its_direction():
    graph = nx.DiGraph([(2, 0), (0, 1), (1, 0)])
    assert rows(links_of(graph)) == [(0, 1), (1, 0), (2, 0)]
    assert [ends.tolist() for ends in links_of(graph).arcs()] == [[0, 1, 2], [1, 0, 0]]
    assert nx.utils.graphs_equal(links_of(graph).graph(), nx.DiGraph({0: [1], 1: [0], 2: [0]}))
    assert not connected(links_of(graph))
    assert [links_of(nx.empty_graph(n)).pairs.shape for n in (1, 2)] == [(0, 2), (0, 2)]


MILLION = 10**6


@pytest.mark.parametrize(
    ("name", "parameters", "degree"),
    [
        ("ring", {"agents": MILLION}, 2),
        ("torus", {"rows": 1000, "cols": 1000}, 4),
        ("hypercube", {"agents": 2**20}, 20),
        ("circulant", {"agents": MILLION, "hops": (1, 1000)}, 4),
        ("exponential", {"agents": MILLION}, 40),
        ("random_regular", {"agents": MILLION, "degree": 4, "seed": 0}, 4),
    ],
)
def test_a_million_agents_of_one_degree(name, parameters, degree):
    found = links(name, **parameters)
    assert (np.bincount(found.pairs.ravel(), minlength=found.agents) == degree).all()
    codes = found.pairs @ np.array([found.agents, 1])
    assert (np.diff(codes) > 0).all()
    assert (found.pairs[:, 0] != found.pairs[:, 1]).all()


def test_a_million_agents_of_random_degrees():
    drawn = links("erdos_renyi", agents=MILLION, probability=4e-6, seed=0)
    mean = 4e-6 * MILLION * (MILLION - 1) / 2
    assert abs(len(drawn.pairs) - mean) < 5 * sqrt(mean)
    assert (drawn.pairs[:, 0] < drawn.pairs[:, 1]).all()
    assert (drawn.pairs[:, 1] < MILLION).all()
    share = (drawn.pairs[:, 0] < MILLION / 2).mean()  # of all pairs, 3/4 have their first agent in the first half
    assert abs(share - 0.75) < 5 * sqrt(0.75 * 0.25 / len(drawn.pairs))
    points = links("random_geometric", agents=MILLION, radius=0.001, seed=0)
    inside = np.pi * 1e-6 - 8 / 3 * 1e-9 + 1e-12 / 2  # chance that two points of the square are within 0.001
    expected = inside * MILLION * (MILLION - 1) / 2
    assert abs(len(points.pairs) - expected) < 5 * sqrt(expected + 1.6e6)  # and the pairs that share a point


def test_geometric_pairs_are_the_near_ones():
    for agents, radius in ((1, 0.1), (2, 1.5), (40, 0.2), (40, 0), (12, float("inf"))):
        points = np.random.default_rng(7).random((agents, 2))
        expected = undirected(agents, lambda i, j: np.hypot(*(points[i] - points[j])) <= radius)  # noqa: B023
        assert rows(links("random_geometric", agents=agents, radius=radius, seed=7)) == expected


def frequencies(draw, draws=3000):
    return Counter(tuple(map(tuple, draw(seed))) for seed in range(draws))


def same_law(ours, theirs):
    """Two samples of edge lists agree within 5 standard errors in every frequency."""
    n, k = ours.total(), theirs.total()
    for graph in ours | theirs:
        p = (ours[graph] + theirs[graph]) / (n + k)
        assert abs(ours[graph] / n - theirs[graph] / k) < 5 * sqrt(p * (1 - p) * (1 / n + 1 / k)), graph
    return len(ours | theirs)


def drawn_by_networkx(generator, *sizes, draws=3000):
    return frequencies(lambda seed: sorted(map(sorted, generator(*sizes, seed=seed).edges)), draws)


@pytest.mark.parametrize(
    ("name", "parameters", "twin", "sizes", "graphs"),
    [
        ("random_regular", {"agents": 6, "degree": 2}, nx.random_regular_graph, (2, 6), 70),
        ("watts_strogatz", {"agents": 5, "degree": 2, "probability": 0.5}, nx.watts_strogatz_graph, (5, 2, 0.5), 100),
        ("watts_strogatz", {"agents": 4, "degree": 2, "probability": 0.9}, nx.watts_strogatz_graph, (4, 2, 0.9), 12),
        ("barabasi_albert", {"agents": 6, "links": 2}, nx.barabasi_albert_graph, (6, 2), 60),
    ],
)
def test_random_families_have_the_law_of_networkx(name, parameters, twin, sizes, graphs):
    ours = frequencies(lambda seed: rows(links(name, seed=seed, **parameters)))
    assert same_law(ours, drawn_by_networkx(twin, *sizes)) >= graphs


def test_watts_strogatz_leaves_agents_alone_that_hear_all_others():
    for probability in (0.5, 1):
        assert rows(links("watts_strogatz", agents=5, degree=4, probability=probability, seed=0)) == undirected(
            5, lambda i, j: True
        )


def test_erdos_renyi_draws_every_graph_as_often_as_it_should():
    ours = frequencies(lambda seed: rows(links("erdos_renyi", agents=3, probability=0.3, seed=seed)), 8000)
    assert len(ours) == 8
    for graph, count in ours.items():
        p = 0.3 ** len(graph) * 0.7 ** (3 - len(graph))
        assert abs(count - 8000 * p) < 5 * sqrt(8000 * p * (1 - p)), graph
    count = Counter(
        pair for seed in range(2000) for pair in rows(links("erdos_renyi", agents=9, probability=0.4, seed=seed))
    )
    assert len(count) == 36
    assert all(abs(found - 800) < 5 * sqrt(2000 * 0.4 * 0.6) for found in count.values())


@pytest.mark.parametrize(("agents", "degree"), [(9, 4), (9, 6), (40, 19), (41, 20), (40, 20), (300, 149), (300, 295)])
def test_dense_regular_graphs_have_their_degree(agents, degree):
    found = links("random_regular", agents=agents, degree=degree, seed=1)
    assert (np.bincount(found.pairs.ravel(), minlength=agents) == degree).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: links("rign", agents=4), ["'rign'", "ring, path, torus", "barabasi_albert"]),
        (lambda: links("ring", agents=4, degree=2), ["ring has no parameter degree", "agents"]),
        (lambda: links("circulant", agents=4), ["circulant misses parameter hops", "agents, hops"]),
        (lambda: links("circulant", agents=8, hops="1;2"), ["hops is '1;2'", "commas"]),
        (lambda: links("circulant", agents=8, hops=""), ["hops is ''", "commas"]),
        (lambda: links("circulant", agents=8, hops=8), ["hop 8 with 8 agents", "from 1 to 7"]),
        (lambda: links("circulant", agents=8, hops=(1, 0)), ["hop 0 with 8 agents", "from 1 to 7"]),
        (lambda: links("directed_circulant", agents=8, hops=(1.5,)), ["hop 1.5 with 8 agents", "integer"]),
        (lambda: links("directed_circulant", agents=8, hops=True), ["hop True", "integer"]),
        (lambda: links("directed_circulant", agents=0, hops=()), ["agents is 0", "at least 1"]),
        (lambda: links("complete", agents=10**6), ["complete with 1000000 agents", "5e+11 edges", "100000000"]),
        (lambda: links("barbell", agents=10**6), ["barbell with 1000000 agents", "100000000"]),
        (lambda: links("lollipop", agents=10**6, clique=10**5), ["clique of 100000", "100000000"]),
        (lambda: links("random_regular", agents=10**6, degree=1000, seed=0), ["degree 1000", "100000000"]),
        (lambda: links("erdos_renyi", agents=10**6, probability=0.5, seed=0), ["probability 0.5", "100000000"]),
        (lambda: links("random_geometric", agents=10**6, radius=0.5, seed=0), ["radius 0.5", "100000000"]),
        (lambda: links("watts_strogatz", agents=10**6, degree=1000, probability=0, seed=0), ["degree 1000"]),
        (lambda: links("barabasi_albert", agents=10**6, links=1000, seed=0), ["1000 links", "100000000"]),
        (lambda: links("erdos_renyi", agents=4, probability=True, seed=0), ["probability is True"]),
        (lambda: links("random_geometric", agents=4, radius="1", seed=0), ["radius is '1'"]),
        (lambda: links_of(np.eye(3)), ["ndarray is no topology", "networkx graph or Links"]),
        (lambda: links_of(nx.Graph()), ["integers 0..n-1"]),
        (lambda: links_of(nx.Graph([("a", "b")])), ["integers 0..n-1"]),
        (lambda: links_of(nx.Graph([(1, 2)])), ["integers 0..n-1"]),
        (lambda: links_of(nx.Graph([(0, 0)])), ["loops or multiple edges"]),
        (lambda: links_of(nx.MultiGraph([(0, 1)])), ["loops or multiple edges"]),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(OnemergeError) as error:
        call()
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_links_are_values_that_cannot_change():
    found = links("ring", agents=4)
    assert isinstance(found, Links)
    with pytest.raises(ValueError, match="read-only"):
        found.pairs[0] = 1
    with pytest.raises(AttributeError):
        found.agents = 5
