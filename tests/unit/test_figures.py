"""Figures by the data of their artists, on tables with numbers that are known."""

import itertools
import subprocess
import sys

import matplotlib
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from figures import curves, drawings, labels, landscape, rates, style, tidy, topology, windows
from paper_repro.items import fig1c
from theory.errors import OnemergeError

ACCURACY = "average_global_accuracy"
MERGED = "decentralized"


def rows(label, values, seeds=3, metric=ACCURACY, **fields):
    """Seed s has values + s/100 at rounds 0, 1, …: so the mean is values + 0.01 and the range ±0.01 at three seeds."""
    return [
        {"label": label, "metric": metric, "seed": s, "round": r, "agent": pd.NA, "value": v + s / 100, **fields}
        for s in range(seeds)
        for r, v in enumerate(values)
    ]


def tidy_table(records):
    table = pd.DataFrame(records)
    return table.astype(
        {name: "Int64" for name in ("agent", "window_start", "window_stop", "window_length") if name in table}
    )


def diverge(table, label, seed, at, step):
    """That run ends after round `at` and has a row `diverged`."""
    of_run = (table["label"] == label) & (table["seed"] == seed)
    row = table[of_run].iloc[[0]].assign(metric="diverged", round=at, value=float(step))
    return pd.concat([table[~(of_run & (table["round"] > at))], row], ignore_index=True)


def by_round():
    """Federated rises, decentralized jumps by 30 points at the end, local stays; agent rows must not count."""
    agent = [{**row, "agent": 1, "value": 0.99} for row in rows("federated", np.linspace(0.1, 0.6, 11))]
    return tidy_table(
        rows("federated", np.linspace(0.1, 0.6, 11))
        + rows(MERGED, [*np.linspace(0.1, 0.2, 10), 0.5])
        + rows("local only", np.linspace(0.1, 0.15, 11))
        + agent
    )


def by_window():
    """Windows 0-5 and 5-10: best 0.3 and 0.4, final 0.2 and 0.35; the baseline ends at 0.15."""
    none = {"window_start": pd.NA, "window_stop": pd.NA, "window_length": pd.NA}
    early = {"window_start": 0, "window_stop": 5, "window_length": 5}
    late = {"window_start": 5, "window_stop": 10, "window_length": 5}
    return tidy_table(
        rows("R 0.2", np.linspace(0.1, 0.15, 11), **none)
        + rows("early", [0.1] + [0.3] * 4 + [0.2] * 6, **early)
        + rows("late", [0.1] * 5 + [0.4] * 5 + [0.35], **late)
    )


def polygon(function, agents=16):
    """Values of function(x, y) on a grid inside a regular polygon, and at its vertices."""
    angle = 2 * np.pi * np.arange(agents) / agents
    corners = np.column_stack([np.cos(angle), np.sin(angle)])
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 21)] * 2), axis=-1).reshape(-1, 2)
    normals = np.column_stack([np.cos(angle + np.pi / agents), np.sin(angle + np.pi / agents)])
    inside = grid[(grid @ normals.T <= np.cos(np.pi / agents) - 1e-9).all(axis=1)]
    x, y = np.concatenate([inside, corners]).T
    agent = pd.array([pd.NA] * len(inside) + list(range(agents)), dtype="Int64")
    return pd.DataFrame({"x": x, "y": y, "value": function(x, y), "agent": agent})


def consensus(steps=30, rate=0.5):
    step = np.arange(steps)
    mean = rate**step
    table = pd.DataFrame({"step": step, "mean": mean, "low": mean / 2, "high": mean * 2})
    return table, pd.DataFrame({"step": step, "bound": "upper", "value": 3 * mean})


def named_lines(ax):
    return {line.get_label(): line for line in ax.get_lines() if not line.get_label().startswith("_")}


def legend_texts(figure):
    return [text.get_text().replace("\n", " ") for box in figure.legends for text in box.get_texts()]


def crosses(ax):
    return [line for line in ax.get_lines() if line.get_marker() == "x"]


