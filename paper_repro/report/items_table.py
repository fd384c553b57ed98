"""The items in a folder as one table in Markdown, for a README or a note: settings in short, verdicts, seconds."""

from paper_repro.report.findings import counted, finding_of
from paper_repro.report.sidecars import kept_item

COLUMNS = ("item", "paper", "here", "claims here", "s")
NAMES = {"linearnetwork": "linear networks", "quadratic": "quadratics", "smooth": "smooth functions"}


def items_table(names, folder):
    """Lines of the table, one row an item of `names` that lies in `folder`; `s` is the sum over its runs, table and
    drawing, of seconds of one process."""
    rows = [row(kept.record) for kept in (kept_item(name, folder) for name in names) if kept is not None]
    lines = [COLUMNS, ["---"] * (len(COLUMNS) - 1) + ["---:"], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def row(record):
    """The cells of one record (docs/json.md)."""
    claims = "; ".join(_group(*group) for group in _groups(record)) or "–"
    seconds = sum(record["seconds"].values())
    return f"`{record['item']}`", _cell(record["paper"]), _cell(short(record["runs"])), _cell(claims), f"{seconds:.0f}"


def short(runs):
    """What ran, from the fields of the runs: what differs among them stands with a slash between."""
    if not runs:
        return "–"
    fields = [run["fields"] for run in runs.values()]

    def alike(name):
        found = dict.fromkeys(f"{one[name]:g}" if isinstance(one[name], float) else str(one[name])
                              for one in fields if one.get(name) is not None)  # fmt: skip
        return "/".join(found)

    tasks = dict.fromkeys(_task(one) for one in fields)
    return (
        f"{' and '.join(tasks)}, {alike('agents')} agents, {alike('rounds')} × {alike('local_steps')} steps, "
        f"{alike('optimizer')}"
    )


def _task(fields):
    if fields["problem"] != "classification":
        return NAMES.get(fields["problem"], fields["problem"])
    start = " pretrained on other fonts" if fields["init"] == "pretrained" else ""
    return f"{fields['data']} with {fields['model']} {fields['width']}{start}"


def _groups(record):
    """(finding, its claims) in the order of the record."""
    groups = {}
    for claim in record["claims"]:
        groups.setdefault(finding_of(record["item"], claim["claim"]), []).append(claim)
    return groups.items()


def _group(finding, claims):
    """One finding: a single claim with its number and range over seeds, else how many have which verdict."""
    if len(claims) == 1:
        (one,) = claims
        mean, low, high = ("–" if one[part] is None else f"{one[part]:.3g}" for part in ("mean", "min", "max"))
        measured = f"{mean} ({low} to {high})".replace("-", "−")
        return f"{finding} {one['verdict']}: {measured}"
    return f"{finding} {', '.join(f'{count} {verdict}' for verdict, count in counted(claims).items())}"


def _cell(text):
    return text.replace("|", "\\|")
