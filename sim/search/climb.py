"""Random restarts and local search for the largest ratio of what is measured to what a statement allows.

A family says what may vary: discrete choices and numbers. A restart draws 20 points and climbs from the best one, by
random moves of some of its numbers at a scale that is halved after 25 failures. The best point of all is polished by
Nelder and Mead's simplices.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from theory.errors import require

STARTS, FAILURES, FINEST = 20, 25, 0.02
ATTAINED = 0.98  # a ratio from which a climb that stalls has found where the statement is attained
POLISH = 0.15  # share of the tries that the simplices get


@dataclass(frozen=True)
class Family:
    """draw(generator) makes the discrete choices, size(choices) counts the numbers, problem(choices, numbers) is one.

    `problem` gives None where its numbers are outside the assumptions of the statement under attack.
    """

    name: str
    draw: Callable[[np.random.Generator], Any]
    size: Callable[[Any], int]
    problem: Callable[[Any, np.ndarray], Any]


@dataclass(frozen=True)
class Best:
    """The largest ratio, the problem that has it, and of how many `tries` how many were inside the assumptions."""

    ratio: float
    problem: Any
    tries: int
    effective: int


class _Count:
    """The score of a family's points, which remembers the best and counts: the one thing here that changes."""

    def __init__(self, family, score, most, seconds, enough):
        self.family, self.score, self.most, self.enough = family, score, most, enough
        self.ends = time.monotonic() + seconds
        self.ratio, self.problem, self.point, self.tries, self.effective = 0.0, None, None, 0, 0

    def __call__(self, choices, numbers):
        self.tries += 1
        problem = self.family.problem(choices, numbers)
        ratio = None if problem is None else self.score(problem)
        if ratio is None:
            return 0.0
        self.effective += 1
        if ratio > self.ratio:
            self.ratio, self.problem, self.point = ratio, problem, (choices, np.array(numbers))
        return ratio

    def goes_on(self, most):
        return self.tries < most and self.ratio < self.enough and time.monotonic() < self.ends


def search(family, score, generator, most=np.inf, seconds=np.inf, enough=np.inf, polish=False):
    """`Best` of `most` tries or of some seconds, or the first whose ratio is `enough`.

    score(problem) is the ratio, or None where the problem says nothing about the statement, as it is outside of its
    region or too small for float64; such tries are not effective.
    """
    require(np.isfinite(most) or np.isfinite(seconds), "a search needs a number of tries or of seconds to end")
    count = _Count(family, score, most, seconds, enough)
    climbs = most * (1 - POLISH) if polish else most
    while count.goes_on(climbs):
        _climb(count, family, generator, climbs)
    if polish and count.point is not None and count.goes_on(most):
        choices, start = count.point
        minimize(
            lambda numbers: -count(choices, numbers) if count.goes_on(most) else 0.0,
            start,
            method="Nelder-Mead",
            options={"maxfev": int(min(most - count.tries, 10**6)), "xatol": 1e-10, "fatol": 1e-14},
        )
    return Best(count.ratio, count.problem, count.tries, count.effective)


def _climb(count, family, generator, most):
    starts = []
    for spread in generator.choice([0.5, 1, 3], STARTS):
        choices = family.draw(generator)
        starts.append((choices, spread * generator.normal(size=family.size(choices))))
    values = [count(*start) for start in starts]
    (choices, point), here, scale, failures = starts[int(np.argmax(values))], max(values), 1.0, 0
    while scale > FINEST and count.goes_on(most):
        moved = point + scale * generator.normal(size=len(point)) * (generator.random(len(point)) < 0.3)
        value, failures = count(choices, moved), failures + 1
        if value > here:
            point, here, failures = moved, value, 0
        elif failures > FAILURES and ATTAINED < here <= 1:  # such plateaus are wide, and other starts worth more
            return
        elif failures > FAILURES:
            scale, failures = scale / 2, 0
