"""The numbers that a "spectral gap" may mean, each with its own name.

slem, contraction and consensus_rate answer different questions about x <- W x on deviations from consensus:

    slem            spectral radius of W - J: the rate of |W^t x - limit|^(1/t) for large t;
    contraction     |W - J|_2: the worst case of one round about the old mean, W doubly stochastic or not;
    consensus_rate  p of E|x_+ - x̄_+|² <= (1 - p)|x - x̄|², in the mean and about the new mean.

For symmetric W, 1 - p = contraction² = slem². Otherwise slem <= contraction, with a wide gap where W is not normal, and
1 - p = contraction² still holds for a single doubly stochastic W. Dense eigenvalue solvers are accurate to some
1e-16 m in absolute terms: gaps below 1e-10 need the sin² or Laplacian form.

Two more numbers sum over all powers: noise_gain and drift_gain, what gossip leaves of the noise and of the
heterogeneity of all earlier steps.
"""

from functools import reduce

import numpy as np

from theory.errors import require
from theory.gossip import Gossip, constant
from theory.mixing import as_mixing, complete_average

NO_GAP = 1e-12  # a gap up to here is none, up to rounding
SMALLEST_GAP = 1e-6  # of a sum over the powers of a matrix that is not normal: it takes some 30 terms over the gap


def _by_modulus(M):
    values = np.linalg.eigvalsh(M) if np.array_equal(M, M.T) else np.linalg.eigvals(M).astype(complex)
    return values[np.argsort(-np.abs(values), kind="stable")]


def eigenvalues(W):
    """Eigenvalues of W [m], by decreasing modulus: real for a symmetric W, complex otherwise."""
    return _by_modulus(as_mixing(W))


def slem(W):
    """Second largest eigenvalue modulus of W, each eigenvalue counted as often as it occurs; 0 for m = 1.

    Computed as the spectral radius of W - J: as W 1 = 1, its eigenvalues are those of W with one 1 replaced by 0
    (Brauer, "Limits for the characteristic roots of a matrix IV", 1952).
    """
    W = as_mixing(W)
    return float(np.abs(_by_modulus(W - complete_average(len(W)))[0]))


def contraction(W):
    """|W - J|_2 [1], the largest singular value: |W x - x̄ 1| <= |W - J|_2 |x - x̄ 1|, the old mean on both sides."""
    W = as_mixing(W)
    return float(np.linalg.norm(W - complete_average(len(W)), 2))


def _largest_on_deviations(M):
    """Largest eigenvalue of the symmetric M [m, m] on the vectors that sum to 0; 0 for m = 1."""
    deviations = np.eye(len(M)) - complete_average(len(M))
    return float(np.linalg.eigvalsh(deviations @ M @ deviations)[-1])


def _gossip(gossip):
    return gossip if isinstance(gossip, Gossip) else constant(gossip)


def consensus_rate(gossip):
    """p of E Xi_+² <= (1 - p) Xi², the best constant: 1 - p = largest eigenvalue of E[Phiᵀ (I - J) Phi] on deviations.

    Takes a Gossip or a matrix W. Phi is one round, and the product over one period where the gossip is periodic: then p
    is the rate of a whole period that starts at t = 0, not of a round (1 for the one-peer exponential graph of 2^k
    agents, though p = 0 for each of its rounds with an even hop). p = 1 for m = 1. Assumption 1 of arXiv:2507.06542
    asks for p > 0.
    """
    gossip = _gossip(gossip)
    return 1 - _largest_on_deviations(gossip.second_moment() - gossip.mean_moment())


def mean_drift(gossip):
    """Best constant d of E(x̄_+ - x̄)² <= d Xi²: the largest eigenvalue of E[Phiᵀ J Phi] on deviations.

    Takes a Gossip or a matrix W; one period, as in `consensus_rate`. 0 where the columns sum to 1.
    """
    return _largest_on_deviations(_gossip(gossip).mean_moment())


def noise_gain(gossip):
    """S = sup_t (1/m) Σ_{k>=1} E|W_t W_{t-1} ... W_{t-k+1} - J|_F² [1]: η²σ²S is the stationary Ξ² of noise alone.

    Takes a Gossip or a matrix W. For a fixed W it is Tr Y/m with Y = A Y Aᵀ + A Aᵀ, A = W - J, and for a normal one
    (1/m) Σ_{i>=2} |λ_i|²/(1 - |λ_i|²). For i.i.d. random gossip it is (m - 1)/m (1 - p)/p, exact where the agents are
    exchangeable and an upper bound elsewhere. Infinite where columns do not sum to 1 or the products do not tend to J.
    """
    return _gains(_gossip(gossip))[0]


def drift_gain(gossip):
    """R = sup_t Σ_{k>=1} |W_t W_{t-1} ... W_{t-k+1} - J|_2 [1]: ηζR bounds the Ξ of linear losses without noise.

    Takes a Gossip or a matrix W. λ/(1 - λ) with λ = slem for a fixed normal W; for i.i.d. random gossip, where the norm
    is (E|.|²)^(1/2), the upper bound √(1 - p)/(1 - √(1 - p)). Infinite where `noise_gain` is.
    """
    return _gains(_gossip(gossip))[1]


def deterministic(gossip):
    """Whether every draw of a round is the same matrix, which such a gossip hands out as one array."""
    return gossip.deterministic


def _gains(gossip):
    """(noise_gain, drift_gain)."""
    nowhere = (np.inf, np.inf)
    if not gossip.mean_preserving:
        return nowhere
    m = gossip.agents
    if not deterministic(gossip):
        require(gossip.period == 1, f"the gains of a random gossip need i.i.d. rounds, not a period of {gossip.period}")
        kept = max(_largest_on_deviations(gossip.second_moment()), 0.0)
        if 1 - kept <= NO_GAP:
            return nowhere
        return (m - 1) / m * kept / (1 - kept), float(kept**0.5 / (1 - kept**0.5))
    factors = [gossip.draw(t, None) - complete_average(m) for t in range(gossip.period)]
    if gossip.period == 1:
        A, moduli = factors[0], np.abs(_by_modulus(factors[0]))
        gap = 1 - moduli[0]
        if gap <= NO_GAP:
            return nowhere
        skew = np.abs(A @ A.T - A.T @ A).max()
        if np.array_equal(A, A.T) or skew <= min(1e-14, 1e-6 * gap**2):  # normal; else an error of some skew / gap²
            return float((moduli**2 / (1 - moduli**2)).sum() / m), float(moduli[0] / gap)
    phases = [_phase_gains([factors[(t - k) % len(factors)] for k in range(len(factors))]) for t in range(len(factors))]
    return tuple(max(gain) for gain in zip(*phases, strict=True))


def _phase_gains(factors):
    """(Σ |D_k|_F²/m, Σ |D_k|_2) over k >= 1, D_k = product of the first k of `factors`, repeated without end."""
    gap = 1 - float(np.abs(_by_modulus(reduce(np.matmul, factors))[0]))
    if gap <= NO_GAP:
        return np.inf, np.inf
    require(gap >= SMALLEST_GAP, f"1 - slem is {gap:.3g}; the gains of a matrix that is not normal need {SMALLEST_GAP}")
    product, noise, drift, norm = np.eye(len(factors[0])), 0.0, 0.0, 1.0
    while norm > 1e-14:  # what is left out is at most `norm` of what is there
        for factor in factors:
            product = product @ factor
            norm = max(float(np.linalg.eigvalsh(product @ product.T)[-1]), 0.0) ** 0.5
            noise, drift = noise + float((product**2).sum()) / len(product), drift + norm
    return noise, drift
