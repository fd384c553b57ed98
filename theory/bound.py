"""The record of one statement about decentralized learning: a formula, where it holds, under what, and who says so.

A `Bound` is data. It evaluates on arrays, refuses points outside its region, prints itself, checks its own units and
can be solved for any of its symbols.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy
from scipy.optimize import brentq

from theory.assumptions import ASSUMPTIONS
from theory.errors import OnemergeError, require
from theory.notation import DOMAINS, NOTATION
from theory.units import unit_of

KINDS = {"equal": "=", "upper": r"\leq", "lower": r"\geq", "order": "="}
ORDERS = ("adapt_then_combine", "combine_then_adapt", "either")
_FACTORS = np.concatenate([np.logspace(-30, -2, 1400), np.logspace(-2, 2, 8000), np.logspace(2, 30, 1400)])
_SCAN = np.unique(np.concatenate([-_FACTORS, [0], _FACTORS, 1 - np.logspace(-12, -2, 500), np.arange(1, 1025)]))


@dataclass(frozen=True)
class Bound:
    """`about` (in expectation, where random) is equal to, at most, at least or of the order of `formula`.

    The region is the domain of every symbol (see `notation`) together with the relations of `where`. A bound of kind
    "order" hides constants, which may carry units: compare slopes, never values. `order` names the algorithm:
    adapt-then-combine gossips after the local step, and its consensus distance is smaller than the one before gossip.
    Inside the region the formula never falls in the symbols of `increasing` and never rises in those of `decreasing`.
    """

    name: str
    about: str
    kind: str
    formula: sympy.Expr
    source: str
    statement: str
    example: dict
    where: tuple = ()
    assumptions: tuple = ()
    order: str = "adapt_then_combine"
    increasing: tuple = ()
    decreasing: tuple = ()

    def __post_init__(self):
        require(self.kind in KINDS, f"{self.name}: kind {self.kind!r} is not one of {', '.join(KINDS)}")
        require(self.order in ORDERS, f"{self.name}: order {self.order!r} is not one of {', '.join(ORDERS)}")
        for tag in self.assumptions:
            require(tag in ASSUMPTIONS, f"{self.name}: assumption {tag!r} is not one of {', '.join(ASSUMPTIONS)}")
        for relation in self.where:
            require(relation.is_Relational, f"{self.name}: `where` has {relation}, which is no relation")
        for name in (*self.increasing, *self.decreasing):
            require(name in self.symbols, f"{self.name}: monotone in {name!r}, which is not one of its symbols")
        for symbol in (self.about, *(s.name for s in self._free)):
            require(symbol in NOTATION, f"{self.name}: symbol {symbol!r} is not one of {', '.join(NOTATION)}")

    @property
    def _free(self):
        return set().union(*(expression.free_symbols for expression in (sympy.sympify(self.formula), *self.where)))

    @cached_property
    def symbols(self):
        """Names of the values that a call needs, in the order of the notation."""
        free = {symbol.name for symbol in self._free}
        return tuple(name for name in NOTATION if name in free)

    @cached_property
    def _functions(self):
        """(formula, relations of `where`) as functions of arrays, one argument a symbol."""
        arguments = [NOTATION[name].sympy for name in self.symbols]
        return [sympy.lambdify(arguments, expression, "numpy") for expression in (self.formula, *self.where)]

    def __call__(self, **values):
        """The formula at `values` (numbers or arrays, broadcast together), which must lie inside the region."""
        arrays = self._arrays(values)
        for condition, holds in self._conditions(arrays):
            if not holds.all():
                point = self._point(arrays, np.argmin(holds))
                raise OnemergeError(f"{self.name} needs {condition}, got {point}")
        return self._evaluate(arrays)

    def arguments(self, known):
        """{symbol: value}, what of `known` a call takes; `known` may hold more. Errors: KeyError where it lacks one."""
        return {name: known[name] for name in self.symbols}

    def inside(self, **values):
        """Where `values` lie inside the region, as an array of booleans of their common shape."""
        arrays = self._arrays(values)
        return np.logical_and.reduce([holds for _, holds in self._conditions(arrays)], axis=0)

    def unit(self):
        """(power of [loss], power of [theta]) of the formula; OnemergeError where its terms do not agree."""
        return unit_of(self.formula)

    def latex(self):
        """The statement as a formula, without dollar signs."""
        about, body = NOTATION[self.about], _latex(self.formula)
        left = rf"\mathbb{{E}}\,{about.latex}" if about.random else about.latex
        right = rf"\mathcal{{O}}\left({body}\right)" if self.kind == "order" else body
        return f"{left} {KINDS[self.kind]} {right}"

    def region_latex(self):
        """The relations of `where` as formulas, without dollar signs; the domains of the symbols are left out."""
        return tuple(_latex(relation) for relation in self.where)

    def _repr_latex_(self):
        region = "".join(rf",\; {relation}" for relation in self.region_latex())
        return f"${self.latex()}{region}$"

    def solve_for(self, name, target, bracket=(-np.inf, np.inf), **values):
        """The value of symbol `name` inside `bracket` and the region at which the formula equals `target`.

        `values` are numbers for the other symbols. Counts are solved for as real numbers. Where several values fit,
        the error lists them, and a bracket picks one.
        """
        require(name in self.symbols, f"{self.name} has no symbol {name!r}; it has {', '.join(self.symbols)}")
        require(name not in values, f"{self.name}: {name} is given and wanted at once")
        given = self._arrays(values | {name: 1.0})
        require(all(a.ndim == 0 for a in given), f"{self.name}: solve_for takes numbers, not arrays")
        for key, (condition, holds) in zip(self.symbols, self._conditions(given), strict=False):
            require(key == name or holds, f"{self.name} needs {condition}, got {key} = {values.get(key)}")
        x = NOTATION[name].sympy
        require(x in self.formula.free_symbols, f"the formula of {self.name} does not depend on {name}")
        known = {NOTATION[key].sympy: sympy.Float(float(value)) for key, value in values.items()}

        def excess(point):
            return self._evaluate(self._arrays(values | {name: point})) - target

        def admitted(points):
            holds = self._conditions(self._arrays(values | {name: points}), real=name)
            return np.logical_and.reduce([h for _, h in holds]) & (points >= bracket[0]) & (points <= bracket[1])

        numerator = sympy.numer(sympy.together(self.formula.subs(known) - sympy.Float(float(target))))
        with np.errstate(all="ignore"):  # outside the region the formula may be anything
            roots = _real_roots(sympy.Poly(numerator, x)) if numerator.is_polynomial(x) else _sign_changes(excess)
            if NOTATION[name].domain == "count":
                roots = np.unique(np.where(np.isclose(roots, np.rint(roots), rtol=1e-9, atol=0), np.rint(roots), roots))
            roots = roots[admitted(roots)]
            roots = [float(r) for r in roots if abs(excess(r)) <= 1e-9 * (abs(target) + _slope(excess, r))]
        near = zip([-np.inf, *roots], roots, strict=False)
        roots = [r for before, r in near if r - before > 1e-7 * abs(r)]  # a double root parts by rounding
        wanted = ", ".join(f"{k} = {v:g}" for k, v in ({self.name: target} | values).items())
        require(roots, f"no {name} in the region and in {bracket} gives {wanted}")
        listed = ", ".join(f"{r:.6g}" for r in roots[:4]) + (", ..." if len(roots) > 4 else "")
        require(len(roots) == 1, f"{len(roots)} values of {name} give {wanted}: {listed}; pick one by a bracket")
        return roots[0]

    def _arrays(self, values):
        unknown, missing = set(values) - set(self.symbols), set(self.symbols) - set(values)
        require(
            not unknown and not missing,
            f"{self.name} takes {', '.join(self.symbols) or 'no values'};"
            f" unknown: {', '.join(sorted(unknown)) or 'none'}; missing: {', '.join(sorted(missing)) or 'none'}",
        )
        return np.broadcast_arrays(*(np.asarray(values[name], dtype=np.float64) for name in self.symbols))

    def _evaluate(self, arrays):
        shape = arrays[0].shape if arrays else ()
        return np.broadcast_to(np.asarray(self._functions[0](*arrays), dtype=np.float64), shape).copy()[()]

    def _conditions(self, arrays, real=None):
        """[(condition in words, array of booleans)]: the domains, then `where`; the count `real` may be a fraction."""
        shape = arrays[0].shape if arrays else ()
        conditions = []
        for name, array in zip(self.symbols, arrays, strict=True):
            domain = "positive" if name == real and NOTATION[name].domain == "count" else NOTATION[name].domain
            words, _, test = DOMAINS[domain]
            conditions.append((f"{name} {words}", test(array)))
        with np.errstate(all="ignore"):  # a value outside its domain may be outside that of the relation
            for relation, function in zip(self.where, self._functions[1:], strict=True):
                conditions.append((str(relation), np.broadcast_to(function(*arrays), shape)))
        return conditions or [("nothing", np.ones(shape, dtype=bool))]

    def _point(self, arrays, index):
        return ", ".join(f"{name} = {a.ravel()[index]:g}" for name, a in zip(self.symbols, arrays, strict=True))


def _latex(expression):
    looks = {NOTATION[s.name].sympy: NOTATION[s.name].look for s in expression.free_symbols}
    shown = expression.subs(looks, simultaneous=True)
    text = sympy.latex(shown, symbol_names={s: s.name for s in shown.free_symbols})
    return text.replace(r"\bmod", r"\;\mathrm{mod}\;")  # which figures can print too


def _real_roots(polynomial):
    """Real roots of a sympy polynomial with float coefficients, ascending."""
    if polynomial.degree() < 1:
        return np.array([])
    # nroots settles for an absolute error: with all roots scaled below 1, 150 digits keep those far smaller too
    lead, *rest = (sympy.Rational(sympy.N(c, 30)) for c in polynomial.all_coeffs())
    scale = 1 + max(abs(c / lead) for c in rest)  # the bound of Cauchy
    scaled = [lead, *(c / scale**k for k, c in enumerate(rest, start=1))]
    found = sympy.Poly(scaled, polynomial.gen, domain="QQ").nroots(n=150, maxsteps=2000)
    roots = float(scale) * np.array([complex(root) for root in found])
    return np.unique(roots.real[np.abs(roots.imag) <= 1e-6 * np.abs(roots)])


def _sign_changes(function):
    """Points of the scanned line at which `function` is zero or changes its sign, a pole included."""
    values = function(_SCAN)
    signs = np.sign(values)  # the product of two small values may vanish
    cells = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    crossings = [brentq(function, _SCAN[i], _SCAN[i + 1], xtol=1e-40, rtol=1e-14, disp=False) for i in cells]
    return np.unique(np.concatenate([_SCAN[values == 0], crossings]))


def _slope(function, point):
    """|x f'(x)|, the change of the function for a relative change of its argument."""
    return abs(function(point * (1 + 1e-6)) - function(point)) / 1e-6
