"""The exercises on the single merge: right answers in several forms, and what is said about wrong ones."""

import numpy as np
import pandas as pd
import pytest

from paper_repro.course import single_merge
from paper_repro.course.checks import verdict
from sim.spec import Spec
from theory.traffic import ring_all_reduce


def test_a_model_has_the_numbers_of_its_layers():
    by_hand = sum(a * b + b for a, b in ((64, 64), (64, 64), (64, 10)))
    assert verdict("4.1", by_hand) == "4.1: right."
    assert verdict("4.1", by_hand - 138) == "4.1: not yet. Every layer has biases, too."
    assert "three layers" in verdict("4.1", by_hand + 1)


def last(table, metric):
    rows = table[(table["round"] == table["round"].max()) & (table["metric"] == metric) & table["agent"].isna()]
    return rows.set_index("seed")["value"]


LIFTS = {
    "right.": lambda table: last(table, "merged_accuracy") - last(table, "average_global_accuracy"),
    "sign": lambda table: last(table, "average_global_accuracy") - last(table, "merged_accuracy"),
    "shares": lambda table: 100 * (last(table, "merged_accuracy") - last(table, "average_global_accuracy")),
    "each on its own": lambda table: last(table, "merged_accuracy") - last(table, "average_local_accuracy"),
    "small run": lambda table: last(table, "merged_accuracy"),
    "KeyError": lambda table: table["no such column"],
    "no answer": lambda table: None,
}


@pytest.mark.parametrize("said", LIFTS)
def test_lift(monkeypatch, said):
    rounds = {"round": [0, 9] * 6, "seed": [3] * 6 + [5] * 6}
    values = {"metric": np.repeat(["merged_accuracy", "average_global_accuracy", "average_local_accuracy"] * 2, 2)}
    table = pd.DataFrame(rounds | values | {"agent": pd.NA, "value": np.random.default_rng(0).random(12)})
    monkeypatch.setattr(single_merge, "run", lambda spec, seeds: table)
    assert said in verdict("4.2", LIFTS[said])


def test_lift_of_a_real_run():
    """The run on which answers are judged has a lift that differs from every slip."""
    assert verdict("4.2", LIFTS["right."]) == "4.2: right."


def test_only_single_agents_merge_whatever_the_loss():
    for agent in (0, 15):
        assert verdict("4.3", np.eye(16)[agent]) == "4.3: right."
    for weights, said in (
        ([1 / 16] * 16, "average"),
        ([0.5, 0.5] + [0] * 14, "average"),
        ([1.0, 0.1] + [0] * 14, "sum to one"),
        ([2.0, -1.0] + [0] * 14, "between 0 and 1"),
        ([0] * 16, "sum to one"),
        ([1.0], "16 weights"),
        ("all", "array"),
    ):
        assert said in verdict("4.3", weights), weights


def test_gain_of_quadratics():
    assert verdict("4.4", lambda h, models: h / 2 * np.var(models)) == "4.4: right."
    assert "half" in verdict("4.4", lambda h, models: h * np.var(models))
    assert "1/(m - 1)" in verdict(
        "4.4", lambda h, models: h / 2 * np.var(models, ddof=1) if len(models) > 1 else h * 0.0
    )
    assert "It is off" in verdict("4.4", lambda h, models: np.var(models))


@pytest.mark.parametrize(
    ("seen", "right"),
    [
        (([1.0, 2.0], [0.1, 0.2], [0.3, 0.3]), {"a", "b"}),
        (([1.0, 2.0], [0.1, 0.4], [0.3, 0.3]), {"a", "c"}),
        (([1.0, -2.0], [0.1, 0.2], [0.3, 0.3]), set()),
    ],
)
def test_statements_about_the_silent_follow_what_was_measured(monkeypatch, seen, right):
    monkeypatch.setattr(single_merge, "silent", lambda: tuple(map(np.array, seen)))
    assert verdict("4.5", right) == "4.5: right."
    assert verdict("4.5", "".join(sorted(right))) == "4.5: right."
    assert "again" in verdict("4.5", right ^ {"b"})
    assert "letters" in verdict("4.5", {"d"})
    assert "letters" in verdict("4.5", [["a"], 1])


def test_barrier():
    def rise(losses):
        t = np.linspace(0, 1, len(losses))
        return np.max(losses - (1 - t) * losses[0] - t * losses[-1])

    assert verdict("4.6", rise) == "4.6: right."
    assert "higher end" in verdict("4.6", lambda losses: max(losses) - max(losses[0], losses[-1]))
    assert "changes with t" in verdict("4.6", lambda losses: max(losses) - (losses[0] + losses[-1]) / 2)
    assert "chord" in verdict("4.6", max)


def test_points_of_the_polygon():
    center, side = np.full(16, 1 / 16), np.eye(16)[:2].mean(axis=0)
    assert verdict("4.7", (center, list(side))) == "4.7: right."
    assert "symmetry" in verdict("4.7", (side, center))
    assert "shape (2, 16)" in verdict("4.7", (center[:3], side[:3]))
    assert "no answer" in verdict("4.7", (center, ...))


def test_even_rate_is_that_of_the_algorithm_that_averages():
    """All-reduce, run on a few numbers, against 16 pulls a round: T and P cancel."""
    _, numbers = ring_all_reduce(np.zeros((16, 5)))
    assert verdict("4.8", numbers / (16 * 5)) == "4.8: right."
    assert verdict("4.8", "15/8") == "4.8: right."
    assert "paid for" in verdict("4.8", 15 / 8 * 50 / 49)
    assert "Set the two" in verdict("4.8", 2)


def test_the_notebook_and_its_checks_agree_on_the_model():
    assert single_merge.model().dim == Spec(agents=16, rounds=50).build((0, 1, 2)).dim
