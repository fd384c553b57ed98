"""Effective neighbors and the two gains: spot values of the literature, series summed term by term, and simulation."""

from functools import reduce

import networkx as nx
import numpy as np
import pytest
from scipy.sparse import csr_array

from theory.errors import OnemergeError
from theory.gossip import (
    constant,
    local,
    matcha,
    one_peer_exponential,
    pairwise_exchange,
    pairwise_on,
    periodic,
    random_matching,
    random_matching_on,
    random_peers,
)
from theory.mixing import complete_average, metropolis, uniform
from theory.operators import Circulant, operator
from theory.rounds import local_steps
from theory.schedule_gains import noise_gramians, schedule_gains
from theory.spectrum import consensus_rate, drift_gain, effective_neighbors, noise_gain

DECAYS = (0, 0.5, 0.9, 0.99, 0.999)
J16, I16 = complete_average(16), np.eye(16)
NEIGHBORS = {
    "ring 16": (operator("ring", agents=16), (3, 3.71965708, 6.60109629, 13.1190948, 15.63444515)),
    "hypercube 16": (operator("hypercube", agents=16), (5, 6.95155709, 12.23460499, 15.50188396, 15.94852505)),
    "ring 32": (operator("ring", agents=32), (3, 3.71965801, 6.63211496, 17.07552702, 28.89503493)),
    "0.9 I + 0.1 J": (0.9 * I16 + 0.1 * J16, (1.21673004, 1.42728636, 2.9179004, 9.91739675, 15.0421758)),
    "complete": (operator("complete", agents=16), (16,) * 5),
    "alone": (I16, (1,) * 5),
}
DIRECTED = uniform(nx.DiGraph([(0, 1), (0, 2), (1, 0), (1, 2), (2, 0)]))
DOUBLY = 0.5 * np.eye(4)[[1, 2, 0, 3]] + 0.3 * np.eye(4)[[0, 1, 3, 2]] + 0.2 * np.eye(4)[[1, 0, 3, 2]]


def covariance(matrices, decay, terms=4000):
    """Σ after the round of matrices[-1] of the periodic process, as the sum of its terms."""
    total, product = 0.0, np.eye(len(matrices[0]))
    for k in range(terms):
        product = product @ matrices[-1 - k % len(matrices)]
        total = total + decay**k * product @ product.T
    return total


@pytest.mark.parametrize("name", NEIGHBORS)
def test_spot_values_of_effective_neighbors(name):
    W, expected = NEIGHBORS[name]
    dense = W if isinstance(W, np.ndarray) else W.toarray()
    for decay, neighbors in zip(DECAYS, expected, strict=True):
        for given in (W, dense, csr_array(dense), constant(dense)):
            assert effective_neighbors(given, decay) == pytest.approx(neighbors, rel=2e-8)
            assert effective_neighbors(given, decay, worst=True) == pytest.approx(neighbors, rel=2e-8)  # all alike


@pytest.mark.parametrize("W", [DIRECTED, DOUBLY, metropolis(nx.path_graph(5)), uniform(nx.star_graph(4))])
@pytest.mark.parametrize("decay", [0, 0.5, 0.97])
def test_effective_neighbors_are_the_inverse_variance(W, decay):
    variances = np.diag(covariance([W], decay))
    for given in (W, csr_array(W)):
        mean, worst = effective_neighbors(given, decay), effective_neighbors(given, decay, worst=True)
        assert mean == pytest.approx(1 / (1 - decay) / variances.mean(), rel=1e-10)
        assert worst == pytest.approx(1 / (1 - decay) / variances.max(), rel=1e-10)
        assert worst < mean
    if W is DIRECTED:  # rows receive: the transposed covariance is another one
        assert np.diag(covariance([W.T], decay)).max() != pytest.approx(variances.max(), rel=1e-2)


def test_worst_agents_of_a_structured_path():
    W = operator("path", agents=9)
    assert effective_neighbors(W, 0.9, worst=True) == pytest.approx(effective_neighbors(W.toarray(), 0.9, worst=True))
    assert effective_neighbors(W, 0.9, worst=True) < effective_neighbors(W, 0.9)
    with pytest.raises(OnemergeError, match="the effective number of neighbors of this Line needs a dense matrix"):
        effective_neighbors(operator("path", agents=10**6), 0.9, worst=True)


