"""Lemma D.1: one step contracts the consensus distance by 1 - p/2 and adds what gradients and noise spread."""

from sympy import Le, Rational, Symbol

from sim.search.spread import drawn_mixing, one_step, random_step
from theory.bounds import corrected, zhu2025
from theory.edge import peers_rate
from theory.notation import symbols
from theory.proof.best import best_constant
from theory.proof.derivations import lemma_d1_with
from theory.proof.evidence import Claim, Constant, Instance, Variant, by_instance
from theory.proof.looseness import evidence_of
from theory.proof.seeded import by_seeds
from theory.proof.step import by_proof

p, agents, sigma, slope_sq, lr = symbols("p agents sigma local_gradient_norm_sq lr")
GOSSIP = {p: peers_rate(16, Rational(1, 5)), agents: 16}  # R = 0.2 among 16 agents
TOUCHING = {"share": "1/4", "start": "1/3", "slope": 1, "lr": "1/2"}  # Ξ = 2 (1 - p)/p η φ
NOISE = {"share": "1/4", "start": 0, "slope": 0, "lr": "1/2", "noise": 1}


def factor(bound, symbol):
    """What multiplies η² times the square of a symbol in the bound, as a function of p and m."""
    return bound.formula.expand().coeff(lr, 2).coeff(symbol).simplify()


def gradient_constant():
    """The `Best` constant c of (1 - p)(Ξ + η φ)² <= (1 - p/2) Ξ² + c η² φ²: the lemma without noise."""
    Xi, step, c = Symbol("Xi", nonnegative=True), Symbol("lr_phi", positive=True), Symbol("c", real=True)
    claim = Le((1 - p) * (Xi + step) ** 2, (1 - p / 2) * Xi**2 + c * step**2)
    return best_constant(claim, c, over={Xi, step})


def check(effort):
    """The proofs, instances that attain the sharp form, random gossip; then the reading without the mixing matrix."""
    printed, sharp = zhu2025.LEMMA_D1, corrected.LEMMA_D1_SHARP
    yield by_proof("sharp", lemma_d1_with(sharp))
    yield by_proof("printed", lemma_d1_with(printed))
    yield evidence_of(printed, "printed")
    yield evidence_of(sharp, "sharp")
    words = "one step of random agents on random doubly stochastic gossip"
    for variant, bound in (("printed", printed), ("sharp", sharp)):
        yield by_seeds(variant, random_step, effort.tries // 8, words, effort.seed, bound=bound.name)
        yield by_instance(variant, Instance("two linear losses, Ξ = 2 (1 - p)/p η φ, p = 3/4", one_step,
                                            {"bound": bound.name} | TOUCHING))  # fmt: skip
        yield by_instance(
            variant, Instance("noise ± 1 of two agents, p = 3/4", one_step, {"bound": bound.name} | NOISE)
        )
    alone = {"bound": printed.name, "chance": "1/2"}
    yield by_instance("noise alone", Instance("W = I is drawn, where W is I or J with chance 1/2: Ξ² stays 1",
                                              drawn_mixing, alone))  # fmt: skip
    where, best = "p = 0.107, R = 0.2 among 16 agents", gradient_constant()
    yield Constant(f"factor of η²φ² at {where}", float(factor(printed, slope_sq).subs(GOSSIP)),
                   float(best.value.subs(GOSSIP)), best.how)  # fmt: skip
    noise = "(1 - p)(1 - 1/m), attained by independent noise"
    yield Constant(f"factor of η²σ² at {where}", float(factor(printed, sigma**2).subs(GOSSIP)),
                   float(factor(sharp, sigma**2).subs(GOSSIP)), noise)  # fmt: skip


CLAIM = Claim(
    name="D.1",
    kind="lemma",
    title="Lemma D.1: the consensus distance after one step",
    variants=(
        Variant(
            "printed",
            "E Ξ² after a step is at most (1 - p/2) Ξ² + 12 (1 - p)/p η² (φ² + σ²), the expectation over W and the "
            "noise, which are independent of each other.",
            zhu2025.LEMMA_D1.latex(),
        ),
        Variant(
            "sharp",
            "The same with (2 - p)(1 - p)/p for φ² and, for noise that is independent across agents, (1 - p)(1 - 1/m) "
            "for σ²: the best constants for the rate 1 - p/2.",
            corrected.LEMMA_D1_SHARP.latex(),
            "constant",
            "(2 - p)(1 - p)/p on the gradients, (1 - p)(1 - 1/m) on the noise, independent across agents",
        ),
        Variant(
            "noise alone",
            "The printed inequality with the expectation over the stochastic gradients alone, for the W that is drawn.",
            r"\mathbb{E}_{\xi}\,\Xi_{t+1}^2\le(1-\tfrac p2)\,\Xi_t^2+\tfrac{12(1-p)}p\eta^2(\phi_t^2+\sigma^2)"
            r"\quad\text{for every drawn }W",
            "assumption",
            "the expectation is over the noise alone, for the W that is drawn",
        ),
    ),
    check=check,
    refuted_by="a law of doubly stochastic matrices and agents whose expected Ξ² after one step is above the bound",
)
