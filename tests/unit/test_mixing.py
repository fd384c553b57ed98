import networkx as nx
import numpy as np
import pytest

from theory.errors import OnemergeError
from theory.graphs import complete, exponential, grid, path, ring, star, torus
from theory.matrix_files import read_matrix, read_topology
from theory.mixing import (
    WEIGHTS,
    as_mixing,
    check_mixing,
    complete_average,
    graph_of,
    lazy,
    max_degree,
    metropolis,
    mixing,
    uniform,
    validate_mixing,
)

UNDIRECTED = [rule(n) for rule in (ring, path, star, complete) for n in (1, 2, 3, 8)] + [torus(3, 4), grid(2, 3)]
DIRECTED = nx.DiGraph([(0, 1), (1, 2), (2, 0), (0, 2)])  # 2 hears 1 and 0, 1 hears 0, 0 hears 2


def sentence(call):
    with pytest.raises(OnemergeError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


def slow_weights(graph, rule):
    """The same rules, agent by agent, from the neighbor lists."""
    m = len(graph)
    hears = {i: sorted(graph.predecessors(i) if graph.is_directed() else graph.neighbors(i)) for i in graph}
    W = np.zeros((m, m))
    for i in range(m):
        for j in hears[i]:
            d_i, d_j, d_max = len(hears[i]), len(hears[j]), max(map(len, hears.values()))
            W[i, j] = 1 / (1 + {"uniform": d_i, "metropolis": max(d_i, d_j), "max_degree": d_max}[rule])
        W[i, i] = 1 - W[i].sum()
    return W


@pytest.mark.parametrize("rule", ["uniform", "metropolis", "max_degree"])
@pytest.mark.parametrize("graph", UNDIRECTED)
def test_rules_agree_with_the_loop(graph, rule):
    np.testing.assert_allclose(mixing(graph, rule), slow_weights(graph, rule), rtol=0, atol=1e-15)
    assert mixing(graph, rule).dtype == np.float64


@pytest.mark.parametrize("rule", ["metropolis", "max_degree", "lazy_metropolis"])
@pytest.mark.parametrize("graph", UNDIRECTED)
def test_symmetric_rules_satisfy_the_assumption(graph, rule):
    report = check_mixing(WEIGHTS[rule](graph))
    assert report.valid
    assert report.symmetric
    assert report.doubly_stochastic
    assert report.problems() == []
    assert (report.agents, report.components, report.period) == (len(graph), 1, 1)


def test_rows_receive():
    np.testing.assert_array_equal(uniform(DIRECTED), [[1 / 2, 0, 1 / 2], [1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]])
    ring_of_four = uniform(nx.DiGraph([(0, 1), (1, 2), (2, 3), (3, 0)]))
    np.testing.assert_array_equal(ring_of_four @ [1, 0, 0, 0], [0.5, 0.5, 0, 0])  # what 0 says is heard by 1


def test_node_order_is_numeric_whatever_the_insertion_order():
    shuffled = nx.Graph()
    shuffled.add_nodes_from([2, 0, 1])
    shuffled.add_edge(0, 1)
    np.testing.assert_array_equal(uniform(shuffled), [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]])


def test_uniform_is_doubly_stochastic_on_regular_graphs_only():
    assert check_mixing(uniform(ring(5))).valid
    assert check_mixing(uniform(exponential(12))).valid
    report = check_mixing(uniform(star(4)))
    assert report.row_stochastic
    assert not report.doubly_stochastic
    assert report.column_error == pytest.approx(1 / 4 + 3 / 2 - 1)
    assert report.problems() == ["column 0 sums to 1.75, 0.75 away from 1"]
    assert report.problems(doubly_stochastic=False) == []


def test_edge_attributes_do_not_weigh():
    graph = nx.Graph()
    graph.add_nodes_from(range(2))
    graph.add_edge(0, 1, weight=7.0)
    np.testing.assert_array_equal(metropolis(graph), complete_average(2))


def test_lazy_halves_the_distance_to_the_identity():
    W = uniform(DIRECTED)
    np.testing.assert_allclose(2 * lazy(W) - np.eye(3), W, rtol=0, atol=1e-15)
    assert np.linalg.eigvalsh(WEIGHTS["lazy_metropolis"](star(5))).min() > -1e-15
    assert np.linalg.eigvalsh(metropolis(ring(4))).min() < -0.3


def test_complete_average_is_the_merge():
    for m in (1, 2, 3, 7):
        np.testing.assert_allclose(metropolis(complete(m)), complete_average(m), rtol=0, atol=1e-15)


@pytest.mark.parametrize("rule", ["metropolis", "max_degree", "lazy_metropolis"])
def test_symmetric_rules_refuse_directed_graphs(rule):
    text = sentence(lambda: mixing(DIRECTED, rule))
    assert "4 directed edges" in text
    assert "uniform" in text


