"""De Vos, Farhadkhani, Guerraoui, Kermarrec, Pires, Sharma, NeurIPS 2023, arXiv 2310.01972: epidemic learning.

Every round has new random neighbors. The contractions are derived here: with K models received from random others,
E|theta_+ - old mean|^2 = E[(1 - K/(m - 1))/(K + 1)] |theta - mean|^2; K = peers for EL-Oracle, and it is binomial for
EL-Local, whose mean drifts (`theory.epidemic` has the drift exactly). The text of the rates was not seen.
"""

from sympy import Rational, sqrt

from theory.bound import Bound
from theory.notation import symbols

PAPER = "De Vos et al. 2023, arXiv 2310.01972"

agents, peers, steps, initial_gap = symbols("agents peers steps initial_gap")
p, sigma, zeta, L_local, kept_old_mean = symbols("p sigma zeta L_local kept_old_mean")

PICKED = peers / (agents - 1)
LOCAL_KEPT = (1 - (1 - PICKED) ** agents) / peers - 1 / (agents - 1)
SIZES = (agents >= 2, peers < agents)
RATE = ("A3", "independent_noise", "smooth_agents", "common_start", "best_lr")

EPIDEMIC_ORACLE_RATE = Bound(
    name="epidemic_oracle_rate",
    about="p",
    kind="equal",
    formula=1 - (1 - PICKED) / (peers + 1),
    where=SIZES,
    assumptions=("doubly_stochastic", "epidemic_oracle", "exchangeable"),
    source=f"{PAPER}, alpha_s = 1 - p as recalled; derived here from E tr(W^T W) = m/(peers + 1)",
    statement="EL-Oracle on a random regular digraph: the rate does not depend on the size, for many agents.",
    example={"agents": 16, "peers": 4},
    order="either",
    increasing=("peers",),
    decreasing=("agents",),
)
EPIDEMIC_LOCAL_KEPT = Bound(
    name="epidemic_local_kept",
    about="kept_old_mean",
    kind="equal",
    formula=LOCAL_KEPT,
    where=SIZES,
    assumptions=("epidemic_local", "exchangeable"),
    source=f"{PAPER}, alpha_s as recalled; derived here from a binomial number of senders",
    statement="EL-Local, about the mean before the round: what the agents keep of their distance to it.",
    example={"agents": 16, "peers": 4},
    order="either",
    decreasing=("peers",),
)
EPIDEMIC_LOCAL_DRIFT = Bound(
    name="epidemic_local_drift",
    about="mean_drift",
    kind="upper",
    formula=LOCAL_KEPT / agents,
    where=(*SIZES, agents <= 40),
    assumptions=("epidemic_local", "exchangeable"),
    source=f"{PAPER}, as recalled for any size; derived here: the exact drift of each size up to 40 is a fifth of it",
    statement="EL-Local moves the mean of all agents, as its columns do not sum to 1.",
    example={"agents": 16, "peers": 4},
    order="either",
    decreasing=("peers",),
)
EPIDEMIC_ORACLE_ORDER = Bound(
    name="epidemic_oracle_order",
    about="gradient_norm_sq_mean",
    kind="order",
    formula=(
        sqrt(L_local * initial_gap * sigma**2 / (agents * steps))
        + ((1 - p) * (L_local * initial_gap / steps) ** 2 * (sigma**2 + zeta**2)) ** Rational(1, 3)
        + L_local * initial_gap / steps
    ),
    assumptions=(*RATE, "doubly_stochastic", "independent_rounds", "epidemic_oracle"),
    source=f"{PAPER}, Theorem 1 as recalled; derived here from master_nonconvex",
    statement="The rate of EL-Oracle, p from epidemic_oracle_rate.",
    example={"agents": 16, "steps": 10000, "p": 0.85, "sigma": 1.0, "zeta": 1.0, "L_local": 1.0, "initial_gap": 0.5},
    increasing=("sigma", "zeta", "L_local", "initial_gap"),
    decreasing=("steps", "p", "agents"),
)
EPIDEMIC_LOCAL_ORDER = Bound(
    name="epidemic_local_order",
    about="gradient_norm_sq_mean",
    kind="order",
    formula=(
        sqrt(L_local * initial_gap * (sigma**2 + kept_old_mean * zeta**2) / (agents * steps))
        + (kept_old_mean * (L_local * initial_gap / steps) ** 2 * (sigma**2 + zeta**2)) ** Rational(1, 3)
        + L_local * initial_gap / steps
    ),
    assumptions=(*RATE, "independent_rounds", "epidemic_local", "unconfirmed"),
    source=f"{PAPER}, Theorem 1 as recalled; it follows from exchangeable_nonconvex where epidemic_local_drift holds",
    statement="The rate of EL-Local: the drift of the mean brings the diversity into the leading term.",
    example={"agents": 16, "steps": 10000, "kept_old_mean": 0.18, "sigma": 1.0, "zeta": 1.0, "L_local": 1.0,
             "initial_gap": 0.5},
    increasing=("sigma", "zeta", "L_local", "initial_gap", "kept_old_mean"),
    decreasing=("steps", "agents"),
)  # fmt: skip
EPIDEMIC_TRANSIENT = Bound(
    name="epidemic_transient",
    about="transient_steps",
    kind="order",
    formula=agents**3 / peers**2,
    where=SIZES,
    assumptions=(*RATE, "independent_rounds", "epidemic_oracle"),
    source=f"{PAPER}, abstract",
    statement="Steps until the network no longer shows: many peers help twice over.",
    example={"agents": 16, "peers": 4},
    increasing=("agents",),
    decreasing=("peers",),
)
