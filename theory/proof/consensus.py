"""Proofs of Corollary D.2 as printed, by induction over t: its first part is the fixed point of Lemma D.1.

Each takes the formulas of its `Bound` records, so that a wrong constant there makes a step fail.
"""

from sympy import Le

from theory.bounds import corrected, zhu2025
from theory.notation import symbols
from theory.proof.derivations import lemma_d1_with
from theory.proof.derivations_onestep import corollary_d2_slow as kept_by_a_step
from theory.proof.joined import joined
from theory.proof.step import Proof, Step

agents, lr, p, sigma, phi = symbols("agents lr p sigma phi")
now, after, slope_sq = symbols("consensus_distance next_consensus_distance local_gradient_norm_sq")


def at_most(left, right):
    """left <= right, kept as a relation."""
    return Le(left, right, evaluate=False)


def corollary_d2(start=0):
    """Corollary D.2, first part: the level is a bound at the start, and Lemma D.1 keeps it."""
    step, level = zhu2025.LEMMA_D1.formula, zhu2025.COROLLARY_D2.formula
    before = lemma_d1_with(zhu2025.LEMMA_D1)
    small, below = at_most(slope_sq, phi**2), at_most(now, level)
    kept = at_most(step, level)
    steps = (
        *before.steps,
        Step(at_most(start, level), "the start, where agents are equal"),
        Step(kept, "(1 - p/2) 24/p^2 + 12/p = 24/p^2 times (1 - p)", (small, below)),
        Step(at_most(after, level), "Lemma D.1 keeps the level", (before.concludes, kept)),
    )
    return Proof("Corollary D.2, bounded gradients", steps, steps[-1].claim, (*before.given, small, below))


def corollary_d2_slow(start=0):
    """Corollary D.2, second part, E Ξ_(t+1)² against φ_t: it holds after the first step, and each step keeps it."""
    first = at_most(zhu2025.LEMMA_D1.formula.subs(now, start), zhu2025.COROLLARY_D2_SLOW.formula)
    base = Proof("the first step", (Step(first, "the first step, from equal agents"),), first)
    return joined("Corollary D.2, slow gradients", base, kept_by_a_step(zhu2025.COROLLARY_D2_SLOW))


def stationary_constant():
    """The factor of (1 - p) lr² φ²/p² in the sharp stationary level without noise, a function of p."""
    level = corrected.COROLLARY_D2_SHARP.formula.subs(sigma, 0)
    return (level * p**2 / ((1 - p) * lr**2 * phi**2)).simplify()


def noise_constant():
    """The factor of (1 - p) lr² σ²/p² in the sharp stationary level without gradients, a function of p and m."""
    level = corrected.COROLLARY_D2_SHARP.formula.subs(phi, 0)
    return (level * p**2 / ((1 - p) * lr**2 * sigma**2)).simplify()
