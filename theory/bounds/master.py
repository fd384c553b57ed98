"""Explicit rates for any doubly stochastic gossip that follow from `corrected.MASTER_CONSENSUS` and from one step.

The convex ones rest on <grad L_k(x_k), mean - theta*> >= L_k(mean) - L_k(theta*) - L_local/2 |mean - x_k|^2, plus
mu/2 |x_k - theta*|^2 under strong convexity, and on |mean gradient|^2 <= 2 L_local^2 Xi^2 + 4 L_local (L - L*). With
r = |mean - theta*|^2 one step is then

    r_+ <= (1 - lr mu) r - 2 lr (1 - 2 lr L_local)(L - L*) + lr (L_local (1 + 2 lr L_local) - mu) Xi^2 + lr^2 sigma^2/m,

and L - L* >= mu r/2 gives the sharp forms. The proofs are in master.md.
"""

from sympy import Max, Rational, sqrt

from theory.bound import Bound
from theory.bounds import corrected, master_consensus
from theory.notation import symbols

agents, steps, lr, initial_gap, initial_distance_sq = symbols("agents steps lr initial_gap initial_distance_sq")
p, sigma, zeta, L_local, mu, noise_gain, drift_gain = symbols("p sigma zeta L_local mu noise_gain drift_gain")
(mean_drift,) = symbols("mean_drift")

STEADY = master_consensus.STEADY
Xi_sq = corrected.MASTER_CONSENSUS.formula
NETWORK = sigma * sqrt(noise_gain) + drift_gain * zeta
GAINS = ("sigma", "zeta", "noise_gain", "drift_gain")
CONVEX = {"lr": 0.01, "L_local": 1.0, "agents": 16, "sigma": 1.0, "zeta": 1.0, "steps": 1000,
          "initial_distance_sq": 1.0, "noise_gain": 1.5, "drift_gain": 18.7}  # fmt: skip
NONCONVEX = {"L_local": 1.0, "agents": 16, "sigma": 1.0, "zeta": 1.0, "initial_gap": 0.5, "noise_gain": 1.5,
             "drift_gain": 18.7}  # fmt: skip

