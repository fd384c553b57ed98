"""`onemerge reproduce` end to end, on runs that are small enough for a test."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner

from paper_repro.cli import main

TINY = ("runs.rounds=30", "runs.local_steps=2", "runs.agents=4", "runs.width=8", "runs.batch=4", "runs.lr=0.05")


def onemerge(*words):
    """(exit code, standard output, standard error) of the command in this process."""
    done = CliRunner().invoke(main, list(words), catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def reproduce(folder, *words, settings=TINY, jobs=1):
    pairs = [part for setting in settings for part in ("--set", setting)]
    return onemerge("reproduce", *words, *pairs, "--out", str(folder), "--jobs", str(jobs))


def strict(text):
    def refuse(name):
        raise ValueError(f"{name} is not strict JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Figures of the small runs, once."""
    folder = tmp_path_factory.mktemp("results")
    code, out, err = reproduce(folder, "fig1b", "fig1c", "fig1d", "fig2a", "fig2b", "fig2c", "--json")
    assert code in (0, 1), err
    return folder, strict(out)


def test_every_item_leaves_its_four_files(done):
    folder, records = done
    assert [record["item"] for record in records] == ["fig1b", "fig1c", "fig1d", "fig2a", "fig2b", "fig2c"]
    for record in records:
        assert [path for path in record["files"] if (folder / path).stat().st_size == 0] == []
        assert strict((folder / f"{record['item']}.json").read_text()) == record
        assert (folder / f"{record['item']}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / f"{record['item']}.pdf").read_bytes().startswith(b"%PDF")
    assert not (folder / "states").exists() or not any((folder / "states").rglob("*.pt"))


def test_the_record_says_what_ran(done):
    _, records = done
    fig2a = records[3]
    assert len(fig2a["runs"]) == 11
    fields = fig2a["runs"]["rounds 3–6"]["fields"]
    assert fields["window_start"] == 3
    assert fields["agents"] == 4
    assert fields["width"] == 8
    assert set(fig2a["runs"]["rounds 3–6"]["results"]) == {"0", "1", "2"}
    assert fig2a["versions"]["torch"]
    assert "scikit-learn's digits" in fig2a["caption"]
    assert "CIFAR-100" in fig2a["caption"]
    assert all(claim["verdict"] in ("confirmed", "refuted", "not confirmed") for claim in fig2a["claims"])


def test_the_table_is_tidy(done):
    folder, _ = done
    table = pd.read_csv(folder / "fig2a.csv")
    assert list(table.columns[:7]) == ["label", "seed", "round", "step", "metric", "agent", "value"]
    assert {"window_start", "window_stop"} <= set(table.columns)
    assert table["value"].notna().all()


def test_a_record_is_reused_until_its_files_change(done):
    folder, records = done
    figure = folder / "fig2c.png"
    whole, written = figure.read_bytes(), figure.stat().st_mtime_ns
    code, out, _ = reproduce(folder, "fig2c", "--json")
    assert strict(out) == [record for record in records if record["item"] == "fig2c"]
    assert figure.stat().st_mtime_ns == written
    figure.write_bytes(whole[:100])
    (folder / "fig2c.json").write_text("{")
    assert reproduce(folder, "fig2c")[0] == code
    assert figure.read_bytes() == whole


def test_shared_rounds_are_run_once(done):
    _, records = done
    starts = {label: run["results"]["0"]["from_round"] for label, run in records[3]["runs"].items()}
    assert starts["rounds 27–30"] == 27
    assert starts["rounds 3–6"] == 3


def test_a_second_call_reuses_and_a_changed_setting_does_not(done):
    folder, _ = done
    before = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*")}
    reproduce(folder, "fig2c")
    assert {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*")} == before
    reproduce(folder, "fig2c", settings=(*TINY, "runs.lr=0.06"))
    after = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("seed*.csv")}
    assert len(after) == sum(path.suffix == ".csv" for path in before) + 6
    assert all(after[path] == before[path] for path in before if path.suffix == ".csv")


def test_more_seeds_run_only_the_new_ones(done):
    folder, _ = done
    before = set((folder / "runs").rglob("seed*.csv"))
    code, out, _ = reproduce(folder, "fig2c", "--seeds", "4", "--json")
    assert code in (0, 1)
    assert {path.name for path in set((folder / "runs").rglob("seed*.csv")) - before} == {"seed3.csv"}
    assert strict(out)[0]["seeds"] == [0, 1, 2, 3]


def test_a_diverging_run_is_shown_as_such(tmp_path):
    code, out, _ = reproduce(
        tmp_path, "fig2c", "--json", settings=(*TINY[:-1], "runs.lr=1e6", "runs.optimizer=momentum")
    )
    table = pd.read_csv(tmp_path / "fig2c.csv")
    assert code == 0
    assert (table["metric"] == "diverged").sum() == 6
    assert {claim["verdict"] for claim in strict(out)[0]["claims"]} == {"not confirmed"}
    assert "diverged" in strict(out)[0]["claims"][0]["note"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fig9",), "Unknown item 'fig9'; valid: fig1a, fig1b"),
        (("fig2c", "--set", "runs.speed=1"), "Unknown field 'speed'"),
        (("table1", "--set", "runs.alpha=1"), "table1: Unknown field 'alpha'"),
        (("fig2c", "--set", "lr=1"), "runs.FIELD=VALUE"),
        (("fig2c", "--set", "runs.lr=fast"), "lr must be a number, not 'fast'"),
        (("fig2c", "--set", "runs.agents=2.5"), "agents must be a whole number, not '2.5'"),
        (("fig2c", "--set", "runs.lr=-1"), "lr must be a positive number, not -1.0"),
        (("fig2c", "--set", "runs.gossip=shout"), "Unknown gossip 'shout'; valid: none, random_peers"),
        (("fig2c", "--set", "runs.peers=-0.5"), "-0.5"),
        (("fig2c", "--seeds", "0"), "seeds must be a whole number of at least 1, not 0"),
        (("fig2c", "--device", "tpu"), "Device 'tpu' is not available here; valid: cpu"),
        (("fig2c", "--jobs", "0"), "jobs must be at least 1, not 0"),
        (("fig2c", "--frobnicate"), "--frobnicate"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(tmp_path, words, said):
    code, out, err = onemerge("reproduce", *words, "--out", str(tmp_path / "out"))
    assert code == 2
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_an_unwritable_folder_is_said_before_any_run(tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = onemerge("reproduce", "fig2c", "--out", str(tmp_path / "file" / "results"))
    assert code == 2
    assert "Cannot write" in err
    assert err.count("\n") == 1


def test_a_truncated_table_is_said_and_nothing_is_lost(done):
    folder, _ = done
    victim = sorted((folder / "runs").rglob("seed0.csv"))[0]
    whole = victim.read_bytes()
    victim.write_bytes(whole[: len(whole) // 2])
    try:
        code, _, err = reproduce(folder, "fig1b", "fig2a", "fig2b", "fig2c")
        assert code == 2
        assert str(victim) in err
        assert "truncated" in err
        assert victim.read_bytes() == whole[: len(whole) // 2]
    finally:
        victim.write_bytes(whole)


def test_list_names_items_and_claims():
    code, out, _ = onemerge("list", "--json")
    assert code == 0
    assert [record["item"] for record in strict(out)][:2] == ["fig1a", "fig1b"]
    assert onemerge("list")[0] == 0


def test_panels_from_runs_to_the_table(tmp_path):
    """What a user asks of m agents holds for both sizes, and the table names the runs as the record does."""
    small = ("runs.rounds=2", "runs.local_steps=1", "runs.agents=2", "runs.width=2", "runs.batch=2", "runs.lr=0.2")
    code, out, err = reproduce(tmp_path, "c1", "--seeds", "1", "--json", settings=small)
    assert code == 0, err
    (record,) = strict(out)
    fields = {label: (run["fields"]["agents"], run["fields"]["lr"]) for label, run in record["runs"].items()}
    assert {label.split(": ")[0]: pair for label, pair in fields.items()} == {
        "SGD, 2 agents": (2, 0.2),
        "SGD, 4 agents": (4, 0.2),
        "AdamW, 2 agents": (2, pytest.approx(0.002)),
        "AdamW, 4 agents": (4, pytest.approx(0.002)),
    }
    table = pd.read_csv(tmp_path / "c1.csv")
    assert list(dict.fromkeys(table["label"])) == list(record["runs"])
    assert set(table["chance"]) == {0.1}
    assert "other panels with 4 agents, or with AdamW (lr 0.002)" in record["caption"]
    assert len({label for label in fields if "one-shot" in label}) == 4


def test_table1_in_full(tmp_path):
    code, out, _ = onemerge("reproduce", "table1", "--out", str(tmp_path), "--jobs", "1", "--json")
    assert code == 0
    assert [claim["verdict"] for claim in strict(out)[0]["claims"]] == ["confirmed"] * 3
