from fractions import Fraction

import numpy as np
import pytest

from sim.spectra import SPECTRA, curvatures
from theory.errors import OnemergeError


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("dim", [1, 2, 3, 50])
def test_every_spectrum_goes_from_mu_to_L(name, dim):
    h = curvatures(name, dim, 0.03, 1.7)
    assert h.shape == (dim,)
    assert h.dtype == np.float64
    assert (np.diff(h) >= 0).all()
    assert h[-1] == 1.7
    assert h[0] == (0.03 if dim > 1 else 1.7)


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_equal_ends_leave_one_curvature(name, dim):
    np.testing.assert_allclose(curvatures(name, dim, 0.7, 0.7), np.full(dim, 0.7), rtol=1e-15)


def test_even_has_equal_differences_and_log_equal_quotients():
    even, log = curvatures("even", 9, 0.2, 3.0), curvatures("log", 9, 0.2, 3.0)
    np.testing.assert_allclose(np.diff(even), 2.8 / 8, rtol=1e-13)
    np.testing.assert_allclose(log[1:] / log[:-1], 15 ** (1 / 8), rtol=1e-13)
    assert log.prod() == pytest.approx((0.2 * 3.0) ** 4.5, rel=1e-12)


@pytest.mark.parametrize("decay", [1, 2, 5])
def test_power_is_the_stated_formula_in_fractions(decay):
    mu, L, dim = Fraction(1, 8), Fraction(3, 2), 6
    last = Fraction(1, dim**decay)
    exact = [mu + (L - mu) * (Fraction(1, i**decay) - last) / (1 - last) for i in range(dim, 0, -1)]
    found = curvatures("power", dim, float(mu), float(L), decay=float(decay))
    np.testing.assert_allclose(found, [float(x) for x in exact], rtol=1e-14)


def test_power_is_a_pure_power_where_mu_fits():
    i = np.arange(1, 41)
    found = curvatures("power", 40, 2.0 * 40**-1.3, 2.0, decay=1.3)
    np.testing.assert_allclose(found[::-1], 2.0 * i**-1.3, rtol=1e-12)
    slope = np.polyfit(np.log(i), np.log(found[::-1]), 1)[0]
    assert slope == pytest.approx(-1.3, abs=1e-10)


def test_slow_decay_tends_to_the_logarithm_without_loss_of_digits():
    """(i^−a − d^−a) / (1 − d^−a) → ln(d/i) / ln d for a → 0."""
    i = np.arange(7, 0, -1)
    found = curvatures("power", 7, 0.1, 1.0, decay=1e-12)
    np.testing.assert_allclose(found, 0.1 + 0.9 * np.log(7 / i) / np.log(7), rtol=1e-11)


def test_fast_decay_leaves_one_coordinate_at_L():
    np.testing.assert_allclose(curvatures("power", 5, 0.1, 1.0, decay=1e4), [0.1, 0.1, 0.1, 0.1, 1.0])


@pytest.mark.parametrize("outliers", [1, 3, 6])
def test_two_counts_its_outliers(outliers):
    h = curvatures("two", 7, 0.01, 1.0, outliers=outliers)
    assert np.unique(h, return_counts=True)[1].tolist() == [7 - outliers, outliers]
    assert h.sum() == pytest.approx(0.01 * (7 - outliers) + outliers)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("flat", 3, 0.1, 1.0), "'flat'; valid: even, power, two, log"),
        (("even", 3, 0.0, 1.0), "mu = 0.0"),
        (("even", 3, 2.0, 1.0), "mu = 2.0 and L = 1.0"),
        (("power", 3, 0.1, 1.0, 0.0), "not 0.0"),
        (("power", 3, 0.1, 1.0, float("nan")), "not nan"),
        (("two", 3, 0.1, 1.0, 1.0, 3), "fewer than the 3 dimensions, not 3"),
        (("two", 3, 0.1, 1.0, 1.0, 0), "not 0"),
        (("two", 3, 0.1, 1.0, 1.0, 1.5), "not 1.5"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(OnemergeError) as error:
        curvatures(*arguments)
    assert named in str(error.value)
    assert "\n" not in str(error.value)
