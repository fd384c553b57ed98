"""Theorem 1 and Proposition 2 as an explanation of mergeability: U < 0 and L(θ̄) <= mean L(θ_k) are different things."""

from sim.search.fleet import Fleet, exact_gain
from sim.testbed import function_of
from theory.bounds import BOUNDS
from theory.errors import require
from theory.proof.evidence import Claim, Constant, Instance, Measured, Variant, by_instance
from theory.proof.exactly import exactly, number


def two(function, middle, apart):
    """Two agents of one loss at middle ± apart."""
    return Fleet(function_of(function), (number(middle) + number(apart), number(middle) - number(apart)))


def merge_gap(fleet):
    """L(θ̄) - mean L(θ_k): at most 0 where the models are mergeable with weights 1/m."""
    return fleet.global_derivative() - sum(fleet.global_derivative(0, model) for model in fleet.models) / fleet.agents


def merged_although(function="cos", middle="1/2", apart="1/1000", lr="3/2"):
    """What a merge costs where U, by (D.11), by its repaired form and to all orders, is negative."""
    fleet = two(function, middle, apart)
    values = fleet.values(lr)
    forms = [exactly(BOUNDS[name], **values) for name in ("residual_d11", "residual_homogeneous")]
    require(all(U < 0 for U in (*forms, exact_gain(fleet, lr))), f"U is not negative for {function} at {middle}")
    return Measured(merge_gap(fleet), 0)


def gain_although(function="softplus", middle=-2, apart="1/100", lr=6):
    """U, to all orders, of models whose merge has a lower loss than they have."""
    fleet = two(function, middle, apart)
    require(merge_gap(fleet) < 0, f"the models of {function} at {middle} are not mergeable")
    return Measured(exact_gain(fleet, lr), 0)


def check(effort):
    """U < 0 without mergeability, and mergeability without U < 0."""
    words = "cos, models 0.5 ± 0.001, η = 3/2, all forms of U below 0: L(θ̄) - mean L(θ_k)"
    yield by_instance("printed", Instance(words, merged_although))
    words = "softplus, models -2 ± 0.01, mergeable, η = 6 = 3/(2 L2): U"
    yield by_instance("converse", Instance(words, gain_although))
    fleet = two("cos", "1/2", "1/1000")
    second = fleet.global_derivative(2) * fleet.consensus_distance / 2
    name = "mean L(θ_k) - L(θ̄) of cos at 0.5 ± 0.001: Tr(∇²L Γ)/2 against the gap itself"
    how = "near consensus mergeability is the curvature along Γ, not U"
    yield Constant(name, float(second), float(-merge_gap(fleet)), how)


CLAIM = Claim(
    name="mergeability",
    kind="statement",
    title="Theorem 1 and Proposition 2 explain mergeability",
    variants=(
        Variant(
            "printed",
            "Models with U < 0 are mergeable: the loss of their mean is at most the mean of their losses.",
            r"U^{(t)}<0\;\Rightarrow\;L(\bar\theta)\le\frac1m\sum_kL(\theta_k)",
        ),
        Variant(
            "converse",
            "Mergeable models have U <= 0.",
            r"L(\bar\theta)\le\frac1m\sum_kL(\theta_k)\;\Rightarrow\;U^{(t)}\le0",
            "assumption",
            "read the other way round",
        ),
    ),
    check=check,
    refuted_by="models with U < 0 whose merge has a higher loss than they have on average",
)
