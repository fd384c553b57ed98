"""Yuan, Alghunaim, Huang, JMLR 24(280), 2023, arXiv 2105.08023: transient times of D-SGD and of D2 (exact diffusion).

Read in the source. `YUAN_CONSENSUS` is the instance of their lower bound with every constant.

The lemmas on D2 were derived here. With V = (I + W)/2 of eigenvalues lazy_i it reads x <- V (x - lr g) - B y,
y <- y + B x (the new x), B = (I - V)^(1/2). In (sqrt(lazy_i) u_i.x, u_i.(y - y*)) mode i turns and shrinks by
sqrt(lazy_i), and a gradient g enters as lr lazy_i u_i.(g - g*). The squared norm of both over i >= 2 is transformed_sq,
at least lazy_last times the sum of the agents' squared deviations.
"""

from sympy import sqrt

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Yuan et al. 2023, JMLR 24(280), arXiv 2105.08023"

agents, steps, lr, sigma, L_local, slem, one_minus_slem = symbols(
    "agents steps lr sigma L_local slem one_minus_slem"
)  # fmt: skip
curvature, distance_sq, loss_gap, transformed_sq, lazy_second, lazy_last = symbols(
    "curvature distance_sq loss_gap transformed_sq lazy_second lazy_last"
)

KEPT = slem**2 * (1 - lr * curvature) ** 2
SECOND_ROOT = sqrt(lazy_second)
STOCHASTIC = ("A3", "smooth_agents", "independent_noise", "noise_per_agent")

YUAN_CONSENSUS = Bound(
    name="yuan_consensus",
    about="consensus_distance",
    kind="equal",
    formula=(1 - 1 / agents) * (lr * sigma * slem) ** 2 * (1 - KEPT**steps) / (1 - KEPT),
    where=(KEPT < 1,),
    assumptions=("scalar_quadratics", "equal_optima", "damped_average", "independent_noise", "noise_per_agent",
                 "common_start"),
    source=f"{PAPER}, Appendix E, for any curvature; noise of variance exactly sigma^2",
    statement="The consensus distance of one shared quadratic after any number of steps.",
    example={"agents": 16, "steps": 20, "lr": 0.1, "sigma": 1.0, "slem": 0.9, "curvature": 1.0},
    increasing=("agents", "sigma", "slem", "steps"),
)  # fmt: skip


def _transient(name, formula, tags, said, order="adapt_then_combine"):
    return Bound(
        name=name, about="transient_steps", kind="order", formula=formula, where=(one_minus_slem > 0,),
        assumptions=(*STOCHASTIC, "symmetric_mixing", "best_lr", *tags), source=PAPER, statement=said,
        example={"agents": 16, "one_minus_slem": 0.05}, order=order,
        increasing=("agents",), decreasing=("one_minus_slem",),
    )  # fmt: skip


YUAN_TRANSIENT_LOWER = _transient(
    "yuan_transient_lower", agents / one_minus_slem, ("strongly_convex_agents", "homogeneous"),
    "At least of this order, up to logarithms: D-SGD on one strongly convex loss, on the instance of yuan_consensus.",
)  # fmt: skip
YUAN_TRANSIENT_STRONG = _transient(
    "yuan_transient_strong", agents / one_minus_slem**2, ("strongly_convex_agents",),
    "D-SGD on strongly convex losses, up to logarithms.",
)  # fmt: skip
YUAN_TRANSIENT_CONVEX = _transient(
    "yuan_transient_convex", agents**3 / one_minus_slem**4, ("convex_agents",), "D-SGD on convex losses.",
)  # fmt: skip
YUAN_TRANSIENT_D2_STRONG = _transient(
    "yuan_transient_d2_strong", agents / one_minus_slem, ("strongly_convex_agents", "bias_corrected"),
    "D2 on strongly convex losses, up to logarithms: the lower bound of D-SGD on one loss.", "either",
)  # fmt: skip
YUAN_TRANSIENT_D2_CONVEX = _transient(
    "yuan_transient_d2_convex", agents**3 / one_minus_slem**2, ("convex_agents", "bias_corrected"),
    "D2 on convex losses.", "either",
)  # fmt: skip

