"""`onemerge simulate`, as a user calls it."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from paper_repro.cli import main
from paper_repro.simulation.record import simulate_runs
from paper_repro.simulation.rows import chosen_runs
from sim.probes.named import PROBES
from sim.run import run
from sim.schedule import METHODS

SMALL = ("--set", "agents=3", "--set", "rounds=4", "--set", "local_steps=2", "--jobs", "1")
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def call(*words):
    return CliRunner().invoke(main, ("simulate", *words))


def strict(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout, parse_constant=pytest.fail)


def test_methods_stand_side_by_side_with_their_bytes():
    words = ("smooth", "--method", "dsgd_one_merge", "--against", "fedavg", "--against", "local:lr=0.01", *SMALL)
    record = strict(call(*words, "--set", "lr=0.05", "--json"))
    merged, server, local = record["rows"]
    assert [row["label"] for row in record["rows"]] == ["dsgd_one_merge", "fedavg", "local:lr=0.01"]
    assert [row["fields"]["lr"] for row in record["rows"]] == [0.05, 0.05, 0.01]
    assert merged["metrics"]["consensus_distance"]["max"] == 0  # the last communication is a merge
    assert local["metrics"]["consensus_distance"]["min"] > 0
    assert server["metrics"]["messages"]["mean"] == 4 * 2 * 3  # up and down, of three agents, in four rounds
    assert server["metrics"]["bytes"]["mean"] == 24 * 10 * 8
    assert local["metrics"]["bytes"]["mean"] == 0
    shown = call(*words, "--set", "lr=0.05")
    assert shown.exit_code == 0
    for text in ("dsgd_one_merge", "fedavg", "seeds 0 to 2", "×: bytes", "reused for all seeds"):
        assert text in shown.stdout


def test_numbers_are_those_of_the_library():
    record = strict(call("quadratic", "--set", "dim=3", *SMALL, "--seeds", "2", "--json"))
    (row,) = record["rows"]
    (spec,) = chosen_runs("quadratic", (None,), {"dim": "3", "agents": "3", "rounds": "4", "local_steps": "2"}).values()
    assert row["key"] == spec.key()
    table = run(spec, (0, 1))
    last = table[(table["round"] == 4) & (table["metric"] == "merged_loss")].set_index("seed")["value"]
    found = row["metrics"]["merged_loss"]
    assert found["per_seed"] == {str(seed): value for seed, value in last.items()}
    assert found["mean"] == pytest.approx(last.mean(), rel=1e-15)
    assert (found["min"], found["max"]) == (last.min(), last.max())


def test_the_record_has_the_fields_that_its_page_names():
    record = strict(call("smooth", *SMALL, "--seeds", "1", "--json"))
    section = DOCS.joinpath("json.md").read_text().partition("## `onemerge simulate --json`")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE))))
    assert named == set(record) | set(record["rows"][0])
    assert set(record["rows"][0]["metrics"]["bytes"]) == {"mean", "min", "max", "per_seed"}


def test_an_interrupted_call_goes_on_to_the_same_numbers(tmp_path):
    runs = chosen_runs("smooth", ("dsgd", "fedavg"), {"agents": "3", "rounds": "6"})

    def interrupt(done, total):
        if done == 8:  # in the second of two runs
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_runs(runs, 2, "broken", jobs=1, bar=interrupt)
    resumed = simulate_runs(runs, 2, "broken", jobs=1, csv="broken.csv")
    whole = simulate_runs(runs, 2, "whole", jobs=1, csv="whole.csv")
    assert [row["reused"] for row in resumed["rows"]] == [[0, 1], []]
    assert resumed["rows"][1]["results"]["0"]["from_round"] == 2
    assert [row["metrics"] for row in resumed["rows"]] == [row["metrics"] for row in whole["rows"]]
    assert Path("broken.csv").read_bytes() == Path("whole.csv").read_bytes()


def test_seeds_that_diverged_are_said_and_in_no_mean():
    words = ("quadratic", "--method", "local", "--against", "local:lr=50", "--set", "rounds=100", "--jobs", "1")
    fine, diverged = strict(call(*words, "--seeds", "2", "--json"))["rows"]
    assert fine["diverged"] == {}
    assert set(diverged["diverged"]) == {"0", "1"}
    nothing = {"mean": None, "min": None, "max": None, "per_seed": {"0": None, "1": None}}
    assert diverged["metrics"]["merged_loss"] == nothing
    shown = call(*words, "--seeds", "2").stdout
    assert f"local:lr=50: seed 1 diverged at step {diverged['diverged']['1']} and is in no mean." in shown
    assert "0 of 2" in shown


def test_the_csv_is_tidy():
    call("smooth", "--method", "dsgd", "--against", "fedavg:lr=0.2", *SMALL, "--seeds", "2", "--csv", "all.csv")
    table = pd.read_csv("all.csv")
    first = ["label", "key", "seed", "round", "step", "metric", "agent", "value"]
    assert list(table)[: len(first)] == first
    assert set(table.columns[len(first) :]) == {"lr", "gossip", "participation"}
    assert set(table["round"]) == {0, 1, 2, 3, 4}
    assert not table.duplicated(["label", "seed", "round", "metric", "agent"]).any()


def test_probes_are_taken_first_and_last_or_as_asked():
    words = ("smooth", "--set", "dim=3", *SMALL, "--seeds", "1", "--probes", "terms,spread", "--csv", "t.csv")
    (row,) = strict(call(*words, "--json"))["rows"]
    assert {"U", "U_printed", "T2", "spread_top"} <= set(row["metrics"])
    table = pd.read_csv("t.csv")
    assert set(table[table["metric"] == "U"]["round"]) == {0, 4}
    call(*words, "--probes-every", "2")
    table = pd.read_csv("t.csv")
    assert set(table[table["metric"] == "U"]["round"]) == {0, 2, 4}


def test_the_list_has_everything_and_fits_a_terminal(monkeypatch):
    found = strict(call("--list", "--json"))
    assert set(found["methods"]) == set(METHODS)
    assert set(found["probes"]) == set(PROBES)
    assert {record["field"] for record in found["fields"]} >= {"lr", "agents", "drop", "data"}
    monkeypatch.setattr("paper_repro.show.WIDE", 100)
    shown = call("smooth", "--list").stdout
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 100
    assert "…" not in shown
    for name in (*METHODS, *PROBES, "form", "outage_rounds", "sharpening_against"):
        assert name in shown
    assert not Path("results").exists()


BAD = {  # words: what the sentence says
    "quadratc": "Unknown problem 'quadratc'; valid: classification, quadratic",
    "--method fedavgg": "Unknown method 'fedavgg'; valid: local, fedavg",
    "--method dsgd --against dsgd:lr=0.1": "dsgd:lr=0.1 and dsgd are the same run",
    "--method dsgd --against fedavg:agents=0": "fedavg:agents=0: agents must be a whole number of at least 1, not 0",
    "--method dsgd --set gossip=ring": "gossip=ring would change what dsgd is, which has gossip=random_peers",
    "--method fedavg:lr": "what follows fedavg: reads FIELD=VALUE (like lr=0.05), not 'lr'",
    "--set lr": "--set reads FIELD=VALUE (like lr=0.05), not 'lr'",
    "--set lr=fast": "lr must be a number, not 'fast'",
    "--set lr=nan": "lr must be a positive number, not nan",
    "--set lr=0.1 --set lr=0.2": "lr is set twice: to 0.1 and to 0.2",
    "--set rounds=1e3": "rounds must be a whole number, not '1e3'",
    "--set agents=0": "agents must be a whole number of at least 1, not 0",
    "--set dim=3": "Unknown field 'dim' of runs; valid: agents,",
    "--set gossip=rings": "Unknown gossip 'rings'; valid: none, random_peers",
    "--set drop=1.5": "drop is 1.5; it must be a number from 0 to 1",
    "--set stale=-1": "stale is -1.0",
    "--set drop_pairs=maybe": "drop_pairs must be true or false, not 'maybe'",
    "--set window_start=3": "a window needs both ends, not 3 and None",
    "--set participation=0.5": "participation is a field of gossip server",
    "--set momentum=1 --set optimizer=momentum": "momentum must lie in [0, 1), not 1.0",
    "--set data=mnist": "Unknown data 'mnist'; valid: digits",
    "--set model=rnn": "Unknown model 'rnn'; valid: logistic",
    "--set side=8": "side is a field of data glyphs",
    "--set alpha=0": "alpha must be positive (inf for IID agents), not 0.0",
    "quadratic --set mu=2": "curvatures need 0 < mu <= L, not mu = 2.0 and L = 1.0",
    "--probes term": "Unknown probe 'term'; valid: spread",
    "--probes spread,spread": "Probe 'spread' is named twice",
    "--probes-every 5": "probes_every is 5, but no probes are named: give --probes",
    "--probes terms --set probes=spread": "probes is set twice: to spread and to terms",
    "--seeds 0": "seeds must be a whole number of at least 1, not 0",
    "--seeds x": "'x' is not a valid integer",
    "--device tpu": "Device 'tpu' is not available here; valid: cpu",
    "--jobs 0": "jobs must be at least 1, not 0",
    "--checkpoint-rounds 0": "checkpoint_rounds must be a whole number of at least 1",
    "--csv .": "--csv is ., a folder; it must be a file",
    "quadratic trouble": "Got unexpected extra argument (trouble)",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_one_sentence_and_writes_nothing(words, tmp_path):
    result = call(*words.split())
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("onemerge: ")
    assert BAD[words] in line
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def commands():
    """The `onemerge` lines of the blocks of docs/simulate.md."""
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCS.joinpath("simulate.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line.removeprefix("onemerge simulate ") for line in lines if line.startswith("onemerge simulate")]


@pytest.mark.parametrize("line", commands())
def test_examples_of_the_page_run(line):
    done = call(*line.split(), *(() if "--list" in line else ("--jobs", "1")))
    assert done.exit_code == 0, done.stderr


def test_the_page_explains_every_metric_and_method():
    page = DOCS.joinpath("simulate.md").read_text()
    found = strict(call("--list", "--json"))
    for name in (*found["problems"], *found["methods"], *(m for metrics in found["probes"].values() for m in metrics)):
        assert f"`{name}`" in page
