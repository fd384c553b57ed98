import networkx as nx
import numpy as np
import pytest

from theory.errors import OnemergeError
from theory.graphs import (
    TOPOLOGIES,
    barabasi_albert,
    barbell,
    binary_tree,
    complete,
    connected,
    erdos_renyi,
    exponential,
    grid,
    hypercube,
    lollipop,
    path,
    random_geometric,
    random_regular,
    ring,
    star,
    symmetric_exponential,
    topology,
    torus,
    watts_strogatz,
)


def edges(graph):
    return sorted(graph.edges) if graph.is_directed() else sorted(tuple(sorted(e)) for e in graph.edges)


SMALL = [
    (ring(1), []),
    (ring(2), [(0, 1)]),
    (ring(3), [(0, 1), (0, 2), (1, 2)]),
    (path(1), []),
    (path(2), [(0, 1)]),
    (path(3), [(0, 1), (1, 2)]),
    (star(1), []),
    (star(2), [(0, 1)]),
    (star(3), [(0, 1), (0, 2)]),
    (complete(1), []),
    (complete(2), [(0, 1)]),
    (complete(3), [(0, 1), (0, 2), (1, 2)]),
    (hypercube(1), []),
    (hypercube(2), [(0, 1)]),
    (hypercube(4), [(0, 1), (0, 2), (1, 3), (2, 3)]),
    (exponential(1), []),
    (exponential(2), [(0, 1), (1, 0)]),
    (exponential(3), [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]),
    (torus(1, 1), []),
    (torus(1, 2), [(0, 1)]),
    (torus(2, 1), [(0, 1)]),
    (torus(2, 2), [(0, 1), (0, 2), (1, 3), (2, 3)]),
    (torus(1, 4), [(0, 1), (0, 3), (1, 2), (2, 3)]),
    (torus(2, 3), [(0, 1), (0, 2), (0, 3), (1, 2), (1, 4), (2, 5), (3, 4), (3, 5), (4, 5)]),
    (grid(1, 1), []),
    (grid(1, 3), [(0, 1), (1, 2)]),
    (grid(2, 3), [(0, 1), (0, 3), (1, 2), (1, 4), (2, 5), (3, 4), (4, 5)]),
    (binary_tree(1), []),
    (binary_tree(2), [(0, 1)]),
    (binary_tree(3), [(0, 1), (0, 2)]),
    (binary_tree(6), [(0, 1), (0, 2), (1, 3), (1, 4), (2, 5)]),
    (lollipop(1, 1), []),
    (lollipop(2, 1), [(0, 1)]),
    (lollipop(2, 2), [(0, 1)]),
    (lollipop(3, 1), [(0, 1), (1, 2)]),
    (lollipop(3, 2), [(0, 1), (1, 2)]),
    (lollipop(3, 3), [(0, 1), (0, 2), (1, 2)]),
    (barbell(1), []),
    (barbell(2), [(0, 1)]),
    (barbell(3), [(0, 1), (1, 2)]),
    (barbell(5), [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4)]),
    (symmetric_exponential(1), []),
    (symmetric_exponential(2), [(0, 1)]),
    (symmetric_exponential(3), [(0, 1), (0, 2), (1, 2)]),
    (watts_strogatz(1, 0, 0.5, 0), []),
    (watts_strogatz(2, 0, 0.5, 0), []),
    (watts_strogatz(3, 2, 1, 0), [(0, 1), (0, 2), (1, 2)]),
    (barabasi_albert(2, 1, 0), [(0, 1)]),
    (barabasi_albert(3, 2, 0), [(0, 1), (0, 2)]),
    (random_regular(1, 0, 0), []),
    (random_regular(2, 1, 0), [(0, 1)]),
    (random_regular(3, 0, 0), []),
    (random_regular(3, 2, 0), [(0, 1), (0, 2), (1, 2)]),
    (erdos_renyi(1, 0.5, 0), []),
    (erdos_renyi(2, 1, 0), [(0, 1)]),
    (erdos_renyi(3, 0, 0), []),
    (erdos_renyi(3, 1.0, 0), [(0, 1), (0, 2), (1, 2)]),
    (random_geometric(1, 0.5, 0), []),
    (random_geometric(2, 2, 0), [(0, 1)]),
    (random_geometric(3, 0, 0), []),
    (random_geometric(3, 1.5, 0), [(0, 1), (0, 2), (1, 2)]),
]


@pytest.mark.parametrize(("graph", "expected"), SMALL)
def test_small_sizes_edge_by_edge(graph, expected):
    assert edges(graph) == expected


