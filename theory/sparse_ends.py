"""How near the spectrum of a sparse symmetric mixing matrix comes to 1 and to -1, by the method its graph calls for.

On the vectors x that sum to 0, with |x| = 1, for a sign of -1 or 1

    sign -1:  1 - λ_2 = min xᵀ(I - W)x,         sign 1:  1 + λ_n = min xᵀ(I + W)x,

sums of squares of `theory.edge_forms` in which a small distance keeps its digits. The vector comes from a dense solver
for few agents, from Lanczos on expanders, whose gap is large, and on graphs that are thin (far apart in few links) from
Lanczos on the inverse of a sparse factorization, which would fill in on an expander.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from theory.edge_forms import ROUNDING, Edges, components, floor, shape_of, two_colored
from theory.errors import require
from theory.lanczos import MOST, TINY, lanczos

TOLERANCE = 1e-9  # relative, of a gap
DENSE = 400  # agents up to which a dense solver finds the vectors
SMALL = 1e-4  # a gap below it needs its vector: Lanczos alone has some 1e-14 in absolute terms
WORK = 3e11  # estimated multiplications of a factorization that is tried: a few minutes
PATIENCE = 2000  # steps of Lanczos after which a factorization is tried
BOTH = (-1, 1)  # signs


@dataclass(frozen=True)
class Estimate:
    """A number with its estimated absolute error (not a proved one), how it was found and the seconds it took."""

    value: float
    error: float
    method: str
    seconds: float

    @classmethod
    def of(cls, value, error, method, clock):
        return cls(float(value), float(error), method, clock.seconds())


def nearest(W, signs, clock, tolerance=TOLERANCE):
    """`Estimate` of the least of the distances of `signs` for a symmetric csr W with at least two agents.

    OnemergeError when the time of the `clock` is over. With negative weights a distance may be below 0.
    """
    parts = components(W)
    if parts > 1:
        return _of_parts(W, parts, signs, clock, tolerance)
    if 1 in signs and two_colored(W):
        return Estimate.of(0.0, 0.0, "bipartite without self-weights", clock)
    if W.shape[0] <= DENSE:
        return _dense(W, Edges.of(W), signs, clock)
    thin, work = shape_of(W)
    affordable = work <= WORK and 2e9 * clock.left() > work
    if thin and affordable:
        return _by_inverse(W, signs, clock, tolerance)
    found = _by_lanczos(W, signs, clock, tolerance, PATIENCE if affordable else MOST)
    return found or _by_inverse(W, signs, clock, tolerance)


def _of_parts(W, parts, signs, clock, tolerance):
    """0, as λ_2 = 1, or what is less in one of several components: only negative weights can make it so."""
    require(-1 in signs, f"the agents form {parts} components; the other end of the spectrum needs one")
    worst = Estimate.of(0.0, 0.0, f"{parts} components", clock)
    if W.data.min() >= 0:
        return worst
    own = connected_components(W, directed=False)[1]
    for part in np.flatnonzero(np.bincount(own) > 1):
        members = np.flatnonzero(own == part)
        found = nearest(W[members][:, members], signs, clock, tolerance)
        worst = min(worst, found, key=lambda estimate: estimate.value)
    return worst


def on_deviations(W):
    """(increasing eigenvalues, vectors [m, m - 1]) of a symmetric W, dense or sparse, on the vectors that sum to 0.

    In the columns 1.. of the reflection that moves 1 to an axis.
    """
    agents = W.shape[0]
    axis = np.full(agents, agents**-0.5)
    axis[0] += 1
    basis = (np.eye(agents) - np.outer(axis, axis / axis[0]))[:, 1:]
    values, vectors = np.linalg.eigh(basis.T @ (W @ basis))
    return values, basis @ vectors


def _dense(W, edges, signs, clock):
    values, vectors = on_deviations(W)

    def at_end(sign):
        ladder = values[1:] - values[0] if sign > 0 else (values[-1] - values[:-1])[::-1]
        return edges.measured(vectors[:, 0 if sign > 0 else -1], sign, ladder[:8])

    return Estimate.of(*min(map(at_end, signs)), "dense", clock)


def _by_lanczos(W, signs, clock, tolerance, most):
    """Lanczos on W; None after `most` steps without a result, an error after MOST."""
    least = floor(W) if 1 in signs else np.inf

    def sides(upper, lower):
        """[(distance, its End, sign)]."""
        return [(1 + lower.value, lower, 1) if sign > 0 else (1 - upper.value, upper, -1) for sign in signs]

    def open_sides(upper, lower):
        """The sides of which the nearest is still open, one where that is decided."""
        ends = sides(upper, lower)
        if len(ends) == 1:
            return ends
        (below, *_), (above, *_) = ends
        if below <= max(least, above - lower.residual):
            return ends[:1]
        return ends[1:] if above <= below - upper.residual else ends

    def accepted(*ends):
        left = open_sides(*ends)
        return all(end.residual <= (tolerance if gap >= SMALL else 1e-5) * abs(gap) for gap, end, _ in left)

    result = lanczos(lambda x: W @ x, W.shape[0], accepted, clock, most)
    if result is None:
        require(most < MOST, f"Lanczos found no gap in {MOST} steps, and a factorization is too large or indefinite")
        return None
    ends, vector = result
    gap, end, sign = min(open_sides(*ends), key=lambda side: side[0])
    if gap >= SMALL:
        return Estimate.of(gap, max(end.residual, ROUNDING), "Lanczos", clock)
    return Estimate.of(*Edges.of(W).measured(vector(end), sign, end.ladder), "Lanczos", clock)


def _by_inverse(W, signs, clock, tolerance):
    """Lanczos on the inverse of I - W, the first agent grounded, and of I + W where that end may decide.

    Negative weights may make one of them indefinite; then its end lies beyond 1, where Lanczos on W finds it.
    """
    edges = Edges.of(W)
    degree = np.bincount(edges.i, edges.w, edges.agents) + np.bincount(edges.j, edges.w, edges.agents)
    off = W - diags_array(W.diagonal())
    found = (np.inf, 0.0)
    for sign in signs:
        if sign > 0 and floor(W) >= found[0]:
            continue
        if sign > 0:
            factors = _factors(diags_array(degree + 2 * edges.own) + off)
        else:
            factors = _factors((diags_array(degree) - off)[1:, 1:])
        if _indefinite(W, factors):
            return _by_lanczos(W, signs, clock, tolerance, MOST)
        found = min(found, _least(edges, _solver(factors, sign), sign, clock))
    return Estimate.of(*found, "shift-invert", clock)


def _factors(matrix):
    options = {"SymmetricMode": True}
    return splu(csc_array(matrix), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0, options=options)


def _indefinite(W, factors):
    """Whether there are negative pivots, as many as negative eigenvalues (Sylvester); none without negative weights."""
    return W.data.min() < 0 and bool((factors.U.diagonal() < 0).any())


def _solver(factors, sign):
    """b -> x of mean 0 with (I + sign W)x = b up to a constant."""

    def solve(b):
        x = factors.solve(b) if sign > 0 else np.concatenate([[0.0], factors.solve(b[1:])])
        return x - x.mean()

    return solve


def _least(edges, solve, sign, clock):
    """(least quotient, its error) by Lanczos on the inverse, whose largest eigenvalues stand apart."""
    result = lanczos(solve, edges.agents, lambda upper, _: upper.residual <= 1e-9 * upper.value, clock, keep=True)
    (upper, _), vector = result
    ladder = 1 / np.maximum(upper.value - upper.ladder, TINY) - 1 / upper.value
    return edges.measured(solve(vector(upper)), sign, ladder)  # once more, against the far end of the spectrum
