"""Attacks on statements of smooth losses: families of `SmoothRun` inside their assumptions, and what they measure.

2 to 5 agents, mixtures of permutations and J, the profiles of the testbed at any width, learning rates up to 2/L2.
Agents of the homogeneous family share one loss; in the other one they differ in their heights, of both signs, and
their slopes, of mean zero. A statement of agents with a common start is attacked by runs of up to 8 steps without
noise, which start there; any other by one step from any models, with two-point noise.

The U and the remainder that `zhu2025` leaves open are taken from its (D.11), with the constants of the run.
"""

import numpy as np

from sim.search.climb import Family
from sim.search.quadratic_run import variance_of
from sim.search.smooth_run import SmoothRun, quantities
from theory.bounds import BOUNDS
from theory.proof.evidence import Measured

PROFILES = ("smooth_huber", "smooth_huber(1/4)", "pseudo_huber", "cos", "log_cosh", "softplus", "arctan", "sigmoid",
            "gaussian_well")  # fmt: skip
STEPS = 8
ABOUTS = ("U", "next_merged_loss", "next_consensus_distance", "consensus_distance", "gradient_norm_sq_mean")
MEETS = {"A1", "A2", "A3", "bounded_gradients", "common_start", "zero_start", "doubly_stochastic", "homogeneous",
         "independent_gossip", "independent_noise", "noise_per_agent", "smooth", "smooth_agents"}  # fmt: skip
SYMBOLS = {"agents", "lr", "sigma", "steps", "L1", "L2", "L3", "L4", "L_local", "phi", "p", "consensus_distance",
           "local_gradient_norm_sq", "merged_loss", "T2", "U", "gradient_norm_sq", "discrepancy_norm_sq",
           "discrepancy_inner", "initial_gap", "U_mean", "descent_remainder"}  # fmt: skip
REACH = 3.0  # how far from the shift models start, in widths
SMALLEST_P = 0.02  # Assumption 1 asks for p > 0
ROUNDING = 1e-12


def base_of(bound, seen):
    """What both sides of a statement are taken less of: the loss before the step, and the leading term of U."""
    if bound.about == "next_merged_loss":
        return seen["merged_loss"]
    return (seen["lr"] * seen["L2"] - 1) * seen["T2"] / 2 if bound.about == "U" else 0


def starts_together(bound):
    """Whether runs must start from one model: not for U, of whose state the noise of earlier steps may be any."""
    return bool({"zero_start", "common_start"} & set(bound.assumptions)) and bound.about != "U"


def family(bound, homogeneous):
    """The family of runs that meet the assumptions of the bound."""
    together = starts_together(bound)

    def draw(generator):
        agents, many = int(generator.integers(2, 6)), int(generator.integers(1, 4))
        plain = [np.eye(agents), np.full((agents, agents), 1 / agents)]
        permutations = [np.eye(agents)[generator.permutation(agents)] for _ in range(many)]
        steps = int(generator.integers(2, STEPS + 1)) if together else 1
        signs = generator.choice([-1.0, 1.0], 1 if homogeneous else agents)
        profile = PROFILES[generator.integers(len(PROFILES))]
        return profile, np.array([*plain, *permutations]), steps, np.broadcast_to(signs, agents)

    def size(choices):
        return len(choices[1]) + 4 * choices[1].shape[1] + 5

    def problem(choices, numbers):
        profile, permutations, steps, signs = choices
        n, m = permutations.shape[:2]
        logits, heights, slopes, start, noise, last = np.split(numbers, np.cumsum([n, m, m, m, m]))
        weights = np.exp(logits - logits.max())
        W = np.einsum("n,nij->ij", weights / weights.sum(), permutations)
        width, scale = np.exp(np.clip(last[:2], -5, 5))
        apart = np.zeros(m) if together else np.exp(np.clip(last[3], -7, 0)) * (start - start.mean())
        start = width * (REACH * np.tanh(last[2]) + apart)
        if homogeneous:
            heights, slopes = np.full(m, signs[0] * scale), np.zeros(m)
        else:
            heights = scale * signs * np.exp(np.clip(heights, -3, 1))
            slopes = (slopes - slopes.mean()) * scale / width
        run = SmoothRun(
            profile, width, tuple(heights), (0.0,) * m, tuple(slopes), tuple(map(tuple, W)), tuple(start),
            (0.0,) * m if steps > 1 or homogeneous else tuple(scale / width * np.exp(np.clip(noise, -9, 1))),
            0.0, steps,
        )  # fmt: skip
        L2 = run.height * run.function.constants["L2"] / width**2
        if 1e-6 * scale / width**2 > L2:
            return None
        return SmoothRun(**vars(run) | {"lr": 2 / L2 / (1 + np.exp(-last[4])) * (1 - 1e-9)})

    kind = "one loss" if homogeneous else "different losses"
    return Family(f"functions of the testbed, {kind}", draw, size, problem)


def _values(bound, seen):
    """{symbol of the bound: value}, or None where one is not known or the point is outside the region."""
    known, record = dict(seen), BOUNDS["residual_d11"]
    if {"U_mean", "descent_remainder"} & set(bound.symbols):
        given = record.arguments(known)
        if not record.inside(**given).all():
            return None
        level = record(**given)
        known["U_mean"] = np.cumsum(level) / known["steps"]
        known["descent_remainder"] = known["lr"] * (level - (known["lr"] * known["L2"] - 1) * known["T2"])
    values = bound.arguments(known)
    return values if bound.inside(**values).all() else None


def measure(bound, run):
    """[`Measured`] of every step of the run; empty where the bound says nothing about it."""
    seen = quantities(run) | {"sigma": variance_of(np.square(run.noise), bound.assumptions) ** 0.5}
    if run.agents > 1 and seen["p"] < SMALLEST_P:
        return []
    if not np.isfinite(seen["reach"]) or (run.function.region.sup.is_finite and not _in_region(run, seen)):
        return []
    values = _values(bound, seen)
    if values is None:
        return []
    base = base_of(bound, seen)
    exact, stated = np.broadcast_arrays(seen[bound.about] - base, bound(**values) - base)
    units = np.max(seen["local_gradient_norm_sq"]), np.max(np.abs(run.start)) + seen["reach"]
    sizes = {
        "U": units[0] + np.max(seen["gradient_norm_sq"]),
        "next_merged_loss": seen["size"],
        "next_consensus_distance": units[1] ** 2,
        "consensus_distance": units[1] ** 2,
    }
    error = ROUNDING * sizes.get(bound.about, units[0])
    return [
        Measured(float(a), float(b), float(error))
        for a, b in zip(np.atleast_1d(exact), np.atleast_1d(stated), strict=True)
    ]


def _in_region(run, seen):
    return seen["reach"] <= run.width * float(run.function.region.sup)
