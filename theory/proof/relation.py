"""What an engine gets: one relation between exact expressions, with the relations and domains under which it is meant.

A symbol of `theory.notation` has the domain of the notation (p in (0, 1], counts are integers from 1); any other symbol
has what its assumptions say, and needs to be real. Counts count as real numbers >= 1 where a claim is proved, and as
integers where it is refuted. Floats are refused: a rounded number proves nothing.
"""

from dataclasses import dataclass, field
from functools import cached_property

import sympy

from theory import balls
from theory.errors import require
from theory.notation import NOTATION

KINDS = {sympy.Eq: "=", sympy.Ne: "!=", sympy.Le: ">=", sympy.Ge: ">=", sympy.Lt: ">", sympy.Gt: ">"}
_ENDS = {  # domain: (low, is low open, high); the high end belongs to it where it is finite
    "real": (-sympy.oo, True, sympy.oo),
    "positive": (sympy.S.Zero, True, sympy.oo),
    "nonnegative": (sympy.S.Zero, False, sympy.oo),
    "rate": (sympy.S.Zero, True, sympy.S.One),
    "ratio": (sympy.S.Zero, False, sympy.S.One),
    "count": (sympy.S.One, False, sympy.oo),
}
_PLAIN = [  # what sympy knows of symbols whose domains say all of it
    sympy.Dummy(**dict.fromkeys(("real", *names), True)).assumptions0
    for sign in ((), ("positive",), ("nonnegative",))
    for names in (sign, (*sign, "integer"))
]


@dataclass(frozen=True)
class Decision:
    """`verdict` is "proved", "refuted", "unknown" or "cited"; `witness` {symbol: exact number} where it is refuted."""

    verdict: str
    engine: str
    detail: str = ""
    witness: dict | None = None
    seconds: float = 0.0


def domain(symbol):
    """(name of the domain, is it of integers) of a symbol."""
    known = NOTATION.get(symbol.name)
    if known is not None and known.sympy == symbol:
        return known.domain, known.domain == "count"
    require(
        symbol.is_real,
        f"symbol {symbol} has no domain: take one of the notation, or Symbol({symbol.name!r}, real=True)",
    )
    require(not symbol.is_negative, f"symbol {symbol} is negative: write its negative as a positive symbol")
    require(
        any(symbol.assumptions0 == plain for plain in _PLAIN),
        f"symbol {symbol} assumes more than a domain says: take real, nonnegative or positive, and integer or not",
    )
    if symbol.is_integer and symbol.is_positive:
        return "count", True
    name = "positive" if symbol.is_positive else "nonnegative" if symbol.is_nonnegative else "real"
    return name, bool(symbol.is_integer)


def ends(symbol):
    """(low, is low open, high) of a symbol's domain, exact or infinite."""
    return _ENDS[domain(symbol)[0]]


def difference(relation):
    """(expression, kind): the relation is expression kind 0, kind one of =, !=, >=, >."""
    require(type(relation) in KINDS, f"{relation} is no relation of Eq, Ne, Le, Ge, Lt, Gt")
    left, right = relation.args
    greater = isinstance(relation, (sympy.Ge, sympy.Gt))
    return (left - right if greater else right - left), KINDS[type(relation)]


def negated(kind, expression):
    """[(expression, kind)] whose disjunction is the negation of expression kind 0."""
    return {
        ">=": [(-expression, ">")],
        ">": [(-expression, ">=")],
        "=": [(expression, "!=")],
        "!=": [(expression, "=")],
    }[kind]


@dataclass(frozen=True)
class Problem:
    """`claim` is to be shown wherever `given` hold and every symbol is in its domain."""

    claim: sympy.Basic
    given: tuple = field(default=())

    def __post_init__(self):
        for relation in (self.claim, *self.given):
            relation = sympy.sympify(relation)
            require(
                not relation.atoms(sympy.Float), f"{relation} has a float: give exact numbers such as Rational(1, 6)"
            )
            require(
                relation in (sympy.true, sympy.false) or type(relation) in KINDS,
                f"{relation} is no relation of Eq, Ne, Le, Ge, Lt, Gt",
            )
        for symbol in self.symbols:
            domain(symbol)

    @cached_property
    def symbols(self):
        free = set().union(*(sympy.sympify(r).free_symbols for r in (self.claim, *self.given)))
        return tuple(sorted(free, key=str))

    @cached_property
    def goal(self):
        """(expression, kind) of the claim."""
        return difference(self.claim)

    @cached_property
    def hypotheses(self):
        """[(expression, kind)] of `given`, without those that are always true."""
        return [difference(relation) for relation in self.given if relation != sympy.true]

    def inside(self, point):
        """Does `point` {symbol: exact number} lie in the domains and fulfil what is given? None where that is open."""
        for symbol in self.symbols:
            low, is_open, high = ends(symbol)
            value = point[symbol]
            if domain(symbol)[1] and not value.is_integer:
                return False
            if not (low < value if is_open else low <= value) or not value <= high:
                return False
        answers = [holds(*hypothesis, point) for hypothesis in self.hypotheses]
        return False if False in answers else None if None in answers else True

    def violated(self, point):
        """Is `point` inside and the claim false there, in exact arithmetic?"""
        if self.inside(point) is not True:
            return False
        if self.claim == sympy.false:
            return True
        defined = all(sign_of(side.xreplace(point)) is not None for side in self.claim.args)
        return defined and holds(*self.goal, point) is False


def holds(expression, kind, point):
    """expression kind 0 at exact numbers: True, False, or None where it is undefined or too close to tell."""
    sign = sign_of(sympy.sympify(expression).xreplace(point))
    if sign is None:
        return None
    return {"=": sign == 0, "!=": sign != 0, ">=": sign >= 0, ">": sign > 0}[kind]


def sign_of(number):
    """Sign of an exact real number, None where it is undefined or not told apart from 0."""
    number = number.doit() if number.has(sympy.Integral, sympy.Sum) else number
    if number.is_Rational:
        return int(sympy.sign(number))
    if number.has(sympy.Integral, sympy.Sum, sympy.nan, sympy.zoo, sympy.oo, -sympy.oo, sympy.I) or number.free_symbols:
        return None
    enclosed = balls.evaluate(number)
    if enclosed > 0 or enclosed < 0:
        return 1 if enclosed > 0 else -1
    return 0 if sympy.simplify(number) == 0 else None
