"""Item T3: the edge on a known function, trade-off curves by hand, claims that follow their effects, the artists."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from figures.schedules import ACCURACY, DATA, difference, ends, schedules
from paper_repro.execute import execute
from paper_repro.item import judge
from paper_repro.items import t3
from paper_repro.reproduce import Results
from sim.run import run
from sim.store import Store
from theory.errors import OnemergeError

SEEDS = (0, 1, 2)
TINY = {"agents": "3", "rounds": "30", "local_steps": "1", "batch": "2", "width": "2", "measure_every": "10"}


def points(family, data, accuracy, seeds=SEEDS):
    """Runs of a family, a setting each: (data sent, accuracy) after round 10, the seeds a hundredth apart."""
    found = []
    for number, (sent, value) in enumerate(zip(data, accuracy, strict=True)):
        for seed in seeds:
            for done, share in ((5, 0.5), (10, 1.0)):
                for metric, v in ((DATA, share * sent), (ACCURACY, share * (value + 0.01 * seed))):
                    found.append((f"{family}: {number}", family, seed, done, done, metric, pd.NA, v))
    return pd.DataFrame(found, columns=["label", "family", "seed", "round", "step", "metric", "agent", "value"])


def test_a_difference_is_a_mean_over_the_logarithm_of_what_both_sent():
    one, other = points("one", [1e3, 1e5], [0.2, 0.6]), points("other", [1e6, 1e4, 1e5], [0.9, 0.3, 0.3])
    found = difference(pd.concat([one, other]), "one", "other")
    assert found == {seed: pytest.approx(((0.4 - 0.3) + (0.6 - 0.3)) / 2) for seed in SEEDS}  # from 1e4 to 1e5
    back = difference(pd.concat([one, other]), "other", "one")
    assert back == {seed: pytest.approx(-value) for seed, value in found.items()}
    assert difference(pd.concat([one, points("same", [1e3, 1e3, 1e5], [0.1, 0.3, 0.6])]), "one", "same")[0] == (
        pytest.approx(0, abs=1e-12)
    )


def test_kinks_of_both_curves_count():
    one, other = points("one", [1e2, 1e3, 1e4], [0.0, 1.0, 0.0]), points("other", [1e2, 1e4], [0.0, 0.0])
    assert difference(pd.concat([one, other]), "one", "other")[1] == pytest.approx(0.5)


def test_what_cannot_be_compared_has_no_value():
    apart = pd.concat([points("one", [1e2, 1e3], [0.1, 0.2]), points("other", [1e4, 1e5], [0.3, 0.4])])
    assert np.isnan(difference(apart, "one", "other")[0])
    gone = pd.DataFrame([("one: 1", "one", 2, 7, 7, "diverged", pd.NA, 7.0)], columns=apart.columns)
    table = pd.concat([points("one", [1e2, 1e4], [0.1, 0.2]), points("other", [1e2, 1e4], [0.3, 0.4]), gone])
    found = difference(table, "one", "other")
    assert np.isnan(found[2])
    assert found[1] == pytest.approx(-0.2)
    assert ends(table, "one", ACCURACY).loc["one: 1"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize(("gain", "verdict"), [(0.2, "confirmed"), (-0.2, "refuted")])
def test_claims_on_schedules_follow_the_effect(gain, verdict):
    fixed = [points(family, [1e3, 1e5], [0.3, 0.5]) for family in t3.FIXED]
    table = pd.concat([points(t3.FOLLOWS, [1e2, 1e6], [0.2 + gain, 0.6 + gain]), *fixed])
    judged = [judge(claim, table, SEEDS) for claim in t3.ITEM.claims if "schedule" in claim.name]
    assert [one["verdict"] for one in judged] == [verdict] * 4
    assert [one["mean"] for one in judged] == [pytest.approx(gain)] * 4


def on_function(spread, level, U):
    """Rounds 1 to 4 of the function with edges 1 (sharp) and 0.1 (printed)."""
    columns = {"spread": spread, "edge_level": level, "edge_sharp": 1.0, "edge_printed": 0.1, "U": U}
    found = [(t3.KNOWN, t3.KNOWN, seed, done, done, metric, pd.NA, float(np.broadcast_to(value, 4)[done - 1]))
             for metric, value in columns.items() for seed in SEEDS for done in range(1, 5)]  # fmt: skip
    return pd.DataFrame(found, columns=["label", "family", "seed", "round", "step", "metric", "agent", "value"])


@pytest.mark.parametrize(
    ("spread", "level", "U", "expected"),
    [
        ([0.01, 0.01, 0.5, 2], 0.05, [-1, -1, -1, 1], {"sharp": 1, "printed": 0.5, "condition": 1, "critical": 1}),
        ([0.5, 0.5, 2, 2], 5.0, [-1, 1, -1, 1], {"sharp": 0.5, "printed": 0, "condition": 0, "critical": 0.5}),
        ([0.0, 0.5, 0.5, 0.5], 5.0, -1, {"sharp": 1, "printed": 0, "condition": 0, "critical": None}),
    ],
)
def test_claims_on_the_function_are_shares_of_rounds(spread, level, U, expected):
    table = on_function(spread, level, U)
    claims = {claim.name.removeprefix("T3 "): claim for claim in t3.ITEM.claims}
    for name, share in expected.items():
        judged = judge(claims[name], table, SEEDS)
        assert judged["mean"] == (None if share is None else pytest.approx(share)), name


@pytest.mark.parametrize("r", [0.01, 0.5, 1.0, 1.5, 5.0])
def test_the_degree_of_sharpening_is_the_largest(r):
    """The eigenvalues of the derivative of the Hessian of √(1 + ‖θ‖²) along θ, by automatic differentiation."""
    u = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)

    def hessian(s):
        return torch.autograd.functional.hessian(lambda x: torch.sqrt(1 + (x**2).sum()), s * u)

    bend = (hessian(r + 1e-5) - hessian(r - 1e-5)) / 2e-5
    assert t3.degree(r) == pytest.approx(-float(torch.linalg.eigvalsh(bend)[-1]), rel=1e-6)


def test_the_edges_of_a_run_are_those_of_its_merged_model():
    spec = replace(t3.on_known(t3.ITEM.base), rounds=6, agents=4)
    table = run(spec, (3,))
    wide = table[table["agent"].isna()].pivot(index="round", columns="metric", values="value")
    found = t3.edges(spec, wide)
    assert list(found.index) == [1, 2, 3, 4, 5, 6]
    assert found["spread"].to_numpy() ** 2 == pytest.approx(wide.loc[1:, "consensus_distance"].to_numpy())
    below = found["spread"] < found["edge_sharp"]
    assert below.any()
    assert (found.loc[below, "U"] < 0).all()
    assert (found["edge_printed"] < found["edge_repaired"]).all()
    assert (found["edge_repaired"] < found["edge_sharp"]).all()
    bend = wide.loc[1:, "T2"] / wide.loc[1:, "consensus_distance"] / np.sqrt(wide.loc[1:, "gradient_norm_sq"])
    assert (bend <= -t3.degree(np.sqrt(wide.loc[1:, "merged_norm_sq"])) * (1 - 1e-9)).all()
    assert found["edge_level"].is_monotonic_increasing  # of the largest gradients so far


def test_the_families_of_the_item():
    specs = t3.ITEM.runs(t3.ITEM.base)
    assert len(specs) == len({spec.key() for spec in specs.values()}) == 26
    assert {spec.final_merge for label, spec in specs.items() if label != t3.KNOWN} == {True}
    windows = [(spec.window_start, spec.window_stop) for spec in specs.values() if spec.window_start is not None]
    assert windows == [(0, n) for n in (2, 5, 10, 20, 35)] + [(100 - n, 100) for n in (2, 5, 10, 20, 35)]
    assert [spec.period for spec in specs.values() if spec.gossip == "periodic"] == list(t3.PERIODS)
    for changed, named in (
        ({"final_merge": False}, "final_merge is set here: leave it at True, not False"),
        ({"gossip": "ring"}, "gossip is set here"),
        ({"rounds": 20}, "rounds must be at least 30"),
    ):
        with pytest.raises(OnemergeError, match=named):
            t3.ITEM.runs(replace(t3.ITEM.base, **changed))


def test_it_is_drawn_from_its_runs(tmp_path):
    base = t3.ITEM.base.override(**TINY)
    every = t3.ITEM.runs(base) | {t3.KNOWN: replace(t3.on_known(base), rounds=5)}
    some = (t3.KNOWN, "k = 5", "k = 10", "> 1 ‖∇L(θ̄)‖²")
    kept = {label: spec for label, spec in every.items() if label.endswith(some)}
    assert len(kept) == 4
    execute(list(kept.values()), (0,), tmp_path, "cpu", 1, lambda *_: None)
    table = t3.ITEM.table(Results(Store(tmp_path), base, kept, (0,), "cpu"))
    assert set(table["family"]) == {t3.KNOWN, t3.FOLLOWS, t3.PERIODIC}
    figure = t3.ITEM.draw(table)
    left, middle, right = figure.axes
    assert [line.get_label() for line in left.get_lines()] == list(t3.TEXTS.values())
    measured = table[(table["metric"] == "spread")]["value"]
    np.testing.assert_allclose(left.get_lines()[0].get_ydata(), measured)
    assert [line.get_label() for line in middle.get_lines()] == ["Ξ² > 1 ‖∇L(θ̄)‖²"]
    by_family = {line.get_label(): line for line in right.get_lines()}
    sent = ends(table, t3.PERIODIC, DATA)[0].sort_values()
    assert sent.tolist() == [3 * 4 * 4 * 166, 6 * 4 * 4 * 166]  # 2 (m - 1) models of 166 numbers: 3 and 6 averages
    assert np.ptp(by_family[t3.PERIODIC].get_xdata() / sent.to_numpy()) == pytest.approx(0)
    assert "an oracle" in t3.ITEM.setting(base)
    with pytest.raises(OnemergeError, match="There is no family 'nobody'"):
        schedules(table, t3.KNOWN, t3.TEXTS, "nobody")
