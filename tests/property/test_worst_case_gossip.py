"""Worst cases of gossip that has a direction or changes from round to round, by the full Gram matrix."""

import warnings

import numpy as np
import pytest

from theory.errors import OnemergeError
from theory.gossip import local_steps, one_peer_exponential, random_matching
from theory.mixing import complete_average
from theory.moments import dsgd_moments
from theory.proof.full_gram import full_gram

CYCLE = (np.eye(3) + np.roll(np.eye(3), 1, axis=1)) / 2  # directed; |eigenvalue| 1/2 on deviations
SKEW = np.array([[0.6, 0.4, 0.0], [0.1, 0.7, 0.2], [0.3, 0.0, 0.7]])  # rows sum to 1, columns do not


def slowly(mixing, steps, **setting):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Solution may be inaccurate")
        return full_gram(mixing, steps, 0.4, 1.0, **setting)


def test_one_step_of_a_directed_matrix():
    """Gradients of mean square phi² along the direction that W keeps most: lr² phi² |(I - J) W|²."""
    for W in (CYCLE, SKEW):
        kept = np.linalg.norm((np.eye(3) - complete_average(3)) @ W, 2) ** 2
        assert slowly(W, 1, phi=1.0) == pytest.approx(0.16 * kept, rel=1e-4)


def test_a_sequence_of_one_matrix_is_that_matrix():
    once = slowly(CYCLE, 2, phi=1.0)
    assert slowly(np.stack([CYCLE, CYCLE]), 2, phi=1.0) == pytest.approx(once, rel=1e-4)
    assert slowly(CYCLE.T, 2, phi=1.0) == pytest.approx(once, rel=1e-3)  # as agents are renamed


def test_the_order_of_the_rounds_counts():
    """An exact average in the last round leaves nothing; in the first one it leaves what the second step brings."""
    J = complete_average(3)
    assert slowly(np.stack([CYCLE, J]), 2, phi=1.0) == pytest.approx(0, abs=1e-6)
    assert slowly(np.stack([J, CYCLE]), 2, phi=1.0) == pytest.approx(0.16 / 4, rel=1e-4)
    assert slowly(local_steps(J, 2), 2, phi=1.0) == pytest.approx(0, abs=1e-6)


def test_no_quadratic_is_above_the_worst_case():
    """One peer a round, different curvatures of both signs and slopes: exact moments without noise."""
    gossip, generator, reached = one_peer_exponential(4), np.random.default_rng(0), 0.0
    worst = slowly(gossip, 2, phi=1.0, kind="nonconvex")
    for _ in range(300):
        h, slope = generator.uniform(-1, 1, 4), generator.standard_normal(4)
        x, largest = np.zeros(4), 0.0
        for t in range(2):
            gradient = h * x + slope
            largest = max(largest, np.mean(gradient**2) ** 0.5)
            x = gossip.draw(t, None) @ (x - 0.4 * gradient)
        scale = 1 / largest
        reached = max(reached, np.var(x) * scale**2)
        optima = np.where(np.abs(h) > 1e-3, -slope * scale / h, 0.0)
        if np.abs(h).min() > 1e-3:
            moments = dsgd_moments(gossip, h[:, None], optima[:, None], np.zeros((4, 1)), 0.4, 0.0)
            exact = [next(moments).consensus_distance() for _ in range(3)][-1]
            assert exact == pytest.approx(np.var(x) * scale**2, rel=1e-6, abs=1e-12)
    assert 0.3 * worst < reached <= worst * (1 + 1e-6)


def test_random_gossip_and_eigenvalues_are_refused():
    with pytest.raises(OnemergeError, match="not random"):
        full_gram(random_matching(4, 1.0), 1, 0.1, phi=1.0)
    with pytest.raises(OnemergeError, match=r"\[m, m\] or \[rounds, m, m\]"):
        full_gram([0.5], 1, 0.1, phi=1.0)