def test_graphs_that_are_no_topology_are_refused():
    assert "integers 0..n-1" in sentence(lambda: uniform(nx.path_graph(["a", "b"])))
    assert "integers 0..n-1" in sentence(lambda: uniform(nx.Graph()))
    assert "loops" in sentence(lambda: uniform(nx.Graph([(0, 0), (0, 1)])))
    assert "multiple" in sentence(lambda: uniform(nx.MultiGraph([(0, 1)])))
    text = sentence(lambda: mixing(ring(3), "best"))
    assert "'best'" in text
    assert "uniform, metropolis, max_degree, lazy_metropolis" in text


def slow_period(W, longest=12):
    """gcd of the t <= longest with a closed walk of t steps."""
    support = (np.asarray(W) != 0).astype(int)
    walks, lengths = np.eye(len(support), dtype=int), []
    for t in range(1, longest + 1):
        walks = ((walks @ support) > 0).astype(int)
        if np.trace(walks):
            lengths.append(t)
    return int(np.gcd.reduce(lengths)) if lengths else 0


def cycle(n, chord=None):
    W = np.roll(np.eye(n), 1, axis=1)
    if chord:
        W[chord] = 1
    return W / W.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("W", "period", "components"),
    [
        (np.eye(1), 1, 1),
        (np.eye(4), 1, 4),
        (cycle(2), 2, 1),
        (cycle(5), 5, 1),
        (cycle(6, chord=(0, 3)), 2, 1),  # cycles of 6 and 4
        (cycle(6, chord=(0, 4)), 3, 1),  # 6 and 3
        (cycle(5, chord=(0, 2)), 1, 1),  # 5 and 4
        (np.kron(np.eye(2), cycle(3)), 3, 2),
        (np.array([[0.0, 1], [0, 1]]), 1, 2),  # 0 hears 1, 1 hears nobody
        (np.array([[0.0, 1], [0, 0]]), 0, 2),
        (np.block([[cycle(2), np.zeros((2, 4))], [np.zeros((4, 2)), cycle(4)]]), 2, 2),
    ],
)
def test_period_and_components(W, period, components):
    report = check_mixing(W)
    assert (report.period, report.components) == (period, components)
    assert slow_period(W) == period
    assert report.connected == (components == 1)


def test_random_supports_have_the_period_of_their_walks():
    generator = np.random.default_rng(0)
    for _ in range(60):
        W = (generator.random((5, 5)) < 0.25).astype(float)
        assert check_mixing(W).period == slow_period(W, longest=30)


def test_problems_carry_the_measured_violation():
    W = np.array([[1.25, -0.25, 0], [0.5, 0.5, 0], [0, 0, 0.9]])
    report = check_mixing(W)
    assert report.problems() == [
        "weight [0, 1] is -0.25; weights must not be negative",
        "row 2 sums to 0.9, 0.1 away from 1",
        "the agents form 2 components that do not all hear each other; there must be one",
        "column 0 sums to 1.75, 0.75 away from 1",
    ]
    assert report.most_negative == -0.25
    assert report.row_error == pytest.approx(0.1)
    assert report.column_error == 0.75
    assert report.asymmetry == 0.75
    assert not report.valid
    assert not report.symmetric
    assert not report.nonnegative
    assert not report.row_stochastic
    periodic = "the lengths of all cycles are multiples of 3, so W^t does not converge"
    assert check_mixing(cycle(3)).problems() == [periodic]


def test_rounding_is_tolerated_and_five_digits_are_not():
    third = np.full((3, 3), 0.33333)
    assert check_mixing(third).problems()[0] == "row 0 sums to 0.99999, 1e-05 away from 1"
    assert check_mixing(np.full((3, 3), 1 / 3 + 1e-12)).valid


@pytest.mark.parametrize(
    ("W", "words"),
    [
        (np.ones((2, 3)) / 3, "shape (2, 3)"),
        (np.ones(3), "shape (3,)"),
        (np.ones((0, 0)), "shape (0, 0)"),
        ([], "shape (0,)"),
        ([[0.5, 0.5], [1.0]], "not an array of real numbers"),
        ([["a"]], "not an array of real numbers"),
        ([[1j]], "not an array of real numbers"),
        (3.0, "shape ()"),
        ([[0.5, 0.5], [np.nan, 1]], "entry [1, 0] of the matrix is nan"),
        ([[0.5, np.inf], [0, 1]], "entry [0, 1] of the matrix is inf"),
        ([[1.5, -0.5], [-0.5, 1.5]], "weight [0, 1] is -0.5"),
        ([[0.5, 0.5], [0.5, 0.6]], "row 1 sums to 1.1, 0.1 away from 1"),
        (np.eye(3), "3 components"),
        ([[0.5, 0, 0.5], [0.5, 0.5, 0], [0.5, 0.25, 0.25]], "column 0 sums to 1.5, 0.5 away from 1"),
        ([[0, 1], [1, 0]], "multiples of 2"),
    ],
)
def test_validate_names_the_first_problem(W, words):
    assert words in sentence(lambda: validate_mixing(W))


