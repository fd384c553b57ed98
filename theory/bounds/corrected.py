"""What can be proved in place of the statements of `zhu2025`, and the sharpest explicit rates for any gossip.

Write q = 1 - p. The proofs are short: Minkowski's inequality and independence for the consensus distance, the descent
lemma for the merged model, and for the masters the orthogonality of noise over time (a martingale) and over agents.
"""

from sympy import Abs, Max, sqrt

from theory.bound import Bound
from theory.notation import symbols

agents, steps, lr, ell, epsilon, initial_gap = symbols("agents steps lr ell epsilon initial_gap")
p, sigma, zeta, phi, L1, L2, L3, L4, L_local = symbols("p sigma zeta phi L1 L2 L3 L4 L_local")
consensus_distance, local_gradient_norm_sq = symbols("consensus_distance local_gradient_norm_sq")
merged_loss, gradient_norm_sq = symbols("merged_loss gradient_norm_sq")
discrepancy_norm_sq, discrepancy_inner = symbols("discrepancy_norm_sq discrepancy_inner")
T2, U_mean, noise_gain, drift_gain = symbols("T2 U_mean noise_gain drift_gain")

Xi = sqrt(consensus_distance)
spread_noise_sq = (1 - 1 / agents) * sigma**2  # independent noise, less its part in the mean of the agents
square_discrepancy = L3 / 2 * Xi**2  # |grad Tr(Hessian Gamma)| / 2 is at most this
cubic_discrepancy = L4 / 6 * sqrt(agents) * Xi**3  # what Taylor's formula leaves, mean |delta|^3 <= sqrt(m) Xi^3
CONSENSUS = ("A1", "A3", "independent_gossip", "independent_noise")
DESCENT = ("doubly_stochastic", "A3", "independent_noise", "smooth")
MASTER = (*DESCENT[:3], "independent_gossip", "noise_per_agent", "smooth_agents", "zero_start")

