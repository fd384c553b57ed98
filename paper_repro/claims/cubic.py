"""Proof of the exact κ_m: the largest (1/m) Σ |δ_k|³/Ξ³ over deviations of m >= 4 agents that sum to 0.

Sizes r_k = |δ_k| of vectors that sum to 0 have max r <= sum of the others. On this compact part of {Σ r² = m}
a largest Σ r³ has either all positive r equal, at least three of them, and is at most m √(m/3); or r_1 = Σ others. Then
scale r_1 to 1; let y_k be the n = m - 1 others, Σ y = 1, a the largest of them and b the mean of the rest. For every s
(1 + Σ y²)^(3/2) is at least its tangent at Σ y² = s. With s = a² + (n-1) b² and c = (3/2)(κ_m/√m) √(1 + s), which is at
least 3(n²+1)/(2n(n+1)), Σ (y³ - c y²) is left to bound, and φ(y) = y³ - c y² is at most its own tangent at b wherever
y + 2b <= c. So (a, b, ..., b) is worst, with one variable t = n b in [0, 1], and a polynomial inequality in t and n is
left, with equality at t = 1: one outlier.
"""

from sympy import Eq, Ge, Integer, Le, Rational, Symbol, factor, fraction, together

from theory.proof.step import Proof, Step

shift, s = Symbol("j", nonnegative=True), Symbol("s", nonnegative=True)
n = 3 + shift  # m - 1 >= 3
m = n + 1
y, b, c = (Symbol(name, nonnegative=True) for name in ("y", "b", "c"))
t = 1 / (1 + s)  # the values (0, 1]; t = 0 is s -> oo, where the inequality holds by continuity


def cubed(m):
    """κ_m² of one outlier among m agents."""
    return ((m - 1) ** 2 + 1) ** 2 / (m**2 * (m - 1))


def proof(claimed=cubed):
    """(1/m) Σ |δ|³ <= √claimed(m) Ξ³ for all m >= 4."""
    even = Ge(claimed(m), m / 3, evaluate=False)
    tangent = Eq(y**3 - c * y**2 - (b**3 - c * b**2) - (3 * b**2 - 2 * c * b) * (y - b),
                 (y - b) ** 2 * (y + 2 * b - c), evaluate=False)  # fmt: skip
    room = Ge(Rational(3, 2) * (n**2 + 1) / (n * (n + 1)) - 2 / n, Rational(1, 2), evaluate=False)
    a, low = 1 - (n - 1) * t / n, t / n
    squares, cubes = a**2 + (n - 1) * low**2, a**3 + (n - 1) * low**3
    top, bottom = fraction(together(factor(claimed(m) * (1 + squares) ** 3 - m * (1 + cubes) ** 2)))
    worst = Ge(top / bottom, 0, evaluate=False)
    return Proof(
        "cubes of m >= 4 deviations",
        (
            Step(even, "three or more equal sizes: at most √(m/3), which is no more"),
            Step(tangent, "φ(y) = y³ - c y² less its tangent at b"),
            Step(room, "y + 2b <= c: the others have y <= 1/2 and b <= 1/n, and c is at least 3(n²+1)/(2n(n+1))"),
            Step(worst, "one large and n - 1 equal others: (1 + Σ y³)² m <= κ² (1 + Σ y²)³ for all t and n"),
        ),
        worst,
    )


def small(agents, claimed):
    """(1/m) Σ |δ|³ <= √claimed Ξ³ for m = 2 or 3 agents.

    m = 2: both sizes are equal. m = 3: three equal sizes give 1, and else r = (1, y, 1 - y).
    """
    share = Symbol("y", nonnegative=True)
    others = (Integer(1),) if agents == 2 else (share, 1 - share)
    squares, cubes = 1 + sum(r**2 for r in others), 1 + sum(r**3 for r in others)
    last = Le(agents * cubes**2, claimed * squares**3, evaluate=False)
    given = (Le(share, 1),)
    return Proof(f"cubes of {agents} deviations", (Step(last, "the largest size is the sum of the others", given),),
                 last, given)  # fmt: skip
