"""Consensus, descent and rates: verdicts follow from evidence, and turn when a constant or an assumption is changed."""

from dataclasses import replace

import pytest
from sympy import Rational

from paper_repro.claims import (
    CLAIMS,
    d1,
    d2,
    d6,
    d11,
    d12,
    equation_10,
    remark_4,
    remark_d1,
    remark_d2,
    repaired_theorem,
    same_hessians,
    table1_koloskova,
    table1_paper,
    table1_parallel,
    theorem_1,
    theorem_1_steps,
)
from theory.bounds import BOUNDS, corrected, kong2021, master, zhu2025
from theory.notation import symbols
from theory.proof.evidence import Effort, Evidence, outcome_of, verdict_of

EFFORT = Effort(tries=48, runs=16)
STRONGER = "holds with a stronger assumption"
VERDICTS = {
    "D.1": ("proved", "printed"),
    "D.2": (STRONGER, "common start"),
    "equation-10": (STRONGER, "common start"),
    "D.6": ("proved", "printed"),
    "theorem-1": (STRONGER, "one loss"),
    "D.11": ("constant wrong", "repaired"),
    "D.12": (STRONGER, "one loss"),
    "theorem-1-steps": (STRONGER, "tied to ε"),
    "table-1-parallel": ("proved", "printed"),
    "table-1-koloskova": ("proved", "printed"),
    "table-1-paper": (STRONGER, "small U"),
    "remark-4": ("proved", "printed"),
    "remark-D.1": (STRONGER, "one loss"),
    "remark-D.2": ("constant wrong", "with ell"),
    "same-hessians": ("proved", "printed"),
    "repaired-theorem": ("proved", "printed"),
}
slope_sq, p, lr, sigma, T2, L4, zeta, epsilon, L2 = symbols("local_gradient_norm_sq p lr sigma T2 L4 zeta epsilon L2")


def evidence(module, only=None):
    """The evidence of a claim; of its engine `only`, computed up to there."""
    found = [one for one in module.CLAIM.check(EFFORT) if isinstance(one, Evidence)]
    return [one for one in found if only is None or one.engine == only]


def verdict(module, only=None):
    found = verdict_of(module.CLAIM, evidence(module, only))
    return found.verdict, found.variant


def changed(monkeypatch, module, name, formula, **more):
    """The record `name` of a module of bounds with another formula, everywhere it is looked up."""
    record = getattr(module, name)
    other = replace(record, formula=formula, **more)
    monkeypatch.setattr(module, name, other)
    monkeypatch.setitem(BOUNDS, record.name, other)
    return other


def module_of(name):
    return next(module for module in globals().values() if getattr(module, "CLAIM", None) is CLAIMS[name])


@pytest.mark.parametrize("name", VERDICTS)
def test_verdicts(name):
    found = evidence(module_of(name))
    computed = verdict_of(CLAIMS[name], found)
    assert (computed.verdict, computed.variant) == VERDICTS[name]
    assert computed.verdict == "proved" or computed.what
    assert len({one.engine for one in found}) >= 2
    assert all(one.effective for one in found if one.engine == "search")


def test_a_consensus_step_with_a_smaller_constant_is_refuted(monkeypatch):
    step = zhu2025.LEMMA_D1.formula
    changed(monkeypatch, zhu2025, "LEMMA_D1", step.subs(12, 1))
    assert verdict(d1)[0] in ("refuted", "constant wrong")


@pytest.mark.parametrize(("symbol", "factor"), [("local_gradient_norm_sq", "99/100"), ("sigma", "99/100")])
def test_the_sharp_constants_of_a_step_cannot_be_smaller(monkeypatch, symbol, factor):
    (square,) = symbols(symbol)
    changed(
        monkeypatch,
        corrected,
        "LEMMA_D1_SHARP",
        corrected.LEMMA_D1_SHARP.formula.subs(square, Rational(factor) * square),
    )
    assert outcome_of("sharp", evidence(d1)) == "refutes"


