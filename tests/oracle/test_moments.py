"""The simulator against exact moments, and the exact moments against closed forms of the literature."""

from itertools import islice

import numpy as np
import pytest

from sim.optimizer import Optimizer
from sim.quadratic import Quadratic
from sim.simulate import simulate
from theory.errors import OnemergeError
from theory.gossip import constant, epidemic, local_steps, one_peer_exponential, periodic, random_matching, random_peers
from theory.graphs import path, ring, torus
from theory.mixing import complete_average, metropolis
from theory.moments import dsgd_moments

ORDERS = ("adapt_then_combine", "combine_then_adapt")
DIRECTED = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.2, 0.3, 0.5]])  # rows sum to 1, columns do not
GOSSIPS = {
    "1 agent": constant(np.ones((1, 1))),
    "2 agents": constant(np.array([[0.75, 0.25], [0.5, 0.5]])),
    "3 agents, directed": constant(DIRECTED),
    "3 agents, periodic": periodic([DIRECTED, np.eye(3), DIRECTED.T / DIRECTED.T.sum(axis=1, keepdims=True)]),
    "5 agents, one peer": one_peer_exponential(5),
}
RANDOM = {
    "2 agents, random peers": random_peers(2, 0.5),
    "3 agents, epidemic": epidemic(3, 1),
    "4 agents, matching": random_matching(4, 0.7),
    "5 agents, random peers": random_peers(5, 2),
    "4 agents, random, then local": local_steps(random_peers(4, 1), 2),
}
LR, ROUNDS = 0.4, 7


def quadratic(gossip, **fields):
    zeta = 1.5 if gossip.agents > 1 else 0.0
    return Quadratic(**({"dim": 3, "mu": 0.3, "L": 1.5, "zeta": zeta, "spread": 0.4, "distance": 2.0} | fields))


def predicted(problem, gossip, order, sigma, rounds):
    """Moments after 0, 1, ... rounds, for the problem of the first seed."""
    curvature, optima, start = (x.numpy() for x in (problem.curvature, problem.optima[0], problem.init()[0]))
    return list(islice(dsgd_moments(gossip, curvature, optima, start, LR, sigma, order), rounds + 1))


def per_round(table, metric):
    """[seeds, rounds + 1]"""
    return table[table["metric"] == metric].pivot(index="seed", columns="round", values="value").to_numpy()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", GOSSIPS)
def test_without_noise_the_simulation_is_the_mean(name, order):
    gossip = GOSSIPS[name]
    problem = quadratic(gossip, sigma=0.0).build(gossip.agents, (0,))
    table, state = simulate(problem, gossip.draw, Optimizer("sgd", LR), rounds=ROUNDS, order=order, gradients_every=1)
    moments = predicted(problem, gossip, order, 0.0, ROUNDS)
    np.testing.assert_allclose(state.theta[0], moments[-1].mean, rtol=0, atol=1e-13)
    h = problem.mean_curvature.numpy()
    consensus, gradient = zip(*((m.consensus_distance(), m.gradient_norm_sq(h)) for m in moments), strict=True)
    np.testing.assert_allclose(per_round(table, "consensus_distance")[0], consensus, rtol=1e-11, atol=1e-25)
    np.testing.assert_allclose(per_round(table, "gradient_norm_sq")[0], gradient, rtol=1e-11)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", GOSSIPS | RANDOM)
