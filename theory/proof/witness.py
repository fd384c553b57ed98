"""A quick search for an exact point at which a relation fails, before anything is proved."""

from functools import cache

import numpy as np
import sympy

from theory.proof.relation import Decision, domain, ends

SIMPLE = [sympy.Rational(1, 2), sympy.Integer(1), sympy.Integer(2), sympy.Rational(1, 10), sympy.Integer(10)]
POINTS = 3000


def by_points(problem, seconds=None):
    """Refuted at a simple point of the domains, or unknown: floats choose the points, exact numbers decide."""
    if problem.claim == sympy.true:
        return Decision("unknown", "points", "nothing can fail")
    if not problem.symbols:
        failed = problem.violated({})
        return Decision("refuted" if failed else "unknown", "points", "numbers only", {} if failed else None)
    if any(kind == "=" for _, kind in problem.hypotheses):
        return Decision("unknown", "points", "random points do not fulfil an equation")
    sides = [side.doit() for relation in (problem.claim, *problem.given) for side in relation.args]
    if any(side.has(sympy.Integral, sympy.Sum, sympy.Product) for side in sides):
        return Decision("unknown", "points", "a sum or integral has no closed form")
    exponents = set().union(*(power.exp.free_symbols for side in sides for power in side.atoms(sympy.Pow)))
    pools = [_values(symbol, 64 if symbol in exponents else sympy.oo) for symbol in problem.symbols]
    draws = [np.random.default_rng(i).integers(len(pool), size=POINTS) for i, pool in enumerate(pools)]
    arrays = [np.array([float(value) for value in pool])[draw] for pool, draw in zip(pools, draws, strict=True)]
    inside, slack = _floats(problem, arrays)
    sizes = sum(np.array([_length(value) for value in pool])[draw] for pool, draw in zip(pools, draws, strict=True))
    clear = np.flatnonzero(inside & (slack < -1e-9))
    near = np.flatnonzero(inside & (np.abs(slack) <= 1e-9))
    for place in (*clear[np.argsort(sizes[clear], kind="stable")][:5], *near[np.argsort(slack[near])][:3]):
        values = (pool[draw[place]] for pool, draw in zip(pools, draws, strict=True))
        point = dict(zip(problem.symbols, values, strict=True))
        if problem.violated(point):
            return Decision("refuted", "points", "false at an exact point", point)
    return Decision("unknown", "points", f"none of {int(inside.sum())} points inside is against it")


@cache
def _values(symbol, largest):
    """Exact numbers <= largest of a symbol's domain: simple ones, its ends, and random ones over many sizes."""
    generator = np.random.default_rng(0)
    (name, integer), (low, is_open, high) = domain(symbol), ends(symbol)
    random = [sympy.Rational(int(n), int(d)) for n, d in generator.integers(1, 40, size=(60, 2))]
    random += [sympy.Rational(int(n), 7) * sympy.Integer(10) ** int(e) for n, e in _sizes(generator)]
    pool = [*SIMPLE, *random]
    if name == "real":
        pool += [sympy.S.Zero, *(-value for value in pool)]
    if high == 1:
        pool = [value for value in pool if value <= 1] + [1 - value for value in pool if value < 1]
    if integer:
        pool = list(map(sympy.floor, [*pool, *range(1, 18)]))
    pool += [] if is_open or low == -sympy.oo else [low] * 5
    pool += [high] * 5 if high != sympy.oo else []
    return [value for value in pool if (low < value or (value == low and not is_open)) and value <= min(high, largest)]


def _length(number):
    """How much there is to write of a number."""
    return len(str(number)) if not number.is_Integer else max(1, abs(int(number)).bit_length() // 2)


def _sizes(generator):
    return zip(generator.integers(1, 70, size=40), generator.integers(-6, 6, size=40), strict=True)


def _floats(problem, arrays):
    """(inside, slack) in float64: slack is the difference of the claim's sides over their size, below 0 if it fails."""

    def value(expression):
        with np.errstate(all="ignore"):
            result = sympy.lambdify(problem.symbols, sympy.sympify(expression).doit(), "numpy")(*arrays)
        return np.broadcast_to(np.asarray(result, dtype=complex), arrays[0].shape)

    inside = np.ones(arrays[0].shape, dtype=bool)
    for expression, kind in problem.hypotheses:
        v = value(expression)
        good = np.isfinite(v) & (np.abs(v.imag) == 0)
        near = 1e-12 * (1 + np.abs(v.real))
        inside &= good & {"=": np.abs(v.real) <= near, "!=": v.real != 0, ">=": v.real >= -near, ">": v.real > 0}[kind]
    if problem.claim == sympy.false:
        return inside, np.full(arrays[0].shape, -1.0)
    left, right = (value(side) for side in problem.claim.args)
    _, kind = problem.goal
    gap = value(problem.goal[0])
    with np.errstate(all="ignore"):
        relative = gap.real / (np.abs(left) + np.abs(right) + 1e-300)
    good = np.isfinite(relative) & (gap.imag == 0)
    slack = {"=": -np.abs(relative), "!=": np.abs(relative), ">=": relative, ">": relative}[kind]
    return inside & good, slack
