"""Binary logistic regression on generated samples: strongly convex, its constants and its minimizer known."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch.nn.functional import softplus

from sim.arguments import require_build
from sim.data.sets import class_shares
from sim.kinds import require_instance, require_kinds
from sim.own_samples import own_indices, take
from sim.randomness import stream
from sim.testbed import function_of
from theory.errors import OnemergeError, require

FAR = 700.0  # e^x overflows beyond it, where softplus(x) is x to the last bit
NEWTON_STEPS = 200
NEWTON_TOLERANCE = 1e-14  # ‖∇L‖ at the minimizer, in units of the size of its summands


@dataclass(frozen=True)
class Logistic:
    """L_k(θ) = (1/n) Σ_i log(1 + exp(−y_i x_iᵀθ)) + (l2/2) ‖θ‖² over the n = `samples` samples of agent k.

    A sample has dim − 1 Gaussian features, whose variances fall geometrically from 1 to 1/`condition`, and a last one
    that is 1 (the intercept). The label is the sign of a teacher's margin, turned over with
    chance `label_noise`; agent k has each label with its share of a draw of Dirichlet(α, α) (inf: half and half).
    All samples weigh the same in L. Samples are drawn from the streams "partition" and "samples" of `instance` (None:
    of each replica's own seed), batches with replacement from the agent's own samples, and all agents start at 0.

    Logistic regression of many classes on images is `Classification(model="logistic")`.
    Units: l2 [loss]/[θ]²; features are pure numbers, so that [θ] is 1.
    """

    dim: int = 10
    samples: int = 100
    l2: float = 0.1
    alpha: float = 0.5
    condition: float = 10.0
    label_noise: float = 0.1
    instance: int | None = 0

    def __post_init__(self):
        require_kinds(self)
        require_instance(self.instance)
        require(self.dim >= 1, f"dim must be at least 1, not {self.dim}.")
        require(self.samples >= 1, f"samples must be at least 1, not {self.samples}.")
        require(0 < self.l2 < math.inf, f"l2 must be finite and above 0 (else a minimizer need not be), not {self.l2}.")
        require(self.alpha > 0, f"alpha must be positive (inf for IID agents), not {self.alpha}.")
        require(1 <= self.condition < math.inf, f"condition must be finite and at least 1, not {self.condition}.")
        require(0 <= self.label_noise <= 0.5, f"label_noise must lie in [0, 1/2], not {self.label_noise}.")

    def build(self, agents, seeds, batch, device="cpu"):
        """The problem for `agents` agents, one replica per seed."""
        require_build(agents, seeds, batch)
        return LogisticProblem(self, agents, tuple(seeds), batch, torch.device(device))


class LogisticProblem:
    """`Logistic` on a device in float64: signed samples z = y x [replicas, agents, samples, d], all a loss knows."""

    dtype = torch.float64
    statistics = 0

    def __init__(self, config, agents, seeds, batch, device):
        self.config, self.agents, self.seeds, self.batch = config, agents, seeds, batch
        self.dim, self.device = config.dim, device
        keys = seeds if config.instance is None else (config.instance,)
        self._stored = torch.as_tensor(np.stack([signed_samples(config, agents, key) for key in keys]), device=device)
        self.z = self._by_replica(self._stored)

    def _by_replica(self, tensor):
        """One entry a replica, of one a set of samples."""
        return tensor.expand(len(self.seeds), *tensor.shape[1:])

    def init(self):
        return torch.zeros(len(self.seeds), self.agents, self.dim, dtype=self.dtype, device=self.device)

    def batches(self, round, steps):
        drawn = own_indices(self.seeds, self.agents, self.config.samples, self.batch, round, steps)
        return ((take(self.z, indices),) for indices in drawn)

    def loss(self, theta, z):
        return softplus(-(z @ theta), threshold=FAR).mean() + self.config.l2 / 2 * (theta**2).sum()

    def gradients(self, theta, z):
        margins = (z @ theta[:, :, None])[:, :, 0]
        pulls = torch.sigmoid(-margins) / margins.shape[1]
        gradients = self.config.l2 * theta - (pulls[:, None] @ z)[:, 0]
        losses = softplus(-margins, threshold=FAR).mean(-1) + self.config.l2 / 2 * (theta**2).sum(-1)
        return gradients, losses

    def exact_losses(self):
        """(loss, data) of every L_k on all its samples, as the probes of `sim.probes.derivatives` take them."""
        return self.loss, (self.z,)

    def measure(self, theta):
        """merged_loss L(θ̄) and merged_distance_sq ‖θ̄ − θ*‖²."""
        merged = theta.mean(dim=1)
        return {
            "merged_loss": self.gradients(merged, self.z.flatten(1, 2))[1],
            "merged_distance_sq": ((merged - self.minimizer) ** 2).sum(-1),
        }

    def local_gradients(self, theta):
        """∇L_k(θ_k) [replicas, agents, d] of Θ, in [loss]/[θ]."""
        return self.gradients(theta.flatten(0, 1), self.z.flatten(0, 1))[0].view_as(theta)

    def measure_gradients(self, theta):
        merged = self.gradients(theta.mean(dim=1), self.z.flatten(1, 2))[0]
        return {
            "gradient_norm_sq": (merged**2).sum(-1),
            "local_gradient_norm_sq": (self.local_gradients(theta) ** 2).sum(-1).mean(-1),
        }

    @property
    def mu(self):
        """The strong convexity of L and of every L_k: l2, which is the infimum of the curvature far out."""
        return self.config.l2

    @cached_property
    def constants(self):
        """{"L2", "L3", "L4"} of L, each [replicas] in [loss]/[θ]^q; the gradient is not bounded and has no L1.

        With s(a) = log(1 + e^(−a)), whose norms are those of `sim.testbed`, and means over all samples:

            L2 = ¼ λ_max(mean z zᵀ) + l2               exact, attained at θ = 0
            L3 = (√3/18) λ_max(mean ‖z‖ z zᵀ)          an upper bound, as |z·v|³ <= ‖z‖ (z·v)² for a unit v
            L4 = ⅛ λ_max(mean ‖z‖² z zᵀ)               an upper bound, likewise
        """
        norms = function_of("logistic").constants
        z = self._stored.flatten(1, 2)
        largest = {q: norms[f"L{q}"] * _largest_moment(z, q - 2) for q in (2, 3, 4)}
        largest[2] = largest[2] + self.config.l2
        return {f"L{q}": self._by_replica(norm) for q, norm in largest.items()}

    @cached_property
    def local_smoothness(self):
        """L2 of every L_k, ¼ λ_max(mean z zᵀ) + l2 over its own samples, exact, [replicas, agents] in [loss]/[θ]²."""
        return self._by_replica(_largest_moment(self._stored, 0) / 4 + self.config.l2)

    @cached_property
    def minimizer(self):
        """θ* [replicas, d] of L, by Newton's method."""
        return self._by_replica(torch.stack([newton(z, self.config.l2) for z in self._stored.flatten(1, 2)]))

    @property
    def infimum(self):
        """L* = L(θ*) [replicas] in [loss]."""
        return self.gradients(self.minimizer, self.z.flatten(1, 2))[1]

    @property
    def zeta_sq_at_minimizer(self):
        """ζ² = (1/m) Σ_k ‖∇L_k(θ*)‖² [replicas] in [loss]²/[θ]², exactly."""
        return (self.local_gradients(self._everywhere(self.minimizer)) ** 2).sum(-1).mean(-1)

    @property
    def sigma_sq_at_minimizer(self):
        """σ² = (1/m) Σ_k E ‖∇L_k(θ*; ξ) − ∇L_k(θ*)‖² of a batch [replicas] in [loss]²/[θ]², exactly.

        For b independent samples it is 1/b of that of one, which is the mean over the agent's samples.
        """
        margins = (self.z @ self.minimizer[:, None, :, None])[..., 0]
        each = -torch.sigmoid(-margins)[..., None] * self.z
        return ((each - each.mean(dim=2, keepdim=True)) ** 2).sum(-1).mean((1, 2)) / self.batch

    def _everywhere(self, theta):
        return theta[:, None].expand(-1, self.agents, -1)


def signed_samples(config, agents, key):
    """z = y x [agents, samples, dim] of a `Logistic`: features, intercept last, times their label ±1.

    A teacher's margin is symmetric about 0, so that a sample of a wanted label is any sample, turned over where its
    label is the other one.
    """
    shape = agents, config.samples
    shares = class_shares(key, agents, 2, config.alpha)
    generator = stream(key, "samples")
    scales = config.condition ** (-np.linspace(0, 0.5, max(config.dim - 1, 1)))[: config.dim - 1]
    teacher = generator.standard_normal(config.dim - 1)
    features = generator.standard_normal((*shape, config.dim - 1)) * scales
    truth = np.where(features @ teacher >= 0, 1.0, -1.0)
    flips = np.where(generator.random(shape) < config.label_noise, -1.0, 1.0)
    labels = np.where(generator.random(shape) < shares[:, 1:], 1.0, -1.0)
    features *= (truth * flips * labels)[..., None]
    return np.concatenate([features, np.ones((*shape, 1))], axis=-1) * labels[..., None]


def _largest_moment(z, power):
    """λ_max of mean ‖z‖^power z zᵀ over the samples of z [..., samples, d]."""
    weighted = z * z.norm(dim=-1, keepdim=True) ** power
    return torch.linalg.eigvalsh(weighted.mT @ z / z.shape[-2])[..., -1]


def newton(z, l2):
    """The minimizer θ [d] of mean log(1 + e^(−zθ)) + (l2/2) ‖θ‖² over z [n, d], by damped Newton steps."""
    theta, count = torch.zeros_like(z[0]), len(z)
    value = lambda at: softplus(-(z @ at), threshold=FAR).mean() + l2 / 2 * (at**2).sum()  # noqa: E731
    for _ in range(NEWTON_STEPS):
        pull = torch.sigmoid(-(z @ theta))
        gradient = l2 * theta - pull @ z / count
        if gradient.norm() <= NEWTON_TOLERANCE * ((pull @ z.norm(dim=-1)) / count + l2 * theta.norm()):
            return theta
        curvature = z.mT @ (z * (pull * (1 - pull))[:, None]) / count + l2 * torch.eye(z.shape[1]).to(z)
        step = torch.linalg.solve(curvature, gradient)
        promised, here, length = gradient @ step, value(theta), 1.0
        while value(theta - length * step) > here - length * promised / 4 + NEWTON_TOLERANCE * here:
            length /= 2
        theta = theta - length * step
    raise OnemergeError(
        f"Newton's method left ‖∇L‖ at {gradient.norm():.1e} after {NEWTON_STEPS} steps: take l2 above {l2}."
    )
