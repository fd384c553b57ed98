"""The explicit residual (D.8)-(D.11): a lost 1/2, L_4/24 for L_4/6, and a term of the wrong unit."""

from dataclasses import replace

from sim.search.adversary import searched
from sim.search.fleet import Fleet, huber, step_against
from sim.search.random_steps import random_descent
from theory.bounds import BOUNDS, corrected, zhu2025
from theory.errors import require
from theory.notation import symbols
from theory.proof.evidence import Claim, Constant, Instance, Variant, by_instance
from theory.proof.exactly import exactly, number
from theory.proof.seeded import by_seeds
from theory.proof.step import by_proof
from theory.proof.theorem_1 import descent_homogeneous
from theory.proof.unit_check import by_units

lr, T2, L2, L4 = symbols("lr T2 L2 L4")
ONES = dict.fromkeys(symbols("lr agents L1 L2 L3 consensus_distance"), 1)
HALF = {"width": "1/20", "models": ("21/20", "99/100"), "lr": "19/10"}
OUTLIER = {"width": "1/10", "models": ("53/50",) + ("249/250",) * 15, "lr": "1/20"}


def one_step(width, models, lr, residual="residual_d11", scale=1):
    """(D.10) for agents of one smooth Huber loss of that width: what a step exceeds parallel descent by, against lr U.

    With a `scale` s everything is measured in the unit of length s: L(θ/s) at s θ with lr s².
    """
    s = number(scale)
    fleet = Fleet(huber(width, scale), tuple(s * number(model) for model in models))
    require(fleet.consensus_distance <= s**2, "the models lie further apart than Ξ = 1")
    lr = number(lr) * s**2
    return step_against(fleet, lr, exactly(BOUNDS[residual], **fleet.values(lr)))


def check(effort):
    """Two exact steps beyond (D.11), each by one of its constants; its units; the repaired form proved and searched."""
    yield by_units("printed", zhu2025.RESIDUAL_D11)
    words = "two agents at 1.02 ± 0.03 on a smooth Huber loss, η = 1.9: the 1/2 of T2 is lost"
    yield by_instance("printed", Instance(words, one_step, HALF))
    words = "16 agents, one apart, on a smooth Huber loss at its joint, T2 = 0, η = 0.05: L4/24 for L4/6"
    yield by_instance("printed", Instance(words, one_step, OUTLIER))
    yield searched(zhu2025.RESIDUAL_D11, "printed", replace(effort, tries=effort.tries // 4))
    yield by_proof("repaired", descent_homogeneous(corrected.RESIDUAL_HOMOGENEOUS))
    yield by_units("repaired", corrected.RESIDUAL_HOMOGENEOUS)
    yield by_seeds("repaired", random_descent, max(effort.tries // 100, 1), "agents of one loss", effort.seed)
    printed, right = zhu2025.RESIDUAL_D11.formula, corrected.RESIDUAL_HOMOGENEOUS.formula
    yield Constant(
        "factor of (ηL2 - 1) T2", 1.0, float(right.expand().coeff(T2).coeff(L2 * lr)), "e = ∇Tr(∇²L Γ)/2 + ..."
    )
    cubic = lambda formula: formula.subs(lr, 0).subs(T2, 0).expand().coeff(L4)  # noqa: E731
    yield Constant("factor of L4 √m L1 Ξ³ as η -> 0", float(cubic(printed).subs(ONES)), float(cubic(right).subs(ONES)),
                   "Taylor's formula of the gradient")  # fmt: skip
    square = lambda formula: formula.expand().coeff(L4, 2)  # noqa: E731
    yield Constant("factor of m η L2 L4² Ξ⁶", float(square(printed).subs(ONES)), float(square(right).subs(ONES)),
                   "its square, halved")  # fmt: skip
    units = [float(one_step(scale=s, **OUTLIER).allowed) for s in (10, 1)]
    yield Constant("what (D.11) allows one and the same step, by the unit of length: 1/10 against 1", *units,
                   "(ηL2 + L4/24) adds a pure number to one of unit loss/θ⁴")  # fmt: skip


CLAIM = Claim(
    name="D.11",
    kind="equation",
    title="The explicit residual U (D.8)-(D.11)",
    variants=(
        Variant(
            "printed",
            "U = (η L_2 - 1)⟨g, e⟩ + η L_2 |e|²/2, e the mean local gradient less g, is at most (D.11), so that one "
            "step of the merged model descends by (D.10) with (D.11) for U, under A2 and A3 from equal models.",
            zhu2025.RESIDUAL_D11.latex(),
        ),
        Variant(
            "repaired",
            "For agents of one loss, doubly stochastic W and noise that is independent across agents: the same with "
            "T2/2, with L4/6 √m Ξ³ for what Taylor's formula leaves, and with its factor in every term.",
            corrected.RESIDUAL_HOMOGENEOUS.latex(),
            "constant",
            "T2/2 for T2, L4/6 for L4/24 (so 72 for 1152), L4 √m/6 Ξ³ as a factor of the mixed terms, for agents of "
            "one loss, doubly stochastic W and independent noise",
        ),
    ),
    check=check,
    refuted_by="agents of one smooth loss of a larger U, or whose merged model loses more in a step than (D.10) allows",
)
