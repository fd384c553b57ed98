"""The exercises of notebook 5: auditing the proof of Theorem 1 of arXiv 2507.06542."""

import numpy as np
import sympy
from sympy import Rational

from paper_repro.claims.d3 import EVEN, SKEW, different_losses, halving
from paper_repro.course.checks import Unreadable, as_array, as_number, function, holds, number
from paper_repro.lemma import check_lemma
from sim.search.fleet import Fleet, pair
from sim.testbed import TESTBED, function_of, x
from theory.bound import Bound
from theory.bounds import BOUNDS
from theory.errors import shown
from theory.notation import NOTATION
from theory.proof.evidence import Effort
from theory.remainder import kappa, kernel

PRINTED = Rational(1, 24)
BETWEEN = Rational(1, 7)  # a constant that is neither proved nor refuted by a search among few agents
EXPANDED = 3  # the gradient is expanded to second order, so that its third derivative is left, the fourth of the loss
EFFORT = Effort(tries=200)
ORDERS = {
    "a": "In case a both v and the blurred gradient are linear in the models: work them out.",
    "b": "In case b the terms of second order agree; do the third moments of the deviations vanish?",
    "c": "In case c neither the deviations nor a Gaussian have third moments: which is the next that counts?",
}


def power_by_units():
    """q of |R3| <= c L4 |ε|^q: the powers of [θ] of a gradient less those of L4."""
    return NOTATION["L1"].unit[1] - NOTATION["L4"].unit[1]


def exact_remainder(f, at, step, second=1, first=1):
    """R3 of a function of the testbed to 30 digits; the terms of first and second order count so often."""
    at, step = (sympy.nsimplify(value, rational=True) for value in (at, step))
    slope, bend, third = f.derivatives[1:4]
    rest = slope.subs(x, at + step) - slope.subs(x, at) - first * step * bend.subs(x, at)
    return float((rest - second * step**2 / 2 * third.subs(x, at)).evalf(30))


