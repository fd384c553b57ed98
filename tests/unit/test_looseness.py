"""Looseness of bounds, the evidence that worst cases give, and the figure by the data of its artists."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from figures.looseness import looseness as draw
from theory.bounds import BOUNDS
from theory.errors import OnemergeError
from theory.proof.evidence import Claim, Variant, verdict_of
from theory.proof.looseness import COMPARED, case_of, constant_of, evidence_of, looseness

pytest.importorskip("clarabel")


def scaled(name, factor):
    return replace(BOUNDS[name], formula=BOUNDS[name].formula * factor)


def test_the_sharp_bounds_are_sharp_and_the_printed_ones_are_not():
    grid = {"slems": (0.1, 0.3), "lrs": (0.1,), "steps": 8}
    rows = {name: [row["looseness"] for row in looseness([BOUNDS[name]], **grid)] for name in COMPARED}
    assert all(len(values) == 2 for values in rows.values())
    assert rows["corollary_d2_sharp"] == pytest.approx([1, 1], abs=1e-3)
    assert rows["master_consensus"] == pytest.approx([1, 1], abs=1e-3)
    q = np.array([0.1, 0.3])
    assert rows["corollary_d2"] == pytest.approx(24 / (1 + q) ** 2, rel=1e-3)  # the sharp level has (1 + sqrt q)²
    assert min(rows["onestep_consensus"]) > 4
    assert min(rows["master_nonconvex"]) > 1.5


def test_lemma_d1_loses_what_its_constants_say():
    """Where Young's inequality is an equality: (q (2 - p)/p + (1 - p/2) t²)/(12 q/p + (1 - p/2) t²), t = 2q/p."""
    q = 0.49
    p, t = 1 - q, 2 * q / (1 - q)
    row = looseness([BOUNDS["lemma_d1"]], slems=(0.7,), lrs=(0.1,))[0]
    assert row["steps"] == 1
    assert row["looseness"] == pytest.approx(
        (12 * q / p + (1 - p / 2) * t**2) / (q * (2 - p) / p + (1 - p / 2) * t**2), rel=1e-5
    )


@pytest.mark.parametrize("name", [*COMPARED, "lemma_d1_sharp", "master_convex", "master_strongly_convex"])
def test_true_bounds_are_supported(name):
    found = evidence_of(BOUNDS[name], "printed", steps=(1, 3))
    assert found.outcome == "supports"
    assert found.effective > 0
    assert found.numbers["worst"] <= 1 + 1e-6


FLIPS = [("corollary_d2_sharp", 0.9), ("lemma_d1_sharp", 0.99), ("master_consensus", 0.9), ("corollary_d2", 1 / 14),
         ("master_nonconvex", 0.3), ("master_convex", 0.15), ("master_consensus_cta", 0.9)]  # fmt: skip


@pytest.mark.parametrize(("name", "factor"), FLIPS)
def test_a_constant_that_is_too_small_is_refuted_by_losses_that_run(name, factor):
    found = evidence_of(scaled(name, factor), "printed")
    assert found.outcome == "refutes"
    again = found.instance()
    assert again.violates
    assert again.measured <= again.allowed / factor * (1 + 1e-6)
    names = {}
    exec(found.instance.python.replace("print(", "found = (", 1), names)
    assert names["found"] == again


def test_a_verdict_follows_from_the_evidence():
    def claim(factor):
        printed, other = Variant("printed", "as printed", "x"), Variant("sharp", "sharp", "x", "constant", "1")
        return Claim("D.2", "corollary", "consensus", (printed, other), lambda _: [], "a run"), [
            evidence_of(scaled("corollary_d2_sharp", factor), "printed")
        ]

    assert verdict_of(*claim(1)).verdict == "open"
    assert verdict_of(*claim(0.5)).verdict == "refuted"


def test_the_best_constant_of_corollary_d2_tends_to_four():
    """24 -> (1 + sqrt q)² (1 - q^(N/2))²."""
    found = constant_of(BOUNDS["corollary_d2"], "24", 24, slems=(0.7, 0.9), lrs=(0.01,), steps=12)
    best = max((1 + s) ** 2 * (1 - s**12) ** 2 for s in (0.7, 0.9))
    assert found.best == pytest.approx(best, rel=1e-5)
    assert found.looseness == pytest.approx(24 / best, rel=1e-5)


WRONG = [
    ("koloskova_nonconvex", 0.5, "of kind 'order'"),
    ("wang_joshi_dsgd", 0.5, "assumes homogeneous"),
    ("descent_r2", 0.5, "is about next_merged_loss"),
    ("corollary_d2", 1.0, r"must be in \(-1, 1\)"),
]


@pytest.mark.parametrize(("name", "eigenvalue", "sentence"), WRONG)
def test_what_worst_cases_do_not_know_is_refused(name, eigenvalue, sentence):
    with pytest.raises(OnemergeError, match=sentence):
        case_of(BOUNDS[name], eigenvalue, 0.1, 2)


def table():
    rows = [
        {"bound": name, "p": p, "lr": lr, "looseness": size / p, "steps": 3, "exact": size > 2}
        for name, size in (("corollary_d2", 6.0), ("master_consensus", 1.5))
        for lr in (0.1, 0.01)
        for p in (0.9, 0.1, 0.5)
        if (name, lr, p) != ("master_consensus", 0.1, 0.1)
    ]
    return pd.DataFrame(rows)


def test_the_figure_draws_the_table():
    figure = draw(table())
    assert [ax.get_title() for ax in figure.axes] == [r"$\eta L = 0.01$", r"$\eta L = 0.1$"]
    lines = {line.get_label(): line for line in figure.axes[1].lines}
    assert lines["corollary_d2"].get_xdata().tolist() == [0.1, 0.5, 0.9]
    assert lines["corollary_d2"].get_ydata() == pytest.approx([60, 12, 6 / 0.9])
    assert lines["master_consensus"].get_xdata().tolist() == [0.5, 0.9]  # silent outside its region
    assert figure.axes[0].lines[0].get_ydata() == [1, 1]
    assert all(ax.get_xscale() == ax.get_yscale() == "log" for ax in figure.axes)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["corollary_d2", "master_consensus (at least)", "exact worst case after 3 steps"]


def test_the_figure_refuses_tables_it_cannot_draw():
    with pytest.raises(OnemergeError, match="lacks the column looseness"):
        draw(table().drop(columns="looseness"))
    with pytest.raises(OnemergeError, match="no rows"):
        draw(table().iloc[:0])
    with pytest.raises(OnemergeError, match="not positive"):
        draw(table().assign(looseness=0.0))
    with pytest.raises(OnemergeError, match="share bound, lr and p"):
        draw(pd.concat([table(), table()]))
