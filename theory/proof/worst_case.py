"""The worst case of decentralized gradient descent over all smooth losses, for any fixed symmetric mixing matrix.

    worst_case(W, steps=10, lr=0.1, L=1.0, about="consensus_distance", phi=1.0).value

is the largest consensus distance that ten steps can reach. How the program is made small, when it is exact and what is
relaxed where it is not, says `theory.proof.decentralized`; the idea of performance estimation is of Drori and Teboulle,
"Performance of first-order methods for smooth convex minimization", Mathematical Programming 145, 2014, and Taylor,
Hendrickx, Glineur 2017; for decentralized methods of Colla and Hendrickx, "Automatic performance estimation for
decentralized optimization", IEEE TAC 68, 2023, who let the mixing matrix vary too.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from theory.errors import require, shown
from theory.proof.conic import Solution, solve
from theory.proof.decentralized import Program
from theory.proof.setting import Setting
from theory.validate import TOLERANCE, as_mixing

KINDS = ("convex", "nonconvex")
SAME = 1e-9  # eigenvalues this close are one


@dataclass(frozen=True, eq=False)
class WorstCase:
    """`primal` <= worst case <= `dual` up to the accuracy of the solver; `value` is the dual, the bound.

    `exact`: the bound is attained (or approached) by losses, for a list of eigenvalues on some W that has them; else
    `relaxed` says what was given up. `together`: all agents have one model after each step. `solution` has multipliers,
    Gram blocks and values for L = 1 and the unit of length of `setting`.
    """

    value: float
    primal: float
    dual: float
    seconds: float
    exact: bool
    relaxed: tuple
    status: str
    eigenvalues: tuple
    mixing: np.ndarray | None
    together: bool
    setting: Setting
    solution: Solution

    @property
    def gap(self):
        """|dual - primal|, relative to the dual."""
        return abs(self.dual - self.primal) / max(abs(self.dual), 1e-300)


def worst_case(
    mixing, steps, lr, L=1.0, kind="convex", mu=0.0, about="consensus_distance", order="adapt_then_combine", **limits
):
    """`WorstCase` of `about` after `steps` steps of size `lr` over L-smooth local losses.

    mixing: W [m, m], symmetric with W 1 = 1, or a list of eigenvalues on the complement of 1: then the worst case over
    all such W of these eigenvalues ([] is one agent). kind: "convex" (mu-strongly with mu > 0) or "nonconvex". limits:
    phi, zeta, initial_gap, initial_distance_sq, initial_consensus_distance, as in `Setting`.
    """
    setting = setting_of(steps, lr, L, kind, mu, about, order, limits)
    W, eigenvalues, relaxed = spectrum_of(mixing)
    scaled, factor = setting.scaled()
    together = equal_models(eigenvalues, order)
    alike = "nothing bounds how far the agents' gradients differ: give phi or zeta"
    require(together or setting.phi is not None or setting.zeta is not None, alike)
    program = Program(scaled, together)
    if program.infimum == "bound" and eigenvalues:
        relaxed = (*relaxed, "L >= L* is asked at the mean models alone")
    found = solve(program, eigenvalues)
    primal, dual = found.primal * factor, found.dual * factor
    outcome = (dual, primal, dual, found.seconds, not relaxed, relaxed, found.status)
    return WorstCase(*outcome, eigenvalues, W, together, setting, found)


def setting_of(steps, lr, L, kind, mu, about, order, limits):
    """The `Setting` of these arguments, checked."""
    require(kind in KINDS, f"unknown kind {shown(kind)}; valid kinds are {', '.join(KINDS)}")
    require(kind == "convex" or mu == 0, f"mu is {mu}; only convex losses have one")
    require(mu >= 0, f"mu is {mu}; it must be in [0, L)")
    valid = ("phi", "zeta", "initial_gap", "initial_distance_sq", "initial_consensus_distance")
    for name in limits:
        require(name in valid, f"unknown limit {name!r}; valid limits are {', '.join(valid)}")
    return Setting(steps, lr, L, mu if kind == "convex" else -L, order, about, **limits)


def equal_models(eigenvalues, order):
    """Whether agents have equal models after every step: there is one, or W = J comes after the local step."""
    return not eigenvalues or (order == "adapt_then_combine" and all(abs(w) <= SAME for w in eigenvalues))


def modes(W):
    """(eigenvalues [m - 1] in rising order, orthonormal eigenvectors [m, m - 1]) of W on the complement of 1."""
    basis = np.linalg.qr(np.column_stack([np.ones(len(W)), np.eye(len(W))[:, 1:]]))[0][:, 1:]
    values, vectors = np.linalg.eigh(basis.T @ W @ basis)
    return values, basis @ vectors


def spectrum_of(mixing):
    """(W or None, distinct eigenvalues on the complement of 1 in rising order, what the blocks relax)."""
    sizes = np.ndim(mixing)
    if sizes == 1:
        entries = list(mixing)
        real = all(isinstance(w, int | float | Fraction | np.number) and np.isfinite(float(w)) for w in entries)
        require(real, f"the eigenvalues are {shown(mixing)}; they must be finite numbers")
        return None, _distinct(sorted(entries)), ()
    W = as_mixing(mixing)
    asymmetry = np.abs(W - W.T).max()
    require(asymmetry <= TOLERANCE, f"the mixing matrix is {asymmetry:.3g} away from symmetric; it must be symmetric")
    values, vectors = modes(W)
    distinct = _distinct(values)
    for w in distinct:
        own = (vectors[:, np.abs(values - w) <= SAME * len(W)] ** 2).sum(1)
        if np.ptp(own) > 1e-6:
            return W, distinct, ("the inequalities are means over agents, as W has a power of unequal diagonal",)
    return W, distinct, ()


def _distinct(ordered):
    """Numbers in rising order without those within SAME of the one before."""
    kept = []
    for w in ordered:
        if not kept or w - kept[-1] > SAME:
            kept.append(w)
    return tuple(w if isinstance(w, Fraction | int) else float(w) for w in kept)
