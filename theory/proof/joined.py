"""Several proofs as one: a statement that rests on all of them is proved only where each of their steps is."""

from theory.proof.step import Proof


def joined(name, *proofs):
    """The steps of all proofs in their order; it concludes what the last one does, given what any of them is given.

    What an earlier proof concludes is no longer an assumption of a later one.
    """
    steps, given, shown = [], [], set()
    for proof in proofs:
        given += [relation for relation in proof.given if relation not in shown]
        steps += [step for step in proof.steps if step not in steps]
        shown |= {step.claim for step in proof.steps}
    return Proof(name, tuple(steps), proofs[-1].concludes, tuple(dict.fromkeys(given)))
