from functools import reduce

import numpy as np
import pytest

from theory.errors import OnemergeError
from theory.graphs import exponential, hypercube, star
from theory.mixing import check_mixing, complete_average, graph_of, uniform
from theory.rounds import local_steps
from theory.sequences import (
    base_graph,
    global_every,
    k_peer_exponential,
    one_peer_exponential,
    one_peer_hypercube,
    simple_base_graph,
)
from theory.spectrum import consensus_rate, drift_gain, mean_drift, noise_gain


def matrices(gossip):
    return [gossip.draw(t, None) for t in range(gossip.period)]


def product(factors):
    return reduce(lambda later, W: W @ later, factors)


@pytest.mark.parametrize("agents", [1, 2, 4, 8, 32])
def test_one_peer_hypercube_averages_exactly_in_any_order(agents):
    rounds = matrices(one_peer_hypercube(agents))
    assert len(rounds) == max(agents.bit_length() - 1, 1)
    for phase in range(len(rounds)):
        np.testing.assert_array_equal(product(rounds[phase:] + rounds[:phase]), complete_average(agents))
    np.testing.assert_array_equal(product(rounds[::-1]), complete_average(agents))
    links = {edge for W in rounds for edge in graph_of(W).edges}
    assert links == set(hypercube(agents).edges)
    assert all(check_mixing(W).symmetric and check_mixing(W).doubly_stochastic for W in rounds)


def test_one_peer_hypercube_flips_one_bit():
    x = np.arange(8.0) ** 2
    for t in range(7):
        peer = np.arange(8) ^ 2 ** (t % 3)
        np.testing.assert_array_equal(one_peer_hypercube(8).draw(t, None) @ x, (x + x[peer]) / 2)


@pytest.mark.parametrize("agents", [2, 8, 16])
def test_one_peer_hypercube_has_the_gains_of_finite_averaging(agents):
    gossip, rounds = one_peer_hypercube(agents), agents.bit_length() - 1
    assert noise_gain(gossip) == pytest.approx(1 - (1 + rounds) / agents, abs=1e-12)
    assert drift_gain(gossip) == pytest.approx(rounds - 1, abs=1e-12)
    assert consensus_rate(gossip) == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("agents", range(2, 65))
def test_base_graph_averages_exactly(agents):
    exercised = 0
    for peers in {*range(1, min(agents, 6)), agents - 1}:
        rounds = matrices(base_graph(agents, peers))
        assert np.abs(product(rounds) - complete_average(agents)).max() < 1e-14
        assert len(rounds) <= 2 * np.log(agents) / np.log(peers + 1) + 2 + 1e-9
        for W in rounds:
            np.testing.assert_array_equal(W, W.T)
            assert np.abs(W.sum(axis=1) - 1).max() < 1e-14
            assert W.min() >= 0
            assert max(degree for _, degree in graph_of(W).degree) <= peers
            exercised += 1
    assert exercised > 0
    assert base_graph(agents, agents - 1).period == 1  # everybody hears everybody


SIMPLE = {  # peers, {agents: rounds}, those of the authors' code
    1: {5: 5, 6: 5, 7: 5, 10: 7, 12: 7, 15: 7, 16: 4, 21: 9, 25: 9, 33: 11, 50: 11, 100: 13},
    2: {4: 2, 6: 2, 8: 3, 10: 5, 12: 3, 25: 6, 36: 4, 48: 5, 100: 9},
    3: {9: 2, 16: 2, 27: 3, 36: 3, 100: 7},
    4: {12: 2, 54: 4, 60: 3, 100: 3},
    5: {25: 2, 36: 2, 50: 3},
}


