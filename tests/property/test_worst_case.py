"""Exact worst cases against closed forms, the full Gram matrix, replayed runs, exact moments and rational proofs."""

import runpy
import warnings
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from theory.errors import OnemergeError
from theory.gossip import as_gossip
from theory.graphs import path, ring
from theory.mixing import complete_average, metropolis
from theory.moments import dsgd_moments
from theory.proof.certificate import certificate, ldl_pivots
from theory.proof.full_gram import full_gram
from theory.proof.replay import replay
from theory.proof.worst_case import worst_case

pytest.importorskip("clarabel")
ORDERS = ("adapt_then_combine", "combine_then_adapt")
TWO = np.array([[0.7, 0.3], [0.3, 0.7]])


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("mixing", [[], [[1.0]], [0.0], complete_average(3)], ids=["none", "one", "J", "J of 3"])
def test_one_agent_and_full_averaging_are_gradient_descent(mixing, steps):
    """L R²/(4N + 2), 2 L gap/(2 N lr L + 1) for the last gradient of convex losses, 4 L gap/(3N + 2) without convexity.

    The first and last at the step size 1/L: Drori and Teboulle 2014; Abbaszadehpeivasti, de Klerk, Zamani, "The exact
    worst-case convergence rate of the gradient method with fixed step lengths for L-smooth functions", 2022.
    """
    last = worst_case(mixing, steps, 0.5, L=2.0, about="loss_gap", initial_distance_sq=3.0)
    assert last.value == pytest.approx(2 * 3 / (4 * steps + 2), rel=1e-6)
    assert last.exact
    if len(mixing) < 2 and mixing != [0.0]:
        other = worst_case(
            mixing, steps, 0.5, L=2.0, about="loss_gap", initial_distance_sq=3.0, order="combine_then_adapt"
        )
        assert other.value == last.value
    slope = worst_case(mixing, steps, 0.4, L=2.0, about="gradient_norm_sq", initial_gap=3.0)
    assert slope.value == pytest.approx(2 * 2 * 3 / (2 * steps * 0.8 + 1), rel=1e-6)
    rough = {"kind": "nonconvex", "about": "gradient_norm_sq_least", "initial_gap": 3.0}
    assert worst_case(mixing, steps, 0.5, L=2.0, **rough).value == pytest.approx(4 * 2 * 3 / (3 * steps + 2), rel=1e-6)


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


def test_values_of_pepit():
    """PEPit 0.5.1 with CLARABEL, all points of all agents declared one by one: 3 agents, weights 1/2 and 1/4."""
    W = np.full((3, 3), 0.25) + np.eye(3) / 4
    loss = {"about": "loss_gap", "phi": 1.0, "initial_distance_sq": 1.0}
    assert worst_case(W, 2, 0.4, L=2.0, **loss).value == pytest.approx(0.23963179, rel=1e-7)
    assert worst_case(W, 2, 0.4, L=2.0, order=ORDERS[1], **loss).value == pytest.approx(0.26070325, rel=1e-7)
    strong = {"phi": 1.0, "zeta": 1.0, "mu": 0.3}
    assert worst_case(W, 2, 0.4, L=2.0, **strong).value == pytest.approx(0.014884006, rel=1e-6)
    assert worst_case(W, 2, 0.4, L=2.0, order=ORDERS[1], **strong).value == pytest.approx(0.204304, rel=1e-7)


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


@pytest.mark.parametrize(
    "case",
    [
        {"phi": 1.0, "kind": "nonconvex"},
        {"phi": 1.0, "initial_consensus_distance": 0.3},
        {"zeta": 1.0, "kind": "nonconvex"},
        {"zeta": 1.0, "mu": 0.3},
        {"phi": 1.0, "initial_distance_sq": 1.0, "about": "loss_gap"},
        {"zeta": 1.0, "initial_distance_sq": 1.0, "about": "final_distance_sq", "mu": 0.3},
        {"zeta": 1.0, "initial_gap": 1.0, "about": "gradient_norm_sq_mean"},
    ],
    ids=lambda case: "-".join(case),
)
@pytest.mark.parametrize("mixing", [[0.6, -0.4, 0.1], metropolis(ring(6)), TWO], ids=["list", "ring", "two"])
def test_the_losses_of_the_worst_case_reproduce_it(case, mixing):
    """Gradient descent on the rebuilt losses, within the limits measured on the run."""
    for order in ORDERS:
        found = worst_case(mixing, 3, 0.4, L=2.0, order=order, **case)
        again = replay(found)
        assert again.value == pytest.approx(found.value, rel=2e-4)
        for name, size in again.limits.items():
            assert size <= case[name] * (1 + 1e-4)


