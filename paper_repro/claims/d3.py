"""Proposition D.3: the implicit bias holds where all agents have one loss; elsewhere a first-order term is missing."""

import sympy
from sympy import Eq, Gt, Integer, Le, Rational, Symbol, exp, sin, sqrt

from paper_repro.claims.cubic import cubed, proof, small
from paper_repro.claims.exact import both, by_enumeration, by_opposite
from theory.errors import require
from theory.proof.evidence import Claim, Constant, Instance, Measured, Variant, by_instance
from theory.proof.step import Proof, Step, by_proof, cite
from theory.remainder import GAUSSIAN_CUBE, cubic_ratio, gaussian_mean, kappa, kappa_bound, kernel, spread

L4_CORE = 6  # of sim.testbed.smooth_huber(1), above its 10/√3
SKEW, EVEN = (2, -1, -1), (1, -1)


def different_losses(n, constant, same=False):
    """Agents at ±1/n with 2ψ and 0 (both ψ where `same`): |mean gradient - E ∇L(ε)|/Ξ³ against a constant.

    ψ is x²/2 for |x| <= 1, linear beyond 2 (`sim.testbed.smooth_huber(1)`, four bounded derivatives). The mean of the
    two is ψ; E ψ'(ε) = 0 for ε ~ N(0, Γ), as ψ' is odd.
    """
    require(isinstance(n, int) and n >= 1, f"n is {n!r}; it must be an integer from 1: the agents are at ±1/n")
    delta = Rational(1, n)
    error = (delta - delta) / 2 if same else (2 * delta + 0) / 2
    return Measured(abs(error) / delta**3, sympy.sympify(constant))


def first_order():
    """The same two agents refute every constant C of an error C Ξ³: at n = C + 1 the error over Ξ³ is n² > C."""
    C = Symbol("C", positive=True)
    delta = 1 / (C + 1)
    claim = Gt(delta, C * delta**3, evaluate=False)
    return Proof("first order", (Step(claim, "the error is δ, with agents at ±δ = ±1/(C + 1)"),), claim)


def one_cosine(deviations, n, center, order):
    """One loss cos, agents at center + deviations/n: |mean gradient - E ∇L(center + ε)| against its bound C Ξ^order.

    E sin(c + ε) = sin(c) exp(-Γ/2). C is `third(m)` for order 3 and `fourth(m)` for order 4; L4 = L5 = 1.
    """
    deltas = [Rational(k, n) for k in deviations]
    c, variance, m = sympy.sympify(center), spread(deltas), len(deltas)
    error = sum(sin(c + d) for d in deltas) / m - sin(c) * exp(-variance / 2)
    bound = {3: third, 4: fourth}[order](m)
    return Measured(abs(error), bound * sqrt(variance) ** order)


def third(m):
    """L4/6 (κ_m + 2√(2/π)): the remainder of the agents and that of the Gaussian."""
    return kernel(3) * (kappa(m) + GAUSSIAN_CUBE)


def fourth(m):
    """L5/24 (m + 3): one order on, where neither law has a third moment; (1/m) Σ |δ|⁴ <= m Ξ⁴, E|ε|⁴ <= 3 Ξ⁴."""
    return kernel(4) * (m + 3)


def halving(law, degree):
    """Exact error of a loss x^degree at 0 for deviations `law` h, over that for h/2: 2^order."""
    h = Symbol("h", positive=True)
    slope = degree * h ** (degree - 1)

    def error(scale):
        deltas = [Integer(k) * scale for k in law]
        mean = sum(slope.subs(h, d) for d in deltas) / len(deltas)
        return mean - gaussian_mean(slope, h, Integer(0), spread(deltas))

    return error(Integer(1)) / error(Rational(1, 2))


