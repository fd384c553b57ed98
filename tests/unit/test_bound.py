"""The Bound record: evaluation, region, printing, units, solving; and values known from elsewhere."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import sympy

from theory.bound import Bound
from theory.bounds import BOUNDS
from theory.bounds.corrected import (
    COROLLARY_D2_SHARP,
    MASTER_CONSENSUS,
    MASTER_NONCONVEX,
    RATE_PARALLEL_SGD,
    STEPS_SUFFICIENT,
)
from theory.bounds.spectra import COMPLETE_GAP, EXPONENTIAL_GAP, RING_GAP
from theory.bounds.zhu2025 import COROLLARY_D2, LEMMA_D1, RATE_D12, RESIDUAL_D11, TABLE1_PARALLEL_SGD
from theory.errors import OnemergeError
from theory.notation import NOTATION, symbols
from theory.units import unit_of

lr, p, sigma, L2, agents = symbols("lr p sigma L2 agents")
D2 = {"lr": 0.1, "p": 0.4, "sigma": 1.0, "phi": 2.0}


def record(**changes):
    fields = {"name": "toy", "about": "consensus_distance", "kind": "upper", "formula": lr * sigma, "source": "none",
              "statement": "None.", "example": {"lr": 1.0, "sigma": 1.0}}  # fmt: skip
    return Bound(**(fields | changes))


def test_values_broadcast():
    value = COROLLARY_D2(lr=[[0.1], [0.2]], p=[0.2, 0.4, 1.0], sigma=1, phi=2.0)
    assert value.shape == (2, 3)
    for i, eta in enumerate((0.1, 0.2)):
        for j, rate in enumerate((0.2, 0.4, 1.0)):
            assert value[i, j] == pytest.approx(24 * (1 - rate) * eta**2 * 5 / rate**2, rel=1e-14, abs=0)


def test_a_constant_formula_takes_the_shape_of_its_values():
    np.testing.assert_array_equal(COMPLETE_GAP(agents=[2, 3, 9]), [1.0, 1.0, 1.0])
    assert COMPLETE_GAP(agents=2) == 1.0
    assert COMPLETE_GAP.symbols == ("agents",)


def test_integers_are_numbers():
    assert RATE_PARALLEL_SGD(lr=1, L2=1, agents=4, sigma=2, steps=10, initial_gap=5) == 1 + 1


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (D2 | {"gamma": 1.0}, "corollary_d2 takes lr, sigma, phi, p; unknown: gamma; missing: none"),
        ({"lr": 0.1, "p": 0.4}, "corollary_d2 takes lr, sigma, phi, p; unknown: none; missing: phi, sigma"),
        (D2 | {"p": 1.5}, r"corollary_d2 needs p in \(0, 1\], got lr = 0.1, sigma = 1, phi = 2, p = 1.5"),
        (D2 | {"p": 0.0}, r"needs p in \(0, 1\], got .*p = 0"),
        (D2 | {"lr": [0.1, -0.2]}, "needs lr > 0, got lr = -0.2"),
        (D2 | {"sigma": np.nan}, "needs sigma >= 0, got .*sigma = nan"),
        (D2 | {"phi": np.inf}, "needs phi >= 0, got .*phi = inf"),
    ],
)
def test_wrong_values_are_refused(values, sentence):
    with pytest.raises(OnemergeError, match=sentence):
        COROLLARY_D2(**values)


def test_a_violated_relation_is_named_with_the_first_point_that_violates_it():
    values = RATE_D12.example | {"lr": [0.1, 1.0, 2.0]}
    with pytest.raises(OnemergeError, match=r"rate_d12 needs L2\*lr < 2, got .*lr = 1, .*L2 = 2"):
        RATE_D12(**values)
    np.testing.assert_array_equal(RATE_D12.inside(**values), [True, False, False])


@pytest.mark.parametrize("n", [1, 2, 2.5, -3])
def test_a_ring_of_fewer_than_three_is_refused(n):
    assert not RING_GAP.inside(agents=n)
    with pytest.raises(OnemergeError, match="ring_gap needs agents"):
        RING_GAP(agents=n)


def test_an_exponential_graph_of_odd_size_is_refused():
    np.testing.assert_array_equal(EXPONENTIAL_GAP.inside(agents=[2, 3, 4, 5, 16]), [True, False, True, False, True])
    with pytest.raises(OnemergeError, match=r"exponential_gap needs Eq\(Mod\(agents, 2\), 0\), got agents = 5"):
        EXPONENTIAL_GAP(agents=5)


def test_powers_of_two_are_seen_exactly():
    n = 2.0 ** np.arange(1, 49)
    np.testing.assert_array_equal(EXPONENTIAL_GAP(agents=n), 2 / (1 + np.arange(1, 49)))
    np.testing.assert_array_equal(EXPONENTIAL_GAP(agents=n + 2)[1:], 2 / (2 + np.arange(2, 49)))
    hypercube = BOUNDS["hypercube_gap"]
    assert hypercube.inside(agents=n).all()
    assert not hypercube.inside(agents=np.concatenate([n[1:] - 1, n[1:] + 1, [1, 0, -4]])).any()


def test_a_ring_of_a_hundred_million_keeps_its_digits():
    n = 10**8
    assert RING_GAP(agents=n) == pytest.approx(4 * np.pi**2 / (3 * n**2), rel=1e-14, abs=0)


def test_a_record_is_frozen_and_can_be_varied():
    with pytest.raises(FrozenInstanceError):
        LEMMA_D1.kind = "lower"
    doubled = replace(COROLLARY_D2, formula=2 * COROLLARY_D2.formula)
    assert doubled(**D2) == 2 * COROLLARY_D2(**D2)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "about"}, "kind 'about' is not one of equal, upper, lower, order"),
        ({"about": "Xi"}, "symbol 'Xi' is not one of agents, "),
        ({"formula": sympy.Symbol("gamma")}, "symbol 'gamma' is not one of agents, "),
        ({"assumptions": ("A5",)}, "assumption 'A5' is not one of A1, "),
        ({"order": "atc"}, "order 'atc' is not one of adapt_then_combine"),
        ({"where": (lr > 0,)}, "`where` has True, which is no relation"),
    ],
)
def test_a_malformed_record_is_refused(changes, sentence):
    with pytest.raises(OnemergeError, match=sentence):
        record(**changes)


def test_latex():
    assert LEMMA_D1.latex() == (
        r"\mathbb{E}\,\Xi_{t+1}^2 \leq \Xi_{t}^{2} \left(1 - \frac{p}{2}\right)"
        r" + \frac{12 \eta^{2} \left(1 - p\right) \left(\phi_{t}^{2} + \sigma^{2}\right)}{p}"
    )
    assert TABLE1_PARALLEL_SGD.latex().startswith(r"T = \mathcal{O}\left(\frac{\sigma^{2}}{\varepsilon^{2} m}")
    assert r"\Xi_{t}^{3}" in RESIDUAL_D11.latex()
    assert RING_GAP._repr_latex_() == r"$(1-\lambda) = \frac{4 \sin^{2}{\left(\frac{\pi}{m} \right)}}{3},\; m \geq 3$"


def test_every_kind_has_its_relation():
    relations = {kind: record(kind=kind).latex() for kind in ("equal", "upper", "lower", "order")}
    left, product = r"\mathbb{E}\,\Xi_{t}^2", r"\eta \sigma"
    assert relations == {
        "equal": rf"{left} = {product}",
        "upper": rf"{left} \leq {product}",
        "lower": rf"{left} \geq {product}",
        "order": rf"{left} = \mathcal{{O}}\left({product}\right)",
    }


def test_units():
    assert COROLLARY_D2.unit() == (0, 2)
    assert RATE_D12.unit() == (2, -2)
    assert unit_of(sympy.sqrt(sigma**2 * L2)) == (sympy.Rational(3, 2), -2)
    assert unit_of(sympy.sin(lr * L2)) == (0, 0)
    assert unit_of(sympy.Max(lr * sigma, L2 * lr**2 * sigma)) == (0, 1)
    assert unit_of(agents ** (lr * L2)) == (0, 0)


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        (1 + lr, r"mixes units: 1 in loss\^0 theta\^0, lr in loss\^-1 theta\^2"),
        (sympy.sin(lr), "mixes units"),
        (sympy.Max(p, sigma), "mixes units"),
        (2**sigma, "its exponent varies"),
        (sigma**p, "its exponent varies"),
    ],
)
def test_mixed_units_are_refused(formula, sentence):
    with pytest.raises(OnemergeError, match=sentence):
        unit_of(formula)


def test_the_printed_residual_mixes_units():
    with pytest.raises(OnemergeError, match=r"mixes units: L4/24 in loss\^1 theta\^-4, L2\*lr in loss\^0 theta\^0"):
        RESIDUAL_D11.unit()


def test_no_symbol_outside_the_notation():
    with pytest.raises(OnemergeError, match="no symbol 'eta' in the notation, which has agents, steps, lr"):
        symbols("lr eta")


def test_every_symbol_has_its_own_look():
    assert len({s.latex for s in NOTATION.values()}) == len(NOTATION)


FLAT = (  # steps, the larger or smaller of two, and powers of negative numbers
    "exponential_gap", "torus_gap", "grid_gap", "pga_period_depth", "lu_desa_rounds", "matcha_uniform_rate",
    "matcha_rate", "ring_noise_gain", "ring_half_noise_gain", "path_noise_gain", "exponential_gap_least",
    "vogels_corollary_10_neighbors",
)  # fmt: skip
SOLVABLE = [
    (b, name) for b in BOUNDS.values() for name in b.symbols
    if NOTATION[name].sympy in b.formula.free_symbols and b.name not in FLAT
]  # fmt: skip


@pytest.mark.parametrize(("bound", "name"), SOLVABLE, ids=[f"{b.name}-{name}" for b, name in SOLVABLE])
def test_solving_inverts_evaluating(bound, name):
    known = {key: value for key, value in bound.example.items() if key != name}
    want = bound.example[name]
    bracket = (want - abs(want) / 9 - 1e-9, want + abs(want) / 9 + 1e-9)
    assert bound.solve_for(name, bound(**bound.example), bracket=bracket, **known) == pytest.approx(want, rel=1e-8)


def test_solving_for_steps_agrees_with_algebra():
    eta, target = 0.02, 0.015
    steps = RATE_PARALLEL_SGD.solve_for("steps", target, lr=eta, L2=1.0, agents=16, sigma=0.5, initial_gap=0.7)
    assert steps == pytest.approx(2 * 0.7 / eta / (target - eta * 0.25 / 16), rel=1e-12)


def test_solving_without_a_solution_says_so():
    with pytest.raises(OnemergeError, match=r"no steps in the region and in .* gives rate_parallel_sgd = 0.001, lr"):
        RATE_PARALLEL_SGD.solve_for("steps", 0.001, lr=0.1, L2=1.0, agents=16, sigma=1.0, initial_gap=1.0)


def test_solutions_outside_the_region_do_not_count():
    master = {"L_local": 1.0, "sigma": 1.0, "zeta": 0.0, "noise_gain": 1.0, "drift_gain": 4.0}
    eta = MASTER_CONSENSUS.solve_for("lr", 0.04, **master)  # eta / (1 - 4 eta) = 0.2; the other root is beyond 1/4
    assert eta == pytest.approx(0.2 / 1.8, rel=1e-12)


def test_several_solutions_are_listed_and_a_bracket_picks():
    known = {"L2": 1.0, "agents": 1, "sigma": 1.0, "steps": 100, "initial_gap": 0.5}  # 1/(100 eta) + eta = 0.25
    with pytest.raises(OnemergeError, match=r"2 values of lr give .*: 0.05, 0.2; pick one by a bracket"):
        RATE_PARALLEL_SGD.solve_for("lr", 0.25, **known)
    assert RATE_PARALLEL_SGD.solve_for("lr", 0.25, bracket=(0.1, 1), **known) == pytest.approx(0.2, rel=1e-12)


def test_solving_for_a_root_of_the_rate_p():
    level = COROLLARY_D2_SHARP.solve_for("p", 0.05, agents=16, lr=0.1, sigma=1.0, phi=2.0)
    assert COROLLARY_D2_SHARP(p=level, agents=16, lr=0.1, sigma=1.0, phi=2.0) == pytest.approx(0.05, rel=1e-10)


def test_solving_refuses_what_it_cannot_use():
    with pytest.raises(OnemergeError, match=r"corollary_d2 needs p in \(0, 1\], got p = 0"):
        COROLLARY_D2.solve_for("lr", 1.0, p=0.0, sigma=1.0, phi=1.0)
    with pytest.raises(OnemergeError, match="lr is given and wanted at once"):
        COROLLARY_D2.solve_for("lr", 1.0, **D2)
    with pytest.raises(OnemergeError, match="takes numbers, not arrays"):
        COROLLARY_D2.solve_for("lr", 1.0, p=[0.1, 0.2], sigma=1.0, phi=1.0)
    with pytest.raises(OnemergeError, match="unknown: none; missing: sigma"):
        COROLLARY_D2.solve_for("lr", 1.0, p=0.1, phi=1.0)


def test_solving_for_an_unknown_name():
    with pytest.raises(OnemergeError, match="rate_d12 has no symbol 'T'; it has agents, steps"):
        RATE_D12.solve_for("T", 1.0)
    known = {key: value for key, value in STEPS_SUFFICIENT.example.items() if key != "U_mean"}
    with pytest.raises(OnemergeError, match="does not depend on U_mean"):
        STEPS_SUFFICIENT.solve_for("U_mean", 1.0, **known)


PRINTED = [  # worked out by hand from the printed formulas, at round numbers
    ("lemma_d1", {"lr": 0.5, "p": 0.5, "sigma": 2, "consensus_distance": 4, "local_gradient_norm_sq": 3}, 3 + 21),
    ("corollary_d2", {"lr": 0.5, "p": 0.5, "sigma": 2, "phi": 2}, 96),
    ("corollary_d2_slow", {"lr": 0.5, "p": 0.5, "sigma": 2, "local_gradient_norm_sq": 3}, 168),
    (
        "theorem_1_descent",
        {"lr": 0.25, "L2": 2, "agents": 4, "sigma": 2, "merged_loss": 10, "gradient_norm_sq": 3, "T2": 4,
         "descent_remainder": 0.25},
        10 - 0.5625 - 0.25 + 0.0625 + 0.25,
    ),
    (
        "residual_d11",
        {"lr": 0.5, "L1": 1, "L2": 1, "L3": 2, "L4": 24, "agents": 4, "T2": 2, "consensus_distance": 4},
        -1 + 24 + 4 + 32 + 64,
    ),
    ("rate_d12", {"lr": 0.5, "L2": 2, "agents": 4, "sigma": 2, "steps": 10, "initial_gap": 5, "U_mean": 0.5}, 4),
    ("theorem_1_steps", {"epsilon": 0.5, "agents": 8, "sigma": 2, "U_sum": 3, "initial_gap": 2}, 2 * (2 + 2 + 3)),
    ("table1_parallel_sgd", {"epsilon": 0.5, "agents": 8, "sigma": 2}, 2 + 2),
    ("table1_dsgd_koloskova", {"epsilon": 0.25, "agents": 4, "sigma": 2, "zeta": 3, "p": 0.25}, 16 + 16 + 128),
    ("table1_dsgd_this_paper", {"epsilon": 0.5, "agents": 8, "sigma": 2, "U_sum": 3}, 2 + 2 + 6),
    ("equation_10", {"p": 0.5}, 2),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values", "expected"), PRINTED, ids=[row[0] for row in PRINTED])
def test_printed_formulas_by_hand(name, values, expected):
    assert BOUNDS[name](**values) == pytest.approx(expected, rel=1e-14)


RING16 = {"lr": 0.01, "L_local": 1.0, "sigma": 1.0, "noise_gain": 1.4720752025, "drift_gain": 18.7056067768}


@pytest.mark.parametrize(
    ("zeta", "consensus", "rate"),
    [(0.0, 2.2274543345e-4, 0.1008477454), (1.0, 6.0035678147e-2, 0.1606606781)],
)
def test_master_values_of_a_ring_of_sixteen(zeta, consensus, rate):
    assert MASTER_CONSENSUS(**RING16, zeta=zeta) == pytest.approx(consensus, rel=1e-9)
    values = RING16 | {"zeta": zeta, "agents": 16, "steps": 1000, "initial_gap": 0.5}
    assert MASTER_NONCONVEX(**values) == pytest.approx(rate, rel=1e-9)


def test_master_without_network_is_parallel_sgd():
    values = {"lr": 0.05, "agents": 7, "sigma": 1.3, "steps": 321, "initial_gap": 0.9}
    network = {"L_local": 2.0, "zeta": 3.0, "noise_gain": 0.0, "drift_gain": 0.0}
    assert MASTER_NONCONVEX(**values, **network) == pytest.approx(RATE_PARALLEL_SGD(**values, L2=2.0), rel=1e-14)


def test_rate_stays_below_ghadimi_and_lan():
    # Ghadimi and Lan 2013, Corollary 2.2: L D^2/N + 2 D sigma/sqrt(N) = 0.0201 for L = sigma = D = 1, N = 10^4
    rate = RATE_D12(lr=0.01, L2=1.0, agents=1, sigma=1.0, steps=10**4, initial_gap=0.5, U_mean=0.0)
    assert rate == pytest.approx((1e-4 / 0.01 + 0.01) / 1.99, rel=1e-12)
    assert rate < 0.0201


def test_a_double_root_is_one_solution():
    known = {"L2": 1.0, "agents": 3, "sigma": 0.7, "steps": 173, "initial_gap": 0.31}
    best = np.sqrt(2 * 0.31 * 3 / 173) / 0.7  # where a/eta + b eta is least
    least = RATE_PARALLEL_SGD(lr=best, **known)
    assert RATE_PARALLEL_SGD.solve_for("lr", least, **known) == pytest.approx(best, rel=1e-6)


def test_solutions_of_very_different_size_are_found():
    known = {"agents": 35, "steps": 0.4125527, "initial_gap": 0.4355432, "sigma": 1.1677047e-3, "L2": 0.39668887}
    target = RATE_PARALLEL_SGD(lr=1.0309686e-3, **known)  # the other learning rate is beyond 10^10
    assert RATE_PARALLEL_SGD.solve_for("lr", target, **known) == pytest.approx(1.0309686e-3, rel=1e-12)


def test_tiny_targets_are_reached():
    steps = BOUNDS["gossip_decay"].solve_for("steps", 1e-200, slem=0.5, initial_consensus_distance=1.0)
    assert steps == pytest.approx(100 * np.log2(10), rel=1e-9)
