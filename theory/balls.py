"""Ball arithmetic: numbers of 256 bits with a proved error, from formulas, eigenvalues and pivots (python-flint's arb).

Every function returns a ball or a pair of float64 that contains the exact value, or says that it cannot.
"""

from functools import wraps
from math import inf, nextafter

import numpy as np
import sympy
from sympy.codegen.cfunctions import log2

from theory.errors import OnemergeError, require

BITS = 256


def flint():
    """The module flint of python-flint."""
    try:
        import flint
    except ImportError as error:
        raise OnemergeError("proved enclosures need python-flint; install onemerge with its extra 'rigor'") from error
    return flint


def in_balls(function):
    """`function` with a working precision of BITS bits, whatever the caller's is."""

    @wraps(function)
    def precise(*arguments, **options):
        with flint().ctx.workprec(BITS):
            return function(*arguments, **options)

    return precise


def ball(low, high=None):
    """The ball of a float, int or Fraction, or the smallest one around two of them."""
    arb = flint().arb
    if high is not None:
        return ball(low).union(ball(high))
    if isinstance(low, (float, int, np.floating, np.integer)):
        return arb(low.item() if isinstance(low, np.generic) else low)
    return arb(low) if isinstance(low, arb) else arb(low.numerator) / low.denominator


def outward(value):
    """(low, high) in float64 around a ball."""
    low, high = float(value.lower()), float(value.upper())
    return (low if ball(low) <= value else nextafter(low, -inf), high if ball(high) >= value else nextafter(high, inf))


def _end(choose):
    return lambda *balls: choose(balls[0], _end(choose)(*balls[1:])) if len(balls) > 1 else balls[0]


def _rational_power(base, exponent):
    """base**(p/q), also for a ball around 0: its own operator answers such a one with nan."""
    root = base if exponent.q == 1 else base.sqrt() if exponent.q == 2 else base.root(exponent.q)
    factor = abs(root) if exponent.p % 2 == 0 else root
    power = np.prod(np.array([factor] * abs(int(exponent.p)), dtype=object))
    return power if exponent.p > 0 else 1 / power


@in_balls
def evaluate(formula, values=None):
    """The ball of a sympy expression of rationals, pi, sin, cos, exp, log, Abs, +, *, powers, roots, Max and Min.

    `values` {symbol: ball} for its symbols; where the expression is not defined on all of them the ball is not finite.
    """
    arb = flint().arb
    nodes = {
        sympy.Add: lambda *terms: sum(terms, arb(0)),
        sympy.Mul: lambda *factors: np.prod(np.array(factors, dtype=object)),
        sympy.sin: arb.sin,
        sympy.cos: arb.cos,
        sympy.Pow: lambda base, exponent: base**exponent,
        sympy.exp: arb.exp,
        sympy.log: arb.log,
        sympy.Abs: abs,
        sympy.Max: _end(arb.max),
        sympy.Min: _end(arb.min),
        log2: lambda x: x.log() / arb.const_log2(),
    }

    def walk(node):
        if node.is_Rational:
            return arb(int(node.p)) / int(node.q)
        if node is sympy.pi:
            return arb.pi()
        if node.is_Symbol and values and node in values:
            return values[node]
        if node.is_Pow and node.exp.is_Rational:
            return _rational_power(walk(node.base), node.exp)
        require(node.func in nodes, f"{node} has no ball: {node.func.__name__} is none of the functions known here")
        return nodes[node.func](*map(walk, node.args))

    return walk(sympy.sympify(formula))


@in_balls
def sine_squares(agents):
    """sin²(πr/n) for r = 0..n/2, float64, each within a relative 2^-52 of the exact value."""
    arb, n = flint().arb, int(agents)
    return np.array([float(((arb(r) / n).sin_pi() ** 2).mid()) for r in range(n // 2 + 1)])


@in_balls
def negative_pivots(diagonal, rows):
    """Number of negative pivots of a symmetric matrix of balls, or None where the sign of one is open.

    diagonal [n] balls; rows [n] {column: ball} of the upper triangle; both are used up. The factorization K D Kᵀ takes
    the pivots in their order, so by Sylvester's law D has as many negative entries as the matrix has eigenvalues.
    """
    negative = 0
    for pivot, row in zip(diagonal, rows, strict=True):
        if not (pivot < 0 or pivot > 0):
            return None
        negative += bool(pivot < 0)
        entries = sorted(row.items())
        for place, (i, entry) in enumerate(entries):
            share = entry / pivot
            diagonal[i] -= share * entry
            target = rows[i]
            for j, other in entries[place + 1 :]:
                target[j] = target[j] - share * other if j in target else -share * other
        row.clear()
    return negative


def triangle(M):
    """(diagonal, rows) of `negative_pivots` for an arb_mat."""
    n = M.nrows()
    return [M[i, i] for i in range(n)], [{j: M[i, j] for j in range(i + 1, n)} for i in range(n)]
