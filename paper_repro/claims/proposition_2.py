"""Proposition 2 (D.8): progressive sharpening and η > 1/L_2 make U negative at a small enough consensus distance."""

from sympy import sin

from sim.search.fleet import Fleet, exact_gain
from sim.testbed import function_of, x
from theory.bounds import corrected
from theory.edge import edge, repaired_terms
from theory.errors import require
from theory.proof.derivations_descent import residual_homogeneous
from theory.proof.edges import negative_gain, some_distance
from theory.proof.evidence import Claim, Constant, Instance, Measured, Variant, by_instance
from theory.proof.exactly import number
from theory.proof.joined import joined
from theory.proof.step import by_proof

POINT = {"middle": "1/2", "apart": "1/1000", "lr": "3/2"}


def gain(middle, apart, lr, tilt=1, function="pseudo_huber"):
    """U to all orders of two agents at middle ± apart with L_{1,2} = L ± tilt sin, against 0.

    L has f' f''' < 0 at the merged model (Assumption 4 there) and η L_2 > 1. For tilt = 0 they share one loss.
    """
    middle, apart = number(middle), number(apart)
    fleet = Fleet(function_of(function), (middle + apart, middle - apart), (number(tilt), -number(tilt)), sin(x))
    require(number(lr) * fleet.loss.norms[1] > 1, "η is not above 1/L2")
    require(
        fleet.global_derivative(1) * fleet.global_derivative(3) < 0, "no progressive sharpening at the merged model"
    )
    return Measured(exact_gain(fleet, lr), 0)


def existence():
    """U is at most `residual_homogeneous`, which is negative below the edge, and some Ξ > 0 lies below it."""
    return joined("negative U at a small distance", residual_homogeneous(corrected.RESIDUAL_HOMOGENEOUS),
                  some_distance(), negative_gain())  # fmt: skip


def edges(middle="1/2", lr="3/2", function="pseudo_huber"):
    """(proved, measured) Ξ of two agents of one loss up to which U < 0."""
    from scipy.optimize import brentq

    fleet = Fleet(function_of(function), (middle, middle))
    L1, L2, L3, L4 = fleet.loss.norms
    slope, third = fleet.global_derivative(1), fleet.global_derivative(3)
    shown = float(edge(*repaired_terms(number(lr), 2, L1, L2, L3, L4, abs(third), abs(slope))))
    at, ell = float(number(middle)), float(number(lr) * L2)
    f = lambda y: float(fleet.loss(y, 1))  # noqa: E731

    def U(apart):
        e = (f(at + apart) + f(at - apart)) / 2 - f(at)
        return ((ell - 1) * f(at) * e + ell * e**2 / 2) / apart**2

    return shown, brentq(U, 1e-3, 20.0)


def check(effort):
    """Different losses at ever smaller distances; the proof for one loss; and how far below the true edge it is."""
    words = "pseudo-Huber {} sin x, models 1/2 ± {}, η = 3/2: U to all orders"
    for apart in ("1/1000", "1/1000000"):
        yield by_instance("printed", Instance(words.format("±", apart), gain, POINT | {"apart": apart, "tilt": -1}))
    yield by_instance("one loss", Instance(words.format("without", "1/1000"), gain, POINT | {"tilt": 0}))
    yield by_proof("one loss", existence())
    shown, measured = edges()
    yield Constant("Ξ up to which U < 0, pseudo-Huber at 1/2, η = 3/2, two agents: true, and proved here",
                   measured, shown, "root of U to all orders, and the edge of the proof")  # fmt: skip


CLAIM = Claim(
    name="proposition-2",
    kind="proposition",
    title="Proposition 2 (D.8): U < 0 near consensus",
    variants=(
        Variant(
            "printed",
            "Under A2, A4 (at the merged model), η > 1/L_2 and ‖g‖ >= μ_t > 0, what gossip adds to the descent is "
            "negative, "
            "U < 0, for every small enough Ξ > 0, for agents of different losses.",
            r"\eta>\frac1{L_2},\ \|g\|\ge\mu_t\;\Rightarrow\;\exists\,\Xi>0:\ U^{(t)}<0",
        ),
        Variant(
            "one loss",
            "The same for agents that share one loss: U < 0 wherever 0 < Ξ < min{K/(2C), √(K/(2Σ))}. That a run ever "
            "has "
            "such a Ξ is not said.",
            r"L_k\equiv L,\ 0<\Xi<\min\{\tfrac K{2C},\sqrt{\tfrac K{2\Sigma}}\}\;\Rightarrow\;U^{(t)}<0,\quad"
            r"K=\tfrac12(\eta L_2-1)\gamma\mu_t",
            "assumption",
            "all agents share one loss, and A4 holds at the merged model with Γ ≠ 0",
        ),
    ),
    check=check,
    refuted_by="agents with A4 at the merged model and U > 0 at arbitrarily small distances",
)
