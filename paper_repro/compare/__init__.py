"""`onemerge compare`: topologies of one size side by side, what a round costs and brings, and the steps to ε."""

import math
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from paper_repro.check.assumptions import departures_of
from paper_repro.check.compare import STATE, UNSAID
from paper_repro.check.spectrum import spectrum_report
from paper_repro.check.subject import matrix_report
from paper_repro.compare.draw import check_plot, draw
from paper_repro.compare.lineup import label, subject
from paper_repro.compare.steps import RATES, simulated_steps
from sim.quadratic import Quadratic
from sim.randomness import stream
from theory.bounds import BOUNDS
from theory.complexity import steps_to, tunable
from theory.errors import require

__all__ = ["compare_topologies"]

BASELINES = ("rate_parallel_sgd", "table1_parallel_sgd")  # shown beside, though no topology here averages all agents
DRAWS = 256  # rounds of a random gossip over which links are counted
SIMULATED = 512  # agents: above, steps are not simulated
TARGET = "gradient_norm_sq_mean"


def compare_topologies(
    words, agents, *, epsilon=0.01, L=1.0, mu=None, sigma=1.0, zeta=1.0, spread=0.5, dim=5, distance=1.0, decay=0.9,
    runs=8, most=10_000, plot=None, bar=lambda done, total: None, tell=lambda sentence: None,
):  # fmt: skip
    """The record that docs/compare.md describes: one row for each of `words` (see `lineup`), all of `agents` agents.

    The quadratics are those of `sim.quadratic.Quadratic` (`mu` None: L/10); with `spread` = 0 the merged model does not
    feel the topology at all. `decay` is γ of the effective number of neighbors. Steps are simulated by `runs` runs at
    each learning rate of a grid, up to `most` steps.
    """
    started = time.perf_counter()
    require(len(words) > 0, "no topology is given; name at least one, such as ring")
    require(isinstance(agents, int) and agents >= 2, f"agents is {agents!r}; it must be an integer of at least 2")
    require(epsilon > 0 and math.isfinite(epsilon), f"epsilon is {epsilon}; it must be a positive number")
    require(isinstance(runs, int) and runs >= 2, f"runs is {runs!r}; a standard error needs at least 2 runs")
    require(isinstance(most, int) and most >= 1, f"most is {most!r}; it must be an integer of at least 1")
    require(0 <= decay < 1, f"decay is {decay}; it must be at least 0 and below 1")
    config = Quadratic(dim, L / 10 if mu is None else mu, L, zeta, sigma, spread, distance)
    check_plot(plot)
    subjects = [subject(word, agents) for word in words]
    labels = _distinct([label(one.name, dict(one.parameters)) for one in subjects], words)
    if agents > SIMULATED:
        tell(f"{agents} agents: steps are simulated for at most {SIMULATED}")
    rows = []
    for number, (one, name) in enumerate(zip(subjects, labels, strict=True)):
        row = {"label": name, **costs_of(one, decay)}
        row |= steps_of(one, row.pop("report"), config, epsilon)
        if one.gossip.agents <= SIMULATED:

            def told(done, _, before=number * most):
                bar(before + done, len(subjects) * most)

            row["simulated"] = asdict(simulated_steps(one.gossip, config, epsilon, runs, most, told))
            bar((number + 1) * most, len(subjects) * most)
        else:
            row["simulated"] = None
        rows.append(row)
    record = {
        "problem": {**asdict(config), "epsilon": epsilon, "runs": runs, "most": most, "decay": decay},
        "learning_rates": (RATES / (L * (1 + spread))).tolist(),
        "rows": rows,
        "seconds": time.perf_counter() - started,
    }
    if plot is not None:
        draw(record, Path(plot))
    return record


def _distinct(labels, words):
    """The labels, with the word of the command line where two are the same."""
    same = {text for text in labels if labels.count(text) > 1}
    named = [word if text in same else text for text, word in zip(labels, words, strict=True)]
    again = [text for text in named if named.count(text) > 1]
    require(not again, f"{again[:1]} is given twice; name every topology once")
    return named


