"""The losses L_k of all agents without sampling, as sums over chunks of data, at any size.

L_k(θ) = Σ_c l_c(θ; what agent k has of chunk c), and L = (1/m) Σ_k L_k. Whatever is linear in a loss, such as its
values and its derivatives along directions, is the sum over the chunks, so that one chunk is in memory at a time.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch.func import vmap

from sim.probes.plain_operators import PlainOperators
from sim.randomness import stream
from theory.errors import OnemergeError, require

TOGETHER = 2**20  # numbers of the models that are treated at once by vmap; where one model has more, they go in turn
CHUNK = 256  # images of a chunk
UNSUPPORTED = (  # what torch says of operators that lack a rule
    r"forward AD with (\S+) that does not support it",
    r"derivative for (\S+) is not implemented",
    r"[Bb]atching rule not implemented for (\S+?)[;.,]?\s",
    r"(custom autograd\.Function)",
)


class Chunk(NamedTuple):
    """loss(θ [d], *shared, *own[r, k]) is agent k's part of the chunk, and loss(θ, *shared, *mean[r]) that of L.

    `mean` is None where the loss is not linear in `own`; L is then the mean of the agents' losses.
    """

    loss: Callable
    shared: tuple
    own: tuple
    mean: tuple | None


@dataclass(frozen=True)
class ExactLosses:
    """The losses of m agents in all replicas, at work on `together` numbers of models at once.

    n models of d parameters are stacked by vmap, as many of them as `together` // d (where the agents' data do not add
    up to one loss, d · agents for d), whole replicas where they fit; one at a time there is no vmap at all.
    """

    chunks: tuple
    replicas: int
    agents: int
    together: int = TOGETHER

    @classmethod
    def of(cls, loss, data, together=TOGETHER):
        """One chunk: loss(θ [d], *data[r, k]) is L_k(θ), for data [replicas, agents, ...]."""
        heads = [tuple(tensor.shape[:2]) for tensor in data]
        require(heads, "data is empty; it must hold tensors [replicas, agents, ...].")
        fits = len(set(heads)) == 1 and len(heads[0]) == 2
        require(fits, f"data has leading axes {heads}; they must be the same [replicas, agents].")
        return cls((Chunk(loss, (), tuple(data), None),), *heads[0], together)

    def blocks(self, replicas, items, dim):
        """(replicas, items) as slices, which cover [replicas, items] models of `dim` parameters."""
        width = dim if all(chunk.mean is not None for chunk in self.chunks) else dim * self.agents
        each = min(items, max(1, self.together // width))
        rows = max(1, self.together // (width * items)) if each == items else 1
        for r in range(0, replicas, rows):
            for k in range(0, items, each):
                yield slice(r, r + rows), slice(k, k + each)

    def own(self, f, block, *rows, statistics=None):
        """f(L_k, *rows[r, k]) [replicas, agents, ...] of a block's agents.

        f is linear in its first argument, a function of θ [d]; rows are the block's, [replicas, agents, ...], or
        [replicas, d] where all its agents share one, and so are the statistics [..., b] of models that carry them.
        """
        parts = ((chunk, chunk.loss, [(tensor[block], True) for tensor in chunk.own]) for chunk in self.chunks)
        return _sum(f, rows, statistics, parts)

    def all(self, f, replicas, *rows, statistics=None):
        """f(L, *rows[r, n]) [replicas, n, ...] in a slice of replicas, and [replicas, ...] where no row has an n."""
        parts = []
        for chunk in self.chunks:
            data = chunk.own if chunk.mean is None else chunk.mean
            loss = _mean_of(chunk.loss) if chunk.mean is None else chunk.loss
            parts.append((chunk, loss, [(tensor[replicas], False) for tensor in data]))
        return _sum(f, rows, statistics, parts)


def _mean_of(loss):
    def mean(theta, *data):
        return vmap(loss, in_dims=(None, *[0] * len(data)))(theta, *data).mean()

    return mean


def _sum(f, rows, statistics, parts):
    flagged = [(row, row.ndim == 3) for row in rows]
    extra = [] if statistics is None else [(statistics, statistics.ndim == 3)]
    total = None
    for chunk, loss, data in parts:

        def of(*tensors, loss=loss, shared=chunk.shared):
            return f(lambda x: loss(x, *shared, *tensors[len(rows) :]), *tensors[: len(rows)])

        value = evaluate(of, flagged + data + extra)
        total = value if total is None else total + value
    return total


def evaluate(function, flagged):
    """function(*tensors[r, n]) of every replica and item, for pairs (tensor, whether it has the axis of items).

    An axis of length 1 is no vmap: one model at a time may use operators that vmap does not know.
    """
    tensors, each = zip(*flagged, strict=True)
    lengths = {tensor.shape[1] for tensor, has in flagged if has}
    if not lengths:
        of = function
    elif lengths == {1}:
        of = lambda *parts: function(*(p[0] if has else p for p, has in zip(parts, each, strict=True)))[None]  # noqa: E731
    else:
        of = vmap(function, in_dims=tuple(0 if has else None for has in each))
    try:
        with PlainOperators():
            return of(*(tensor[0] for tensor in tensors))[None] if len(tensors[0]) == 1 else vmap(of)(*tensors)
    except (NotImplementedError, RuntimeError) as error:
        found = next((match for match in (re.search(rule, f"{error} ") for rule in UNSUPPORTED) if match), None)
        if found is None:
            raise
        raise OnemergeError(
            f"torch has no derivative of this kind for the model's operator {found[1]}: leave out the probes that need "
            "it (terms, sharpness and sharpening take derivatives of second and third order), or write the operator "
            "as plain sums and products."
        ) from error


def exact_losses(problem, images=0, chunk=CHUNK, together=TOGETHER):
    """The exact training losses of a problem.

    Problems on images weigh ℓ_i, the loss of image i, by w_ki, and take `chunk` images at a time, of which `images` are
    drawn (0: all; `subset`). All others are one chunk.
    """
    for name, value, least in (("images", images, 0), ("chunk", chunk, 1)):
        require(
            type(value) is int and value >= least,
            f"{name} of the probes must be a whole number >= {least}, not {value!r}.",
        )
    if not hasattr(problem, "loss_of_images"):
        require(images == 0, f"images of the probes is for problems on images: leave it at 0 here, not {images}.")
        return ExactLosses.of(*problem.exact_losses(), together)
    weights, x, y = problem.train_weights(), problem.train_x, problem.train_y
    if images:
        index, share = subset(y.cpu().numpy(), images)
        index = torch.as_tensor(index, device=y.device)
        x, y = x[index], y[index]
        weights = weights[..., index] * torch.as_tensor(share, dtype=weights.dtype, device=y.device)

    def loss(theta, x, y, own, *statistics):
        return problem.loss_of_images(theta, x.to(theta.dtype), y, own.to(theta.dtype), *statistics)

    chunks = tuple(
        Chunk(loss, (some, labels), (own,), (own.mean(dim=1),))
        for some, labels, own in zip(x.split(chunk), y.split(chunk), weights.split(chunk, dim=-1), strict=True)
    )
    return ExactLosses(chunks, *weights.shape[:2], together)


def subset(labels, images):
    """(indices, n_c/n'_c of each) of `images` of the labelled ones, from the stream (0, "probe"), whatever the seeds.

    Of the n_c images of class c are n'_c: one, and of those beyond it a share, rounded by largest remainders. Weighed
    n_c/n'_c more, they keep an agent's distribution over classes; of all images nothing is changed.
    """
    classes, count = np.unique(labels, return_counts=True)
    fits = len(classes) <= images <= len(labels)
    require(
        fits,
        f"images of the probes must be 0 (all) or from {len(classes)} (one a class) to {len(labels)}, not {images}.",
    )
    spare, free = images - len(classes), count - 1
    exact = spare * free / max(free.sum(), 1)
    taken = np.floor(exact).astype(int)
    taken[np.argsort(taken - exact, kind="stable")[: spare - taken.sum()]] += 1
    taken += 1
    generator = stream(0, "probe")
    chosen = [
        np.sort(generator.permutation(np.flatnonzero(labels == c))[:n]) for c, n in zip(classes, taken, strict=True)
    ]
    return np.concatenate(chosen), np.repeat(count / taken, taken)
