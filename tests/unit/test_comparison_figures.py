"""The figures of `onemerge compare` and `onemerge scale`, by the data of their artists."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from figures import comparison, scaling, style
from theory.errors import OnemergeError

COSTS = pd.DataFrame({"label": ["ring", "star"], "messages": [8.0, 6.0], "rounds_to_halve": [5, 9]})
STEPS = pd.DataFrame(
    [("ring", "upper", 100.0), ("star", "upper", np.inf), ("ring", "simulated", 10.0), ("star", "simulated", np.nan)],
    columns=["label", "bound", "steps"],
)
SIZES = np.array([8, 16, 32])


def gaps(*names):
    return pd.DataFrame([(name, n, 4.0 / n**2) for name in names for n in SIZES], columns=["label", "agents", "gap"])


def fits(*names, text="slope −2"):
    return gaps(*names).assign(text=text)


def texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_the_comparison_has_a_row_for_each_topology():
    left, right = comparison.comparison(COSTS, STEPS, 0.01).axes
    marks = {line.get_label(): line for line in right.lines if not line.get_label().startswith("_")}
    assert [label.get_text() for label in right.get_yticklabels()] == ["ring", "star"]
    np.testing.assert_array_equal(marks["upper"].get_xydata(), [[100, 1]])  # out of reach for the star: not drawn
    np.testing.assert_array_equal(marks["simulated"].get_xydata(), [[10, 1]])
    assert {line.get_label(): tuple(*line.get_xydata()) for line in left.lines} == {"ring": (8, 5), "star": (6, 9)}
    assert "0.01" in right.get_xlabel()


def test_a_bound_without_any_steps_is_said():
    none = STEPS.assign(steps=STEPS["steps"].where(STEPS["bound"] == "simulated", np.inf))
    assert "upper (never, or not computed)" in texts(comparison.comparison(COSTS, none, 0.01))


def test_labels_of_a_comparison_differ():
    with pytest.raises(OnemergeError, match="same label"):
        comparison.comparison(COSTS.assign(label="ring"), STEPS, 0.01)
    with pytest.raises(OnemergeError, match="lacks the column messages"):
        comparison.comparison(COSTS.drop(columns="messages"), STEPS, 0.01)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [((32, 64), ["30", "40", "50", "60", "70"]), ((3, 64), ["2", "5", "10", "20", "50", "100"]), ((3, 3000), None)],
)
def test_labels_of_a_logarithmic_axis_do_not_overlap(messages, expected):
    figure = comparison.comparison(COSTS.assign(messages=messages), STEPS, 0.01)
    figure.canvas.draw()
    for ax in figure.axes:
        low, high = ax.get_xlim()
        labels = [t for t in ax.get_xticklabels(which="both") if t.get_text() and low <= t.get_position()[0] <= high]
        boxes = sorted((t.get_window_extent() for t in labels), key=lambda box: box.x0)
        assert len(boxes) >= 2
        assert all(a.x1 < b.x0 for a, b in pairwise(boxes))
        if ax is figure.axes[0] and expected:
            assert set(expected) >= {t.get_text() for t in labels}


def test_gaps_are_marks_and_fits_are_lines():
    figure = scaling.gap_scaling(gaps("ring", "path"), fits("ring"))
    (ax,) = figure.axes
    marks = [line for line in ax.lines if line.get_linestyle() == "None"]
    lines = [line for line in ax.lines if line.get_linestyle() != "None"]
    assert (len(marks), len(lines)) == (2, 2)  # the path has too few sizes: an empty line
    np.testing.assert_allclose(marks[0].get_ydata(), 4 / SIZES**2)
    np.testing.assert_allclose(lines[0].get_ydata(), 4 / SIZES**2)
    assert texts(figure) == ["ring: slope −2", "path: too few sizes for a slope"]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_a_flat_gap_looks_flat():
    (ax,) = scaling.gap_scaling(gaps("ring").assign(gap=0.5), fits("ring")).axes
    low, high = ax.get_ylim()
    assert high / low > 10


def test_what_a_logarithm_cannot_show_is_refused():
    with pytest.raises(OnemergeError, match="3 gaps are not positive"):
        scaling.gap_scaling(gaps("ring").assign(gap=0.0), fits("ring"))


def test_slopes_are_words():
    assert scaling.slope_text(-2, 1e-7, "log n", "1/n²") == "slope −2.000 ± 1e−07 in log n; known: 1/n²"
    assert scaling.slope_text(0.1, 0.05, "log n", None).endswith("no known law here")


@pytest.mark.parametrize("count", [1, 2, 12])
def test_no_label_leaves_the_figure(count):
    names = [f"random_geometric (radius 0.{k})" for k in range(count)]
    costs = pd.DataFrame({"label": names, "messages": np.arange(count) + 1.0, "rounds_to_halve": 3})
    steps = pd.DataFrame([(n, b, 9.0) for n in names for b in ("a bound with a long name", "simulated")],
                         columns=["label", "bound", "steps"])  # fmt: skip
    for figure in (comparison.comparison(costs, steps, 0.01), scaling.gap_scaling(gaps(*names), fits(*names))):
        with style.look():
            figure.draw_without_rendering()
        renderer = figure.canvas.get_renderer()
        box = figure.bbox
        labels = [t for ax in figure.axes for t in (*ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label)]
        for text in [*labels, *figure.legends[0].get_texts()]:
            extent = text.get_window_extent(renderer)
            if text.get_text():
                assert box.x0 - 1 <= extent.x0 <= extent.x1 <= box.x1 + 1, text.get_text()
        assert style.render(figure, ".png")[:4] == b"\x89PNG"
