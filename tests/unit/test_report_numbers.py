"""The numbers that `onemerge report` computes itself: bytes, topologies, and the command that makes an item again."""

import json

import numpy as np
import pandas as pd
import pytest

from paper_repro.compare.lineup import subject
from paper_repro.items import ITEMS
from paper_repro.report.communication import counted_for_the_paper, methods_of
from paper_repro.report.remake import overrides, remake
from paper_repro.report.topologies import topology_rows
from paper_repro.reproduce import parse_overrides
from paper_repro.scales import with_files
from sim.store import json_bytes
from theory.traffic import ring_all_reduce

AGENTS, ROUNDS, MODEL = 4, 10, 40  # bytes of a model
USUAL = {"agents": AGENTS, "rounds": ROUNDS, "gossip": "random_peers", "window_start": None, "window_stop": None,
         "final_merge": False, "model": "mlp", "keep_models": False}  # fmt: skip
RING = 2 * (AGENTS - 1) * MODEL  # bytes of an average of all


def rows(label, seed, **values):
    """Values after the last round, a smaller one after the first, and one of a single agent, which is not counted."""
    last = {"label": label, "seed": seed, "round": ROUNDS, "agent": pd.NA}
    made = [last | {"metric": metric, "value": value} for metric, value in values.items()]
    made += [row | {"round": 1, "value": row["value"] / 10} for row in made]
    return [*made, last | {"metric": "bytes", "agent": 0, "value": 1e9}]


def measured(runs, *parts):
    table = pd.DataFrame([row for part in parts for row in part]).astype({"agent": "Int64"})
    record = {"runs": {label: {"fields": USUAL | fields} for label, fields in runs.items()}}
    return {row["method"]: row for row in methods_of(record, table)}


def test_bytes_are_those_of_the_last_round_and_the_share_is_of_averaging_all():
    runs = {"gossip": {}, "full": {"gossip": "complete"}, "none": {"gossip": "none"}}
    found = measured(
        runs,
        rows("gossip", 0, messages=6, bytes=6 * MODEL, merged_accuracy=0.5),
        rows("gossip", 1, messages=10, bytes=10 * MODEL, merged_accuracy=0.7),
        *(rows("full", seed, messages=240, bytes=RING * ROUNDS, merged_accuracy=0.9) for seed in (0, 1)),
        *(rows("none", seed, messages=0, bytes=0) for seed in (0, 1)),
    )
    assert found["gossip"]["bytes"] == {"mean": 8 * MODEL, "min": 6 * MODEL, "max": 10 * MODEL}
    assert found["gossip"]["merged_accuracy"]["mean"] == pytest.approx(0.6)
    assert found["gossip"]["average_global_accuracy"] is None
    assert found["gossip"]["share"] == pytest.approx(8 / (2 * (AGENTS - 1) * ROUNDS))
    assert found["full"]["share"] == pytest.approx(1)
    assert found["none"]["share"] == 0
    assert found["none"]["merged_accuracy"] is None


def test_gossip_alone_tells_the_size_of_a_model_as_an_average_of_all_does():
    gossip = rows("gossip", 0, messages=6, bytes=6 * MODEL)
    full = rows("full", 0, messages=240, bytes=RING * ROUNDS)
    merged = rows("merged", 0, messages=5 + 24, bytes=5 * MODEL + RING)
    both = {"gossip": {}, "full": {"gossip": "complete"}, "merged": {"final_merge": True}}
    shares = [
        measured({name: both[name] for name in names}, *parts)["merged"]["share"]
        for names, parts in ((("gossip", "merged"), (gossip, merged)), (("full", "merged"), (full, merged)))
    ]
    assert shares[0] == pytest.approx(shares[1]) == (5 + 2 * (AGENTS - 1)) / (2 * (AGENTS - 1) * ROUNDS)
    assert measured({"merged": both["merged"]}, merged)["merged"]["share"] is None


def test_models_of_other_sizes_have_shares_of_their_own():
    runs = {"small": {}, "large": {"model": "cnn"}}
    found = measured(
        runs, rows("small", 0, messages=6, bytes=6 * MODEL), rows("large", 0, messages=6, bytes=6 * 100 * MODEL)
    )
    assert found["small"]["share"] == pytest.approx(found["large"]["share"])


