"""Remark D.1: no noise and a start at the minimum of the global loss keep all models equal."""

from sympy import Eq, Symbol

from sim.search.fleet import Fleet, huber, pair
from sim.testbed import x
from theory.proof.evidence import Claim, Instance, Measured, Variant, by_instance
from theory.proof.step import Proof, Step, by_proof

model, gradient, lr = Symbol("theta", real=True), Symbol("gradient", real=True), Symbol("eta", positive=True)
share = Symbol("w", nonnegative=True)


def parted(tilt=1, lr="1/2", share="1/4"):
    """Ξ² after one step from θ = 0, the minimum of L, with L_k(x) = L(x) ∓ tilt x: (x ∓ 1)²/2 near 0."""
    fleet = Fleet(huber(1), (0, 0), (tilt, -tilt), -x)
    return Measured(fleet.after(lr, pair(share)).consensus_distance, 0)


def stays():
    """One loss for all: every agent's gradient is that of the minimum, 0, so local steps and gossip change nothing."""
    at_rest = Eq(gradient, 0, evaluate=False)
    moved = Eq(model - lr * gradient, model, evaluate=False)
    last = Eq((1 - share) * (model - lr * gradient) + share * (model - lr * gradient), model, evaluate=False)
    steps = (
        Step(moved, "a local step at a point where the one gradient is 0", (at_rest,)),
        Step(last, "an average of equal models, weights that sum to 1", (moved,)),
    )
    return Proof("models at the minimum stay", steps, last, (at_rest,))


def check(effort):
    """Two losses whose minima differ, and one loss for all."""
    words = "(x - 1)²/2 and (x + 1)²/2 from 0, the minimum of their mean, η = 1/2: Ξ² after one step"
    yield by_instance("printed", Instance(words, parted))
    yield by_proof("one loss", stays())
    yield by_instance("one loss", Instance("the same with one loss for all", parted, {"tilt": 0}))


CLAIM = Claim(
    name="remark-D.1",
    kind="remark",
    title="Remark D.1: Δ = σ = 0 keeps the models equal",
    variants=(
        Variant(
            "printed",
            "Where the noise is zero and all agents start at the minimum of L, Ξ is 0 throughout, also for different "
            "data.",
            r"L(\theta^{(0)})=L^\star,\ \sigma=0\;\Rightarrow\;\Xi_t\equiv0",
        ),
        Variant(
            "one loss",
            "The same where all agents share one loss.",
            r"L_k\equiv L,\ L(\theta^{(0)})=L^\star,\ \sigma=0\;\Rightarrow\;\Xi_t\equiv0",
            "assumption",
            "all agents share one loss (or at least its minimizer)",
        ),
    ),
    check=check,
    refuted_by="a step without noise from the minimum of L after which models differ",
)
