"""The table of all bounds: fresh, complete, and readable where Markdown renders it."""

import re
from pathlib import Path

import pytest
from matplotlib.mathtext import MathTextParser

from theory.assumptions import ASSUMPTIONS
from theory.bounds import BOUNDS
from theory.catalog import COLUMNS, READ, catalog_markdown, cell, status, text
from theory.notation import NOTATION

PAGE = Path(__file__).parents[2] / "docs" / "bounds.md"
TEXT = catalog_markdown()


def cells(line):
    """Cells of a row of a Markdown table; a bar after a backslash is text."""
    return [part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]]


ROWS = [cells(line) for line in TEXT.splitlines() if line.startswith("| `")]
FORMULA = re.compile(r"\$`(.*?)`\$")


def test_the_page_is_fresh():
    assert PAGE.read_text(encoding="utf-8") == TEXT, "run: python -m theory.catalog > docs/bounds.md"


def test_every_record_has_one_row_of_its_own():
    named = [r for r in ROWS if len(r) == len(COLUMNS)]
    assert [re.match(r"`(\w+)`", r[0]).group(1) for r in named] == list(BOUNDS)
    assert {len(r) for r in ROWS} == {len(COLUMNS), 5, 2}  # records, symbols, assumptions


def test_formulas_are_whole_and_without_bars():
    named = [r for r in ROWS if len(r) == len(COLUMNS)]
    for bound, shown in zip(BOUNDS.values(), named, strict=True):
        for formula in FORMULA.findall("".join(shown)):
            assert "|" not in formula
            assert "`" not in formula
            assert "operatorname" not in formula
            assert formula.count("{") == formula.count("}"), bound.name
            assert formula.count(r"\left") == formula.count(r"\right"), bound.name
        assert shown[1].count("$`") == 1
        assert shown[2].count("$`") == len(bound.where)


def test_formulas_can_be_drawn():
    """One formula for each command that occurs in any."""
    parser, seen = MathTextParser("agg"), set()
    for formula in sorted(FORMULA.findall(TEXT), key=len):
        commands = set(re.findall(r"\\[A-Za-z]+", formula))
        if commands - seen:
            parser.parse(f"${formula}$")
            seen |= commands
    assert len(seen) > 40


def test_a_sum_of_squares_is_no_square():
    assert BOUNDS["liu_weighted_round"].latex().endswith(r"\leq \lambda^{2} " + NOTATION["weighted_spread_sq"].latex)
    assert "h_{k}^{2}" not in BOUNDS["versini_bias"].latex()


def test_bars_become_commands():
    assert cell(r"\|x\|^2 \le \left|y\right| + |z|") == (
        r"$`\Vert x\Vert ^2 \le \left\vert y\right\vert  + \vert z\vert `$"
    )


def test_operators_become_commands():
    assert cell(r"\operatorname{log}_{2}{\left(m \right)}") == r"$`\log_{2}{\left(m \right)}`$"


def test_words_stay_words():
    assert text("k<n: |theta*|^2, lr*L") == r"k&lt;n: \|theta\*\|^2, lr\*L"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("koloskova_nonconvex_growth", "unconfirmed"),
        ("boyd_averaging_least", "derived here"),
        ("lian_nonconvex", "derived here"),
        ("vogels_theorem_6", "confirmed"),
        ("pga_transient", "confirmed"),
        ("kong_critical", "derived here"),
        ("master_consensus", "derived here"),
        ("exponential_gap", "derived here"),
    ],
)
def test_the_status_of_a_record(name, expected):
    assert status(BOUNDS[name]) == expected


def test_a_record_that_cites_what_was_not_read_says_what_settles_it():
    citation = re.compile(r"[A-Z]\S+ (Vos )?(et al\. |& \S+ |and \S+ )?(19|20)\d\d\b")
    cited = [bound for bound in BOUNDS.values() if citation.match(bound.source)]
    assert len(cited) > 100
    for bound in cited:
        settled = "derived here" in bound.source or bound.source.startswith(tuple(READ))
        assert settled or "unconfirmed" in bound.assumptions, bound.name
    for source in READ:
        assert any(bound.source.startswith(source) for bound in BOUNDS.values()), source


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
