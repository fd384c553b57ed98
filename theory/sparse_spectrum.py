"""The gap and the rates of sparse mixing matrices, each with an error: symmetric, normal, and neither.

1 - slem of a symmetric W is the nearer end of its spectrum (`theory.sparse_ends`). Where W is normal or doubly
stochastic, Wᵀ W takes the place of W; the eigenvalues of others are in `theory.moduli`.
"""

from numbers import Real

import numpy as np
from scipy.sparse import csr_array

from theory.edge_forms import ROUNDING, components, shape_of
from theory.errors import require
from theory.lanczos import MOST, Clock, lanczos
from theory.moduli import largest_modulus
from theory.sparse_ends import BOTH, DENSE, PATIENCE, SMALL, TOLERANCE, Estimate, nearest
from theory.validate import as_sparse_mixing

GAP = (-1,)  # signs of `nearest`: 1 - λ_2 alone
ALIKE = 1e-14  # difference of two ways to the same gap that is rounding, a matrix [m, m] having m times as much


def sparse_gap(W, time_limit=None, tolerance=TOLERANCE):
    """`Estimate` of 1 - slem of a sparse W with rows that sum to 1; OnemergeError when the time limit (s) is over.

    Symmetric W: to the relative `tolerance`, also of a gap near 1e-12 or, where only one eigenvalue is that near, of a
    smaller one; the error says what several cost. Normal W: from Wᵀ W likewise. Others: one minus the slem of
    `theory.moduli`.
    """
    W, clock = as_sparse_mixing(W), _clock(time_limit, tolerance)
    if W.shape[0] == 1:
        return Estimate.of(1.0, 0.0, "one agent", clock)
    if _symmetric(W):
        return nearest(W, BOTH, clock, tolerance)
    if _normal(W):
        rate = _of_gram(W, clock, tolerance)
        slem = max(1 - rate.value, 0.0) ** 0.5
        found = Estimate.of(rate.value / (1 + slem), rate.error / max(slem, 0.5), rate.method, clock)
        if W.shape[0] > DENSE or abs(found.value - (direct := _modulus(W, clock)).value) <= ALIKE * W.shape[0]:
            return found
        return direct  # normal up to rounding alone, and then the norm may be off by the square root of that
    return _modulus(W, clock)


def sparse_rate(W, time_limit=None, tolerance=TOLERANCE):
    """`Estimate` of the consensus rate p of a sparse W: 1 - p is the top of Wᵀ (I - J) W on vectors that sum to 0.

    p = gap (2 - gap) for a symmetric W, and the smallest eigenvalue of the mixing matrix Wᵀ W's Laplacian for a doubly
    stochastic one. Else the columns do not sum to 1, and p comes by subtraction, accurate to some 1e-13.
    """
    W, clock = as_sparse_mixing(W), _clock(time_limit, tolerance)
    if W.shape[0] == 1:
        return Estimate.of(1.0, 0.0, "one agent", clock)
    if _symmetric(W):
        gap = nearest(W, BOTH, clock, tolerance)
        return Estimate.of(gap.value * (2 - gap.value), 2 * gap.error, gap.method, clock)
    if _column_stochastic(W):
        rate = _of_gram(W, clock, tolerance)
        return Estimate.of(rate.value, rate.error, rate.method, clock)
    transposed = W.T.tocsr()

    def apply(x):
        y = W @ x
        return _centered(transposed @ (y - y.mean()))

    top, error = _top(apply, W.shape[0], clock, tolerance)
    return Estimate.of(1 - top, error, "Lanczos on Wᵀ(I - J)W", clock)


