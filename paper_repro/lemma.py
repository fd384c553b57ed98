"""A statement of your own, tried by all engines: `check_lemma(bound)` gives the record that a claim of the paper has.

    symbolic      a bound that is proved, of what the statement assumes, and at most the statement: then it is proved
    worst case    exact worst cases of two agents without noise, by semidefinite programs
    search        an attack with losses, mixing matrices, noise and starts inside all assumptions, shrunk to fractions
    simulation    runs of the problem that came nearest in the attack, with an interval valid at any time

An engine that the statement is too wide for says so, and decides nothing.
"""

from dataclasses import replace

from sympy import Le

from paper_repro.ledger import record_of, require_engines
from sim.search.adversary import attack, confirmed
from sim.search.evidence import simulated
from theory.bound import Bound
from theory.bounds import BOUNDS, zhu2025
from theory.errors import OnemergeError
from theory.proof.derivations import consensus_proofs, record
from theory.proof.derivations_descent import descent_proofs
from theory.proof.evidence import UNDECIDED, Claim, Effort, Evidence, Variant, by_search
from theory.proof.looseness import evidence_of
from theory.proof.smt import feasible
from theory.proof.statement import check_statement
from theory.proof.step import Proof, Step, by_proof

IMPLIED = {  # tag: what holds where it does
    "A1": ("doubly_stochastic",),
    "common_start": ("zero_start",),
    "strongly_convex_agents": ("convex_agents",),
}
STATED = "stated"
PRINTED = {found.name for found in vars(zhu2025).values() if isinstance(found, Bound)}  # need more than they say


def check_lemma(bound, effort=None):
    """The record of an upper `Bound` of your own, as `onemerge verify --json` has it for a claim of the paper.

    A statement that cannot be checked (other kinds than upper, rounded numbers, wrong units, an empty region,
    assumptions that contradict each other) is refused with a sentence.
    """
    require_engines("check_lemma")
    check_statement(bound)
    variant = Variant(STATED, bound.statement, bound.latex())
    claim = Claim(bound.name, "lemma", bound.source, (variant,), lambda effort: _evidence(bound, effort),
                  "a point inside its assumptions at which what it is about is above it")  # fmt: skip
    return record_of(claim, effort or Effort())


def _evidence(bound, effort):
    yield _proved(bound)
    yield _tried("worst case", lambda: evidence_of(bound, STATED))
    try:
        found = attack(bound, effort=effort)
    except OnemergeError as error:
        yield _nothing("search", error)
        yield _nothing("simulation", "there is no problem to simulate")
        return
    worst, instance = confirmed(bound, found)
    yield by_search(STATED, worst, found.tries, found.effective, f"attack with {found.family}", instance)
    if found.problem is None:
        yield _nothing("simulation", "no problem of the attack lies inside the region")
        return
    yield _tried("simulation", lambda: simulated(bound, found.problem, STATED, effort))


def _tried(engine, decide):
    """What `decide()` finds, or that the engine does not know all of the statement."""
    try:
        return decide()
    except OnemergeError as error:
        return _nothing(engine, error)


def _nothing(engine, why):
    counted = 0 if engine in ("search", "simulation") else None
    return Evidence(engine, STATED, UNDECIDED, f"not tried: {why}", tries=counted, effective=counted)


def assumed(bound):
    """The tags of a bound, and what they imply."""
    tags = set(bound.assumptions)
    return tags.union(*(IMPLIED.get(tag, ()) for tag in tags))


def _proved(bound):
    """The evidence of the first proof that the statement follows from; else why the last one that was tried fails."""
    found = _nothing("symbolic", "no proved bound on it has these assumptions")
    for proof in followed(bound):
        found = by_proof(STATED, proof)
        if found.outcome != UNDECIDED:
            return found
    return replace(found, steps=())


def followed(bound):
    """The proofs of `bound` from each proved record that speaks about the same under no more assumptions.

    A symbol that only the record has, as the number of agents, stands for any number: the statement holds for all.
    """
    for name, proof in (consensus_proofs() | descent_proofs()).items():
        known = None if name in PRINTED else BOUNDS.get(name)
        if known is None or known.about != bound.about or known.kind != "upper" or known.order not in _orders(bound):
            continue
        if not set(known.assumptions) <= assumed(bound):
            continue
        if feasible((*proof.given, *bound.where)) is False:  # it speaks about other points
            continue
        inside = [Step(r, f"the region of {name}", tuple(bound.where)) for r in known.where if r not in bound.where]
        over = Step(Le(known.formula, bound.formula, evaluate=False), f"compared with {name}", tuple(bound.where))
        last = Step(record(bound), "both together", (proof.concludes, over.claim))
        given = tuple(dict.fromkeys([*proof.given, *bound.where]))
        steps = (*inside, *proof.steps, *([over] if over.claim != last.claim else []), last)
        yield Proof(bound.name, steps, last.claim, given)


def _orders(bound):
    """Orders of a record that speaks about the algorithm of `bound`."""
    return ("either", bound.order) if bound.order != "either" else ("either",)
