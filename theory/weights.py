"""Weight rules in closed form: topology -> W, dense float64 [m, m] or, with sparse=True, a csr_array.

A topology is a networkx graph on 0..m-1 or `Links`. W[i, j] != 0 off the diagonal only where i hears j, the edge
j -> i; row i belongs to agent i and sums to 1. With sparse=True nothing dense is built: 10^6 agents take seconds.
"""

from numbers import Real

import numpy as np
from scipy.sparse import coo_array, csr_array, eye_array, issparse

from theory.edges import dense, links_of
from theory.errors import require, shown
from theory.laplacian import connected_net, extremes, undirected
from theory.validate import as_mixing, as_sparse_mixing

MANY = 10  # with m²/MANY edges or more a matrix is filled as a whole


def assemble(net, weights, sparse, own=None):
    """W with `weights`, a number or one for each of `net.arcs()`, and the self-weights `own` [m].

    own=None: the self-weights that make every row sum to 1.
    """
    senders, receivers = net.arcs()
    weights = np.broadcast_to(np.asarray(weights, dtype=np.float64), senders.shape)
    agents = np.arange(net.agents)
    if not sparse:
        dense(1, net.agents)
        W = np.zeros((net.agents, net.agents))
        W[receivers, senders] = weights
        W[agents, agents] = 1 - W.sum(axis=1) if own is None else own
        return W
    own = 1 - np.bincount(receivers, weights, minlength=net.agents) if own is None else own
    rows, columns = np.concatenate([receivers, agents]), np.concatenate([senders, agents])
    W = csr_array(coo_array((np.concatenate([weights, own]), (rows, columns)), shape=(net.agents, net.agents)))
    W.eliminate_zeros()
    return W


def weighed(net, weight, sparse, own=None):
    """`assemble` of the weights weight(i, j) where i hears j, `weight` a function of arrays of agents.

    Where many pairs are linked, one dense array for all pairs is several times faster than one entry an arc.
    """
    if sparse or MANY * len(net.pairs) < net.agents**2:
        senders, receivers = net.arcs()
        return assemble(net, weight(receivers, senders), sparse, own)
    dense(1, net.agents)
    agents, hears = np.arange(net.agents), np.zeros((net.agents, net.agents), dtype=bool)
    one, other = net.pairs.T
    hears[other, one] = True
    if not net.directed:
        hears[one, other] = True
    W = hears * weight(agents[:, None], agents)
    W[agents, agents] = 1 - W.sum(axis=1) if own is None else own
    return W


def _heard(net):
    """Number of agents that each agent hears [m]."""
    return np.bincount(net.pairs[:, 1] if net.directed else net.pairs.ravel(), minlength=net.agents)


def uniform(topology, sparse=False):
    """Each agent averages equally over itself and those it hears: W[i, j] = 1 / (1 + indegree_i).

    Row-stochastic always; doubly stochastic on regular graphs, and not on a star or a path, where the mean drifts.
    """
    net = links_of(topology)
    share = 1 / (1 + _heard(net))
    return weighed(net, lambda i, _: share[i], sparse, own=share)


def metropolis(topology, sparse=False):
    """Metropolis weights W[i, j] = 1 / (1 + max(d_i, d_j)) on edges: symmetric, doubly stochastic, W[i, i] > 0."""
    net = undirected(topology, "metropolis weights")
    share = 1 / (1 + _heard(net))
    return weighed(net, lambda i, j: np.minimum(share[i], share[j]), sparse)


def max_degree(topology, sparse=False):
    """W = I - L / (1 + d_max) with the graph Laplacian L: symmetric, doubly stochastic, W[i, i] > 0."""
    net = undirected(topology, "max_degree weights")
    share = 1 / (1 + _heard(net).max())
    return weighed(net, lambda *_: share, sparse)


def best_constant(topology, sparse=False):
    """W = I - alpha L, alpha = 2 / (mu_2 + mu_max): the constant edge weight with the smallest slem,

        slem = (mu_max - mu_2) / (mu_max + mu_2),

    mu_2 and mu_max the smallest positive and the largest eigenvalue of the Laplacian L. Symmetric, rows and columns sum
    to 1, but self-weights may be negative, as that of a star's center. For connected graphs (Xiao and Boyd, "Fast
    linear iterations for distributed averaging", Systems & Control Letters 53, 2004).
    """
    net = connected_net(topology, "best_constant weights")
    alpha = 2 / sum(extremes(net)) if net.agents > 1 else 0.0
    return weighed(net, lambda *_: alpha, sparse)


def lazy(W):
    """(I + W) / 2, dense or sparse as W is: the eigenvalues of a symmetric W move from [-1, 1] to [0, 1]."""
    return damped(W, 0.5)


def damped(W, gamma):
    """(1 - gamma) I + gamma W, 0 < gamma <= 1, dense or sparse as W is: each gap 1 - lambda is gamma times as large.

    gamma = 1/2 is `lazy`. Rows, columns and symmetry stay as they are; a periodic W becomes aperiodic for gamma < 1.
    """
    valid = isinstance(gamma, Real) and not isinstance(gamma, bool) and 0 < gamma <= 1
    require(valid, f"gamma is {shown(gamma)}; it must be a number in (0, 1]")
    gamma = float(gamma)
    if issparse(W):
        W = as_sparse_mixing(W)
        return (1 - gamma) * eye_array(W.shape[0], format="csr") + gamma * W
    W = gamma * as_mixing(W)
    np.einsum("ii->i", W)[:] += 1 - gamma
    return W


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
    agents = dense(1, agents)
    return np.full((agents, agents), 1 / agents)
