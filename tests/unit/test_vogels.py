"""Effective neighbors: known values, bounds by gaps and dimensions, random quadratics, and the theorems on them."""

import numpy as np
import pytest
from scipy.optimize import brentq

from theory import graphs, vogels
from theory.bounds import BOUNDS
from theory.errors import OnemergeError
from theory.mixing import metropolis
from theory.spectrum import eigenvalues, slem

DECAYS = (0.0, 0.5, 0.9, 0.99, 0.999)
NEIGHBORS = {
    "ring of 16": (metropolis(graphs.ring(16)), (3, 3.71965708, 6.60109629, 13.1190948, 15.63444515)),
    "ring of 32": (metropolis(graphs.ring(32)), (3, 3.71965801, 6.63211496, 17.07552702, 28.89503493)),
    "hypercube": (metropolis(graphs.hypercube(16)), (5, 6.95155709, 12.23460499, 15.50188396, 15.94852505)),
    "damped": (0.9 * np.eye(16) + 0.1 / 16, (1.21673004, 1.42728636, 2.9179004, 9.91739675, 15.0421758)),
    "average": (np.full((16, 16), 1 / 16), (16,) * 5),
    "alone": (np.eye(16), (1,) * 5),
}


@pytest.mark.parametrize("name", NEIGHBORS)
def test_effective_neighbors(name):
    W, known = NEIGHBORS[name]
    size = {"agents": len(W)}
    for decay, value in zip(DECAYS, known, strict=True):
        neighbors = 1 / vogels.inverse_neighbors(eigenvalues(W), decay)
        assert neighbors == pytest.approx(value, rel=1e-8)
        inverse = np.linalg.inv(np.eye(len(W)) - decay * W @ W)
        assert neighbors == pytest.approx(len(W) / np.trace((1 - decay) * W @ W @ inverse), rel=1e-9)
        stated = BOUNDS["vogels_neighbors_gap"](**size, decay=decay, one_minus_slem=max(0.0, 1 - min(slem(W), 1)))
        assert stated <= neighbors * (1 + 1e-9)
        assert neighbors >= BOUNDS["vogels_neighbors_least"](decay=decay) * (1 - 1e-9)
        assert name != "alone" or neighbors == pytest.approx(BOUNDS["vogels_neighbors_least"](decay=decay), rel=1e-9)
        assert neighbors <= BOUNDS["vogels_neighbors_most"](**size, decay=decay) * (1 + 1e-9)
        assert name not in ("damped", "average", "alone") or stated == pytest.approx(neighbors, rel=1e-9)


@pytest.mark.parametrize("decay", DECAYS)
def test_lazy_gossip_allows_a_share_of_the_learning_rate(decay):
    at_half = BOUNDS["vogels_direction_gap"](decay=decay)
    for name in ("ring of 16", "hypercube", "damped"):
        values = 1 / 2 + np.clip(eigenvalues(NEIGHBORS[name][0]), 0, 1) / 2
        assert vogels.direction_gap(values, decay) >= at_half
    assert vogels.direction_gap([1, 0.5], 0.0) == pytest.approx(4 / 3 * BOUNDS["vogels_direction_gap"](decay=0.0))


def test_effective_neighbors_to_first_order():
    values, rest = eigenvalues(NEIGHBORS["ring of 16"][0]), 1e-5
    assert (vogels.inverse_neighbors(values, 1 - rest) - 1 / 16) / rest == pytest.approx(1.4719669, abs=1e-6)
    stated = BOUNDS["neighbors_from_noise_gain"](agents=16, decay=1 - rest, noise_gain=1.4720752025)
    assert (1 / stated - 1 / 16) / rest == pytest.approx(1.4720752025, rel=1e-9)


def spectral_constant(values, dimension):
    """The largest c for which a share of at most (1 - x)^(dimension/2)/c of the eigenvalues is in (x, 1), for all x."""
    others = values[1:]
    return min((1 - x) ** (dimension / 2) * len(values) / (others >= x - 1e-12).sum() for x in others)


