"""Numbers of Vogels, Hendrikx, Jaggi (JMLR 24, 2023, arXiv 2301.02151) for one symmetric mixing matrix W.

All functions take the eigenvalues x_1 = 1 >= ... of W [m]. With a decay g in [0, 1) of the variance,

    1/n_W(g) = (1 - g) (1/m) sum_i x_i^2/(1 - g x_i^2),    beta_W(g) = min over x_i < 1 of x_i (1 - g x_i^2)/(1 + x_i).
"""

from numbers import Real

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from theory.errors import require

TOP = 1e-12  # eigenvalues this close to 1 are 1


def _spectrum(eigenvalues):
    try:
        values = np.sort(np.asarray(eigenvalues, dtype=float).ravel())[::-1]
    except (TypeError, ValueError):
        values = np.empty(0)
    proper = np.ndim(eigenvalues) == 1 and len(values) and abs(values[0] - 1) <= TOP and values[-1] >= -1 - TOP
    require(
        proper, f"the eigenvalues are {eigenvalues!r}; a symmetric mixing matrix has them in [-1, 1], the largest 1"
    )
    return values


def _check_decay(decay):
    valid = isinstance(decay, Real) and not isinstance(decay, bool) and 0 <= decay < 1
    require(valid, f"decay is {decay!r}; it must be in [0, 1)")


def inverse_neighbors(eigenvalues, decay):
    """1/n_W [1] at `decay` in [0, 1]: 1/m for an exact average, 1 without gossip."""
    values = _spectrum(eigenvalues)
    _check_decay(decay)
    return float(((1 - decay) * values**2 / (1 - decay * values**2)).mean())


def direction_gap(eigenvalues, decay):
    """beta_W [1]; infinite for an exact average of one agent, and needs positive eigenvalues."""
    values = _spectrum(eigenvalues)
    _check_decay(decay)
    others = values[values < 1 - TOP]
    require((others > 0).all(), f"the smallest eigenvalue is {values[-1]:.6g}; direction_gap needs positive ones")
    return float(np.min(others * (1 - decay * others**2) / (1 + others), initial=np.inf))


def largest_lr(eigenvalues, decay, smoothness, sample_smoothness, omega=None):
    """Largest learning rate of Theorem 6 [theta]^2/[loss]: min(beta_W w/L, 1/(4 ((1/n_W + w) s + L))).

    w = `omega` in (0, 1], 1/n_W where it is left out; L = `smoothness` of every agent's loss and s =
    `sample_smoothness`, both [loss]/[theta]^2.
    """
    require(smoothness > 0, f"smoothness is {smoothness}; it must be positive")
    require(sample_smoothness > 0, f"sample_smoothness is {sample_smoothness}; it must be positive")
    inverse = inverse_neighbors(eigenvalues, decay)
    omega = inverse if omega is None else omega
    require(0 < omega <= 1, f"omega is {omega}; it must be in (0, 1]")
    noisy = 1 / (4 * ((inverse + omega) * sample_smoothness + smoothness))
    return min(direction_gap(eigenvalues, decay) * omega / smoothness, noisy)


def best_decay(eigenvalues, smoothness, sample_smoothness):
    """(decay, learning rate): the decay at which `largest_lr` with omega = 1/n_W is largest.

    The first cap falls with the decay and the second rises, so that the best is where they meet, or an end.
    """

    def negative(log_rest):
        return -largest_lr(eigenvalues, 1 - 10**log_rest, smoothness, sample_smoothness)

    found = minimize_scalar(negative, bounds=(-9, 0), method="bounded", options={"xatol": 1e-10})
    return 1 - 10.0**found.x, -found.fun


def random_quadratic_rate(eigenvalues, lr, curvature, sample_smoothness):
    """r of E|theta|^2 <- (1 - r) E|theta|^2 per step [1], adapt-then-combine, diagonals of the powers of W constant.

    Each gradient is d d^T theta with a fresh normal d of variance h = `curvature` in each of D coordinates, and s =
    `sample_smoothness` = h (D + 2). v = 1 - r is the one solution above (1 - lr h)^2 of

        1 = lr^2 h (s - h) (1/m) sum_i x_i^2/(v - (1 - lr h)^2 x_i^2),

    which is equation (7) of the paper, r = 1 - (1 - lr h)^2 - lr^2 h (s - h)/n_W at the decay (1 - lr h)^2/v.
    """
    values = _spectrum(eigenvalues)
    require(lr > 0, f"lr is {lr}; it must be positive")
    require(curvature > 0, f"curvature is {curvature}; it must be positive")
    require(sample_smoothness > curvature, f"sample_smoothness is {sample_smoothness}; it must be above {curvature}, h")
    kept, noise = (1 - lr * curvature) ** 2, lr**2 * curvature * (sample_smoothness - curvature)

    def excess(v):
        return noise * (values**2 / (v - kept * values**2)).mean() - 1

    low, high = kept + noise / len(values), kept + noise  # all agents as one, every agent alone
    if excess(low) <= 0:  # an exact average
        return 1 - low
    return 1 - (high if excess(high) >= 0 else brentq(excess, low, high, xtol=1e-15, rtol=1e-14))
