"""Remark D.2: how many agents make room for η > 1/L_2 under the noise term of Theorem 1."""

from sympy import Rational, limit

from theory.errors import require
from theory.notation import symbols
from theory.proof.consensus import at_most
from theory.proof.evidence import Claim, Constant, Instance, Measured, Variant, by_instance
from theory.proof.exactly import number
from theory.proof.step import Proof, Step, by_proof

agents, sigma, ell, epsilon = symbols("agents sigma ell epsilon")


def printed_agents(ell, sigma, epsilon):
    """3 σ²/((2 - ell) ε)."""
    return 3 * sigma**2 / ((2 - ell) * epsilon)


def enough_agents(ell, sigma, epsilon):
    """3 ell σ²/((2 - ell) ε)."""
    return ell * printed_agents(ell, sigma, epsilon)


def noise_term(ell, sigma, agents):
    """What noise adds to the mean squared gradient in (D.12) at η = ell/L_2: ell σ²/((2 - ell) m)."""
    return ell * sigma**2 / ((2 - ell) * agents)


def noise_left(ell="3/2", agents=61, epsilon="1/10", least=printed_agents):
    """The noise term against its share ε/3, for a number of agents above what the condition asks for; σ = 1."""
    ell, epsilon = number(ell), number(epsilon)
    require(1 < ell < 2, f"ell is {ell}; Proposition 2 asks for 1 < ell < 2")
    asked = least(ell, 1, epsilon)
    require(agents > asked, f"{agents} agents are not more than {asked}")
    return Measured(noise_term(ell, 1, agents), epsilon / 3)


def enough(least=enough_agents):
    """The noise term is at most ε/3 where m is at least that many, for every ell in (1, 2)."""
    given = (ell > 1, ell < 2, at_most(least(ell, sigma, epsilon), agents))
    last = at_most(noise_term(ell, sigma, agents), epsilon / 3)
    return Proof("agents that suffice", (Step(last, "divided by (2 - ell) m", given),), last, given)


def needed(part="1/3"):
    """η > 1/L_2 with the noise term at most a `part` of ε implies m ε > σ²/part: 3 σ² for a third, σ² at the best."""
    given = (ell > 1, ell < 2, at_most(noise_term(ell, sigma, agents), number(part) * epsilon), sigma > 0)
    last = sigma**2 < number(part) * agents * epsilon
    return Proof("agents that are needed", (Step(last, "ell/(2 - ell) > 1", given),), last, given)


def check(effort):
    """61 agents where the printed condition asks for more than 60; the factor ell; and what the condition implies."""
    words = "ℓ = 3/2, σ = 1, ε = 1/10, m = 61: the noise term against ε/3"
    yield by_instance("printed", Instance(words, noise_left))
    yield by_proof("with ell", enough())
    yield by_proof("feasible", needed())
    yield Constant("agents times ε/σ² at ℓ = 3/2", float(printed_agents(Rational(3, 2), 1, 1)),
                   float(enough_agents(Rational(3, 2), 1, 1)), "the noise term ℓσ²/((2 - ℓ)m) at most ε/3")  # fmt: skip
    yield Constant("agents times ε/σ² at the least, ℓ -> 1: a third of ε for the noise, all of ε",
                   float(limit(enough_agents(ell, 1, 1), ell, 1)), float(limit(ell / (2 - ell), ell, 1)),
                   "below it η > 1/L_2 leaves too much noise; above it σ²/(mε²) is below 1/ε")  # fmt: skip


CLAIM = Claim(
    name="remark-D.2",
    kind="remark",
    title="Remark D.2: agents that make room for a learning rate above 1/L_2",
    variants=(
        Variant(
            "printed",
            "With m > 3 σ²/((2 - ℓ) ε) agents, η = ℓ/L_2 > 1/L_2 leaves the noise term of (D.12) at most ε/3.",
            r"m>\frac{3\sigma^2}{(2-\ell)\varepsilon}\;\Rightarrow\;\frac{\ell\sigma^2}{(2-\ell)m}\le\frac\varepsilon3",
        ),
        Variant(
            "with ell",
            "The same with m >= 3 ℓ σ²/((2 - ℓ) ε) agents.",
            r"m\ge\frac{3\ell\sigma^2}{(2-\ell)\varepsilon}\;\Rightarrow\;\frac{\ell\sigma^2}{(2-\ell)m}"
            r"\le\frac\varepsilon3",
            "constant",
            "m >= 3 ℓ σ²/((2 - ℓ) ε): the factor ℓ, between 1 and 2, is missing",
        ),
        Variant(
            "feasible",
            "A learning rate above 1/L_2 and the noise condition go together only where m ε > 3 σ², where the term "
            "σ²/(m ε²), the linear speed-up, is below a third of 1/ε.",
            r"\eta>\frac1{L_2},\ \frac{\ell\sigma^2}{(2-\ell)m}\le\frac\varepsilon3\;\Rightarrow"
            r"\;m\varepsilon>3\sigma^2",
            "assumption",
            "m ε > 3 σ², so that noise is no longer what limits the rate",
        ),
    ),
    check=check,
    refuted_by="a number of agents above the printed one at which the noise term exceeds its share of ε",
)
