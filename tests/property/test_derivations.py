"""Facts hold on random instances and are caught where they are wrong; proofs of records fail where a constant is."""

from dataclasses import replace

import numpy as np
import pytest
from sympy import Le, Rational, Symbol

from theory.bounds import corrected, master, master_consensus, zhu2025
from theory.errors import OnemergeError
from theory.notation import symbols
from theory.proof import consensus, derivations, derivations_descent, derivations_onestep, facts
from theory.proof.best import best_constant
from theory.proof.explain import explain
from theory.proof.facts import FACTS
from theory.proof.step import Proof, Step, by_proof, cite, decide

p, lr, agents, sigma, phi, L4 = symbols("p lr agents sigma phi L4")
X, gradient_sq = symbols("consensus_distance local_gradient_norm_sq")
PROOFS = derivations.consensus_proofs() | derivations_descent.descent_proofs() | derivations_onestep.onestep_proofs()
LESS = Rational(999, 1000)
c, w = Symbol("c", real=True), Symbol("w", nonnegative=True)


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_holds_on_random_instances_and_a_wrong_one_does_not(name):
    fact = FACTS[name]
    generator = np.random.default_rng(1)
    assert fact.check(generator, 200) <= fact.rounding
    left, right = fact.claim.args
    wrong = replace(fact, claim=type(fact.claim)(left, right * Rational(9, 10), evaluate=False))
    assert wrong.check(generator, 200) > 1e-3


def test_a_cited_step_is_a_reading_of_its_fact(monkeypatch):
    step = cite("minkowski", "two parts", whole=w, first=w / 2, second=w / 2)
    assert decide(step).verdict == "cited"
    assert decide(replace(step, claim=Le(w, w / 2, evaluate=False))).verdict == "unknown"
    with pytest.raises(OnemergeError, match="minkowski reads first, second, whole"):
        cite("minkowski", "one part", whole=w, first=w)
    with pytest.raises(OnemergeError, match="no fact 'minkovski'"):
        Step(Le(w, w, evaluate=False), "misspelt", cited="minkovski")
    fact = FACTS["minkowski"]
    wrong = replace(fact, claim=Le(fact.claim.lhs, Rational(9, 10) * fact.claim.rhs))
    monkeypatch.setitem(FACTS, "minkowski", wrong)
    facts.tested.cache_clear()
    assert decide(cite("minkowski", "two parts", whole=w, first=w, second=w)).verdict == "refuted"
    facts.tested.cache_clear()


def test_a_fact_needs_its_steps_first():
    reading = {"loss": w, "next_loss": w, "term": w, "average": w, "start": w, "steps": lr, "noise": w}
    summed = cite("telescoping", "summed", **reading)
    with pytest.raises(OnemergeError, match="neither given nor shown"):
        Proof("sum", (summed,), summed.claim)


def test_noise_need_not_be_independent_where_that_is_not_assumed():
    """Printed forms of the paper do not say so: their proofs hold for noise that agents share, or that parts them."""
    proofs = (
        derivations.lemma_d1_with(zhu2025.LEMMA_D1),
        derivations_onestep.corollary_d2_slow(),
        consensus.corollary_d2(),
    )
    across = {"spread_noise", "mean_noise", "orthogonal_noise"}
    for proof in proofs:
        assert not across & {step.cited for step in proof.steps}
        assert by_proof("printed", proof).outcome == "proves"
    unsaid = replace(corrected.LEMMA_D1_SHARP, assumptions=("A1", "A3", "independent_gossip"))
    assert by_proof("sharp", derivations.lemma_d1_with(unsaid)).outcome == "undecided"


@pytest.mark.parametrize("name", PROOFS)
def test_the_proof_of_a_record_is_decided_step_by_step(name):
    evidence = by_proof("printed", PROOFS[name])
    assert evidence.outcome == "proves", evidence.found
    assert evidence.numbers["refuted"] == evidence.numbers["unknown"] == 0
    assert len(evidence.steps) == len(PROOFS[name].steps)


def _less(record, change):
    return replace(record, formula=change(record.formula))


