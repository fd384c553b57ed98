"""Lu & De Sa, ICML 2021 and JMLR 24 (22-0044): the optimal complexity of decentralized training, in orders.

Their target is the expected norm of the gradient, not its square. For comparison with other papers,
norm_target^2 = epsilon. Their accelerated gossip is `accelerated_polynomial`; the printed rate
(1 - sqrt(1 - lambda))^rounds is not a bound with constant 1 for it: at lambda = 0.9 and 5 rounds the worst mode is left
5.9 times as large as that promises, at lambda = 0.99 and 20 rounds 18.4 times.
"""

import numpy as np
from sympy import Max, Rational, log, sqrt

from theory.bound import Bound
from theory.errors import require
from theory.notation import symbols

PAPER = "Lu & De Sa 2023, JMLR 24 (22-0044)"

agents, steps, initial_gap, sigma, zeta, L_local = symbols("agents steps initial_gap sigma zeta L_local")
norm_target, batch, diameter, one_minus_slem, zeta_start = symbols(
    "norm_target batch diameter one_minus_slem zeta_start"
)

SAMPLING = initial_gap * L_local * sigma**2 / (agents * batch * norm_target**4)
DETERMINISTIC = initial_gap * L_local / norm_target**2
LOWER = ("A3", "smooth_agents", "zero_respecting")
EXAMPLE = {
    "agents": 16, "initial_gap": 0.5, "sigma": 1.0, "L_local": 1.0, "norm_target": 0.1, "batch": 1,
}  # fmt: skip
HARDER = {"increasing": ("initial_gap", "sigma", "L_local"), "decreasing": ("agents", "batch", "norm_target")}

LU_DESA_LOWER = Bound(
    name="lu_desa_lower",
    about="steps",
    kind="order",
    formula=SAMPLING + DETERMINISTIC * diameter,
    assumptions=LOWER,
    source=f"{PAPER}, lower bound for any decentralized algorithm",
    statement="At least of this order: every algorithm needs the samples, and to cross the graph at every step.",
    example=EXAMPLE | {"diameter": 8},
    order="either",
    increasing=(*HARDER["increasing"], "diameter"),
    decreasing=HARDER["decreasing"],
)
LU_DESA_LOWER_GOSSIP = Bound(
    name="lu_desa_lower_gossip",
    about="steps",
    kind="order",
    formula=SAMPLING + DETERMINISTIC / sqrt(one_minus_slem),
    where=(one_minus_slem > 0,),
    assumptions=(*LOWER, "symmetric_mixing"),
    source=f"{PAPER}, lower bound for gossip with one W; its hard instance is a path with lambda = cos(pi/n)",
    statement="At least of this order: gossip with one mixing matrix cannot beat the root of its spectral gap.",
    example=EXAMPLE | {"one_minus_slem": 0.05},
    order="either",
    increasing=HARDER["increasing"],
    decreasing=(*HARDER["decreasing"], "one_minus_slem"),
)
LU_DESA_DETAG = Bound(
    name="lu_desa_detag",
    about="steps",
    kind="order",
    formula=LU_DESA_LOWER_GOSSIP.formula,
    where=(one_minus_slem > 0,),
    assumptions=("A3", "smooth_agents", "symmetric_mixing", "accelerated_gossip", "best_lr"),
    source=f"{PAPER}, DeTAG; up to a logarithm, whose argument as printed in their table mixes units",
    statement="Gradient tracking with accelerated gossip attains the lower bound up to a logarithm.",
    example=EXAMPLE | {"one_minus_slem": 0.05},
    order="either",
    increasing=HARDER["increasing"],
    decreasing=(*HARDER["decreasing"], "one_minus_slem"),
)
LU_DESA_DPSGD = Bound(
    name="lu_desa_dpsgd",
    about="network_steps",
    kind="order",
    formula=DETERMINISTIC * agents * zeta / one_minus_slem**2,
    where=(one_minus_slem > 0,),
    assumptions=("A3", "smooth_agents", "symmetric_mixing", "best_lr"),
    source=f"{PAPER}, their table: D-PSGD of Lian et al. 2017",
    statement="What the network costs D-PSGD: agents zeta/(1 - lambda)^(3/2) times what it has to.",
    example={"agents": 16, "initial_gap": 0.5, "zeta": 1.0, "L_local": 1.0, "norm_target": 0.1, "one_minus_slem": 0.05},
    order="combine_then_adapt",
    increasing=("initial_gap", "zeta", "L_local", "agents"),
    decreasing=("norm_target", "one_minus_slem"),
)
LU_DESA_ROUNDS = Bound(
    name="lu_desa_rounds",
    about="gossip_rounds",
    kind="equal",
    formula=(
        Max(log(agents), log(zeta_start**2 * steps / (initial_gap * L_local))) * Rational(1, 2) / sqrt(one_minus_slem)
    ),
    where=(one_minus_slem > 0, initial_gap > 0),
    assumptions=("symmetric_mixing", "accelerated_gossip"),
    source=f"{PAPER}, DeTAG: a definition",
    statement="Rounds of accelerated gossip after each step of DeTAG.",
    example={"agents": 16, "steps": 1000, "initial_gap": 0.5, "L_local": 1.0, "zeta_start": 1.0,
             "one_minus_slem": 0.05},
    order="either",
    increasing=("agents", "steps", "zeta_start"),
    decreasing=("initial_gap", "L_local", "one_minus_slem"),
)  # fmt: skip


def accelerated_polynomial(eigenvalues, slem, rounds):
    """P_R(x) by which `rounds` R of accelerated gossip multiply the mode of eigenvalue x [any shape], exactly.

    z_(k+1) = (1 + a) W z_k - a z_(k-1) with z_(-1) = z_0 and a = (1 - sqrt(1 - λ²))/(1 + sqrt(1 - λ²)), λ = slem:
    P_(-1) = P_0 = 1, P_(k+1)(x) = (1 + a) x P_k(x) - a P_(k-1)(x), so that P_k(1) = 1 keeps the mean.
    """
    x = np.asarray(eigenvalues, dtype=float)
    require((np.abs(x) <= 1 + 1e-12).all(), f"eigenvalues reach {np.abs(x).max()}; their moduli must be at most 1")
    require(0 <= slem < 1, f"slem is {slem}; it must lie in [0, 1)")
    require(isinstance(rounds, int) and rounds >= 0, f"rounds is {rounds!r}; it must be an int >= 0")
    root = np.sqrt(1 - slem**2)
    a = (1 - root) / (1 + root)
    before = now = np.ones_like(x)
    for _ in range(rounds):
        before, now = now, (1 + a) * x * now - a * before
    return now[()]
