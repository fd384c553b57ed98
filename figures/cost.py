"""Methods compared by communication round and by data sent: the same curves twice, in one panel or several."""

import math

import numpy as np

from figures import curves, labels, style, tidy
from figures.labels import unit_of
from theory.errors import require

ZERO = 0.3  # decades between 0 and the smallest amount
TICK = 0.3  # inches that the number of a tick takes


def sent(table):
    """Bytes that all agents have sent by each round: the mean over seeds of one label, indexed by round."""
    return tidy.by_seed(table, "bytes").mean(axis=1)


def by_bytes(ax, table, metric, *, index, unit, spread="range"):
    """The curve of one label against data sent, mean and band over seeds; a run that sends nothing is a point at 0 and
    a line across at its last value. Returns the data sent by round, in `unit` bytes.
    """
    wide = tidy.by_seed(table, metric)
    drawn, look = tidy.summary(wide, spread), style.series(index)
    amounts = sent(table)
    uncounted = drawn.index.difference(amounts.index)
    name = table["label"].iloc[0]
    require(len(uncounted) == 0, f"'bytes' of '{name}' is missing at {len(uncounted)} of {len(drawn)} rounds.")
    x = amounts[drawn.index] / unit
    if x.iloc[-1] == 0:
        ax.axhline(drawn["mean"].iloc[-1], color=look["color"], linewidth=0.6, linestyle=look["linestyle"])
        ax.plot(0, drawn["mean"].iloc[-1], clip_on=False, **look)
    else:
        curves.line(ax, x, drawn, index, banded=wide.shape[1] > 1)
    for run in tidy.divergences(table).itertuples():
        values = wide[run.seed].dropna()
        if len(values):
            ax.plot(x[values.index[-1]], values.iloc[-1], zorder=5, **curves.CROSS)
    return x


def byte_ticks(smallest, largest, decade):
    """Round numbers up to `largest`, at least TICK inches from each other and from the 0 of `byte_axis`.

    `decade` is the length of a power of ten in inches: where 1, 2, 5 or 1, 3 fit into it these, else powers of ten,
    every second or third one if need be.
    """
    exponents = range(int(np.floor(np.log10(smallest))), int(np.floor(np.log10(largest))) + 1)
    digits = (1, 2, 5) if np.log10(2) * decade >= TICK else (1, 3) if np.log10(3) * decade >= TICK else (1,)
    every = math.ceil(TICK / decade)
    ticks = [float(f"{digit}e{exponent}") for exponent in exponents[::every] for digit in digits]
    return [t for t in ticks if t <= largest and t >= smallest and (ZERO + np.log10(t / smallest)) * decade >= TICK]


def byte_axis(ax, smallest, largest, name, width):
    """Logarithmic from the smallest amount that was sent on, with a place for 0; `width` in inches, `name` the unit."""
    right = 1.15 * largest
    ax.set_xscale("symlog", linthresh=smallest, linscale=ZERO)
    ticks = byte_ticks(smallest, largest, width / (ZERO + np.log10(right / smallest)))
    ax.set_xticks([0, *ticks], ["0", *(f"{tick:g}" for tick in ticks)])
    ax.minorticks_off()
    ax.set_xlim(0, right)
    text = f"data sent by all agents ({name})"
    ax.set_xlabel(text if style.inches(text) < width else f"data sent ({name})")
    ax.grid(axis="y", color="0.9", linewidth=0.5)


def panels_of(table):
    """The panels in order of appearance, [None] without any."""
    return list(dict.fromkeys(table["panel"])) if "panel" in table else [None]


def grid_of(panels):
    """Figure, axes [2, panels] (by round, by bytes) and the width of a panel in inches, less its margins."""
    if panels == [None]:
        figure, axes = style.axes(style.PAGE_WIDTH, 2.3, columns=2, sharey=True, squeeze=False)
        return figure, axes.T, style.PAGE_WIDTH / 2 - 0.4
    figure, axes = style.axes(style.PAGE_WIDTH, 4.0, rows=2, columns=len(panels), sharey=True, squeeze=False)
    return figure, axes, style.PAGE_WIDTH / len(panels) - 0.3


def mark_jump(ax, table, metric, drawn, color, width):
    """The change of the last round, if a seed got there: in words beside it, or where the panel has a title (of `width`
    inches) in that, as small panels have no room; `table` of one label, all curves drawn.
    """
    wide = tidy.to_the_end(table, metric)
    if len(wide) < 2 or not wide.shape[1]:
        return
    points = "points" if labels.of(metric).unit == "%" else labels.of(metric).unit
    if ax.get_title():
        words = f"merge {curves.jump_in_words(wide)}"
        words = words if style.inches(words) < width else words.partition(" (")[0]
        ax.set_title(f"{ax.get_title()}\n{words}")
        curves.star(ax, wide, color)
    else:
        curves.annotate_jump(ax, drawn, wide, f"{points} in one round", color)


def handles_of(axes, table, names, spread):
    """Curves by name, from whichever panel has them, what the band is, and the runs that diverged, with their panel."""
    lines = {line.get_label(): line for ax in axes for line in ax.get_lines()}
    full = table.assign(label=table["panel"] + ": " + table["label"]) if "panel" in table else table
    notes = [handle for handle in curves.legend_handles(axes[0], full, spread) if handle.get_label() not in names]
    return [lines[name] for name in names if name in lines] + notes


@style.look()
def by_round_and_bytes(table, *, metric="average_global_accuracy", jump=None, spread="range"):
    """`metric` by round and by data sent, one curve per `label`: side by side, or with a column `panel` one above the
    other, one column of panels for each.

    `jump` names the label whose last round is the merge; its change is written beside it, or in the titles of panels.
    The table needs the metric `bytes` at the same rounds.
    """
    tidy.need(table, tidy.RUN_COLUMNS)
    names = tidy.labels_of(table, metric)
    tidy.labels_of(table, "bytes")
    require(jump is None or jump in names, f"There is no label '{jump}'; the labels are {', '.join(names)}.")
    panels = panels_of(table)
    figure, axes, width = grid_of(panels)
    amounts = table.loc[(table["metric"] == "bytes") & (table["value"] > 0), "value"]
    require(len(amounts) > 0, "Nobody sent anything in these runs: there are no bytes to compare by.")
    name, unit = unit_of(amounts.max())
    for column, panel in enumerate(panels):
        part = table if panel is None else table[table["panel"] == panel]
        upper, lower = axes[:, column]
        drawn = []
        for index, label in enumerate(names):
            own = part[part["label"] == label]
            if (own["metric"] == metric).any():
                drawn.append(curves.band(upper, own, metric, index=index, spread=spread))
                by_bytes(lower, own, metric, index=index, unit=unit, spread=spread)
        curves.finish(upper)
        if style.inches(upper.get_xlabel()) > width:
            upper.set_xlabel("round")
        byte_axis(lower, amounts.min() / unit, amounts.max() / unit, name, width)
        if panel is not None:
            upper.set_title("\n".join(style.wrap(str(panel), width)))
        own = part[part["label"] == jump]
        if (own["metric"] == metric).any():
            mark_jump(upper, own, metric, drawn, style.series(names.index(jump))["color"], width)
    for ax in axes[: 1 if panels == [None] else 2, 0]:
        ax.set_ylabel(labels.axis_label(metric))
    if labels.of(metric).unit == "%":
        axes[0, 0].set_ylim(bottom=0)  # of all panels, and once all is drawn: it fixes their height
    style.legend(figure, handles_of(axes[0], table[table["label"].isin(names)], names, spread))
    return figure
