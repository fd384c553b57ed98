"""How far bounds lie above exact worst cases, against the consensus rate p, one panel a learning rate."""

from matplotlib.lines import Line2D

from figures import style, tidy
from theory.errors import require

COLUMNS = ("bound", "p", "lr", "looseness", "steps", "exact")


@style.look()
def looseness(table):
    """Markers: bound / exact worst case of the same topology, learning rate and steps; the line at 1 is a sharp bound.

    table: columns bound, p, lr (in units of 1/L), looseness, steps, exact, as of `theory.proof.looseness`. A curve ends
    where its bound is silent. Where a worst case is known from above only, the quotient is "at least" what is drawn.
    """
    tidy.need(table, COLUMNS, "The table of looseness")
    bad = int((~(table["looseness"] > 0)).sum())
    require(len(table) > 0, "The table of looseness has no rows.")
    require(bad == 0, f"{bad} values of looseness are not positive, and a logarithmic axis has no place for them.")
    lrs, names = sorted(table["lr"].unique()), list(table["bound"].unique())
    twice = table[table.duplicated(["bound", "lr", "p"])]
    require(twice.empty, f"{len(twice)} rows share bound, lr and p with another, so one curve would have two values.")
    width = style.PAGE_WIDTH if len(lrs) > 1 else style.COLUMN_WIDTH
    figure, panels = style.axes(width, 2.6, columns=len(lrs), sharey=True, squeeze=False)
    for ax, lr in zip(panels[0], lrs, strict=True):
        ax.axhline(1, color=style.GRAY, linewidth=0.8, zorder=1)
        for index, name in enumerate(names):
            rows = table[(table["bound"] == name) & (table["lr"] == lr)].sort_values("p")
            ax.plot(rows["p"], rows["looseness"], label=name, zorder=3, **style.series(index))
        ax.set(xscale="log", yscale="log")
        ax.set_title(rf"$\eta L = {lr:g}$")
        ax.set_xlabel("consensus rate $p$")
        ax.grid(axis="both", color="0.9", linewidth=0.5)
        style.log_ticks(ax.xaxis)
    panels[0, 0].set_ylabel("bound / exact worst case")
    style.log_ticks(panels[0, 0].yaxis)
    counts = sorted(int(count) for count in table["steps"].unique())
    after = f"after {' or '.join(map(str, counts))} step{'s' * (counts != [1])}"
    known = table.groupby("bound")["exact"].all()
    texts = [name if known[name] else f"{name} (at least)" for name in names]
    handles = [Line2D([], [], label=text, **style.series(index)) for index, text in enumerate(texts)]
    handles.append(Line2D([], [], color=style.GRAY, linewidth=0.8, label=f"exact worst case {after}"))
    style.legend(figure, handles, loc="outside lower left")
    return figure
