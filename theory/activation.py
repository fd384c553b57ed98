"""MATCHA's activation probabilities: the matchings of a graph under a budget, as connected on average as can be.

    maximize mu_2(Σ_j p_j L_j)   over   Σ_j p_j <= C,   0 <= p_j <= 1,   L_j the Laplacian of matching j [m, m],

a semidefinite program: max s with Σ_j p_j L_j - s (I - J) positive semidefinite. For every Z >= 0 on the deviations
with Tr Z = 1, the optimum is at most max_p Σ_j p_j Tr Z L_j, which is a sum of the largest Tr Z L_j. Any p within the
constraints is a lower bound and any Z an upper one, so that no solver is trusted: it only proposes p and Z.
"""

import warnings
from numbers import Real

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from theory.errors import OnemergeError, require, shown

LEAST = 1e-6  # budget; of a far smaller one rounding leaves no probabilities
CLOSE = 1e-9  # relative width of [lower, upper] at which the search ends
DECADES = 14  # by which mu falls
STEPS = 40  # of Newton for one mu
NEAR = 1e-3  # decrement of Newton's method at which the path is met
SHORT = 1e-10  # a step of this size is none
LARGEST = 2 * 10**8  # numbers in the matrices of a step: 1.6 GB


def laplacian(agents, pairs, weights=1.0):
    """Σ_e w_e (e_i - e_j)(e_i - e_j)ᵀ [m, m] over the pairs e = (i, j) [E, 2], each listed once."""
    one, other = pairs.T
    L = np.zeros((agents, agents))
    L[one, other] = L[other, one] = -np.broadcast_to(weights, one.shape)
    np.fill_diagonal(L, -L.sum(axis=1))
    return L


def activation(agents, classes, budget, solver="barrier"):
    """(p [M], (lower, upper)): the best probabilities for C = budget M, and bounds on the best mu_2(Σ p_j L_j).

    `classes` [(pairs [E_j, 2])] are matchings that share no edge and connect all agents. p attains `lower`. solver =
    "barrier" follows the central path by Newton's method, "cvxpy" asks Clarabel through cvxpy (extra `sdp`), for which
    100 agents are a minute. For budget = 1 all p_j are 1.
    """
    valid = isinstance(budget, Real) and not isinstance(budget, bool) and LEAST <= budget <= 1
    expected = f"a number from {LEAST:g} to 1, the share of the matchings active on average"
    require(valid, f"budget is {shown(budget)}; it must be {expected}")
    budget = float(budget)
    known = isinstance(solver, str) and solver in SOLVERS
    require(known, f"unknown solver {shown(solver)}; valid solvers are {', '.join(SOLVERS)}")
    if budget == 1:
        highest = float(np.linalg.eigvalsh(laplacian(agents, np.concatenate(classes)))[1])
        return np.ones(len(classes)), (highest, highest)
    best, lower, upper = None, -np.inf, np.inf
    for p, Z in SOLVERS[solver](agents, classes, budget * len(classes)):
        allowed = budget * len(classes)
        p = np.maximum(p, 0)
        p = np.minimum(p * allowed / p.sum(), 1)
        reached = float(np.linalg.eigvalsh(sum(w * laplacian(agents, c) for w, c in zip(p, classes, strict=True)))[1])
        if reached > lower:
            best, lower = p, reached
        upper = min(upper, _upper(classes, allowed, Z))
        if upper - lower <= CLOSE * upper:
            break
    return best, (lower, upper)


def _upper(classes, allowed, Z):
    """max_p Σ_j p_j Tr Z L_j for the positive semidefinite matrix of trace 1 on the deviations that is close to Z."""
    deviations = np.eye(len(Z)) - 1 / len(Z)
    values, vectors = np.linalg.eigh(deviations @ (Z + Z.T) @ deviations)
    half = vectors * np.sqrt(np.maximum(values, 0) / np.maximum(values, 0).sum())  # Z = half halfᵀ
    gains = np.sort([((half[pairs[:, 0]] - half[pairs[:, 1]]) ** 2).sum() for pairs in classes])[::-1]
    return float(np.clip(allowed - np.arange(len(gains)), 0, 1) @ gains)


