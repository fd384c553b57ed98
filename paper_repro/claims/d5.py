"""Corollary D.5: what Taylor's formula of a gradient leaves is L4/6 |ε|³, not L4/24 |ε|³."""

from sympy import Gt, Rational, sin

from paper_repro.claims.exact import by_opposite
from sim.randomness import stream
from theory.errors import require
from theory.proof.derivations import corollary_d5
from theory.proof.evidence import Claim, Constant, Instance, Measured, Variant, by_instance, by_search
from theory.proof.step import Proof, Step, by_proof
from theory.remainder import GAUSSIAN_CUBE, kernel

PRINTED = Rational(1, 24)


def cosine_remainder(n, over=24):
    """|R3(1/n)| of L = cos at 0, all of whose derivatives are at most 1, against ε³/`over`.

    ∇L = -sin, Hessian -1 and third derivative 0 at 0, so R3 = ε - sin ε >= ε³/6 - ε⁵/120: measured is this rational.
    """
    require(isinstance(n, int) and n >= 1, f"n is {n!r}; it must be an integer from 1")
    e = Rational(1, n)
    return Measured(e**3 / 6 - e**5 / 120, e**3 / over)


def proof(constant=None):
    """|R3| <= constant L4 |ε|³; the constant is the integral of the kernel (1 - τ)²/2 unless another is given."""
    return corollary_d5(kernel(3) if constant is None else constant)


def largest_ratio(effort):
    """(largest |R3|/(L4|ε|³) over sums of two waves at random points, its number of tries), L4 = Σ|a| k⁴."""
    import numpy as np

    generator = stream(effort.seed, "claim D.5")
    a, k, s = generator.normal(size=(3, effort.tries, 2))
    a[: effort.tries // 2, 1], s[: effort.tries // 2, 0] = 0, 0  # one wave at its crest is the worst case
    e = 10.0 ** generator.uniform(-1, 1, size=effort.tries)
    at = lambda q, x: (a * k**q * np.cos(k * x + s + q * np.pi / 2)).sum(axis=1)  # noqa: E731
    left = at(1, e[:, None]) - at(1, 0) - e * at(2, 0) - e**2 / 2 * at(3, 0)
    L4 = (np.abs(a) * k**4).sum(axis=1)
    inside = np.abs(left) > 1e-9 * np.abs(a * k).sum(axis=1)  # elsewhere the difference is rounding
    return float((np.abs(left) / (L4 * e**3))[inside].max()), int(inside.sum())


def check(effort, printed=PRINTED):
    """cos in exact numbers and in balls; the kernel; a search; and what follows in (D.11)."""
    yield by_instance(
        "printed",
        Instance(
            "L = cos at 0 (L4 = 1), ε = 1/20: |R3| against its bound", cosine_remainder, {"n": 20, "over": 1 / printed}
        ),
    )
    e = Rational(1, 20)
    enclosed = Gt(e - sin(e), printed * e**3, evaluate=False)
    balls = Proof("cos at 0, ε = 1/20", (Step(enclosed, "|R3| = ε - sin ε beyond the printed bound"),), enclosed)
    yield by_opposite("printed", balls)
    yield by_proof("one sixth", proof())
    ratio, inside = largest_ratio(effort)
    right = kernel(3)
    yield by_search("one sixth", ratio / float(right), effort.tries, inside, "sums of waves, |R3| over L4|ε|³/6")
    yield Constant(
        "‖R3‖ over L4‖ε‖³", float(printed), float(right), "integral of the kernel, attained by cos as ε -> 0"
    )
    yield Constant("last term of (D.11), over η²mL2L4²Ξ⁶", float(printed**2 / 2), float(right**2 / 2),
                   "L2η²/2 times the square of the remainder: 1/72 for 1/1152")  # fmt: skip
    yield Constant("E‖ε‖³ over Ξ³, ε ~ N(0, Γ) (m = 16)", 4.0, float(GAUSSIAN_CUBE),
                   "√m for deviations as printed; E|z|³ of a Gaussian of rank one, the largest")  # fmt: skip


CLAIM = Claim(
    name="D.5",
    kind="corollary",
    title="Corollary D.5: the remainder of the implicit bias",
    variants=(
        Variant(
            "printed",
            "E ∇L(θ̄ + ε) - ∇L(θ̄) = ½∇Tr(∇²L Γ) + E R₃(ε) with |R₃(ε)| <= (L₄/24)|ε|³.",
            r"\|R_3(\epsilon)\|\le\frac{L_4}{24}\|\epsilon\|^3",
        ),
        Variant(
            "one sixth",
            "The same with |R₃(ε)| <= (L₄/6)|ε|³; no smaller constant holds, and (D.11) has 72 where 1152 is printed.",
            r"\|R_3(\epsilon)\|\le\frac{L_4}{6}\|\epsilon\|^3",
            "constant",
            "L4/6 in place of L4/24, and 72 in place of 1152 in (D.11)",
        ),
    ),
    check=check,
    refuted_by="a function with |∇⁴L| <= L4 and a step whose remainder is above L4/24 times its cube",
)
