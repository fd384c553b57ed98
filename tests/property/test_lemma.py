"""A statement of the reader's own, tried by all four engines: right ones, planted errors, and what is too wide."""

import subprocess
import sys
from dataclasses import replace

import pytest
from sympy import Rational

from paper_repro import lemma
from paper_repro.lemma import check_lemma
from theory.bound import Bound
from theory.bounds import BOUNDS
from theory.errors import OnemergeError
from theory.notation import symbols
from theory.proof.evidence import Effort
from theory.proof.looseness import case_of

p, lr, sigma, phi, zeta = symbols("p lr sigma phi zeta")
NOISY = ("A1", "A3", "independent_gossip", "independent_noise", "bounded_gradients", "zero_start")
EFFORT = Effort(tries=400, runs=64)


def stated(factor, assumptions=NOISY):
    return Bound(
        name="my_lemma",
        about="consensus_distance",
        kind="upper",
        formula=factor * (1 - p) / p**2 * lr**2 * (phi**2 + p * sigma**2),
        assumptions=assumptions,
        source="a test",
        statement="The consensus distance is at most a factor of (1 - p)/p^2 lr^2 (phi^2 + p sigma^2).",
        example={"lr": 0.1, "p": 0.4, "sigma": 1.0, "phi": 1.0},
    )


def outcomes(record):
    return {one["engine"]: one["outcome"] for one in record["evidence"]}


def test_a_right_statement_is_proved_and_no_engine_is_against_it():
    record = check_lemma(stated(4), EFFORT)
    assert record["verdict"] == "proved"
    assert outcomes(record) == {
        "symbolic": "proves", "worst case": "supports", "search": "supports", "simulation": "supports",
    }  # fmt: skip
    assert record["evidence"][0]["steps"][-1]["verdict"] == "proved"


@pytest.mark.parametrize("factor", [2, Rational(1, 2)])
def test_a_planted_error_is_caught(factor):
    record = check_lemma(stated(factor), EFFORT)
    assert record["verdict"] == "refuted"
    found = outcomes(record)
    assert found["symbolic"] == "undecided"
    assert found["worst case"] == found["search"] == "refutes"
    instance = next(one["instance"] for one in record["evidence"] if one["engine"] == "search")
    assert "2 agents" in instance["words"]
    for one in record["evidence"]:
        if one["instance"]:
            ran = subprocess.run([sys.executable, "-c", one["instance"]["python"]], capture_output=True, text=True)
            assert ran.returncode == 0, ran.stderr
            assert ran.stdout.startswith("Measured(measured=")


def test_what_only_looks_proved_without_an_assumption_is_not():
    """Without independent noise the proof of the sharp form is not there, and the factor 4 is not enough."""
    record = check_lemma(stated(4, tuple(tag for tag in NOISY if tag != "independent_noise")), EFFORT)
    assert record["verdict"] != "proved"


def test_engines_that_do_not_know_all_of_a_statement_say_so():
    wide = Bound(
        name="wide",
        about="weighted_spread_sq",
        kind="upper",
        formula=lr**2 * zeta**2,
        assumptions=("A1",),
        source="a test",
        statement="About what no engine measures.",
        example={"lr": 0.1, "zeta": 1.0},
    )
    record = check_lemma(wide, EFFORT)
    assert record["verdict"] == "open"
    assert set(outcomes(record).values()) == {"undecided"}
    assert all(one["found"].startswith("not tried: ") for one in record["evidence"])


def test_an_unsound_statement_is_refused_before_any_work(monkeypatch):
    monkeypatch.setattr(lemma, "attack", None)
    with pytest.raises(OnemergeError, match="rounded number"):
        check_lemma(stated(0.5))


def test_the_rate_of_parallel_sgd_is_no_rate_of_the_merged_model():
    """The planted error of forgetting the network: what is proved for exact averages is not used for gossip."""
    parallel = BOUNDS["rate_parallel_sgd"]
    tags = tuple(tag for tag in parallel.assumptions if tag != "parallel")
    forgotten = replace(parallel, name="forgotten", assumptions=("doubly_stochastic", "common_start", *tags))
    record = check_lemma(forgotten, Effort(tries=1000, runs=64))
    assert record["verdict"] == "refuted"
    assert outcomes(record)["symbolic"] == "undecided"


def test_a_record_of_another_region_is_passed_over():
    """Where lr L2 > 1 the record for lr L2 <= 1 says nothing, and what it says there is wrong."""
    lr, L2 = symbols("lr L2")
    known = BOUNDS["descent_r2"]
    beyond = replace(known, name="beyond", where=(lr * L2 > 1,), example=known.example | {"lr": 3.0, "L2": 1.0})
    record = check_lemma(beyond, EFFORT)
    assert record["verdict"] == "refuted"
    assert outcomes(record)["symbolic"] == "undecided"


@pytest.mark.parametrize(("name", "tag"), [("descent_r1", "A3"), ("master_consensus", "A3"), ("descent_r1", "smooth")])
def test_a_bound_on_the_noise_of_every_agent_is_not_all_of_assumption_3(name, tag):
    """Noise of bounded variance may be biased, and says nothing of zeta."""
    known = BOUNDS[name]
    tags = {*known.assumptions, "noise_per_agent"} - {tag}
    assert not list(lemma.followed(replace(known, name="mine", assumptions=tuple(sorted(tags)))))
    assert list(lemma.followed(replace(known, name="mine")))


def test_a_region_where_no_attack_reaches_says_so():
    """At p = 1 gossip is the exact average: the attacks have no such run, and nothing is left to simulate."""
    exact = replace(stated(4), where=(p >= 1,), example=stated(4).example | {"p": 1.0})
    record = check_lemma(exact, Effort(tries=40, runs=16))
    assert record["verdict"] == "proved"
    assert outcomes(record)["simulation"] == "undecided"


@pytest.mark.parametrize("tag", ["zero_start", "common_start"])
def test_one_step_from_models_apart_says_nothing_of_a_common_start(tag):
    known = BOUNDS["lemma_d1_sharp"]
    assert case_of(known, 0.5, 0.1, 1)
    with pytest.raises(OnemergeError, match="common start"):
        case_of(replace(known, assumptions=(*known.assumptions, tag)), 0.5, 0.1, 1)
