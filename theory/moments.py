"""Exact means and covariances of decentralized SGD on quadratics: the oracle of the simulator."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from theory.errors import require


@dataclass(frozen=True)
class Moments:
    """After t rounds: mean E Θ [..., m, d] and covariance of each coordinate over agents [..., d, m, m]."""

    mean: np.ndarray
    covariance: np.ndarray

    def consensus_distance(self):
        """E Ξ² = (1/m) Σ_k ‖E θ_k − E θ̄‖² + (1/m) Σ_i Tr((I − J) C_i) [θ]²."""
        spread = ((self.mean - self.mean.mean(axis=-2, keepdims=True)) ** 2).sum(axis=-1).mean(axis=-1)
        trace = np.trace(self.covariance, axis1=-2, axis2=-1) - self.covariance.mean(axis=-1).sum(axis=-1)
        return spread + trace.sum(axis=-1) / self.covariance.shape[-1]

    def gradient_norm_sq(self, curvature):
        """E ‖∇L(θ̄)‖² for L(θ) = ½ Σ_i h_i θ_i², `curvature` h [d]; [loss]²/[θ]²."""
        variance = self.covariance.mean(axis=(-2, -1))
        return (curvature**2 * (self.mean.mean(axis=-2) ** 2 + variance)).sum(axis=-1)


def dsgd_moments(mixing, curvature, optima, start, lr, sigma=0.0, order="adapt_then_combine") -> Iterator[Moments]:
    """Moments after 0, 1, 2, ... rounds of one step and one gossip each, without end.

    Agent k has L_k(θ) = ½ Σ_i h_ki (θ_i − b_ki)² and gradient noise of variance σ²/d in each coordinate, independent
    over agents and steps. With A_i = W (I − η diag(h_·i)) for adapt-then-combine (W − η diag(h_·i) for
    combine-then-adapt) and N = W (I):

        E x_i ← A_i E x_i + η N (h_·i ⊙ b_·i),    C_i ← A_i C_i A_iᵀ + (η²σ²/d) N Nᵀ.

    `mixing(t)` -> W [m, m] is deterministic; `curvature` h [m, d]; `optima` b and `start` [..., m, d] and `lr` η [...]
    broadcast over their leading axes (learning rates [lrs, 1] against instances [instances, m, d], say).
    Source: linearity; checked against simulation and against the stationary closed forms of the literature.
    """
    orders = ("adapt_then_combine", "combine_then_adapt")
    require(order in orders, f"Unknown order {order!r}; valid: {', '.join(orders)}.")
    agents, dim = curvature.shape
    lr = np.asarray(lr, dtype=float)
    eta, eta_by_coordinate = lr[..., None, None], lr[..., None, None, None]
    hessians = np.einsum("ki,kj->ikj", curvature, np.eye(agents))  # [d, m, m], diagonal
    mean = np.broadcast_to(start, np.broadcast_shapes(np.shape(start), (*lr.shape, agents, dim)))
    covariance = np.zeros((*lr.shape, dim, agents, agents))
    for t in count():
        yield Moments(mean, covariance)
        W = mixing(t)
        combine_gradient = W if order == "adapt_then_combine" else np.eye(agents)
        mean = W @ mean - eta * (combine_gradient @ (curvature * (mean - optima)))
        if sigma > 0:
            A = W - eta_by_coordinate * (combine_gradient @ hessians)
            noise = eta_by_coordinate**2 * (sigma**2 / dim) * (combine_gradient @ combine_gradient.T)
            covariance = A @ covariance @ np.swapaxes(A, -1, -2) + noise
