"""The engine of ball arithmetic: a region is cut into boxes until the claim holds on every ball of numbers in them.

Algebraic claims become polynomials, and a variable without bounds becomes x = s/(1 - s), s in [0, 1]; others (log, exp,
sin, cos, powers) need a bounded region. Only what holds with a margin on the closed region is proved this way: a claim
that is an equality somewhere, or in the limit, stays unknown.
"""

from heapq import heappop, heappush
from itertools import count

import sympy

from theory import balls
from theory.proof.algebra import system
from theory.proof.relation import Decision, ends

DIMENSIONS, DEGREE = 6, 12  # beyond them boxes are hopeless
WORK = 1_000_000  # operations in about a second


@balls.in_balls
def by_balls(problem, seconds=4.0):
    """Proved where the claim holds on all boxes; never refuted."""
    if problem.claim in (sympy.true, sympy.false):
        verdict = "proved" if problem.claim == sympy.true else "unknown"
        return Decision(verdict, "balls", f"evaluates to {problem.claim}")
    try:
        conditions, goals, ranges = _compact(problem)
    except (NotImplementedError, sympy.PolynomialError) as error:
        return Decision("unknown", "balls", str(error))
    names, expressions = list(ranges), [*conditions, *goals, *(pair for pair in goals for _ in ranges)]
    most = int(WORK * seconds / sum(1 + sympy.count_ops(expression) for expression, _ in expressions)) + 1
    conditions = [(_function(expression, names), kind) for expression, kind in conditions]
    goals = [(_function(e, names), [_function(e.diff(n), names) for n in names], kind) for e, kind in goals]
    queue, ticket, seen = [], count(), 0
    heappush(queue, (0.0, next(ticket), [ranges[name] for name in names]))
    while queue:
        _, _, box = heappop(queue)
        seen += 1
        if seen > most:
            return Decision("unknown", "balls", f"{len(queue) + 1} boxes are open after {most}")
        values = [balls.ball(low, high) for low, high in box]
        if any(_fails(function(values), kind) for function, kind in conditions):
            continue
        if all(_surely(*goal, values, box) for goal in goals):
            continue
        wide = max(range(len(names)), key=lambda i: box[i][1] - box[i][0], default=None)
        if wide is None or box[wide][1] - box[wide][0] < sympy.Rational(1, 2**30):
            return Decision("unknown", "balls", "the claim has no margin at some point")
        low, high = box[wide]
        middle = (low + high) / 2
        for part in ((low, middle), (middle, high)):
            cut = [*box[:wide], part, *box[wide + 1 :]]
            heappush(queue, (-float(part[1] - part[0]), next(ticket), cut))
    return Decision("proved", "balls", f"holds on each of {seen} boxes that cover the region")


def _compact(problem):
    """(conditions, goals, {variable: (low, high)}) on a bounded box, exact."""
    try:
        built = system(problem)
    except NotImplementedError:
        built = None
    if built is None or built.abstract:
        return _direct(problem)
    goals = [*((p, k) for p, k, _ in built.defined), built.goal]
    relations = [*built.conditions, *goals]
    free = sorted(set().union(*(sympy.sympify(p).free_symbols for p, _ in relations)), key=str)
    if len(free) > DIMENSIONS:
        raise NotImplementedError(f"{len(free)} variables are too many for boxes")
    bounds = _limits(free, built.conditions)
    ranges, changes = {}, {}
    for variable in free:
        low, high = bounds[variable]
        if low != -sympy.oo and high != sympy.oo:
            ranges[variable] = (low, high)
            continue
        place = sympy.Dummy(variable.name)
        ranges[place] = (sympy.S.Zero, sympy.S.One)
        if low != -sympy.oo:
            changes[variable] = (low * (1 - place) + place, 1 - place)
        elif high != sympy.oo:
            changes[variable] = (high * (1 - place) - place, 1 - place)
        else:
            changes[variable] = (2 * place - 1, place * (1 - place))
    changed = [(_homogeneous(p, changes), kind) for p, kind in relations]
    split = len(built.conditions)
    return changed[:split], changed[split:], ranges


