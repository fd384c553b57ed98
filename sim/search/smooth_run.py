"""Decentralized SGD on functions of the testbed, by exact expectations over two-point noise.

Agent k has L_k(x) = heights[k] f((x - shifts[k])/width) + slopes[k] x with one profile f of the testbed, and its
gradient noise is +noise[k] or -noise[k], independent over the agents. One mixing matrix W, adapt-then-combine. The
noise is averaged over all 2^m sign patterns of one step; a run of several steps has none here (`sim.search.evidence`
simulates it). The global loss L is the mean, with

    |L^(q)| <= L_q = |mean of the heights| F_q/width^q  where all shifts are one,  mean of |heights| F_q/width^q  else,

F_q the norms of the profile, plus |mean slope| for L_1: upper bounds, attained in the first case without slopes.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np

from sim.testbed import Function, function_of, smooth_huber
from theory.errors import require

TOLERANCE = 1e-12  # of float sums of weights


@dataclass(frozen=True, eq=False)
class SmoothRun:
    """heights, shifts, slopes, start and noise [m], W [m, m]; all floats, or all fractions. The profile by its name."""

    profile: str
    width: float
    heights: tuple
    shifts: tuple
    slopes: tuple
    W: tuple
    start: tuple
    noise: tuple
    lr: float
    steps: int = 1

    def __post_init__(self):
        m = len(self.heights)
        for name in ("shifts", "slopes", "start", "noise", "W"):
            require(len(getattr(self, name)) == m, f"{name} has {len(getattr(self, name))} entries; it must have {m}")
        sums = [*map(sum, self.W), *(sum(row[k] for row in self.W) for k in range(m))]
        doubly = all(abs(s - 1) <= TOLERANCE for s in sums) and all(w >= 0 for row in self.W for w in row)
        require(doubly, f"W = {self.W} is not doubly stochastic")

    @property
    def agents(self):
        return len(self.heights)

    @property
    def function(self) -> Function:
        return _profile(self.profile)

    def each(self, kind):
        """The run with every number turned by `kind`, float or Fraction, say."""
        numbers = {
            name: tuple(map(kind, getattr(self, name))) for name in ("heights", "shifts", "slopes", "start", "noise")
        }
        rows = tuple(tuple(map(kind, row)) for row in self.W)
        return replace(self, width=kind(self.width), lr=kind(self.lr), W=rows, **numbers)

    @property
    def homogeneous(self):
        """Whether all agents share one loss."""
        return all(len(set(values)) == 1 for values in (self.heights, self.shifts, self.slopes))

    @property
    def height(self):
        """The factor of F_q/width^q in L_q."""
        total = abs(sum(self.heights)) if len(set(self.shifts)) == 1 else sum(map(abs, self.heights))
        return total / self.agents

    def patterns(self):
        """The sign patterns [2^n, m] of the agents with noise; one of zeros without noise."""
        return np.array(list(product(*((1, -1) if a else (0,) for a in self.noise))))


@lru_cache
def _profile(name):
    return smooth_huber(name.removeprefix("smooth_huber(").rstrip(")")) if "(" in name else function_of(name)


class Losses:
    """The agents' losses and derivatives as functions of arrays [..., m], and of the merged model [...]."""

    def __init__(self, run):
        self.function, self.width = run.function, run.width
        self.heights, self.shifts, self.slopes = map(np.array, (run.heights, run.shifts, run.slopes))

    def local(self, points, order):
        """L_k^(order) at the points [..., m], one for each agent."""
        value = self.heights / self.width**order * self.function((points - self.shifts) / self.width, order)
        return value + self.slopes * (points if order == 0 else order == 1)

    def mean(self, point, order):
        """L^(order) at points [...] of the merged model."""
        return self.local(np.asarray(point)[..., None], order).mean(axis=-1)