def test_with_noise_the_simulation_has_the_moments(name, order):
    """E Θ, E Ξ² and E‖∇L(θ̄)‖² in every round, over independent seeds: |z| < 5."""
    gossip, seeds = (GOSSIPS | RANDOM)[name], range(500)
    problem = quadratic(gossip, sigma=2.0).build(gossip.agents, seeds)
    table, state = simulate(problem, gossip.draw, Optimizer("sgd", LR), rounds=ROUNDS, order=order, gradients_every=1)
    moments = predicted(problem, gossip, order, 2.0, ROUNDS)
    h = problem.mean_curvature.numpy()
    consensus = np.array([m.consensus_distance() for m in moments])
    gradient = np.array([m.gradient_norm_sq(h) for m in moments])
    samples = [
        (state.theta.numpy(), moments[-1].mean, "mean"),
        (per_round(table, "gradient_norm_sq")[:, 1:], gradient[1:], "gradient_norm_sq"),
    ]
    if gossip.agents > 1:
        samples.append((per_round(table, "consensus_distance")[:, 1:], consensus[1:], "consensus_distance"))
    else:
        assert abs(consensus).max() < 1e-14
    for sample, exact, what in samples:
        z = (sample.mean(axis=0) - exact) / (sample.std(axis=0, ddof=1) / len(seeds) ** 0.5)
        assert np.abs(z).max() < 5, f"{what}: simulated {sample.mean(axis=0)}, exact {exact}, z = {z}"


def test_with_noise_the_simulation_has_the_covariance():
    gossip, seeds = GOSSIPS["3 agents, directed"], range(800)
    problem = quadratic(gossip, sigma=2.0).build(3, seeds)
    _, state = simulate(problem, gossip.draw, Optimizer("sgd", LR), rounds=4)
    moments = predicted(problem, gossip, "adapt_then_combine", 2.0, 4)[-1]
    deviation = state.theta.numpy() - moments.mean
    products = np.einsum("skd,sld->sdkl", deviation, deviation)
    z = (products.mean(axis=0) - moments.covariance) / (products.std(axis=0, ddof=1) / len(seeds) ** 0.5)
    assert np.abs(z).max() < 5


def noise_roots(sigma, correlation, shape):
    """Square roots of the covariances across agents and within one."""
    across = np.outer(sigma, sigma) * correlation
    return [vectors * np.sqrt(np.maximum(values, 0)) for values, vectors in map(np.linalg.eigh, (across, shape))]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "name", ["3 agents, directed", "3 agents, epidemic", "4 agents, matching", "4 agents, random, then local"]
)
def test_full_hessians_and_shared_noise(name, order):
    """All means and products of two deviations over 4,000 runs of a plain loop: |z| < 5.5, some hundred each."""
    gossip, runs, rounds, d = (GOSSIPS | RANDOM)[name], 4000, 4, 2
    m, generator = gossip.agents, np.random.default_rng(7)
    factor = generator.standard_normal((m, d, d))
    hessians = factor @ np.swapaxes(factor, 1, 2) / 2
    optima, start = generator.standard_normal((2, m, d))
    correlation = np.full((m, m), 0.6) + 0.4 * np.eye(m)
    correlation[0, 1:] = correlation[1:, 0] = -0.2
    sigma, shape = np.linspace(0.5, 2, m), np.array([[0.7, 0.3], [0.3, 0.3]])
    across, within = noise_roots(sigma, correlation, shape)
    theta = np.broadcast_to(start, (runs, m, d))
    for t in range(rounds):
        W = np.array([gossip.draw(t, generator) for _ in range(runs)])
        noise = np.einsum("kl,rlb,ab->rka", across, generator.standard_normal((runs, m, d)), within)
        step = 0.3 * (np.einsum("kab,rkb->rka", hessians, theta - optima) + noise)
        theta = W @ (theta - step) if order == "adapt_then_combine" else W @ theta - step
    run = dsgd_moments(gossip, hessians, optima, start, 0.3, sigma, order, correlation, shape)
    exact = next(islice(run, rounds, None))
    deviation = theta - exact.mean
    products = np.einsum("rka,rlb->rabkl", deviation, deviation)
    for sample, expected in [(theta, exact.mean), (products, exact.joint)]:
        error = sample.std(axis=0, ddof=1) / runs**0.5
        z = (sample.mean(axis=0) - expected) / error
        assert np.abs(z).max() < 5.5
    np.testing.assert_allclose(exact.joint, np.einsum("abkl->balk", exact.joint), rtol=0, atol=1e-13)
    np.testing.assert_array_equal(exact.covariance, [exact.joint[0, 0], exact.joint[1, 1]])
    mean_hessian, point = hessians.mean(axis=0), np.array([0.3, -0.2])
    merged = theta.mean(axis=1) - point
    for sample, value in [
        (((merged @ mean_hessian) ** 2).sum(axis=1), exact.gradient_norm_sq(mean_hessian, point)),
        ((merged**2).sum(axis=1), exact.merged_distance_sq(point)),
        (((theta - theta.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2)) / m, exact.consensus_distance()),
        (theta[:, 0, 0] * theta[:, 1, 0], exact.second_moment()[0, 0, 1]),
    ]:
        assert abs((sample.mean() - value) / (sample.std(ddof=1) / runs**0.5)) < 5


