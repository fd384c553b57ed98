"""What slows decentralized SGD down at least: heterogeneity along the slowest mode, and gossip that is accelerated."""

from itertools import islice

import numpy as np
import pytest

from theory.bounds import BOUNDS
from theory.bounds.lu_desa2021 import accelerated_polynomial
from theory.complexity import fewest_steps
from theory.errors import OnemergeError
from theory.graphs import ring
from theory.mixing import metropolis
from theory.moments import dsgd_moments
from theory.spectrum import slem

RING = metropolis(ring(16))


# Heterogeneity slows the agents down


def test_the_error_of_heterogeneity_is_exact():
    values, vectors = np.linalg.eigh(RING)
    b = 4 * vectors[:, -2] * 4  # root mean square 4, so that zeta = 4 curvature
    run = list(islice(
        dsgd_moments(lambda t: RING, np.full((16, 1), 0.5), b[:, None], np.full((16, 1), 1.5), 0.3), 81
    ))  # fmt: skip
    for t in (1, 5, 80):
        exact = np.mean(run[t].mean[:, 0] ** 2)
        stated = BOUNDS["heterogeneity_error"](
            steps=t, lr=0.3, slem=values[-2], zeta=2.0, curvature=0.5, initial_distance_sq=1.5**2
        )
        assert stated == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(
    ("kept", "target", "steps", "ratio"),
    [(0.9, 1e-2, 283, 3.14), (0.9, 1e-4, 5369, 5.97), (0.9, 1e-6, 76353, 8.48), (0.99, 1e-2, 3125, 3.16),
     (0.99, 1e-4, 59084, 5.97), (0.99, 1e-6, 839915, 8.48)],
)  # fmt: skip
def test_fewest_steps_to_a_target(kept, target, steps, ratio):
    found, lr = fewest_steps(kept, target)
    assert found == steps
    values = {"steps": found, "lr": lr, "slem": kept, "zeta": 1.0, "curvature": 1.0, "initial_distance_sq": 1.0}
    assert BOUNDS["heterogeneity_error"](**values) <= target
    tried = np.logspace(-1, 1, 20001) * lr
    assert BOUNDS["heterogeneity_error"](**values | {"steps": found - 1, "lr": tried[tried < 1]}).min() > target
    order = BOUNDS["heterogeneity_steps"](zeta=1.0, slem=kept, curvature=1.0, distance_target=target)
    assert found / order == pytest.approx(ratio, abs=0.01)


def test_steps_grow_with_the_inverse_gap():
    gaps = np.array([1e-2, 1e-3, 1e-4])
    found = [fewest_steps(1 - gap, 1e-4)[0] for gap in gaps]
    assert np.polyfit(np.log(gaps), np.log(found), 1)[0] == pytest.approx(-1, abs=0.01)


def test_a_larger_learning_rate_leaves_the_agents_too_far():
    values = {"slem": 0.9, "zeta": 2.0, "curvature": 0.5}
    lr = BOUNDS["heterogeneity_lr"](distance_target=0.01, **values)
    late = BOUNDS["heterogeneity_error"](
        steps=1e6, initial_distance_sq=1.0, lr=lr * np.array([0.99, 1, 1.01]), **values
    )
    assert late[0] < 0.01 < late[2]
    assert late[1] == pytest.approx(0.01, rel=1e-12)


def test_an_impossible_target_is_refused():
    with pytest.raises(OnemergeError, match="target is 0"):
        fewest_steps(0.9, 0.0)
    with pytest.raises(OnemergeError, match=r"slem is 1\.0"):
        fewest_steps(1.0, 0.1)
    with pytest.raises(OnemergeError, match="not reached within"):
        fewest_steps(0.9, 1e-30)


# Accelerated gossip


@pytest.mark.parametrize(("kept", "rounds", "worst"), [(0.9, 5, 5.9), (0.99, 20, 18.4)])
def test_the_printed_rate_of_accelerated_gossip_is_no_bound(kept, rounds, worst):
    spectrum = np.linspace(-kept, kept, 20001)
    printed = (1 - np.sqrt(1 - kept)) ** rounds
    assert np.abs(accelerated_polynomial(spectrum, kept, rounds)).max() / printed == pytest.approx(worst, abs=0.05)


def test_accelerated_gossip_is_its_polynomial():
    kept, z = slem(RING), np.random.default_rng(0).normal(size=(16, 3))
    root = np.sqrt(1 - kept**2)
    a = (1 - root) / (1 + root)
    values, vectors = np.linalg.eigh(RING)
    before = now = z
    for rounds in range(8):
        polynomial = vectors @ (accelerated_polynomial(values, kept, rounds)[:, None] * (vectors.T @ z))
        np.testing.assert_allclose(now, polynomial, atol=1e-12)
        before, now = now, (1 + a) * RING @ now - a * before
    assert accelerated_polynomial(1.0, kept, 7) == pytest.approx(1, abs=1e-14)
    plain = np.abs(values[:-1]).max() ** 40
    assert np.abs(accelerated_polynomial(values[:-1], kept, 40)).max() < plain / 10


@pytest.mark.parametrize("arguments", [(1.5, 0.9, 3), (0.5, 1.0, 3), (0.5, 0.9, 2.5)])
def test_accelerated_gossip_refuses_what_it_is_not_about(arguments):
    with pytest.raises(OnemergeError, match="must"):
        accelerated_polynomial(*arguments)
