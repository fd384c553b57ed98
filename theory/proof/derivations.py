"""Proofs of the records about the consensus distance: Lemma D.1, Corollary D.2, and the master bound.

A proof takes its record as an argument, so that a record with another formula gets a proof that fails at its last step.
Symbols that are not of the notation: `moved` is E|(I - J)(Theta - lr G)|^2/m before gossip, `kept` its part without
noise, `apart` the mean square deviation of the local gradients from their mean, `spread` and `total` the mean square of
the noise around the mean of the agents, and as a whole.
"""

from sympy import Eq, Integral, Le, Rational, Symbol, sqrt

from theory.bounds import corrected, zhu2025
from theory.notation import NOTATION, symbols
from theory.proof.step import Proof, Step, cite

p, lr, sigma, phi, agents, zeta, L_local = symbols("p lr sigma phi agents zeta L_local")
X, later, gradient_sq = symbols("consensus_distance next_consensus_distance local_gradient_norm_sq")
noise_gain, drift_gain, L4 = symbols("noise_gain drift_gain L4")


def plain(names):
    """Symbols of nonnegative numbers that only one proof uses."""
    return tuple(Symbol(name, nonnegative=True) for name in names.split())


moved, kept, apart, spread, total = plain("moved kept apart spread total")
noise_norm, drift_norm, largest, remainder, cube = plain("noise_norm drift_norm largest R3 cube")
SIXTH = Rational(1, 6)
BOUNDED_NOISE = Le(total, sigma**2)  # A3


def record(bound):
    """The relation that a record states: what it is about is at most its formula."""
    return Le(NOTATION[bound.about].sympy, bound.formula, evaluate=False)


def one_round(independent=True):
    """One step of adapt-then-combine, with the exact constants: the steps before the conclusion.

    Without noise that is `independent` across agents, its spread may be all of it.
    """
    if independent:
        parted = cite("spread_noise", "the noise of the agents is independent", spread=spread, agents=agents,
                      total=total)  # fmt: skip
    else:
        parted = cite("deviation", "the noise around its mean is smaller than the whole", deviation=spread, whole=total)
    return (
        cite("contraction", "gossip after the local step", now=moved, after=later, p=p),
        cite("independent_noise", "the noise has mean zero, whatever the models", whole=moved, kept=kept,
             noise=lr**2 * spread),
        parted,
        cite("minkowski", "models and gradients around their means", whole=sqrt(kept), first=sqrt(X),
             second=lr * sqrt(apart)),
        cite("deviation", "a deviation from the mean is smaller than the whole", deviation=apart, whole=gradient_sq),
    )  # fmt: skip


def lemma_d1(bound=corrected.LEMMA_D1_EXACT_FORM):
    """Lemma D.1 with its exact form, from facts about one round."""
    steps = one_round()
    given = (BOUNDED_NOISE, *(step.claim for step in steps))
    exact = Step(record(bound), "all of it together", given)
    return Proof(bound.name, (*steps, exact), exact.claim, (BOUNDED_NOISE,))


def lemma_d1_with(bound=corrected.LEMMA_D1_SHARP):
    """A form of Lemma D.1 that is at least its exact form at every point: the sharp one, and the printed one.

    A record that does not assume independent noise is proved without it, from the exact form for any noise.
    """
    before, exact = lemma_d1(), corrected.LEMMA_D1_EXACT_FORM.formula
    if "independent_noise" not in bound.assumptions:
        exact = exact.subs(1 / agents, 0)  # all of the noise may be spread
        facts = one_round(independent=False)
        given = (BOUNDED_NOISE, *(step.claim for step in facts))
        form = Step(Le(later, exact, evaluate=False), "all of it together", given)
        before = Proof(bound.name, (*facts, form), form.claim, (BOUNDED_NOISE,))
    over = Step(Le(exact, bound.formula, evaluate=False), "the exact form, by Young's inequality")
    last = Step(record(bound), "both together", (before.concludes, over.claim))
    return Proof(bound.name, (*before.steps, over, last), last.claim, before.given)


