"""Wang & Joshi, Cooperative SGD, JMLR 22(213), 2021, arXiv 1808.07576: rates for local steps, gossip and both.

Read in the source: rates for agents that share one loss, and one with the diversity zeta of their gradients.
"""

from sympy import sqrt

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Wang & Joshi 2021, JMLR 22(213), arXiv 1808.07576"

agents, steps, period, lr, initial_gap = symbols("agents steps period lr initial_gap")
sigma, zeta, L_local, slem = symbols("sigma zeta L_local slem")

PARALLEL = 2 * initial_gap / (lr * steps) + lr * L_local * sigma**2 / agents
IID = ("A3", "homogeneous", "independent_noise", "noise_per_agent", "smooth_agents", "common_start")
DIFFERENT = tuple(tag for tag in IID if tag != "homogeneous")
SPEED_UP = ("steps", "agents")

WANG_JOSHI_DSGD = Bound(
    name="wang_joshi_dsgd",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=PARALLEL + (lr * L_local * sigma) ** 2 * 2 * slem**2 / (1 - slem**2),
    where=(
        slem < 1,
        lr * L_local
        + (lr * L_local) ** 2 * 2 * slem / (1 - slem) * (slem / (1 + slem) + 1 / (1 - slem)) <= 1,
    ),
    assumptions=(*IID, "symmetric_mixing"),
    source=f"{PAPER}, decentralized SGD with gossip after every step",
    statement="Decentralized SGD on one loss: parallel SGD plus the noise that gossip has not averaged yet.",
    example={"lr": 0.01, "L_local": 1.0, "slem": 0.9, "agents": 16, "sigma": 1.0, "steps": 1000, "initial_gap": 0.5},
    increasing=("initial_gap", "L_local", "sigma", "slem"),
    decreasing=SPEED_UP,
)  # fmt: skip
WANG_JOSHI_PERIODIC = Bound(
    name="wang_joshi_periodic",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=PARALLEL + (lr * L_local * sigma) ** 2 * ((1 + slem**2) / (1 - slem**2) * period - 1),
    where=(slem < 1, lr * L_local + 5 * (lr * L_local * period / (1 - slem)) ** 2 <= 1),
    assumptions=(*IID, "periodic_gossip"),
    source=f"{PAPER}, main theorem, without auxiliary variables",
    statement="Local steps with gossip after each period, on one loss.",
    example={"lr": 0.01, "L_local": 1.0, "slem": 0.5, "period": 4, "agents": 16, "sigma": 1.0, "steps": 1000,
             "initial_gap": 0.5},
    increasing=("initial_gap", "L_local", "sigma", "slem", "period"),
    decreasing=SPEED_UP,
)  # fmt: skip
WANG_JOSHI_LOCAL = Bound(
    name="wang_joshi_local",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=PARALLEL + (lr * L_local * sigma) ** 2 * (period - 1),
    where=(lr * L_local + (lr * L_local) ** 2 * period * (period - 1) <= 1,),
    assumptions=(*IID, "periodic_average"),
    source=f"{PAPER}, local SGD (periodic averaging)",
    statement="Local SGD on one loss: every step since the last average adds its noise.",
    example={"lr": 0.01, "L_local": 1.0, "period": 4, "agents": 16, "sigma": 1.0, "steps": 1000, "initial_gap": 0.5},
    increasing=("initial_gap", "L_local", "sigma", "period"),
    decreasing=SPEED_UP,
)
WANG_JOSHI_TUNED = Bound(
    name="wang_joshi_tuned",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=(
        (2 * L_local * initial_gap + sigma**2) / sqrt(agents * steps)
        + agents / steps * ((1 + slem**2) / (1 - slem**2) * period - 1) * sigma**2
    ),
    where=(slem < 1, 10 * agents * (period / (1 - slem)) ** 2 <= steps),
    assumptions=(*IID, "periodic_gossip", "square_root_lr"),
    source=f"{PAPER}, corollary of the main theorem",
    statement="Local steps with gossip, at the learning rate of the linear speed-up.",
    example={"L_local": 1.0, "slem": 0.5, "period": 4, "agents": 16, "sigma": 1.0, "steps": 20000, "initial_gap": 0.5},
    increasing=("initial_gap", "sigma", "slem", "period", "L_local"),
    decreasing=("steps",),
)
drift_part = 6 * (lr * L_local * period) ** 2 / (1 - slem) * (
    2 * slem**2 / (1 + slem) + 2 * slem / (1 - slem) + 1 - 1 / period
)  # fmt: skip
WANG_JOSHI_DIFFERENT = Bound(
    name="wang_joshi_different",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=2 * WANG_JOSHI_PERIODIC.formula + drift_part * zeta**2,
    where=(slem < 1, lr * L_local <= 1, 2 * drift_part <= 1),
    assumptions=(*DIFFERENT, "periodic_gossip"),
    source=f"{PAPER}, theorem for data that differ between the agents",
    statement="Local steps with gossip on different losses: twice the rate of one loss, and the diversity.",
    example={"lr": 0.005, "L_local": 1.0, "slem": 0.5, "period": 4, "agents": 16, "sigma": 1.0, "zeta": 1.0,
             "steps": 1000, "initial_gap": 0.5},
    increasing=("initial_gap", "L_local", "sigma", "zeta", "slem", "period"),
    decreasing=SPEED_UP,
)  # fmt: skip