def test_windows_of_one_length_are_one_method_over_all_their_runs():
    runs = {f"window {k}": {"window_start": k, "window_stop": k + 2, "keep_models": k == 0} for k in range(3)}
    runs |= {"long": {"window_start": 0, "window_stop": 5}}
    parts = [rows(f"window {k}", 0, messages=k, bytes=k + 1.0) for k in range(3)]
    found = measured(runs, *parts, rows("long", 0, messages=1, bytes=9.0))
    assert list(found) == ["window 0, …, window 2", "long"]
    assert found["window 0, …, window 2"]["runs"] == 3
    assert found["window 0, …, window 2"]["bytes"] == {"mean": 2.0, "min": 1.0, "max": 3.0}


def test_a_seed_that_diverged_has_no_part_and_tables_without_bytes_have_no_rows():
    lost = [{"label": "gossip", "seed": 1, "round": 3, "agent": pd.NA, "metric": "diverged", "value": 30}]
    found = measured({"gossip": {}}, rows("gossip", 0, messages=2, bytes=80), rows("gossip", 1, bytes=9e9), lost)
    assert found["gossip"]["bytes"]["max"] == 80
    assert measured({"gossip": {}}, rows("gossip", 0, merged_accuracy=0.5)[:1]) == {}
    assert methods_of({"runs": {}}, pd.DataFrame({"panel": ["federated"]})) == []
    uncounted = rows("full", 0, merged_accuracy=0.5)[:1]
    found = measured({"gossip": {}, "full": {"gossip": "complete"}}, rows("gossip", 0, messages=2, bytes=80), uncounted)
    assert found["full"]["share"] is None
    assert found["gossip"]["share"] == pytest.approx(80 / (RING * ROUNDS))


def test_what_the_paper_sends_is_what_algorithms_send():
    full, gossip, once, nothing = counted_for_the_paper()
    for agents in (16, 32):
        _, sent = ring_all_reduce(np.ones((agents, agents)))  # models of `agents` numbers
        average = sent / agents
        assert full["models"][str(agents)] == 300 * average
        assert once["models"][str(agents)] == average
        assert gossip["models"][str(agents)] == pytest.approx(0.2 * agents * 300 + average)
        assert nothing["models"][str(agents)] == 0


@pytest.mark.parametrize("agents", [1, 2, 3, 16])
def test_rows_of_topologies_are_those_of_their_matrices(agents):
    for row in topology_rows(("complete", "ring", "exponential", "star"), agents):
        (W,) = subject(row["word"], agents).matrices
        away = W - np.full((agents, agents), 1 / agents)
        moduli = sorted(np.abs(np.linalg.eigvals(W)))
        assert row["contraction"] == pytest.approx(np.linalg.norm(away, 2), abs=1e-12)
        assert row["slem"] == pytest.approx(moduli[-2] if agents > 1 else 0, abs=1e-7)
        assert row["p"] == pytest.approx(1 - np.linalg.norm(away, 2) ** 2, abs=1e-12)
        assert row["messages"] == np.count_nonzero(W) - agents
        assert row["doubly_stochastic"]


def test_a_directed_matrix_that_is_not_normal_contracts_otherwise_than_its_slem_says(tmp_path):
    W = np.array([[0.6, 0.4, 0.0], [0.1, 0.3, 0.6], [0.3, 0.3, 0.4]])
    np.savetxt(tmp_path / "W.csv", W, delimiter=",")
    (row,) = topology_rows((str(tmp_path / "W.csv"),), 3)
    assert row["slem"] == pytest.approx(sorted(np.abs(np.linalg.eigvals(W)))[-2])
    assert row["contraction"] == pytest.approx(np.linalg.norm(W - 1 / 3, 2))
    assert row["slem"] < row["contraction"] - 0.01
    assert (row["degree"], row["messages"]) == (2, 5)


def test_topologies_without_one_matrix_have_no_slem():
    one, two = topology_rows(("one-peer", "random-0.2"), 6)
    assert one["period"] == 3
    assert two["slem"] is two["contraction"] is None
    assert not two["doubly_stochastic"]
    assert two["messages"] == pytest.approx(0.2 * 6, rel=0.2)


