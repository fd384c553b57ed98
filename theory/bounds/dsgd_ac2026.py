"""Wang & Johansson 2026, arXiv 2602.02899 (DSGD-AC): disagreement that is kept alive by damping the gossip.

Both versions' abstracts were read: the consensus step is scaled down over time, and theory is the stationary variance
of the modes of disagreement. That variance is derived here here for combine-then-adapt, the order of the first author's
training code, with W = (1 - damping) I + damping W_0: the mode of 1 - lambda_i = mode_gap is kept by
1 - damping mode_gap - lr curvature. Damping in proportion to lr makes its variance of order lr in place of lr^2.
"""

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Wang & Johansson 2026, arXiv 2602.02899"

lr, lr_max, sigma, curvature, mode_gap, damping, damping_power = symbols(
    "lr lr_max sigma curvature mode_gap damping damping_power"
)
LOST = damping * mode_gap + lr * curvature

DSGD_AC_MODE = Bound(
    name="dsgd_ac_mode",
    about="mode_variance",
    kind="equal",
    formula=(lr * sigma) ** 2 / (1 - (1 - LOST) ** 2),
    where=(LOST < 2, mode_gap <= 2),
    assumptions=("scalar_quadratics", "symmetric_mixing", "independent_noise", "noise_per_agent", "stationary"),
    source=f"{PAPER}; derived here; noise of variance exactly sigma^2",
    statement="The variance of one mode of disagreement under damped gossip.",
    example={"lr": 0.05, "sigma": 1.0, "curvature": 1.0, "mode_gap": 0.2, "damping": 0.5},
    order="combine_then_adapt",
    increasing=("sigma",),
)
DSGD_AC_DAMPING = Bound(
    name="dsgd_ac_damping",
    about="damping",
    kind="equal",
    formula=(lr / lr_max) ** damping_power,
    where=(lr <= lr_max,),
    assumptions=("damped_gossip",),
    source=f"{PAPER}: a definition, read in the first author's training code, power 3 by default and no floor",
    statement="The schedule of the damping: from some epoch on it follows a power of the learning rate.",
    example={"lr": 0.05, "lr_max": 0.1, "damping_power": 3.0},
    order="combine_then_adapt",
    increasing=("lr",),
    decreasing=("lr_max", "damping_power"),
)
