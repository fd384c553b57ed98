"""The best constant of an inequality: in closed form where the worst point can be found, else between two rationals.

Claim: A + B c >= 0 with B >= 0. The best c is the supremum of -A/B. One symbol after the other is put at the ends of
its domain, or where the derivative of the ratio is 0; scalings that leave the ratio as it is set further symbols to 1.
Every value found is approached, so that the first one with which the claim is proved is the best constant.
"""

from dataclasses import dataclass
from itertools import islice

import sympy

from theory.errors import require
from theory.proof.relation import difference, domain, ends
from theory.proof.step import Step, decide

CANDIDATES = 24  # worst points that are tried, one decision each
STEP = sympy.Rational(1, 1000)  # so much less than a closed form has to fail, and so narrow a bracket is


@dataclass(frozen=True)
class Best:
    """`value` in closed form, or None; the best constant lies in [low, high].

    `worst` {symbol: expression} is where the value is attained or approached; `witness` an exact point that refutes
    the constant a little beyond the best one (the end of the bracket, where there is no closed form).
    """

    value: sympy.Expr | None
    low: sympy.Expr
    high: sympy.Expr
    how: str
    worst: dict | None = None
    witness: dict | None = None


def best_constant(claim, symbol, given=(), over=None, tolerance=STEP, seconds=4.0):
    """The smallest (or largest) value of `symbol` with which `claim` holds on the region of its other symbols.

    The claim is affine in `symbol`, and its slope has one sign, which says if larger or smaller values are better. The
    value may depend on the symbols that are not in `over` (default: all are). Where no worst point is found, all have
    to be in `over`, and the value is bracketed by bisection up to the relative `tolerance`.
    """
    free = set().union(*(relation.free_symbols for relation in (claim, *given))) - {symbol}
    over = free if over is None else set(over)
    require(symbol in claim.free_symbols, f"the claim does not depend on {symbol}")
    gap, _ = difference(claim)
    slope = sympy.factor(sympy.expand(gap).diff(symbol))
    require(symbol not in slope.free_symbols, f"the claim is not affine in {symbol}")
    smallest = _shown(sympy.Ge(slope, 0), given, seconds)
    sign = f"the slope {slope} of the claim in {symbol} has no sign that an engine decides"
    require(smallest or _shown(sympy.Le(slope, 0), given, seconds), sign)
    ratio = -sympy.expand(gap).subs(symbol, 0) / slope
    tied = any(relation.free_symbols & over for relation in given if relation != sympy.true)
    for value, worst in islice(_points(ratio, sorted(over, key=str)) if not tied else (), CANDIDATES):
        best = _checked(claim, symbol, given, value, worst, seconds)
        if best is not None:
            return best
    rest = ", ".join(sorted(map(str, free - over)))
    require(free <= over, f"no closed form of the best {symbol} is found, and a bracket cannot depend on {rest}")
    return _bisected(claim, symbol, given, smallest, tolerance, seconds)


def _at(claim, symbol, value, given, seconds):
    """The decision on the claim with a value of the symbol; (relations that sympy evaluates to true are proved)."""
    left, right = (side.subs(symbol, value) for side in claim.args)
    return decide(Step(type(claim)(left, right, evaluate=False), f"{symbol} = {value}", tuple(given)), seconds)


def _shown(relation, given, seconds):
    return decide(Step(relation, "a sign", tuple(given)), seconds).verdict == "proved"


def _checked(claim, symbol, given, value, worst, seconds):
    """The `Best` of a value that is approached at `worst`, or None where it is not enough or `worst` lies outside."""
    if value.has(sympy.oo, -sympy.oo, sympy.zoo, sympy.nan, sympy.I) or not _inside(worst, given, seconds):
        return None
    enough = _at(claim, symbol, value, given, seconds)
    if enough.verdict != "proved":
        return None
    beyond = (value * (1 - STEP), value * (1 + STEP)) if value != 0 else (-STEP, STEP)  # whatever its sign is
    tried = (_at(claim, symbol, other, given, seconds) for other in beyond)
    fails = next((decision for decision in tried if decision.verdict == "refuted"), None)
    if fails is None:
        return None
    point = ", ".join(f"{name} -> {where}" for name, where in worst.items()) or "every point"
    how = f"approached at {point}; enough everywhere by {enough.engine}"
    return Best(value, value, value, how, worst, fails.witness)


def _inside(worst, given, seconds):
    """Do the worst points lie in the closed domains, wherever they are finite?"""
    for symbol, where in worst.items():
        low, _, high = ends(symbol)
        if where.has(sympy.nan, sympy.zoo, sympy.I):
            return False
        if where in (sympy.oo, -sympy.oo):
            continue
        inside = [sympy.Ge(where, low)] if low != -sympy.oo else []
        inside += [sympy.Le(where, high)] if high != sympy.oo else []
        for relation in inside:
            about = [known for known in given if known.free_symbols <= where.free_symbols]
            about.append(sympy.Ne(sympy.denom(sympy.together(where)), 0))
            if not _shown(relation, about, seconds):
                return False
    return True


