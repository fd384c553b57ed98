"""The paper's decomposition of one step of the merged model, each term of it measured.

θ̄ moves by −η v, v = (1/m) Σ_k ∇L_k(θ_k), where parallel SGD moves by −η g, g = ∇L(θ̄). With δ_k = θ_k − θ̄ and
Γ = (1/m) Σ δ_k δ_kᵀ,

    v = g + h + b + rest,    h = (1/m) Σ (∇²L_k − ∇²L) δ_k,    b = ½ ∇Tr(∇²L Γ) = (1/2m) Σ ∇³L[δ_k, δ_k, ·],

all at θ̄. arXiv 2507.06542 has no h (Proposition D.3), which is of first order in Ξ and 0 where all agents share one
loss; the rest is then of third order, and else holds (1/2m) Σ (∇³L_k − ∇³L)[δ_k, δ_k] too, of second. Of models with
statistics (BatchNorm) all is of the functions of θ that the statistics of θ̄ make of L_k: with the agents' own, equal
models would differ. `at` is a `sim.probes.snapshot.Snapshot`; names of metrics as in `theory.notation` where it has
them.
"""

from dataclasses import dataclass

import torch

from sim.probes.derivatives import bend, global_gradient, global_losses, part, product
from sim.probes.spread import consensus_distance


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


def decomposition(at):
    """The vectors of a snapshot. h leaves out Σ ∇²L δ_k, which is 0; no Hessian is formed."""
    agents = at.theta.shape[1]
    h, b = torch.zeros_like(at.mean), torch.zeros_like(at.mean)
    for block in at.blocks():
        lines = at.deviations(block)
        h[block[0]] += at.own_at_mean(product, block, lines).sum(dim=1)
        b[block[0]] += at.all_at_mean(bend, block[0], lines).sum(dim=1)
    return Decomposition(v=at.v, g=at.g, h=h / agents, b=b / (2 * agents))


def terms(at):
    """{metric: [replicas]} of a snapshot:

        consensus_distance Ξ² [θ]²; sharpness Tr(∇²L Γ) [loss]; and in [loss]²/[θ]²
        gradient_norm_sq ‖g‖², mean_gradient_inner g·v, T2 = gᵀ∇Tr(∇²L Γ), discrepancy_inner g·e,
        discrepancy_norm_sq ‖e‖², h_inner g·h, h_norm_sq ‖h‖², b_inner g·b = T2/2, b_norm_sq ‖b‖²,
        rest_inner g·rest, rest_norm_sq ‖rest‖².

    T2 is the mean of ∇³L[δ_k, δ_k, g] by forward derivatives alone, so that T2 = 2 b_inner is a check.
    """
    parts = decomposition(at)
    return {
        "consensus_distance": consensus_distance(at.theta),
        "sharpness": at.sharpness.mean(-1),
        "T2": at.sharpening.mean(-1),
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


def along_step(losses, points, steps, statistics=None):
    """{metric: [replicas]} of the step s = steps [replicas, d] from x = points [replicas, d]:

        merged_descent   L(x) − L(x + s)                       [loss]
        step_smoothness  ‖∇L(x + s) − ∇L(x)‖/‖s‖               [loss]/[θ]²
        step_curvature   2 (L(x + s) − L(x) − ∇L(x)·s)/‖s‖²    [loss]/[θ]²

    For x = θ̄, s = −η v it is the exact descent of the merged model without noise; step_curvature is the L2 with which
    `descent_r1` holds with equality. Both quotients are NaN for s = 0, which has none, and lose digits as s shrinks.
    Statistics [replicas, b] are the same before and after. The losses themselves are no metric here: a problem's
    merged_loss may be of its test set, or less its infimum.
    """
    ends = points + steps
    before, after = (
        global_losses(losses, x[:, None], part(statistics, slice(None), None))[:, 0] for x in (points, ends)
    )
    slope, next_slope = (global_gradient(losses, x, statistics) for x in (points, ends))
    square = (steps**2).sum(-1)
    return {
        "merged_descent": before - after,
        "step_smoothness": (next_slope - slope).norm(dim=-1) / square.sqrt(),
        "step_curvature": 2 * (after - before - (slope * steps).sum(-1)) / square,
    }
