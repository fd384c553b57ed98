"""The table of all bounds: fresh, complete, and readable where Markdown renders it."""

import re
from pathlib import Path

import pytest

from theory.assumptions import ASSUMPTIONS
from theory.bounds import BOUNDS
from theory.catalog import COLUMNS, catalog_markdown, cell, confirmed, row, text
from theory.notation import NOTATION

PAGE = Path(__file__).parents[2] / "docs" / "bounds.md"
TEXT = catalog_markdown()


def cells(line):
    """Cells of a row of a Markdown table; a bar after a backslash is text."""
    return [part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_the_page_is_fresh():
    assert PAGE.read_text(encoding="utf-8") == TEXT, "run: python -m theory.catalog > docs/bounds.md"


def test_every_record_has_one_row_of_its_own():
    rows = [cells(line) for line in TEXT.splitlines() if line.startswith("| `")]
    named = [r for r in rows if len(r) == len(COLUMNS)]
    assert [re.match(r"`(\w+)`", r[0]).group(1) for r in named] == list(BOUNDS)
    assert {len(r) for r in rows} == {len(COLUMNS), 5, 2}  # records, symbols, assumptions


def test_formulas_are_whole_and_without_bars():
    for bound in BOUNDS.values():
        for formula in re.findall(r"\$`(.*?)`\$", "".join(row(bound))):
            assert "|" not in formula
            assert "`" not in formula
            assert "operatorname" not in formula
            assert formula.count("{") == formula.count("}"), bound.name
            assert formula.count(r"\left") == formula.count(r"\right"), bound.name
        assert row(bound)[1].count("$`") == 1
        assert row(bound)[2].count("$`") == len(bound.where)


def test_bars_become_commands():
    assert cell(r"\|x\|^2 \le \left|y\right| + |z|") == (
        r"$`\Vert x\Vert ^2 \le \left\vert y\right\vert  + \vert z\vert `$"
    )


def test_operators_become_commands():
    assert cell(r"\operatorname{log}_{2}{\left(m \right)}") == r"$`\log_{2}{\left(m \right)}`$"


def test_words_stay_words():
    assert text("k<n: |theta*|^2, lr*L") == r"k&lt;n: \|theta\*\|^2, lr\*L"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("koloskova_nonconvex", "no"),
        ("boyd_averaging_least", "no"),
        ("lian_nonconvex", "derived anew"),
        ("vogels_theorem_6", "yes"),
    ],
)
def test_the_status_of_a_record(name, status):
    assert confirmed(BOUNDS[name]) == status
    assert "unconfirmed" in BOUNDS[name].assumptions or status != "no"


def test_an_unconfirmed_record_says_so_in_its_source():
    for bound in BOUNDS.values():
        if "unconfirmed" in bound.assumptions:
            assert re.search("recalled|not seen|restate", bound.source), bound.name


def test_all_that_records_use_is_explained():
    for bound in BOUNDS.values():
        for name in (*bound.symbols, bound.about):
            assert f"| `{name}` | {cell(NOTATION[name].latex)} |" in TEXT
        for tag in bound.assumptions:
            assert f"| `{tag}` | " in TEXT
    assert "`unconfirmed`" in TEXT
    assert set(re.findall(r"^\| `(\w+)` \| [^$]", TEXT, flags=re.M)) <= set(ASSUMPTIONS)
