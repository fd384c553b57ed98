"""Engines of `theory.proof`: known true and false relations, near misses, domains, random claims against sampling."""

import sys
from itertools import product

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import (
    Abs,
    Eq,
    Ge,
    Gt,
    Integer,
    Integral,
    Le,
    Lt,
    Max,
    Ne,
    Rational,
    Sum,
    Symbol,
    cos,
    exp,
    log,
    oo,
    sin,
    sqrt,
)

from theory.errors import OnemergeError
from theory.notation import symbols
from theory.proof.best import best_constant
from theory.proof.boxes import by_balls
from theory.proof.one_variable import by_roots
from theory.proof.relation import Problem
from theory.proof.smt import by_smt, feasible
from theory.proof.step import Proof, Step, by_proof, chain, decide
from theory.proof.symbolic import by_sympy
from theory.proof.witness import by_points

p, slem, agents, lr, sigma = symbols("p slem agents lr sigma")
x, y, z = (Symbol(name, real=True) for name in "xyz")
u, v = (Symbol(name, nonnegative=True) for name in "uv")
k, n = Symbol("k", integer=True, nonnegative=True), Symbol("n", integer=True, positive=True)
MOTZKIN = x**4 * y**2 + x**2 * y**4 - 3 * x**2 * y**2
TRUE = [  # claim, given, engines that prove it
    (Eq((x + 1) ** 2, x**2 + 2 * x + 1, evaluate=False), (), (by_sympy, by_smt)),
    (Eq(Integral((1 - x) ** 2 / 2, (x, 0, 1)), Rational(1, 6), evaluate=False), (), (by_sympy,)),
    (Eq(Sum(2**k, (k, 0, n)), 2 ** (n + 1) - 1, evaluate=False), (), (by_sympy,)),
    (Le((1 - p) * (2 - p), 2), (), (by_sympy, by_roots, by_smt)),
    (Le((1 - 1 / agents) * sigma**2, sigma**2), (), (by_sympy, by_smt)),
    (Ge(x**4 - 2 * x**2 + 1, 0), (), (by_roots, by_smt)),
    (Le(sqrt(u), (1 + u) / 2), (), (by_roots, by_smt)),
    (Le(sqrt(1 - p), 1 - p / 2), (), (by_smt,)),
    (Ge(MOTZKIN + 1, 0), (), (by_smt,)),
    (Le(Abs(x + y), Abs(x) + Abs(y)), (), (by_smt,)),
    (Le(Max(x, y), Abs(x) + Abs(y)), (), (by_smt,)),
    (Le(2 * x * y, lr * x**2 + y**2 / lr), (), (by_smt,)),
    (Gt(x**2, 2), (Gt(x, 2),), (by_roots, by_smt)),
    (Le(1 / x, 1), (Ge(x, 1),), (by_roots, by_smt)),
    (Gt(2 * cos(p), sin(p)), (), (by_balls,)),
    (Lt(log(1 + p), p + Rational(1, 100)), (), (by_balls,)),
    (Lt(p * exp(1 - p), Rational(101, 100)), (), (by_balls,)),
    (Le((1 - p) ** n * sigma**2, sigma**2), (), (by_smt,)),
    (Le(x, 0), (Lt((1 + u) ** k, 1),), (by_smt,)),
    (Lt(3 * u, 1 + sympy.pi * u), (), (by_smt,)),
    (Gt(sqrt(Integer(2)) * u + 1, Rational(141, 100) * u), (), (by_smt,)),
    (Le(x, z), (Le(x, sin(y)), Eq(sin(y), cos(z)), Ge(z, cos(z))), (by_sympy,)),
    (Gt(x**2 + x + 1, 0), (), (by_roots, by_smt, by_balls)),
    (Gt(u / (1 + u) + 2 - slem, Rational(9, 10)), (), (by_smt, by_balls)),
]
FALSE = [
    Ge(x**4 - 2 * x**2 + Rational(999, 1000), 0),
    Le(sqrt(u), Rational(999, 1000) * (1 + u) / 2),
    Le(sqrt(1 - p), Rational(999, 1000) - p / 2),
    Ge(MOTZKIN + Rational(999, 1000), 0),
    Le(2 * x * y, Rational(999, 1000) * (lr * x**2 + y**2 / lr)),
    Le((1 - p) ** n, Rational(9, 10)),
    Lt(slem, 1),
    Gt(1 - p, 0),
    Lt(1 / agents, 1),
    Eq(x * y, 0),
    Ne(x, 3),
    Gt(x**2, 0),
    Le((1 - 1 / agents) * sigma**2, Rational(9, 10) * sigma**2),
]
UNDEFINED = [Le(1 / x, 1 + x**2 + 1 / x), Ge(sqrt(x), 0, evaluate=False), Ge(log(x), -oo, evaluate=False)]


