"""Remark 6: 1/L2 < η < 2/L2 is oscillatory for the largest curvature only."""

from sympy import Gt, Integer, Lt, Rational, Symbol

from paper_repro.claims.exact import both, by_opposite
from theory.errors import require
from theory.proof.evidence import Claim, Instance, Measured, Variant, by_instance, by_search
from theory.proof.step import Proof, Step

lr, h, L2 = (Symbol(name, positive=True) for name in ("eta", "h", "L2"))


def turns(curvature, largest, lr, steps=5):
    """Gradient descent on (largest x² + curvature y²)/2 from (0, 1): how many of `steps` keep the sign, against none.

    An oscillation changes the sign of y in every step. Numbers are exact: integers, or text such as "3/2".
    """
    own, top, eta = (Rational(value) for value in (curvature, largest, lr))
    require(0 < own <= top, f"the curvature {own} must lie in (0, {top}]")
    require(1 < eta * top < 2, f"ηL2 = {eta * top} is not in the regime (1, 2)")
    y, kept = Integer(1), 0
    for _ in range(steps):
        following = y - eta * own * y
        kept += int(bool(following * y > 0))
        y = following
    return Measured(Integer(kept), Integer(0))


def proofs(low=1, high=2):
    """A step multiplies an eigendirection of curvature h by 1 - ηh, in (-1, 0) exactly where ηh is in (low, high)."""
    inside = (Gt(lr * h, low), Lt(lr * h, high))
    turned = (Lt(1 - lr * h, 0), Gt(1 - lr * h, -1))
    forth = (Step(turned[0], "the sign changes in every step", inside), Step(turned[1], "the size shrinks", inside))
    back = (Step(inside[0], "a changing sign needs this", turned), Step(inside[1], "a shrinking size this", turned))
    return (
        Proof("inside the range it oscillates and shrinks", forth, turned[1], inside),
        Proof("what oscillates and shrinks is inside the range", back, inside[1], turned),
    )


def slow_opposite(share=2):
    """A direction of curvature L2/`share` keeps its sign on the whole range ηL2 in (1, 2)."""
    given = (Gt(lr * L2, 1), Lt(lr * L2, 2))
    claim = Gt(1 - lr * L2 / share, 0, evaluate=False)
    return Proof("a smaller curvature", (Step(claim, "the multiplier 1 - ηh at h = L2/2", given),), claim, given)


def check(effort):
    """A direction of half the largest curvature; the eigendirections that do oscillate; and descent itself."""
    yield by_instance(
        "printed",
        Instance("curvatures 1 and 1/2, η = 3/2: steps that keep the sign along the smaller one", turns,
                 {"curvature": "1/2", "largest": 1, "lr": "3/2"}),
    )  # fmt: skip
    yield by_opposite("printed", slow_opposite())
    yield both("eigendirections", *proofs())
    grid = [(Rational(i, 8), Rational(j, 8)) for i in range(1, 9) for j in range(9, 16)]
    wrong = sum((turns(str(c), 1, str(e)).measured == 0) != (1 < e * c < 2) for c, e in grid)
    yield by_search("eigendirections", 1 + wrong if wrong else 1.0, len(grid), len(grid),
                    "gradient descent on a grid of curvatures and step sizes",
                    Instance("the printed counterexample", turns, {"curvature": "1/2", "largest": 1, "lr": "3/2"})
                    if wrong else None)  # fmt: skip


CLAIM = Claim(
    name="remark-6",
    kind="remark",
    title="Remark 6: 1/L2 < η < 2/L2 is the oscillatory regime of gradient descent on a quadratic",
    variants=(
        Variant(
            "printed",
            "For 1/L₂ < η < 2/L₂ gradient descent on a quadratic oscillates: every step changes the sign of each "
            "component of the distance to the minimum.",
            r"\tfrac1{L_2}<\eta<\tfrac2{L_2}\ \Rightarrow\ x_i^{(t+1)}x_i^{(t)}<0",
        ),
        Variant(
            "eigendirections",
            "A component oscillates and shrinks exactly where the curvature h of its eigendirection has 1 < ηh < 2.",
            r"-1<1-\eta h<0\ \Leftrightarrow\ 1<\eta h<2",
            "assumption",
            "only eigendirections with ηh in (1, 2) are meant; L2 itself is one of them",
        ),
    ),
    check=check,
    refuted_by="a quadratic with a component that keeps its sign while η is in (1/L2, 2/L2)",
)