def luminance(color):
    """CIE relative luminance of an sRGB color."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


EVERY = {
    "accuracy": lambda: curves.accuracy_by_round(by_round(), jump=MERGED),
    "accuracy, one seed": lambda: curves.accuracy_by_round(by_round().query("seed == 0"), jump=MERGED),
    "long label": lambda: curves.accuracy_by_round(long_label()),
    "deviation, one seed": lambda: curves.accuracy_by_round(by_round().query("seed == 0"), spread="deviation"),
    "mergeability": lambda: curves.mergeability(mergeable(), chance=0.1),
    "mergeability, one seed": lambda: curves.mergeability(mergeable().query("seed == 0")),
    "windows": lambda: windows.window_bars(by_window().drop(columns="window_length")),
    "windows, one seed": lambda: windows.window_bars(by_window().query("seed == 0")),
    "landscape": lambda: landscape.landscape(polygon(lambda x, y: 1 + 9 * (x**2 + y**2))),
    "landscape, flat": lambda: landscape.landscape(polygon(lambda x, y: 0 * x + 2 + 0 * y)),
    "drawing": drawings.communication_drawing,
    "topology": lambda: topology.topology_report(nx.cycle_graph(5), np.ones(5) / 2, *consensus(), band="min to max"),
    "topology, one agent": lambda: topology.topology_report(nx.empty_graph(1), [1.0], consensus()[0]),
    "rates": lambda: rates.rates_table(printed()),
    "rates and steps": lambda: rates.rates_table(printed(), steps()),
    "rates and steps, one seed": lambda: rates.rates_table(printed(), steps().query("seed == 0")),
}


def long_label():
    """A label that is wider than a column, diverged."""
    name = "decentralized (random peers R 0.2, one global merge at the very end), 32 agents"
    table = diverge(by_round(), "federated", 1, at=3, step=300)
    return table.assign(label=table["label"].replace("federated", name))


def mergeable():
    return tidy_table(
        rows("R 0.2", np.linspace(0.1, 0.2, 6))
        + rows("R 0.2", np.linspace(0.1, 0.5, 6), metric="merged_accuracy")
        + rows("no communication", np.linspace(0.1, 0.2, 6))
        + rows("no communication", [0.1] * 6, metric="merged_accuracy")
    )


def printed():
    return pd.DataFrame(
        {
            "method": ["parallel SGD", "DSGD"],
            "rate": [r"$O(1/\varepsilon)$", r"$O\left(\frac{\sqrt{p}\sigma + \zeta}{p\varepsilon^{3/2}}\right)$"],
            "measured": [
                "slope 1.0",
                r"a long sentence about a slope, and $\eta = 1.5 / L_2$, that cannot fit in one line",
            ],
        }
    )


def steps():
    return pd.DataFrame(
        [
            {"label": name, "epsilon": epsilon, "seed": seed, "steps": (10 + seed) * epsilon**-power}
            for name, power in (("parallel SGD", 1.0), ("DSGD", 1.5))
            for epsilon in (0.1, 0.01, 0.001)
            for seed in (0, 1)
        ]
    )


@pytest.mark.parametrize("name", EVERY)
def test_every_figure_is_pure_and_draws_without_text_outside_the_page(name):
    before = dict(matplotlib.rcParams)
    figure = EVERY[name]()
    assert dict(matplotlib.rcParams) == before
    assert isinstance(figure, Figure)
    assert figure.get_figwidth() in {style.COLUMN_WIDTH, style.PAGE_WIDTH}
    figure.draw_without_rendering()
    page = figure.bbox
    for box in figure.legends:
        extent = box.get_window_extent()
        assert page.x0 - 1 <= extent.x0
        assert extent.x1 <= page.x1 + 1
        for ax in figure.axes:
            assert not extent.overlaps(ax.get_window_extent())


def test_curve_is_the_mean_and_band_is_the_range():
    figure = curves.accuracy_by_round(by_round(), jump=MERGED)
    (ax,) = figure.axes
    lines = named_lines(ax)
    assert list(lines) == ["federated", MERGED, "local only"]
    np.testing.assert_allclose(lines["federated"].get_ydata(), 100 * (np.linspace(0.1, 0.6, 11) + 0.01))
    np.testing.assert_array_equal(lines[MERGED].get_xdata(), np.arange(11))
    bands = [c for c in ax.collections if isinstance(c, FillBetweenPolyCollection)]
    assert len(bands) == 3
    at_start = bands[0].get_paths()[0].vertices
    np.testing.assert_allclose(np.unique(at_start[at_start[:, 0] == 0, 1]), [10, 12])
    assert "band: min to max over 3 seeds" in legend_texts(figure)
    assert ax.get_ylabel() == "average global accuracy (%)"
    assert ax.get_xlabel() == "communication round"


def test_deviation_band_says_so_and_is_one_standard_deviation():
    figure = curves.accuracy_by_round(by_round(), spread="deviation")
    band = next(c for c in figure.axes[0].collections if isinstance(c, FillBetweenPolyCollection))
    vertices = band.get_paths()[0].vertices
    np.testing.assert_allclose(np.unique(vertices[vertices[:, 0] == 0, 1].round(9)), [10, 12])  # std of 0, 1, 2 is 1
    assert "band: ±1 standard deviation over 3 seeds" in legend_texts(figure)


def test_jump_is_written_with_its_range():
    table = by_round()
    last = (table["label"] == MERGED) & (table["round"] == 10) & (table["seed"] == 2)
    table.loc[last, "value"] += 0.03
    (ax,) = curves.accuracy_by_round(table, jump=MERGED).axes
    assert [text.get_text() for text in ax.texts] == ["+31.0 (30.0 to 33.0)\npoints in one round"]
    (ax,) = curves.accuracy_by_round(table.assign(value=1 - table["value"]), jump=MERGED).axes
    assert [text.get_text() for text in ax.texts] == ["−31.0 (−33.0 to −30.0)\npoints in one round"]


def test_a_jump_of_a_pure_number_has_no_unit():
    sent = by_round().assign(metric="messages")
    (ax,) = curves.accuracy_by_round(sent, metric="messages", jump=MERGED).axes
    assert [text.get_text() for text in ax.texts] == ["+0.3 (0.3 to 0.3)\nin one round"]


def test_one_seed_has_no_band_and_says_so():
    figure = curves.accuracy_by_round(by_round().query("seed == 0"))
    assert not figure.axes[0].collections
    assert "one seed" in legend_texts(figure)


def test_a_diverged_run_is_marked_and_the_mean_goes_on_without_it():
    table = diverge(by_round(), "federated", seed=2, at=4, step=437)
    figure = curves.accuracy_by_round(table)
    (ax,) = figure.axes
    (cross,) = crosses(ax)
    assert cross.get_xdata() == [4]
    np.testing.assert_allclose(cross.get_ydata(), [100 * (0.1 + 0.05 * 4 + 0.02)])
    mean = named_lines(ax)["federated"].get_ydata()
    np.testing.assert_allclose(mean[4], 100 * (0.1 + 0.05 * 4 + 0.01))
    np.testing.assert_allclose(mean[10], 100 * (0.6 + 0.005))
    note = [text for text in legend_texts(figure) if "diverged" in text]
    assert note == ["diverged at step 437 (federated, seed 2), from there on the mean is without that seed"]


def test_values_after_a_divergence_do_not_count_and_a_run_without_values_still_shows():
    table = diverge(by_round(), "federated", seed=2, at=4, step=437)
    late = table.iloc[[0]].assign(label="federated", seed=2, round=7, value=np.nan)
    garbage = late.assign(round=8, value=12.0)
    never = table.iloc[[0]].assign(label="never", metric="diverged", round=0, value=3.0)
    figure = curves.accuracy_by_round(pd.concat([table, late, garbage, never], ignore_index=True))
    np.testing.assert_allclose(named_lines(figure.axes[0])["federated"].get_ydata()[8], 100 * (0.5 + 0.005))
    assert len(crosses(figure.axes[0])) == 2
    assert "diverged at step 3 (never, seed 0)" in legend_texts(figure)


def test_a_jump_needs_a_seed_that_did_not_diverge():
    table = by_round()
    for seed in range(3):
        table = diverge(table, MERGED, seed, at=8, step=100)
    with pytest.raises(OnemergeError, match="a seed that did not diverge"):
        curves.accuracy_by_round(table, jump=MERGED)


def test_holes_and_doubles_are_errors_not_means():
    table = by_round()
    hole = table[~((table["label"] == "local only") & (table["seed"] == 1) & (table["round"] == 5))]
    with pytest.raises(OnemergeError, match=r"'local only', seed 1, is missing or not finite at 1 of 11 rounds"):
        curves.accuracy_by_round(hole)
    with pytest.raises(OnemergeError, match="different runs share one label"):
        curves.accuracy_by_round(pd.concat([table, table]))


def test_mergeability_shows_both_curves_in_every_panel_and_the_chance_level():
    figure = curves.mergeability(mergeable(), chance=0.1)
    assert [ax.get_title() for ax in figure.axes] == ["R 0.2", "no communication"]
    for ax, top in zip(figure.axes, (0.5, 0.1), strict=True):
        lines = named_lines(ax)
        np.testing.assert_allclose(lines["merged model, counterfactual"].get_ydata()[-1], 100 * (top + 0.01))
        np.testing.assert_allclose(lines["local models, average"].get_ydata()[-1], 21)
        np.testing.assert_allclose(lines["chance, 10 %"].get_ydata(), 10)
    with pytest.raises(OnemergeError, match="no metric 'merged_loss'"):
        curves.mergeability(mergeable(), quantity="loss")


def test_bars_are_best_and_final_per_window():
    figure = windows.window_bars(by_window().drop(columns="window_length"))
    (ax,) = figure.axes
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches[:4]], [31, 21, 41, 36])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0–5", "5–10"]
    baseline = next(line for line in ax.get_lines() if line.get_linestyle() == "--")
    np.testing.assert_allclose(baseline.get_ydata(), 16)
    (band,) = (patch for patch in ax.patches if to_rgb(patch.get_facecolor()) == to_rgb(windows.BASELINE))
    assert band.get_zorder() < min(bar.get_zorder() for bar in ax.patches if bar is not band) < baseline.get_zorder()
    whisker = ax.containers[1].lines[2][0].get_segments()[0]
    np.testing.assert_allclose(whisker[:, 1], [30, 32])
    assert legend_texts(figure) == [
        "best over all rounds", "final", "R 0.2, final", "whiskers and bands: min to max over 3 seeds",
    ]  # fmt: skip
    assert luminance(style.LIGHT) > 4 * luminance(style.DARK)
    (inset,) = ax.child_axes
    assert "5–10" in inset.get_title()
    assert inset.get_lines()[-1].get_xdata().min() == 3
    assert inset.get_window_extent().y0 > ax.transData.transform((0, 42))[1]


@pytest.mark.parametrize("share", [0.02, 0.1, 1.0, 2.4])
def test_low_bars_are_not_lost_below_a_scale_to_100(share):
    """Whatever the accuracies, the tallest whisker takes over 40 % of the panel, and ticks end at 100 %."""
    table = by_window().drop(columns="window_length").assign(value=lambda t: share * t["value"])
    (ax,) = windows.window_bars(table).axes
    top, ticks = ax.get_ylim()[1], ax.get_yticks()
    assert 100 * share * 0.42 > 0.4 * top
    assert ticks[0] == 0
    assert 4 <= len(ticks) <= 8
    assert ticks[-1] <= min(100, top)


def counted(table, by_label):
    """The table with bytes of each label: half of the given ones at half of its rounds, all at the end."""
    more = []
    for label, total in by_label.items():
        own = table[(table["label"] == label) & (table["metric"] == table["metric"].iloc[0]) & table["agent"].isna()]
        last = own["round"].max()
        more.append(own.assign(metric="bytes", value=np.where(own["round"] == last, total + own["seed"], total / 2)))
    return pd.concat([table, *more], ignore_index=True)


def test_figures_say_what_was_sent_where_the_table_counts_it():
    table = counted(mergeable(), {"R 0.2": 12.3e6, "no communication": -1.0})
    titles = [ax.get_title() for ax in curves.mergeability(table).axes]
    assert titles == ["R 0.2, 12.3 MB sent", "no communication, 0 bytes sent"]  # −1, 0 and 1 over the seeds
    table = by_window()
    names = dict.fromkeys(table["label"].unique(), 2000.0)
    figure = windows.window_bars(counted(table, names))
    assert figure.axes[0].get_title(loc="right").endswith(", 2 kB sent")
    assert any(text.endswith("final, 2 kB sent") for text in legend_texts(figure))
    bare = windows.window_bars(table)
    assert not any("sent" in text for text in (*legend_texts(bare), *(ax.get_title(loc="right") for ax in bare.axes)))


def test_windows_of_two_lengths_have_two_panels_longest_first():
    long = {"window_start": 0, "window_stop": 10, "window_length": 10}
    table = pd.concat([by_window(), tidy_table(rows("all", [0.1] + [0.6] * 10, **long))], ignore_index=True)
    figure = windows.window_bars(table)
    assert [ax.get_title(loc="right") for ax in figure.axes] == ["windows of 10 rounds", "windows of 5 rounds"]
    with pytest.raises(OnemergeError, match="2 panels"):
        windows.window_bars(table, inset_window=(0, 10))


def test_a_diverged_window_keeps_its_best_and_loses_its_final_bar():
    table = by_window()
    for seed in range(3):
        table = diverge(table, "late", seed, at=7, step=99)
    figure = windows.window_bars(table)
    (ax,) = figure.axes
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches[:3]], [31, 21, 41])
    assert sum(len(bars.patches) for bars in ax.containers if hasattr(bars, "patches")) == 3
    assert len(crosses(ax)) == 1
    assert sum("diverged at step 99" in text for text in legend_texts(figure)) == 3


def test_landscape_levels_follow_the_ratio_and_stay_in_the_polygon():
    figure = landscape.landscape(polygon(lambda x, y: 1 + 9 * (x**2 + y**2)))
    ax, bar = figure.axes
    filled = ax.collections[0]
    assert isinstance(filled.norm, LogNorm)
    np.testing.assert_allclose(np.diff(np.log(filled.levels)), np.log(10) / 14)
    assert filled.get_clip_path() is not None
    assert bar.get_ylabel() == "test loss (nats)"
    assert [text.get_text() for text in ax.texts] == [*map(str, range(16)), "merged"]
    linear = landscape.landscape(polygon(lambda x, y: 2 + x / 10 + 0 * y)).axes[0].collections[0]
    assert not isinstance(linear.norm, LogNorm)


@pytest.mark.parametrize("agents", [3, 5, 16, 32])
def test_no_triangle_of_the_landscape_lies_on_an_edge(agents):
    """Rounding puts points of an edge beside it, and a triangle with its ends draws over them: a contour then runs
    along the edge, where the values cross it."""
    _, points = fig1c.grid(agents)
    mesh = landscape.mesh_of(pd.DataFrame(points, columns=["x", "y"]))
    triangles = points[mesh.get_masked_triangles()]
    (ax, ay), (bx, by) = np.moveaxis(triangles[:, 1:] - triangles[:, :1], 0, -1)
    areas = np.abs(ax * by - ay * bx) / 2
    np.testing.assert_allclose(areas.sum(), agents / 2 * np.sin(2 * np.pi / agents), rtol=1e-12)
    assert areas.min() > 1e-5


def test_landscape_refuses_holes_and_two_runs():
    table = polygon(lambda x, y: 1 + x**2 + y**2)
    with pytest.raises(OnemergeError, match="1 values that are not finite"):
        landscape.landscape(table.assign(value=table["value"].where(table.index != 3)))
    with pytest.raises(OnemergeError, match="one run only"):
        landscape.landscape(pd.concat([table, table.assign(value=table["value"] + 1)]))
    with pytest.raises(OnemergeError, match="at least 3 rows with an agent"):
        landscape.landscape(table[table["agent"].isna()])


def test_drawing_has_three_panels_and_no_gossip_when_local():
    federated, decentralized, local = drawings.communication_drawing().axes
    arrows = [sum(isinstance(p, FancyArrowPatch) for p in ax.patches) for ax in (federated, decentralized, local)]
    assert arrows == [drawings.AGENTS, drawings.AGENTS + len(drawings.GOSSIP) + 1, 0]


def test_topology_report_shows_slem_bounds_and_direction():
    graph = nx.cycle_graph(3, create_using=nx.DiGraph)
    eigenvalues = np.array([1, 0.5j, -0.5j])
    figure = topology.topology_report(graph, eigenvalues, *consensus(), band="min to max over 4 runs")
    left, middle, right = figure.axes
    assert left.get_title() == "3 agents, 3 directed edges"
    assert [text.get_text() for text in left.texts] == ["0", "1", "2"]
    assert sum(isinstance(patch, FancyArrowPatch) for patch in left.patches) == 3
    assert sorted(circle.radius for circle in middle.patches) == [0.5, 1.0]
    assert {"slem = 0.5", "upper", "band: min to max over 4 runs"} <= set(legend_texts(figure))
    np.testing.assert_allclose(named_lines(right)["upper"].get_ydata(), 3 * 0.5 ** np.arange(30))
    assert right.get_yscale() == "log"


def test_a_random_gossip_has_no_slem():
    figure = topology.topology_report(nx.path_graph(2), [1.0, 0.25], consensus()[0], matrix="E$[W^T W]$")
    assert r"second largest $|\lambda|$ = 0.25" in legend_texts(figure)
    assert not any(text.startswith("slem") for text in legend_texts(figure))


def test_a_short_range_of_consensus_distances_has_more_than_one_label():
    table = consensus()[0].assign(mean=lambda t: 0.004 + 0.001 * t["step"])
    right = topology.topology_report(nx.path_graph(2), [1.0, 0.0], table).axes[2]
    right.figure.canvas.draw()
    low, high = right.get_ylim()
    assert sum(low <= tick <= high for tick in right.get_yticks()) >= 3


def test_arrows_of_a_directed_edge_point_at_its_head():
    figure = topology.topology_report(
        nx.DiGraph([(0, 1)]), [1.0, 0.0], consensus()[0], positions={0: (0, 0), 1: (5, 1)}
    )
    (arrow,) = (patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch))
    assert arrow._posA_posB == [(0, 0), (5, 1)]


def test_a_large_topology_is_thin_and_without_numbers():
    figure = topology.topology_report(nx.cycle_graph(201), np.ones(201), consensus()[0])
    edges = figure.axes[0].collections[0]
    assert edges.get_linewidth()[0] < 0.3
    assert len(edges.get_segments()) == 201
    assert not figure.axes[0].texts


def test_consensus_that_becomes_zero_is_said():
    table = consensus()[0].assign(mean=lambda t: t["mean"].where(t["step"] < 2, 0.0))
    assert "exactly 0 at step 2" in legend_texts(topology.topology_report(nx.path_graph(2), [1.0, 0.0], table))


def test_measured_steps_are_means_and_guides_have_the_printed_slopes():
    figure = rates.rates_table(printed(), steps())
    _, ax = figure.axes
    lines = named_lines(ax)
    np.testing.assert_allclose(lines["DSGD"].get_xdata(), [10, 100, 1000])
    np.testing.assert_allclose(lines["DSGD"].get_ydata(), 10.5 * np.array([10, 100, 1000.0]) ** 1.5)
    guides = [line for line in ax.get_lines() if line.get_color() == style.GRAY]
    slopes = [float(np.diff(np.log(g.get_ydata()))[0] / np.diff(np.log(g.get_xdata()))[0]) for g in guides]
    np.testing.assert_allclose(slopes, list(rates.GUIDES.values()))
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_an_accuracy_never_reached_is_a_cross_and_no_mean():
    table = steps()
    table.loc[(table["label"] == "DSGD") & (table["epsilon"] == 0.001) & (table["seed"] == 1), "steps"] = np.nan
    figure = rates.rates_table(printed(), table)
    np.testing.assert_allclose(named_lines(figure.axes[1])["DSGD"].get_xdata(), [10, 100])
    assert crosses(figure.axes[1])[0].get_xdata() == [1000]
    assert r"DSGD: 1 of 2 seeds never reach $\varepsilon$ = 0.001" in legend_texts(figure)


def test_wrapped_text_keeps_its_words_and_its_mathematics():
    text = r"a slope of $\eta = 1.5 / L_2$, and more words than fit"
    lines = style.wrap(text, 1.0)
    assert " ".join(lines) == text
    assert len(lines) > 2
    assert all(line.count("$") % 2 == 0 for line in lines)


@pytest.mark.parametrize(
    ("call", "missing"),
    [
        (lambda t: curves.accuracy_by_round(t.drop(columns=["seed", "label"])), "columns seed, label"),
        (lambda t: windows.window_bars(t), "columns window_start, window_stop"),
        (lambda t: landscape.landscape(t), "columns x, y"),
        (lambda t: topology.topology_report(nx.path_graph(2), [1, 0], t), "columns step, mean"),
        (lambda t: rates.rates_table(t), "columns method, rate, measured"),
        (lambda t: rates.rates_table(printed(), t), "columns epsilon, steps"),
    ],
)
def test_missing_columns_are_named_in_one_sentence(call, missing):
    with pytest.raises(OnemergeError, match=f"lacks the {missing}; it has .*\\.$"):
        call(by_round())


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(OnemergeError, match=r"'accuracy'.*average_global_accuracy.*consensus_distance"):
        labels.axis_label("accuracy")
    with pytest.raises(OnemergeError, match="no label 'x'; the labels are federated, decentralized, local only"):
        curves.accuracy_by_round(by_round(), jump="x")
    with pytest.raises(OnemergeError, match="the spreads are range, deviation"):
        curves.accuracy_by_round(by_round(), spread="sem")
    with pytest.raises(OnemergeError, match=r"no window \(1, 2\); the windows are \(0, 5\), \(5, 10\)"):
        windows.window_bars(by_window(), inset_window=(1, 2))


def test_every_metric_has_text_and_unit():
    assert labels.axis_label("average_local_loss") == "average local loss (nats)"
    assert labels.axis_label("merged_accuracy").endswith("(%)")
    assert labels.axis_label("consensus_distance") == r"consensus distance $\Xi^2$ ($[\theta]^2$)"
    assert labels.axis_label("merged_loss") == "loss of the merged model ([loss])"
    assert labels.axis_label("messages") == "messages sent"
    assert all(record.text and record.scale == (100 if record.unit == "%" else 1) for record in labels.METRICS.values())


def test_series_differ_in_gray():
    light = [luminance(color) for color in style.PALETTE]
    assert all(b > a + 0.05 for a, b in itertools.pairwise(light))
    looks = [tuple(style.series(index).values()) for index in range(28)]
    assert len({look[1:] for look in looks}) == 28


def test_summary_of_a_diverged_seed_is_over_the_others():
    table = diverge(tidy_table(rows("a", [0.1, 0.2, 0.3])), "a", seed=0, at=0, step=5)
    drawn = tidy.summary(tidy.by_seed(table, ACCURACY))
    np.testing.assert_allclose(drawn.loc[2], [31.5, 31, 32])
    assert list(tidy.to_the_end(table, ACCURACY).columns) == [1, 2]


def test_save_writes_the_same_bytes_from_the_same_table(tmp_path):
    first = style.save(curves.accuracy_by_round(by_round(), jump=MERGED), tmp_path / "new" / "fig1.b")
    again = curves.accuracy_by_round(by_round(), jump=MERGED)
    with matplotlib.rc_context({"font.size": 20, "axes.grid": True, "pdf.fonttype": 3}):
        second = style.save(again, tmp_path / "other")
    assert [path.name for path in first] == ["fig1.b.pdf", "fig1.b.png"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["fig1.b.pdf", "fig1.b.png"]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
    once_more = style.save(again, tmp_path / "third")
    for one, two in zip(first, once_more, strict=True):
        assert one.read_bytes() == two.read_bytes()
    assert b"CreationDate" not in first[0].read_bytes()


def test_the_look_of_a_figure_does_not_depend_on_user_settings(tmp_path):
    with matplotlib.rc_context({"font.size": 20, "axes.grid": True, "lines.linewidth": 7}):
        loud = style.save(curves.mergeability(mergeable()), tmp_path / "loud")
    quiet = style.save(curves.mergeability(mergeable()), tmp_path / "quiet")
    assert loud[1].read_bytes() == quiet[1].read_bytes()


def test_a_failed_save_leaves_nothing_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    figure, ax = style.axes()
    ax.set_title(r"$\frac{1$")
    with pytest.raises(ValueError, match="Expected"):
        style.save(figure, tmp_path / "a")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OnemergeError, match="drop the suffix"):
        style.save(figure, path)


def test_no_pyplot_and_no_torch():
    modules = "curves, drawings, labels, landscape, rates, style, tidy, topology, windows"
    code = f"import sys; from figures import {modules}; drawings.communication_drawing(); " + (
        "print([m for m in ('torch', 'matplotlib.pyplot') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
