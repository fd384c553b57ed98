"""Gradients and outputs of many small networks of one architecture, all models at once and without autograd."""

import math
from functools import lru_cache, partial

import torch
from torch import nn

from sim.stacked_layers import Affine, Buffers, Convolution, ReLU, cross_entropy
from theory.errors import require

# Bytes of a chunk of models with all that its step touches. On a CPU larger chunks leave the cache and smaller ones pay
# for calls: of 2 to 64 models, 4 to 8 were best for a CNN of 0.9 MB each, and 32 to 64 for an MLP of 0.13 MB each. On a
# GPU, where nothing was measured, it only bounds memory.
WORKING_SET = {"cpu": 2**23, "cuda": 2**30}
IMAGES = 128  # of a test set that are evaluated at once
PLANS = 4  # shapes whose buffers are kept: training and evaluation, a full chunk and a remainder each


def stacked(skeleton, shapes, compute=None):
    """`Stacked` for a Sequential of Flatten, Linear, ReLU and Conv2d layers; None where it is anything else.

    `shapes` {parameter name: shape} is the order of the leaves in θ. Convolutions (any kernel, stride and padding with
    zeros; no groups, no dilation) come before the one Flatten, which takes whole images, and linear layers after it.
    `compute` is the dtype of values and products where it is not that of θ (torch.bfloat16); sums, the loss and the
    gradients have the dtype of θ.
    """
    if type(skeleton) is not nn.Sequential:
        return None
    flat = False
    for layer in skeleton:
        if type(layer) is nn.Flatten and not flat and layer.start_dim in (1, -3) and layer.end_dim == -1:
            flat = True
        elif type(layer) is not nn.ReLU and not (type(layer) is nn.Linear if flat else _plain_convolution(layer)):
            return None
    leaves = [leaf.shape for layer in skeleton for leaf in layer.parameters()]
    if not flat or not leaves or leaves != list(shapes.values()):  # `shapes` has shared leaves once
        return None
    return Stacked(tuple(skeleton), tuple(shapes.values()), compute)


def _plain_convolution(layer):
    plain = type(layer) is nn.Conv2d and layer.groups == 1 and layer.dilation == (1, 1)
    return plain and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


