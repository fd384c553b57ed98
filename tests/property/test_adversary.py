"""The search: what it must find by itself, what it must not find, and exact arithmetic that confirms what is left."""

from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
from sympy import Rational

from sim.search.adversary import Found, attack, confirmed, drop, families, measure, ratio_of, searched, shrink
from sim.search.climb import Family, search
from sim.search.exact_point import point_of, quadratic_point, smooth_point
from sim.search.exact_run import exact_quantities
from sim.search.quadratic_run import QuadraticRun, history, moments
from sim.search.simplify import fractions_near, mixed
from sim.search.smooth_run import SmoothRun, quantities
from theory.bound import Bound
from theory.bounds import BOUNDS
from theory.errors import OnemergeError
from theory.moments import ORDERS, dsgd_moments
from theory.notation import symbols
from theory.proof.evidence import Effort, by_instance

DIRECTED = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5]])
QUARTERS = (("3/4", "1/4"), ("1/4", "3/4"))
PAIR = {"profile": "smooth_huber", "width": "1", "heights": ("2", "0"), "shifts": ("0", "0"), "W": QUARTERS,
        "noise": ("0", "0"), "slopes": ("-1/64", "1/64"), "start": ("0", "0"), "lr": "1/2"}  # fmt: skip
OUTLIER = {"profile": "arctan", "width": "1", "heights": ("1",) * 3, "shifts": ("0",) * 3, "noise": ("0",) * 3,
           "slopes": ("0",) * 3, "W": (("1/3",) * 3,) * 3, "start": ("1/2", "0", "1/2"), "lr": "1/32"}  # fmt: skip
BEND = PAIR | {"heights": ("1", "1"), "slopes": ("0", "0"), "start": ("3/2", "4/3"), "lr": "9/5"}
OPPOSITE = {"mixings": (QUARTERS,), "drawn": False, "h": ("0", "1"), "g": ("0", "0"), "start": ("0", "0"),
            "noise": (("1", "-1"), ("-1", "1")), "lr": "1/10"}  # fmt: skip

lr, L2, T2, sigma, agents = symbols("lr L2 T2 sigma agents")
RESIDUAL = BOUNDS["residual_d11"]
HALF_RESTORED = replace(RESIDUAL, name="half_restored", formula=RESIDUAL.formula - (lr * L2 - 1) * T2 / 2)
CORRELATED = drop(BOUNDS["master_consensus"], "independent_noise")


def random_run(seed, profile, agents, steps=1):
    generator = np.random.default_rng(seed)
    numbers = lambda low, high, n=agents: tuple(map(float, generator.uniform(low, high, n).round(3)))  # noqa: E731
    W = {1: np.ones((1, 1)), 2: np.array([[0.625, 0.375], [0.375, 0.625]]), 3: DIRECTED}[agents]
    slopes = numbers(-1, 1)
    return SmoothRun(
        profile, 1.25, numbers(0.5, 2), numbers(-1, 1), slopes, tuple(map(tuple, W.tolist())), numbers(-2, 2),
        numbers(0.1, 1) if steps == 1 else (0.0,) * agents, 0.125, steps,
    )  # fmt: skip


