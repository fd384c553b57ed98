"""Intervals for the mean of independent samples that hold at any time one stops, and for a rate; many claims at once.

`betting_interval`, for samples in a known range, holds for every number of samples. With x in [0, 1] and a candidate m
for the mean, the wealth K(m) = prod_i (1 + b_i (x_i - m)) of a bettor whose b_i depend on the past alone is a
nonnegative martingale if m is the mean, so that by Ville's inequality it ever reaches 2/alpha with probability at most
alpha/2. The interval are the m at which neither bettor, up or down, has got there: the hedged sequence of
Waudby-Smith and Ramdas (2024, Estimating means of bounded random variables by betting, Theorem 3), with their
predictable plug-in bets (26), cut at half of what keeps the wealth positive. K falls in m for the bettor up, as each of
its factors does, so that the ends are found by bisection.

`asymptotic_interval`, for samples of any range with a variance, is the normal mixture of Robbins,

    mean +- s sqrt((n r + 1)/(n^2 r) log((n r + 1)/alpha^2)),    r = (-2 log alpha + log(-2 log alpha) + 1)/n_0,

narrowest near n = n_0 (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024, Time-uniform central limit theory, Theorem
2.2). It holds in the limit only, and needs a burn-in.
"""

import numpy as np
from scipy.stats import beta

from theory.errors import require

BURN_IN = 64  # samples before the asymptotic sequence says something
CUT = 0.5  # bets are at most this share of what keeps the wealth positive
BISECTIONS = 48  # after which an end is known to 1e-14 of the largest sample


def betting_interval(samples, low, high, level):
    """(lower, upper) for the mean of samples [n] in [low, high], valid at this and at all times before at once."""
    x = _checked(samples, level)
    require(low < high, f"the range [{low}, {high}] is empty")
    require(((x >= low) & (x <= high)).all(), f"samples reach from {x.min():.6g} to {x.max():.6g}, beyond the range")
    x, width = (x - low) / (high - low), high - low
    return low + width * _lowest(x, level), high - width * _lowest(1 - x, level)


def betting_lower_end(samples, low, unit, level):
    """The lower end of such an interval for samples that are at least `low`, without a largest value.

    The bettor on a larger mean stays solvent whatever the samples are. `unit` is the size that they are thought to have
    above `low`, which decides on the first bets: a wrong one costs power, never validity.
    """
    x = _checked(samples, level)
    require(unit > 0, f"the unit of the samples is {unit}; it must be above 0")
    require((x >= low).all(), f"a sample is {x.min():.6g}, below {low:.6g}")
    return low + unit * _lowest((x - low) / unit, level)


def _lowest(x, level):
    """The least mean of samples x >= 0 [n] that the bettor up does not rule out, rounded down."""
    needed, n = np.log(2 / (1 - level)), np.arange(1, len(x) + 1)
    now = (0.5 + np.cumsum(x)) / (n + 1)
    variance = np.concatenate([[0.25], (0.25 + np.cumsum((x - now) ** 2)) / (n + 1)])[:-1]
    bets = np.sqrt(2 * needed / (variance * n * np.log(n + 1)))

    def ruled_out(m):
        """Whether the wealth has ever been 2/alpha."""
        return np.cumsum(np.log1p(np.minimum(bets, CUT / m) * (x - m))).max() >= needed

    outside, inside = 0.0, float(x.max())  # where all factors are at most 1
    if inside == 0:
        return 0.0
    for _ in range(BISECTIONS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if ruled_out(middle) else (middle, outside)
    return outside


def asymptotic_interval(samples, level, best=256):
    """(lower, upper) for the mean of samples [n], valid at all large times at once; `best` is the n_0 above."""
    x, alpha = _checked(samples, level), 1 - level
    if len(x) < BURN_IN:
        return -np.inf, np.inf
    n, twice = len(x), -2 * np.log(alpha)
    r = (twice + np.log(twice) + 1) / best
    width = x.std(ddof=1) * np.sqrt((n * r + 1) / (n**2 * r) * np.log((n * r + 1) / alpha**2))
    return x.mean() - width, x.mean() + width


def rate_interval(events, samples, level):
    """(lower, upper) of Clopper and Pearson for the probability of an event that was seen `events` times."""
    require(0 <= events <= samples and samples >= 1, f"{events} events in {samples} samples are not possible")
    require(0 < level < 1, f"the level is {level}; it must lie in (0, 1)")
    half = (1 - level) / 2
    lower = beta.ppf(half, events, samples - events + 1) if events else 0.0
    upper = beta.ppf(1 - half, events + 1, samples - events) if events < samples else 1.0
    return float(lower), float(upper)


def bonferroni(level, claims):
    """The level of each of `claims` intervals that makes all of them hold at once with the given level."""
    require(claims == int(claims) and claims >= 1, f"the number of claims is {claims}; it must be a positive integer")
    return 1 - (1 - level) / claims


def holm(p_values, level):
    """Which hypotheses [n] are rejected so that at level `level` no true one is among them (Holm 1979)."""
    p = np.asarray(p_values, dtype=float)
    require(p.ndim == 1 and ((p >= 0) & (p <= 1)).all(), f"p-values must lie in [0, 1], got {p_values}")
    order = np.argsort(p, kind="stable")
    passes = p[order] <= (1 - level) / np.arange(len(p), 0, -1)
    rejected = np.zeros(len(p), dtype=bool)
    rejected[order[: len(p) if passes.all() else int(np.argmin(passes))]] = True
    return rejected


def _checked(samples, level):
    x = np.asarray(samples, dtype=float)
    require(x.ndim == 1 and len(x) >= 1 and np.isfinite(x).all(), "samples must be one or more finite numbers")
    require(0 < level < 1, f"the level is {level}; it must lie in (0, 1)")
    return x
