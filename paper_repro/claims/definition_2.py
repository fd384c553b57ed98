"""Definition 2: every set of models is mergeable as defined; with fixed weights it is a condition on the curvature."""

from itertools import product

from sympy import Ge, Integer, Le, Lt, Rational, Symbol, cos, exp, log, sin

from paper_repro.claims.exact import both, by_opposite
from theory.errors import require
from theory.proof.evidence import Claim, Instance, Measured, Variant, by_instance
from theory.proof.step import Proof, Step, cite
from theory.remainder import kappa, kernel

TENTHS = 10  # weights are tried in steps of 1/10


def concave(x):
    """-x²/2, on which every average is worse than the mean of the losses."""
    return -(x**2) / 2


def mergeable(models, uniform=False):
    """1 where models (integers) are mergeable on -x²/2 by Definition 2, else 0; against 0, as all are worse averaged.

    Weights are multiples of 1/10 that sum to one, or all 1/m where `uniform`.
    """
    require(len(set(models)) > 1, f"the models {models} agree; two must differ")
    agents = len(models)
    if uniform:
        choices = [(Rational(1, agents),) * agents]
    else:
        grid = product(range(TENTHS + 1), repeat=agents)
        choices = [tuple(Rational(w, TENTHS) for w in ws) for ws in grid if sum(ws) == TENTHS]
    merged = any(_gap(concave, models, weights) >= 0 for weights in choices)
    return Measured(Integer(merged), Integer(0))


def _gap(loss, models, weights):
    """Σ w_k L(θ_k) - L(Σ w_k θ_k), not below 0 where the models can be merged with these weights."""
    mean = sum(w * Integer(x) for w, x in zip(weights, models, strict=True))
    return sum(w * loss(Integer(x)) for w, x in zip(weights, models, strict=True)) - loss(mean)


def sharper(loss, center, n, ell="3/2"):
    """1 where the sign of U < 0 and uniform mergeability disagree for two agents at center ± 1/n, else 0; against 0.

    U is exact to all orders, (ℓ - 1) g e + ℓ/2 e², e = mean of ∇L(θ_k) - g. `loss` is "cos" (ℓ = η as L2 = 1) or
    "softplus".
    """
    losses = {"cos": (cos, lambda x: -sin(x)), "softplus": (lambda x: log(1 + exp(x)), lambda x: 1 / (1 + exp(-x)))}
    require(loss in losses, f"loss is {loss!r}; it must be one of {', '.join(losses)}")
    value, slope = losses[loss]
    at, h, ell = Rational(center), Rational(1, n), Rational(ell)
    g = slope(at)
    e = (slope(at + h) + slope(at - h)) / 2 - g
    accelerates = bool((ell - 1) * g * e + ell / 2 * e**2 < 0)
    merges = bool((value(at + h) + value(at - h)) / 2 - value(at) >= 0)
    return Measured(Integer(accelerates != merges), Integer(0))


def opposite(weight=1):
    """With the weights (weight, 0, ..., 0), L(weight θ_1) <= weight L(θ_1) whatever L is: so for the weight 1.

    For any other weight, L elsewhere is a number of its own.
    """
    first, other = Symbol("L1_value", real=True), Symbol("L_elsewhere", real=True)
    merged = first if weight == 1 else other
    claim = Le(merged, weight * first, evaluate=False)
    return Proof("all weight on one model", (Step(claim, "w = e_1: L(Σ w θ) = L(θ_1) = Σ w L(θ), for every L"),), claim)


