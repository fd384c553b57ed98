"""Derivatives of losses along directions, to any order, and no matrix of them ever formed.

Probes take `loss`, Θ and `data`: loss(θ [d], *one) is L_k(θ) when `one` is agent k's part of `data`, tensors
[replicas, agents, ...]; the global loss is L = (1/m) Σ_k L_k. Problems offer both by `exact_losses()`.
"""

import warnings

import torch
from torch.func import grad, jvp, vmap

from theory.errors import require

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


def global_loss(loss):
    """L(θ [d], *data [agents, ...]) = (1/m) Σ_k loss(θ, *data_k), in which what no data enters is computed once."""

    def mean(theta, *data):
        return vmap(loss, in_dims=(None, *[0] * len(data)))(theta, *data).mean()

    return mean


def replicas(f, data, *stacks):
    """f(*stacks_r, *data_r) of every replica r, stacked; stacks [replicas, ...], data [replicas, agents, ...]."""
    heads = [tuple(tensor.shape[:2]) for tensor in data]
    expected = f"tensors [replicas, agents, ...] for {len(stacks[0])} replicas"
    require(heads, f"data is empty; it must hold {expected}.")
    fits = len(set(heads)) == 1 and heads[0][0] == len(stacks[0])
    require(fits, f"data has leading axes {heads}; it must hold {expected}.")
    return vmap(f)(*stacks, *data)


def require_models(theta, data):
    """Raise unless Θ is [replicas, agents, d] with the leading axes of the data, each part of which is one agent's."""
    for tensor in data:
        fits = theta.ndim == 3 and tensor.shape[:2] == theta.shape[:2]
        shapes = f"theta {list(theta.shape)} and data {list(tensor.shape)}"
        require(fits, f"theta and data must share their axes [replicas, agents, ...], not {shapes}.")


def global_gradient(loss, points, data):
    """∇L [replicas, d] at points [replicas, d], in [loss]/[θ]."""
    return replicas(grad(global_loss(loss)), data, points)


def sharpness(loss, points, directions, data):
    """vᵀ ∇²L(x) v [replicas, n] in [loss], for x of points [replicas, d] and v of directions [replicas, n, d].

    One Hessian-vector product a direction. For x = θ̄ and v = δ_k its mean over the agents is Tr(∇²L Γ).
    """

    def of(x, lines, *data):
        slope = grad(lambda y: global_loss(loss)(y, *data))
        return vmap(lambda v: directional(slope, x, v) @ v)(lines)

    return replicas(of, data, points, directions)


def sharpening(loss, points, directions, data):
    """⟨∇L(x), ∇Tr(∇²L(x) vvᵀ)⟩ = ∇³L(x)[v, v, ∇L(x)] [replicas, n] in [loss]²/[θ]² for v of directions.

    Assumption 4 of arXiv 2507.06542 (progressive sharpening) asks that it is negative along every v: a value that is
    not refutes it at x. For x = θ̄ and v = δ_k its mean over the agents is T2.
    """

    def of(x, lines, *data):
        mean = lambda y: global_loss(loss)(y, *data)  # noqa: E731
        slope = grad(mean)(x)
        return vmap(lambda v: directional(mean, x, v, v, slope))(lines)

    return replicas(of, data, points, directions)