@pytest.mark.parametrize("profile", ["cos", "smooth_huber", "softplus"])
@pytest.mark.parametrize(("agents", "steps"), [(1, 1), (2, 1), (3, 1), (3, 3)])
def test_floats_and_exact_numbers_agree(profile, agents, steps):
    """The vectorized run against the plain one in fractions, on a directed matrix and on one and two agents."""
    run = random_run(agents, profile, agents, steps)
    seen, exact = quantities(run), exact_quantities(run.each(lambda v: Rational(str(v))))
    assert set(exact) <= set(seen)
    for name, value in exact.items():
        expected = np.array([float(v) for v in value]) if isinstance(value, list) else float(value)
        np.testing.assert_allclose(seen[name], expected, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("order", ORDERS)
def test_quadratic_runs_have_the_moments_of_the_theory(order):
    """Second moments about zero, in floats and in fractions, against the recursion of means and covariances."""
    generator = np.random.default_rng(0)
    h, g, start = generator.uniform(0.5, 1.5, 3), generator.normal(size=3), generator.normal(size=3)
    scale = np.array([0.5, 1.0, 2.0])
    run = QuadraticRun(DIRECTED[None], False, h, g, start, np.diag(scale**2), 0.25, 5)
    late = order == "combine_then_adapt"
    x, X = moments(run, late)
    known = dsgd_moments(lambda _: DIRECTED, h[:, None], (-g / h)[:, None], start[:, None], 0.25, scale, order)
    for t, expected in enumerate(islice(known, 6)):
        np.testing.assert_allclose(x[t], expected.mean[:, 0], rtol=1e-12)
        np.testing.assert_allclose(X[t], expected.second_moment()[0], rtol=1e-11)
    exact = history(run.each(Fraction), late)
    for name, values in history(run, late).items():
        np.testing.assert_allclose(values, exact[name].astype(float), rtol=1e-10, atol=1e-13)


FOUND = {
    "theorem_1_descent": (BOUNDS["theorem_1_descent"], None),
    "rate_d12": (BOUNDS["rate_d12"], None),
    "residual_d11 of one loss": (RESIDUAL, 0),
    "residual_d11 with its half": (HALF_RESTORED, 0),
    "master_consensus of correlated noise": (CORRELATED, None),
}


@pytest.mark.parametrize(("bound", "place"), FOUND.values(), ids=FOUND.keys())
def test_the_search_finds_what_is_false(bound, place):
    """Within 2000 tries, and what is shrunk is violated in exact arithmetic by small fractions."""
    found = attack(bound, None if place is None else families(bound)[place])
    assert found.violates
    assert found.tries <= 2000
    assert found.effective > 0.5 * found.tries
    instance = shrink(bound, found)
    point = instance()
    assert point.violates
    assert point.error <= 1e-30 * abs(point.measured)
    assert by_instance("printed", instance).outcome == "refutes"
    assert len(instance.words) < 400
    assert "eta = " in instance.words


HOLD = {"lemma_d1_sharp": 0.9, "corollary_d2_sharp": 0.5, "descent_r1": 0.99, "descent_r2": 0.99, "lemma_d1": 0.9,
        "residual_homogeneous": 0.5, "master_consensus": 0.6}  # fmt: skip


@pytest.mark.parametrize(("name", "least"), HOLD.items())
def test_the_search_does_not_violate_what_holds(name, least):
    """No ratio above 1 in many tries inside the assumptions, and they come near the bound."""
    found = attack(BOUNDS[name], effort=Effort(tries=400, seed=1))
    assert least < found.worst <= 1
    assert found.effective > 250
    evidence = searched(BOUNDS[name], effort=Effort(tries=60))
    assert evidence.outcome == "supports"
    with pytest.raises(OnemergeError, match="only a violation, above 1, can be shrunk"):
        shrink(BOUNDS[name], found)


@pytest.mark.parametrize(("name", "factor"), [("lemma_d1_sharp", 0.9), ("corollary_d2_sharp", 0.4)])
def test_a_smaller_constant_is_found_out(name, factor):
    smaller = replace(BOUNDS[name], formula=factor * BOUNDS[name].formula)
    evidence = searched(smaller, effort=Effort(tries=1500))
    assert evidence.outcome == "refutes"
    assert evidence.instance().violates


def test_a_lemma_of_ones_own_with_a_planted_error():
    """The variance of the mean of m agents is sigma^2/m; a lemma that divides by m^2 is refuted."""
    noise = lr**2 * L2 * sigma**2 / 2
    right = BOUNDS["descent_r1"]
    planted = Bound(
        name="my_lemma", about=right.about, kind="upper", formula=right.formula - noise / agents + noise / agents**2,
        assumptions=right.assumptions, source="mine", statement="too good", example=right.example, order="either",
    )  # fmt: skip
    evidence = searched(planted, effort=Effort(tries=400))
    assert evidence.outcome == "refutes"
    assert evidence.instance.run is smooth_point


# Instances that the search has found, and the audit's pair


def test_two_agents_with_different_hessians():
    """L_1 = x^2 - x/64, L_2 = x/64 from the minimizer of their mean, without noise: (9) and (D.12) fail, R1 holds."""
    assert smooth_point("theorem_1_descent", 1, **PAIR).violates
    assert not smooth_point("theorem_1_descent", 0, **PAIR).violates
    point = smooth_point("rate_d12", 2, **PAIR)
    assert point.violates
    one = smooth_point("descent_r1", 1, **PAIR)
    assert one.measured == one.allowed
    same = PAIR | {"heights": ("1", "1")}
    for step in range(3):
        assert not smooth_point("theorem_1_descent", step, **same).violates


def test_a_quarter_of_the_fourth_derivative_is_not_enough():
    """Three agents of arctan, one of them apart: L4/24 fails with the half on T2 in place, L4/6 does not."""
    assert smooth_point(HALF_RESTORED, 0, **OUTLIER).violates
    assert not smooth_point("residual_homogeneous", 0, **OUTLIER).violates


def test_the_half_is_missing():
    """Two agents on the bend of a smooth Huber function at a large learning rate: (D.11) fails, not with its half."""
    assert smooth_point("residual_d11", 0, **BEND).violates
    assert not smooth_point(HALF_RESTORED, 0, **BEND).violates
    assert not smooth_point("residual_homogeneous", 0, **BEND).violates


def test_opposite_noise_counts_twice():
    point = quadratic_point("master_consensus", 0, without=("independent_noise",), **OPPOSITE)
    assert (point.measured, point.allowed, point.error) == (Rational(1, 400), Rational(1, 486), 0)
    assert point.violates
    assert not quadratic_point("master_consensus_correlated", 0, **OPPOSITE).violates
    with pytest.raises(OnemergeError, match="needs noise that is independent over agents"):
        quadratic_point("master_consensus", 0, **OPPOSITE)


def test_uneven_noise_needs_a_bound_for_every_agent():
    """The noise of one agent alone breaks M-1 for mean variances (Jensen's part of S), and not for the largest one."""
    uneven = OPPOSITE | {"noise": (("2", "0"), ("0", "0")), "h": ("1", "1")}
    mean = quadratic_point("master_consensus", 0, without=("noise_per_agent",), **uneven)
    every = quadratic_point("master_consensus", 0, **uneven)
    assert every.measured == mean.measured
    assert every.allowed == 2 * mean.allowed
    bound = drop(BOUNDS["master_consensus"], "noise_per_agent")
    instance = shrink(bound, attack(bound))
    noise = np.array([[float(Fraction(v)) for v in row] for row in instance.values["noise"]])
    assert not (noise - np.diag(np.diagonal(noise))).any()
    assert len(set(np.diagonal(noise))) > 1
    assert instance().violates


def test_no_family_steps_outside_the_tags():
    """A bound on convex losses is attacked by convex ones alone; an assumption that no family meets is refused."""
    convex = replace(
        BOUNDS["typical_consensus"], assumptions=(*BOUNDS["typical_consensus"].assumptions, "convex_agents")
    )
    (one, many) = families(convex)
    generator = np.random.default_rng(0)
    for family in (one, many):
        for _ in range(20):
            choices = family.draw(generator)
            run = family.problem(choices, generator.normal(size=family.size(choices)))
            assert run is None or (run.h.min() >= 0 and np.ptp(run.start) == 0)
    ring = replace(BOUNDS["lemma_d1"], assumptions=(*BOUNDS["lemma_d1"].assumptions, "ring"))
    with pytest.raises(OnemergeError, match=r"no family of problems knows all of lemma_d1: .* ring"):
        attack(ring)


def test_points_outside_the_assumptions_are_refused():
    for change, words in [
        ({"start": ("0", "1")}, "needs a common start"),
        ({"W": (("1", "0"), ("1", "0"))}, "is not doubly stochastic"),
        ({"W": (("1", "0"), ("0", "1"))}, "does not contract"),
        ({"lr": "2"}, "needs L2.lr < 2"),
        ({"profile": "quadratic"}, "does not have all of L1 to L4"),
    ]:
        with pytest.raises(OnemergeError, match=words):
            smooth_point("theorem_1_descent", 0, **PAIR | change)
    with pytest.raises(OnemergeError, match="needs agents of one loss"):
        smooth_point("residual_homogeneous", 0, **PAIR)
    with pytest.raises(OnemergeError, match="is no bound of the catalog"):
        smooth_point("theorem_2", 0, **PAIR)
    with pytest.raises(OnemergeError, match="does not assume 'homogeneous'"):
        drop(BOUNDS["rate_d12"], "homogeneous")
    with pytest.raises(OnemergeError, match="no family of problems knows all of steps_sufficient: steps, agents, "):
        families(BOUNDS["steps_sufficient"])
    with pytest.raises(OnemergeError, match="is of kind 'order'"):
        attack(BOUNDS["theorem_1_steps"])


def test_an_instance_prints_the_line_that_runs_it():
    run = SmoothRun(**{k: v if k == "profile" else _floats(v) for k, v in PAIR.items()}, steps=2)
    assert ratio_of(BOUNDS["theorem_1_descent"], measure(BOUNDS["theorem_1_descent"], run)) > 1
    instance = point_of(BOUNDS["theorem_1_descent"], run, 1)
    scope = {}
    exec(instance.python.replace("print(", "point = (", 1), scope)
    assert scope["point"] == instance()
    assert instance.words.startswith("2 agents all at x = 0 with L_1 = 2 f(x) - 1/64 x, L_2 = 1/64 x, f(x) = x^2/2 for")


def _floats(value):
    return tuple(map(_floats, value)) if isinstance(value, tuple) else float(Fraction(value))


def test_the_search_climbs_polishes_and_counts():
    """The maximum 1 of exp(-|x - c|^2) at a c drawn with the choices; points with x_0 < -1 are outside."""

    def problem(choices, x):
        return None if x[0] < -1 else float(np.exp(-((x - choices) ** 2).sum()))

    family = Family("bump", lambda generator: generator.uniform(0, 1, 3), len, problem)
    run = lambda **options: search(family, lambda value: value, np.random.default_rng(0), **options)  # noqa: E731
    plain, polished = run(most=600), run(most=600, polish=True)
    assert plain.tries == 600
    assert polished.tries <= 600
    assert 0.99 < plain.ratio <= polished.ratio + 1e-3
    assert polished.ratio > 1 - 1e-8
    assert 0 < plain.effective < 600
    assert run(most=600, enough=0.5).tries < 600
    with pytest.raises(OnemergeError, match="a search needs a number of tries or of seconds"):
        run()


def test_fractions_and_plain_matrices():
    near = fractions_near(0.3334)
    assert near[0] == 0
    assert near.index(Fraction(1, 3)) < near.index(Fraction(0.3334)) == len(near) - 1
    assert all(value >= 0 for value in near)
    W = mixed(3, Fraction(1, 2))
    assert W[0] == (Fraction(2, 3), Fraction(1, 6), Fraction(1, 6))
    assert all(sum(row) == 1 for row in W)


def test_what_violates_in_floats_only_is_no_violation():
    """A weight that is rounded moves the mean of far agents, which a flat loss makes visible."""
    far = SmoothRun("gaussian_well", 0.85, (1.2,) * 3, (0.0,) * 3, (0.0,) * 3,
                    ((0.0663122359374644, 0.06604275893023212, 0.8676450051323036),
                     (0.06604275893023212, 0.8679144821395358, 0.06604275893023212),
                     (0.8676450051323036, 0.06604275893023212, 0.0663122359374644)),
                    (-7.004, 6.938, 7.123), (0.0,) * 3, 0.1, 1)  # fmt: skip
    assert ratio_of(BOUNDS["descent_r2"], measure(BOUNDS["descent_r2"], far)) is None
    found = Found(1.5, 10, 10, far, "made up")
    assert confirmed(BOUNDS["descent_r2"], found) == (1.0, None)
    with pytest.raises(OnemergeError, match="in floats only"):
        shrink(BOUNDS["descent_r2"], found)


def test_an_exact_point_needs_weights_that_sum_to_one():
    numbers = {"width": "1", "heights": ("1", "1"), "shifts": ("0", "0"), "slopes": ("0", "0"), "noise": ("0", "0"),
               "start": ("0", "1"), "lr": "1/2"}  # fmt: skip
    nearly = "500000000000000001/1000000000000000000"
    with pytest.raises(OnemergeError, match="rows and columns of a doubly stochastic matrix sum to 1"):
        smooth_point("descent_r1", 0, "cos", W=(("1/2", nearly), (nearly, "1/2")), **numbers)
