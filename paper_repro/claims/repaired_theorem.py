"""The repaired theorem: the rate of the merged model with explicit constants, for agents of any smooth losses."""

from dataclasses import replace

from sim.search.adversary import searched
from sim.search.evidence import simulated
from sim.search.non_iid import noisy_cosines
from theory.bounds import corrected
from theory.proof.derivations_descent import descent_r2, master_nonconvex
from theory.proof.evidence import INTERVALS, Claim, Constant, Variant
from theory.proof.looseness import constant_of, evidence_of, looseness
from theory.proof.step import by_proof

GRID = {"slems": (0.3, 0.7, 0.9), "lrs": (0.01, 0.1), "steps": 5}


def check(effort):
    """The proof step by step, exact worst cases, an attack, a simulation, and how loose the rate is."""
    rate = corrected.MASTER_NONCONVEX
    yield by_proof("printed", master_nonconvex(rate))
    yield evidence_of(rate, "printed")
    yield searched(rate, "printed", replace(effort, tries=effort.tries // 2))
    yield simulated(rate, noisy_cosines(), "printed", effort, INTERVALS)
    yield searched(corrected.MASTER_CONSENSUS, "printed", replace(effort, tries=effort.tries // 4))
    yield by_proof("one step", descent_r2(corrected.DESCENT_R2))
    yield searched(corrected.DESCENT_R2, "one step", replace(effort, tries=effort.tries // 4))
    rows = looseness([rate], **GRID)
    yield constant_of(rate, "the whole rate, against exact worst cases without noise, five steps", 1.0, **GRID)
    most = max(row["looseness"] for row in rows)
    yield Constant("the same where it is loosest on the grid", 1.0, 1 / most, "exact worst cases")


CLAIM = Claim(
    name="repaired-theorem",
    kind="theorem",
    title="The repaired theorem: a rate with explicit constants, different data included",
    variants=(
        Variant(
            "printed",
            "For L-smooth losses that differ by at most ζ, noise that is independent across agents, of variance at "
            "most σ² "
            "each, doubly stochastic gossip that is independent of it, and equal models at the start: for η L <= 1 and "
            "η L R < 1 the mean squared gradient is at most 2Δ/(ηT) + ηLσ²/m + η²L²(σ√S + Rζ)²/(1 - ηLR)², where S "
            "and R "
            "are the noise and drift gains of the gossip.",
            corrected.MASTER_NONCONVEX.latex(),
        ),
        Variant(
            "one step",
            "One step of the merged model under the same assumptions, for η L_2 <= 1: "
            "it descends like parallel SGD while the discrepancy of the "
            "mean "
            "gradient is below the gradient.",
            corrected.DESCENT_R2.latex(),
            "constant",
            "one step, by the discrepancy e",
        ),
    ),
    check=check,
    refuted_by="agents inside the assumptions whose mean squared gradient is above the rate",
)