def test_the_best_constant_is_that_of_the_record():
    assert (d1.gradient_constant().value - d1.factor(corrected.LEMMA_D1_SHARP, slope_sq)).equals(0)


def test_averaged_over_the_mixing_the_noise_reading_is_the_lemma():
    from sim.search.spread import drawn_mixing

    assert drawn_mixing("lemma_d1", "1/2").violates
    assert not drawn_mixing("lemma_d1", "1/2", expected=True).violates


def test_a_level_below_the_fixed_point_is_not_proved(monkeypatch):
    assert verdict(d2)[0] == STRONGER
    changed(monkeypatch, zhu2025, "COROLLARY_D2", zhu2025.COROLLARY_D2.formula.subs(24, 23))
    changed(monkeypatch, zhu2025, "COROLLARY_D2_SLOW", zhu2025.COROLLARY_D2_SLOW.formula.subs(48, 1))
    found = evidence(d2)
    assert {outcome_of(variant, found) for variant in ("common start", "slow gradients")} <= {"supports", "undecided"}
    assert verdict_of(d2.CLAIM, found).variant == "sharp"


def test_from_a_common_start_nothing_is_against_the_level(monkeypatch):
    monkeypatch.setattr(d2, "APART", d2.APART | {"start": 0})
    assert verdict(d2)[0] == "open"


def test_a_smaller_sharp_level_is_refuted(monkeypatch):
    sharp = corrected.COROLLARY_D2_SHARP.formula
    changed(monkeypatch, corrected, "COROLLARY_D2_SHARP", sharp * Rational(9, 10))
    assert outcome_of("sharp", evidence(d2)) == "refutes"


def test_an_order_of_another_power_is_not_proved(monkeypatch):
    changed(monkeypatch, zhu2025, "EQUATION_10", (1 - p) / p)
    assert verdict(equation_10)[0] == "refuted"


@pytest.mark.parametrize("module", [d6, table1_koloskova])
def test_an_order_without_the_network_is_open(monkeypatch, module):
    changed(
        monkeypatch, zhu2025, "TABLE1_DSGD_KOLOSKOVA", zhu2025.TABLE1_DSGD_KOLOSKOVA.formula.subs(zeta, zeta * epsilon)
    )
    assert verdict(module, "symbolic")[0] == "open"


def test_parallel_steps_need_their_noise(monkeypatch):
    changed(
        monkeypatch, zhu2025, "TABLE1_PARALLEL_SGD", zhu2025.TABLE1_PARALLEL_SGD.formula.subs(sigma, sigma * epsilon)
    )
    assert verdict(table1_parallel, "symbolic")[0] == "open"


def test_equal_losses_have_no_first_order_term(monkeypatch):
    from sim.search.non_iid import floor, one_step

    assert not one_step(tilt=0).violates
    assert not one_step(tilt=0, constant=1).violates
    assert not floor(tilt=0).violates
    assert floor(tilt="1/2").violates
    for module in (theorem_1, d12, table1_paper):
        monkeypatch.setattr(module, "floor", lambda h="1/10", **k: floor(h, **(k | {"tilt": 0})))
    monkeypatch.setattr(theorem_1, "one_step", lambda **k: one_step(**(k | {"tilt": 0})))
    every_constant = theorem_1.every_constant
    monkeypatch.setattr(theorem_1, "every_constant", lambda: every_constant(tilt=0))
    one_loss = corrected.RESIDUAL_HOMOGENEOUS.assumptions
    for name in ("THEOREM_1_DESCENT", "RATE_D12"):
        changed(monkeypatch, zhu2025, name, getattr(zhu2025, name).formula, assumptions=one_loss)
    assert [verdict(module)[0] for module in (theorem_1, d12, table1_paper)] == ["open"] * 3


