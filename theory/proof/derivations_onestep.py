"""Proofs of the records that know the topology by its consensus rate p alone, and of Corollary D.4.

`apart` and the other symbols that are not of the notation are those of `derivations`.
"""

from sympy import Le, sqrt

from theory.bounds import master, master_consensus, zhu2025
from theory.notation import symbols
from theory.proof.derivations import (
    BOUNDED_NOISE,
    X,
    agents,
    apart,
    gradient_sq,
    later,
    lemma_d1_with,
    lr,
    one_round,
    p,
    plain,
    record,
    sigma,
    total,
    zeta,
)
from theory.proof.derivations_descent import e_sq, g_sq, one_step, sum_over_steps
from theory.proof.step import Proof, Step, cite

(L_local,) = symbols("L_local")
before_sq, moved_sq, mean_noise, direction_sq = plain("before_sq moved_sq mean_noise direction_sq")


def corollary_d2_slow(bound=zhu2025.COROLLARY_D2_SLOW):
    """Second part of Corollary D.2, one step of an induction: `before_sq` is the mean |grad L_k|^2 one step earlier."""
    recursion = lemma_d1_with(zhu2025.LEMMA_D1)
    slow = Le(before_sq, (1 + p / 4) * gradient_sq)
    earlier = Le(X, bound.formula.subs(gradient_sq, before_sq), evaluate=False)
    last = Step(record(bound), "the level of the step before, by Lemma D.1", (recursion.concludes, slow, earlier))
    return Proof(bound.name, (*recursion.steps, last), last.claim, (*recursion.given, slow, earlier))


def onestep_sharp(bound=master_consensus.ONESTEP_SHARP):
    """The fixed point: at the first step t + 1 at which E Xi^2 is largest, it is at least that of the step before."""
    first = Le(X, later)
    facts = one_round()[:4]
    drift = cite("smooth_drift", "every agent is smooth", drift=sqrt(apart), smooth=L_local, spread_sq=X, zeta=zeta)
    claims = tuple(step.claim for step in (*facts, drift))
    noise = (1 - 1 / agents) * sigma**2
    one = Step(
        Le(later, (1 - p) * (((1 + lr * L_local) * sqrt(X) + lr * zeta) ** 2 + lr**2 * noise)),
        "all of it together",
        (BOUNDED_NOISE, *claims),
    )
    fixed = Step(
        Le(later, (1 - p) * (((1 + lr * L_local) * sqrt(later) + lr * zeta) ** 2 + lr**2 * sigma**2)),
        "at the largest value",
        (first, one.claim),
    )
    root = Step(Le(later, bound.formula, evaluate=False), "the larger root", (fixed.claim, *bound.where))
    last = Step(record(bound), "no step has more than the largest", (first, root.claim))
    given = (BOUNDED_NOISE, first, *bound.where)
    return Proof(bound.name, (*facts, drift, one, fixed, root, last), last.claim, given)


def onestep_consensus(bound=master_consensus.ONESTEP_CONSENSUS):
    """The simple form of the same."""
    sharp = onestep_sharp()
    grown = master_consensus.ONESTEP_SHARP.where
    stable = Step(grown[0], "gossip outweighs what smooth gradients amplify", tuple(bound.where))
    formula = master_consensus.ONESTEP_SHARP.formula
    over = Step(Le(formula, bound.formula, evaluate=False), "by Young's inequality", (*bound.where, *grown))
    last = Step(record(bound), "both together", (sharp.concludes, over.claim))
    given = tuple(relation for relation in sharp.given if relation not in grown)
    return Proof(bound.name, (stable, *sharp.steps, over, last), last.claim, (*given, *bound.where))


def onestep_nonconvex(bound=master.ONESTEP_NONCONVEX):
    """The rate by the consensus rate alone."""
    level = onestep_consensus()
    discrepancy = cite("smooth_discrepancy", "every agent is smooth", gap_sq=e_sq, smooth=L_local, spread_sq=X)
    facts = (*one_step(L_local), discrepancy)
    noise = lr**2 * L_local * sigma**2 / (2 * agents)
    claims = (*bound.where, BOUNDED_NOISE, *(step.claim for step in facts))
    words = "one step with the largest consensus distance, the square of the mean gradient left out"
    descent, rate = sum_over_steps(words, lr / 2 * g_sq, noise + lr / 2 * L_local**2 * X, claims)
    last = Step(record(bound), "divided by lr/2, with the bound on X", (rate.claim, level.concludes))
    return Proof(bound.name, (*level.steps, *facts, descent, rate, last), last.claim, level.given)


def corollary_d4():
    """E|next mean - mean|^2 <= lr^2 |mean gradient|^2 + lr^2 sigma^2/m, whatever the mean gradient is."""
    facts = (
        cite("independent_noise", "gossip keeps the mean, and the noise has mean zero", whole=moved_sq,
             kept=lr**2 * direction_sq, noise=lr**2 * mean_noise),
        cite("mean_noise", "the noise of the agents is independent", mean_noise=mean_noise, total=total, agents=agents),
    )  # fmt: skip
    claim = Le(moved_sq, lr**2 * direction_sq + lr**2 * sigma**2 / agents, evaluate=False)
    last = Step(claim, "both together", (BOUNDED_NOISE, *(step.claim for step in facts)))
    return Proof("corollary_d4", (*facts, last), claim, (BOUNDED_NOISE,))


def onestep_proofs():
    """{name: proof} of all proofs of this file, for the records as they stand."""
    proofs = (corollary_d2_slow(), onestep_sharp(), onestep_consensus(), onestep_nonconvex(), corollary_d4())
    return {proof.name: proof for proof in proofs}