@pytest.mark.parametrize("order", ORDERS)
def test_full_hessians_that_are_diagonal(order):
    generator = np.random.default_rng(2)
    curvature, optima = generator.uniform(0.2, 1.5, (3, 2)), generator.standard_normal((3, 2))
    for gossip in (GOSSIPS["3 agents, directed"], random_peers(3, 1)):
        arguments = optima, np.ones((3, 2)), 0.3, np.array([1.0, 0.5, 2.0]), order
        diagonal = next(islice(dsgd_moments(gossip, curvature, *arguments), 5, None))
        full = next(islice(dsgd_moments(gossip, curvature[:, :, None] * np.eye(2), *arguments), 5, None))
        np.testing.assert_allclose(full.mean, diagonal.mean, rtol=1e-12)
        np.testing.assert_allclose(full.covariance, diagonal.covariance, rtol=1e-11, atol=1e-14)
        h = curvature.mean(axis=0)
        assert full.gradient_norm_sq(np.diag(h)) == pytest.approx(diagonal.gradient_norm_sq(h), rel=1e-12)
        assert diagonal.joint is None


def test_a_random_gossip_of_one_matrix_is_that_matrix():
    """random_peers that hear everyone draw J every time: the random recursion against the given one."""
    curvature, optima = np.array([[0.5], [1.0], [2.0]]), np.array([[1.0], [-1.0], [3.0]])
    for order in ORDERS:
        drawn, given = (
            next(islice(dsgd_moments(gossip, curvature, optima, np.ones((3, 1)), 0.3, 1.0, order), 6, None))
            for gossip in (random_peers(3, 2), constant(complete_average(3)))
        )
        np.testing.assert_allclose(drawn.mean, given.mean, rtol=1e-12)
        np.testing.assert_allclose(drawn.covariance, given.covariance, rtol=1e-10, atol=1e-14)


def test_moments_refuse_what_does_not_fit():
    h, b = np.ones((3, 2)), np.zeros((3, 2))
    cases = [
        ({"curvature": np.ones(3)}, "curvature has 1 axes"),
        ({"curvature": np.ones((3, 2, 3))}, "curvature is"),
        ({"optima": np.zeros((2, 2))}, "optima end in"),
        ({"mixing": constant(np.eye(2))}, "the gossip has 2 agents and the quadratics have 3"),
        ({"sigma": -1.0}, "sigma is -1"),
        ({"correlation": np.eye(2)}, "correlation is"),
        ({"correlation": 2 * np.eye(3)}, "ones on its diagonal"),
        ({"correlation": np.full((3, 3), -1.0) + 2 * np.eye(3)}, "eigenvalue -1"),
        ({"shape": np.eye(2)}, "trace 2; it must be 1"),
        ({"shape": np.array([[0.5, 0.1], [0.0, 0.5]])}, "shape must be symmetric"),
    ]
    for change, words in cases:
        arguments = {"mixing": lambda _: np.eye(3), "curvature": h, "optima": b, "start": b, "lr": 0.1} | change
        with pytest.raises(OnemergeError, match=words):
            next(dsgd_moments(**arguments))
    moments = next(dsgd_moments(lambda _: np.eye(3), h, b, b, 0.1))
    with pytest.raises(OnemergeError, match="needs the moments of full Hessians"):
        moments.gradient_norm_sq(np.eye(2))


