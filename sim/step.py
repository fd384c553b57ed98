"""One round on Θ [n, d], in place: local steps, gossip, and the two orders of the two; n = replicas · agents."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from sim.optimizer import Optimizer
from theory.errors import require

ORDERS = ("adapt_then_combine", "combine_then_adapt")


@dataclass(frozen=True)
class Work:
    """What a local step does: `gradient` as `sim.execution.gradient_function` makes it, on `chunk` models at a time.

    `lr` [n, 1] are learning rates of their own for the models, None: the optimizer's. `fused(Θ, lr, *batch)` is a whole
    step of plain SGD in place, where the problem has one.
    """

    gradient: Callable
    optimizer: Optimizer
    chunk: int
    lr: torch.Tensor | None = None
    fused: Callable | None = None


def local_steps_(work, theta, statistics, memory, batches, active=None):
    """Optimizer steps of all agents, each on its own batch: θ_k ← update(θ_k, ∇L_k(θ_k; ξ_k)); Θ, S, memory in place.

    `batches` are iterated step by step, tensors [n, ...]; `active` int64 [k] are the rows that take steps, None: all.
    Returns the training losses before each step, [steps, n] (0 for who takes none), or None where they are not known.
    """
    chunks = rows_of(len(theta), work.chunk, active)
    losses = []
    for batch in batches:
        parts = [_step_(work, theta, statistics, memory, batch, rows) for rows in chunks]
        if parts and parts[0] is not None:
            losses.append(torch.cat(parts) if active is None else _spread(parts, active, len(theta)))
    return torch.stack(losses) if losses else None


def rows_of(count, chunk, active):
    """The chunks of rows: slices where all are active, else index tensors."""
    if active is None:
        return [slice(first, min(first + chunk, count)) for first in range(0, count, chunk)]
    return list(active.split(chunk)) if len(active) else []


def _step_(work, theta, statistics, memory, batch, rows):
    """A step of the models of `rows`; a slice is worked on where it is, other rows are gathered and put back."""
    gathered = not isinstance(rows, slice)
    own = theta[rows]
    batch = tuple(part[rows] for part in batch)
    lr = work.optimizer.lr if work.lr is None else work.lr[rows]
    if work.fused is not None:
        work.fused(own, lr, *batch)
        if gathered:
            theta[rows] = own
        return None
    kept = tuple(part[rows.to(part.device) if gathered else rows] for part in memory)
    carried = None if statistics is None else statistics[rows]
    gradient, losses, moved = work.gradient(own, carried, *batch)
    work.optimizer.step_(own, gradient, kept, lr)
    if moved is not None:
        statistics[rows] = moved
    if gathered:
        theta[rows] = own
        for part, new in zip(memory, kept, strict=True):
            part[rows.to(part.device)] = new
    return losses


def _spread(parts, active, count):
    losses = torch.cat(parts)
    return losses.new_zeros(count).index_copy(0, active, losses)


def one_round_(order, work, theta, statistics, memory, batches, communicate=None, active=None):
    """A round of H local steps and one communication, in one of two orders (None: no communication), in place.

    adapt_then_combine:  Θ ← W local(Θ)                      (Koloskova 2020, the paper)
    combine_then_adapt:  Θ ← W Θ + (local(Θ) − Θ)            (Lian 2017: gradients at the models before mixing)
    `communicate(X)` does X ← W X in place. Both orders have the same mean for doubly stochastic W; their consensus
    distances differ. The second needs a copy of Θ. Returns the training losses as `local_steps_`.
    """
    require(order in ORDERS, f"Unknown order {order!r}; valid: {', '.join(ORDERS)}.")
    if communicate is None or order == "adapt_then_combine":
        losses = local_steps_(work, theta, statistics, memory, batches, active)
        if communicate is not None:
            communicate(theta)
        return losses
    before = theta.clone()
    losses = local_steps_(work, theta, statistics, memory, batches, active)
    theta.sub_(before)
    communicate(before)
    theta.add_(before)
    return losses
