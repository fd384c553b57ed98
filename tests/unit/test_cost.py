"""Accuracy by data sent: figures by the data of their artists, on tables whose bytes are known."""

import itertools

import numpy as np
import pandas as pd
import pytest

from figures import cost
from theory.errors import OnemergeError

METRIC = "average_global_accuracy"
FEDERATED, GOSSIP, SILENT = "federated", "gossip", "local only"


def run(label, accuracy, amounts, seeds=3, **fields):
    """Seed s has accuracy + s/100 and amounts of bytes (1 + s/10) times the given ones, at rounds 0, 1, …"""
    return pd.DataFrame([
        {"label": label, "seed": seed, "round": done, "metric": metric, "agent": pd.NA, "value": value, **fields}
        for seed in range(seeds)
        for metric, values in (
            (METRIC, np.asarray(accuracy) + seed / 100),
            ("bytes", np.asarray(amounts) * (1 + seed / 10)),
        )
        for done, value in enumerate(values)
    ]).astype({"agent": "Int64"})  # fmt: skip


def usual(scale=1e6, **fields):
    """Federated sends 40 a round; gossip 1 a round and 40 in the last, which lifts it by 30 points; one is silent."""
    return pd.concat([
        run(FEDERATED, [0.1, 0.4, 0.6, 0.7], scale * np.array([0, 40, 80, 120]), **fields),
        run(GOSSIP, [0.1, 0.2, 0.3, 0.6], scale * np.array([0, 1, 2, 42]), **fields),
        run(SILENT, [0.1, 0.2, 0.2, 0.25], [0, 0, 0, 0], **fields),
    ])  # fmt: skip


def diverge(table, label, seed, at):
    """That run ends after round `at`, at step 7."""
    of_run = (table["label"] == label) & (table["seed"] == seed)
    row = table[of_run].iloc[[0]].assign(metric="diverged", round=at, value=7.0)
    return pd.concat([table[~(of_run & (table["round"] > at))], row], ignore_index=True)


def curve(ax, place):
    """x and y of the curve number `place` of the panel, those that are one point or a line across included."""
    return ax.get_lines()[place].get_data()


def texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize(
    ("largest", "name", "size"),
    [(1, "bytes", 1), (999, "bytes", 1), (1000, "kB", 1e3), (2.5e6, "MB", 1e6), (1e9, "GB", 1e9), (5e13, "GB", 1e9)],
)
def test_units(largest, name, size):
    assert cost.unit_of(largest) == (name, size)


@pytest.mark.parametrize(("scale", "name", "unit"), [(1.0, "bytes", 1), (1e3, "kB", 1e3), (1e8, "GB", 1e9)])
def test_curves_stand_at_the_mean_of_the_bytes_in_the_unit_of_the_axis(scale, name, unit):
    left, right = cost.by_round_and_bytes(usual(scale)).axes
    x, y = curve(right, 0)
    np.testing.assert_allclose(x, 1.1 * scale * np.array([0, 40, 80, 120]) / unit)
    np.testing.assert_allclose(y, [11, 41, 61, 71])  # the mean over seeds is 0.01 above the first one
    np.testing.assert_allclose(y, curve(left, 0)[1])
    assert right.get_xlabel() == f"data sent by all agents ({name})"
    low, high = right.get_xlim()
    assert low == 0
    assert high >= 1.2 * scale * 120 / unit  # the dearest seed
    assert left.get_ylim() == right.get_ylim()
    assert left.get_ylim()[0] == 0


def test_the_band_is_over_seeds():
    _, right = cost.by_round_and_bytes(usual()).axes
    corners = right.collections[1].get_paths()[0].vertices
    assert corners[:, 1].min() == pytest.approx(10)
    assert corners[:, 1].max() == pytest.approx(62)
    assert corners[:, 0].max() == pytest.approx(1.1 * 42)


def test_a_silent_run_is_a_point_at_zero_and_a_line_across():
    _, right = cost.by_round_and_bytes(usual()).axes
    across, point = (curve(right, place) for place in (2, 3))
    np.testing.assert_allclose(across[1], [26, 26])
    assert list(across[0]) == [0, 1]  # of the width of the panel
    np.testing.assert_allclose(np.ravel(point), [0, 26])
    assert len(right.collections) == 2  # no band


def test_a_run_that_is_silent_until_its_merge_is_a_curve():
    """One-shot averaging: it trains at 0 bytes and pays once."""
    table = pd.concat([usual(), run("one shot", [0.1, 0.2, 0.3, 0.1], [0, 0, 0, 4e7])])
    x, y = curve(cost.by_round_and_bytes(table).axes[1], 4)
    np.testing.assert_allclose(x, [0, 0, 0, 44])
    np.testing.assert_allclose(y, [11, 21, 31, 11])


def test_the_jump_is_written_with_its_range():
    table = usual()
    last = (table["label"] == GOSSIP) & (table["metric"] == METRIC) & (table["round"] == 3)
    table.loc[last, "value"] += table.loc[last, "seed"] / 100
    left, right = cost.by_round_and_bytes(table, jump=GOSSIP).axes
    (text,) = [text.get_text() for text in left.texts]
    assert text == "+31.0 (30.0 to 32.0)\npoints in one round"
    assert not right.texts
    star = [line for line in left.get_lines() if line.get_marker() == "*"]
    assert [line.get_color() for line in star] == [left.get_lines()[1].get_color()]
    np.testing.assert_allclose(np.ravel(star[0].get_data()), [3, 62])


