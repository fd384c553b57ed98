"""Topologies: who hears whom, as networkx graphs on the agents 0..n-1, in this order.

A topology is a plain function, size first; its edges come from `theory.links`, its mathematics is told there. Row i of
every matrix built from a graph belongs to agent i. Graphs have no loops and no multiple edges.

Direction: an edge i -> j means that j receives from i, hence W[j, i] > 0 (rows receive, x_j <- sum_i W[j, i] x_i).
An undirected edge stands for both directions.
"""

from functools import wraps

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from theory.edges import links_of
from theory.links import FAMILIES, links


def _graphs(name):
    """The function FAMILIES[name], with its graph in place of its `Links`."""

    @wraps(FAMILIES[name])
    def family(*sizes, **parameters):
        return FAMILIES[name](*sizes, **parameters).graph()

    return family


ring = _graphs("ring")
path = _graphs("path")
torus = _graphs("torus")
grid = _graphs("grid")
hypercube = _graphs("hypercube")
star = _graphs("star")
complete = _graphs("complete")
binary_tree = _graphs("binary_tree")
lollipop = _graphs("lollipop")
barbell = _graphs("barbell")
circulant = _graphs("circulant")
directed_circulant = _graphs("directed_circulant")
exponential = _graphs("exponential")
symmetric_exponential = _graphs("symmetric_exponential")
random_regular = _graphs("random_regular")
erdos_renyi = _graphs("erdos_renyi")
random_geometric = _graphs("random_geometric")
watts_strogatz = _graphs("watts_strogatz")
barabasi_albert = _graphs("barabasi_albert")

TOPOLOGIES = {
    family.__name__: family
    for family in (
        ring,
        path,
        torus,
        grid,
        hypercube,
        star,
        complete,
        binary_tree,
        lollipop,
        barbell,
        circulant,
        directed_circulant,
        exponential,
        symmetric_exponential,
        random_regular,
        erdos_renyi,
        random_geometric,
        watts_strogatz,
        barabasi_albert,
    )
}


def topology(name, /, **parameters):
    """The graph TOPOLOGIES[name](**parameters), after a check of the name and of the parameters' names."""
    return links(name, **parameters).graph()


def connected(graph):
    """Whether every agent hears every other, directly or through others (strongly, when directed); graph or `Links`."""
    edges = links_of(graph)
    senders, receivers = edges.pairs.T
    adjacency = coo_array((np.ones(len(senders), dtype=bool), (senders, receivers)), shape=(edges.agents, edges.agents))
    return connected_components(adjacency, directed=edges.directed, connection="strong", return_labels=False) == 1
