"""Quadratic objectives whose curvature, heterogeneity and noise are known exactly."""

from dataclasses import dataclass
from functools import cached_property
from itertools import repeat

import numpy as np
import torch

from sim.arguments import require_build
from sim.kinds import require_instance, require_kinds
from sim.many_streams import streams
from sim.optimizer import descend
from sim.randomness import stream
from sim.spectra import curvatures, require_spectrum
from theory.errors import require

SIGNS = ("agents", "coordinates")
NOISES = ("isotropic", "curvature")
BLOCK = 2**17  # numbers: a megabyte, most of which is still in a core's cache in the next pass


@dataclass(frozen=True)
class Quadratic:
    """L_k(θ) = ½ (θ − b_k)ᵀ H_k (θ − b_k), stochastic gradient ∇L_k(θ) + ξ with ξ ~ N(0, Σ), Tr Σ = σ².

    H_k = diag(h ⊙ (1 + spread · s_k)), h from `mu` to `L` by the named `spectrum` (sim.spectra; `decay` is of "power",
    `outliers` of "two"). Every coordinate's signs s_k = ±1 sum to zero over the agents (0 for the odd one out), so the
    mean Hessian is diag(h): with `signs` "agents" they alternate over the agents, the same in every coordinate, so that
    an agent is steeper or flatter throughout; with "coordinates" they are shuffled over the agents for every coordinate
    anew, from the stream "signs" of `instance` (None: of 0). The optima b_k are drawn from the stream "optima" of
    `instance` (None: of each replica's own seed) and scaled so that ζ² = (1/m) Σ ‖∇L_k(θ*) − ∇L(θ*)‖² at the minimizer
    θ* = 0 of L; with spread = 0 the heterogeneity is ζ² at every θ, as Assumption A3 asks. All agents start at θ* + r,
    ‖r‖ = `distance` (Ξ₀ = 0, Theorem 1's equal initial models). `noise` "isotropic" is Σ = (σ²/d) I, "curvature"
    Σ = σ² diag(h) / Σ_i h_i, as noise of sampling has in steep directions more of it.

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
    spectrum: str = "even"
    decay: float = 1.0
    outliers: int = 1
    signs: str = "agents"
    noise: str = "isotropic"

    def __post_init__(self):
        require_kinds(self)
        require_instance(self.instance)
        require(self.dim >= 1, f"dim must be at least 1, not {self.dim}.")
        require_spectrum(self.spectrum, self.dim, self.mu, self.L, self.decay, self.outliers)
        finite = 0 <= self.sigma < np.inf and 0 <= self.zeta < np.inf
        require(finite, f"sigma and zeta must be finite and >= 0, not {self.sigma} and {self.zeta}.")
        require(0 <= self.spread < 1, f"spread must lie in [0, 1), not {self.spread}.")
        require(0 <= self.distance < np.inf, f"distance must be finite and >= 0, not {self.distance}.")
        require(self.signs in SIGNS, f"Unknown signs {self.signs!r}; valid: {', '.join(SIGNS)}.")
        require(self.noise in NOISES, f"Unknown noise {self.noise!r}; valid: {', '.join(NOISES)}.")

    def build(self, agents, seeds, device="cpu"):
        """The problem for `agents` agents, one replica per seed."""
        require_build(agents, seeds)
        return QuadraticProblem(self, agents, tuple(seeds), torch.device(device))


class QuadraticProblem:
    """`Quadratic` on a device in float64: curvature h_k [agents, d], its mean [d], optima b_k [replicas, agents, d].

    `curvature` and `optima` repeat one row or one replica without a copy where all are the same.
    """

    dtype = torch.float64

    def __init__(self, config, agents, seeds, device):
        require(config.zeta == 0 or agents > 1, f"one agent has no heterogeneity: zeta must be 0, not {config.zeta}.")
        self.config, self.agents, self.seeds, self.dim, self.device = config, agents, seeds, config.dim, device
        h = curvatures(config.spectrum, config.dim, config.mu, config.L, config.decay, config.outliers)
        self.mean_curvature = self._tensor(h)
        self.curvature = self.mean_curvature.expand(agents, -1)
        if config.spread > 0:
            self.curvature = self._tensor(h * (1 + config.spread * _signs(config, agents)))
        variance = h / h.sum() if config.noise == "curvature" else 1 / config.dim
        self.noise_scale = config.sigma * np.sqrt(variance)
        distinct = list(dict.fromkeys(seeds)) if config.instance is None else [config.instance]
        pulls, starts = map(np.stack, zip(*map(self._instance, distinct), strict=True))
        optima = self._tensor(pulls) / self.curvature
        if len(distinct) == 1:
            self.optima, which = optima.expand(len(seeds), -1, -1), [0] * len(seeds)
        else:
            which = [distinct.index(seed) for seed in seeds] if len(distinct) < len(seeds) else slice(None)
            self.optima = optima[which]
        self.start = self._tensor(starts[which])[:, None]

    def _tensor(self, array):
        return torch.as_tensor(array, dtype=self.dtype, device=self.device)

    def _instance(self, seed):
        """(−∇L_k(θ*) [agents, d], which sum to zero over the agents; initial model [d])."""
        config = self.config
        generator = stream(seed, "optima")
        pull = generator.standard_normal((self.agents, self.dim))
        pull -= pull.mean(axis=0)
        scale = config.zeta / np.sqrt((pull**2).sum(axis=1).mean()) if config.zeta > 0 else 0.0
        direction = generator.standard_normal(self.dim)
        return pull * scale, config.distance * direction / np.linalg.norm(direction)

    @property
    def smoothness(self):
        """Smoothness constant of every L_k, max_k L_k [loss]/[θ]²; L itself is config.L-smooth."""
        return float(self.curvature.max())

    @property
    def smoothness_of_each(self):
        """L_k, the largest eigenvalue of H_k, [agents]."""
        return self.curvature.amax(dim=1)

    @property
    def convexity_of_each(self):
        """μ_k, the smallest eigenvalue of H_k, [agents]."""
        return self.curvature.amin(dim=1)

    @property
    def convexity(self):
        """μ of L itself, the smallest of its curvatures: config.mu but in one dimension, where it is config.L."""
        return float(self.mean_curvature.min())

    @property
    def zeta_sup(self):
        """sup over θ of ζ(θ) [loss]/[θ]: ζ where all agents have one Hessian; else ζ(θ) grows like ‖θ‖ without end."""
        return self.config.zeta if self.config.spread == 0 or self.agents == 1 else np.inf

    def zeta_sq(self, theta):
        """ζ²(θ) = (1/m) Σ_k ‖(H_k − H) θ − H_k b_k‖² [loss]²/[θ]² of each replica, for θ [replicas, d]."""
        difference = (self.curvature - self.mean_curvature) * theta[:, None] - self.curvature * self.optima
        return (difference**2).sum(-1).mean(-1)

    @property
    def initial_gap(self):
        """Δ = L(θ⁰) − L* = ½ θ⁰ᵀ diag(h) θ⁰ of each replica, [replicas] in [loss]."""
        return (self.mean_curvature * self.start[:, 0] ** 2).sum(-1) / 2

    def init(self):
        return self.start.expand(-1, self.agents, -1).clone()

    def batches(self, round, steps):
        """For each step (noise ξ, optimum, curvature), each [n, d]; the noise alone is new, and one 0 where σ = 0."""
        if self.config.sigma == 0:
            nothing = torch.zeros((), dtype=self.dtype, device=self.device).expand_as(self._flat[0])
            yield from ((nothing, *self._flat) for _ in range(steps))
            return
        distinct = list(dict.fromkeys(self.seeds))
        generators = streams(distinct, "noise", round)
        position = {seed: i for i, seed in enumerate(distinct)}
        for _ in range(steps):
            noise = np.empty((len(distinct), self.agents, self.dim))
            for generator, own in zip(generators, noise, strict=True):
                self._draw_noise(generator, own)
            if len(distinct) < len(self.seeds):
                noise = noise[[position[seed] for seed in self.seeds]]
            yield self._tensor(noise).flatten(0, 1), *self._flat

    def _draw_noise(self, generator, out):
        """Fill [agents, d] with ξ; a block of rows is scaled while it is in the cache."""
        rows = max(1, BLOCK // self.dim)
        for first in range(0, self.agents, rows):
            block = out[first : first + rows]
            generator.standard_normal(out=block)
            block *= self.noise_scale

    @cached_property
    def _flat(self):
        """(optimum, curvature) [n, d]: what a batch holds beside the noise, made once."""
        replicas = len(self.seeds)
        curvature = self.mean_curvature.expand(replicas * self.agents, -1)
        return self.optima.flatten(0, 1), curvature if self.config.spread == 0 else self.curvature.repeat(replicas, 1)

    def loss(self, theta, noise, optimum, curvature):
        return (curvature * (theta - optimum) ** 2).sum() / 2 + (noise * theta).sum()

    def gradients(self, theta, noise, optimum, curvature):
        """(h ⊙ (θ − b) + ξ, None) of all models at once, [n, d] each; the losses are not computed."""
        return self._gradient(theta, noise, optimum, curvature, torch.empty_like(theta)), None

    def _gradient(self, theta, noise, optimum, curvature, out):
        torch.sub(theta, optimum, out=out).mul_(curvature)
        return out if self.config.sigma == 0 else out.add_(noise)

    def sgd_step_(self, theta, lr, noise, optimum, curvature):
        """θ ← θ − η (h ⊙ (θ − b) + ξ) in place, on Θ [n, d]; η a number, or [n, 1] of one for every model.

        The bits are those of `gradients` and `Optimizer.step_`. On the CPU it goes block by block, so that a gradient
        is still in the cache when it is used: the memory moves Θ twice, the optima and the noise once.
        """
        count = max(1, BLOCK // self.dim) if theta.device.type == "cpu" else len(theta)
        if len(theta) <= count:
            descend(theta, self.gradients(theta, noise, optimum, curvature)[0], lr)
            return
        gradient = torch.empty_like(theta[:count])
        rates = lr.split(count) if torch.is_tensor(lr) else repeat(lr)
        parts = (part.split(count) for part in (noise, optimum, curvature))
        for own, rate, *batch in zip(theta.split(count), rates, *parts, strict=False):  # a number goes on for ever
            descend(own, self._gradient(own, *batch, gradient[: len(own)]), rate)

    def exact_losses(self):
        """(loss, data) of every L_k without noise, as the probes of `sim.probes.derivatives` take them."""
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


def _signs(config, agents):
    """s_k [agents, d], every column half −1 and half +1, with a 0 where `agents` is odd."""
    signs = np.where(np.arange(agents) % 2 == 0, 1.0, -1.0)
    signs[agents - agents % 2 :] = 0.0
    signs = np.repeat(signs[:, None], config.dim, axis=1)
    if config.signs == "coordinates":
        signs = stream(config.instance or 0, "signs").permuted(signs, axis=0)
    return signs
