"""The spectral numbers of `onemerge check`, and its proved enclosures."""

import sys

import networkx as nx
import numpy as np
import pytest

from paper_repro.check.spectrum import enclosures, spectrum_report
from paper_repro.check.subject import subject_of
from theory.enclosure import QUANTITIES
from theory.errors import OnemergeError
from theory.gossip import local_steps, one_peer_exponential, random_matching
from theory.graphs import ring
from theory.mixing import damped, metropolis
from theory.spectrum import effective_neighbors


def proved(what, *rule, **parameters):
    return {found["quantity"]: found for found in enclosures(subject_of(what, *rule, **parameters))}


@pytest.mark.parametrize("weights", ["metropolis", "lazy_metropolis", "fdla"])
@pytest.mark.parametrize("name", ["ring", "star", "path", "complete"])
def test_the_numbers_lie_in_the_enclosures(name, weights):
    found = proved(name, weights, agents=9)
    numbers = spectrum_report(subject_of(name, weights, agents=9)) | {"consensus_rate": None}
    numbers["consensus_rate"] = numbers["p"]
    assert list(found) == list(QUANTITIES)
    for quantity, interval in found.items():
        assert interval["certified"], interval["reason"]
        assert interval["lower"] - 1e-12 <= numbers[quantity] <= interval["upper"] + 1e-12
        assert interval["upper"] - interval["lower"] <= 1e-12


def test_a_graph_and_a_matrix_are_enclosed_as_what_they_are():
    """1/3 itself for a graph with a rule; the nearest float64 and what it may stand for in a matrix."""
    exact, of_graph, stored = proved("ring", agents=9), proved(ring(9)), proved(metropolis(ring(9)))
    assert "closed form" in exact["gap"]["method"]
    value = 4 / 3 * np.sin(np.pi / 9) ** 2
    for found in (exact, of_graph, stored):
        assert found["gap"]["lower"] <= value * (1 + 1e-15)
        assert value * (1 - 1e-15) <= found["gap"]["upper"]
    renamed = proved(nx.relabel_nodes(ring(9), lambda k: (5 * k + 3) % 9))  # no circulant in this order
    assert renamed["slem"]["lower"] <= 1 - value <= renamed["slem"]["upper"]


@pytest.mark.parametrize("gossip", [one_peer_exponential(8), random_matching(8, 0.5)])
def test_what_is_not_fixed_is_not_certified(gossip):
    for found in proved(gossip).values():
        assert not found["certified"]
        assert found["lower"] is found["upper"] is None
        assert found["reason"].startswith("not certified: enclosures are about one fixed matrix")


def test_enclosures_need_their_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    with pytest.raises(OnemergeError, match="extra 'rigor'"):
        proved("ring", agents=9)


def test_rounds_and_neighbors_of_a_sequence():
    numbers = spectrum_report(subject_of(one_peer_exponential(16)))
    assert numbers["finite_time"] == 4
    kept = np.cos(np.pi / 16 * 2.0 ** np.arange(4)) ** 2  # of the slowest wave, round by round
    assert numbers["rounds_to_halve"] == 1 + np.argmax(np.cumprod(kept) <= 0.5) == 3
    assert numbers["gap"] == pytest.approx(1, abs=1e-12)
    slow = spectrum_report(subject_of(local_steps(metropolis(ring(8)), 5)), decay=0.99)
    assert slow["finite_time"] is None
    assert slow["rounds_to_halve"] % 5 == 0
    assert slow["effective_neighbors"] == effective_neighbors(local_steps(metropolis(ring(8)), 5), 0.99)


def test_the_gap_of_a_matrix_keeps_its_digits():
    W = damped(metropolis(ring(16)), 1e-9)
    gap = spectrum_report(subject_of(W))["gap"]
    assert gap == pytest.approx(1e-9 * 4 / 3 * np.sin(np.pi / 16) ** 2, rel=1e-6)
