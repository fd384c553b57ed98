"""What the commands print for people: progress, tables, verdicts."""

from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

COLORS = {"confirmed": "green", "holds": "green", "refuted": "red", "violated": "red", "not confirmed": "yellow"}


def console():
    """Standard output; 110 columns wide where it is not a terminal, so that piped tables do not wrap early."""
    found = Console()
    return found if found.is_terminal else Console(width=110)


@contextmanager
def progress():
    """A progress bar on stderr: yields bar(done, total) in rounds."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rounds"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = None

        def bar(done, total):
            nonlocal task
            task = shown.add_task("running", total=total) if task is None else task
            shown.update(task, completed=done)

        yield bar


def colored(verdict):
    """A verdict with its color, as rich markup."""
    return f"[{COLORS.get(verdict, 'default')}]{verdict}[/]"


def number(value):
    """Four significant digits, or a dash for what is not there."""
    return "–" if value is None else f"{value:.4g}"


def print_items(records):
    """Items with their claims."""
    table = Table("item", "what", "claims", show_lines=True)
    for record in records:
        claims = "\n".join(f"{claim['claim']}: {claim['statement']}" for claim in record["claims"])
        table.add_row(record["item"], record["title"], claims or "–")
    console().print(table)


def print_verdicts(records, folder):
    """The closing table of `onemerge reproduce`: item, claim, measured value with its spread over seeds, verdict."""
    table = Table("item", "claim", "statement", "measured: mean (min to max)", "seeds", "verdict", show_lines=True)
    for record in records:
        for claim in record["claims"]:
            measured = f"{number(claim['mean'])} ({number(claim['min'])} to {number(claim['max'])})"
            verdict = colored(claim["verdict"]) + (f"\n{claim['note']}" if claim["note"] else "")
            table.add_row(
                record["item"], claim["claim"], claim["statement"], measured, str(len(record["seeds"])), verdict
            )
        if not record["claims"]:
            table.add_row(record["item"], "–", "a drawing, nothing to judge", "–", "–", "–")
    console().print(table)
    console().print(f"Figures (PDF, PNG), tables (CSV) and records (JSON) are in {folder}/.")
