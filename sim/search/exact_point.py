"""Points that exact arithmetic confirms: a problem of fractions and one of its steps as an `Instance` in words.

`smooth_point` and `quadratic_point` are what an instance runs. They take the numbers as text ("1/2"), check every
assumption of the statement that the point could break, and compare exactly: fractions where all is rational, else 60
digits with a stated error.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import sympy

from sim.search import point_words
from sim.search.exact_run import ERROR, evaluate, exact_quantities, number
from sim.search.fleet import doubly_stochastic
from sim.search.quadratic_attack import of_mixing
from sim.search.quadratic_run import QuadraticRun, history, variance_of
from sim.search.smooth_attack import base_of, starts_together
from sim.search.smooth_run import SmoothRun
from theory.bound import Bound
from theory.bounds import BOUNDS
from theory.errors import require
from theory.notation import DOMAINS, NOTATION
from theory.proof.evidence import Instance, Measured

GAIN_ERROR = sympy.Rational(1, 10**9)  # relative error of gains that are summed in float64


def point_of(bound, problem, step):
    """The `Instance` of a step, counted from 0, of a problem whose numbers are fractions."""
    given = _given(bound) | {"step": step}
    problem = problem.each(Fraction)
    if isinstance(problem, QuadraticRun):
        values = {field: _text(getattr(problem, field)) for field in ("mixings", "h", "g", "start", "noise", "lr")}
        values |= {"drawn": problem.drawn}
        return Instance(point_words.quadratic(problem, step), quadratic_point, given | values)
    values = {field: _text(value) for field, value in vars(problem).items() if field not in ("profile", "steps")}
    return Instance(point_words.smooth(problem, step), smooth_point, given | {"profile": problem.profile} | values)


def smooth_point(bound, step, profile, without=(), **numbers):
    """`Measured` of one step of the `SmoothRun` of these numbers, exact or with the error 1e-40 of its size."""
    bound = _record(bound, without)
    run = SmoothRun(profile, **{name: _exact(text) for name, text in numbers.items()}, steps=step + 1).each(_sympy)
    tags = bound.assumptions
    doubly_stochastic(run.W)
    if starts_together(bound):
        require(len(set(run.start)) == 1, f"{bound.name} needs a common start; it is {run.start}")
    require("homogeneous" not in tags or run.homogeneous, f"{bound.name} needs agents of one loss")
    bounded = all(norm.is_finite for norm in run.function.norms)
    require("A2" not in tags or bounded, f"{profile} does not have all of L1 to L4")
    seen = exact_quantities(run)
    seen["sigma"] = sympy.sqrt(variance_of([value**2 for value in run.noise], tags))
    require(seen["p"] > 0, f"W = {run.W} does not contract, which Assumption 1 asks for")
    if {"U_mean", "descent_remainder"} & set(bound.symbols):
        record = BOUNDS["residual_d11"]
        level = [
            evaluate(record.formula, {name: _at(seen[name], t) for name in record.symbols}) for t in range(step + 1)
        ]
        seen["U_mean"] = [sum(level[: t + 1]) / sympy.Integer(t + 1) for t in range(step + 1)]
        flat = (seen["lr"] * seen["L2"] - 1) * seen["T2"][step]
        seen["descent_remainder"] = seen["lr"] * (level[step] - flat)
    now = {name: _at(value, step) for name, value in seen.items()}
    values = bound.arguments(now)
    return _compare(bound, values, now[bound.about], base_of(bound, now))


def quadratic_point(bound, step, drawn, without=(), **numbers):
    """`Measured` of one step of the `QuadraticRun` of these numbers.

    Exact where the gossip is one symmetric matrix of two agents or no gain is asked for; else gains have float64's
    digits, and the error is 1e-9 of what is allowed.
    """
    bound = _record(bound, without)
    arrays = {name: np.array(_exact(text), dtype=object) for name, text in numbers.items() if name != "lr"}
    run = QuadraticRun(drawn=drawn, lr=_exact(numbers["lr"]), steps=step + 1, **arrays)
    tags, m = bound.assumptions, run.agents
    for W in run.mixings:
        doubly_stochastic(W.tolist())
    variances = np.diagonal(run.noise)
    if {"zero_start", "common_start"} & set(tags):
        require(len(set(run.start)) == 1, f"{bound.name} needs a common start; it is {run.start.tolist()}")
    if "independent_noise" in tags:
        require(not (run.noise - np.diag(variances)).any(), f"{bound.name} needs noise that is independent over agents")
    least = np.linalg.eigvalsh(run.noise.astype(float))[0]
    require(least >= -1e-12, f"the covariance of the noise has the eigenvalue {least:.3g}")
    seen = {name: [number(_sympy(v)) for v in values] for name, values in history(run, _late(bound)).items()}
    gossip, error = _of_gossip(run, bound.symbols)
    curvature, mean = _sympy(sum(run.h)) / m, lambda values: sum(values) / sympy.Integer(len(values))
    steepest = _sympy(max(map(abs, run.h)))  # linear losses are smooth with any constant above 0
    values = gossip | {
        "agents": sympy.Integer(m), "lr": _sympy(run.lr), "steps": sympy.Integer(step + 1),
        "sigma": sympy.sqrt(_sympy(variance_of(variances, tags))), "L_local": steepest or sympy.Rational(1, 10**9),
        "L2": abs(curvature), "mu": _sympy(min(run.h)), "zeta": sympy.sqrt(max(seen["zeta"])),
        "phi": sympy.sqrt(max(seen["phi"])), "neighborhood_zeta": sympy.sqrt(max(seen["near"])),
        "initial_consensus_distance": seen["consensus"][0], "consensus_distance": seen["consensus"][step],
        "local_gradient_norm_sq": seen["phi"][step], "gradient_norm_sq": seen["gradient"][step],
    }  # fmt: skip
    measured = {
        "consensus_distance": seen["consensus"][step + 1],
        "next_consensus_distance": seen["consensus"][step + 1],
        "gradient_norm_sq_mean": mean(seen["gradient"][: step + 1]),
    }
    if curvature > 0:
        optimum = -_sympy(sum(run.g)) / m / curvature
        distance = [a - 2 * optimum * b + optimum**2 for a, b in zip(seen["middle_sq"], seen["middle"], strict=True)]
        values |= {"initial_gap": curvature / 2 * distance[0], "initial_distance_sq": distance[0]}
        measured |= {
            "loss_gap_mean": curvature / 2 * mean(distance[: step + 1]), "final_distance_sq": distance[step + 1]
        }  # fmt: skip
    return _compare(bound, bound.arguments(values), measured[bound.about], 0, error)


def _compare(bound, values, measured, base, error=ERROR):
    require(bound.kind == "upper", f"{bound.name} is no upper bound")
    for name, value in values.items():
        words, _, test = DOMAINS[NOTATION[name].domain]
        require(bool(test(np.float64(value))), f"{bound.name} needs {name} {words}, got {float(value):g}")
    given = {NOTATION[name].sympy: value for name, value in values.items()}
    for relation in bound.where:
        require(relation.subs(given) == sympy.true, f"{bound.name} needs {relation}, which the point does not meet")
    allowed = evaluate(bound.formula, values)
    measured, allowed = number(measured - base), number(allowed - base)
    exact = measured.is_Rational and allowed.is_Rational and error == ERROR
    return Measured(measured, allowed, 0 if exact else error * (abs(measured) + abs(allowed)))


def _of_gossip(run, symbols):
    """({"p": ..., ...}, relative error of the bound from them)."""
    if not {"p", "contraction", "noise_gain", "drift_gain", "uneven_gain", "correlated_gain"} & set(symbols):
        return {}, ERROR
    W = run.mixings[0]
    if run.agents == 2 and len(run.mixings) == 1:
        kept = abs(_sympy(W[0, 0] - W[0, 1]))
        square = kept**2 / (1 - kept**2)
        gains = {
            "noise_gain": square / 2,
            "uneven_gain": square / 2,
            "correlated_gain": square,
            "drift_gain": kept / (1 - kept),
        }
        return gains | {"p": 1 - kept**2, "contraction": kept}, ERROR
    known = of_mixing(run.each(float), symbols)
    return {name: sympy.Rational(value) for name, value in known.items()}, GAIN_ERROR


def drop(bound, *tags):
    """The bound without some of its assumptions, as which it claims more."""
    for tag in tags:
        require(tag in bound.assumptions, f"{bound.name} does not assume {tag!r}; it assumes {bound.assumptions}")
    return replace(bound, assumptions=tuple(tag for tag in bound.assumptions if tag not in tags))


def _given(bound):
    """A record of the catalog by its name and the tags that it is without, any other by its parts as text."""
    record = BOUNDS.get(bound.name)
    if record is None or replace(bound, assumptions=record.assumptions) != record:
        parts = {"name": bound.name, "about": bound.about, "formula": str(bound.formula), "order": bound.order}
        return {"bound": parts | {"where": tuple(map(str, bound.where)), "assumptions": tuple(bound.assumptions)}}
    gone = tuple(tag for tag in record.assumptions if tag not in bound.assumptions)
    return {"bound": bound.name} | ({"without": gone} if gone else {})


def _record(bound, without):
    if isinstance(bound, dict):
        symbols = {name: symbol.sympy for name, symbol in NOTATION.items()}
        formula, *where = (sympy.sympify(text, locals=symbols) for text in (bound["formula"], *bound["where"]))
        parts = {"kind": "upper", "source": "stated", "statement": "", "example": {}}
        return Bound(**bound | parts | {"formula": formula, "where": tuple(where)})
    if not isinstance(bound, Bound):
        require(bound in BOUNDS, f"{bound!r} is no bound of the catalog")
        bound = BOUNDS[bound]
    return drop(bound, *without)


def _late(bound):
    return bound.order == "combine_then_adapt"


def _at(value, step):
    return value[step] if isinstance(value, list) else value


def _sympy(value):
    return sympy.Rational(value.numerator, value.denominator) if isinstance(value, Fraction) else sympy.sympify(value)


def _text(value):
    """Numbers as text, nested as they are."""
    if isinstance(value, (tuple, list, np.ndarray)):
        return tuple(_text(one) for one in value)
    return str(value)


def _exact(text):
    """Fractions from text, nested as it is."""
    return tuple(map(_exact, text)) if isinstance(text, (tuple, list)) else Fraction(text)
