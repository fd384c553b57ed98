"""Constants of remainders of third order: Taylor's kernel, cubes of deviations over m agents, cubes of a Gaussian.

With deviations delta_k [d] that sum to 0, Xi^2 = (1/m) Σ |delta_k|^2, and a function of n derivatives, the last of norm
at most L_n:

    |f(θ + δ) - its Taylor polynomial of degree n - 1| <= kernel(n) L_n |δ|^n,   kernel(n) = 1/n!
    (1/m) Σ |delta_k|^3 <= kappa_m Xi^3,   and   E|ε|^3 <= 2 sqrt(2/π) Xi^3   for ε ~ N(0, Γ), Tr Γ = Xi^2.

All numbers are exact, of sympy.
"""

from math import comb

import sympy
from sympy import Integer, Rational, pi, sqrt

from theory.edges import dense
from theory.errors import require, shown

GAUSSIAN_CUBE = 2 * sqrt(2 / pi)  # E|z|^3 of a standard normal z


def kernel(order):
    """The integral over τ in [0, 1] of (1 - τ)^(n-1)/(n - 1)!, n = `order` >= 1: what Taylor's remainder keeps of L_n.

    Of a gradient the expansion to second order has n = 3: the fourth derivative of the loss is its third.
    """
    require(isinstance(order, int) and order >= 1, f"order is {shown(order)}; it must be an integer from 1")
    tau = sympy.Symbol("tau", real=True)
    return sympy.integrate((1 - tau) ** (order - 1) / sympy.factorial(order - 1), (tau, 0, 1))


def kappa(agents):
    """The largest (1/m) Σ |delta_k|^3 / Xi^3 over deviations of m agents that sum to 0, in any dimension.

    m = 1: 0 (there is no deviation), 2: 1, 3: sqrt(3/2), attained by (1, -1, 0); m >= 4: ((m-1)^2 + 1)/(m sqrt(m-1)),
    attained by one outlier (m - 1, -1, ..., -1). The proof is in `paper_repro.claims.cubic`.
    """
    m = Integer(dense(1, agents))
    if m == 1:
        return Integer(0)
    return sqrt(Rational(3, 2)) if m == 3 else ((m - 1) ** 2 + 1) / (m * sqrt(m - 1))


def kappa_bound(agents):
    """((m-1)^(3/2) + 1)/m >= kappa(m): as |delta_k|^2 <= (m-1) Xi^2, and a convex function is largest at the ends."""
    m = Integer(dense(2, agents))
    return (sqrt(m - 1) ** 3 + 1) / m


def spread(deviations):
    """Xi^2 = (1/m) Σ delta_k^2 of exact numbers [m] that sum to 0."""
    exact = [sympy.sympify(value) for value in deviations]
    require(exact and sum(exact) == 0, f"the deviations {shown(deviations)} sum to {sum(exact)}; they must sum to 0")
    return sum(value**2 for value in exact) / len(exact)


def cubic_ratio(deviations):
    """(1/m) Σ |delta_k|^3 / Xi^3 of exact numbers [m] that sum to 0 and are not all 0."""
    variance = spread(deviations)
    require(variance > 0, "all deviations are 0; the ratio needs one that is not")
    return sum(abs(sympy.sympify(value)) ** 3 for value in deviations) / len(deviations) / sqrt(variance) ** 3


def gaussian_moment(order):
    """E z^n of a standard normal z, n = `order`: 0 for odd n, 1 * 3 * ... * (n - 1) for even n."""
    require(isinstance(order, int) and order >= 0, f"order is {shown(order)}; it must be an integer from 0")
    return Integer(0) if order % 2 else sympy.factorial2(order - 1) if order else Integer(1)


def gaussian_mean(polynomial, x, mean, variance):
    """E p(mean + sqrt(variance) z) of a polynomial p(x), exact in any symbols."""
    coefficients = sympy.Poly(polynomial, x).all_coeffs()[::-1]
    return sympy.expand(
        sum(
            c * comb(n, j) * mean ** (n - j) * variance ** Rational(j, 2) * gaussian_moment(j)
            for n, c in enumerate(coefficients)
            for j in range(0, n + 1, 2)
        )
    )
