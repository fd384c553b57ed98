"""`onemerge verify` and `onemerge looseness`: the ledger computed, kept, shown, and compared with what is recorded."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from sympy import Rational

from paper_repro import ledger
from paper_repro.claims import CLAIMS, d5
from paper_repro.cli import main
from paper_repro.ledger import page, record_of, recorded
from sim.search.confidence import bonferroni
from theory.proof.evidence import INTERVALS, VERDICTS, Claim, Effort, Instance, by_instance
from theory.proof.step import by_proof

DOCS = Path(__file__).parents[2] / "docs" / "ledger.md"
FIELDS = {"claim", "kind", "title", "statement", "latex", "refuted_by", "verdict", "what", "variant", "variants",
          "evidence", "constants", "effort", "seconds", "versions", "revision", "inputs"}  # fmt: skip


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, list(words))


@pytest.mark.parametrize("name", CLAIMS)
def test_the_recorded_ledger_is_fresh(name):
    """Every verdict is computed again: as it is recorded, and as the page in the docs shows it."""
    record = record_of(CLAIMS[name], Effort())
    assert record["verdict"] == recorded()[name]
    row = next(line for line in DOCS.read_text().splitlines() if line.startswith(f"| [{name}](#"))
    assert f"| {record['verdict']} |" in row
    assert f"## {name}" in DOCS.read_text()
    levels = [one["numbers"]["level"] for one in record["evidence"] if one["engine"] == "simulation"]
    assert all(level >= bonferroni(0.99, INTERVALS) for level in levels)


def test_all_claims_are_recorded_and_their_links_lead_somewhere():
    assert list(recorded()) == list(CLAIMS)
    assert set(recorded().values()) <= set(VERDICTS)
    assert 1 <= DOCS.read_text().count("\n- simulation, ") <= INTERVALS  # so that all of them hold at once
    headings = {page.anchor({"claim": line[3:]}) for line in DOCS.read_text().splitlines() if line.startswith("## ")}
    links = re.findall(r"^\| \[[^]]+\]\(#([^)]+)\)", DOCS.read_text(), flags=re.MULTILINE)
    assert len(links) == len(CLAIMS)
    assert set(links) <= headings


def test_one_claim_is_computed_explained_and_kept(call, tmp_path, monkeypatch):
    first = call("verify", "d.5", "--json")
    assert first.exit_code == 0, first.output
    (record,) = json.loads(first.stdout, parse_constant=pytest.fail)
    assert set(record) == FIELDS
    assert record["verdict"] == "constant wrong"
    monkeypatch.setattr(ledger, "record_of", None)  # what is kept is not computed again
    again = call("verify", "D.5", "--json")
    assert again.stdout == first.stdout
    text = call("verify", "D.5", "--explain").stdout
    for words in ("Verdict: constant wrong: L4/6 in place of L4/24", "R3 <= L4*cube/6", "run it: python -c"):
        assert words in text
    assert r"\frac{L_4}{6}" in call("verify", "D.5", "--explain", "--latex").stdout
    line = re.search(r"run it: python -c '(.*)'", text)[1]
    exec(line, {})


def test_a_record_that_is_cut_short_or_of_another_effort_is_computed_anew(call, tmp_path):
    whole = call("verify", "remark-D.2", "--json").stdout
    path = tmp_path / "results" / "ledger" / "remark-D.2.json"
    path.write_text(path.read_text()[:100])
    again = json.loads(call("verify", "remark-D.2", "--json").stdout)
    assert [r["verdict"] for r in again] == [r["verdict"] for r in json.loads(whole)]
    other = json.loads(call("verify", "remark-D.2", "--json", "--tries", "50").stdout)
    assert other[0]["effort"]["tries"] == 50
    assert other[0]["inputs"] != again[0]["inputs"]


def test_what_is_recorded_as_proved_and_is_not_ends_with_code_one(call, monkeypatch):
    """A wrong kernel makes the proof of the right constant fail, and the claim is refuted without a repair."""
    wrong = Claim(**{**vars(d5.CLAIM), "check": lambda effort: proof_of_a_wrong_kernel()})
    monkeypatch.setitem(CLAIMS, "D.5", wrong)
    done = call("verify", "D.5", "--jobs", "1")
    assert done.exit_code == 1
    assert "D.5: what the ledger records as proved is not proved now." in done.stdout
    monkeypatch.setattr(ledger, "recorded", lambda: {"D.5": "refuted"})
    assert call("verify", "D.5", "--jobs", "1").exit_code == 0


def proof_of_a_wrong_kernel():
    yield by_instance("printed", Instance("cos", d5.cosine_remainder, {"n": 20, "over": 24}))
    yield by_proof("one sixth", d5.proof(Rational(1, 7)))


def test_the_ledger_is_a_table_and_two_processes_make_the_same(call):
    names = ("remark-2", "remark-6", "remark-D.1")
    table = call("verify", *names, "--jobs", "2")
    assert table.exit_code == 0, table.output
    for words in (*names, "proved", "3 claims", "--explain"):
        assert words in table.stdout
    kept = json.loads(call("verify", *names, "--json").stdout)
    alone = json.loads(call("verify", *names, "--json", "--out", "elsewhere", "--jobs", "1").stdout)
    for one, other in zip(kept, alone, strict=True):
        assert {k: v for k, v in one.items() if k != "seconds"}.keys() == other.keys() - {"seconds"}
        assert one["verdict"] == other["verdict"]
        assert [e["numbers"].keys() for e in one["evidence"]] == [e["numbers"].keys() for e in other["evidence"]]
        assert [e["found"] for e in one["evidence"]] == [e["found"] for e in other["evidence"]]


def test_looseness_prints_a_table_and_draws(call, tmp_path):
    done = call("looseness", "lemma_d1", "master_consensus", "--slems", "0.5", "--lrs", "0.1", "--steps", "2")
    assert done.exit_code == 0, done.output
    assert "lemma_d1" in done.stdout
    assert "…" not in done.stdout  # nothing is cut off
    assert (tmp_path / "results" / "looseness_lemma_d1_master_consensus_2.png").stat().st_size > 0
    rows = json.loads(call("looseness", "lemma_d1", "--slems", "0.5", "--lrs", "0.1", "--json").stdout)
    assert [row["bound"] for row in rows] == ["lemma_d1"]
    assert rows[0]["looseness"] >= 1


BAD = {
    "verify D.99": "unknown claim 'D.99'; valid claims are definition-2, A1",
    "verify --tries 0": "tries is 0",
    "verify --runs 1": "runs is 1",
    "verify D.5 --seed -1": "seed is -1",
    "verify D.5 --latex": "--latex goes with --explain",
    "verify D.5 --jobs 0": "jobs must be at least 1, not 0",
    "looseness foo": "unknown bound 'foo'",
    "looseness lemma_d1 --slems 1": "slem is 1.0; it must be above 0 and below 1",
    "looseness lemma_d1 --lrs x": "'x' is no list of numbers",
    "looseness lemma_d1 --steps 0": "steps is 0",
    "looseness rate_d12": "rate_d12 assumes A2, which a worst case does not know",
    "looseness ring_gap": "ring_gap is of kind 'equal'",
    "looseness lemma_d1 --plot x.txt": "x.txt has the suffix '.txt'",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_one_sentence(words, call, tmp_path):
    result = call(*words.split())
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1 or "running" in result.stderr
    assert BAD[words] in result.stderr
    assert not list(tmp_path.rglob("*.png"))


def test_extras_that_are_missing_are_named_before_any_work(call, tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "find_spec", lambda name: None)
    result = call("verify", "--jobs", "1")
    assert result.exit_code == 2
    assert (
        result.stderr == "onemerge: verify needs clarabel, flint, z3; install the extras: pip install '.[sdp,rigor]'\n"
    )
    assert not list(tmp_path.iterdir())
