"""`onemerge check`: what every bound says about one topology, beside a simulated run on quadratics.

A bound is compared where its symbols are known and the quantity it is about is measured; nothing is listed by hand.
Every number that a bound calls a bound of the problem holds along the run: zeta, phi and the gap are those of the run.
"""

import inspect
import io
import math
import time
import warnings
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import reduce
from itertools import islice
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import torch
from scipy import special
from sympy import lambdify

from sim.optimizer import Optimizer
from sim.quadratic import Quadratic, QuadraticProblem
from sim.randomness import stream
from sim.simulate import simulate
from sim.store import write_whole
from theory import spectrum
from theory.bounds import BOUNDS
from theory.errors import OnemergeError, require
from theory.gossip import Gossip, constant, one_peer_exponential, random_matching, random_peers
from theory.graphs import GRAPH_FILES, TOPOLOGIES, read_graph
from theory.mixing import MATRIX_FILES, TOLERANCE, check_mixing, graph_of, mixing, read_matrix
from theory.moments import dsgd_moments
from theory.notation import ASSUMPTIONS, DOMAINS, NOTATION

GOSSIPS = {f.__name__: f for f in (one_peer_exponential, random_peers, random_matching)}
NAMES = TOPOLOGIES | GOSSIPS
PARAMETERS = {
    parameter: [name for name, function in NAMES.items() if parameter in inspect.signature(function).parameters]
    for function in NAMES.values()
    for parameter in inspect.signature(function).parameters
}
CLOSED_FORMS = {  # topology: (bound, the weights that it is about)
    "ring": ("ring_gap", ("metropolis", "uniform", "max_degree")),
    "path": ("path_gap", ("metropolis", "max_degree")),
    "torus": ("torus_gap", ("metropolis", "uniform", "max_degree")),
    "hypercube": ("hypercube_gap", ("metropolis", "uniform", "max_degree")),
    "star": ("star_gap", ("metropolis", "max_degree")),
    "complete": ("complete_gap", ("metropolis", "uniform", "max_degree")),
    "exponential": ("exponential_gap", ("uniform",)),
}
PRINTED = ("homogeneous", "doubly_stochastic", "independent_noise")  # what the paper's rates need and do not say
BASELINES = ("rate_parallel_sgd", "table1_parallel_sgd")  # of parallel SGD, whose steps the merged model then takes
UNSAID = dict.fromkeys(
    ("rate_d12", "theorem_1_descent", "theorem_1_steps", "table1_dsgd_this_paper", *BASELINES), PRINTED
)
LARGEST, SLOW, EXACT = 4096, 512, 256  # agents: refused above, slow above, exact moments up to here
DRAWS = 16  # matrices of a random gossip that are checked
SIGMAS = 5  # standard errors
ROUNDING = 1e-12  # relative
OVERFLOW = 1e100  # a value beyond has diverged: its square leaves float64
DRAWN = 200  # agents: laid out by distance up to here, on a circle above
CHUNK = 2**25  # weights in the stack of the runs' matrices
STATE = (  # symbols whose values differ from run to run and from step to step
    "consensus_distance", "local_gradient_norm_sq", "merged_loss", "gradient_norm_sq", "discrepancy_norm_sq",
    "discrepancy_inner",
)  # fmt: skip
ABOUT = ("consensus_distance", "next_consensus_distance", "next_merged_loss", "gradient_norm_sq_mean", "steps")
CIRCLE = ("ring", "complete", "exponential", "hypercube", "star")  # drawn on a circle, others by distance in the graph


@dataclass(frozen=True)
class Subject:
    """A topology as it is checked: the gossip and the matrices of one period (of the first DRAWS rounds if random)."""

    name: str
    gossip: Gossip
    matrices: tuple
    graph: nx.Graph | None = None  # None: a gossip has none
    weights: str | None = None
    parameters: tuple = ()

    @property
    def kind(self):
        """constant, periodic or random."""
        deterministic = spectrum.deterministic(self.gossip)
        return ("constant" if self.gossip.period == 1 else "periodic") if deterministic else "random"


