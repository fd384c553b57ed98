"""The parts of a report that need no folder: settings, findings, drawings, names and numbers."""

import numpy as np
import pytest

from paper_repro.items import ITEMS
from paper_repro.report import heading
from paper_repro.report.findings import FINDINGS, grouped
from paper_repro.report.page import number, plot, size, spread


def verdict(**changes):
    return {
        "claim": "F1", "statement": "it lifts", "relation": ">", "threshold": 0.1, "mean": 0.25, "min": 0.2, "max": 0.3,
        "lower": 0.15, "upper": 0.35, "per_seed": {"0": 0.2, "1": 0.25, "2": 0.3}, "verdict": "confirmed", "note": "",
    } | changes  # fmt: skip


def test_claims_are_grouped_by_finding_over_items():
    items = [
        {"item": "a", "heading": "A", "ran": True, "claims": [verdict(claim="F1"), verdict(claim="T1 regime")]},
        {"item": "table1", "heading": "Table 1", "ran": True, "claims": [verdict(claim="Table 1 alike")]},
        {"item": "b", "heading": "B", "ran": True, "claims": [verdict(claim="F1", verdict="refuted")]},
        {"item": "c", "heading": "C", "ran": False, "claims": [{"claim": "F1"}, {"claim": "F1"}, {"claim": "Other"}]},
    ]
    groups = {group["finding"]: group for group in grouped(items)}
    assert list(groups) == [*FINDINGS, "Other"]
    assert [claim["item"] for claim in groups["F1"]["claims"]] == ["a", "b"]
    assert groups["F1"]["verdicts"] == {"confirmed": 1, "refuted": 1}
    assert groups["F1"]["not_run"] == [{"item": "c", "heading": "C"}]
    assert [claim["claim"] for claim in groups["T1"]["claims"]] == ["T1 regime"]
    assert [claim["claim"] for claim in groups["Table 1"]["claims"]] == ["Table 1 alike"]
    assert groups["Other"]["statement"] == ""
    assert groups["F5"]["claims"] == groups["F5"]["not_run"] == []


def test_every_finding_that_an_item_judges_has_a_statement():
    items = [
        {"item": name, "heading": name, "ran": False, "claims": [{"claim": claim.name} for claim in item.claims]}
        for name, item in ITEMS.items()
    ]
    assert [group["finding"] for group in grouped(items)] == list(FINDINGS)


def test_drawings_keep_the_order_of_their_numbers():
    at = plot(verdict())
    assert at["threshold"] == 6 < at["interval"][0] < at["seeds"][0] < at["mean"] == at["seeds"][1]
    assert at["mean"] < at["seeds"][2] < at["interval"][1] == 94
    assert at["holds"] == (6, 94)
    below = plot(verdict(relation="<", threshold=1.0))
    assert below["holds"] == (0, 94) == (0, below["threshold"])
    scale = (at["mean"] - at["threshold"]) / (0.25 - 0.1)
    assert np.isclose((at["interval"][1] - at["interval"][0]) / scale, 0.35 - 0.15, atol=1e-3)


def test_drawings_of_one_seed_and_of_none():
    one = plot(verdict(mean=0.2, lower=None, upper=None, min=0.2, max=0.2, per_seed={"0": 0.2}))
    assert one["interval"] is None
    assert one["seeds"] == [one["mean"]] == [94]
    assert plot(verdict(mean=None, lower=None, upper=None, per_seed={"0": None})) is None
    same = plot(verdict(threshold=0.0, mean=0.0, lower=0.0, upper=0.0, per_seed={"0": 0.0, "1": 0.0}))
    assert {same["threshold"], same["mean"], *same["interval"], *same["seeds"]} == {50.0}


@pytest.mark.parametrize(
    ("name", "shown"),
    [("fig2a", "Figure 2a"), ("table1", "Table 1"), ("c3a", "Figure C.3a"), ("figc6", "Figure C.6"), ("t1", "T1")],
)
def test_items_have_the_names_of_the_paper(name, shown):
    assert heading(name) == shown


def test_numbers_as_the_page_has_them():
    assert [number(x) for x in (None, -0.00123456, 12.0, "inf")] == ["–", "−0.001235", "12", "inf"]
    assert [size(x) for x in (0, 999, 35_880, 22_245_600, 5e12, 2e15)] == [
        "0 B", "999 B", "35.9 kB", "22.2 MB", "5 TB", "2,000 TB",
    ]  # fmt: skip
    assert spread({"mean": 2.0, "min": 1.0, "max": 3.0}) == "2 (1 to 3)"
    assert spread({"mean": 2.0, "min": 2.0, "max": 2.0}) == "2"
    assert spread(None) == "–"
