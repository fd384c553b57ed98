"""Item T2: exact values against a run without noise, claims that follow their effects, and the figure's artists."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from figures import consensus as figure
from paper_repro import allowances
from paper_repro.check.spectrum import spectrum_report
from paper_repro.item import judge
from paper_repro.items import t2
from paper_repro.reproduce import reproduce
from sim.ensemble import ensemble
from theory.bounds import BOUNDS
from theory.errors import OnemergeError

SEEDS = (0, 1, 2)
SPEC = replace(t2.ITEM.base, agents=4, rounds=10, lr=0.05)


def of(label, spec=SPEC, every=5, **problem):
    """(gossip, numbers of its spectrum, problem, round, values) of one topology."""
    one = t2.subjects(spec)[label]
    config, numbers = replace(spec.problem, instance=0, **problem), spectrum_report(one)
    found = allowances.allowances(spec, config, one.gossip, numbers, 0, t2.BOUNDS_DRAWN, every)
    return one.gossip, numbers, config, *found


@pytest.mark.parametrize("label", ["ring", "exponential", "one-peer exponential"])
def test_without_noise_a_run_is_the_expectation(label):
    """Ξ² and φ² of one simulated run, the exponential graph directed and not symmetric."""
    spec = replace(SPEC, agents=8)
    gossip, numbers, config, at, values = of(label, spec, every=1, sigma=0.0)
    found = ensemble(config, 8, {"g": gossip.draw}, [spec.lr], [0], rounds=10, gradients_every=1)
    run = found.pivot(index="step", columns="metric", values="value")
    assert values[figure.EXACT] == pytest.approx(run["consensus_distance"][at], rel=1e-10)
    assert values[figure.EXACT] == pytest.approx(run["consensus_distance"].max(), rel=1e-10)
    if label == "ring":
        p, square = numbers["p"], run["local_gradient_norm_sq"].loc[:9].max()
        assert values["corollary_d2"] == pytest.approx(24 * spec.lr**2 / p**2 * (1 - p) * square)
        bound = BOUNDS["lemma_d1"]
        limit = [
            bound(lr=spec.lr, p=p, sigma=0.0, consensus_distance=x, local_gradient_norm_sq=y)
            for x, y in zip(run["consensus_distance"].loc[:9], run["local_gradient_norm_sq"].loc[:9], strict=True)
        ]
        steps = run["local_gradient_norm_sq"].loc[: at - 1].to_numpy()  # of the steps before the round
        added = 12 * (1 - p) / p * spec.lr**2 * steps
        assert at > 1
        assert values["lemma_d1"] == pytest.approx((added * (1 - p / 2) ** np.arange(at)[::-1]).sum())
        assert values[allowances.STEP] == pytest.approx((run["consensus_distance"].loc[1:] / limit).max())


def test_noise_counts_in_the_gradients_once_it_is_in_the_models():
    quiet, noisy = (of("random pairs", sigma=sigma)[-1] for sigma in (0.0, 2.0))
    assert noisy["corollary_d2"] > quiet["corollary_d2"]
    assert noisy[figure.EXACT] > quiet[figure.EXACT] > 0


def test_an_iterated_bound_is_a_geometric_sum():
    known = {"lr": 0.1, "p": 0.4, "sigma": 1.0}
    rate, source = 1 - 0.4 / 2, 12 / 0.4 * 0.6 * 0.01 * (2.0 + 1)
    for n in (0, 1, 2, 3):
        found = allowances.iterated(BOUNDS["lemma_d1"], known, [2.0] * n)
        assert found == pytest.approx(source * (1 - rate**n) / (1 - rate))


def test_a_complete_graph_leaves_nothing_and_a_bound_that_is_silent_has_no_row():
    values = of("complete")[-1]
    assert values[figure.EXACT] < figure.ZERO
    assert {name: value for name, value in values.items() if name != figure.EXACT} == dict.fromkeys(t2.BOUNDS_DRAWN, 0)
    assert set(of("one-peer exponential")[-1]) == {figure.EXACT, "master_consensus"}
    assert "master_consensus" not in of(t2.PEERS)[-1]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """(record, table) of the item with 8 runs a seed, on 4 agents."""
    folder = tmp_path_factory.mktemp("t2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(t2, "REPLICAS", 8)
        patch.setattr("paper_repro.reproduce.ITEMS", {"t2": t2.ITEM})
        (record,) = reproduce(["t2"], overrides={"agents": "4", "rounds": "10"}, folder=folder)
    return record, pd.read_csv(folder / "t2.csv")


def test_the_item_in_small(done):
    record, table = done
    found = {claim["claim"]: claim for claim in record["claims"]}
    for name in ("Lemma D.1", "Corollary D.2", "Corollary D.2, best", "master", "rows only", "constant", "moments"):
        assert found[f"T2 {name}"]["verdict"] == "confirmed", name
    assert found["T2 replay"]["max"] == 0.0
    assert set(table["label"]) == {*t2.TOPOLOGIES, t2.RUN}
    assert "8 runs of 10 rounds" in record["caption"]
    exact = table[table["metric"] == figure.EXACT].groupby("label")["value"].mean()
    assert exact.idxmax() in ("random pairs", t2.PEERS)
    assert exact["complete"] < figure.ZERO


@pytest.mark.parametrize("agents", [2, 16])
def test_sizes_that_all_topologies_have(agents):
    base = t2.ITEM.base.override(agents=str(agents))
    assert t2.ITEM.runs(base) == {t2.RUN: base}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"agents": "6"}, "hypercube needs a power of two"),
        ({"gossip": "ring"}, "gossip cannot be set here; only agents, rounds, lr, peers and the fields of the problem"),
        ({"final_merge": "true", "local_steps": "2"}, "local_steps, final_merge cannot be set here"),
        ({"spread": "0.5"}, "spread must be 0"),
        ({"instance": "3"}, "instance must be none, as every seed is one, not 3"),
        ({"lr": "2.5"}, "lr must be below 2/L = 2"),
    ],
)
def test_settings_it_cannot_take_are_refused_before_any_run(change, sentence):
    with pytest.raises(OnemergeError, match=sentence):
        t2.ITEM.runs(t2.ITEM.base.override(**change))


BOUND = {"lemma_d1": 20.0, t2.PRINTED: 24.0, "lemma_d1_exact_form": 1.5, t2.SHARP: 2.0, "master_consensus": 3.0}


def made(measured=1.0, error=0.01, exact=1.0, step=0.4, again=1.0, **bounds):
    values = {figure.MEASURED: measured, figure.ERROR: error, figure.EXACT: exact, t2.STEP: step, **BOUND, **bounds}
    rows = [
        {"label": label, "seed": seed, "metric": metric, "value": value * (1 + 0.001 * seed)}
        for label in t2.TOPOLOGIES for seed in SEEDS for metric, value in values.items()
    ]  # fmt: skip
    for seed in SEEDS:
        rows += [{"label": t2.RUN, "seed": seed, "metric": name, "value": value}
                 for name, value in ((figure.MEASURED, 1.0), ("first_of_stack", again))]  # fmt: skip
    return pd.DataFrame(rows)


def verdicts(table):
    return {claim.name: judge(claim, table, SEEDS)["verdict"] for claim in t2.ITEM.claims}


def test_claims_follow_the_effect():
    assert set(verdicts(made()).values()) == {"confirmed"}
    low = dict.fromkeys(BOUND, 0.5)
    refuted = verdicts(made(exact=1.1, step=1.2, again=1.1, **low))
    assert {name for name, verdict in refuted.items() if verdict == "confirmed"} == {"T2 best"}
    assert verdicts(made(**dict.fromkeys(t2.BEST, 11.0)))["T2 best"] == "refuted"


def test_one_topology_that_exceeds_its_bound_is_enough():
    table = made()
    ring = (table["label"] == "ring") & (table["metric"] == t2.PRINTED)
    found = verdicts(table.assign(value=table["value"].where(~ring, 0.9)))
    assert found["T2 Corollary D.2"] == "refuted"
    assert found["T2 rows only"] == "confirmed"
    peers = (table["label"] == t2.PEERS) & (table["metric"] == t2.PRINTED)
    found = verdicts(table.assign(value=table["value"].where(~peers, 0.9)))
    assert found["T2 Corollary D.2"] == "confirmed"
    assert found["T2 rows only"] == "refuted"


def test_the_figure_draws_means_over_seeds(done):
    _, table = done
    (ax,) = t2.ITEM.draw(table).axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == list(t2.TOPOLOGIES)
    means = table.groupby(["label", "metric"])["value"].mean().unstack()
    drawn = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
    for metric in (figure.EXACT, *t2.BOUNDS_DRAWN):
        line = drawn[metric]
        for x, y in line.get_xydata():
            assert x == pytest.approx(means[metric][names[len(names) - 1 - int(y)]], nan_ok=True)
    (bars,) = ax.containers
    start, end = bars.lines[2][0].get_segments()[0][:, 0]
    errors = table[(table["label"] == "ring") & (table["metric"] == figure.ERROR)]["value"]
    assert (end - start) / 2 == pytest.approx(2 * np.sqrt((errors**2).sum()) / 3)
    assert [text.get_text() for text in ax.texts] == ["0, as every bound"]
    assert ax.get_xscale() == "log"


def test_the_figure_says_what_it_cannot_draw():
    table = made()
    with pytest.raises(OnemergeError, match="lacks the column seed"):
        figure.consensus(table.drop(columns="seed"), t2.BOUNDS_DRAWN)
    with pytest.raises(OnemergeError, match="has no consensus_distance_exact"):
        figure.consensus(table[table["metric"] != figure.EXACT], t2.BOUNDS_DRAWN)
    with pytest.raises(OnemergeError, match="Every consensus distance is 0"):
        figure.consensus(made(exact=0.0), t2.BOUNDS_DRAWN)
