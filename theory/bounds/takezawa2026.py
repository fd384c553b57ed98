"""Takezawa, Koloskova, Stich, ICML 2026, arXiv 2606.09154: the whole spectrum in place of the spectral gap.

The paper's abstract says that all eigenvalues enter; its constants were read in a restatement, where the condition on
the learning rate was not seen: those records carry the tag "unconfirmed", and no comparison with them counts.
`TAKEZAWA_CONSENSUS_SMALL_LR` is the same bound with a condition under which `master_consensus` proves it, and the
orders follow from the master bounds too. `TAKEZAWA_ALONE_EXPLICIT` is the rate that no topology can spoil.
"""

from sympy import Rational, log, sqrt

from theory.bound import Bound
from theory.notation import symbols

agents, steps, lr, p, sigma, zeta = symbols("agents steps lr p sigma zeta")
L_local, noise_gain, drift_gain, one_round_gain = symbols("L_local noise_gain drift_gain one_round_gain")
(initial_distance_sq,) = symbols("initial_distance_sq")
PAPER = "Takezawa et al. 2026, arXiv 2606.09154"
GROWS = ("lr", "sigma", "zeta", "noise_gain")

TAKEZAWA_CONSENSUS = Bound(
    name="takezawa_consensus",
    about="consensus_distance",
    kind="upper",
    formula=lr**2 * (24 * zeta**2 * (1 - p) / p**2 + 3 * sigma**2 * noise_gain),
    assumptions=("A3", "symmetric_mixing", "independent_noise", "noise_per_agent", "smooth_agents", "zero_start",
                 "unconfirmed"),
    source="Takezawa et al. 2026, arXiv 2606.09154 (constants read in a restatement; step-size condition not seen)",
    statement="Noise enters by the sum over the spectrum, heterogeneity by the gap; for small learning rates only.",
    example={"lr": 0.01, "p": 0.1, "sigma": 1.0, "zeta": 1.0, "noise_gain": 1.5},
    increasing=GROWS,
    decreasing=("p",),
)  # fmt: skip
TAKEZAWA_CONSENSUS_SMALL_LR = Bound(
    name="takezawa_consensus_small_lr",
    about="consensus_distance",
    kind="upper",
    formula=TAKEZAWA_CONSENSUS.formula,
    where=(lr * L_local * drift_gain <= 1 - sqrt(Rational(2, 3)),),
    assumptions=tuple(tag for tag in TAKEZAWA_CONSENSUS.assumptions if tag != "unconfirmed"),
    source=f"{PAPER}; derived here from master_consensus: (a + b)^2 <= 2 (a^2 + b^2), drift_gain^2 <= 4 (1 - p)/p^2",
    statement="The bound of takezawa_consensus at learning rates for which it is proved here.",
    example=TAKEZAWA_CONSENSUS.example | {"L_local": 1.0, "drift_gain": 18.0},
    increasing=GROWS,
    decreasing=("p",),
)
TAKEZAWA_GOSSIP_NOISE = Bound(
    name="takezawa_gossip_noise",
    about="gossip_noise",
    kind="upper",
    formula=sigma**2 * one_round_gain,
    assumptions=("A3", "symmetric_mixing", "independent_noise", "noise_per_agent"),
    source=f"{PAPER}; derived here, with equality where every agent's noise has the variance sigma^2",
    statement="What one round of gossip leaves of fresh noise: all eigenvalues count, not the largest one.",
    example={"sigma": 1.0, "one_round_gain": 0.27},
    order="either",
    increasing=("sigma", "one_round_gain"),
)
TAKEZAWA_CONVEX = Bound(
    name="takezawa_convex",
    about="loss_gap_mean",
    kind="order",
    formula=(
        sqrt(initial_distance_sq * sigma**2 / (agents * steps))
        + ((noise_gain * sigma**2 + (1 - p) * zeta**2 / p**2) * L_local * initial_distance_sq**2 / steps**2)
        ** Rational(1, 3)
        + L_local * initial_distance_sq / (p * steps)
    ),
    assumptions=(*TAKEZAWA_CONSENSUS_SMALL_LR.assumptions, "convex_agents", "best_lr"),
    source=f"{PAPER}, convex rate: the middle term as restated, the last as in Koloskova et al. 2020; derived here from"
    " master_convex and stepsize_tuning",
    statement="The convex rate with the whole spectrum in place of (1 - p)/p.",
    example={"agents": 16, "steps": 1000, "initial_distance_sq": 1.0, "sigma": 1.0, "zeta": 1.0, "L_local": 1.0,
             "p": 0.1, "noise_gain": 1.5},
    increasing=("initial_distance_sq", "sigma", "zeta", "noise_gain", "L_local"),
    decreasing=("agents", "steps", "p"),
)  # fmt: skip
TAKEZAWA_ALONE = Bound(
    name="takezawa_alone",
    about="loss_gap_mean",
    kind="order",
    formula=sqrt(initial_distance_sq * sigma**2 / steps) + L_local * initial_distance_sq / steps,
    assumptions=("A3", "homogeneous", "independent_noise", "noise_per_agent", "symmetric_mixing", "convex_agents",
                 "smooth_agents", "common_start", "best_lr"),
    source=f"{PAPER}, the other side of the minimum in its rate for convex losses that agents share, as restated;"
    " derived here from takezawa_alone_explicit and stepsize_tuning",
    statement="On one convex loss no topology is worse than no communication at all.",
    example={"steps": 1000, "initial_distance_sq": 1.0, "sigma": 1.0, "L_local": 1.0},
    increasing=("initial_distance_sq", "sigma", "L_local"),
    decreasing=("steps",),
)  # fmt: skip
TAKEZAWA_ALONE_EXPLICIT = Bound(
    name="takezawa_alone_explicit",
    about="loss_gap_mean",
    kind="upper",
    formula=initial_distance_sq / (2 * lr * steps) + lr * sigma**2 / 2,
    where=(lr * L_local <= 1,),
    assumptions=("doubly_stochastic", "A3", "homogeneous", "noise_per_agent", "independent_gossip", "convex_agents",
                 "smooth_agents", "common_start"),
    source=f"{PAPER}; derived here: the mean over agents of |theta_k - theta*|^2 falls by 2 lr gap - (lr sigma)^2"
    " in a step and does not grow in gossip; noise may be correlated across agents",
    statement="On one convex loss every doubly stochastic gossip, even none, has the rate of one agent.",
    example={"lr": 0.01, "steps": 1000, "initial_distance_sq": 1.0, "sigma": 1.0, "L_local": 1.0},
    increasing=("initial_distance_sq", "sigma"),
    decreasing=("steps",),
)  # fmt: skip


def _transient(name, formula, before, family, growth):
    return Bound(
        name=name, about="transient_steps", kind="order", formula=formula,
        assumptions=("A3", "homogeneous", "independent_noise", "noise_per_agent", "symmetric_mixing", "smooth_agents",
                     "zero_start", "best_lr"),
        source=f"{PAPER}, as restated; derived here: agents^3 noise_gain^2, where the gain {growth}",
        statement=f"Transient of smooth nonconvex losses that agents share, on {family}; {before} by the gap alone.",
        example={"agents": 16}, increasing=("agents",),
    )  # fmt: skip


TAKEZAWA_TRANSIENT_RING = _transient("takezawa_transient_ring", agents**5, "agents^7", "a ring", "grows as agents/8")
TAKEZAWA_TRANSIENT_TORUS = _transient(
    "takezawa_transient_torus", agents**3 * log(agents) ** 2, "agents^5", "a square torus", "grows as log(agents)"
)
TAKEZAWA_TRANSIENT_HYPERCUBE = _transient(
    "takezawa_transient_hypercube",
    agents**3,
    "agents^3 log(agents)^2",
    "a hypercube",
    "is at most 0.21 and falls as 1/log2(agents), so that the order is not sharp",
)
