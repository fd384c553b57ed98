"""Where decentralized SGD on quadratics settles: the fixed points of the recursions of `theory.moments`.

Over one period the mean goes x -> B x + c and the covariance C -> T(C) + N, T(C) = B C Bᵀ for given matrices and the
expectation of such terms for random ones. With the spectral radii below one the stationary moments at the start of a
period solve (I - B) x = c and C = T(C) + N; those of the other rounds follow by the recursion.
"""

import numpy as np
from scipy.sparse.linalg import LinearOperator, gmres

from theory.errors import require
from theory.moments import Recursion
from theory.rounds import as_gossip

NO_LIMIT = 1e-12  # a contraction of less over a period is none, up to rounding
RESIDUAL = 1e-12  # of the equation for the covariance, relative to its solution
ATTEMPTS = 12  # rounds of iterative refinement


def stationary_cycle(
    mixing, curvature, optima, lr, sigma=0.0, order="adapt_then_combine", correlation=None, shape=None
):
    """Stationary `Moments` before the rounds 0, 1, ..., period - 1 of a gossip (or a matrix W), a tuple of that length.

    Arguments as in `theory.moments.dsgd_moments`. OnemergeError where there is no limit: at a learning rate that is too
    large, or with a direction in which no agent's loss curves.
    """
    gossip = as_gossip(mixing)
    recursion = Recursion.of(gossip, curvature, optima, lr, sigma, order, correlation, shape)
    n, period = recursion.scaled.shape[-1], gossip.period
    B = np.broadcast_to(np.eye(n), recursion.scaled.shape)
    offset = np.zeros(recursion.pull.shape)
    for t in range(period):
        B = recursion.mean_map(t) @ B
        offset = recursion.mean_after(t, offset)
    radius = np.abs(np.linalg.eigvals(B)).max()
    require(
        1 - radius > NO_LIMIT,
        f"the mean has no limit: it is multiplied by {radius:.6g} over a period at most; it must be < 1",
    )
    mean = np.linalg.solve(np.eye(n) - B, offset[..., None])[..., 0]
    means = [mean]
    for t in range(period - 1):
        means.append(recursion.mean_after(t, means[-1]))
    random = any(recursion.law(t)[1] is not None for t in range(period))

    def over_period(covariance, linear):
        for t, mean in enumerate(means):
            covariance = recursion.covariance_after(t, mean, covariance)
        return covariance - linear

    constant = over_period(np.zeros(recursion.noise.shape), 0.0)
    if random and constant.any():
        covariance = fixed_point(lambda C: over_period(C, constant), constant, B)
        least, size = np.linalg.eigvalsh(covariance)[..., 0].min(), np.abs(covariance).max()
        require(least >= -1e-9 * size, "the covariance has no limit: random mixing at this learning rate lets it grow")
    else:
        covariance = lyapunov(B, constant)
    cycle = []
    for t, mean in enumerate(means):
        cycle.append(recursion.moments(mean, covariance))
        covariance = recursion.covariance_after(t, mean, covariance)
    return tuple(cycle)


def lyapunov(B, N):
    """C = B C Bᵀ + N [..., n, n] for a spectral radius of B below one: Σ_k B^k N B^kᵀ by doubling.

    C_2k = C_k + B^k C_k B^kᵀ (Smith, "Matrix equation XA + BX = C", SIAM J. Appl. Math. 16, 1968). N need not be
    symmetric.
    """
    C, power = N, B
    while True:
        added = power @ C @ np.swapaxes(power, -1, -2)
        C = C + added
        if np.abs(added).max() <= 1e-17 * np.abs(C).max():
            return C
        power = power @ power


def fixed_point(T, N, B):
    """C = T(C) + N by GMRES with iterative refinement, preconditioned by the equation C = B C Bᵀ + N.

    T(C) - B C Bᵀ is what random mixing adds to its mean, and B holds the slow directions of T.
    """
    size = N.size
    I_minus_T = LinearOperator((size, size), matvec=lambda v: v - T(v.reshape(N.shape)).ravel())
    solve = LinearOperator((size, size), matvec=lambda v: lyapunov(B, v.reshape(N.shape)).ravel())
    C = solve @ N.ravel()
    for _ in range(ATTEMPTS):
        residual, small = N.ravel() - I_minus_T @ C, RESIDUAL * np.abs(C).max()
        if np.abs(residual).max() <= small:
            break
        C = C + gmres(I_minus_T, residual, rtol=1e-6, atol=small / 2, restart=min(size, 60), maxiter=5, M=solve)[0]
    error = np.abs(residual).max() / np.abs(C).max()
    require(error <= RESIDUAL, f"the stationary covariance was not found: the relative residual is {error:.3g}")
    C = C.reshape(N.shape)
    return (C + np.swapaxes(C, -1, -2)) / 2
