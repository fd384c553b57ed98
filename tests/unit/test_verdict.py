"""The rule that turns evidence into a verdict, on claims made up for it."""

from fractions import Fraction

import pytest

from theory.errors import OnemergeError
from theory.proof.evidence import (
    Claim,
    Constant,
    Evidence,
    Instance,
    Measured,
    Variant,
    by_instance,
    by_interval,
    by_search,
    verdict_of,
)

PRINTED = Variant("printed", "x is at most 1/24", r"x\leq\frac{1}{24}")
CONSTANT = Variant("repaired", "x is at most 1/6", r"x\leq\frac{1}{6}", "constant", "1/6")
STRONGER = Variant("bounded", "x is at most 1/24 for small x", r"x\leq\frac{1}{24}", "assumption", "x is small")


def claim(*variants):
    return Claim("X.1", "lemma", "a claim made up", (PRINTED, *variants), lambda effort: (), "an x above")


def size(x):
    return Measured(x, Fraction(1, 24))


def proof(variant):
    return Evidence("symbolic", variant, "proves", "every step is decided")


ABOVE, WITHIN = Instance("x = 1/6", size, {"x": Fraction(1, 6)}), Instance("x = 1/24", size, {"x": Fraction(1, 24)})


@pytest.mark.parametrize(
    ("variants", "evidence", "verdict", "what"),
    [
        ([], [proof("printed")], "proved", ""),
        ([], [by_instance("printed", ABOVE)], "refuted", "x = 1/6: 0.166667, above the allowed 0.0416667"),
        ([CONSTANT], [by_instance("printed", ABOVE), proof("repaired")], "constant wrong", "1/6"),
        ([STRONGER], [by_instance("printed", ABOVE), proof("bounded")], "holds with a stronger assumption", "x is"),
        ([CONSTANT], [by_instance("printed", ABOVE)], "refuted", "x = 1/6: 0.166667, above the allowed 0.0416667"),
        ([CONSTANT], [proof("repaired")], "open", "no engine decides it"),
        ([], [by_instance("printed", WITHIN)], "open", "1 tries decide nothing"),
        ([], [by_search("printed", 0.5, 90, 70, "random x")], "open", "70 tries decide nothing"),
        ([], [by_interval("printed", 0.1, 0.2, "runs", 9, 9, 0.999)], "refuted", "runs"),
        ([], [by_interval("printed", -0.2, -0.1, "runs", 9, 9, 0.999)], "open", "9 tries decide nothing"),
        ([], [by_interval("printed", -0.2, 0.1, "runs", 9, 9, 0.999), proof("printed")], "proved", ""),
    ],
)  # fmt: skip
def test_the_verdict_follows_from_the_evidence(variants, evidence, verdict, what):
    found = verdict_of(claim(*variants), evidence)
    assert found.verdict == verdict
    assert found.what.startswith(what)
    assert verdict_of(claim(*variants), reversed(evidence)).verdict == verdict


def test_the_first_variant_that_is_proved_is_the_right_one():
    evidence = [by_instance("printed", ABOVE), proof("bounded"), proof("repaired")]
    assert verdict_of(claim(CONSTANT, STRONGER), evidence).variant == "repaired"
    assert verdict_of(claim(STRONGER, CONSTANT), evidence).variant == "bounded"


def test_a_claim_that_is_proved_and_refuted_is_an_error():
    with pytest.raises(OnemergeError, match="proved and refuted at once"):
        verdict_of(claim(), [proof("printed"), by_instance("printed", ABOVE)])


def test_an_instance_is_run_and_can_be_run_again():
    found = by_instance("printed", ABOVE)
    assert found.outcome == "refutes"
    assert found.numbers == {"measured": pytest.approx(1 / 6), "allowed": pytest.approx(1 / 24), "error": 0.0}
    assert ABOVE.python.endswith("print(size(x=Fraction(1, 6)))")
    assert by_instance("printed", Instance("near", lambda: Measured(1.0, 0.9, 0.2))).outcome == "undecided"


def test_a_search_with_an_instance_refutes_and_without_one_says_its_counts():
    found = by_search("printed", 4.0, 10, 10, "random x", ABOVE)
    assert found.outcome == "refutes"
    assert by_search("printed", 0.9, 10, 0, "random x").outcome == "undecided"  # nothing was inside the assumptions
    with pytest.raises(OnemergeError, match="needs the instance"):
        by_search("printed", 4.0, 10, 10, "random x")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Evidence("search", "printed", "proves", "", tries=9), "a search proves nothing"),
        (lambda: Evidence("simulation", "printed", "supports", ""), "says how often it tried"),
        (lambda: Evidence("guess", "printed", "supports", ""), "engine 'guess' is not one of"),
        (lambda: Evidence("symbolic", "printed", "true", ""), "outcome 'true' is not one of"),
        (lambda: Variant("x", "", "", "constant"), "a change needs its words"),
        (lambda: Variant("x", "", "", "form", "y"), "change 'form' is not one of"),
        (lambda: claim(PRINTED), "two variants have the name of one"),
        (lambda: Claim("X", "lemma", "", (CONSTANT,), lambda effort: (), ""), "the first variant is the printed one"),
        (lambda: verdict_of(claim(), [proof("other")]), "has no variant 'other'; it has printed"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(OnemergeError, match=message):
        make()


def test_looseness():
    assert Constant("12", 12.0, 2.0, "").looseness == 6
    assert Constant("1/24", 1 / 24, 1 / 6, "").looseness == pytest.approx(1 / 4)
