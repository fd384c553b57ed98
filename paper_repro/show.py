"""What the commands print for people: progress, tables, verdicts."""

import string
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from theory.mixing import WEIGHTS

WIDE = 110  # characters that the bounds of a check take with all their columns
LETTERS = string.ascii_letters  # of assumptions that are not met
COLORS = {"confirmed": "green", "holds": "green", "refuted": "red", "violated": "red", "not confirmed": "yellow"}


def console():
    """Standard output; WIDE characters where it is not a terminal, so that piped tables do not wrap early."""
    found = Console()
    return found if found.is_terminal else Console(width=WIDE)


def folded(table):
    """The table, whose long words are broken, not cut off, where the terminal is narrow."""
    for column in table.columns:
        column.overflow = "fold"
    return table


@contextmanager
def progress(unit="rounds"):
    """A progress bar on stderr, from its first call on: yields bar(done, total) in `unit`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    shown, task = Progress(*columns, console=Console(stderr=True)), None

    def bar(done, total):
        nonlocal task
        if task is None:
            shown.start()
            task = shown.add_task("running", total=total)
        shown.update(task, completed=done)

    try:
        yield bar
    finally:
        if task is not None:
            shown.stop()


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
    console().print(folded(table))


def print_projection(record, device):
    """Hours of the paper's scale, one line an item."""
    table = Table("item", "runs", "agent-steps", "s per agent-step", "memory", "hours a seed")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in record["items"]:
        low, high = one["seconds_per_agent_step"]
        each = number(low) if low == high else f"{number(low)} to {number(high)}"
        memory = f"{one['bytes'] / 1e9:,.1f} GB"
        table.add_row(one["item"], str(one["runs"]), f"{one['agent_steps']:,}", each, memory, f"{one['hours']:,.1f}")
    console().print(folded(table))
    shared = "with what items share counted once"
    print(f"All of them: {record['hours']:,.1f} hours a seed on {device}, {shared}; projected from a few steps.")


def print_topologies(records):
    """Everything with a name, its parameters with their defaults, and what it is."""
    table = Table("name", "kind", "parameters", "what it is", show_lines=True)
    for record in records:
        shown = [p["name"] + ("" if p["required"] else f" = {p['default']}") for p in record["parameters"]]
        table.add_row(record["name"], record["kind"], ", ".join(shown) or "–", escape(record["summary"]))
    console().print(folded(table))
    console().print(
        "graph: on a topology, which `graph` names and whose own parameters are given beside. A graph is weighted by a "
        f"rule (--weights of onemerge check): {', '.join(WEIGHTS)}."
    )


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
    console().print(folded(table))
    console().print(f"Figures (PDF, PNG), tables (CSV) and records (JSON) are in {folder}/.")


def print_check(record):
    """The report of `onemerge check`: the matrix, its spectrum, and every bound beside the simulated runs."""
    out = console()
    for title, facts in (("topology", _topology(record)), ("matrix", _matrix(record)), ("spectrum", _spectrum(record))):
        table = Table(title, "", show_header=False, title=title, title_justify="left", box=None)
        for name, value in facts.items():
            table.add_row(name, value)
        out.print(table, "")
    unmet = {
        f"{a['assumption']}: {a['meaning']}; here {a['departure']}"
        for row in record["bounds"]
        for a in row["assumptions"]
        if not a["met"]
    }
    letters = {sentence.partition(":")[0]: letter for sentence, letter in zip(sorted(unmet), LETTERS, strict=False)}
    narrow = out.width < WIDE
    out.print(_bounds(record["bounds"], letters, narrow))
    if narrow:
        out.print(f"s.e., ratio, z and step are shown from {WIDE} columns on, and by --json.")
    for row in record["bounds"]:
        verdict = f" – [yellow]{row['verdict']}: {escape(row['note'])}[/]" if row["note"] else ""
        out.print(f"{row['bound']}: [dim]{escape(row['source'])}[/]{verdict}", soft_wrap=True)
    for sentence in sorted(unmet):
        out.print(f"Not met, {letters[sentence.partition(':')[0]]}: {escape(sentence)}.", soft_wrap=True)
    out.print(f"{len(record['not_compared'])} other bounds are not about what is simulated here (--json names them).")
    found = ", ".join(record["contradictions"])
    verdict = f"[red]Contradicted, with all assumptions met: {found}.[/]" if found else "No contradiction."
    out.print(f"{verdict} ({record['seconds']:.1f} s)")


