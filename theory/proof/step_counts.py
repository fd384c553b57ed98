"""Proofs of numbers of steps: orders of complexity with explicit constants, from the rates of `theory.bounds`.

An order O(f) hides constants. It is proved by a learning rate and a number of steps T <= C f, with the constant C, at
which the rate is at most epsilon: 1/lr is a sum with one term for each thing that lr must stay below, and the start
costs half of epsilon.
"""

from sympy import Max, sqrt

from theory.bounds import corrected, master, zhu2025
from theory.notation import symbols
from theory.proof.consensus import at_most
from theory.proof.step import Proof, Step

agents, steps, lr, ell, epsilon, gap = symbols("agents steps lr ell epsilon initial_gap")
p, sigma, zeta, L2, L_local = symbols("p sigma zeta L2 L_local")
START = 2 * gap / (lr * steps)
PARALLEL, DECENTRALIZED = 8, 40  # constants of the orders, times smoothness and initial gap


def _reached(name, stated, costs, inverse, where, order, why):
    """Proof of T <= order, T = 4 gap/(lr epsilon), 1/lr = inverse: each cost of `stated` has its part of ε."""
    chosen = {lr: 1 / inverse, steps: 4 * gap * inverse / epsilon}
    listed = [Step(at_most(stated, START + sum(cost for cost, _ in costs)), "the terms of the rate", tuple(where))]
    for relation in where:
        listed.append(Step(relation.subs(chosen), "the learning rate is one that the rate allows"))
    for cost, share in ((START, epsilon / 2), *costs):
        listed.append(Step(at_most(cost.subs(chosen), share), f"what {cost} costs at the chosen lr and T"))
    listed.append(
        Step(at_most(epsilon / 2 + sum(share for _, share in costs), epsilon), "the shares add up to epsilon")
    )
    listed.append(Step(at_most(chosen[steps], order), why))
    return Proof(name, tuple(listed), listed[-1].claim, tuple(where))


def parallel_steps():
    """T <= 8 L_2 Δ (σ²/(m ε²) + 1/ε), the first row of Table 1, from `rate_parallel_sgd`."""
    return _reached(
        "steps of parallel SGD",
        corrected.RATE_PARALLEL_SGD.formula,
        ((lr * L2 * sigma**2 / agents, epsilon / 2),),
        L2 + 2 * L2 * sigma**2 / (agents * epsilon),
        corrected.RATE_PARALLEL_SGD.where,
        PARALLEL * L2 * gap * zhu2025.TABLE1_PARALLEL_SGD.formula,
        "T is at most 8 L2 Delta times the first row of Table 1",
    )


def decentralized_steps():
    """T <= 40 L Δ (σ²/(m ε²) + (√p σ + ζ)/(p ε^(3/2)) + 1/(p ε)): Theorem D.6, the second row of Table 1.

    From `onestep_nonconvex`, the rate by p alone.
    """
    spread = zeta + sqrt(p) * sigma
    return _reached(
        "steps of decentralized SGD",
        master.ONESTEP_NONCONVEX.formula,
        (
            (lr * L_local * sigma**2 / agents, epsilon / 4),
            (24 * lr**2 * L_local**2 * spread**2 / p**2, epsilon / 4),
        ),
        8 * L_local / p + 4 * L_local * sigma**2 / (agents * epsilon) + 10 * L_local * spread / (p * sqrt(epsilon)),
        master.ONESTEP_NONCONVEX.where,
        DECENTRALIZED * L_local * gap * zhu2025.TABLE1_DSGD_KOLOSKOVA.formula,
        "T is at most 40 L Delta times the second row of Table 1",
    )


def matching_steps():
    """`steps_sufficient` is at most a constant times the first row of Table 1: a small U adds no steps."""
    constant = 36 * L2 / (ell * (2 - ell) ** 2)
    last = at_most(corrected.STEPS_SUFFICIENT.formula, constant * gap * zhu2025.TABLE1_PARALLEL_SGD.formula)
    first, second = corrected.STEPS_SUFFICIENT.formula.atoms(Max).pop().args
    entries = [
        Step(at_most(gap * entry, last.args[1]), "an entry of the maximum", (ell < 2,)) for entry in (first, second)
    ]
    steps = (*entries, Step(last, "the larger of both", (ell < 2,)))
    return Proof("no more steps than parallel SGD, up to a constant", steps, last, (ell < 2,))
