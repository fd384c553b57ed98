"""Steps to an accuracy: against the optimum by hand, a plain search, and the recorded sufficient steps."""

import numpy as np
import pytest

from theory.bounds import BOUNDS
from theory.complexity import Complexity, steps_to, tunable
from theory.errors import OnemergeError

PARALLEL = {"agents": 16, "sigma": 2.0, "initial_gap": 0.5, "L2": 4.0}
MASTER = {"agents": 16, "sigma": 1.0, "zeta": 1.0, "initial_gap": 0.5, "L_local": 2.0, "noise_gain": 1.5,
          "drift_gain": 18.7}  # fmt: skip


@pytest.mark.parametrize("epsilon", [1e-4, 1e-2])
def test_parallel_sgd_needs_the_steps_of_its_optimum(epsilon):
    """2 Δ/(η (ε - η L σ²/m)) is least at η = ε m/(2 L σ²), where it is 8 Δ L σ²/(m ε²)."""
    found = steps_to(BOUNDS["rate_parallel_sgd"], epsilon, **PARALLEL)
    m, sigma, gap, L = (PARALLEL[name] for name in ("agents", "sigma", "initial_gap", "L2"))
    assert found.lr == pytest.approx(epsilon * m / (2 * L * sigma**2), rel=1e-5)
    assert found.steps == pytest.approx(8 * gap * L * sigma**2 / (m * epsilon**2), rel=1e-9)


def test_without_noise_the_largest_learning_rate_is_best():
    found = steps_to(BOUNDS["rate_parallel_sgd"], 0.01, **PARALLEL | {"sigma": 0.0})
    assert found.lr == pytest.approx(1 / 4, rel=1e-3)
    assert found.steps == pytest.approx(2 * 0.5 * 4 / 0.01, rel=1e-3)


@pytest.mark.parametrize("epsilon", [1e-3, 0.1])
def test_the_steps_are_those_of_a_plain_search(epsilon):
    bound = BOUNDS["master_nonconvex"]
    found = steps_to(bound, epsilon, **MASTER)
    assert bound(lr=found.lr, steps=found.steps, **MASTER) == pytest.approx(epsilon, rel=1e-9)
    lrs = np.linspace(1e-7, 1 / (2 * 18.7) * 0.999, 20_001)
    steps = np.geomspace(found.steps * 0.1, found.steps * 0.999, 50)
    below = bound(lr=lrs, steps=steps[:, None], **MASTER) <= epsilon
    assert not below.any()


def test_fewer_agents_or_a_worse_gossip_never_need_fewer_steps():
    bound, base = BOUNDS["master_nonconvex"], steps_to(BOUNDS["master_nonconvex"], 0.01, **MASTER).steps
    for worse in ({"agents": 8}, {"drift_gain": 40.0}, {"noise_gain": 9.0}, {"sigma": 2.0}, {"zeta": 3.0}):
        assert steps_to(bound, 0.01, **MASTER | worse).steps > base


def test_no_learning_rate_may_do():
    values = MASTER | {"noise_gain": 1.5, "drift_gain": 1e13}
    assert steps_to(BOUNDS["master_nonconvex"], 1e-3, **values) == Complexity(np.inf, None)


def test_only_a_mean_over_steps_is_tuned():
    assert tunable(BOUNDS["wang_joshi_dsgd"])
    assert not tunable(BOUNDS["master_strongly_convex"])  # (1 - lr mu)^T
    assert not tunable(BOUNDS["lemma_d1"])
    with pytest.raises(OnemergeError, match="has not both the symbols lr and steps"):
        steps_to(BOUNDS["ghadimi_lan_tuned"], 0.1, L2=1.0, agents=4, sigma=1.0, initial_gap=1.0)
    with pytest.raises(OnemergeError, match="not of the form"):
        steps_to(BOUNDS["master_strongly_convex"], 0.1)
    with pytest.raises(OnemergeError, match="epsilon is -1; it must be a positive number"):
        steps_to(BOUNDS["rate_parallel_sgd"], -1, **PARALLEL)
