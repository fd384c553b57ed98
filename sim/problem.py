"""What an objective offers to the time loop."""

from collections.abc import Callable
from typing import Protocol

import torch


class Problem(Protocol):
    """m agents' losses L_1 ... L_m on R^d, stacked over replicas (one replica per seed).

    `seeds` is the tuple of seeds, one per replica; Θ is [replicas, agents, d] in `dtype` on `device`.
    """

    agents: int
    seeds: tuple[int, ...]
    dim: int
    dtype: torch.dtype
    device: torch.device

    def init(self) -> torch.Tensor:
        """Initial models Θ [replicas, agents, d]."""

    def batches(self, round: int, steps: int) -> tuple[torch.Tensor, ...]:
        """What the local steps of a round sample: tensors with leading axes [steps, replicas · agents, ...]."""

    def loss(self, theta: torch.Tensor, *batch: torch.Tensor) -> torch.Tensor:
        """Loss of one model θ [d] on one agent's batch (a scalar); its gradient is the stochastic gradient."""

    def measure(self, theta: torch.Tensor) -> dict[str, torch.Tensor]:
        """Metric name -> [replicas] (over all agents) or [replicas, agents], for Θ [replicas, agents, d]."""

    def measure_gradients(self, theta: torch.Tensor) -> dict[str, torch.Tensor]:
        """gradient_norm_sq ‖∇L(θ̄)‖² and local_gradient_norm_sq (1/m) Σ ‖∇L_k(θ_k)‖², exact, each [replicas]."""

    def exact_losses(self) -> tuple[Callable, tuple[torch.Tensor, ...]]:
        """(loss, data) of the probes: loss(θ [d], *data[r, k]) is L_k(θ), exactly; data [replicas, agents, ...]."""
