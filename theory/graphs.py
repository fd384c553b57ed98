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


TOPOLOGIES = {name: _graphs(name) for name in FAMILIES}

ring = TOPOLOGIES["ring"]
path = TOPOLOGIES["path"]
torus = TOPOLOGIES["torus"]
grid = TOPOLOGIES["grid"]
hypercube = TOPOLOGIES["hypercube"]
star = TOPOLOGIES["star"]
complete = TOPOLOGIES["complete"]
binary_tree = TOPOLOGIES["binary_tree"]
lollipop = TOPOLOGIES["lollipop"]
barbell = TOPOLOGIES["barbell"]
circulant = TOPOLOGIES["circulant"]
directed_circulant = TOPOLOGIES["directed_circulant"]
exponential = TOPOLOGIES["exponential"]
symmetric_exponential = TOPOLOGIES["symmetric_exponential"]
random_regular = TOPOLOGIES["random_regular"]
erdos_renyi = TOPOLOGIES["erdos_renyi"]
random_geometric = TOPOLOGIES["random_geometric"]
watts_strogatz = TOPOLOGIES["watts_strogatz"]
barabasi_albert = TOPOLOGIES["barabasi_albert"]


def topology(name, /, **parameters):
    """The graph TOPOLOGIES[name](**parameters), after a check of the name and of the parameters' names."""
    return links(name, **parameters).graph()


def connected(graph):
    """Whether every agent hears every other, directly or through others (strongly, when directed); graph or `Links`."""
    edges = links_of(graph)
    senders, receivers = edges.pairs.T
    adjacency = coo_array((np.ones(len(senders), dtype=bool), (senders, receivers)), shape=(edges.agents, edges.agents))
    return connected_components(adjacency, directed=edges.directed, connection="strong", return_labels=False) == 1
