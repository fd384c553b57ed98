"""Attacks on statements of many steps: families of `QuadraticRun` inside their assumptions, and what they measure.

2 to 6 agents, schedules of 1 to 3 mixtures of permutations (directed, not normal), in turn or drawn at random,
curvatures of either sign where the statement allows it, slopes, or one loss for all agents, noise, starts and learning
rates up to the edge of the region. What a record assumes is read from its tags: without "independent_noise" the noise
is correlated over the agents, without "noise_per_agent" they share it unevenly, without a common start they start
apart.
"""

from dataclasses import asdict, replace
from functools import lru_cache

import numpy as np

from sim.search.climb import Family
from sim.search.quadratic_run import QuadraticRun, history, mixture, variance_of
from theory.proof.evidence import Measured
from theory.rounds import periodic
from theory.schedule_gains import schedule_gains

STEPS = 40
ABOUTS = ("consensus_distance", "next_consensus_distance", "gradient_norm_sq_mean", "loss_gap_mean",
          "final_distance_sq")  # fmt: skip
MEETS = {"A1", "A3", "bounded_gradients", "common_start", "zero_start", "doubly_stochastic", "independent_gossip",
         "independent_noise", "noise_per_agent", "smooth", "smooth_agents", "convex_agents", "strongly_convex_agents",
         "neighborhood_gradients"}  # fmt: skip
SYMBOLS = {"agents", "lr", "sigma", "steps", "L_local", "L2", "mu", "zeta", "phi", "p", "contraction", "noise_gain",
           "drift_gain", "uneven_gain", "correlated_gain", "neighborhood_zeta", "initial_consensus_distance",
           "consensus_distance", "local_gradient_norm_sq", "gradient_norm_sq", "initial_gap",
           "initial_distance_sq"}  # fmt: skip
CONTRACTS = 0.9  # gossip that contracts less is left out: the sums of its gains are long
ROUNDING = 1e-9  # of the moments, relative to the models' size
_LRS = np.logspace(-6, 1, 141)


def family(bound, rounds=3):
    """The family of runs that meet the assumptions of the bound."""

    def draw(generator):
        agents, k = int(generator.integers(2, 7)), int(generator.integers(1, rounds + 1))
        eye, many = np.eye(agents), min(6, 2 + 4 * (agents > 2))
        permutations = [[eye, *(eye[generator.permutation(agents)] for _ in range(many - 1))] for _ in range(k)]
        in_turn = "contraction" in bound.symbols  # the norm of every single matrix
        signs = generator.choice([-1.0, 1.0], agents)
        drawn, alike = generator.random(2) < (0.4, 0.3)
        return np.array(permutations), bool(drawn) and not in_turn, signs, bool(alike)

    def size(choices):
        k, n, m = choices[0].shape[:3]
        return k * n + 5 * m + 4

    kind = "one matrix" if rounds == 1 else f"up to {rounds} matrices"
    return Family(f"quadratics with {kind}", draw, size, lambda choices, x: _run(bound, choices, x))


def _run(bound, choices, x):
    """The run that the numbers x encode; None where gossip hardly contracts or no learning rate is in the region."""
    permutations, drawn, signs, alike = choices
    k, n, m = permutations.shape[:3]
    logits, h, g, start, share, vector, last = np.split(x, np.cumsum([k * n, m, m, m, m, m]))
    weights = np.exp(logits.reshape(k, n) - logits.max())
    weights /= weights.sum(axis=1, keepdims=True)
    mixings = np.einsum("kn,knij->kij", weights, permutations)
    if not _contracts(mixings, drawn):
        return None
    tags = bound.assumptions
    bowls = "convex_agents" in tags or not bound.about.endswith("consensus_distance")
    low = 0.02 if "strongly_convex_agents" in tags else 0.0 if bowls else -1.0
    h = low + (1 - low) / (1 + np.exp(-h))
    h = h + (h.mean() - h) / (1 + np.exp(-last[3]))
    if alike:  # one loss, whose agents part by noise alone
        h, g = np.full(m, h.mean()), np.full(m, g.mean())
    h = h / max(np.abs(h).max(), 1e-9)
    noise = np.eye(m)
    if "independent_noise" not in tags:
        noise = np.outer(signs + vector / 4, signs + vector / 4) + 0.03 * np.diag(np.exp(share))
        noise *= m / np.trace(noise)
    elif "noise_per_agent" not in tags:
        noise = np.diag(np.exp(3 * share)) / np.exp(3 * share).mean()
    sigma_sq = float(np.exp(2 * last[0]))
    start = np.full(m, start[0]) if {"zero_start", "common_start"} & set(tags) else start
    run = QuadraticRun(mixings, drawn, h, g * np.exp(last[2]), start, sigma_sq * noise, 1.0, STEPS)
    edge = _largest_lr(bound, run)
    if edge is None:
        return None
    return replace(run, lr=edge / (1 + np.exp(-last[1])) * (1 - 1e-9))