def test_effective_neighbors_of_a_period_average_its_rounds():
    gossip = periodic([metropolis(nx.path_graph(4)), DOUBLY])
    matrices = [gossip.draw(t, None) for t in range(2)]
    after = [np.diag(covariance(matrices, 0.8)), np.diag(covariance(matrices[::-1], 0.8))]
    assert effective_neighbors(gossip, 0.8) == pytest.approx(5 / np.mean(after), rel=1e-10)
    assert effective_neighbors(gossip, 0.8, worst=True) == pytest.approx(5 / np.max(after), rel=1e-10)


@pytest.mark.parametrize("gossip", [random_matching(6, 0.5), random_peers(5, 2), local_steps(random_matching(4, 1), 2)])
def test_effective_neighbors_of_random_gossip_follow_a_simulation(gossip):
    generator, decay, chains, m = np.random.default_rng(0), 0.5, 1000, gossip.agents
    z, seen = np.zeros((chains, m)), []
    for t in range(24 * gossip.period):
        W = np.array([gossip.draw(t, generator) for _ in range(chains)])
        z = np.einsum("cij,cj->ci", W, decay**0.5 * z + generator.standard_normal((chains, m)))
        seen = [*seen, z][-gossip.period :]
    samples = np.mean([(z**2).mean(axis=1) for z in seen], axis=0)  # chains are independent, rounds are not
    expected = 1 / (1 - decay) / effective_neighbors(gossip, decay)
    score = (samples.mean() - expected) / (samples.std(ddof=1) / chains**0.5)
    assert abs(score) < 4.5, f"simulated {samples.mean():.5f}, exact {expected:.5f}, z = {score:.1f}"


def test_effective_neighbors_lie_between_one_and_all():
    assert effective_neighbors(local(6), 0.7) == pytest.approx(1, rel=1e-14)
    assert effective_neighbors(np.ones((1, 1)), 0.7) == pytest.approx(1, rel=1e-14)
    for n in (1, 2, 3):
        assert effective_neighbors(operator("ring", agents=n), 0.7) == pytest.approx(n, rel=1e-14)  # J
    large = operator("ring", agents=10**6)
    assert effective_neighbors(large, 0.0) == pytest.approx(3, rel=1e-12)
    assert 3 < effective_neighbors(large, 0.9) < effective_neighbors(large, 1 - 1e-12) < 10**6


@pytest.mark.parametrize("decay", [1, -0.1, 1.5, "0.5", True, None])
def test_decays_outside_their_range_are_refused(decay):
    with pytest.raises(OnemergeError, match=r"decay is .*; it must be a number in \[0, 1\)"):
        effective_neighbors(np.eye(2), decay)


GAINS = {  # structure, S, R
    "ring 8": (operator("ring", agents=8), 0.5111607143, 4.1213203436),
    "ring 64": (operator("ring", agents=64), 7.4427783269, 310.5087966739),
    "path 16": (operator("path", agents=16), 3.4486377019, 77.0651516899),
    "torus 5x5": (operator("torus", rows=5, cols=5), 0.2690909091, 2.6180339887),
    "torus 8x8": (operator("torus", rows=8, cols=8), 0.4399992482, 7.5355339059),
    "hypercube 64": (operator("hypercube", agents=64), 0.1991536458, 2.5),
    "exponential 16": (operator("exponential", agents=16), 0.1813551310, 1.5),
    "exponential 64": (operator("exponential", agents=64), 0.1754981441, 2.5),
}


@pytest.mark.parametrize("name", GAINS)
def test_gains_of_structures(name):
    structure, noise, drift = GAINS[name]
    for W in (structure, structure.to_sparse(), structure.toarray()):
        assert noise_gain(W) == pytest.approx(noise, rel=2e-9)
        assert drift_gain(W) == pytest.approx(drift, rel=2e-9)


@pytest.mark.parametrize(
    "gossip",
    [
        *(pairwise_on(nx.path_graph(m)) for m in (2, 3, 6)),
        random_matching_on(nx.cycle_graph(5), 0.5),
        matcha(nx.star_graph(4), 0.6),
        pairwise_exchange(5),
        random_matching(6, 0.8),
    ],
)
def test_the_noise_gain_of_draws_is_the_sum_of_its_terms(gossip):
    m, p = gossip.agents, consensus_rate(gossip)
    exact, formula = noise_gain(gossip), (m - 1) / m * (1 - p) / p
    assert exact == pytest.approx(schedule_gains(gossip).noise, rel=1e-9)
    assert drift_gain(gossip) >= schedule_gains(gossip).drift - 1e-9
    alike = np.ptp(gossip.second_moment()[~np.eye(m, dtype=bool)]) < 1e-15
    assert (exact == pytest.approx(formula, rel=1e-9)) == alike
    assert exact <= formula * (1 + 1e-9)


