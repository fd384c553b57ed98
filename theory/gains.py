"""What gossip leaves of all earlier steps: sums over all powers, and the number of agents that effectively average.

Matrices W may be dense, sparse or structures, as in `theory.rates`. For a normal W all three follow from the losses
l_j = 1 - |λ_j|² of the m - 1 eigenvalues on deviations, which a structure has by formula.
"""

from functools import reduce
from numbers import Real

import numpy as np
from scipy.sparse import csr_array, issparse

from theory.edge_forms import Edges
from theory.errors import require
from theory.mixing import complete_average
from theory.rates import by_modulus, dense, gap, given, largest_on_deviations, normal, scalable
from theory.rounds import Gossip, as_gossip
from theory.schedule_gains import noise_gramians, schedule_gains
from theory.sparse_ends import on_deviations
from theory.stationary import fixed_point, lyapunov
from theory.structures import COARSE, STRUCTURES, Circulant, Line, Product

NO_GAP = 1e-12  # a gap up to here is none, up to rounding
ALIKE = 1e-13  # relative difference of moments up to which agents are alike
SMALLEST_GAP = 1e-6  # of a sum over the powers of a matrix that is not normal: it takes some 30 terms over the gap


def noise_gain(gossip):
    """S = sup_t (1/m) Σ_{k>=1} E|W_t W_{t-1} ... W_{t-k+1} - J|_F² [1]: η²σ²S is the stationary Ξ² of noise alone.

    Takes a Gossip or a matrix W. For a fixed W it is Tr Y/m with Y = A Y Aᵀ + A Aᵀ, A = W - J, and for a normal one
    (1/m) Σ_{i>=2} |λ_i|²/(1 - |λ_i|²). For i.i.d. random gossip it is (m - 1)/m (1 - p)/p where the agents are
    exchangeable, which is an upper bound elsewhere: there the sum is the solution F of a linear equation,
    F = I - J + E[Wᵀ F W]. A period of random rounds is summed term by term. Infinite where columns do not sum to 1 or
    p = 0.
    """
    if isinstance(gossip, STRUCTURES):
        losses = gossip.losses()
        return float(((1 - losses) / losses).sum() / gossip.agents) if losses.min(initial=1.0) > 0 else np.inf
    gossip = as_gossip(dense(gossip, "the noise gain") if scalable(gossip) else gossip)
    return _noise_of_draws(gossip) if _independent(gossip) else _gains(gossip)[0]


def drift_gain(gossip):
    """R = sup_t Σ_{k>=1} |W_t W_{t-1} ... W_{t-k+1} - J|_2 [1]: ηζR bounds the Ξ of linear losses without noise.

    Takes a Gossip or a matrix W. λ/(1 - λ) with λ = slem for a fixed normal W; for i.i.d. random gossip, where the norm
    is (E|.|²)^(1/2), the upper bound √(1 - p)/(1 - √(1 - p)). Infinite where `noise_gain` is.
    """
    gossip = given(gossip) if issparse(gossip) else gossip
    if isinstance(gossip, STRUCTURES) or (issparse(gossip) and abs(gossip - gossip.T).max() == 0):
        distance = gap(gossip)
        return (1 - distance) / distance if distance > 0 else np.inf
    gossip = as_gossip(dense(gossip, "the drift gain") if scalable(gossip) else gossip)
    if not _independent(gossip):
        return _gains(gossip)[1]
    root = max(largest_on_deviations(gossip.second_moment()), 0.0) ** 0.5
    return float(root / (1 - root)) if 1 - root**2 > NO_GAP else np.inf


def _independent(gossip):
    """Whether the rounds are i.i.d. draws that keep the mean."""
    return gossip.mean_preserving and not gossip.deterministic and gossip.period == 1


def _noise_of_draws(gossip):
    moment = gossip.second_moment()
    m, kept = gossip.agents, max(largest_on_deviations(moment), 0.0)
    if 1 - kept <= NO_GAP:
        return np.inf
    J = complete_average(m)
    if np.abs(moment - J - kept * (np.eye(m) - J)).max() <= ALIKE:
        return (m - 1) / m * kept / (1 - kept)
    return float(np.trace(noise_gramians(gossip)[0]) / m)


def _gains(gossip):
    """(noise_gain, drift_gain) of a deterministic gossip, or of a period of random rounds."""
    nowhere = (np.inf, np.inf)
    if not gossip.mean_preserving:
        return nowhere
    m = gossip.agents
    if not gossip.deterministic:
        gains = schedule_gains(gossip)
        return gains.noise, gains.drift
    factors = [gossip.draw(t, None) - complete_average(m) for t in range(gossip.period)]
    if gossip.period == 1:
        A = factors[0]
        if np.array_equal(A, A.T):
            below, above = _sides(gossip.draw(0, None))
            distance, losses = min(below.min(initial=1.0), above.min(initial=1.0)), below * above
            if distance <= NO_GAP:
                return nowhere
            return float(((1 - losses) / losses).sum() / m), float((1 - distance) / distance)
        moduli = np.abs(by_modulus(A))
        distance = 1 - moduli[0]
        if distance <= NO_GAP:
            return nowhere
        if np.abs(A @ A.T - A.T @ A).max() <= min(1e-14, 1e-6 * distance**2):  # normal; else an error of that / gap²
            return float((moduli**2 / (1 - moduli**2)).sum() / m), float(moduli[0] / distance)
    phases = [_phase_gains([factors[(t - k) % len(factors)] for k in range(len(factors))]) for t in range(len(factors))]
    return tuple(max(gain) for gain in zip(*phases, strict=True))


