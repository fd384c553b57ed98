"""A proof as text: its steps in order, with formulas as plain text or LaTeX, and who decided each."""

import sympy

from theory.bound import KINDS
from theory.notation import NOTATION
from theory.proof.facts import FACTS
from theory.proof.step import decided

_SIGNS = {sympy.Le: "<=", sympy.Ge: ">=", sympy.Lt: "<", sympy.Gt: ">", sympy.Eq: "=", sympy.Ne: "!="}
_TEX = _SIGNS | {sympy.Le: KINDS["upper"], sympy.Ge: KINDS["lower"], sympy.Ne: r"\neq"}


def explain(proof, latex=False):
    """The lines of the argument: what is given, each step with its reason and its `Decision`, the conclusion."""
    numbers = {relation: f"G{i}" for i, relation in enumerate(proof.given, start=1)}
    lines = [f"{proof.name}"]
    lines += [f"  {number}  given: {formula(relation, latex)}" for relation, number in numbers.items()]
    for place, (step, decision) in enumerate(decided(proof), start=1):
        used = ", ".join(numbers[relation] for relation in step.given if relation in numbers)
        lines.append(f"  {place}. {formula(step.claim, latex)}")
        lines.append(f"     {step.why}{f' (from {used})' if used else ''}")
        if step.cited:
            fact = FACTS[step.cited]
            lines.append(f"     fact {fact.name}: {f'${fact.latex}$' if latex else fact.statement}")
        lines.append(f"     {decision.verdict} by {decision.engine} in {decision.seconds:.2f} s: {decision.detail}")
        if decision.witness:
            point = ", ".join(f"{symbol} = {value}" for symbol, value in decision.witness.items())
            lines.append(f"     fails at {point}")
        numbers.setdefault(step.claim, str(place))
    return lines


def formula(relation, latex=False):
    """A relation in one line: plain text in the names of the notation, or LaTeX in its symbols."""
    if not latex or relation in (sympy.true, sympy.false):
        return str(relation) if relation in (sympy.true, sympy.false) else _plain(relation)
    looks = {s: NOTATION[s.name].look for s in relation.free_symbols if s.name in NOTATION}
    sides = [sympy.latex(side.subs(looks, simultaneous=True)) for side in relation.args]
    return f"${sides[0]} {_TEX[type(relation)]} {sides[1]}$"


def _plain(relation):
    left, right = relation.args
    return f"{left} {_SIGNS[type(relation)]} {right}"
