"""Stationary states three ways: linear solves, the recursion after many rounds, and closed forms with known values."""

from itertools import islice

import numpy as np
import pytest

from theory.bounds import BOUNDS
from theory.errors import OnemergeError
from theory.gossip import constant, local_steps, one_peer_exponential, periodic, random_matching, random_peers
from theory.graphs import path, ring, star
from theory.mixing import complete_average, metropolis
from theory.moments import ORDERS, dsgd_moments
from theory.oracles import (
    first_order_bias,
    fixed_point,
    inverse_neighbors_slope,
    local_sgd_fixed_point,
    slowest_mode,
    stationary_consensus,
)
from theory.schedule_gains import noise_gramians
from theory.stationary import lyapunov, stationary_cycle

DIRECTED = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.2, 0.3, 0.5]])  # rows sum to 1, columns do not
GOSSIPS = {
    "1 agent": constant(np.ones((1, 1))),
    "2 agents": constant(np.array([[0.75, 0.25], [0.5, 0.5]])),
    "directed": constant(DIRECTED),
    "periodic": periodic([DIRECTED, np.eye(3), DIRECTED.T / DIRECTED.T.sum(axis=1, keepdims=True)]),
    "one peer": one_peer_exponential(5),
    "random peers": random_peers(5, 0.3),
    "matching": random_matching(4, 0.7),
    "random, then local": local_steps(random_peers(4, 2), 3),
}