def counterexample(answer):
    """5.3: a function of the testbed, a point and a step whose remainder is above L4/24 of the cube of the step."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 3:
        raise Unreadable(f"The answer is a function, a point and a step; this is {shown(answer)}.")
    name, at, step = answer[0], as_number(answer[1]), as_number(answer[2])
    if not isinstance(name, str) or name not in TESTBED:
        raise Unreadable(f"{shown(name)} is no function of the testbed, which has {', '.join(TESTBED)}.")
    f = function_of(name)
    if step == 0 or f.norms[3] == 0:
        return "There is no remainder to speak of: the step or the fourth derivative is zero."
    if not f.inside([at, at + step]).all():
        return f"{name} is known on {f.region} only, and the step has to stay there."
    ratio = abs(exact_remainder(f, at, step)) / (float(f.norms[3]) * abs(step) ** 3)
    if ratio > PRINTED:
        return None
    return (
        f"Here |R3|/(L4 |e|³) is {ratio:.4f}, which is not above 1/24 = {float(PRINTED):.4f}: look where the fourth "
        "derivative is largest, with a step that is not large."
    )


def discrepancy(hessians, models):
    """v - ∇L of the parabolas h_k x²/2 at the models, in exact numbers."""
    mean = int(np.mean(hessians))
    tilts = tuple(int(h) - mean for h in hessians)
    parabola = function_of("quadratic").scaled(mean)
    return float(Fleet(parabola, tuple(map(int, models)), tilts, x**2 / 2).discrepancy)


def orders(answer):
    """5.7: the powers of the deviations with which the errors fall, by halving them in exact numbers."""
    given = as_array(answer)
    if given.shape != (3,):
        raise Unreadable(f"The answer is three orders, for a, b and c; this is {shown(answer)}.")
    error = lambda n: different_losses(n, 1).measured / n**3  # noqa: E731
    ratios = error(50) / error(100), halving(SKEW, 4), halving(EVEN, 5)
    wrong = [case for case, q, ratio in zip(ORDERS, given, ratios, strict=True) if q != float(sympy.log(ratio, 2))]
    return ORDERS[wrong[0]] if wrong else None


def limit_of_the_pair():
    """Where the mean of two agents ends, L_1 = x² - x, L_2 = x, W = pair(1/4), η = 1/2: x = W (x - η ∇)."""
    W, lr = sympy.Matrix(pair(Rational(1, 4))), Rational(1, 2)
    step = sympy.eye(2) - lr * sympy.diag(2, 0)
    return float(sum((sympy.eye(2) - W * step).solve(lr * W * sympy.Matrix([1, -1]))) / 2)


def examined(answer):
    """(bound, verdict of `check_lemma`) of a statement about U."""
    if not isinstance(answer, Bound) or answer.about != "U":
        raise Unreadable(f"The answer is a Bound on U, as residual(c, assumptions) makes it; this is {shown(answer)}.")
    return answer, check_lemma(answer, EFFORT)["verdict"]


def with_the_least_constant(found):
    """Whether a proved bound is the one of the catalog, in another form maybe."""
    (bound, _), best = found, BOUNDS["residual_homogeneous"]
    return bound.symbols == best.symbols and np.isclose(bound(**best.example), best(**best.example), rtol=1e-12)


def fewest_agents():
    """The least m at which the proof has a constant above 1/7: kernel κ_m/√m."""
    return next(m for m in range(2, 10**4) if kernel(EXPANDED) * kappa(m) / sympy.sqrt(m) > BETWEEN)


EXERCISES = {
    "5.1": number(
        power_by_units,
        "Write both sides in powers of [loss] and [θ]: [θ] must have the power -1 on the right, too.",
        rtol=1e-9,
    ),
    "5.2": function(
        exact_remainder,
        [(function_of("cos"), 0.5, 1.0), (function_of("softplus"), -1.0, 0.5), (function_of("arctan"), 0.5, -2.0)],
        "It is off: f(x, order=1) is the gradient of f, and R3 is what two more terms leave of its change.",
        slips=(
            (lambda f, at, step: exact_remainder(f, at, step, 2), "The term of second order has the factor 1/2."),
            (lambda f, at, step: exact_remainder(f, at, step, 0), "The term of second order is still in it."),
            (
                lambda f, at, step: exact_remainder(f, at, step, 0, 0),
                "This is the whole change of the gradient: two terms of Taylor's formula are to be taken off.",
            ),
        ),
    ),
    "5.3": counterexample,
    "5.4": number(
        lambda: float(kernel(EXPANDED)),
        "Count how often the gradient, which is what is expanded, is differentiated in the fourth derivative of L.",
        rtol=1e-9,
        slips=((lambda: float(PRINTED), "That is the printed one, which you have refuted."),),
    ),
    "5.5": number(
        lambda: float(2 / kernel(EXPANDED) ** 2),
        "Put ρ with your constant into η² L2 ρ²/2; with 1/24 it must give 1152.",
        rtol=1e-9,
        slips=((lambda: float(2 / PRINTED / kernel(EXPANDED)), "The constant enters squared."),),
    ),
    "5.6": function(
        discrepancy,
        [
            (np.array([1.0, 3.0]), np.array([2.0, -1.0])),
            (np.array([2.0, 2.0, 5.0]), np.array([1.0, 4.0, -3.0])),
            (np.array([3.0]), np.array([7.0])),
        ],
        "It is off: each Hessian less the mean Hessian, times the deviation of the same agent, and the mean of that.",
        slips=((lambda hessians, models: np.mean(hessians * models), "Hessians and models count less their means."),),
    ),
    "5.7": orders,
    "5.8": number(
        limit_of_the_pair,
        "At a fixed point x_k = Σ_j W_kj (x_j - η ∇L_j(x_j)) for both agents: two linear equations.",
        slips=(
            (lambda: -limit_of_the_pair(), "The sign: which of the two gradients wins away from the minimum?"),
            (lambda: 0.0, "That is what Theorem 1 promises; look at the figure."),
        ),
        rtol=1e-3,
    ),
    "5.9": holds(
        (lambda found: found[1] != "refuted", "It is refuted: let verdict(...) show you by what."),
        (
            lambda found: found[1] == "proved",
            "It is neither proved nor refuted: an assumption may be missing, or the constant be too small.",
        ),
        (with_the_least_constant, "It is proved, but a smaller constant is proved as well."),
        read=examined,
    ),
    "5.10": number(
        fewest_agents,
        "Compare κ_m/(6 √m) with 1/7 for each m, and take the first m at which it is above.",
        rtol=1e-9,
    ),
}
