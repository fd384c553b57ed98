"""A linear network of two layers: nonconvex, with an exact global minimum, and all derivatives are polynomials."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from sim.arguments import require_build
from sim.kinds import require_instance, require_kinds
from sim.own_samples import own_indices, take
from sim.randomness import stream
from theory.errors import require

INITS = ("different", "same")


@dataclass(frozen=True)
class LinearNetwork:
    """L_k(W1, W2) = (1/2n) Σ_i ‖W2 W1 x_i − y_i‖² over the n = `samples` samples of agent k; θ = (W1, W2) row by row.

    W1 is [hidden, inputs], W2 [outputs, hidden]. The N = agents · samples inputs have the second moment
    (1/N) Σ x xᵀ = diag(λ) exactly, λ falling geometrically from 1 to 1/`condition` (1: whitened); targets are
    y = A x + `noise` ε with a teacher A of entries N(0, 1/inputs) and ε ~ N(0, I). Agents hold different samples:
    `skew` 0 deals them out at random, 1 in the order of the first input, and between them by
    (1 − skew) · a random number + skew · the rank; all weigh the same in L, which does not depend on `skew`.
    Samples are drawn from the streams "samples" and "partition" of `instance` (None: of each replica's own seed),
    batches with replacement from the agent's own. Initial weights are `scale` · N(0, 1/inputs) and N(0, 1/hidden),
    "different" for every agent or the "same".

    W2 W1 does not change under (W1, W2) -> (R W1, W2 R⁻¹): networks that are equal as functions lie apart, and the mean
    of their weights is another function, which may be worse than each. Units: weights and data are pure numbers.
    """

    inputs: int = 8
    hidden: int = 4
    outputs: int = 4
    samples: int = 64
    condition: float = 1.0
    noise: float = 0.1
    skew: float = 0.0
    init: str = "different"
    scale: float = 1.0
    instance: int | None = 0

    def __post_init__(self):
        require_kinds(self)
        require_instance(self.instance)
        for name in ("inputs", "hidden", "outputs", "samples"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1, not {getattr(self, name)}.")
        require(1 <= self.condition < math.inf, f"condition must be finite and at least 1, not {self.condition}.")
        require(0 <= self.noise < math.inf, f"noise must be finite and >= 0, not {self.noise}.")
        require(0 <= self.skew <= 1, f"skew must lie in [0, 1], not {self.skew}.")
        require(self.init in INITS, f"Unknown init {self.init!r}; valid: {', '.join(INITS)}.")
        require(0 <= self.scale < math.inf, f"scale must be finite and >= 0, not {self.scale}.")

    def build(self, agents, seeds, batch, device="cpu"):
        """The problem for `agents` agents, one replica per seed."""
        require_build(agents, seeds, batch)
        total = agents * self.samples
        require(
            total >= self.inputs,
            f"{self.inputs} inputs need as many samples in all, not {total} ({agents} agents of {self.samples}).",
        )
        return LinearNetworkProblem(self, agents, tuple(seeds), batch, torch.device(device))


class LinearNetworkProblem:
    """`LinearNetwork` on a device in float64: inputs x and targets y [replicas, agents, samples, ...]."""

    dtype = torch.float64
    statistics = 0

    def __init__(self, config, agents, seeds, batch, device):
        self.config, self.agents, self.seeds, self.batch, self.device = config, agents, seeds, batch, device
        self.first = config.hidden * config.inputs  # entries of W1
        self.dim = self.first + config.outputs * config.hidden
        keys = seeds if config.instance is None else (config.instance,)
        drawn = zip(*(own_samples(config, agents, key) for key in keys), strict=True)
        self._stored = tuple(torch.as_tensor(np.stack(part), device=device) for part in drawn)
        self.x, self.y = (part.expand(len(seeds), -1, -1, -1) for part in self._stored)

    def layers(self, theta):
        """W1 [..., hidden, inputs] and W2 [..., outputs, hidden] of models θ [..., d]."""
        config = self.config
        shapes = (config.hidden, config.inputs), (config.outputs, config.hidden)
        parts = theta[..., : self.first], theta[..., self.first :]
        return tuple(part.unflatten(-1, shape) for part, shape in zip(parts, shapes, strict=True))

    def init(self):
        """From the stream "init" of each seed; "same": agent 0's for all."""
        config = self.config
        normal = np.stack([stream(seed, "init").standard_normal((self.agents, self.dim)) for seed in self.seeds])
        sizes = self.first, self.dim - self.first
        normal *= config.scale / np.sqrt(np.repeat((config.inputs, config.hidden), sizes))
        if config.init == "same":
            normal = np.repeat(normal[:, :1], self.agents, axis=1)
        return torch.as_tensor(normal, dtype=self.dtype, device=self.device)

    def batches(self, round, steps):
        drawn = own_indices(self.seeds, self.agents, self.config.samples, self.batch, round, steps)
        return ((take(self.x, indices), take(self.y, indices)) for indices in drawn)

    def loss(self, theta, x, y):
        W1, W2 = self.layers(theta)
        return ((x @ W1.mT @ W2.mT - y) ** 2).sum() / (2 * len(x))

    def gradients(self, theta, x, y):
        """∇_W1 = W2ᵀ E, ∇_W2 = (mean r hᵀ), with h = W1 x, r = W2 h − y, E = mean r xᵀ."""
        W1, W2 = self.layers(theta)
        hidden = x @ W1.mT
        residual = hidden @ W2.mT - y
        scaled = residual.mT / x.shape[1]
        parts = W2.mT @ (scaled @ x), scaled @ hidden
        return torch.cat([part.flatten(1) for part in parts], dim=1), (residual**2).sum((1, 2)) / (2 * x.shape[1])

    def exact_losses(self):
        """(loss, data) of every L_k on all its samples, as the probes of `sim.probes.derivatives` take them."""
        return self.loss, (self.x, self.y)

    def global_loss(self, theta):
        """L [replicas, n] of models [replicas, n, d]: ½ ‖(W2 W1 − B) S^(1/2)‖_F² + the loss of the linear map B."""
        W1, W2 = self.layers(theta)
        best, floor = self._least_squares
        return (self.spectrum * (W2 @ W1 - best[:, None]) ** 2).sum((-2, -1)) / 2 + floor[:, None]

    @cached_property
    def spectrum(self):
        """λ [inputs], the second moments of the inputs: S = diag(λ)."""
        return torch.as_tensor(spectrum_of(self.config), dtype=self.dtype, device=self.device)

    @cached_property
    def _least_squares(self):
        """B = S_yx S⁻¹ [replicas, outputs, inputs] and ½ mean ‖y − B x‖² [replicas], of all samples together."""
        x, y = (part.flatten(1, 2) for part in self._stored)
        best = y.mT @ x / x.shape[1] / self.spectrum
        floor = ((y - x @ best.mT) ** 2).sum((1, 2)) / (2 * x.shape[1])
        return best.expand(len(self.seeds), -1, -1), floor.expand(len(self.seeds))

    @property
    def infimum(self):
        """L* [replicas], the minimum over all W1 and W2, attained: ½ Σ s_i² over the singular values s_i of B S^(1/2)
        beyond the first `hidden` (Eckart and Young 1936), + the loss of B."""
        best, floor = self._least_squares
        singular = torch.linalg.svdvals(best * self.spectrum.sqrt())
        return (singular[:, self.config.hidden :] ** 2).sum(-1) / 2 + floor

    def measure(self, theta):
        """merged_loss L(θ̄); global_loss L(θ_k) and imbalance ‖W1 W1ᵀ − W2ᵀ W2‖_F of each agent, [replicas, agents].

        W1 W1ᵀ − W2ᵀ W2 does not change under gradient flow, and so by O(η²) a step under gradient descent.
        """
        W1, W2 = self.layers(theta)
        return {
            "global_loss": self.global_loss(theta),
            "merged_loss": self.global_loss(theta.mean(dim=1, keepdim=True))[:, 0],
            "imbalance": torch.linalg.matrix_norm(W1 @ W1.mT - W2.mT @ W2),
        }

    def measure_gradients(self, theta):
        merged = self.gradients(theta.mean(dim=1), self.x.flatten(1, 2), self.y.flatten(1, 2))[0]
        local = self.gradients(theta.flatten(0, 1), self.x.flatten(0, 1), self.y.flatten(0, 1))[0].view_as(theta)
        return {
            "gradient_norm_sq": (merged**2).sum(-1),
            "local_gradient_norm_sq": (local**2).sum(-1).mean(-1),
        }


def spectrum_of(config):
    """λ [inputs], from 1 to 1/condition geometrically."""
    return config.condition ** -np.linspace(0, 1, config.inputs)


def own_samples(config, agents, key):
    """(x [agents, samples, inputs], y [agents, samples, outputs]) of a `LinearNetwork`."""
    generator, total = stream(key, "samples"), agents * config.samples
    teacher = generator.standard_normal((config.outputs, config.inputs)) / math.sqrt(config.inputs)
    orthonormal = np.linalg.qr(generator.standard_normal((total, config.inputs)))[0]
    x = orthonormal * np.sqrt(total * spectrum_of(config))
    y = x @ teacher.T + config.noise * generator.standard_normal((total, config.outputs))
    rank = np.argsort(np.argsort(x[:, 0], kind="stable"), kind="stable") / total
    keys = (1 - config.skew) * stream(key, "partition").random(total) + config.skew * rank
    order = np.argsort(keys, kind="stable").reshape(agents, config.samples)
    return x[order], y[order]
