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
    relative to the sizes of the two sides, that float64 explains. `needs` are relations that have to be shown first:
    they are meant for every step or agent, the claim for the sum of all.
    """

    name: str
    statement: str
    latex: str
    claim: sympy.Basic
    source: str
    sample: Callable
    rounding: float = 1e-9
    needs: tuple = ()

    @property
    def symbols(self):
        """All symbols to be read, in the order of their names."""
        return sorted(set().union(*(r.free_symbols for r in (self.claim, *self.needs))), key=str)

    def read(self, reading):
        """(claim, needs) with each symbol (by name) read as an expression; every symbol needs a reading."""
        names = {symbol.name: symbol for symbol in self.symbols}
        require(
            set(reading) == set(names),
            f"{self.name} reads {', '.join(sorted(names))}, got {', '.join(sorted(reading))}",
        )
        values = {symbol: sympy.sympify(reading[name]) for name, symbol in names.items()}
        relations = []
        for relation in (self.claim, *self.needs):
            sides = (side.subs(values, simultaneous=True) for side in relation.args)
            relations.append(type(relation)(*sides, evaluate=False))
        return relations[0], tuple(relations[1:])

    def check(self, generator, instances=50):
        """The largest violation of the claim on random instances: measured - allowed, relative to their sizes."""
        violations = [_violation(relation, self.symbols) for relation in (self.claim, *self.needs)]
        worst = -np.inf
        for _ in range(instances):
            values = self.sample(generator)
            point = [values[symbol.name] for symbol in self.symbols]
            claim, *needs = (violation(*point) for violation in violations)
            require(
                all(v <= self.rounding for v in needs), f"{self.name}: an instance is none, as it breaks what is needed"
            )
            worst = max(worst, claim)
        return worst


def _violation(relation, symbols):
    """The function of the symbols' values: left - right of a relation <= (or |left - right| of =) over their sizes."""
    sides = sympy.lambdify(symbols, relation.args, "numpy")

    def violation(*point):
        left, right = sides(*point)
        excess = {sympy.Ge: right - left, sympy.Le: left - right}.get(type(relation), abs(left - right))
        return float(excess) / (1e-6 + abs(left) + abs(right))

    return violation
