"""Items that compare one merge with federated, local and one-shot learning: their runs, and claims that can fail."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from paper_repro import merging
from paper_repro.item import judge
from paper_repro.items import ITEMS, c1, c2, c3a, c3b, fig1a
from paper_repro.merging import COMMON_START, DECENTRALIZED, FEDERATED, LOCAL, METRIC, ONE_SHOT
from paper_repro.scales import RATES, with_files, with_optimizer
from sim.network import Classification
from sim.spec import Spec
from theory.errors import OnemergeError

SEEDS = (0, 1, 2)
PANELS = ("SGD, 16 agents", "SGD, 32 agents", "AdamW, 16 agents", "AdamW, 32 agents")


def rows(label, metric, values_by_round):
    """Three seeds a thousandth apart around the given values by round."""
    return pd.DataFrame([
        {"label": label, "seed": seed, "round": done, "step": done, "metric": metric, "agent": pd.NA,
         "value": value + 0.001 * (seed - 1)}
        for done, value in values_by_round.items() for seed in SEEDS
    ]).astype({"agent": "Int64"})  # fmt: skip


def ends(panel, before=0.3, merged=0.8, federated=0.85, local=0.4, one_shot=0.1, common=0.88):
    """The last two rounds of all methods; by default every finding holds."""
    begin = f"{panel}: " if panel else ""
    accuracy = {
        FEDERATED: (federated, federated),
        DECENTRALIZED: (before, merged),
        ONE_SHOT: (local, one_shot),
        LOCAL: (local, local),
        COMMON_START: (common, common),
    }
    tables = [rows(begin + label, METRIC, dict(zip((9, 10), pair, strict=True))) for label, pair in accuracy.items()]
    tables.append(rows(f"{begin}{LOCAL}", "merged_accuracy", {10: one_shot}))
    return pd.concat(tables).assign(chance=0.1)


def judged(item, table):
    return {claim.statement: judge(claim, table, SEEDS) for claim in item.claims}


def verdicts(item, table):
    return [one["verdict"] for one in judged(item, table).values()]


def four(**changed):
    """The four panels, the third with other ends."""
    return pd.concat([ends(panel, **changed) if panel == PANELS[2] else ends(panel) for panel in PANELS])


def test_all_hold_where_all_effects_are_there():
    assert verdicts(c1.ITEM, four()) == ["confirmed"] * 20
    assert verdicts(c2.ITEM, four()) == ["confirmed"] * 16
    assert verdicts(fig1a.ITEM, ends("")) == ["confirmed"] * 3


@pytest.mark.parametrize(
    ("changed", "lost"),
    [
        ({"before": 0.75}, ["one merge lifts accuracy by more than 0.10 above the local models"]),
        ({"federated": 0.95}, ["the merge recovers more than 80 % of the way from local-only to federated accuracy"]),
        (
            {"common": 0.95},
            ["the merge recovers more than 80 % of the way from local-only to federated accuracy from a common start"],
        ),
        ({"one_shot": 0.3}, ["one-shot averaging without gossip stays below twice the accuracy of guessing"]),
        (
            {"one_shot": 0.75},
            [
                "one-shot averaging without gossip stays below twice the accuracy of guessing",
                "one-shot averaging ends more than 0.10 below gossip with one merge",
            ],
        ),
    ],
)
def test_an_effect_that_vanishes_in_one_panel_refutes_its_claims_and_no_others(changed, lost):
    found = judged(c1.ITEM, four(**changed))
    assert len(found) == 20
    refuted = [statement for statement, verdict in found.items() if verdict["verdict"] == "refuted"]
    assert refuted == [f"AdamW, m agents: {statement}" for statement in lost]
    assert {verdict["verdict"] for verdict in found.values()} == {"confirmed", "refuted"}


def test_the_numbers_by_hand():
    table = ends("")
    assert merging.jump(table).to_numpy() == pytest.approx(0.5)
    assert merging.recovered(table).to_numpy() == pytest.approx(0.4 / 0.45)
    assert merging.recovered(table, goal=COMMON_START).to_numpy() == pytest.approx(0.4 / 0.48)
    assert merging.recovered(ends("", federated=0.4)).isna().all()  # no way to recover


def test_panels_are_taken_apart_and_kept_in_order():
    apart = merging.in_panels(four())
    assert list(dict.fromkeys(apart["panel"])) == list(PANELS)
    assert set(apart["label"]) == {FEDERATED, DECENTRALIZED, ONE_SHOT, LOCAL, COMMON_START}
    for number, panel in enumerate(PANELS):
        mine = merging.of_panel(number)(four())
        pd.testing.assert_frame_equal(mine, apart[apart["panel"] == panel].drop(columns="panel"))


@pytest.mark.parametrize(("item", "methods"), [(c1.ITEM, 5), (c2.ITEM, 4)])
@pytest.mark.parametrize("scale", ["quick", "paper"])
def test_four_panels_of_runs(item, methods, scale):
    found = item.runs(item.at(scale))
    assert list(dict.fromkeys(label.split(": ")[0] for label in found)) == list(PANELS)
    assert len(found) == 4 * methods
    for label, spec in found.items():
        panel, method = label.split(": ")
        name, agents = panel.split(", ")
        assert spec.optimizer == name.lower()
        assert spec.agents == int(agents.split()[0])
        assert spec.lr == pytest.approx(RATES[spec.problem.model, spec.optimizer])
        assert spec.final_merge == (method in (DECENTRALIZED, ONE_SHOT))
        gossip = {DECENTRALIZED: "random_peers", FEDERATED: "complete", COMMON_START: "complete"}
        assert spec.gossip == gossip.get(method, "none")
        assert (spec.problem.init == "same") == (method == COMMON_START)
    assert len({spec.key() for spec in found.values()}) == len(found)


def test_the_captions_tell_what_the_panels_vary():
    words = merging.four_settings(c1.ITEM.base.override(lr="0.2", agents="8"))
    assert "8 agents" in words
    assert "SGD (lr 0.2" in words
    assert words.endswith("other panels with 16 agents, or with AdamW (lr 0.002)")
    assert "other typefaces, the last of every agent its own" in c2.ITEM.setting(c2.ITEM.base)


@pytest.mark.parametrize("name", ["fig1a", "c2", "c3a"])
def test_the_pretrained_items_start_from_weights_at_both_scales(name):
    item = ITEMS[name]
    assert item.base.problem.init == "pretrained"
    paper = with_files(item.at("paper"), "here", "there")
    assert paper.problem.weights == "there"
    assert paper.problem.model == "clip_vit_b32"
    for spec in item.runs(item.base).values():
        measured = {*range(0, spec.rounds, spec.measure_every), spec.rounds}
        assert spec.rounds - 1 in measured  # else the jump would be over several rounds


def test_rates_of_gossip_and_graphs():
    often, rarely = (c3a.ITEM.runs(c3a.ITEM.base)[label] for label in (c3a.OFTEN, c3a.RARELY))
    assert often == replace(rarely, peers=1.0)
    assert (rarely.gossip, rarely.peers, rarely.final_merge) == ("random_peers", 0.2, True)
    ring, exponential = (c3b.ITEM.runs(c3b.ITEM.base)[label] for label in (c3b.RING, c3b.EXPONENTIAL))
    assert exponential == replace(ring, gossip="exponential")
    assert (ring.gossip, ring.final_merge) == ("ring", True)


def pair(item, low, high, first, second):
    """The last rounds of an item with two kinds of gossip: (before, merged) of each."""
    labels = {c3a.ITEM: (c3a.OFTEN, c3a.RARELY), c3b.ITEM: (c3b.RING, c3b.EXPONENTIAL)}[item]
    accuracy = {FEDERATED: (high, high), labels[0]: first, labels[1]: second, LOCAL: (low, low)}
    return pd.concat([rows(label, METRIC, {9: one[0], 10: one[1]}) for label, one in accuracy.items()])


def test_claims_of_two_kinds_of_gossip_follow_the_effect():
    c, r = "confirmed", "refuted"
    assert verdicts(c3a.ITEM, pair(c3a.ITEM, 0.4, 0.8, (0.6, 0.8), (0.4, 0.78))) == [c] * 6
    assert verdicts(c3a.ITEM, pair(c3a.ITEM, 0.4, 0.8, (0.4, 0.8), (0.4, 0.45))) == [c, r, r, c, r, r]
    assert verdicts(c3b.ITEM, pair(c3b.ITEM, 0.4, 0.8, (0.5, 0.75), (0.6, 0.8))) == [c] * 5
    assert verdicts(c3b.ITEM, pair(c3b.ITEM, 0.4, 0.8, (0.5, 0.79), (0.6, 0.6))) == [c, r, c, r, r]


def test_no_gain_to_keep():
    lost = pair(c3a.ITEM, 0.4, 0.8, (0.4, 0.3), (0.4, 0.3))
    assert c3a.kept(lost).isna().all()


def test_what_an_item_sets_itself_is_refused():
    for item, field, value, said in (
        (c3a.ITEM, "peers", "0.5", "peers is set here: leave it at 0.2, not 0.5."),
        (c3a.ITEM, "gossip", "ring", "gossip is set here: leave it at random_peers, not ring."),
        (c3b.ITEM, "gossip", "complete", "gossip is set here: leave it at ring, not complete."),
    ):
        with pytest.raises(OnemergeError) as error:
            item.runs(item.base.override(**{field: value}))
        assert said in str(error.value)


@pytest.mark.parametrize(("optimizer", "model"), [("momentum", "mlp"), ("sgd", "vit")])
def test_an_optimizer_without_a_known_rate_is_named(optimizer, model):
    with pytest.raises(OnemergeError, match=f"No learning rate is known for {optimizer} of {model}; valid: sgd of"):
        with_optimizer(replace(Spec(Classification(model=model)), optimizer=optimizer), "sgd")


def test_the_figure_has_a_column_of_panels_for_each_setting():
    counted = [
        rows(f"{panel}: {label}", "bytes", {9: 10.0 * k, 10: 20.0 * k})
        for panel in PANELS
        for k, label in enumerate((LOCAL, ONE_SHOT, DECENTRALIZED, FEDERATED, COMMON_START))
    ]
    figure = c1.ITEM.draw(pd.concat([four(), *counted]))
    above, below = np.reshape(figure.axes, (2, 4))
    assert [ax.get_title().partition("\n")[0] for ax in above] == list(PANELS)
    assert all("data sent" in ax.get_xlabel() for ax in below)
    assert all(ax.get_title().endswith("merge +50.0") for ax in above)
