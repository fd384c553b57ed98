"""Weighted links of a symmetric mixing matrix, and proved upper bounds on both ends of its distance from ±1.

W = I - L with the Laplacian L: yᵀLy = Σ_{i<j} w_ij (y_i - y_j)², whatever the self-weights are. On the vectors that sum
to 0, 1 - slem = min(μ_2, 2 - μ_m) with μ_2 the smallest and μ_m the largest eigenvalue of L there. A quotient of sums
of squares bounds each from above, with every rounding error counted; no digit of a small gap is lost.
"""

from dataclasses import dataclass, replace
from math import fsum, inf

import numpy as np
from scipy.sparse import csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh, splu

UNIT = 2.0**-53  # largest relative error of one float64 operation
TINY = 1e-300  # more than all underflows together
DENSE = 400  # agents up to which eigenvectors come from a dense solver
NEAR = 9  # of them at each end


@dataclass(frozen=True, eq=False)
class Weights:
    """Off-diagonal weights w[e] of the pairs i[e] != j[e] among `agents`, float64; every pair once.

    They stand for any true weights within `relative` of them, and for any symmetric matrix within `absolute` in the
    spectral norm of the I - L of such weights.
    """

    agents: int
    i: np.ndarray
    j: np.ndarray
    w: np.ndarray
    relative: float
    absolute: float = 0.0

    def degrees(self):
        """Σ_j w_ij [agents], rounded."""
        ends = np.concatenate([self.i, self.j])
        return np.bincount(ends, np.concatenate([self.w, self.w]), self.agents).astype(np.float64)

    def magnitudes(self):
        """Σ_j |w_ij| [agents], rounded."""
        return replace(self, w=np.abs(self.w)).degrees()

    def busiest(self):
        """The largest number of neighbors of an agent."""
        return int(np.bincount(np.concatenate([self.i, self.j]), minlength=self.agents).max())

    def matrix(self, scale, shift):
        """scale L + shift I, csc, rounded: L only approximately."""
        rows, cols = np.concatenate([self.i, self.j]), np.concatenate([self.j, self.i])
        off = csr_array((np.concatenate([self.w, self.w]), (rows, cols)), shape=(self.agents, self.agents))
        return (diags_array(scale * self.degrees() + shift) - scale * off).tocsc()

    def pieces(self):
        """(number of components, the component of each agent)."""
        return connected_components(self.matrix(1, 0), directed=False)


def factorized(matrix, order="MMD_AT_PLUS_A"):
    """Sparse factors with the pivots on the diagonal, by default in an order that keeps them sparse."""
    return splu(matrix.tocsc(), permc_spec=order, diag_pivot_thresh=0, options={"SymmetricMode": True})


def near_end(weights, high, count):
    """Columns near the eigenvectors of the largest μ where `high`, else of the smallest, without any promise.

    `count` of them above DENSE agents, and NEAR below; where there are several components, a column tells them apart.
    """
    pieces, piece = weights.pieces()
    apart = np.where(piece == 0, 1.0, 0.0)[:, None][:, : int(pieces > 1 and not high)]
    if weights.agents <= DENSE:
        vectors = np.linalg.eigh(weights.matrix(1, 0).toarray())[1]
        return np.hstack([vectors[:, -NEAR:] if high else vectors[:, :NEAR], apart])
    if apart.size:
        return apart
    solve = factorized(weights.matrix(-1, 2 + 1e-13)).solve if high else _pseudo_inverse(weights)
    return _largest(weights.agents, solve, min(count, weights.agents - 1))


def _pseudo_inverse(weights):
    """b -> x with Lx = b - mean b and Σ x = 0."""
    grounded = factorized(weights.matrix(1, 0)[1:, 1:])  # x_0 = 0

    def solve(b):
        x = np.concatenate([[0.0], grounded.solve((b - b.mean())[1:])])
        return x - x.mean()

    return solve


def _largest(agents, solve, count):
    """`count` columns near the eigenvectors of the largest eigenvalues of the symmetric operator `solve`."""
    operator = LinearOperator((agents, agents), matvec=lambda x: solve(x.ravel()), dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(agents)
    space = min(agents, 20 + 3 * count)
    try:
        vectors = eigsh(operator, k=count, which="LA", v0=start, ncv=space, maxiter=10, tol=1e-10)[1]
    except ArpackNoConvergence as failure:
        vectors = failure.eigenvectors if failure.eigenvectors.size else start[:, None]
    return np.column_stack([solve(y) / np.linalg.norm(solve(y)) for y in vectors.T])


def _squares(weights, y):
    """(Σ w_ij (y_i - y_j)², bound on its error): four roundings a term and an exactly rounded sum."""
    terms = weights.w * (y[weights.i] - y[weights.j]) ** 2
    return fsum(terms), 8 * UNIT * fsum(np.abs(terms)) + TINY


def _norms(y):
    """(lower, upper) bound of |y - ȳ|²."""
    total, off = fsum(y * y), fsum(y) ** 2 / len(y)
    return total * (1 - 8 * UNIT) - off * (1 + 8 * UNIT) - TINY, total * (1 + 8 * UNIT) + TINY


def _quotients(weights, columns):
    """[(lower, upper) bound of yᵀLy/|y - ȳ|²], of every column y that is not constant."""
    found = []
    for y in columns.T:
        y = y - y.mean()
        (value, error), (least, most) = _squares(weights, y), _norms(y)
        if least > 0:
            low, high = value - error, value + error
            found.append((
                low / (most if low > 0 else least) - 4 * UNIT * abs(low / least),
                high / (least if high > 0 else most) + 4 * UNIT * abs(high / least),
            ))  # fmt: skip
    return found


def upper_bound(weights, columns, high):
    """Upper bound of μ_2, or of 2 - μ_m where `high`, from columns near its eigenvectors; inf if all are constant."""
    found = _quotients(weights, columns)
    if high:
        return min((2 - least + 4 * UNIT * (2 + abs(least)) for least, _ in found), default=inf)
    return min((most for _, most in found), default=inf)


def widened(weights, low, high, side):
    """Bounds of (μ_2, 2 - μ_m) that hold for the true matrix, from those of the stored weights; side -1 or 1.

    (1 - r)L <= L_true <= (1 + r)L where no weight is negative, and |L_true - L| <= 2 r max_i Σ_j |w_ij| always.
    """
    norm = 2 * weights.relative * float(weights.magnitudes().max()) * (1 + 1e-6)
    shift = abs(low) * weights.relative if (weights.w >= 0).all() else norm
    low, high = low + side * (shift + weights.absolute), high + side * (norm + weights.absolute)
    return low + side * 4 * UNIT * abs(low), high + side * 4 * UNIT * (2 + abs(high))
