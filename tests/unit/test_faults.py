"""Faults: who is there, what arrives and who publishes, as functions of seed and round."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from sim.faults import FaultDraw, Faults, apply
from sim.randomness import stream
from sim.schedule import merge
from sim.traffic import messages
from theory.errors import OnemergeError
from theory.mixing import complete_average

DIRECTED = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.2, 0.3, 0.5]])


def everyone(agents, **faults):
    """A draw of round 0 with everyone there."""
    return Faults(**faults).at(0, agents, 0)


def test_nothing_lost_is_the_matrix_itself():
    for W in (DIRECTED, csr_array(DIRECTED)):
        assert apply(W, everyone(3)) is W
        assert apply(W, everyone(3, stale=1.0)) is W
    assert apply(None, everyone(3, drop=0.5)) is None
    assert not Faults().possible
    assert all(
        f.possible for f in (Faults(drop=0.1), Faults(outage=0.1), Faults(stale=0.1), Faults(absences=((0, 1, 2),)))
    )


def test_a_lonely_row_is_exactly_the_identity():
    W = np.array([[0.7, 0.1, 0.2], [0.3, 0.1, 0.6], [0.1, 0.2, 0.7]])  # 0.7 + 0.1 + 0.2 is not 1 in floating point
    for sparse in (False, True):
        left = apply(csr_array(W) if sparse else W, everyone(3, drop=1.0))
        np.testing.assert_array_equal(left.toarray() if sparse else left, np.eye(3))
    gone = Faults(absences=((1, 0, 1),)).at(0, 3, 0)
    left = apply(W, gone)
    np.testing.assert_array_equal(left[1], [0, 1, 0])
    np.testing.assert_array_equal(left[:, 1], [0, 1, 0])
    np.testing.assert_allclose(left, [[0.8, 0, 0.2], [0, 1, 0], [0.1, 0, 0.9]], atol=1e-15)
    assert W[0, 1] == 0.1


def test_more_drops_lose_more_of_the_same_messages():
    for t in range(20):
        receivers, senders, _ = messages(DIRECTED)
        few, many = (Faults(drop=q).at(2, 3, t).arrives(receivers, senders) for q in (0.2, 0.6))
        assert not (many & ~few).any()


def test_an_outage_shifts_no_other_loss():
    receivers, senders, _ = messages(complete_average(6))
    faults = Faults(drop=0.5)
    for t in range(10):
        plain = faults.at(4, 6, t)
        draw = replace(faults, absences=((2, 0, 10),), stale=0.5, outage=0.1).at(4, 6, t)
        there = draw.active[receivers] & draw.active[senders]
        expected = plain.arrives(receivers, senders) & there
        np.testing.assert_array_equal(draw.arrives(receivers, senders), expected)
        assert not draw.active[2]


@pytest.mark.parametrize("rounds", [1, 3])
def test_outages_begin_at_random_and_last(rounds):
    """Present as long as no outage began within the last `rounds` rounds, by a list of beginnings."""
    faults, agents, seed, total = Faults(outage=0.15, outage_rounds=rounds), 5, 1, 40
    begins = np.array([stream(seed, "outage", t).random(agents) < 0.15 for t in range(total)])
    left = np.zeros(agents, dtype=int)  # rounds of absence to come
    for t in range(total):
        left = np.where(begins[t], rounds, left)
        draw = faults.at(seed, agents, t)
        np.testing.assert_array_equal(draw.active, left == 0)
        left = np.maximum(left - 1, 0)
    assert 0 < begins.sum() < begins.size


@pytest.mark.parametrize("t", [0, 1, 5])
def test_the_share_of_agents_that_are_there(t):
    outage, rounds, agents, seeds = 0.1, 3, 40, 100
    expected = (1 - outage) ** min(t + 1, rounds)
    faults = Faults(outage=outage, outage_rounds=rounds)
    share = np.mean([faults.at(seed, agents, t).active for seed in range(seeds)])
    z = (share - expected) / (expected * (1 - expected) / (agents * seeds)) ** 0.5
    assert abs(z) < 5, f"share {share:.4f}, expected {expected:.4f}"


def test_outages_and_stale_copies_are_independent():
    """Of all agents (1 - outage)(1 - stale) publish in a round; draws of one stream would make it the smaller."""
    faults, agents, total = Faults(outage=0.4, stale=0.4), 50, 60
    share = np.mean([faults.at(0, agents, t).fresh for t in range(total)])
    z = (share - 0.36) / (0.36 * 0.64 / (agents * total)) ** 0.5
    assert abs(z) < 5, f"share {share:.4f}, expected 0.36, z = {z:.1f}"


def test_planned_absences():
    faults = Faults(absences=((1, 2, 4), (1, 6, 7), (0, 3, 5)))
    active = np.array([faults.at(0, 3, t).active for t in range(8)])
    gone = [[t for t in range(8) if not active[t, k]] for k in range(3)]
    assert gone == [[3, 4], [2, 3, 6], []]


def test_stale_copies_have_geometric_ages():
    """P(a copy is a rounds old) = stale^a (1 - stale): the mean age is stale/(1 - stale) after many rounds."""
    stale, agents, total = 0.6, 400, 60
    faults, age = Faults(stale=stale), np.zeros(agents, dtype=int)
    for t in range(total):
        age = np.where(faults.at(0, agents, t).fresh, 0, age + 1)
    expected, deviation = stale / (1 - stale), stale**0.5 / (1 - stale)
    z = (age.mean() - expected) / (deviation / agents**0.5)
    assert abs(z) < 5, f"mean age {age.mean():.3f}, expected {expected:.3f}"


def test_absent_agents_publish_nothing():
    for t in range(30):
        draw = Faults(outage=0.3, stale=0.5).at(0, 6, t)
        assert not (draw.fresh & ~draw.active).any()
    draw = Faults(absences=((0, 0, 9),)).at(0, 3, 0)
    np.testing.assert_array_equal(draw.fresh, [False, True, True])


def test_a_merge_is_over_those_present():
    draw = Faults(drop=1.0, stale=1.0, absences=((1, 0, 1),)).at(0, 4, 0)
    left = apply(merge(4)(0, None), draw)
    np.testing.assert_array_equal(left.W[[0, 2, 3]], np.tile([1 / 3, 0, 1 / 3, 1 / 3], (3, 1)))
    np.testing.assert_array_equal(left.W[1], [0, 1, 0, 0])
    nobody = Faults(absences=tuple((k, 0, 1) for k in range(4))).at(0, 4, 0)
    assert apply(merge(4)(0, None), nobody) is None
    np.testing.assert_array_equal(apply(complete_average(4), nobody), np.eye(4))


def test_draws_are_functions_of_seed_and_round():
    faults = Faults(drop=0.3, outage=0.2, outage_rounds=4, stale=0.3)
    draws = [faults.at(9, 6, t) for t in range(6)]
    for t in (5, 2, 0):  # in another order, as a resumed run asks for them
        again = faults.at(9, 6, t)
        np.testing.assert_array_equal(again.active, draws[t].active)
        np.testing.assert_array_equal(again.fresh, draws[t].fresh)
        np.testing.assert_array_equal(apply(complete_average(6), again), apply(complete_average(6), draws[t]))
    other = faults.at(10, 6, 5)
    assert not np.array_equal(apply(complete_average(6), other), apply(complete_average(6), draws[5]))
    assert isinstance(pickle.loads(pickle.dumps(draws[0])), FaultDraw)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"drop": 1.2}, "drop is 1.2"),
        ({"outage": -0.1}, "outage is -0.1"),
        ({"stale": "often"}, "stale is 'often'"),
        ({"stale": float("nan")}, "stale is nan"),
        ({"outage_rounds": 0}, "outage_rounds is 0"),
        ({"drop_pairs": 1}, "drop_pairs is 1"),
        ({"absences": [(0, 1, 2)]}, "must be a tuple"),
        ({"absences": ((0, 2, 2),)}, r"an absence is \(0, 2, 2\)"),
        ({"absences": ((-1, 0, 2),)}, r"an absence is \(-1, 0, 2\)"),
        ({"absences": ((0, 1),)}, r"an absence is \(0, 1\)"),
    ],
)
def test_bad_fields_are_named(fields, words):
    with pytest.raises(OnemergeError, match=words):
        Faults(**fields)


def test_bad_rounds_and_sizes_are_named():
    with pytest.raises(OnemergeError, match="agent 3 is to be absent; there are agents from 0 to 2"):
        Faults(absences=((3, 0, 1),)).at(0, 3, 0)
    with pytest.raises(OnemergeError, match="t is -1"):
        Faults().at(0, 3, -1)
    for communication in (DIRECTED, csr_array(DIRECTED), merge(3)(0, None)):
        with pytest.raises(OnemergeError, match=r"faults of 4 agents do not fit a communication among \[3, 3\]"):
            apply(communication, everyone(4))
