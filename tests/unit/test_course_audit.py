"""The exercises on auditing a proof: right answers in several forms, and what is said about wrong ones."""

import math

import numpy as np
import pytest
from sympy import Abs, Rational, sqrt

from paper_repro.course import audit
from paper_repro.course.checks import verdict
from sim.search.smooth_attack import family
from sim.testbed import TESTBED, function_of
from theory.bound import Bound
from theory.bounds import BOUNDS
from theory.notation import symbols
from theory.remainder import kappa


@pytest.mark.parametrize(
    ("exercise", "answer", "said"),
    [
        ("5.1", 3, "right."),
        ("5.1", 4, "powers"),
        ("5.4", Rational(1, 6), "right."),
        ("5.4", "1/6", "right."),
        ("5.4", 1 / 24, "refuted"),
        ("5.4", 1 / 2, "differentiated"),
        ("5.5", 72, "right."),
        ("5.5", 288, "squared"),
        ("5.5", 1152, "1152"),
        ("5.7", (1, 3, 4), "right."),
        ("5.7", [1.0, 3.0, 4.0], "right."),
        ("5.7", (3, 3, 4), "case a"),
        ("5.7", (1, 2, 4), "case b"),
        ("5.7", (1, 3, 3), "case c"),
        ("5.7", (1, 3), "three orders"),
        ("5.8", -0.5, "right."),
        ("5.8", Rational(-1, 2), "right."),
        ("5.8", 0.5, "sign"),
        ("5.8", 0, "promises"),
        ("5.8", -0.25, "two linear equations"),
        ("5.9", "Rational(1, 6)", "residual(c, assumptions)"),
        ("5.9", BOUNDS["lemma_d1"], "residual(c, assumptions)"),
        ("5.10", 10, "right."),
        ("5.10", 9, "each m"),
    ],
)
def test_what_is_said(exercise, answer, said):
    assert said in verdict(exercise, answer)


def remainder(f, x, e, half=0.5, bend=1):
    return f(x + e, order=1) - f(x, order=1) - bend * e * f(x, order=2) - half * e**2 * f(x, order=3)


def test_remainder():
    assert verdict("5.2", remainder) == "5.2: right."
    assert "1/2" in verdict("5.2", lambda f, x, e: remainder(f, x, e, half=1))
    assert "second order is still" in verdict("5.2", lambda f, x, e: remainder(f, x, e, half=0))
    assert "whole change" in verdict("5.2", lambda f, x, e: remainder(f, x, e, half=0, bend=0))
    assert "order=1" in verdict("5.2", lambda f, x, e: f(x + e) - f(x))


@pytest.mark.parametrize("name", [name for name, f in TESTBED.items() if f.norms[3] > 0])
def test_counterexamples_are_those_of_the_floats(name):
    """Every function with its fourth derivative at its peak refutes 1/24, far from it none need to."""
    f, peak = function_of(name), float(function_of(name).peaks[3])
    assert verdict("5.3", (name, peak, 0.25)) == "5.3: right."
    ratio = abs(remainder(f, peak, 0.25)) / (f.constants["L4"] * 0.25**3)
    assert 1 / 24 < ratio <= 1 / 6 + 1e-9


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (("arctan", -2.0, 1.0), "not above 1/24"),
        (("cos", 0, 0), "no remainder"),
        (("quadratic", 0, 1), "no remainder"),
        (("quartic_on_ball", 0.9, 0.5), "known on"),
        (("tan", 0, 1), "no function of the testbed"),
        ((["cos"], 0, 1), "no function of the testbed"),
        (("cos", 0), "a function, a point and a step"),
        (("cos", "zero", 1), "finite number"),
        (("cos", ..., 1), "no answer"),
    ],
)
def test_what_is_no_counterexample(answer, said):
    assert said in verdict("5.3", answer)


def test_first_order():
    def covariance(hessians, models):
        return np.cov(hessians, models, bias=True)[0, 1]

    assert verdict("5.6", covariance) == "5.6: right."
    assert "less their means" in verdict("5.6", lambda hessians, models: np.mean(np.multiply(hessians, models)))
    assert "It is off" in verdict("5.6", lambda hessians, models: len(models) * covariance(hessians, models))


def test_limit_is_where_the_steps_lead():
    models = np.zeros(2)
    for _ in range(200):
        models = np.array([[0.75, 0.25], [0.25, 0.75]]) @ (models - 0.5 * np.array([2 * models[0] - 1, 1.0]))
    assert math.isclose(models.mean(), audit.limit_of_the_pair(), rel_tol=1e-12)


def test_the_search_draws_fewer_agents_than_a_counterexample_needs():
    """Where the notebook says that the search could not have found one."""
    drawn = family(BOUNDS["residual_homogeneous"], homogeneous=True).draw
    most = max(drawn(np.random.default_rng(seed))[1].shape[1] for seed in range(200))
    needed = audit.fewest_agents()
    assert 2 < most < needed
    assert kappa(needed - 1) / sqrt(needed - 1) < Rational(6, 7) < kappa(needed) / sqrt(needed)


def residual(c):
    agents, lr, L1, L2, L3, L4, T2, spread = symbols("agents lr L1 L2 L3 L4 T2 consensus_distance")
    rho = c * L4 * sqrt(agents) * sqrt(spread) ** 3
    formula = (lr * L2 - 1) * T2 / 2 + Abs(lr * L2 - 1) * L1 * rho + lr * L2 / 2 * (L3 / 2 * spread + rho) ** 2
    return Bound("residual", "U", "upper", formula, "here", "", BOUNDS["residual_homogeneous"].example,
                 assumptions=("A2", "homogeneous", "doubly_stochastic"), order="either")  # fmt: skip


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        (residual(Rational(1, 6)), "right."),
        (residual(Rational(1, 5)), "smaller constant"),
        (residual(Rational(1, 24)), "refuted: let"),
        (residual(Rational(1, 7)), "neither proved"),
        (residual(1 / 6), "rounded number"),
    ],
)
def test_repaired_theorem(bound, said):
    assert said in verdict("5.9", bound)