def test_panels_share_axes_and_only_the_first_names_the_metric():
    table = pd.concat([usual(panel="A"), usual(10e6, panel="B")])
    figure = cost.by_round_and_bytes(table, jump=GOSSIP)
    above, below = np.reshape(figure.axes, (2, 2))
    assert [ax.get_title() for ax in above] == [f"{name}\nmerge +30.0 (30.0 to 30.0)" for name in "AB"]
    assert [ax.get_ylabel() for ax in (*above, *below)] == ["average global accuracy (%)", ""] * 2
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    assert len({ax.get_xlim() for ax in below}) == 1
    assert not any(ax.texts for ax in figure.axes)
    for ax, scale in zip(below, (1, 10), strict=True):
        np.testing.assert_allclose(curve(ax, 1)[0], 1.1e-3 * scale * np.array([0, 1, 2, 42]))
    assert texts(figure) == [FEDERATED, GOSSIP, SILENT, "band: min to max over 3 seeds"]


def test_a_method_has_one_color_in_all_panels_and_stands_in_the_legend_where_the_first_panel_lacks_it():
    table = pd.concat([usual(panel="A"), usual(panel="B")])
    table = table[(table["panel"] == "B") | (table["label"] != GOSSIP)]
    figure = cost.by_round_and_bytes(table, jump=GOSSIP)
    above = np.reshape(figure.axes, (2, 2))[0]
    assert texts(figure) == [FEDERATED, SILENT, GOSSIP, "band: min to max over 3 seeds"]  # in order of appearance
    colors = [{line.get_label(): line.get_color() for line in ax.get_lines()} for ax in above]
    assert colors[0].items() <= colors[1].items()
    assert ["merge" in ax.get_title() for ax in above] == [False, True]


def seen(ax, number):
    """Whether the tick is in view: matplotlib keeps some outside, undrawn."""
    low, high = ax.get_xlim()
    return low <= number.get_position()[0] <= high


@pytest.mark.parametrize("panels", [2, 4, 5])
def test_panels_are_legible_at_page_width(panels):
    """No number or name of an axis reaches into the next one's, and none is cut off."""
    names = [f"AdamW, {16 * (k + 1)} agents and a word more" for k in range(panels)]
    table = pd.concat([usual(10.0 ** (6 - k % 3), panel=name) for k, name in enumerate(names)])
    figure = cost.by_round_and_bytes(table, jump=GOSSIP)
    draw = figure.canvas.get_renderer()
    figure.draw_without_rendering()
    for row in np.reshape(figure.axes, (2, panels)):
        numbers = [text for ax in row for text in ax.get_xticklabels() if seen(ax, text)]
        titles = [ax.title for ax in row if ax.get_title()]
        for words in (numbers, [ax.xaxis.label for ax in row], *([titles] if titles else [])):
            boxes = [text.get_window_extent(draw) for text in words]
            assert len(boxes) >= panels
            assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
            assert min(box.x0 for box in boxes) >= 0
            assert max(box.x1 for box in boxes) <= figure.bbox.x1
        assert len({ax.get_xlabel() for ax in row}) == 1


def test_no_panel_is_cut_off_by_the_height_of_another():
    low, high = usual(panel="A"), usual(panel="B")
    low.loc[low["metric"] == METRIC, "value"] /= 4
    for order in ((low, high), (high, low)):
        figure = cost.by_round_and_bytes(pd.concat(order))
        for ax in figure.axes:
            bottom, top = ax.get_ylim()
            assert bottom == 0
            assert top > 73  # the best seed


@pytest.mark.parametrize(
    ("smallest", "largest", "decade", "ticks"),
    [
        (1, 100, 1.0, [1, 2, 5, 10, 20, 50, 100]),
        (1, 99, 1.0, [1, 2, 5, 10, 20, 50]),
        (1, 100, 0.99, [3, 10, 30, 100]),  # 2 and 5 would touch; 1 is 0.297 inches from 0
        (1, 100, 0.62, [10, 100]),
        (0.01, 100, 0.3, [1e-1, 1, 10, 100]),
        (0.01, 100, 0.2, [1, 100]),
        (0.001, 100, 0.1, [1]),
    ],
)
def test_ticks_keep_their_distance(smallest, largest, decade, ticks):
    assert cost.byte_ticks(smallest, largest, decade) == pytest.approx(ticks)


def test_a_diverged_run_has_its_cross_in_both_and_is_told_with_its_panel():
    whole = usual(panel="A")
    figure = cost.by_round_and_bytes(pd.concat([whole, diverge(usual(panel="B"), GOSSIP, 1, 1)]), jump=GOSSIP)
    above, below = np.reshape(figure.axes, (2, 2))
    crosses = [[line for line in ax.get_lines() if line.get_marker() == "x"] for ax in (*above, *below)]
    assert [len(lines) for lines in crosses] == [0, 1, 0, 1]
    np.testing.assert_allclose(np.ravel(crosses[1][0].get_data()), [1, 21])
    np.testing.assert_allclose(np.ravel(crosses[3][0].get_data()), [1.1, 21])
    assert [text for text in texts(figure) if "diverged" in text] == [
        "diverged at step 7 (B: gossip, seed 1), from there on the mean is without that seed"
    ]


def test_what_cannot_be_compared_is_said():
    table = usual()
    counted = table["metric"] == "bytes"
    for wrong, jump, said in (
        (table[~counted], None, "The table has no metric 'bytes'"),
        (table[table["label"] == SILENT], None, "Nobody sent anything"),
        (table, "merge", "There is no label 'merge'; the labels are federated, gossip, local only."),
        (table[~counted | (table["round"] != 2)], None, "'bytes' of 'federated' is missing at 1 of 4 rounds."),
        (table[table["metric"] != METRIC], None, f"The table has no metric '{METRIC}'"),
        (table.drop(columns="seed"), None, "The table lacks the column seed"),
    ):
        with pytest.raises(OnemergeError) as error:
            cost.by_round_and_bytes(wrong, jump=jump)
        assert said in str(error.value)
