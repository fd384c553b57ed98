"""The look of every figure: sizes, colors, fonts, legends, and files that are equal byte by byte.

Nothing global is touched: `look()` is a context manager (and a decorator) around building and saving.
"""

import contextlib
import io
import os
import re
import tempfile
from pathlib import Path

import matplotlib
from matplotlib import patheffects
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from theory.errors import require

COLUMN_WIDTH = 3.25  # inches, one column of a two-column paper
PAGE_WIDTH = 6.75  # inches, both columns

# Okabe-Ito black, blue, vermillion, orange: safe for color-blind readers, and each lighter in gray than the one before.
PALETTE = ("#000000", "#0072B2", "#D55E00", "#E69F00")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)), (0, (9, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "h")
DARK, LIGHT, GRAY = "#0B4F7F", "#9CCBE8", "#707070"
HALO = (patheffects.withStroke(linewidth=2, foreground="white"),)  # around text on top of data

LOOK = {
    "font.family": ["DejaVu Sans"],  # ships with matplotlib, so a figure does not depend on the fonts of a system
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "legend.handletextpad": 0.6,
    "legend.borderaxespad": 0.1,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "patch.linewidth": 0.6,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.hashsalt": "onemerge",
}


@contextlib.contextmanager
def look():
    """Matplotlib's own defaults plus `LOOK`, whatever the user's settings are; those come back on exit."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(LOOK)
        yield


def axes(width=COLUMN_WIDTH, height=2.5, rows=1, columns=1, **grid):
    """A Figure of width x height inches in constrained layout, and its axes (an array when there are several)."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, **grid)


def series(index):
    """Color, dash and marker of the curve number `index`: two curves differ in gray too, up to 28 of them."""
    return {
        "color": PALETTE[index % len(PALETTE)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


def log_ticks(axis):
    """Labels of a logarithmic axis that neither overlap nor stand alone, for the range in view.

    Powers of ten where it holds two decades or more, else also 2 and 5, below one decade 2 to 9, in plain numbers.
    """
    low, high = sorted(axis.get_view_interval())
    between = range(1, 10) if high < 10 * low else (1, 2, 5) if high < 100 * low else (1,)
    axis.set_major_locator(LogLocator(subs=between, numticks=7))
    axis.set_minor_formatter(NullFormatter())
    if len(between) > 1:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def inches(text, size=8, weight="normal"):
    """Width of one line of text, mathematics included, at `size` points."""
    return TextPath((0, 0), text, size=size, prop=FontProperties(weight=weight)).get_extents().width / 72


def wrap(text, width, size=8):
    """Break a text at spaces (never inside $…$) into lines of at most `width` inches."""
    lines = [""]
    for word in re.findall(r"(?:\$[^$]*\$|\S)+", text):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and inches(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def legend(figure, handles, loc="outside upper left"):
    """A legend outside the axes, so that it never covers data, in as many columns as fit; the figure grows by it."""
    widest = figure.get_figwidth() - 0.55  # less the line in front of the text
    texts = ["\n".join(wrap(handle.get_label(), widest, size=7)) for handle in handles]
    for columns in range(len(handles), 0, -1):
        box = figure.legend(handles=handles, labels=texts, loc=loc, ncols=columns, columnspacing=1.0)
        size = box.get_window_extent(figure.canvas.get_renderer())
        if columns == 1 or size.width < (figure.get_figwidth() - 0.05) * figure.dpi:
            figure.set_figheight(figure.get_figheight() + size.height / figure.dpi)
            break
        box.remove()


def render(figure, suffix):
    """The bytes of a .pdf or .png (300 dpi) file, without dates: the same figure gives the same bytes."""
    metadata = {"CreationDate": None} if suffix == ".pdf" else {}
    with look(), io.BytesIO() as buffer:
        figure.savefig(buffer, format=suffix[1:], dpi=300, metadata=metadata)
        return buffer.getvalue()


def save(figure, path):
    """Write `path`.pdf and `path`.png (300 dpi), without dates; a reader never sees half a file."""
    path = Path(path)
    require(
        path.suffix not in {".pdf", ".png"}, f"save() adds .pdf and .png itself, so drop the suffix of '{path.name}'."
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    written = [path.with_name(path.name + suffix) for suffix in (".pdf", ".png")]
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".figure-") as folder:
        for target in written:
            (Path(folder) / target.name).write_bytes(render(figure, target.suffix))
        for target in written:
            os.replace(Path(folder) / target.name, target)
    return written