def subject_of(topology, weights=None, **parameters):
    """`Subject` of a name with its parameters, a networkx graph, a matrix, a `Gossip`, or the Path of a file."""
    if isinstance(topology, str):
        return _named(topology, weights, parameters)
    require(not parameters, f"{', '.join(parameters)} are parameters of a named topology; leave them out here")
    if isinstance(topology, Gossip):
        return _gossip("gossip", topology, weights, ())
    if isinstance(topology, nx.Graph):
        return _weighted("graph", topology, weights, ())
    if not isinstance(topology, Path):
        return _fixed("matrix", None, topology, weights, ())
    suffix, valid = topology.suffix.lower(), (*GRAPH_FILES, *MATRIX_FILES)
    require(suffix in valid, f"{topology} has the suffix {suffix!r}; valid suffixes are {', '.join(valid)}")
    if suffix in GRAPH_FILES:
        return _weighted(str(topology), read_graph(topology), weights, ())
    return _fixed(str(topology), None, read_matrix(topology), weights, ())


def _named(name, weights, parameters):
    require(name in NAMES, f"unknown topology {name!r}; valid topologies are {', '.join(NAMES)}")
    valid = list(inspect.signature(NAMES[name]).parameters)
    unknown = [p for p in parameters if p not in valid]
    missing = [p for p in valid if p not in parameters]
    require(not unknown, f"{name} has no parameter {', '.join(unknown)}; its parameters are {', '.join(valid)}")
    require(not missing, f"{name} misses parameter {', '.join(missing)}; its parameters are {', '.join(valid)}")
    sizes = [parameters[p] for p in ("agents", "rows", "cols") if p in parameters]
    if all(isinstance(size, int) for size in sizes):
        _not_too_large(name, math.prod(sizes))
    built = NAMES[name](**parameters)
    given = tuple(parameters.items())
    if name in GOSSIPS:
        return _gossip(name, built, weights, given)
    return _weighted(name, built, weights, given)


def _not_too_large(name, agents):
    require(agents <= LARGEST, f"{name} has {agents} agents; onemerge check takes at most {LARGEST}")


def _weighted(name, graph, weights, parameters):
    _not_too_large(name, len(graph))
    weights = weights or ("uniform" if graph.is_directed() else "metropolis")
    return _fixed(name, graph, mixing(graph, weights), weights, parameters)


def _fixed(name, graph, W, weights, parameters):
    require(graph is not None or weights is None, f"{name} is a matrix and has its weights; leave out {weights!r}")
    report = check_mixing(W)
    _not_too_large(name, report.agents)
    for problem in report.problems(doubly_stochastic=False):
        raise OnemergeError(f"{name}: {problem}")
    graph = graph_of(report.W) if graph is None else graph
    return Subject(name, constant(report.W), (report.W,), graph, weights, parameters)


def _gossip(name, gossip, weights, parameters):
    require(weights is None, f"{name} is a gossip and has its weights; leave out {weights!r}")
    _not_too_large(name, gossip.agents)
    rounds = gossip.period if spectrum.deterministic(gossip) else DRAWS
    matrices = tuple(gossip.draw(t, stream(0, "gossip", t)) for t in range(rounds))
    subject = Subject(name, gossip, matrices, parameters=parameters)
    kept = spectrum.slem(_product(matrices)) if subject.kind != "random" else 1 - spectrum.consensus_rate(gossip)
    require(1 - kept > spectrum.NO_GAP, f"{name} never brings its agents together: the rate of a period is {kept:.12g}")
    return subject


def _product(matrices):
    """W_{period-1} ... W_1 W_0."""
    return reduce(lambda later, W: W @ later, matrices)


def _matrix(subject):
    """What was measured on the matrices: the largest violations, and the properties within TOLERANCE."""
    reports = [check_mixing(W) for W in subject.matrices]
    fixed = reports[0] if subject.kind == "constant" else None
    return {
        "checked": len(reports),
        "row_error": max(report.row_error for report in reports),
        "column_error": max(report.column_error for report in reports),
        "most_negative": min(report.most_negative for report in reports),
        "asymmetry": max(report.asymmetry for report in reports),
        "tolerance": TOLERANCE,
        "doubly_stochastic": all(report.doubly_stochastic for report in reports),
        "symmetric": all(report.symmetric for report in reports),
        "connected": True,  # else refused
        "cycle_period": fixed.period if fixed else None,
        "normal": fixed is not None and bool(np.abs(fixed.W @ fixed.W.T - fixed.W.T @ fixed.W).max() <= TOLERANCE),
    }


