"""What makes a statement fit to be checked: exact numbers, right units, a region, assumptions that agree."""

import sympy

from theory.errors import require
from theory.notation import NOTATION
from theory.proof.smt import feasible, undefined

FIXED = ("normal_mixing", "symmetric_mixing", "reversible_mixing", "nonnegative_spectrum", "lambda_half")
TOPOLOGIES = ("ring", "ring_half", "path", "star", "exponential", "damped_average")  # each one fixed mixing matrix
SCHEDULES = (
    "one_peer_exponential", "k_peer_exponential", "base_graph", "epidemic_oracle", "epidemic_local", "pairwise_gossip",
    "random_matching", "random_matchings", "random_shifts",
)  # fmt: skip
RATES = ("tuned_lr", "scaled_lr", "square_root_lr", "best_lr", "lian_lr", "decreasing_lr", "varying_lr")
QUADRATICS = ("scalar_quadratics", "weighted_quadratics", "random_quadratics")
EXCLUSIVE = (  # of each group at most one can hold
    (TOPOLOGIES, "a topology is one of them"),
    (SCHEDULES, "gossip is one of them"),
    (RATES, "the learning rate follows one rule"),
    (QUADRATICS, "a loss is one of them"),
)
CONTRADICTIONS = (  # one tag of the first and one of the second cannot hold together, and why
    (FIXED + TOPOLOGIES, SCHEDULES, "one fixed matrix is no gossip that changes from round to round"),
    (("A2",), QUADRATICS, "gradients of a quadratic are not bounded"),
    (("A2",), ("strongly_convex_agents",), "bounded gradients and strong convexity cannot hold on all of R^d"),
    (("linear_losses",), ("strongly_convex_agents", *QUADRATICS), "a linear loss has no curvature"),
    (("homogeneous",), ("distinct_labels",), "agents that share one loss do not differ in their labels"),
    (("parallel",), (*SCHEDULES, "ring", "ring_half", "path", "star"), "parallel SGD averages all agents"),
)


def check_statement(bound):
    """Refuse an upper bound that cannot be checked, with a sentence that says why."""
    require(bound.kind == "upper", f"{bound.name} is of kind {bound.kind!r}; what is checked here is an upper bound")
    for expression in (bound.formula, *bound.where):
        floats = sorted(map(str, sympy.sympify(expression).atoms(sympy.Float)))
        require(not floats, f"{bound.name} has the rounded number {', '.join(floats)}; write it as a Rational")
    unit, about = bound.unit(), NOTATION[bound.about].unit
    require(
        unit == about,
        f"{bound.name} has the unit {_words(unit)}, and what it is about, {bound.about}, has {_words(about)}",
    )
    _agree(bound)
    inside = bound.inside(**bound.example)
    require(feasible(bound.where) is not False, f"{bound.name} holds nowhere: no point fulfils {_all(bound.where)}")
    require(bool(inside), f"the example of {bound.name} lies outside its region: {_all(bound.where)}")
    pole = undefined(bound.formula, bound.where)
    require(
        pole is None,
        f"the formula of {bound.name} is not defined all over its region: {pole} is in a denominator or under a root",
    )


def _agree(bound):
    """The assumptions do not contradict each other."""
    tags = set(bound.assumptions)
    for group, why in EXCLUSIVE:
        both = sorted(tags & set(group))
        require(len(both) < 2, f"{bound.name} assumes {' and '.join(both)}, but {why}")
    for first, second, why in CONTRADICTIONS:
        for one in sorted(tags & set(first)):
            for other in sorted(tags & set(second)):
                require(False, f"{bound.name} assumes {one} and {other}: {why}")


def _words(unit):
    loss, theta = unit
    return f"loss^{loss} theta^{theta}"


def _all(relations):
    return " and ".join(map(str, relations)) or "the domains of its symbols"