def quantities(run):
    """{name: number, or array [steps]} of all that statements about the run speak of, by the names of the notation.

    "next_..." and the `measured` ones are expectations over the noise; U is the bracket of `descent_r1`, which holds to
    all orders. Arrays over the steps; L1 to L4, and phi are those that the run itself needs.
    `reach` is the largest distance of a model to its shift, `size` the scale of the losses, which rounding follows.
    """
    require(run.steps == 1 or not any(run.noise), f"exact expectations over noise need one step, not {run.steps}")
    losses, W = Losses(run), np.array(run.W)
    signs, noise, at = run.patterns(), np.array(run.noise), np.array(run.start)
    xs, ends = [], []
    for _ in range(run.steps):
        xs.append(at)
        ends.append((at - run.lr * (losses.local(at, 1) + signs * noise)) @ W.T)  # [patterns, m]
        at = ends[-1][0]
    x, after = np.array(xs), np.array(ends)
    middle, means = x.mean(axis=1), after.mean(axis=2)
    g, local = losses.mean(middle, 1), losses.local(x, 1)
    e, spread = local.mean(axis=1) - g, np.mean((x - middle[:, None]) ** 2, axis=1)
    seen = {
        "consensus_distance": spread,
        "local_gradient_norm_sq": np.mean(local**2, axis=1),
        "merged_loss": losses.mean(middle, 0),
        "gradient_norm_sq": g**2,
        "discrepancy_norm_sq": e**2,
        "discrepancy_inner": g * e,
        "T2": g * losses.mean(middle, 3) * spread,
        "next_merged_loss": losses.mean(means, 0).mean(axis=1),
        "next_consensus_distance": np.mean((after - means[..., None]) ** 2, axis=(1, 2)),
        "reach": max(np.abs(x - losses.shifts).max(), np.abs(after - losses.shifts).max()),
        "size": max(
            np.abs(losses.local(x, 0)).mean(axis=1).max(),
            np.abs(losses.mean(middle, 0)).max(),
            run.lr * np.mean(local**2),
            (np.abs(g) * np.abs(x).max(axis=1)).max(),  # as W sums to 1 up to rounding
        ),
    }
    return seen | constants(run, losses.function.constants) | _derived(run, seen)


def constants(run, norms):
    """Numbers that do not depend on the step; `norms` are {"L1": F_1, ...} of the profile."""
    m = run.agents
    L = {f"L{q}": run.height * norms[f"L{q}"] / run.width**q for q in (1, 2, 3, 4)}
    L["L1"] += abs(sum(run.slopes)) / m
    local = max(map(abs, run.heights)) * norms["L2"] / run.width**2
    return L | {"L_local": local, "agents": m, "lr": run.lr}


def infimum(run):
    """A number that L without the slopes is never below, the infimum itself where all shifts are one."""
    one = len(set(run.shifts)) == 1
    heights = [sum(run.heights) / run.agents] if one else [a / run.agents for a in run.heights]
    return sum(a * (run.function.infimum if a > 0 else run.function.supremum) for a in heights if a)


def _derived(run, seen):
    m, lr = run.agents, run.lr
    lengths = np.arange(1, run.steps + 1)
    W = np.array(run.W)
    L2 = constants(run, run.function.constants)["L2"]
    inner, square = seen["discrepancy_inner"], seen["discrepancy_norm_sq"]
    flat = abs(sum(run.slopes)) <= TOLERANCE
    return {
        "sigma": np.mean(np.square(run.noise)) ** 0.5,
        "phi": seen["local_gradient_norm_sq"].max() ** 0.5,
        "p": 1 - min(np.linalg.norm(W - 1 / m, 2) ** 2, 1.0),
        "U": (lr * L2 - 1) * inner + lr * L2 / 2 * square,
        "steps": lengths,
        "gradient_norm_sq_mean": np.cumsum(seen["gradient_norm_sq"]) / lengths,
        "initial_gap": seen["merged_loss"][0] - float(infimum(run)) if flat else np.inf,
    }
