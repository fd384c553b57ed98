"""When gradients and values at points belong to a smooth function, and such a function in closed form.

F(l, L) are the functions with l/2 |x|² <= curvature <= L/2 |x|², that is L_k - l/2 |.|² is convex and (L - l)-smooth:
l = 0 convex, l = mu > 0 strongly convex, l = -L smooth only. Data (x_i, g_i, f_i) belong to one exactly if, for all i
and j, with dx = x_i - x_j and dg = g_i - g_j,

    f_j - f_i + <g_j, dx> + [|dg|²/L + l |dx|² - 2 (l/L) <dg, dx>]/(2 (1 - l/L)) <= 0

(Taylor, Hendrickx, Glineur, "Smooth strongly convex interpolation and exact worst-case performance of first-order
methods", Mathematical Programming 161, 2017, Theorem 4). With G_i = g_i - l x_i, F_i = f_i - l/2 |x_i|² and M = L - l,
the smallest of these functions is

    L_k(x) = l/2 |x|² + max_a <Σ a_i G_i, x> - |Σ a_i G_i|²/(2M) - Σ a_i (<G_i, x_i> - F_i - |G_i|²/(2M))

over weights a >= 0 of sum 1, the conjugate of an (1/M)-strongly convex function: it is in F(l, L) whatever the data
are, and has them where they fit.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, eye_array, vstack

from theory.errors import OnemergeError, require


def solver():
    """The module clarabel, which the extra sdp brings."""
    try:
        import clarabel
    except ImportError as error:
        raise OnemergeError("exact worst cases need clarabel; install it with pip install '.[sdp]'") from error
    return clarabel


def outer(a, b):
    """Symmetric parts of a bᵀ [..., n, n] of rows a, b [..., n], of floats or Fractions."""
    product = a[..., :, None] * b[..., None, :]
    return (product + np.swapaxes(product, -1, -2)) / 2


def interpolation_forms(x, g, pairs, lower):
    """Forms A [pairs, n, n] of the inequalities f_j - f_i + <A, Gram> <= 0 for L = 1 and l = lower < 1.

    x, g [points, n]: coefficients of the points and gradients over the vectors whose Gram matrix is meant; pairs
    [pairs, 2] of indices (i, j). Entries are floats or Fractions, and the result has the same.
    """
    i, j = pairs.T
    dx, dg = x[i] - x[j], g[i] - g[j]
    square = outer(dg, dg) + lower * outer(dx, dx) - 2 * lower * outer(dg, dx)
    return outer(g[j], dx) + square / (2 * (1 - lower))


def violation(x, g, f, lower, L):
    """The largest left side of the inequalities above, over all pairs: <= 0 where x, g [n, d], f [n] fit F(l, L)."""
    dx, dg = x[:, None] - x[None], g[:, None] - g[None]
    square = (dg**2).sum(-1) / L + lower * (dx**2).sum(-1) - 2 * (lower / L) * (dg * dx).sum(-1)
    slack = f[None] - f[:, None] + (g[None] * dx).sum(-1) + square / (2 * (1 - lower / L))
    return float(slack.max())


@dataclass(frozen=True, eq=False)
class Interpolated:
    """The function above, in F(lower, L), of data x, g [n, d], f [n]."""

    x: np.ndarray
    g: np.ndarray
    f: np.ndarray
    lower: float
    L: float

    def __post_init__(self):
        require(self.lower < self.L, f"the least curvature is {self.lower} and L is {self.L}; it must be below L")

    def __call__(self, point):
        """(value, gradient [d]) at the point [d]."""
        width = self.L - self.lower
        G = self.g - self.lower * self.x
        heights = (G * self.x).sum(1) - self.f + self.lower / 2 * (self.x**2).sum(1) - (G**2).sum(1) / (2 * width)
        linear = G @ point - heights
        weights = _simplex(G @ G.T / width, linear)
        mean = weights @ G
        value = linear @ weights - mean @ mean / (2 * width) + self.lower / 2 * point @ point
        return float(value), mean + self.lower * point


def _simplex(P, linear):
    """Weights a >= 0 of sum 1 with the largest linear a - aᵀ P a/2."""
    clarabel, n = solver(), len(P)
    scale = max(1e-300, np.abs(P).max(), np.ptp(linear))
    A = csc_array(vstack([np.ones((1, n)), -eye_array(n)]))
    b = np.concatenate([[1.0], np.zeros(n)])
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(n)]
    quadratic = csc_array(np.triu(P / scale))
    found = clarabel.DefaultSolver(quadratic, -(linear - linear.max()) / scale, A, b, cones, settings(1e-13)).solve()
    weights = np.maximum(np.array(found.x), 0)
    return weights / weights.sum()


def settings(tolerance, equilibrate=True):
    """Quiet settings of the solver: `tolerance` for the gap and for feasibility, "AlmostSolved" up to 100 times it."""
    chosen = solver().DefaultSettings()
    chosen.verbose = False
    chosen.tol_gap_abs = chosen.tol_gap_rel = chosen.tol_feas = tolerance
    chosen.reduced_tol_gap_abs = chosen.reduced_tol_gap_rel = chosen.reduced_tol_feas = 100 * tolerance
    chosen.equilibrate_enable = equilibrate
    chosen.max_iter = 200
    return chosen