def test_validate_returns_a_float64_copy():
    W = [[0.5, 0.5], [0.25, 0.75]]
    out = validate_mixing(W, doubly_stochastic=False)
    assert out.dtype == np.float64
    original = complete_average(2)
    validate_mixing(original)[0, 0] = 9
    assert original[0, 0] == 0.5


def test_as_mixing_asks_for_rows_only():
    np.testing.assert_array_equal(as_mixing(np.eye(2)), np.eye(2))
    as_mixing([[1.5, -0.5], [0, 1]])
    assert "row 0 sums to 0.5, 0.5 away from 1" in sentence(lambda: as_mixing([[0.5, 0], [1, 0]]))


@pytest.mark.parametrize("graph", [*UNDIRECTED, exponential(6), DIRECTED])
def test_graph_of_inverts_the_rule(graph):
    support = graph_of(uniform(graph))
    assert list(support) == list(range(len(graph)))
    assert set(nx.DiGraph(support).edges) == set(nx.DiGraph(graph).edges)
    assert support.is_directed() == graph.is_directed()


def test_matrix_files_round_trip(tmp_path):
    W = uniform(DIRECTED)
    np.save(tmp_path / "W.npy", W)
    np.savetxt(tmp_path / "W.csv", W, delimiter=",", fmt="%.17g")
    for name in ("W.npy", "W.csv"):
        np.testing.assert_array_equal(read_matrix(tmp_path / name), W)
        graph, read = read_topology(tmp_path / name)
        np.testing.assert_array_equal(read, W)
        assert set(graph.edges) == set(DIRECTED.edges)
    (tmp_path / "one.csv").write_text("\ufeff1\n")
    np.testing.assert_array_equal(read_matrix(tmp_path / "one.csv"), [[1.0]])


def test_graph_files_take_the_rule(tmp_path):
    nx.write_edgelist(star(4), tmp_path / "star.txt")
    graph, W = read_topology(tmp_path / "star.txt")
    np.testing.assert_array_equal(W, metropolis(star(4)))
    assert set(graph.edges) == set(star(4).edges)
    np.testing.assert_array_equal(read_topology(tmp_path / "star.txt", "max_degree")[1], max_degree(star(4)))
    nx.write_graphml(DIRECTED, tmp_path / "net.graphml")
    np.testing.assert_array_equal(read_topology(tmp_path / "net.graphml", weights="uniform")[1], uniform(DIRECTED))
    assert "undirected" in sentence(lambda: read_topology(tmp_path / "net.graphml"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("W.mat", "1", ["'.mat'", ".npy, .csv, .edgelist, .txt, .edges, .graphml"]),
        ("W.csv", "", ["W.csv is empty"]),
        ("W.csv", "1,0\n0\n", ["row 1 of", "has 1 entries", "needs 2"]),
        ("W.csv", "0.5,0.5\n", ["row 0 of", "has 2 entries"]),
        ("W.csv", "a,b\n0,1\n", ["entry [0, 0] of", "'a'"]),
        ("W.csv", "1,\n0,1\n", ["entry [0, 1] of", "''"]),
        ("W.csv", "0.5,nan\n0,1\n", ["entry [0, 1] of", "W.csv is nan"]),
        ("W.csv", "0.5,0.4\n0.5,0.5\n", ["W.csv: row 0 sums to 0.9, 0.1 away from 1"]),
        ("W.csv", "1,0\n0,1\n", ["W.csv: the agents form 2 components"]),
        ("W.npy", "text", ["W.npy is not an array", "numpy.save"]),
        ("W.npy", "", ["W.npy is not an array"]),
        ("W.txt", "0 1\n2 3\n4 5\n", ["W.txt: the agents form 3 components"]),
    ],
)
def test_bad_files_are_named(tmp_path, name, content, words):
    (tmp_path / name).write_text(content)
    text = sentence(lambda: read_topology(tmp_path / name))
    for word in words:
        assert word in text


def test_pickles_missing_files_and_wrong_arrays_are_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "without pickles" in sentence(lambda: read_matrix(tmp_path / "objects.npy"))
    np.save(tmp_path / "flat.npy", np.ones(3))
    assert "flat.npy has the shape (3,)" in sentence(lambda: read_matrix(tmp_path / "flat.npy"))
    np.savez(tmp_path / "archive.npz", np.ones(3))
    (tmp_path / "archive.npz").rename(tmp_path / "archive.npy")
    assert "archive.npy is not an array" in sentence(lambda: read_matrix(tmp_path / "archive.npy"))
    for name in ("absent.npy", "absent.csv"):
        assert f"{name} is not a file" in sentence(lambda name=name: read_matrix(tmp_path / name))
    assert "valid suffixes are .npy, .csv" in sentence(lambda: read_matrix(tmp_path / "W.txt"))
