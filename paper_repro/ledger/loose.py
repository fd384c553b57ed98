"""`onemerge looseness`: bounds beside exact worst cases, as a table and a figure."""

import math
from pathlib import Path

import pandas as pd

from figures.looseness import looseness as drawn
from figures.style import render
from paper_repro.check.plot import check_plot, write_plot
from theory.bounds import BOUNDS
from theory.errors import require
from theory.proof.looseness import COMPARED, looseness


def loosenesses(names, slems, lrs, steps, plot=None, bar=lambda done, total: None):
    """The rows of `theory.proof.looseness` for the bounds of these names, drawn to `plot`; `bar` counts bounds."""
    names = list(dict.fromkeys(names or COMPARED))
    for name in names:
        require(name in BOUNDS, f"unknown bound {name!r}; docs/bounds.md lists them, such as {', '.join(COMPARED)}")
    for what, values, largest in (("slem", slems, 1.0), ("lr", lrs, math.inf)):
        for value in values:
            require(0 < value < largest, f"{what} is {value}; it must be above 0 and below {largest:g}")
    require(isinstance(steps, int) and steps >= 1, f"steps is {steps!r}; it must be an integer of at least 1")
    check_plot(plot)
    rows = []
    for k, name in enumerate(names):
        bar(k, len(names))
        rows += looseness([BOUNDS[name]], slems, lrs, steps)
    bar(len(names), len(names))
    require(rows, f"no point of the grid lies inside the region of {', '.join(names)}; take smaller learning rates")
    if plot is not None:
        write_plot(Path(plot), render(drawn(pd.DataFrame(rows)), Path(plot).suffix.lower()))
    return rows