def homogeneous(same=True, constant=None):
    """v - E_ε ∇L(θ̄ + ε) is at most L4/6 (mean |δ|³ + E|ε|³) in norm; `same` losses have no term of first order."""
    constant = kernel(3) if constant is None else constant
    names = ("rest", "blur", "cube", "gauss", "error", "mean", "first", "L4", "Xi", "kappa")
    rest, blur, cube, gauss, error, mean, first, L4, Xi, kap = (Symbol(name, nonnegative=True) for name in names)
    given = (Le(cube, kap * Xi**3), *((Eq(first, 0),) if same else ()))
    split = cite("minkowski", "v and E ∇L(θ̄ + ε), both less g + b", whole=error, first=mean, second=blur)
    apart = cite("minkowski", "v - g - b: the term of first order, and r", whole=mean, first=first, second=rest)
    normal = cite("gaussian_cube", "the cube of ε, whose variance is Ξ²", cube=gauss, spread=Xi)
    agents = cite("taylor_gradient", "v = g + b + r, as Σ δ_k = 0: r in the mean over the agents", remainder=rest,
                  L4=L4, cube=cube)  # fmt: skip
    blurred = cite("taylor_gradient", "E ∇L(θ̄ + ε) = g + b + E R₃, as E ε = 0 and E εεᵀ = Γ", remainder=blur, L4=L4,
                   cube=gauss)  # fmt: skip
    last = Le(error, constant * L4 * (kap + GAUSSIAN_CUBE) * Xi**3, evaluate=False)
    facts = (split, apart, agents, blurred, normal)
    end = Step(last, "g and b cancel; the term (1/m) Σ (H_k - H) δ_k is 0 for one loss",
               (*(fact.claim for fact in facts), *given))  # fmt: skip
    return Proof("third order for one loss", (*facts, end), last, given)


def gaussian_cube():
    """E|z|³ = 2√(2/π) of a standard normal: the integral; rank one is the worst, as E(Σ λ z²)^(3/2) is convex in λ."""
    z = Symbol("z", nonnegative=True)
    integral = 2 * sympy.integrate(z**3 * exp(-(z**2) / 2), (z, 0, sympy.oo)) / sqrt(2 * sympy.pi)
    claim = Eq(integral, GAUSSIAN_CUBE, evaluate=False)
    return Proof("cube of a Gaussian", (Step(claim, "2 ∫ z³ exp(-z²/2) dz / √(2π)"),), claim)


def symmetric():
    """As `homogeneous`, one order on: third moments vanish for a symmetric law, fourth ones are bounded."""
    names = ("error", "rest", "blur", "fourths", "gauss", "L5", "Xi")
    error, rest, blur, fourths, gauss, L5, Xi = (Symbol(name, nonnegative=True) for name in names)
    m = Symbol("m", integer=True, positive=True)
    largest = Symbol("largest_sq", nonnegative=True)
    given = (Le(largest, m * Xi**2), Le(fourths, largest * Xi**2))  # of |δ|², whose mean is Ξ²
    facts = (
        cite("minkowski", "v and E ∇L(θ̄ + ε), both less g + b", whole=error, first=rest, second=blur),
        cite("taylor_symmetric", "the deviations of the agents", remainder=rest, L5=L5, fourth=fourths),
        cite("taylor_symmetric", "a normal law", remainder=blur, L5=L5, fourth=gauss),
        cite("gaussian_fourth", "the fourth power of ε, whose variance is Ξ²", fourth=gauss, spread=Xi),
    )
    size = Step(Le(fourths, m * Xi**4), "(1/m) Σ |δ|⁴ <= max |δ|² Ξ², and max |δ|² <= Σ |δ|² = m Ξ²", given)
    last = Le(error, kernel(4) * (m + 3) * L5 * Xi**4, evaluate=False)
    end = Step(last, "Taylor's remainder of the next order for both laws", (*(f.claim for f in facts), size.claim))
    return Proof("fourth order for a symmetric law", (*facts, size, end), last, given)


