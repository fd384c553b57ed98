"""Definitions, assumptions, gossip and costs: verdicts follow from evidence, and turn when a claim is changed."""

from functools import partial

import pytest
from sympy import Integer, Rational

from paper_repro.claims import (
    CLAIMS,
    a1,
    a2,
    a3,
    a4,
    communication,
    d3,
    d4,
    d5,
    definition_2,
    random_graphs,
    remark_2,
    remark_6,
)
from paper_repro.claims.cubic import cubed, small
from paper_repro.claims.cubic import proof as cubic_proof
from paper_repro.claims.exact import by_enumeration, by_opposite
from theory.errors import OnemergeError
from theory.proof.evidence import Constant, Effort, Evidence, outcome_of, verdict_of
from theory.proof.step import by_proof

EFFORT = Effort(tries=200, runs=64)
STRONGER = "holds with a stronger assumption"
VERDICTS = {
    "definition-2": (STRONGER, "fixed weights"),
    "A1": (STRONGER, "matching"),
    "A2": ("proved", "printed"),
    "A3": (STRONGER, "independent"),
    "A4": (STRONGER, "weak"),
    "D.3": (STRONGER, "one loss"),
    "D.4": (STRONGER, "independent, one loss"),
    "D.5": ("constant wrong", "one sixth"),
    "random-graphs": ("proved", "printed"),
    "communication": ("proved", "printed"),
    "remark-2": ("proved", "printed"),
    "remark-6": (STRONGER, "eigendirections"),
}
REFUTED_BESIDES = {  # variants that are refuted too
    "definition-2": {"sign of U"},
    "A2": {"quadratic", "with PL"},
    "A4": {"degree", "weak for every usual loss"},
    "D.3": {"fourth order"},
    "random-graphs": {"both directions"},
    "communication": {"always less"},
}


def evidence(module, **options):
    return [one for one in module.CLAIM.check(EFFORT, **options) if isinstance(one, Evidence)]


def verdict(module, **options):
    return verdict_of(module.CLAIM, evidence(module, **options)).verdict


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict(name):
    claim = CLAIMS[name]
    found = list(claim.check(EFFORT))
    shown = [one for one in found if isinstance(one, Evidence)]
    answer = verdict_of(claim, shown)
    assert (answer.verdict, answer.variant) == VERDICTS[name]
    refuted = {v.name for v in claim.variants[1:] if outcome_of(v.name, shown) == "refutes"}
    assert refuted == REFUTED_BESIDES.get(name, set())
    decisive = {one.engine for one in shown if one.variant == claim.printed.name and one.outcome != "undecided"}
    assert len(decisive) >= 2
    for constant in (one for one in found if isinstance(one, Constant)):
        assert isinstance(constant.printed, float)
        assert isinstance(constant.best, float)


@pytest.mark.parametrize("name", VERDICTS)
def test_instances_run_from_the_line_that_is_shown(name):
    shown = [one for one in CLAIMS[name].check(EFFORT) if isinstance(one, Evidence) and one.instance]
    for one in shown:
        printed = []
        exec(one.instance.python, {"print": printed.append})
        assert printed[0].violates == (one.outcome == "refutes")


def flipped(monkeypatch, module, name, **options):
    """The verdict where one proof of a claim is asked for something else."""
    monkeypatch.setattr(module, name, partial(getattr(module, name), **options))
    return verdict(module)


@pytest.mark.parametrize(
    ("module", "name", "options", "expected"),
    [
        (definition_2, "fixed_proofs", {"constant": Rational(1, 7)}, "refuted"),
        (a2, "bounded_proof", {"share": Rational(9, 10)}, "open"),
        (a3, "proof", {"independent": False}, "refuted"),
        (d3, "homogeneous", {"constant": Rational(1, 7)}, "refuted"),
        (d3, "homogeneous", {"same": False}, "refuted"),
        (d4, "proof", {"independent": False}, "refuted"),
        (d5, "proof", {"constant": Rational(1, 7)}, "refuted"),
        (random_graphs, "proofs", {"low": Rational(3, 5)}, "open"),
        (random_graphs, "proofs", {"high": Rational(9, 10)}, "open"),
        (communication, "proofs", {"high": Rational(3, 2)}, "open"),
        (communication, "proofs", {"low": Rational(3, 2)}, "open"),
        (remark_2, "proof", {"stated": 61}, "open"),
        (remark_6, "proofs", {"low": Rational(1, 2)}, "refuted"),
        (remark_6, "proofs", {"high": 3}, "refuted"),
    ],
)
def test_another_constant_or_assumption_turns_the_verdict(monkeypatch, module, name, options, expected):
    if module is d3:  # the variants of other laws and constants stand on their own
        monkeypatch.setattr(d3, "symmetric", partial(d3.homogeneous, constant=Rational(1, 7)))
        monkeypatch.setattr(d3, "proof", lambda: small(3, Integer(1)))
    if module is communication:
        monkeypatch.setattr(communication, "below", lambda turn: communication.proofs())
    assert flipped(monkeypatch, module, name, **options) == expected