def test_no_constant_is_large_enough_for_different_hessians():
    """The proof for every C is about the steps that the simulator takes."""
    from sim.search.non_iid import one_step

    claim = theorem_1.every_constant().concludes
    (C,) = claim.free_symbols
    for constant in (Rational(1), Rational(7, 3), Rational(1000)):
        point = one_step(apart=str(1 / (8 * constant + 2)), constant=constant)
        assert point.violates
        assert (point.measured, point.allowed) == tuple(side.subs(C, constant) for side in claim.args)


def test_the_residual_is_about_u_and_about_the_step():
    """An attack that finds a larger U refutes what is stated; the repaired form is proved with its descent."""
    assert d11.CLAIM.printed.statement.startswith("U = (η L_2 - 1)⟨g, e⟩ + η L_2 |e|²/2")
    (proved,) = [one for one in evidence(d11, "symbolic") if one.outcome == "proves"]
    assert {"descent_lemma", "mean_noise", "taylor_mean"} <= {step.cited for step, _ in proved.steps}


def test_a_wrong_descent_is_not_proved(monkeypatch):
    changed(monkeypatch, corrected, "DESCENT_R1", corrected.DESCENT_R1.formula.subs(sigma, sigma / 2))
    assert outcome_of("all orders", evidence(theorem_1, "symbolic")) == "undecided"


def test_a_wrong_residual_is_not_proved(monkeypatch):
    changed(monkeypatch, corrected, "RESIDUAL_HOMOGENEOUS", corrected.RESIDUAL_HOMOGENEOUS.formula.subs(L4, L4 / 4))
    assert verdict(theorem_1) == ("constant wrong", "all orders")
    assert verdict(d11)[0] == "refuted"


def test_the_residual_with_its_constants_set_right_is_not_refuted(monkeypatch):
    right = corrected.RESIDUAL_HOMOGENEOUS
    changed(monkeypatch, zhu2025, "RESIDUAL_D11", right.formula, assumptions=right.assumptions)
    assert verdict(d11)[0] == "open"


@pytest.mark.parametrize("values", [d11.HALF, d11.OUTLIER])
def test_each_constant_of_the_residual_has_its_step(monkeypatch, values):
    printed, right = zhu2025.RESIDUAL_D11.formula, corrected.RESIDUAL_HOMOGENEOUS.formula
    assert d11.one_step(**values).violates
    assert not d11.one_step(**values, residual="residual_homogeneous").violates
    one_fault = right + (lr * L2 - 1) * T2 / 2 if values is d11.HALF else right.subs(L4, L4 / 4)
    changed(monkeypatch, zhu2025, "RESIDUAL_D11", one_fault)
    assert d11.one_step(**values).violates
    one_right = printed - (lr * L2 - 1) * T2 / 2 if values is d11.HALF else printed + 10 * L4
    changed(monkeypatch, zhu2025, "RESIDUAL_D11", one_right)
    assert not d11.one_step(**values).violates


def test_a_step_is_the_same_in_every_unit_and_the_printed_residual_is_not():
    small, one = (d11.one_step(**d11.OUTLIER, scale=scale) for scale in ("1/10", 1))
    assert small.measured == one.measured
    assert small.allowed != one.allowed
    right = [d11.one_step(**d11.OUTLIER, scale=s, residual="residual_homogeneous").allowed for s in ("1/10", 1, 10)]
    assert right[0].equals(right[1])
    assert right[1].equals(right[2])


def test_a_rate_without_its_factor_is_not_proved(monkeypatch):
    changed(monkeypatch, zhu2025, "RATE_D12", zhu2025.RATE_D12.formula / 2)
    found = evidence(d12)
    assert outcome_of("one loss", found) != "proves"
    assert outcome_of("all orders", found) != "proves"


