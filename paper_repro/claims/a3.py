"""Assumption 3: bounds on the agents' noise bound the noise of their mean by σ²/m only where it is independent."""

from itertools import product

from sympy import Eq, Gt, Le, Rational, Symbol

from paper_repro.claims.exact import by_enumeration, by_opposite
from theory.errors import require
from theory.proof.evidence import Claim, Constant, Instance, Measured, Variant, by_instance
from theory.proof.step import Proof, Step, by_proof

m, sigma = Symbol("m", integer=True, positive=True), Symbol("sigma", positive=True)
n = Symbol("n", integer=True, positive=True)  # m - 1
V, C = Symbol("V", nonnegative=True), Symbol("C", real=True)  # Σ E|n_k|^2; Σ over k != l of E n_k n_l
LAWS = ((1, 1), (1, 2), (3, 1, 2), (2, 5, 1, 1))  # standard deviations of the agents


def mean_square(scales, shared):
    """E((1/m) Σ n_k)^2 of n_k = ± scales[k], with signs of their own, or one sign for all where `shared`.

    Exact, over all 2^m or both patterns of signs.
    """
    agents = len(scales)
    patterns = [(s,) * agents for s in (-1, 1)] if shared else list(product((-1, 1), repeat=agents))
    means = [Rational(sum(s * scale for s, scale in zip(signs, scales, strict=True)), agents) for signs in patterns]
    require(sum(means) == 0, f"the noise of {scales} has mean {sum(means)}, not 0")
    return sum(value**2 for value in means) / len(patterns)


def mean_of_noise(scales, shared):
    """E((1/m) Σ n_k)^2 against σ²/m, where σ² = (1/m) Σ E n_k^2 is what Assumption 3 bounds."""
    sigma_sq = Rational(sum(scale**2 for scale in scales), len(scales))
    return Measured(mean_square(scales, shared), sigma_sq / len(scales))


def proof(independent=True):
    """E|(1/m) Σ n_k|^2 <= σ²/m from (1/m) Σ E|n_k|^2 <= σ² and, where `independent`, no correlation of two agents."""
    given = (m * sigma**2 >= V, *((Eq(C, 0),) if independent else ()))
    last = Le((V + C) / m**2, sigma**2 / m, evaluate=False)
    return Proof(
        "mean of independent noise",
        (Step(last, "E|(1/m) Σ n_k|^2 = (V + C)/m^2, and C = 0 as E n_k·n_l = E n_k·E n_l = 0", given),),
        last,
        given,
    )


def shared_opposite():
    """One noise of variance σ² for all m = n + 1 agents: its mean has the variance σ², above σ²/m for every m >= 2."""
    claim = Gt(sigma**2, sigma**2 / (n + 1), evaluate=False)
    return Proof("shared noise", (Step(claim, "n_k = n for all agents: their mean is n, of variance σ²"),), claim)


def check(effort):
    """Shared noise of two agents; the proof; and all patterns of signs of up to four agents."""
    yield by_instance(
        "printed", Instance("two agents with one noise ±1 for both", mean_of_noise, {"scales": (1, 1), "shared": True})
    )
    yield by_opposite("printed", shared_opposite())
    yield by_proof("independent", proof())
    pairs = [(mean_square(s, False), mean_of_noise(s, False).allowed) for s in LAWS]
    yield by_enumeration("independent", pairs, "two-point noise of 2 to 4 agents", sum(2 ** len(s) for s in LAWS))
    shared = float(mean_square((1,) * 16, True) * 16)
    yield Constant("variance of the mean of shared noise, over σ²/m (m = 16)", 1.0, shared, "both patterns of signs")


CLAIM = Claim(
    name="A3",
    kind="assumption",
    title="Assumption 3: bounded noise, from which σ²/m is concluded",
    variants=(
        Variant(
            "printed",
            "If (1/m) Σ E|∇L_k(θ_k; ξ_k) - ∇L_k(θ_k)|² <= σ², the mean of the agents' noise has variance at most σ²/m, "
            "as Corollary D.4 and Theorem 1 use it.",
            r"\frac1m\sum_kE\|n_k\|^2\le\sigma^2\ \Rightarrow\ E\Big\|\frac1m\sum_kn_k\Big\|^2\le\frac{\sigma^2}m",
        ),
        Variant(
            "independent",
            "The same, where the noise of two agents is independent (or uncorrelated).",
            r"E\langle n_k,n_l\rangle=0\ (k\ne l),\ \frac1m\sum_kE\|n_k\|^2\le\sigma^2"
            r"\ \Rightarrow\ E\Big\|\frac1m\sum_kn_k\Big\|^2\le\frac{\sigma^2}m",
            "assumption",
            "noise is independent across agents",
        ),
    ),
    check=check,
    refuted_by="noise within Assumption 3 whose mean over the agents varies by more than σ²/m",
)