def _bounds(rows, letters, narrow):
    """One line a bound; z is the excess over it in standard errors (s.e.); what is not met is shown by its letter."""
    numeric = ("value", "measured") if narrow else ("value", "measured", "s.e.", "ratio", "z", "step")
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), caption="*: needed, but unsaid in the source")
    for name in ("bound", *numeric, "verdict", "not met"):
        table.add_column(
            name,
            justify="right" if name in numeric else "left",
            no_wrap=name != "not met",
            overflow="fold" if name == "not met" else "ellipsis",  # a number that is cut says so
        )
    for row in rows:
        unmet = sorted(
            letters[a["assumption"]] + "*" * (not a["in_source"]) for a in row["assumptions"] if not a["met"]
        )
        z = "–" if row["z"] is None else f"{row['z']:+.1f}" if abs(row["z"]) < 1000 else f"{row['z']:+.0e}"
        step = "–" if row["step"] is None else str(row["step"])
        error = "–" if row["standard_error"] is None else f"{row['standard_error']:.2g}"
        value, measured, ratio = (number(row[name]) for name in ("value", "measured", "ratio"))
        shown = (value, measured) if narrow else (value, measured, error, ratio, z, step)
        table.add_row(row["bound"], *shown, colored(row["verdict"]), ", ".join(unmet) or "–")
    return table


def _topology(record):
    topology, problem = record["topology"], record["problem"]
    given = ", ".join(f"{name} = {value}" for name, value in topology["parameters"].items())
    rate = f"{problem['lr']:.6g} ({'chosen here' if problem['lr_chosen'] else 'given'})"
    constants = ", ".join(f"{name} = {problem[name]:g}" for name in ("L", "mu", "sigma", "zeta", "spread", "dim"))
    facts = {
        "name": f"{topology['name']}{f' ({given})' if given else ''}",
        "agents": str(topology["agents"]),
        "weights": topology["weights"] or "its own",
        "mixing": topology["kind"] + (f", period {topology['period']}" if topology["period"] > 1 else ""),
        "quadratics": f"{constants}, start at distance {problem['distance']:g}",
        "learning rate": rate,
        "simulated": f"{problem['runs']} runs of {problem['steps']} steps",
    }
    if topology["edges"] is not None:
        facts["edges"] = f"{topology['edges']}{', directed' if topology['directed'] else ''}"
    if record["run"]["diverged_at"] is not None:
        facts["diverged"] = f"[red]at step {record['run']['diverged_at']}[/]"
    return facts


def _matrix(record):
    matrix = record["matrix"]
    verdict = lambda holds: "yes" if holds else "[red]no[/]"  # noqa: E731
    rows, columns = (f"{matrix[f'{line}_error']:.2g}" for line in ("row", "column"))
    return {
        "matrices checked": str(matrix["checked"]),
        "doubly stochastic": f"{verdict(matrix['doubly_stochastic'])} (rows within {rows}, columns within {columns}, "
        f"smallest weight {'not negative' if matrix['most_negative'] == 0 else number(matrix['most_negative'])})",
        "symmetric": f"{'yes' if matrix['symmetric'] else 'no'} (within {matrix['asymmetry']:.2g})",
        "connected": verdict(matrix["connected"]),
        "cycle period": "–" if matrix["cycle_period"] is None else f"{matrix['cycle_period']} (1 = aperiodic)",
    }


def _spectrum(record):
    values, moments = record["spectrum"], record["moments"]
    digits = lambda value: "–" if value is None else f"{value:.10g}"  # noqa: E731
    facts = {
        f"slem ({values['eigenvalues_of']})": digits(values["slem"]),
        "gap 1 - slem": digits(values["gap"]),
        "contraction |W - J|": digits(values["contraction"]),
        "consensus rate p": digits(values["p"]),
        "p of a period": digits(values["p_of_period"]),
        "mean drift": digits(values["mean_drift"]),
        "noise gain S": digits(values["noise_gain"]),
        "drift gain R": digits(values["drift_gain"]),
        f"effective neighbors, γ = {values['decay']:g}": digits(values["effective_neighbors"]),
        "rounds to halve Ξ²": digits(values["rounds_to_halve"]),
        "rounds to the exact average": "never" if values["finite_time"] is None else str(values["finite_time"]),
    }
    for found in record["enclosures"] or ():
        if found["certified"]:
            proved = f"[{found['lower']!r}, {found['upper']!r}] ({found['method']})"
            facts[f"{found['quantity']}, proved"] = escape(proved)
        else:
            facts[f"{found['quantity']}, proved"] = found["reason"].partition(":")[0]
    reasons = dict.fromkeys(found["reason"] for found in record["enclosures"] or () if not found["certified"])
    facts |= {"why": escape(" ".join(reasons))} if reasons else {}
    closed = values["closed_form"]
    if closed:
        facts[f"1 - slem, {closed['bound']}"] = (
            f"{closed['one_minus_slem']:.15g} (numeric {closed['numeric_one_minus_slem']:.15g})"
        )
        facts["p, closed form"] = f"{closed['p']:.15g} (numeric {closed['numeric_p']:.15g})"
    z = "" if moments["z"] is None else f", z = {moments['z']:+.2f}"
    note = f" ({moments['note']})" if moments["note"] else ""
    compared = (
        f": {number(moments['measured'])}, exact {number(moments['exact'])}{z}" if moments["exact"] is not None else ""
    )
    facts["last consensus distance"] = f"{colored(moments['verdict'])}{note}{compared}"
    return facts
