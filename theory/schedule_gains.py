"""What a schedule of mixing leaves of old noise and old gradients: the functionals of the master bounds, term by term.

With Phi_{t,k} = (I - J) W_t W_{t-1} ... W_{t-k+1}, the deviation of the models after round t of adapt-then-combine is
-lr Σ_{k>=1} Phi_{t,k} G_{t-k+1}, G the stacked gradients, for every W with W 1 = 1 (for doubly stochastic ones
Phi = W ... W - J). With Q_{t,k} = E[Phi_{t,k}ᵀ Phi_{t,k}] [m, m] the gains are, all pure numbers,

    noise        S   = sup_t (1/m) Σ_k Tr Q_{t,k}       noise that is independent over agents, variance <= σ² for each
    uneven       S_1 = sup_t Σ_k max_j Q_{t,k}[j, j]    ... mean variance of the agents <= σ², however it is shared
    correlated   S_2 = sup_t Σ_k |Q_{t,k}|_2            ... however it is correlated across agents
    drift        R   = sup_t Σ_k |Q_{t,k}|_2^(1/2)      gradients, whatever their direction

so that S <= S_1 <= S_2, S_1 = S where the agents are alike, and S_2 = max_i |λ_i|²/(1 - |λ_i|²) for a normal W. The
suprema are over the phases of a period. Slow and plain, for m up to some 100; `theory.spectrum` has fast S and R.
"""

from dataclasses import dataclass

import numpy as np

from theory.errors import require
from theory.mixing import complete_average
from theory.rounds import as_gossip
from theory.stationary import fixed_point, lyapunov

SMALLEST = 1e-14  # norm of a term that is left out, relative to the first
TERMS, CHUNK = 100_000, 50


@dataclass(frozen=True)
class Gains:
    """The four gains of a schedule [1], see the module."""

    noise: float
    uneven: float
    correlated: float
    drift: float


def schedule_gains(gossip):
    """`Gains` of a Gossip or a matrix W, doubly stochastic or not, by summing the terms of every phase.

    Where columns do not sum to 1 they are those of the consensus distance alone: the mean of the agents drifts.
    OnemergeError where the products do not tend to consensus, or too slowly for a sum.
    """
    gossip = as_gossip(gossip)
    return Gains(*np.max([_of_phase(gossip, t) for t in range(gossip.period)], axis=0).tolist())


def _of_phase(gossip, t):
    """(S, S_1, S_2, R) of the windows that end with round t."""
    Q = deviations = _deviations(gossip.agents)
    total = np.zeros(4)
    for first in range(0, TERMS, CHUNK):
        chunk = []
        for k in range(first, first + CHUNK):
            Q = deviations @ gossip.pull_back((t - k) % gossip.period, Q) @ deviations
            chunk.append(Q)
        stack = np.array(chunk)
        diagonals, norms = np.diagonal(stack, axis1=1, axis2=2), np.maximum(np.linalg.eigvalsh(stack)[:, -1], 0)
        total += [diagonals.mean(axis=1).sum(), diagonals.max(axis=1).sum(), norms.sum(), (norms**0.5).sum()]
        if norms[-1] <= SMALLEST**2:
            return total
    require(False, f"{TERMS} rounds leave {norms[-1] ** 0.5:.3g} of the deviations; the gains need them to fall faster")
    return total


def noise_gramians(gossip):
    """G_t = Σ_{k>=1} Q_{t,k} [period, m, m]: linear losses whose noise has the covariance K over agents have, late,

        E Ξ² = lr² Tr(G_t K)/m   after round t,   S = max_t Tr(G_t)/m.

    Solves F = I - J + E[Phi_{t,period}ᵀ F Phi_{t,period}], then G_t = Σ_{k=1..period} E[Phi_{t,k}ᵀ F Phi_{t,k}].
    """
    gossip = as_gossip(gossip)
    m, period = gossip.agents, gossip.period
    deviations = _deviations(m)
    gramians = []
    for t in range(period):
        rounds = [(t - k) % period for k in range(period)]
        mean = deviations
        for s in rounds:
            mean = mean @ gossip.mean(s)
        radius = np.abs(np.linalg.eigvals(mean)).max()
        require(radius < 1, f"the products do not tend to consensus: slem of a period is {radius:.6g}; it must be < 1")

        def back(F, rounds=rounds):
            for s in rounds:
                F = deviations @ gossip.pull_back(s, F) @ deviations
            return F

        F = lyapunov(mean.T, deviations) if gossip.deterministic else fixed_point(back, deviations, mean.T)
        gramian = np.zeros((m, m))
        for s in rounds:
            F = gossip.pull_back(s, F)
            gramian += F
        gramians.append(gramian)
    return np.array(gramians)


def partial_drift(gossip, slopes):
    """sup_t |Σ_{k=1..t} Phi_{t,k} g|_F/√m [loss]/[θ] for slopes g [m] or [m, d], fixed in time.

    The exact Ξ/lr of linear losses without noise from a common start at t = 0, at its largest.

    It is at most R ζ, and often far less. Where W has negative eigenvalues the supremum is at an early round, above the
    limit |W (I - W)^† g|/√m of a fixed W.
    """
    gossip = as_gossip(gossip)
    require(gossip.deterministic, "the drift of fixed slopes was asked for a random gossip; it needs a given sequence")
    deviations = _deviations(gossip.agents)
    g = deviations @ np.asarray(slopes, dtype=float)
    x, largest, before = np.zeros_like(g), 0.0, None
    for t in range(TERMS):
        x = deviations @ gossip.draw(t, None) @ (x + g)
        largest = max(largest, float(np.linalg.norm(x)))
        if t % gossip.period == gossip.period - 1:
            if before is not None and np.abs(x - before).max() <= SMALLEST * largest:
                return largest / gossip.agents**0.5
            before = x
    require(False, f"the drift had not settled after {TERMS} rounds")
    return largest


def _deviations(agents):
    return np.eye(agents) - complete_average(agents)
