"""BatchNorm as a pure function: the running statistics of a model are one flat vector [b] that is passed in and out.

A skeleton is a module of which only the structure is used (its tensors may be on the meta device). `modes` gives it in
training and in evaluation mode, once, so that no call changes it. The vector holds the float buffers in the order of
`named_buffers`: running_mean then running_var of each layer; num_batches_tracked, which nothing reads, is not kept.
"""

import copy

import torch
from torch.func import functional_call

from theory.errors import require

STATISTICS_GOSSIP = {
    "mix": "gossip mixes running means and variances with the models' W (what the paper does)",
    "own": "every agent keeps its own running means and variances",
}
MERGED_STATISTICS = {
    "reestimate": "of the merged model itself, over clean (not augmented) training images (what the paper does)",
    "mean": "the average of the agents' running means and variances",
}


def modes(skeleton):
    """The skeleton as two modules, (training, evaluation); the one given is left as it is."""
    return copy.deepcopy(skeleton).train(), copy.deepcopy(skeleton).eval()


def lengths(skeleton):
    """{name: length} of the float buffers, in the order of the vector."""
    return {name: len(buffer) for name, buffer in skeleton.named_buffers() if buffer.is_floating_point()}


def size(skeleton):
    """b, the length of the vector: 2 numbers per channel of BatchNorm (9,600 for ResNet-18), 0 without BatchNorm.

    All functions below are for b > 0; a model without BatchNorm is called as it is.
    """
    return sum(lengths(skeleton).values())


def initial(skeleton, dtype=torch.float32, device="cpu"):
    """The vector [b] of a model that has seen nothing: means 0, variances 1."""
    return constant(skeleton, lambda name: float(name.endswith("running_var")), dtype, device)


def constant(skeleton, value, dtype, device):
    """The vector [b] whose part of buffer `name` is value(name) throughout."""
    parts = lengths(skeleton).items()
    return torch.cat([torch.full((length,), value(name), dtype=dtype, device=device) for name, length in parts])


def flatten(skeleton, buffers):
    """The vector [b] of {name: tensor}; other entries, such as num_batches_tracked, are left out."""
    return torch.cat([buffers[name] for name in lengths(skeleton)])


def unflatten(skeleton, statistics):
    """The vector [b] as {buffer name: view of it}."""
    named = lengths(skeleton)
    return dict(zip(named, statistics.split(list(named.values())), strict=True))


def counters(skeleton, device):
    """A fresh zero for every integer buffer, which BatchNorm counts up in place."""
    return {
        name: torch.zeros(buffer.shape, dtype=buffer.dtype, device=device)
        for name, buffer in skeleton.named_buffers()
        if not buffer.is_floating_point()
    }


def train_logits(skeleton, params, statistics, x):
    """(logits, new statistics [b]) of a skeleton in training mode on images x [n, ...].

    Each layer normalizes by mean μ and variance of the batch, and its statistics s follow by its momentum a (0.1):
    s ← (1 − a) s + a (μ, n/(n−1) · variance). No argument is changed; no gradient flows to or from the statistics.
    Under vmap over models the statistics must be batched too, as each model gets its own.
    """
    require(skeleton.training, "train_logits takes a skeleton in training mode: the first of modes(skeleton).")
    require(len(x) > 1, f"BatchNorm takes its statistics from the batch, which must be at least 2, not {len(x)}.")
    # separate contiguous tensors, as under vmap an in-place update of slices of one vector would be of a copy
    buffers = {
        name: part.clone(memory_format=torch.contiguous_format)
        for name, part in unflatten(skeleton, statistics.detach()).items()
    }
    logits = functional_call(skeleton, {**params, **buffers, **counters(skeleton, x.device)}, (x,))
    return logits, flatten(skeleton, buffers)


def eval_logits(skeleton, params, statistics, x):
    """Logits of a skeleton in evaluation mode, where every layer normalizes by `statistics` [b]."""
    require(not skeleton.training, "eval_logits takes a skeleton in evaluation mode: the second of modes(skeleton).")
    return functional_call(skeleton, {**params, **unflatten(skeleton, statistics)}, (x,))


def reestimate(skeleton, params, batches):
    """Statistics [b] of the model `params` itself: the average, over the batches, of each batch's mean and variance.

    All batches weigh the same, a smaller last one too, and layers see activations normalized by the batch, as
    torch.optim.swa_utils.update_bn and SWA (Izmailov et al. 2018) have it. `batches` are clean images x [n, ...];
    the skeleton is in training mode. Errors: no batch.
    """
    # from zeros one step leaves a · (mean, variance), exact but for the rounding of one product; made from a parameter,
    # they are batched under vmap over models
    zeros = next(iter(params.values())).new_zeros(size(skeleton))
    layer = {name: skeleton.get_submodule(name.rpartition(".")[0]) for name in lengths(skeleton)}
    momentum = constant(skeleton, lambda name: layer[name].momentum, zeros.dtype, zeros.device)
    mean, count = zeros, 0
    with torch.no_grad():
        for x in batches:
            count += 1
            mean = mean + (train_logits(skeleton, params, zeros, x)[1] / momentum - mean) / count
    require(count > 0, "reestimate needs at least one batch of images, not 0.")
    return mean
