"""Steps to an accuracy: the fewest T at which some learning rate brings a bound, or an exact error, down to it."""

from dataclasses import dataclass

import numpy as np
import sympy
from scipy.optimize import minimize_scalar

from theory.errors import require
from theory.notation import NOTATION

RATES = np.geomspace(1e-12, 1e3, 6001)  # learning rates tried, in units of 1/smoothness
ZOOMS = 4  # each between the neighbors of the best rate so far, 200 times closer
MOST = 10**9  # steps: a search beyond is refused
FOREVER = 1e250  # steps after which nothing is left of a term in 1/T


@dataclass(frozen=True)
class Complexity:
    """The fewest steps, a real number of at least 1, and the learning rate that needs them; inf and None if none do."""

    steps: float
    lr: float | None


def steps_to(bound, epsilon, **values):
    """`Complexity` of bringing `bound`, a mean over T steps, down to `epsilon` (in the unit of what it is about).

    The formula must be a(η) + b(η)/T, then T = b/(ε - a) at each η of the region with a < ε, and η is chosen for the
    least. `values` are numbers for every symbol but lr and steps. A bound about the steps themselves takes
    epsilon as one of its own symbols: call it.
    """
    require(epsilon > 0 and np.isfinite(epsilon), f"epsilon is {epsilon}; it must be a positive number")
    require("steps" in bound.symbols and "lr" in bound.symbols, f"{bound.name} has not both the symbols lr and steps")
    require(tunable(bound), f"{bound.name} is not of the form a + b/steps with a region free of steps")
    smoothness = values.get("L_local") or values.get("L2") or 1.0

    def needed(lr):
        inside = bound.inside(lr=lr, steps=1.0, **values)
        floor, first = (bound(lr=lr[inside], steps=steps, **values) for steps in (FOREVER, 1.0))
        steps = np.full(lr.shape, np.inf)
        left = np.where(floor < epsilon, epsilon - floor, 1.0)
        steps[inside] = np.where(floor < epsilon, np.maximum((first - floor) / left, 1.0), np.inf)
        return steps

    rates = RATES / smoothness
    for _ in range(ZOOMS):
        steps = needed(rates)
        best = int(np.argmin(steps))
        if not np.isfinite(steps[best]):
            return Complexity(np.inf, None)
        found = Complexity(float(steps[best]), float(rates[best]))
        rates = np.geomspace(rates[max(best - 1, 0)], rates[min(best + 1, len(rates) - 1)], 401)
    return found


def tunable(bound):
    """Whether the formula is a + b/steps, with a and b free of steps, and no relation of the region has steps."""
    steps = NOTATION["steps"].sympy
    inverse = sympy.Symbol("inverse", positive=True)
    affine = bound.formula.subs(steps, 1 / inverse)
    return (
        {"lr", "steps"} <= set(bound.symbols)
        and all(steps not in relation.free_symbols for relation in bound.where)
        and sympy.simplify(sympy.diff(affine, inverse, 2)) == 0
    )


def fewest_steps(slem, target, start_sq=1.0, zeta=1.0, curvature=1.0):
    """(T, lr): fewest steps after which `heterogeneity_error` is at most `target` [θ²] for some lr <= 1/curvature.

    The error is minimized over log lr for each T tried, doubling T and then bisecting.
    """
    require(0 <= slem < 1, f"slem is {slem}; it must lie in [0, 1)")
    for name, value in {"target": target, "curvature": curvature}.items():
        require(np.isfinite(value) and value > 0, f"{name} is {value}; it must be a positive number")
    for name, value in {"start_sq": start_sq, "zeta": zeta}.items():
        require(np.isfinite(value) and value >= 0, f"{name} is {value}; it must be a finite number >= 0")

    def error(log_lr, T):
        kept = -np.expm1(log_lr)  # 1 - lr curvature
        drift = np.exp(log_lr) / curvature * slem * zeta / (1 - slem * kept)
        return kept ** (2 * T) * start_sq + (drift * (1 - (slem * kept) ** T)) ** 2

    def best(T):
        grid = np.linspace(-60, 0, 2001)
        at = np.clip(np.argmin(error(grid, T)), 1, len(grid) - 2)
        found = minimize_scalar(error, args=(T,), bounds=(grid[at - 1], grid[at + 1]), method="bounded",
                                options={"xatol": 1e-12})  # fmt: skip
        candidates = [(found.fun, found.x), (error(0.0, T), 0.0)]
        return min(candidates)

    high = 1
    while best(high)[0] > target:
        high *= 2
        require(high <= MOST, f"target is {target}; it is not reached within {MOST} steps")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if best(middle)[0] <= target else (middle, high)
    return high, float(np.exp(best(high)[1]) / curvature)
