import json
import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sim.network import Classification
from sim.quadratic import Quadratic
from sim.run import run
from sim.simulate import simulate
from sim.spec import Spec
from sim.store import Store, csv_bytes, json_bytes, write_whole
from theory.errors import OnemergeError

SPEC = Spec(Quadratic(dim=3), agents=3, rounds=4, gossip="ring", optimizer="adamw", lr=0.01, keep_models=True)


def sentence(call):
    with pytest.raises(OnemergeError) as error:
        call()
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


@pytest.fixture
def store(tmp_path):
    """A store with the seeds 0 and 1 of SPEC."""
    store = Store(tmp_path)
    run(SPEC, (0, 1), store=store)
    return store


def file_of(store, name):
    return store.folder / "runs" / SPEC.key() / name


def test_what_is_stored_is_what_was_simulated(store):
    table = run(SPEC, (0, 1))
    pd.testing.assert_frame_equal(store.load(SPEC, (0, 1)), table, check_exact=True)
    pd.testing.assert_frame_equal(
        store.load(SPEC, (1,)), table[table["seed"] == 1].reset_index(drop=True), check_exact=True
    )
    _, state = simulate(SPEC.build((0, 1)), SPEC.schedule(), SPEC.local_optimizer(), rounds=4, local_steps=10)
    for replica in (0, 1):
        np.testing.assert_array_equal(store.models(SPEC, replica), state.theta[replica])
    assert json.loads(file_of(store, "spec.json").read_text()) == SPEC.flat()
    facts = store.facts(SPEC, 0)
    assert facts["rows"] == len(table) // 2
    assert facts["seconds"] > 0
    assert facts["device"].startswith("CPU")
    assert not list(store.folder.rglob(".*"))
    assert not list(store.folder.glob("states/*/*"))


def test_per_agent_rows_and_divergence_survive(tmp_path):
    spec = Spec(Classification(width=4), agents=2, rounds=6, local_steps=2, batch=4, gossip="none", lr=3.0)
    for lr in (0.1, 1e30):
        chosen = replace(spec, lr=lr)
        stored = run(chosen, (0, 1), store=Store(tmp_path))
        pd.testing.assert_frame_equal(stored, run(chosen, (0, 1)), check_exact=True)
        assert stored["agent"].notna().any() == (lr == 0.1)
        assert ("diverged" in set(stored["metric"])) == (lr == 1e30)


def test_only_missing_seeds_run(store, monkeypatch):
    assert store.missing(SPEC, (1, 5, 0, 2)) == (5, 2)
    assert store.missing(replace(SPEC, lr=0.02), (0,)) == (0,)
    asked = []
    monkeypatch.setattr(
        "sim.run.simulate",
        lambda problem, *rest, **named: asked.append(problem.seeds) or simulate(problem, *rest, **named),
    )
    run(SPEC, (1, 2, 0), store=store)
    run(SPEC, (0, 1, 2), store=store)
    assert asked == [(2,)]
    file_of(store, "seed1.json").unlink()
    assert store.missing(SPEC, (0, 1)) == (1,)


