"""Koloskova et al. 2020, arXiv 2003.10422, Theorem 3: heterogeneity slows D-SGD down even without noise.

The order was recalled; what it says is derived anew here, with every constant. Quadratics of one curvature h whose
minimizers lie along the eigenvector of slem, W symmetric: the merged model is as fast as gradient descent, and each
agent is off by what gossip cannot undo. So the statement is about the agents, never about the merged model alone.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from sympy import sqrt

from theory.bound import Bound
from theory.errors import require
from theory.notation import symbols

PAPER = "Koloskova et al. 2020, arXiv 2003.10422, Theorem 3"

steps, lr, slem, zeta, curvature = symbols("steps lr slem zeta curvature")
initial_distance_sq, distance_target = symbols("initial_distance_sq distance_target")

KEPT = 1 - lr * curvature
INSTANCE = ("scalar_quadratics", "slowest_mode", "symmetric_mixing", "common_start")
MOST = 10**9  # steps: a search beyond is refused

HETEROGENEITY_ERROR = Bound(
    name="heterogeneity_error",
    about="agent_distance_sq",
    kind="equal",
    formula=(
        KEPT ** (2 * steps) * initial_distance_sq
        + (lr * slem * zeta / (1 - slem * KEPT)) ** 2 * (1 - (slem * KEPT) ** steps) ** 2
    ),
    where=(slem < 1, lr * curvature <= 1),
    assumptions=INSTANCE,
    source=f"{PAPER}, its instance; derived anew",
    statement="The agents' distance to the minimizer: what is left of the start, and the bias of heterogeneity.",
    example={"steps": 100, "lr": 0.05, "slem": 0.9, "zeta": 1.0, "curvature": 1.0, "initial_distance_sq": 1.0},
    increasing=("initial_distance_sq", "zeta", "slem"),
)
HETEROGENEITY_LR = Bound(
    name="heterogeneity_lr",
    about="lr",
    kind="upper",
    formula=sqrt(distance_target) * (1 - slem) / (slem * (zeta - curvature * sqrt(distance_target))),
    where=(slem > 0, slem < 1, zeta > curvature * sqrt(distance_target)),
    assumptions=(*INSTANCE, "stationary"),
    source=f"{PAPER}; derived anew: heterogeneity_error for large steps at distance_target, solved for lr",
    statement="Largest learning rate at which the agents may stay within distance_target for good.",
    example={"distance_target": 0.01, "slem": 0.9, "zeta": 1.0, "curvature": 1.0},
    increasing=("distance_target", "curvature"),
    decreasing=("slem", "zeta"),
)
HETEROGENEITY_STEPS = Bound(
    name="heterogeneity_steps",
    about="steps",
    kind="order",
    formula=zeta * slem / (curvature * sqrt(distance_target) * (1 - slem)),
    where=(slem < 1,),
    assumptions=(*INSTANCE, "best_lr"),
    source=f"{PAPER}, up to a logarithm of the target; derived anew from heterogeneity_lr",
    statement="At least of this order: steps that bring the agents to distance_target, at the best learning rate.",
    example={"distance_target": 0.01, "slem": 0.9, "zeta": 1.0, "curvature": 1.0},
    increasing=("slem", "zeta"),
    decreasing=("distance_target", "curvature"),
)


def fewest_steps(slem, target, start_sq=1.0, zeta=1.0, curvature=1.0):
    """(T, lr): fewest steps after which HETEROGENEITY_ERROR is at most `target` [θ²] for some lr <= 1/curvature.

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
