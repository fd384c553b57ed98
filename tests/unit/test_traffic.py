"""Messages and bytes of a round, against single agents counted one by one and averages computed as they would be."""

import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array

from sim.randomness import stream
from sim.schedule import Average, merge, server
from sim.traffic import messages, sent
from theory.errors import OnemergeError
from theory.gossip import one_peer_exponential, random_peers
from theory.graphs import ring
from theory.mixing import complete_average, metropolis
from theory.traffic import pulled, ring_all_reduce

DIRECTED = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.2, 0.3, 0.5]])
SIZE, ITEMSIZE = 7, 4


def counted(W, active):
    """Messages of W between agents that are there, by going through all pairs."""
    there = 0
    for i in range(len(W)):
        for j in range(len(W)):
            there += i != j and W[i, j] != 0 and active[i] and active[j]
    return there


@pytest.mark.parametrize(
    "W",
    [np.eye(1), np.eye(2), complete_average(2), DIRECTED, DIRECTED.T, metropolis(ring(5)), complete_average(6)],
    ids=["one", "two_alone", "two", "directed", "transposed", "ring", "complete"],
)
def test_gossip_sends_one_model_per_foreign_weight(W):
    expected = pulled(W, SIZE)
    assert sent(W, SIZE, ITEMSIZE) == (expected / SIZE, expected * ITEMSIZE)
    assert sent(csr_array(W), SIZE, ITEMSIZE) == sent(W, SIZE, ITEMSIZE)


@pytest.mark.parametrize("active", [(1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 0, 0), (0, 0, 0)])
def test_nothing_is_sent_to_or_from_an_absent_agent(active):
    active = np.array(active, dtype=bool)
    count = counted(DIRECTED, active)
    for W in (DIRECTED, csr_array(DIRECTED)):
        assert sent(W, SIZE, ITEMSIZE, active) == (count, count * SIZE * ITEMSIZE)


def test_messages_are_listed_row_by_row_and_name_the_receiver_first():
    expected = [(0, 1, 0.5), (1, 2, 0.5), (2, 0, 0.2), (2, 1, 0.3)]
    shuffled = coo_array(([0.3, 0.5, 0.1, 0.1, 0.0, 0.5], ([2, 0, 2, 2, 0, 1], [1, 1, 0, 0, 2, 2])), shape=(3, 3))
    for W in (DIRECTED, csr_array(DIRECTED), shuffled):
        assert list(zip(*messages(W), strict=True)) == expected
        assert sent(W, 1, 1)[0] == len(expected)
    assert shuffled.nnz == 6


@pytest.mark.parametrize("agents", [1, 2, 3, 8])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_merge_is_a_ring_all_reduce(agents, size):
    models = np.arange(agents * size, dtype=float).reshape(agents, size)
    merged, numbers = ring_all_reduce(models)
    communication = merge(agents)(0, None)
    np.testing.assert_allclose(communication.W @ models, merged, atol=1e-12)
    stages = 2 * (agents - 1)  # in each, every agent sends one parcel
    assert sent(communication, size, 8) == (stages * agents, numbers * 8)


def test_the_matrix_of_a_merge_given_as_gossip_is_pulled_from_everyone():
    agents = 6
    J = complete_average(agents)
    np.testing.assert_array_equal(merge(agents)(0, None), J)
    assert sent(J, SIZE, ITEMSIZE) == (30, 30 * SIZE * ITEMSIZE)
    everyone = random_peers(agents, agents - 1).draw(0, stream(0, "gossip", 0))
    assert sent(everyone, SIZE, ITEMSIZE) == (30, 30 * SIZE * ITEMSIZE)
    assert sent(merge(agents)(0, None), SIZE, ITEMSIZE) == (60, 10 * SIZE * ITEMSIZE)


def through_a_server(models, members, hears):
    """(models after, numbers sent) of federated averaging, message by message."""
    inbox, numbers = [], 0
    for j in np.flatnonzero(members):
        inbox.append(models[j])
        numbers += models[j].size
    after = models.copy()
    for i in np.flatnonzero(hears):
        after[i] = sum(inbox) / len(inbox)
        numbers += after[i].size
    return after, numbers


@pytest.mark.parametrize(("agents", "participation"), [(1, 1.0), (2, 0.5), (3, 0.4), (8, 0.25), (8, 1.0)])
def test_a_server_hears_some_and_tells_all(agents, participation):
    models = np.random.default_rng(0).standard_normal((agents, SIZE))
    communication = server(agents, participation)(3, stream(1, "gossip", 3))
    after, numbers = through_a_server(models, communication.members, communication.hears)
    np.testing.assert_allclose(communication.W @ models, after, atol=1e-14)
    assert sent(communication, SIZE, 8) == (numbers / SIZE, numbers * 8)


def test_an_average_is_one_among_those_present():
    active = np.array([True, False, True, True])
    communication = merge(4)(0, None)
    assert sent(communication, SIZE, ITEMSIZE, active) == sent(merge(3)(0, None), SIZE, ITEMSIZE)
    assert sent(communication, SIZE, ITEMSIZE, np.zeros(4, dtype=bool)) == (0, 0)
    some = Average(np.array([True, True, False, False]), np.ones(4, dtype=bool), server=True)
    assert sent(some, SIZE, ITEMSIZE, active) == (1 + 3, 4 * SIZE * ITEMSIZE)
    assert sent(some, SIZE, ITEMSIZE, np.array([False, False, True, True])) == (0, 0)


def test_silence_costs_nothing():
    assert sent(None, SIZE, ITEMSIZE) == (0, 0)
    assert sent(None, SIZE, ITEMSIZE, np.ones(3, dtype=bool)) == (0, 0)


def test_the_one_peer_graph_sends_one_model_an_agent():
    gossip = one_peer_exponential(8)
    assert [sent(gossip.draw(t, None), SIZE, ITEMSIZE)[0] for t in range(3)] == [8, 8, 8]


def test_counts_of_large_models_are_exact():
    assert sent(complete_average(100), 10**12, 8) == (9900, 9900 * 8 * 10**12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((DIRECTED, 0, 4), "size is 0"),
        ((DIRECTED, 7, 2.0), "itemsize is 2.0"),
        ((DIRECTED[:2], 7, 4), r"\[2, 3\]"),
    ],
)
def test_bad_input_is_named(arguments, words):
    with pytest.raises(OnemergeError, match=words):
        sent(*arguments)


@pytest.mark.parametrize(
    ("members", "hears", "server", "words"),
    [
        ([1, 0], [1, 0], False, "int64"),
        ([True], [True, False], True, r"\[1\] and bool \[2\]"),
        ([False, False], [True, True], True, "no members"),
        ([True, False], [True, True], False, "members and hears differ"),
    ],
)
def test_an_average_that_makes_no_sense_is_refused(members, hears, server, words):
    with pytest.raises(OnemergeError, match=words):
        Average(np.array(members), np.array(hears), server)
