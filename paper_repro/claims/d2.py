"""Corollary D.2: the level that the consensus distance never passes, gradients bounded or slow to shrink."""

from dataclasses import replace

from sympy import Rational, limit

from sim.search.adversary import searched
from sim.search.evidence import simulated
from sim.search.non_iid import noisy_cosines
from sim.search.spread import after_steps
from theory.bounds import corrected, zhu2025
from theory.edge import peers_rate
from theory.notation import symbols
from theory.proof.consensus import corollary_d2, corollary_d2_slow, noise_constant, stationary_constant
from theory.proof.derivations import corollary_d2 as level_proof
from theory.proof.evidence import INTERVALS, Claim, Constant, Instance, Variant, by_instance
from theory.proof.looseness import evidence_of
from theory.proof.step import by_proof

p, agents = symbols("p agents")
GOSSIP = {p: peers_rate(16, Rational(1, 5)), agents: 16}
APART = {"bound": zhu2025.COROLLARY_D2.name, "share": "1/4", "start": 1, "slope": 1, "lr": "1/10", "steps": 1}


def check(effort):
    """A start apart; the inductions; and the sharp level, which linear losses reach."""
    words = "two linear losses, p = 3/4, {} at the start: Ξ² after {}"
    yield by_instance("printed", Instance(words.format("Ξ = 1", "one step"), after_steps, APART))
    together = APART | {"start": 0, "steps": 30}
    yield by_instance("common start", Instance(words.format("Ξ = 0", "30 steps"), after_steps, together))
    yield by_proof("common start", corollary_d2())
    yield by_proof("slow gradients", corollary_d2_slow())
    yield evidence_of(zhu2025.COROLLARY_D2, "common start")
    yield evidence_of(corrected.COROLLARY_D2_SHARP, "sharp")
    yield simulated(zhu2025.COROLLARY_D2, noisy_cosines(), "common start", effort, INTERVALS)
    yield simulated(corrected.COROLLARY_D2_SHARP, noisy_cosines(), "sharp", effort, INTERVALS)
    yield searched(corrected.COROLLARY_D2_SHARP, "sharp", replace(effort, tries=effort.tries // 4))
    sharp = together | {"bound": corrected.COROLLARY_D2_SHARP.name}
    yield by_instance("sharp", Instance(words.format("Ξ = 0", "30 steps, against the sharp level"), after_steps, sharp))
    yield by_proof("sharp", level_proof(corrected.COROLLARY_D2_SHARP))
    level, noise = stationary_constant(), noise_constant()
    printed = 24  # of both; the fixed point of Lemma D.1
    yield Constant("factor of (1 - p)η²φ²/p² as p -> 0", printed, float(limit(level, p, 0)),
                   "(1 + √(1 - p))², the level of two linear losses after long")  # fmt: skip
    yield Constant("factor of (1 - p)η²φ²/p² at p = 0.107", printed, float(level.subs(GOSSIP)), "(1 + √(1 - p))²")
    yield Constant("factor of (1 - p)η²σ²/p² at p = 0.107, m = 16", printed, float(noise.subs(GOSSIP)),
                   "p (1 - 1/m): independent noise adds up in squares")  # fmt: skip


CLAIM = Claim(
    name="D.2",
    kind="corollary",
    title="Corollary D.2: the level of the consensus distance",
    variants=(
        Variant(
            "printed",
            "If φ_t <= φ for all t, E Ξ² is at most 24 (1 - p) η² (φ² + σ²)/p² at every step, whatever the start; "
            "and at "
            "most 48 (1 - p) η² (φ_(t-1)² + σ²)/p² if φ_t² <= (1 + p/4) φ_(t+1)².",
            zhu2025.COROLLARY_D2.latex() + r",\quad " + zhu2025.COROLLARY_D2_SLOW.latex(),
        ),
        Variant(
            "common start",
            "The first part, for agents that start from the same model.",
            r"\Xi_0=0\;\Rightarrow\;" + zhu2025.COROLLARY_D2.latex(),
            "assumption",
            "all agents start from the same model (Ξ_0 = 0)",
        ),
        Variant(
            "slow gradients",
            "The second part, for agents that start from the same model; E Ξ_(t+1)² goes with φ_t, which the printed "
            "proof "
            "moves by one step.",
            r"\Xi_0=0\;\Rightarrow\;" + zhu2025.COROLLARY_D2_SLOW.latex(),
            "assumption",
            "all agents start from the same model (Ξ_0 = 0)",
        ),
        Variant(
            "sharp",
            "From a common start, with noise that is independent across agents, "
            "√(E Ξ²) <= η/p [(1 - p) φ + √((1 - p)(φ² + p (1 - 1/m) σ²))].",
            corrected.COROLLARY_D2_SHARP.latex(),
            "constant",
            "(1 + √(1 - p))² <= 4 on the gradients, p (1 - 1/m) on the noise, independent across agents, from a common "
            "start",
        ),
    ),
    check=check,
    refuted_by="agents whose expected Ξ² passes the level at some step",
)