CORRECTED = (*STOCHASTIC, "symmetric_mixing", "convex_agents", "bias_corrected")
YUAN_D2_DESCENT = Bound(
    name="yuan_d2_descent",
    about="next_distance_sq",
    kind="upper",
    formula=(
        distance_sq - lr * loss_gap
        + 3 * L_local * lr * transformed_sq / (2 * agents * lazy_last)
        + lr**2 * sigma**2 / agents
    ),
    where=(4 * lr * L_local < 1, 2 * loss_gap <= L_local * distance_sq),
    assumptions=CORRECTED,
    source=f"{PAPER}, descent lemma; derived here as that of Le Bars et al. 2023 with transformed_sq/(agents lazy_last)"
    " for the consensus distance; noise independent across agents",
    statement="One step of the merged model of D2 on convex losses.",
    example={"distance_sq": 1.0, "lr": 0.1, "loss_gap": 0.3, "L_local": 1.0, "transformed_sq": 0.5, "agents": 16,
             "lazy_last": 0.6, "sigma": 1.0},
    order="either",
    increasing=("distance_sq", "transformed_sq", "sigma", "L_local"),
    decreasing=("loss_gap", "agents", "lazy_last"),
)  # fmt: skip
YUAN_D2_CONSENSUS_SHARP = Bound(
    name="yuan_d2_consensus_sharp",
    about="next_transformed_sq",
    kind="upper",
    formula=(
        (1 + SECOND_ROOT) / 2 * transformed_sq
        + 4 * agents * (lr * lazy_second) ** 2 * L_local / (1 - SECOND_ROOT) * loss_gap
        + agents * (lr * lazy_second * sigma) ** 2
    ),
    where=(
        lazy_second < 1, lazy_last <= lazy_second,
        2 * lazy_second * L_local * lr <= (1 - SECOND_ROOT) * sqrt(lazy_last),
    ),
    assumptions=CORRECTED,
    source="derived here: |a + b|^2 <= |a|^2/beta + |b|^2/(1 - beta) with beta = sqrt(lazy_second), then"
    " |g(x) - g*|^2 <= 2 L^2 transformed_sq/lazy_last + 4 L agents loss_gap; a quarter of what the paper states",
    statement="One step of the transformed deviations of D2: heterogeneity is gone, the loss gap stays.",
    example={"lr": 0.005, "loss_gap": 0.3, "L_local": 1.0, "transformed_sq": 0.5, "agents": 16, "lazy_last": 0.6,
             "lazy_second": 0.9, "sigma": 1.0},
    order="either",
    increasing=("transformed_sq", "loss_gap", "sigma", "L_local", "agents", "lr", "lazy_second"),
)  # fmt: skip
YUAN_D2_CONSENSUS = Bound(
    name="yuan_d2_consensus",
    about="next_transformed_sq",
    kind="upper",
    formula=(
        (1 + SECOND_ROOT) / 2 * transformed_sq
        + 16 * agents * (lr * lazy_second) ** 2 * L_local / (1 - SECOND_ROOT) * loss_gap
        + 4 * agents * (lr * lazy_second * sigma) ** 2
    ),
    where=(
        lazy_second < 1, lazy_last <= lazy_second,
        4 * lazy_second * L_local * lr <= (1 - SECOND_ROOT) * sqrt(lazy_last),
    ),
    assumptions=CORRECTED,
    source=f"{PAPER}, consensus lemma; weaker than yuan_d2_consensus_sharp",
    statement="One step of the transformed deviations of D2: heterogeneity is gone, the loss gap stays.",
    example={"lr": 0.005, "loss_gap": 0.3, "L_local": 1.0, "transformed_sq": 0.5, "agents": 16, "lazy_last": 0.6,
             "lazy_second": 0.9, "sigma": 1.0},
    order="either",
    increasing=("transformed_sq", "loss_gap", "sigma", "L_local", "agents", "lr", "lazy_second"),
)  # fmt: skip
