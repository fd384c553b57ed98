"""Evidence of units: a formula whose terms have different ones changes its meaning with the unit of length."""

from theory.errors import OnemergeError
from theory.proof.evidence import UNDECIDED, Evidence


def by_units(variant, bound):
    """The evidence of units: terms of different ones are no formula that holds in every unit of length."""
    try:
        bound.unit()
        return Evidence("symbolic", variant, UNDECIDED, f"all terms of {bound.name} have the unit {bound.unit()}")
    except OnemergeError as error:
        return Evidence("symbolic", variant, UNDECIDED, f"units: {error}")