def instance(agents, dim, full, generator):
    """Curvatures (diagonal or full), optima, and correlated noise of uneven size."""
    factor = generator.standard_normal((agents, dim, dim))
    curvature = factor @ np.swapaxes(factor, 1, 2) / 8 + 0.3 * np.eye(dim)
    across = generator.standard_normal((agents, 2 * agents))
    across = across @ across.T
    scale = np.sqrt(np.diagonal(across))
    within = generator.standard_normal((dim, dim))
    within = within @ within.T
    noise = {
        "sigma": generator.uniform(0.5, 1, agents),
        "correlation": across / scale[:, None] / scale,
        "shape": within / np.trace(within),
    }
    return (
        (curvature if full else np.diagonal(curvature, axis1=1, axis2=2)),
        generator.standard_normal((agents, dim)),
        noise,
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", GOSSIPS)
def test_the_recursion_settles_at_the_solution(name, full, order):
    gossip = GOSSIPS[name]
    curvature, optima, noise = instance(gossip.agents, 2, full, np.random.default_rng(gossip.agents))
    cycle = stationary_cycle(gossip, curvature, optima, 0.3, order=order, **noise)
    assert len(cycle) == gossip.period
    rounds = 300 * gossip.period
    run = dsgd_moments(gossip, curvature, optima, np.zeros_like(optima), 0.3, order=order, **noise)
    for settled, late in zip(cycle, islice(run, rounds, rounds + gossip.period), strict=True):
        np.testing.assert_allclose(settled.mean, late.mean, rtol=0, atol=1e-10)
        np.testing.assert_allclose(settled.covariance, late.covariance, rtol=0, atol=1e-10)
        if full:
            np.testing.assert_allclose(settled.joint, late.joint, rtol=0, atol=1e-10)


def test_learning_rates_together_are_learning_rates_alone():
    curvature, optima, noise = instance(3, 2, False, np.random.default_rng(0))
    for gossip in (GOSSIPS["periodic"], random_matching(3, 0.5)):
        together = stationary_cycle(gossip, curvature, optima, np.array([0.1, 0.4]), **noise)[0]
        for i, lr in enumerate((0.1, 0.4)):
            alone = stationary_cycle(gossip, curvature, optima, lr, **noise)[0]
            np.testing.assert_allclose(together.mean[i], alone.mean, rtol=1e-12)
            np.testing.assert_allclose(together.covariance[i], alone.covariance, rtol=1e-9, atol=1e-14)


def test_no_limit_is_said():
    W, optima = metropolis(ring(4)), np.ones((4, 1))
    with pytest.raises(OnemergeError, match=r"no limit: it is multiplied by 1\.1 over a period"):
        stationary_cycle(W, np.ones((4, 1)), optima, 2.1)
    with pytest.raises(OnemergeError, match="no limit: it is multiplied by 1 over a period"):
        stationary_cycle(W, np.zeros((4, 1)), optima, 0.1)
    gossip = random_matching(4, 0.5)  # the mean contracts, the second moment does not
    curvature = np.array([[10.0], [0.1], [0.1], [0.1]])
    with pytest.raises(OnemergeError, match="the covariance has no limit"):
        stationary_cycle(gossip, curvature, optima, 0.23, sigma=1.0)


def test_doubling_sums_the_series():
    generator = np.random.default_rng(1)
    B, N = generator.standard_normal((2, 4, 4))
    B *= 0.9 / np.abs(np.linalg.eigvals(B)).max()
    total, term = np.zeros((4, 4)), N
    for _ in range(600):
        total, term = total + term, B @ term @ B.T
    np.testing.assert_allclose(lyapunov(B, N), total, rtol=1e-11, atol=1e-11)


# Closed forms, E-1 to E-7


def test_gossip_decays_as_the_slowest_mode():
    for graph in (path(2), path(3), ring(8), star(5)):
        W = metropolis(graph)
        value, vector = slowest_mode(W)
        other = np.random.default_rng(0).standard_normal(len(W))
        other -= other.mean()
        for t in (1, 2, 7):
            product = np.linalg.matrix_power(W, t)
            kept = np.linalg.norm(product @ vector) ** 2
            assert kept == pytest.approx(abs(value) ** (2 * t), rel=1e-11, abs=1e-28)
            if value > 1e-12:
                stated = BOUNDS["gossip_decay"](slem=abs(value), steps=t, initial_consensus_distance=1 / len(W))
                assert kept / len(W) == pytest.approx(stated, rel=1e-11)
            assert np.linalg.norm(product @ other) <= abs(value) ** t * np.linalg.norm(other) * (1 + 1e-12) + 1e-14


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("graph", [path(1), path(2), path(3), ring(3), path(6), ring(8), star(7)])
def test_the_common_curvature_in_closed_form(graph, order):
    W = metropolis(graph)
    m = len(W)
    optima = np.random.default_rng(m).standard_normal(m)
    (settled,) = stationary_cycle(W, np.full((m, 1), 0.7), optima[:, None], 0.2, sigma=1.3, order=order)
    assert settled.consensus_distance() == pytest.approx(
        stationary_consensus(W, 0.7, optima, 0.2, 1.3, order), rel=1e-10, abs=1e-15
    )
    merged = BOUNDS["stationary_merged"](agents=m, lr=0.2, curvature=0.7, sigma=1.3)
    assert settled.merged_distance_sq(optima.mean()) == pytest.approx(merged, rel=1e-10)


@pytest.mark.parametrize(
    ("record", "order"), [("stationary_consensus", ORDERS[0]), ("stationary_consensus_cta", ORDERS[1])]
)
@pytest.mark.parametrize("agents", [2, 3, 6])
def test_records_of_the_damped_average(record, order, agents):
    kept = 0.8
    W = kept * np.eye(agents) + (1 - kept) * complete_average(agents)
    optima = np.random.default_rng(agents).standard_normal(agents)
    exact = stationary_consensus(W, 0.7, optima, 0.3, 1.1, order)
    zeta = 0.7 * optima.std()
    stated = BOUNDS[record](agents=agents, lr=0.3, curvature=0.7, sigma=1.1, zeta=zeta, slem=kept)
    assert stated == pytest.approx(exact, rel=1e-12)


def test_noise_alone_and_drift_alone_define_the_gains():
    """Linear losses by the recursion, at its largest over a period; S from the Gramian, R = slem/(1 - slem)."""
    for gossip in (
        constant(metropolis(path(3))),
        one_peer_exponential(6),
        random_matching(4, 0.5),
        GOSSIPS["one peer"],
    ):
        m = gossip.agents
        gain = np.trace(noise_gramians(gossip), axis1=1, axis2=2).max() / m
        for order, record in zip(ORDERS, ("pure_noise", "pure_noise_cta"), strict=True):
            run = dsgd_moments(gossip, np.zeros((m, 1)), np.zeros((m, 1)), np.zeros((m, 1)), 0.1, 2.0, order)
            late = max(state.consensus_distance() for state in islice(run, 400, 400 + gossip.period))
            values = {"lr": 0.1, "sigma": 2.0, "noise_gain": gain, "agents": m}
            bound = BOUNDS[record]
            assert late == pytest.approx(bound(**{key: values[key] for key in bound.symbols}), rel=1e-9)
    value, vector = slowest_mode(metropolis(ring(8)))
    x = np.zeros(8)
    for _ in range(400):
        x = metropolis(ring(8)) @ (x - 0.1 * vector)
    assert value > 0
    stated = BOUNDS["pure_drift"](lr=0.1, zeta=8**-0.5, drift_gain=value / (1 - value))
    assert x @ x / 8 == pytest.approx(stated, rel=1e-10)


def effective_neighbors(W, decay):
    """Noise cumulated at `decay`, 1/(1 - decay) for one agent alone, over its variance with gossip."""
    return 1 / (1 - decay) / (np.trace(lyapunov(decay**0.5 * W, W @ W.T)) / len(W))


def test_effective_neighbors_tend_to_the_noise_gain():
    W, decay = metropolis(ring(16)), 0.99999
    slope = inverse_neighbors_slope(W, decay)
    assert slope == pytest.approx(1.4719668761, rel=1e-9)
    assert slope == pytest.approx((1 / effective_neighbors(W, decay) - 1 / 16) / (1 - decay), rel=1e-7)
    for gamma in (0.0, 0.5, 0.99):
        stated = BOUNDS["neighbors_from_noise_gain"](agents=16, decay=gamma, noise_gain=1.4720752025036827)
        assert stated <= effective_neighbors(W, gamma) * (1 + 1e-12)


@pytest.mark.parametrize("order", ORDERS)
def test_the_bias_of_different_curvatures(order):
    h, b = np.linspace(0.5, 1.5, 8), np.cos(2 * np.pi * np.arange(8) / 8)
    W, optimum = metropolis(ring(8)), h @ b / h.sum()
    assert optimum == pytest.approx(-0.07142857, abs=1e-8)
    exact = {0.01: 1.875594574737e-3, 0.001: 1.91546258e-4} if order == ORDERS[0] else {0.01: 1.918076953413e-3}
    for lr, bias in exact.items():
        settled = fixed_point(W, h, b, lr, order)
        assert abs(settled.mean() - optimum) == pytest.approx(bias, rel=1e-8)
        (state,) = stationary_cycle(W, h[:, None], b[:, None], lr, order=order)
        np.testing.assert_allclose(state.mean[:, 0], settled, rtol=1e-10)
    first = first_order_bias(W, h, b, 0.01, order)
    assert abs(first) == pytest.approx(1.919953911e-3 if order == ORDERS[0] else 1.962971551e-3, rel=1e-8)
    small = fixed_point(W, h, b, 1e-6, order).mean() - optimum
    assert small == pytest.approx(first_order_bias(W, h, b, 1e-6, order), rel=1e-4)


def test_rows_that_sum_to_one_settle_elsewhere():
    """A directed row-stochastic W weighs the agents by its left Perron vector, not equally."""
    h, b = np.array([0.5, 1.0, 1.5]), np.array([1.0, -1.0, 3.0])
    values, vectors = np.linalg.eig(DIRECTED.T)
    weight = np.real(vectors[:, np.argmin(abs(values - 1))])
    weighted = (weight * h) @ b / (weight @ h)
    settled = fixed_point(DIRECTED, h, b, 1e-5)
    np.testing.assert_allclose(settled, weighted, atol=1e-4)
    assert abs(weighted - h @ b / h.sum()) > 0.01


@pytest.mark.parametrize(
    ("steps", "expected"), [(1, -0.6), (2, -0.5421686747), (5, -0.3850046931), (20, -0.0647045082)]
)
def test_local_sgd_settles_between_the_minimizer_and_the_mean(steps, expected):
    h, b = np.array([1.0, 4.0]), np.array([1.0, -1.0])
    assert local_sgd_fixed_point(h, b, 0.1, steps) == pytest.approx(expected, rel=1e-9)
    cycle = stationary_cycle(local_steps(complete_average(2), steps), h[:, None], b[:, None], 0.1)
    assert cycle[0].mean[:, 0] == pytest.approx([expected] * 2, rel=1e-9)


def test_closed_forms_refuse_what_they_do_not_cover():
    with pytest.raises(OnemergeError, match=r"need a symmetric W; it differs from its transpose by 0\.5"):
        stationary_consensus(DIRECTED, 1.0, np.zeros(3), 0.1)
    with pytest.raises(OnemergeError, match=r"multiplied by 1\.1 in every step"):
        stationary_consensus(np.eye(2), 1.0, np.zeros(2), 2.1)
    with pytest.raises(OnemergeError, match="decay is 1"):
        inverse_neighbors_slope(np.eye(2), 1)
    with pytest.raises(OnemergeError, match="Unknown order 'mix'"):
        fixed_point(np.eye(2), np.ones(2), np.zeros(2), 0.1, "mix")
    with pytest.raises(OnemergeError, match="steps is 0"):
        local_sgd_fixed_point([1.0], [1.0], 0.1, 0)
    with pytest.raises(OnemergeError, match="one agent has no deviations"):
        slowest_mode(np.ones((1, 1)))
