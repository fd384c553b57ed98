"""Proved lower bounds on both ends of a symmetric mixing matrix, by counting negative pivots.

Sylvester's law of inertia: P(L - sI)Pᵀ = K D Kᵀ + E with one negative pivot in D, the one of the vector 1, shows that
the other eigenvalues of the Laplacian L are at least s - |E|; and (2 - s)I - L without one, that they are at most
2 - (s - |E|). Pivots are balls where these are affordable, and then E = 0. Otherwise they are float64, and E is bounded
after the fact from the factors themselves, whatever computed them: by row sums of the rounded matrix minus K D Kᵀ and
of its rounding errors, γ_k |K||D||Kᵀ| with γ_k = ku/(1 - ku) (Higham, "Accuracy and Stability of Numerical Algorithms",
2nd ed. 2002, section 3.1). Eigenvectors only say where to look: a wrong one makes an enclosure wide, never false.
"""

from dataclasses import dataclass, replace
from math import inf

import numpy as np
from scipy.sparse import diags_array
from scipy.sparse.linalg import spilu

from theory.balls import ball, flint, in_balls, negative_pivots, triangle
from theory.rayleigh import TINY, UNIT, factorized, near_end, upper_bound, widened

BALL_WORK = 5_000_000  # multiplications of balls: a few seconds
FLOAT_WORK = 2_000_000_000  # multiplications of float64: some ten seconds, since each is done a second time
SPREAD = 7  # eigenvectors at each end, among which to find a gap between eigenvalues
NOTHING = 1e-13  # a gap that rounding may hide
MARGINS = 10.0 ** np.arange(-14, 0)  # of s below the Rayleigh quotient, one after the other


@dataclass(frozen=True, eq=False)
class Order:
    """An order of the agents that keeps the factors sparse: `position` [n] of each, and the cost of a factorization."""

    position: np.ndarray
    entries: int
    work: int


def elimination_order(weights):
    """`Order` by minimum degree; None where that takes more than FLOAT_WORK multiplications.

    The entries are counted by walking from each of a row's entries up the elimination tree (Liu, "The role of
    elimination trees in sparse factorization", SIAM J. Matrix Anal. Appl. 11, 1990).
    """
    n = weights.agents
    pattern = replace(weights, w=np.ones(len(weights.w))).matrix(-1, 2.0 * weights.busiest() + 1)
    position = spilu(
        pattern, drop_tol=1.0, fill_factor=1, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0,
        options={"SymmetricMode": True},
    ).perm_c  # fmt: skip
    one, other = position[weights.i], position[weights.j]
    later, earlier = np.maximum(one, other), np.minimum(one, other)
    by_row = np.argsort(later, kind="stable")
    starts = np.searchsorted(later[by_row], np.arange(n + 1)).tolist()
    earlier = earlier[by_row].tolist()
    parent, seen, below, entries, work = [-1] * n, [-1] * n, [0] * n, 0, 0
    for k in range(n):
        seen[k] = k
        for i in earlier[starts[k] : starts[k + 1]]:
            while seen[i] != k:
                if parent[i] == -1:
                    parent[i] = k
                seen[i] = k
                below[i] += 1
                entries += 1
                work += below[i] + 1
                i = parent[i]
        if work > FLOAT_WORK:
            return None
    return Order(position, entries, work)


@in_balls
def _count_in_balls(weights, order, scale, shift):
    """(negative pivots of scale L + shift I, |E| = 0)."""
    diagonal, rows = [shift] * weights.agents, [{} for _ in range(weights.agents)]
    one, other = order.position[weights.i], order.position[weights.j]
    first, then = np.minimum(one, other).tolist(), np.maximum(one, other).tolist()
    for i, j, w in zip(first, then, weights.w.tolist(), strict=True):
        entry = scale * ball(w)
        diagonal[i], diagonal[j] = diagonal[i] + entry, diagonal[j] + entry
        rows[i][j] = -entry
    return negative_pivots(diagonal, rows), 0.0


