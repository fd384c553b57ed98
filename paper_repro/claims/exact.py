"""Evidence from exact numbers that several claims use: all cases counted, and proofs of the opposite."""

from dataclasses import replace

import sympy

from theory.proof.evidence import PROVES, REFUTES, SUPPORTS, UNDECIDED, Evidence
from theory.proof.step import by_proof


def by_enumeration(variant, pairs, words, tries):
    """The evidence of exact pairs (counted, stated), which are to be equal, from `tries` cases one by one.

    It supports where every pair agrees, and refutes where one does not: of finitely many cases, it proves nothing.
    """
    pairs = [(sympy.sympify(counted), sympy.sympify(stated)) for counted, stated in pairs]
    wrong = [(counted, stated) for counted, stated in pairs if sympy.simplify(counted - stated) != 0]
    if wrong:
        counted, stated = wrong[0]
        found = f"{words}: counted {counted}, stated {stated}"
        return Evidence("search", variant, REFUTES, found, {"wrong": len(wrong)}, tries=tries, effective=tries)
    found = f"{words}: {len(pairs)} exact equalities from {tries} cases"
    outcome = SUPPORTS if pairs else UNDECIDED
    return Evidence("search", variant, outcome, found, {"equal": len(pairs)}, tries=tries, effective=tries)


def by_opposite(variant, proof):
    """The evidence of a proof of the opposite of the variant: it refutes where `by_proof` would prove."""
    found = by_proof(variant, proof)
    return replace(found, outcome=REFUTES if found.outcome == PROVES else UNDECIDED)


def both(variant, *proofs):
    """The evidence of several proofs that establish the variant together: it proves where each of them does."""
    parts = [by_proof(variant, proof) for proof in proofs]
    failed = next((part for part in parts if part.outcome != PROVES), None)
    found = failed.found if failed else "; ".join(part.found for part in parts)
    numbers = {name: sum(part.numbers[name] for part in parts) for name in parts[0].numbers}
    steps = tuple(step for part in parts for step in part.steps)
    return Evidence("symbolic", variant, failed.outcome if failed else PROVES, found, numbers, steps=steps)