class Stacked:
    """Gradients (a call) and `logits` of models Θ [n, d]; made by `stacked`.

    Keeps the buffers of the last few shapes, so one call at a time; what a call returns is the caller's own.
    """

    def __init__(self, modules, shapes, compute):
        self.modules, self.compute = modules, compute
        self.sizes = [math.prod(shape) for shape in shapes]
        self.places, leaf = [], 0  # of each layer's leaves: (index of the weight, its shape as a matrix, has a bias)
        for module in modules:
            if isinstance(module, nn.ReLU):
                self.places.append(None)
            elif not isinstance(module, nn.Flatten):
                matrix = (-1, len(module.weight), module.weight[0].numel())
                self.places.append((leaf, matrix, module.bias is not None))
                leaf += 1 + (module.bias is not None)
        self.plan = lru_cache(PLANS)(partial(Plan, modules))
        self.chunk = lru_cache(2 * PLANS)(self._chunk)

    def _chunk(self, shape, dtype, device, n=None, train=True):
        """How many models to take at once, with images [B, C, H, W] = `shape` each: those that fit WORKING_SET, at
        least 1; where n is given, fewer if that gives as many chunks of n models, of more equal sizes.

        The best chunk for a caller, too, who steps a chunk right after its gradients while both are in the cache.
        """
        one = Plan(self.modules, 1, (1, *shape), self.compute or dtype, torch.device("meta"), train)
        fit = max(1, WORKING_SET[device.type] // (one.buffers.bytes + 2 * sum(self.sizes) * dtype.itemsize))
        return fit if n is None else math.ceil(n / math.ceil(n / fit))

    def _split(self, flat):
        """Each layer's (weights [n, outputs, k], biases [n, outputs] or None), as views of Θ or of its gradient."""
        parts = flat.split(self.sizes, 1)
        return [
            () if place is None else (parts[place[0]].view(place[1]), parts[place[0] + 1] if place[2] else None)
            for place in self.places
        ]

    @torch.no_grad()
    def __call__(self, theta, x, y, label_smoothing=0.0, out=None):
        """(gradients [n, d], losses [n]) of each model's mean cross entropy on its own x [n, B, C, H, W], y [n, B].

        The gradients are written to `out` where it is given.
        """
        self._check(theta)
        out = torch.empty_like(theta) if out is None else out
        losses, chunk = [], self.chunk(x.shape[1:], theta.dtype, theta.device, len(theta))
        for models, gradient, images, labels in zip(*(a.split(chunk) for a in (theta, out, x, y)), strict=True):
            dtype = self.compute or theta.dtype
            plan = self.plan(len(models), images.shape, dtype, theta.device, True)
            leaves = self._split(models.to(dtype))
            plan.forward(images, leaves)
            losses.append(cross_entropy(plan.logits.to(theta.dtype), labels, label_smoothing, plan.gradient))
            plan.backward(leaves, self._split(gradient))
        return out, losses[0] if len(losses) == 1 else torch.cat(losses)

    @torch.no_grad()
    def logits(self, theta, x):
        """Outputs [n, N, classes] of each model on the same images x [N, C, H, W]."""
        self._check(theta)
        dtype, parts = self.compute or theta.dtype, []
        for images in x.split(IMAGES):
            chunk = self.chunk(images.shape, theta.dtype, theta.device, len(theta), False)
            for_these = []
            for models in theta.split(chunk):
                plan = self.plan(len(models), (1, *images.shape), dtype, theta.device, False)
                plan.forward(images[None], self._split(models.to(dtype)))
                for_these.append(plan.logits.mT.to(theta.dtype, copy=True))
            parts.append(torch.cat(for_these))
        return torch.cat(parts, dim=1)

    def _check(self, theta):
        valid = theta.ndim == 2 and theta.shape[1] == sum(self.sizes)
        require(valid, f"Θ must have the shape [n, {sum(self.sizes)}], not {list(theta.shape)}.")


class Plan:
    """All layers with their buffers, for n models and images of one shape [n or 1, B, C, H, W]."""

    def __init__(self, modules, n, shape, dtype, device, train):
        self.buffers, self.layers = Buffers(dtype, device), []
        models, samples, *pixels = shape
        value, gradient = self.buffers(models, *pixels, samples), None
        self.images = value
        for module in modules:
            if isinstance(module, nn.Flatten):
                value = value.flatten(1, 3)
                gradient = None if gradient is None else gradient.flatten(1, 3)
                continue
            if isinstance(module, nn.ReLU):
                layer = ReLU(value, gradient)
            elif isinstance(module, nn.Linear):
                layer = Affine(module.out_features, n, value, gradient, self.buffers, train)
            else:
                layer = Convolution(module, n, value, gradient, self.buffers, train)
            self.layers.append(layer)
            value, gradient = layer.value, layer.gradient
        self.logits, self.gradient = value, gradient
        largest = max(module.weight.numel() for module in modules if hasattr(module, "weight"))
        if train:
            scratch = self.buffers(n * largest)
            for layer in self.layers:
                layer.share(scratch)

    def forward(self, x, leaves):
        first = self.layers[0]
        if isinstance(first, Affine):  # reads the images where they are
            first.read(x.flatten(2).mT.to(first.value.dtype).expand(len(first.value), -1, -1))
        else:
            self.images.copy_(x.permute(0, 2, 3, 4, 1))
        for layer, own in zip(self.layers, leaves, strict=True):
            layer.forward(own)

    def backward(self, leaves, gradients):
        for layer, own, into in zip(reversed(self.layers), reversed(leaves), reversed(gradients), strict=True):
            if layer.gradient is None:  # layers before the first with parameters
                break
            layer.backward(own, into)
