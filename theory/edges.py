"""Edge lists: the links of a topology as one array, and their way to and from networkx.

Direction: an edge j -> i means that i receives from j, hence W[i, j] > 0 (rows receive, x_i <- sum_j W[i, j] x_j). An
undirected edge stands for both directions. There are no loops (an agent hears itself anyway) and no multiple edges.
"""

from dataclasses import dataclass
from numbers import Integral, Real

import networkx as nx
import numpy as np

from theory.errors import require, shown

MOST = 10**8  # edges of one topology: 1.6 GB
LARGEST = 30_000  # agents of a dense matrix: 7.2 GB


def at_least(lowest, **values):
    """The values as ints, one or a list, after a check that each is an integer of at least `lowest`.

    Python's ints, so that no product of sizes overflows where numpy's integers would.
    """
    for name, value in values.items():
        integer = isinstance(value, Integral) and not isinstance(value, bool)
        require(integer and value >= lowest, f"{name} is {shown(value)}; it must be an integer of at least {lowest}")
    return _one_or_all(list(map(int, values.values())))


def at_most_one(**values):
    """The values as floats, one or a list, after a check that each is a number from 0 to 1."""
    for name, value in values.items():
        number = isinstance(value, Real) and not isinstance(value, bool)
        require(number and 0 <= value <= 1, f"{name} is {shown(value)}; it must be a number from 0 to 1")
    return _one_or_all(list(map(float, values.values())))


def _one_or_all(values):
    return values[0] if len(values) == 1 else values


def few_enough(edges, family):
    """Raise unless so many edges fit into memory."""
    about = f"{edges:.3g}" if edges < 1e300 else "more than 1e300"  # which has no float
    require(edges <= MOST, f"{family} would have about {about} edges; at most {MOST} are built")


def few_agents(lowest, agents):
    """`at_least` of the number of agents of a topology, each of which takes memory even without links."""
    agents = at_least(lowest, agents=agents)
    require(agents <= MOST, f"agents is {agents}; at most {MOST} are built")
    return agents


def dense(lowest, agents):
    """`at_least` of the number of agents of a dense matrix, which must also fit into memory."""
    agents = at_least(lowest, agents=agents)
    require(agents <= LARGEST, f"agents is {agents}; a dense matrix is built of at most {LARGEST}")
    return agents


@dataclass(frozen=True, eq=False)
class Links:
    """Who hears whom among the agents 0..agents-1.

    pairs int64 [edges, 2], read-only, without loops or repetitions, in lexicographic order. The row (j, i) of a
    directed topology is the edge j -> i: agent i receives from agent j. The row (i, j) of an undirected one has i < j,
    and each of the two receives from the other.
    """

    agents: int
    pairs: np.ndarray
    directed: bool

    def __post_init__(self):
        self.pairs.flags.writeable = False

    def arcs(self):
        """(senders, receivers), int64 [arcs] each: an undirected edge counts as two arcs, one each way."""
        one, other = self.pairs.T
        return (one, other) if self.directed else (np.concatenate([one, other]), np.concatenate([other, one]))

    def graph(self):
        """networkx graph on the nodes 0..agents-1, in this order; edge j -> i where i receives from j."""
        graph = nx.DiGraph() if self.directed else nx.Graph()
        graph.add_nodes_from(range(self.agents))
        graph.add_edges_from(self.pairs.tolist())
        return graph


def ordered(agents, pairs, directed=False):
    """`Links` of pairs that have their final form already, int64 [edges, 2]."""
    return Links(int(agents), np.ascontiguousarray(pairs, dtype=np.int64).reshape(-1, 2), directed)


def joined(agents, one, other, directed=False):
    """`Links` of one[k] -> other[k] (linked, if undirected), less loops and repetitions, in order."""
    one, other = (np.asarray(ends, dtype=np.int64) for ends in np.broadcast_arrays(one, other))
    if not directed:
        one, other = np.minimum(one, other), np.maximum(one, other)
    apart = one != other
    codes = np.sort(one[apart] * agents + other[apart])
    codes = codes[np.diff(codes, prepend=-1) > 0]
    return ordered(agents, np.stack(np.divmod(codes, agents), axis=1), directed)


def links_of(graph):
    """`Links` of a networkx graph on the nodes 0..n-1, in any order, without loops or multiple edges; weights ignored.

    `Links` pass through. A graph with other labels is numbered by `theory.files.from_networkx`.
    """
    if isinstance(graph, Links):
        return graph
    require(isinstance(graph, nx.Graph), f"{type(graph).__name__} is no topology; give a networkx graph or Links")
    numbered = len(graph) > 0 and set(graph) == set(range(len(graph)))
    require(numbered, "the graph's nodes must be the integers 0..n-1, with n >= 1")
    simple = not graph.is_multigraph() and nx.number_of_selfloops(graph) == 0
    require(simple, f"{graph} has loops or multiple edges; a topology has neither")
    pairs = np.array(list(graph.edges), dtype=np.int64).reshape(-1, 2)
    return joined(len(graph), pairs[:, 0], pairs[:, 1], graph.is_directed())