LARGE = [
    (ring(8), nx.cycle_graph(8)),
    (path(8), nx.path_graph(8)),
    (star(8), nx.star_graph(7)),
    (complete(7), nx.complete_graph(7)),
    (hypercube(16), nx.hypercube_graph(4)),
    (torus(4, 5), nx.grid_2d_graph(4, 5, periodic=True)),
    (grid(4, 5), nx.grid_2d_graph(4, 5)),
    (binary_tree(15), nx.balanced_tree(2, 3)),
    (binary_tree(12), nx.full_rary_tree(2, 12)),
    (lollipop(9, 4), nx.lollipop_graph(4, 5)),
    (barbell(10), nx.barbell_graph(5, 0)),
    (symmetric_exponential(8), nx.circulant_graph(8, [1, 2, 4])),
    (symmetric_exponential(11), nx.circulant_graph(11, [1, 2, 4, 8])),
    (symmetric_exponential(12), exponential(12).to_undirected()),
    (watts_strogatz(11, 4, 0, 0), nx.circulant_graph(11, [1, 2])),
    (watts_strogatz(8, 0, 0.5, 0), nx.empty_graph(8)),
]


@pytest.mark.parametrize(("graph", "twin"), LARGE)
def test_families_equal_networkx_up_to_names(graph, twin):
    # sorted node names of networkx are 0..n-1, (row, col) row by row, or bits from the highest: the documented order
    names = {name: i for i, name in enumerate(sorted(twin))}
    assert edges(graph) == edges(nx.relabel_nodes(twin, names))


@pytest.mark.parametrize("graph", [g for g, _ in SMALL + LARGE] + [exponential(12), exponential(16)])
def test_nodes_are_0_to_n_in_order_without_loops(graph):
    assert list(graph) == list(range(len(graph)))
    assert nx.number_of_selfloops(graph) == 0
    assert not graph.is_multigraph()


def test_exponential_hears_powers_of_two():
    graph = exponential(6)
    assert graph.is_directed()
    assert sorted(graph.predecessors(4)) == [0, 2, 5]  # 4 + 2, 4 + 4 mod 6, 4 + 1
    assert {d for _, d in graph.in_degree} == {d for _, d in graph.out_degree} == {3}


@pytest.mark.parametrize("agents", [2, 7, 8, 12, 33])
def test_symmetric_exponential_has_its_laplacian_spectrum(agents):
    hops = {sign * 2**k % agents for sign in (1, -1) for k in range(int(np.ceil(np.log2(agents))))}
    expected = sorted(sum(1 - np.cos(2 * np.pi * j * h / agents) for h in hops) for j in range(agents))
    np.testing.assert_allclose(nx.laplacian_spectrum(symmetric_exponential(agents)), expected, atol=1e-12)


@pytest.mark.parametrize("probability", [0.0, 0.3, 1])
def test_watts_strogatz_rewires_with_the_probability(probability):
    lattice, kept = set(edges(watts_strogatz(60, 6, 0, 0))), []
    for seed in range(20):
        graph = watts_strogatz(60, 6, probability, seed)
        assert graph.number_of_edges() == 180
        assert min(degree for _, degree in graph.degree) >= 3
        kept.append(len(lattice & set(edges(graph))))
    mean = 180 * (1 - probability)
    again = 180 * probability * 6 / 54  # more than the rewired edges that land on the lattice
    assert (
        mean - 5 * (mean * probability / 20) ** 0.5
        <= np.mean(kept)
        <= mean + again + 5 * (mean * probability / 20) ** 0.5
    )


def test_barabasi_albert_prefers_high_degrees():
    for agents, links in ((8, 1), (20, 3), (9, 8)):
        graph = barabasi_albert(agents, links, 4)
        assert graph.number_of_edges() == links * (agents - links)
        assert connected(graph)
        assert all(sum(j < i for j in graph[i]) == links for i in range(links + 1, agents))
    # agents 0 ~ 1 ~ 2 or 1 ~ 0 ~ 2: agent 3 joins the middle, 2 of 4 ends, with probability 1/2
    stars = sum(max(dict(barabasi_albert(4, 1, seed).degree).values()) == 3 for seed in range(1000))
    assert abs(stars - 500) < 5 * 250**0.5


@pytest.mark.parametrize("degree", [0, 3, 7, 8, 13, 15])
def test_random_regular_has_the_degree(degree):
    graph = random_regular(16, degree, seed=3)
    assert {d for _, d in graph.degree} == {degree}
    assert list(graph) == list(range(16))


def test_random_graphs_depend_on_the_seed_alone():
    np.random.seed(0)  # noqa: NPY002 - the global generator must have no say
    for draw in (
        lambda seed: random_regular(20, 4, seed),
        lambda seed: erdos_renyi(20, 0.3, seed),
        lambda seed: random_geometric(20, 0.3, seed),
        lambda seed: watts_strogatz(20, 4, 0.3, seed),
        lambda seed: barabasi_albert(20, 2, seed),
    ):
        assert edges(draw(1)) == edges(draw(1))
        assert edges(draw(1)) != edges(draw(2))


