"""The gap 1 - slem against the number of agents, one curve a topology, with fitted slopes beside the known laws."""

import numpy as np
from matplotlib.lines import Line2D

from figures import style, tidy
from theory.errors import require


def slope_text(fitted, error, against, known):
    """Like "slope -2.000 ± 0.001 in log n; known: 1/n²"."""
    measured = f"slope {fitted:.3f} ± {error:.1g} in {against}".replace("-", "−")
    return f"{measured}; known: {known}" if known else f"{measured}; no known law here"


@style.look()
def gap_scaling(table, lines):
    """Markers: measured gaps; lines: fits over the larger half of the sizes.

    table: columns label, agents, gap. lines: columns label, agents, gap (of the fit), text (`slope_text`).
    """
    tidy.need(table, ("label", "agents", "gap"), "The table of gaps")
    tidy.need(lines, ("label", "agents", "gap", "text"), "The table of fits")
    bad = int((~(table["gap"] > 0)).sum())
    require(bad == 0, f"{bad} gaps are not positive, and a logarithmic axis has no place for them.")
    figure, ax = style.axes(style.PAGE_WIDTH * 0.72, 3.1)
    handles = []
    for index, name in enumerate(table["label"].unique()):
        look = style.series(index)
        rows = table[table["label"] == name].sort_values("agents")
        ax.plot(rows["agents"], rows["gap"], color=look["color"], marker=look["marker"], linestyle="none", zorder=3)
        fitted = lines[lines["label"] == name].sort_values("agents")
        ax.plot(fitted["agents"], fitted["gap"], color=look["color"], linestyle=look["linestyle"], linewidth=0.9)
        text = f"{name}: {fitted['text'].iloc[0]}" if len(fitted) else f"{name}: too few sizes for a slope"
        handles.append(Line2D([], [], label=text, **look))
    ax.set(xscale="log", yscale="log")
    low, high = table["gap"].min(), table["gap"].max()
    if high < 10 * low:  # a decade in view keeps a flat curve flat
        middle = np.sqrt(low * high)
        ax.set_ylim(middle / 5, min(middle * 5, 1.5))
    ax.set_xlabel("agents $n$")
    ax.set_ylabel(r"gap $1 - \mathrm{slem}$")
    ax.grid(axis="both", color="0.9", linewidth=0.5)
    style.legend(figure, handles, loc="outside lower left")
    return figure
