"""Bounds beside measurements.

A bound is compared where its symbols are known and the quantity it is about is measured; nothing is listed by hand.
Every number that a bound calls a bound of the problem holds along the run: zeta, phi and the gap are those of the run.
"""

import numpy as np
from sympy import lambdify

from paper_repro.check.rule import ROUNDING, violated
from paper_repro.check.runs import divergence
from theory.assumptions import ASSUMPTIONS
from theory.bounds import BOUNDS
from theory.mixing import complete_average
from theory.notation import DOMAINS, NOTATION
from theory.spectrum import contraction

PRINTED = ("homogeneous", "doubly_stochastic", "independent_noise")  # what the paper's rates need and do not say
UNSAID = dict.fromkeys(("rate_d12", "theorem_1_descent", "theorem_1_steps", "table1_dsgd_this_paper"), PRINTED)
STATE = (  # symbols whose values differ from run to run and from step to step
    "consensus_distance", "local_gradient_norm_sq", "merged_loss", "gradient_norm_sq", "discrepancy_norm_sq",
    "discrepancy_inner",
)  # fmt: skip
ABOUT = (
    "consensus_distance", "next_consensus_distance", "next_merged_loss", "gradient_norm_sq_mean", "loss_gap_mean",
    "final_distance_sq", "steps",
)  # fmt: skip


def known_and_measured(values, problem, config, subject, numbers, lr):
    """({symbol: number, or [runs, steps] for the state before each step}, {about: what was measured}).

    Where the run diverged, what depends on it is None. Quadratics have no third derivative: T2 = 0, U = 0 is what the
    paper's rate says about them. epsilon is what the run attained.
    """
    steps = values["consensus_distance"].shape[1] - 1
    noisy, noiseless = neighborhood(subject, problem, config.sigma)
    known = {
        "agents": problem.agents, "steps": steps, "lr": lr, "sigma": config.sigma, "zeta": config.zeta, "L2": config.L,
        "L3": 0.0, "L4": 0.0, "L_local": problem.smoothness, "mu": float(problem.curvature.min()),
        "initial_gap": float(problem.initial_gap[0]), "initial_distance_sq": config.distance**2,
        "initial_consensus_distance": 0.0, "period": subject.gossip.period,
        "neighborhood_heterogeneity": noisy, "neighborhood_zeta": noiseless,
        **{name: numbers[name] for name in ("p", "noise_gain", "drift_gain", "mean_drift")},
        **({} if subject.kind == "random" else {"slem": numbers["slem"], "contraction": strongest(subject)}),
        "T2": 0.0, "U_mean": 0.0, "U_sum": 0.0, "descent_remainder": 0.0,
    }  # fmt: skip
    if divergence(values) is not None:
        return known | dict.fromkeys((*STATE, "phi", "epsilon")), dict.fromkeys(ABOUT)
    known |= {name: values[name][:, :-1] for name in STATE}
    known["phi"] = float(known["local_gradient_norm_sq"].mean(axis=0).max() ** 0.5)
    if config.spread > 0:  # else the diversity is the same everywhere
        known["zeta"] = float(values["gradient_diversity"].mean(axis=0).max() ** 0.5)
    measured = {
        "consensus_distance": values["consensus_distance"][:, 1:],
        "next_consensus_distance": values["consensus_distance"][:, 1:],
        "next_merged_loss": values["merged_loss"][:, 1:],
        "gradient_norm_sq_mean": known["gradient_norm_sq"].mean(axis=1),
        "loss_gap_mean": known["merged_loss"].mean(axis=1),  # the infimum is 0
        "final_distance_sq": values["merged_norm_sq"][:, -1],  # the minimizer is 0
        "steps": np.full(len(values["merged_loss"]), float(steps)),
    }
    known["epsilon"] = float(measured["gradient_norm_sq_mean"].mean())
    return known, measured


def strongest(subject):
    """The largest |W_t - J|_2 over the rounds of a sequence, 1 up to rounding where a round does not mix everything."""
    return min(max(map(contraction, subject.matrices)), 1.0)


def neighborhood(subject, problem, sigma):
    """(root of (1/m) E‖(W - J) G‖_F², the same without noise) at the minimizer, G [m, d] the sampled gradients.

    The worst round counts. With equal Hessians the differences of the gradients are the same at every model.
    """
    pulls = (problem.curvature * problem.optima[0]).numpy()
    pulls = pulls - pulls.mean(axis=0)
    noisy = noiseless = 0.0
    for t in range(subject.gossip.period):
        left = subject.gossip.pull_back(t, np.eye(problem.agents)) - complete_average(problem.agents)
        drift = max(float(np.sum(pulls * (left @ pulls))), 0.0) / problem.agents
        noiseless, noisy = max(noiseless, drift), max(noisy, drift + sigma**2 * float(np.trace(left)) / problem.agents)
    return max(noisy, 0.0) ** 0.5, noiseless**0.5


def floors_of(values, known):
    """{about: rounding error of what is measured, the same for every step or one value a step}."""
    size = (values["merged_norm_sq"] + values["consensus_distance"]).mean(axis=0).max()
    local = (4 * known["agents"] * np.finfo(float).eps) ** 2 * float(size + (known["lr"] * known["phi"]) ** 2)
    loss = ROUNDING * known["merged_loss"].mean(axis=0)
    return {"consensus_distance": local, "next_consensus_distance": local, "next_merged_loss": loss}