def costs_of(one, decay):
    """What a round of a subject costs and brings; `report` holds the two reports of `onemerge check`."""
    gossip = one.gossip
    rounds = len(one.matrices) if one.kind != "random" else DRAWS
    heard = [np.count_nonzero(_off_diagonal(gossip.draw(t, stream(0, "gossip", t))), axis=1) for t in range(rounds)]
    matrix, numbers = matrix_report(one), spectrum_report(one, decay)
    return {
        "name": one.name,
        "parameters": dict(one.parameters),
        "agents": gossip.agents,
        "weights": one.weights,
        "kind": one.kind,
        "period": gossip.period,
        "doubly_stochastic": matrix["doubly_stochastic"] and gossip.mean_preserving,
        "not_because": _why_not(matrix, gossip),
        "degree": int(max(count.max() for count in heard)),
        "messages": float(np.mean([count.sum() for count in heard])),
        "messages_counted": "exact" if one.kind != "random" else f"mean of {DRAWS} rounds",
        "slem": numbers["slem"],
        "p": numbers["p"],
        "p_of_period": numbers["p_of_period"],
        "effective_neighbors": numbers["effective_neighbors"],
        "rounds_to_halve": numbers["rounds_to_halve"],
        "finite_time": numbers["finite_time"],
        "report": (matrix, numbers),
    }


def _why_not(matrix, gossip):
    """What keeps the matrices from being doubly stochastic, "" where nothing does."""
    if not gossip.mean_preserving:
        return "the mean drifts"
    return "" if matrix["doubly_stochastic"] else f"a weight is {matrix['most_negative']:.3g}"


def _off_diagonal(W):
    return W - np.diag(np.diag(W))


def steps_of(one, report, config, epsilon):
    """{"bounds": {name: steps, lr, kind, order, needs} of every bound that applies, "left_out": {name: why}}.

    `needs` are assumptions that the source does not state, but needs, and that fail here.

    A bound on the mean squared gradient is solved for its steps at its best learning rate; one about the steps itself
    is evaluated. Where Hessians differ, ζ is its largest value on the ball of radius `distance` around the minimizer,
    and neighborhood_heterogeneity² = (1 - p)(ζ² + σ²) of that ζ.
    """
    matrix, numbers = report
    departures = departures_of(one, config, matrix, numbers, dict.fromkeys(STATE)) | {"neighborhood": ""}
    smoothness, widest = config.L * (1 + config.spread), config.zeta + config.spread * config.L * config.distance
    kept = max(1 - numbers["p"], 0.0)
    known = {
        "agents": one.gossip.agents, "sigma": config.sigma, "zeta": widest, "L2": config.L, "L_local": smoothness,
        "L3": 0.0, "L4": 0.0, "epsilon": epsilon, "T2": 0.0, "U_mean": 0.0, "U_sum": 0.0, "period": 1,
        "initial_gap": float(config.build(one.gossip.agents, (0,)).initial_gap[0]),
        "initial_distance_sq": config.distance**2, "mu": config.mu,
        "neighborhood_heterogeneity": math.sqrt(kept * (widest**2 + config.sigma**2)),
        **{name: numbers[name] for name in ("p", "noise_gain", "drift_gain", "slem") if numbers[name] is not None},
    }  # fmt: skip
    found, left_out = {}, {}
    for bound in BOUNDS.values():
        needs = set(bound.symbols) - ({"lr", "steps"} if bound.about == TARGET else set())
        if bound.about == "steps" or (bound.about == TARGET and bound.kind == "upper" and tunable(bound)):
            unknown = sorted(needs - set(known))
            waived = ("parallel",) if bound.name in BASELINES else ()
            tags = [tag for tag in bound.assumptions if tag not in waived]
            unmet = [tag for tag in tags if departures.get(tag, "not decided here")]
            unmet += [f"{name} is infinite" for name in needs & set(known) if not np.isfinite(known[name])]
            if unknown or unmet:
                left_out[bound.name] = ", ".join([*(f"no value for {name}" for name in unknown), *unmet])
                continue
            values = {name: known[name] for name in needs}
            if bound.about == TARGET:
                steps, lr = asdict(steps_to(bound, epsilon, **values)).values()
            elif bound.inside(**values):
                steps, lr = float(bound(**values)), None
            else:
                left_out[bound.name] = "outside its region"
                continue
            unsaid = [tag for tag in (*UNSAID.get(bound.name, ()), *waived) if departures[tag]]
            found[bound.name] = {"steps": steps, "lr": lr, "kind": bound.kind, "order": bound.order, "needs": unsaid}
    return {"bounds": found, "left_out": left_out}