LEMMA_D1_EXACT_FORM = Bound(
    name="lemma_d1_exact_form",
    about="next_consensus_distance",
    kind="upper",
    formula=(1 - p) * ((Xi + lr * sqrt(local_gradient_norm_sq)) ** 2 + lr**2 * spread_noise_sq),
    assumptions=CONSENSUS,
    source="Minkowski's inequality and independence; replaces Lemma D.1 of arXiv 2507.06542",
    statement="Attained by linear losses on (1 - a) I + a J; only the gradients' deviation from their mean counts.",
    example={"lr": 0.1, "p": 0.4, "agents": 16, "sigma": 1.0, "consensus_distance": 0.5, "local_gradient_norm_sq": 2.0},
    increasing=("agents", "lr", "sigma", "consensus_distance", "local_gradient_norm_sq"),
    decreasing=("p",),
)
LEMMA_D1_SHARP = Bound(
    name="lemma_d1_sharp",
    about="next_consensus_distance",
    kind="upper",
    formula=(
        (1 - p / 2) * consensus_distance
        + (1 - p) * (2 - p) / p * lr**2 * local_gradient_norm_sq
        + (1 - p) * lr**2 * spread_noise_sq
    ),
    assumptions=CONSENSUS,
    source="lemma_d1_exact_form and Young's inequality; replaces Lemma D.1 of arXiv 2507.06542",
    statement="The best constants for the rate 1 - p/2, where the paper has 12 (1 - p)/p for both terms.",
    example={"lr": 0.1, "p": 0.4, "agents": 16, "sigma": 1.0, "consensus_distance": 0.5, "local_gradient_norm_sq": 2.0},
    increasing=("agents", "lr", "sigma", "consensus_distance", "local_gradient_norm_sq"),
    decreasing=("p",),
)
COROLLARY_D2_SHARP = Bound(
    name="corollary_d2_sharp",
    about="consensus_distance",
    kind="upper",
    formula=(lr / p) ** 2 * ((1 - p) * phi + sqrt((1 - p) * (phi**2 + p * spread_noise_sq))) ** 2,
    assumptions=(*CONSENSUS, "bounded_gradients", "zero_start"),
    source="fixed point of lemma_d1_exact_form; replaces Corollary D.2 of arXiv 2507.06542",
    statement="Attained without noise and without gradients; noise enters with 1/p, where the paper has 1/p^2.",
    example={"lr": 0.1, "p": 0.4, "agents": 16, "sigma": 1.0, "phi": 2.0},
    increasing=("agents", "lr", "sigma", "phi"),
    decreasing=("p",),
)
DESCENT_R1 = Bound(
    name="descent_r1",
    about="next_merged_loss",
    kind="upper",
    formula=(
        merged_loss
        - lr * (1 - lr * L2 / 2) * gradient_norm_sq
        + lr * ((lr * L2 - 1) * discrepancy_inner + lr * L2 / 2 * discrepancy_norm_sq)
        + lr**2 * L2 * sigma**2 / (2 * agents)
    ),
    assumptions=DESCENT,
    source="descent lemma; replaces equation (9) of arXiv 2507.06542",
    statement="The descent of the merged model to all orders and for different losses; equality for Hessian L2 I.",
    example={"lr": 0.1, "L2": 2.0, "agents": 16, "sigma": 1.0, "merged_loss": 1.0, "gradient_norm_sq": 0.5,
             "discrepancy_inner": 0.1, "discrepancy_norm_sq": 0.2},
    order="either",
    increasing=("sigma", "merged_loss", "discrepancy_norm_sq"),
    decreasing=("agents",),
)  # fmt: skip
DESCENT_R2 = Bound(
    name="descent_r2",
    about="next_merged_loss",
    kind="upper",
    formula=merged_loss - lr / 2 * (gradient_norm_sq - discrepancy_norm_sq) + lr**2 * L2 * sigma**2 / (2 * agents),
    where=(lr * L2 <= 1,),
    assumptions=DESCENT,
    source="descent_r1 with a completed square",
    statement="The merged model matches parallel SGD up to constants while the discrepancy is below the gradient.",
    example={"lr": 0.1, "L2": 2.0, "agents": 16, "sigma": 1.0, "merged_loss": 1.0, "gradient_norm_sq": 0.5,
             "discrepancy_norm_sq": 0.2},
    order="either",
    increasing=("sigma", "L2", "merged_loss", "discrepancy_norm_sq"),
    decreasing=("agents", "gradient_norm_sq"),
)  # fmt: skip
RESIDUAL_HOMOGENEOUS = Bound(
    name="residual_homogeneous",
    about="U",
    kind="upper",
    formula=(
        (lr * L2 - 1) * T2 / 2
        + Abs(lr * L2 - 1) * L1 * cubic_discrepancy
        + lr * L2 / 2 * (square_discrepancy + cubic_discrepancy) ** 2
    ),
    assumptions=("A2", "homogeneous", "doubly_stochastic"),
    source="Taylor expansion of the bracket of descent_r1; replaces (D.11) of arXiv 2507.06542",
    statement="The explicit form of U where all agents share one loss, with the constants and units set right.",
    example={"lr": 0.1, "agents": 16, "L1": 1.0, "L2": 2.0, "L3": 1.0, "L4": 1.0, "T2": 0.3,
             "consensus_distance": 0.01},
    order="either",
    increasing=("agents", "L1", "L3", "L4", "consensus_distance"),
)  # fmt: skip
STEPS_SUFFICIENT = Bound(
    name="steps_sufficient",
    about="steps",
    kind="upper",
    formula=initial_gap * Max(
        6 * L2 / (ell * (2 - ell) * epsilon), 18 * L2 * sigma**2 / ((2 - ell) ** 2 * agents * epsilon**2)
    ),
    where=(ell < 2, 6 * U_mean <= (2 - ell) * epsilon),
    assumptions=DESCENT,
    source="rate_d12 with lr = min(ell/L2, (2 - ell) agents epsilon/(3 sigma^2 L2)); replaces Theorem 1",
    statement="Steps that bring the mean squared gradient to epsilon; the sum of U is a condition, never a term.",
    example={"epsilon": 0.01, "agents": 16, "sigma": 1.0, "L2": 2.0, "ell": 1.0, "U_mean": 0.0, "initial_gap": 1.0},
    order="either",
    increasing=("initial_gap", "sigma", "L2"),
    decreasing=("agents", "epsilon"),
)  # fmt: skip
RATE_PARALLEL_SGD = Bound(
    name="rate_parallel_sgd",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=2 * initial_gap / (lr * steps) + lr * L2 * sigma**2 / agents,
    where=(lr * L2 <= 1,),
    assumptions=("A3", "independent_noise", "parallel", "smooth"),
    source="descent_r2 without discrepancy, summed over the steps",
    statement="Parallel SGD, the baseline that decentralized learning is measured against.",
    example={"lr": 0.01, "L2": 1.0, "agents": 16, "sigma": 1.0, "steps": 1000, "initial_gap": 0.5},
    order="either",
    increasing=("initial_gap", "sigma", "L2"),
    decreasing=("agents", "steps"),
)
MASTER_CONSENSUS = Bound(
    name="master_consensus",
    about="consensus_distance",
    kind="upper",
    formula=lr**2 * (sigma * sqrt(noise_gain) + drift_gain * zeta) ** 2 / (1 - lr * L_local * drift_gain) ** 2,
    where=(lr * L_local * drift_gain < 1,),
    assumptions=MASTER,
    source="martingale orthogonality and the triangle inequality over the products of mixing matrices",
    statement="The consensus distance of any doubly stochastic gossip; attained by drift alone at any learning rate.",
    example={"lr": 0.01, "L_local": 1.0, "sigma": 1.0, "zeta": 1.0, "noise_gain": 1.5, "drift_gain": 18.7},
    increasing=("lr", "L_local", "sigma", "zeta", "noise_gain", "drift_gain"),
)
MASTER_NONCONVEX = Bound(
    name="master_nonconvex",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=2 * initial_gap / (lr * steps) + lr * L_local * sigma**2 / agents + L_local**2 * MASTER_CONSENSUS.formula,
    where=(lr * L_local <= 1, lr * L_local * drift_gain < 1),
    assumptions=MASTER,
    source="descent_r2 with |e|^2 <= L_local^2 consensus distance, summed over the steps, and master_consensus",
    statement="The rate with explicit constants: parallel SGD plus what the consensus distance costs.",
    example={"lr": 0.01, "L_local": 1.0, "agents": 16, "sigma": 1.0, "zeta": 1.0, "steps": 1000, "initial_gap": 0.5,
             "noise_gain": 1.5, "drift_gain": 18.7},
    increasing=("L_local", "sigma", "zeta", "initial_gap", "noise_gain", "drift_gain"),
    decreasing=("steps", "agents"),
)  # fmt: skip
