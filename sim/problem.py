"""What an objective offers to the time loop."""

from collections.abc import Callable, Iterator
from typing import Protocol

import torch


class Problem(Protocol):
    """m agents' losses L_1 ... L_m on R^d, stacked over replicas (one replica per seed).

    `seeds` is the tuple of seeds, one per replica; Θ is [replicas, agents, d] in `dtype` on `device`. Where many models
    are treated alike they are one axis, n = replicas · agents, replica by replica.

    Optional, for speed or for models with statistics of their own:

    gradients(Θ [n, d], *batch) -> (gradients [n, d], losses [n] or None)
        of all models at once, in closed form or by stacked products ("batched" in `sim.execution`). The gradients are
        the caller's to overwrite.
    sgd_step_(Θ [n, d], lr, *batch)
        a step of plain SGD in place, where that takes fewer passes over the memory.
    one_by_one
        whether one model after the other is quicker than stacks under vmap.
    chunk(execution, models) -> how many of the models have their gradients in memory at once.
    statistics, init_statistics(), loss_and_statistics(θ [d], s [b], *batch) -> (loss, s')
        b float numbers an agent carries beside θ that no gradient moves (BatchNorm).
    mixes_statistics, reestimates; reestimated(seed, θ [d]) -> s [b]
        whether gossip mixes them with the models, and whether those of an exact average are estimated again.
    precision() -> context manager
        in which the local steps are computed.
    """

    agents: int
    seeds: tuple[int, ...]
    dim: int
    dtype: torch.dtype
    device: torch.device

    def init(self) -> torch.Tensor:
        """Initial models Θ [replicas, agents, d]."""

    def batches(self, round: int, steps: int) -> Iterator[tuple[torch.Tensor, ...]]:
        """What each local step of a round samples, step by step: tensors [n, ...]."""

    def loss(self, theta: torch.Tensor, *batch: torch.Tensor) -> torch.Tensor:
        """Loss of one model θ [d] on one agent's batch (a scalar); its gradient is the stochastic gradient."""

    def measure(self, theta: torch.Tensor, statistics: torch.Tensor | None) -> dict[str, torch.Tensor]:
        """Metric name -> [replicas] (over all agents) or [replicas, agents], for Θ [replicas, agents, d]."""

    def measure_gradients(self, theta: torch.Tensor, statistics: torch.Tensor | None) -> dict[str, torch.Tensor]:
        """gradient_norm_sq ‖∇L(θ̄)‖² and local_gradient_norm_sq (1/m) Σ ‖∇L_k(θ_k)‖², exact, each [replicas]."""

    def exact_losses(self) -> tuple[Callable, tuple[torch.Tensor, ...]]:
        """(loss, data) of the probes: loss(θ [d], *data[r, k]) is L_k(θ), exactly; data [replicas, agents, ...]."""
