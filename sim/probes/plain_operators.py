"""Operators as plain sums and products, where torch's own have no nested forward derivatives, or wrong ones.

torch (2.13) takes the moments of layer_norm and instance_norm for constants when forward derivatives are nested: the
second derivative of a small LayerNorm along a line is then 1 % off and the third 30 %, without a word. Its fused
attention has no forward derivative at all. The forms here are those of the definitions, and equal theirs to rounding.
"""

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from theory.errors import require


class PlainOperators(TorchFunctionMode):
    """Inside, the operators of PLAIN are computed by their definitions; options that these do not know stay torch's."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, plain = kwargs or {}, PLAIN.get(func)
        if plain is None:
            return func(*args, **kwargs)
        value = plain(*args, **kwargs)
        return func(*args, **kwargs) if value is None else value


def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5, *_):
    """(x − mean)/√(variance + eps) over the last axes, times weight, plus bias."""
    return _scaled(_normalized(x, tuple(range(-len(normalized_shape), 0)), eps), weight, bias)


def instance_norm(
    x, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-5, *_
):
    """The same over the pixels of every image and channel x [n, channels, ...], where these are what it takes."""
    if not use_input_stats:
        return None
    parts = (None if part is None else part.view(-1, *[1] * (x.ndim - 2)) for part in (weight, bias))
    return _scaled(_normalized(x, tuple(range(2, x.ndim)), eps), *parts)


def batch_norm(
    x, running_mean=None, running_var=None, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5, *_
):
    """torch's own, with given statistics; those of a batch would tie an image's loss to the others of its chunk."""
    require(not training, "exact losses are sums over images: evaluate BatchNorm in eval mode, with its statistics.")


def attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    """softmax(scale · Q Kᵀ) V, without a mask."""
    if attn_mask is not None or dropout_p or is_causal or enable_gqa:
        return None
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    return torch.softmax(query @ key.mT * scale, dim=-1) @ value


def _normalized(x, axes, eps):
    centered = x - x.mean(axes, keepdim=True)
    return centered / ((centered**2).mean(axes, keepdim=True) + eps).sqrt()


def _scaled(x, weight, bias):
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


PLAIN = {
    functional.layer_norm: layer_norm,
    torch.layer_norm: layer_norm,
    functional.instance_norm: instance_norm,
    torch.batch_norm: lambda x, weight, bias, mean, var, training, *_: batch_norm(x, training=training),
    functional.batch_norm: batch_norm,
    functional.scaled_dot_product_attention: attention,
}
