"""The numbers of a `SmoothRun` of fractions, exactly: the slow, plain twin of `sim.search.smooth_run`, without floats.

What is rational stays a fraction of sympy. Other numbers (of cosines, or roots in the norms) have 60 digits; as no step
loses more than a few of them, the error of a result is far below the stated 1e-40 of its size.
"""

from itertools import product

import mpmath
import sympy

from sim.search.smooth_run import infimum
from sim.testbed import x as variable
from theory.notation import NOTATION

DIGITS = 60
ERROR = sympy.Rational(1, 10**40)


def number(expression):
    """A fraction as it is, anything else to 60 digits."""
    expression = sympy.sympify(expression)
    return expression if expression.is_Rational else sympy.N(expression, DIGITS)


class ExactLosses:
    """L_k^(order) and the mean of them at exact points."""

    def __init__(self, run):
        self.run = run

    def local(self, k, point, order):
        run = self.run
        inner = (point - run.shifts[k]) / run.width
        value = number(run.function.derivatives[order].subs(variable, inner)) if run.heights[k] else 0
        slope = run.slopes[k] * (point if order == 0 else int(order == 1))
        return number(run.heights[k] * value / run.width**order + slope)

    def mean(self, point, order):
        return _mean([self.local(k, point, order) for k in range(self.run.agents)])


def _mean(values):
    values = list(values)
    return number(sum(values) / sympy.Integer(len(values)))


def exact_quantities(run):
    """As `smooth_run.quantities`, lists over the steps in place of arrays; the entries of the run are fractions."""
    losses, agents = ExactLosses(run), range(run.agents)
    m, lr = sympy.Integer(run.agents), run.lr
    norms = [number(norm) for norm in run.function.norms]
    L = {f"L{q}": number(run.height * norm / run.width**q) for q, norm in enumerate(norms, start=1)}
    L["L1"] += abs(sum(run.slopes)) / m
    ell, x, steps = lr * L["L2"], list(run.start), []
    for _ in range(run.steps):
        middle = _mean(x)
        g, gradients = losses.mean(middle, 1), [losses.local(k, x[k], 1) for k in agents]
        e, spread = _mean(gradients) - g, _mean((value - middle) ** 2 for value in x)
        ends = []
        for signs in product(*((1, -1) if a else (0,) for a in run.noise)):
            y = [number(x[k] - lr * (gradients[k] + signs[k] * run.noise[k])) for k in agents]
            ends.append([number(sum(run.W[k][j] * y[j] for j in agents)) for k in agents])
        means = [_mean(end) for end in ends]
        spreads = [_mean((value - mean) ** 2 for value in end) for end, mean in zip(ends, means, strict=True)]
        steps.append({
            "consensus_distance": spread,
            "local_gradient_norm_sq": _mean(value**2 for value in gradients),
            "merged_loss": losses.mean(middle, 0),
            "gradient_norm_sq": g**2,
            "discrepancy_norm_sq": e**2,
            "discrepancy_inner": g * e,
            "T2": g * losses.mean(middle, 3) * spread,
            "next_merged_loss": _mean(losses.mean(mean, 0) for mean in means),
            "next_consensus_distance": _mean(spreads),
            "U": (ell - 1) * g * e + ell / 2 * e**2,
        })  # fmt: skip
        x = ends[0]
    seen = {name: [step[name] for step in steps] for name in steps[0]}
    local = max(map(abs, run.heights)) * norms[1] / run.width**2
    squares = seen["gradient_norm_sq"]
    gap = seen["merged_loss"][0] - number(infimum(run)) if not sum(run.slopes) else sympy.oo
    return seen | L | {
        "L_local": number(local),
        "agents": m,
        "lr": lr,
        "steps": [sympy.Integer(t + 1) for t in range(run.steps)],
        "sigma": sympy.sqrt(_mean(value**2 for value in run.noise)),
        "phi": sympy.sqrt(max(seen["local_gradient_norm_sq"])),
        "p": 1 - contraction_sq(run.W),
        "initial_gap": gap,
        "gradient_norm_sq_mean": [_mean(squares[: t + 1]) for t in range(run.steps)],
    }  # fmt: skip


def contraction_sq(W):
    """|W - J|_2^2: exact for two agents, else the largest eigenvalue of (W - J)^T (W - J) to 60 digits."""
    m = len(W)
    D = sympy.Matrix(m, m, lambda i, j: W[i][j] - sympy.Rational(1, m))
    if m <= 2:
        return (D[0, 0] - D[0, m - 1]) ** 2 if m == 2 else sympy.Integer(0)
    with mpmath.workdps(DIGITS + 10):
        square = mpmath.matrix([[mpmath.mpf(v.p) / v.q for v in row] for row in (D.T * D).tolist()])
        return max(sympy.Float(value, DIGITS) for value in mpmath.eigsy(square, eigvals_only=True))


def evaluate(formula, values):
    """A formula of the notation at exact numbers by name."""
    given = {NOTATION[name].sympy: value for name, value in values.items()}
    return number(sympy.sympify(formula).subs(given))
