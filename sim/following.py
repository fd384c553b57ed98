"""A schedule that follows the models: a global merge where the consensus distance has passed a critical one.

Such a schedule is told the state of its replica as the round begins, as a `View`; other schedules (sim.schedule) see
the round alone. No message and no byte of a run pays for what it is told: it is an oracle, with which fixed schedules
are compared, and no protocol.
"""

import math
from dataclasses import dataclass

from sim.probes.derivatives import global_gradient
from sim.probes.exact_losses import exact_losses
from sim.probes.spread import consensus_distance
from sim.schedule import merge
from theory.errors import require


@dataclass(frozen=True)
class View:
    """What a schedule is told of its replica: Ξ² [θ]² and ‖∇L(θ̄)‖² [loss]²/[θ]², as the round begins."""

    consensus_distance: float
    gradient_norm_sq: float


class EdgeMerge:
    """A global merge in every round that begins with Ξ² > edge ‖∇L(θ̄)‖², silence in all others.

    Both the critical consensus edge of arXiv 2507.06542, whose condition (11) is Ξ < c μ_t with μ_t <= ‖∇L(θ̄)‖ where
    its linear term decides, and the critical consensus distance of Kong et al. (arXiv 2102.04828) without noise,
    ‖∇L(θ̄)‖²/(8 L²), have this form. edge [θ]⁴/[loss]², >= 0.
    """

    sees = True

    def __init__(self, agents, edge):
        require(0 <= edge < math.inf, f"edge must be finite and >= 0, not {edge}.")
        self.merge, self.edge = merge(agents), edge

    def __call__(self, t, generator, view):
        past = view.consensus_distance > self.edge * view.gradient_norm_sq
        return self.merge(t, generator) if past else None


class Views:
    """The `View` of every replica of a state; exact gradients of a problem, on all its training data."""

    def __init__(self, problem):
        self.problem, self.losses = problem, exact_losses(problem)

    def __call__(self, state):
        mean, statistics = state.theta.mean(dim=1), None
        if state.statistics is not None:
            statistics = self.problem.merged_statistics(mean, state.statistics)
        slopes = global_gradient(self.losses, mean, statistics)
        sizes = zip(consensus_distance(state.theta).tolist(), (slopes**2).sum(-1).tolist(), strict=True)
        return [View(*size) for size in sizes]
