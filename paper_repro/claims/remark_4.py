"""Remark 4: where all models are equal, U is zero and the rate is that of parallel SGD."""

from sympy import Eq, Rational, Symbol

from sim.search.fleet import Fleet, exact_gain, huber
from sim.testbed import x
from theory.bounds import corrected, zhu2025
from theory.notation import symbols
from theory.proof.consensus import at_most
from theory.proof.evidence import Claim, Instance, Measured, Variant, by_instance
from theory.proof.exactly import number
from theory.proof.step import Proof, Step, by_proof

lr, L3, T2, U_mean, steps, gap, sigma, L2, agents = symbols("lr L3 T2 U_mean steps initial_gap sigma L2 agents")
spread, inner, square = symbols("consensus_distance discrepancy_inner discrepancy_norm_sq")
TOGETHER = {spread: 0, T2: 0, inner: 0, square: 0}


def vanishes():
    """U of (D.11), its repaired form and the bracket of the descent are 0 at Ξ = 0; (D.12) is then parallel SGD."""
    size = Symbol("T2_size", nonnegative=True)  # |T2| <= |g| L3 Ξ², as |∇Tr(HΓ)| <= L3 Ξ²
    bound = L3 * spread * Symbol("g", nonnegative=True)
    bracket = (lr * L2 - 1) * inner + lr * L2 / 2 * square
    flat = at_most(size, bound)
    rate, parallel = zhu2025.RATE_D12.formula, (2 * gap / (lr * steps) + lr * L2 * sigma**2 / agents) / (2 - lr * L2)
    last = Eq(rate.subs(U_mean, 0), parallel, evaluate=False)
    return Proof(
        "no spread, no U",
        (
            Step(at_most(size, 0), "|T2| <= |g| L3 Ξ²", (flat, Eq(spread, 0))),
            Step(Eq(zhu2025.RESIDUAL_D11.formula.subs(TOGETHER), 0), "(D.11) at Ξ = 0"),
            Step(Eq(corrected.RESIDUAL_HOMOGENEOUS.formula.subs(TOGETHER), 0), "the repaired form at Ξ = 0"),
            Step(Eq(bracket.subs(TOGETHER), 0), "all orders at Ξ = 0, for different losses too: v = g"),
            Step(last, "(D.12) at U = 0, the rate of parallel SGD", (lr * L2 < 2,)),
        ),
        last,
        (flat, Eq(spread, 0), lr * L2 < 2),
    )


def gain(apart, tilt=1):
    """|U|, to all orders, of two agents of different losses at 1/2 ± apart."""
    middle, apart = Rational(1, 2), number(apart)
    fleet = Fleet(huber(1), (middle + apart, middle - apart), (tilt, -tilt), x**2 / 2)
    return Measured(abs(exact_gain(fleet, "1/2")), 0)


def check(effort):
    """The formulas at Ξ = 0, and one instance of different losses."""
    yield by_proof("printed", vanishes())
    yield by_instance("printed", Instance("two different losses, equal models: |U|", gain, {"apart": 0}))


CLAIM = Claim(
    name="remark-4",
    kind="remark",
    title="Remark 4: equal models make decentralized SGD parallel SGD",
    variants=(
        Variant(
            "printed",
            "Where Ξ is 0 throughout (one agent, or an average after every step), U is 0 and the rate is that of "
            "parallel SGD.",
            r"\Xi_t\equiv0\;\Rightarrow\;U^{(t)}\equiv0,\quad T=O\!"
            r"\left(\frac{\sigma^2}{m\varepsilon^2}+\frac1\varepsilon\right)",
        ),
    ),
    check=check,
    refuted_by="equal models whose mean gradient is not the gradient of the global loss",
)
