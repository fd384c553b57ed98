"""Corollary D.4: the mean squared step of the merged model needs independent noise and one loss."""

from itertools import product

from sympy import Gt, Integer, Le, Rational, Symbol

from paper_repro.claims.exact import by_enumeration, by_opposite
from theory.errors import require
from theory.proof.evidence import Claim, Instance, Measured, Variant, by_instance
from theory.proof.step import Proof, Step, by_proof, cite
from theory.remainder import GAUSSIAN_CUBE, kappa, kernel

m, sigma, eta = Symbol("m", integer=True, positive=True), Symbol("sigma", positive=True), Symbol("eta", positive=True)
total, whole, mean_noise = (Symbol(s, nonnegative=True) for s in ("V", "mean_sq", "noise_sq"))
bias = Symbol("v_sq", nonnegative=True)
L4_CORE = 6  # of the smooth Huber function of width 1, above its 10/√3


def step_square(gradients, noises, shared=False):
    """E(mean of the gradients + noise)^2, noise ± noises[k] with signs of their own, or one for all where `shared`."""
    agents = len(gradients)
    patterns = [(s,) * agents for s in (-1, 1)] if shared else list(product((-1, 1), repeat=agents))
    moves = [sum(Rational(g) + s * Rational(n) for g, s, n in zip(gradients, signs, noises, strict=True)) / agents
             for signs in patterns]  # fmt: skip
    return sum(move**2 for move in moves) / len(patterns)


def shared_noise(slope, noise, agents, shared=True):
    """Linear losses of one slope, in consensus: E|step|²/η² against σ²/m + slope², the bias and δ being 0."""
    require(agents >= 1, f"agents is {agents}; it must be at least 1")
    measured = step_square((slope,) * agents, (noise,) * agents, shared)
    return Measured(measured, Rational(noise) ** 2 / agents + Rational(slope) ** 2)


def different_losses(n, same=False):
    """Agents at ±1/n, L_1 = 2ψ, L_2 = 0 (both ψ where `same`), no noise: |v|² against |g + b + δ|², g = b = 0.

    ψ is x²/2 for |x| <= 1 and linear beyond 2 (`sim.testbed.smooth_huber(1)`), L4 = 10/√3 < 6; |δ| is at most the
    constant of Proposition D.3, L4/6 (κ_2 + 2√(2/π)) Ξ³.
    """
    require(isinstance(n, int) and n >= 1, f"n is {n!r}; it must be an integer from 1: the agents are at ±1/n")
    delta = Rational(1, n)
    v = (delta - delta) / 2 if same else (2 * delta + 0) / 2
    return Measured(v**2, (kernel(3) * L4_CORE * (kappa(2) + GAUSSIAN_CUBE) * delta**3) ** 2)


def shared_opposite():
    """Linear losses of slope g in consensus with one noise for all n + 1 agents: above the bound for every n >= 1."""
    g, n = Symbol("g", real=True), Symbol("n", integer=True, positive=True)
    claim = Gt(eta**2 * (g**2 + sigma**2), eta**2 * sigma**2 / (n + 1) + eta**2 * g**2, evaluate=False)
    return Proof("shared noise", (Step(claim, "E(g + n)² = g² + σ², the bias and δ are 0"),), claim)


def proof(independent=True):
    """E|θ̄⁺ - θ̄|² = η²|v|² + η² V/m <= η²(σ²/m + |v|²), v = g + b + δ by Proposition D.3 for one loss."""
    given = (Le(total, sigma**2),)
    pythagoras = cite("independent_noise", "the noise has mean zero and is independent of the models", whole=whole,
                      kept=eta**2 * bias, noise=eta**2 * mean_noise)  # fmt: skip
    if independent:
        mean = cite("mean_noise", "noise is independent across agents", mean_noise=mean_noise, total=total, agents=m)
    else:
        mean = cite("jensen", "noise may be shared: Jensen is all that is left", first=mean_noise, second=total)
    last = Le(whole, eta**2 * sigma**2 / m + eta**2 * bias, evaluate=False)
    end = Step(last, "A3 bounds the mean variance by σ²", (pythagoras.claim, mean.claim, *given))
    return Proof("step of the merged model", (pythagoras, mean, end), last, given)


def check(effort):
    """Shared noise, different losses, the proof, and all patterns of signs of up to five agents."""
    yield by_instance(
        "printed", Instance("two agents on the loss x with one noise ±1 for both", shared_noise,
                            {"slope": 1, "noise": 1, "agents": 2})
    )  # fmt: skip
    yield by_instance(
        "printed", Instance("no noise, agents at ±1/20 with losses 2ψ and 0 (ψ a quadratic there)", different_losses,
                            {"n": 20})
    )  # fmt: skip
    yield by_opposite("printed", shared_opposite())
    yield by_proof("independent, one loss", proof())
    pairs, cases = [], 0
    for agents in (1, 2, 3, 4, 5):
        gradients = [Rational(k, 3) ** 3 for k in range(1, agents + 1)]
        noises = [Rational(k, 2) for k in range(1, agents + 1)]
        variance = sum(noise**2 for noise in noises) / agents
        stated = (sum(gradients, Integer(0)) / agents) ** 2 + variance / agents
        pairs.append((step_square(gradients, noises), stated))
        cases += 2**agents
    yield by_enumeration("independent, one loss", pairs, "E|step|² of 1 to 5 agents on x⁴/4", cases)


CLAIM = Claim(
    name="D.4",
    kind="corollary",
    title="Corollary D.4: the mean squared step of the merged model",
    variants=(
        Variant(
            "printed",
            "Under Assumptions 2 and 3, E|θ̄⁺ - θ̄|² <= η²σ²/m + η²|∇L(θ̄) + ½∇Tr(∇²L(θ̄)Γ) + δ|², δ of third order in Ξ.",
            r"E\|\bar\theta^+-\bar\theta\|^2\le\frac{\eta^2\sigma^2}m"
            r"+\eta^2\|\nabla L+\tfrac12\nabla\mathrm{Tr}(\nabla^2L\,\Gamma)+\delta\|^2",
        ),
        Variant(
            "independent, one loss",
            "The same, with E|θ̄⁺ - θ̄|² = η²|v|² + (η/m)² Σ E|n_k|² exactly, where W is doubly stochastic, noise is "
            "independent across agents and all have one loss, so that v = ∇L(θ̄) + ½∇Tr(∇²L(θ̄)Γ) + δ.",
            r"E\|\bar\theta^+-\bar\theta\|^2=\eta^2\|v\|^2+\frac{\eta^2}{m^2}\sum_kE\|n_k\|^2",
            "assumption",
            "W is doubly stochastic, noise is independent across agents, and all agents have one loss",
        ),
    ),
    check=check,
    refuted_by="noise within Assumption 3, or losses within Assumption 2, with a larger mean squared step",
)
