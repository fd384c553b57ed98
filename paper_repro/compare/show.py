"""What `onemerge compare` prints, a column a topology, and `onemerge scale`, a row a topology."""

import math

from rich.markup import escape
from rich.table import Table

from paper_repro.show import console, folded, number

NAMES, COLUMN = 30, 16  # characters of the names of the rows, and of a topology


def print_comparison(record):
    """Tables of as many topologies as the width holds: costs and rates, steps to ε under bounds, simulated steps."""
    rows, problem = record["rows"], record["problem"]
    names = {
        kind: list(dict.fromkeys(n for row in rows for n, found in row["bounds"].items() if found["kind"] == kind))
        for kind in ("upper", "order")
    }
    together = max(1, (console().width - NAMES) // COLUMN)
    for first in range(0, len(rows), together):
        console().print(folded(_table(rows[first : first + together], names, problem)))
    constants = ", ".join(f"{name} = {problem[name]:g}" for name in ("L", "mu", "sigma", "zeta", "spread", "dim"))
    console().print(
        f"Quadratics: {constants}; {problem['runs']} runs (seeds 0, 1, ...) at each of {len(record['learning_rates'])} "
        f"learning rates. A dash: not applicable, --json says why. ({record['seconds']:.1f} s)"
    )
    if any(found["order"] == "combine_then_adapt" for row in rows for found in row["bounds"].values()):
        console().print("†: about combine-then-adapt; what is simulated is adapt-then-combine.")
    needs = dict.fromkeys(tag for row in rows for found in row["bounds"].values() for tag in found["needs"])
    if needs:
        console().print(f"*: needs what fails here: {', '.join(needs)} (parallel: of parallel SGD, a baseline).")


def _table(rows, names, problem):
    table = Table("", *(escape(row["label"]) for row in rows))
    table.columns[0].no_wrap = True
    shown = {
        "degree": lambda row: str(row["degree"]),
        "messages a round": lambda row: ("" if row["messages_counted"] == "exact" else "≈ ") + number(row["messages"]),
        "doubly stochastic": lambda row: "yes" if row["doubly_stochastic"] else f"[red]no, {row['not_because']}[/]",
        "slem": lambda row: number(row["slem"]),
        "consensus rate p": lambda row: number(row["p"]),
        "p of a period": lambda row: number(row["p_of_period"]) + f" ({row['period']})" * (row["period"] > 1),
        f"eff. neighbors, γ = {problem['decay']:g}": lambda row: number(row["effective_neighbors"]),
        "rounds to halve Ξ²": lambda row: number(row["rounds_to_halve"]),
    }
    for name, text in shown.items():
        table.add_row(name, *map(text, rows))
    for kind, head in (("upper", f"steps to ε = {problem['epsilon']:g}, at most"), ("order", "steps, up to constants")):
        table.add_section()
        table.add_row(f"[bold]{head}[/]")
        for name in names[kind]:
            found = [row["bounds"].get(name) for row in rows]
            other = any(one and one["order"] == "combine_then_adapt" for one in found)
            table.add_row(name + " †" * other, *map(_steps, found))
    table.add_section()
    table.add_row("[bold]simulated steps[/]", *(_simulated(row["simulated"]) for row in rows))
    table.add_row("at the learning rate", *(number(row["simulated"] and row["simulated"]["lr"]) for row in rows))
    table.add_row("z against exact moments", *(_z(row["simulated"]) for row in rows))
    return table


def _steps(found):
    if found is None:
        return "–"
    return ("never" if math.isinf(found["steps"]) else number(found["steps"])) + "*" * bool(found["needs"])


def _simulated(found):
    if found is None:
        return "–"
    return f"more than {found['tried']}" if found["steps"] is None else str(found["steps"])


def _z(found):
    return "–" if found is None or found["z"] is None else f"{found['z']:+.1f}"


def print_scaling(record):
    """A row a topology: sizes, gaps at both ends, the fitted slope and the known law."""
    table = Table("topology", "sizes", "agents", "gap", "fitted slope", "known law", "source")
    for row in record["rows"]:
        ends = lambda values: " … ".join(number(values[k]) for k in (0, -1)) if values else "–"  # noqa: E731
        slope = "–" if row["slope"] is None else f"{row['slope']:.4f} ± {row['slope_error']:.1g} in {row['against']}"
        known = row["known"] or {"law": "–", "source": "–"}
        sizes = " … ".join(f"{row['agents'][k]:,}" for k in (0, -1)) if row["agents"] else "–"
        table.add_row(row["label"], str(len(row["agents"])), sizes, ends(row["gap"]), slope, known["law"],
                      escape(known["source"]))  # fmt: skip
    console().print(folded(table))
    console().print(f"Slopes by least squares over the larger half of the sizes. ({record['seconds']:.1f} s)")