def a_record(item, *texts, scale="quick", base=None, seeds=(0, 1, 2), device="CPU, one thread a run"):
    """What `onemerge reproduce` writes of an item with these settings, as far as its command is concerned."""
    base = (item.at(scale) if base is None else base).override(**parse_overrides(texts))
    runs = {
        label: {"key": spec.key(), "fields": spec.flat(), "results": {"0": {"device": device}}}
        for label, spec in item.runs(base).items()
    }
    return json.loads(json_bytes({"item": item.name, "scale": scale, "seeds": seeds, "runs": runs}))


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("fig1b", ()),
        ("fig1b", ("runs.alpha=inf", "runs.chunk=3")),
        ("fig2a", ("runs.lr=0.05", "runs.rounds=30")),  # other rounds name the windows otherwise
        ("fig2c", ("runs.width=8", "runs.gossip=ring")),
        ("table1", ("runs.zeta=2.0",)),
        ("fig2c", ("runs.data=glyphs", "runs.model=cnn")),
    ],
)
def test_settings_are_found_again(name, texts):
    item = ITEMS[name]
    found = overrides(item, a_record(item, *texts))
    assert found is not None
    keys = [spec.key() for spec in item.runs(item.base.override(**found)).values()]
    assert keys == [spec.key() for spec in item.runs(item.base.override(**parse_overrides(texts))).values()]
    assert (found == {}) == (texts == ())


def test_the_command_of_an_item():
    item = ITEMS["fig1b"]
    assert remake(item, "results") == {
        "command": "onemerge reproduce fig1b --out results",
        "same_runs": True,
        "set": {},
    }
    paper = remake(item, "a b", scale="paper")
    assert paper["command"] == "onemerge reproduce fig1b --scale paper --data DATA --out 'a b'"
    record = a_record(item, "runs.lr=0.05", seeds=(0, 1, 2, 3), device="NVIDIA H100")
    assert remake(item, "x", record) == {
        "command": "onemerge reproduce fig1b --seeds 4 --set runs.lr=0.05 --device cuda --out x",
        "same_runs": True,
        "set": {"lr": "0.05"},
    }
    drawing = ITEMS["fig1d"]
    assert remake(drawing, "x", a_record(drawing))["command"] == "onemerge reproduce fig1d --seeds 3 --out x"


def test_runs_that_no_setting_gives_say_so():
    item = ITEMS["fig2c"]
    older, one, fewer = (a_record(item) for _ in range(3))
    older["runs"]["gossip"]["fields"]["of_old"] = 1
    one["runs"]["gossip"]["fields"]["lr"] = 0.3
    del fewer["runs"]["gossip"]
    command = "onemerge reproduce fig2c --seeds 3 --out x"
    for record in (older, one, fewer):
        assert remake(item, "x", record) == {"command": command, "same_runs": False, "set": {}}


def test_a_field_that_is_newer_than_the_record_is_at_its_default():
    item = ITEMS["fig2c"]
    record = a_record(item, "runs.lr=0.05")
    for run in record["runs"].values():
        del run["fields"]["keep_models"]
    assert overrides(item, record) == {"lr": "0.05"}


def test_the_scale_of_the_paper_names_what_it_reads():
    item = ITEMS["fig1b"]
    found = remake(item, "x", a_record(item, scale="paper"))
    assert found["command"] == "onemerge reproduce fig1b --scale paper --data DATA --seeds 3 --out x"
    assert found["same_runs"]
    base = with_files(item.at("paper"), "generated", None)
    found = remake(item, "x", a_record(item, "runs.rounds=20", scale="paper", base=base))
    words = "--scale paper --data generated --seeds 3 --set runs.rounds=20 --out x"
    assert found["command"] == f"onemerge reproduce fig1b {words}"
    assert found["set"] == {"rounds": "20"}


def test_weights_of_the_user_are_named():
    item = ITEMS["fig1b"]
    record = a_record(item, scale="paper")
    for run in record["runs"].values():
        run["fields"]["weights"] = "a digest"
    found = remake(item, "x", record)
    assert "--data DATA --weights WEIGHTS --seeds 3" in found["command"]
    assert found["same_runs"]