def corollary_d2(bound=corrected.COROLLARY_D2_SHARP):
    """Corollary D.2: at the first step t + 1 at which E Xi^2 is largest, it is at least that of the step before.

    From a common start the largest value is 0 or has such a step; what holds for the largest holds for all.
    """
    before = lemma_d1()
    first, bounded = Le(X, later), Le(gradient_sq, phi**2)
    noise = (1 - 1 / agents) * sigma**2
    fixed = Step(
        Le(p * later, 2 * (1 - p) * lr * phi * sqrt(later) + (1 - p) * lr**2 * (phi**2 + noise)),
        "the exact form of Lemma D.1 at the largest value",
        (before.concludes, first, bounded),
    )
    sharp = corrected.COROLLARY_D2_SHARP.formula
    root = Step(Le(later, sharp), "the larger root of the quadratic in the root of E Xi^2", (fixed.claim,))
    over = () if bound.formula == sharp else (Step(Le(sharp, bound.formula), "compared with the sharp form"),)
    shown = (first, root.claim, *(step.claim for step in over))
    last = Step(record(bound), "no step has more than the largest", shown)
    return Proof(bound.name, (*before.steps, fixed, root, *over, last), last.claim, (*before.given, first, bounded))


def master_consensus(bound=corrected.MASTER_CONSENSUS):
    """M-1: X is the largest E Xi^2 of the run, finite as every step is; noise and drift go through all products."""
    steps = (
        cite("minkowski", "noise and drift, summed over the steps", whole=sqrt(X), first=lr * noise_norm,
             second=lr * drift_norm),
        cite("orthogonal_noise", "noise of different steps and agents is uncorrelated", noise=noise_norm**2,
             sigma=sigma, noise_gain=noise_gain),
        cite("product_drift", "gradients around their mean, by the products", whole=drift_norm, drift_gain=drift_gain,
             largest=largest),
        cite("smooth_drift", "at the step with the largest drift", drift=largest, smooth=L_local, spread_sq=X,
             zeta=zeta),
    )  # fmt: skip
    claims = tuple(step.claim for step in steps)
    noise, root = sigma * sqrt(noise_gain), sqrt(X)
    level = Step(Le(noise_norm, noise), "the root of the bound on the noise", (claims[1],))
    drift = Step(Le(drift_norm, drift_gain * (L_local * root + zeta)), "drift of all steps", claims[2:])
    solved = Step(
        Le((1 - lr * L_local * drift_gain) * root, lr * (noise + drift_gain * zeta)),
        "solved for the root of the largest consensus distance",
        (claims[0], level.claim, drift.claim),
    )
    last = Step(record(bound), "divided and squared", (*bound.where, solved.claim))
    return Proof(bound.name, (*steps, level, drift, solved, last), last.claim, bound.where)


def corollary_d5(constant=SIXTH, kernel=2):
    """Corollary D.5: |R_3| <= constant L4 |e|^3, whose constant is the integral of the kernel (1 - s)^kernel/kernel!.

    The paper takes the kernel of the loss (kernel = 3, 1/24) for that of its gradient (kernel = 2, 1/6).
    """
    s = Symbol("s", real=True)
    bend = (1 - s) ** kernel / (2 if kernel == 2 else 6)
    weight = Step(Eq(Integral(bend, (s, 0, 1)), constant), "the integral of the kernel")
    taylor = cite("taylor_gradient", "Taylor's formula for the gradient", remainder=remainder, L4=L4, cube=cube)
    last = Step(Le(remainder, constant * L4 * cube), "the norm of the fourth derivative is at most L4", (taylor.claim,))
    return Proof("corollary_d5", (weight, taylor, last), last.claim)


def consensus_proofs():
    """{name: proof} of all proofs of this file, for the records as they stand."""
    proofs = (
        lemma_d1(),
        lemma_d1_with(),
        lemma_d1_with(zhu2025.LEMMA_D1),
        corollary_d2(),
        corollary_d2(zhu2025.COROLLARY_D2),
        master_consensus(),
        corollary_d5(),
    )
    return {proof.name: proof for proof in proofs}
