"""Item T1: the parts of U add up and obey closed forms, claims follow their effects, and the figure draws the table."""

import numpy as np
import pandas as pd
import pytest

from figures import terms as figure
from paper_repro.item import judge
from paper_repro.items import t1
from paper_repro.reproduce import Results
from sim.run import run
from sim.store import Store
from theory.errors import OnemergeError

SEEDS = (0, 1, 2)
TINY = {"agents": "4", "rounds": "5", "probes_every": "5", "width": "4", "batch": "4", "probe_images": "20"}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """(specs, table) of a run of all nine that is small enough for a test."""
    base = t1.ITEM.base.override(**TINY)
    specs, store = t1.ITEM.runs(base), Store(tmp_path_factory.mktemp("t1"))
    for spec in specs.values():
        run(spec, SEEDS, store=store)
    return specs, t1.ITEM.table(Results(store, base, specs, SEEDS, "cpu"))


def test_every_run_is_measured_where_the_agents_differ(done):
    specs, table = done
    assert list(table["label"].unique()) == list(specs) == [*t1.SMOOTH, t1.CURVED, *t1.LINEAR, *t1.RELU]
    assert table["round"].min() == 1
    assert [specs[name].local_steps for name in t1.LINEAR] == [1, 1, 10]
    for label in specs:
        found = t1.wide(table, label)
        assert set(found.index.get_level_values("seed")) == set(SEEDS)
        total = found["U_printed"] + found["U_heterogeneity"] + found["U_rest"]
        np.testing.assert_allclose(total, found["U"], rtol=1e-9, atol=1e-15)


def test_u_is_what_the_descent_lacks(done):
    """L(θ̄) − L(θ̄ − ηv) = η(1 − ηL2/2)‖g‖² − ηU with L2 along the step: losses against gradients."""
    specs, table = done
    for label in (*t1.LINEAR, *t1.RELU):
        spec, found = specs[label], t1.wide(table, label)
        c, lr = found["step_curvature"], spec.lr
        probed = run(spec, SEEDS)
        descent = probed[(probed["metric"] == "merged_descent") & (probed["round"] > 0)]
        descent = descent.set_index(["seed", "round"])["value"]
        expected = lr * (1 - lr * c / 2) * found["gradient_norm_sq"] - lr * found["U"]
        np.testing.assert_allclose(descent.reindex(found.index), expected, rtol=1e-6)


def test_on_quadratics_all_is_heterogeneity(done):
    """e = h and T2 = 0, so that U is (ηL − 1) g·h + (ηL/2)‖h‖², L = 1 and η = 1.2."""
    _, table = done
    found = t1.wide(table, t1.CURVED)
    assert (found["U_printed"].abs() < 1e-15).all()
    np.testing.assert_allclose(found["U_heterogeneity"], 0.2 * found["discrepancy_inner"], rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(found["U_rest"], 0.6 * found["discrepancy_norm_sq"], rtol=1e-9, atol=1e-12)
    assert (found["U_rest"] > 0).all()


def test_alike_agents_have_no_first_order_term(done):
    _, table = done
    for label in (*t1.SMOOTH, t1.LINEAR[0], t1.RELU[0]):
        assert t1.wide(table, label)["h_inner"].abs().max() < 1e-12
    assert t1.wide(table, t1.LINEAR[1])["h_inner"].abs().min() > 1e-12


def test_the_pseudo_huber_meets_assumption_4_and_the_repaired_bound(done):
    specs, table = done
    for label in t1.SMOOTH:
        assert specs[label].problem.constants["L2"] == 1
        found = t1.wide(table, label)
        assert (found["T2"] < 0).all()
        assert (found["U"] <= found["U_repaired"] + 1e-15).all()
    assert "U_d11" not in t1.wide(table, t1.RELU[0]).dropna(axis=1)


def made(**values):
    """A table in which every run has the same values in two rounds, a little apart over the seeds."""
    return pd.DataFrame([
        {"label": label, "seed": seed, "round": done, "metric": metric, "value": value * (1 + 0.01 * seed)}
        for label in (*t1.SMOOTH, t1.CURVED, *t1.LINEAR, *t1.RELU)
        for seed in SEEDS for done in (10, 20) for metric, value in values.items()
    ])  # fmt: skip


HOLDING = {"U": -1.0, "U_printed": -0.9, "h_inner": 3.0, "b_inner": 1.0, "T2": 2.0, "gradient_norm_sq": 1.0,
           "lr_curvature": 1.5, "U_d11": 1.0, "U_repaired": 0.5}  # fmt: skip


def verdicts(table):
    return {claim.name: judge(claim, table, SEEDS)["verdict"] for claim in t1.ITEM.claims}


def test_claims_follow_the_effect():
    assert set(verdicts(made(**HOLDING)).values()) == {"confirmed"}
    against = HOLDING | {"U": 0.001, "h_inner": 0.3, "T2": 2.1, "lr_curvature": 0.5, "U_d11": 0.0, "U_repaired": 0.0}
    assert set(verdicts(made(**against)).values()) == {"refuted"}


def test_a_seed_that_diverged_has_no_value():
    row = {"label": t1.RELU[0], "seed": 1, "round": 15, "metric": "diverged", "value": 15}
    table = pd.concat([made(**HOLDING), pd.DataFrame([row])])
    found = {claim.name: judge(claim, table, SEEDS) for claim in t1.ITEM.claims}
    assert found[f"T1 sign, {t1.RELU[0]}"]["per_seed"]["1"] is None
    assert found[f"T1 sign, {t1.LINEAR[0]}"]["verdict"] == "confirmed"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"probes": "spread"}, "the probe terms is needed"),
        ({"probes_every": "0"}, "the probe terms is needed"),
        ({"agents": "1"}, "agents must be at least 2, as one has nothing to agree on, not 1"),
    ],
)
def test_what_leaves_nothing_to_draw_is_refused_before_any_run(change, sentence):
    with pytest.raises(OnemergeError, match=sentence):
        t1.ITEM.runs(t1.ITEM.base.override(**change))


def test_the_figure_draws_shares_of_the_squared_gradient(done):
    specs, table = done
    panels = [ax for ax in t1.ITEM.draw(table).axes if ax.axison]
    assert [ax.get_title().replace("\n", " ") for ax in panels] == list(specs)
    found = t1.wide(table, t1.ALIKE)
    expected = (found["U"] / found["gradient_norm_sq"]).groupby("round").mean()
    exact = panels[0].lines[1]  # after the line at 0
    np.testing.assert_allclose(exact.get_xdata(), expected.index)
    np.testing.assert_allclose(exact.get_ydata(), expected)
    assert len(panels[0].lines) == 1 + len(t1.TEXTS)
    assert len(panels[3].lines) == 1 + len(t1.TEXTS) - 2  # no constants, so no bounds
    assert panels[0].get_yscale() == "symlog"


def test_the_figure_says_what_it_lacks():
    table = made(**HOLDING)
    with pytest.raises(OnemergeError, match="lacks the column value"):
        figure.terms(table.drop(columns="value"), t1.TEXTS)
    with pytest.raises(OnemergeError, match="no gradient_norm_sq to divide by"):
        figure.terms(table[table["metric"] != "gradient_norm_sq"], t1.TEXTS)
    with pytest.raises(OnemergeError, match="no rows of U, U_printed"):
        figure.terms(table[table["metric"] == "T2"], t1.TEXTS)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_any_number_of_panels(count):
    table = made(**HOLDING)
    some = table[table["label"].isin(list(table["label"].unique())[:count])]
    assert sum(ax.axison for ax in t1.ITEM.draw(some).axes) == count
