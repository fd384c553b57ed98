from math import log, sqrt
from time import perf_counter

import numpy as np
import pytest

from theory.equidyn import od_equidyn, ou_equidyn
from theory.equitopo import (
    d_equistatic,
    equistatic_moment,
    equistatic_terms,
    equistatic_weights,
    u_equistatic,
)
from theory.errors import OnemergeError
from theory.spectrum import consensus_rate, contraction


def shift(agents, u):
    """A_u entry by entry: agent i has (n - 1)/n of i + u and 1/n of itself."""
    A = np.zeros((agents, agents))
    for i in range(agents):
        A[i, i] += 1 / agents
        A[i, (i + u) % agents] += (agents - 1) / agents
    return A


def pairing(agents, u, s):
    """Q of OU-EquiDyn, turn by turn."""
    free, Q = [True] * agents, np.eye(agents)
    for i in [*range(s, agents), *range(s)]:
        j = (i + u) % agents
        if free[i] and free[j]:
            free[i] = free[j] = False
            Q[[i, j]] = Q[[j, i]]
    return Q


def laws(kind, agents, eta, offsets=None):
    """All equally likely W of a dynamic kind."""
    eye, offsets = np.eye(agents), offsets or range(1, agents)
    if kind is od_equidyn:
        return [(1 - eta) * eye + eta * shift(agents, u) for u in offsets]
    return [
        (1 - eta) * eye + eta * (eye / agents + (agents - 1) / agents * pairing(agents, u, s))
        for u in offsets
        for s in range(agents)
    ]


@pytest.mark.parametrize("agents", [2, 3, 4, 7, 12])
def test_static_matrices_are_means_of_their_terms(agents):
    drawn = np.random.default_rng(5).integers(1, agents, 4)
    W = sum(shift(agents, u) for u in drawn) / 4
    np.testing.assert_allclose(d_equistatic(agents, 4, 5), W, atol=1e-15)
    np.testing.assert_allclose(u_equistatic(agents, 4, 5), (W + W.T) / 2, atol=1e-15)
    for symmetric, kind in ((False, d_equistatic), (True, u_equistatic)):
        weights = equistatic_weights(agents, 4, 5, symmetric)
        for i in range(agents):
            row = np.zeros(agents)
            for offset, weight in weights.items():
                row[(i + offset) % agents] += weight
            np.testing.assert_array_equal(kind(agents, 4, 5)[i], row)
    assert np.abs(d_equistatic(12, 4, 5) - d_equistatic(12, 4, 5).T).max() > 0.1


@pytest.mark.parametrize("agents", [2, 3, 4, 5, 8, 9, 16])
@pytest.mark.parametrize("terms", [1, 2])
def test_moments_of_the_static_kinds_by_enumeration(agents, terms):
    for symmetric in (False, True):
        one = [shift(agents, u) for u in range(1, agents)]
        one = [(A + A.T) / 2 for A in one] if symmetric else one
        all_means = one if terms == 1 else [(A + B) / 2 for A in one for B in one]
        expected = np.mean([W.T @ W for W in all_means], axis=0)
        np.testing.assert_allclose(equistatic_moment(agents, terms, symmetric), expected, atol=1e-14)


def test_static_spot_values():
    # M of the authors' code, 76, rounds 76.3 down
    assert equistatic_terms(64, 0.5, 0.1) == 77
    assert equistatic_terms(256, 0.5, 0.1) == 92
    assert int(8 / 3 / 0.25 * log(2 * 64 / 0.1)) == 76
    norms = np.array([contraction(d_equistatic(64, 76, seed)) for seed in range(60)])
    assert norms.max() < 0.5
    assert abs(norms.mean() - 0.2206) < 5 * sqrt(2) * norms.std() / sqrt(60)  # 60 draws of the same law there, too
    for kind in (d_equistatic, u_equistatic):
        assert max(contraction(kind(64, equistatic_terms(64, 0.5, 0.1), seed)) for seed in range(30)) < 0.5


