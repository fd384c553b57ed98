"""Explicit rates for any doubly stochastic gossip that follow from `corrected.MASTER_CONSENSUS` and from one step.

The convex ones rest on <grad L_k(x_k), mean - theta*> >= L_k(mean) - L_k(theta*) - L_local/2 |mean - x_k|^2, plus
mu/2 |x_k - theta*|^2 under strong convexity, and on |mean gradient|^2 <= 2 L_local^2 Xi^2 + 4 L_local (L - L*).
"""

from sympy import sqrt

from theory.bound import Bound
from theory.bounds import corrected
from theory.notation import symbols

agents, steps, lr, initial_gap, initial_distance_sq = symbols("agents steps lr initial_gap initial_distance_sq")
p, sigma, zeta, phi, L_local, mu, noise_gain, drift_gain = symbols("p sigma zeta phi L_local mu noise_gain drift_gain")

WITHOUT_SMOOTHNESS = tuple(tag for tag in corrected.MASTER if tag != "smooth_agents")
ONESTEP = (*corrected.CONSENSUS, "smooth_agents", "zero_start")
STEADY = lr * L_local * drift_gain < 1

MASTER_CONVEX = Bound(
    name="master_convex",
    about="loss_gap_mean",
    kind="upper",
    formula=(
        initial_distance_sq / (lr * steps)
        + lr * sigma**2 / agents
        + 3 * L_local / 2 * corrected.MASTER_CONSENSUS.formula
    ),
    where=(4 * lr * L_local <= 1, STEADY),
    assumptions=(*corrected.MASTER, "convex_agents"),
    source="one step of the squared distance to the minimizer (Le Bars et al. 2023, Lemma 1) and master_consensus",
    statement="The rate for convex losses: parallel SGD plus what the consensus distance costs.",
    example={"lr": 0.01, "L_local": 1.0, "agents": 16, "sigma": 1.0, "zeta": 1.0, "steps": 1000,
             "initial_distance_sq": 1.0, "noise_gain": 1.5, "drift_gain": 18.7},
)  # fmt: skip
MASTER_STRONGLY_CONVEX = Bound(
    name="master_strongly_convex",
    about="final_distance_sq",
    kind="upper",
    formula=(
        (1 - lr * mu) ** steps * initial_distance_sq
        + (lr * sigma**2 / agents + 3 * L_local / 2 * corrected.MASTER_CONSENSUS.formula) / mu
    ),
    where=(4 * lr * L_local <= 1, STEADY, mu <= L_local),
    assumptions=(*corrected.MASTER, "strongly_convex_agents"),
    source="one step of the squared distance to the minimizer under strong convexity, and master_consensus",
    statement="For strongly convex losses the start is forgotten geometrically, noise and consensus distance remain.",
    example={"lr": 0.01, "L_local": 1.0, "mu": 0.5, "agents": 16, "sigma": 1.0, "zeta": 1.0, "steps": 100,
             "initial_distance_sq": 1.0, "noise_gain": 1.5, "drift_gain": 18.7},
)  # fmt: skip
TYPICAL_CONSENSUS = Bound(
    name="typical_consensus",
    about="consensus_distance",
    kind="upper",
    formula=lr**2 * (sigma * sqrt(noise_gain) + drift_gain * phi) ** 2,
    assumptions=(*WITHOUT_SMOOTHNESS, "bounded_gradients"),
    source="proof of master_consensus with bounded gradients; explicit form of Kong et al. 2021, Proposition 2",
    statement="The level of the consensus distance for gradients of bounded size, at any learning rate.",
    example={"lr": 0.01, "sigma": 1.0, "phi": 1.0, "noise_gain": 1.5, "drift_gain": 18.7},
)
ONESTEP_CONSENSUS = Bound(
    name="onestep_consensus",
    about="consensus_distance",
    kind="upper",
    formula=4 * lr**2 * (1 - p) * ((4 + 2 * p) * zeta**2 / p**2 + sigma**2 / p),
    where=(4 * lr * L_local <= p,),
    assumptions=ONESTEP,
    source="lemma_d1_sharp with local gradients of deviation at most L_local Xi + zeta, Young's inequality",
    statement="The consensus distance by the consensus rate alone: simple, and looser than master_consensus.",
    example={"lr": 0.01, "L_local": 1.0, "p": 0.1, "sigma": 1.0, "zeta": 1.0},
)
ONESTEP_NONCONVEX = Bound(
    name="onestep_nonconvex",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=2 * initial_gap / (lr * steps) + lr * L_local * sigma**2 / agents + L_local**2 * ONESTEP_CONSENSUS.formula,
    where=(4 * lr * L_local <= p,),
    assumptions=ONESTEP,
    source="descent_r2 with |e|^2 <= L_local^2 consensus distance, summed over the steps, and onestep_consensus",
    statement="The rate by the consensus rate alone: simple, and looser than master_nonconvex.",
    example={"lr": 0.01, "L_local": 1.0, "p": 0.1, "agents": 16, "sigma": 1.0, "zeta": 1.0, "steps": 1000,
             "initial_gap": 0.5},
)  # fmt: skip
