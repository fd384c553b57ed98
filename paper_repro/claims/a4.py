"""Assumption 4: progressive sharpening fails for every loss of one variable; its weak form holds for some losses."""

import sympy
from sympy import Integer, Lt, Ne, Rational, Symbol, simplify

from paper_repro.claims.exact import both, by_opposite
from sim.testbed import function_of, x
from theory.errors import require
from theory.proof.evidence import Claim, Instance, Measured, Variant, by_instance, by_search
from theory.proof.step import Proof, Step

height, slope = Symbol("height", positive=True), Symbol("slope", real=True)
SATISFY, FAIL = ("log_cosh", "pseudo_huber"), {"softplus": "-1", "arctan": "1", "gaussian_well": "2"}
u = Symbol("u", positive=True)  # exp(2x)


def sharpening(name, at, sigma=1):
    """1 where Σ L' L''' < 0 fails at `at`, for Σ = sigma >= 0 and a function of the testbed, else 0; against 0."""
    require(sigma >= 0, f"sigma is {sigma}; a PSD matrix of size one is at least 0")
    derivatives = function_of(name).derivatives
    value = (sigma * derivatives[1] * derivatives[3]).subs(x, sympy.sympify(at))
    holds = sympy.sign(sympy.N(value, 30)) < 0 if value != 0 else False
    return Measured(Integer(0 if holds else 1), Integer(0))


def scaled_degree(gamma, n):
    """-γ|L'| against L' L''' Σ for cos at 1/2 and Σ = 1/n: the degree γ, asked for every PSD Σ, fails as Σ shrinks."""
    s = sympy.sin(Rational(1, 2))
    require(n >= 1, f"n is {n}; it must be at least 1")
    return Measured(-(s**2) / n, -Rational(gamma) * s)


def no_function():
    """Theorem A: no C³ function on R has L' L''' < 0 everywhere.

    L' and L''' have no zero, so each has one sign; up to L -> -L, L' > 0 and L''' < 0: L' is positive and strictly
    concave. Its tangent at a point of slope s != 0 is above it and is -1 at a distance of (L' + 1)/s: L' < 0 there.
    """
    below = Lt(height + slope * (-(height + 1) / slope), 0, evaluate=False)
    return Proof("Theorem A", (Step(below, "the tangent of L' > 0 at x - (L' + 1)/s is -1, and L' is below it",
                                    (Ne(slope, 0),)),), below, (Ne(slope, 0),))  # fmt: skip


def no_zero_covariance():
    """Σ = 0 is PSD and gives 0 for every loss in every dimension, as each critical point and each quadratic does."""
    product = Symbol("product", real=True)
    claim = sympy.Ge(0 * product, 0, evaluate=False)
    return Proof("Σ = 0", (Step(claim, "the product is linear in Σ: it is 0 for Σ = 0, and not below"),), claim)


def weak_proof(name):
    """L' L''' < 0 wherever L' is not 0 on the whole line, decided in x, or in u = exp(2x) > 0 for log cosh."""
    first, third = (function_of(name).derivatives[q] for q in (1, 3))
    product, given = simplify(first * third), Ne(x, 0)
    if not product.is_algebraic_expr(x):
        product = sympy.factor(simplify((first * third).rewrite(sympy.exp).subs(x, sympy.log(u) / 2)))
        given = Ne(u, 1)
    claim = Lt(product, 0, evaluate=False)
    return Proof(f"weak form for {name}", (Step(claim, "L' L''' where L' is not 0", (given,)),), claim, (given,))


def radial_proof():
    """√(1 + |θ|²) in any dimension: both eigenvalues of M, f' f''' and f' (f'/r)', are below 0 for r > 0."""
    r = Symbol("r", positive=True)
    f = sympy.sqrt(1 + r**2)
    along = Lt(simplify(f.diff(r) * f.diff(r, 3)), 0, evaluate=False)
    across = Lt(simplify(f.diff(r) * simplify(f.diff(r) / r).diff(r)), 0, evaluate=False)
    return Proof("weak form for the pseudo-Huber loss in R^d",
                 (Step(along, "along θ: f' f'''"), Step(across, "across θ: f' (f'/r)'")), across)  # fmt: skip


