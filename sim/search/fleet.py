"""Agents with one parameter each in exact arithmetic: the losses, models and steps that instances are made of.

L_k = L + tilt_k gap with Σ_k tilt_k = 0, so that L is the global loss. L is a `sim.testbed.Function` of exact L_1..L_4
and gap is an expression of `x`. Numbers are those of sympy, so that a violation is one of the statement, never of
rounding.
"""

from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import sympy

from sim.testbed import Function, smooth_huber, x
from theory.errors import require
from theory.proof.evidence import Measured
from theory.proof.exactly import number


def pair(weight):
    """The mixing matrix of two agents who each take the share `weight` from the other; p = 1 - (1 - 2 weight)²."""
    w = number(weight)
    require(0 <= w <= 1, f"the share {w} of the other agent is not in [0, 1]")
    return ((1 - w, w), (w, 1 - w))


def doubly_stochastic(W):
    """W as exact numbers; OnemergeError where a row or a column does not sum to 1, or an entry is below 0."""
    W = tuple(tuple(map(number, row)) for row in W)
    require(all(len(row) == len(W) for row in W), "a mixing matrix is square")
    require(all(entry >= 0 for row in W for entry in row), "a mixing matrix has no entry below 0")
    sums = {sum(row) for row in W} | {sum(column) for column in zip(*W, strict=True)}
    require(sums == {1}, f"rows and columns of a doubly stochastic matrix sum to 1; these sum to {sorted(sums)}")
    return W


@cache
def huber(width, scale=1):
    """`smooth_huber`(width) in the unit of length `scale`, kept: its exact constants take time."""
    return smooth_huber(width).scaled(1, number(scale)) if scale != 1 else smooth_huber(width)


@cache
def _slope(gap):
    return sympy.diff(gap, x)


@dataclass(frozen=True, eq=False)
class Fleet:
    """m agents at `models`; `tilts` are zeros where all share one loss."""

    loss: Function
    models: tuple
    tilts: tuple = ()
    gap: sympy.Expr = sympy.S.Zero

    def __post_init__(self):
        models = tuple(map(number, self.models))
        tilts = tuple(map(number, self.tilts)) or (sympy.S.Zero,) * len(models)
        require(len(tilts) == len(models), f"{len(tilts)} tilts for {len(models)} agents")
        require(sum(tilts) == 0, f"the tilts sum to {sum(tilts)}; they must sum to 0, as the mean loss is L")
        object.__setattr__(self, "models", models)
        object.__setattr__(self, "tilts", tilts)

    @property
    def agents(self):
        return len(self.models)

    @property
    def merged(self):
        """The mean model."""
        return sum(self.models) / self.agents

    @property
    def deviations(self):
        return tuple(model - self.merged for model in self.models)

    @property
    def consensus_distance(self):
        """Ξ² [θ]²."""
        return sum(delta**2 for delta in self.deviations) / self.agents

    def global_derivative(self, order=0, point=None):
        """L^(order) at `point`, the merged model where none is given."""
        at = self.merged if point is None else number(point)
        return self.loss.derivatives[order].subs(x, at)

    @property
    def gradients(self):
        """L_k'(θ_k) of all agents."""
        slope = _slope(self.gap)
        return tuple(
            self.global_derivative(1, model) + tilt * slope.subs(x, model)
            for model, tilt in zip(self.models, self.tilts, strict=True)
        )

    @property
    def direction(self):
        """v = (1/m) Σ L_k'(θ_k), along which the merged model goes."""
        return sum(self.gradients) / self.agents

    @property
    def discrepancy(self):
        """e = v - L'(θ̄)."""
        return self.direction - self.global_derivative(1)

    def after(self, lr, W=None, noise=None):
        """The agents after a local step of `lr`, `noise` added to the gradients, and after gossip by W (none: I)."""
        lr, noise = number(lr), noise or (0,) * self.agents
        moved = [
            model - lr * (gradient + number(extra))
            for model, gradient, extra in zip(self.models, self.gradients, noise, strict=True)
        ]
        if W is not None:
            rows = doubly_stochastic(W)
            moved = [sum(w * value for w, value in zip(row, moved, strict=True)) for row in rows]
        return replace(self, models=tuple(moved))

    def values(self, lr, sigma=0):
        """What bounds ask for, by the names of the notation, exact."""
        g = self.global_derivative(1)
        return {f"L{q}": norm for q, norm in zip((1, 2, 3, 4), self.loss.norms, strict=True)} | {
            "lr": number(lr), "agents": self.agents, "sigma": number(sigma),
            "consensus_distance": self.consensus_distance, "merged_loss": self.global_derivative(),
            "gradient_norm_sq": g**2, "T2": g * self.global_derivative(3) * self.consensus_distance,
            "local_gradient_norm_sq": sum(slope**2 for slope in self.gradients) / self.agents,
            "discrepancy_inner": g * self.discrepancy, "discrepancy_norm_sq": self.discrepancy**2,
        }  # fmt: skip


def signs(agents, size):
    """[(probability, noise of the agents)]: each agent's noise is ± size, independently, of variance size²."""
    return [
        (sympy.Rational(1, 2**agents), tuple(s * number(size) for s in plus))
        for plus in product((1, -1), repeat=agents)
    ]


def exact_gain(fleet, lr):
    """U of the step, to all orders: (ℓ - 1) g e + ℓ e²/2, ℓ = lr L_2: what gossip adds to the descent, over lr."""
    ell, g, e = number(lr) * fleet.loss.norms[1], fleet.global_derivative(1), fleet.discrepancy
    return (ell - 1) * g * e + ell * e**2 / 2


def step_against(fleet, lr, U, W=None):
    """(D.10) of the paper for a step without noise: L_+ - L + lr (1 - ℓ/2) L'² of the merged model, at most lr U."""
    lr = number(lr)
    ell = lr * fleet.loss.norms[1]
    change = fleet.after(lr, W).global_derivative() - fleet.global_derivative()
    return Measured(change + lr * (1 - ell / 2) * fleet.global_derivative(1) ** 2, lr * U)