def fixed_proofs(constant=None):
    """|gap - ½ Tr(HΓ)| <= constant L3 κ Ξ³, and with 1/m weights some sets are mergeable and some are not."""
    constant = kernel(3) if constant is None else constant
    rest, cube, Xi, L3, kap = (Symbol(name, nonnegative=True) for name in ("rest", "cube", "Xi", "L3", "kappa"))
    cubes = Le(cube, kap * Xi**3)
    taylor = cite("taylor_loss", "in the mean over the agents the linear terms cancel, as Σ δ_k = 0",
                  loss_remainder=rest, L3=L3, cube=cube)  # fmt: skip
    last = Le(rest, constant * L3 * kap * Xi**3, evaluate=False)
    end = Step(last, "the mean cube is at most κ_m Ξ³", (taylor.claim, cubes))
    second = Proof("uniform gap to second order", (taylor, end), last, (cubes,))
    h = Symbol("h", positive=True)
    up, down = Ge((h**2 / 2 + h**2 / 2) / 2, 0, evaluate=False), Lt((-(h**2) / 2 - h**2 / 2) / 2, 0, evaluate=False)
    some = Proof("some sets are mergeable, and some are not",
                 (Step(up, "x²/2 at ±h: the mean loss is not below that of the merged model"),
                  Step(down, "-x²/2 at ±h: it is below")), down)  # fmt: skip
    return second, some


def second_order(n, over=6):
    """|gap - ½ Tr(HΓ)| of cos at 1, agents at 1 + (2, -1, -1)/n, against L3 κ_3 Ξ³/`over` with L3 = 1."""
    deltas = [Rational(k, n) for k in (2, -1, -1)]
    spread = sum(d**2 for d in deltas) / 3
    gap = sum(cos(1 + d) for d in deltas) / 3 - cos(1)
    return Measured(abs(gap + cos(1) * spread / 2), kappa(3) * spread ** Rational(3, 2) / over)


def check(effort):
    """The weights e_1; a set that no uniform merge helps; the proof for fixed weights; U against mergeability."""
    yield by_opposite("printed", opposite())
    yield by_instance(
        "printed", Instance("models 0, 1, 3 of -x²/2, each of whose proper averages is worse: mergeable all the same",
                            mergeable, {"models": (0, 1, 3)})
    )  # fmt: skip
    yield both("fixed weights", *fixed_proofs())
    yield by_instance("fixed weights", Instance("cos at 1, deviations (2, -1, -1)/10: the third order", second_order,
                                                {"n": 10}))  # fmt: skip
    for loss, center, words in (
        ("cos", "1/2", "cos at 0.5, agents ± 1/1000, η = 3/2: U < 0, yet merging raises the loss"),
        ("softplus", "-2", "softplus at -2, agents ± 1/1000: merging lowers the loss, yet U > 0"),
    ):
        yield by_instance("sign of U", Instance(words, sharper, {"loss": loss, "center": center, "n": 1000}))


CLAIM = Claim(
    name="definition-2",
    kind="definition",
    title="Definition 2: mergeability is a property that some sets of models have and others have not",
    variants=(
        Variant(
            "printed",
            "Models are globally mergeable if weights w_k in [0, 1] that sum to one exist with "
            "L(Σ w_k θ_k) <= Σ w_k L(θ_k); this tells sets of models apart.",
            r"\exists w\in[0,1]^m,\ \sum_kw_k=1:\ L\Big(\sum_kw_k\theta_k\Big)\le\sum_kw_kL(\theta_k)",
        ),
        Variant(
            "fixed weights",
            "With w_k = 1/m the definition does tell sets of models apart, and the mean loss exceeds that of the "
            "merged model by ½Tr(∇²L(θ̄)Γ) up to L₃κ_mΞ³/6: near consensus it is Tr(∇²L(θ̄)Γ) >= 0, a "
            "condition on curvature.",
            r"\Big|\frac1m\sum_kL(\theta_k)-L(\bar\theta)-\tfrac12\mathrm{Tr}(\nabla^2L\,\Gamma)\Big|"
            r"\le\frac{L_3}6\kappa_m\Xi^3",
            "assumption",
            "the weights are fixed at 1/m (with free ones, all weight on one model always qualifies)",
        ),
        Variant(
            "sign of U",
            "With weights 1/m, models are mergeable exactly where U < 0: Theorem 1 and Proposition 2 explain it.",
            r"U<0\ \Leftrightarrow\ L(\bar\theta)\le\frac1m\sum_kL(\theta_k)",
            "assumption",
            "U < 0 in place of the definition",
        ),
    ),
    check=check,
    refuted_by="a proof that some choice of weights satisfies the inequality for every loss and every set of models",
)