def _contracts(mixings, drawn):
    m, k = mixings.shape[1], len(mixings)
    J = np.full((m, m), 1 / m)
    if drawn:
        return np.linalg.norm(np.mean([W.T @ W for W in mixings], axis=0) - J, 2) ** 0.5 <= CONTRACTS
    product = np.linalg.multi_dot([*mixings, np.eye(m)]) if k > 1 else mixings[0]
    return np.abs(np.linalg.eigvals(product - J)).max() ** (1 / k) <= CONTRACTS


def of_mixing(run, symbols):
    """What statements need to know of the gossip: p, contraction and, where a symbol asks for them, the four gains."""
    m = run.agents
    if run.drawn:
        kept = np.linalg.norm(np.mean([W.T @ W for W in run.mixings], axis=0) - 1 / m, 2) ** 0.5
    else:
        kept = max(np.linalg.norm(W - 1 / m, 2) for W in run.mixings)
    known = {"p": 1 - kept**2, "contraction": kept}
    if not any(name.endswith("_gain") for name in symbols):
        return known
    gains = _gains(run.mixings.tobytes(), run.mixings.shape, run.drawn)
    return known | {f"{gain}_gain": value for gain, value in gains.items()}


@lru_cache(maxsize=64)  # the learning rate and the measure ask for the same
def _gains(data, shape, drawn):
    mixings = np.frombuffer(data).reshape(shape)
    return asdict(schedule_gains(mixture(mixings) if drawn else periodic(mixings)))


def _largest_lr(bound, run):
    """The largest learning rate up to 10 at which the bound says something, below the other parts of its region."""
    known = of_mixing(run, bound.symbols) | {
        "L_local": np.abs(run.h).max(),
        "L2": max(abs(run.h.mean()), 1e-9),
        "mu": run.h.min(),
    }
    rest = {name: 1.0 for name in bound.symbols if name not in known and name != "lr"}
    values = rest | {name: value for name, value in known.items() if name in bound.symbols}
    lrs = _LRS
    for _ in range(3):
        holds = bound.inside(**values | {"lr": lrs})
        if not holds.any():
            return None
        last = np.flatnonzero(holds)[-1]
        if last == len(lrs) - 1:
            return float(lrs[last])
        lrs = np.linspace(lrs[last], lrs[last + 1], 41)
    return float(lrs[0])


def measure(bound, run):
    """[`Measured`] of every step of the run; empty where the bound says nothing about it."""
    seen = history(run, late=bound.order == "combine_then_adapt")
    many = len(seen["consensus"]) - 1
    if many < 1 or run.lr < 1e-6 or not _contracts(run.mixings, run.drawn):
        return []
    lengths = np.arange(1, many + 1)
    curvature = abs(run.h.mean())
    known = of_mixing(run, bound.symbols) | {
        "agents": run.agents, "lr": run.lr, "steps": lengths,
        "sigma": variance_of(np.diagonal(run.noise), bound.assumptions) ** 0.5,
        "L_local": np.abs(run.h).max(), "L2": curvature, "mu": run.h.min(),
        "zeta": max(seen["zeta"].max(), 0.0) ** 0.5, "phi": seen["phi"].max() ** 0.5,
        "neighborhood_zeta": max(seen["near"].max(), 0.0) ** 0.5,
        "initial_consensus_distance": max(seen["consensus"][0], 0.0),
        "consensus_distance": np.maximum(seen["consensus"][:-1], 0.0), "local_gradient_norm_sq": seen["phi"][:-1],
        "gradient_norm_sq": seen["gradient"][:-1],
    }  # fmt: skip
    measured = {
        "consensus_distance": seen["consensus"][1:],
        "next_consensus_distance": seen["consensus"][1:],
        "gradient_norm_sq_mean": np.cumsum(seen["gradient"][:-1]) / lengths,
    }
    if bound.about not in measured or "initial_gap" in bound.symbols:
        if run.h.mean() < 1e-3:
            return []
        optimum = -run.g.mean() / curvature
        distance = seen["middle_sq"] - 2 * optimum * seen["middle"] + optimum**2
        known |= {"initial_gap": curvature / 2 * distance[0], "initial_distance_sq": distance[0]}
        losses = curvature / 2 * distance
        measured |= {
            "loss_gap_mean": np.cumsum(losses[:-1]) / lengths,
            "final_distance_sq": distance[1:],
        }
    values = bound.arguments(known)
    if not bound.inside(**values).all():
        return []
    stated, exact = np.broadcast_arrays(bound(**values), measured[bound.about])
    floor = ROUNDING * max(np.abs(seen["middle_sq"]).max(), np.abs(seen["consensus"]).max())
    return [Measured(float(a), float(b), floor) for a, b in zip(exact, stated, strict=True) if b > floor]