@pytest.mark.parametrize("graph", [graphs.ring(64), graphs.torus(8, 8), graphs.hypercube(32), graphs.path(9)])
def test_effective_neighbors_by_the_spectral_dimension(graph):
    values = (1 + eigenvalues(metropolis(graph))) / 2
    for dimension in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0):
        c = spectral_constant(values, dimension)
        side = {-1: "below", 0: "two", 1: "above"}[int(np.sign(dimension - 2))]
        given = {} if side == "two" else {"spectral_dimension": dimension}
        for decay in (0.01, 0.5, 0.9, 0.99, 0.999):
            stated = BOUNDS[f"vogels_neighbors_dimension_{side}"](
                agents=len(values), decay=decay, spectral_constant=c, **given
            )
            assert stated <= 1 / vogels.inverse_neighbors(values, decay)


def test_neighbors_at_a_small_learning_rate_follow_from_theorem_6():
    """The decay at which lr L = direction_gap/n_W, for many agents: half of the order, as 1 - decay falls with lr."""
    for dimension, constant, steps in [(3.0, 0.1, 1e5), (4.0, 0.5, 1e6), (2.5, 2.0, 1e5)]:
        size = {"agents": 10**9, "spectral_dimension": dimension, "spectral_constant": constant}

        def excess(log_rest, size=size, steps=steps):
            decay = 1 - 10**log_rest
            neighbors = BOUNDS["vogels_neighbors_dimension_above"](decay=decay, **size)
            return BOUNDS["vogels_direction_gap"](decay=decay) / neighbors - 2 / steps  # mu = 1/2, L = 1

        rest = 10 ** brentq(excess, -7, -0.01)
        found = BOUNDS["vogels_neighbors_dimension_above"](decay=1 - rest, **size)
        order = BOUNDS["vogels_corollary_10_neighbors"](mu=0.5, L_local=1.0, steps=steps, **size)
        assert found / order == pytest.approx(0.5, rel=0.05)


def test_the_spectral_dimension_of_a_ring_is_one():
    values = np.sort((2 + np.cos(2 * np.pi * np.arange(4096) / 4096)) / 3)[::-1]
    c, decay = spectral_constant(values, 1.0), 0.999
    stated = BOUNDS["vogels_neighbors_dimension_below"](
        agents=4096, decay=decay, spectral_constant=c, spectral_dimension=1.0
    )
    assert 1 / vogels.inverse_neighbors(values, decay) < 8 * stated


# Random quadratics and Theorem 6

RATES = [  # mixing, D + 2, rates at the learning rates 0.02, 0.05, 0.1
    (metropolis(graphs.ring(16)), 12, (0.0393231373, 0.0957019140, 0.1815736850)),
    (metropolis(graphs.ring(16)), 52, (0.0382843257, 0.0876523914, 0.1186573202)),
    (metropolis(graphs.torus(4, 4)), 52, (0.0383195216, 0.0893005984, 0.1538144649)),
    (np.eye(16), 52, (0.0192, -0.03, -0.32)),
    (np.full((16, 16), 1 / 16), 52, (0.038325, 0.08953125, 0.158125)),
]


def gram_rate(W, lr, smoothness):
    """1 - spectral radius of G <- W ((1 - lr)^2 G + lr^2 (s - 1) diag G) W^T, by iteration on Gram matrices."""
    G = np.eye(len(W))
    for _ in range(6000):
        G = W @ ((1 - lr) ** 2 * G + lr**2 * (smoothness - 1) * np.diag(np.diag(G))) @ W.T
        grown = np.trace(G)
        G = G / grown * len(W)
    return 1 - grown / len(W)