def _spectrum(subject):
    """Every number that a spectral gap may mean; `p` is that of the worst round, which one-step bounds speak about."""
    gossip, kind = subject.gossip, subject.kind
    period = _product(subject.matrices) if kind != "random" else None
    of_period = spectrum.consensus_rate(gossip)
    p = of_period if kind != "periodic" else min(map(spectrum.consensus_rate, subject.matrices))
    values = spectrum.eigenvalues(gossip.second_moment() if period is None else period)
    return {
        "eigenvalues_of": {"constant": "W", "periodic": "product of one period", "random": "E[W^T W]"}[kind],
        "eigenvalues": [[float(value.real), float(value.imag)] for value in values],
        "slem": None if period is None else spectrum.slem(period),
        "contraction": None if period is None else spectrum.contraction(period),
        "p": _ends(p),
        "p_of_period": _ends(of_period),
        "mean_drift": _ends(spectrum.mean_drift(gossip)),
        "noise_gain": spectrum.noise_gain(gossip),
        "drift_gain": spectrum.drift_gain(gossip),
        "closed_form": _closed_form(subject),
    }


def _ends(p):
    """p, but 0 and 1 themselves where it is one of them up to rounding."""
    return next((end for end in (0.0, 1.0) if abs(p - end) <= ROUNDING), float(p))


def _closed_form(subject):
    """The closed forms of 1 - slem and p that `theory.bounds.spectra` has for this family, beside the numbers."""
    name, weights = CLOSED_FORMS.get(subject.name, (None, ()))
    if name is None or subject.weights not in weights or not BOUNDS[name].inside(**dict(subject.parameters)):
        return None
    gap = float(BOUNDS[name](**dict(subject.parameters)))
    return {
        "bound": name,
        "one_minus_slem": gap,
        "numeric_one_minus_slem": 1 - spectrum.slem(subject.matrices[0]),
        "p": float(BOUNDS["consensus_rate_normal"](one_minus_slem=gap)),
        "numeric_p": spectrum.consensus_rate(subject.gossip),
    }


class Probed(QuadraticProblem):
    """Quadratics that also measure the discrepancy of the descent lemma and the diversity of Assumption 3."""

    def measure_gradients(self, theta):
        merged = theta.mean(dim=1, keepdim=True)
        gradient = self.mean_curvature * merged[:, 0]
        discrepancy = (self.curvature * (theta - self.optima)).mean(dim=1) - gradient
        differences = self.curvature * (merged - self.optima) - gradient[:, None]
        return super().measure_gradients(theta) | {
            "discrepancy_norm_sq": (discrepancy**2).sum(-1),
            "discrepancy_inner": (gradient * discrepancy).sum(-1),
            "gradient_diversity": (differences**2).sum(-1).mean(-1),
        }


@contextmanager
def _one_thread():
    """One thread of torch inside: small tensors wait longer for a second one, and the bits do not depend on cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@_one_thread()
def _simulated(config, gossip, lr, steps, runs, bar):
    """({metric: values [runs, steps + 1]}, problem), gossip and noise independent over the runs (seeds 0, 1, ...)."""
    stack, tables = max(1, CHUNK // gossip.agents**2), []
    for first in range(0, runs, stack):
        seeds = tuple(range(first, min(first + stack, runs)))
        problem = Probed(config, gossip.agents, seeds, torch.device("cpu"))
        done = steps * len(tables)
        table, _ = simulate(
            problem,
            gossip.draw,
            Optimizer("sgd", lr),
            rounds=steps,
            gradients_every=1,
            on_round=lambda state, done=done: bar(done + state.round, steps * math.ceil(runs / stack)),
        )
        tables.append(table[table["agent"].isna()])
    wide = pd.concat(tables).pivot(index="seed", columns=["metric", "step"], values="value")
    metrics = [metric for metric in wide.columns.unique("metric") if metric != "diverged"]
    return {metric: wide[metric].reindex(columns=range(steps + 1)).to_numpy() for metric in metrics}, problem


def _divergence(values):
    """The first step at which a metric of some run is not finite or beyond OVERFLOW, None if there is none."""
    sound = np.logical_and.reduce([np.abs(array) <= OVERFLOW for array in values.values()]).all(axis=0)
    return None if sound.all() else int(np.argmin(sound))


def margin(runs):
    """Standard errors that a mean over `runs` may be off by: 5, widened by Student's law for few runs."""
    return float(-special.stdtrit(runs - 1, special.ndtr(-SIGMAS)))