def _points(ratio, over):
    """(value, {symbol: where}) of the ratio at its possible worst points."""
    powers = [power for power in ratio.atoms(sympy.Pow) if power.base.is_Symbol and power.exp.is_Rational]
    orders = {x: sympy.ilcm(1, 1, *(power.exp.q for power in powers if power.base == x)) for x in ratio.free_symbols}
    roots = {x: sympy.Dummy(x.name, positive=True) for x, order in orders.items() if order > 1}
    inner = ratio.xreplace({x: root ** orders[x] for x, root in roots.items()})
    ranges = {}
    for x in over:
        low, _, high = ends(x)
        ranges[roots.get(x, x)] = (low, high, domain(x)[1])
    outer = {root: x ** sympy.Rational(1, orders[x]) for x, root in roots.items()}
    for value, where in _candidates(sympy.factor(sympy.together(inner)), ranges):
        if value.free_symbols & set(ranges):
            continue
        worst = {x: (where[roots.get(x, x)] ** orders.get(x, 1)).subs(outer) for x in over if roots.get(x, x) in where}
        yield sympy.factor(value.subs(outer)), worst


def _candidates(ratio, ranges):
    """The same for a rational function of variables with `ranges` {variable: (low, high, is it an integer)}."""
    ratio, at = _scaled(ratio, ranges)
    left = [x for x in ranges if x in ratio.free_symbols]
    if not left:
        yield ratio, at
        return
    for x in left:
        for value, where in _in_one(ratio, x, ranges[x]):
            for best, rest in _candidates(value, {y: r for y, r in ranges.items() if y not in (x, *at)}):
                yield best, at | rest | {x: where.subs(rest)}


def _scaled(ratio, ranges):
    """(ratio, {variable: 1}) with as many variables set to 1 as there are scalings that leave the ratio as it is."""
    at = {}
    while True:
        free = [x for x, (low, high, _) in ranges.items() if x in ratio.free_symbols and low == 0 and high == sympy.oo]
        top, bottom = sympy.fraction(ratio)
        if not free or not (top.is_polynomial(*free) and bottom.is_polynomial(*free)):
            return ratio, at
        powers = [powers for part in (top, bottom) for powers in sympy.Poly(part, *free).monoms()]
        kernel = sympy.Matrix([[a - b for a, b in zip(row, powers[0], strict=True)] for row in powers]).nullspace()
        if not kernel:
            return ratio, at
        x = next(x for x, weight in zip(free, kernel[0], strict=True) if weight != 0)
        at[x] = sympy.S.One
        ratio = sympy.factor(ratio.subs(x, 1))


def _in_one(ratio, x, region):
    """(value, where) of the ratio where its derivative in x is 0, and at the ends of the range of x."""
    low, high, integer = region
    top, bottom = sympy.fraction(sympy.cancel(ratio))
    if not (top.is_polynomial(x) and bottom.is_polynomial(x)):
        return
    for end in (low, high):
        value = _limit(sympy.Poly(top, x), sympy.Poly(bottom, x), x, end)
        if value is not None:
            yield value, end
    if integer:
        return
    slope = sympy.expand(top.diff(x) * bottom - top * bottom.diff(x))
    for factor, _ in sympy.factor_list(slope, x)[1]:
        if sympy.degree(factor, x) in (1, 2):
            for root in sympy.roots(factor, x):
                yield sympy.simplify((top / bottom).subs(x, root)), root


def _limit(top, bottom, x, end):
    """The limit of top/bottom, without common factors, at a number or at oo or -oo; None where it is infinite."""
    if end in (sympy.oo, -sympy.oo):
        if top.degree() > bottom.degree():
            return None
        return sympy.factor(top.LC() / bottom.LC()) if top.degree() == bottom.degree() else sympy.S.Zero
    below = bottom.as_expr().subs(x, end)
    return None if below == 0 else sympy.factor(top.as_expr().subs(x, end) / below)


def _bisected(claim, symbol, given, smallest, tolerance, seconds):
    """The bracket of the best value: one end is refuted by a witness, the other is proved."""
    sign = 1 if smallest else -1
    decisions = {}

    def enough(t):
        decisions[t] = _at(claim, symbol, sign * t, given, seconds)
        require(decisions[t].verdict != "unknown", f"no engine decides the claim at {symbol} = {sign * t}")
        return decisions[t].verdict == "proved"

    ladder = [sympy.Integer(2) ** k for k in range(21)]
    if enough(sympy.S.One):
        good = sympy.S.One
        down = [
            *(1 / t for t in ladder[1:]),
            sympy.S.Zero,
            *(-1 / t for t in reversed(ladder)),
            *(-t for t in ladder[1:]),
        ]
        bad = None
        for t in down:
            if not enough(t):
                bad = t
                break
            good = t
        require(bad is not None, f"the claim holds for all {symbol} that were tried, down to {sign * good}")
    else:
        bad, good = sympy.S.One, next((t for t in ladder[1:] if enough(t)), None)
        require(good is not None, f"no value of {symbol} that was tried is enough, up to {sign * ladder[-1]}")
        bad = good / 2
    while good - bad > tolerance * max(abs(good), abs(bad)):
        middle = (good + bad) / 2
        try:
            good, bad = (middle, bad) if enough(middle) else (good, middle)
        except ValueError:
            break
    low, high = sorted((sign * good, sign * bad))
    how = f"between a value that {decisions[bad].engine} refutes and one that {decisions[good].engine} proves"
    return Best(None, low, high, how, None, decisions[bad].witness)
