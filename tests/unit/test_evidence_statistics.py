"""Intervals that hold at any stopping time: false alarms measured over optional stopping, and simulated evidence."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from sim.search.confidence import (
    BURN_IN,
    asymptotic_interval,
    betting_interval,
    betting_lower_end,
    bonferroni,
    holm,
    rate_interval,
)
from sim.search.evidence import allowed_and_largest, known_of, sample, simulated
from sim.search.quadratic_attack import measure
from sim.search.quadratic_run import QuadraticRun, history
from sim.search.smooth_run import SmoothRun
from theory.bounds import BOUNDS
from theory.errors import OnemergeError
from theory.proof.evidence import Effort

LOOKS = (2, 5, 10, 20, 40, 80, 160, 320)
LAZY = ((0.75, 0.25), (0.25, 0.75))


def laws(generator, runs, samples):
    """[(name, samples [runs, samples] in [0, 1], mean)]: two points, uniform, and rare large values."""
    rare = (generator.random((runs, samples)) < 0.05) * 1.0
    return [
        ("two points", generator.integers(0, 2, (runs, samples)) * 1.0, 0.5),
        ("uniform", generator.random((runs, samples)), 0.5),
        ("rare", rare, 0.05),
    ]


def test_the_betting_sequence_holds_at_every_look():
    """False alarms under optional stopping: the mean is outside at any of the looks with probability <= 1 - level."""
    generator, runs, level = np.random.default_rng(0), 300, 0.8
    for name, samples, mean in laws(generator, runs, LOOKS[-1]):
        for x in samples[:6]:
            ends = [betting_interval(x[:n], 0, 1, level) for n in LOOKS]
            lower, upper = zip(*ends, strict=True)
            assert np.diff(lower).min() > -1e-12, name
            assert np.diff(upper).max() < 1e-12, name
        ends = np.array([betting_interval(x, 0, 1, level) for x in samples])  # each inside all earlier ones
        alarms = int(((ends[:, 0] > mean) | (ends[:, 1] < mean)).sum())
        assert binom.sf(alarms - 1, runs, 1 - level) > 1e-3, f"{name}: {alarms} false alarms in {runs}"
        assert (ends[:, 1] - ends[:, 0]).max() < 0.25, name


def test_a_fixed_interval_fails_where_the_sequence_holds():
    """The 80 % interval of the central limit theorem, looked at as often, gives far more than 20 % false alarms."""
    generator, runs = np.random.default_rng(1), 300
    x = generator.random((runs, LOOKS[-1]))
    outside = np.zeros(runs, dtype=bool)
    for n in LOOKS[2:]:
        width = 1.2816 * x[:, :n].std(axis=1, ddof=1) / n**0.5
        outside |= np.abs(x[:, :n].mean(axis=1) - 0.5) > width
    assert outside.mean() > 0.35


def test_the_asymptotic_sequence_holds_at_every_look():
    generator, runs, level = np.random.default_rng(2), 1000, 0.9
    x = generator.exponential(size=(runs, 1000)) - 1
    n = np.arange(BURN_IN, 1001, 8)
    alarms = 0
    for one in x:
        sums, squares = np.cumsum(one)[n - 1], np.cumsum(one**2)[n - 1]
        twice = -2 * np.log(0.1)
        r = (twice + np.log(twice) + 1) / 256
        deviation = np.sqrt((squares - sums**2 / n) / (n - 1))
        width = deviation * np.sqrt((n * r + 1) / (n**2 * r) * np.log((n * r + 1) / 0.01))
        alarms += (np.abs(sums / n) > width).any()
    low, high = asymptotic_interval(x[-1], level)
    assert (low, high) == pytest.approx((sums[-1] / 1000 - width[-1], sums[-1] / 1000 + width[-1]), rel=1e-9)
    assert 0 < alarms < 0.1 * runs, f"{alarms} false alarms in {runs}"
    assert asymptotic_interval(x[0][: BURN_IN - 1], level) == (-np.inf, np.inf)


def test_the_lower_end_holds_without_a_largest_value():
    """Squares of normal numbers, of mean 1 and any size, in a unit that is right, too small or too large."""
    generator, runs, level = np.random.default_rng(8), 400, 0.8
    x = generator.normal(size=(runs, 200)) ** 2
    for unit in (0.05, 1.0, 20.0):
        ends = np.array([betting_lower_end(one, 0, unit, level) for one in x])
        alarms = int((ends > 1).sum())
        assert binom.sf(alarms - 1, runs, (1 - level) / 2) > 1e-3, f"{alarms} false alarms in {runs} at unit {unit}"
        assert np.median(ends) > (0.6 if unit == 1 else 0.1)
    moved = betting_lower_end(3 * x[0] - 1, -1, 3.0, level)
    assert moved == pytest.approx(3 * betting_lower_end(x[0], 0, 1.0, level) - 1, rel=1e-9)
    assert betting_lower_end(np.zeros(5), 0, 1.0, level) == pytest.approx(0, abs=1e-12)


def test_the_betting_ends_are_where_the_wealth_says():
    """A plain loop over the samples with the same bets, on a grid of candidates, against the bisection."""
    x, level = np.random.default_rng(3).beta(2, 5, 60), 0.95
    lower, upper = betting_interval(x, 0, 1, level)
    kept = []
    for m in np.linspace(0.001, 0.999, 999):
        up = down = 1.0
        mean, variance, total, square, alive = 0.5, 0.25, 0.5, 0.25, True
        for n, value in enumerate(x, start=1):
            bet = np.sqrt(2 * np.log(2 / (1 - level)) / (variance * n * np.log(n + 1)))
            up *= 1 + min(bet, 0.5 / m) * (value - m)
            down *= 1 - min(bet, 0.5 / (1 - m)) * (value - m)
            alive &= max(up, down) < 2 / (1 - level)
            total += value
            mean = total / (n + 1)
            square += (value - mean) ** 2
            variance = square / (n + 1)
        if alive:
            kept.append(m)
    assert kept[0] - 0.001 <= lower <= kept[0]
    assert kept[-1] <= upper <= kept[-1] + 0.001
    moved = betting_interval(5 * x - 2, -2, 3, level)
    assert moved == pytest.approx((5 * lower - 2, 5 * upper - 2), rel=1e-9)


def test_rates_of_clopper_and_pearson():
    """P(X >= k) at the lower end and P(X <= k) at the upper one are half of what is left of the level."""
    lower, upper = rate_interval(3, 50, 0.98)
    assert binom.sf(2, 50, lower) == pytest.approx(0.01, rel=1e-9)
    assert binom.cdf(3, 50, upper) == pytest.approx(0.01, rel=1e-9)
    assert rate_interval(0, 10, 0.9) == (0.0, pytest.approx(1 - 0.05**0.1))
    assert rate_interval(10, 10, 0.9)[1] == 1.0


def test_many_claims():
    assert bonferroni(0.99, 20) == pytest.approx(0.9995)
    np.testing.assert_array_equal(holm([0.01, 0.04, 0.03, 0.005], 0.95), [True, False, False, True])
    np.testing.assert_array_equal(holm([0.01, 0.02, 0.03], 0.95), [True, True, True])
    p = np.random.default_rng(4).random((2000, 10))
    assert np.mean([holm(row, 0.9).any() for row in p]) < 0.13


def smooth(noise=0.5, lr=0.1, steps=30):
    return SmoothRun(
        "pseudo_huber", 1.0, (1.0, 0.5), (0.0, 0.0), (0.3, -0.3), LAZY, (1.0, 1.0), (noise, noise), lr, steps
    )


def quadratic():
    h, g = np.array([1.0, 0.5]), np.array([0.3, -0.3])
    return QuadraticRun(np.array(LAZY)[None], False, h, g, np.ones(2), 0.25 * np.eye(2), 0.1, 30)


def test_simulated_runs_have_the_exact_moments():
    run, bound = quadratic(), BOUNDS["master_consensus"]
    exact = history(run, late=False)["consensus"][-1]
    x = sample(run, bound, 20_000, np.random.default_rng(5))
    assert abs(x.mean() - exact) < 5 * x.std() / len(x) ** 0.5
    slopes = sample(run, BOUNDS["master_nonconvex"], 20_000, np.random.default_rng(6))
    mean = history(run, late=False)["gradient"][:-1].mean()
    assert abs(slopes.mean() - mean) < 5 * slopes.std() / len(slopes) ** 0.5
    assert allowed_and_largest(bound, run)[0] == measure(bound, run)[-1].allowed


def test_a_bounded_run_stays_in_its_range():
    run = smooth(noise=3.0, lr=0.5)
    for name in ("corollary_d2_sharp", "rate_parallel_sgd"):
        bound = BOUNDS[name]
        largest = allowed_and_largest(bound, run)[1]
        x = sample(run, bound, 500, np.random.default_rng(7))
        assert 0.01 * largest < x.max() <= largest
    known = known_of(run)
    assert known["phi"] == pytest.approx((((1 + 0.3) ** 2 + (0.5 + 0.3) ** 2) / 2) ** 0.5)


@pytest.mark.parametrize("problem", [smooth(), quadratic()], ids=["bounded", "gaussian"])
def test_evidence_follows_the_bound(problem):
    """A bound that holds is supported and one that is too small refuted; nothing is ever proved."""
    bound = BOUNDS["corollary_d2_sharp"]
    found = simulated(bound, problem, effort=Effort(runs=512))
    assert (found.outcome, found.engine) == ("supports", "simulation")
    assert found.tries == found.effective < 512
    assert found.numbers["rate_low"] == 0.0
    wrong = replace(bound, formula=bound.formula / 2000)
    refuted = simulated(wrong, problem, effort=Effort(runs=512), claims=20)
    assert refuted.outcome == "refutes"
    assert refuted.numbers["level"] == pytest.approx(0.9995)
    again = simulated(wrong, problem, effort=Effort(runs=512), claims=20)
    assert again.found == refuted.found


def test_a_bound_at_the_mean_is_not_decided():
    """Allowed = the exact mean: false alarms at level 0.9 stay below a tenth of the simulations."""
    run, bound = quadratic(), BOUNDS["master_consensus"]
    exact = history(run, late=False)["consensus"][-1]
    tight = replace(bound, formula=bound.formula * exact / measure(bound, run)[-1].allowed)
    outcomes = [simulated(tight, run, effort=Effort(runs=256, seed=s), level=0.9).outcome for s in range(60)]
    assert outcomes.count("undecided") >= 60 - 12


def test_what_is_refused():
    bound = BOUNDS["corollary_d2_sharp"]
    for call, words in [
        (lambda: betting_interval([0.5, 2.0], 0, 1, 0.9), "samples reach from 0.5 to 2, beyond the range"),
        (lambda: betting_interval([0.5], 1, 1, 0.9), "is empty"),
        (lambda: betting_lower_end([0.5, -1.0], 0, 1, 0.9), "a sample is -1, below 0"),
        (lambda: betting_lower_end([0.5], 0, 0, 0.9), "the unit of the samples is 0"),
        (lambda: asymptotic_interval([np.nan], 0.9), "finite numbers"),
        (lambda: rate_interval(5, 3, 0.9), "5 events in 3 samples"),
        (lambda: rate_interval(1, 3, 1.0), "the level is 1.0"),
        (lambda: bonferroni(0.9, 0), "the number of claims is 0"),
        (lambda: holm([2.0], 0.9), "p-values must lie in"),
        (lambda: simulated(BOUNDS["descent_r1"], smooth()), "a run does not show 'next_merged_loss'"),
        (lambda: simulated(BOUNDS["rate_d12"], smooth()), "a simulation does not know U_mean of rate_d12"),
        (lambda: simulated(bound, replace(smooth(), start=(0.0, 1.0))), "a simulation needs a common start"),
        (lambda: simulated(BOUNDS["master_consensus"], replace(quadratic(), lr=50.0)), "outside its region"),
    ]:
        with pytest.raises(OnemergeError, match=words):
            call()
