"""Le Bars, Bellet, Tommasi, Lavoie, Kermarrec, AISTATS 2023, arXiv 2204.04452: rates by neighborhood heterogeneity.

What matters is how far the gradients that an agent receives are from the mean of all of them, noise included:
(1/m) sum_k E |sum_j W[k, j] g_j - mean of g|^2 <= neighborhood_heterogeneity^2, at most (1 - p)(zeta^2 + sigma^2).
All constants were read in the source. `theory.label_skew` computes the quantity for agents that differ in their labels,
and learns a topology for them.
"""

from sympy import sqrt

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Le Bars et al. 2023, arXiv 2204.04452"

agents, steps, lr, initial_gap, initial_distance_sq = symbols("agents steps lr initial_gap initial_distance_sq")
p, sigma, zeta, L_local, neighborhood_heterogeneity = symbols("p sigma zeta L_local neighborhood_heterogeneity")
epsilon, loss_target, permutations, regularizer = symbols("epsilon loss_target permutations regularizer")
distance_sq, loss_gap, consensus_distance = symbols("distance_sq loss_gap consensus_distance")

SLOW = (8 * lr * L_local <= p,)
NEIGHBORHOOD = (
    "A1", "A3", "independent_gossip", "independent_noise", "smooth_agents", "smooth_samples", "neighborhood",
    "zero_start",
)  # fmt: skip

LE_BARS_CONSENSUS_STEP = Bound(
    name="le_bars_consensus_step",
    about="next_consensus_distance",
    kind="upper",
    formula=(1 - p / 4) * consensus_distance + 6 * lr**2 * neighborhood_heterogeneity**2 / p,
    where=SLOW,
    assumptions=tuple(tag for tag in NEIGHBORHOOD if tag != "zero_start"),
    source=f"{PAPER}, consensus lemma",
    statement="One step contracts the consensus distance and adds what gossip leaves of the gradients' differences.",
    example={"lr": 0.01, "L_local": 1.0, "p": 0.1, "neighborhood_heterogeneity": 0.5, "consensus_distance": 0.5},
    increasing=("lr", "neighborhood_heterogeneity", "consensus_distance"),
    decreasing=("p",),
)
LE_BARS_DESCENT_CONVEX = Bound(
    name="le_bars_descent_convex",
    about="next_distance_sq",
    kind="upper",
    formula=distance_sq + lr**2 * sigma**2 / agents - lr * loss_gap + 3 * lr * L_local / 2 * consensus_distance,
    where=(4 * lr * L_local <= 1, loss_gap <= L_local * distance_sq),
    assumptions=("A3", "doubly_stochastic", "independent_gossip", "independent_noise", "smooth_agents",
                 "convex_agents"),
    source=f"{PAPER}, Lemma 1",
    statement="One step brings the merged model closer to the minimizer, up to noise and consensus distance.",
    example={"lr": 0.01, "L_local": 1.0, "agents": 16, "sigma": 1.0, "distance_sq": 1.0, "loss_gap": 0.3,
             "consensus_distance": 0.1},
    order="either",
    increasing=("distance_sq", "consensus_distance", "sigma", "L_local"),
    decreasing=("loss_gap", "agents"),
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
    increasing=("lr", "neighborhood_heterogeneity"),
    decreasing=("p",),
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
    increasing=("sigma", "L_local", "neighborhood_heterogeneity", "initial_distance_sq"),
    decreasing=("p", "agents", "steps"),
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
    increasing=("sigma", "L_local", "neighborhood_heterogeneity", "initial_gap"),
    decreasing=("p", "agents", "steps"),
)  # fmt: skip
LE_BARS_STEPS_CONVEX = Bound(
    name="le_bars_steps_convex",
    about="steps",
    kind="upper",
    formula=initial_distance_sq * (
        36 * sigma**2 / (agents * loss_target**2)
        + 89 * sqrt(L_local) * neighborhood_heterogeneity / (p * loss_target * sqrt(loss_target))
        + 24 * L_local / (p * loss_target)
    ),
    assumptions=(*NEIGHBORHOOD, "convex_agents", "best_lr"),
    source=f"{PAPER}, convex theorem: le_bars_convex at the learning rate of stepsize_tuning; derived here",
    statement="Steps that bring the mean loss gap of convex losses to loss_target.",
    example={"loss_target": 0.1, "L_local": 1.0, "p": 0.1, "neighborhood_heterogeneity": 0.5, "agents": 16,
             "sigma": 1.0, "initial_distance_sq": 1.0},
    increasing=("sigma", "L_local", "neighborhood_heterogeneity", "initial_distance_sq"),
    decreasing=("p", "agents", "loss_target"),
)  # fmt: skip
LE_BARS_STEPS_NONCONVEX = Bound(
    name="le_bars_steps_nonconvex",
    about="steps",
    kind="upper",
    formula=L_local * initial_gap * (
        288 * sigma**2 / (agents * epsilon**2)
        + 576 * neighborhood_heterogeneity / (p * epsilon * sqrt(epsilon))
        + 96 / (p * epsilon)
    ),
    assumptions=(*NEIGHBORHOOD, "best_lr"),
    source=f"{PAPER}, nonconvex theorem: le_bars_nonconvex at the learning rate of stepsize_tuning; derived here",
    statement="Steps that bring the mean squared gradient of smooth losses to epsilon.",
    example={"epsilon": 0.1, "L_local": 1.0, "p": 0.1, "neighborhood_heterogeneity": 0.5, "agents": 16, "sigma": 1.0,
             "initial_gap": 0.5},
    increasing=("sigma", "L_local", "neighborhood_heterogeneity", "initial_gap"),
    decreasing=("p", "agents", "epsilon"),
)  # fmt: skip
LE_BARS_NEIGHBORHOOD = Bound(
    name="le_bars_neighborhood",
    about="neighborhood_heterogeneity",
    kind="upper",
    formula=sqrt((1 - p) * (zeta**2 + sigma**2)),
    assumptions=("A1", "A3", "independent_noise"),
    source=f"{PAPER}; derived here from |(W - J) g|^2 <= (1 - p)|g - mean|^2",
    statement="Where it is not known how data and topology fit, neighborhoods are as heterogeneous as all agents.",
    example={"p": 0.1, "zeta": 1.0, "sigma": 1.0},
    order="either",
    increasing=("zeta", "sigma"),
    decreasing=("p",),
)


def _topology(name, factor, source):
    return Bound(
        name=name, about="label_skew", kind="upper", formula=factor * (regularizer + 1) / (permutations + 2),
        assumptions=("distinct_labels", "greedy_permutations"), source=source,
        statement="A sparse topology learned for the labels: its fit falls with the number of its permutations.",
        example={"regularizer": 0.1, "permutations": 3}, order="either",
        increasing=("regularizer",), decreasing=("permutations",),
    )  # fmt: skip


LE_BARS_TOPOLOGY = _topology(
    "le_bars_topology", 16, f"{PAPER}, theorem on STL-FW, with label_skew as in the authors' code"
)
LE_BARS_TOPOLOGY_SHARP = _topology(
    "le_bars_topology_sharp", 8,
    "derived here: 2 curvature/(l + 2), curvature = sup (2/m)(|(V - W) P|^2 + regularizer |V - W|^2), rows at most 2",
)  # fmt: skip
