"""Attacks on a statement: the search for a point inside its assumptions that violates it, shrunk to an exact instance.

    found = attack(BOUNDS["rate_d12"])             # families are chosen by the symbols and the tags of the record
    found.worst, found.tries, found.effective      # the largest measured/allowed, and how many points tested it
    instance = shrink(BOUNDS["rate_d12"], found)   # an `Instance` of small fractions that exact arithmetic confirms

For a quantity of either sign the ratio is 1 + (measured - allowed)/(|measured| + |allowed|). It is above 1 where the
statement is violated by more than rounding; what does not violate it counts as at most 1. Searches support or refute,
they prove nothing.

    attack(drop(BOUNDS["master_consensus"], "independent_noise"))   # noise may now be correlated over the agents

Tags that widen the attack once they are dropped: "independent_noise", "noise_per_agent", "zero_start", "common_start",
"convex_agents", "strongly_convex_agents", "homogeneous". A bound with a tag that no family meets is refused.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.randomness import stream
from sim.search import quadratic_attack, smooth_attack
from sim.search.climb import search
from sim.search.exact_point import drop, point_of
from sim.search.quadratic_run import QuadraticRun
from sim.search.simplify import simplest
from theory.errors import require
from theory.notation import NOTATION
from theory.proof.evidence import Effort, by_search

__all__ = ["Found", "attack", "drop", "families", "measure", "ratio_of", "searched", "shrink"]

CLEAR = 1e3  # sizes in units of their rounding error from which a point tests a statement
MARGIN = 0.005  # by which the ratio stays above 1 while a violation is shrunk
ENOUGH = 1.02  # a ratio at which the search for a violation ends


@dataclass(frozen=True)
class Found:
    """The largest ratio of an attack, of how many tries inside the assumptions, and the problem that has it."""

    worst: float
    tries: int
    effective: int
    problem: Any
    family: str

    @property
    def violates(self):
        return self.worst > 1


def measure(bound, problem):
    """[`Measured`] of the steps of a run, by the module of its kind."""
    module = quadratic_attack if isinstance(problem, QuadraticRun) else smooth_attack
    return module.measure(bound, problem.each(float))


def ratio_of(bound, points):
    """The largest ratio of `Measured` points, None where there are none beyond rounding."""
    ratios = [_ratio(bound, point) for point in points]
    ratios = [ratio for ratio in ratios if ratio is not None]
    return max(ratios, default=None)


def _ratio(bound, point):
    measured, allowed = float(point.measured), float(point.allowed)
    size = abs(measured) + abs(allowed)
    if size <= CLEAR * point.error:
        return None
    signed = NOTATION[bound.about].domain == "real" or allowed <= 0
    ratio = 1 + (measured - allowed) / size if signed else measured / allowed
    return ratio if point.violates else min(ratio, 1.0)


def families(bound):
    """The families that the symbols and tags of a bound admit, each with all of its assumptions met."""
    chosen = []
    if _knows(quadratic_attack, bound):
        chosen += [quadratic_attack.family(bound, rounds) for rounds in (1, 3)]  # the first are cheap
    if _knows(smooth_attack, bound) and bound.order != "combine_then_adapt":
        if not smooth_attack.starts_together(bound):  # without noise agents of one loss would never part
            chosen.append(smooth_attack.family(bound, homogeneous=True))
        if "homogeneous" not in bound.assumptions:
            chosen.append(smooth_attack.family(bound, homogeneous=False))
    asked = f"{bound.about}, {', '.join(bound.symbols)}, assuming {', '.join(bound.assumptions)}"
    require(chosen, f"no family of problems knows all of {bound.name}: {asked}")
    return chosen


def _knows(module, bound):
    """Whether the problems of a module have the values that the bound asks for and meet all of its assumptions."""
    values = bound.about in module.ABOUTS and set(bound.symbols) <= module.SYMBOLS
    return values and set(bound.assumptions) <= module.MEETS


def attack(bound, family=None, effort=None, seconds=float("inf"), enough=ENOUGH):
    """`Found` of the tries of `effort` (2000), shared by the families of the bound, or of the one that is given."""
    require(bound.kind == "upper", f"{bound.name} is of kind {bound.kind!r}; the search attacks upper bounds")
    effort = effort or Effort()
    chosen = [family] if family else families(bound)
    best, tries, effective = None, 0, 0
    for number, one in enumerate(chosen):
        found = search(
            one,
            lambda problem: ratio_of(bound, measure(bound, problem)),
            stream(effort.seed, "attack", number),
            most=effort.tries // len(chosen),
            seconds=seconds / len(chosen),
            enough=enough,
            polish=True,
        )
        tries, effective = tries + found.tries, effective + found.effective
        if best is None or found.ratio > best[0].ratio:
            best = (found, one.name)
        if found.ratio >= enough:
            break
    return Found(best[0].ratio, tries, effective, best[0].problem, best[1])


def shrink(bound, found):
    """The smallest `Instance` that the moves of `sim.search.simplify` reach, confirmed by exact arithmetic."""
    require(found.violates, f"the largest ratio is {found.worst:.6g}; only a violation, above 1, can be shrunk")
    _, instance = confirmed(bound, found)
    require(instance, f"{bound.name} is violated in floats only: {found.worst - 1:.3g} above 1, which is rounding")
    return instance


def confirmed(bound, found):
    """(largest ratio, `Instance` or None): what exact arithmetic does not confirm was rounding, and counts as 1."""
    if not found.violates:
        return found.worst, None
    together = bool(np.ptp(np.asarray(found.problem.start, dtype=float)) == 0)
    least = 1 + min(0.3 * (found.worst - 1), MARGIN)
    problem = simplest(found.problem, lambda one: ratio_of(bound, measure(bound, one)), together, least)
    ratios = [_ratio(bound, point) or 0.0 for point in measure(bound, problem)]
    if max(ratios, default=0.0) <= 1:
        return 1.0, None
    instance = point_of(bound, problem, ratios.index(max(ratios)))
    return (found.worst, instance) if instance().violates else (1.0, None)


def searched(bound, variant="", effort=None, family=None):
    """The evidence of an attack: it refutes with a shrunk instance, or supports."""
    found = attack(bound, family, effort)
    worst, instance = confirmed(bound, found)
    return by_search(variant or bound.name, worst, found.tries, found.effective, f"attack on {bound.name}", instance)
