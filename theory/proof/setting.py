"""What a worst case is asked about: steps, step size, the class of the losses, the limits on a run, the objective."""

from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from theory.errors import require, shown

ORDERS = ("adapt_then_combine", "combine_then_adapt")
ABOUT = (
    "consensus_distance",  # Xi_N²
    "gradient_norm_sq",  # |grad L(mean model)|² after N steps
    "gradient_norm_sq_mean",  # its mean over steps 0..N-1
    "gradient_norm_sq_least",  # its least value over steps 0..N
    "loss_gap",  # L(mean model) - L* after N steps
    "loss_gap_mean",  # its mean over steps 0..N-1
    "final_distance_sq",  # |mean model - minimizer|² after N steps, convex losses
)
UNITS = {
    "consensus_distance": (0, 2),
    "final_distance_sq": (0, 2),
    "loss_gap": (1, 2),
    "loss_gap_mean": (1, 2),
}  # powers of L, of length
LIMITS = {"phi": (1, 1), "zeta": (1, 1), "initial_gap": (1, 2), "initial_distance_sq": (0, 2),
          "initial_consensus_distance": (0, 2)}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """What is asked. Limits that are None are not imposed; numbers are floats or, for certificates, Fractions.

    `lower` is the least curvature: mu >= 0, or -L for losses that are only smooth. `phi`: mean of |grad L_k(x_k)|² at
    most phi² at every step; `zeta`: mean of |grad L_k - grad L|² at most zeta² at the mean models of steps 0..N-1 (a
    bound at every model asks more of the losses, and the worst case is then an upper bound);
    `initial_gap`: L(mean of the start) - L*; `initial_distance_sq`: squared distance of that mean to a minimizer;
    `initial_consensus_distance`: of the start (0: a common start).
    """

    steps: int
    lr: float
    L: float
    lower: float
    order: str
    about: str
    phi: float | None = None
    zeta: float | None = None
    initial_gap: float | None = None
    initial_distance_sq: float | None = None
    initial_consensus_distance: float | None = None

    def __post_init__(self):
        counted = isinstance(self.steps, int | np.integer) and not isinstance(self.steps, bool) and self.steps >= 1
        require(counted, f"steps is {shown(self.steps)}; it must be an integer >= 1")
        require(self.order in ORDERS, f"unknown order {shown(self.order)}; valid orders are {', '.join(ORDERS)}")
        require(self.about in ABOUT, f"cannot bound {shown(self.about)}; valid are {', '.join(ABOUT)}")
        for name in ("lr", "L", *LIMITS):
            value = getattr(self, name)
            valid = value is None if name in LIMITS and value is None else _positive(value)
            require(valid, f"{name} is {shown(value)}; it must be a number > 0")
        require(-self.L <= self.lower < self.L, f"the least curvature {self.lower} is not in [-L, L) = [-{self.L}, L)")
        start = self.initial_gap is not None or self.initial_distance_sq is not None
        diverse = self.phi is not None or self.zeta is not None
        if self.about == "consensus_distance":
            require(diverse, "nothing bounds the consensus distance: give phi or zeta")
        else:
            require(start, f"nothing bounds {self.about}: give initial_gap or, for convex losses, initial_distance_sq")
        convex = self.lower >= 0
        wrong = not convex and self.initial_distance_sq is not None
        require(not wrong, "initial_distance_sq is for convex losses; give initial_gap")
        require(convex or self.about != "final_distance_sq", "final_distance_sq is for convex losses")

    @cached_property
    def length(self):
        """The unit of length: the largest that a limit gives."""
        found = {
            "phi": lambda v: v / self.L,
            "zeta": lambda v: v / self.L,
            "initial_gap": lambda v: (v / self.L) ** 0.5,
            "initial_distance_sq": lambda v: v**0.5,
            "initial_consensus_distance": lambda v: v**0.5,
        }
        return max(float(size(getattr(self, name))) for name, size in found.items() if getattr(self, name) is not None)

    def scaled(self):
        """(the same setting in floats, L = 1 and lengths in units of `length`; factor of the objective)."""
        L, length = float(self.L), self.length
        changes = {"lr": float(self.lr * self.L), "L": 1.0, "lower": float(self.lower / self.L)}
        for name, (loss, theta) in LIMITS.items():
            if (value := getattr(self, name)) is not None:
                changes[name] = float(value) / (L**loss * length**theta)
        loss, theta = UNITS.get(self.about, (2, 2))
        return replace(self, **changes), L**loss * length**theta

    def exact(self):
        """The setting with Fractions in place of its numbers (floats at their exact values), and L = 1."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        numbers = {n: Fraction(v) for n, v in given.items() if n in ("lr", "L", "lower", *LIMITS) and v is not None}
        L = numbers["L"]
        units = {"lr": -1, "L": 1, "lower": 1} | {name: loss for name, (loss, _) in LIMITS.items()}
        return replace(self, **{name: value / L ** units[name] for name, value in numbers.items()})


def _positive(value):
    number = isinstance(value, int | float | Fraction | np.number) and not isinstance(value, bool)
    return number and bool(np.isfinite(float(value))) and value > 0
