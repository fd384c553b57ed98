"""Closed forms and linear solves for decentralized SGD on quadratics: a second derivation of `theory.moments`.

Agent k has L_k(x) = h_k/2 (x - b_k)² in one dimension, noise of variance σ² independent over agents and steps. Formulas
in the eigenbasis, λ_1 = 1 >= λ_2, ..., λ_m and b̃_i = u_iᵀ b, are for one fixed symmetric W; the linear solves for any.
The scalar ones are records of `theory.bounds.exact`.
"""

import numpy as np

from theory.errors import require
from theory.mixing import as_mixing
from theory.moments import ORDERS


def slowest_mode(W):
    """(λ, u): the eigenvalue of largest modulus on deviations of a symmetric W, and its unit eigenvector u [m].

    Gossip alone keeps |λ|^t of it: |W^t x - x̄ 1| <= |λ|^t |x - x̄ 1| with equality for x = u.
    """
    require(len(W) >= 2, "one agent has no deviations; the slowest mode needs at least 2")
    values, vectors = _deviations(W)
    slowest = np.argmax(np.abs(values))
    return float(values[slowest]), vectors[:, slowest]


def stationary_consensus(W, curvature, optima, lr, sigma=0.0, order="adapt_then_combine"):
    """E Ξ² [θ]² in the stationary state of a common curvature h, symmetric W, optima b [m], sums over i >= 2:

    adapt-then-combine   (η²σ²/m) Σ λ²/(1 - λ²(1 - ηh)²) + (1/m) Σ (ηhλ b̃/(1 - λ(1 - ηh)))²,
    combine-then-adapt   (η²σ²/m) Σ 1/(1 - (λ - ηh)²) + (1/m) Σ (ηh b̃/(1 - λ + ηh))².
    """
    require(order in ORDERS, f"Unknown order {order!r}; valid: {', '.join(ORDERS)}.")
    values, vectors = _deviations(W)
    step = lr * curvature
    kept = values * (1 - step) if order == ORDERS[0] else values - step
    gained = values if order == ORDERS[0] else np.ones_like(values)
    largest = np.abs(kept).max(initial=0.0)
    require(largest < 1, f"a deviation is multiplied by {largest:.6g} in every step; a stationary state needs < 1")
    noise = lr**2 * sigma**2 * gained**2 / (1 - kept**2)
    pull = step * gained * (vectors.T @ np.asarray(optima, dtype=float)) / (1 - kept)
    return float((noise + pull**2).sum() / len(W))


def fixed_point(W, curvature, optima, lr, order="adapt_then_combine"):
    """Where the mean settles: x [m] with (I - W (I - ηH)) x = η W H b, for combine-then-adapt (I - W + ηH) x = η H b.

    H = diag(h), `curvature` h [m]. For a row-stochastic W it is near the minimizer of Σ π_k L_k, π = Wᵀ π.
    """
    require(order in ORDERS, f"Unknown order {order!r}; valid: {', '.join(ORDERS)}.")
    W, h, b = as_mixing(W), np.asarray(curvature, dtype=float), np.asarray(optima, dtype=float)
    if order == ORDERS[0]:
        return np.linalg.solve(np.eye(len(W)) - W * (1 - lr * h), lr * W @ (h * b))
    return np.linalg.solve(np.eye(len(W)) - W + lr * np.diag(h), lr * h * b)


def first_order_bias(W, curvature, optima, lr, order="adapt_then_combine"):
    """Mean of `fixed_point` minus the minimizer of the global loss, to first order in η, for a symmetric W.

    (η/(m h̄)) Σ_k h_k [W (I - W)^† g]_k with g_k = h_k (x* - b_k); without the leading W for combine-then-adapt.
    """
    require(order in ORDERS, f"Unknown order {order!r}; valid: {', '.join(ORDERS)}.")
    values, vectors = _deviations(W)
    h, b = np.asarray(curvature, dtype=float), np.asarray(optima, dtype=float)
    g = h * ((h @ b) / h.sum() - b)
    gained = values if order == ORDERS[0] else np.ones_like(values)
    spread = vectors @ (gained / (1 - values) * (vectors.T @ g))
    return float(lr * h @ spread / h.sum())


def local_sgd_fixed_point(curvature, optima, lr, steps):
    """Where local SGD with `steps` local steps between exact averages settles, without noise:

    Σ_k (1 - (1 - ηh_k)^steps) b_k / Σ_k (1 - (1 - ηh_k)^steps),

    the minimizer of the global loss for one step, the mean of the optima for infinitely many.
    """
    require(steps >= 1, f"steps is {steps}; it must be at least 1")
    b, moved = np.asarray(optima, dtype=float), 1 - (1 - lr * np.asarray(curvature, dtype=float)) ** steps
    return float(moved @ b / moved.sum())


def inverse_neighbors_slope(W, decay):
    """(1/n_W(γ) - 1/m)/(1 - γ) = (1/m) Σ_{i>=2} λ²/(1 - γλ²) [1] at γ = `decay` < 1: tends to S as γ -> 1.

    n_W is the effective number of neighbors of Vogels et al., W symmetric.
    """
    require(0 <= decay < 1, f"decay is {decay}; it must lie in [0, 1)")
    values, _ = _deviations(W)
    return float((values**2 / (1 - decay * values**2)).sum() / len(W))


def _deviations(W):
    """Eigenvalues [m - 1] and unit eigenvectors [m, m - 1] of a symmetric W on the vectors that sum to 0."""
    W = as_mixing(W)
    skew = np.abs(W - W.T).max()
    require(skew <= 1e-12, f"the closed forms need a symmetric W; it differs from its transpose by {skew:.3g}")
    basis = np.linalg.svd(np.ones((1, len(W))))[2][1:].T
    values, vectors = np.linalg.eigh(basis.T @ W @ basis)
    return values, basis @ vectors
