"""Topologies: who hears whom, as networkx graphs on the agents 0..n-1.

A topology is a plain function, size first. Agents are the integers 0..n-1 and row i of every matrix built from a graph
belongs to agent i. Graphs have no loops (an agent hears itself anyway) and no multiple edges.

Direction: an edge i -> j means that j receives from i, hence W[j, i] > 0 (rows receive, x_j <- sum_i W[j, i] x_i).
An undirected edge stands for both directions.
"""

import inspect
import re
from itertools import combinations
from numbers import Integral, Real
from pathlib import Path
from xml.etree.ElementTree import ParseError

import networkx as nx
import numpy as np

from theory.errors import OnemergeError, require

EDGE = re.compile(r"([^\s,;]+)\s+([^\s,;]+)(?:\s+(?:\{.*\}|[-+]?[\d.]+(?:[eE][-+]?\d+)?))?")


def at_least(lowest, **values):
    """Raise unless every value is an integer of at least `lowest`."""
    for name, value in values.items():
        integer = isinstance(value, Integral) and not isinstance(value, bool)
        require(integer and value >= lowest, f"{name} is {value!r}; it must be an integer of at least {lowest}")


def at_most_one(**values):
    """Raise unless every value is a number from 0 to 1."""
    for name, value in values.items():
        valid = isinstance(value, Real) and 0 <= value <= 1
        require(valid, f"{name} is {value!r}; it must be a number from 0 to 1")


def _on(agents, edges, kind=nx.Graph):
    """Graph of `kind` on the nodes 0..agents-1, in this order, with `edges` less their loops."""
    graph = kind()
    graph.add_nodes_from(range(agents))
    graph.add_edges_from((i, j) for i, j in edges if i != j)
    return graph


def ring(agents):
    """Cycle i ~ i + 1 mod n. ring(1) is a single agent, ring(2) one edge."""
    at_least(1, agents=agents)
    return _on(agents, ((i, (i + 1) % agents) for i in range(agents)))


def path(agents):
    """Line i ~ i + 1."""
    at_least(1, agents=agents)
    return _on(agents, ((i, i + 1) for i in range(agents - 1)))


def torus(rows, cols):
    """Grid closed in both directions; agent r * cols + c sits at (r, c). Sides 2 and 1 add one edge and none."""
    at_least(1, rows=rows, cols=cols)
    cells = [(r, c) for r in range(rows) for c in range(cols)]
    right = [(r * cols + c, r * cols + (c + 1) % cols) for r, c in cells]
    down = [(r * cols + c, (r + 1) % rows * cols + c) for r, c in cells]
    return _on(rows * cols, right + down)


def grid(rows, cols):
    """Grid with open sides; agent r * cols + c sits at (r, c)."""
    at_least(1, rows=rows, cols=cols)
    cells = [(r, c) for r in range(rows) for c in range(cols)]
    right = [(r * cols + c, r * cols + c + 1) for r, c in cells if c + 1 < cols]
    down = [(r * cols + c, (r + 1) * cols + c) for r, c in cells if r + 1 < rows]
    return _on(rows * cols, right + down)


def dimension(agents):
    """log2 of `agents`, which must be a power of two."""
    at_least(1, agents=agents)
    bits = (int(agents) - 1).bit_length()
    require(agents == 1 << bits, f"agents is {agents}; a hypercube needs a power of two, such as {1 << bits}")
    return bits


def hypercube(agents):
    """Agents whose binary numbers differ in one bit; n = 2^d, degree d, diameter d."""
    bits = dimension(agents)
    return _on(agents, ((i, i ^ 1 << bit) for i in range(agents) for bit in range(bits)))


def star(agents):
    """Agent 0 linked to every other agent; n agents in all."""
    at_least(1, agents=agents)
    return _on(agents, ((0, i) for i in range(1, agents)))


def complete(agents):
    """Every pair of agents linked."""
    at_least(1, agents=agents)
    return _on(agents, combinations(range(agents), 2))


