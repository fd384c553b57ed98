"""Weight rules in closed form: topology -> W, dense float64 [m, m] or, with sparse=True, a csr_array.

A topology is a networkx graph on 0..m-1 or `Links`. W[i, j] != 0 off the diagonal only where i hears j, the edge
j -> i; row i belongs to agent i and sums to 1. With sparse=True nothing dense is built: 10^6 agents take seconds.
"""

from numbers import Real

import numpy as np
from scipy.sparse import coo_array, csr_array, eye_array, issparse

from theory.edges import at_least, links_of
from theory.errors import require
from theory.laplacian import connected_net, extremes, undirected
from theory.validate import as_mixing, as_sparse_mixing


def assemble(net, weights, sparse, own=None):
    """W with `weights`, a number or one for each of `net.arcs()`, and the self-weights `own` [m].

    own=None: the self-weights that make every row sum to 1.
    """
    senders, receivers = net.arcs()
    weights = np.broadcast_to(np.asarray(weights, dtype=np.float64), senders.shape)
    agents = np.arange(net.agents)
    if not sparse:
        W = np.zeros((net.agents, net.agents))
        W[receivers, senders] = weights
        W[agents, agents] = 1 - W.sum(axis=1) if own is None else own
        return W
    own = 1 - np.bincount(receivers, weights, minlength=net.agents) if own is None else own
    rows, columns = np.concatenate([receivers, agents]), np.concatenate([senders, agents])
    W = csr_array(coo_array((np.concatenate([weights, own]), (rows, columns)), shape=(net.agents, net.agents)))
    W.eliminate_zeros()
    return W


def _heard(net):
    """Number of agents that each agent hears [m]."""
    return np.bincount(net.arcs()[1], minlength=net.agents)


def uniform(topology, sparse=False):
    """Each agent averages equally over itself and those it hears: W[i, j] = 1 / (1 + indegree_i).

    Row-stochastic always; doubly stochastic on regular graphs, and not on a star or a path, where the mean drifts.
    """
    net = links_of(topology)
    share = 1 / (1 + _heard(net))
    return assemble(net, share[net.arcs()[1]], sparse, own=share)


def metropolis(topology, sparse=False):
    """Metropolis weights W[i, j] = 1 / (1 + max(d_i, d_j)) on edges: symmetric, doubly stochastic, W[i, i] > 0."""
    net = undirected(topology, "metropolis weights")
    senders, receivers = net.arcs()
    degree = _heard(net)
    return assemble(net, 1 / (1 + np.maximum(degree[senders], degree[receivers])), sparse)


def max_degree(topology, sparse=False):
    """W = I - L / (1 + d_max) with the graph Laplacian L: symmetric, doubly stochastic, W[i, i] > 0."""
    net = undirected(topology, "max_degree weights")
    return assemble(net, 1 / (1 + _heard(net).max()), sparse)


def best_constant(topology, sparse=False):
    """W = I - alpha L, alpha = 2 / (mu_2 + mu_max): the constant edge weight with the smallest slem,

        slem = (mu_max - mu_2) / (mu_max + mu_2),

    mu_2 and mu_max the smallest positive and the largest eigenvalue of the Laplacian L. Symmetric, rows and columns sum
    to 1, but self-weights may be negative, as that of a star's center. For connected graphs (Xiao and Boyd, "Fast
    linear iterations for distributed averaging", Systems & Control Letters 53, 2004).
    """
    net = connected_net(topology, "best_constant weights")
    if net.agents == 1:
        return assemble(net, 0.0, sparse)
    return assemble(net, 2 / sum(extremes(net)), sparse)


def lazy(W):
    """(I + W) / 2, dense or sparse as W is: the eigenvalues of a symmetric W move from [-1, 1] to [0, 1]."""
    W, eye = _and_identity(W)
    return (eye + W) / 2


def damped(W, gamma):
    """(1 - gamma) I + gamma W, 0 < gamma <= 1, dense or sparse as W is: each gap 1 - lambda is gamma times as large.

    gamma = 1/2 is `lazy`. Rows, columns and symmetry stay as they are; a periodic W becomes aperiodic for gamma < 1.
    """
    valid = isinstance(gamma, Real) and not isinstance(gamma, bool) and 0 < gamma <= 1
    require(valid, f"gamma is {gamma!r}; it must be a number in (0, 1]")
    W, eye = _and_identity(W)
    return (1 - gamma) * eye + gamma * W


def _and_identity(W):
    """(W checked, I), both dense or both sparse."""
    if issparse(W):
        W = as_sparse_mixing(W)
        return W, eye_array(W.shape[0], format="csr")
    W = as_mixing(W)
    return W, np.eye(len(W))


def lazy_uniform(topology, sparse=False):
    """`lazy` of `uniform`: row-stochastic."""
    return lazy(uniform(topology, sparse))


def lazy_metropolis(topology, sparse=False):
    """`lazy` of `metropolis`: symmetric, doubly stochastic, positive semidefinite."""
    return lazy(metropolis(topology, sparse))


def lazy_max_degree(topology, sparse=False):
    """`lazy` of `max_degree`: symmetric, doubly stochastic, positive semidefinite."""
    return lazy(max_degree(topology, sparse))


def complete_average(agents):
    """J = 1 1ᵀ / m [m, m], the merge."""
    at_least(1, agents=agents)
    return np.full((agents, agents), 1 / agents)
