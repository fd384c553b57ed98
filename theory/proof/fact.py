"""A named fact about vectors, matrices or expectations, in a scalar form that proofs cite and random instances test."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sympy

from theory.errors import require


@dataclass(frozen=True)
class Fact:
    """`claim` relates the scalars that its symbols name; `sample(generator)` gives their values on a random instance.

    `statement` and `latex` say the fact itself, `source` where it comes from. `rounding` is the largest violation,
    relative to the sizes of the two sides, that float64 explains.
    """

    name: str
    statement: str
    latex: str
    claim: sympy.Basic
    source: str
    sample: Callable
    rounding: float = 1e-9

    def read(self, reading):
        """The claim with each of its symbols (by name) read as an expression; every symbol needs a reading."""
        names = {symbol.name: symbol for symbol in self.claim.free_symbols}
        require(
            set(reading) == set(names),
            f"{self.name} reads {', '.join(sorted(names))}, got {', '.join(sorted(reading))}",
        )
        values = {symbol: sympy.sympify(reading[name]) for name, symbol in names.items()}
        left, right = (side.subs(values, simultaneous=True) for side in self.claim.args)
        return type(self.claim)(left, right, evaluate=False)

    def check(self, generator, instances=50):
        """The largest violation of the claim on random instances: measured - allowed, relative to their sizes."""
        symbols = sorted(self.claim.free_symbols, key=str)
        sides = sympy.lambdify(symbols, self.claim.args, "numpy")
        worst = -np.inf
        for _ in range(instances):
            values = self.sample(generator)
            left, right = sides(*(values[symbol.name] for symbol in symbols))
            excess = {sympy.Ge: right - left, sympy.Le: left - right}.get(type(self.claim), abs(left - right))
            worst = max(worst, float(excess) / (1e-6 + abs(left) + abs(right)))
        return worst
