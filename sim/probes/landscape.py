"""The global loss between models: whether a set of them merges, and the barriers on the lines between pairs.

`at` is a `sim.probes.snapshot.Snapshot`. Models with statistics have their own on the ends of a line, and in between
those on the line between them.
"""

import math

import numpy as np
import torch

from sim.arguments import whole
from sim.probes.derivatives import global_losses, part, value
from sim.randomness import stream
from theory.errors import require


def mergeability(at):
    """(1/m) Σ_k L(θ_k) − L(θ̄) [replicas] in [loss]: what merging gains; the models merge where it is >= 0.

    Definition 2 of arXiv 2507.06542 with the weights 1/m (with free weights, one agent's alone always does). To second
    order it is ½ Tr(∇²L(θ̄) Γ).
    """
    merged = global_losses(at.losses, at.mean[:, None], part(at.mean_statistics, slice(None), None))
    return at.values.mean(dim=1) - merged[:, 0]


def pair(number):
    """Pair i < j by its number: (0, 1), (0, 2), (1, 2), (0, 3), ...; the first n (n − 1)/2 are those of n agents."""
    j = (1 + math.isqrt(1 + 8 * number)) // 2
    return number - j * (j - 1) // 2, j


def agent_pairs(agents, seeds, most):
    """Pairs [replicas, pairs, 2] of agents: all where there are at most `most`, else as many of them, drawn without
    replacement from the stream "pairs" of each seed."""
    require(agents >= 2, f"a barrier lies between two agents; there is {agents}.")
    whole(1, pairs=most)
    count = agents * (agents - 1) // 2
    if count <= most:
        return torch.tensor([[pair(n) for n in range(count)]] * len(seeds))
    drawn = (np.sort(stream(seed, "pairs").choice(count, most, replace=False, shuffle=False)) for seed in seeds)
    return torch.tensor([[pair(int(n)) for n in numbers] for numbers in drawn])


def barriers(at, pairs, points=21):
    """Loss barriers [replicas, pairs] in [loss] between the agents of pairs [replicas, pairs, 2]:

        max over t of  L((1 − t) θ_i + t θ_j) − (1 − t) L(θ_i) − t L(θ_j),

    over `points` evenly spaced t of [0, 1], ends included: never negative, 0 for convex L, and at most the barrier of
    the whole segment.
    """
    whole(3, " (two of them are the ends)", points=points)
    replica = torch.arange(len(pairs))[:, None]
    best = torch.zeros_like(at.values[replica, pairs[..., 0]])  # at both ends
    for r, n in at.losses.blocks(*pairs.shape[:2], at.theta.shape[-1]):
        first, second = ((replica[r], pairs[r, n, end]) for end in (0, 1))
        for t in torch.linspace(0, 1, points, dtype=torch.float64).tolist()[1:-1]:
            models, statistics = (_between(what, first, second, t) for what in (at.theta, at.statistics))
            rise = at.losses.all(value, r, models, statistics=statistics) - _between(at.values, first, second, t)
            best[r, n] = torch.maximum(best[r, n], rise)
    return best


def _between(what, first, second, t):
    return None if what is None else (1 - t) * what[first] + t * what[second]
