"""A schedule that follows the consensus edge, and fixed ones: the edge, what is spent when, accuracy against data."""

import numpy as np
from matplotlib.patches import Patch
from scipy.integrate import trapezoid

from figures import curves, labels, style, tidy
from figures.labels import unit_of
from theory.errors import require

COLUMNS = (*tidy.RUN_COLUMNS, "family")
ACCURACY, DATA = "average_global_accuracy", "bytes"


def ends(table, family, metric):
    """Values after the last round: settings of a family by seeds, NaN for a seed that diverged."""
    rows = table[(table["family"] == family) & (table["metric"] == metric) & table["agent"].isna()]
    gone = table[(table["family"] == family) & (table["metric"] == "diverged")][["label", "seed"]]
    last = rows[rows["round"] == rows["round"].max()].pivot(index="label", columns="seed", values="value")
    for label, seed in gone.itertuples(index=False):
        if label in last.index and seed in last:
            last.loc[label, seed] = np.nan
    return last.reindex(rows["label"].unique())


def difference(table, family, other, metric=ACCURACY):
    """Mean over log(data) of the metric of `family` minus that of `other`, {seed: value}, on the range both have.

    Each family is a curve, linear in log(data) between its settings; settings that sent the same count once, as their
    mean. NaN where a seed diverged in any of them, or where the ranges do not meet.
    """
    pairs = [(ends(table, name, DATA), ends(table, name, metric)) for name in (family, other)]
    return {seed: _between(*((x[seed], y[seed]) for x, y in pairs)) for seed in pairs[0][0]}


def _between(one, other):
    curves = []
    for x, y in (one, other):
        if x.isna().any() or y.isna().any():
            return float("nan")
        curves.append(y.groupby(np.log(x)).mean())
    low = max(curve.index.min() for curve in curves)
    high = min(curve.index.max() for curve in curves)
    if low >= high:
        return float("nan")
    grid = np.unique(np.concatenate([[low, high], *(curve.index[(curve.index > low) & (curve.index < high)]
                                                    for curve in curves)]))  # fmt: skip
    gap = np.subtract(*(np.interp(grid, curve.index, curve) for curve in curves))
    return float(trapezoid(gap, grid) / (high - low))


@style.look()
def schedules(table, known, texts, follows):
    """Three panels: lengths by round on the function `known`; data sent by round in the family `follows`; and accuracy
    against data sent after the last round, a curve a family, a point a setting.

    table: tidy rows with the column `family`; texts {metric: its text}: lengths of the rows with the label `known`.
    """
    tidy.need(table, COLUMNS)
    families = [name for name in table["family"].dropna().unique() if name != known]
    require(follows in families, f"There is no family '{follows}'; the families are {', '.join(families)}.")
    figure, (left, middle, right) = style.axes(style.PAGE_WIDTH, 3.6, columns=3)
    lengths(left, table[table["label"] == known], texts)
    unit = unit_of(table.loc[table["metric"] == DATA, "value"].max())
    spent(middle, table[table["family"] == follows], unit)
    against_data(right, table, families, unit)
    for ax, title in ((left, known), (middle, follows), (right, "all end with one merge")):
        ax.set_title("\n".join(style.wrap(title, style.PAGE_WIDTH / 3 - 0.4)))
        ax.legend(loc="upper left", bbox_to_anchor=(-0.28, -0.22), borderaxespad=0)
    seeds = table["seed"].nunique()
    text = f"bands and bars: min to max over {seeds} seeds" if seeds > 1 else "one seed"
    style.legend(figure, [Patch(facecolor=style.GRAY, alpha=0.4 * (seeds > 1), linewidth=0, label=text)])
    return figure


def lengths(ax, rows, texts):
    """Metrics of one run by round, on a logarithmic axis."""
    for index, (metric, text) in enumerate(texts.items()):
        drawn = _summary(rows, metric)
        curves.line(ax, drawn.index, drawn, index, label=text)
    _by_round(ax, r"length ($[\theta]$)")


def spent(ax, table, unit):
    """Data sent by round, a curve a setting of one family."""
    name, size = unit
    for index, label in enumerate(table["label"].unique()):
        drawn = _summary(table[table["label"] == label], DATA) / size
        setting = label.removeprefix(f"{table['family'].iloc[0]}: ")
        curves.line(ax, drawn.index, drawn, index, marks=6, label=setting)
    _by_round(ax, f"data sent by all agents ({name})")


def _by_round(ax, text):
    ax.set_yscale("log")
    style.log_ticks(ax.yaxis)
    ax.set_ylabel(text)
    ax.set_xlabel("communication round")
    ax.grid(axis="y", color="0.9", linewidth=0.5)


def against_data(ax, table, families, unit):
    """Accuracy after the last round against data sent, means over seeds and bars from least to greatest."""
    name, size = unit
    scale = labels.of(ACCURACY).scale
    for index, family in enumerate(families):
        x, y = ends(table, family, DATA) / size, ends(table, family, ACCURACY) * scale
        order = x.mean(axis=1).sort_values().index
        x, y, look = x.loc[order].mean(axis=1), y.loc[order], style.series(index)
        ax.plot(x, y.mean(axis=1), label=family, **look)
        ax.vlines(x, y.min(axis=1), y.max(axis=1), color=look["color"], linewidth=0.7, alpha=0.6)
    ax.set_xscale("log")
    style.log_ticks(ax.xaxis)
    ax.set_xlabel(f"data sent by all agents ({name})")
    ax.set_ylabel(labels.axis_label(ACCURACY))
    ax.grid(axis="y", color="0.9", linewidth=0.5)


def _summary(rows, metric):
    wide = rows[rows["metric"] == metric].pivot(index="round", columns="seed", values="value")
    return tidy.summary(wide[(wide > 0).any(axis=1)])
