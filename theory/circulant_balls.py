"""Proved eigenvalues of circulants, lines and their products: sums of sin² from a table of balls, all n of them.

A circulant with the weights w_h, Σ w_h = 1, has λ_j = Σ_h w_h exp(2πi jh/n), and without cancellation

    1 - |λ_j|² = Σ_{g<h} 4 w_g w_h sin²(πj(g - h)/n);   1 - λ_j = Σ_h 2 w_h sin²(πjh/n) where it is symmetric.

It is normal, so its consensus rate is p = min_{j>0} 1 - |λ_j|², and slem = contraction = (1 - p)^(1/2). Each sum is
taken in float64 over table entries with a relative error of 2^-52, and its own roundings are counted.
"""

from fractions import Fraction
from itertools import combinations

import numpy as np

from theory.balls import ball, in_balls, outward, sine_squares
from theory.rayleigh import UNIT
from theory.structures import Circulant, Line

TERMS = 500_000_000  # table look-ups: some seconds


def _product(one, other):
    """[low, high] of the product of two intervals of Fractions."""
    ends = [a * b for a in one for b in other]
    return min(ends), max(ends)


def _sums(agents, coefficients):
    """(low, high) [n // 2] of Σ_d c_d sin²(πjd/n), j = 1..n/2; coefficients {d: interval of Fractions}."""
    table, j = sine_squares(agents), np.arange(1, agents // 2 + 1)
    low, high, size = np.zeros(len(j)), np.zeros(len(j)), np.zeros(len(j))
    for d, (least, most) in coefficients.items():
        place = j * d % agents
        squares = table[np.minimum(place, agents - place)]
        low, high = low + float(least) * squares, high + float(most) * squares
        size += float(max(abs(least), abs(most))) * squares
    error = (len(coefficients) + 8) * UNIT * size
    return low - error, high + error


def _merged(agents, pairs):
    """{d: interval}, the coefficients of equal sin² added; pairs [(d, interval)]."""
    merged = {}
    for d, (least, most) in pairs:
        d = min(d % agents, -d % agents)
        if d:
            low, high = merged.get(d, (0, 0))
            merged[d] = low + least, high + most
    return merged


def _intervals(weights, relative):
    """{offset: interval of Fractions} of weights known up to `relative`, offset 0 left out."""
    spread, exact = Fraction(relative), {hop: Fraction(weight) for hop, weight in weights.items() if hop}
    return {hop: (w - spread * abs(w), w + spread * abs(w)) for hop, w in exact.items()}


def circulant_rate(agents, weights, relative=0):
    """((lower, upper) of p, how) of the circulant in which agent i hears i + h with weights[h], h = 1..n-1.

    Every weight may be off by `relative`; an agent's own weight is what is left to 1. (None, why not) where n is large
    and the offsets are many.
    """
    if agents == 1:
        return (1.0, 1.0), "one agent"
    heard = _intervals(weights, relative)
    own = 1 - sum(high for _, high in heard.values()), 1 - sum(low for low, _ in heard.values())
    if (len(heard) + 1) ** 2 * agents > 4 * TERMS:
        return None, f"a circulant of {agents} agents with {len(heard)} offsets has too many terms"
    every = list(({0: own} | heard).items())
    pairs = ((g - h, _product((4, 4), _product(a, b))) for (g, a), (h, b) in combinations(every, 2))
    low, high = _sums(agents, _merged(agents, pairs))
    return (float(low.min()), float(high.min())), f"all {agents} eigenvalues of a circulant from a table of balls"


def _sides(agents, weights, relative):
    """(low, high) [n // 2] of 1 - λ_j, j = 1..n/2, of a symmetric circulant."""
    heard = _intervals(weights, relative).items()
    return _sums(agents, _merged(agents, ((hop, _product((2, 2), interval)) for hop, interval in heard)))


@in_balls
def circulant_gap(agents, weights, relative=0):
    """(lower, upper) of min_{j>0} min(1 - λ_j, 1 + λ_j), the gap of a symmetric circulant; as in `circulant_rate`."""
    if agents == 1:
        return 1.0, 1.0
    low, high = _sides(agents, weights, relative)
    return gap_between(ball(low.min(), high.min()), ball(low.max(), high.max()))


@in_balls
def gap_between(smallest, largest):
    """(lower, upper) of min(μ_2, 2 - μ_m) from balls of the smallest and the largest 1 - λ; 1 for one agent."""
    return (1.0, 1.0) if smallest is None else outward(smallest.min(2 - largest))


@in_balls
def distances(structure, relative):
    """(ball of the smallest 1 - λ, ball of the largest) on deviations from consensus, of a symmetric structure.

    A `Circulant`, a `Line` or a product of such, whose weights may be off by `relative`. (None, None) for one agent.
    """
    if structure.agents == 1:
        return None, None
    if isinstance(structure, Line):
        n, weight = structure.agents, ball(1 - Fraction(relative), 1 + Fraction(relative)) * structure.weight
        return tuple(4 * weight * (ball(Fraction(k, 2 * n))).sin_pi() ** 2 for k in (1, n - 1))
    if isinstance(structure, Circulant):
        low, high = _sides(structure.agents, structure.weights, relative)
        return ball(low.min(), high.min()), ball(low.max(), high.max())
    parts = []
    for factor, share in zip(structure.factors, structure.shares, strict=True):
        parts.append([end and end * ball(float(share)) for end in distances(factor, relative)])
    smallest = [low for low, _ in parts if low is not None]
    least = smallest[0]
    for other in smallest[1:]:
        least = least.min(other)
    return least, sum((high for _, high in parts if high is not None), ball(0))