def test_steps_need_a_learning_rate_tied_to_the_target(monkeypatch):
    assert theorem_1_steps.noise_floor().violates
    assert not theorem_1_steps.noise_floor(lr="1/8", constant=8).violates
    assert not theorem_1_steps.noise_floor(epsilon=2, constant=8).violates
    changed(monkeypatch, corrected, "STEPS_SUFFICIENT", corrected.STEPS_SUFFICIENT.formula / 2)
    assert verdict(theorem_1_steps)[0] == "refuted"
    assert outcome_of("small U", evidence(table1_paper, "symbolic")) == "undecided"


def test_the_critical_distance_needs_its_constant(monkeypatch):
    changed(monkeypatch, kong2021, "KONG_CRITICAL", 2 * kong2021.KONG_CRITICAL.formula)
    assert outcome_of("critical distance", evidence(table1_paper, "symbolic")) == "undecided"


def test_apart_models_have_a_gain():
    assert not remark_4.gain(0).violates
    assert remark_4.gain("1/10").violates
    assert not remark_4.gain(0, tilt=0).violates


def test_no_spread_is_asked_of_the_residual(monkeypatch):
    changed(monkeypatch, corrected, "RESIDUAL_HOMOGENEOUS", corrected.RESIDUAL_HOMOGENEOUS.formula + corrected.L1**2)
    assert verdict(remark_4)[0] == "open"


def test_the_factor_ell_of_the_agents(monkeypatch):
    enough = {"least": remark_d2.enough_agents}
    assert not remark_d2.noise_left(agents=91, **enough).violates
    assert remark_d2.noise_left(agents=89).violates
    monkeypatch.setattr(remark_d2, "enough_agents", remark_d2.printed_agents)
    monkeypatch.setattr(remark_d2.enough, "__defaults__", (remark_d2.printed_agents,))
    assert verdict(remark_d2) == (STRONGER, "feasible")


def test_one_minimum_keeps_models_together(monkeypatch):
    assert remark_d1.parted().violates
    assert not remark_d1.parted(tilt=0).violates
    assert not remark_d1.parted(share="1/2").violates  # an exact average
    parted = remark_d1.parted
    monkeypatch.setattr(remark_d1, "parted", lambda **k: parted(tilt=0))
    assert verdict(remark_d1)[0] == "open"


@pytest.mark.parametrize("change", [{"rows_only": True}, {"hessians": "different"}])
def test_equal_hessians_and_columns_are_needed(monkeypatch, change):
    run = same_hessians.merged_against_parallel
    assert run(**change).violates
    assert not run(agents=1, **change).violates
    monkeypatch.setattr(same_hessians, "merged_against_parallel", lambda *a, **k: run(*a, **(k | change)))
    monkeypatch.setattr(same_hessians, "proof", lambda: replace_columns())
    assert verdict(same_hessians)[0] == "refuted"


def replace_columns():
    """The proof with columns that sum to 1/2, whose last step is false."""
    return ORIGINAL(Rational(1, 2))


ORIGINAL = same_hessians.proof


@pytest.mark.parametrize("part", ["noise", "network"])
def test_a_smaller_repaired_rate_is_not_proved(monkeypatch, part):
    rate = corrected.MASTER_NONCONVEX.formula
    smaller = rate.subs(sigma, sigma / 2) if part == "noise" else rate.subs(zeta, zeta / 2)
    changed(monkeypatch, corrected, "MASTER_NONCONVEX", smaller)
    assert verdict(repaired_theorem, "symbolic")[0] == "open"


def test_the_consensus_of_the_rate_by_p_needs_its_constant(monkeypatch):
    rate = master.ONESTEP_NONCONVEX.formula
    changed(monkeypatch, master, "ONESTEP_NONCONVEX", rate.subs(zeta, zeta / 2))
    assert verdict(d6, "symbolic")[0] == "open"


def test_random_steps_test_the_descent():
    from sim.search.random_steps import random_descent

    points = [random_descent(seed, tilt) for tilt in (0, 1) for seed in range(10)]
    assert sum(point is not None for point in points) >= 15
    assert not any(point.violates for point in points if point is not None)