@pytest.mark.parametrize(("W", "smoothness", "known"), RATES)
def test_the_rate_on_random_quadratics(W, smoothness, known):
    values = eigenvalues(W)
    for lr, expected in zip((0.02, 0.05, 0.1), known, strict=True):
        rate = vogels.random_quadratic_rate(values, lr, 1.0, smoothness)
        assert rate == pytest.approx(expected, abs=6e-11)
        assert rate == pytest.approx(gram_rate(W, lr, smoothness), abs=1e-10)
        decay = min((1 - lr) ** 2 / (1 - rate), 1 - 1e-16)
        neighbors = 1 / vogels.inverse_neighbors(values, decay)
        stated = BOUNDS["vogels_random_quadratics"](
            lr=lr, curvature=1, sample_smoothness=smoothness, effective_neighbors=neighbors
        )
        assert stated == pytest.approx(rate, abs=1e-12)
        scaled = vogels.random_quadratic_rate(values, lr / 3, 3.0, 3.0 * smoothness)
        assert scaled == pytest.approx(rate, abs=1e-12)


THEOREM_6 = [  # lazy mixing, decay, its effective neighbors, learning rate and largest growth of the Lyapunov function
    (graphs.ring(16), 0.9237, 5.0695, 0.0116198, 0.97934),
    (graphs.hypercube(16), None, None, 0.0188525, 0.96666),
]


@pytest.mark.parametrize(("graph", "decay", "neighbors", "lr", "growth"), THEOREM_6)
def test_theorem_6_holds_for_every_start_of_random_quadratics(graph, decay, neighbors, lr, growth):
    """The largest ratio of lyapunov after a step to before it, over all Gram matrices: a generalized eigenvalue."""
    W = (np.eye(16) + metropolis(graph)) / 2
    values = eigenvalues(W)
    best, best_lr = vogels.best_decay(values, 1.0, 52.0)
    assert lr <= best_lr < 1.01 * lr
    decay = best if decay is None else decay
    omega = vogels.inverse_neighbors(values, decay)
    step = vogels.largest_lr(values, decay, 1.0, 52.0)
    if neighbors is not None:
        assert (1 / omega, step) == pytest.approx((neighbors, lr), rel=2e-5)
    M = (1 - decay) * W @ W @ np.linalg.inv(np.eye(16) - decay * W @ W)
    Q = (1 - omega) * M + omega * np.eye(16)
    A = W - step * np.eye(16)
    after = A @ Q @ A + step**2 * 51 * np.diag(np.diag(Q))
    worst = np.linalg.eigvals(np.linalg.solve(Q, after)).real.max()
    stated = BOUNDS["vogels_theorem_6"](
        lr=step, L_local=1, mu=1, sample_smoothness=52, effective_neighbors=1 / omega, omega=omega,
        direction_gap=vogels.direction_gap(values, decay) * (1 + 1e-12), lyapunov=1, fixed_point_noise_sq=0,
    )  # fmt: skip
    assert worst <= stated
    assert worst == pytest.approx(growth, abs=3e-4)


def test_theorem_6_needs_positive_eigenvalues():
    with pytest.raises(OnemergeError, match="direction_gap needs positive ones"):
        vogels.direction_gap(eigenvalues(metropolis(graphs.ring(16))), 0.9)
    with pytest.raises(OnemergeError, match=r"decay is 1\.0; it must be in"):
        vogels.inverse_neighbors([1.0, 0.5], 1.0)
    with pytest.raises(OnemergeError, match="the largest 1"):
        vogels.inverse_neighbors([0.9, 0.5], 0.5)
    with pytest.raises(OnemergeError, match="sample_smoothness is 1; it must be above 1"):
        vogels.random_quadratic_rate([1.0, 0.5], 0.1, 1, 1)


@pytest.mark.parametrize("agents", [1, 2, 3])
def test_few_agents_with_an_exact_average(agents):
    values = np.array([1.0] + [0.0] * (agents - 1))
    assert vogels.inverse_neighbors(values, 0.9) == pytest.approx(1 / agents)
    assert vogels.random_quadratic_rate(values, 0.1, 1.0, 12.0) == pytest.approx(0.19 - 0.11 / agents)
