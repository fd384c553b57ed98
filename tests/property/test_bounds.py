"""Every record, sampled inside its own region: complete, of one unit, monotone as declared, reducible."""

from dataclasses import replace

import numpy as np
import pytest
import sympy

from theory.bounds import BOUNDS, MODULES, zhu2025
from theory.errors import OnemergeError
from theory.notation import NOTATION, symbols

EFFECTIVE = 20  # samples inside a region, at least
MIXED_UNITS = {"theorem_1_steps", "table1_dsgd_this_paper", "residual_d11"}  # as printed
ALL = pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)


def draw(domain, generator, size):
    """Values of a domain, spread over scales, with its attained ends among them."""
    positive = 10 ** generator.uniform(-3, 1, size)
    end = generator.random(size) < 0.1
    return {
        "real": generator.normal(size=size),
        "positive": positive,
        "nonnegative": np.where(end, 0, positive),
        "rate": np.where(end, 1, generator.uniform(0.01, 1, size)),
        "ratio": np.where(end, generator.integers(0, 2, size), generator.random(size)),
        "count": generator.integers(1, 65, size).astype(float),
    }[domain]


def sample(*bounds, size=4096, seed=0):
    """Values {name: [n]} inside the regions of all `bounds`, at least EFFECTIVE of them."""
    generator = np.random.default_rng(seed)
    names = [name for name in NOTATION if any(name in bound.symbols for bound in bounds)]
    values = {name: draw(NOTATION[name].domain, generator, size) for name in names}
    if "steps" in values:  # runs are long, and some regions ask for it
        values["steps"][::2] *= 10**4
    inside = np.logical_and.reduce([b.inside(**{n: values[n] for n in b.symbols}) for b in bounds])
    assert inside.sum() >= EFFECTIVE, f"only {inside.sum()} of {size} samples lie in the region"
    return {name: array[inside] for name, array in values.items()}


def at(bound, values):
    return bound(**{name: values[name] for name in bound.symbols})


@ALL
def test_a_record_evaluates_all_over_its_region(bound):
    values = sample(bound)
    result = at(bound, values)
    assert result.shape == next(iter(values.values())).shape
    assert np.isfinite(result).all()
    if not any(NOTATION[name].domain == "real" for name in (bound.about, *bound.symbols)):
        assert (result >= 0).all()


def test_an_empty_region_is_a_failure():
    lr, L2 = symbols("lr L2")
    with pytest.raises(AssertionError, match="only 0 of 4096 samples lie in the region"):
        sample(replace(zhu2025.RATE_D12, where=(lr * L2 < 2, lr * L2 > 2)))


@ALL
def test_a_record_agrees_with_sympy(bound):
    values = sample(bound)
    for i in range(5):
        point = {NOTATION[name].sympy: sympy.Float(array[i], 30) for name, array in values.items()}
        exact = sympy.N(bound.formula.subs(point), 20)
        scale = 1 + max(abs(float(sympy.N(t.subs(point)))) for t in sympy.Add.make_args(bound.formula))
        assert abs(float(exact) - at(bound, values)[i]) <= 1e-12 * scale


@ALL
def test_a_record_is_complete(bound):
    assert set(bound.example) == set(bound.symbols)
    assert bound.inside(**bound.example)
    assert bound.latex()
    assert bound.statement.endswith(".")
    assert bound.source
    assert bound.assumptions


def test_a_record_is_found_under_the_name_of_its_constant():
    names = [name.lower() for module in MODULES for name, value in vars(module).items() if hasattr(value, "formula")]
    assert names == list(BOUNDS)


@ALL
def test_units_agree_on_both_sides(bound):
    if bound.name in MIXED_UNITS:
        with pytest.raises(OnemergeError, match="mixes units"):
            bound.unit()
    elif bound.kind == "order":
        bound.unit()  # hidden constants carry units, but the terms agree
    else:
        assert bound.unit() == NOTATION[bound.about].unit


@pytest.mark.parametrize(("loss", "theta"), [(3.7, 1.0), (1.0, 0.13), (0.2, 41.0)])
@ALL
def test_units_are_seen_by_rescaling_loss_and_parameters(bound, loss, theta):
    values = sample(bound)
    scaled = {n: v * loss ** NOTATION[n].loss * theta ** NOTATION[n].theta for n, v in values.items()}
    inside = bound.inside(**scaled)  # edges of regions may move by rounding
    assert inside.mean() > 0.95 or bound.name in MIXED_UNITS
    before = at(bound, {n: v[inside] for n, v in values.items()})
    after = at(bound, {n: v[inside] for n, v in scaled.items()})
    if bound.name in MIXED_UNITS:
        ratios = after[before != 0] / before[before != 0]
        assert np.ptp(ratios) > 0.1 * np.abs(ratios).max()
    else:
        loss_power, theta_power = (float(power) for power in bound.unit())
        expected = before * loss**loss_power * theta**theta_power
        np.testing.assert_allclose(after, expected, rtol=1e-9, atol=1e-9 * np.abs(after).max())


