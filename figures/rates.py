"""Table 1 as a figure: methods, printed rates and what was measured; below it, measured steps against 1/ε."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from figures import style, tidy
from figures.curves import CROSS
from theory.errors import require

HEADS = {"method": "method", "rate": r"printed rate: steps $T$ to reach $\varepsilon$", "measured": "measured here"}
GUIDES = {r"$1/\varepsilon$": 1.0, r"$1/\varepsilon^{3/2}$": 1.5, r"$1/\varepsilon^2$": 2.0}  # powers in the rates
GAP, LINE = 0.2, 0.15  # inches between columns; inches per line of text
WIDTH = style.PAGE_WIDTH - 0.75  # of the table; the rest is for the axis label of the panel below
NARROWEST = 1.0  # inches that the wrapped last column needs


def lay_out(rows):
    """Left ends of the columns and the texts of every row, the header first; the last column is wrapped."""
    texts = [tuple(HEADS.values()), *rows[list(HEADS)].astype(str).itertuples(index=False, name=None)]
    weights = ["bold"] + ["normal"] * len(rows)
    wide = [
        max(style.inches(row[k], weight=weight) for row, weight in zip(texts, weights, strict=True)) + GAP
        for k in (0, 1)
    ]
    rest = WIDTH - sum(wide)
    require(
        rest >= NARROWEST,
        f"The columns method and rate are {sum(wide):.1f} inches wide; "
        f"at most {WIDTH - NARROWEST:.1f} leave room for the third.",
    )
    return (0.0, wide[0], sum(wide)), [(row[0], row[1], style.wrap(row[2], rest)) for row in texts]


def draw_table(ax, lefts, texts, heights):
    """Header and rows in inches from the top left corner, with rules above, below the header and at the end."""
    edges = np.concatenate([[0.0], np.cumsum(heights)])
    for (method, rate, lines), top, height in zip(texts, edges, heights, strict=False):
        header = {"fontweight": "bold"} if top == 0 else {}
        for left, text in zip(lefts, (method, rate, "\n".join(lines)), strict=True):
            ax.text(left, top + height / 2, text, va="center", ha="left", **header)
    for edge, thickness in ((edges[0], 1.0), (edges[1], 0.5), (edges[-1], 1.0)):
        ax.axhline(edge, color="black", linewidth=thickness, clip_on=False)
    ax.set(xlim=(0, WIDTH), ylim=(edges[-1], 0))
    ax.set_axis_off()


def draw_steps(ax, measured):
    """Mean steps over seeds against 1/ε with whiskers from min to max; a cross where a seed did not reach ε."""
    handles, anchors = [], []
    ax.set(xscale="log", yscale="log")
    for index, name in enumerate(measured["label"].unique()):
        part = measured[measured["label"] == name].assign(reached=lambda t: np.isfinite(t["steps"].astype(float)))
        by = part[part["reached"]].astype({"steps": float}).groupby("epsilon")["steps"].agg(["mean", "min", "max"])
        all_reached = part.groupby("epsilon")["reached"].all()
        full = by.loc[all_reached.index[all_reached]].sort_index(ascending=False)
        look = style.series(index)
        handles += ax.plot(1 / full.index.to_numpy(), full["mean"], label=name, **look)
        if part["seed"].nunique() > 1:
            reach = [full["mean"] - full["min"], full["max"] - full["mean"]]
            ax.errorbar(
                1 / full.index.to_numpy(), full["mean"], reach, fmt="none", ecolor=look["color"], elinewidth=0.8,
                capsize=1.5,
            )  # fmt: skip
        for epsilon in all_reached.index[~all_reached]:
            share = f"{name}: {int((~part['reached'])[part['epsilon'] == epsilon].sum())} of {part['seed'].nunique()}"
            ax.plot(1 / epsilon, 0.96, transform=ax.get_xaxis_transform(), zorder=5, **CROSS)
            handles.append(Line2D([], [], label=rf"{share} seeds never reach $\varepsilon$ = {epsilon:g}", **CROSS))
        anchors += [(1 / epsilon, steps) for epsilon, steps in full["mean"].items()]
    require(anchors, "No method reached any ε with all its seeds, so there is nothing to draw.")
    return handles, anchors


def draw_guides(ax, anchors):
    """Straight lines with the slopes of the printed rates from the corner of the data; only their slopes count."""
    inverse, steps = np.array(anchors).T
    first, last = inverse.min(), inverse.max()
    base = 0.75 * steps[inverse == first].min()
    for text, power in GUIDES.items():
        stop = min(last, first * (steps.max() / base) ** (1 / power))
        height = base * (stop / first) ** power
        ax.plot([first, stop], [base, height], color=style.GRAY, linewidth=0.7, linestyle=(0, (1, 1.5)), zorder=1)
        beside, above = {"xytext": (4, 0), "va": "center"}, {"xytext": (-1, 2), "va": "bottom", "ha": "right"}
        place = beside if stop == last else above
        ax.annotate(text, (stop, height), textcoords="offset points", fontsize=7, **place)
    ax.margins(x=0.06, y=0.14)
    label = "slopes of the printed rates (height chosen to fit)"
    return Line2D([], [], color=style.GRAY, linewidth=0.7, linestyle=(0, (1, 1.5)), label=label)


@style.look()
def rates_table(rows, measured=None):
    """Table 1: columns method, rate (mathtext), measured (wrapped); below it, when given, measured steps.

    measured: columns label, epsilon, seed, steps; steps is NaN where a seed never reached epsilon.
    """
    tidy.need(rows, HEADS, "The table of rates")
    lefts, texts = lay_out(rows)
    heights = [max(LINE * len(lines) + 0.1, 0.36 if place else 0.26) for place, (*_, lines) in enumerate(texts)]
    if measured is None:
        figure, ax = style.axes(style.PAGE_WIDTH, sum(heights) + 0.15)
        draw_table(ax, lefts, texts, heights)
        return figure
    tidy.need(measured, ("label", "epsilon", "seed", "steps"), "The table of measured steps")
    figure, (top, bottom) = style.axes(style.PAGE_WIDTH, sum(heights) + 2.5, rows=2, height_ratios=(sum(heights), 2.2))
    draw_table(top, lefts, texts, heights)
    handles, anchors = draw_steps(bottom, measured)
    handles.append(draw_guides(bottom, anchors))
    if measured["seed"].nunique() > 1:
        note = f"whiskers: min to max over {measured['seed'].nunique()} seeds"
        handles.append(Line2D([], [], linestyle="none", marker="|", markersize=7, color="black", label=note))
    bottom.set_xlabel(r"$1/\varepsilon$")
    bottom.set_ylabel("steps $T$")
    for axis in (bottom.xaxis, bottom.yaxis):
        axis.set_major_locator(LogLocator(numticks=8))
        axis.set_minor_formatter(NullFormatter())
    bottom.grid(color="0.92", linewidth=0.5)
    style.legend(figure, handles, loc="outside lower left")
    return figure
