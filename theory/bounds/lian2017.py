"""Lian, Zhang, Zhang, Hsieh, Zhang, Liu, NeurIPS 2017, arXiv 1705.09056: decentralized SGD that combines, then adapts.

The text was not seen: the statements are recalled and proved anew. With u = lr L_local/(1 - slem), D2 = 1 - 18 m u^2,
master_consensus for this order (S + 1 - 1/m <= 1/(1 - slem^2), R + 1 = 1/(1 - slem)) is at most

    2 lr^2 (sigma^2/(1 - slem^2) + zeta^2/(1 - slem)^2)/(1 - u)^2,

and m (1 - u)^2 >= D2 for m >= 2 wherever D2 > 0, since then u < 1/6; a single agent has no consensus distance. The
printed rates follow with room to spare: their proof does not use that noise is independent across agents, and so loses
a factor m. The paper writes rho for slem^2.
"""

from sympy import Rational, sqrt

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Lian et al. 2017, arXiv 1705.09056"

agents, steps, lr, initial_gap = symbols("agents steps lr initial_gap")
sigma, zeta, L_local, slem, lr_scale = symbols("sigma zeta L_local slem lr_scale")

GAP_SQ = (1 - slem) ** 2
D2 = 1 - 18 * lr**2 * agents * L_local**2 / GAP_SQ
D1 = Rational(1, 2) - 9 * lr**2 * L_local**2 * agents / (GAP_SQ * D2)
SPREAD = sigma**2 / (1 - slem**2) + 9 * zeta**2 / GAP_SQ
REGION = (slem < 1, 36 * agents * (lr * L_local) ** 2 < GAP_SQ)  # where D2 > 0 and D1 > 0
LIAN = ("A3", "symmetric_mixing", "independent_noise", "noise_per_agent", "smooth_agents", "zero_start")

LIAN_NONCONVEX = Bound(
    name="lian_nonconvex",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=(
        initial_gap / (lr * steps)
        + lr * L_local * sigma**2 / (2 * agents)
        + (lr * L_local) ** 2 * agents * SPREAD / D2
    ) / D1,
    where=REGION,
    assumptions=LIAN,
    source=f"{PAPER}, Theorem 1 as recalled, without its term in the mean of the local gradients; derived here",
    statement="The first rate with linear speedup; a factor agents is lost in its last term.",
    example={"lr": 0.001, "L_local": 1.0, "slem": 0.9, "agents": 16, "sigma": 1.0, "zeta": 1.0, "steps": 10000,
             "initial_gap": 0.5},
    order="combine_then_adapt",
    increasing=("sigma", "zeta", "initial_gap", "slem", "L_local"),
    decreasing=("steps",),
)  # fmt: skip
LIAN_COROLLARY_2 = Bound(
    name="lian_corollary_2",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=8 * initial_gap * L_local / steps
    + (8 * initial_gap / lr_scale + 4 * L_local * lr_scale) * sigma / sqrt(agents * steps),
    where=(
        slem < 1,
        sigma**6 * (initial_gap / lr_scale**3 + L_local / lr_scale) ** 2 * steps
        >= 4 * L_local**4 * agents**5 * SPREAD**2,
        sigma**2 * GAP_SQ * steps >= 72 * (L_local * agents * lr_scale) ** 2,
    ),
    assumptions=(*LIAN, "lian_lr"),
    source=f"{PAPER}, Corollary 2 as recalled, where lr_scale = 1; derived here: D2 >= 3/4 and D1 >= 1/3 there",
    statement="The tuned rate after some agents^5 steps, with the scale that its learning rate needs for its units.",
    example={"L_local": 1.0, "slem": 0.5, "agents": 2, "sigma": 1.0, "zeta": 0.1, "steps": 10000, "initial_gap": 0.5,
             "lr_scale": 0.5},
    order="combine_then_adapt",
    increasing=("sigma", "initial_gap", "L_local"),
    decreasing=("steps", "agents"),
)  # fmt: skip
LIAN_CONSENSUS = Bound(
    name="lian_consensus",
    about="consensus_distance_mean",
    kind="upper",
    formula=agents * lr**2 / D2 * (
        2 * SPREAD
        + SPREAD / D1
        + 18 / GAP_SQ * (initial_gap / (lr * steps) + lr * L_local * sigma**2 / (2 * agents * D1))
    ),
    where=REGION,
    assumptions=LIAN,
    source=f"{PAPER}, Theorem 3 as recalled, with the units of its second term set right; derived here",
    statement="The consensus distance, mean over the steps; its first term alone is a bound.",
    example={"lr": 0.001, "L_local": 1.0, "slem": 0.9, "agents": 16, "sigma": 1.0, "zeta": 1.0, "steps": 10000,
             "initial_gap": 0.5},
    order="combine_then_adapt",
    increasing=("sigma", "zeta", "initial_gap", "slem", "L_local", "lr", "agents"),
    decreasing=("steps",),
)  # fmt: skip