@pytest.mark.parametrize("peers", SIMPLE)
def test_simple_base_graph_averages_exactly_in_the_published_lengths(peers):
    assert {agents: simple_base_graph(agents, peers).period for agents in SIMPLE[peers]} == SIMPLE[peers]
    for agents in range(peers + 1, 60):
        gossip = simple_base_graph(agents, peers)
        rounds = matrices(gossip)
        assert base_graph(agents, peers).period <= len(rounds) <= 2 * np.log(agents) / np.log(peers + 1) + 2 + 1e-9
        assert np.abs(product(rounds) - complete_average(agents)).max() < 1e-14
        assert gossip.finite_time
        for W in rounds:
            np.testing.assert_array_equal(W, W.T)
            assert W.min() >= 0
            assert np.abs(W.sum(axis=1) - 1).max() < 1e-14
            assert max(degree for _, degree in graph_of(W).degree) <= peers


def test_base_graph_of_a_thousand_agents_is_exact():
    rounds = matrices(base_graph(1000, 1))
    assert len(rounds) == 16
    x = np.random.default_rng(0).standard_normal((1000, 4))
    after = product([x, *rounds])
    np.testing.assert_allclose(after, np.broadcast_to(x.mean(axis=0), x.shape), atol=1e-14)


RESIDUAL = {6: 0.4330127019, 12: 0.4182581519, 24: 0.4146798954, 33: 0.03125}  # one peer


@pytest.mark.parametrize(
    ("agents", "peers"), [*((n, 1) for n in RESIDUAL), (8, 1), (9, 2), (10, 2), (7, 3), (3, 2), (2, 1)]
)
def test_k_peer_exponential_leaves_the_residual_of_its_closed_form(agents, peers):
    gossip, rounds = k_peer_exponential(agents, peers), matrices(k_peer_exponential(agents, peers))
    reach = (peers + 1) ** len(rounds)
    assert reach <= agents < reach * (peers + 1)
    i = np.arange(1, agents)
    closed = np.abs(np.sin(np.pi * i * reach / agents) / (reach * np.sin(np.pi * i / agents))).max()
    for phase in range(len(rounds)):
        residual = product(rounds[phase:] + rounds[:phase]) - complete_average(agents)
        assert np.linalg.norm(residual, 2) == pytest.approx(closed, abs=1e-14)
    if peers == 1 and agents in RESIDUAL:
        assert closed == pytest.approx(RESIDUAL[agents], abs=1e-10)
    assert gossip.finite_time == (reach == agents)
    assert consensus_rate(gossip) == pytest.approx(1 - closed**2, abs=1e-14)
    for t, W in enumerate(rounds):
        assert check_mixing(W).doubly_stochastic
        heard = {(0 + j * (peers + 1) ** t) % agents for j in range(1, peers + 1)}
        assert set(np.flatnonzero(W[0]).tolist()) == {0, *heard}
        np.testing.assert_allclose(W[0][W[0] > 0], 1 / (1 + peers), atol=1e-16)


def test_one_peer_of_k_is_the_one_peer_graph_at_powers_of_two():
    for agents in (2, 8, 32):
        for ours, other in zip(
            matrices(k_peer_exponential(agents, 1)), matrices(one_peer_exponential(agents)), strict=True
        ):
            np.testing.assert_array_equal(ours, other)
    assert k_peer_exponential(4, 3).period == 1  # everybody hears everybody
    np.testing.assert_array_equal(k_peer_exponential(4, 3).draw(0, None), complete_average(4))


LENGTHS = [  # peers, {agents: rounds}, those of the authors' code
    (1, {5: 5, 6: 4, 7: 5, 10: 6, 12: 5, 15: 7, 16: 4, 21: 9, 25: 9, 33: 11, 50: 10, 100: 11}),
    (2, {6: 2, 10: 4, 25: 6, 100: 8}),
    (3, {16: 2, 100: 6}),
    (4, {100: 3}),
]


@pytest.mark.parametrize(("peers", "lengths"), LENGTHS)
def test_base_graph_has_the_published_lengths(peers, lengths):
    assert {agents: base_graph(agents, peers).period for agents in lengths} == lengths


def test_base_graph_of_three_agents_by_hand():
    pair, third = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 2]]) / 2, np.array([[1, 0, 2], [0, 3, 0], [2, 0, 1]]) / 3
    for W, expected in zip(matrices(base_graph(3, 1)), (pair, third, pair), strict=True):
        np.testing.assert_allclose(W, expected, atol=1e-15)