def _sides(W):
    """(1 - λ, 1 + λ) [m - 1] each on deviations of a dense symmetric W; small ones by their sums of squares."""
    values, vectors = on_deviations(W)
    edges, sides = Edges.of(csr_array(W)), (1 - values, 1 + values)
    for side, sign in zip(sides, (-1, 1), strict=True):
        for k in np.flatnonzero(np.abs(side) < COARSE):
            side[k] = edges.quotient(vectors[:, k] - vectors[:, k].mean(), sign)
    return sides


def _phase_gains(factors):
    """(Σ |D_k|_F²/m, Σ |D_k|_2) over k >= 1, D_k = product of the first k of `factors`, repeated without end."""
    distance = 1 - float(np.abs(by_modulus(reduce(np.matmul, factors))[0]))
    if distance <= NO_GAP:
        return np.inf, np.inf
    enough = distance >= SMALLEST_GAP
    require(enough, f"1 - slem is {distance:.3g}; the gains of a matrix that is not normal need {SMALLEST_GAP}")
    product, noise, drift, norm = np.eye(len(factors[0])), 0.0, 0.0, 1.0
    while norm > 1e-14:  # what is left out is at most `norm` of what is there
        for factor in factors:
            product = product @ factor
            norm = max(float(np.linalg.eigvalsh(product @ product.T)[-1]), 0.0) ** 0.5
            noise, drift = noise + float((product**2).sum()) / len(product), drift + norm
    return noise, drift


def effective_neighbors(gossip, decay, worst=False):
    """n_W(γ) = 1/(1 - γ) / mean_i Σ_ii [1]: how many agents average in z <- W(√γ z + ξ), ξ of unit variance each.

    Σ = γ W Σ Wᵀ + W Wᵀ [m, m] is the stationary covariance of z and γ = `decay` in [0, 1); alone, W = I, it is 1/(1-γ).
    From 1 (no gossip) to m (exact average); for a normal W

        n_W(γ) = m / (1 + (1 - γ) Σ_{j>=2} |λ_j|²/(1 - γ |λ_j|²)).

    worst=True takes the agent with the largest variance in the place of the mean. Takes a matrix W or a Gossip: random
    matrices enter by E[W Σ Wᵀ] and E[W Wᵀ], a period by the mean (the largest) over its rounds (Vogels, Hendrikx,
    Jaggi, "Beyond spectral gap", JMLR 24, 2023, Definition 1 and Proposition 2).
    """
    valid = isinstance(decay, Real) and not isinstance(decay, bool) and 0 <= decay < 1
    require(valid, f"decay is {decay!r}; it must be a number in [0, 1)")
    if isinstance(gossip, STRUCTURES) and (not worst or _alike(gossip)):
        losses = gossip.losses()
        return float(gossip.agents / (1 + (1 - decay) * ((1 - losses) / (1 - decay + decay * losses)).sum()))
    if not isinstance(gossip, Gossip):
        W = dense(gossip, "the effective number of neighbors")
        if not worst and normal(W) and abs(W.sum(axis=0) - 1).max() <= 1e-12:
            squares = np.abs(by_modulus(W - complete_average(len(W)))[:-1]) ** 2  # the last is that of 1
            return float(len(W) / (1 + (1 - decay) * (squares / (1 - decay * squares)).sum()))
        gossip = as_gossip(W)
    variances = np.array(_variances(gossip, decay))
    return float(1 / (1 - decay) / (variances.max() if worst else variances.mean()))


def _alike(structure):
    """Whether every agent has the same place: circulants, and their products."""
    if isinstance(structure, Product):
        return all(_alike(factor) for factor in structure.factors)
    return isinstance(structure, Circulant) or (isinstance(structure, Line) and structure.agents <= 2)


def _variances(gossip, decay):
    """diag Σ after each round of one period, a list of [m]; Σ_{t+1} = E[W_t (γ Σ_t + I) W_tᵀ]."""
    eye = np.eye(gossip.agents)

    def after(t, covariance, noise=1.0):
        return gossip.push_forward(t, decay * covariance + noise * eye)

    def over_period(covariance, noise):
        return reduce(lambda passed, t: after(t, passed, noise), range(gossip.period), covariance)

    B, added = decay ** (gossip.period / 2) * gossip.mean_product, over_period(np.zeros_like(eye), 1.0)
    if gossip.deterministic:
        covariance = lyapunov(B, added)
    else:
        covariance = _of_alike_agents(lambda C: over_period(C, 0.0), added)
        if covariance is None:
            covariance = fixed_point(lambda C: over_period(C, 0.0), added, B)
    variances = []
    for t in range(gossip.period):
        covariance = after(t, covariance)
        variances.append(np.diag(covariance).copy())
    return variances


def _of_alike_agents(T, N):
    """C = T(C) + N where T and N stay in the span of I and J, as for laws in which all agents are alike; else None."""
    m = len(N)
    eye, J = np.eye(m), complete_average(m)
    coordinates = []
    for M in (T(eye), T(J), N):
        off = float(M[0, -1]) if m > 1 else 0.0
        a, b = float(M[0, 0]) - off, m * off
        if np.abs(M - a * eye - b * J).max() > ALIKE * np.abs(M).max():
            return None
        coordinates.append((a, b))
    of_eye, of_J, of_N = np.array(coordinates)
    a, b = np.linalg.solve(np.eye(2) - np.column_stack([of_eye, of_J]), of_N)
    return a * eye + b * J
