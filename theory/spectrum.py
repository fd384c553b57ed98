"""The numbers that a "spectral gap" may mean, each with its own name.

slem, contraction and consensus_rate answer different questions about x <- W x on deviations from consensus:

    slem            spectral radius of W - J: the rate of |W^t x - limit|^(1/t) for large t;
    contraction     |W - J|_2: the worst case of one round about the old mean, W doubly stochastic or not;
    consensus_rate  p of E|x_+ - x̄_+|² <= (1 - p)|x - x̄|², in the mean and about the new mean.

For symmetric W, 1 - p = contraction² = slem². Otherwise slem <= contraction, with a wide gap where W is not normal, and
1 - p = contraction² still holds for a single doubly stochastic W. Dense eigenvalue solvers are accurate to some
1e-16 m in absolute terms: gaps below 1e-10 need the sin² or Laplacian form.
"""

import numpy as np

from theory.gossip import Gossip, constant
from theory.mixing import as_mixing, complete_average


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
