"""slem, gap, contraction, consensus rate and drift of one mixing matrix or of one period of a gossip.

Wherever a function takes a matrix W, it takes a dense array [m, m], a scipy sparse array or a structure of
`theory.structures`; `theory.spectrum` explains the numbers.
"""

import numpy as np
from scipy.sparse import csr_array, issparse

from theory.errors import require
from theory.lanczos import Clock
from theory.mixing import as_mixing, as_sparse_mixing, complete_average
from theory.moduli import largest_modulus
from theory.rounds import Gossip, as_gossip
from theory.sparse_spectrum import ALIKE, moment_rate, sparse_contraction, sparse_gap, sparse_rate
from theory.structures import STRUCTURES
from theory.validate import TOLERANCE

LARGEST_DENSE = 4096  # agents of a sparse array or structure that is made dense where nothing else will do


def given(W):
    """W checked: a structure as it is, a sparse array as csr_array, everything else as a dense array."""
    if isinstance(W, STRUCTURES):
        return W
    return as_sparse_mixing(W) if issparse(W) else as_mixing(W)


def scalable(gossip):
    """Whether it is a sparse array or a structure, not a Gossip or a dense matrix."""
    return issparse(gossip) or isinstance(gossip, STRUCTURES)


def dense(W, quantity):
    """W as a dense array [m, m]; refused above LARGEST_DENSE agents."""
    W = given(W)
    if not scalable(W):
        return W
    agents = W.shape[0]
    require(
        agents <= LARGEST_DENSE,
        f"{quantity} of this {type(W).__name__} needs a dense matrix; it has {agents} agents, at most {LARGEST_DENSE}",
    )
    return W.toarray()


def normal(W):
    """Whether the dense W commutes with its transpose, up to rounding."""
    return np.array_equal(W, W.T) or np.abs(W @ W.T - W.T @ W).max() <= 1e-15


def _kept(structure):
    """(p, slem) with p = min (1 - |λ|²) on deviations and slem = √(1 - p); (1, 0) for one agent."""
    loss = float(structure.losses().min(initial=1.0))
    return loss, max(1 - loss, 0.0) ** 0.5


def by_modulus(M):
    """Eigenvalues of a dense M by decreasing modulus, real where M is symmetric."""
    values = np.linalg.eigvalsh(M) if np.array_equal(M, M.T) else np.linalg.eigvals(M).astype(complex)
    return values[np.argsort(-np.abs(values), kind="stable")]


def eigenvalues(W):
    """Eigenvalues of W [m], by decreasing modulus: real for a symmetric W, complex otherwise.

    All of them: a sparse W is made dense, a structure has them by formula.
    """
    W = given(W)
    if not isinstance(W, STRUCTURES):
        return by_modulus(dense(W, "the whole spectrum"))
    values = W.eigenvalues()
    return values[np.argsort(-np.abs(values), kind="stable")]


def slem(W, time_limit=None):
    """Second largest eigenvalue modulus of W, each eigenvalue counted as often as it occurs; 0 for m = 1.

    The spectral radius of W - J: as W 1 = 1, its eigenvalues are those of W with one 1 replaced by 0 (Brauer, "Limits
    for the characteristic roots of a matrix IV", 1952). Where W is not symmetric it comes class by class of agents that
    hear each other (`theory.moduli`). `time_limit` [s] is for sparse arrays.
    """
    W = given(W)
    if isinstance(W, STRUCTURES):
        return _kept(W)[1]
    if issparse(W):
        return 1 - sparse_gap(W, time_limit).value
    if len(W) == 1 or np.array_equal(W, W.T):
        return float(np.abs(by_modulus(W - complete_average(len(W)))[0]))
    return largest_modulus(csr_array(W), Clock(), full=len(W))[0]


