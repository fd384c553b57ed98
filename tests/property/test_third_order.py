"""Constants of third-order remainders, the law of random peers, and counted traffic, each derived a second way."""

from itertools import product

import numpy as np
import pytest
from sympy import Integer, Rational, Symbol, exp, integrate, limit, oo, pi, sqrt

from theory.errors import OnemergeError
from theory.mixing import complete_average
from theory.peer_law import (
    counted_moments,
    doubly_stochastic_chance,
    draws,
    drift,
    keep,
    keep_around_new_mean,
    matching_moment,
    noise_inflation,
    on_deviations,
)
from theory.random_gossip import random_matching, random_peers
from theory.remainder import (
    GAUSSIAN_CUBE,
    cubic_ratio,
    gaussian_mean,
    gaussian_moment,
    kappa,
    kappa_bound,
    kernel,
    spread,
)
from theory.traffic import pulled, ring_all_reduce

R = Symbol("R", positive=True)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_kernel_is_taylors_coefficient(order):
    x = Symbol("x")
    assert kernel(order) == exp(x).series(x, 0, order + 1).removeO().coeff(x, order)


@pytest.mark.parametrize("agents", [2, 3, 4, 7])
def test_no_deviations_exceed_kappa(agents):
    x = np.random.default_rng(0).standard_t(1.5, size=(4000, agents, 2))
    x[:2000, :, 1] = 0
    x -= x.mean(axis=1, keepdims=True)
    size = np.linalg.norm(x, axis=2)
    ratio = ((size**3).mean(axis=1) / (size**2).mean(axis=1) ** 1.5).max()
    assert 0.97 * float(kappa(agents)) < ratio <= float(kappa(agents)) * (1 + 1e-12)
    assert kappa(agents) <= kappa_bound(agents) < sqrt(agents)


def test_kappa_is_attained_and_small_cases():
    assert kappa(1) == 0
    assert cubic_ratio((1, -1)) == kappa(2) == 1
    assert cubic_ratio((1, -1, 0)) == kappa(3)
    assert cubic_ratio((2, -1, -1)) < kappa(3)
    assert cubic_ratio((4, -1, -1, -1, -1)) == kappa(5)


def test_gaussian_moments_are_integrals():
    z = Symbol("z", real=True)
    density = exp(-(z**2) / 2) / sqrt(2 * pi)
    for order in (0, 1, 2, 3, 4, 6):
        assert gaussian_moment(order) == integrate(z**order * density, (z, -oo, oo))
    assert integrate(2 * z**3 * density, (z, 0, oo)) - GAUSSIAN_CUBE == 0
    x, v = Symbol("x"), Symbol("v", positive=True)
    assert gaussian_mean(x**4 + x**3, x, Integer(1), v) == 3 * v**2 + 9 * v + 2


def test_closed_forms_of_random_peers_are_those_of_the_gossip():
    for agents, peers in product((2, 3, 8), (0.2, 0.7)):
        gossip = random_peers(agents, peers)
        flat = np.eye(agents) - complete_average(agents)
        z = np.arange(agents) ** 2.0
        z -= z.mean()
        size = z @ z
        assert z @ gossip.second_moment() @ z == pytest.approx(keep(agents, peers) * size)
        assert z @ gossip.mean_moment() @ z == pytest.approx(drift(agents, peers) * size)
        around = z @ gossip.over_period(flat) @ z
        assert around == pytest.approx(keep_around_new_mean(agents, peers) * size)
        matched = random_matching(agents, peers)
        if agents % 2 == 0:
            assert z @ matched.second_moment() @ z == pytest.approx(keep(agents, peers) * size)


def test_all_draws_are_counted():
    for agents in (2, 3, 4):
        moment, mean_moment, good, total = counted_moments(agents, R)
        assert total.expand() == 1
        assert (on_deviations(moment) - keep(Integer(agents), R)).expand() == 0
        assert (on_deviations(mean_moment) - drift(Integer(agents), R)).expand() == 0
        assert good.subs(R, Rational(1, 3)) == doubly_stochastic_chance(agents, Rational(1, 3))
    assert on_deviations(matching_moment(2, R)).expand() == keep(Integer(2), R)


def test_forms_without_one_factor_have_none():
    form = counted_moments(3, R)[0].copy()
    form[0, 0] += 1
    assert on_deviations(form) is None


def test_rare_double_stochasticity():
    assert float(doubly_stochastic_chance(16, Rational(1, 5))) == pytest.approx(0.0293, abs=5e-5)
    assert float(doubly_stochastic_chance(32, Rational(1, 5))) == pytest.approx(0.00082, abs=5e-6)


def test_noise_inflation_by_stationary_moments():
    m, peers, chance = 3, Rational(1, 5), {}
    for heard in draws(m):
        W = (np.eye(m) + np.eye(m)[heard]) / 2
        p = np.prod([0.8 if i == j else 0.1 for i, j in enumerate(heard)])
        chance[tuple(heard)] = p, W
    flat, S = np.eye(m) - complete_average(m), np.zeros((m, m))
    for _ in range(400):  # covariance of the deviations after noise of variance 1 and a round
        S = sum(p * flat @ W @ (S + np.eye(m)) @ W.T @ flat for p, W in chance.values())
    mean = np.full(m, 1 / m)
    variance = sum(p * (mean @ W) @ (S + np.eye(m)) @ (mean @ W) for p, W in chance.values())
    variance -= mean @ S @ mean
    assert variance * m == pytest.approx(float(noise_inflation(Integer(m), peers)))
    n = Symbol("m", positive=True)
    assert limit(noise_inflation(n, R), R, 0).equals(2 * n / (n + 1))


@pytest.mark.parametrize(("agents", "size"), [(1, 3), (2, 5), (3, 2), (4, 8), (5, 7)])
def test_ring_all_reduce_averages_and_sends_two_models_less_two_shares(agents, size):
    models = np.random.default_rng(agents).normal(size=(agents, size))
    kept = models.copy()
    means, sent = ring_all_reduce(models)
    np.testing.assert_allclose(means, np.tile(models.mean(axis=0), (agents, 1)))
    assert sent == 2 * (agents - 1) * size
    assert np.array_equal(models, kept)


def test_pulls_are_directed():
    W = np.array([[0.5, 0.5, 0], [0, 1, 0], [1 / 3, 1 / 3, 1 / 3]])
    assert pulled(W, 10) == 30
    assert pulled(np.eye(1), 10) == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: kernel(0),
        lambda: kappa(0),
        lambda: kappa_bound(1),
        lambda: spread((1, 1)),
        lambda: cubic_ratio((0, 0)),
        lambda: gaussian_moment(-1),
        lambda: draws(6),
        lambda: draws(1),
        lambda: doubly_stochastic_chance(4, 2),
        lambda: pulled(np.eye(2), 0),
    ],
)
def test_wrong_arguments_are_refused(call):
    with pytest.raises(OnemergeError):
        call()
