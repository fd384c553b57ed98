"""Statements that cannot be checked are refused with a sentence."""

import pytest
from sympy import Rational, Symbol, sqrt

from theory.assumptions import ASSUMPTIONS
from theory.bound import Bound
from theory.bounds import BOUNDS
from theory.errors import OnemergeError
from theory.notation import symbols
from theory.proof import statement
from theory.proof.statement import check_statement

p, lr, sigma, phi, L_local, agents = symbols("p lr sigma phi L_local agents")


def stated(formula=(1 - p) * lr**2 * phi**2 / p**2, **changes):
    given = {
        "name": "mine", "about": "consensus_distance", "kind": "upper", "source": "a test", "statement": "a test",
        "example": {"lr": 0.1, "p": 0.5, "phi": 1.0}, "assumptions": ("A1", "bounded_gradients", "zero_start"),
    }  # fmt: skip
    return Bound(formula=formula, **given | changes)


def test_a_sound_statement_passes():
    check_statement(stated())
    check_statement(stated(lr**2 * phi**2 / (1 - p), where=(p < 1,)))
    several = {"lr": 0.1, "phi": 1.0, "agents": 4}
    check_statement(stated(lr**2 * phi**2 / (agents - 1), where=(agents >= 2,), example=several))


def test_no_upper_bound_of_the_catalog_contradicts_itself():
    """But for those whose formulas are printed with wrong units or for rounded numbers, which are refused for that."""
    refused = {}
    for bound in BOUNDS.values():
        if bound.kind == "upper":
            try:
                check_statement(bound)
            except OnemergeError as error:
                refused[bound.name] = str(error)
    unsound = {name: why for name, why in refused.items() if "unit" not in why and "rounded number" not in why}
    assert unsound == {}
    assert "residual_d11" in refused


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: stated(kind="lower"), "is of kind 'lower'; what is checked here is an upper bound"),
        (lambda: stated(0.5 * lr**2 * phi**2), r"has the rounded number 0.5\d*; write it as a Rational"),
        (lambda: stated(lr * phi**2 / p), r"has the unit loss\^1 theta\^0, and what it is about, consensus_distance"),
        (lambda: stated(lr**2 * phi**2 + sigma, example={"lr": 0.1, "phi": 1.0, "sigma": 1.0}), "mixes units"),
        (lambda: stated(where=(p > Rational(1, 2), p < Rational(1, 3))), "holds nowhere: no point fulfils"),
        (lambda: stated(where=(p > 1,)), "holds nowhere"),
        (lambda: stated(lr**2 * phi**2 * sqrt(p - Rational(1, 4))), "is not defined all over its region"),
        (lambda: stated(lr**2 * phi**2 / (1 - p)), "is not defined all over its region"),
        (lambda: stated(lr**2 * phi**2 / (agents - 1), example={"lr": 0.1, "phi": 1.0, "agents": 4}), "not defined"),
        (lambda: stated(where=(p > Rational(3, 4),)), "the example of mine lies outside its region: p > 3/4"),
        (lambda: stated(Symbol("x") * lr**2 * phi**2), "symbol 'x' is not one of"),
        (lambda: stated(assumptions=("A1", "A9")), "assumption 'A9' is not one of"),
        (lambda: stated(assumptions=("ring", "star")), "assumes ring and star, but a topology is one of them"),
        (lambda: stated(assumptions=("ring", "base_graph")), "one fixed matrix is no gossip that changes"),
        (lambda: stated(assumptions=("A2", "strongly_convex_agents")), "cannot hold on all of"),
        (lambda: stated(assumptions=("A2", "scalar_quadratics")), "gradients of a quadratic are not bounded"),
    ],
)  # fmt: skip
def test_an_unsound_statement_is_refused(make, message):
    with pytest.raises(OnemergeError, match=message):
        check_statement(make())


def test_tags_that_exclude_each_other_exist():
    tags = [tag for group, _ in statement.EXCLUSIVE for tag in group]
    tags += [tag for first, second, _ in statement.CONTRADICTIONS for tag in (*first, *second)]
    assert set(tags) <= set(ASSUMPTIONS)