def violated(kind, measured, bound, rounding=0.0):
    """THE rule. Where the mean over the runs of what exceeds the bound is above `rounding` by more than chance allows.

    measured, bound [runs, ...] -> booleans [...]. The excess of an upper bound is measured - bound, run by run, so that
    the error of a bound that depends on the state of a run counts too; chance allows `margin` standard errors.
    """
    if kind == "equal":
        return violated("upper", measured, bound, rounding) | violated("lower", measured, bound, rounding)
    excess = measured - bound if kind == "upper" else bound - measured
    error = excess.std(axis=0, ddof=1) / len(excess) ** 0.5
    return excess.mean(axis=0) - margin(len(excess)) * error > rounding


def _departures(subject, config, matrix, numbers, phi_sq):
    """{assumption: what departs from it, "" where it is met}; an assumption that is not here cannot be decided here."""
    column = f"columns sum to 1 only within {matrix['column_error']:.3g}"
    balance = "" if matrix["doubly_stochastic"] and subject.gossip.mean_preserving else column
    rate = "" if numbers["p"] > 0 else f"p = {numbers['p']:.3g} in the worst round"
    if phi_sq is None:
        fast = "not decided, the run diverged"
    else:
        fast = "" if _shrinks_slowly(phi_sq.mean(axis=0), numbers["p"]) else "they shrink faster"
    differ = f"zeta = {config.zeta:g}, spread = {config.spread:g}"
    by_construction = (
        "A2", "A3", "bounded_gradients", "common_start", "independent_gossip", "independent_noise", "noise_per_agent",
        "smooth", "smooth_agents", "zero_start",
    )  # fmt: skip
    return dict.fromkeys(by_construction, "") | {
        "A1": balance or rate,
        "doubly_stochastic": balance,
        "homogeneous": "" if config.zeta == config.spread == 0 else differ,
        "slow_gradients": fast,
        "normal_mixing": "" if matrix["normal"] else "W does not commute with its transpose",
    }


def _shrinks_slowly(phi_sq, p):
    """phi_t² <= (1 + p/4) phi_(t+1)² for every step."""
    return bool((phi_sq[:-1] <= (1 + p / 4) * phi_sq[1:] * (1 + ROUNDING)).all())


def _known(values, problem, config, numbers, lr):
    """({symbol: number, or [runs, steps] for the state before each step}, {about: what was measured}).

    Where the run diverged, what depends on it is None. Quadratics have no third derivative: T2 = 0, U = 0 is what the
    paper's rate says about them. epsilon is what the run attained.
    """
    steps = values["consensus_distance"].shape[1] - 1
    known = {
        "agents": problem.agents, "steps": steps, "lr": lr, "sigma": config.sigma, "zeta": config.zeta, "L2": config.L,
        "L3": 0.0, "L4": 0.0, "L_local": problem.smoothness, "initial_gap": float(problem.initial_gap[0]),
        **{name: numbers[name] for name in ("p", "noise_gain", "drift_gain")},
        "T2": 0.0, "U_mean": 0.0, "U_sum": 0.0, "descent_remainder": 0.0,
    }  # fmt: skip
    if _divergence(values) is not None:
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
        "steps": np.full(len(values["merged_loss"]), float(steps)),
    }
    known["epsilon"] = float(measured["gradient_norm_sq_mean"].mean())
    return known, measured


def _floors(values, known):
    """{about: rounding error of what is measured, the same for every step or one value a step}."""
    size = (values["merged_norm_sq"] + values["consensus_distance"]).mean(axis=0).max()
    local = (4 * known["agents"] * np.finfo(float).eps) ** 2 * float(size + (known["lr"] * known["phi"]) ** 2)
    loss = ROUNDING * known["merged_loss"].mean(axis=0)
    return {"consensus_distance": local, "next_consensus_distance": local, "next_merged_loss": loss}


