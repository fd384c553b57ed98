"""One topology at a glance: its graph, the spectrum of its mixing, and how fast agents agree, against the bounds."""

import networkx as nx
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch, Patch
from matplotlib.ticker import MaxNLocator, NullLocator

from figures import labels, style, tidy
from theory.errors import require

NUMBERED = 40  # agents carry numbers up to here
DETAILED = 200  # edges are thick and directed ones have heads up to here
MANY_EDGES = 2000
ROUNDING = 1e-12  # of an eigenvalue
EPSILON_SQ = 2.0**-104  # of a squared distance


def plural(count, noun):
    return f"{count} {noun}{'s' * (count != 1)}"


def draw_graph(ax, graph, positions):
    """Nodes and edges (self-loops left out); numbers up to 40 agents, arrow heads up to 200 agents and 2000 edges."""
    places = nx.circular_layout(graph) if positions is None else positions
    missing = [node for node in graph if node not in places]
    require(not missing, f"positions lacks agent {missing[:1]}; it must have all {len(graph)} agents of the graph.")
    edges = [(tail, head) for tail, head in graph.edges() if tail != head]
    detailed = len(graph) <= DETAILED and len(edges) <= MANY_EDGES
    numbered = len(graph) <= NUMBERED
    diameter = np.clip(280 / len(graph), 1.5, 9.2)  # points; neighbors on the circle do not overlap
    if graph.is_directed() and detailed:
        gap = diameter / 2 + 0.5
        for tail, head in edges:
            bend = 0.12 if graph.has_edge(head, tail) else 0.0
            ax.add_patch(
                FancyArrowPatch(
                    places[tail], places[head], arrowstyle="-|>", mutation_scale=6, shrinkA=gap, shrinkB=gap,
                    connectionstyle=f"arc3,rad={bend}", linewidth=0.6, color=style.GRAY, zorder=1,
                )
            )  # fmt: skip
    else:
        lines = [(places[tail], places[head]) for tail, head in edges]
        look = {"linewidths": 0.8} if detailed else {"linewidths": 0.2, "alpha": 0.5}
        ax.add_collection(LineCollection(lines, colors=style.GRAY, zorder=1, **look))
    spots = np.array([places[node] for node in graph])
    rim = 0.6 if detailed else 0
    ax.scatter(*spots.T, s=diameter**2, facecolor=style.LIGHT, edgecolor="black", linewidth=rim, zorder=2)
    if numbered:
        size = 6 if len(graph) <= 30 else 5
        for node in graph:
            ax.text(*places[node], str(node), ha="center", va="center_baseline", fontsize=size, zorder=3)
    kind = "directed edge" if graph.is_directed() else "edge"
    ax.set_title(f"{plural(len(graph), 'agent')}, {plural(len(edges), kind)}")
    middle = (spots.min(axis=0) + spots.max(axis=0)) / 2
    reach = 1.12 * (np.abs(spots - middle).max() or 1.0)
    ax.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach))
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def draw_spectrum(ax, eigenvalues, matrix):
    """Eigenvalues of `matrix` (mathtext) in the complex plane, the unit circle, and that of the second largest |λ|.

    It is the slem of a fixed W or of the product of a period; a random gossip, of which E[WᵀW] is shown, has none.
    """
    ax.add_patch(Circle((0, 0), 1, fill=False, color=style.GRAY, linewidth=0.8))
    ax.plot(
        eigenvalues.real, eigenvalues.imag, "o", color=style.DARK, markersize=3, alpha=0.8, markeredgewidth=0,
        rasterized=len(eigenvalues) > MANY_EDGES, clip_on=False,
    )  # fmt: skip
    handles = [
        Line2D([], [], color=style.DARK, marker="o", markersize=3, linestyle="none", label=f"eigenvalues of {matrix}"),
        Line2D([], [], color=style.GRAY, linewidth=0.8, label="unit circle"),
    ]
    if len(eigenvalues) > 1:
        second = np.sort(np.abs(eigenvalues))[-2]
        ring = {"color": style.PALETTE[2], "linestyle": "--", "linewidth": 1}
        ax.add_patch(Circle((0, 0), second, fill=False, **ring))
        name = r"second largest $|\lambda|$" if matrix.startswith("E") else "slem"
        text = f"{name} = {second:.6g}" if second > ROUNDING else f"{name} = 0 up to rounding"
        handles.append(Line2D([], [], label=text, **ring))
    ax.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect="equal", xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    ax.set_xlabel(r"Re $\lambda$")
    ax.set_ylabel(r"Im $\lambda$", labelpad=0)
    return handles