def _barrier(agents, classes, allowed):
    """(p, Z) near the central path, which minimizes, for a weight mu -> 0,

        -s/mu - log det S - Σ log p_j - Σ log(1 - p_j) - log(C - Σ p_j),   S = Σ_j p_j L_j - s (I - J) + J.

    With Q = S⁻¹, the derivatives of log det S are Tr Q L_j and -Tr Q (I - J), its second ones -Tr Q L_i Q L_j and so
    on; on the path mu Q (I - J) is a Z, and the bounds are mu (m + 2 M) apart. Rounding stops it where they are some
    1e-9 to 1e-7 of the optimum apart.
    """
    count = len(classes)
    size = count * agents**2
    require(
        size <= LARGEST, f"{count} matchings of {agents} agents need {size:.1g} numbers; {LARGEST:.1g} are the limit"
    )
    partners = np.tile(np.arange(agents), (count, 1))
    for partner, pairs in zip(partners, classes, strict=True):
        partner[pairs] = pairs[:, ::-1]
    J = np.full((agents, agents), 1 / agents)
    deviations = np.eye(agents) - J

    def slack(p, s):
        return sum(w * laplacian(agents, pairs) for w, pairs in zip(p, classes, strict=True)) - s * deviations + J

    def barrier(x, mu):
        """Its value at x = (p, s), infinite outside."""
        p, s = x[:-1], x[-1]
        if p.min() <= 0 or p.max() >= 1 or p.sum() >= allowed:
            return np.inf
        try:
            factor = np.linalg.cholesky(slack(p, s))
        except np.linalg.LinAlgError:
            return np.inf
        return -s / mu - 2 * np.log(factor.diagonal()).sum() - np.log(p * (1 - p)).sum() - np.log(allowed - p.sum())

    def newton(x, mu):
        """(Q, direction of x, its decrement: twice the fall of the barrier that a quadratic would have)."""
        p, s = x[:-1], x[-1]
        Q = cho_solve(cho_factor(slack(p, s)), np.eye(agents))
        Q_L = np.stack([Q - Q[:, partner] for partner in partners])  # Q L_j
        rest = allowed - p.sum()
        slope = np.append(1 / (1 - p) - 1 / p + 1 / rest - np.trace(Q_L, axis1=1, axis2=2), Q.trace() - 1 - 1 / mu)
        curve = np.empty((count + 1, count + 1))
        curve[:-1, :-1] = Q_L.reshape(count, -1) @ Q_L.swapaxes(1, 2).reshape(count, -1).T + 1 / rest**2
        curve[np.arange(count), np.arange(count)] += 1 / p**2 + 1 / (1 - p) ** 2
        curve[:-1, -1] = curve[-1, :-1] = -np.einsum("jab,ba->j", Q_L, Q)
        curve[-1, -1] = (Q**2).sum() - 1
        scale = 1 / np.sqrt(curve.diagonal())
        values, vectors = np.linalg.eigh(curve * scale * scale[:, None])
        values = np.maximum(values, 1e-15 * values[-1])  # of those below, rounding leaves nothing
        change = -scale * (vectors @ ((vectors.T @ (scale * slope)) / values))
        return Q, change, float(-slope @ change)

    x = np.full(count + 1, allowed / count / 2)  # p and s
    x[-1] = np.linalg.eigvalsh(slack(x[:-1], 0))[0] / 2
    mu = 1 / (np.linalg.inv(slack(x[:-1], x[-1])).trace() - 1)
    for _ in range(DECADES):
        for _ in range(STEPS):
            try:
                Q, change, decrement = newton(x, mu)
            except np.linalg.LinAlgError:
                return
            now, length = barrier(x, mu), 1.0
            while barrier(x + length * change, mu) > now - length * decrement / 4 + 1e-15 * abs(now):
                length /= 2
                if length < SHORT:  # rounding errors have the last word
                    return
            x = x + length * change
            if decrement < NEAR:
                break
        yield x[:-1], Q
        mu /= 10


def _cvxpy(agents, classes, allowed):
    """(p, Z) of Clarabel, with an orthonormal basis U of the deviations in which S has an interior."""
    try:
        import cvxpy
    except ImportError as error:
        raise OnemergeError("the solver 'cvxpy' needs cvxpy; install the extra sdp, onemerge[sdp]") from error
    U = np.linalg.qr(np.column_stack([np.ones(agents), np.eye(agents, agents - 1)]))[0][:, 1:]
    p, s = cvxpy.Variable(len(classes)), cvxpy.Variable()
    S = sum(p[j] * (U.T @ laplacian(agents, pairs) @ U) for j, pairs in enumerate(classes)) - s * np.eye(agents - 1)
    program = cvxpy.Problem(cvxpy.Maximize(s), [S >> 0, cvxpy.sum(p) <= allowed, p >= 0, p <= 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the bounds tell how accurate it is
        program.solve(solver=cvxpy.CLARABEL)
    require(p.value is not None, f"the semidefinite program of MATCHA has no solution: {program.status}")
    yield p.value, U @ program.constraints[0].dual_value @ U.T


SOLVERS = {"barrier": _barrier, "cvxpy": _cvxpy}
