"""EquiTopo: mixing of circulant matrices with random offsets, whose consensus rate does not depend on the size.

Song et al., "Communication-Efficient Topologies for Decentralized Learning with O(1) Consensus Rate", NeurIPS 2022,
arXiv:2210.07881. With P_u x = (x_{i + u mod n})_i and offsets u drawn from 1..n-1, all matrices are made of

    A_u = I/n + (n - 1)/n P_u,      E[A_u] = J,      |A_u - J|_2 <= 1,      doubly stochastic.

The authors' code is the source of the definitions; the exact moments are derived here, in Fourier space, where P_u is
exp(2πiju/n) on the frequency j: its mean over u is -1/(n - 1) for every j != 0. The kinds of one peer a round are in
`theory.equidyn`.
"""

from math import ceil, log

import numpy as np

from theory.edges import at_least, at_most_one, dense, few_enough
from theory.errors import require


def equistatic_terms(agents, norm, failure):
    """Number of terms M = ceil(8/3 norm⁻² ln(2n/failure)) for which P(|W - J|_2 < norm) >= 1 - failure; norm <= 1.

    By the matrix Bernstein inequality for M independent terms of norm at most 1 and second moment at most 1, for both
    static kinds. The authors' code rounds down, as M = 76 for n = 64, norm = 1/2 and failure = 0.1, where this is 77.
    """
    agents = at_least(2, agents=agents)
    norm, failure = at_most_one(norm=norm, failure=failure)
    require(norm > 0 and failure > 0, f"norm is {norm} and failure {failure}; both must be above 0")
    require(norm**2 > 0, f"norm is {norm}; its square must be above 0")
    return ceil(8 / 3 / norm**2 * (log(2) + log(agents) - log(failure)))


def equistatic_weights(agents, terms, seed, symmetric=False):
    """{offset: weight} of the circulant `d_equistatic` (`u_equistatic` if symmetric): row i hears i + offset mod n.

    1/n on the offset 0, which the directed kind hears once, and (n - 1)/(n terms) for every time that an offset is
    drawn, uniformly and with replacement from 1..n-1; half of it on -offset, if symmetric.
    """
    agents = at_least(2, agents=agents)
    terms = at_least(1, terms=terms)
    seed = at_least(0, seed=seed)
    few_enough(max(agents, terms), f"a circulant of {agents} agents and {terms} terms")
    drawn = np.random.default_rng(seed).integers(1, agents, terms)
    count = np.bincount(drawn, minlength=agents)
    count = (count + np.roll(count[::-1], 1)) / 2 if symmetric else count
    weights = {0: 1 / agents}
    return weights | {int(u): float(count[u] * (agents - 1) / (agents * terms)) for u in np.flatnonzero(count)}


def _dense(agents, weights):
    """Circulant W [n, n], W[i, i + offset mod n] = weight for the offsets 0..n-1."""
    agents = dense(2, agents)
    rows, W = np.arange(agents), np.zeros((agents, agents))
    for offset, weight in weights.items():
        W[rows, (rows + offset) % agents] = weight
    return W


def d_equistatic(agents, terms, seed):
    """W = (A_{u_1} + ... + A_{u_M})/M with M = `terms` independent uniform offsets: directed, doubly stochastic.

    In expectation over the offsets E|(W - J) x|² = (n - 2)/(n M) |(I - J) x|²; see `equistatic_terms` for the norm.
    """
    return _dense(agents, equistatic_weights(agents, terms, seed))


def u_equistatic(agents, terms, seed):
    """W = (A_{u_1} + A_{u_1}ᵀ + ... + A_{u_M} + A_{u_M}ᵀ)/(2M): symmetric, doubly stochastic.

    In expectation over the offsets E|(W - J) x|² = (n - 3)/(2n M) |z|² + (n - 1)/(2n M) (Σ_i (-1)^i z_i)²/n with
    z = (I - J) x and the last term for even n only: the alternating vector gains nothing over `d_equistatic`.
    """
    return _dense(agents, equistatic_weights(agents, terms, seed, symmetric=True))


def equistatic_moment(agents, terms, symmetric=False):
    """E[Wᵀ W] [n, n] of `d_equistatic` over its offsets, of `u_equistatic` if symmetric.

    Every term contributes |A_u - J|² on the frequency j != 0, with (E cos 2πju/n, E cos² 2πju/n) over the offsets of
    (-1/(n - 1), (n - 2)/(2(n - 1))), and (-1/(n - 1), 1) for the alternating vector j = n/2.
    """
    agents, terms = dense(2, agents), at_least(1, terms=terms)
    kept = (agents - 3) / (2 * agents) if symmetric else (agents - 2) / agents
    J = np.full((agents, agents), 1 / agents)
    deviation = kept * (np.eye(agents) - J)
    if symmetric and agents % 2 == 0:
        alternating = (-1.0) ** np.arange(agents)
        deviation += (agents - 1) / (2 * agents**2) * np.outer(alternating, alternating)
    return J + deviation / terms