def _comparable(bound, known, departures):
    """Whether everything that `bound` speaks about is known and measured here."""
    return (
        bound.about in ABOUT
        and set(bound.symbols) <= set(known)
        and set(bound.assumptions) <= set(departures)
        and bound.order != "combine_then_adapt"
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


def _row(bound, known, measured, departures, floor, diverged):
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
    value = np.broadcast_to(bound(**{name: known[name] for name in bound.symbols}), seen.shape)
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


def _exact(subject, problem, lr, distances):
    """The last consensus distance against the exact moments of `theory.moments`: a second derivation, or why not."""
    record = {"exact": None, "measured": None, "standard_error": None, "z": None, "verdict": "not computed", "note": ""}
    if subject.kind == "random":
        return record | {
            "note": "the gossip is random, and the exact moments are those of a fixed sequence of matrices"
        }
    if subject.gossip.agents > EXACT:
        return record | {"note": f"left out above {EXACT} agents, where it would take longer than the simulation"}
    if distances is None:
        return record | {"note": "diverged"}
    curvature, optima, start = (tensor.numpy() for tensor in (problem.curvature, problem.optima[0], problem.start[0]))
    draw, last_round = subject.gossip.draw, distances[:, -1]
    moments = dsgd_moments(lambda t: draw(t, None), curvature, optima, start, lr, problem.config.sigma)
    last = next(islice(moments, distances.shape[1], None))
    exact = float(last.consensus_distance())
    size = (last.mean**2).sum(-1).mean() + np.trace(last.covariance, axis1=-2, axis2=-1).sum() / len(curvature)
    rounding = ROUNDING * float(size)
    difference, error = float(last_round.mean()) - exact, float(last_round.std(ddof=1) / len(last_round) ** 0.5)
    small = abs(difference) <= rounding
    return record | {
        "exact": exact,
        "measured": float(last_round.mean()),
        "standard_error": error,
        "z": 0.0 if small else difference / error if error > 0 else None,
        "verdict": "differs" if violated("equal", last_round, np.float64(exact), rounding) else "agrees",
        "note": "equal up to rounding" if small else "",
    }


def _curve(rows, known, distances):
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
        values, allowed = {name: known[name] for name in bound.symbols}, []
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


def check_topology(
    topology, *, weights=None, L=1.0, mu=None, sigma=1.0, zeta=1.0, spread=0.0, dim=10, distance=1.0, lr=None,
    steps=200, runs=64, plot=None, bar=lambda done, total: None, tell=lambda sentence: None, **parameters,
):  # fmt: skip
    """Check one topology against every bound, and return the record that docs/check.md describes.

    `topology` is a name of NAMES with its `parameters`, a networkx graph, a matrix W [m, m], a `Gossip`, or the `Path`
    of a file; `weights` a rule of theory.mixing (None: metropolis, and uniform for a directed graph). The quadratics
    are those of `sim.quadratic.Quadratic` (`mu` None: L/10). `lr` None: a quarter of the largest learning rate of the
    master bounds, 1/(4 R L_local) with R = drift_gain, and at most 0.1/L_local. `plot` names a .png or .pdf file.
    `bar(done, total)` is told the progress in rounds, `tell(sentence)` what is slow or left out.
    """
    started = time.perf_counter()
    require(isinstance(runs, int) and runs >= 2, f"runs is {runs!r}; a standard error needs at least 2 runs")
    require(isinstance(steps, int) and steps >= 1, f"steps is {steps!r}; it must be an integer of at least 1")
    require(lr is None or (math.isfinite(lr) and lr > 0), f"lr is {lr}; it must be a positive number")
    config = Quadratic(dim, L / 10 if mu is None else mu, L, zeta, sigma, spread, distance)
    _check_plot(plot)
    subject = subject_of(topology, weights, **parameters)
    agents = subject.gossip.agents
    if agents > SLOW:
        tell(f"{agents} agents: eigenvalues take time of order m^3, and every step moves {runs} dense m x m matrices")
    matrix, numbers = _matrix(subject), _spectrum(subject)
    chosen = lr is None
    if chosen:
        gain = numbers["drift_gain"]
        lr = min(0.1, 1 / (4 * gain) if 0 < gain < math.inf else 0.1) / (L * (1 + spread))
    values, problem = _simulated(config, subject.gossip, lr, steps, runs, bar)
    at = _divergence(values)
    known, measured = _known(values, problem, config, numbers, lr)
    distances, phi_sq = measured["consensus_distance"], known["local_gradient_norm_sq"]
    departures = _departures(subject, config, matrix, numbers, phi_sq)
    floor = {} if at is not None else _floors(values, known)
    diverged = None if at is None else f"diverged at step {at}"
    compared = [bound for bound in BOUNDS.values() if _comparable(bound, known, departures)]
    rows = [_row(bound, known, measured, departures, floor, diverged) for bound in compared]
    exact = _exact(subject, problem, lr, distances)
    curve = _curve(rows, known, distances)
    met = {row["bound"]: all(a["met"] for a in row["assumptions"]) for row in rows}
    record = {
        "topology": {
            "name": subject.name,
            "parameters": dict(subject.parameters),
            "weights": subject.weights,
            "kind": subject.kind,
            "agents": agents,
            "period": subject.gossip.period,
            "edges": None if subject.graph is None else subject.graph.number_of_edges(),
            "directed": None if subject.graph is None else subject.graph.is_directed(),
        },
        "matrix": matrix,
        "spectrum": numbers,
        "problem": {**asdict(config), "lr": lr, "lr_chosen": chosen, "steps": steps, "runs": runs},
        "run": {
            "diverged_at": at,
            "initial_gap": known["initial_gap"],
            "phi": known["phi"],
            "zeta": None if at is not None else known["zeta"],
            "L_local": known["L_local"],
            "gradient_norm_sq_mean": known["epsilon"],
            "consensus_distance": None if distances is None else float(distances.mean(axis=0).max()),
        },
        "moments": exact,
        "margin": margin(runs),
        "bounds": rows,
        "not_compared": [name for name in BOUNDS if name not in met],
        "contradictions": [row["bound"] for row in rows if row["verdict"] == "violated" and met[row["bound"]]]
        + ["moments"] * (exact["verdict"] == "differs"),
        "curve": curve,
        "seconds": time.perf_counter() - started,
    }
    if plot is not None and at is not None:
        tell(f"The run diverged at step {at}: {plot} is not drawn.")
    elif plot is not None:
        _plot(record, subject, Path(plot))
    return record


def _check_plot(path):
    """Fail before any work is done where the figure could not be written."""
    if path is None:
        return
    suffix = Path(path).suffix.lower()
    require(suffix in (".png", ".pdf"), f"{path} has the suffix {suffix!r}; a plot is a .png or a .pdf file")
    require(not Path(path).is_dir(), f"{path} is a folder; give the path of a file")
    probe = Path(path).parent / ".writable"
    _write(probe, b"")
    probe.unlink()


def _write(path, data):
    try:
        write_whole(path, data)
    except OnemergeError as error:
        raise OnemergeError(str(error).replace("--out", "--plot")) from None


def _layout(graph):
    """{agent: (x, y)} by distance in the graph, and then no two agents closer than a disc of the figure is wide."""
    placed = nx.kamada_kawai_layout(graph)
    spots = np.array([placed[agent] for agent in graph])
    spots = spots / np.abs(spots).max()
    wide = 1.15 * np.clip(280 / len(graph), 1.5, 9.2) / 56  # points of a disc, and of half a panel
    for _ in range(200):
        apart = spots[:, None] - spots
        distance = np.linalg.norm(apart, axis=-1) + np.eye(len(spots)) * wide
        push = np.maximum(wide - distance, 0)[..., None] * apart / np.maximum(distance, ROUNDING)[..., None]
        spots = spots + push.sum(axis=1) / 2
    return dict(zip(graph, spots, strict=True))


def _plot(record, subject, path):
    """Draw the record by `figures.topology.topology_report`."""
    from figures.style import look
    from figures.topology import topology_report

    agents, kind = subject.gossip.agents, subject.kind
    graph = subject.graph
    if graph is None:
        graph = nx.complete_graph(agents) if kind == "random" else graph_of(sum(subject.matrices))
    on_circle = subject.graph is None or subject.name in CIRCLE or agents > DRAWN
    positions = None if on_circle else _layout(graph.to_undirected())
    curve = record["curve"]
    consensus = pd.DataFrame({name: curve[name] for name in ("step", "mean", "low", "high")})
    lines = [
        pd.DataFrame({"step": curve["step"], "bound": name, "value": value}) for name, value in curve["bounds"].items()
    ]
    eigenvalues = np.array([complex(*pair) for pair in record["spectrum"]["eigenvalues"]])
    band = f"min to max over {record['problem']['runs']} runs"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Data has no positive values")  # where all agree exactly at once
        table = pd.concat(lines) if lines else None
        figure = topology_report(graph, eigenvalues, consensus, table, band=band, positions=positions)
    shown = {"constant": "$W$", "periodic": r"$\Phi$", "random": "E$[W^T W]$"}[kind]
    for text in figure.legends[0].get_texts():
        text.set_text(text.get_text().replace("eigenvalues of $W$", f"eigenvalues of {shown}"))
    with look(), io.BytesIO() as buffer:
        metadata = {"CreationDate": None} if path.suffix.lower() == ".pdf" else {}
        figure.savefig(buffer, dpi=300, format=path.suffix.lower()[1:], metadata=metadata)
        _write(path, buffer.getvalue())
