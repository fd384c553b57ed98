"""Koloskova, Loizou, Boreiri, Jaggi, Stich, ICML 2020, arXiv 2003.10422: one analysis of changing topologies.

The text was not seen. Where the assumptions of the master bounds hold, the rates and the descent lemmas are proved
here; what noise and heterogeneity that grow with the gradient add is recalled only. The recursion of the consensus
distance is not here, as its constants are not known: in its place stand the gains of any gossip whose products over
aligned windows contract at the rate p. With q = 1 - p, and r < window rounds since the last boundary,

    S <= (1 - 1/m) (r + window - 1 + window (q + q^2 + ...)),    R <= r + window - 1 + window (sqrt(q) + q + ...),

so that sigma sqrt(S) + zeta R is at most 3 (zeta window + sigma sqrt(p window))/p. Theorem 3, a lower bound: quadratics
of one curvature whose minimizers lie along the eigenvector of slem. The merged model is as fast as gradient descent,
and each agent is off by what gossip cannot undo: the statement is about the agents, never about the merged model alone.
"""

from sympy import Rational, log, sqrt

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Koloskova et al. 2020, arXiv 2003.10422"

agents, steps, window, lr, epsilon, initial_gap = symbols("agents steps window lr epsilon initial_gap")
loss_target, initial_distance_sq = symbols("loss_target initial_distance_sq")
p, sigma, zeta, L_local, mu = symbols("p sigma zeta L_local mu")
noise_growth, heterogeneity_growth, one_minus_slem = symbols("noise_growth heterogeneity_growth one_minus_slem")
merged_loss, gradient_norm_sq, consensus_distance = symbols("merged_loss gradient_norm_sq consensus_distance")
distance_sq, loss_gap = symbols("distance_sq loss_gap")
slem, curvature, distance_target = symbols("slem curvature distance_target")

GROWING = ("doubly_stochastic", "window_rate", "smooth_agents", "independent_gossip", "independent_noise", "best_lr")
RATES = (*GROWING, "A3", "noise_per_agent", "zero_start")
STEP = ("doubly_stochastic", "independent_gossip", "independent_noise", "smooth_agents")
DRIFT = (zeta * window + sigma * sqrt(p * window)) / p  # what the network costs, by the rate of a window
INSTANCE = ("scalar_quadratics", "slowest_mode", "symmetric_mixing", "common_start")
KEPT = 1 - lr * curvature
NO_GROWTH = {"epsilon": 0.01, "agents": 16, "sigma": 1.0, "zeta": 1.0, "p": 0.4, "window": 2, "L_local": 1.0,
             "initial_gap": 0.5}  # fmt: skip

