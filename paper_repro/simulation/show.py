"""What `onemerge simulate` prints for people."""

import re

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from paper_repro.show import console, folded, number
from paper_repro.simulation.meanings import as_text, choices
from sim.memory import amount
from sim.spec import PROBLEMS, Spec

QUALITY = ("average_global_accuracy", "merged_accuracy", "average_global_loss", "merged_loss")  # what a run is for
TRAFFIC = ("messages", "bytes")
SAID = ("agents", "rounds", "local_steps")  # in the first line


def shown(name, value):
    """A value of a metric as people read it; −0 is 0."""
    if value is None:
        return "–"
    if name == "bytes":
        return amount(value)
    if name == "messages":
        return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
    return f"{value:.3f}" if name.endswith("accuracy") else number(value + 0.0)


def print_simulation(record):
    """The tables of a record: of one run every metric; of several one line a run, and then every metric."""
    out, rows, seeds = console(), record["rows"], record["seeds"]
    for line in heading(rows, seeds):
        out.print(escape(line), highlight=False)
    if len(rows) == 1:
        out.print(_metrics(rows[0], seeds))
    else:
        out.print(_comparison(rows, seeds))
        for table in _side_by_side(rows, out.width):
            out.print(table)
    for row in rows:
        for seed, step in row["diverged"].items():
            said = f"[red]{escape(row['label'])}: seed {seed} diverged at step {step}[/] and is in no mean."
            out.print(said, highlight=False, soft_wrap=True)
        out.print(f"{escape(row['label'])}: {_provenance(row)}", highlight=False, soft_wrap=True)
    out.print(f"Tables and fields by key are in {escape(record['out'])}/runs/.", highlight=False, soft_wrap=True)


def heading(rows, seeds):
    """What ran, and the fields that all runs have other than by default."""
    fields = rows[0]["fields"]
    same = {name: value for name, value in fields.items() if all(row["fields"].get(name) == value for row in rows)}
    alike = lambda name: " or ".join(map(str, dict.fromkeys(row["fields"][name] for row in rows)))  # noqa: E731
    of = f"{rows[0]['label']} on " if len(rows) == 1 else ""
    sizes = f"{alike('agents')} agents, {alike('rounds')} rounds of {alike('local_steps')} local steps"
    yield f"{of}{fields['problem']}: {sizes}, {'seed 0' if len(seeds) == 1 else f'seeds 0 to {seeds[-1]}'}"
    default = Spec(PROBLEMS[fields["problem"]]()).flat()
    changed = [
        f"{name}={as_text(value)}"
        for name, value in same.items()
        if name not in SAID and value != default.get(name, value)
    ]
    if changed:
        yield f"with {', '.join(changed)}"


def _table(title=None, caption=None):
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption=caption,
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )


def _metrics(row, seeds):
    table = _table()
    table.add_column(f"after round {row['fields']['rounds']}", overflow="fold")
    parts = ("mean", "min", "max") if len(seeds) > 1 else ("mean",)
    for part in parts:
        table.add_column(part if len(seeds) > 1 else "value", justify="right", no_wrap=True)
    names = ordered(row["metrics"])
    first = [name for name in names if name in QUALITY + TRAFFIC]
    for name in names:
        found = row["metrics"][name]
        cells = (shown(name, found[part]) for part in parts)
        table.add_row(name, *cells, end_section=name in first[-1:])
    return table


def ordered(names):
    """What a run is for, what it cost, and then all else as it was measured."""
    first = [name for name in QUALITY + TRAFFIC if name in names]
    return first + [name for name in names if name not in first]


