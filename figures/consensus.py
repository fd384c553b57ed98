"""Consensus distance over topologies: one row each, measured and exact, and what every bound allows."""

import numpy as np
from matplotlib.lines import Line2D

from figures import labels, style, tidy
from theory.errors import require

COLUMNS = ("label", "seed", "metric", "value")
MEASURED, ERROR, EXACT = "consensus_distance", "consensus_distance_error", "consensus_distance_exact"
ZERO = 1e-20  # [θ]²: up to here a consensus distance is 0 but for rounding
DOT = {"color": "black", "marker": ".", "markersize": 4, "linestyle": "none"}
TICK = {"color": style.DARK, "marker": "|", "markersize": 13, "linestyle": "none"}
HOLLOW = {"linestyle": "none", "fillstyle": "none", "markersize": 6}


@style.look()
def consensus(table, bounds):
    """Means over seeds, on a logarithmic axis; a row a label, the first on top.

    table: tidy rows, per seed, of the metrics MEASURED with its standard ERROR, EXACT, and those of `bounds` {metric:
    its text in the legend}. A bound that says nothing about a topology has no row there. Where the exact value is 0,
    nothing fits a logarithmic axis, and the row says so.
    """
    tidy.need(table, COLUMNS, "The table of consensus distances")
    wide = table.pivot_table(index=["label", "seed"], columns="metric", values="value", sort=False)
    missing = [metric for metric in (MEASURED, ERROR, EXACT) if metric not in wide]
    require(not missing, f"The table of consensus distances has no {', '.join(missing)}.")
    means = wide.groupby("label", sort=False).mean()
    names = list(means.index)
    height = {name: len(names) - 1 - k for k, name in enumerate(names)}
    figure, ax = style.axes(style.PAGE_WIDTH, 0.8 + 0.27 * len(names))
    ax.hlines(list(height.values()), 0, 1, transform=ax.get_yaxis_transform(), color="0.92", linewidth=0.8, zorder=0)
    spread = means[means[EXACT] > ZERO]
    require(len(spread) > 0, "Every consensus distance is 0, so there is nothing to draw on a logarithmic axis.")
    places = [height[name] for name in spread.index]
    for index, metric in enumerate(bounds):
        if metric in spread:
            ax.plot(spread[metric], places, label=metric, zorder=3, **style.series(index) | HOLLOW)
    ax.plot(spread[EXACT], places, label=EXACT, zorder=4, **TICK)
    error = wide[ERROR].groupby("label", sort=False).agg(lambda e: 2 * np.sqrt((e**2).sum()) / len(e))[spread.index]
    ax.errorbar(spread[MEASURED], places, xerr=error, label=MEASURED, zorder=5, elinewidth=0.8, capsize=2.5, **DOT)
    for name in means.index[means[EXACT] <= ZERO]:
        ax.annotate("0, as every bound", (0, height[name]), (4, 0), ax.get_yaxis_transform(), "offset points",
                    va="center", fontsize=7, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
    ax.set_xscale("log")
    style.log_ticks(ax.xaxis)
    ax.set_yticks(list(height.values()), names)
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.set_xlabel(labels.axis_label(MEASURED))
    handles = [Line2D([], [], label="measured, ± 2 standard errors", **DOT), Line2D([], [], label="exact", **TICK)]
    for index, text in enumerate(bounds.values()):
        handles.append(Line2D([], [], label=text, **style.series(index) | HOLLOW))
    style.legend(figure, handles, loc="outside lower left")
    return figure
