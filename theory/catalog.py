"""The table of all bounds as Markdown, made from the records: `python -m theory.catalog > docs/bounds.md`.

One section a source, in the order of `theory.bounds`; then every symbol and every assumption that a record uses. Cells
of a table may not hold a vertical bar: in formulas, norms are written with commands, and text has it after a backslash.
Formulas stand in the form $`...`$, inside which Markdown touches nothing.
"""

from fractions import Fraction

from theory.assumptions import ASSUMPTIONS
from theory.bound import Bound
from theory.bounds import BOUNDS, MODULES
from theory.notation import DOMAINS, NOTATION

COLUMNS = ("Bound", "Formula", "Region", "Assumptions", "Algorithm", "Source", "Status")
READ = {  # what was read of a source, by how the source of a record begins
    "Zhu et al. 2025": "the paper", "Le Bars et al. 2023": "the paper", "Wang & Joshi 2021": "the paper",
    "Dekel et al. 2012": "the paper", "Lu & De Sa 2023": "the paper", "Yuan et al. 2023": "the paper",
    "Vogels et al. 2023": "the paper", "Zhu et al. 2022": "repository and slides",
    "Wang & Johansson 2026": "abstract and code", "Chen et al. 2021": "abstract", "De Vos et al. 2023": "abstract",
}  # fmt: skip
ORDERS = {"adapt_then_combine": "adapt, combine", "combine_then_adapt": "combine, adapt", "either": "any"}
COMMANDS = {  # in place of bars, which end a cell, and of a command that not every renderer allows
    r"\left|": r"\left\vert ", r"\right|": r"\right\vert ", r"\|": r"\Vert ", "|": r"\vert ",
    r"\operatorname{log}": r"\log", r"\operatorname": r"\mathrm",
}  # fmt: skip
INTRODUCTION = """\
# All bounds

Made by `python -m theory.catalog > docs/bounds.md` from the records in `theory/bounds`; a test keeps it fresh. {count}
records from {sources} modules. In Python, `theory.bounds.BOUNDS["{first}"]` evaluates on arrays, refuses points outside
its region, and is solved for its symbols.

- **Formula**: equality, upper bound, lower bound, or order of the quantity on the left, in expectation where it is
  random. An order hides constants. The region comes beside the domains of the symbols, listed below.
- **Algorithm**: whether agents adapt and then combine, or the other way round, where the bound depends on it.
- **Status**: "derived here" where a proof of this project settles what the record says, whether its source was seen or
  not; "confirmed" where the source was read and says so, right or wrong: the records of `zhu2025` stand as printed,
  faults included; "unconfirmed" where neither holds: such a bound decides nothing. Read were {read}.
"""


def cell(formula):
    """A LaTeX formula for a cell of a table: no vertical bar, untouched by Markdown."""
    for written, command in COMMANDS.items():
        formula = formula.replace(written, command)
    return f"$`{formula}`$"


def text(words):
    """Words for a cell of a table: no bar, emphasis or tag is read into them."""
    return words.replace("<", "&lt;").replace("|", r"\|").replace("*", r"\*")


def table(columns, rows):
    """A Markdown table, a list of lines."""
    lines = [columns, ["---"] * len(columns), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def status(bound):
    """What settles a record: "confirmed", "derived here" or, if nothing does, "unconfirmed"."""
    if "unconfirmed" in bound.assumptions:
        return "unconfirmed"
    read = bound.source.startswith(tuple(READ)) and "derived here" not in bound.source
    return "confirmed" if read else "derived here"


def row(bound):
    """The cells of one record, in the order of COLUMNS."""
    return (
        f"`{bound.name}`<br>{text(bound.statement)}",
        f"{bound.kind}, `{bound.about}`<br>{cell(bound.latex())}",
        "<br>".join(cell(relation) for relation in bound.region_latex()),
        ", ".join(f"`{tag}`" for tag in bound.assumptions),
        ORDERS[bound.order],
        text(bound.source),
        status(bound),
    )


def unit(symbol):
    """The unit of a symbol in words, "1" where it has none."""
    powers = {"loss": symbol.loss, "θ": symbol.theta}
    return " ".join(f"{name}{'' if n == 1 else f'^{Fraction(n)}'}" for name, n in powers.items() if n) or "1"


def catalog_markdown():
    """The whole table, sections by source, symbols and assumptions, as one Markdown text."""
    read = ", ".join(f"{source} ({what})" for source, what in READ.items())
    lines = [INTRODUCTION.format(count=len(BOUNDS), sources=len(MODULES), first=next(iter(BOUNDS)), read=read)]
    for module in MODULES:
        records = [value for value in vars(module).values() if isinstance(value, Bound)]
        lines += [f"## {module.__name__.rpartition('.')[2]}", "", module.__doc__.splitlines()[0], ""]
        lines += [*table(COLUMNS, [row(bound) for bound in records]), ""]
    used = {name for bound in BOUNDS.values() for name in (*bound.symbols, bound.about)}
    symbols = [NOTATION[name] for name in NOTATION if name in used]
    lines += ["## Symbols", ""]
    lines += table(("Name", "Symbol", "Unit", "Values", "Meaning"), [
        (f"`{s.name}`", cell(s.latex), unit(s), DOMAINS[s.domain][0], text(s.meaning)) for s in symbols
    ])  # fmt: skip
    tags = {tag for bound in BOUNDS.values() for tag in bound.assumptions}
    lines += ["", "## Assumptions", ""]
    lines += table(("Tag", "Meaning"), [
        (f"`{tag}`", text(meaning)) for tag, meaning in ASSUMPTIONS.items() if tag in tags
    ])  # fmt: skip
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(catalog_markdown(), end="")
