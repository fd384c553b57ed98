import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

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
    build = Spec.build
    monkeypatch.setattr(Spec, "build", lambda self, seeds, *rest: asked.append(seeds) or build(self, seeds, *rest))
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
    (path,) = store.folder.glob("states/*/*.pt")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content == b"half" else content)
    assert str(path) in sentence(lambda: run(SPEC, (0, 1), store=store))


def test_writes_are_atomic(tmp_path, monkeypatch):
    """What fails in the middle leaves the old file and nothing beside it."""
    path = tmp_path / "deep" / "file"
    write_whole(path, b"old")
    monkeypatch.setattr(
        "sim.store.os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    assert sentence(lambda: write_whole(path, b"new")) == (
        f"Cannot write {path}: No space left on device; choose a folder you can write with --out."
    )
    monkeypatch.setattr("sim.store.os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_an_interruption_between_files_leaves_the_seed_missing(tmp_path, monkeypatch):
    """seed<k>.json is written last."""
    store, written = Store(tmp_path), []

    def stop(path, data):
        if path.suffix == ".json" and path.name.startswith("seed"):
            raise KeyboardInterrupt
        written.append(path.name)
        write_whole(path, data)

    monkeypatch.setattr("sim.store.write_whole", stop)
    with pytest.raises(KeyboardInterrupt):
        run(SPEC, (0,), store=store)
    assert {"spec.json", "seed0.csv", "models0.npy"} <= set(written)
    assert store.missing(SPEC, (0,)) == (0,)


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
    store.save(SPEC, table, {}, {})
    loaded = store.load(SPEC, (0,))
    np.testing.assert_array_equal(loaded["value"].to_numpy().view(np.int64), values.view(np.int64))
    pd.testing.assert_frame_equal(loaded, table, check_exact=True)


def test_states_keep_every_bit(tmp_path):
    store, kept = Store(tmp_path), []
    run(SPEC, (0, 1), on_round=kept.append)
    state = kept[2]
    store.save_state(SPEC, (0, 1), state, "name")
    again = store.load_state(SPEC, (0, 1), torch.device("cpu"), "name")
    assert again.round == 3
    assert again.theta.equal(state.theta)
    assert all(one.equal(other) for one, other in zip(again.optimizer, state.optimizer, strict=True))
    assert again.diverged.tolist() == [-1, -1]
    for one, other in zip(again.records, state.records, strict=True):
        assert one[:3] == other[:3]
        np.testing.assert_array_equal(one[3], other[3])
    assert store.load_state(SPEC, (0,), torch.device("cpu"), "name") is None
    store.drop_state(SPEC, (0, 1), "name")
    store.drop_state(SPEC, (0, 1), "name")
    assert store.load_state(SPEC, (0, 1), torch.device("cpu"), "name") is None
