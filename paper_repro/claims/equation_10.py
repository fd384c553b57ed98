"""Equation (10): the consensus distance is O((1 - p)/p²) as gossip gets sparse."""

from sympy import Rational, limit

from sim.search.fleet import pair
from sim.search.spread import linear_pair
from theory.bounds import zhu2025
from theory.errors import require
from theory.notation import symbols
from theory.proof.consensus import at_most, corollary_d2, stationary_constant
from theory.proof.evidence import Claim, Constant, Instance, Measured, Variant, by_instance
from theory.proof.exactly import exactly, number
from theory.proof.step import Proof, Step, by_proof

p, lr, phi, sigma = symbols("p lr phi sigma")


def start_apart(constant, share="1/4", together=False):
    """Ξ² at t = 0 of two agents apart, against `constant` times (1 - p)/p²: no constant is above all starts."""
    rate = 1 - (1 - 2 * number(share)) ** 2
    order = exactly(zhu2025.EQUATION_10, p=rate)
    start = 0 if together else (number(constant) * order) ** Rational(1, 2) + 1
    return Measured(linear_pair(start, 1).consensus_distance, number(constant) * order)


def settled(share, lr=1):
    """Ξ² at which two linear losses of slopes ± 1 settle: the fixed point (lr λ/(1 - λ))² of adapt-then-combine."""
    kept = 1 - 2 * number(share)
    level = (number(lr) * kept / (1 - kept)) ** 2
    fleet = linear_pair(level ** Rational(1, 2), 1)
    require(fleet.after(lr, pair(share)).consensus_distance == level, f"{level} is no fixed point")
    return level


def order_proof():
    """24 η² (φ² + σ²) (1 - p)/p²: the constant of (10)."""
    level = zhu2025.COROLLARY_D2.formula
    order = at_most(level, 24 * lr**2 * (phi**2 + sigma**2) * zhu2025.EQUATION_10.formula)
    steps = (*corollary_d2().steps, Step(order, "the level of Corollary D.2 is 24 η² (φ² + σ²) times (1 - p)/p²"))
    return Proof("equation (10)", steps, order, corollary_d2().given)


def check(effort):
    """A start apart against any constant; Corollary D.2; and losses that reach the order."""
    apart = Instance("agents apart at t = 0, against 10^6 (1 - p)/p²", start_apart, {"constant": 10**6})
    yield by_instance("printed", apart)
    yield by_proof("common start", order_proof())
    order = zhu2025.EQUATION_10.formula
    ratios = [
        settled(share) / order.subs(p, 1 - (1 - 2 * share) ** 2) for share in (Rational(1, 10**k) for k in (2, 4, 6))
    ]
    yield Constant("factor of η²φ²(1 - p)/p² as p -> 0, from linear losses at p = 4e-6", 24, float(ratios[-1]),
                   f"attained level; the limit is {limit(stationary_constant(), p, 0)}")  # fmt: skip


CLAIM = Claim(
    name="equation-10",
    kind="equation",
    title="Equation (10): how the consensus distance grows as gossip gets sparse",
    variants=(
        Variant(
            "printed",
            "E Ξ² = O((1 - p)/p²) at every step, with a constant that does not depend on the start.",
            zhu2025.EQUATION_10.latex(),
        ),
        Variant(
            "common start",
            "E Ξ² is at most 24 η² (φ² + σ²) (1 - p)/p² for agents that start from the same model. The bound grows "
            "without "
            "limit as p -> 0; the consensus distance itself need not.",
            r"\Xi_0=0\;\Rightarrow\;\mathbb{E}\,\Xi_t^2\le24\,\eta^2(\phi^2+\sigma^2)\,\frac{1-p}{p^2}",
            "assumption",
            "all agents start from the same model (Ξ_0 = 0)",
        ),
    ),
    check=check,
    refuted_by="for every constant, a run whose expected Ξ² passes it times (1 - p)/p²",
)
