"""Takezawa, Sato, Bao, Niwa, Yamada, NeurIPS 2023, arXiv 2305.11420: Base-(k+1) graphs; gains of finite-time schedules.

The length is derived here from the construction in `theory.base_graph`. With p_1 = floor(log_(k+1) n), the averages
within the parts take at most p_1 + 1 rounds; part l has blocks of (k + 1)^(p_l) agents, p_l <= p_1 + 1 - l, and its
links and last averages end l + p_l <= p_1 + 1 rounds later: 2 p_1 + 2 in all. The gains hold for every doubly
stochastic schedule: a product that holds a whole period vanishes on deviations, and a shorter one has norm <= 1.
"""

from sympy import log

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Takezawa et al. 2023, arXiv 2305.11420"

agents, peers, window = symbols("agents peers window")


def _gain(name, about, formula, tags, statement):
    return Bound(
        name=name, about=about, kind="upper", formula=formula, assumptions=("doubly_stochastic", *tags),
        source="products of rounds contain a whole period, and so vanish, or have norm <= 1; derived here",
        statement=statement, example={"agents": 16, "window": 4} if formula.has(agents) else {"window": 4},
        order="either", increasing=("agents", "window") if formula.has(agents) else ("window",),
    )  # fmt: skip


BASE_LENGTH = Bound(
    name="base_length",
    about="rounds_to_average",
    kind="upper",
    formula=2 * log(agents) / log(peers + 1) + 2,
    where=(agents >= 2, peers < agents),
    assumptions=("base_graph",),
    source=f"{PAPER}, Theorem 1 as recalled; derived here",
    statement="Rounds of the Base-(k+1) graph to the exact average, for any number of agents.",
    example={"agents": 25, "peers": 1},
    order="either",
    increasing=("agents",),
    decreasing=("peers",),
)
FINITE_TIME_NOISE_GAIN = _gain(
    "finite_time_noise_gain", "noise_gain", 2 * (window - 1) * (1 - 1 / agents), ("finite_time",),
    "S of a schedule whose periods are exact averages: noise waits for the next whole period.",
)  # fmt: skip
FINITE_TIME_DRIFT_GAIN = _gain(
    "finite_time_drift_gain", "drift_gain", 2 * (window - 1), ("finite_time",),
    "R of a schedule whose periods are exact averages.",
)  # fmt: skip
EVERY_PHASE_NOISE_GAIN = _gain(
    "every_phase_noise_gain", "noise_gain", (window - 1) * (1 - 1 / agents), ("every_phase",),
    "S where the rounds of a period average exactly from any phase on, as rounds that commute do.",
)  # fmt: skip
EVERY_PHASE_DRIFT_GAIN = _gain(
    "every_phase_drift_gain", "drift_gain", window - 1, ("every_phase",),
    "R where the rounds of a period average exactly from any phase on.",
)  # fmt: skip
