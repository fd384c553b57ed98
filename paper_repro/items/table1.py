"""Table 1: the three printed rates beside the exact number of steps on quadratics."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from figures.rates import rates_table
from paper_repro.item import Claim, Item
from sim.quadratic import Quadratic
from sim.spec import Spec
from theory.bounds import BOUNDS
from theory.moments import dsgd_moments

PARALLEL, SAME, DIFFERENT = "parallel SGD", "DSGD, identical Hessians", "DSGD, different Hessians"
ROWS = (
    (PARALLEL, "table1_parallel_sgd"),
    ("DSGD (Koloskova et al. 2020)", "table1_dsgd_koloskova"),
    ("DSGD (Zhu et al. 2025)", "table1_dsgd_this_paper"),
)
ACCURACIES = np.geomspace(0.1, 0.001, 9)
LEARNING_RATES = np.geomspace(1, 1 / 256, 33)  # times 1/L
MAX_STEPS = 20_000


def runs(base):
    alike = replace(base, problem=replace(base.problem, spread=0.0))
    return {PARALLEL: replace(base, gossip="complete"), SAME: alike, DIFFERENT: base}


def steps_needed(spec, seeds):
    """T(ε) [accuracies, seeds]: fewest steps with (1/T) Σ_{t<T} E‖∇L(θ̄_t)‖² <= ε over the learning rates; inf if none.

    Exact, by the recursion of the moments; `seeds` are instances of the quadratic.
    """
    problem = spec.build(seeds)
    curvature, optima, start, mean_curvature = (
        tensor.numpy() for tensor in (problem.curvature, problem.optima, problem.start, problem.mean_curvature)
    )
    W = dense_mixing(spec)
    lrs = LEARNING_RATES / spec.problem.L
    total = np.zeros((len(lrs), len(seeds)))
    steps = np.full((len(ACCURACIES), len(lrs), len(seeds)), np.inf)
    moments = dsgd_moments(lambda t: W, curvature, optima, start, lrs[:, None], spec.problem.sigma, spec.order)
    for t, now in zip(range(1, MAX_STEPS + 1), moments, strict=False):
        total += now.gradient_norm_sq(mean_curvature)
        reached = total / t <= ACCURACIES[:, None, None]
        steps[reached & np.isinf(steps)] = t
        if np.isfinite(steps.min(axis=1)).all():
            break
    return steps.min(axis=1)


def table(results):
    """Steps to each accuracy per method and instance (exact), and the simulated runs with the exact value beside."""
    parts = []
    for label, spec in results.specs.items():
        steps = steps_needed(spec, results.seeds)
        columns = {"label": label, "epsilon": np.repeat(ACCURACIES, len(results.seeds))}
        seeds = np.tile(results.seeds, len(ACCURACIES))
        finite = np.where(np.isfinite(steps), steps, np.nan).ravel()
        parts.append(pd.DataFrame({**columns, "seed": seeds, "metric": "steps", "value": finite}))
        stored = results.store.load(spec, results.seeds)
        parts.append(stored[stored["metric"] == "diverged"].assign(label=label))
        simulated = stored[stored["metric"] == "gradient_norm_sq"].assign(label=label)
        parts += [simulated, simulated.assign(metric="gradient_norm_sq_exact", value=exact_path(spec, simulated))]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def dense_mixing(spec):
    """The W [agents, agents] of every round."""
    W = spec.schedule()(0, None)
    return W.toarray() if issparse(W) else np.asarray(W)


def exact_path(spec, simulated):
    """E ‖∇L(θ̄)‖² by the moments, at the seeds and rounds of the simulated rows."""
    seeds = sorted(simulated["seed"].unique())
    problem = spec.build(tuple(map(int, seeds)))
    arguments = [tensor.numpy() for tensor in (problem.curvature, problem.optima, problem.start)]
    W = dense_mixing(spec)
    moments = dsgd_moments(lambda t: W, *arguments, np.full(len(seeds), spec.lr), spec.problem.sigma, spec.order)
    path = [now.gradient_norm_sq(problem.mean_curvature.numpy()) for now, _ in zip(moments, range(spec.rounds + 1))]  # noqa: B905
    return [path[row.round][seeds.index(row.seed)] for row in simulated.itertuples()]


def steps_of(table, label):
    """Steps [accuracies, seeds] of one method, from the coarsest accuracy to the finest."""
    part = table[(table["label"] == label) & (table["metric"] == "steps")]
    return part.pivot(index="epsilon", columns="seed", values="value").sort_index(ascending=False)


def slope(table, label):
    """Slope of log T against log 1/ε over the finer half of the accuracies, per seed (least squares)."""
    steps = steps_of(table, label).iloc[len(ACCURACIES) // 2 :]
    return pd.Series(np.polyfit(-np.log(steps.index), np.log(steps), 1)[0], index=steps.columns)


def disagreement(table):
    """Largest |simulated − exact| / exact of ‖∇L(θ̄)‖² over methods and rounds, per seed (the runs have no noise)."""
    rows = table[table["metric"].isin(["gradient_norm_sq", "gradient_norm_sq_exact"])]
    wide = rows.pivot(index=["label", "seed", "round"], columns="metric", values="value")
    gap = (wide["gradient_norm_sq"] - wide["gradient_norm_sq_exact"]).abs() / wide["gradient_norm_sq_exact"]
    return gap.groupby("seed").max().drop(table.loc[table["metric"] == "diverged", "seed"])


def ratio(table):
    return (steps_of(table, SAME) / steps_of(table, PARALLEL)).iloc[-1]


def draw(table):
    def measured(label):
        slopes = slope(table, label)
        return f"{label}: slope {slopes.mean():.2f}"

    notes = (measured(PARALLEL), measured(DIFFERENT), measured(SAME))
    rows = [
        {"method": method, "rate": f"$T = {BOUNDS[name].latex().partition('=')[2]}$", "measured": note}
        for (method, name), note in zip(ROWS, notes, strict=True)
    ]
    steps = table[table["metric"] == "steps"].rename(columns={"value": "steps"})
    return rates_table(pd.DataFrame(rows), steps)


def setting(spec):
    problem = spec.problem
    return (
        f"exact steps on quadratics in {problem.dim} dimensions without noise, {spec.agents} agents on a ring, "
        f"curvatures {problem.mu:g} to {problem.L:g}, ζ = {problem.zeta:g}, the Hessians of agents alike or spread by "
        f"±{problem.spread * 100:g} %, best of {len(LEARNING_RATES)} learning rates from {LEARNING_RATES[-1]:.3g}/L to "
        f"1/L for each ε; slopes are of log T against log 1/ε over the finer half of the ε; "
        "every seed is a random instance"
    )


ITEM = Item(
    name="table1",
    title="Steps T until the mean of E‖∇L(θ̄)‖² over the steps is ε: the printed rates, and exact steps on quadratics "
    "(where U has no leading term). The last row's rate lacks a heterogeneity term, and different Hessians need one",
    paper="no experiment; orders only",
    setting=setting,
    base=Spec(
        problem=Quadratic(dim=5, zeta=5.0, sigma=0.0, spread=0.9, instance=None),
        gossip="ring",
        local_steps=1,
        lr=0.02,
        rounds=400,
        measure_every=50,
        gradients_every=50,
    ),
    runs=runs,
    table=table,
    draw=draw,
    claims=(
        Claim(
            "Table 1 alike",
            "with identical Hessians one merge needs as many steps as parallel SGD (ratio below 1.01)",
            ratio,
            "<",
            1.01,
        ),
        Claim(
            "Table 1 different",
            "with different Hessians T grows faster than 1/ε: slope above 1.25 (1 by the last row, 3/2 by the second)",
            lambda table: slope(table, DIFFERENT),
            ">",
            1.25,
        ),
        Claim(
            "Table 1 simulator",
            "the simulator follows the exact moments (largest relative difference below 1e-9)",
            disagreement,
            "<",
            1e-9,
        ),
    ),
)
