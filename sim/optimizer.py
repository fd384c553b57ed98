"""Local optimizers as pure functions on stacked models: update(Θ, G, state) -> (Θ', state').

Every operation is elementwise, so Θ and G may have any leading axes; `state` is a tuple of tensors. The rules are
those of torch.optim (SGD, AdamW with decoupled weight decay) and are tested against it step by step.
"""

import math
from dataclasses import dataclass

import torch

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
        require(self.name in OPTIMIZERS, f"Unknown optimizer {self.name!r}; valid: {', '.join(OPTIMIZERS)}.")
        require(math.isfinite(self.lr) and self.lr > 0, f"lr must be a positive number, not {self.lr}.")
        require(0 <= self.momentum < 1, f"momentum must lie in [0, 1), not {self.momentum}.")
        require(self.weight_decay >= 0, f"weight_decay must be >= 0, not {self.weight_decay}.")
        require(self.clip >= 0, f"clip must be >= 0 (0: no clipping), not {self.clip}.")

    def start(self, theta):
        """State at step 0, for models of the shape of Θ."""
        if self.name == "sgd":
            return ()
        if self.name == "momentum":
            return (torch.zeros_like(theta),)
        return torch.zeros_like(theta), torch.zeros_like(theta), torch.zeros((), dtype=torch.int64)

    def update(self, theta, gradient, state):
        """One step; returns the new models and the new state, and leaves its arguments as they were."""
        if self.clip > 0:
            gradient = gradient.clamp(-self.clip, self.clip)
        if self.name == "adamw":
            return self._adamw(theta, gradient, state)
        if self.weight_decay > 0:
            gradient = gradient + self.weight_decay * theta
        if self.name == "momentum":
            gradient = torch.add(gradient, state[0], alpha=self.momentum)
            state = (gradient,)
        return torch.add(theta, gradient, alpha=-self.lr), state

    def _adamw(self, theta, gradient, state):
        beta1, beta2, tiny = 0.9, 0.999, 1e-8
        first, second, count = state
        count = count + 1
        first = torch.lerp(first, gradient, 1 - beta1)
        second = torch.addcmul(beta2 * second, gradient, gradient, value=1 - beta2)
        t = int(count)
        scale = (second / (1 - beta2**t)).sqrt_().add_(tiny)
        decayed = theta * (1 - self.lr * self.weight_decay) if self.weight_decay > 0 else theta
        return torch.addcdiv(decayed, first, scale, value=-self.lr / (1 - beta1**t)), (first, second, count)