def _count_in_floats(weights, order, scale, shift):
    """(negative pivots of D, bound on |scale L + shift I - K D Kᵀ|_2) with D and K in float64."""
    M = weights.matrix(scale, float(shift))
    place = np.argsort(order.position)
    try:
        lu = factorized(M[place][:, place], "NATURAL")
    except RuntimeError:  # a pivot is exactly 0
        return None, 0.0
    if not np.array_equal(lu.perm_r, lu.perm_c):
        return None, 0.0
    place = place[np.argsort(lu.perm_c)]
    M, K, D = M[place][:, place], lu.L.tocsr(), lu.U.diagonal()
    if not (np.isfinite(D).all() and np.isfinite(K.data).all() and (D != 0).all()):
        return None, 0.0
    terms = np.diff(K.indptr) + 6.0  # of every entry of K D Kᵀ in a row, and more than its other roundings
    gamma = terms * UNIT / (1 - terms * UNIT)
    if order.entries > weights.agents**2 / 8:  # almost dense
        K = K.toarray()
        rest = np.abs(M.toarray() - (K * D) @ K.T).sum(axis=1)
    else:
        rest = abs(M - (K @ diags_array(D)) @ K.T).sum(axis=1)
    product = abs(K) @ (np.abs(D) * (abs(K).T @ np.ones(weights.agents)))
    stored = np.asarray(abs(M).sum(axis=1)).ravel()
    diagonal = (weights.busiest() + 4) * UNIT * (weights.magnitudes()[place] + 4 + abs(float(shift)))
    error = np.asarray(rest).ravel() + gamma * (product + stored) + diagonal
    return int((D < 0).sum()), float(error.max()) * (1 + 1e-6) + TINY


@in_balls
def _between(weights, order, columns, high):
    """A lower bound of μ_2, or of 2 - μ_m where `high`, from a shift σ far from all eigenvalues; -inf where none.

    A is L, or 2I - L where `high`. If yᵀ(σ - A)(A - t)y > 0 for all y ≠ 0 in a space of dimension k, then A has k
    eigenvalues between t and σ, by the minimax principle. If no more than these, and the 0 of L, are below σ, then t is
    below all others. So the error of an eigenvector counts by its square, and that of the pivots hardly at all.
    """
    scale, start = (-1, 2.0) if high else (1, 0.0)
    A = weights.matrix(scale, start)
    Y = columns - columns.mean(axis=0)
    Y = Y[:, np.linalg.norm(Y, axis=0) > 1e-9]
    Y = np.linalg.qr(Y)[0]
    theta, turn = np.linalg.eigh(Y.T @ (A @ Y))
    if len(theta) < 2:
        return -inf
    k = 1 + int(np.argmax(np.diff(theta)))
    shift = float(theta[k - 1] + theta[k]) / 2
    negative, error = _count_in_floats(weights, order, scale, ball(start) - ball(shift))
    sigma = shift - error - 2 * UNIT * (abs(shift) + error)
    if negative is None or negative > k + (not high) or not 0 < sigma < 2:
        return -inf
    X = flint().arb_mat((Y @ turn[:, :k]).tolist())
    AX = _applied(weights, X, scale, start)
    squares, products, images = X.transpose() * X, X.transpose() * AX, AX.transpose() * AX
    for margin in MARGINS:
        t = float(theta[0]) - margin * (2.0 if high else float(theta[0]))
        if t <= 0:
            break
        form = products * (ball(sigma) + ball(t)) - squares * (ball(sigma) * ball(t)) - images
        if negative_pivots(*triangle(form)) == 0:
            return t
    return -inf


def _applied(weights, X, scale, start):
    """(scale L + start I) X, balls."""
    n, k = X.nrows(), X.ncols()
    rows = [[X[i, c] for c in range(k)] for i in range(n)]
    result = [[start * x for x in row] for row in rows]
    for i, j, w in zip(weights.i.tolist(), weights.j.tolist(), weights.w.tolist(), strict=True):
        for c in range(k):
            flow = scale * ball(w) * (rows[i][c] - rows[j][c])
            result[i][c] += flow
            result[j][c] -= flow
    return flint().arb_mat(result)


