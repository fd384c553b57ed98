"""The paper's decomposition of one step of the merged model, each term of it measured.

θ̄ moves by −η v, v = (1/m) Σ_k ∇L_k(θ_k), where parallel SGD moves by −η g, g = ∇L(θ̄). With δ_k = θ_k − θ̄ and
Γ = (1/m) Σ δ_k δ_kᵀ,

    v = g + h + b + rest,    h = (1/m) Σ (∇²L_k − ∇²L) δ_k,    b = ½ ∇Tr(∇²L Γ) = (1/2m) Σ ∇³L[δ_k, δ_k, ·],

all at θ̄. arXiv 2507.06542 has no h (Proposition D.3), which is of first order in Ξ and 0 where all agents share one
loss; the rest is then of third order, and else holds (1/2m) Σ (∇³L_k − ∇³L)[δ_k, δ_k] too, of second. `loss` and
`data` as in `sim.derivatives`; names of metrics as in `theory.notation` where it has them.
"""

from dataclasses import dataclass

import torch
from torch.func import grad, vmap

from sim.derivatives import directional, global_gradient, global_loss, replicas, require_models, sharpening, sharpness
from sim.gradients import local_gradients
from sim.probe import consensus_distance


@dataclass(frozen=True)
class Decomposition:
    """v = g + h + b + rest, each [replicas, d] in [loss]/[θ]."""

    v: torch.Tensor
    g: torch.Tensor
    h: torch.Tensor
    b: torch.Tensor

    @property
    def e(self):
        """v − g, all that sets the merged model apart from parallel SGD."""
        return self.v - self.g

    @property
    def rest(self):
        return self.e - self.h - self.b


def decomposition(loss, theta, data):
    """The vectors at Θ [replicas, agents, d]. h leaves out Σ ∇²L δ_k, which is 0; no Hessian is formed."""
    require_models(theta, data)
    mean = theta.mean(dim=1)
    return Decomposition(
        v=local_gradients(loss, theta, data).mean(dim=1),
        g=global_gradient(loss, mean, data),
        h=replicas(_first_order(loss), data, mean, theta - mean[:, None]),
        b=replicas(_second_order(loss), data, mean, theta - mean[:, None]),
    )


def _first_order(loss):
    def of(mean, deviations, *data):
        def product(deviation, *own):
            return directional(grad(lambda x: loss(x, *own)), mean, deviation)

        return vmap(product)(deviations, *data).mean(dim=0)

    return of


def _second_order(loss):
    def of(mean, deviations, *data):
        slope = grad(lambda x: global_loss(loss)(x, *data))
        return vmap(lambda v: directional(slope, mean, v, v))(deviations).mean(dim=0) / 2

    return of


def terms(loss, theta, data):
    """{metric: [replicas]} at Θ [replicas, agents, d]:

        consensus_distance Ξ² [θ]²; sharpness Tr(∇²L Γ) [loss]; and in [loss]²/[θ]²
        gradient_norm_sq ‖g‖², mean_gradient_inner g·v, T2 = gᵀ∇Tr(∇²L Γ), discrepancy_inner g·e,
        discrepancy_norm_sq ‖e‖², h_inner g·h, h_norm_sq ‖h‖², b_inner g·b = T2/2, b_norm_sq ‖b‖²,
        rest_inner g·rest, rest_norm_sq ‖rest‖².

    T2 is the mean of ∇³L[δ_k, δ_k, g] by forward derivatives alone, so that T2 = 2 b_inner is a check.
    """
    parts = decomposition(loss, theta, data)
    mean = theta.mean(dim=1)
    deviations = theta - mean[:, None]
    return {
        "consensus_distance": consensus_distance(theta),
        "sharpness": sharpness(loss, mean, deviations, data).mean(-1),
        "T2": sharpening(loss, mean, deviations, data).mean(-1),
        "gradient_norm_sq": (parts.g**2).sum(-1),
        "mean_gradient_inner": (parts.g * parts.v).sum(-1),
        "discrepancy_inner": (parts.g * parts.e).sum(-1),
        "discrepancy_norm_sq": (parts.e**2).sum(-1),
        **{f"{name}_inner": (parts.g * getattr(parts, name)).sum(-1) for name in ("h", "b", "rest")},
        **{f"{name}_norm_sq": (getattr(parts, name) ** 2).sum(-1) for name in ("h", "b", "rest")},
    }


def residuals(values, lr, L2):
    """What gossip adds to the descent over η, from the `terms`, in [loss]²/[θ]²; L2 [loss]/[θ]² a number or [replicas].

        U          (η L2 − 1) g·e + (η L2/2) ‖e‖²    exact: the bracket of `descent_r1`
        U_printed  ½ (η L2 − 1) T2                   the leading term as Theorem 1 prints it; (D.11) has no ½

    The explicit (D.11) is `theory.bounds.zhu2025.RESIDUAL_D11`, which takes the metrics by the same names.
    """
    over = lr * L2 - 1
    return {
        "U": over * values["discrepancy_inner"] + lr * L2 / 2 * values["discrepancy_norm_sq"],
        "U_printed": over * values["T2"] / 2,
    }


def along_step(loss, points, steps, data):
    """{metric: [replicas]} of the step s = steps [replicas, d] from x = points [replicas, d]:

        merged_descent   L(x) − L(x + s)                       [loss]
        step_smoothness  ‖∇L(x + s) − ∇L(x)‖/‖s‖               [loss]/[θ]²
        step_curvature   2 (L(x + s) − L(x) − ∇L(x)·s)/‖s‖²    [loss]/[θ]²

    For x = θ̄, s = −η v it is the exact descent of the merged model without noise; step_curvature is the L2 with which
    `descent_r1` holds with equality. Both quotients are NaN for s = 0, which has none, and lose digits as s shrinks.
    The losses themselves are no metric here: a problem's merged_loss may be of its test set, or less its infimum.
    """
    value = global_loss(loss)
    before, after = (replicas(value, data, at) for at in (points, points + steps))
    slope, next_slope = (global_gradient(loss, at, data) for at in (points, points + steps))
    square = (steps**2).sum(-1)
    return {
        "merged_descent": before - after,
        "step_smoothness": (next_slope - slope).norm(dim=-1) / square.sqrt(),
        "step_curvature": 2 * (after - before - (slope * steps).sum(-1)) / square,
    }