WRONG = [  # proof of a record, the record, a change of its formula
    (derivations.lemma_d1, corrected.LEMMA_D1_EXACT_FORM, lambda f: LESS * f),
    (derivations.lemma_d1_with, corrected.LEMMA_D1_SHARP, lambda f: f - lr**2 * (1 - p) * gradient_sq / 1000),
    (derivations.lemma_d1_with, zhu2025.LEMMA_D1, lambda f: f.subs(lr, lr * Rational(2, 5))),
    (derivations.corollary_d2, corrected.COROLLARY_D2_SHARP, lambda f: LESS * f),
    (derivations.corollary_d2, zhu2025.COROLLARY_D2, lambda f: f * Rational(399, 2400)),
    (derivations.master_consensus, corrected.MASTER_CONSENSUS, lambda f: LESS * f),
    (derivations_descent.descent_r1, corrected.DESCENT_R1, lambda f: f.subs(agents, agents + 1)),
    (derivations_descent.descent_r2, corrected.DESCENT_R2, lambda f: f.subs(sigma, LESS * sigma)),
    (derivations_descent.rate_d12, zhu2025.RATE_D12, lambda f: LESS * f),
    (derivations_descent.residual_homogeneous, corrected.RESIDUAL_HOMOGENEOUS, lambda f: f.subs(L4, LESS * L4)),
    (derivations_descent.residual_homogeneous, zhu2025.RESIDUAL_D11, lambda f: f),
    (derivations_descent.rate_parallel_sgd, corrected.RATE_PARALLEL_SGD, lambda f: LESS * f),
    (derivations_descent.master_nonconvex, corrected.MASTER_NONCONVEX, lambda f: LESS * f),
    (derivations_onestep.corollary_d2_slow, zhu2025.COROLLARY_D2_SLOW, lambda f: f / 13),
    (derivations_onestep.onestep_sharp, master_consensus.ONESTEP_SHARP, lambda f: LESS * f),
    (derivations_onestep.onestep_consensus, master_consensus.ONESTEP_CONSENSUS, lambda f: f / 3),
    (derivations_onestep.onestep_nonconvex, master.ONESTEP_NONCONVEX, lambda f: LESS * f),
    (derivations_descent.steps_sufficient, corrected.STEPS_SUFFICIENT, lambda f: LESS * f),
]


@pytest.mark.parametrize(("proof", "record", "change"), WRONG, ids=lambda value: getattr(value, "name", None))
def test_a_wrong_constant_in_a_record_fails_at_a_step_with_a_witness(proof, record, change):
    evidence = by_proof("printed", proof(_less(record, change)))
    assert evidence.outcome == "undecided"
    failed = [decision for _, decision in evidence.steps if decision.verdict == "refuted"]
    assert failed
    assert all(decision.witness for decision in failed)


def test_a_dropped_assumption_fails():
    without = replace(corrected.DESCENT_R2, where=())
    assert by_proof("printed", derivations_descent.descent_r2(without)).outcome == "undecided"
    whole = derivations.lemma_d1()
    with pytest.raises(OnemergeError, match="neither given nor shown"):
        replace(whole, given=())


def test_the_kernel_of_the_loss_is_not_that_of_its_gradient():
    assert by_proof("D.5", derivations.corollary_d5()).outcome == "proves"
    for constant, kernel in ((Rational(1, 24), 2), (Rational(1, 24), 3), (Rational(1, 6), 3)):
        assert by_proof("D.5", derivations.corollary_d5(constant, kernel)).outcome == "undecided"


def test_the_best_constants_of_lemma_d1():
    exact = corrected.LEMMA_D1_EXACT_FORM.formula
    noise = (1 - p) * lr**2 * (1 - 1 / agents) * sigma**2
    best = best_constant(
        Le(exact, (1 - p / 2) * X + c * lr**2 * gradient_sq + noise), c, over=(X, gradient_sq, lr, sigma, agents)
    )
    assert (best.value - (2 - p) * (1 - p) / p).equals(0)
    drift = (2 - p) * (1 - p) / p * lr**2 * gradient_sq
    best = best_constant(Le(exact, (1 - p / 2) * X + drift + c * lr**2 * sigma**2), c, over=(X, gradient_sq, lr, sigma))
    assert (best.value - (1 - p) * (1 - 1 / agents)).equals(0)


def test_twelve_is_two_and_twenty_four_is_four():
    exact, sharp = corrected.LEMMA_D1_EXACT_FORM.formula, corrected.COROLLARY_D2_SHARP.formula
    printed = (1 - p / 2) * X + c * (1 - p) / p * lr**2 * (gradient_sq + sigma**2)
    assert best_constant(Le(exact, printed), c).value == 2
    level = best_constant(Le(sharp, c * lr**2 * (1 - p) / p**2 * (phi**2 + sigma**2)), c, tolerance=Rational(1, 50))
    assert level.high == 4
    assert level.low > Rational(39, 10)


def test_an_argument_is_explained_line_by_line():
    lines = explain(derivations.lemma_d1())
    assert lines[0] == "lemma_d1_exact_form"
    assert any("total <= sigma**2" in line for line in lines)
    assert sum("cited by facts" in line for line in lines) == 5
    latex = "\n".join(explain(derivations.corollary_d5(), latex=True))
    assert r"\int" in latex
    assert r"\frac{1}{6}" in latex
    wrong = explain(derivations.lemma_d1(_less(corrected.LEMMA_D1_EXACT_FORM, lambda f: LESS * f)))
    assert any("refuted" in line for line in wrong)
    assert any("fails at" in line for line in wrong)
