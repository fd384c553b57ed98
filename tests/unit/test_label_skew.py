"""Heterogeneity of neighborhoods under label skew, and topologies that are learned for it."""

from itertools import pairwise, permutations

import numpy as np
import pytest

from theory.bounds import BOUNDS
from theory.errors import OnemergeError
from theory.graphs import ring
from theory.label_skew import label_skew, learn_topology, neighborhood_heterogeneity
from theory.mixing import complete_average, metropolis

HALF_RING = np.eye(16) / 2 + (np.roll(np.eye(16), 1, axis=1) + np.roll(np.eye(16), -1, axis=1)) / 4
TWO_LABELS = np.eye(2)[np.arange(16) % 2]


def shares(agents, labels, seed, alpha=0.2):
    return np.random.default_rng(seed).dirichlet(np.full(labels, alpha), size=agents)


def skew_by_loops(W, P, regularizer):
    m, labels = P.shape
    total = 0.0
    for i in range(m):
        for c in range(labels):
            total += (sum(W[i, j] * P[j, c] for j in range(m)) - sum(P[:, c]) / m) ** 2
        total += regularizer * sum((W[i, j] - 1 / m) ** 2 for j in range(m))
    return total / m


def directed(agents, seed):
    generator = np.random.default_rng(seed)
    weights = generator.dirichlet(np.ones(3))
    return sum(w * np.eye(agents)[generator.permutation(agents)] for w in weights)


@pytest.mark.parametrize("agents", [1, 2, 3, 7])
def test_label_skew_is_its_double_sum(agents):
    W, P = directed(agents, agents), shares(agents, 3, agents)
    assert label_skew(W, P, 0.3) == pytest.approx(skew_by_loops(W, P, 0.3), rel=1e-12)
    assert label_skew(complete_average(agents), P, 0.3) == pytest.approx(0, abs=1e-30)


def test_two_labels_that_alternate_do_not_show_on_a_ring_of_self_weight_one_half():
    assert label_skew(HALF_RING, TWO_LABELS) == pytest.approx(0, abs=1e-30)
    assert label_skew(metropolis(ring(16)), TWO_LABELS) == pytest.approx(2 / 36, rel=1e-12)


def test_opposite_means_of_neighbors_cancel_however_far_apart():
    """Example 1 of Le Bars et al.: (theta - Z_k)^2 with means of 3 and -3 in turn, gradients 2 (theta -+ 3)."""
    gradients = 2 * (0.7 - 3 * (-1.0) ** np.arange(16))
    assert np.mean((gradients - gradients.mean()) ** 2) == pytest.approx(4 * 3**2)
    assert np.mean((HALF_RING @ gradients - gradients.mean()) ** 2) == pytest.approx(0, abs=1e-28)
    for spread in (1.0, 100.0):
        assert neighborhood_heterogeneity(HALF_RING, TWO_LABELS, spread) == pytest.approx(0, abs=1e-13)


