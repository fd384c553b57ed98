"""`onemerge report`, as a user calls it, on small runs."""

import base64
import json

import pandas as pd
import pytest
from click.testing import CliRunner

from paper_repro import ledger
from paper_repro.cli import main
from paper_repro.report import report

TINY = ("runs.rounds=5", "runs.local_steps=2", "runs.agents=4", "runs.width=8", "runs.batch=4", "runs.lr=0.05")


def onemerge(*words):
    """(exit code, standard output, standard error) of the command in this process."""
    done = CliRunner().invoke(main, list(map(str, words)), catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def strict(text):
    return json.loads(text, parse_constant=pytest.fail)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder with three items of small runs."""
    folder = tmp_path_factory.mktemp("report") / "results"
    pairs = [part for text in TINY for part in ("--set", text)]
    code, _, err = onemerge("reproduce", "fig1b", "fig1d", "fig2c", *pairs, "--seeds", 2, "--out", folder, "--jobs", 1)
    assert code in (0, 1), err
    return folder


@pytest.fixture(scope="module")
def made(results):
    """(record, text of the page)"""
    out = results.parent / "deep" / "page.html"
    code, shown, err = onemerge("report", results, "--out", out, "--json")
    assert code == 0, err
    return strict(shown), out.read_text(encoding="utf-8")


def test_the_page_has_every_figure_as_it_is(results, made):
    record, page = made
    assert record["bytes"] == len(page.encode())
    for name in ("fig1b", "fig1d", "fig2c"):
        assert base64.b64encode((results / f"{name}.png").read_bytes()).decode() in page
    assert page.count("data:image/png;base64,") == 3


def test_the_page_has_the_verdicts_of_reproduce(results, made):
    record, page = made
    for name in ("fig1b", "fig2c"):
        claims = strict((results / f"{name}.json").read_text())["claims"]
        shown = [claim for group in record["findings"] for claim in group["claims"] if claim["item"] == name]
        by_statement = {claim["statement"]: claim for claim in shown}
        assert len(by_statement) == len(claims)
        assert all(by_statement[claim["statement"]].items() >= claim.items() for claim in claims)
    assert "2 seeds, at least 3 are needed" in page
    assert sum(record["verdicts"].values()) == sum(len(item["claims"]) for item in record["items"] if item["ran"])


def test_the_command_on_the_page_makes_the_same_item(results, made):
    record, page = made
    (item,) = [one for one in record["items"] if one["item"] == "fig2c"]
    assert item["same_runs"]
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()}
    code, _, err = onemerge(*item["command"].split()[1:], "--jobs", 1)
    assert code in (0, 1), err
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()} == before
    assert item["command"] in page


def test_the_bytes_of_methods_are_those_of_the_formulas(results, made):
    record, _ = made
    (group,) = [one for one in record["communication"] if one["item"] == "fig1b"]
    methods = {row["method"]: row for row in group["methods"]}
    size = (64 * 8 + 8 + 8 * 8 + 8 + 8 * 10 + 10) * 4  # of the MLP of width 8, in float32
    assert methods["federated"]["bytes"]["mean"] == 2 * 3 * size * 5
    assert methods["federated"]["share"] == 1
    assert methods["local only"]["share"] == 0
    merged = methods["decentralized, one final merge"]
    gossip = merged["messages"]["mean"] - 2 * 4 * 3
    assert merged["bytes"]["mean"] == gossip * size + 2 * 3 * size
    table = pd.read_csv(results / "fig1b.csv")
    last = table[(table["label"] == "local only") & (table["round"] == 5) & table["agent"].isna()]
    accuracy = last.loc[last["metric"] == "average_global_accuracy", "value"]
    assert methods["local only"]["average_global_accuracy"]["mean"] == pytest.approx(accuracy.mean())


def test_what_has_not_run_is_said_on_the_terminal(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = onemerge("report", results)
    assert code == 0
    assert out.startswith("report.html (")
    assert "3 of " in out
    assert f"Not run: Figure 2a, made by onemerge reproduce fig2a --out {results}" in out
    assert (tmp_path / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("there",), "There is no folder there; onemerge reproduce --out there makes it."),
        ((".", "--out", "page.txt"), "--out is page.txt; it must be an .html file."),
        (("broken",), "broken/fig1d.json is truncated or not JSON: delete it, and onemerge reproduce fig1d"),
        ((".", "--out", "/proc/page.html"), "Cannot write"),
    ],
)
def test_wrong_calls_are_one_sentence(tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "fig1d.json").write_text('{"item": ')
    code, out, err = onemerge("report", *words)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert err.startswith("onemerge: ")
    assert sentence in err


def test_verify_computes_the_ledger_into_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "CLAIMS", {"remark-2": ledger.CLAIMS["remark-2"]})
    record = report(tmp_path, tmp_path / "page.html", verify=True)
    assert [row["claim"] for row in record["ledger"] if row["computed"]] == ["remark-2"]
    assert (tmp_path / "ledger" / "remark-2.json").exists()
    assert record["command"].endswith("--verify")
