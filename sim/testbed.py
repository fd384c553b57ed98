"""Smooth test functions of one variable whose constants are known exactly: norms, infimum, minimizer, Assumption 4.

A record holds a sympy expression f(x), and for each order q = 1..4 a point `peaks[q - 1]` of the region at which
|f^(q)| is largest (oo: in the limit), from which sympy computes the norms L_q = sup |f^(q)| exactly. `scaled` gives
a f((x - s)/w), with norms |a| L_q/w^q. Weak Assumption 4 of arXiv 2507.06542 is, in one variable, f' f''' < 0 wherever
f' is not 0. Arrays are numpy's, in float64. Copies in d dimensions are in `sim.lifts`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import sympy
from sympy import And, Interval, Ne, Or, Piecewise, Rational, S, atan, cos, exp, false, log, oo, pi, sin, sqrt, tanh
from sympy.codegen.numpy_nodes import logaddexp

from theory.errors import require

x = sympy.Symbol("x", real=True)
ORDERS = (0, 1, 2, 3, 4)
LINE = Interval(-oo, oo)


@dataclass(frozen=True, eq=False)
class Function:
    """f on `region`, on which all that is stated holds; outside a bounded one the record says nothing.

    `where_a4` is the condition on x that f' f''' < 0, `weak_a4` whether it is met wherever f' is not 0.
    `pl` is the largest mu of f'^2 >= 2 mu (f - infimum) on the region, None where none is positive, `minimizer` a point
    of the infimum, None where it is not attained. `stable` are forms of f and f' that never overflow where sympy's do.
    """

    name: str
    expression: sympy.Expr
    peaks: tuple
    infimum: sympy.Expr
    supremum: sympy.Expr
    where_a4: sympy.logic.boolalg.Boolean
    weak_a4: bool = False
    minimizer: sympy.Expr | None = None
    pl: sympy.Expr | None = None
    region: sympy.Set = LINE
    stable: tuple = ()

    def __post_init__(self):
        require(self.expression.free_symbols <= {x}, f"{self.name}: {self.expression} has more variables than x")
        require(len(self.peaks) == 4, f"{self.name} has {len(self.peaks)} peaks; it needs one for each order 1 to 4")

    @cached_property
    def derivatives(self):
        """(f, f', f'', f''', f'''') as expressions of x."""
        return tuple(self.expression.diff(x, q) if q else self.expression for q in ORDERS)

    @cached_property
    def norms(self):
        """(L1, L2, L3, L4) = sup |f^(q)| on the region as exact numbers of sympy; oo where there is none."""
        return tuple(
            sympy.radsimp(sympy.simplify(abs(sympy.limit(d, x, p) if p.is_infinite else d.subs(x, p)).rewrite(exp)))
            for d, p in zip(self.derivatives[1:], self.peaks, strict=True)
        )

    @cached_property
    def constants(self):
        """{"L1": ..., "L4": ...} as floats, by the names that bounds use."""
        return {f"L{q}": float(norm) for q, norm in zip(ORDERS[1:], self.norms, strict=True)}

    @cached_property
    def _arrays(self):
        value, slope = self.stable or self.derivatives[:2]
        forms = (value, slope, *(slope.diff(x, q) for q in ORDERS[1:4]))
        return tuple(sympy.lambdify(x, form, "numpy") for form in forms)

    def __call__(self, points, order=0):
        """f^(order) at an array of points, of the shape of the points."""
        require(order in ORDERS, f"order is {order!r}; it must be one of 0, 1, 2, 3, 4")
        points = np.asarray(points, dtype=float)
        return np.array(np.broadcast_to(self._arrays[order](points), points.shape), dtype=float)

    def inside(self, points):
        """Where points lie in the region, ends included."""
        points = np.asarray(points, dtype=float)
        return (points >= float(self.region.inf)) & (points <= float(self.region.sup))

    def scaled(self, height=1, width=1, shift=0):
        """height f((x - shift)/width) as a record of its own, with exact numbers (floats are taken as fractions)."""
        height, width, shift = (
            Rational(v) if isinstance(v, float) else sympy.sympify(v) for v in (height, width, shift)
        )
        require(height != 0 and width > 0, f"height {height} must not be 0 and width {width} must be above 0")
        inner = (x - shift) / width
        low, high = (self.infimum, self.supremum) if height > 0 else (self.supremum, self.infimum)
        keeps = height > 0
        return replace(
            self,
            name=f"{height} {self.name}((x - {shift})/{width})",
            expression=height * self.expression.subs(x, inner),
            peaks=tuple(p * width + shift for p in self.peaks),
            infimum=height * low,
            supremum=height * high,
            where_a4=self.where_a4.subs(x, inner),
            minimizer=self.minimizer * width + shift if keeps and self.minimizer is not None else None,
            pl=self.pl * height / width**2 if keeps and self.pl is not None else None,
            region=Interval(self.region.inf * width + shift, self.region.sup * width + shift),
            stable=tuple(height * f.subs(x, inner) / width**q for q, f in enumerate(self.stable)),
        )


def washboard(slope, amplitude, frequency):
    """slope x + amplitude sin(frequency x), all three exact, slope >= 0 and the others above 0: a hill with wells."""
    slope, amplitude, frequency = map(Rational, (slope, amplitude, frequency))
    require(slope >= 0 and amplitude > 0 and frequency > 0, f"a washboard of {slope}, {amplitude}, {frequency} is none")
    wave = cos(frequency * x)
    return Function(
        f"washboard({slope}, {amplitude}, {frequency})",
        slope * x + amplitude * sin(frequency * x),
        (S(0), pi / (2 * frequency), S(0), pi / (2 * frequency)),
        -oo if slope else -amplitude,
        oo if slope else amplitude,
        Or(wave > 0, wave < -slope / (amplitude * frequency)),
        not slope,
        None if slope else -pi / (2 * frequency),
    )


def smooth_huber(width):
    """x^2/2 for |x| <= 1, linear beyond 1 + width, between them a polynomial of degree 7; four continuous derivatives.

    With u = (|x| - 1)/width the second derivative falls as 1 - 10 u^3 + 15 u^4 - 6 u^5, so that L1 = 1 + width/2,
    L2 = 1, L3 = 15/(8 width), L4 = 10/(sqrt(3) width^2): a quadratic that meets Assumption 2.
    """
    width = Rational(width)
    require(width > 0, f"the width of the transition is {width}; it must be above 0")
    u = sympy.Symbol("u")
    fall = 1 - 10 * u**3 + 15 * u**4 - 6 * u**5
    slope = 1 + width * sympy.integrate(fall, (u, 0, u))
    value = S(1) / 2 + width * sympy.integrate(slope, (u, 0, u))
    end = 1 + width

    def sides(right):  # an even function, each side a polynomial of its own
        return right, right.subs(x, -x)

    bend, low_bend = sides(value.subs(u, (x - 1) / width))
    line, low_line = sides(value.subs(u, 1) + slope.subs(u, 1) * (x - end))
    pieces = ((low_line, x < -end), (low_bend, x < -1), (x**2 / 2, x <= 1), (bend, x <= end), (line, True))
    return Function(
        f"smooth_huber({width})",
        Piecewise(*pieces),
        (end, S(0), 1 + width / 2, 1 + width * (3 - sqrt(3)) / 6),
        S(0),
        oo,
        Or(And(x > 1, x < end), And(x > -end, x < -1)),
        minimizer=S(0),
    )


_TURN = log(2 + sqrt(3))  # where tanh(x/2)^2 = 1/3
_FOURTH = sqrt(S(1) / 2 - sqrt(105) / 30)  # tanh(x/2) at the largest fourth derivative of the sigmoid
_ZERO, _HALF_TURN = S(0), pi / 2
_LIST = (
    Function("cos", cos(x), (_HALF_TURN, _ZERO, _HALF_TURN, _ZERO), S(-1), S(1), Ne(sin(x), 0), True, pi),
    Function("cosine_well", 1 - cos(x), (_HALF_TURN, _ZERO, _HALF_TURN, _ZERO), _ZERO, S(2), Ne(sin(x), 0), True,
             _ZERO),
    Function("log_cosh", log(sympy.cosh(x)), (oo, _ZERO, _TURN / 2, _ZERO), _ZERO, oo, Ne(x, 0), True, _ZERO,
             stable=(logaddexp(x, -x) - log(2), tanh(x))),
    Function("pseudo_huber", sqrt(1 + x**2), (oo, _ZERO, S(1) / 2, _ZERO), S(1), oo, Ne(x, 0), True, _ZERO),
    Function("softplus", log(1 + exp(x)), (oo, _ZERO, _TURN, _ZERO), _ZERO, oo, x > 0,
             stable=(logaddexp(0, x), (1 + tanh(x / 2)) / 2)),
    Function("logistic", log(1 + exp(-x)), (-oo, _ZERO, _TURN, _ZERO), _ZERO, oo, x < 0,
             stable=(logaddexp(0, -x), (tanh(x / 2) - 1) / 2)),
    Function("sigmoid", (1 + tanh(x / 2)) / 2, (_ZERO, _TURN, _ZERO, log((1 + _FOURTH) / (1 - _FOURTH))), _ZERO, S(1),
             And(x > -_TURN, x < _TURN)),
    Function("arctan", atan(x), (_ZERO, 1 / sqrt(3), _ZERO, sqrt(1 - 2 / sqrt(5))), -pi / 2, pi / 2,
             And(x > -1 / sqrt(3), x < 1 / sqrt(3))),
    Function("gaussian_well", -exp(-(x**2) / 2), (S(1), _ZERO, sqrt(3 - sqrt(6)), _ZERO), S(-1), _ZERO,
             And(Ne(x, 0), x > -sqrt(3), x < sqrt(3)), minimizer=_ZERO),
    Function("quartic_on_ball", x**4 / 24, (S(1), S(1), S(1), _ZERO), _ZERO, S(1) / 24, false, minimizer=_ZERO,
             region=Interval(-1, 1)),
    Function("quadratic", x**2 / 2, (oo, _ZERO, _ZERO, _ZERO), _ZERO, oo, false, minimizer=_ZERO, pl=S(1)),
    Function("linear", x, (_ZERO, _ZERO, _ZERO, _ZERO), -oo, oo, false),
    washboard("1/2", 1, 1),
    smooth_huber(1),
)  # fmt: skip
TESTBED = {function.name.split("(")[0]: function for function in _LIST}


def function_of(name):
    """The function of TESTBED of that name."""
    require(name in TESTBED, f"{name!r} is no function of the testbed; valid: {', '.join(TESTBED)}")
    return TESTBED[name]
