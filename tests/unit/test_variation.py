"""The items that vary one setting, and the rounds of gossip in place of the merge."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from paper_repro.execute import execute
from paper_repro.item import judge
from paper_repro.items import ITEMS, c4c, c6
from paper_repro.merging import DECENTRALIZED, METRIC
from paper_repro.report.communication import methods_of
from paper_repro.reproduce import Results, reproduce
from paper_repro.variation import GLYPHS
from sim.network import Classification
from sim.spec import Spec
from sim.store import Store
from theory.errors import OnemergeError

SEEDS = (0, 1, 2)
TINY = {"agents": "4", "rounds": "6", "local_steps": "1", "batch": "4", "width": "4"}


def rows(label, values_by_round, metric=METRIC):
    """Three seeds a hundredth apart."""
    found = [(label, seed, done, done, metric, pd.NA, value + 0.01 * seed)
             for done, value in values_by_round.items() for seed in SEEDS]  # fmt: skip
    return pd.DataFrame(found, columns=["label", "seed", "round", "step", "metric", "agent", "value"])


def differing(one, other):
    """{field: (value of one, of the other)} of two specs."""
    flat, others = one.flat(), other.flat()
    return {name: (flat.get(name), others.get(name)) for name in flat | others if flat.get(name) != others.get(name)}


@pytest.mark.parametrize(("name", "field", "quick", "paper"), [
    ("c4a", "batch", (16, 32), (64, 128)),
    ("c4b", "lr", (0.02, 0.1), (1e-4, 5e-4)),
])  # fmt: skip
def test_panels_differ_in_one_field(name, field, quick, paper):
    for scale, values in (("quick", quick), ("paper", paper)):
        specs = list(ITEMS[name].runs(ITEMS[name].at(scale)).values())
        assert len(specs) == 6
        for one, other in zip(specs[:3], specs[3:], strict=True):
            assert differing(one, other) == {field: pytest.approx(values)}
        assert [(spec.gossip, spec.final_merge) for spec in specs[:3]] == [
            ("complete", False), ("random_peers", True), ("none", False),
        ]  # fmt: skip


def test_three_starts():
    quick = c4c.ITEM.runs(c4c.ITEM.base)
    inits = [spec.problem.init for spec in quick.values()]
    assert inits == ["same"] * 3 + ["different"] * 3 + ["pretrained"] * 3
    assert {spec.lr for spec in quick.values()} == {GLYPHS.lr}
    short = c4c.ITEM.base.override(pretraining_steps="5")
    assert c4c.from_scratch(short).problem.pretraining_steps == Classification.pretraining_steps
    clip = c4c.ITEM.paper_base
    scratch = c4c.from_scratch(replace(clip, lr=3 * clip.lr))
    assert (scratch.problem.model, scratch.problem.width, scratch.problem.weights) == ("resnet18", 64, None)
    assert scratch.lr == pytest.approx(3 * 5e-4)
    assert c4c.from_scratch(replace(clip, problem=replace(clip.problem, width=24))).problem.width == 24
    with pytest.raises(OnemergeError, match="init must be pretrained for a model other than clip_vit_b32, not same"):
        c4c.ITEM.runs(Spec(Classification(init="same")))


def test_label_skew_and_data_of_c5():
    skews = {name: ITEMS[name].base.problem.alpha for name in ("c5a", "c5b", "c5c", "c5d")}
    assert skews == {"c5a": 0.1, "c5b": 1.0, "c5c": 0.1, "c5d": 1.0}
    papers = [ITEMS[name].paper_base for name in skews]
    assert [spec.problem.data for spec in papers] == ["cifar100"] * 2 + ["tiny_imagenet"] * 2
    assert [spec.problem.alpha for spec in papers] == list(skews.values())
    assert {spec.agents for spec in papers} == {32} == {ITEMS[name].base.agents for name in skews}


@pytest.mark.parametrize(("gain", "verdict"), [(0.3, "confirmed"), (0.0, "refuted")])
def test_f6_follows_the_effect(gain, verdict):
    of_one = rows(DECENTRALIZED, {0: 0.1, 9: 0.5, 10: 0.5 + gain})
    assert [judge(claim, of_one, SEEDS)["verdict"] for claim in ITEMS["c5a"].claims] == [verdict]
    panels = pd.concat([
        rows(f"batch 16: {DECENTRALIZED}", {9: 0.5, 10: 0.9}),
        rows(f"batch 32: {DECENTRALIZED}", {9: 0.5, 10: 0.5 + gain}),
    ])  # fmt: skip
    assert [judge(claim, panels, SEEDS)["verdict"] for claim in ITEMS["c4a"].claims] == ["confirmed", verdict]


@pytest.mark.parametrize("short", [0.0, 0.3])
def test_f7_follows_the_effect(short):
    table = pd.concat([rows(c6.EXACT, {0: 0.4, 1: 0.8}), rows(c6.GOSSIP, {0: 0.4, 1: 0.5, 5: 0.8 - short})])
    (claim,) = c6.ITEM.claims
    assert judge(claim, table, SEEDS)["verdict"] == ("refuted" if short else "confirmed")


@pytest.mark.parametrize(("agents", "peers"), [(1, 0), (2, 1), (3, 2), (6, 3)])
def test_mixing_is_rounds_in_which_rows_receive(agents, peers):
    said = c6.communication(Spec(agents=agents, gossip="none"))
    models = np.random.default_rng(0).standard_normal((agents, 4))
    W = np.asarray(said[c6.GOSSIP])
    assert (np.count_nonzero(W, axis=1) == 1 + peers).all()
    by_hand = models
    for _ in range(5):
        by_hand = np.array([sum(W[i, j] * by_hand[j] for j in range(agents)) for i in range(agents)])
    start, *_, gossip = c6.mixed(said[c6.GOSSIP], models, 5)
    assert gossip == pytest.approx(by_hand)
    assert start is models
    *_, exact = c6.mixed(said[c6.EXACT], models, 1)
    assert exact == pytest.approx(np.tile(models.mean(axis=0), (agents, 1)))


def test_c6_in_small(tmp_path):
    """What is drawn begins where the run ends, and the exact merge is the counterfactual merged model of the run."""
    (record,) = reproduce(["c6"], seeds=2, overrides=TINY, folder=tmp_path)
    table, kept = pd.read_csv(tmp_path / "c6.csv"), pd.read_csv(next((tmp_path / "runs").rglob("seed1.csv")))
    own = table[table["seed"] == 1].set_index(["label", "round", "metric"])["value"]
    last = kept[(kept["round"] == 6) & kept["agent"].isna()].set_index("metric")["value"]
    for label in (c6.EXACT, c6.GOSSIP):
        for metric in (METRIC, "average_local_loss", "merged_accuracy", "consensus_distance"):
            assert own[label, 0, metric] == pytest.approx(last[metric], rel=1e-5)
    assert own[c6.EXACT, 1, METRIC] == pytest.approx(last["merged_accuracy"], abs=1e-6)
    assert own[c6.EXACT, 1, "consensus_distance"] < 1e-10 < own[c6.GOSSIP, 5, "consensus_distance"]
    size = 4 * (64 * 4 + 4 + 4 * 4 + 4 + 4 * 10 + 10)  # bytes of the MLP
    assert own[c6.EXACT, 1, "bytes"] == 2 * 3 * size
    assert own[c6.GOSSIP, 5, "bytes"] == 5 * 4 * 2 * size
    (method,) = methods_of(record, table)
    whole = table[(table["label"] == c6.TRAINED) & (table["round"] == 6) & (table["metric"] == "bytes")]
    assert method["bytes"]["min"] == whole["value"].min() > 0
    assert "sends 6 sizes of a model, 5 rounds on the exponential graph 40" in record["caption"]


def test_models_with_statistics_estimate_their_own():
    problem = SimpleNamespace(
        dtype=torch.float64, device="cpu", statistics=2, seeds=(7,),
        reestimated=lambda seed, theta: torch.stack([theta.sum(), theta.new_tensor(seed)]),
        measure=lambda theta, own: {"loss": own[..., 0] - own[..., 1], "merged": theta.sum((1, 2))},
    )  # fmt: skip
    found = c6.measured(problem, np.array([[1.0, 2.0], [3.0, 5.0]]))
    assert found == {"consensus_distance": 3.25, "average_loss": (3 + 8) / 2 - 7, "merged": 11}
    spec = Spec(Classification(model="resnet18", merged_statistics="mean"))
    with pytest.raises(OnemergeError, match="merged_statistics must be reestimate, not mean"):
        c6.ITEM.runs(spec)
    with pytest.raises(OnemergeError, match="final_merge is set here"):
        c6.ITEM.runs(Spec(final_merge=True))


def test_a_diverged_seed_of_c6_is_marked(tmp_path):
    spec = c6.ITEM.base.override(**TINY, lr="1e30")
    specs = c6.ITEM.runs(spec)
    execute(list(specs.values()), SEEDS[:2], tmp_path, "cpu", 1, lambda *_: None)
    with pytest.raises(OnemergeError, match="every seed diverged"):
        c6.ITEM.table(Results(Store(tmp_path), spec, specs, SEEDS[:2], "cpu"))
    found = c6._gone(Store(tmp_path).load(specs[c6.TRAINED], (0,)))
    assert {metric for _, metric, _ in found} == {METRIC, "bytes", "diverged"}
    gone = pd.DataFrame(
        [(label, 2, 0, 6, metric, value) for label in (c6.EXACT, c6.GOSSIP) for _, metric, value in found]
    )
    gone.columns = ["label", "seed", "round", "step", "metric", "value"]
    table = pd.concat([rows_of_two(), gone.assign(agent=pd.NA)], ignore_index=True)
    assert judge(c6.ITEM.claims[0], table, SEEDS)["verdict"] == "not confirmed"
    assert c6.ITEM.draw(table).axes


def rows_of_two():
    """The table of two seeds that did not."""
    parts = []
    for label, rounds in c6.ROUNDS.items():
        parts += [rows(label, {at: 0.5 + 0.01 * at for at in range(rounds + 1)}),
                  rows(label, {at: 1e6 * at for at in range(rounds + 1)}, "bytes")]  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    return table[table["seed"] < 2]
