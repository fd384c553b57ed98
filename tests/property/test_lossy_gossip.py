"""Gossip that loses messages: sums over all patterns against closed forms, `theory.gossip` and `sim.faults`."""

from itertools import combinations, product

import numpy as np
import pytest

from sim.faults import Faults, apply
from theory.gossip import Gossip, random_peers
from theory.matcha import matching_activation
from theory.mixing import complete_average, damped
from theory.spectrum import consensus_rate

PAIR = complete_average(2)
DIRECTED = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.2, 0.3, 0.5]])
TRIANGLE = np.array([[0.4, 0.35, 0.25], [0.35, 0.45, 0.2], [0.25, 0.2, 0.55]])  # symmetric
MATRICES = {"one": np.eye(1), "pair": PAIR, "skewed": np.array([[0.7, 0.3], [0.6, 0.4]]), "directed": DIRECTED}
MATRICES["triangle"] = TRIANGLE


def without(W, lost):
    """W whose receivers keep the weight of every lost message to themselves."""
    W = W.copy()
    for i, j in lost:
        W[i, i] += W[i, j]
        W[i, j] = 0
    return W


def patterns(W, q, pairs):
    """(probability, W') of every pattern of losses."""
    agents = len(W)
    if pairs:
        units = [((i, j), (j, i)) for i, j in combinations(range(agents), 2) if W[i, j] != 0 or W[j, i] != 0]
    else:
        units = [((i, j),) for i in range(agents) for j in range(agents) if i != j and W[i, j] != 0]
    for bits in product((False, True), repeat=len(units)):
        lost = {message for unit, bit in zip(units, bits, strict=True) if bit for message in unit}
        yield np.prod([q if bit else 1 - q for bit in bits]), without(W, lost)


def gossip_of(W, q, pairs):
    """The `Gossip` of W under losses, its moments sums over all patterns."""
    law = list(patterns(W, q, pairs))
    mean = sum(chance * left for chance, left in law)
    return Gossip(
        len(W),
        1,
        bool(np.abs(np.array([left.sum(axis=0) for _, left in law]) - 1).max() < 1e-12),
        lambda t, _: None,
        lambda t: mean,
        lambda t, M: sum(chance * left.T @ M @ left for chance, left in law),
        lambda t, M: sum(chance * left @ M @ left.T for chance, left in law),
    )


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("name", MATRICES)
def test_the_mean_matrix_is_lazier(name, pairs):
    W, q = MATRICES[name], 0.3
    np.testing.assert_allclose(gossip_of(W, q, pairs).mean(0), damped(W, 1 - q), atol=1e-14)


@pytest.mark.parametrize("name", ["pair", "skewed", "directed", "triangle"])
def test_independent_losses_add_their_variance(name):
    """E|W'x|² = |E[W']x|² + q(1 - q) Σ W_ij² (x_j - x_i)², and the mean of W'x varies by that sum over m²."""
    W, q, x = MATRICES[name], 0.3, np.array([1.0, -0.4, 2.2])[: len(MATRICES[name])]
    gossip, agents = gossip_of(W, q, False), len(W)
    noise = q * (1 - q) * sum(W[i, j] ** 2 * (x[j] - x[i]) ** 2 for i in range(agents) for j in range(agents))
    mean = damped(W, 1 - q) @ x
    assert x @ gossip.second_moment() @ x == pytest.approx(mean @ mean + noise, rel=1e-13)
    ones = np.full((agents, agents), 1 / agents**2)
    assert x @ gossip.pull_back(0, ones) @ x == pytest.approx(mean.mean() ** 2 + noise / agents**2, rel=1e-13)
    assert noise > 0


def test_lost_pairs_of_a_symmetric_matrix_keep_the_mean():
    assert gossip_of(TRIANGLE, 0.3, True).mean_preserving
    assert not gossip_of(TRIANGLE, 0.3, False).mean_preserving
    assert not gossip_of(DIRECTED, 0.3, True).mean_preserving
    for t in range(30):
        W = apply(TRIANGLE, Faults(drop=0.5, drop_pairs=True, outage=0.2).at(1, 3, t))
        np.testing.assert_allclose([W.sum(axis=0), W.sum(axis=1)], 1, atol=1e-15)
        np.testing.assert_array_equal(W, W.T)


@pytest.mark.parametrize("q", [0.0, 0.3, 0.9])
def test_two_agents_who_lose_messages_are_random_peers(q):
    """Each of two agents averages with the other with probability 1 - q: "R r" with r = 1 - q."""
    lossy = gossip_of(PAIR, q, False)
    if q > 0:
        theory = random_peers(2, 1 - q)
        np.testing.assert_allclose(lossy.second_moment(), theory.second_moment(), atol=1e-14)
        np.testing.assert_allclose(lossy.mean_moment(), theory.mean_moment(), atol=1e-14)
        assert consensus_rate(lossy) == pytest.approx(consensus_rate(theory), rel=1e-12)
    else:
        assert consensus_rate(lossy) == pytest.approx(1)


@pytest.mark.parametrize("q", [0.2, 0.7])
def test_lost_pairs_of_equal_weights_are_matcha(q):
    """With a weight of alpha on every edge, each edge is a matching that is active with probability 1 - q."""
    alpha, edges = 0.3, [np.array([pair]) for pair in combinations(range(3), 2)]
    W = np.full((3, 3), alpha) + (1 - 3 * alpha) * np.eye(3)
    theory = matching_activation(3, edges, [1 - q] * 3, alpha)
    lossy = gossip_of(W, q, True)
    np.testing.assert_allclose(lossy.second_moment(), theory.second_moment(), atol=1e-14)
    assert consensus_rate(lossy) == pytest.approx(consensus_rate(theory), rel=1e-12)


@pytest.mark.parametrize("pairs", [False, True], ids=["single", "pairs"])
@pytest.mark.parametrize("name", ["pair", "skewed", "directed", "triangle"])
def test_simulated_losses_have_the_moments_of_all_patterns(name, pairs):
    """Ξ² and the squared drift of the mean after two rounds, over seeds; independent from round to round."""
    W, q, count = MATRICES[name], 0.3, 1500
    agents, gossip, faults = len(W), gossip_of(W, q, pairs), Faults(drop=q, drop_pairs=pairs)
    x = np.array([1.0, -0.4, 2.2])[:agents]
    deviations = np.eye(agents) - complete_average(agents)
    samples = np.empty((count, 2))
    for seed in range(count):
        y = apply(W, faults.at(seed, agents, 1)) @ apply(W, faults.at(seed, agents, 0)) @ x
        samples[seed] = y @ deviations @ y / agents, (y.mean() - x.mean()) ** 2
    x = x - x.mean()
    forms = deviations, complete_average(agents)
    exact = [x @ gossip.pull_back(0, gossip.pull_back(0, form)) @ x / agents for form in forms]
    spread = samples.std(axis=0, ddof=1) / count**0.5
    if pairs and name in ("pair", "triangle"):
        assert exact[1] == pytest.approx(0, abs=1e-15)
        assert samples[:, 1].max() < 1e-28
        spread[1] = 1
    z = (samples.mean(axis=0) - exact) / spread
    assert np.abs(z).max() < 5, f"simulated {samples.mean(axis=0)}, exact {exact}, z = {z}"
