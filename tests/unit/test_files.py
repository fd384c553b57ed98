from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from scipy.io import mmwrite
from scipy.sparse import coo_array

from theory.errors import OnemergeError
from theory.files import from_networkx, read_graph
from theory.graphs import exponential, random_regular, ring, torus


def edges(graph):
    return sorted(graph.edges) if graph.is_directed() else sorted(tuple(sorted(e)) for e in graph.edges)


def labels(graph):
    return [graph.nodes[i]["label"] for i in graph]


def test_edge_list_with_comments_weights_and_natural_order(tmp_path):
    file = tmp_path / "net.edgelist"
    file.write_text("# a path a2 - a10 - b\na10 b 0.5\n\nb a10 {'weight': 3}\na10 a2 # last\n")
    graph = read_graph(file)
    assert edges(graph) == [(0, 1), (1, 2)]
    assert list(graph) == [0, 1, 2]
    assert [graph.nodes[i]["label"] for i in graph] == ["a2", "a10", "b"]
    assert all(not data for _, _, data in graph.edges(data=True))


@pytest.mark.parametrize("suffix", [".edgelist", ".txt", ".edges", ".EDGES"])
def test_edge_list_round_trip(tmp_path, suffix):
    nx.write_edgelist(ring(12), tmp_path / f"ring{suffix}")
    assert edges(read_graph(tmp_path / f"ring{suffix}")) == edges(ring(12))


@pytest.mark.parametrize("graph", [ring(12), ring(1), exponential(12), nx.MultiGraph([(0, 1), (0, 1), (1, 2)])])
def test_graphml_keeps_the_direction(tmp_path, graph):
    nx.write_graphml(graph, tmp_path / "net.graphml")
    read = read_graph(tmp_path / "net.graphml")
    assert read.is_directed() == graph.is_directed()
    assert edges(read) == edges(nx.DiGraph(graph) if graph.is_directed() else nx.Graph(graph))
    assert list(read) == list(range(len(graph)))


def test_adjacency_list_keeps_agents_without_neighbors(tmp_path):
    file = tmp_path / "net.adjlist"
    file.write_text("# three in a row and one alone\nb a c # middle\n\nc b\nd\n")
    graph = read_graph(file)
    assert edges(graph) == [(0, 1), (1, 2)]
    assert labels(graph) == ["a", "b", "c", "d"]
    nx.write_adjlist(torus(3, 4), tmp_path / "torus.adjlist")
    assert edges(read_graph(tmp_path / "torus.adjlist")) == edges(torus(3, 4))


@pytest.mark.parametrize("graph", [ring(12), ring(1), exponential(12), nx.MultiGraph([(0, 1), (0, 1), (1, 2)])])
@pytest.mark.parametrize(("suffix", "write"), [(".gml", nx.write_gml), (".net", nx.write_pajek)])
def test_gml_and_pajek_keep_the_direction(tmp_path, graph, suffix, write):
    write(graph, tmp_path / f"net{suffix}")
    read = read_graph(tmp_path / f"net{suffix}")
    assert read.is_directed() == graph.is_directed()
    assert edges(read) == edges(nx.DiGraph(graph) if graph.is_directed() else nx.Graph(graph))
    assert list(read) == list(range(len(graph)))


def test_gml_without_labels_has_its_ids(tmp_path):
    node, edge = "node [ id {} {} ]", "edge [ source {} target {} ]"
    ends = [edge.format(10, 2), edge.format(2, 7)]
    nodes = [node.format(i, "") for i in (10, 2, 7)]
    (tmp_path / "ids.gml").write_text("\n".join(["graph [", *nodes, *ends, "]"]))
    assert edges(read_graph(tmp_path / "ids.gml")) == [(0, 1), (0, 2)]
    assert labels(read_graph(tmp_path / "ids.gml")) == [2, 7, 10]
    named = [node.format(i, f'label "{name}"') for i, name in ((10, "a"), (2, "c"), (7, "b"))]
    (tmp_path / "names.gml").write_text("\n".join(["graph [ directed 1", *named, *ends, "]"]))
    assert edges(read_graph(tmp_path / "names.gml")) == [(0, 2), (2, 1)]
    assert labels(read_graph(tmp_path / "names.gml")) == ["a", "b", "c"]


