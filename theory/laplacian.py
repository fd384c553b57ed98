"""The graph Laplacian L = D - A [n, n] of an undirected topology, and the two ends of its spectrum.

0 = mu_1 <= mu_2 <= ... <= mu_max; mu_2 > 0 where the topology is connected. Edge weights w >= 0 or < 0 of a constant
size alpha give W = I - alpha L with the eigenvalues 1 - alpha mu_i.
"""

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array
from scipy.sparse.csgraph import connected_components

from theory.edges import links_of
from theory.errors import require
from theory.lanczos import Clock
from theory.sparse_ends import nearest


def undirected(topology, purpose):
    """`Links` of an undirected topology, refused where directed."""
    net = links_of(topology)
    require(
        not net.directed,
        f"{purpose} need an undirected graph, this one has {len(net.pairs)} directed edges; "
        "the valid rules for a directed graph are uniform, lazy_uniform and sinkhorn",
    )
    return net


def connected_net(topology, purpose):
    """`Links` of an undirected and connected topology, refused where it is not."""
    net = undirected(topology, purpose)
    one, other = net.pairs.T
    support = csr_array((np.ones(len(one)), (one, other)), shape=(net.agents, net.agents))
    parts = connected_components(support, directed=False, return_labels=False)
    require(parts == 1, f"{purpose} need a connected graph, this one has {parts} components")
    return net


def laplacian(net):
    """L csr [n, n] of undirected `Links`."""
    senders, receivers = net.arcs()
    degree = np.bincount(receivers, minlength=net.agents)
    adjacency = csr_array((np.ones(len(senders)), (receivers, senders)), shape=(net.agents, net.agents))
    return csr_array(diags_array(degree.astype(float)) - adjacency)


def extremes(net):
    """(mu_2, mu_max) of connected `Links` with n >= 2: both ends of W = I - sL, to some 12 digits.

    s is just below 2/ceiling for a ceiling >= mu_max (Anderson and Morley, 1985), so that no eigenvalue of W is below
    -1 and mu_max is near its own end, 1 + lambda_n = 2 - s mu_max.
    """
    L = laplacian(net)
    degree = L.diagonal()
    ceiling = float((degree[net.pairs[:, 0]] + degree[net.pairs[:, 1]]).max())
    step = 2 / (ceiling * (1 + 1e-9))
    W = csr_array(eye_array(net.agents) - step * L)
    below, above = (nearest(W, (sign,), Clock()).value for sign in (-1, 1))
    return below / step, (2 - above) / step
