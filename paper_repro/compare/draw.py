"""The figure of `onemerge compare --plot`."""

import pandas as pd

from figures.comparison import comparison
from figures.style import render
from paper_repro.check.plot import check_plot, write_plot

__all__ = ["check_plot", "draw"]


def steps_table(record):
    """Columns label, bound, steps: upper bounds with all they need, and the simulated steps, NaN if not computed."""
    rows = []
    for row in record["rows"]:
        sound = [name for name, found in row["bounds"].items() if found["kind"] == "upper" and not found["needs"]]
        rows += [(row["label"], name, row["bounds"][name]["steps"]) for name in sound]
        simulated = row["simulated"]
        reached = None if simulated is None else simulated["steps"]
        rows.append((row["label"], "simulated", float("nan") if reached is None else reached))
    return pd.DataFrame(rows, columns=["label", "bound", "steps"])


def draw(record, path):
    """Draw the record by `figures.comparison.comparison`."""
    costs = pd.DataFrame(record["rows"])[["label", "messages", "rounds_to_halve"]]
    figure = comparison(costs, steps_table(record), record["problem"]["epsilon"])
    write_plot(path, render(figure, path.suffix.lower()))
