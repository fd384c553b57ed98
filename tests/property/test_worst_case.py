"""Exact worst cases against closed forms, the full Gram matrix, replayed runs, exact moments and rational proofs."""

import warnings
from itertools import pairwise

import numpy as np
import pytest

from theory.errors import OnemergeError
from theory.graphs import path, ring
from theory.mixing import complete_average, metropolis
from theory.proof.full_gram import full_gram
from theory.proof.worst_case import worst_case

pytest.importorskip("clarabel")
ORDERS = ("adapt_then_combine", "combine_then_adapt")
TWO = np.array([[0.7, 0.3], [0.3, 0.7]])


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("mixing", [[], [[1.0]], [0.0]])
def test_one_agent_and_full_averaging_are_gradient_descent(mixing, steps):
    """L R²/(4N + 2) for convex losses and 4 L gap/(3N + 2) for the least squared gradient, at the step size 1/L."""
    alone = {} if len(mixing) == 0 or mixing == [[1.0]] else {"phi": 100.0}
    found = worst_case(mixing, steps, 0.5, L=2.0, about="loss_gap", initial_distance_sq=3.0, **alone)
    if not alone:
        assert found.value == pytest.approx(2 * 3 / (4 * steps + 2), rel=1e-6)
        assert found.exact
    least = worst_case(
        mixing, steps, 0.5, L=2.0, kind="nonconvex", about="gradient_norm_sq_least", initial_gap=3.0, **alone
    )
    assert least.value == pytest.approx(4 * 2 * 3 / (3 * steps + 2), rel=1e-6)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["convex", "nonconvex"])
def test_bounded_gradients_are_worst_when_constant(order, kind):
    """Linear losses along the largest eigenvalue: Xi = lr phi Σ w^j; every W with that eigenvalue on top agrees."""
    late = 0 if order == "combine_then_adapt" else 1
    for eigenvalues in ([0.9], [0.9, 0.3, -0.5]):
        for steps in (1, 3, 6):
            found = worst_case(eigenvalues, steps, 0.1, L=3.0, kind=kind, order=order, phi=2.0)
            linear = 0.1 * 2 * sum(0.9 ** (j + late) for j in range(steps))
            assert found.value == pytest.approx(linear**2, rel=1e-6)
            assert found.gap < 1e-6


def test_long_runs_tend_to_the_sharp_level_of_corollary_d2():
    """q (1 + sqrt q)² lr² phi²/p², approached from below."""
    q = 0.25
    level = q * (1 + q**0.5) ** 2 * 0.01 * 4 / (1 - q) ** 2
    values = [worst_case([q**0.5], steps, 0.1, phi=2.0).value / level for steps in (2, 4, 8, 16)]
    assert all(a < b for a, b in pairwise(values))
    assert values[-1] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("kind", ["convex", "nonconvex"])
def test_one_step_is_lemma_d1_in_its_exact_form(kind):
    """q (Xi + lr phi)² from a start that is spread out."""
    found = worst_case([0.6, -0.2], 1, 0.1, kind=kind, phi=2.0, initial_consensus_distance=0.25)
    assert found.value == pytest.approx(0.36 * (0.5 + 0.2) ** 2, rel=1e-6)


def test_heterogeneity_reaches_master_consensus_in_the_end():
    """(lr R zeta)²/(1 - lr L R)² with R = w/(1 - w), approached by losses that are only smooth."""
    level = (0.1 * 1.5 / (1 - 0.15)) ** 2
    values = [worst_case([0.6], steps, 0.1, kind="nonconvex", zeta=1.0).value / level for steps in (3, 6, 14)]
    assert values[0] < values[1] < values[2] < 1 + 1e-6
    assert values[2] > 0.99


CASES = [
    {"phi": 1.0, "initial_consensus_distance": 0.3},
    {"zeta": 1.0, "mu": 0.3},
    {"zeta": 1.0, "kind": "nonconvex"},
    {"zeta": 0.5, "phi": 1.0},
    {"zeta": 1.0, "initial_gap": 1.0, "kind": "nonconvex", "about": "gradient_norm_sq"},
    {"phi": 1.0, "initial_distance_sq": 1.0, "about": "loss_gap"},
    {"zeta": 1.0, "initial_gap": 1.0, "about": "gradient_norm_sq_least"},
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(case))
@pytest.mark.parametrize("order", ORDERS)
def test_blocks_agree_with_the_full_gram_matrix_of_two_agents(case, order):
    setting = {"steps": 2, "lr": 0.4, "L": 2.0, "order": order} | case
    assert worst_case(TWO, **setting).value == pytest.approx(slowly(TWO, setting), rel=1e-4)


@pytest.mark.parametrize("case", CASES[3:5], ids=lambda case: "-".join(case))
def test_unequal_diagonals_give_an_upper_bound(case):
    """On a path the inequalities of each agent say more than their mean over agents: less than one percent more."""
    setting = {"steps": 2, "lr": 0.4, "L": 2.0, "order": "combine_then_adapt" if "phi" in case else ORDERS[0]} | case
    fast, slow = worst_case(metropolis(path(3)), **setting), slowly(metropolis(path(3)), setting)
    assert slow * (1 + 1e-4) < fast.value < slow * 1.01
    assert not fast.exact
    assert "unequal diagonal" in fast.relaxed[0]


def slowly(W, setting):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Solution may be inaccurate")
        return full_gram(W, **setting)


def test_rings_tori_and_complete_graphs_are_exact():
    for W in (metropolis(ring(5)), metropolis(ring(4)), complete_average(3), [[1.0]], TWO):
        assert worst_case(W, 2, 0.1, phi=1.0).exact


WRONG = [
    ({"mixing": [[0.9, 0.1], [0.2, 0.8]]}, "symmetric"),
    ({"mixing": [0.5, float("nan")]}, "finite numbers"),
    ({"steps": 0}, "integer >= 1"),
    ({"lr": -1.0}, "number > 0"),
    ({"kind": "concave"}, "valid kinds are convex"),
    ({"kind": "nonconvex", "mu": 0.1}, "only convex losses"),
    ({"mu": 1.5}, r"not in \[-L, L\)"),
    ({"about": "accuracy"}, "valid are consensus_distance"),
    ({"order": "both"}, "valid orders are adapt_then_combine"),
    ({"phi": None}, "give phi or zeta"),
    ({"about": "loss_gap"}, "give initial_gap"),
    ({"sigma": 1.0}, "valid limits are phi"),
    ({"kind": "nonconvex", "about": "loss_gap", "initial_distance_sq": 1.0}, "for convex losses"),
]


@pytest.mark.parametrize(("changes", "sentence"), WRONG, ids=lambda x: "-".join(x) if isinstance(x, dict) else "")
def test_wrong_arguments_are_refused_with_a_sentence(changes, sentence):
    with pytest.raises(OnemergeError, match=sentence):
        worst_case(**({"mixing": [0.5], "steps": 1, "lr": 0.1, "phi": 1.0} | changes))
