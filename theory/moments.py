"""Exact means and covariances of decentralized SGD on quadratics: the oracle of the simulator.

Agent k has L_k(θ) = ½ (θ − b_k)ᵀ H_k (θ − b_k) and gradient noise ξ_k, independent over steps, of

    Cov(ξ_k, ξ_l) = σ_k σ_l ρ_kl Σ,   ρ [m, m] the `correlation` across agents (I), Σ [d, d] its `shape`, trace 1 (I/d).

With G = I − ηH (all agents), p = ηHb, N = η² Cov ξ, and W acting on every coordinate alike, one round is

    adapt-then-combine   x ← W (G x + p − ηξ):   C ← E[W (G C Gᵀ + N) Wᵀ] + Cov(W y),       y = G E x + p,
    combine-then-adapt   x ← W x − η (H x − H b + ξ):   C ← E[W C Wᵀ] + Cov(W y) − (Ŵ C Kᵀ + K C Ŵᵀ) + K C Kᵀ + N,
                                                        y = E x,  K = ηH,  Ŵ = E W,

where Cov(W y) = E[W y yᵀ Wᵀ] − Ŵ y yᵀ Ŵᵀ is what random mixing adds, zero for a given W. As W 1 = 1, y may be replaced
by its deviation from the mean of the agents, which saves digits. Source: linearity and independence.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count

import numpy as np

from theory.errors import require

ORDERS = ("adapt_then_combine", "combine_then_adapt")


@dataclass(frozen=True)
class Moments:
    """Mean E Θ [..., m, d] and covariance of each coordinate over agents [..., d, m, m].

    `joint` [..., d, d, m, m] are the covariances between coordinates too, where the Hessians were not diagonal.
    """

    mean: np.ndarray
    covariance: np.ndarray
    joint: np.ndarray | None = None

    def second_moment(self):
        """E[x_i x_iᵀ] of each coordinate i over agents [..., d, m, m] in [θ]²."""
        x = np.swapaxes(self.mean, -1, -2)
        return self.covariance + x[..., :, None] * x[..., None, :]

    def consensus_distance(self):
        """E Ξ² = (1/m) Σ_k ‖E θ_k − E θ̄‖² + (1/m) Σ_i Tr((I − J) C_i) [θ]²."""
        spread = ((self.mean - self.mean.mean(axis=-2, keepdims=True)) ** 2).sum(axis=-1).mean(axis=-1)
        trace = np.trace(self.covariance, axis1=-2, axis2=-1) - self.covariance.mean(axis=-1).sum(axis=-1)
        return spread + trace.sum(axis=-1) / self.covariance.shape[-1]

    def merged_distance_sq(self, point=0.0):
        """E ‖θ̄ − point‖² [θ]², `point` [d]."""
        variance = self.covariance.mean(axis=(-2, -1))
        return ((self.mean.mean(axis=-2) - point) ** 2 + variance).sum(axis=-1)

    def gradient_norm_sq(self, curvature, minimizer=0.0):
        """E ‖∇L(θ̄)‖² for L(θ) = ½ (θ − θ*)ᵀ H (θ − θ*); [loss]²/[θ]². `curvature` is H [d, d] or its diagonal [d]."""
        curvature, offset = np.asarray(curvature), self.mean.mean(axis=-2) - minimizer
        if curvature.ndim < 2:
            return (curvature**2 * (offset**2 + self.covariance.mean(axis=(-2, -1)))).sum(axis=-1)
        require(self.joint is not None, "a full curvature [d, d] needs the moments of full Hessians [m, d, d]")
        variance = np.einsum("ia,...ab,ib->...", curvature, self.joint.mean(axis=(-2, -1)), curvature)
        return ((offset @ curvature.T) ** 2).sum(axis=-1) + variance


def dsgd_moments(
    mixing, curvature, optima, start, lr, sigma=0.0, order="adapt_then_combine", correlation=None, shape=None
) -> Iterator[Moments]:
    """Moments after 0, 1, 2, ... rounds of one step and one gossip each, without end.

    `mixing` is a `Gossip`, random ones included, or a function of the round, mixing(t) -> W [m, m]. `curvature` holds
    the Hessians [m, d, d] or their diagonals [m, d]; `optima` b and `start` [..., m, d] and `lr` η [...] broadcast over
    their leading axes (learning rates [lrs, 1] against instances [instances, m, d], say); `sigma` is one number or [m].
    Checked against simulation and against the stationary closed forms of `theory.oracles`.
    """
    recursion = Recursion.of(mixing, curvature, optima, lr, sigma, order, correlation, shape)
    mean, covariance = recursion.state(start), np.zeros(recursion.noise.shape)
    spreads = recursion.noise.any()
    for t in count():
        yield recursion.moments(mean, covariance)
        if spreads or recursion.law(t)[1] is not None:
            covariance = recursion.covariance_after(t, mean, covariance)
        mean = recursion.mean_after(t, mean)


@dataclass(frozen=True, eq=False)
class Recursion:
    """One round as an affine map of state vectors [..., s, n] and covariances [..., s, n, n].

    Diagonal Hessians: s = d independent systems of n = m agents. Full ones: one system, s = 1, of n = d m entries, the
    entry (i, k) = coordinate i of agent k at i m + k. law(t) is the W of round t and None, or E W and the map
    M -> E[W M Wᵀ] of a random round.
    """

    law: Callable
    agents: int
    dim: int
    order: str
    scaled: np.ndarray  # K = ηH [..., s, n, n]
    pull: np.ndarray  # p = ηHb [..., s, n]
    noise: np.ndarray  # N = η² Cov ξ [..., s, n, n]

    @classmethod
    def of(cls, mixing, curvature, optima, lr, sigma, order, correlation=None, shape=None):
        require(order in ORDERS, f"Unknown order {order!r}; valid: {', '.join(ORDERS)}.")
        curvature, optima, lr = (np.asarray(array, dtype=float) for array in (curvature, optima, lr))
        require(curvature.ndim in (2, 3), f"curvature has {curvature.ndim} axes; it must be [m, d] or [m, d, d]")
        m, d = curvature.shape[:2]
        require(
            curvature.shape[2:] in ((), (d,)), f"curvature is {curvature.shape}; it must be {(m, d)} or {(m, d, d)}"
        )
        require(optima.shape[-2:] == (m, d), f"optima end in {optima.shape[-2:]}; they must end in {(m, d)}")
        across, within = noise_covariance(m, d, sigma, correlation, shape)
        eta = lr[..., None, None]
        if curvature.ndim == 2:
            hessians = np.einsum("ki,kj->ikj", curvature, np.eye(m))  # [d, m, m], diagonal
            variance = np.diagonal(within)[:, None, None] * across
            pull = eta * np.swapaxes(curvature * optima, -1, -2)
        else:
            hessians = np.einsum("kab,kl->akbl", curvature, np.eye(m)).reshape(1, d * m, d * m)
            variance = np.kron(within, across)[None]
            pull = eta * np.einsum("kab,...kb->...ak", curvature, optima).reshape(*optima.shape[:-2], 1, d * m)
        eta = eta[..., None]
        return cls(_law(mixing, m), m, d, order, eta * hessians, pull, eta**2 * variance)

    @property
    def copies(self):
        """Coordinates in one system."""
        return self.scaled.shape[-1] // self.agents

    def state(self, theta):
        """Θ [..., m, d] as state vectors [..., s, n], with the leading axes that a round gives them."""
        x = np.swapaxes(np.asarray(theta, dtype=float), -1, -2)
        shape = (self.dim, self.agents)
        fits = x.ndim >= 2 and all(have in (1, want) for have, want in zip(x.shape[-2:], shape, strict=True))
        require(fits, f"models end in {x.shape[:-3:-1]}, not in [agents, d] = {shape[::-1]}")
        x = np.broadcast_to(x, (*x.shape[:-2], *shape))
        x = x.reshape(*x.shape[:-2], *self.scaled.shape[-3:-1])
        return np.broadcast_to(x, np.broadcast_shapes(x.shape, self.pull.shape))

    def moments(self, mean, covariance):
        theta = np.swapaxes(mean.reshape(*mean.shape[:-2], self.dim, self.agents), -1, -2)
        if self.copies == 1 and self.scaled.shape[-3] == self.dim:
            return Moments(theta, covariance)
        joint = self._blocks(covariance)[..., 0, :, :, :, :]
        return Moments(theta, np.moveaxis(np.diagonal(joint, axis1=-4, axis2=-3), -1, -3), joint)

    def mean_map(self, t):
        """The matrix [..., s, n, n] by which round t multiplies the mean."""
        W, _ = self._lifted(t)
        return W - self.scaled if self.order == "combine_then_adapt" else W - W @ self.scaled

    def mean_after(self, t, mean):
        """Mean after round t."""
        W, _ = self._lifted(t)
        pulled = self._scale(mean) - self.pull
        return mean @ W.T - pulled if self.order == "combine_then_adapt" else (mean - pulled) @ W.T

    def covariance_after(self, t, mean, covariance):
        """Covariance after round t, `mean` the one before."""
        W, push = self._lifted(t)
        late = self.order == "combine_then_adapt"
        step = np.eye(W.shape[-1]) - self.scaled
        if push is None:
            A = self.mean_map(t)
            return A @ covariance @ _t(A) + (self.noise if late else W @ self.noise @ W.T)
        y = mean if late else mean - self._scale(mean) + self.pull
        by_coordinate = y.reshape(*y.shape[:-1], self.copies, self.agents)
        deviation = (by_coordinate - by_coordinate.mean(axis=-1, keepdims=True)).reshape(y.shape)
        before = covariance if late else step @ covariance @ _t(step) + self.noise
        after = self._push(push, before + _outer(deviation)) - _outer(deviation @ W.T)
        if not late:
            return after
        K, C = self.scaled, covariance
        return after - W @ C @ _t(K) - K @ C @ W.T + K @ C @ _t(K) + self.noise

    def _scale(self, mean):
        """K x for state vectors x."""
        if self.copies == 1:  # diagonal
            return np.diagonal(self.scaled, axis1=-2, axis2=-1) * mean
        return (self.scaled @ mean[..., None])[..., 0]

    def _lifted(self, t):
        W, push = self.law(t)
        return (W if self.copies == 1 else np.kron(np.eye(self.copies), W)), push

    def _blocks(self, covariance):
        """[..., s, c, c, m, m] for c coordinates in one system."""
        c, m = self.copies, self.agents
        return np.swapaxes(covariance.reshape(*covariance.shape[:-2], c, m, c, m), -3, -2)

    def _push(self, push, covariance):
        """E[W B Wᵀ] on every block B [m, m] of covariances [..., s, n, n]."""
        blocks = self._blocks(covariance)
        pushed = push(blocks.reshape(-1, self.agents, self.agents)).reshape(blocks.shape)
        return np.swapaxes(pushed, -3, -2).reshape(covariance.shape)


def noise_covariance(agents, dim, sigma=0.0, correlation=None, shape=None):
    """(Cov across agents [m, m], shape within an agent [d, d] of trace 1) of the gradient noise; see the module."""
    scale = np.broadcast_to(np.asarray(sigma, dtype=float), (agents,))
    require((scale >= 0).all(), f"sigma is {sigma}; it must be >= 0")
    across = _covariance("correlation", np.eye(agents) if correlation is None else correlation, agents)
    within = _covariance("shape", np.eye(dim) / dim if shape is None else shape, dim)
    require(np.abs(np.diagonal(across) - 1).max() <= 1e-9, "correlation needs ones on its diagonal")
    require(abs(np.trace(within) - 1) <= 1e-9, f"shape has the trace {np.trace(within):.6g}; it must be 1")
    return scale[:, None] * across * scale, within


def _covariance(name, matrix, size):
    matrix = np.asarray(matrix, dtype=float)
    require(matrix.shape == (size, size), f"{name} is {matrix.shape}; it must be {(size, size)}")
    require(np.abs(matrix - matrix.T).max() <= 1e-12, f"{name} must be symmetric")
    least = np.linalg.eigvalsh(matrix)[0]
    require(least >= -1e-9, f"{name} has the eigenvalue {least:.3g}; it must have none below 0")
    return matrix


def _law(mixing, agents):
    """law(t) -> (W, None) or (E W, M -> E[W M Wᵀ]) of a gossip or of a function of the round."""
    if callable(mixing):
        return lambda t: (mixing(t), None)
    require(mixing.agents == agents, f"the gossip has {mixing.agents} agents and the quadratics have {agents}")
    if mixing.deterministic:
        return lambda t: (mixing.draw(t, None), None)
    return lambda t: (mixing.mean(t), partial(mixing.push_forward, t))


def _t(M):
    return np.swapaxes(M, -1, -2)


def _outer(x):
    return x[..., :, None] * x[..., None, :]
