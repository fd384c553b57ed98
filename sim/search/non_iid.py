"""Two agents whose Hessians differ, exactly: the mandatory test of statements about different data.

L_{1,2}(x) = L(x) ± tilt (L(x) - h x), L a smooth Huber function: x²/2 on [-1, 1], where all models stay, with bounded
derivatives beyond, so that Assumptions 2 and 3 hold on the whole line. For tilt = 1 that is x² - h x and h x there.
On [-1, 1] L has no third derivative, so that T_2 = 0 and the leading term of U is zero, while the mean gradient is
L' + tilt δ, δ the half difference of the models.
"""

from functools import cache

from sympy import Rational

from sim.search.fleet import Fleet, huber, pair, step_against
from sim.search.smooth_run import SmoothRun
from sim.testbed import x
from theory.bounds import BOUNDS
from theory.errors import require
from theory.proof.evidence import Measured
from theory.proof.exactly import exactly, number

WIDTH = 1  # of the bend of the smooth Huber function


def two_agents(h, middle, apart, tilt=1):
    """The agents at middle ± apart, in the core [-1, 1]."""
    h, middle, apart, tilt = map(number, (h, middle, apart, tilt))
    return in_core(
        Fleet(huber(WIDTH), (middle + apart, middle - apart), (tilt, -tilt), huber(WIDTH).expression - h * x)
    )


def in_core(fleet):
    """The agents, all of them in [-1, 1]."""
    require(all(abs(model) <= 1 for model in fleet.models), f"models {fleet.models} leave [-1, 1]")
    return fleet


def one_step(middle="-1/4", apart="1/100", lr="1/2", h="1/10", tilt=1, residual="residual_d11", constant=None):
    """(D.10) for one step: what the loss exceeds parallel descent by, against lr U of that record.

    With a `constant`, against that constant times lr Ξ³, as (9) leaves open which.
    """
    fleet = two_agents(h, middle, apart, tilt)
    if constant is None:
        return step_against(fleet, lr, exactly(BOUNDS[residual], **fleet.values(lr)))
    return step_against(fleet, lr, number(constant) * fleet.consensus_distance ** Rational(3, 2))


def floor(h="1/10", lr="1/2", share="1/4", steps=30, tilt=1, residual="residual_d11", rate="rate_d12"):
    """Mean squared gradient over the steps, from the minimum of L and without noise, against (D.12) with U of (D.11).

    The fixed point has δ = λ lr h/(1 - λ), λ = 1 - 2 share, and θ̄ = -δ: a gradient that no number of steps removes.
    """
    course = _course(h, lr, share, steps, tilt)
    squares = [values["gradient_norm_sq"] for values in course]
    gains = [exactly(BOUNDS[residual], **values) for values in course]
    allowed = exactly(BOUNDS[rate], lr=lr, L2=1, agents=2, sigma=0, steps=steps, initial_gap=0,
                      U_mean=sum(gains) / steps)  # fmt: skip
    return Measured(sum(squares) / steps, allowed)


@cache
def _course(h, lr, share, steps, tilt):
    """The values of every step from the minimum of L, all models in the core."""
    fleet, W, course = two_agents(h, 0, 0, tilt), pair(share), []
    for _ in range(steps):
        course.append(in_core(fleet).values(lr))
        fleet = fleet.after(lr, W)
    return tuple(course)


def noisy_cosines(lr=0.1, steps=60):
    """Three agents on cosines of different heights and slopes, a directed W, noise ± 1/2: a run to simulate."""
    W = ((0.5, 0.3, 0.2), (0.2, 0.5, 0.3), (0.3, 0.2, 0.5))
    heights, slopes = (1.0, 0.5, 1.5), (0.3, -0.1, -0.2)
    return SmoothRun("cos", 1.0, heights, (0.0,) * 3, slopes, W, (2.0,) * 3, (0.5,) * 3, lr, steps)