@pytest.mark.parametrize(("claim", "given", "engines"), TRUE, ids=[str(claim) for claim, *_ in TRUE])
def test_what_is_true_is_proved(claim, given, engines):
    problem = Problem(claim, given)
    for engine in (by_sympy, by_roots, by_points, by_smt):
        verdict = engine(problem, 4.0).verdict
        assert verdict == "proved" if engine in engines else verdict in ("unknown", "proved"), engine.__name__
    assert by_balls not in engines or by_balls(problem, 4.0).verdict == "proved"
    assert decide(Step(claim, "known", given)).verdict == "proved"


@pytest.mark.parametrize("claim", FALSE, ids=str)
def test_what_is_false_has_an_exact_witness(claim):
    for engine in (by_sympy, by_roots, by_smt):
        assert engine(Problem(claim), 4.0).verdict in ("refuted", "unknown"), engine.__name__
    assert by_balls(Problem(claim), 0.2).verdict == "unknown"
    decision = decide(Step(claim, "known"))
    assert decision.verdict == "refuted"
    assert all(value.is_number and not value.has(sympy.Float) for value in decision.witness.values())
    left, right = (side.subs(decision.witness) for side in claim.args)
    assert not type(claim)(left, right)


@pytest.mark.parametrize("claim", UNDEFINED, ids=str)
def test_a_claim_that_is_not_defined_everywhere_is_not_proved(claim):
    for engine in (by_sympy, by_roots, by_smt):
        assert engine(Problem(claim), 2.0).verdict == "unknown", engine.__name__
    assert by_balls(Problem(claim), 0.2).verdict == "unknown"


def test_domains_count_as_given():
    assert decide(Step(Le(p, 1, evaluate=False), "the domain of p")).verdict == "proved"
    assert decide(Step(Le(u, 1), "no domain of the notation")).verdict == "refuted"
    assert decide(Step(Ge(agents, 1, evaluate=False), "a count")).verdict == "proved"
    half = decide(Step(Ge((agents - 1) * (agents - 2), 0), "true for integers, false between them"), 0.05)
    assert half.verdict == "unknown"
    assert decide(Step(Gt(p, 0), "p = 0 is no rate")).verdict == "proved"


@pytest.mark.parametrize("sides", [(p, 2 * p), (2 * p, p), (agents, agents + 1), (u, u + v**2), (x, x + p)])
def test_a_difference_of_one_sign_is_no_equality(sides):
    claim = Eq(*sides, evaluate=False)
    assert by_sympy(Problem(claim)).verdict == "unknown"
    assert decide(Step(claim, "sides that differ")).verdict == "refuted"


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        (Le(x, 0.5), "float"),
        (Le(Symbol("w"), 1, evaluate=False), "domain"),
        (Gt(Symbol("w", real=True, nonzero=True) ** 2, 0, evaluate=False), "more than a domain says"),
        (Le(Symbol("w", nonpositive=True) ** 3, 0, evaluate=False), "more than a domain says"),
        (Ge(Symbol("w", positive=True, even=True), 2, evaluate=False), "more than a domain says"),
        (x + 1, "no relation"),
    ],
    ids=str,
)
def test_bad_claims_are_refused_with_a_sentence(claim, said):
    with pytest.raises(OnemergeError, match=said):
        Step(claim, "bad")


def _coefficients(degree):
    terms = [(i, j) for i, j in product(range(degree + 1), repeat=2) if i + j <= degree]
    return st.lists(st.integers(-3, 3), min_size=len(terms), max_size=len(terms)).map(
        lambda c: sum(a * x**i * y**j for a, (i, j) in zip(c, terms, strict=True))
    )


GRID = np.meshgrid(np.linspace(-4, 4, 161), np.linspace(-4, 4, 161))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(_coefficients(2), _coefficients(1), st.integers(-1, 4), st.booleans(), st.booleans())
def test_random_claims_agree_with_dense_sampling(base, region, shift, square, strict):
    """base^2 + shift >= 0 or base + shift >= 0 where region > 0: no proof against a sample, no false witness."""
    claim = (Gt if strict else Ge)((base**2 if square else base) + shift, 0, evaluate=False)
    given_ = (Gt(region, 0, evaluate=False),)
    value = np.broadcast_to(sympy.lambdify((x, y), claim.lhs)(*GRID), GRID[0].shape)
    inside = np.broadcast_to(sympy.lambdify((x, y), region)(*GRID), GRID[0].shape) > 1e-9
    fails = inside & ((value <= -1e-9) | (strict & (value < 0)))
    verdicts = {}
    for engine in (by_sympy, by_roots, by_points, by_smt):
        decision = engine(Problem(claim, given_), 1.0)
        verdicts[engine.__name__] = decision.verdict
        assert not (decision.verdict == "proved" and fails.any()), engine.__name__
        if decision.verdict == "refuted":
            point = {x: 0, y: 0} | decision.witness
            assert region.subs(point) > 0 if isinstance(region, sympy.Expr) else region > 0
            assert not (claim.lhs.subs(point) > 0 if strict else claim.lhs.subs(point) >= 0)
    assert not {"proved", "refuted"} <= set(verdicts.values())
    assert verdicts["by_smt"] in ("proved", "refuted")


