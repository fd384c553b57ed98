"""`onemerge scale`: the gap 1 - slem of topologies against their size, fitted slopes beside the known laws."""

import math
import time
from pathlib import Path

import numpy as np
import pandas as pd

from figures.scaling import gap_scaling, slope_text
from figures.style import render
from paper_repro.check.plot import check_plot, write_plot
from paper_repro.compare.lineup import label, parse, sized
from theory.errors import OnemergeError, require
from theory.graphs import TOPOLOGIES
from theory.operators import operator
from theory.roster import entry
from theory.scaling import KNOWN, fit
from theory.spectrum import gap

SQUARES = ("torus", "grid")  # two sides; only squares, so that one size differs from the next by its size alone
POWERS = ("hypercube",)


def sizes(name, smallest, largest, points):
    """At most `points` sizes that the family has, from `smallest` to `largest` and even in their logarithm."""
    wanted = np.geomspace(smallest, largest, points)
    if name in SQUARES:
        near = [round(math.sqrt(size)) ** 2 for size in wanted]
    elif name in POWERS:
        near = [2 ** round(math.log2(size)) for size in wanted]
    else:
        near = [2 * round(size / 2) for size in wanted]  # even: the law of the exponential graph is one of even sizes
    return sorted({size for size in near if smallest <= size <= largest})


def span(text):
    """(smallest, largest) of "8:100000"."""
    parts = text.split(":")
    fits = len(parts) == 2 and all(part.isdecimal() for part in parts) and 4 <= int(parts[0]) < int(parts[1])
    require(fits, f"agents is {text!r}; a range is SMALLEST:LARGEST, whole numbers of at least 4, like 8:100000")
    return int(parts[0]), int(parts[1])


def scale_topologies(
    words, smallest, largest, *, points=12, time_limit=60.0, plot=None, bar=lambda done, total: None,
    tell=lambda sentence: None,
):  # fmt: skip
    """The record that docs/compare.md describes: gaps of static topologies (see `compare.lineup`) and fitted slopes.

    A size whose gap takes longer than `time_limit` seconds is left out, with all larger ones of that topology, and
    `tell` is told so.
    """
    started = time.perf_counter()
    require(len(words) > 0, "no topology is given; name at least one, such as ring")
    require(isinstance(points, int) and points >= 3, f"points is {points!r}; a slope needs at least 3")
    require(time_limit > 0, f"time_limit is {time_limit}; it must be a positive number of seconds")
    check_plot(plot)
    again = [word for word in words if words.count(word) > 1]
    require(not again, f"{again[:1]} is given twice; name every topology once")
    parsed = [parse(word) for word in words]
    for word, (name, given) in zip(words, parsed, strict=True):
        static = entry(name).kind == "graph"
        require(static, f"{word} is no static topology; the valid ones are {', '.join(TOPOLOGIES)}")
        fixed = {"agents", "rows", "cols"} & given.keys()
        require(not fixed, f"{word} gives {', '.join(sorted(fixed))}; the sizes come from --agents")
    rows = []
    for number, (word, (name, given)) in enumerate(zip(words, parsed, strict=True)):
        found, called = [], label(name, given)
        for k, agents in enumerate(sizes(name, smallest, largest, points)):
            bar(number * points + k, len(words) * points)
            try:
                found.append((agents, float(gap(operator(name, **sized(name, given, agents)), time_limit=time_limit))))
            except OnemergeError as error:
                tell(f"{word}, {agents} agents and more: left out, {error}")
                break
        rows.append(_row(word, name, given, called, found))
    bar(len(words) * points, len(words) * points)
    record = {"agents": [smallest, largest], "rows": rows, "seconds": time.perf_counter() - started}
    if plot is not None:
        write_plot(Path(plot), render(drawn(record), Path(plot).suffix.lower()))
    return record


def _row(word, name, given, called, found):
    """One topology: its gaps, the fit and the known law; no fit where fewer than 3 gaps are positive."""
    known = KNOWN.get(name)
    positive = [(agents, value) for agents, value in found if value > 0]
    fitted = fit(*zip(*positive, strict=True), known) if len(positive) >= 3 else None
    return {
        "topology": word,
        "name": name,
        "label": called,
        "parameters": given,
        "agents": [agents for agents, _ in found],
        "gap": [value for _, value in found],
        "slope": None if fitted is None else fitted.slope,
        "slope_error": None if fitted is None else fitted.error,
        "against": None if fitted is None else fitted.against,
        "fitted": None if fitted is None else fitted.at([agents for agents, _ in found]).tolist(),
        "known": None if known is None else {"law": known.words, "source": known.source},
    }


def drawn(record):
    """The figure of a record: `figures.scaling.gap_scaling`."""
    points, lines = [], []
    for row in record["rows"]:
        points += [(row["label"], agents, value) for agents, value in zip(row["agents"], row["gap"], strict=True)]
        if row["fitted"] is not None:
            law = row["known"]["law"] if row["known"] else None
            text = slope_text(row["slope"], row["slope_error"], row["against"], law)
            lines += [(row["label"], n, value, text) for n, value in zip(row["agents"], row["fitted"], strict=True)]
    return gap_scaling(
        pd.DataFrame([point for point in points if point[2] > 0], columns=["label", "agents", "gap"]),
        pd.DataFrame(lines, columns=["label", "agents", "gap", "text"]),
    )
