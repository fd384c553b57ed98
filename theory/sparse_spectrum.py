"""The gap and the rates of sparse mixing matrices, by the method that their graph calls for, each with an error.

For a symmetric W, 1 - slem is the smaller of the least values of xᵀ(I - W)x and xᵀ(I + W)x for |x| = 1, sums of squares
of `theory.edge_forms` in which a small gap keeps its digits. The vector comes from Lanczos on expanders, whose gap is
large, and on graphs that are thin (far apart in few links) from Lanczos on the inverse of a sparse factorization, which
would fill in on an expander. Where W is not symmetric, W - J has the eigenvalues of W with one 1 replaced by 0 (Brauer,
"Limits for the characteristic roots of a matrix IV", 1952), and Wᵀ W takes the place of W.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs, splu

from theory.edge_forms import ROUNDING, Edges, components, floor, shape_of, two_colored
from theory.errors import OnemergeError, require
from theory.lanczos import MOST, TINY, Clock, lanczos
from theory.validate import as_sparse_mixing

TOLERANCE = 1e-9  # relative, of a gap
DENSE = 400  # agents up to which a dense solver finds the vectors
SMALL = 1e-4  # a gap below it needs its vector: Lanczos alone has some 1e-14 in absolute terms
WORK = 3e11  # estimated multiplications of a factorization that is tried: a few minutes
PATIENCE = 2000  # steps of Lanczos after which a factorization is tried


@dataclass(frozen=True)
class Estimate:
    """A number with its estimated absolute error (not a proved one), how it was found and the seconds it took."""

    value: float
    error: float
    method: str
    seconds: float


def sparse_gap(W, time_limit=None, tolerance=TOLERANCE):
    """`Estimate` of 1 - slem of a sparse W with rows that sum to 1; OnemergeError when the time limit (s) is over.

    Symmetric W: to the relative `tolerance`, however small the gap is. Normal W: from Wᵀ W likewise. Others: one minus
    the modulus that Arnoldi's method finds, with its residual for an error, which is no bound where W is far from
    normal.
    """
    W, clock = as_sparse_mixing(W), Clock(time_limit)
    if W.shape[0] == 1:
        return _estimate(1.0, 0.0, "one agent", clock)
    if _symmetric(W):
        return _of_symmetric(W, clock, tolerance, both_ends=True)
    if _normal(W):
        rate = _of_gram(W, clock, tolerance)
        slem = max(1 - rate.value, 0.0) ** 0.5
        return _estimate(rate.value / (1 + slem), rate.error / max(slem, 0.5), rate.method, clock)
    return _arnoldi(W, clock)


def sparse_rate(W, time_limit=None, tolerance=TOLERANCE):
    """`Estimate` of the consensus rate p of a sparse W: 1 - p is the top of Wᵀ (I - J) W on vectors that sum to 0.

    p = gap (2 - gap) for a symmetric W, and the smallest eigenvalue of the mixing matrix Wᵀ W's Laplacian for a doubly
    stochastic one. Else the columns do not sum to 1, and p comes by subtraction, accurate to some 1e-13.
    """
    W, clock = as_sparse_mixing(W), Clock(time_limit)
    if W.shape[0] == 1:
        return _estimate(1.0, 0.0, "one agent", clock)
    if _symmetric(W):
        gap = _of_symmetric(W, clock, tolerance, both_ends=True)
        return _estimate(gap.value * (2 - gap.value), 2 * gap.error, gap.method, clock)
    if _column_stochastic(W):
        rate = _of_gram(W, clock, tolerance)
        return _estimate(rate.value, rate.error, rate.method, clock)
    transposed = W.T.tocsr()

    def apply(x):
        y = W @ x
        return _centered(transposed @ (y - y.mean()))

    top, error = _top(apply, W.shape[0], clock, tolerance)
    return _estimate(1 - top, error, "Lanczos on Wᵀ(I - J)W", clock)


def sparse_contraction(W, time_limit=None, tolerance=TOLERANCE):
    """`Estimate` of |W - J|_2 of a sparse W, the square root of the top of (Wᵀ - J)(W - J)."""
    W, clock = as_sparse_mixing(W), Clock(time_limit)
    if W.shape[0] == 1:
        return _estimate(0.0, 0.0, "one agent", clock)
    if W.shape[0] <= DENSE:
        value = np.linalg.norm(W.toarray() - 1 / W.shape[0], 2)
        return _estimate(value, 1e-15 * W.shape[0], "dense", clock)
    if _symmetric(W):
        found = _of_symmetric(W, clock, tolerance, both_ends=True)
        return _estimate(1 - found.value, found.error, found.method, clock)
    if _column_stochastic(W):
        rate = _of_gram(W, clock, tolerance)
        return _estimate(*_root(max(1 - rate.value, 0.0), rate.error), rate.method, clock)
    transposed = W.T.tocsr()
    top, error = _top(lambda x: _centered(transposed @ (W @ x)), W.shape[0], clock, tolerance)
    return _estimate(*_root(max(top, 0.0), error), "Lanczos on (W - J)ᵀ(W - J)", clock)


def moment_rate(moment, time_limit=None, tolerance=TOLERANCE):
    """`Estimate` of 1 - λ_2 of a symmetric moment [n, n] with rows that sum to 1, such as E[Wᵀ W], dense or sparse."""
    clock = Clock(time_limit)
    if moment.shape[0] == 1:
        return _estimate(1.0, 0.0, "one agent", clock)
    return _of_symmetric(csr_array((moment + moment.T) / 2), clock, tolerance, both_ends=False)


def _estimate(value, error, method, clock):
    return Estimate(float(value), float(error), method, clock.seconds())


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
            return _estimate(1 - upper.value, max(upper.residual, ROUNDING), "Lanczos on WᵀW", clock)
    gram = csr_array(W.T @ W)
    found = _of_symmetric(csr_array((gram + gram.T) / 2), clock, tolerance, both_ends=False)
    return _estimate(found.value, found.error, f"{found.method} on WᵀW", clock)


def _top(apply, agents, clock, tolerance):
    """(largest eigenvalue of a positive semidefinite map, its error), to `tolerance` of its distance to 1."""

    def accepted(upper, _):
        return upper.residual <= max(tolerance * abs(1 - upper.value), 1e-13 * upper.value)

    result = lanczos(apply, agents, accepted, clock)
    require(result, f"Lanczos found no largest singular value in {MOST} steps")
    upper = result[0][0]
    return upper.value, max(upper.error, ROUNDING)


def _of_symmetric(W, clock, tolerance, both_ends):
    """`Estimate` of min(1 - λ_2, 1 + λ_n), or of 1 - λ_2 alone, of a symmetric W with at least two agents."""
    parts = components(W)
    if parts > 1:
        return _of_parts(W, parts, clock, tolerance, both_ends)
    if both_ends and two_colored(W):
        return _estimate(0.0, 0.0, "bipartite without self-weights", clock)
    if W.shape[0] <= DENSE:
        return _dense(W, Edges.of(W), clock, both_ends)
    thin, work = shape_of(W)
    affordable = work <= WORK and 2e9 * clock.left() > work
    if thin and affordable:
        return _by_inverse(W, clock, tolerance, both_ends)
    found = _by_lanczos(W, clock, tolerance, both_ends, PATIENCE if affordable else MOST)
    return found or _by_inverse(W, clock, tolerance, both_ends)


def _of_parts(W, parts, clock, tolerance, both_ends):
    """0, as λ_2 = 1, or what is less in one of several components: only negative weights can make it so."""
    worst = _estimate(0.0, 0.0, f"{parts} components", clock)
    if W.data.min() >= 0:
        return worst
    own = connected_components(W, directed=False)[1]
    for part in np.flatnonzero(np.bincount(own) > 1):
        members = np.flatnonzero(own == part)
        found = _of_symmetric(W[members][:, members], clock, tolerance, both_ends)
        worst = min(worst, found, key=lambda estimate: estimate.value)
    return worst


def _dense(W, edges, clock, both_ends):
    """Eigenvectors of W on the vectors that sum to 0, in the columns 1.. of the reflection that moves 1 to an axis."""
    axis = np.full(edges.agents, edges.agents**-0.5)
    axis[0] += 1
    basis = (np.eye(edges.agents) - np.outer(axis, axis / axis[0]))[:, 1:]
    values, vectors = np.linalg.eigh(basis.T @ (W @ basis))
    found = edges.measured(basis @ vectors[:, -1], -1, (values[-1] - values[:-1])[::-1][:8])
    if both_ends:
        found = min(found, edges.measured(basis @ vectors[:, 0], 1, (values[1:] - values[0])[:8]))
    return _estimate(*found, "dense", clock)


def _by_lanczos(W, clock, tolerance, both_ends, most):
    """Lanczos on W; None after `most` steps without a result, an error after MOST."""
    least = floor(W) if both_ends else np.inf

    def found(upper, lower):
        """(gap, its End, sign) of the end that decides, None while that is open."""
        below, above = 1 - upper.value, 1 + lower.value
        if below <= max(least, above - lower.residual) or not both_ends:
            return below, upper, -1
        return (above, lower, 1) if above <= below - upper.residual else None

    def accepted(upper, lower):
        decided = found(upper, lower)
        ends = [decided] if decided else [(1 - upper.value, upper, -1), (1 + lower.value, lower, 1)]
        return all(end.residual <= (tolerance if gap >= SMALL else 1e-5) * abs(gap) for gap, end, _ in ends)

    result = lanczos(lambda x: W @ x, W.shape[0], accepted, clock, most)
    if result is None:
        require(most < MOST, f"Lanczos found no gap in {MOST} steps, and a factorization is too large or indefinite")
        return None
    (upper, lower), vector = result
    decided = found(upper, lower) or min(
        (1 - upper.value, upper, -1), (1 + lower.value, lower, 1), key=lambda side: side[0]
    )
    gap, end, sign = decided
    if gap >= SMALL:
        return _estimate(gap, max(end.residual, ROUNDING), "Lanczos", clock)
    return _estimate(*Edges.of(W).measured(vector(end), sign, end.ladder), "Lanczos", clock)


def _by_inverse(W, clock, tolerance, both_ends):
    """Lanczos on the inverse of I - W, the first agent grounded, and of I + W where that end may decide.

    Negative weights may make one of them indefinite; then its end lies beyond 1, where Lanczos on W finds it.
    """
    edges = Edges.of(W)
    degree = np.bincount(edges.i, edges.w, edges.agents) + np.bincount(edges.j, edges.w, edges.agents)
    off = W - diags_array(W.diagonal())
    below = _factors((diags_array(degree) - off)[1:, 1:])
    if _indefinite(W, below):
        return _by_lanczos(W, clock, tolerance, both_ends, MOST)
    found = _least(edges, lambda x: _centered(np.concatenate([[0.0], below.solve(x[1:])])), -1, clock)
    if both_ends and floor(W) < found[0]:
        above = _factors(diags_array(degree + 2 * edges.own) + off)
        if _indefinite(W, above):
            return _by_lanczos(W, clock, tolerance, both_ends, MOST)
        found = min(found, _least(edges, lambda x: _centered(above.solve(x)), 1, clock))
    return _estimate(*found, "shift-invert", clock)


def _factors(matrix):
    options = {"SymmetricMode": True}
    return splu(csc_array(matrix), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0, options=options)


def _indefinite(W, factors):
    """Whether there are negative pivots, as many as negative eigenvalues (Sylvester); none without negative weights."""
    return W.data.min() < 0 and bool((factors.U.diagonal() < 0).any())


def _least(edges, solve, sign, clock):
    """(least quotient, its error) by Lanczos on the inverse, whose largest eigenvalues stand apart."""
    result = lanczos(solve, edges.agents, lambda upper, _: upper.residual <= 1e-9 * upper.value, clock, keep=True)
    (upper, _), vector = result
    ladder = 1 / np.maximum(upper.value - upper.ladder, TINY) - 1 / upper.value
    return edges.measured(solve(vector(upper)), sign, ladder)  # once more, against the far end of the spectrum


def _arnoldi(W, clock):
    """1 - the largest modulus of W - J, and the residual of its vector."""

    def apply(x):
        clock.check("Arnoldi did not come to its tolerance")
        return W @ x - x.mean()

    agents = W.shape[0]
    if agents <= DENSE:
        modulus = np.abs(np.linalg.eigvals(W.toarray() - 1 / agents)).max()
        return _estimate(1 - modulus, 1e-15 * agents, "dense", clock)
    operator = LinearOperator(W.shape, matvec=lambda x: apply(x.ravel()), dtype=np.float64)
    start = _centered(np.random.default_rng(0).standard_normal(agents))
    try:
        values, vectors = eigs(operator, k=1, which="LM", v0=start, ncv=min(60, agents - 1), tol=1e-12, maxiter=200)
    except ArpackNoConvergence as failure:
        raise OnemergeError(
            "Arnoldi's method found no leading eigenvalue in 200 restarts: many eigenvalues have nearly its modulus"
        ) from failure
    residual = np.linalg.norm(W @ vectors[:, 0] - vectors[:, 0].mean() - values[0] * vectors[:, 0])
    return _estimate(1 - abs(values[0]), max(residual, 1e-15), "Arnoldi", clock)