@pytest.mark.parametrize("content", [None, b"", b"half", b"{}", b"[1]"])
@pytest.mark.parametrize("name", ["seed1.csv", "seed1.json", "models1.npy"])
def test_damaged_results_are_named(store, name, content):
    path = file_of(store, name)
    whole = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(whole[: len(whole) // 2] if content == b"half" else content)
    read = (lambda: store.models(SPEC, 1)) if name.startswith("models") else (lambda: store.load(SPEC, (0, 1)))
    assert str(path) in sentence(read)
    store.load(SPEC, (0,))
    store.models(SPEC, 0)
    file_of(store, "seed1.json").unlink(missing_ok=True)  # what the sentence says to do
    run(SPEC, (0, 1), store=store)
    assert path.read_bytes() == whole or name == "seed1.json"  # which holds the seconds, too


def test_an_edited_table_is_named(store):
    path = file_of(store, "seed0.csv")
    path.write_text(path.read_text().replace("0.", "1.", 1))
    assert str(path) in sentence(lambda: run(SPEC, (0, 1), store=store))


@pytest.mark.parametrize("content", [b"", b"half", b"not a state"])
def test_damaged_states_are_named(tmp_path, content):
    store = Store(tmp_path)

    def interrupt(state):
        if state.round == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(SPEC, (0, 1), store=store, on_round=interrupt)
    (path,) = store.folder.glob("states/*/*/*.pt")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content == b"half" else content)
    text = sentence(lambda: run(SPEC, (0, 1), store=store))
    assert str(path) in text
    (pointer,) = store.folder.glob("states/*/*/latest.json")
    assert f"delete {pointer} to start its run afresh" in text
    pointer.unlink()  # what the sentence says to do
    pd.testing.assert_frame_equal(run(SPEC, (0, 1), store=store), run(SPEC, (0, 1)), check_exact=True)


def test_writes_are_atomic(tmp_path, monkeypatch):
    """What fails in the middle leaves the old file and nothing beside it."""
    path = tmp_path / "deep" / "file"
    write_whole(path, b"old")
    monkeypatch.setattr(
        "sim.atomic.os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    assert sentence(lambda: write_whole(path, b"new")) == (
        f"Cannot write {path}: No space left on device; choose a folder you can write with --out."
    )
    monkeypatch.setattr("sim.atomic.os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("last", ["spec.json", "seed0.csv", "models0.npy", "seed1.csv", "models1.npy"])
def test_seeds_are_done_all_at_once_or_not_at_all(tmp_path, monkeypatch, last):
    """Not even the first of two is there before the files of both are."""
    store = Store(tmp_path)
    run_until(store, monkeypatch, last)
    assert file_of(store, last).exists()
    assert store.missing(SPEC, (0, 1)) == (0, 1)
    run(SPEC, (0, 1), store=store)
    assert not list(store.folder.rglob(".*"))


def test_what_was_as_good_as_stored_is_stored(tmp_path, monkeypatch, store):
    """Interrupted between seed0.json and seed1.json: a run of seed 1 alone might differ in the last bits."""
    broken = Store(tmp_path / "broken")
    run_until(broken, monkeypatch, "seed0.json")
    assert not file_of(broken, "seed1.json").exists()
    assert broken.missing(SPEC, (0, 1)) == ()
    assert names(broken) == names(store)
    for name in ("seed0.csv", "seed1.csv", "models1.npy", "spec.json"):
        assert file_of(broken, name).read_bytes() == file_of(store, name).read_bytes()
    assert broken.facts(SPEC, 1)["seconds"] == broken.facts(SPEC, 0)["seconds"]


@pytest.mark.parametrize("content", [b"", b"{"])
def test_a_damaged_list_of_what_is_done_is_named(store, content):
    path = file_of(store, "done-0.json")
    path.write_bytes(content)
    text = sentence(lambda: store.missing(SPEC, (0, 1)))
    assert text == f"{path} is truncated or not JSON: delete it to compute its seeds again."


def names(store):
    return sorted(path.name for path in file_of(store, "").iterdir())


def run_until(store, monkeypatch, name):
    """A run with a KeyboardInterrupt right after the file of this name is written."""
    replace_file = os.replace

    def stop(source, target):
        replace_file(source, target)
        if target.name == name:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sim.atomic.os.replace", stop)
        with pytest.raises(KeyboardInterrupt):
            run(SPEC, (0, 1), store=store)


def test_a_folder_below_a_file_cannot_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    text = sentence(lambda: run(SPEC, (0,), store=Store(blocked / "out")))
    assert str(blocked / "out") in text
    assert "--out" in text


def test_json_is_strict():
    value = {"a": np.float64(0.1), "b": [np.inf, -np.inf, np.int64(3)], "c": (True, None, "x"), "d": np.bool_(False)}
    text = json_bytes(value).decode()
    expected = {"a": 0.1, "b": ["inf", "-inf", 3], "c": [True, None, "x"], "d": False}

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    assert json.loads(text, parse_constant=refuse) == expected
    assert json.loads(json_bytes(Spec(Classification(alpha=np.inf)).flat()), parse_constant=refuse)["alpha"] == "inf"
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_bytes({"a": float("nan")})


def test_tables_keep_every_bit(tmp_path):
    bits = np.random.default_rng(0).integers(0, 2**64, 20000, dtype=np.uint64).view(np.float64)
    values = np.concatenate([bits[np.isfinite(bits)], [5e-324, 1e-310, 1.7976931348623157e308, 0.1, -0.0]])
    table = pd.DataFrame({"seed": 0, "metric": "merged_loss", "agent": pd.array([pd.NA] * len(values), "Int64")})
    table["value"] = values
    text = csv_bytes(table).decode()
    assert "\r" not in text
    store = Store(tmp_path)
    store.save(SPEC, (0,), table, {}, {})
    loaded = store.load(SPEC, (0,))
    np.testing.assert_array_equal(loaded["value"].to_numpy().view(np.int64), values.view(np.int64))
    pd.testing.assert_frame_equal(loaded, table, check_exact=True)