def _homogeneous(polynomial, changes):
    """The polynomial at x = top/bottom for all changes {x: (top, bottom)}, times powers of the positive bottoms."""
    for variable, (top, bottom) in changes.items():
        poly = sympy.Poly(polynomial, variable)
        degree = poly.degree() if not poly.is_zero else 0
        if degree > DEGREE:
            raise NotImplementedError(f"degree {degree} is too large for boxes")
        polynomial = sum((c * top**k * bottom ** (degree - k) for (k,), c in poly.terms()), sympy.S.Zero)
    return sympy.expand(polynomial)


def _limits(free, conditions):
    """{variable: (low, high)} from the conditions that bound one variable by a number."""
    bounds = {variable: [-sympy.oo, sympy.oo] for variable in free}
    for polynomial, kind in conditions:
        if kind == "!=" or len(polynomial.free_symbols) != 1:
            continue
        (variable,) = polynomial.free_symbols
        slope = sympy.diff(polynomial, variable)
        if not slope.is_Rational or slope == 0:
            continue
        edge = -polynomial.xreplace({variable: sympy.S.Zero}) / slope
        if slope > 0 or kind == "=":
            bounds[variable][0] = max(bounds[variable][0], edge)
        if slope < 0 or kind == "=":
            bounds[variable][1] = min(bounds[variable][1], edge)
    return {variable: tuple(pair) for variable, pair in bounds.items()}


def _direct(problem):
    """The same for functions that are not algebraic: as they stand, on a bounded region."""
    conditions = list(problem.hypotheses)
    for symbol in problem.symbols:
        low, _, high = ends(symbol)
        conditions += [(symbol - low, ">=")] if low != -sympy.oo else []
        conditions += [(high - symbol, ">=")] if high != sympy.oo else []
    ranges = _limits(problem.symbols, conditions)
    for symbol, pair in ranges.items():
        if not all(end.is_finite for end in pair):
            raise NotImplementedError(f"{symbol} has no bounds, which functions that are not algebraic need")
    return conditions, [*((side, "finite") for side in problem.claim.args), problem.goal], ranges


def _function(expression, names):
    """The function of balls, in the order of `names`, that an expression is; polynomials as sums of their terms."""
    expression = sympy.sympify(expression)
    if not expression.is_polynomial(*names) or not names:
        return lambda values: balls.evaluate(expression, dict(zip(names, values, strict=True)))
    polynomial = sympy.Poly(expression, *names)
    terms = [(powers, balls.evaluate(coefficient)) for powers, coefficient in polynomial.terms()]
    largest = [max(powers[i] for powers, _ in terms) for i in range(len(names))]

    def value(values):
        tables = [_powers(ball, n) for ball, n in zip(values, largest, strict=True)]
        total = balls.ball(0)
        for powers, coefficient in terms:
            for table, power in zip(tables, powers, strict=True):
                coefficient = coefficient * table[power] if power else coefficient
            total += coefficient
        return total

    return value


def _powers(ball, largest):
    """[1, x, x^2, ...], an even power as one of |x|."""
    powers = [None, ball]
    for n in range(2, largest + 1):
        half = abs(powers[n // 2])
        powers.append(powers[n - 1] * ball if n % 2 else half * half)
    return powers


def _fails(ball, kind):
    """Does `ball kind 0` fail on the whole box?"""
    if not ball.is_finite():
        return False
    below, above = ball < 0, ball > 0
    return bool({">=": below, ">": below or ball <= 0, "=": below or above, "!=": False}[kind])


def _surely(function, slopes, kind, values, box):
    """Does the goal hold on the whole box, by its ball or by the ball of its mean value form?"""
    plain = function(values)
    if _told(plain, kind):
        return True
    if not plain.is_finite():
        return False
    middle = [balls.ball((low + high) / 2) for low, high in box]
    mean = function(middle)
    for slope, value, center in zip(slopes, values, middle, strict=True):
        mean += slope(values) * (value - center)
    return _told(mean, kind)


def _told(ball, kind):
    if not ball.is_finite():
        return False
    return bool({"finite": True, ">=": ball >= 0, ">": ball > 0, "!=": ball > 0 or ball < 0, "=": False}[kind])
