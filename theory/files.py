"""Graphs of the user: files in the formats that people have, and any networkx graph, numbered 0..n-1."""

import re
from os import PathLike
from pathlib import Path
from xml.etree import ElementTree

import networkx as nx
import numpy as np
from scipy.io import mminfo, mmread
from scipy.sparse import coo_array

from theory.edges import joined
from theory.errors import OnemergeError, require, shown

EDGE = re.compile(r"([^\s,;]+)\s+([^\s,;]+)(?:\s+(?:\{.*\}|[-+]?[\d.]+(?:[eE][-+]?\d+)?))?")
FAULTS = (
    *(ElementTree.ParseError, nx.NetworkXException, ArithmeticError, AttributeError, LookupError, MemoryError),
    *(RecursionError, TypeError, ValueError),
)
MOST = 2 * 10**6  # agents of a file that states their number: a few GB as a networkx graph
VERTEX = re.compile(r'(\d+)(?:\s+(?:"([^"]*)"|(\S+)).*)?')  # of a Pajek file, as the next
PAIR = re.compile(r"(\d+)\s+(\d+)(?:\s.*)?")


def as_path(path):
    """`Path` of a text or path."""
    require(isinstance(path, (str, PathLike)), f"the path is {shown(path)}; it must be the path of a file or folder")
    return Path(path)


def suffix_of(path, valid):
    """The suffix of a path, in lower case, which must be one of `valid`."""
    suffix = as_path(path).suffix.lower()
    require(suffix in valid, f"{path} has the suffix {suffix!r}; valid suffixes are {', '.join(valid)}")
    return suffix


def read_text(path):
    """Text of the file at `path`, which must exist, be UTF-8 and hold more than blanks."""
    require(Path(path).is_file(), f"{path} is not a file; give the path of an existing file")
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise OnemergeError(f"{path} is not UTF-8 text: byte {error.start} is not valid") from error
    except OSError as error:
        raise OnemergeError(f"{path} cannot be read: {error.strerror}") from error
    require(text.strip(), f"{path} is empty")
    return text


def _contents(path):
    """(number, text) of the lines of a file less their comments, which start at `#`."""
    lines = enumerate(read_text(path).splitlines(), start=1)
    return [(number, content) for number, line in lines if (content := line.split("#", 1)[0].strip())]


def _read_edge_list(path):
    graph = nx.Graph()
    for number, content in _contents(path):
        edge = EDGE.fullmatch(content)
        expected = "two labels and at most one weight, separated by blanks"
        require(edge, f"line {number} of {path} is {shown(content)}; an edge is {expected}")
        graph.add_edge(edge[1], edge[2])
    return graph


def _read_adjacency_list(path):
    graph = nx.Graph()
    for number, content in _contents(path):
        expected = "a label and the labels of its neighbors, separated by blanks"
        require(not re.search("[,;]", content), f"line {number} of {path} is {shown(content)}; a line is {expected}")
        agent, *heard = content.split()
        graph.add_node(agent)
        graph.add_edges_from((agent, other) for other in heard)
    return graph


def _few_enough(agents, path):
    require(agents <= MOST, f"{path} has {agents} agents; at most {MOST} are read")


def _pajek(path, text):
    """Vertices 1..n, named by their labels where they have any; arcs go one way and edges both."""
    section, names, pairs = None, {}, {"*arcs": [], "*edges": []}
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.strip()
        if not content or content.startswith("%") or content.lower().startswith("*network"):
            continue
        fault = f"line {number} of {path} is {shown(content)}"
        if content.startswith("*"):
            section, *size = content.lower().split()
            if section == "*vertices" and size and size[0].isdecimal():
                _few_enough(int(size[0]), path)
                names = {i: str(i) for i in range(1, int(size[0]) + 1)}
            else:
                require(section in pairs, f"{fault}; the sections of a Pajek file are *Vertices n, *Arcs and *Edges")
            continue
        found = (VERTEX if section == "*vertices" else PAIR).fullmatch(content)
        expected = "a vertex is its number and a label, an arc or edge the numbers of two vertices"
        require(section and found, f"{fault}; {expected}, below *Vertices n, *Arcs or *Edges")
        ends = [int(found[1])] if section == "*vertices" else [int(found[1]), int(found[2])]
        require(all(end in names for end in ends), f"{fault}; the vertices are 1 to {len(names)}")
        if section == "*vertices":
            names[ends[0]] = next((label for label in found.groups()[1:] if label), names[ends[0]])
        else:
            pairs[section].append([names[end] for end in ends])
    require(len(set(names.values())) == len(names), f"{path} has two vertices of one label; each needs its own")
    graph = nx.DiGraph() if pairs["*arcs"] else nx.Graph()
    graph.add_nodes_from(names.values())
    graph.add_edges_from(pairs["*arcs"] + pairs["*edges"])
    graph.add_edges_from(edge[::-1] for edge in pairs["*edges"])
    return graph


def _parsed(kind, parse):
    """Reader of the format `kind` by parse(path, text), whose failures become one sentence."""

    def read(path):
        text = read_text(path)
        try:
            return parse(path, text)
        except OnemergeError:
            raise
        except FAULTS as error:
            reason = " ".join(str(error).split()).rstrip(".")
            reason = f": {reason}" if reason else ""
            raise OnemergeError(f"{path} is not a {kind} file that can be read{reason}") from error

    return read