# Monotone as declared


def moved(bound, name, size=16384, seed=1):
    """(values, values with another `name`, sign of the move), both inside the region, at least EFFECTIVE of them."""
    values = sample(bound, size=size)
    generator = np.random.default_rng(seed)
    old, count = values[name], len(values[name])
    near = old * 10 ** generator.uniform(-0.3, 0.3, count)
    near = np.maximum(np.rint(near), 1) if NOTATION[name].domain == "count" else near
    new = np.where(generator.random(count) < 0.5, draw(NOTATION[name].domain, generator, count), near)
    kept = bound.inside(**{n: (values | {name: new})[n] for n in bound.symbols}) & (new != old)
    assert kept.sum() >= EFFECTIVE, f"only {kept.sum()} pairs that differ in {name} lie in the region"
    before = {n: array[kept] for n, array in values.items()}
    return before, before | {name: new[kept]}, np.sign(new - old)[kept]


def climbs(bound, name):
    """Changes of the formula with `name`, upwards, beside the size of the formula: 0 within rounding."""
    before, after, sign = moved(bound, name)
    low, high = at(bound, before), at(bound, after)
    change = sign * (high - low)
    return np.where(np.abs(change) <= 1e-9 * (np.abs(low) + np.abs(high)), 0, change)


@ALL
def test_a_record_is_monotone_as_declared(bound):
    for name in bound.increasing:
        assert (climbs(bound, name) >= 0).all(), f"falls in {name}"
    for name in bound.decreasing:
        assert (climbs(bound, name) <= 0).all(), f"rises in {name}"
    assert not set(bound.increasing) & set(bound.decreasing)


def test_most_upper_bounds_say_where_they_are_monotone():
    said = [bound.increasing or bound.decreasing for bound in BOUNDS.values() if bound.kind in ("upper", "order")]
    assert np.mean([bool(names) for names in said]) > 0.9


def test_a_wrong_declaration_is_noticed():
    rate = BOUNDS["rate_parallel_sgd"]
    for wrong in ({"increasing": ("agents",)}, {"increasing": ("lr",)}):
        with pytest.raises(AssertionError, match="falls in"):
            test_a_record_is_monotone_as_declared(replace(rate, **wrong))
    for wrong in ({"decreasing": ("sigma",)}, {"decreasing": ("lr",)}):
        with pytest.raises(AssertionError, match="rises in"):
            test_a_record_is_monotone_as_declared(replace(rate, **wrong))


# Solvable


@pytest.mark.parametrize("wanted", ["steps", "lr", "epsilon", "loss_target"])
def test_solving_inverts_evaluating_anywhere_in_a_region(wanted):
    """At a random point of each record where a percent of the symbol moves the formula, the symbol is found again."""
    solved = 0
    for bound in BOUNDS.values():
        if not sympy.sympify(bound.formula).has(NOTATION[wanted].sympy):
            continue
        point = {name: float(array[0]) for name, array in sample(bound, seed=3).items()}
        around = point[wanted] * np.array([0.99, 1, 1.01])
        known = {name: value for name, value in point.items() if name != wanted}
        if not bound.inside(**known, **{wanted: around}).all():
            continue
        low, target, high = bound(**known, **{wanted: around})
        if min(abs(low - target), abs(high - target)) > 1e-6 * abs(target):
            found = bound.solve_for(wanted, target, bracket=(around[0], around[2]), **known)
            assert bound(**known, **{wanted: found}) == pytest.approx(target, rel=1e-8), bound.name
            solved += 1
    assert solved >= {"steps": 25, "lr": 30, "epsilon": 3, "loss_target": 3}[wanted]


# The three meanings of a gap

MODULUS = {"slem", "one_minus_slem"}  # of an eigenvalue
MEANINGS = (MODULUS, {"contraction"}, {"p"})
ALIKE = {  # tags under which the three agree: one fixed mixing matrix, normal in the norm that the record takes
    "symmetric_mixing", "normal_mixing", "nonnegative_spectrum", "lambda_half", "damped_average", "periodic_gossip",
    "periodic_global_average", "reversible_mixing",
}  # fmt: skip


def mixes(bound):
    """Whether `bound` takes an eigenvalue for a norm or a mean square: by its symbols, whatever its tags say."""
    names = {*bound.symbols, bound.about}
    several = sum(bool(names & meaning) for meaning in MEANINGS) > 1
    return several or (bound.about not in MODULUS and bool(MODULUS & set(bound.symbols)))


@ALL
def test_the_three_meanings_of_a_gap_meet_only_where_they_agree(bound):
    if mixes(bound):
        assert ALIKE & set(bound.assumptions), f"{bound.name} needs one of {', '.join(sorted(ALIKE))}"