def binary_tree(agents):
    """Agent i > 0 linked to its parent floor((i - 1)/2), the order of a heap: every level is full but the last."""
    at_least(1, agents=agents)
    return _on(agents, (((i - 1) // 2, i) for i in range(1, agents)))


def lollipop(agents, clique):
    """Agents 0..clique-1 all linked, and the line clique - 1 ~ clique ~ ... ~ n - 1: one agent or two make a path."""
    at_least(1, agents=agents, clique=clique)
    require(clique <= agents, f"clique is {clique} with {agents} agents; it must be at most {agents}")
    return _on(agents, [*combinations(range(clique), 2), *((i, i + 1) for i in range(clique - 1, agents - 1))])


def barbell(agents):
    """Agents below h = ceil(n/2) all linked, those from h on too, and one edge h - 1 ~ h between the two cliques."""
    at_least(1, agents=agents)
    half = (agents + 1) // 2
    cliques = [*combinations(range(half), 2), *combinations(range(half, agents), 2)]
    return _on(agents, cliques + [(half - 1, half)] * (agents > 1))


def _hops(agents):
    """1, 2, 4, ..., 2^(tau - 1) with tau = ceil(log2 n)."""
    return [1 << k for k in range((int(agents) - 1).bit_length())]


def exponential(agents):
    """Static exponential graph, directed: agent i hears i + 2^k mod n, k < ceil(log2 n), which is the degree both ways.

    With uniform weights 1 - slem = 2 / (1 + ceil(log2 n)) for even n only; for odd n >= 3 the gap is larger
    (Ying et al., "Exponential Graph is Provably Efficient for Decentralized Deep Training", NeurIPS 2021).
    """
    at_least(1, agents=agents)
    return _on(agents, (((i + hop) % agents, i) for i in range(agents) for hop in _hops(agents)), nx.DiGraph)


def symmetric_exponential(agents):
    """Exponential graph without its direction: agent i linked to i + 2^k and i - 2^k mod n, k < ceil(log2 n).

    The Laplacian has the eigenvalues Σ_h (1 - cos(2πjh/n)), j < n, over the different hops h = ±2^k mod n.
    """
    at_least(1, agents=agents)
    return _on(agents, (((i + hop) % agents, i) for i in range(agents) for hop in _hops(agents)))


def random_regular(agents, degree, seed):
    """Random graph in which every agent has `degree` neighbors; may be disconnected.

    Steger and Wormald's pairing, which stalls on dense graphs: above half of n - 1 it draws the complement instead.
    """
    at_least(1, agents=agents)
    at_least(0, degree=degree, seed=seed)
    require(
        degree < agents and agents * degree % 2 == 0,
        f"degree is {degree} with {agents} agents; it must be at most {agents - 1} with agents * degree even",
    )
    dense = 2 * degree > agents - 1
    drawn = nx.random_regular_graph(agents - 1 - degree if dense else degree, agents, seed=int(seed))
    return _on(agents, sorted(map(sorted, nx.complement(drawn).edges if dense else drawn.edges)))


def erdos_renyi(agents, probability, seed):
    """Every pair linked independently with `probability`; may be disconnected."""
    at_least(1, agents=agents)
    at_least(0, seed=seed)
    at_most_one(probability=probability)
    linked = np.random.default_rng(seed).random(agents * (agents - 1) // 2) < probability
    return _on(agents, (pair for pair, link in zip(combinations(range(agents), 2), linked, strict=True) if link))


def random_geometric(agents, radius, seed):
    """Agents uniform in the unit square, linked where their distance is at most `radius`; may be disconnected."""
    at_least(1, agents=agents)
    at_least(0, seed=seed)
    require(isinstance(radius, Real) and radius >= 0, f"radius is {radius!r}; it must be a number of at least 0")
    points = np.random.default_rng(seed).random((agents, 2))
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    return _on(agents, np.argwhere(np.triu(distance <= radius, k=1)).tolist())


def watts_strogatz(agents, degree, probability, seed):
    """Small world: i ~ i ± 1, ..., i ± degree/2 mod n, each edge i ~ i + k rewired with `probability`; degree is even.

    A rewired edge keeps i and has a uniformly random other end that i is not linked to yet. There are n degree/2 edges
    for every probability; the graph may be disconnected (Watts and Strogatz, "Collective dynamics of 'small-world'
    networks", Nature 393, 1998).
    """
    at_least(1, agents=agents)
    at_least(0, degree=degree, seed=seed)
    at_most_one(probability=probability)
    valid = degree < agents and degree % 2 == 0
    require(valid, f"degree is {degree} with {agents} agents; it must be even and at most {agents - 1}")
    return _on(agents, sorted(map(sorted, nx.watts_strogatz_graph(agents, degree, probability, seed=int(seed)).edges)))


def barabasi_albert(agents, links, seed):
    """Scale-free: a star of the agents 0..links, then each new agent links to `links` others, drawn by their degree.

    links (n - links) edges, always connected (Barabási and Albert, "Emergence of scaling in random networks",
    Science 286, 1999, which leaves the start open).
    """
    at_least(2, agents=agents)
    at_least(0, seed=seed)
    at_least(1, links=links)
    require(links < agents, f"links is {links} with {agents} agents; it must be at most {agents - 1}")
    return _on(agents, sorted(map(sorted, nx.barabasi_albert_graph(agents, links, seed=int(seed)).edges)))


TOPOLOGIES = {
    "ring": ring,
    "path": path,
    "torus": torus,
    "grid": grid,
    "hypercube": hypercube,
    "star": star,
    "complete": complete,
    "binary_tree": binary_tree,
    "lollipop": lollipop,
    "barbell": barbell,
    "exponential": exponential,
    "symmetric_exponential": symmetric_exponential,
    "random_regular": random_regular,
    "erdos_renyi": erdos_renyi,
    "random_geometric": random_geometric,
    "watts_strogatz": watts_strogatz,
    "barabasi_albert": barabasi_albert,
}


def topology(name, /, **parameters):
    """The graph TOPOLOGIES[name](**parameters), after a check of the name and of the parameters' names."""
    require(name in TOPOLOGIES, f"unknown topology {name!r}; valid topologies are {', '.join(TOPOLOGIES)}")
    valid = list(inspect.signature(TOPOLOGIES[name]).parameters)
    unknown = [p for p in parameters if p not in valid]
    missing = [p for p in valid if p not in parameters]
    require(not unknown, f"{name} has no parameter {', '.join(unknown)}; its parameters are {', '.join(valid)}")
    require(not missing, f"{name} misses parameter {', '.join(missing)}; its parameters are {', '.join(valid)}")
    return TOPOLOGIES[name](**parameters)


def connected(graph):
    """Whether every agent hears every other, directly or through others (strongly connected, when directed)."""
    return nx.is_strongly_connected(graph) if graph.is_directed() else nx.is_connected(graph)


def read_text(path):
    """Text of the file at `path`, which must exist, be UTF-8 and hold more than blanks."""
    require(Path(path).is_file(), f"{path} is not a file; give the path of an existing file")
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise OnemergeError(f"{path} is not UTF-8 text: byte {error.start} is not valid") from error
    require(text.strip(), f"{path} is empty")
    return text


def _read_edge_list(path):
    graph = nx.Graph()
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        content = line.split("#", 1)[0].strip()
        edge = EDGE.fullmatch(content)
        expected = "two labels and at most one weight, separated by blanks"
        require(edge or not content, f"line {number} of {path} is {content!r}; an edge is {expected}")
        if edge:
            graph.add_edge(edge[1], edge[2])
    return graph


def _read_graphml(path):
    read_text(path)
    try:
        return nx.read_graphml(path)
    except (ParseError, nx.NetworkXException, LookupError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise OnemergeError(f"{path} is not a GraphML file that networkx can read: {reason}") from error


GRAPH_FILES = {
    ".edgelist": _read_edge_list,
    ".txt": _read_edge_list,
    ".edges": _read_edge_list,
    ".graphml": _read_graphml,
}


def _natural(label):
    """Sort key in which runs of digits compare as numbers: 2 before 10, n2 before n10."""
    parts = re.split(r"(\d+)", label)
    return [int(part) if k % 2 else part for k, part in enumerate(parts)], label


def read_graph(path):
    """Graph of an edge list (.edgelist, .txt, .edges; undirected) or of a GraphML file (.graphml; its own direction).

    An edge list has one edge a line, "label label" and optionally a weight, and `#` starts a comment. Weights and
    attributes are ignored (weights come from a rule of `theory.mixing`) and an edge listed twice counts once. Agents
    are numbered 0..n-1 in the natural order of their labels (2 before 10, n2 before n10), whatever the order of the
    file; the node attribute `label` keeps the name in the file.
    """
    suffix = Path(path).suffix.lower()
    require(suffix in GRAPH_FILES, f"{path} has the suffix {suffix!r}; valid suffixes are {', '.join(GRAPH_FILES)}")
    raw = GRAPH_FILES[suffix](path)
    require(len(raw) > 0, f"{path} has no agents; it must list at least one edge or node")
    for loop in nx.nodes_with_selfloops(raw):
        raise OnemergeError(f"agent {loop!r} of {path} has an edge to itself; an agent hears itself without one")
    labels = sorted(map(str, raw), key=_natural)
    number = {label: i for i, label in enumerate(labels)}
    edges = [(number[str(u)], number[str(v)]) for u, v in raw.edges()]
    graph = _on(len(labels), edges, nx.DiGraph if raw.is_directed() else nx.Graph)
    nx.set_node_attributes(graph, dict(enumerate(labels)), "label")
    return graph
