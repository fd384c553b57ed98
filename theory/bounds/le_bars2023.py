"""Le Bars, Bellet, Tommasi, Lavoie, Kermarrec, AISTATS 2023, arXiv 2204.04452: rates by neighborhood heterogeneity.

What matters is how far the gradients that an agent receives are from the mean of all of them, noise included:
(1/m) sum_k E |sum_j W[k, j] g_j - mean of g|^2 <= neighborhood_heterogeneity^2, at most (1 - p)(zeta^2 + sigma^2).
"""

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Le Bars et al. 2023, arXiv 2204.04452"

agents, steps, lr, initial_gap, initial_distance_sq = symbols("agents steps lr initial_gap initial_distance_sq")
p, sigma, L_local, neighborhood_heterogeneity = symbols("p sigma L_local neighborhood_heterogeneity")

SLOW = (8 * lr * L_local <= p,)
NEIGHBORHOOD = (
    "A1", "A3", "independent_gossip", "independent_noise", "smooth_agents", "smooth_samples", "neighborhood",
    "zero_start",
)  # fmt: skip

LE_BARS_CONSENSUS = Bound(
    name="le_bars_consensus",
    about="consensus_distance",
    kind="upper",
    formula=24 * lr**2 * neighborhood_heterogeneity**2 / p**2,
    where=SLOW,
    assumptions=NEIGHBORHOOD,
    source=f"{PAPER}, consensus lemma: the fixed point of (1 - p/4) Xi^2 + 6 lr^2 neighborhood_heterogeneity^2/p",
    statement="The consensus distance by what gossip leaves of the differences between the agents' gradients.",
    example={"lr": 0.01, "L_local": 1.0, "p": 0.1, "neighborhood_heterogeneity": 0.5},
)
LE_BARS_CONVEX = Bound(
    name="le_bars_convex",
    about="loss_gap_mean",
    kind="upper",
    formula=(
        initial_distance_sq / (lr * steps)
        + lr * sigma**2 / agents
        + 36 * L_local * lr**2 * neighborhood_heterogeneity**2 / p**2
    ),
    where=SLOW,
    assumptions=(*NEIGHBORHOOD, "convex_agents"),
    source=f"{PAPER}, convex case, before the learning rate is tuned",
    statement="The rate for convex losses: a topology that fits the data makes the last term small.",
    example={"lr": 0.01, "L_local": 1.0, "p": 0.1, "neighborhood_heterogeneity": 0.5, "agents": 16, "sigma": 1.0,
             "steps": 1000, "initial_distance_sq": 1.0},
)  # fmt: skip
LE_BARS_NONCONVEX = Bound(
    name="le_bars_nonconvex",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=(
        4 * initial_gap / (lr * steps)
        + 2 * L_local * lr * sigma**2 / agents
        + 96 * L_local**2 * lr**2 * neighborhood_heterogeneity**2 / p**2
    ),
    where=SLOW,
    assumptions=NEIGHBORHOOD,
    source=f"{PAPER}, nonconvex case, before the learning rate is tuned",
    statement="The rate for smooth losses: a topology that fits the data makes the last term small.",
    example={"lr": 0.01, "L_local": 1.0, "p": 0.1, "neighborhood_heterogeneity": 0.5, "agents": 16, "sigma": 1.0,
             "steps": 1000, "initial_gap": 0.5},
)  # fmt: skip