@settings(max_examples=15, deadline=None, derandomize=True)
@given(_coefficients(3), st.integers(1, 30))
def test_balls_prove_nothing_that_sampling_contradicts(base, shift):
    box = (Ge(x, -1), Le(x, 1), Ge(y, -1), Le(y, 1))
    grid = np.meshgrid(np.linspace(-1, 1, 81), np.linspace(-1, 1, 81))
    value = np.broadcast_to(sympy.lambdify((x, y), base + shift)(*grid), grid[0].shape)
    proved = by_balls(Problem(Gt(base + shift, 0, evaluate=False), box), 0.3).verdict == "proved"
    assert proved == (value.min() > 0) or abs(value.min()) < 0.1


def test_a_proof_uses_nothing_but_what_is_given_or_shown():
    first = Step(Le(x, y), "from what is given", (Le(x, y - 1),))
    last = Step(Le(x, y + 1), "from the step before", (Le(x, y),))
    proof = Proof("order", (first, last), Le(x, y + 1), (Le(x, y - 1),))
    assert by_proof("v", proof).outcome == "proves"
    with pytest.raises(OnemergeError, match="neither given nor shown"):
        Proof("order", (last,), Le(x, y + 1))
    with pytest.raises(OnemergeError, match="does not claim the conclusion"):
        Proof("order", (first,), Le(x, y + 1), (Le(x, y - 1),))
    circle = Step(Le(x, y), "wrong", (Le(x, y + 1),))
    assert by_proof("v", Proof("order", (circle,), Le(x, y), (Le(x, y + 1),))).outcome == "undecided"


def test_links_of_a_chain_keep_strictness_and_direction():
    links = (Le(x, y), Lt(y, z))
    assert by_sympy(Problem(Lt(x, z), links)).verdict == "proved"
    assert by_sympy(Problem(Ge(z, x), links)).verdict == "proved"
    assert by_sympy(Problem(Le(z, x), links)).verdict == "unknown"
    assert by_sympy(Problem(Lt(x, y), links)).verdict == "unknown"


def test_without_its_solver_an_engine_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "z3", None)
    with pytest.raises(OnemergeError, match="extra 'rigor'"):
        by_smt(Problem(Ge(x**4 - 2 * x**2 + 1, 0)))


def test_contradictory_assumptions_are_refused():
    assert feasible((Gt(x, 1), Lt(x, 0))) is False
    assert feasible((Gt(x, 1),)) is True
    step = Step(Le(x, y), "anything follows", (Gt(x, 1), Lt(x, 0)))
    with pytest.raises(OnemergeError, match="contradicts itself"):
        by_proof("v", Proof("nonsense", (step,), Le(x, y), (Gt(x, 1), Lt(x, 0))))


def test_a_chain_fails_at_the_link_that_is_wrong():
    quantity = Symbol("quantity", real=True)
    given_ = (Le(quantity, u * v),)
    good = chain("am_gm", quantity, [(u * v, "given"), ((u + v) ** 2 / 4, "arithmetic and geometric mean")], given_)
    assert by_proof("v", good).outcome == "proves"
    bad = chain("am_gm", quantity, [(u * v, "given"), ((u + v) ** 2 / 5, "wrong constant")], given_)
    evidence = by_proof("v", bad)
    assert evidence.outcome == "undecided"
    assert "wrong constant" in evidence.found


@pytest.mark.parametrize(
    ("claim", "given_", "value"),
    [
        (Le(u * v, z * (u**2 + v**2)), (), Rational(1, 2)),
        (Ge(u**2 + v**2, z * u * v), (), 2),
        (Le(slem * (1 - slem), z), (), Rational(1, 4)),
        (Le(1 - 1 / agents, z), (), 1),
        (Le(u, z * (1 + u**2)), (), Rational(1, 2)),
    ],
    ids=str,
)
def test_best_constants_in_closed_form(claim, given_, value):
    best = best_constant(claim, z, given_)
    assert best.value == value
    assert not claim.subs(z, value * (1 - Rational(1, 1000))).subs(best.witness) or isinstance(claim, Ge)


def test_best_constants_depend_on_what_is_kept():
    best = best_constant(Le(p * u * v, z * (u**2 + v**2)), z, over=(u, v))
    assert sympy.simplify(best.value - p / 2) == 0


def test_best_constants_between_rationals():
    best = best_constant(Ge(x**5 - x + z, 0), z, given=(Ge(x, 0),))
    assert best.value is None
    assert best.low < 4 / 5**1.25 < best.high
    assert best.high - best.low <= best.high / 1000
    limited = best_constant(Le(u**2, z * u), z, given=(Le(u, 3),))
    assert limited.low < 3 <= limited.high


def test_a_constant_that_no_value_meets_is_refused():
    with pytest.raises(OnemergeError, match="no value"):
        best_constant(Le(u**2, z * u), z)
    with pytest.raises(OnemergeError, match="affine"):
        best_constant(Le(u, z**2), z)