def sparse_contraction(W, time_limit=None, tolerance=TOLERANCE):
    """`Estimate` of |W - J|_2 of a sparse W, the square root of the top of (Wᵀ - J)(W - J)."""
    W, clock = as_sparse_mixing(W), _clock(time_limit, tolerance)
    if W.shape[0] == 1:
        return Estimate.of(0.0, 0.0, "one agent", clock)
    if W.shape[0] <= DENSE:
        value = np.linalg.norm(W.toarray() - 1 / W.shape[0], 2)
        return Estimate.of(value, 1e-15 * W.shape[0], "dense", clock)
    if _symmetric(W):
        found = nearest(W, BOTH, clock, tolerance)
        return Estimate.of(1 - found.value, found.error, found.method, clock)
    if _column_stochastic(W):
        rate = _of_gram(W, clock, tolerance)
        return Estimate.of(*_root(max(1 - rate.value, 0.0), rate.error), rate.method, clock)
    transposed = W.T.tocsr()
    top, error = _top(lambda x: _centered(transposed @ (W @ x)), W.shape[0], clock, tolerance)
    return Estimate.of(*_root(max(top, 0.0), error), "Lanczos on (W - J)ᵀ(W - J)", clock)


def moment_rate(moment, time_limit=None, tolerance=TOLERANCE):
    """`Estimate` of 1 - λ_2 of a symmetric moment [n, n] with rows that sum to 1, such as E[Wᵀ W], dense or sparse."""
    clock = _clock(time_limit, tolerance)
    if moment.shape[0] == 1:
        return Estimate.of(1.0, 0.0, "one agent", clock)
    return nearest(csr_array((moment + moment.T) / 2), GAP, clock, tolerance)


def _clock(time_limit, tolerance):
    valid = isinstance(tolerance, Real) and not isinstance(tolerance, bool) and 0 < tolerance < 1
    require(valid, f"tolerance is {tolerance!r}; it must be a number in (0, 1)")
    return Clock(time_limit)


def _root(square, error):
    """(√square, its error)."""
    return square**0.5, error / square**0.5 if square > error else error**0.5


def _centered(x):
    return x - x.mean()


def _symmetric(W):
    other = W.T.tocsr()
    same = np.array_equal(W.indptr, other.indptr) and np.array_equal(W.indices, other.indices)
    return same and np.array_equal(W.data, other.data)


def _column_stochastic(W):
    return np.abs(W.sum(axis=0) - 1).max() <= TOLERANCE


def _normal(W):
    """Whether W Wᵀ x = Wᵀ W x, up to rounding, for a random x: with probability one only where the products agree."""
    if not _column_stochastic(W):
        return False
    x, other = np.random.default_rng(0).standard_normal(W.shape[0]), W.T.tocsr()
    return np.abs(W @ (other @ x) - other @ (W @ x)).max() <= 1e-14 * np.abs(x).max()


def _of_gram(W, clock, tolerance):
    """`Estimate` of 1 - λ_2 of Wᵀ W for a doubly stochastic W; the product itself is made where the gap is small."""
    other = W.T.tocsr()
    both = csr_array(W + other)
    if W.shape[0] > DENSE and components(both) == 1 and not shape_of(both)[0]:

        def accepted(upper, _):
            return 1 - upper.value >= SMALL and upper.residual <= tolerance * (1 - upper.value)

        result = lanczos(lambda x: other @ (W @ x), W.shape[0], accepted, clock, PATIENCE)
        if result and accepted(*result[0]):
            (upper, _), _ = result
            return Estimate.of(1 - upper.value, max(upper.residual, ROUNDING), "Lanczos on WᵀW", clock)
    gram = csr_array(W.T @ W)
    found = nearest(csr_array((gram + gram.T) / 2), GAP, clock, tolerance)
    return Estimate.of(found.value, found.error, f"{found.method} on WᵀW", clock)


def _top(apply, agents, clock, tolerance):
    """(largest eigenvalue of a positive semidefinite map, its error), to `tolerance` of its distance to 1."""

    def accepted(upper, _):
        return upper.residual <= max(tolerance * abs(1 - upper.value), 1e-13 * upper.value)

    result = lanczos(apply, agents, accepted, clock)
    require(result, f"Lanczos found no largest singular value in {MOST} steps")
    upper = result[0][0]
    return upper.value, max(upper.error, ROUNDING)


def _modulus(W, clock):
    slem, error, method = largest_modulus(W, clock)
    return Estimate.of(1 - slem, error, method, clock)
