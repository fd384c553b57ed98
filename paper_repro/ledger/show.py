"""What `onemerge verify` prints: the ledger as a table, and the argument of one claim step by step."""

from rich.markup import escape
from rich.table import Table

from paper_repro.show import console, folded, number

VERDICT_COLORS = {"proved": "green", "constant wrong": "yellow", "refuted": "red", "open": "cyan"}


def print_ledger(records, folder, lost):
    """One row a claim: verdict, what is right in its place, engines, the constants with their looseness."""
    table = Table(
        "claim", "what", "verdict", "what is right, or what refutes it", "engines", "constants", show_lines=True
    )
    for record in records:
        table.add_row(
            record["claim"],
            escape(record["title"]),
            _colored(record["verdict"]),
            escape(record["what"]) or "–",
            "\n".join(engines(record)),
            "\n".join(map(_constant, record["constants"])) or "–",
        )
    console().print(folded(table))
    seconds = sum(record["seconds"] for record in records)
    console().print(
        f"{len(records)} claims, {seconds:.0f} s of work. onemerge verify CLAIM --explain has the argument; "
        f"{folder}/ledger/ has the records."
    )
    for name in lost:
        console().print(f"[red]{name}: what the ledger records as proved is not proved now.[/]")


def engines(record):
    """["symbolic: proves printed", ...], each engine once for a variant and an outcome."""
    return list(dict.fromkeys(f"{one['engine']}: {one['outcome']} {one['variant']}" for one in record["evidence"]))


def _constant(found):
    return escape(f"{found['name']}: {number(found['printed'])}, best {number(found['best'])}")


def _colored(verdict):
    return f"[{VERDICT_COLORS.get(verdict, 'yellow')}]{verdict}[/]"


def print_explanation(record, latex):
    """Statement, variants, every piece of evidence with its steps, and the constants."""
    out = console()
    out.print(f"[bold]{escape(record['claim'])}[/]  {escape(record['title'])} ({record['kind']})", soft_wrap=True)
    verdict = _colored(record["verdict"]) + (f": {escape(record['what'])}" if record["what"] else "")
    out.print(f"Verdict: {verdict}", soft_wrap=True)
    out.print(f"It would be refuted by: {escape(record['refuted_by'])}\n", soft_wrap=True)
    for variant in record["variants"]:
        change = f" ({variant['change']}: {variant['what']})" if variant["change"] else ""
        out.print(f"[bold]{escape(variant['name'])}[/]{escape(change)}: {variant['outcome']}", soft_wrap=True)
        out.print("  " + escape(variant["latex"] if latex else variant["statement"]), soft_wrap=True)
        for one in record["evidence"]:
            if one["variant"] == variant["name"]:
                _print_evidence(out, one, latex)
        out.print()
    for found in record["constants"]:
        looseness = f"looseness {number(found['looseness'])}; {found['how']}"
        out.print(f"{_constant(found)}, {escape(looseness)}", soft_wrap=True)


def _print_evidence(out, one, latex):
    counted = "" if one["tries"] is None else f" [{one['effective']} of {one['tries']} tries count]"
    out.print(f"  {one['engine']}, {one['outcome']}: {escape(one['found'] + counted)}", soft_wrap=True)
    for k, step in enumerate(one["steps"], start=1):
        out.print(f"    {k}. {escape(step['latex'] if latex else step['claim'])}", soft_wrap=True)
        out.print(
            f"       [dim]{escape(step['why'])} – {step['verdict']} by {escape(step['engine'])}[/]", soft_wrap=True
        )
    if one["instance"]:
        out.print(f"    run it: python -c {escape(repr(one['instance']['python']))}", soft_wrap=True)


def print_looseness(rows):
    """One row a bound, with the range of bound / worst case at every learning rate."""
    lrs = sorted({row["lr"] for row in rows})
    table = Table("bound", "about", *(f"lr L = {lr:g}" for lr in lrs), "worst cases")
    for name in dict.fromkeys(row["bound"] for row in rows):
        own = [row for row in rows if row["bound"] == name]
        ranges = [_range([row["looseness"] for row in own if row["lr"] == lr]) for lr in lrs]
        exact = "exact" if all(row["exact"] for row in own) else "upper bounds of them"
        table.add_row(name, own[0]["about"], *ranges, exact)
    console().print(folded(table))
    steps = ", ".join(str(count) for count in sorted({row["steps"] for row in rows}))
    console().print(f"Bound / worst case after {steps} steps, smallest to largest over slem; no noise, common start.")


def _range(values):
    return f"{number(min(values))} to {number(max(values))}" if values else "–"
