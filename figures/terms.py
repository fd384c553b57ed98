"""The terms of the descent of the merged model by round, one panel a run, each as a share of ‖∇L(θ̄)‖²."""

from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator, SymmetricalLogLocator

from figures import curves, style, tidy
from theory.errors import require

COLUMNS = ("label", "seed", "round", "metric", "value")
SQUARE = "gradient_norm_sq"
COLUMNS_OF_PANELS = 3
LINEAR = 1e-3  # within ± it the axis is linear, beyond it logarithmic


@style.look()
def terms(table, names):
    """Metrics over `gradient_norm_sq` of the same seed and round, mean over seeds and the band from least to greatest.

    table: tidy rows; names: {metric: its text in the legend}, in the order of the curves. A run that has not all of
    them draws what it has, a panel for every label in order of appearance. A row of panels shares its axis, which has
    room for both signs: linear within ±LINEAR and logarithmic beyond.
    """
    tidy.need(table, COLUMNS, "The table of terms")
    rows = table[table["metric"].isin([*names, SQUARE])]
    labels = list(rows["label"].unique())
    require(labels, f"The table has no rows of {', '.join(names)}.")
    count = min(len(labels), COLUMNS_OF_PANELS)
    height = -(-len(labels) // count)
    figure, panels = style.axes(style.PAGE_WIDTH, 1.9 * height, rows=height, columns=count, sharey="row", squeeze=False)
    for ax in panels.flat[len(labels) :]:
        ax.set_axis_off()
    for ax, label in zip(panels.flat, labels, strict=False):
        draw_panel(ax, shares(rows[rows["label"] == label], names), names)
        ax.set_title("\n".join(style.wrap(label, style.PAGE_WIDTH / count - 0.35)))
        ax.set_xlabel("communication round")
    for ax in panels[:, 0]:
        ax.set_ylabel(r"term $/\ \|\nabla L(\bar{\theta})\|^2$")
    handles = [Line2D([], [], label=text, **style.series(index)) for index, text in enumerate(names.values())]
    seeds = rows["seed"].nunique()
    if seeds > 1:
        handles.append(
            Patch(facecolor=style.GRAY, alpha=0.4, linewidth=0, label=f"band: min to max over {seeds} seeds")
        )
    style.legend(figure, handles, loc="outside lower left")
    return figure


def shares(rows, names):
    """{metric: rounds by seeds}, the terms of one run over its squared gradient; what a seed lacks is NaN."""
    wide = rows.pivot(index="round", columns=["metric", "seed"], values="value")
    require(SQUARE in wide, f"The table of terms has no {SQUARE} to divide by.")
    return {metric: wide[metric] / wide[SQUARE] for metric in names if metric in wide}


def draw_panel(ax, found, names):
    ax.axhline(0, color=style.GRAY, linewidth=0.6, zorder=1)
    for index, metric in enumerate(names):
        if metric not in found:
            continue
        drawn = tidy.summary(found[metric])
        curves.line(ax, drawn.index.to_numpy(), drawn, index, marks=6, alpha=0.15, zorder=3)
    ax.set_yscale("symlog", linthresh=LINEAR)
    ax.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=LINEAR))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.grid(axis="y", color="0.92", linewidth=0.5)
