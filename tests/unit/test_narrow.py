"""Tables in a narrow terminal: numbers are never cut, and what is left out is said."""

import io

import pytest
from rich.console import Console

from paper_repro import show
from paper_repro.check import check_topology
from paper_repro.compare import compare_topologies
from paper_repro.compare import show as compare_show


@pytest.fixture(params=[80, 110, 160])
def terminal(request, monkeypatch):
    found = Console(width=request.param, file=io.StringIO())
    for module in (show, compare_show):
        monkeypatch.setattr(module, "console", lambda: found)
    return found


def lines(terminal):
    return terminal.file.getvalue().splitlines()


def test_a_check_shows_every_value_and_verdict_in_full(terminal):
    record = check_topology("ring", agents=8, runs=2, steps=5)
    show.print_check(record)
    shown = {line.split()[0]: line for line in lines(terminal) if line.split()}
    assert len(record["bounds"]) > 30
    for row in record["bounds"]:
        line = next(line for line in lines(terminal) if line.startswith(f" {row['bound']} "))
        assert row["verdict"] in line
        assert f" {show.number(row['value'])} " in line
        assert f" {show.number(row['measured'])} " in line
    assert ("s.e.," in shown) == (terminal.width < show.WIDE)
    assert ("ratio" in shown["bound"]) == (terminal.width >= show.WIDE)


def test_a_comparison_shows_every_number_in_full(terminal):
    record = compare_topologies(("ring", "exponential", "star", "k-peer-exponential-3"), 8, runs=2, most=20)
    compare_show.print_comparison(record)
    text = terminal.file.getvalue()
    assert "…" not in text
    steps = [found["steps"] for row in record["rows"] for found in row["bounds"].values()]
    assert len(steps) > 20
    assert all(show.number(count) in text for count in steps)
    assert max(map(len, lines(terminal))) <= terminal.width
