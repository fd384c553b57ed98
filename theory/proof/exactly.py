"""A bound at exact numbers: what an instance may measure, without rounding."""

import sympy

from theory.errors import require
from theory.notation import NOTATION


def exactly(bound, **values):
    """The formula of a `Bound` at exact `values` (integers, Fractions, numbers of sympy or text such as "3/20").

    Floats are refused, and so is a point outside the region of the bound.
    """
    missing = [name for name in bound.symbols if name not in values]
    require(not missing, f"{bound.name} needs {', '.join(missing)}")
    numbers = {NOTATION[name].sympy: number(values[name]) for name in bound.symbols}
    for relation in bound.where:
        require(relation.xreplace(numbers) == sympy.true, f"{bound.name} needs {relation}, got {values}")
    return sympy.sympify(bound.formula).subs(numbers)


def number(value):
    """An exact real number of sympy."""
    exact = sympy.sympify(value, rational=isinstance(value, str))
    require(not exact.atoms(sympy.Float) and exact.is_real, f"{value!r} is no exact real number; write text, '1/10'")
    return exact
