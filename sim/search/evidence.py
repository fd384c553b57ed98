"""Simulations as evidence about a bound: many runs, and an interval for the mean of measured - allowed.

    simulated(BOUNDS["corollary_d2_sharp"], run)     # run: a `SmoothRun` with two-point noise, or a `QuadraticRun`

gives the `Evidence` of the interval at the last step of the run: it refutes where all of the interval is above 0 and
supports where none is. Runs come in batches, with a look after each, and end once the interval decides: it is one of a
sequence that is valid at any time. A refutation is valid for every number of runs, as what is measured is not negative.
So is the support by a `SmoothRun`, whose runs are bounded; that by a `QuadraticRun`, of Gaussian noise, holds in the
limit of many runs.
"""

from dataclasses import replace

import numpy as np

from sim.randomness import stream
from sim.search.confidence import asymptotic_interval, betting_interval, betting_lower_end, bonferroni, rate_interval
from sim.search.quadratic_attack import measure as exact_steps
from sim.search.quadratic_attack import of_mixing
from sim.search.quadratic_run import QuadraticRun, variance_of
from sim.search.smooth_run import Losses, constants, infimum
from theory.errors import require
from theory.proof.evidence import Effort, by_interval

BATCH = 64
LEVEL = 0.99
ABOUTS = ("consensus_distance", "gradient_norm_sq_mean")


def simulated(bound, problem, variant="", effort=None, claims=1, level=LEVEL):
    """`Evidence` of up to `effort.runs` independent runs; `claims` intervals hold at once with probability `level`."""
    require(bound.kind == "upper", f"{bound.name} is of kind {bound.kind!r}; a simulation tests upper bounds")
    require(bound.about in ABOUTS, f"a run does not show {bound.about!r}; valid: {', '.join(ABOUTS)}")
    effort, each = effort or Effort(), bonferroni(level, claims)
    allowed, most = allowed_and_largest(bound, problem)
    margins, low, high = np.empty(0), -np.inf, np.inf
    while len(margins) < effort.runs and not (low > 0 or high <= 0):
        generator = stream(effort.seed, "evidence", len(margins))
        measured = sample(problem, bound, min(BATCH, effort.runs - len(margins)), generator)
        require(np.isfinite(measured).all(), f"{bound.name}: the run overflows after {problem.steps} steps")
        margins = np.concatenate([margins, measured - allowed])
        low, high = interval_of(margins, allowed, most, each)
    above, runs = int((margins > 0).sum()), len(margins)
    rate = rate_interval(above, runs, each)
    words = f"{runs} runs, {above} of them above (rate in [{rate[0]:.3g}, {rate[1]:.3g}])"
    found = by_interval(variant or bound.name, low, high, words, runs, runs, each)
    numbers = {"mean": float(margins.mean()), "rate_low": rate[0], "rate_high": rate[1], "level": each}
    return replace(found, numbers=found.numbers | numbers)


def interval_of(margins, allowed, most, level):
    """The interval for their mean: by bets, but for the upper end of what has no largest value.

    What is measured is at least 0, so that the bets for the lower end need no largest value, and the bound itself is
    their unit.
    """
    if np.isfinite(most):
        _, high = betting_interval(margins, -allowed, most - allowed, level)
    else:
        _, high = asymptotic_interval(margins, level)
    return betting_lower_end(margins, -allowed, allowed, level), high


def allowed_and_largest(bound, problem):
    """(the value of the bound at the last step, the largest value that one run can measure, oo where there is none)."""
    if isinstance(problem, QuadraticRun):
        points = exact_steps(bound, problem)
        require(len(points) == problem.steps, f"{bound.name} says nothing about the run, which is outside its region")
        return points[-1].allowed, np.inf
    late = bound.order == "combine_then_adapt"
    require(not late, f"{bound.name} is about combine-then-adapt; a SmoothRun is adapt-then-combine")
    known = known_of(problem, bound.assumptions)
    missing = [name for name in bound.symbols if name not in known]
    require(not missing, f"a simulation does not know {', '.join(missing)} of {bound.name}")
    reach = (problem.lr * (known["phi"] + known["sigma"])) ** 2 * known["p_left"] / (1 - known["p_left"] ** 0.5) ** 2
    most = {"consensus_distance": reach, "gradient_norm_sq_mean": known["L1"] ** 2}[bound.about]
    value = float(bound(**bound.arguments(known)))
    return value, float(most)


def known_of(run, tags=()):
    """The constants of a `SmoothRun` from a common start, for all models it could reach: phi and zeta are suprema.

    `tags` are the assumptions of the statement, which say whether sigma is that of every agent or of their mean.

    With kept = |W - J|_2 the root Xi of the consensus distance never exceeds lr (phi + sigma) kept/(1 - kept).
    """
    require(len(set(run.start)) == 1, f"a simulation needs a common start; it is {run.start}")
    require(len(set(run.shifts)) == 1, f"a simulation needs one shift for all agents; they are {run.shifts}")
    heights, slopes, W = (np.array(value, dtype=float) for value in (run.heights, run.slopes, run.W))
    norms = run.function.constants
    steepest = norms["L1"] / run.width
    single = QuadraticRun(W[None], False, *[np.zeros(run.agents)] * 3, np.eye(run.agents), run.lr, run.steps)
    mixing = of_mixing(single, ("noise_gain",))
    start = Losses(run).mean(np.array(run.start[0]), 0)
    flat = abs(slopes.sum()) < 1e-12
    return constants(run, norms) | mixing | {
        "steps": run.steps,
        "sigma": float(variance_of(np.square(run.noise), tags) ** 0.5),
        "phi": float(np.mean((np.abs(heights) * steepest + np.abs(slopes)) ** 2) ** 0.5),
        "zeta": float(heights.std() * steepest + slopes.std()),
        "p_left": 1 - mixing["p"],
        "initial_gap": float(start - infimum(run)) if flat else np.inf,
    }  # fmt: skip


def sample(problem, bound, runs, generator):
    """What `runs` independent runs measure at the last step [runs]."""
    if isinstance(problem, QuadraticRun):
        gradients, mean_gradient, draw = _quadratic(problem, generator)
        mixings = problem.mixings
    else:
        losses, noise = Losses(problem), np.array(problem.noise)
        gradients, mean_gradient = lambda x: losses.local(x, 1), lambda x: losses.mean(x.mean(axis=1), 1)
        draw = lambda shape: noise * generator.choice([-1.0, 1.0], shape)  # noqa: E731
        mixings = np.array(problem.W)[None]
    x = np.tile(np.array(problem.start, dtype=float), (runs, 1))
    drawn, late = getattr(problem, "drawn", False), bound.order == "combine_then_adapt"
    total = np.zeros(runs)
    for t in range(problem.steps):
        total += mean_gradient(x) ** 2
        W = mixings[generator.integers(len(mixings), size=runs)] if drawn else mixings[t % len(mixings)]
        step = problem.lr * (gradients(x) + draw(x.shape))
        x = _mix(W, x) - step if late else _mix(W, x - step)
    if bound.about == "gradient_norm_sq_mean":
        return total / problem.steps
    return x.var(axis=1)


def _mix(W, x):
    return (W @ x[..., None])[..., 0]


def _quadratic(run, generator):
    values, vectors = np.linalg.eigh(run.noise)
    root = vectors * np.sqrt(np.maximum(values, 0))
    return (
        lambda x: run.h * x + run.g,
        lambda x: (run.h * x.mean(axis=1, keepdims=True) + run.g).mean(axis=1),
        lambda shape: generator.standard_normal(shape) @ root.T,
    )
