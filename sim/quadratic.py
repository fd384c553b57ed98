"""Quadratic objectives whose curvature, heterogeneity and noise are known exactly."""

from dataclasses import dataclass

import numpy as np
import torch

from sim.randomness import stream
from theory.errors import require


@dataclass(frozen=True)
class Quadratic:
    """L_k(θ) = ½ (θ − b_k)ᵀ H_k (θ − b_k), stochastic gradient ∇L_k(θ) + ξ with ξ ~ N(0, (σ²/d) I).

    H_k = diag(h ⊙ (1 + spread · s_k)) with h spaced evenly from `mu` to `L` and signs s_k = ±1 alternating over the
    agents (0 for the odd one out), so the mean Hessian is diag(h). The optima b_k are drawn from the stream "optima"
    of `instance` (None: of each replica's own seed) and scaled so that ζ² = (1/m) Σ ‖∇L_k(θ*) − ∇L(θ*)‖² at the
    minimizer θ* = 0 of L; with spread = 0 the heterogeneity is ζ² at every θ, as Assumption A3 asks. All agents start
    at θ* + r, ‖r‖ = `distance` (Ξ₀ = 0, Theorem 1's equal initial models).

    Units: curvature [loss]/[θ]², σ and ζ [loss]/[θ], distance [θ].
    """

    dim: int = 10
    mu: float = 0.1
    L: float = 1.0
    zeta: float = 1.0
    sigma: float = 1.0
    spread: float = 0.0
    distance: float = 1.0
    instance: int | None = 0

    def __post_init__(self):
        require(self.dim >= 1, f"dim must be at least 1, not {self.dim}.")
        require(0 < self.mu <= self.L < np.inf, f"curvatures need 0 < mu <= L, not mu = {self.mu} and L = {self.L}.")
        finite = 0 <= self.sigma < np.inf and 0 <= self.zeta < np.inf
        require(finite, f"sigma and zeta must be finite and >= 0, not {self.sigma} and {self.zeta}.")
        require(0 <= self.spread < 1, f"spread must lie in [0, 1), not {self.spread}.")
        require(0 <= self.distance < np.inf, f"distance must be finite and >= 0, not {self.distance}.")

    def build(self, agents, seeds, device="cpu"):
        """The problem for `agents` agents, one replica per seed."""
        return QuadraticProblem(self, agents, tuple(seeds), torch.device(device))


class QuadraticProblem:
    """`Quadratic` on a device in float64: curvature h_k [agents, d], its mean [d], optima b_k [replicas, agents, d]."""

    dtype = torch.float64

    def __init__(self, config, agents, seeds, device):
        require(config.zeta == 0 or agents > 1, f"one agent has no heterogeneity: zeta must be 0, not {config.zeta}.")
        self.config, self.agents, self.seeds, self.dim, self.device = config, agents, seeds, config.dim, device
        signs = np.where(np.arange(agents) % 2 == 0, 1.0, -1.0)
        signs[agents - agents % 2 :] = 0.0
        mean_curvature = np.linspace(config.mu, config.L, config.dim) if config.dim > 1 else np.array([config.L])
        curvature = mean_curvature * (1 + config.spread * signs[:, None])
        pulls, starts = zip(*(self._instance(seed) for seed in seeds), strict=True)
        self.curvature = self._tensor(curvature)
        self.mean_curvature = self._tensor(mean_curvature)
        self.optima = self._tensor(np.stack(pulls)) / self.curvature
        self.start = self._tensor(np.stack(starts))[:, None]

    def _tensor(self, array):
        return torch.as_tensor(array, dtype=self.dtype, device=self.device)

    def _instance(self, seed):
        """(−∇L_k(θ*) [agents, d], which sum to zero over the agents; initial model [d])."""
        config = self.config
        generator = stream(seed if config.instance is None else config.instance, "optima")
        pull = generator.standard_normal((self.agents, self.dim))
        pull -= pull.mean(axis=0)
        scale = config.zeta / np.sqrt((pull**2).sum(axis=1).mean()) if config.zeta > 0 else 0.0
        direction = generator.standard_normal(self.dim)
        return pull * scale, config.distance * direction / np.linalg.norm(direction)

    @property
    def smoothness(self):
        """Smoothness constant of every L_k, the largest curvature [loss]/[θ]²; L itself is config.L-smooth."""
        return float(self.curvature.max())

    @property
    def initial_gap(self):
        """Δ = L(θ⁰) − L* = ½ θ⁰ᵀ diag(h) θ⁰ of each replica, [replicas] in [loss]."""
        return (self.mean_curvature * self.start[:, 0] ** 2).sum(-1) / 2

    def init(self):
        return self.start.expand(-1, self.agents, -1).clone()

    def batches(self, round, steps):
        scale = self.config.sigma / np.sqrt(self.dim)
        shape = (steps, self.agents, self.dim)
        drawn = {seed: stream(seed, "noise", round).standard_normal(shape) for seed in dict.fromkeys(self.seeds)}
        noise = np.stack([drawn[seed] for seed in self.seeds], axis=1) * scale
        curvature = self.curvature.repeat(len(self.seeds), 1)
        sampled = self._tensor(noise).flatten(1, 2), self.optima.flatten(0, 1), curvature
        return sampled[0], *(constant.expand(steps, -1, -1) for constant in sampled[1:])

    def loss(self, theta, noise, optimum, curvature):
        return (curvature * (theta - optimum) ** 2).sum() / 2 + (noise * theta).sum()

    def exact_losses(self):
        """(loss, data) of every L_k without noise, as the probes of `sim.derivatives` take them."""
        curvature = self.curvature.expand_as(self.optima)
        return self.loss, (torch.zeros_like(self.optima), self.optima, curvature)

    def measure(self, theta):
        merged = theta.mean(dim=1)
        return {"merged_loss": (self.mean_curvature * merged**2).sum(-1) / 2, "merged_norm_sq": (merged**2).sum(-1)}

    def measure_gradients(self, theta):
        return {
            "gradient_norm_sq": ((self.mean_curvature * theta.mean(dim=1)) ** 2).sum(-1),
            "local_gradient_norm_sq": ((self.curvature * (theta - self.optima)) ** 2).sum(-1).mean(-1),
        }
