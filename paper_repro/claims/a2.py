"""Assumption 2, four bounded derivatives: met by some losses, by no quadratic, never together with a PL bound."""

import numpy as np
import sympy
from sympy import Eq, Ge, Gt, Integer, Le, Rational, Symbol

from paper_repro.claims.exact import by_opposite
from sim.randomness import stream
from sim.testbed import function_of
from theory.errors import require
from theory.proof.evidence import Claim, Instance, Measured, Variant, by_instance, by_search
from theory.proof.step import Proof, Step, by_proof

L1, mu, gap, start, t = (Symbol(name, positive=True) for name in ("L1", "mu", "gap", "start", "t"))
slope_sq = Symbol("slope_sq", nonnegative=True)
curvature = Symbol("curvature", positive=True)
LANDAU = Rational(3, 2)


def quadratic_slope(curvature, bound):
    """|f'| of f = curvature x²/2 at x = (bound + 1)/curvature against L1 = bound."""
    a, L1 = Rational(curvature), Rational(bound)
    require(a > 0, f"the curvature is {a}; a quadratic that is not linear has another one than 0, here above 0")
    return Measured(a * ((L1 + 1) / a), L1)


def bounded_proof(name="pseudo_huber", share=1):
    """The squares of all four derivatives of a function of the testbed stay within `share` of its squared norms."""
    function = function_of(name)
    steps = tuple(
        Step(Le(sympy.simplify(d**2), share * norm**2, evaluate=False), f"derivative {q} of {function.expression}")
        for q, (d, norm) in enumerate(zip(function.derivatives[1:], function.norms, strict=True), start=1)
    )
    return Proof(f"{name} is bounded in all four orders", steps, steps[-1].claim)


def quadratic_opposite():
    """For every L1 and curvature a > 0 the slope of a x²/2 at (L1 + 1)/a is above L1."""
    claim = Gt(curvature * ((L1 + 1) / curvature), L1, evaluate=False)
    return Proof("no quadratic", (Step(claim, "the slope of a x²/2 at x = (L1 + 1)/a"),), claim)


def pl_opposite(pl=True):
    """A2 fails for every loss with |∇L|² >= 2μ(L - L*) everywhere: along θ' = ∇L(θ) its slope outgrows L1.

    `start` and `gap` are L - L* at the start, where it is not 0, and at the time t.
    """
    everywhere = Ge(slope_sq, 2 * mu * gap)
    grows, late = Ge(gap, start * (1 + 2 * mu * t)), Eq(t, L1**2 / (4 * mu**2 * start))
    given = (grows, late, *((everywhere,) if pl else ()))
    rate = Ge(2 * mu * start * (1 + 2 * mu * t), 2 * mu * start, evaluate=False)
    beyond = Gt(slope_sq, L1**2, evaluate=False)
    return Proof(
        "PL against bounded slopes",
        (
            Step(rate, "(L - L*)' = |∇L|² >= 2μ(L - L*) >= 2μ start on the flow: so L - L* >= start (1 + 2μt)"),
            Step(beyond, "PL at the time t = L1²/(4μ² start): |∇L|² is above L1²", given),
        ),
        beyond,
        given,
    )


def euler_spline():
    """(L1, L2, L3, L4) of the loss whose gradient is the Euler spline of degree 3 of half-period 1: exact.

    L'''' = ±1 on [0, 1] and [1, 2], ...; each integral has mean zero: L''' = 1/2 - x, and so on.
    """
    u = Symbol("u", real=True)
    third = u - Rational(1, 2)
    second = sympy.integrate(third, u)  # vanishes at 0 and 1: its extremum is at 1/2
    first = sympy.integrate(second, u)
    first -= first.subs(u, Rational(1, 2))  # odd around 1/2: its extremum is at 0
    return abs(first.subs(u, 0)), abs(second.subs(u, Rational(1, 2))), abs(third.subs(u, 0)), Integer(1)