def test_erdos_renyi_links_pairs_with_the_probability():
    pairs = 60 * 59 // 2
    links = np.array([erdos_renyi(60, 0.2, seed).number_of_edges() for seed in range(20)])
    assert abs(links.mean() - 0.2 * pairs) < 5 * (0.2 * 0.8 * pairs / 20) ** 0.5


def test_random_geometric_is_monotone_in_the_radius():
    near, far = random_geometric(30, 0.2, 5), random_geometric(30, 0.4, 5)
    assert set(edges(near)) < set(edges(far))


def test_connected_is_strong_for_directed_graphs():
    one_way = nx.DiGraph([(0, 1), (1, 2)])
    assert not connected(one_way)
    assert connected(nx.DiGraph([(0, 1), (1, 2), (2, 0)]))
    assert connected(ring(1))
    assert not connected(random_regular(3, 0, 0))


def test_topology_by_name():
    sizes = {
        "torus": {"rows": 2, "cols": 4},
        "grid": {"rows": 2, "cols": 4},
        "circulant": {"agents": 8, "hops": (1, 3)},
        "directed_circulant": {"agents": 8, "hops": "1,3"},
        "random_regular": {"agents": 8, "degree": 3, "seed": 1},
        "erdos_renyi": {"agents": 8, "probability": 0.5, "seed": 1},
        "random_geometric": {"agents": 8, "radius": 0.5, "seed": 1},
        "lollipop": {"agents": 8, "clique": 5},
        "watts_strogatz": {"agents": 8, "degree": 4, "probability": 0.5, "seed": 1},
        "barabasi_albert": {"agents": 8, "links": 2, "seed": 1},
    }
    for name, rule in TOPOLOGIES.items():
        parameters = sizes.get(name, {"agents": 8})
        graph = topology(name, **parameters)
        assert len(graph) == 8
        assert edges(graph) == edges(rule(**parameters))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: topology("rign", agents=4), ["'rign'", "ring, path, torus", "random_geometric"]),
        (lambda: topology("torus", rows=4), ["torus", "misses parameter cols", "rows, cols"]),
        (lambda: topology("ring", agents=4, degree=2), ["ring", "no parameter degree", "agents"]),
        (lambda: ring(0), ["agents is 0", "at least 1"]),
        (lambda: ring(2.5), ["agents is 2.5", "integer"]),
        (lambda: ring(True), ["agents is True", "integer"]),
        (lambda: ring("8"), ["agents is '8'", "integer"]),
        (lambda: torus(3, 0), ["cols is 0", "at least 1"]),
        (lambda: grid(-1, 3), ["rows is -1", "at least 1"]),
        (lambda: hypercube(6), ["agents is 6", "power of two"]),
        (lambda: random_regular(5, 3, 0), ["degree is 3 with 5 agents", "even"]),
        (lambda: random_regular(5, 5, 0), ["degree is 5", "at most 4"]),
        (lambda: random_regular(5, 2, -1), ["seed is -1", "at least 0"]),
        (lambda: erdos_renyi(5, 1.5, 0), ["probability is 1.5", "from 0 to 1"]),
        (lambda: erdos_renyi(5, float("nan"), 0), ["probability is nan", "from 0 to 1"]),
        (lambda: random_geometric(5, -0.1, 0), ["radius is -0.1", "at least 0"]),
        (lambda: binary_tree(0), ["agents is 0", "at least 1"]),
        (lambda: barbell(0), ["agents is 0", "at least 1"]),
        (lambda: symmetric_exponential(0), ["agents is 0", "at least 1"]),
        (lambda: lollipop(4, 0), ["clique is 0", "at least 1"]),
        (lambda: lollipop(4, 5), ["clique is 5 with 4 agents", "at most 4"]),
        (lambda: watts_strogatz(8, 3, 0.5, 0), ["degree is 3 with 8 agents", "even", "at most 7"]),
        (lambda: watts_strogatz(8, 8, 0.5, 0), ["degree is 8 with 8 agents", "at most 7"]),
        (lambda: watts_strogatz(8, 4, -0.5, 0), ["probability is -0.5", "from 0 to 1"]),
        (lambda: barabasi_albert(1, 1, 0), ["agents is 1", "at least 2"]),
        (lambda: barabasi_albert(5, 0, 0), ["links is 0", "at least 1"]),
        (lambda: barabasi_albert(5, 5, 0), ["links is 5 with 5 agents", "at most 4"]),
        (lambda: barabasi_albert(5, 2, -1), ["seed is -1", "at least 0"]),
    ],
)
def test_bad_parameters_are_named(call, words):
    with pytest.raises(OnemergeError) as error:
        call()
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)
