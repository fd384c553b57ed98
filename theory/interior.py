"""A primal-dual interior-point method for the semidefinite programs of `theory.fastest`.

With M = I - J - Σ_e w_e b_e b_eᵀ, the slacks S_1 = s I + M, S_2 = s I - M and, where weights must not be negative,
w and u_i = 1 - Σ_{e at i} w_e stay positive, and so do their multipliers X_1, X_2, v and z. At the optimum the products
of slack and multiplier vanish, and

    Tr (X_1 + X_2) = 1,   b_eᵀ Y b_e = z_i + z_j - v_e  with  Y = X_2 - X_1.

A step solves these equations, linearized at (w, s), for X_k S_k = mu I, u z = w v = mu with mu -> 0 (the direction of
Helmberg, Rendl, Vanderbei and Wolkowicz, "An interior-point method for semidefinite programming", SIAM J. Optimization
6, 1996, with the second-order correction of Mehrotra, "On the implementation of a primal-dual interior point method",
SIAM J. Optimization 2, 1992). As b_e b_eᵀ has rank one, the equations for dw have the matrix
Σ_k (Bᵀ X_k B) * (Bᵀ S_k⁻¹ B), entry by entry.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

STEPS = 80
SHORT = 1e-4  # a step of this length is none
RIDGE = 1e-14  # that keeps the scaled equations solvable in spite of rounding errors
SIGNS = (-1, 1)  # of b_e b_eᵀ in S_1 and S_2


class Point(NamedTuple):
    """A point of the program, or a change of one; v and z are the number 0 where weights may be negative."""

    w: np.ndarray  # [edges]
    s: float
    X: tuple  # X_1, X_2 [m, m]
    v: np.ndarray | float  # [edges]
    z: np.ndarray | float  # [m]


def interior_points(net, nonnegative):
    """(w [edges], Y [m, m], z [m] or None), each closer to the optimum, till rounding errors stop the steps."""
    program, degree = _Program(net, nonnegative), np.bincount(net.pairs.ravel(), minlength=net.agents)
    w, s = np.full(len(net.pairs), 1 / (1.0 + degree.max())), 2.0
    inverses = [np.linalg.inv(S) for S in program.slacks(w, s)]
    mu = 1 / sum(G.trace() for G in inverses)
    multipliers = (mu / w, mu / (1 - program.at_agents(w))) if nonnegative else (0.0, 0.0)
    point = Point(w, s, tuple(mu * G for G in inverses), *multipliers)
    for _ in range(STEPS):
        try:
            point, length = program.step(point)
        except np.linalg.LinAlgError:
            return
        yield point.w, point.X[1] - point.X[0], point.z if nonnegative else None
        if length < SHORT:
            return


def _symmetric(A):
    return (A + A.T) / 2


def _longest(lowest):
    """The longest step, at most 1, that goes 0.95 of the way to where 1 + step * lowest vanishes."""
    return 1.0 if lowest > -0.95 else -0.95 / lowest


def _lowest(factor, change):
    """Smallest eigenvalue of F⁻¹ change F⁻ᵀ with the lower Cholesky factor F."""
    half = solve_triangular(factor, change, lower=True)
    return float(np.linalg.eigvalsh(solve_triangular(factor, half.T, lower=True))[0])


class _Program:
    """The program of one graph."""

    def __init__(self, net, nonnegative):
        self.agents, self.edges, self.nonnegative = net.agents, len(net.pairs), nonnegative
        self.one, self.other = net.pairs.T
        self.deviations = np.eye(net.agents) - 1 / net.agents

    def at_agents(self, w):
        """Σ_{e at i} w_e [m]."""
        return np.bincount(self.one, w, self.agents) + np.bincount(self.other, w, self.agents)

    def _at_edges(self, G):
        """Bᵀ G [edges, m]."""
        return G[self.one] - G[self.other]

    def _between_edges(self, ends):
        """Bᵀ G B [edges, edges] of ends = Bᵀ G."""
        return ends[:, self.one] - ends[:, self.other]

    def _combined(self, w):
        """Σ_e w_e b_e b_eᵀ [m, m]."""
        L = np.diag(self.at_agents(w))
        L[self.one, self.other] = L[self.other, self.one] = -w
        return L

    def slacks(self, w, s):
        """S_1, S_2."""
        M, diagonal = self.deviations - self._combined(w), s * np.eye(self.agents)
        return diagonal + M, diagonal - M

    def _slack_changes(self, change):
        L, diagonal = self._combined(change.w), change.s * np.eye(self.agents)
        return [diagonal + sign * L for sign in SIGNS]

    def _mean_product(self, point):
        """mu, the mean product of a slack and its multiplier."""
        slacks = self.slacks(point.w, point.s)
        total, count = sum(float((S * x).sum()) for S, x in zip(slacks, point.X, strict=True)), 2 * self.agents
        if self.nonnegative:
            total += float(point.w @ point.v + (1 - self.at_agents(point.w)) @ point.z)
            count += self.edges + self.agents
        return total / count

    def step(self, point):
        """(the next point, the length of the step).

        A first direction, toward mu = 0, tells how far mu can go down, and how the products bend on the way.
        """
        w, s, X, v, z = point
        factors = [np.linalg.cholesky(S) for S in self.slacks(w, s)]
        multiplier_factors = [np.linalg.cholesky(x) for x in X]
        inverses = [cho_solve((F, True), np.eye(self.agents)) for F in factors]
        u = 1 - self.at_agents(w)
        solve, pull = self._equations(point, inverses, u)

        def direction(target, before=None):
            """`Point` of the changes toward products of `target`, less the products of the changes `before`."""
            bends, v_bend, z_bend = [np.zeros_like(x) for x in X], np.zeros(self.edges), np.zeros(self.agents)
            if before is not None:
                changes = zip(before.X, self._slack_changes(before), inverses, strict=True)
                bends = [_symmetric(dx @ dS @ G) for dx, dS, G in changes]
                if self.nonnegative:
                    v_bend, z_bend = before.v * before.w / w, -before.z * self.at_agents(before.w) / u
            right = target * pull
            right[:-1] -= self._balance(bends, v_bend, z_bend)
            right[-1] -= 1 + bends[0].trace() + bends[1].trace()
            solved = solve(right)
            change = Point(solved[:-1], solved[-1], (), 0.0, 0.0)
            parts = zip(X, inverses, self._slack_changes(change), bends, strict=True)
            dX = tuple(target * G - x - _symmetric(x @ dS @ G) - bend for x, G, dS, bend in parts)
            if not self.nonnegative:
                return change._replace(X=dX)
            dv = (target - v * change.w) / w - v - v_bend
            dz = (target + z * self.at_agents(change.w)) / u - z - z_bend
            return change._replace(X=dX, v=dv, z=dz)

        def moved(change):
            """(the point after the longest steps along `change`, the shorter of the two lengths)."""
            slack = min(_longest(_lowest(F, d)) for F, d in zip(factors, self._slack_changes(change), strict=True))
            other = min(_longest(_lowest(F, d)) for F, d in zip(multiplier_factors, change.X, strict=True))
            if self.nonnegative:
                du = -self.at_agents(change.w)
                slack = min(slack, _longest((change.w / w).min()), _longest((du / u).min()))
                other = min(other, _longest((change.v / v).min()), _longest((change.z / z).min()))
            after = tuple(x + other * d for x, d in zip(X, change.X, strict=True))
            ends = (after, v + other * change.v, z + other * change.z)
            return Point(w + slack * change.w, s + slack * change.s, *ends), min(slack, other)

        mu, first = self._mean_product(point), direction(0.0)
        left = min(max(self._mean_product(moved(first)[0]) / mu, 0.02), 1.0)
        return moved(direction(mu * left**3, before=first))

    def _balance(self, X, v, z):
        """b_eᵀ (X_2 - X_1) b_e + v_e - z_i - z_j [edges], 0 at the optimum."""
        Y = X[1] - X[0]
        both_ends = Y.diagonal() - z
        return both_ends[self.one] + both_ends[self.other] - 2 * Y[self.one, self.other] + v

    def _equations(self, point, inverses, u):
        """(solve, pull): the linear equations for (dw, ds), and the part of their right side that mu multiplies."""
        matrix, pull = np.zeros((self.edges + 1, self.edges + 1)), np.zeros(self.edges + 1)
        for sign, x, G in zip(SIGNS, point.X, inverses, strict=True):
            at_x, at_G = self._at_edges(x), self._at_edges(G)
            matrix[:-1, :-1] += self._between_edges(at_x) * self._between_edges(at_G)
            matrix[:-1, -1] += sign * (at_x * at_G).sum(axis=1)
            matrix[-1, -1] += float((x * G).sum())
            pull[-1] += G.trace()
        matrix[-1, :-1] = matrix[:-1, -1]
        if self.nonnegative:
            at, rows = np.zeros((self.edges, self.agents)), np.arange(self.edges)
            at[rows, self.one] = at[rows, self.other] = 1
            matrix[:-1, :-1] += (at * (point.z / u)) @ at.T
            matrix[rows, rows] += point.v / point.w
            pull[:-1] = self._balance(inverses, 1 / point.w, 1 / u)
        else:
            pull[:-1] = self._balance(inverses, np.zeros(self.edges), np.zeros(self.agents))
        scale = 1 / np.sqrt(matrix.diagonal())
        factor = cho_factor(matrix * scale * scale[:, None] + RIDGE * np.eye(len(scale)), lower=True)
        return lambda right: scale * cho_solve(factor, scale * right), pull
