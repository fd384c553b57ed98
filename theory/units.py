"""The unit of a formula in the symbols of `theory.notation`, as powers of [loss] and [theta]."""

import sympy

from theory.errors import OnemergeError, require
from theory.notation import NOTATION


def unit_of(expression):
    """(power of [loss], power of [theta]) of a formula; OnemergeError where terms of different units meet."""
    expression = sympy.sympify(expression)
    if expression.is_Symbol:
        return NOTATION[expression.name].unit
    if expression.is_number:
        return (0, 0)
    units = [unit_of(argument) for argument in expression.args]
    if expression.is_Mul:
        return tuple(sum(powers) for powers in zip(*units, strict=True))
    if expression.is_Pow:
        fixed = units[1] == (0, 0) and (expression.exp.is_number or units[0] == (0, 0))
        require(fixed, f"{expression} has no unit: its exponent varies")
        return tuple(power * expression.exp if power else 0 for power in units[0])
    if not (expression.is_Add or isinstance(expression, (sympy.Max, sympy.Min, sympy.Abs))):
        units.append((0, 0))  # sin, log and other functions of plain numbers
    if len(set(units)) > 1:
        terms = zip(expression.args, units, strict=False)
        listed = ", ".join(f"{term} in loss^{loss} theta^{theta}" for term, (loss, theta) in terms)
        raise OnemergeError(f"{expression} mixes units: {listed}")
    return units[0]
