"""Exact steps, bounds at exact numbers, searches by seed, joined proofs and units: what claims are made of."""

import numpy as np
import pytest
from sympy import Le, Rational, S, Symbol, sqrt

from sim.search.fleet import Fleet, doubly_stochastic, exact_gain, pair, signs, step_against
from sim.search.non_iid import floor, in_core, two_agents
from sim.search.random_steps import random_descent, random_fleet
from sim.search.spread import after_steps, linear_pair, one_step, random_step, rate
from sim.search.washboard import KEPT, by_exponent, exponent, slope, steps_needed
from sim.testbed import function_of, smooth_huber, x
from theory.bounds import BOUNDS, corrected, zhu2025
from theory.errors import OnemergeError
from theory.proof.evidence import Measured
from theory.proof.exactly import exactly, number
from theory.proof.joined import joined
from theory.proof.seeded import by_seeds
from theory.proof.step import Proof, Step, by_proof
from theory.proof.unit_check import by_units

CYCLE = ((0, 1, 0), (0, 0, 1), (1, 0, 0))  # directed: agent i takes the model of agent i + 1


def test_rows_receive_on_a_directed_cycle():
    fleet = Fleet(function_of("cos"), (0, 1, 2)).after("1/10", CYCLE)
    moved = [k + Rational(1, 10) * np.sin(k) for k in (1, 2, 0)]
    assert np.allclose([float(model) for model in fleet.models], [float(m) for m in moved])


@pytest.mark.parametrize("agents", [1, 2, 3])
def test_a_fleet_agrees_with_floats(agents):
    generator = np.random.default_rng(agents)
    models = [Rational(int(n), 10) for n in generator.integers(-20, 20, agents)]
    tilts = [Rational(k) - Rational(agents - 1, 2) for k in range(agents)]
    fleet = Fleet(function_of("pseudo_huber"), models, tilts, x**3)
    theta, tilt = np.array(models, dtype=float), np.array(tilts, dtype=float)
    mean, lr, f = theta.mean(), 0.25, function_of("pseudo_huber")
    v = (f(theta, 1) + tilt * 3 * theta**2).mean()
    values = fleet.values("1/4")
    assert float(values["consensus_distance"]) == pytest.approx(theta.var())
    assert float(values["T2"]) == pytest.approx(float(f(mean, 1) * f(mean, 3)) * theta.var())
    assert float(fleet.discrepancy) == pytest.approx(v - float(f(mean, 1)))
    e = v - float(f(mean, 1))
    U = (lr - 1) * float(f(mean, 1)) * e + lr / 2 * e**2
    assert float(exact_gain(fleet, "1/4")) == pytest.approx(U)
    point = step_against(fleet, "1/4", exact_gain(fleet, "1/4"))
    change = float(f(mean - lr * v)) - float(f(mean)) + lr * (1 - lr / 2) * float(f(mean, 1)) ** 2
    assert float(point.measured) == pytest.approx(change)
    assert not point.violates


def test_a_quadratic_attains_the_descent_to_all_orders():
    fleet = two_agents("1/10", "1/5", "1/10")
    point = step_against(fleet, "1/2", exact_gain(fleet, "1/2"), pair("1/4"))
    assert point.measured == point.allowed


def test_noise_has_its_variance_and_is_independent():
    law = signs(3, "1/2")
    assert sum(chance for chance, _ in law) == 1
    assert all(sum(chance * drawn[k] for chance, drawn in law) == 0 for k in range(3))
    covariance = [[sum(c * d[i] * d[j] for c, d in law) for j in range(3)] for i in range(3)]
    assert covariance == [[Rational(1, 4) if i == j else 0 for j in range(3)] for i in range(3)]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: doubly_stochastic(((1, 0), (1, 0))), "sum to 1"),
        (lambda: doubly_stochastic(((2, -1), (-1, 2))), "below 0"),
        (lambda: doubly_stochastic(((1, 0),)), "square"),
        (lambda: pair(2), "not in"),
        (lambda: Fleet(function_of("cos"), (0, 1), (1, 1)), "sum to 0"),
        (lambda: Fleet(function_of("cos"), (0, 1), (1,)), "tilts for"),
        (lambda: number(0.1), "no exact real number"),
        (lambda: number("sqrt(-1)"), "no exact real number"),
        (lambda: exactly(zhu2025.LEMMA_D1, p="1/2"), "needs"),
        (lambda: exactly(corrected.DESCENT_R2, **dict.fromkeys(corrected.DESCENT_R2.symbols, 2)), "descent_r2 needs"),
        (lambda: in_core(Fleet(smooth_huber(1), (0, 2))), "leave"),
        (lambda: floor(lr="3/2"), "leave"),
        (lambda: steps_needed(2, [1.0], 3), "in \\(0, 1\\)"),
    ],
)
def test_what_is_refused(wrong, words):
    with pytest.raises(OnemergeError, match=words):
        wrong()


