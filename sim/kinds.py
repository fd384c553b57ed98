"""What the fields of the configurations may hold: as their annotations say, so that a wrong kind is one sentence."""

import types
from dataclasses import fields
from numbers import Real
from typing import get_args

from theory.errors import require, shown

WORDS = {int: "a whole number (int)", float: "a number", bool: "True or False", str: "text", types.NoneType: "None"}
WHOLE = 2**63  # the first whole number that 64 bits, and so tensors and arrays, do not hold


def require_kinds(record):
    """OnemergeError unless every field of a dataclass holds a value of the kind that its annotation names.

    A bool is no number. Where a float is named any real number is one, NaN too: limits are of the field's own check.
    Whole numbers are below 2**63 in size.
    """
    for f in fields(record):
        value, kinds = getattr(record, f.name), get_args(f.type) or (f.type,)
        words = " or ".join(WORDS.get(kind, kind.__name__) for kind in kinds)
        require(any(_is_a(value, kind) for kind in kinds), f"{f.name} must be {words}, not {shown(value)}.")
        if isinstance(value, int):
            require(-WHOLE < value < WHOLE, f"{f.name} must be a number below 2**63 in size, not {shown(value)}.")


def _is_a(value, kind):
    if isinstance(value, bool) and kind is not bool:
        return False
    return isinstance(value, Real if kind is float else kind)


def require_instance(instance):
    """OnemergeError unless `instance` seeds a generator: a whole number >= 0, or None (each replica's own seed)."""
    valid = instance is None or instance >= 0
    require(valid, f"instance must be a whole number >= 0, or None (of each seed its own), not {instance}.")
