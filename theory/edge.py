"""The critical consensus edge, condition (11) of arXiv 2507.06542: as printed, with its constants set right, and in p.

With ell = η L_2 > 1, μ the gradient norm of the merged model and γ its degree of progressive sharpening, both sides are
lengths:  √(24 (1 - p)) η/p √(φ² + σ²) < min{K/(2 C), √(K/(2 Σ))}.

    printed    K = (ell - 1) γ μ,   C = (ell + L_4/24) √m L_1,
               Σ = ell L_3²/8 + η √m L_2 L_3/2 + η m L_2 L_4²/1152
    repaired   K = (ell - 1) γ μ/2, C = (ell - 1) √m L_1 L_4/6, Σ = ell/2 (L_3/2 + √m L_4 r/6)², for Ξ <= r

    sharp      the Ξ at which κ_m L_4 Ξ/(3 γ) + ell Ξ²/((ell - 1) γ μ) (L_3/2 + κ_m L_4 Ξ/6)² = 1,
               from the same bound on U with μ for L_1 and κ_m for √m, and no split into two halves

Functions take numbers or expressions of sympy, `sharp_edge` numbers only. Without the roots the left side would be an
area and the right side, in the printed units, 1/area.
"""

from scipy.optimize import brentq
from sympy import Min, S, Symbol, lambdify, sqrt

from theory.errors import require
from theory.remainder import kappa


def printed_terms(lr, agents, L1, L2, L3, L4, gamma, mu):
    """(K, C, Σ) as printed."""
    ell, root = lr * L2, sqrt(agents)
    K = (ell - 1) * gamma * mu
    C = (ell + L4 / S(24)) * root * L1
    high = ell * L3**2 / 8 + lr * root * L2 * L3 / 2 + lr * agents * L2 * L4**2 / 1152
    return K, C, high


def repaired_terms(lr, agents, L1, L2, L3, L4, gamma, mu, radius=1):
    """(K, C, Σ) that follow from `residual_homogeneous` for a consensus distance of at most radius²."""
    ell, root = lr * L2, sqrt(agents)
    K = (ell - 1) * gamma * mu / 2
    C = (ell - 1) * L1 * L4 * root / 6
    high = ell / 2 * (L3 / 2 + L4 * root * radius / 6) ** 2
    return K, C, high


def edge(K, C, high):
    """min{K/(2 C), √(K/(2 Σ))}: the largest Ξ that the terms allow, a length."""
    return Min(K / (2 * C), sqrt(K / (2 * high)))


def sharp_share(spread, lr, agents, L2, L3, L4, gamma, mu):
    """What higher orders in Ξ = `spread` are at most of the leading term -(ell - 1) γ μ Ξ²/2: U < 0 where below 1.

    The leading term is negative by progressive sharpening, γ and μ those of the merged model.
    """
    ell, cubic = lr * L2, kappa(agents) * L4 * spread
    return cubic / (3 * gamma) + ell * spread**2 / ((ell - 1) * gamma * mu) * (L3 / S(2) + cubic / 6) ** 2


def sharp_edge(lr, agents, L2, L3, L4, gamma, mu):
    """The largest Ξ with `sharp_share` <= 1, a float; the share grows with Ξ, and is 0 at Ξ = 0."""
    require(agents >= 2, f"{agents} agents have no consensus distance")
    require(lr * L2 > 1, f"ell = lr L2 is {lr * L2}; below 1 the leading term is not negative")
    require(min(L3, L4, gamma, mu) > 0, f"L3, L4, gamma and mu are {L3}, {L4}, {gamma}, {mu}; they must be above 0")
    high = float(3 * gamma / (kappa(agents) * L4))  # where the linear term alone is 1
    spread = Symbol("spread")
    return brentq(lambdify(spread, sharp_share(spread, lr, agents, L2, L3, L4, gamma, mu) - 1), 0, high)


def spread_level(p, lr, phi, sigma):
    """√(24 (1 - p)) η/p √(φ² + σ²): what Corollary D.2 says of √(E Ξ²), a length."""
    return sqrt(24 * (1 - p)) * lr / p * sqrt(phi**2 + sigma**2)


def least_rate(ratio):
    """The p at which √(1 - p)/p = ratio; a larger p has a smaller ratio."""
    require(ratio > 0, f"the ratio is {ratio}; only p = 1 has √(1 - p)/p = 0")
    return (sqrt(1 + 4 * ratio**2) - 1) / (2 * ratio**2)


def largest_ratio(agents):
    """The largest √(1 - p)/p at which (11) can hold for any loss, with the printed constants: 9/√(24 m) = 1.84/√m.

    From γ <= L_3, μ <= φ, ell < 2 and L_2 L_3 <= 3/2 L_1 L_4 (Landau and Kolmogorov, tight norms), L_4 -> oo in the
    printed units; proved in `proof.edges`.
    """
    return 9 / sqrt(24 * agents)


def peers_rate(agents, peers):
    """p = R m/(2 (m - 1)) of random peers, R <= 1 of them a round and agent."""
    require(agents >= 2, f"{agents} agents have no peers")
    return S(peers) * agents / (2 * (agents - 1))