def stationary(W, h, b, lr, sigma, order, rounds=400):
    """Moments after many rounds in one dimension, agents' curvatures h [m] or a common one."""
    m = len(W)
    curvature = np.broadcast_to(np.asarray(h, dtype=float).reshape(-1, 1), (m, 1))
    return next(
        islice(dsgd_moments(lambda t: W, curvature, b[:, None], np.zeros((m, 1)), lr, sigma, order), rounds, None)
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("sigma", [0.0, 1.3])
@pytest.mark.parametrize("heterogeneous", [False, True])
@pytest.mark.parametrize("graph", [path(1), path(2), path(3), ring(3), path(6), ring(8), torus(3, 4)])
def test_stationary_consensus_for_a_common_curvature(graph, heterogeneous, sigma, order):
    """Closed forms in the eigenbasis of a symmetric W; the mean is a scalar AR(1) process, whatever W is.

    Adapt-then-combine: Ξ² = (η²σ²/m) Σ λ²/(1 − λ²(1 − ηh)²) + (1/m) Σ (ηhλ b̃/(1 − λ(1 − ηh)))², sums over λ_2 ... λ_m;
    combine-then-adapt: Ξ² = (η²σ²/m) Σ 1/(1 − (λ − ηh)²) + (1/m) Σ (ηh b̃/(1 − λ + ηh))².
    """
    W, lr, h = metropolis(graph), 0.2, 0.7
    m = len(W)
    b = np.random.default_rng(m).standard_normal(m) * heterogeneous
    value, vector = np.linalg.eigh(W)
    value, b_in_basis = value[:-1], (vector.T @ b)[:-1]
    if order == "adapt_then_combine":
        noise, pull = value**2 / (1 - value**2 * (1 - lr * h) ** 2), lr * h * value / (1 - value * (1 - lr * h))
    else:
        noise, pull = 1 / (1 - (value - lr * h) ** 2), lr * h / (1 - value + lr * h)
    expected = (lr**2 * sigma**2 * noise.sum() + np.sum((pull * b_in_basis) ** 2)) / m
    moments = stationary(W, h, b, lr, sigma, order)
    assert moments.consensus_distance() == pytest.approx(expected, rel=1e-9, abs=1e-15)
    variance = lr * sigma**2 / (m * h * (2 - lr * h))
    assert moments.gradient_norm_sq(np.array([h])) == pytest.approx(h**2 * (b.mean() ** 2 + variance), rel=1e-9)


def test_orders_differ_and_a_transposed_gossip_is_another():
    b = np.array([1.0, -1.0, 2.0])
    own, other = (
        stationary(W, 0.7, b, 0.2, 1.0, ORDERS[0]) for W in (DIRECTED, DIRECTED.T / DIRECTED.sum(axis=0)[:, None])
    )
    assert abs(own.mean.mean() - other.mean.mean()) > 0.01
    late = stationary(DIRECTED, 0.7, b, 0.2, 1.0, ORDERS[1])
    assert late.consensus_distance() > 1.5 * own.consensus_distance()


@pytest.mark.parametrize(("n", "S"), [(8, 0.5111607143), (16, 1.4720752025), (32, 3.4525439519)])
def test_pure_noise_on_a_ring(n, S):
    """Zero curvature: Ξ² = η²σ²S with the noise functional S = (1/m) Σ λ²/(1 − λ²) of the ring with weights 1/3."""
    moments = stationary(metropolis(ring(n)), 0.0, np.zeros(n), 0.1, 2.0, ORDERS[0], rounds=1000)
    assert moments.consensus_distance() == pytest.approx(0.1**2 * 2.0**2 * S, rel=1e-9)


def test_transient_of_a_partial_average():
    """W = βI + (1 − β)J, h = 1: E‖x_i − x̄‖² summed is (m − 1)η²σ²β²(1 − ((1 − η)β)^2k)/(1 − (1 − η)²β²)
    (Yuan et al. 2023, Appendix E).
    """
    m, beta, lr, sigma = 5, 0.6, 0.3, 1.4
    W = beta * np.eye(m) + (1 - beta) * complete_average(m)
    for k in range(8):
        moments = stationary(W, 1.0, np.zeros(m), lr, sigma, ORDERS[0], rounds=k)
        ratio = ((1 - lr) * beta) ** 2
        expected = (m - 1) * lr**2 * sigma**2 * beta**2 * (1 - ratio**k) / (1 - ratio) / m
        assert moments.consensus_distance() == pytest.approx(expected, rel=1e-12, abs=1e-18)


@pytest.mark.parametrize("order", ORDERS)
def test_fixed_point_of_different_curvatures(order):
    """(I − W(I − ηH))x = ηWHb for adapt-then-combine, (I − W + ηH)x = ηHb for combine-then-adapt; not x*."""
    h, b, lr = np.linspace(0.5, 1.5, 3), np.array([1.0, -1.0, 3.0]), 0.2
    if order == "adapt_then_combine":
        expected = np.linalg.solve(np.eye(3) - DIRECTED @ (np.eye(3) - lr * np.diag(h)), lr * DIRECTED @ (h * b))
    else:
        expected = np.linalg.solve(np.eye(3) - DIRECTED + lr * np.diag(h), lr * h * b)
    moments = stationary(DIRECTED, h, b, lr, 0.0, order)
    np.testing.assert_allclose(moments.mean[:, 0], expected, rtol=1e-10)
    assert abs(expected.mean() - h @ b / h.sum()) > 0.01


@pytest.mark.parametrize(
    ("lr", "order", "bias"),
    [
        (0.01, "adapt_then_combine", 1.875594574737e-3),
        (0.01, "combine_then_adapt", 1.918076953413e-3),
        (0.001, "adapt_then_combine", 1.91546258e-4),
    ],
)
def test_bias_on_a_ring(lr, order, bias):
    h, b = np.linspace(0.5, 1.5, 8), np.cos(2 * np.pi * np.arange(8) / 8)
    optimum = h @ b / h.sum()
    assert optimum == pytest.approx(-0.07142857, abs=1e-8)
    mean = stationary(metropolis(ring(8)), h, b, lr, 0.0, order, rounds=int(30 / lr)).mean.mean()
    assert abs(mean - optimum) == pytest.approx(bias, rel=1e-8)


def test_learning_rates_and_instances_broadcast():
    gossip, lrs = one_peer_exponential(3), np.array([0.1, 0.3])
    rng = np.random.default_rng(0)
    curvature, optima, start = rng.uniform(0.5, 1.5, (3, 2)), rng.standard_normal((4, 3, 2)), np.ones((1, 3, 2))
    mixing = lambda t: gossip.draw(t, None)  # noqa: E731
    at = lambda *moments: next(islice(dsgd_moments(mixing, curvature, *moments, sigma=0.8), 5, None))  # noqa: E731
    together = at(optima, start, lrs[:, None])
    for i, lr in enumerate(lrs):
        for j in range(4):
            alone = at(optima[j], start[0], lr)
            np.testing.assert_allclose(together.mean[i, j], alone.mean, rtol=1e-13)
            assert together.consensus_distance()[i, j] == pytest.approx(alone.consensus_distance(), rel=1e-12)
            h = curvature.mean(axis=0)
            assert together.gradient_norm_sq(h)[i, j] == pytest.approx(alone.gradient_norm_sq(h), rel=1e-12)


def test_unknown_order():
    with pytest.raises(OnemergeError, match="Unknown order 'mix'; valid: adapt_then_combine, combine_then_adapt"):
        next(dsgd_moments(lambda t: np.eye(1), np.ones((1, 1)), np.zeros((1, 1)), np.zeros((1, 1)), 0.1, order="mix"))