def _gml(_, text):
    """Nodes are named by their labels where each has its own, and by their ids otherwise."""
    graph = nx.parse_gml(text.splitlines(), label=None)
    labels = nx.get_node_attributes(graph, "label")
    own = len(set(labels.values())) == len(graph)
    return nx.relabel_nodes(graph, labels) if own else graph


def _graphml(path, text):
    """The one graph of the file. Where it lists nodes, edges are between these (networkx would add other ends)."""
    graph, root = nx.parse_graphml(text), ElementTree.fromstring(text)
    count = sum(element.tag.endswith("}graph") for element in root)
    require(count == 1, f"{path} holds {count} graphs; a topology is one")
    nodes = {element.get("id") for element in root.iter() if element.tag.endswith("}node")}
    edges = [element for element in root.iter() if element.tag.endswith("}edge")]
    for end in (edge.get(side) for edge in edges for side in ("source", "target")):
        known = end is not None and (not nodes or end in nodes)
        require(known, f"{path} has an edge of {shown(end)}, which is no node of it")
    require(None not in nodes, f"{path} has a node without an id; every node needs its own")
    return graph


def _matrix_market(path, _):
    """Nodes 1..n as in the file; entry (i, j) other than zero is the edge i -> j, undirected where all go both ways."""
    rows, cols = mminfo(path)[:2]
    require(rows == cols, f"{path} holds a {rows} x {cols} matrix; the matrix of a graph is square")
    _few_enough(rows, path)
    matrix = coo_array(mmread(path))
    for k in np.flatnonzero(~np.isfinite(matrix.data))[:1]:
        place = f"entry ({matrix.row[k] + 1}, {matrix.col[k] + 1}) of {path}"
        raise OnemergeError(f"{place} is {matrix.data[k]}; every entry must be a finite number")
    here = matrix.data != 0
    require(not (matrix.row == matrix.col)[here].any(), f"{path} has entries on the diagonal; a topology has no loops")
    one_way = joined(rows, matrix.row[here], matrix.col[here], directed=True)
    back = joined(rows, *one_way.pairs.T[::-1], directed=True)
    directed = not np.array_equal(one_way.pairs, back.pairs)
    return nx.relabel_nodes(joined(rows, *one_way.pairs.T, directed).graph(), {i: i + 1 for i in range(rows)})


GRAPH_FILES = {
    ".edgelist": _read_edge_list,
    ".txt": _read_edge_list,
    ".edges": _read_edge_list,
    ".graphml": _parsed("GraphML", _graphml),
    ".adjlist": _read_adjacency_list,
    ".gml": _parsed("GML", _gml),
    ".net": _parsed("Pajek", _pajek),
    ".mtx": _parsed("Matrix Market", _matrix_market),
}


def natural(name):
    """Sort key in which runs of digits compare as numbers: 2 before 10, n2 before n10."""
    parts = re.split(r"(\d+)", name)
    numbers = [part.lstrip("0") for part in parts[1::2]]
    return [*zip(parts[::2], map(len, numbers), numbers, strict=False), (parts[-1],)], name


def _numbered(raw, origin):
    require(len(raw) > 0, f"{origin} has no agents; it must list at least one edge or node")
    for loop in nx.nodes_with_selfloops(raw):
        raise OnemergeError(f"agent {loop!r} of {origin} has an edge to itself; an agent hears itself without one")
    names = {}
    for label in raw:
        other = names.setdefault(str(label), label)
        require(other is label, f"{other!r} and {label!r} of {origin} have one name; every agent needs its own")
    labels = [names[name] for name in sorted(names, key=natural)]
    number = {label: i for i, label in enumerate(labels)}
    pairs = [(number[u], number[v]) for u, v in raw.edges()]
    one, other = zip(*pairs, strict=True) if pairs else ((), ())
    graph = joined(len(labels), one, other, raw.is_directed()).graph()
    nx.set_node_attributes(graph, dict(enumerate(labels)), "label")
    return graph


def from_networkx(graph):
    """The topology of any networkx graph: its agents numbered 0..n-1 in the natural order of their labels' text.

    In this order 2 comes before 10, n2 before n10, and (0, 2) before (0, 10) before (1, 0): labels 0..n-1 stay as they
    are, the cells of a grid go row by row. The direction stays, weights and attributes are ignored, and parallel edges
    count once; loops are refused, and so are labels of equal text. The node attribute `label` keeps the label.
    """
    given = isinstance(graph, nx.Graph)
    require(given, f"the graph is of the type {type(graph).__name__}; it must be a networkx graph of any kind")
    return _numbered(graph, "the graph")


def read_graph(path):
    """Graph of a file, by its suffix; agents are numbered as in `from_networkx`, whatever the order of the file.

    .edgelist, .txt, .edges: an edge a line, "label label" and optionally a weight; undirected
    .adjlist:                an agent a line, "label neighbor neighbor ..."; undirected
    .graphml, .gml, .net:    GraphML, GML and Pajek, with their own direction
    .mtx:                    Matrix Market, entry (i, j) is the edge i -> j; undirected where the pattern is symmetric

    In the first two, `#` starts a comment. Weights and attributes are ignored (weights come from a rule of
    `theory.mixing`) and an edge listed twice counts once, for which GML must say `multigraph 1`. The node attribute
    `label` keeps the name in the file.
    """
    return _numbered(GRAPH_FILES[suffix_of(path, GRAPH_FILES)](path), path)
