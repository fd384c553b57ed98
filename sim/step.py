"""One round, as pure functions on Θ [replicas, agents, d]: local steps, gossip, and the two orders of the two."""

import torch
from torch.func import grad_and_value, vmap

from theory.errors import require

ORDERS = ("adapt_then_combine", "combine_then_adapt")


def gossip(theta, W):
    """x_i ← Σ_j W[r, i, j] x_j in every replica r: Θ [replicas, agents, d], W [replicas, agents, agents]."""
    return W @ theta


def local_steps(loss, optimizer, theta, state, batches):
    """Optimizer steps of all agents at once, each on its own batch: θ_k ← update(θ_k, ∇L_k(θ_k; ξ_k)).

    loss(θ [d], *batch) is one agent's loss; `batches` are tensors [steps, replicas · agents, ...].
    Returns Θ, the optimizer state and the training losses [steps, replicas, agents] before each step.
    """
    gradients = vmap(grad_and_value(loss))
    losses = []
    for batch in zip(*batches, strict=True):
        gradient, value = gradients(theta.flatten(0, 1), *batch)
        losses.append(value.view(theta.shape[:2]))
        theta, state = optimizer.update(theta, gradient.view_as(theta), state)
    return theta, state, torch.stack(losses)


def one_round(order, loss, optimizer, theta, state, batches, W):
    """A round of H local steps and one communication, in one of two orders (W None: no communication).

    adapt_then_combine:  Θ ← W local(Θ)                      (Koloskova 2020, the paper)
    combine_then_adapt:  Θ ← W Θ + (local(Θ) − Θ)            (Lian 2017: gradients at the models before mixing)
    Both have the same mean for doubly stochastic W; their consensus distances differ.
    """
    adapted, state, losses = local_steps(loss, optimizer, theta, state, batches)
    if W is None:
        return adapted, state, losses
    if order == "adapt_then_combine":
        return gossip(adapted, W), state, losses
    require(order == "combine_then_adapt", f"Unknown order {order!r}; valid: {', '.join(ORDERS)}.")
    return gossip(theta, W) + (adapted - theta), state, losses
