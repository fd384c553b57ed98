"""Directed topologies: weights that keep the mean, or the agreement, or both, and what gossip tends to.

The powers of a row-stochastic W tend to 1 πᵀ with its left Perron vector π (`perron`): agents agree on Σ_i π_i x_i(0),
and DSGD minimizes Σ_i π_i f_i. A column-stochastic P keeps the mean without agreement; `PushSum` divides by weights
that it moves in the same way. A doubly stochastic W has both, and exists exactly where every edge lies on a cycle
(`sinkhorn`).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import block_array, csr_array, issparse
from scipy.sparse.csgraph import connected_components, maximum_bipartite_matching
from scipy.sparse.linalg import LinearOperator, cg

from theory.edges import dense, links_of
from theory.errors import OnemergeError, require
from theory.validate import TOLERANCE, as_mixing, as_sparse, as_square
from theory.weights import assemble, weighed

EXACT = 5e-13  # largest error of a row or column sum after `scaled`
SWEEPS = 10  # of Sinkhorn's method, before Newton's
STEPS = 200


def column_stochastic(topology, sparse=False):
    """Each agent splits what it has equally over itself and those that hear it: P[i, j] = 1 / (1 + outdegree_j).

    Columns sum to 1, which keeps the sum; rows do not, except on graphs where indegrees and outdegrees are all equal.
    For `PushSum`. (The row-stochastic twin is `theory.weights.uniform`.)
    """
    net = links_of(topology)
    share = 1 / (1 + np.bincount(net.arcs()[0], minlength=net.agents))
    return weighed(net, lambda _, j: share[j], sparse, own=share)


def sinkhorn(topology, sparse=False):
    """Doubly stochastic W = D_1 A D_2 of a directed or undirected topology, A[i, j] = 1 where i = j or i hears j.

    D_1 and D_2 are positive and diagonal, W is the only such matrix, and has the most entropy of all doubly stochastic
    matrices on the edges (`scaled`). It exists exactly where every edge lies on a directed cycle.
    """
    net = links_of(topology)
    if not sparse:
        dense(1, net.agents)
    senders, receivers = net.arcs()
    support = csr_array((np.ones(len(senders)), (receivers, senders)), shape=(net.agents, net.agents))
    _, part = connected_components(support, directed=True, connection="strong")
    for k in np.flatnonzero(part[senders] != part[receivers])[:1]:
        edge = f"the edge {senders[k]} -> {receivers[k]} lies on no directed cycle"
        raise OnemergeError(f"{edge}, so no doubly stochastic matrix has a weight on it; column_stochastic has one")
    W = _balanced(assemble(net, 1.0, True, own=np.ones(net.agents)))
    return W if sparse else W.toarray()


def scaled(A):
    """D_1 A D_2, doubly stochastic up to EXACT, of a nonnegative A [m, m], dense or sparse as A is.

    Exists, and is unique, exactly where A has total support: where each positive entry lies on a positive diagonal, a
    permutation σ with all A[i, σ(i)] > 0 (Sinkhorn and Knopp, "Concerning nonnegative matrices and doubly stochastic
    matrices", Pacific J. Math. 21, 1967).
    """
    as_array = not issparse(A)
    A = csr_array(as_square(A)) if as_array else as_sparse(A)
    for k in np.flatnonzero(A.data < 0)[:1]:
        i, j = np.searchsorted(A.indptr, k, side="right") - 1, A.indices[k]
        raise OnemergeError(f"entry [{i}, {j}] is {A.data[k]:.10g}; a matrix is scaled only if none is negative")
    _require_total_support(A)
    W = _balanced(A)
    return W.toarray() if as_array else W


def _balanced(A):
    """`scaled` of a csr A known to have total support.

    The factors exp(y) of the columns minimize the convex function Σ_i log Σ_j A[i, j] exp(y_j) - Σ_j y_j: Sinkhorn's
    sweeps come near, Newton's method ends. Its gradient is the error of the column sums of the row-normalized
    P = D_1 A D_2, its Hessian diag(column sums) - Pᵀ P, singular where y is constant on a block of A.
    """
    y = np.zeros(A.shape[0])
    block = connected_components(block_array([[None, A], [A.T, None]]), directed=False)[1][len(y) :]
    logs = A.copy()
    logs.data = np.log(A.data)
    for count in range(STEPS):
        P, value = _row_normalized(logs, y)
        error = P.sum(axis=0) - 1
        if error.min() == -1:  # a column has lost all it had to rounding
            break
        if np.abs(error).max() <= EXACT:
            return P
        step = -np.log1p(error) if count < SWEEPS else _newton(P, error, block)
        rounding = 1e-13 * max(1.0, abs(value))
        while _row_normalized(logs, y + step)[1] > value + 1e-4 * float(error @ step) + rounding:
            step = step / 2
        y = y + step
    far = f"column sums are still {np.abs(error).max():.3g} away from 1 after {count + 1} steps"
    raise OnemergeError(f"{far}; the entries of the matrix must differ by fewer orders of magnitude")


def _row_normalized(logs, y):
    """(P with rows that sum to 1, the convex function of `scaled`) of log A and y."""
    P, rows = logs.copy(), np.repeat(np.arange(logs.shape[0]), np.diff(logs.indptr))
    P.data = P.data + y[logs.indices]
    top = np.maximum.reduceat(P.data, logs.indptr[:-1])
    P.data = np.exp(P.data - top[rows])
    sums = np.add.reduceat(P.data, logs.indptr[:-1])
    P.data /= sums[rows]
    return P, float((np.log(sums) + top).sum() - y.sum())


def _newton(P, error, block):
    """d with (diag(column sums) - Pᵀ P) d = -error and no mean on any block, by conjugate gradients."""
    transposed, sizes = csr_array(P.T), np.bincount(block)

    def centered(d):
        return d - (np.bincount(block, d) / sizes)[block]

    def product(d):
        d = centered(d)
        return centered((1 + error) * d - transposed @ (P @ d))

    hessian = LinearOperator(P.shape, matvec=product, dtype=np.float64)
    tolerance = min(max(float(np.abs(error).max()) ** 0.5, 1e-3), 1e-2)
    return centered(cg(hessian, centered(-error), rtol=tolerance, maxiter=20 * len(error))[0])


def _require_total_support(A):
    """Raise, with an entry of the positive A csr [m, m] that lies on no positive diagonal, if there is one."""
    matched = maximum_bipartite_matching(A, perm_type="column")  # the column matched to each row
    for row in np.flatnonzero(matched < 0)[:1]:
        raise OnemergeError(
            f"no permutation has positive entries only (row {row} stays unmatched), so no doubly stochastic matrix has "
            "this support"
        )
    _, part = connected_components(csr_array(A[:, matched]), directed=True, connection="strong")
    of_column = np.empty_like(part)
    of_column[matched] = part
    rows, columns = A.nonzero()
    for k in np.flatnonzero(part[rows] != of_column[columns])[:1]:
        entry = f"entry [{rows[k]}, {columns[k]}], the edge {columns[k]} -> {rows[k]}, lies on no positive diagonal"
        raise OnemergeError(f"{entry}, so no doubly stochastic matrix has this support")


def perron(W):
    """π [m], πᵀ W = πᵀ, Σ π_i = 1, of a nonnegative row-stochastic W [m, m]: W^t tends to 1 πᵀ where it converges.

    π is positive on the one class of agents that hear nobody outside of it, and 0 elsewhere; with several such classes
    there is no such agreement. By the elimination of Grassmann, Taksar and Heyman ("Regenerative analysis and steady
    state distributions for Markov chains", Operations Research 33, 1985), which subtracts nothing: every entry has its
    full digits.
    """
    W = as_mixing(W)
    for i, j in np.argwhere(W < 0)[:1]:
        raise OnemergeError(f"weight [{i}, {j}] is {W[i, j]:.10g}; a Perron vector needs weights that are not negative")
    count, part = connected_components(csr_array(W), directed=True, connection="strong")
    rows, columns = np.nonzero(W)
    closed = np.setdiff1d(np.arange(count), part[rows[part[rows] != part[columns]]])
    several = f"{len(closed)} groups of agents hear nobody outside of their own"
    require(len(closed) == 1, f"{several}, so there is no one limit; there must be one such group")
    members = np.flatnonzero(part == closed[0])
    A = W[np.ix_(members, members)]
    for k in range(len(A) - 1, 0, -1):
        A[:k, k] /= A[k, :k].sum()
        A[:k, :k] += np.outer(A[:k, k], A[k, :k])
    mass = np.ones(len(A))
    for k in range(1, len(A)):
        mass[k] = mass[:k] @ A[:k, k]
    limit = np.zeros(len(W))
    limit[members] = mass / mass.sum()
    return limit


@dataclass(frozen=True, eq=False)
class PushSum:
    """Values x [m, ...] and weights w [m]; a round is (x, w) <- (P x, P w), an agent's estimate x_i / w_i.

    For columns of P, a new one in each round if need be, that sum to 1 the sums of x and w stay, and where the products
    of the P reach everyone every estimate tends to the exact mean of x(0) (Kempe, Dobra and Gehrke, "Gossip-based
    computation of aggregate information", FOCS 2003; with gradients, Assran et al., "Stochastic gradient push for
    distributed deep learning", ICML 2019, arXiv:1811.10792).
    """

    x: np.ndarray
    w: np.ndarray

    @property
    def estimates(self):
        """x_i / w_i [m, ...]."""
        return self.x / self.w.reshape(-1, *[1] * (self.x.ndim - 1))

    @property
    def mean(self):
        """Σ x_i / Σ w_i [...], which no round changes and all estimates tend to."""
        return self.x.sum(axis=0) / self.w.sum()

    def round(self, P):
        """The state after a round with the column-stochastic P [m, m], dense or sparse."""
        P = as_column_stochastic(P)
        agents = len(self.w)
        require(P.shape[0] == agents, f"the matrix has {P.shape[0]} agents and the values have {agents}")
        for i in np.flatnonzero(~(P @ self.w > 0))[:1]:
            raise OnemergeError(f"agent {i} keeps nothing and receives nothing; every row needs a positive entry")
        return replace(self, x=(P @ self.x.reshape(agents, -1)).reshape(self.x.shape), w=P @ self.w)


def push_sum(x):
    """`PushSum` that starts at the finite values x [m, ...] with the weights 1."""
    try:
        x = np.array(x, dtype=np.float64) if not np.iscomplexobj(x) else None
    except (OverflowError, TypeError, ValueError):
        x = None
    require(x is not None, "the values are not an array of real numbers; the first axis counts the agents")
    require(x.ndim > 0 and len(x) > 0, f"the values have the shape {x.shape}; the first axis counts the agents")
    require(np.isfinite(x).all(), "the values hold a number that is not finite; every value must be finite")
    return PushSum(x, np.ones(len(x)))


def push_sum_rate(*matrices):
    """ρ of |estimate - mean| ~ ρ^t, t in periods of P_1, P_2, ..., P_k: the second largest |eigenvalue| of P_k ... P_1.

    x(t) = φ Σ x(0) + O(ρ^t) and w(t) = φ m + O(ρ^t) with the right Perron vector φ of the product, `perron(Pᵀ)`, which
    cancels in x/w.
    """
    require(matrices, "the rate of push-sum with no matrix was asked for; it needs at least one")
    product = None
    for P in matrices:
        P = as_column_stochastic(P)
        P = P.toarray() if issparse(P) else P
        agents = len(P) if product is None else len(product)
        require(len(P) == agents, f"the matrices have {agents} and {len(P)} agents; all must have as many")
        product = P if product is None else P @ product
    return float(np.abs(np.linalg.eigvals(product - 1 / len(product))).max())


def as_column_stochastic(P):
    """Copy of P as float64 [m, m], dense or a csr_array, nonnegative and with columns that sum to 1."""
    P = as_sparse(P) if issparse(P) else as_square(P)
    i, j = np.unravel_index(P.argmin(), P.shape)
    require(P[i, j] >= 0, f"weight [{i}, {j}] is {P[i, j]:.10g}; push-sum needs weights that are not negative")
    sums = P.sum(axis=0)
    worst = int(np.argmax(np.abs(sums - 1)))
    fault = f"column {worst} sums to {sums[worst]:.10g}; the columns of a push-sum matrix must sum to 1"
    require(abs(sums[worst] - 1) <= TOLERANCE, fault)
    return P