def _comparison(rows, seeds):
    """One line a run: mean and, below, min to max over the seeds; bytes and, below, their share of the first run's."""
    names = {name for row in rows for name in row["metrics"]}
    quality = [name for name in QUALITY if name in names]
    quality = [name for name in quality if name.endswith("accuracy")] or quality
    base = _of(rows[0], "bytes")
    notes = ["mean over seeds, min–max below"] * (len(seeds) > 1) + [f"×: bytes, {rows[0]['label']} = 1"] * bool(base)
    table = _table(caption=escape("; ".join(notes)))
    table.add_column("method", overflow="fold")
    some_diverged = any(row["diverged"] for row in rows)
    for name in (*quality, "consensus_distance", *TRAFFIC, *(("seeds",) if some_diverged else ())):
        table.add_column(_in_lines(name), justify="right", no_wrap=True)
    for row in rows:
        cells = [shown(name, _of(row, name)) for name in (*quality, "consensus_distance", *TRAFFIC)]
        for at, name in enumerate(quality):
            if len(seeds) > 1 and _of(row, name) is not None:
                low, high = (shown(name, _of(row, name, part)) for part in ("min", "max"))
                cells[at] += f"\n[dim]{low}–{high}[/]"
        if row is not rows[0] and base and _of(row, "bytes") is not None:
            cells[-1] += f"\n[dim]×{_of(row, 'bytes') / base:.3g}[/]"
        if some_diverged:
            left = f"{len(seeds) - len(row['diverged'])} of {len(seeds)}"
            cells.append(f"[red]{left}[/]" if row["diverged"] else left)
        table.add_row(escape(re.sub(r"([:,])", r"\1\n", row["label"])), *cells)
    return table


def _side_by_side(rows, width):
    """The means of every metric, one column a run, in as many tables as it takes for `width` characters."""
    names = ordered(list(dict.fromkeys(name for row in rows for name in row["metrics"])))
    while rows:
        count = next(
            (
                k
                for k in range(len(rows), 1, -1)
                if Console(width=10**6).measure(_means(names, rows[:k])).maximum <= width
            ),
            1,
        )
        yield _means(names, rows[:count])
        rows = rows[count:]


def _means(names, rows):
    table = _table("All metrics: means over seeds")
    table.add_column("after the last round", overflow="fold")
    for row in rows:
        table.add_column(escape(_in_lines(row["label"])), justify="right", no_wrap=True)
    for name in names:
        table.add_row(name, *(shown(name, _of(row, name)) for row in rows))
    return table


def _of(row, name, part="mean"):
    """A statistic of a metric of a run, None where it has none."""
    return row["metrics"].get(name, {}).get(part)


def _in_lines(name):
    """A long name in several lines."""
    return re.sub(r"([_:,])(?=.)", r"\1\n", name)


def _provenance(row):
    """Key, device and time of a run, and how much of it was there before."""
    seconds, reused = f"{row['seconds']:.1f} s", row["reused"]
    starts = {fact["from_round"] for fact in row["results"].values()} - {0}
    later = f" from round {min(starts)}" if starts else ""
    kept = f", reused for {'all' if len(reused) == len(row['results']) else len(reused)} seeds" if reused else ""
    return f"{row['key']}, {seconds}{later} on {', '.join(row['device'])}{kept}"


def print_fields(problem):
    """All that can be chosen: problems, methods, fields and probes."""
    out, valid = console(), choices(problem)
    out.print(
        f"Problems: {', '.join(valid['problems'])} (onemerge simulate PROBLEM --list has the fields of each).\n",
        highlight=False,
    )
    table = _table("Methods")
    table.add_column("method", no_wrap=True)
    table.add_column("sets")
    for name, fixed in valid["methods"].items():
        table.add_row(name, ", ".join(f"{field}={as_text(value)}" for field, value in fixed.items()))
    out.print(table)
    for owner, title in ((problem, f"Fields of {problem}"), ("run", "Fields of every run")):
        table = _table(title)
        table.add_column("field", no_wrap=True)
        table.add_column("default", no_wrap=True)
        table.add_column("meaning")
        for record in valid["fields"]:
            if record["of"] == owner:
                table.add_row(record["field"], record["default"] or "(none)", escape(_meaning(record)))
        out.print(table)
    table = _table("Probes")
    table.add_column("probe", no_wrap=True)
    table.add_column("metrics, explained in docs/simulate.md")
    for name, metrics in valid["probes"].items():
        table.add_row(name, ", ".join(metrics))
    out.print(folded(table))


def _meaning(record):
    only = "; ".join(f"only of {what} {', '.join(values)}" for what, values in record["only"].items())
    valid = f"one of {', '.join(record['valid'])}" if record["valid"] else ""
    return "; ".join(part for part in (record["meaning"], valid, only) if part)
