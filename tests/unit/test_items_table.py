"""The table of items in Markdown says what the records say."""

import json

import pytest

from paper_repro.report import table_of
from paper_repro.report.items_table import COLUMNS, row, short
from paper_repro.reproduce import reproduce
from theory.errors import OnemergeError


def claim(name, verdict, mean=0.25):
    return {"claim": name, "verdict": verdict, "mean": mean, "min": 0.2, "max": 0.3}


def test_one_claim_has_its_number_and_several_are_counted():
    record = {
        "item": "c1",
        "paper": "ResNet-18 | CIFAR",
        "runs": {},
        "claims": [
            claim("F1", "confirmed"),
            claim("F2", "refuted"),
            claim("F2", "confirmed"),
            claim("F2", "confirmed"),
        ],
        "seconds": {"runs": 40.2, "table, drawing and claims": 1.4},
    }
    assert row(record) == (
        "`c1`",
        "ResNet-18 \\| CIFAR",
        "–",
        "F1 confirmed: 0.25 (0.2 to 0.3); F2 2 confirmed, 1 refuted",
        "42",
    )
    assert row(record | {"claims": []})[3] == "–"


def test_the_setting_in_short_names_what_differs():
    fields = {
        "problem": "classification", "data": "digits", "model": "mlp", "width": 64, "init": "same", "agents": 16,
        "rounds": 100, "local_steps": 10, "optimizer": "sgd",
    }  # fmt: skip
    assert short({"a": {"fields": fields}}) == "digits with mlp 64, 16 agents, 100 × 10 steps, sgd"
    others = {"a": {"fields": fields}, "b": {"fields": fields | {"agents": 32, "init": "pretrained"}}}
    assert short(others) == (
        "digits with mlp 64 and digits with mlp 64 pretrained on other fonts, 16/32 agents, 100 × 10 steps, sgd"
    )
    quadratic = {"problem": "quadratic", "agents": 4, "rounds": 3, "local_steps": 1, "optimizer": "sgd"}
    assert short({"a": {"fields": quadratic}}) == "quadratics, 4 agents, 3 × 1 steps, sgd"


def test_the_table_has_a_row_for_each_item_that_lies_there(tmp_path):
    small = {"rounds": "2", "local_steps": "1", "agents": "2", "width": "2"}
    (record,) = reproduce(["fig2c"], seeds=1, overrides=small, folder=tmp_path)
    lines = table_of(tmp_path).splitlines()
    assert lines[0] == f"| {' | '.join(COLUMNS)} |"
    assert len(lines) == 3
    assert lines[2].startswith(
        "| `fig2c` | ResNet-18 on CIFAR-100, AdamW, 16 agents | digits with mlp 2, 2 agents, 2 × 1"
    )
    assert "F1 not confirmed" in lines[2]
    (tmp_path / "fig2c.json").write_text(json.dumps(record | {"claims": 3}))
    with pytest.raises(OnemergeError, match="claims"):
        table_of(tmp_path)
    with pytest.raises(OnemergeError, match="There is no folder"):
        table_of(tmp_path / "none")
