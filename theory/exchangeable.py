"""Exact second moments of random mixing matrices in whose law all agents are alike.

The law of W is exchangeable if P W Pᵀ has it too for every permutation P. Then E[W_ki W_lj] depends only on which of
k, l, i, j are equal, in eleven ways (`Orbits`), and E[Wᵀ M W] and E[W M Wᵀ] are, for every M [m, m], a combination of
M, Mᵀ, the row sums r and column sums c of M off its diagonal, its diagonal d, and 1 1ᵀ. Collecting, for i != j, the
terms of Σ_kl M_kl E[W_ki W_lj] by which of k, l is i, j or neither:

    E[Wᵀ M W]_ij = (diagonal - 2 apart + disjoint) M_ij + (exchange - 2 chain + disjoint) M_ji
                   + (apart - disjoint)(r_i + c_j) + (chain - disjoint)(c_i + r_j) + disjoint Σ r
                   + own_other (d_i + d_j) + pair_other (Σ d - d_i - d_j),
    E[Wᵀ M W]_ii = own d_i + other (Σ d - d_i) + own_column (r_i + c_i) + column (Σ r - r_i - c_i).

E[W M Wᵀ] is the same for the law of Wᵀ.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from theory.rounds import Gossip


@dataclass(frozen=True)
class Orbits:
    """E[W_ki W_lj] for each pattern of equal indices; k, l, h, g are distinct agents.

    A pattern that needs more agents than there are counts for nothing and may have any finite value.
    """

    own: float  # W_kk W_kk
    other: float  # W_kh W_kh
    own_other: float  # W_kk W_kh, in one row
    pair_other: float  # W_kh W_kg
    own_column: float  # W_kk W_lk, in one column
    column: float  # W_kh W_lh
    diagonal: float  # W_kk W_ll
    exchange: float  # W_kl W_lk
    apart: float  # W_kk W_lh
    chain: float  # W_kl W_lh
    disjoint: float  # W_kh W_lg

    def transposed(self):
        """Those of Wᵀ."""
        return replace(
            self,
            own_other=self.own_column,
            own_column=self.own_other,
            pair_other=self.column,
            column=self.pair_other,
        )


def independent_rows(own, other, own_other, pair_other, own_mean, other_mean):
    """`Orbits` of independent rows, of the second moments in one row and of E W_kk and E W_kh."""
    mixed, square = own_mean * other_mean, other_mean**2
    across = {"own_column": mixed, "column": square, "diagonal": own_mean**2, "exchange": square}
    return Orbits(own, other, own_other, pair_other, **across, apart=mixed, chain=square, disjoint=square)


def conjugated(orbits, M):
    """E[Wᵀ M W] [..., m, m] of M [..., m, m], see the equations above."""
    d = np.diagonal(M, axis1=-2, axis2=-1)
    r, c = M.sum(axis=-1) - d, M.sum(axis=-2) - d
    trace, total = d.sum(axis=-1, keepdims=True), r.sum(axis=-1, keepdims=True)
    o = orbits
    row = (o.apart - o.disjoint) * r + (o.chain - o.disjoint) * c + (o.own_other - o.pair_other) * d
    column = (o.apart - o.disjoint) * c + (o.chain - o.disjoint) * r + (o.own_other - o.pair_other) * d
    result = (o.diagonal - 2 * o.apart + o.disjoint) * M
    result += (o.exchange - 2 * o.chain + o.disjoint) * np.swapaxes(M, -1, -2)
    result += (row + o.disjoint * total + o.pair_other * trace)[..., :, None]
    result += column[..., None, :]
    agents = np.arange(M.shape[-1])
    result[..., agents, agents] = (
        o.own * d + o.other * (trace - d) + o.own_column * (r + c) + o.column * (total - r - c)
    )
    return result


def exchangeable(agents, draw, orbits, mean_preserving):
    """i.i.d. `Gossip` of an exchangeable law; orbits() is computed once, when a moment is asked for.

    As the rows sum to 1, E W_kk = own + (m - 1) own_other.
    """
    orbits = cache(orbits)

    def mean(_):
        o, others = orbits(), max(agents - 1, 1)
        self_weight = o.own + (agents - 1) * o.own_other
        W = np.full((agents, agents), (1 - self_weight) / others)
        np.fill_diagonal(W, self_weight)
        return W

    return Gossip(
        agents=agents,
        period=1,
        mean_preserving=mean_preserving,
        draw=draw,
        mean=mean,
        pull_back=lambda _, M: conjugated(orbits(), M),
        push_forward=lambda _, M: conjugated(orbits().transposed(), M),
    )