def comparable(bound, known, departures, order):
    """Whether everything that `bound` speaks about, and the order of the algorithm, is known and measured here."""
    return (
        bound.about in ABOUT
        and set(bound.symbols) <= set(known)
        and set(bound.assumptions) <= set(departures)
        and bound.order in (order, "either")
        and not (bound.about == "consensus_distance" and set(bound.symbols) & set(STATE))  # of another step
    )


def _outside(bound, known):
    """The condition of the region of `bound` that is broken, in words; "" inside."""
    for name in bound.symbols:
        words, _, test = DOMAINS[NOTATION[name].domain]
        if known[name] is not None and not np.all(test(np.asarray(known[name], dtype=float))):
            return f"{name} is infinite" if np.isinf(known[name]).any() else f"{name} {words}, here {known[name]:.4g}"
    for relation in bound.where:
        names = sorted(symbol.name for symbol in relation.free_symbols)
        holds = lambdify([NOTATION[name].sympy for name in names], relation)
        if all(known[name] is not None for name in names) and not np.all(holds(*(known[name] for name in names))):
            return f"{relation}, here {', '.join(f'{name} = {np.max(known[name]):.4g}' for name in names)}"
    return ""


def row_of(bound, known, measured, departures, floor, diverged):
    """One bound beside its measurement: at the step where it comes out worst, if it speaks about every step."""
    needed = dict.fromkeys((*bound.assumptions, *UNSAID.get(bound.name, ())))
    row = {
        "bound": bound.name, "source": bound.source, "statement": bound.statement, "about": bound.about,
        "kind": bound.kind, "value": None, "measured": None, "standard_error": None, "ratio": None, "z": None,
        "step": None,
        "assumptions": [
            {"assumption": tag, "meaning": ASSUMPTIONS[tag], "in_source": tag in bound.assumptions,
             "met": not departures[tag], "departure": departures[tag]}
            for tag in needed
        ],
    }  # fmt: skip
    outside = _outside(bound, known)
    if outside or diverged is not None:
        verdict = "not applicable" if outside else "diverged"
        return row | {"verdict": verdict, "note": f"outside its region: {outside}" if outside else diverged}
    seen = measured[bound.about]
    value = np.broadcast_to(bound(**bound.arguments(known)), seen.shape)
    by_step = seen.ndim == 2
    seen, value = (seen, value) if by_step else (seen[:, None], value[:, None])
    mean, level = seen.mean(axis=0), value.mean(axis=0)
    rounding = floor.get(bound.about, 0.0) + ROUNDING * np.abs(level)
    beyond = violated(bound.kind, seen, value, rounding) if bound.kind != "order" else np.zeros(len(mean), dtype=bool)
    ratio = np.divide(mean, level, out=np.full(len(mean), np.inf), where=level > 0)
    ratio = np.where((level <= 0) & (mean <= rounding), 0.0, ratio)
    sign = -1 if bound.kind == "lower" else 1
    worst = int(np.argmax(np.where(beyond == beyond.any(), sign * ratio, -np.inf)))
    deviations = seen[:, worst] - (0 if bound.kind == "order" else value[:, worst])
    error = float(deviations.std(ddof=1) / len(seen) ** 0.5)
    excess = mean - level
    same = bool(0 < sign * excess[worst] <= np.broadcast_to(rounding, mean.shape)[worst])
    constant = by_step and not set(bound.symbols) & set(STATE)
    return row | {
        "value": float(level[worst]),
        "measured": float(mean[worst]),
        "standard_error": error,
        "ratio": float(ratio[worst]) if level[worst] > 0 else None,
        "z": float(excess[worst]) / error if error > 0 and bound.kind != "order" else None,
        "step": (worst + 1 if constant else worst) if by_step else None,
        "verdict": "order" if bound.kind == "order" else "violated" if beyond.any() else "holds",
        "note": "hides its constant" if bound.kind == "order" else "equal up to rounding" if same else "",
    }


def curve_of(rows, known, distances):
    """Mean consensus distance after each step, its range over the runs, and what the bounds allow (one-step: iterated).

    Bounds are there if their region and their assumptions hold; step 0, where all models are equal, is left out.
    """
    if distances is None:
        return None
    lines = {}
    for row in rows:
        bound = BOUNDS[row["bound"]]
        decided = row["verdict"] in ("holds", "violated") and all(a["met"] for a in row["assumptions"])
        if not decided or bound.kind != "upper" or not bound.about.endswith("consensus_distance"):
            continue
        values, allowed = bound.arguments(known), []
        means = {name: values[name].mean(axis=0) for name in set(values) & set(STATE)}
        for t in range(distances.shape[1]):
            state = {name: mean[t] for name, mean in means.items()}
            if "consensus_distance" in state:
                state["consensus_distance"] = allowed[-1] if allowed else 0.0
            allowed.append(float(bound(**values | state)))
        lines[f"{bound.name}, iterated" if "consensus_distance" in means else bound.name] = allowed
    return {
        "step": list(range(1, distances.shape[1] + 1)),
        "mean": distances.mean(axis=0).tolist(),
        "low": distances.min(axis=0).tolist(),
        "high": distances.max(axis=0).tolist(),
        "bounds": lines,
    }