def _proved_below(weights, order, bound, cap, floor, columns, high):
    """A lower bound of μ_2, or of 2 - μ_m where `high`, just below `bound` or at `cap`; -inf where no count shows one.

    Pivots in float64 near an eigenvalue are small and their errors large, so a larger margin may prove more. `floor` is
    a lower bound that needs no proof, and enough where `bound` is within rounding of it.
    """
    exact = order.work <= BALL_WORK
    scale = abs(bound) if exact and not high else max(2.0, abs(bound))
    best = floor if bound <= NOTHING else -inf
    if not exact and bound <= cap:
        best = max(best, _between(weights, order, columns, high))
    for margin in MARGINS:
        s = min(bound - margin * scale, cap)
        if s <= best or best > bound - 1e-12 * scale:
            break
        shift = (ball(2) - ball(s)) if high else -ball(s)
        negative, error = (_count_in_balls if exact else _count_in_floats)(weights, order, -1 if high else 1, shift)
        proved = s - error - 2 * UNIT * (abs(s) + error)
        if negative is not None and (negative == 0 or (negative == 1 and proved > 0 and not high)):
            best = max(best, proved)
    return best


def _looked_up(weights, count):
    """[columns near the eigenvectors of μ_2, of μ_m], `count` at the nearer end; [upper bounds of μ_2, of 2 - μ_m]."""
    ends = [near_end(weights, False, count), near_end(weights, True, 1)]
    upper = [upper_bound(weights, ends[0], False), upper_bound(weights, ends[1], True)]
    if count > 1 and upper[1] <= upper[0]:
        ends[1] = near_end(weights, True, count)
        upper[1] = min(upper[1], upper_bound(weights, ends[1], True))
    return ends, upper


@in_balls
def gap_of(weights):
    """((lower, upper) of 1 - slem of symmetric `Weights`, how), or (None, why not)."""
    if weights.agents == 1:
        return (1 - 2 * weights.absolute, 1.0), "one agent"
    degrees = weights.degrees()
    busy = float(degrees.max()) * (1 + weights.relative + 2 * weights.busiest() * UNIT)
    stochastic = bool((weights.w >= 0).all() and busy <= 1 + 1e-9)
    pieces, _ = weights.pieces()
    if pieces > 1 and stochastic and busy < 1:
        return (0.0 - weights.absolute, weights.absolute), f"{pieces} components without a link between them"
    order = elimination_order(weights)
    if order is None:
        size = f"{weights.agents} x {weights.agents}"
        return None, f"to factor this {size} matrix takes more than {FLOAT_WORK:.0e} multiplications"
    try:
        ends, upper = _looked_up(weights, 1 if order.work <= BALL_WORK else SPREAD)
    except RuntimeError as error:
        return None, f"no approximate eigenvectors were found ({error})"
    best = min(upper)
    if inf in upper:
        return None, "no approximate eigenvectors were found"
    floors = 0.0 if (weights.w >= 0).all() else -inf, -2 * max(busy - 1, 0) if stochastic else -inf
    cap = min(2 * abs(best), 1.5)  # no need to prove more, as the gap is at most 1
    lower = [_proved_below(weights, order, upper[e], cap, floors[e], ends[e], high=bool(e)) for e in (0, 1)]
    if -inf in lower:
        return None, "no count of negative pivots confirms the approximate eigenvalues"
    kind = "balls" if order.work <= BALL_WORK else "float64 with bounded errors"
    low, high = min(widened(weights, *lower, -1)), min(widened(weights, *upper, 1))
    if stochastic:  # no eigenvalue is beyond ±1, save by what self-weights may be negative by
        low = max(low, floors[1] - weights.absolute)
    return (float(low), float(high)), f"Rayleigh quotient and negative pivots in {kind}"