KOLOSKOVA_NONCONVEX = Bound(
    name="koloskova_nonconvex",
    about="steps",
    kind="order",
    formula=L_local * initial_gap * (
        sigma**2 / (agents * epsilon**2) + DRIFT / sqrt(epsilon) ** 3 + window / (p * epsilon)
    ),
    assumptions=RATES,
    source=f"{PAPER}, Theorem 2 as recalled; derived here from master_nonconvex_tuned and the gains of windows",
    statement="Steps until the mean squared gradient is epsilon, for noise and diversity that do not grow.",
    example=NO_GROWTH,
    increasing=("sigma", "zeta", "window", "L_local", "initial_gap"),
    decreasing=("epsilon", "p", "agents"),
)  # fmt: skip
KOLOSKOVA_NONCONVEX_GROWTH = Bound(
    name="koloskova_nonconvex_growth",
    about="steps",
    kind="order",
    formula=L_local * initial_gap * (
        sigma**2 / (agents * epsilon**2)
        + (zeta * window * sqrt(noise_growth + 1) + sigma * sqrt(p * window)) / (p * sqrt(epsilon) ** 3)
        + window * sqrt((heterogeneity_growth + 1) * (noise_growth + 1)) / (p * epsilon)
    ),
    assumptions=(*GROWING, "noise_growth", "heterogeneity_growth", "unconfirmed"),
    source=f"{PAPER}, Theorem 2 as recalled; a single agent without zeta and sigma needs noise_growth, not its root",
    statement="The same for noise and diversity that grow with the gradient.",
    example=NO_GROWTH | {"noise_growth": 0.5, "heterogeneity_growth": 1.0},
    increasing=("sigma", "zeta", "window", "L_local", "initial_gap", "noise_growth", "heterogeneity_growth"),
    decreasing=("epsilon", "p", "agents"),
)  # fmt: skip
KOLOSKOVA_CONVEX = Bound(
    name="koloskova_convex",
    about="steps",
    kind="order",
    formula=initial_distance_sq * (
        sigma**2 / (agents * loss_target**2)
        + sqrt(L_local) * DRIFT / sqrt(loss_target) ** 3
        + L_local * window / (p * loss_target)
    ),
    assumptions=(*RATES, "convex_agents"),
    source=f"{PAPER}, Theorem 2 as recalled, where sigma and zeta count at the minimizer only; derived here for all"
    " models from master_convex, stepsize_tuning and the gains of windows",
    statement="Steps until the mean loss gap is loss_target.",
    example={"loss_target": 0.01, "agents": 16, "sigma": 1.0, "zeta": 1.0, "p": 0.4, "window": 2, "L_local": 1.0,
             "initial_distance_sq": 1.0},
    increasing=("sigma", "zeta", "window", "L_local", "initial_distance_sq"),
    decreasing=("loss_target", "p", "agents"),
)  # fmt: skip
KOLOSKOVA_STRONGLY_CONVEX = Bound(
    name="koloskova_strongly_convex",
    about="steps",
    kind="order",
    formula=(
        sigma**2 / (mu * agents * loss_target)
        + sqrt(L_local) * DRIFT / (mu * sqrt(loss_target))
        + L_local * window / (mu * p) * log(mu * initial_distance_sq / loss_target)
    ),
    where=(loss_target < mu * initial_distance_sq, mu <= L_local),
    assumptions=(*RATES, "strongly_convex_agents"),
    source=f"{PAPER}, Theorem 2 as recalled; derived here: koloskova_descent_convex with weights (1 - lr mu/2)^(-t),"
    " master_consensus and the gains of windows",
    statement="Steps until a weighted mean of the loss gaps is loss_target, up to the logarithm on every term.",
    example={"loss_target": 0.01, "agents": 16, "sigma": 1.0, "zeta": 1.0, "p": 0.4, "window": 2, "L_local": 1.0,
             "mu": 0.5, "initial_distance_sq": 1.0},
    increasing=("sigma", "zeta", "window", "L_local", "initial_distance_sq"),
    decreasing=("loss_target", "p", "agents"),
)  # fmt: skip
KOLOSKOVA_CONVEX_RATE = Bound(
    name="koloskova_convex_rate",
    about="loss_gap_mean",
    kind="order",
    formula=(
        sqrt(sigma**2 * initial_distance_sq / (agents * steps))
        + (L_local * (initial_distance_sq * sigma / steps) ** 2 / one_minus_slem) ** Rational(1, 3)
        + (L_local * (initial_distance_sq * zeta / (one_minus_slem * steps)) ** 2) ** Rational(1, 3)
        + L_local * initial_distance_sq / (one_minus_slem * steps)
    ),
    where=(one_minus_slem > 0,),
    assumptions=("A3", "symmetric_mixing", "smooth_agents", "independent_noise", "convex_agents", "best_lr"),
    source=f"Yuan et al. 2023, JMLR 24(280), page 9, on {PAPER}; units restored",
    statement="The convex rate as a function of the steps, for one fixed mixing matrix.",
    example={"agents": 16, "sigma": 1.0, "zeta": 1.0, "one_minus_slem": 0.1, "L_local": 1.0, "steps": 1000,
             "initial_distance_sq": 1.0},
    increasing=("sigma", "zeta", "L_local", "initial_distance_sq"),
    decreasing=("steps", "one_minus_slem", "agents"),
)  # fmt: skip
KOLOSKOVA_DESCENT_CONVEX = Bound(
    name="koloskova_descent_convex",
    about="next_distance_sq",
    kind="upper",
    formula=(
        (1 - lr * mu / 2) * distance_sq
        + lr**2 * sigma**2 / agents
        - lr * loss_gap
        + 3 * lr * L_local * consensus_distance
    ),
    where=(12 * lr * L_local <= 1, mu <= L_local, loss_gap <= L_local * distance_sq),
    assumptions=("A3", *STEP, "strongly_convex_agents"),
    source=f"{PAPER}, Lemma 8 as recalled; derived here, with 3/2 for 3 and mu for mu/2 where 4 lr L_local <= 1",
    statement="One step brings the merged model closer to the minimizer, up to noise and consensus distance.",
    example={"lr": 0.01, "L_local": 1.0, "mu": 0.5, "agents": 16, "sigma": 1.0, "distance_sq": 1.0, "loss_gap": 0.3,
             "consensus_distance": 0.1},
    order="either",
    increasing=("distance_sq", "consensus_distance", "sigma", "L_local"),
    decreasing=("loss_gap", "mu", "agents"),
)  # fmt: skip
KOLOSKOVA_DESCENT_NONCONVEX = Bound(
    name="koloskova_descent_nonconvex",
    about="next_merged_loss",
    kind="upper",
    formula=(
        merged_loss
        - lr / 4 * gradient_norm_sq
        + lr * L_local**2 * consensus_distance
        + lr**2 * L_local * sigma**2 / agents
    ),
    where=(4 * lr * L_local * (noise_growth + 1) <= 1,),
    assumptions=(*STEP, "noise_growth"),
    source=f"{PAPER}, Lemma 10 as recalled (its form read in Le Bars et al. 2023); derived here",
    statement="One step lowers the loss of the merged model, also where the noise grows with the gradient.",
    example={"lr": 0.01, "L_local": 1.0, "agents": 16, "sigma": 1.0, "merged_loss": 1.0, "gradient_norm_sq": 0.5,
             "consensus_distance": 0.1, "noise_growth": 2.0},
    order="either",
    increasing=("merged_loss", "consensus_distance", "sigma", "L_local"),
    decreasing=("gradient_norm_sq", "agents"),
)  # fmt: skip
WINDOW_NOISE_GAIN = Bound(
    name="window_noise_gain",
    about="noise_gain",
    kind="upper",
    formula=(1 - 1 / agents) * (window - 2 + window / p),
    assumptions=("doubly_stochastic", "independent_gossip", "window_rate"),
    source=f"geometric series over the windows of {PAPER}, Assumption 4; derived here",
    statement="S for the masters; equality for exchangeable independent rounds (window = 1).",
    example={"agents": 16, "window": 4, "p": 0.4},
    order="either",
    increasing=("agents", "window"),
    decreasing=("p",),
)
WINDOW_DRIFT_GAIN = Bound(
    name="window_drift_gain",
    about="drift_gain",
    kind="upper",
    formula=window - 2 + window / (1 - sqrt(1 - p)),
    assumptions=("doubly_stochastic", "independent_gossip", "window_rate"),
    source=f"geometric series over the windows of {PAPER}, Assumption 4; derived here",
    statement="R for the masters, at most window - 2 + 2 window/p; equality for symmetric W (window = 1).",
    example={"window": 4, "p": 0.4},
    order="either",
    increasing=("window",),
    decreasing=("p",),
)
HETEROGENEITY_ERROR = Bound(
    name="heterogeneity_error",
    about="agent_distance_sq",
    kind="equal",
    formula=(
        KEPT ** (2 * steps) * initial_distance_sq
        + (lr * slem * zeta / (1 - slem * KEPT)) ** 2 * (1 - (slem * KEPT) ** steps) ** 2
    ),
    where=(slem < 1, lr * curvature <= 1),
    assumptions=INSTANCE,
    source=f"{PAPER}, Theorem 3, its instance; derived here",
    statement="The agents' distance to the minimizer: what is left of the start, and the bias of heterogeneity.",
    example={"steps": 100, "lr": 0.05, "slem": 0.9, "zeta": 1.0, "curvature": 1.0, "initial_distance_sq": 1.0},
    increasing=("initial_distance_sq", "zeta", "slem"),
)
HETEROGENEITY_LR = Bound(
    name="heterogeneity_lr",
    about="lr",
    kind="upper",
    formula=sqrt(distance_target) * (1 - slem) / (slem * (zeta - curvature * sqrt(distance_target))),
    where=(slem > 0, slem < 1, zeta > curvature * sqrt(distance_target)),
    assumptions=(*INSTANCE, "stationary"),
    source=f"{PAPER}, Theorem 3; derived here: heterogeneity_error for large steps at distance_target, solved for lr",
    statement="Largest learning rate at which the agents may stay within distance_target for good.",
    example={"distance_target": 0.01, "slem": 0.9, "zeta": 1.0, "curvature": 1.0},
    increasing=("distance_target", "curvature"),
    decreasing=("slem", "zeta"),
)
HETEROGENEITY_STEPS = Bound(
    name="heterogeneity_steps",
    about="steps",
    kind="order",
    formula=zeta * slem / (curvature * sqrt(distance_target) * (1 - slem)),
    where=(slem < 1,),
    assumptions=(*INSTANCE, "best_lr"),
    source=f"{PAPER}, Theorem 3, up to a logarithm of the target; derived here from heterogeneity_lr",
    statement="At least of this order: steps that bring the agents to distance_target, at the best learning rate.",
    example={"distance_target": 0.01, "slem": 0.9, "zeta": 1.0, "curvature": 1.0},
    increasing=("slem", "zeta"),
    decreasing=("distance_target", "curvature"),
)
