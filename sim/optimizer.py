"""Local optimizers on stacked models, in place: memory is that of the models, the state and some agents' gradients.

The rules are those of torch.optim (SGD, AdamW with decoupled weight decay) and are tested against it step by step.
"""

import math
from dataclasses import dataclass

import torch

from sim.kinds import require_kinds
from theory.errors import require

OPTIMIZERS = ("sgd", "momentum", "adamw")


@dataclass(frozen=True)
class Optimizer:
    """Fields of a local optimizer; `lr` is η in [θ]²/[loss] for sgd and momentum, in [θ] for adamw.

    sgd:      θ ← θ − η (g + λθ)
    momentum: u ← βu + g + λθ,  θ ← θ − ηu
    adamw:    θ ← (1 − ηλ) θ − η m̂ / (√v̂ + 10⁻⁸), m, v the moving averages with rates β₁ = 0.9, β₂ = 0.999
              (Loshchilov and Hutter 2019)
    `clip` limits each entry of g to [−clip, clip] first (0: no clipping), as the paper's official code does at 1.
    """

    name: str
    lr: float
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip: float = 0.0

    def __post_init__(self):
        require_kinds(self)
        require(self.name in OPTIMIZERS, f"Unknown optimizer {self.name!r}; valid: {', '.join(OPTIMIZERS)}.")
        require(math.isfinite(self.lr) and self.lr > 0, f"lr must be a positive number, not {self.lr}.")
        require(0 <= self.momentum < 1, f"momentum must lie in [0, 1), not {self.momentum}.")
        decays = 0 <= self.weight_decay < math.inf
        require(decays, f"weight_decay must be finite and >= 0, not {self.weight_decay}.")
        require(self.clip >= 0, f"clip must be >= 0 (0: no clipping), not {self.clip}.")

    def start(self, theta):
        """State at step 0, for models of the shape of Θ [replicas, agents, d]: a tuple of tensors with its two leading
        axes. AdamW counts the steps of every agent, since one that was absent has taken fewer."""
        if self.name == "sgd":
            return ()
        if self.name == "momentum":
            return (torch.zeros_like(theta),)
        return torch.zeros_like(theta), torch.zeros_like(theta), torch.zeros(theta.shape[:2], dtype=torch.int64)

    @property
    def plain(self):
        """Whether a step is θ ← θ − ηg and nothing else."""
        return self.name == "sgd" and self.clip == 0 and self.weight_decay == 0

    def step_(self, theta, gradient, state, lr=None):
        """One step in place, of some agents: Θ [n, d] and the state's parts [n, ...]; the gradient is used up.

        `lr` overrides the learning rate: a number, or a tensor [n, 1] of one for every model.
        """
        lr = self.lr if lr is None else lr
        if self.clip > 0:
            gradient.clamp_(-self.clip, self.clip)
        if self.name == "adamw":
            self._adamw(theta, gradient, state, lr)
            return
        if self.weight_decay > 0:
            gradient.add_(theta, alpha=self.weight_decay)
        if self.name == "momentum":
            gradient = state[0].mul_(self.momentum).add_(gradient)
        descend(theta, gradient, lr)

    def _adamw(self, theta, gradient, state, lr):
        beta1, beta2, tiny = 0.9, 0.999, 1e-8
        first, second, count = state
        count.add_(1)
        t = powers(count, theta)
        first.lerp_(gradient, 1 - beta1)
        second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        scale = (second / (1 - beta2**t)).sqrt_().add_(tiny)
        if self.weight_decay > 0:
            theta.mul_(1 - lr * self.weight_decay)
        descend(theta, scale.reciprocal_().mul_(first), lr / (1 - beta1**t))


def powers(count, theta):
    """The steps taken: one number where all agents have taken as many, else a tensor [n, 1] on Θ's device."""
    steps = int(count[0])
    if bool((count == steps).all()):
        return steps
    return count[:, None].to(theta.device, torch.float64).to(theta.dtype)


def descend(theta, direction, lr):
    """θ ← θ − η direction, in place; η a number, or a tensor [n, 1]."""
    if isinstance(lr, torch.Tensor):
        theta.addcmul_(direction, lr, value=-1)
    else:
        theta.add_(direction, alpha=-lr)