def test_the_losses_of_the_worst_case_are_in_their_class():
    """0 <= second differences <= L, along random lines, and gradients are differences of values."""
    losses = replay(worst_case([0.5], 3, 0.2, L=2.0, phi=1.0, initial_distance_sq=1.0, about="loss_gap")).losses
    generator = np.random.default_rng(0)
    for loss in losses:
        for _ in range(20):
            x, v = generator.normal(size=(2, loss.x.shape[1]))
            v *= 1e-2 / np.linalg.norm(v)
            left, (middle, gradient), right = loss(x - v)[0], loss(x), loss(x + v)[0]
            assert -1e-9 <= right - 2 * middle + left <= 2.0 * (v @ v) + 1e-9
            assert abs(gradient @ v - (right - left) / 2) <= (v @ v) + 1e-9


def test_quadratics_never_exceed_the_worst_case():
    """A ring of five with quadratics of curvature L in [0, 1] and phi measured on the run, by the exact moments."""
    generator, W, tried = np.random.default_rng(1), metropolis(ring(5)), 0
    for order in ORDERS:
        for _ in range(4):
            h, b = generator.uniform(0, 1, size=(5, 1)), generator.normal(size=(5, 1))
            states = list(islice(dsgd_moments(as_gossip(W), h, b, np.zeros((5, 1)), 0.7, order=order), 4))
            phi = max(((h * (state.mean - b)) ** 2).mean() for state in states[:3]) ** 0.5
            zeta_of = [h * (state.mean.mean() - b) for state in states[:3]]
            zeta = max(((rows - rows.mean()) ** 2).mean() for rows in zeta_of) ** 0.5
            reached = float(states[3].consensus_distance())
            assert 0 < reached <= worst_case(W, 3, 0.7, order=order, phi=phi, zeta=zeta).value
            tried += 1
    assert tried == 8


PROVED = [
    {"phi": 1},
    {"phi": "3/2", "initial_consensus_distance": "1/3"},
    {"zeta": 1, "kind": "nonconvex"},
    {"zeta": 1, "mu": 0.3},
    {"zeta": 1, "initial_gap": 1, "about": "gradient_norm_sq_least"},
    {"zeta": 1, "initial_distance_sq": 2, "about": "loss_gap"},
]


@pytest.mark.parametrize("case", PROVED, ids=lambda case: "-".join(case))
def test_rational_multipliers_prove_the_bound(case):
    """Two steps on a ring of four: the proof is above the value of the solver by no more than rounding."""
    floats = {name: value if name in ("about", "kind") else float(Fraction(value)) for name, value in case.items()}
    proof = certificate(["1/3", "-1/3"], 2, 0.4, L=2, **case)
    value = worst_case([1 / 3, -1 / 3], 2, 0.4, L=2.0, **floats).value
    assert isinstance(proof.bound, Fraction)
    assert float(proof.bound) == pytest.approx(value, rel=1e-6)
    assert proof.verify() == proof.bound
    assert all(pivot >= 0 for pivots in proof.pivots.values() for pivot in pivots)


def test_a_certificate_of_a_smaller_bound_is_refused():
    """The exact worst case of linear losses is (1/10 (1/2 + 1/4))²; no multipliers prove less."""
    proof = certificate(["1/2"], 2, "1/10", phi=1)
    assert Fraction(9, 1600) < proof.bound < Fraction(9, 1600) * (1 + Fraction(1, 10**6))
    with pytest.raises(OnemergeError, match="prove"):
        replace(proof, bound=Fraction(9, 1600) * Fraction(99, 100))
    with pytest.raises(OnemergeError, match="not positive semidefinite"):
        replace(proof, multipliers=tuple(value * Fraction(9, 10) for value in proof.multipliers))


def test_pivots_decide_semidefiniteness_exactly():
    one, zero, tiny = Fraction(1), Fraction(0), Fraction(1, 10**30)
    assert ldl_pivots([[one, one], [one, one]]) == (1, 0)
    assert ldl_pivots([[one, one], [one, one - tiny]]) is None
    assert ldl_pivots([[zero, tiny], [tiny, one]]) is None


def test_the_benchmark_compares_equal_values():
    module = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "worst_case.py"))
    lines = [line.split("|")[1:-1] for line in module["rows"](12, sizes=((4, 1), (8, 2)))]
    assert [line[2].strip() for line in lines] == ["phi", "zeta", "gradient"] * 2
    assert all(float(line[9]) < 1e-3 for line in lines[:3])
    assert all(line[9].strip() == "–" for line in lines[3:])


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
    ({"phi": None, "about": "loss_gap", "initial_distance_sq": 1.0}, "gradients differ: give phi or zeta"),
    ({"about": "loss_gap"}, "give initial_gap"),
    ({"sigma": 1.0}, "valid limits are phi"),
    ({"kind": "nonconvex", "about": "loss_gap", "initial_distance_sq": 1.0}, "for convex losses"),
]


@pytest.mark.parametrize(("changes", "sentence"), WRONG, ids=lambda x: "-".join(x) if isinstance(x, dict) else "")
def test_wrong_arguments_are_refused_with_a_sentence(changes, sentence):
    with pytest.raises(OnemergeError, match=sentence):
        worst_case(**({"mixing": [0.5], "steps": 1, "lr": 0.1, "phi": 1.0} | changes))
