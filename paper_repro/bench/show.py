"""The record of benchmarks as one table, in a terminal and in markdown."""

import os
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from paper_repro.show import console
from sim.atomic import write_whole
from theory.errors import require

COLUMNS = ("benchmark", "case", "unit", "ours", "against", "peer", "ratio", "CPU ratio", "target", "met", "equal")
NUMERIC = ("ours", "peer", "ratio", "CPU ratio")
SIGNS = {">=": "≥", "<=": "≤"}
SAID = ("torch", "numpy", "scipy")  # versions in the heading; the record has all
NOTE = (
    "ratio: ours / peer by wall time, CPU ratio: by CPU time; the best of repetitions that take turns in one process. "
    "equal: whether both computed the same, with the largest difference; a target is met by equal results only."
)


def digits(value):
    """Four significant digits, or those before the point; a dash for what is not there."""
    return "–" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def cells(row):
    """The texts of a row's columns."""
    target, equal = row["target"], row["equal"]
    words = {None: "–", True: "yes", False: "no"}
    difference = "" if row["difference"] is None else f" ({row['difference']:.0e})" if row["difference"] else " (0)"
    return (
        row["benchmark"],
        row["case"],
        row["unit"],
        digits(row["ours"]),
        row["against"],
        digits(row["peer"]),
        digits(row["ratio"]),
        digits(row["cpu_ratio"]),
        "–" if target is None else f"{target['of']} {SIGNS[target['relation']]} {target['value']:,}",
        words[row["met"]],
        words[equal] + difference,
    )


def heading(record):
    """Hardware and versions, in one line."""
    found = record["versions"]
    named = ", ".join(f"{name} {found[name]}" for name in SAID)
    return f"{record['hardware']}; Python {found['python']}, {named}"


def markdown(record):
    """The table with its heading, for a file; without a date, so that the same numbers make the same file."""
    lines = [f"`{record['command']}`", "", heading(record) + ".", "", *(f"{why}\n" for why in record["left_out"])]
    lines += [line(COLUMNS), line("---:" if name in NUMERIC else "---" for name in COLUMNS)]
    lines += [line(cells(row)) for row in record["rows"]]
    return "\n".join([*lines, "", NOTE, ""])


def line(texts):
    """A line of a markdown table."""
    return f"| {' | '.join(texts)} |"


def print_bench(record):
    """The table in a terminal."""
    out, table = console(), Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("case, and its peer", overflow="fold")
    for name in (*NUMERIC, "target", "met", "equal"):
        table.add_column(name, justify="right" if name in NUMERIC else "left", no_wrap=True)
    for row in record["rows"]:
        benchmark, case, unit, ours, against, peer, *texts, met, equal = map(escape, cells(row))
        color = {True: "green", False: "red", None: "default"}[row["met"]]
        what = f"{benchmark}: {case}\n[dim]{unit} against {against}[/]"
        table.add_row(what, ours, peer, *texts, f"[{color}]{met}[/]", equal)
    out.print(heading(record), highlight=False, soft_wrap=True)
    out.print(table)
    out.print(NOTE, highlight=False, soft_wrap=True)


def check_out(path):
    """Refuse a file that could not be written, before anything is measured."""
    path = Path(path)
    require(path.suffix == ".md", f"--out is a markdown file that ends in .md, not {str(path)!r}.")
    require(not path.is_dir(), f"--out {str(path)!r} is a folder; name a file.")
    above = next(parent for parent in path.absolute().parents if parent.exists())
    usable = above.is_dir() and os.access(above, os.W_OK)
    require(usable, f"Cannot write {str(path)!r}: {str(above)!r} is no folder you can write in.")


def write_table(record, path):
    """Write the markdown table, whole or not at all."""
    write_whole(path, markdown(record).encode())