def check(effort):
    """Where it fails at once; Theorem A; the degree; and the weak form, loss by loss."""
    for words, values in (
        ("log cosh at its minimum, Σ = 1: 0 is not below 0", {"name": "log_cosh", "at": "0"}),
        ("x²/2 at 1, Σ = 1: 0 is not below 0", {"name": "quadratic", "at": "1"}),
        ("cos at 1, Σ = 0: 0 is not below 0", {"name": "cos", "at": "1", "sigma": 0}),
    ):
        yield by_instance("printed", Instance(words, sharpening, values))
    yield by_opposite("printed", no_function())
    yield by_opposite("printed", no_zero_covariance())
    yield by_instance(
        "degree", Instance("cos at 1/2, γ = 1/100, Σ = 1/1000", scaled_degree, {"gamma": "1/100", "n": 1000})
    )
    yield both("weak", *(weak_proof(name) for name in SATISFY), radial_proof())
    tried, failed = 0, []
    for name in SATISFY:
        for k in [k for k in range(-20, 21) if k]:
            tried += 1
            failed += [(name, k)] if sharpening(name, str(Rational(k, 4))).violates else []
    shown = (
        Instance("a point of the grid", sharpening, {"name": failed[0][0], "at": f"{failed[0][1]}/4"})
        if failed
        else None
    )
    yield by_search("weak", 1.0 + len(failed), tried, tried, "log cosh and pseudo-Huber on a grid", shown)
    for name, at in FAIL.items():
        words = f"{name} at {at}, Σ = 1, L' not 0"
        yield by_instance("weak for every usual loss", Instance(words, sharpening, {"name": name, "at": at}))


CLAIM = Claim(
    name="A4",
    kind="assumption",
    title="Assumption 4: progressive sharpening",
    variants=(
        Variant(
            "printed",
            "A loss can have ∇L(θ)ᵀ∇Tr(∇²L(θ)Σ) < 0 for every θ and every PSD Σ, and usual losses have it.",
            r"\nabla L(\theta)^\top\nabla\mathrm{Tr}(\nabla^2L(\theta)\,\Sigma)<0"
            r"\quad\forall\theta,\ \forall\Sigma\succeq0",
        ),
        Variant(
            "degree",
            "The sharpening has a degree: ∇Lᵀ∇Tr(∇²L Σ) <= -γ|∇L| with one γ > 0 for all PSD Σ.",
            r"\nabla L^\top\nabla\mathrm{Tr}(\nabla^2L\,\Sigma)\le-\gamma\|\nabla L\|\quad\forall\Sigma\succeq0",
            "assumption",
            "a degree γ > 0 without a trace of Σ on the right",
        ),
        Variant(
            "weak",
            "Where ∇L(θ) is not 0 and Tr Σ = 1, log cosh, and the pseudo-Huber loss in every dimension, meet it.",
            r"\nabla L^\top\nabla\mathrm{Tr}(\nabla^2L\,\Sigma)<0"
            r"\quad\text{where }\nabla L\ne0,\ \mathrm{Tr}\,\Sigma=1",
            "assumption",
            "only where the gradient is not 0, with Tr Σ = 1, and only for losses such as log cosh or pseudo-Huber; no "
            "loss of one variable meets the printed one",
        ),
        Variant(
            "weak for every usual loss",
            "The weak form also holds for softplus, arctan and a Gaussian well.",
            r"L'L'''<0\ \text{where}\ L'\ne0\quad\text{for softplus, arctan},\ -e^{-x^2/2}",
            "assumption",
            "the weak form, for all of the usual losses",
        ),
    ),
    check=check,
    refuted_by="a point, a loss and a Σ at which the product is not below 0; a proof that every loss has such a point",
)
