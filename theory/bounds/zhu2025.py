"""Zhu, Zhang, Wang, Zhou, Wang, arXiv 2507.06542 (ICLR 2026): the statements as printed.

They are kept as they stand, faults included; `corrected` has what can be proved in their place. The paper is of two
minds about the factor 1/2 on T2: equation (9) has it here, (D.11) does not. Theorem 1, (9) and (D.12) are stated
without the assumption that all agents share one loss, and are false without it.
"""

from sympy import sqrt

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Zhu et al. 2025, arXiv 2507.06542"

agents, steps, lr, epsilon, initial_gap = symbols("agents steps lr epsilon initial_gap")
p, sigma, zeta, phi, L1, L2, L3, L4 = symbols("p sigma zeta phi L1 L2 L3 L4")
consensus_distance, local_gradient_norm_sq = symbols("consensus_distance local_gradient_norm_sq")
merged_loss, gradient_norm_sq = symbols("merged_loss gradient_norm_sq")
T2, U_mean, U_sum, descent_remainder = symbols("T2 U_mean U_sum descent_remainder")

LEMMA_D1 = Bound(
    name="lemma_d1",
    about="next_consensus_distance",
    kind="upper",
    formula=(1 - p / 2) * consensus_distance + 12 / p * (1 - p) * lr**2 * (local_gradient_norm_sq + sigma**2),
    assumptions=("A1", "A3", "independent_gossip"),
    source=f"{PAPER}, Lemma D.1 (after Kong et al. 2021)",
    statement="One step contracts the consensus distance by 1 - p/2 and adds what gradients and noise spread.",
    example={"lr": 0.1, "p": 0.4, "sigma": 1.0, "consensus_distance": 0.5, "local_gradient_norm_sq": 2.0},
    increasing=("sigma", "lr", "consensus_distance", "local_gradient_norm_sq"),
    decreasing=("p",),
)
COROLLARY_D2 = Bound(
    name="corollary_d2",
    about="consensus_distance",
    kind="upper",
    formula=24 * lr**2 / p**2 * (1 - p) * (phi**2 + sigma**2),
    assumptions=("A1", "A3", "independent_gossip", "bounded_gradients", "zero_start"),
    source=f"{PAPER}, Corollary D.2, first part",
    statement="With bounded gradients the consensus distance never exceeds a level of order 1/p^2.",
    example={"lr": 0.1, "p": 0.4, "sigma": 1.0, "phi": 2.0},
    increasing=("lr", "sigma", "phi"),
    decreasing=("p",),
)
COROLLARY_D2_SLOW = Bound(
    name="corollary_d2_slow",
    about="next_consensus_distance",
    kind="upper",
    formula=48 * lr**2 / p**2 * (1 - p) * (local_gradient_norm_sq + sigma**2),
    assumptions=("A1", "A3", "independent_gossip", "slow_gradients", "zero_start"),
    source=f"{PAPER}, Corollary D.2, second part (index moved by one step)",
    statement="Where gradients shrink slowly, the consensus distance follows the gradients of the step before.",
    example={"lr": 0.1, "p": 0.4, "sigma": 1.0, "local_gradient_norm_sq": 2.0},
    increasing=("lr", "sigma", "local_gradient_norm_sq"),
    decreasing=("p",),
)
THEOREM_1_DESCENT = Bound(
    name="theorem_1_descent",
    about="next_merged_loss",
    kind="upper",
    formula=(
        merged_loss
        - (lr - lr**2 * L2 / 2) * gradient_norm_sq
        + (lr**2 * L2 - lr) * T2 / 2
        + lr**2 * L2 * sigma**2 / (2 * agents)
        + descent_remainder
    ),
    where=(lr * L2 < 2,),
    assumptions=("A2", "A3", "common_start"),
    source=f"{PAPER}, Theorem 1, equation (9), with the factor 1/2 on T2",
    statement="One step of the merged model descends like parallel SGD, up to T2 and a remainder of third order in Xi.",
    example={"lr": 0.1, "L2": 2.0, "agents": 16, "sigma": 1.0, "merged_loss": 1.0, "gradient_norm_sq": 0.5, "T2": 0.3,
             "descent_remainder": 0.0},
    increasing=("sigma", "merged_loss", "descent_remainder"),
    decreasing=("agents", "gradient_norm_sq"),
)  # fmt: skip
RESIDUAL_D11 = Bound(
    name="residual_d11",
    about="U",
    kind="upper",
    formula=(
        (lr * L2 - 1) * T2
        + (lr * L2 + L4 / 24) * sqrt(agents) * L1 * sqrt(consensus_distance) ** 3
        + lr / 8 * L2 * L3**2 * consensus_distance**2
        + lr / 2 * sqrt(agents) * L2 * L3 * sqrt(consensus_distance) ** 5
        + lr * agents * L2 * L4**2 / 1152 * consensus_distance**3
    ),
    where=(lr * L2 < 2,),
    assumptions=("A2", "A3", "common_start"),
    source=f"{PAPER}, equation (D.11), divided by the learning rate",
    statement="The explicit form of U; its terms have different units, so that it cannot be right.",
    example={"lr": 0.1, "agents": 16, "L1": 1.0, "L2": 2.0, "L3": 1.0, "L4": 1.0, "T2": 0.3,
             "consensus_distance": 0.01},
    increasing=("agents", "L1", "L3", "L4", "consensus_distance"),
)  # fmt: skip
RATE_D12 = Bound(
    name="rate_d12",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=(2 * initial_gap / (lr * steps) + 2 * U_mean + sigma**2 * lr * L2 / agents) / (2 - lr * L2),
    where=(lr * L2 < 2,),
    assumptions=("A2", "A3", "common_start"),
    source=f"{PAPER}, equation (D.12), with l = lr L2",
    statement="The mean squared gradient of the merged model is that of parallel SGD plus the mean of U.",
    example={"lr": 0.1, "L2": 2.0, "agents": 16, "sigma": 1.0, "steps": 1000, "initial_gap": 1.0, "U_mean": 0.0},
    increasing=("initial_gap", "sigma", "U_mean"),
    decreasing=("agents", "steps"),
)
THEOREM_1_STEPS = Bound(
    name="theorem_1_steps",
    about="steps",
    kind="order",
    formula=(sigma**2 / (agents * epsilon**2) + 1 / epsilon + U_sum) * initial_gap,
    assumptions=("A2", "A3", "common_start"),
    source=f"{PAPER}, Theorem 1 as printed in the body",
    statement="Steps until the mean squared gradient is epsilon; the proof has the last term over epsilon and no gap.",
    example={"epsilon": 0.01, "agents": 16, "sigma": 1.0, "U_sum": 0.0, "initial_gap": 1.0},
    increasing=("sigma", "U_sum"),
    decreasing=("agents", "epsilon"),
)
TABLE1_PARALLEL_SGD = Bound(
    name="table1_parallel_sgd",
    about="steps",
    kind="order",
    formula=sigma**2 / (agents * epsilon**2) + 1 / epsilon,
    assumptions=("A3", "parallel", "smooth"),
    source=f"{PAPER}, Table 1, first row",
    statement="Steps of parallel SGD until the mean squared gradient is epsilon.",
    example={"epsilon": 0.01, "agents": 16, "sigma": 1.0},
    order="either",
    increasing=("sigma",),
    decreasing=("agents", "epsilon"),
)
TABLE1_DSGD_KOLOSKOVA = Bound(
    name="table1_dsgd_koloskova",
    about="steps",
    kind="order",
    formula=sigma**2 / (agents * epsilon**2) + 1 / (p * epsilon) + (sqrt(p) * sigma + zeta) / (p * sqrt(epsilon) ** 3),
    assumptions=("A1", "A3", "smooth_agents", "independent_gossip"),
    source=f"{PAPER}, Table 1, second row (Koloskova et al. 2020)",
    statement="Steps of decentralized SGD by the classical analysis, which pays for sparse gossip.",
    example={"epsilon": 0.01, "agents": 16, "sigma": 1.0, "zeta": 1.0, "p": 0.4},
    increasing=("sigma", "zeta"),
    decreasing=("agents", "epsilon", "p"),
)
TABLE1_DSGD_THIS_PAPER = Bound(
    name="table1_dsgd_this_paper",
    about="steps",
    kind="order",
    formula=sigma**2 / (agents * epsilon**2) + 1 / epsilon + U_sum / epsilon,
    assumptions=("A2", "A3", "common_start"),
    source=f"{PAPER}, Table 1, third row",
    statement="Steps of decentralized SGD by the paper, in which only the sum of U depends on the topology.",
    example={"epsilon": 0.01, "agents": 16, "sigma": 1.0, "U_sum": 0.0},
    increasing=("sigma", "U_sum"),
    decreasing=("agents",),
)
EQUATION_10 = Bound(
    name="equation_10",
    about="consensus_distance",
    kind="order",
    formula=(1 - p) / p**2,
    assumptions=("A1", "A3", "independent_gossip", "bounded_gradients", "zero_start"),
    source=f"{PAPER}, equation (10)",
    statement="The consensus distance grows at most like (1 - p)/p^2 as gossip gets sparse.",
    example={"p": 0.4},
    decreasing=("p",),
)
