"""Facts about normal vectors of mean zero: the largest third and fourth moment of the length at a given variance.

|e|^2 = sum_i lambda_i z_i^2 is linear in the variances lambda, and E|e|^3 and E|e|^4 are convex in |e|^2: at one trace
the worst covariance has rank one. Instances have one or two dimensions, where the angle is left to integrate.
"""

import numpy as np
from sympy import Le, Symbol

from theory.proof.fact import Fact
from theory.remainder import GAUSSIAN_CUBE

cube, fourth, spread = (Symbol(name, nonnegative=True) for name in ("cube", "fourth", "spread"))
LENGTHS = {3: 3 * np.sqrt(np.pi / 2), 4: 8.0}  # E r^3 and E r^4 of a standard normal vector in the plane


def _normal(generator):
    """E|e|^3 and E|e|^4 of two variances, one of them 0 at times, by the trapezoidal rule over the angle."""
    variances = generator.exponential(size=2) * generator.choice([[1, 0], [1, 1]])
    angle = np.linspace(0, 2 * np.pi, 4096, endpoint=False)
    squares = variances[0] * np.cos(angle) ** 2 + variances[1] * np.sin(angle) ** 2
    moments = {q: LENGTHS[q] * (squares ** (q / 2)).mean() for q in LENGTHS}
    return {"cube": moments[3], "fourth": moments[4], "spread": np.sqrt(variances.sum())}


GAUSSIAN_FACTS = (
    Fact("gaussian_cube", "A normal vector of mean zero has E|e|^3 <= 2 sqrt(2/pi) (E|e|^2)^(3/2).",
         r"\mathbb{E}\|\epsilon\|^3\leq2\sqrt{2/\pi}\,(\mathbb{E}\|\epsilon\|^2)^{3/2}",
         Le(cube, GAUSSIAN_CUBE * spread**3), "convexity in the covariance: rank one is the worst", _normal),
    Fact("gaussian_fourth", "A normal vector of mean zero has E|e|^4 <= 3 (E|e|^2)^2.",
         r"\mathbb{E}\|\epsilon\|^4=(\mathrm{Tr}\,\Gamma)^2+2\,\mathrm{Tr}\,\Gamma^2\leq3(\mathrm{Tr}\,\Gamma)^2",
         Le(fourth, 3 * spread**4), "Isserlis' theorem", _normal),
)  # fmt: skip
