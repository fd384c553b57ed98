"""The engine for one variable: the line is cut at the real roots of all polynomials, and each piece is decided exactly.

Between two neighboring roots every polynomial has one sign, that of a rational point there; at a root a polynomial is 0
exactly if it has a root in the interval that isolates it. All of it is exact (Sturm sequences of sympy).
"""

from functools import reduce

import sympy

from theory.proof.algebra import system
from theory.proof.relation import Decision


def by_roots(problem, seconds=None):
    """Proved or refuted where everything is a polynomial in one variable, after roots became variables."""
    if problem.claim in (sympy.true, sympy.false):
        return Decision("unknown", "roots", f"evaluates to {problem.claim}")
    try:
        built = system(problem)
    except (NotImplementedError, sympy.PolynomialError) as error:
        return Decision("unknown", "roots", str(error))
    needs = [(polynomial, kind) for polynomial, kind, _ in built.defined]
    relations = [*built.conditions, *needs, built.goal]
    free = set().union(*(sympy.sympify(polynomial).free_symbols for polynomial, _ in relations))
    if len(free) != 1 or built.abstract:
        return Decision("unknown", "roots", f"{len(free)} variables")
    (x,) = free
    split = len(built.conditions)
    polynomials = [sympy.Poly(polynomial, x) for polynomial, _ in relations]
    cells, open_at = _cells([p for p in polynomials if p.degree() > 0]), None
    for low, high in cells:
        signs = [_sign(p, low, high) for p in polynomials]
        truths = [_true(sign, kind) for sign, (_, kind) in zip(signs, relations, strict=True)]
        if not all(truths[:split]) or all(truths[split:]):
            continue
        if not all(truths[split:-1]):
            return Decision("unknown", "roots", f"not defined at {x} in [{low}, {high}]")
        witness = {s: sympy.sympify(built.roots.get(s, s)).subs(x, low) for s in problem.symbols}
        if low == high and problem.violated(witness):
            return Decision("refuted", "roots", "false at an exact point", witness)
        open_at = (low, high)
    if open_at is not None:
        return Decision("unknown", "roots", f"false in [{open_at[0]}, {open_at[1]}], but at no point that was tried")
    return Decision("proved", "roots", f"holds on each of {len(cells)} pieces of the line")


def _cells(polynomials):
    """[(low, high)]: a rational point (low = high) in each piece without roots, and an interval around each root."""
    if not polynomials:
        return [(sympy.S.Zero, sympy.S.Zero)]
    product = reduce(lambda a, b: a.lcm(b), [p.sqf_part() for p in polynomials]).sqf_part()
    intervals = []
    for (low, high), _ in product.intervals():
        while intervals and low <= intervals[-1][1] and low != high:
            low, high = product.refine_root(low, high, steps=1)
        while intervals and intervals[-1][1] >= low:
            intervals[-1] = product.refine_root(*intervals[-1], steps=1)
        intervals.append((low, high))
    if not intervals:
        return [(sympy.S.Zero, sympy.S.Zero)]
    cells = [(intervals[0][0] - 1,) * 2]
    for here, after in zip(intervals, [*intervals[1:], None], strict=True):
        between = (here[1] + after[0]) / 2 if after else here[1] + 1
        cells += [here, (between, between)]
    return cells


def _sign(polynomial, low, high):
    """Sign at a point, or at the one root of all polynomials that lies in [low, high]."""
    if low != high and polynomial.degree() > 0 and polynomial.sqf_part().count_roots(low, high):
        return 0
    value = polynomial.eval((low + high) / 2)
    return int(sympy.sign(value))


def _true(sign, kind):
    return {"=": sign == 0, "!=": sign != 0, ">=": sign >= 0, ">": sign > 0}[kind]