@pytest.mark.parametrize("rounds", [1, 2, 5])
@pytest.mark.parametrize("agents", [1, 2, 3, 6])
def test_global_every_merges_on_its_last_round(agents, rounds):
    W, J = uniform(exponential(agents)), complete_average(agents)
    gossip = global_every(W, rounds)
    assert (gossip.agents, gossip.period, gossip.mean_preserving) == (agents, rounds, True)
    for t in range(2 * rounds):
        np.testing.assert_array_equal(gossip.draw(t, None), J if t % rounds == rounds - 1 else W)
    np.testing.assert_allclose(gossip.second_moment(), J, atol=1e-15)
    A = W - J
    slow = sum(np.sum(np.linalg.matrix_power(A, k) ** 2) for k in range(1, rounds)) / agents
    assert noise_gain(gossip) == pytest.approx(slow, abs=1e-14)


def test_global_every_merges_a_drifted_mean():
    W, J = uniform(star(4)), complete_average(4)
    gossip = global_every(W, 3)
    assert not gossip.mean_preserving
    assert consensus_rate(gossip) == pytest.approx(1, abs=1e-15)
    np.testing.assert_allclose(gossip.mean_moment(), W.T @ W.T @ J @ W @ W, atol=1e-15)
    assert mean_drift(gossip) > 0.1


def test_global_every_follows_a_sequence_on_the_clock_of_the_run():
    inner, J = one_peer_exponential(8), complete_average(8)
    gossip = global_every(inner, 2)
    assert (gossip.period, gossip.deterministic, gossip.finite_time) == (6, True, True)
    for t in range(12):
        np.testing.assert_array_equal(gossip.draw(t, None), J if t % 2 else inner.draw(t, None))
    assert global_every(inner, 1).period == 1
    assert local_steps(global_every(inner, 2), 3).period == 18


@pytest.mark.parametrize("gossip", [base_graph(7, 1), one_peer_exponential(6), one_peer_hypercube(4)])
def test_sequences_hand_out_one_read_only_array_a_round(gossip):
    for t in range(gossip.period):
        W = gossip.draw(t, None)
        assert W is gossip.draw(t + gossip.period, np.random.default_rng(0))
        with pytest.raises(ValueError, match="read-only"):
            W[0, 0] = 1
        M = np.random.default_rng(t).standard_normal((2, *W.shape))
        np.testing.assert_allclose(gossip.pull_back(t, M), W.T @ M @ W, atol=1e-15)
        np.testing.assert_allclose(gossip.push_forward(t + gossip.period, M), W @ M @ W.T, atol=1e-15)
    Phi = product(matrices(gossip))
    np.testing.assert_allclose(gossip.second_moment(), Phi.T @ Phi, atol=1e-15)
    np.testing.assert_allclose(gossip.mean_product, Phi, atol=1e-15)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: one_peer_hypercube(0), ["agents is 0", "at least 1"]),
        (lambda: one_peer_hypercube(6), ["agents is 6", "power of two"]),
        (lambda: base_graph(1, 1), ["agents is 1", "at least 2"]),
        (lambda: base_graph(6, 0), ["peers is 0", "at least 1"]),
        (lambda: base_graph(6, 6), ["peers is 6 with 6 agents", "at most 5"]),
        (lambda: base_graph(6, 1.5), ["peers is 1.5", "integer"]),
        (lambda: simple_base_graph(6, 6), ["peers is 6 with 6 agents", "at most 5"]),
        (lambda: simple_base_graph(1, 1), ["agents is 1", "at least 2"]),
        (lambda: k_peer_exponential(6, 6), ["peers is 6 with 6 agents", "at most 5"]),
        (lambda: k_peer_exponential(6, 0), ["peers is 0", "at least 1"]),
        (lambda: k_peer_exponential(1, 1), ["agents is 1", "at least 2"]),
        (lambda: global_every(np.eye(3), 0), ["rounds is 0", "at least 1"]),
        (lambda: global_every([[0.5, 0.25], [0, 1]], 2), ["row 0 sums to 0.75"]),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises(OnemergeError) as error:
        call()
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)
