"""A proof as data: steps that engines decide one by one, each from what is given and from earlier steps.

The scalar engines (`symbolic`, `smt`, `boxes`) decide relations between numbers. What is about vectors, matrices and
expectations enters by a fact (`facts`), whose scalar form is tested on random instances; a cited step is one reading
of that form. The last step is the conclusion: with the formula of a `Bound` record in it, a wrong constant in the
record makes that step fail.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from time import perf_counter

import sympy

from theory.errors import require
from theory.proof.boxes import by_balls
from theory.proof.evidence import PROVES, UNDECIDED, Evidence
from theory.proof.facts import FACTS, tested
from theory.proof.one_variable import by_roots
from theory.proof.relation import Decision, Problem
from theory.proof.smt import by_smt, feasible
from theory.proof.symbolic import by_sympy
from theory.proof.witness import by_points

SECONDS = 4.0  # for one engine on one step


@dataclass(frozen=True)
class Step:
    """`claim`, a relation, holds wherever the relations of `given` do; `why` says it in words.

    `cited` is the name of a fact and `reading` what each of its symbols stands for, as ((name, expression), ...): see
    `cite`. The domains of the symbols (see `relation.domain`) are given too.
    """

    claim: sympy.Basic
    why: str
    given: tuple = ()
    cited: str = ""
    reading: tuple = ()

    def __post_init__(self):
        Problem(self.claim, tuple(self.given))
        require(not self.cited or self.cited in FACTS, f"no fact {self.cited!r}; there are {', '.join(FACTS)}")


def cite(fact, why, **reading):
    """The step that `fact` gives when its symbols are read as expressions; it is given what the fact needs."""
    require(fact in FACTS, f"no fact {fact!r}; there are {', '.join(FACTS)}")
    claim, needs = FACTS[fact].read(reading)
    return Step(claim, why, needs, fact, tuple(reading.items()))


@dataclass(frozen=True)
class Proof:
    """Steps that lead from the relations of `given` to the relation `concludes`, which is the claim of the last one.

    A step is given relations of the proof and claims of earlier steps, nothing else.
    """

    name: str
    steps: tuple
    concludes: sympy.Basic
    given: tuple = ()

    def __post_init__(self):
        require(self.steps, f"{self.name}: a proof has at least one step")
        require(self.steps[-1].claim == self.concludes, f"{self.name}: the last step does not claim the conclusion")
        known = set(self.given)
        for step in self.steps:
            unknown = [relation for relation in step.given if relation not in known]
            require(
                not unknown, f"{self.name}: {step.why!r} is given {unknown}, which is neither given nor shown before"
            )
            known.add(step.claim)


def chain(name, quantity, links, given=(), before=()):
    """The proof of quantity <= last expression of `links`, by quantity <= e1 <= e2 <= ...

    links: (expression, why) or (expression, why, given) each; `before` are steps that come first, and their claims are
    given to every link.
    """
    shown = tuple(step.claim for step in before)
    steps, at = [*before], quantity
    for expression, why, *more in links:
        extra = tuple(more[0]) if more else tuple(given)
        steps.append(Step(sympy.Le(at, expression, evaluate=False), why, (*extra, *shown)))
        at = expression
    last = sympy.Le(quantity, at, evaluate=False)
    if len(links) > 1:
        links_shown = tuple(step.claim for step in steps[len(before) :])
        steps.append(Step(last, "all links together", links_shown))
    return Proof(name, tuple(steps), last, tuple(given))


def decide(step, seconds=SECONDS):
    """The `Decision` on a step: by its fact where one is cited, else by the engines in turn, `seconds` each."""
    start = perf_counter()
    if step.cited:
        return replace(_cited(step), seconds=perf_counter() - start)
    return replace(_by_engines(Problem(step.claim, tuple(step.given)), seconds), seconds=perf_counter() - start)


@lru_cache(maxsize=1000)  # proofs share their first steps
def _by_engines(problem, seconds):
    details = []
    for engine in (by_sympy, by_roots, by_points, by_smt, by_balls):
        decision = engine(problem, seconds)
        if decision.verdict != "unknown":
            return decision
        details.append(f"{decision.engine}: {decision.detail}")
    return Decision("unknown", "none", "; ".join(details))


def _cited(step):
    fact = FACTS[step.cited]
    if fact.read(dict(step.reading)) != (step.claim, tuple(step.given)):
        return Decision("unknown", "facts", f"claim and what is given are no reading of {fact.name}: {fact.claim}")
    violation = tested(fact.name)
    if violation > fact.rounding:
        return Decision("refuted", "facts", f"{fact.name} is violated by {violation:.3g} on a random instance")
    return Decision("cited", "facts", f"{fact.statement} ({fact.source})")


def decided(proof, seconds=SECONDS):
    """[(step, Decision)] of a proof, in its order."""
    return [(step, decide(step, seconds)) for step in proof.steps]


def by_proof(variant, proof, seconds=SECONDS):
    """The evidence of a proof: it proves where every step is proved, or cited from a fact that its tests bear out."""
    assumed = (*proof.given, *(step.claim for step in proof.steps if step.cited))
    require(feasible(assumed) is not False, f"{proof.name}: what is given contradicts itself, so that all would follow")
    pairs = decided(proof, seconds)
    failed = [(step, decision) for step, decision in pairs if decision.verdict not in ("proved", "cited")]
    counts = {name: sum(d.verdict == name for _, d in pairs) for name in ("proved", "cited", "refuted", "unknown")}
    numbers = counts | {"seconds": sum(decision.seconds for _, decision in pairs)}
    if failed:
        step, decision = failed[0]
        found = f"{proof.name}: the step {step.why!r} is {decision.verdict} ({decision.detail})"
        return Evidence("symbolic", variant, UNDECIDED, found, numbers, steps=tuple(pairs))
    found = f"{proof.name}: {counts['proved']} steps decided, {counts['cited']} by facts about vectors"
    return Evidence("symbolic", variant, PROVES, found, numbers, steps=tuple(pairs))