def test_noise_alone_is_the_spectrum():
    W = metropolis(ring(16))
    square = np.sum(np.linalg.eigvalsh(W)[:-1] ** 2) / 16
    found = neighborhood_heterogeneity(W, np.full((16, 2), 0.5), spread=1.0, sigma=1.0)
    assert found**2 == pytest.approx(square, rel=1e-12)
    assert found**2 == pytest.approx(0.2708333333, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_neighborhood_heterogeneity_covers_the_gradients_of_labels(seed):
    """Mean gradients v_c within sqrt(B) of a center: (1/m) sum_k |sum_c (W P - mean P)[k, c] v_c|^2 <= tau^2."""
    generator = np.random.default_rng(seed)
    m, labels, B, sigma = 9, 4, 2.5, 0.7
    W, P = directed(m, seed), shares(m, labels, seed)
    v = generator.normal(size=(labels, 5))
    v = 3 + np.sqrt(B) * v / np.linalg.norm(v, axis=1, keepdims=True)
    gradients = P @ v
    exact = np.sum((W @ gradients - gradients.mean(axis=0)) ** 2) / m + sigma**2 * np.sum((W - 1 / m) ** 2) / m
    tau = neighborhood_heterogeneity(W, P, spread=np.sqrt(labels * B), sigma=sigma)
    assert 0 < exact <= tau**2


@pytest.mark.parametrize(
    ("agents", "labels", "regularizer"), [(12, 3, 0.1), (30, 10, 0.05), (20, 5, 0.0), (25, 2, 2.0)]
)
def test_a_learned_topology_is_sparse_and_fits_better_with_every_permutation(agents, labels, regularizer):
    P = shares(agents, labels, agents)
    fits = []
    for count in range(9):
        W = learn_topology(P, count, regularizer)
        np.testing.assert_allclose(W.sum(axis=0), 1, atol=1e-12)
        np.testing.assert_allclose(W.sum(axis=1), 1, atol=1e-12)
        assert W.min() >= 0
        degrees = (W - np.diag(np.diag(W)) > 0).astype(int)
        assert max(degrees.sum(axis=0).max(), degrees.sum(axis=1).max()) <= count
        fits.append(label_skew(W, P, regularizer))
        if count:
            values = {"regularizer": regularizer, "permutations": count}
            assert fits[-1] <= BOUNDS["le_bars_topology_sharp"](**values)
            assert 2 * BOUNDS["le_bars_topology_sharp"](**values) == BOUNDS["le_bars_topology"](**values)
    assert all(after < before for before, after in pairwise(fits))
    # as many permutations, drawn blindly
    generator = np.random.default_rng(0)
    blind = sum(np.eye(agents)[generator.permutation(agents)] for _ in range(8)) / 9 + np.eye(agents) / 9
    assert fits[-1] < label_skew(blind, P, regularizer)


def test_one_permutation_mends_two_labels():
    W = learn_topology(TWO_LABELS, 1, regularizer=0.0)
    assert label_skew(W, TWO_LABELS) == pytest.approx(0, abs=1e-28)
    assert sorted(np.unique(W)) == [0, 0.5]


def test_a_step_of_learning_is_the_best_of_all_permutations():
    """Every permutation of four agents tried: no slope is smaller, and no weight fits better."""
    P, regularizer, m = shares(4, 3, 1), 0.1, 4
    W0, h = np.eye(4), 1e-6
    W = learn_topology(P, 1, regularizer)
    slopes = {}
    for order in permutations(range(m)):
        V = np.eye(m)[list(order)]
        slopes[order] = (label_skew(W0 + h * (V - W0), P, regularizer) - label_skew(W0, P, regularizer)) / h
    best = min(slopes, key=slopes.get)
    V = np.eye(m)[list(best)]
    weights = np.linspace(0, 1, 2001)
    tried = [label_skew(W0 + w * (V - W0), P, regularizer) for w in weights]
    assert label_skew(W, P, regularizer) <= min(tried) + 1e-15
    np.testing.assert_allclose(W, W0 + weights[np.argmin(tried)] * (V - W0), atol=1e-3)


def test_one_agent_and_equal_agents_need_no_topology():
    np.testing.assert_array_equal(learn_topology([[0.3, 0.7]], 5), [[1.0]])
    np.testing.assert_array_equal(learn_topology(np.full((4, 2), 0.5), 3, regularizer=0.0), np.eye(4))
    np.testing.assert_allclose(
        learn_topology(np.full((3, 2), 0.5), 2, regularizer=0.5), np.full((3, 3), 1 / 3), atol=1e-12
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: learn_topology([[0.5, 0.6]], 1), r"proportions of agent 0 sum to 1.1, not to 1"),
        (lambda: learn_topology([[1.5, -0.5]], 1), r"reach down to -0.5; they must be numbers >= 0"),
        (lambda: learn_topology([0.5, 0.5], 1), r"shape \(2,\); they must be \[agents, labels\]"),
        (lambda: learn_topology(TWO_LABELS, 1.5), "permutations is 1.5; it must be an int >= 0"),
        (lambda: learn_topology(TWO_LABELS, 1, -1.0), "regularizer is -1.0; it must be"),
        (lambda: label_skew(np.eye(3), TWO_LABELS), "has 3 agents and the proportions have 16"),
        (lambda: label_skew(np.eye(16), TWO_LABELS, np.nan), "regularizer is nan"),
        (lambda: neighborhood_heterogeneity(np.eye(16), TWO_LABELS, -1.0), "spread is -1.0; it must be"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, words):
    with pytest.raises(OnemergeError, match=words):
        call()
