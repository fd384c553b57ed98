"""Topologies side by side: what a round costs and brings, and the steps to an accuracy, bounds beside simulation."""

import numpy as np
from matplotlib.lines import Line2D

from figures import style, tidy
from theory.errors import require

SIMULATED = {"color": "black", "marker": "*", "markersize": 9, "linestyle": "none"}


def draw_rounds(ax, costs):
    """Messages a round against the rounds that halve the consensus distance, one marker a topology."""
    handles = []
    for index, row in enumerate(costs.itertuples(index=False)):
        look = style.series(index) | {"linestyle": "none", "markersize": 6}
        handles += ax.plot(row.messages, row.rounds_to_halve, label=row.label, **look)
    ax.set(xscale="log", yscale="log")
    ax.set_xlabel("messages a round, all agents")
    ax.set_ylabel(r"rounds to halve $\Xi^2$, worst case")
    ax.grid(color="0.9", linewidth=0.5)
    ax.margins(0.15)
    style.log_ticks(ax.xaxis)
    style.log_ticks(ax.yaxis)
    return handles


def draw_steps(ax, steps, names):
    """One row a topology: the steps to ε under every bound, and a star for the simulated ones."""
    handles, bounds = [], [bound for bound in steps["bound"].unique() if bound != "simulated"]
    height = {name: len(names) - 1 - k for k, name in enumerate(names)}
    ax.hlines(list(height.values()), 0, 1, transform=ax.get_yaxis_transform(), color="0.92", linewidth=0.8, zorder=0)
    for index, bound in enumerate([*bounds, "simulated"]):
        rows = steps[(steps["bound"] == bound) & np.isfinite(steps["steps"])]
        look = SIMULATED if bound == "simulated" else style.series(index) | {"linestyle": "none", "fillstyle": "none"}
        if len(rows):
            handles += ax.plot(rows["steps"], [height[name] for name in rows["label"]], label=bound, zorder=3, **look)
        else:
            handles.append(Line2D([], [], label=f"{bound} (never, or not computed)", **look))
    ax.set_xscale("log")
    style.log_ticks(ax.xaxis)
    ax.set_yticks(list(height.values()), list(height))
    ax.set_ylim(-0.6, len(names) - 0.4)
    return handles


@style.look()
def comparison(costs, steps, epsilon):
    """Two panels and their legends.

    costs: columns label, messages, rounds_to_halve. steps: columns label, bound ("simulated" among them), steps, inf
    where ε is out of reach and NaN where it is not computed.
    """
    tidy.need(costs, ("label", "messages", "rounds_to_halve"), "The table of costs")
    tidy.need(steps, ("label", "bound", "steps"), "The table of steps")
    names = list(costs["label"])
    require(len(set(names)) == len(names), "Two topologies have the same label; labels must differ.")
    height = 2.2 + 0.16 * max(len(names) - 4, 0)
    figure, (left, right) = style.axes(style.PAGE_WIDTH, height, columns=2, width_ratios=(1, 1.5))
    handles = draw_rounds(left, costs)
    handles += draw_steps(right, steps, names)
    right.set_xlabel(rf"steps until the mean of $\|\nabla L(\bar{{\theta}}_t)\|^2$ is $\varepsilon$ = {epsilon:g}")
    style.legend(figure, handles, loc="outside lower left")
    return figure
