from dataclasses import fields, replace

import numpy as np
import pytest

from sim.optimizer import OPTIMIZERS
from sim.quadratic import Quadratic
from sim.randomness import stream
from sim.run import run
from sim.schedule import METHODS, always, every, merge, silent, switch, then_merge, window
from sim.spec import GOSSIPS, Spec

W = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.2, 0.3, 0.5]])
J = np.full((3, 3), 1 / 3)


def named(name):
    """A schedule that tells who was asked, and for which round of its clock."""
    return lambda t, generator: f"{name}{t}"


def rounds(schedule, count):
    return [schedule(t, None) for t in range(count)]


def test_silent_and_always():
    assert rounds(silent, 3) == [None] * 3
    assert all(drawn is W for drawn in rounds(always(W), 3))


def test_switch_starts_the_second_on_its_own_clock():
    assert rounds(switch(named("a"), named("b"), 3), 5) == ["a0", "a1", "a2", "b0", "b1"]
    assert rounds(switch(named("a"), named("b"), 0), 2) == ["b0", "b1"]


def test_window_keeps_the_clock_of_the_run():
    assert rounds(window(named("a"), named("b"), 1, 3), 5) == ["a0", "b1", "b2", "a3", "a4"]
    assert rounds(window(named("a"), named("b"), 2, 2), 3) == ["a0", "a1", "a2"]


@pytest.mark.parametrize("agents", [1, 2, 3])
def test_periodic_gossip_merges_at_the_end_of_each_period(agents):
    spec = Spec(Quadratic(zeta=float(agents > 1)), agents=agents, rounds=7, local_steps=1, gossip="periodic", period=3)
    table = run(spec, (0,)).query("metric in ('messages', 'consensus_distance')")
    wide = table.pivot(index="round", columns="metric", values="value")
    assert wide["messages"].tolist() == [2 * agents * (agents - 1) * (done // 3) for done in range(8)]
    apart = wide["consensus_distance"] > 1e-20
    assert apart.tolist() == [agents > 1 and done % 3 > 0 for done in range(8)]


def test_every_acts_at_the_end_of_each_period():
    assert rounds(every(named("a"), 3), 7) == [None, None, "a0", None, None, "a1", None]
    assert rounds(every(named("a"), 1), 2) == ["a0", "a1"]


def test_merge_is_the_exact_average():
    np.testing.assert_array_equal(merge(3)(5, None), J)
    assert merge(1)(0, None).W.tolist() == [[1.0]]


@pytest.mark.parametrize("total", [1, 2, 7, 300, 333])
def test_exactly_one_merge(total):
    drawn = rounds(then_merge(always(W), 3, total - 1), total)
    assert [t for t, used in enumerate(drawn) if np.array_equal(used, J)] == [total - 1]
    assert sum(used is W for used in drawn) == total - 1


def merges(spec):
    """The rounds in which a run averages globally."""
    J = np.full((spec.agents, spec.agents), 1 / spec.agents)
    drawn = [spec.schedule()(t, stream(0, "gossip", t)) for t in range(spec.rounds)]
    return [t for t, used in enumerate(drawn) if used is not None and np.array_equal(used, J)]


@pytest.mark.parametrize("total", [1, 30, 333])
@pytest.mark.parametrize("gossip", ["none", "random_peers", "ring", "exponential", "one_peer_exponential"])
def test_merges_of_a_spec(gossip, total):
    spec = Spec(agents=6, rounds=total, gossip=gossip)
    assert merges(spec) == []
    assert merges(replace(spec, final_merge=True)) == [total - 1]
    assert merges(replace(spec, gossip="complete")) == list(range(total))


def test_merges_in_a_window():
    spec = Spec(agents=4, rounds=30, window_start=10, window_stop=13)
    assert merges(spec) == [10, 11, 12]
    assert merges(replace(spec, final_merge=True)) == [10, 11, 12, 29]
    assert merges(replace(spec, window_stop=30, final_merge=True)) == list(range(10, 30))


def test_a_window_does_not_shift_the_draws_outside():
    spec = Spec(agents=8, rounds=6, gossip="random_peers", peers=2)
    plain, windowed = spec.schedule(), replace(spec, window_start=2, window_stop=4).schedule()
    for t in (0, 1, 4, 5):
        np.testing.assert_array_equal(plain(t, stream(3, "gossip", t)), windowed(t, stream(3, "gossip", t)))
    assert not np.array_equal(plain(4, stream(3, "gossip", 4)), plain(5, stream(3, "gossip", 5)))


def test_methods_are_fields_of_a_run():
    known = {field.name for field in fields(Spec)}
    for name, method in METHODS.items():
        assert set(method) <= known, name
        assert method["optimizer"] in OPTIMIZERS, name
        assert method["gossip"] in {*GOSSIPS, "server"}, name


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method["gossip"] in GOSSIPS])
def test_methods_merge_when_their_name_says(name):
    expected = {"local": [], "dsgd": [], "dadamw": [], "fedavg": [0, 1, 2], "fedadamw": [0, 1, 2]}
    expected["parallel_sgd"] = [0, 1, 2]
    assert merges(Spec(agents=4, rounds=3, **METHODS[name])) == expected.get(name, [2])