def test_a_conversion_without_its_tag_is_noticed():
    conversion = BOUNDS["consensus_rate_normal"]
    assert mixes(conversion)
    assert not mixes(BOUNDS["ring_gap"])
    assert not mixes(BOUNDS["master_consensus"])
    assert sum(mixes(bound) for bound in BOUNDS.values()) >= EFFECTIVE
    with pytest.raises(AssertionError, match="needs one of"):
        test_the_three_meanings_of_a_gap_meet_only_where_they_agree(replace(conversion, assumptions=("A1",)))


# Reductions

eta, T, m, L, sigma, gap, distance = symbols("lr steps agents L_local sigma initial_gap initial_distance_sq")
START, NOISE = 2 * gap / (eta * T), eta * L * sigma**2 / m  # parallel SGD, which is SGD for one agent
NO_NETWORK = {"noise_gain": 0, "drift_gain": 0}
PARALLEL = [  # name, what leaves no network, factors of START and NOISE
    ("rate_parallel_sgd", {"L2": L}, 1, 1),
    ("rate_d12", {"L2": L, "U_mean": 0}, 2 / (2 - eta * L) / 2, 1 / (2 - eta * L)),
    ("ghadimi_lan", {"L2": L}, 1 / (2 - eta * L), 1 / (2 - eta * L)),
    ("master_nonconvex", NO_NETWORK, 1, 1),
    ("onestep_nonconvex", {"p": 1}, 1, 1),
    ("exchangeable_nonconvex", {"p": 1, "mean_drift": 0}, 1, 1),
    ("wang_joshi_dsgd", {"slem": 0}, 1, 1),
    ("wang_joshi_periodic", {"slem": 0, "period": 1}, 1, 1),
    ("wang_joshi_local", {"period": 1}, 1, 1),
    ("le_bars_nonconvex", {"neighborhood_heterogeneity": 0}, 2, 2),
    ("kong_rate", {}, sympy.Rational(8, 7), sympy.Rational(16, 7)),
    ("kong_rate_koloskova", {}, 4, 16),
]


@pytest.mark.parametrize(("name", "case", "start", "noise"), PARALLEL, ids=[name for name, *_ in PARALLEL])
def test_without_a_network_the_rate_is_that_of_parallel_sgd(name, case, start, noise):
    formula = BOUNDS[name].formula.subs({NOTATION[key].sympy: value for key, value in case.items()})
    assert sympy.simplify(formula - start * START - noise * NOISE) == 0
    alone = formula.subs(m, 1) - start * START - noise * eta * L * sigma**2
    assert sympy.simplify(alone) == 0, "one agent is SGD"


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("master_convex", NO_NETWORK),
        ("le_bars_convex", {"neighborhood_heterogeneity": 0}),
    ],
)
def test_without_a_network_the_convex_rate_is_that_of_parallel_sgd(name, case):
    formula = BOUNDS[name].formula.subs({NOTATION[key].sympy: value for key, value in case.items()})
    assert sympy.simplify(formula - distance / (eta * T) - eta * sigma**2 / m) == 0


VANISH = [  # consensus distances and gains that an exact average, or a single agent, leaves at 0
    ("master_consensus", NO_NETWORK),
    ("typical_consensus", NO_NETWORK),
    ("onestep_consensus", {"p": 1}),
    ("takezawa_consensus", {"p": 1, "noise_gain": 0}),
    ("corollary_d2", {"p": 1}),
    ("corollary_d2_sharp", {"p": 1}),
    ("corollary_d2_slow", {"p": 1}),
    ("lemma_d1_exact_form", {"p": 1}),
    ("kong_typical", {"p": 1}),
    ("equation_10", {"p": 1}),
    ("window_noise_gain", {"p": 1, "window": 1}),
    ("window_drift_gain", {"p": 1, "window": 1}),
    ("every_phase_noise_gain", {"window": 1}),
    ("every_phase_drift_gain", {"window": 1}),
    ("finite_time_noise_gain", {"window": 1}),
    ("finite_time_drift_gain", {"window": 1}),
    ("local_noise_gain", {"period": 1}),
    ("local_drift_gain", {"period": 1}),
    ("damped_noise_gain", {"slem": 0}),
    ("best_constant_slem", {"laplacian_gap": symbols("laplacian_max")[0]}),
    *((name, {"agents": 1}) for name in (
        "window_noise_gain", "every_phase_noise_gain", "finite_time_noise_gain", "local_noise_gain",
        "damped_noise_gain",
    )),
]  # fmt: skip


@pytest.mark.parametrize(("name", "case"), VANISH, ids=[f"{name}-{'-'.join(case)}" for name, case in VANISH])
def test_an_exact_average_leaves_no_consensus_distance(name, case):
    left = BOUNDS[name].formula.subs({NOTATION[key].sympy: value for key, value in case.items()})
    assert sympy.simplify(left) == 0
