"""The graph Laplacian L = D - A [n, n] of an undirected topology, and the two ends of its spectrum.

0 = mu_1 <= mu_2 <= ... <= mu_max; mu_2 > 0 where the topology is connected. Edge weights w >= 0 or < 0 of a constant
size alpha give W = I - alpha L with the eigenvalues 1 - alpha mu_i.
"""

import numpy as np
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.sparse.linalg import LinearOperator, eigsh, splu

from theory.edges import links_of
from theory.errors import require

DENSE = 500  # agents up to which a dense solver finds the spectrum
PRECISION = 1e-7  # residual of an eigenvector; its eigenvalue errs by some PRECISION² over the distance to the others


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
    """(mu_2, mu_max) of connected `Links` with n >= 2, to some 12 digits of mu_max (of mu_2 too where it is small).

    A dense solver for n <= DENSE. Above it Lanczos, except on a topology whose diameter is far above that of an
    expander: its ends are crowded, and the inverse of a factorized matrix spreads them.
    """
    L = laplacian(net)
    if net.agents <= DENSE:
        values = np.linalg.eigvalsh(L.toarray())
        return float(values[1]), float(values[-1])
    degree = L.diagonal()
    ceiling = float((degree[net.pairs[:, 0]] + degree[net.pairs[:, 1]]).max())  # >= mu_max: Anderson and Morley, 1985
    thin = _reach(L) > 4 * np.log2(net.agents)
    if not thin:
        deflated = _operator(L, lambda x: ceiling * (x - x.mean()) - L @ x)
        return ceiling - _largest(deflated), _largest(_operator(L, lambda x: L @ x))
    shift = ceiling * (1 + 1e-9)
    upper = _solver(diags_array(np.full(net.agents, shift)) - L)
    lower = _solver(L[1:, 1:])  # L x = b with x_0 = 0

    def pseudo_inverse(b):
        x = np.concatenate([[0.0], lower.solve((b - b.mean())[1:])])
        return x - x.mean()

    return 1 / _largest(_operator(L, pseudo_inverse)), shift - 1 / _largest(_operator(L, upper.solve))


def _reach(L):
    """Distance of two agents far from each other: at most the diameter, and close to it."""
    far = 0
    for _ in range(2):
        order, parents = breadth_first_order(L, far, directed=False)
        far = agent = int(order[-1])
    distance = 0
    while parents[agent] >= 0:
        agent, distance = parents[agent], distance + 1
    return distance


def _operator(L, product):
    return LinearOperator(L.shape, matvec=lambda x: product(x.ravel()), dtype=np.float64)


def _solver(matrix):
    return splu(csc_array(matrix), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0, options={"SymmetricMode": True})


def _largest(operator):
    """Largest eigenvalue of a symmetric operator; the start vector is always the same."""
    start = np.random.default_rng(0).standard_normal(operator.shape[0])
    return float(eigsh(operator, k=1, which="LA", tol=PRECISION, v0=start, ncv=32, return_eigenvectors=False)[0])