MASTER_NONCONVEX_CTA = Bound(
    name="master_nonconvex_cta",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=corrected.MASTER_NONCONVEX.formula.subs(master_consensus.LATE, simultaneous=True),
    where=(lr * L_local <= 1, master_consensus.STEADY_LATE),
    assumptions=corrected.MASTER,
    source="master_nonconvex with master_consensus_cta: the merged model takes the same step in both orders",
    statement="The rate of combine-then-adapt: agents are further apart when they take their gradients.",
    example=NONCONVEX | {"lr": 0.01, "steps": 1000},
    order="combine_then_adapt",
    increasing=("L_local", "initial_gap", *GAINS),
    decreasing=("steps",),
)
MASTER_NONCONVEX_TUNED = Bound(
    name="master_nonconvex_tuned",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=(
        2 * sqrt(2 * initial_gap * L_local * sigma**2 / (agents * steps))
        + 2 * (4 * L_local**2 * NETWORK**2) ** Rational(1, 3) * (2 * initial_gap / steps) ** Rational(2, 3)
        + 2 * initial_gap * Max(L_local, 2 * L_local * drift_gain) / steps
    ),
    assumptions=(*corrected.MASTER, "best_lr"),
    source="master_nonconvex at lr <= 1/(2 L_local drift_gain), its last factor at most 4, and stepsize_tuning",
    statement="The rate at its best learning rate: noise over all agents, the network, the start.",
    example=NONCONVEX | {"steps": 10**6},
    increasing=("L_local", "initial_gap", *GAINS),
    decreasing=("steps", "agents"),
)
MASTER_TRANSIENT = Bound(
    name="master_transient",
    about="transient_steps",
    kind="upper",
    formula=Max(
        32 * initial_gap * L_local * agents**3 * NETWORK**4 / sigma**6,
        8 * initial_gap * L_local * agents * drift_gain**2 / sigma**2,
        2 * initial_gap * L_local * agents / sigma**2,
    ),
    where=(sigma > 0,),
    assumptions=(*corrected.MASTER, "best_lr"),
    source="the second term of master_nonconvex_tuned below its first, and the third below half of its first",
    statement="Steps from which master_nonconvex_tuned is at most 5/2 times its noise term, as if all agents were one.",
    example=NONCONVEX,
    increasing=("L_local", "initial_gap", "agents", "zeta", "noise_gain", "drift_gain"),
    decreasing=("sigma",),
)
MASTER_CONVEX = Bound(
    name="master_convex",
    about="loss_gap_mean",
    kind="upper",
    formula=initial_distance_sq / (lr * steps) + lr * sigma**2 / agents + 3 * L_local / 2 * Xi_sq,
    where=(4 * lr * L_local <= 1, STEADY),
    assumptions=(*corrected.MASTER, "convex_agents"),
    source="one step of the squared distance to the minimizer (Le Bars et al. 2023, Lemma 1) and master_consensus",
    statement="The rate for convex losses: parallel SGD plus what the consensus distance costs.",
    example=CONVEX,
    increasing=("L_local", "initial_distance_sq", *GAINS),
    decreasing=("steps", "agents"),
)
MASTER_CONVEX_SHARP = Bound(
    name="master_convex_sharp",
    about="loss_gap_mean",
    kind="upper",
    formula=(initial_distance_sq / (lr * steps) + lr * sigma**2 / agents + L_local * (1 + 2 * lr * L_local) * Xi_sq)
    / (2 * (1 - 2 * lr * L_local)),
    where=(2 * lr * L_local < 1, STEADY),
    assumptions=(*corrected.MASTER, "convex_agents"),
    source="the same step as master_convex, whose terms are kept as they are for every learning rate",
    statement="Never above master_convex where that speaks, half of it at small learning rates.",
    example=CONVEX,
    increasing=("L_local", "initial_distance_sq", *GAINS),
    decreasing=("steps", "agents"),
)
MASTER_STRONGLY_CONVEX = Bound(
    name="master_strongly_convex",
    about="final_distance_sq",
    kind="upper",
    formula=((1 - lr * mu) ** steps * initial_distance_sq + (lr * sigma**2 / agents + 3 * L_local / 2 * Xi_sq) / mu),
    where=(4 * lr * L_local <= 1, STEADY, mu <= L_local),
    assumptions=(*corrected.MASTER, "strongly_convex_agents"),
    source="one step of the squared distance to the minimizer under strong convexity, and master_consensus",
    statement="For strongly convex losses the start is forgotten geometrically, noise and consensus distance remain.",
    example=CONVEX | {"mu": 0.5, "steps": 100},
    increasing=("L_local", "initial_distance_sq", *GAINS),
    decreasing=("steps", "agents", "mu"),
)
MASTER_STRONGLY_CONVEX_SHARP = Bound(
    name="master_strongly_convex_sharp",
    about="final_distance_sq",
    kind="upper",
    formula=(
        (1 - 2 * lr * mu * (1 - lr * L_local)) ** steps * initial_distance_sq
        + (lr * sigma**2 / agents + (L_local * (1 + 2 * lr * L_local) - mu) * Xi_sq) / (2 * mu * (1 - lr * L_local))
    ),
    where=(2 * lr * L_local <= 1, STEADY, mu <= L_local),
    assumptions=(*corrected.MASTER, "strongly_convex_agents"),
    source="the same step as master_strongly_convex, with L - L* >= mu r/2 for what it leaves of the loss",
    statement="Never above master_strongly_convex where that speaks; tight with constant 1 for noise and small lr.",
    example=CONVEX | {"mu": 0.5, "steps": 100},
    increasing=("L_local", "initial_distance_sq", *GAINS),
    decreasing=("steps", "agents", "mu"),
)
ONESTEP_NONCONVEX = Bound(
    name="onestep_nonconvex",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=(
        2 * initial_gap / (lr * steps)
        + lr * L_local * sigma**2 / agents
        + L_local**2 * master_consensus.ONESTEP_CONSENSUS.formula
    ),
    where=(4 * lr * L_local <= p,),
    assumptions=master_consensus.ONESTEP,
    source="descent_r2 with |e|^2 <= L_local^2 consensus distance, summed over the steps, and onestep_consensus",
    statement="The rate by the consensus rate alone: simple, and looser than master_nonconvex.",
    example={"lr": 0.01, "L_local": 1.0, "p": 0.1, "agents": 16, "sigma": 1.0, "zeta": 1.0, "steps": 1000,
             "initial_gap": 0.5},
    increasing=("L_local", "sigma", "zeta", "initial_gap"),
    decreasing=("steps", "agents", "p"),
)  # fmt: skip
APART = master_consensus.ONESTEP_SHARP.formula / (1 - p)  # mean square distance to the mean after the local step
EXCHANGEABLE_NONCONVEX = Bound(
    name="exchangeable_nonconvex",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=(
        2 * initial_gap / (lr * steps)
        + lr * L_local * sigma**2 / agents
        + (L_local**2 * (1 - p) + L_local * mean_drift / lr) * APART
    ),
    where=(lr * L_local <= 1, master_consensus.grown < 1),
    assumptions=("A3", "exchangeable", "independent_rounds", "independent_gossip", "independent_noise",
                 "smooth_agents", "zero_start"),
    source="descent_r2 and onestep_sharp about the new mean; gossip moves the mean by a jump of mean 0 and mean square"
    " mean_drift times the distance after the local step, which costs half L_local times that",
    statement="Row-stochastic gossip in whose law agents are alike, p about the new mean: a mean that wanders costs.",
    example={"lr": 0.01, "L_local": 1.0, "agents": 16, "sigma": 1.0, "zeta": 1.0, "steps": 1000, "initial_gap": 0.5,
             "p": 0.1, "mean_drift": 0.006},
    increasing=("L_local", "initial_gap", "sigma", "zeta", "mean_drift"),
    decreasing=("steps", "agents", "p"),
)  # fmt: skip