def check(effort):
    """Two agents of different losses; one loss, to third order and no better; a symmetric law; cubes of m agents."""
    constant = kernel(3) * L4_CORE * (kappa(2) + GAUSSIAN_CUBE)
    words = "agents at ±1/100 with losses 2ψ and 0 (ψ a quadratic there), error over Ξ³"
    yield by_instance("printed", Instance(words, different_losses, {"n": 100, "constant": str(constant)}))
    yield by_opposite("printed", first_order())
    yield both("one loss", gaussian_cube(), homogeneous())
    yield by_instance("one loss", Instance("cos at 0, deviations (2, -1, -1)/10", one_cosine,
                                           {"deviations": SKEW, "n": 10, "center": "0", "order": 3}))  # fmt: skip
    pairs = [(halving(SKEW, 4), 8), (halving(EVEN, 5), 16)]
    yield by_enumeration("one loss", pairs, "error at Ξ over that at Ξ/2: 2³ for a skew law, 2⁴ for a symmetric one", 2)
    yield by_instance("fourth order", Instance("cos at 0, deviations (2, -1, -1)/100", one_cosine,
                                               {"deviations": SKEW, "n": 100, "center": "0", "order": 4}))  # fmt: skip
    yield by_proof("symmetric law", symmetric())
    crest = {"deviations": EVEN, "n": 10, "center": "pi/2", "order": 4}
    yield by_instance("symmetric law", Instance("cos at π/2, deviations (1, -1)/10", one_cosine, crest))
    yield both("cubes", small(2, kappa(2) ** 2), small(3, kappa(3) ** 2), proof())
    attained = [(cubic_ratio((1, -1)), kappa(2)), (cubic_ratio((1, -1, 0)), kappa(3))]
    attained += [(cubic_ratio((m - 1, *(-1,) * (m - 1))), sqrt(cubed(Integer(m)))) for m in (4, 5, 16, 32)]
    yield by_enumeration("cubes", attained, "κ_m attained: ±1, (1, -1, 0), and one outlier", len(attained))
    for m in (2, 3, 16):
        yield Constant(f"κ_m, (1/m) Σ |δ|³ over Ξ³ (m = {m}), √m as printed", float(sqrt(m)), float(kappa(m)),
                       f"attained; ((m-1)^(3/2) + 1)/m gives {float(kappa_bound(m)):.4g}")  # fmt: skip


CLAIM = Claim(
    name="D.3",
    kind="proposition",
    title="Proposition D.3: gossip averages the gradient over a Gaussian of covariance Γ",
    variants=(
        Variant(
            "printed",
            "E θ̄⁺ = θ̄ - η E ∇L(θ̄ + ε) + δ with ε ~ N(0, Γ) and |δ| = O((η/m) Σ |δ_k|³), whatever the agents' losses.",
            r"E\bar\theta^+=\bar\theta-\eta E_{\epsilon\sim\mathcal N(0,\Gamma)}\nabla L(\bar\theta+\epsilon)+\delta,"
            r"\quad\|\delta\|=O\Big(\frac\eta m\sum_k\|\delta_k\|^3\Big)",
        ),
        Variant(
            "one loss",
            "The same where all agents have one loss, |δ| <= η (L₄/6)(κ_m + 2√(2/π)) Ξ³; for different losses "
            "(1/m) Σ (H_k - H) δ_k, of first order in Ξ, is missing.",
            r"\|\delta\|\le\eta\frac{L_4}6\Big(\kappa_m+2\sqrt{2/\pi}\Big)\Xi^3",
            "assumption",
            "all agents have one loss; else (1/m) Σ (H_k - H) δ_k of first order is missing",
        ),
        Variant(
            "fourth order",
            "With one loss of five bounded derivatives the error is of fourth order: |δ| <= η (L₅/24)(m + 3) Ξ⁴, so "
            "that a Gaussian is as good as the law of the agents.",
            r"\|\delta\|\le\eta\frac{L_5}{24}(m+3)\,\Xi^4",
            "assumption",
            "one loss with five bounded derivatives",
        ),
        Variant(
            "symmetric law",
            "The error is of fourth order where, besides, the deviations come in pairs δ, -δ.",
            r"\{\delta_k\}=\{-\delta_k\}\ \Rightarrow\ \|\delta\|\le\eta\frac{L_5}{24}(m+3)\,\Xi^4",
            "assumption",
            "one loss with five bounded derivatives, and deviations of a symmetric law",
        ),
        Variant(
            "cubes",
            "(1/m) Σ |δ_k|³ <= κ_m Ξ³, the best constants κ_2 = 1, κ_3 = √(3/2), "
            "κ_m = ((m-1)² + 1)/(m√(m-1)) for m >= 4.",
            r"\frac1m\sum_k\|\delta_k\|^3\le\kappa_m\Xi^3,\quad\kappa_m=\frac{(m-1)^2+1}{m\sqrt{m-1}}\ (m\ge4)",
            "constant",
            "κ_m in place of √m",
        ),
    ),
    check=check,
    refuted_by="losses within Assumption 2 for which the error shrinks more slowly than Ξ³",
)