def gap(W, time_limit=None):
    """1 - slem, found without the subtraction: a relative error of some 1e-9 or better for every normal W, save where
    several eigenvalues are within some 1e-12 of ±1 (`sparse_gap` has the error).

    From sums of sin² for a structure and of squares over the links for a symmetric W; from Wᵀ W for a normal one:
    1 - |λ| = (1 - |λ|²)/(1 + |λ|). For a W that is not normal it is 1 - slem, to some 1e-15 m where W is dense and to
    the error that `sparse_gap` returns where it is sparse. `time_limit` [s] is for sparse and large dense matrices.
    """
    W = given(W)
    if isinstance(W, STRUCTURES):
        loss, modulus = _kept(W)
        return loss / (1 + modulus)
    if issparse(W) or np.array_equal(W, W.T):
        return sparse_gap(csr_array(W), time_limit).value
    direct = 1 - slem(W)
    if normal(W):
        rate = moment_rate(W.T @ W, time_limit).value
        found = rate / (1 + max(1 - rate, 0.0) ** 0.5)
        if abs(found - direct) <= ALIKE * len(W):  # what is normal up to rounding alone may be off by its square root
            return found
    return direct


def contraction(W, time_limit=None):
    """|W - J|_2 [1], the largest singular value: |W x - x̄ 1| <= |W - J|_2 |x - x̄ 1|, the old mean on both sides."""
    W = given(W)
    if isinstance(W, STRUCTURES):
        return _kept(W)[1]
    if issparse(W):
        return sparse_contraction(W, time_limit).value
    return float(np.linalg.norm(W - complete_average(len(W)), 2))


def largest_on_deviations(M):
    """Largest eigenvalue of the symmetric M [m, m] on the vectors that sum to 0; 0 for m = 1."""
    deviations = np.eye(len(M)) - complete_average(len(M))
    return float(np.linalg.eigvalsh(deviations @ M @ deviations)[-1])


def consensus_rate(gossip, time_limit=None):
    """p of E Xi_+² <= (1 - p) Xi², the best constant: 1 - p = largest eigenvalue of E[Phiᵀ (I - J) Phi] on deviations.

    Takes a Gossip or a matrix W. Phi is one round, and the product over one period where the gossip is periodic: then p
    is the rate of a whole period that starts at t = 0, not of a round (1 for the one-peer exponential graph of 2^k
    agents, though p = 0 for each of its rounds with an even hop). p = 1 for m = 1. Assumption 1 of arXiv:2507.06542
    asks for p > 0.

    Where columns sum to 1, E[Phiᵀ Phi] is a symmetric mixing matrix and p the smallest eigenvalue of its Laplacian,
    found without the subtraction; p = gap (2 - gap) for one symmetric W.
    """
    if scalable(gossip):
        W = given(gossip)
        return _kept(W)[0] if isinstance(W, STRUCTURES) else sparse_rate(W, time_limit).value
    if not isinstance(gossip, Gossip) or (gossip.deterministic and gossip.period == 1):
        W = given(gossip.draw(0, None) if isinstance(gossip, Gossip) else gossip)
        if np.array_equal(W, W.T):
            found = gap(W, time_limit)
            return found * (2 - found)
    gossip = as_gossip(gossip)
    moment = gossip.second_moment()
    if gossip.mean_preserving and np.abs(moment.sum(axis=1) - 1).max() <= TOLERANCE:
        return moment_rate(moment, time_limit).value
    return 1 - largest_on_deviations(moment - gossip.mean_moment())


def mean_drift(gossip):
    """Best constant d of E(x̄_+ - x̄)² <= d Xi²: the largest eigenvalue of E[Phiᵀ J Phi] on deviations.

    Takes a Gossip or a matrix W; one period, as in `consensus_rate`. 0 where the columns sum to 1. For one matrix with
    the column means c [m] it is m |c - c̄|².
    """
    if isinstance(gossip, STRUCTURES):
        return 0.0
    if issparse(gossip):
        means = given(gossip).sum(axis=0) / gossip.shape[0]
        return float(len(means) * ((means - means.mean()) ** 2).sum())
    return largest_on_deviations(as_gossip(gossip).mean_moment())
