"""Derivatives of losses along directions, to any order, and no matrix of them ever formed.

Functions of one loss, which is a function of θ [d], and one model x [d]; then the same of L for all replicas at once,
by `sim.probes.exact_losses`. Statistics are those of models that carry them (BatchNorm), and are held fixed.
"""

import warnings

import torch
from torch.func import grad, jvp

with warnings.catch_warnings():  # with its first forward derivative torch loads rules by a deprecated call of its own
    warnings.simplefilter("ignore", DeprecationWarning)
    jvp(torch.sin, (torch.zeros(1),), (torch.ones(1),))


def directional(f, x, *directions):
    """∇ⁿf(x)[v₁, ..., vₙ] for f of x [d] of any shape of values, by n nested forward derivatives.

    With f = L it is a number [loss], with f = ∇L the vector ∇ⁿ⁺¹L(x)[v₁, ..., vₙ, ·] [loss]/[θ]: a Hessian-vector
    product for n = 1.
    """
    for direction in directions:
        f = _derivative(f, direction)
    return f(x)


def _derivative(f, direction):
    return lambda x: jvp(f, (x,), (direction,))[1]


def value(loss, x):
    """L(x)."""
    return loss(x)


def slope(loss, x):
    """∇L(x) [d]."""
    return grad(loss)(x)


def product(loss, x, v):
    """∇²L(x) v [d]."""
    return directional(grad(loss), x, v)


def bend(loss, x, v):
    """∇³L(x)[v, v, ·] = ∇(vᵀ∇²L v) [d]."""
    return directional(grad(loss), x, v, v)


def curvature(loss, x, v):
    """vᵀ ∇²L(x) v."""
    return directional(loss, x, v, v)


def turn(loss, x, v, g):
    """∇³L(x)[v, v, g], by forward derivatives alone."""
    return directional(loss, x, v, v, g)


def part(statistics, *block):
    """What a block has of the statistics, if there are any."""
    return None if statistics is None else statistics[block]


def global_losses(losses, models, statistics=None):
    """L [replicas, n] of models [replicas, n, d], in [loss]."""
    out = torch.empty_like(models[..., 0])
    for block in losses.blocks(*models.shape):
        out[block] = losses.all(value, block[0], models[block], statistics=part(statistics, *block))
    return out


def global_gradient(losses, points, statistics=None):
    """∇L [replicas, d] at points [replicas, d], in [loss]/[θ]."""
    out = torch.empty_like(points)
    for r, _ in losses.blocks(len(points), 1, points.shape[-1]):
        out[r] = losses.all(slope, r, points[r], statistics=part(statistics, r))
    return out


def sharpness(losses, points, ends, statistics=None):
    """vᵀ ∇²L(x) v [replicas, n] in [loss], for x of points [replicas, d] and v = end − x of ends [replicas, n, d].

    For x = θ̄ and the agents' models as ends its mean is Tr(∇²L Γ).
    """
    return _towards(losses, curvature, points, ends, statistics)


def sharpening(losses, points, ends, slopes, statistics=None):
    """⟨g, ∇Tr(∇²L(x) vvᵀ)⟩ = ∇³L(x)[v, v, g] [replicas, n] in [loss]²/[θ]², v = end − x, g = ∇L(x) of `slopes`.

    Assumption 4 of arXiv 2507.06542 (progressive sharpening) asks that it is negative along every v: a value that is
    not refutes it at x. For x = θ̄ and the agents' models as ends its mean is T2.
    """
    return _towards(losses, turn, points, ends, statistics, slopes)


def _towards(losses, f, points, ends, statistics, *fixed):
    """f(L, x, end − x, *fixed) of every end."""
    out = torch.empty_like(ends[..., 0])
    for r, k in losses.blocks(*ends.shape):
        lines = ends[r, k] - points[r, None]
        rows = points[r], lines, *(rest[r] for rest in fixed)
        out[r, k] = losses.all(f, r, *rows, statistics=part(statistics, r))
    return out