def test_pajek_reads_what_the_format_says(tmp_path):
    file = tmp_path / "net.net"
    file.write_text('*Vertices 3\n1 "left"\n2 "middle"\n3 "right"\n*Edges\n1 2 1.0\n2 3\n')
    assert edges(read_graph(file)) == [(0, 1), (1, 2)]
    assert labels(read_graph(file)) == ["left", "middle", "right"]
    file.write_text("*Network small\n% comment\n*Vertices 3\n1 a\n*Arcs\n1 2\n3 2 0.5\n")
    assert labels(read_graph(file)) == ["2", "3", "a"]
    assert edges(read_graph(file)) == [(1, 0), (2, 0)]
    file.write_text("*vertices 3\n*arcs\n1 2\n*edges\n3 2\n")
    assert edges(read_graph(file)) == [(0, 1), (1, 2), (2, 1)]


@pytest.mark.parametrize("graph", [ring(12), exponential(11), random_regular(20, 3, 1)])
def test_matrix_market_is_an_adjacency_matrix(tmp_path, graph):
    A = nx.to_numpy_array(graph, nodelist=range(len(graph)))
    mmwrite(tmp_path / "sparse.mtx", coo_array(A), field="pattern")
    mmwrite(tmp_path / "dense.mtx", A * 0.5)
    for name in ("sparse.mtx", "dense.mtx"):
        read = read_graph(tmp_path / name)
        assert read.is_directed() == graph.is_directed()
        assert edges(read) == edges(graph)
        assert labels(read) == list(range(1, len(graph) + 1))
    file = tmp_path / "zero.mtx"
    file.write_text("%%MatrixMarket matrix coordinate real general\n3 3 3\n1 2 1\n2 1 0\n3 3 0\n")
    assert edges(read_graph(file)) == [(0, 1)]  # explicit zeros are no edges, agent 2 is alone
    assert len(read_graph(file)) == 3