def test_the_noise_gain_of_draws_on_a_path_is_far_below_that_of_its_worst_direction():
    gossip = pairwise_on(nx.path_graph(64))
    p = consensus_rate(gossip)
    assert noise_gain(gossip) == pytest.approx(np.trace(noise_gramians(gossip)[0]) / 64, rel=1e-9)
    assert 60 < 63 / 64 * (1 - p) / p / noise_gain(gossip) < 90


def test_gains_keep_the_digits_of_a_small_gap():
    """Two cliques joined by a weak link, W = J inside: 1 - λ_2 = 2w/k + O(w²), and no other loss is far from 1."""
    k, w = 4, 1e-9
    W = np.kron(np.eye(2), np.full((k, k), 1 / k))
    W[0, k] = W[k, 0] = w
    W[0, 0] -= w
    W[k, k] -= w
    assert drift_gain(W) == pytest.approx(drift_gain(csr_array(W)), rel=1e-12)
    assert drift_gain(W) == pytest.approx(k / (2 * w) - 1, rel=1e-8)
    assert noise_gain(W) == pytest.approx(k / (4 * w) / (2 * k), rel=1e-8)
    n = 301
    ring, structure = operator("ring", agents=n).toarray() * 1.5 - 0.5 * np.eye(n), Circulant(n, {1: 0.5, -1: 0.5})
    assert noise_gain(ring) == pytest.approx(noise_gain(structure), rel=1e-12)  # λ near -1
    assert drift_gain(ring) == pytest.approx(drift_gain(structure), rel=1e-12)


def test_gains_of_a_million_agents():
    ring, n = operator("ring", agents=10**6), 10**6
    assert noise_gain(ring) == pytest.approx(n / 8 - 0.567, rel=1e-8)
    assert drift_gain(ring) == pytest.approx(3 * n**2 / (4 * np.pi**2), rel=1e-10)
    sparse = operator("path", agents=20_000).to_sparse()
    assert drift_gain(sparse) == pytest.approx(3 / (4 * np.sin(np.pi / 40_000) ** 2) - 1, rel=1e-9)
    with pytest.raises(OnemergeError, match="the noise gain of this csr_array needs a dense matrix; it has 20000"):
        noise_gain(sparse)


def test_gains_are_infinite_without_agreement():
    assert noise_gain(operator("ring", "lazy_uniform", agents=1)) == 0
    for W in (np.eye(3), csr_array(np.eye(3)), csr_array([[0.0, 1.0], [1.0, 0.0]])):
        assert (noise_gain(W), drift_gain(W)) == (np.inf, np.inf)


def test_gains_of_matrices_that_are_not_normal():
    A, product, noise, drift = DOUBLY - complete_average(4), np.eye(4), 0.0, 0.0
    for _ in range(600):
        product = product @ A
        noise, drift = noise + (product**2).sum() / 4, drift + np.linalg.norm(product, 2)
    for W in (DOUBLY, csr_array(DOUBLY), constant(DOUBLY)):
        assert noise_gain(W) == pytest.approx(noise, rel=1e-10)
        assert drift_gain(W) == pytest.approx(drift, rel=1e-10)


def test_gains_of_a_random_period_sum_its_terms():
    gossip = local_steps(random_matching(4, 1), 2)
    terms = schedule_gains(gossip)
    assert noise_gain(gossip) == pytest.approx(terms.noise, rel=1e-12)
    kept = 1 / 3  # of the variance, by every second round
    assert noise_gain(gossip) == pytest.approx(3 / 4 * (1 + 2 * kept / (1 - kept)), rel=1e-9)
    assert noise_gain(one_peer_exponential(16)) == pytest.approx(0.6875, rel=1e-12)
    product = reduce(np.matmul, [one_peer_exponential(16).draw(t, None) for t in range(4)])
    np.testing.assert_allclose(product, J16, atol=1e-15)
