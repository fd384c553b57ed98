"""Exact or 40-digit steps of random agents on the functions of the testbed: a search for violations of the descent."""

import sympy
from sympy import Rational

from sim.randomness import stream
from sim.search.fleet import Fleet, exact_gain, step_against
from sim.testbed import TESTBED, x
from theory.bounds import BOUNDS
from theory.proof.evidence import Measured
from theory.proof.exactly import exactly

SMOOTH = ("cos", "log_cosh", "pseudo_huber", "softplus", "gaussian_well", "smooth_huber")


def random_fleet(seed, tilted=False):
    """(agents of random models around a random point, lr with 0 < lr L_2 < 2), all fractions."""
    generator = stream(seed, "random descent")
    function = TESTBED[SMOOTH[generator.integers(len(SMOOTH))]]
    m = int(generator.integers(2, 5))
    middle, size = Rational(int(generator.integers(-300, 301)), 100), Rational(1, int(10 ** generator.uniform(0, 3)))
    models = [middle + size * Rational(int(n), 20) for n in generator.integers(-20, 21, m)]
    tilts = [Rational(int(n), 10) for n in generator.integers(-10, 11, m - 1)] if tilted else [0] * (m - 1)
    lr = Rational(int(generator.integers(1, 40)), 20) * Rational(99, 100) / function.norms[1]
    return Fleet(function, models, (*tilts, -sum(tilts)), sympy.sin(x)), lr


def random_descent(seed, tilt=0, residual="residual_homogeneous"):
    """(D.10) for one step of random agents against lr U: of the `residual` for one loss, to all orders for tilt = 1.

    The sides may have any sign: both are shifted alike, which keeps their order, so that their ratio says how close.
    """
    fleet, lr = random_fleet(seed, bool(tilt))
    if fleet.consensus_distance == 0:
        return None
    U = exact_gain(fleet, lr) if tilt else exactly(BOUNDS[residual], **fleet.values(lr))
    point = step_against(fleet, lr, U)
    shift = abs(sympy.N(point.allowed, 30)) + lr * fleet.consensus_distance
    return Measured(sympy.N(point.measured - point.allowed + shift, 30), sympy.N(shift, 30), sympy.Float("1e-20"))