def test_printed_statements_are_not_refuted_where_their_faults_are_mended():
    assert not a1.column_gap((1, 0)).violates
    assert not a3.mean_of_noise((1, 1), shared=False).violates
    assert not a4.sharpening("log_cosh", "1").violates
    assert not d3.different_losses(100, 1, same=True).violates
    assert not d3.one_cosine((2, -1, -1), 100, "0", 3).violates
    assert not d4.shared_noise(1, 1, 2, shared=False).violates
    assert not d4.different_losses(20, same=True).violates
    assert not d5.cosine_remainder(20, over=6).violates
    assert d5.cosine_remainder(20, over=7).violates
    assert not definition_2.mergeable((0, 1, 3), uniform=True).violates
    assert not remark_6.turns(1, 1, "3/2").violates
    assert not communication.exceeds(16, 300, "1/5").violates


def test_opposites_need_their_premises():
    assert by_opposite("printed", definition_2.opposite(Rational(1, 2))).outcome == "undecided"
    assert by_opposite("with PL", a2.pl_opposite(pl=False)).outcome == "undecided"
    assert by_opposite("with PL", a2.pl_opposite()).outcome == "refutes"
    assert by_opposite("printed", remark_6.slow_opposite(share=1)).outcome == "undecided"


def test_one_sixth_is_not_refuted():
    assert verdict(d5, printed=Rational(1, 6)) == "open"


def test_random_peers_of_another_rate(monkeypatch):
    wrong = lambda m, R: 1 - R / 2  # noqa: E731
    assert by_proof("rows", a1.rows_proof(wrong)).outcome == "undecided"
    assert by_proof("matching", a1.matching_proof(wrong)).outcome == "undecided"
    monkeypatch.setattr(a1, "keep", wrong)
    assert verdict_of(a1.CLAIM, _without_proofs(evidence(a1))).verdict == "refuted"


def _without_proofs(found):
    return [one for one in found if one.engine != "symbolic"]


def test_a_matching_would_not_refute_assumption_1(monkeypatch):
    from theory.random_gossip import random_matching

    monkeypatch.setattr(a1, "random_peers", random_matching)
    (simulated,) = [one for one in evidence(a1) if one.engine == "simulation"]
    assert simulated.outcome == "undecided"


def test_the_weak_form_is_decided_by_function(monkeypatch):
    for name in ("softplus", "arctan", "gaussian_well", "quadratic"):
        assert by_proof("weak", a4.weak_proof(name)).outcome == "undecided"
    monkeypatch.setattr(a4, "SATISFY", ("log_cosh", "softplus"))
    assert verdict(a4) == "refuted"


@pytest.mark.parametrize("share", [1, Rational(99, 100)])
def test_cubic_moments_are_the_smallest(share):
    expected = "proves" if share == 1 else "undecided"
    assert by_proof("cubes", cubic_proof(lambda m: share * cubed(m))).outcome == expected
    assert by_proof("cubes", small(2, Integer(1) * share)).outcome == expected
    assert by_proof("cubes", small(3, Rational(3, 2) * share)).outcome == expected


def test_orders_of_the_implicit_bias():
    assert d3.halving((2, -1, -1), 4) == 8
    assert d3.halving((1, -1), 5) == 16
    assert d3.one_cosine((2, -1, -1), 100, "0", 4).violates
    assert not d3.one_cosine((1, -1), 10, "pi/2", 4).violates


def test_a_wrong_count_refutes():
    assert by_enumeration("printed", [(1, 1), (2, 3)], "counts", 2).outcome == "refutes"
    assert by_enumeration("printed", [], "counts", 0).outcome == "undecided"


@pytest.mark.parametrize(
    "call",
    [
        lambda: a1.column_gap((2, 0)),
        lambda: a4.sharpening("cos", "1", sigma=-1),
        lambda: d5.cosine_remainder(0),
        lambda: d4.different_losses(0),
        lambda: remark_6.turns("1/4", 1, "1/2"),
        lambda: remark_6.turns(2, 1, "3/2"),
        lambda: definition_2.mergeable((1, 1)),
        lambda: definition_2.sharper("relu", "0", 10),
        lambda: communication.exceeds(2, 3, 2),
        lambda: random_graphs.exchanged(3, 3),
    ],
)
def test_instances_outside_their_assumptions_are_refused(call):
    with pytest.raises(OnemergeError):
        call()


def test_the_losses_of_the_two_agents_meet_assumption_2():
    from sim.testbed import smooth_huber

    psi = smooth_huber(1)
    assert psi.norms[3] < d3.L4_CORE == d4.L4_CORE
    assert [psi([-0.5, 0.5], order=1).tolist(), psi([0.01], order=1).tolist()] == [[-0.5, 0.5], [0.01]]
