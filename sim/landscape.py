"""The global loss between models: whether a set of them merges, and the barriers on the lines between pairs.

`loss` and `data` as in `sim.derivatives`; Θ [replicas, agents, d].
"""

from itertools import combinations

import torch
from torch.func import vmap

from sim.derivatives import global_loss, replicas, require_models
from theory.errors import require

TOGETHER = 64  # models whose losses are computed at once, which bounds the memory


def global_losses(loss, models, data):
    """L [replicas, n] of models [replicas, n, d], in [loss]."""

    def of(models, *data):
        return vmap(global_loss(loss), in_dims=(0, *[None] * len(data)))(models, *data)

    return torch.cat([replicas(of, data, chunk) for chunk in models.split(TOGETHER, dim=1)], dim=1)


def mergeability(loss, theta, data):
    """(1/m) Σ_k L(θ_k) − L(θ̄) [replicas] in [loss]: what merging gains; the models merge where it is >= 0.

    Definition 2 of arXiv 2507.06542 with the weights 1/m (with free weights, one agent's alone always does). To second
    order it is ½ Tr(∇²L(θ̄) Γ).
    """
    require_models(theta, data)
    losses = global_losses(loss, torch.cat([theta, theta.mean(dim=1, keepdim=True)], dim=1), data)
    return losses[:, :-1].mean(dim=1) - losses[:, -1]


def agent_pairs(agents):
    """The pairs i < j as two index lists, (0, 1), (0, 2), ..., (1, 2), ..."""
    pairs = list(combinations(range(agents), 2))
    return [i for i, _ in pairs], [j for _, j in pairs]


def barriers(loss, theta, data, points=21):
    """Loss barriers [replicas, pairs] in [loss] between agents, in the order of `agent_pairs`:

        max over t of  L((1 − t) θ_i + t θ_j) − (1 − t) L(θ_i) − t L(θ_j),

    over `points` evenly spaced t of [0, 1], ends included: never negative, 0 for convex L, and at most the barrier of
    the whole segment.
    """
    whole = isinstance(points, int) and points >= 3
    require(whole, f"points must be a whole number of at least 3 (two of them are the ends), not {points!r}.")
    require_models(theta, data)
    require(theta.shape[1] >= 2, f"a barrier lies between two agents; there is {theta.shape[1]}.")
    first, second = agent_pairs(theta.shape[1])
    ends = global_losses(loss, theta, data)
    best = torch.zeros_like(ends[:, first])  # at both ends
    for t in torch.linspace(0, 1, points, dtype=torch.float64).tolist()[1:-1]:
        between = global_losses(loss, (1 - t) * theta[:, first] + t * theta[:, second], data)
        best = torch.maximum(best, between - (1 - t) * ends[:, first] - t * ends[:, second])
    return best
