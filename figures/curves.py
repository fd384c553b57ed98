"""Curves by round: mean over seeds with a band that says what it is, the jump of a final merge, and mergeability."""

import numpy as np
from matplotlib import patheffects
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from figures import labels, style, tidy
from theory.errors import require

CROSS = {
    "color": "#B00000",
    "marker": "x",
    "linestyle": "none",
    "markersize": 6,
    "markeredgewidth": 1.5,
    "path_effects": [patheffects.withStroke(linewidth=3, foreground="white")],
}


def cross_out(ax, table, wide):
    """A cross where a seed diverged: at its round, on its last finite value (on the floor if it never had one)."""
    for run in tidy.divergences(table).itertuples():
        values = wide[run.seed].dropna()
        if values.empty:
            ax.plot(run.round, 0.0, transform=ax.get_xaxis_transform(), clip_on=False, zorder=5, **CROSS)
        else:
            ax.plot(run.round, values.iloc[-1], zorder=5, **CROSS)


def line(ax, x, drawn, index, *, marks=8, banded=True, alpha=0.2, **more):
    """Curve number `index` over x: the mean of `drawn` (`tidy.summary`) with some `marks` markers, and its band."""
    look = style.series(index)
    every = max(1, len(drawn) // marks)
    ax.plot(x, drawn["mean"], markevery=(index * every // 3, every), **look, **more)
    if banded:
        ax.fill_between(x, drawn["low"], drawn["high"], color=look["color"], alpha=alpha, linewidth=0)


def band(ax, table, metric, *, index=0, name=None, spread="range"):
    """Draw the mean over seeds of one label by round, the band around it and a cross where a seed diverged.

    After a divergence the mean goes on over the other seeds. Returns the table that was drawn: mean, low, high.
    """
    wide = tidy.by_seed(table, metric)
    drawn = tidy.summary(wide, spread)
    label = name or table["label"].iloc[0]
    line(ax, drawn.index.to_numpy(), drawn, index, banded=wide.shape[1] > 1, label=label)
    cross_out(ax, table, wide)
    return drawn


def divergence_handles(table):
    """One legend entry per diverged run, which says what became of the mean."""
    seeds = table.groupby("label")["seed"].nunique()
    handles = []
    for run in tidy.divergences(table).itertuples():
        text = f"diverged at step {run.step} ({run.label}, seed {run.seed})"
        if seeds[run.label] > 1:
            text += ", from there on the mean is without that seed"
        handles.append(Line2D([], [], label=text, **CROSS))
    return handles


def legend_handles(ax, table, spread="range"):
    """Handles of the named curves of `ax`, then what the band is, then one entry per diverged run."""
    handles = [line for line in ax.get_lines() if not line.get_label().startswith("_")]
    note = tidy.spread_note(table, spread)
    handles.append(Patch(facecolor=style.GRAY, alpha=0.4 * (note != "one seed"), linewidth=0, label=note))
    return handles + divergence_handles(table)


def clear_height(curves, first, last, low, high):
    """The height in [low, high] that is farthest from every curve (tables with `mean`) on rounds first..last."""
    near = np.concatenate([curve["mean"].loc[first:last].dropna().to_numpy() for curve in curves])
    heights = np.linspace(low, high, 41)
    away = np.abs(heights[:, None] - np.append(near, [low, high])).min(axis=1)
    return heights[away.argmax()]


def jump_in_words(wide):
    """'+20.6 (17.5 to 26.7)': the change from the last round but one to the last, and its range over seeds.

    wide: rounds by seeds that did not diverge.
    """
    first, last = wide.index[-2:]
    steps = wide.loc[last] - wide.loc[first]
    size = f"{steps.mean():+.1f}"
    if len(steps) > 1:
        size += f" ({steps.min():.1f} to {steps.max():.1f})"
    return size.replace("-", "−")


def star(ax, wide, color):
    """A star on the mean of the last round, which is a merge."""
    look = {"markersize": 9, "markeredgecolor": "black", "markeredgewidth": 0.5, "zorder": 4}
    ax.plot(wide.index[-1], wide.iloc[-1].mean(), marker="*", color=color, **look)


def annotate_jump(ax, curves, wide, text, color):
    """Write the jump and `text` beside it; `curves` are the drawn means, which the text keeps clear of."""
    first, last = wide.index[-2:]
    before, after = wide.loc[first].mean(), wide.loc[last].mean()
    start, stop = wide.index[0], wide.index[-1]
    height = clear_height(curves, start + 0.3 * (stop - start), stop, *sorted([before, after]))
    ax.annotate(
        f"{jump_in_words(wide)}\n{text}",
        path_effects=style.HALO,
        zorder=6,
        xy=(last, height),
        xytext=(start + 0.88 * (stop - start), height),
        ha="right",
        va="center",
        fontsize=7,
        arrowprops={"arrowstyle": "-|>", "linewidth": 0.7, "color": "black", "shrinkA": 2, "shrinkB": 1},
    )
    star(ax, wide, color)


def finish(ax, metric=None):
    """Round axis with integer ticks, a light grid, and for accuracies a floor of zero."""
    ax.set_xlabel("communication round")
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.grid(axis="y", color="0.9", linewidth=0.5)
    if metric is not None:
        ax.set_ylabel(labels.axis_label(metric))
        if labels.of(metric).unit == "%":
            ax.set_ylim(bottom=0)


@style.look()
def accuracy_by_round(table, *, metric="average_global_accuracy", jump=None, spread="range"):
    """Fig. 1a, 1b: `metric` by round, one curve per `label` in order of appearance.

    `jump` names the label whose last round is the merge; its one-round change, in points, is written beside it.
    """
    tidy.need(table, tidy.RUN_COLUMNS)
    names = tidy.labels_of(table, metric)
    require(jump is None or jump in names, f"There is no label '{jump}'; the labels are {', '.join(names)}.")
    figure, ax = style.axes(style.COLUMN_WIDTH, 2.2)
    curves = [
        band(ax, table[table["label"] == name], metric, index=index, spread=spread) for index, name in enumerate(names)
    ]
    finish(ax, metric)
    if jump is not None:
        wide = tidy.to_the_end(table[table["label"] == jump], metric)
        require(
            len(wide) >= 2 and wide.shape[1] > 0,
            f"A jump needs two rounds and a seed that did not diverge; '{jump}' has {len(wide)} and {wide.shape[1]}.",
        )
        unit = "points" if labels.of(metric).unit == "%" else labels.of(metric).unit
        annotate_jump(ax, curves, wide, f"{unit} in one round".strip(), style.series(names.index(jump))["color"])
    style.legend(figure, legend_handles(ax, table[table["label"].isin(names)], spread))
    return figure


@style.look()
def mergeability(table, *, quantity="accuracy", chance=None, spread="range"):
    """Fig. 2c: one panel per `label`; local models' average against the counterfactual merged model at every round.

    Definition 2 with uniform weights: L(mean of θ_k) against the mean of L(θ_k) (`quantity` loss), or their accuracies.
    `chance`, in the unit of the table, draws the level of guessing. Titles say what the runs sent, if the table does.
    """
    require(quantity in {"accuracy", "loss"}, f"There is no quantity '{quantity}'; it is accuracy or loss.")
    tidy.need(table, tidy.RUN_COLUMNS)
    local, merged = f"average_global_{quantity}", f"merged_{quantity}"
    names = tidy.labels_of(table, merged)
    width = style.COLUMN_WIDTH if len(names) == 1 else style.PAGE_WIDTH
    figure, panels = style.axes(width, 2.2, columns=len(names), sharey=True, squeeze=False)
    record = labels.of(local)
    for ax, name in zip(panels[0], names, strict=True):
        part = table[table["label"] == name]
        band(ax, part, local, index=0, name="local models, average", spread=spread)
        band(ax, part, merged, index=2, name="merged model, counterfactual", spread=spread)
        if chance is not None:
            level = chance * record.scale
            text = f"chance, {level:.3g}{' %' if record.unit == '%' else ' ' + record.unit}"
            ax.axhline(level, color=style.GRAY, linewidth=0.8, linestyle=(0, (1, 2)), label=text)
        ax.set_title(name + tidy.sent(part))
        finish(ax)
    panels[0, 0].set_ylabel(f"global {quantity} ({record.unit})")
    if record.unit == "%":
        panels[0, 0].set_ylim(bottom=0)
    style.legend(figure, legend_handles(panels[0, 0], table[table["label"].isin(names)], spread))
    return figure