def test_networkx_graphs_are_numbered_in_natural_order():
    graph = from_networkx(nx.Graph([("n10", "n2"), ("n2", "n1")]))
    assert edges(graph) == [(0, 1), (1, 2)]
    assert labels(graph) == ["n1", "n2", "n10"]
    assert edges(from_networkx(nx.grid_2d_graph(11, 12, periodic=True))) == edges(torus(11, 12))
    assert edges(from_networkx(nx.relabel_nodes(ring(20), lambda i: (19 - i, "x")))) == edges(ring(20))
    digits = ["x" + "9" * 5000, "x1" + "0" * 4999, "x12", "x007", "x"]  # more than int() takes
    assert labels(from_networkx(nx.Graph(pairwise(digits)))) == digits[::-1]
    for n in (1, 2, 3, 30):
        assert edges(from_networkx(exponential(n))) == edges(exponential(n))
        assert labels(from_networkx(exponential(n))) == list(range(n))
    parallel = nx.MultiDiGraph([("a", "b"), ("a", "b"), ("b", "a"), ("c", "b")])
    assert edges(from_networkx(parallel)) == [(0, 1), (1, 0), (2, 1)]
    weighted = nx.Graph()
    weighted.add_edge(0, 1, weight=3.0)
    assert all(not data for _, _, data in from_networkx(weighted).edges(data=True))


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (nx.Graph(), ["the graph has no agents"]),
        (nx.Graph([("a", "b"), ("b", "b")]), ["agent 'b' of the graph", "edge to itself"]),
        (nx.Graph([(1, "1")]), ["1 and '1'", "one name"]),
        (np.eye(3), ["type ndarray", "networkx graph"]),
        ([(0, 1)], ["type list", "networkx graph"]),
    ],
)
def test_graphs_that_cannot_be_numbered_are_named(graph, words):
    with pytest.raises(OnemergeError) as error:
        from_networkx(graph)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("net.json", "{}", ["'.json'", ".edgelist, .txt, .edges, .graphml, .adjlist, .gml, .net, .mtx"]),
        ("net.txt", "", ["net.txt is empty"]),
        ("net.graphml", " \n", ["net.graphml is empty"]),
        ("net.txt", "# nothing\n", ["has no agents"]),
        ("net.txt", "0 1\n2\n", ["line 2", "'2'", "two labels"]),
        ("net.txt", "0 1\n0,2\n", ["line 2", "'0,2'", "separated by blanks"]),
        ("net.txt", "0, 2\n", ["line 1", "'0, 2'"]),
        ("net.txt", "0 1 2 3\n", ["line 1", "'0 1 2 3'", "at most one weight"]),
        ("net.txt", "0 1 far\n", ["line 1", "'0 1 far'"]),
        ("net.txt", "0 1\n1 1\n", ["agent '1'", "edge to itself"]),
        ("net.adjlist", "", ["net.adjlist is empty"]),
        ("net.adjlist", "# nothing\n", ["has no agents"]),
        ("net.adjlist", "0 1\n0,2\n", ["line 2", "'0,2'", "separated by blanks"]),
        ("net.adjlist", "0 0\n", ["agent '0'", "edge to itself"]),
        ("net.gml", "graph [ node [ id 0 ", ["not a GML file"]),
        ("net.gml", "graph [ node [ id 0 ] edge [ source 0 target 4 ] ]", ["not a GML file", "4"]),
        ("net.gml", "graph [ ]", ["net.gml has no agents"]),
        ("net.gml", "graph [ node [ id 5 ] edge [ source 5 target 5 ] ]", ["agent 5", "edge to itself"]),
        ("net.net", "nothing", ["line 1", "'nothing'", "below *Vertices n"]),
        ("net.net", "*Vertices 0\n", ["net.net has no agents"]),
        ("net.net", "*Vertices x\n1 a\n", ["line 1", "'*Vertices x'", "*Vertices n, *Arcs and *Edges"]),
        ("net.net", "*Vertices 2\n*Matrix\n0 1\n1 0\n", ["line 2", "'*Matrix'", "*Vertices n, *Arcs and *Edges"]),
        ("net.net", "*Vertices 2\n3 c\n", ["line 2", "'3 c'", "1 to 2"]),
        ("net.net", "*Vertices 2\n*Edges\n1 7\n", ["line 3", "'1 7'", "1 to 2"]),
        ("net.net", "*Vertices 2\n*Edges\n1\n", ["line 3", "'1'", "two vertices"]),
        ("net.net", "*Vertices 2\n1 a\n2 a\n", ["two vertices of one label"]),
        ("net.net", "*Vertices 1\n1 a\n*Arcs\n1 1\n", ["agent 'a'", "edge to itself"]),
        ("net.mtx", "1 2\n", ["not a Matrix Market file"]),
        ("net.mtx", "%%MatrixMarket matrix coordinate real general\n2 2 2\n1 2 1\n", ["not a Matrix Market file"]),
        ("net.mtx", "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 3 1\n", ["not a Matrix Market file"]),
        ("net.mtx", "%%MatrixMarket matrix coordinate pattern general\n2 3 1\n1 2\n", ["2 x 3", "square"]),
        ("net.mtx", "%%MatrixMarket matrix coordinate pattern general\n2 2 1\n2 2\n", ["diagonal", "no loops"]),
        ("net.graphml", "not xml", ["not a GraphML file"]),
        ("net.graphml", "<html></html>", ["not a GraphML file"]),
        ("net.graphml", '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph/></graphml>', ["net.graphml"]),
    ],
)
def test_bad_graph_files_are_named(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(OnemergeError) as error:
        read_graph(tmp_path / name)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_missing_directory_and_binary_files_are_named(tmp_path):
    with pytest.raises(OnemergeError, match=r"absent\.txt is not a file"):
        read_graph(tmp_path / "absent.txt")
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(OnemergeError, match=r"folder\.txt is not a file"):
        read_graph(tmp_path / "folder.txt")
    (tmp_path / "binary.edges").write_bytes(b"0 1\n\xff\xfe")
    with pytest.raises(OnemergeError, match="not UTF-8 text: byte 4"):
        read_graph(tmp_path / "binary.edges")
