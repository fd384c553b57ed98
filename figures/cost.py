"""Methods compared by communication round and by data sent: the same curves twice, in one panel or several."""

import numpy as np

from figures import curves, labels, style, tidy
from theory.errors import require

UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("bytes", 1.0))


def unit_of(largest):
    """The unit, name and bytes, in which `largest` bytes are at least 1."""
    return next((unit for unit in UNITS if largest >= unit[1]), UNITS[-1])


def sent(table):
    """Bytes that all agents have sent by each round: the mean over seeds of one label, indexed by round."""
    return tidy.by_seed(table, "bytes").mean(axis=1)


def by_bytes(ax, table, metric, *, index, unit, spread="range"):
    """The curve of one label against data sent, mean and band over seeds; a run that sends nothing is a point at 0 and
    a line across at its last value.
    """
    wide = tidy.by_seed(table, metric)
    drawn, look = tidy.summary(wide, spread), style.series(index)
    x = sent(table).reindex(drawn.index) / unit
    if x.iloc[-1] == 0:
        ax.axhline(drawn["mean"].iloc[-1], color=look["color"], linewidth=0.6, linestyle=look["linestyle"])
        ax.plot(0, drawn["mean"].iloc[-1], clip_on=False, **look)
    else:
        every = max(1, len(x) // 8)
        ax.plot(x, drawn["mean"], markevery=(index * every // 3, every), **look)
        if wide.shape[1] > 1:
            ax.fill_between(x, drawn["low"], drawn["high"], color=look["color"], alpha=0.2, linewidth=0)
    return x


def byte_axis(ax, smallest, largest, name):
    """Logarithmic from the smallest amount that was sent on, with a place for 0."""
    ax.set_xscale("symlog", linthresh=smallest, linscale=0.3)
    powers = 10.0 ** np.arange(np.ceil(np.log10(3 * smallest)), np.floor(np.log10(largest)) + 1)
    ax.set_xticks([0, *powers], ["0", *(f"{power:g}" for power in powers)])
    ax.minorticks_off()
    ax.set_xlim(left=0)
    ax.set_xlabel(f"data sent by all agents ({name})")
    ax.grid(axis="y", color="0.9", linewidth=0.5)


@style.look()
def by_round_and_bytes(table, *, metric="average_global_accuracy", jump=None, spread="range"):
    """`metric` by round and by data sent, one curve per `label`; with a column `panel`, one column of panels for each.

    Without panels the two stand side by side, and `jump` names the label whose last round is the merge, whose change is
    written beside it. The table needs the metric `bytes` at the same rounds.
    """
    tidy.need(table, tidy.RUN_COLUMNS)
    names = tidy.labels_of(table, metric)
    require(jump is None or jump in names, f"There is no label '{jump}'; the labels are {', '.join(names)}.")
    panels = list(dict.fromkeys(table["panel"])) if "panel" in table else [None]
    if panels == [None]:
        figure, axes = style.axes(style.PAGE_WIDTH, 2.3, columns=2, sharey=True, squeeze=False)
        axes = axes.T
    else:
        figure, axes = style.axes(style.PAGE_WIDTH, 4.0, rows=2, columns=len(panels), sharey=True, squeeze=False)
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
        curves.finish(upper, metric if column == 0 else None)
        byte_axis(lower, amounts.min() / unit, amounts.max() / unit, name)
        if panel is not None:
            upper.set_title(panel)
            if column == 0:
                lower.set_ylabel(labels.axis_label(metric))
        if jump is not None:
            wide = tidy.to_the_end(part[part["label"] == jump], metric)
            if len(wide) >= 2 and wide.shape[1]:
                points = "points" if labels.of(metric).unit == "%" else labels.of(metric).unit
                color = style.series(names.index(jump))["color"]
                curves.annotate_jump(upper, drawn, wide, f"{points} in one round", color)
    handles = curves.legend_handles(axes[0, 0], table[table["label"].isin(names)], spread)
    style.legend(figure, handles)
    return figure
