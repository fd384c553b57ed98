"""Topologies for agents that differ in their labels: what Le Bars et al. 2023, arXiv 2204.04452, call STL-FW.

Agent k holds label c with the share P[k, c]. Neighborhoods whose shares average to those of all agents see no
heterogeneity, however far each agent is from the mean: a sparse mixing matrix can be learned for the labels.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

from theory.errors import require
from theory.mixing import as_mixing


def _shares(proportions):
    P = np.array(proportions, dtype=float)
    require(P.ndim == 2 and P.size, f"proportions have shape {P.shape}; they must be [agents, labels], not empty")
    require(np.isfinite(P).all() and (P >= 0).all(), f"proportions reach down to {P.min()}; they must be numbers >= 0")
    off = np.abs(P.sum(axis=1) - 1)
    require(off.max() <= 1e-9, f"the proportions of agent {off.argmax()} sum to {P[off.argmax()].sum()}, not to 1")
    return P


def _deviations(mixing, proportions):
    W, P = as_mixing(mixing), _shares(proportions)
    require(len(W) == len(P), f"the mixing matrix has {len(W)} agents and the proportions have {len(P)}")
    return W @ P - P.mean(axis=0), W - 1 / len(W)


def label_skew(mixing, proportions, regularizer=0.0):
    """g(W) = (1/m)|W P - 1 mean(P)ᵀ|_F² + (regularizer/m)|W - J|_F² [1], W [m, m], P [m, labels].

    Source: Le Bars et al. 2023, equation 8, with the authors' code.
    """
    require(np.isfinite(regularizer) and regularizer >= 0, f"regularizer is {regularizer}; it must be a number >= 0")
    labels, noise = _deviations(mixing, proportions)
    return float(((labels**2).sum() + regularizer * (noise**2).sum()) / len(noise))


def neighborhood_heterogeneity(mixing, proportions, spread, sigma=0.0):
    """tau with tau² = (spread²/m)|W P - 1 mean(P)ᵀ|_F² + (sigma²/m)|W - J|_F² [loss/θ].

    Bounds (1/m) Σ_k E|Σ_j W[k, j] g_j - mean of g|² where the mean gradients v_c of the labels are the same at all
    agents and |Σ_c a_c (v_c - v)|² <= spread² |a|² for a center v, as K labels with |v_c - v|² <= B and spread² = K B
    have it, and where each agent's noise has variance at most sigma². Source: Le Bars et al. 2023, label skew.
    """
    for name, value in {"spread": spread, "sigma": sigma}.items():
        require(np.isfinite(value) and value >= 0, f"{name} is {value}; it must be a finite number >= 0")
    labels, noise = _deviations(mixing, proportions)
    return float(np.sqrt((spread**2 * (labels**2).sum() + sigma**2 * (noise**2).sum()) / len(noise)))


def learn_topology(proportions, permutations, regularizer=0.1):
    """Doubly stochastic W [m, m] of I and at most `permutations` further permutations, by Frank-Wolfe on label_skew.

    Every step goes from W towards the permutation V of least <grad g(W), V>, a linear assignment, by the best weight in
    [0, 1], which is known since g is quadratic. In- and out-degree are at most `permutations`, and
    g(W) <= 8 (regularizer + 1)/(permutations + 2): `le_bars_topology_sharp`.
    """
    P = _shares(proportions)
    require(
        isinstance(permutations, int) and permutations >= 0, f"permutations is {permutations!r}; it must be an int >= 0"
    )
    require(np.isfinite(regularizer) and regularizer >= 0, f"regularizer is {regularizer}; it must be a number >= 0")
    m = len(P)
    W = np.eye(m)
    for _ in range(permutations):
        labels, noise = _deviations(W, P)
        slope = labels @ P.T + regularizer * noise  # m/2 times the gradient
        rows, columns = linear_sum_assignment(slope)
        step = -W
        step[rows, columns] += 1
        curve = ((step @ P) ** 2).sum() + regularizer * (step**2).sum()
        gain = -(slope * step).sum()
        if gain <= 1e-14 or curve == 0:  # W is the best doubly stochastic matrix, up to rounding
            break
        W = W + min(gain / curve, 1.0) * step
    return W
