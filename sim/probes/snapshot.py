"""The models of a run at one moment, and what several probes need of them, computed once."""

from dataclasses import dataclass
from functools import cached_property

import torch

from sim.probes.derivatives import global_gradient, global_losses, part, sharpening, sharpness, slope
from sim.probes.exact_losses import ExactLosses
from theory.errors import require


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Θ [replicas, agents, d], which no probe changes, with its exact losses.

    Of models that carry statistics, the agents' losses and gradients are with their own, `statistics` [replicas,
    agents, b]; θ̄ and all that is compared with it by derivatives, v too, are with `mean_statistics` [replicas, b]: a
    theory of L speaks of one function of θ.
    """

    losses: ExactLosses
    theta: torch.Tensor
    statistics: torch.Tensor | None = None
    mean_statistics: torch.Tensor | None = None

    def __post_init__(self):
        own, here = (self.losses.replicas, self.losses.agents), tuple(self.theta.shape[:-1])
        require(own == here, f"theta has axes [replicas, agents] = {list(here)}, and the losses have {list(own)}.")

    def blocks(self):
        """Slices (replicas, agents) of models that are treated at once."""
        return self.losses.blocks(*self.theta.shape)

    def own(self, f, block, *rows):
        """f(L_k, θ_k, *rows) of a block's agents, each with its own statistics."""
        statistics = part(self.statistics, *block)
        return self.losses.own(f, block, self.theta[block], *rows, statistics=statistics)

    def own_at_mean(self, f, block, *rows):
        """f(L_k, θ̄, *rows) of a block's agents."""
        return self.losses.own(f, block, self.mean[block[0]], *rows, statistics=part(self.mean_statistics, block[0]))

    def all_at_mean(self, f, replicas, *rows):
        """f(L, θ̄, *rows) of a slice of replicas."""
        return self.losses.all(f, replicas, self.mean[replicas], *rows, statistics=part(self.mean_statistics, replicas))

    def deviations(self, block):
        """δ_k = θ_k − θ̄ of a block's agents."""
        return self.theta[block] - self.mean[block[0], None]

    @cached_property
    def mean(self):
        """θ̄ [replicas, d]."""
        return self.theta.mean(dim=1)

    @cached_property
    def g(self):
        """∇L(θ̄) [replicas, d] in [loss]/[θ]."""
        return global_gradient(self.losses, self.mean, self.mean_statistics)

    @cached_property
    def v(self):
        """(1/m) Σ_k ∇L_k(θ_k) [replicas, d] in [loss]/[θ]."""
        total = torch.zeros_like(self.mean)
        for block in self.blocks():
            statistics = part(self.mean_statistics, block[0])
            total[block[0]] += self.losses.own(slope, block, self.theta[block], statistics=statistics).sum(dim=1)
        return total / self.theta.shape[1]

    @cached_property
    def values(self):
        """L(θ_k) [replicas, agents] in [loss]."""
        return global_losses(self.losses, self.theta, self.statistics)

    @cached_property
    def sharpness(self):
        """δ_kᵀ ∇²L(θ̄) δ_k [replicas, agents] in [loss]."""
        return sharpness(self.losses, self.mean, self.theta, self.mean_statistics)

    @cached_property
    def sharpening(self):
        """∇³L(θ̄)[δ_k, δ_k, ∇L(θ̄)] [replicas, agents] in [loss]²/[θ]²."""
        return sharpening(self.losses, self.mean, self.theta, self.g, self.mean_statistics)