def draw_consensus(ax, consensus, bounds, band):
    """Mean consensus distance by step in log scale, its band, and one line per bound; a value of 0 has a mark.

    The view ends where float64 ends, at 2⁻¹⁰⁴ of the largest mean: below that a squared distance is rounding.
    """
    step, mean = consensus["step"].to_numpy(), consensus["mean"].to_numpy(float)
    seen = np.where(mean > 0, mean, np.nan)
    handles = ax.plot(step, seen, color="black", linewidth=1.4, label="simulated, mean", zorder=3)
    if band is not None:
        low, high = (np.where(consensus[side] > 0, consensus[side], np.nan) for side in ("low", "high"))
        ax.fill_between(step, low, high, color="black", alpha=0.2, linewidth=0)
        handles.append(Patch(facecolor="black", alpha=0.2, linewidth=0, label=f"band: {band}"))
    for index, name in enumerate(bounds["bound"].unique(), start=1):
        rows = bounds[bounds["bound"] == name]
        every = max(1, len(rows) // 5)
        handles += ax.plot(
            rows["step"], rows["value"], label=name, markevery=(index * every // 3, every), **style.series(index)
        )
    if (mean == 0).any():
        first = int(step[mean == 0][0])
        mark = {"color": "black", "marker": "v", "linestyle": "none", "markersize": 5}
        ax.plot(first, 0.02, transform=ax.get_xaxis_transform(), **mark)
        handles.append(Line2D([], [], label=f"exactly 0 at step {first}", **mark))
    if (mean > 0).any() or (bounds["value"] > 0).any():  # else there is nothing to scale: all agree exactly at once
        ax.set_yscale("log")
        ax.yaxis.set_minor_locator(NullLocator())
    bottom, peak = max(ax.get_ylim()[0], mean.max() * EPSILON_SQ), ax.dataLim.y1
    if 0 < bottom < peak:
        ax.set_ylim(bottom, peak * (peak / bottom) ** 0.05)
    if ax.get_yscale() == "log":
        style.log_ticks(ax.yaxis)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_xlabel("step")
    ax.set_ylabel(labels.axis_label("consensus_distance"))
    ax.grid(axis="y", color="0.9", linewidth=0.5)
    return handles


@style.look()
def topology_report(graph, eigenvalues, consensus, bounds=None, *, band=None, positions=None, matrix="$W$"):
    """Three panels: the graph, the spectrum of its mixing matrix, and the simulated consensus distance.

    consensus: columns step, mean, and low, high when `band` says in words what they are ("min to max over 20 runs").
    bounds: columns step, bound (its name), value. positions: {agent: (x, y)}, a circle when left
    out. `matrix` names in mathtext what the eigenvalues are of.
    """
    tidy.need(consensus, ("step", "mean") if band is None else ("step", "mean", "low", "high"), "The consensus table")
    if bounds is None:
        bounds = consensus.iloc[:0].assign(bound="", value=0.0)
    tidy.need(bounds, ("step", "bound", "value"), "The table of bounds")
    bad = int((~np.isfinite(consensus["mean"].astype(float))).sum() + (~np.isfinite(bounds["value"])).sum())
    require(bad == 0, f"{bad} values of the consensus distance or of its bounds are not finite.")
    figure, (left, middle, right) = style.axes(style.PAGE_WIDTH, 2.35, columns=3, width_ratios=(1, 1, 1.15))
    draw_graph(left, graph, positions)
    handles = draw_spectrum(middle, np.asarray(eigenvalues, dtype=complex), matrix)
    handles += draw_consensus(right, consensus, bounds, band)
    style.legend(figure, handles, loc="outside lower left")
    return figure