def landau(effort):
    """(largest L2 L3/(L1 L4) over sums of three waves, tries): norms are maxima over a fine grid of a period."""
    tries = max(effort.tries // 10, 1)
    generator, grid = stream(effort.seed, "claim A2"), np.linspace(0, 2 * np.pi, 721)[:-1]
    k = np.arange(1, 6, 2)
    a, s = generator.normal(size=(tries, 3)) / k**4.0, generator.uniform(0, 2 * np.pi, size=(tries, 3))
    s[: tries // 2] = 0
    norm = lambda q: np.abs(np.einsum("nk,nkg->ng", a * k**q, np.cos(  # noqa: E731
        k[:, None] * grid + s[..., None] + q * np.pi / 2))).max(axis=1)  # fmt: skip
    return float((norm(2) * norm(3) / (norm(1) * norm(4))).max()), tries


def sampled(effort, names=("pseudo_huber", "cos", "log_cosh")):
    """(largest |f^(q)|/L_q of functions of the testbed at random points, q = 1..4, and how many points)."""
    points = stream(effort.seed, "claim A2").standard_cauchy(effort.tries)
    functions = [function_of(name) for name in names]
    ratios = [np.abs(f(points, q)).max() / f.constants[f"L{q}"] for f in functions for q in (1, 2, 3, 4)]
    return float(max(ratios)) * (1 - 1e-12), len(ratios) * len(points)  # 1e-12: rounding of a bound that is attained


def check(effort):
    """A loss that meets it; no quadratic does; no PL with it; and how its constants are tied to each other."""
    yield by_proof("printed", bounded_proof())
    largest, points = sampled(effort)
    words = "derivatives of pseudo-Huber, cos and log cosh at random points, over their norms"
    yield by_search("printed", largest, points, points, words)
    yield by_instance("quadratic", Instance("x²/2 against L1 = 10", quadratic_slope, {"curvature": 1, "bound": 10}))
    yield by_opposite("quadratic", quadratic_opposite())
    yield by_opposite("with PL", pl_opposite())
    one, two, three, four = euler_spline()
    sharp = two * three / (one * four)
    ratio, tries = landau(effort)
    yield by_search("tight constants", ratio / float(LANDAU), tries, tries,
                    f"L2 L3/(L1 L4) of sums of waves over 3/2; the Euler spline has {sharp}")  # fmt: skip
    norms = function_of("pseudo_huber").norms
    words = "pseudo-Huber, L2 L3/(L1 L4)"
    yield by_instance("tight constants", Instance(words, tied, {"norms": tuple(map(str, norms))}))


def tied(norms):
    """L2 L3/(L1 L4) of four exact norms as text, against 3/2."""
    one, two, three, four = map(sympy.sympify, norms)
    return Measured(two * three / (one * four), LANDAU)


CLAIM = Claim(
    name="A2",
    kind="assumption",
    title="Assumption 2: four bounded derivatives on all of R^d",
    variants=(
        Variant(
            "printed",
            "L has four continuous derivatives with |∇^q L(θ)| <= L_q for q = 1..4 and all θ: some loss that is not "
            "constant does (√(1 + θ²), with L1 = L2 = 1, L3 = 0.859, L4 = 3).",
            r"\|\nabla^qL(\theta)\|\le L_q,\quad q=1,\dots,4,\ \theta\in\mathbb R^d",
        ),
        Variant(
            "quadratic",
            "A quadratic that is not constant or linear meets Assumption 2.",
            r"L(\theta)=\tfrac a2\theta^2,\ a\ne0",
            "assumption",
            "the loss is a quadratic",
        ),
        Variant(
            "with PL",
            "A loss that is not constant meets Assumption 2 and |∇L|² >= 2μ(L - L*) with μ > 0 on all of R^d, by which "
            "the paper motivates μ_t.",
            r"\|\nabla L\|\le L_1,\ \|\nabla L\|^2\ge2\mu(L-L^*)",
            "assumption",
            "a PL inequality on all of R^d",
        ),
        Variant(
            "tight constants",
            "Where the L_q are the smallest possible, L₂L₃ <= (3/2) L₁L₄ (Landau and Kolmogorov, on lines).",
            r"L_2L_3\le\tfrac32L_1L_4",
            "assumption",
            "the constants are tight",
        ),
    ),
    check=check,
    refuted_by="a proof that no loss but a constant one has four bounded derivatives",
)