@pytest.mark.parametrize("kind", [od_equidyn, ou_equidyn])
@pytest.mark.parametrize("agents", [2, 3, 4, 5, 6, 8, 9, 12])
@pytest.mark.parametrize(("eta", "offsets"), [(0.5, None), (1, None), (0.3, (1,)), (0.8, "repeated")])
def test_dynamic_moments_by_enumeration(kind, agents, eta, offsets):
    offsets = (1, agents - 1, 1, agents // 2) if offsets == "repeated" else offsets
    gossip, all_draws = kind(agents, eta, offsets), laws(kind, agents, eta, offsets)
    M = np.random.default_rng(0).normal(size=(2, agents, agents))
    for form in (M, M[0], np.eye(agents)):
        expected = np.mean([W.T @ form @ W for W in all_draws], axis=0)
        np.testing.assert_allclose(gossip.pull_back(0, form), expected, atol=1e-13)
        expected = np.mean([W @ form @ W.T for W in all_draws], axis=0)
        np.testing.assert_allclose(gossip.push_forward(0, form), expected, atol=1e-13)
    np.testing.assert_allclose(gossip.mean(0), np.mean(all_draws, axis=0), atol=1e-14)
    np.testing.assert_allclose(gossip.second_moment(), np.mean([W.T @ W for W in all_draws], axis=0), atol=1e-14)
    np.testing.assert_allclose(gossip.mean_moment(), np.full((agents, agents), 1 / agents), atol=1e-14)
    assert gossip.mean_preserving


@pytest.mark.parametrize("kind", [od_equidyn, ou_equidyn])
@pytest.mark.parametrize(("agents", "offsets"), [(2, None), (5, None), (6, None), (6, (2, 5))])
def test_draws_are_exactly_those_of_the_law(kind, agents, offsets):
    law = {np.round(W, 12).tobytes() for W in laws(kind, agents, 0.7, offsets)}
    generator, gossip = np.random.default_rng(1), kind(agents, 0.7, offsets)
    drawn = [np.round(gossip.draw(0, generator), 12).tobytes() for _ in range(600)]
    assert set(drawn) == law
    expected = np.array([np.round(W, 12) for W in laws(kind, agents, 0.7, offsets)]).mean(axis=0)
    sample = np.array([np.frombuffer(W).reshape(agents, agents) for W in drawn])
    error = sample.std(axis=0) / sqrt(600) + 1e-12
    assert (np.abs(sample.mean(axis=0) - expected) < 5 * error).all()


@pytest.mark.parametrize("agents", [2, 3, 16, 17, 64])
def test_od_rate_has_its_closed_form(agents):
    for eta in (0.2, 0.5, 1):
        expected = 1 - (1 - eta) ** 2 - eta**2 * (agents - 2) / agents
        assert consensus_rate(od_equidyn(agents, eta)) == pytest.approx(expected, abs=1e-13)
    best = consensus_rate(od_equidyn(agents, agents / (2 * agents - 2)))
    assert 1 - best == pytest.approx((agents - 2) / (2 * agents - 2), abs=1e-13)


def test_od_spot_values():
    assert 1 - consensus_rate(od_equidyn(16)) == pytest.approx(0.46875, abs=1e-14)
    assert 1 - consensus_rate(od_equidyn(16, 16 / 30)) == pytest.approx(0.4666666667, abs=1e-10)


@pytest.mark.parametrize("agents", [2, 3, 4, 7, 16, 17, 30])
def test_ou_rate_has_its_closed_form(agents):
    u = np.arange(1, agents)
    v = np.minimum(u, agents - u)
    pairs = v * (agents // (2 * v)) + np.maximum(0, agents % (2 * v) - v)
    for s in range(0, agents, 3):
        for offset in u:
            assert pairs[offset - 1] == (agents - np.trace(pairing(agents, offset, s))) / 2
    c, waves = 0.5 * (agents - 1) / agents, np.cos(2 * np.pi * np.outer(np.arange(1, agents), u) / agents)
    kept = 1 - 4 * c * (1 - c) / agents * ((1 - waves) * pairs).mean(axis=1)
    assert 1 - consensus_rate(ou_equidyn(agents)) == pytest.approx(kept.max(), abs=1e-13)


def test_large_gossips_are_quick():
    generator = np.random.default_rng(0)
    for kind in (od_equidyn, ou_equidyn):
        gossip, times = kind(1024), []
        for _ in range(7):
            start = perf_counter()
            gossip.draw(0, generator)
            times.append(perf_counter() - start)
        assert min(times) < 0.01
    assert equistatic_weights(10**6, 40, 0).keys() >= {0}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: d_equistatic(1, 3, 0), ["agents is 1", "at least 2"]),
        (lambda: u_equistatic(8, 0, 0), ["terms is 0", "at least 1"]),
        (lambda: d_equistatic(8, 3, -1), ["seed is -1", "at least 0"]),
        (lambda: equistatic_moment(1, 1), ["agents is 1", "at least 2"]),
        (lambda: equistatic_terms(8, 0, 0.1), ["norm is 0", "above 0"]),
        (lambda: equistatic_terms(8, 2, 0.1), ["norm is 2", "from 0 to 1"]),
        (lambda: od_equidyn(1), ["agents is 1", "at least 2"]),
        (lambda: od_equidyn(8, 0), ["eta is 0", "above 0"]),
        (lambda: ou_equidyn(8, 1.5), ["eta is 1.5", "from 0 to 1"]),
        (lambda: ou_equidyn(8, 0.5, ()), ["offsets are none", "1 to 7"]),
        (lambda: ou_equidyn(8, 0.5, (1, 8)), ["offset 8 with 8 agents", "1 to 7"]),
        (lambda: od_equidyn(8, 0.5, "12"), ["offset '12'", "1 to 7"]),
    ],
)
def test_bad_parameters_are_named(call, words):
    with pytest.raises(OnemergeError) as error:
        call()
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)
