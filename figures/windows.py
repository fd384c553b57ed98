"""Bars per window: what accuracy is reached when full averaging is on only inside that window (fig. 2a, 2b)."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from figures import labels, style, tidy
from figures.curves import CROSS, divergence_handles
from theory.errors import require

BASELINE = style.PALETTE[2]
METRIC = "average_global_accuracy"
COLUMNS = (*tidy.RUN_COLUMNS, "window_start", "window_stop")
INSET = (0.06, 0.65, 0.28, 0.31)  # left, bottom, width, height in axes coordinates


def best_and_final(table):
    """Per seed of one label: best accuracy over all rounds; accuracy at the last round of the seeds that got there."""
    final = tidy.to_the_end(table, METRIC)
    return tidy.by_seed(table, METRIC).max(axis=0).dropna(), final.iloc[-1] if len(final) else final.max(axis=0)


def whisker(values):
    """Mean over seeds and the distances to min and max, as `bar` wants them."""
    return values.mean(), [[values.mean() - values.min()], [values.max() - values.mean()]]


def windows_of(table):
    """The (start, stop) pairs of a table, by start."""
    pairs = table[["window_start", "window_stop"]].dropna().drop_duplicates().astype(int)
    return sorted(pairs.itertuples(index=False, name=None))


def rows_of(table, window):
    return table[(table["window_start"] == window[0]) & (table["window_stop"] == window[1])]


def draw_bars(ax, table, windows):
    """A light and a dark bar per window with whiskers from min to max over seeds; heights of the tallest, by window."""
    tops = []
    for place, window in enumerate(windows):
        part = rows_of(table, window)
        for shift, color, values in zip((-0.2, 0.2), (style.LIGHT, style.DARK), best_and_final(part), strict=True):
            if len(values):
                mean, reach = whisker(values)
                ax.bar(place + shift, mean, 0.38, color=color, edgecolor="black", linewidth=0.4)
                if len(values) > 1:
                    ax.errorbar(place + shift, mean, reach, color="black", linewidth=0.8, capsize=1.5)
        if not tidy.divergences(part).empty:
            ax.plot(place + 0.2, 0.03, transform=ax.get_xaxis_transform(), zorder=5, **CROSS)
        tops.append(tidy.by_seed(part, METRIC).max(axis=None))
    return np.nan_to_num(np.array(tops))


def draw_inset(ax, table, baseline, window):
    """Accuracy around one window (half a window before and after, at least two rounds), the window shaded."""
    start, stop = window
    pad = max(2, (stop - start) // 2)
    inset = ax.inset_axes(INSET)
    inset.axvspan(start, stop, color="0.88", linewidth=0)
    for rows, color, dash in ((baseline, BASELINE, "--"), (rows_of(table, window), "black", "-")):
        if len(rows):
            near = tidy.summary(tidy.by_seed(rows, METRIC).loc[start - pad : stop + pad])
            inset.plot(near.index, near["mean"], color=color, linestyle=dash, linewidth=1)
            inset.fill_between(near.index, near["low"], near["high"], color=color, alpha=0.2, linewidth=0)
    inset.tick_params(labelsize=6, length=2, pad=1.5)
    inset.locator_params(nbins=4, integer=True)
    inset.set_title(f"accuracy (%) by round, window {start}–{stop}", fontsize=6.5, pad=2)
    return inset


def draw_panel(ax, table, baseline, inset_window):
    """Bars, baseline and inset of one length of windows, with room above the bars for the inset."""
    windows = windows_of(table)
    require(windows, "The table has no row with window_start and window_stop, so there are no bars to draw.")
    window = windows[len(windows) // 2] if inset_window is None else tuple(inset_window)
    require(window in windows, f"There is no window {window}; the windows are {', '.join(map(str, windows))}.")
    tops = draw_bars(ax, table, windows)
    if len(baseline):
        final = best_and_final(baseline)[1]
        if len(final):
            ax.axhline(final.mean(), color=BASELINE, linestyle="--", linewidth=1)
            ax.axhspan(final.min(), final.max(), color=BASELINE, alpha=0.25, linewidth=0, zorder=0)  # it tints no bar
            tops = np.maximum(tops, final.max())
    under = tops[: int(np.ceil((INSET[0] + INSET[2]) * len(windows))) + 1]
    height = max(tops.max() / 0.95, under.max() / (INSET[1] - 0.13))
    highest = min(100, height)  # no percentage is above 100
    ticks = MaxNLocator(6, steps=(1, 2, 5, 10)).tick_values(0, highest)
    ax.set_yticks(ticks[ticks <= highest])
    ax.set_ylim(0, height)
    ax.set_xlim(-0.6, len(windows) - 0.4)
    shown = range(0, len(windows), 1 + len(windows) // 40)
    ax.set_xticks(shown, [f"{a}–{b}" for a, b in (windows[k] for k in shown)], rotation=90 if len(windows) > 12 else 0)
    ax.set_ylabel(labels.axis_label(METRIC))
    draw_inset(ax, table, baseline, window)


def handles_of(table, baseline):
    """Legend: the two shades, the baseline, what the whiskers are, and every diverged run."""
    handles = [
        Patch(facecolor=style.LIGHT, edgecolor="black", linewidth=0.4, label="best over all rounds"),
        Patch(facecolor=style.DARK, edgecolor="black", linewidth=0.4, label="final"),
    ]
    if len(baseline):
        name = f"{baseline['label'].iloc[0]}, final{tidy.sent(baseline)}"
        handles.append(Line2D([], [], color=BASELINE, linestyle="--", linewidth=1, label=name))
    note = tidy.spread_note(table, thing="whiskers and bands")
    handles.append(Line2D([], [], linestyle="none", marker="|", markersize=7, color="black", label=note))
    return handles + divergence_handles(table)


@style.look()
def window_bars(table, *, inset_window=None):
    """Fig. 2a, 2b: a pair of bars per window, light = best accuracy over rounds, dark = accuracy at the last round.

    One `label` per window; rows with window_start = <NA> are the baseline without a window. A column `window_length`
    (<NA> for the baseline), if there, splits the windows into panels, longest first. `inset_window` (start, stop) is
    the window of the inset when there is one panel; by default it is the middle one. Runs whose bytes the table counts
    have these beside their names, as the mean over windows and seeds.
    """
    tidy.need(table, COLUMNS)
    tidy.labels_of(table, METRIC)
    table = table[table["metric"].isin([METRIC, "diverged", "bytes"])]
    baseline = table[table["window_start"].isna()]
    inside = table[table["window_start"].notna()]
    lengths = [None]
    if "window_length" in table.columns:
        lengths = sorted(inside["window_length"].dropna().unique(), reverse=True)
    require(
        inset_window is None or len(lengths) == 1,
        f"inset_window is one window, and this table has {len(lengths)} panels.",
    )
    figure, panels = style.axes(style.PAGE_WIDTH, 0.2 + 2.0 * len(lengths), rows=len(lengths), squeeze=False)
    for ax, length in zip(panels[:, 0], lengths, strict=True):
        part = inside if length is None else inside[inside["window_length"] == length]
        draw_panel(ax, part, baseline, inset_window)
        words = ("each window" if length is None else f"windows of {length} rounds") + tidy.sent(part)
        if length is not None or tidy.sent(part):
            ax.set_title(words, loc="right")
    panels[-1, 0].set_xlabel("rounds with full averaging (other rounds as in the baseline)")
    style.legend(figure, handles_of(table, baseline))
    return figure