def test_exact_values_of_a_bound_are_those_of_the_record():
    for name in ("lemma_d1", "corollary_d2_sharp", "residual_homogeneous", "descent_r1"):
        bound = BOUNDS[name]
        exact = {key: Rational(value).limit_denominator(10**6) for key, value in bound.example.items()}
        assert float(exactly(bound, **exact)) == pytest.approx(float(bound(**bound.example)))
    assert number("0.1") == Rational(1, 10)
    assert number("sqrt(2)") == sqrt(2)


def test_linear_losses_reach_their_fixed_point():
    share, lr = "1/4", "1/10"
    kept = S(1) / 2
    level = (Rational(1, 10) * kept / (1 - kept)) ** 2
    assert rate(share) == 1 - kept**2
    assert linear_pair(sqrt(level), 1).after(lr, pair(share)).consensus_distance == level
    after = after_steps("corollary_d2_sharp", share, 0, 1, lr, 20)
    assert after.measured < after.allowed == level
    assert (
        one_step("lemma_d1_exact_form", share, "1/3", 1, lr, noise=1).measured
        == one_step("lemma_d1_exact_form", share, "1/3", 1, lr, noise=1).allowed
    )


def test_searches_by_seed_count_what_they_tried_and_show_the_worst():
    def run(seed, allowed=10):
        return None if seed % 2 else Measured(seed, allowed)

    found = by_seeds("v", run, 8, "even seeds")
    assert (found.outcome, found.tries, found.effective) == ("supports", 8, 4)
    broken = by_seeds("v", run, 8, "even seeds", allowed=5)
    assert broken.outcome == "refutes"
    assert broken.instance.values == {"seed": 6, "allowed": 5}
    assert by_seeds("v", run, 1, "odd seeds", first=1).outcome == "undecided"


def test_random_searches_find_a_planted_error(monkeypatch):
    from dataclasses import replace

    record = corrected.LEMMA_D1_SHARP
    monkeypatch.setitem(BOUNDS, record.name, replace(record, formula=record.formula * Rational(9, 10)))
    assert by_seeds("sharp", random_step, 60, "random gossip", bound=record.name).outcome == "refutes"
    right = corrected.RESIDUAL_HOMOGENEOUS
    monkeypatch.setitem(BOUNDS, right.name, replace(right, formula=right.formula - Symbol("T2", real=True) ** 0))
    assert any(random_descent(seed).violates for seed in range(3))
    fleet, lr = random_fleet(5, tilted=True)
    assert sum(fleet.tilts) == 0
    assert 0 < lr * fleet.loss.norms[1] < 2


def test_a_joined_proof_needs_all_of_its_parts():
    a, b = Symbol("a", positive=True), Symbol("b", positive=True)
    right, wrong = Le(a, a + b, evaluate=False), Le(a + b, a, evaluate=False)
    good, bad = (Proof("part", (Step(claim, "a step"),), claim) for claim in (right, wrong))
    assert by_proof("v", joined("both", good, good)).outcome == "proves"
    assert by_proof("v", joined("both", bad, good)).outcome == "undecided"
    rests = Proof("rests", (Step(Le(2 * a, 2 * a + 2 * b, evaluate=False), "twice", (right,)),),
                  Le(2 * a, 2 * a + 2 * b, evaluate=False), (right,))  # fmt: skip
    assert joined("both", good, rests).given == ()
    assert joined("alone", rests).given == (right,)


def test_units_of_both_residuals():
    assert "mixes units" in by_units("printed", zhu2025.RESIDUAL_D11).found
    assert "have the unit" in by_units("repaired", corrected.RESIDUAL_HOMOGENEOUS).found


def test_the_washboard_needs_more_steps_than_one_over_the_target():
    assert by_exponent("v", -1.5).outcome == "supports"
    assert by_exponent("v", -1.0).outcome == "undecided"
    assert exponent(tilt=0.0)[0] == pytest.approx(-1, abs=0.05)  # one loss for both
    trapped = steps_needed(0.01, np.array([0.5, 1.0, 1.9]), 5000)
    assert np.isinf(trapped).all()
    assert KEPT / (1 - KEPT) == 1
    assert slope(np.array([0.0, 1.0, 2.0]), 2.0).tolist() == [0, 1, 2]
