"""Closed forms of the two functionals of the master bounds, S (noise_gain) and R (drift_gain), by topology.

For a normal W they are S = (1/m) sum_(i>=2) |l_i|^2/(1 - |l_i|^2), by l^2/(1 - l^2) = (1/(1 - l) + 1/(1 + l))/2 - 1
sums of cosecants for rings and paths, and R = slem/(1 - slem). Schedules with exact averages, exponential graphs and
windows of Koloskova et al. have theirs beside their papers.
"""

from sympy import Rational, sqrt

from theory.bound import Bound
from theory.notation import symbols

agents, period, one_minus_slem, slem = symbols("agents period one_minus_slem slem")

SIXTEEN = {"agents": 16}


def _ring(size):
    """S of the ring with weights 1/3.

    With q = sqrt(3) - 2 the sum over k of 1/(2 + cos(2 pi k/n)) is n/sqrt(3) (1 + q^n)/(1 - q^n), and that of
    1/(1 - cos(2 pi k/n)), k > 0, is (n^2 - 1)/6.
    """
    power = (sqrt(3) - 2) ** size
    return size / 8 - 1 + 5 / (8 * size) + sqrt(3) / 4 * (1 + power) / (1 - power)


def _gain(name, about, formula, assumptions, source, said, example, kind="equal", where=(), **monotone):
    return Bound(
        name=name, about=about, kind=kind, formula=formula, where=where, assumptions=assumptions, source=source,
        statement=said, example=example, order="either", **monotone,
    )  # fmt: skip


DRIFT_GAIN_NORMAL = _gain(
    "drift_gain_normal", "drift_gain", (1 - one_minus_slem) / one_minus_slem, ("normal_mixing",),
    "sum of slem^k, the norms of the powers of W - J", "R of one fixed normal W: one over the gap, less one.",
    {"one_minus_slem": 0.05}, where=(one_minus_slem > 0,), decreasing=("one_minus_slem",),
)  # fmt: skip
RING_NOISE_GAIN = _gain(
    "ring_noise_gain", "noise_gain", _ring(agents), ("ring",), "sums of cosecants",
    "Some m/8: every agent hears two. A ring of three is J, S = 0.", SIXTEEN, where=(agents >= 4,),
    increasing=("agents",),
)  # fmt: skip
_kept = (2 * sqrt(2) - 3) ** agents
RING_HALF_NOISE_GAIN = _gain(
    "ring_half_noise_gain", "noise_gain",
    agents / 6 - 1 + 7 / (12 * agents) + sqrt(2) / 4 * (1 + _kept) / (1 - _kept), ("ring_half",), "sums of cosecants",
    "Some m/6: a heavier self-weight keeps more noise.", SIXTEEN, where=(agents >= 3,), increasing=("agents",),
)  # fmt: skip
PATH_NOISE_GAIN = _gain(
    "path_noise_gain", "noise_gain", _ring(2 * agents) - Rational(1, 16) / agents, ("path",),
    "half the eigenvalues of the ring of twice the size", "Some m/4: the ring of twice the size, less one eigenvalue.",
    SIXTEEN, where=(agents >= 3,), increasing=("agents",),
)  # fmt: skip
STAR_NOISE_GAIN = _gain(
    "star_noise_gain", "noise_gain", (1 - 2 / agents) * (agents - 1) ** 2 / (2 * agents - 1), ("star",),
    "the eigenvalue 1 - 1/m, m - 2 times, and 0", "Some m/2: the leaves average over the center, a share 1/m a round.",
    SIXTEEN, where=(agents >= 2,), increasing=("agents",),
)  # fmt: skip
STAR_DRIFT_GAIN = _gain(
    "star_drift_gain", "drift_gain", agents - 1, ("star",), "slem/(1 - slem) with slem = 1 - 1/m",
    "One over the gap 1/m, less one.", SIXTEEN, where=(agents >= 3,), increasing=("agents",),
)  # fmt: skip
DAMPED_NOISE_GAIN = _gain(
    "damped_noise_gain", "noise_gain", (1 - 1 / agents) * slem**2 / (1 - slem**2), ("damped_average",),
    "the eigenvalue slem, m - 1 times", "(1 - a) I + a J: the largest S at its gap.", {"agents": 16, "slem": 0.9},
    where=(slem < 1,), increasing=("agents", "slem"),
)  # fmt: skip
LOCAL_NOISE_GAIN = _gain(
    "local_noise_gain", "noise_gain", (period - 1) * (1 - 1 / agents), ("periodic_average",),
    "I - J for each step since the last average", "Local SGD: every step since the last average keeps its noise.",
    {"agents": 16, "period": 6}, increasing=("agents", "period"),
)  # fmt: skip
LOCAL_DRIFT_GAIN = _gain(
    "local_drift_gain", "drift_gain", period - 1, ("periodic_average",), "|I - J| = 1 for each step since the average",
    "Local SGD: steps since the last average, at most.", {"period": 6}, increasing=("period",),
)  # fmt: skip
