"""Vogels, Hendrikx, Jaggi, NeurIPS 2022, arXiv 2206.03093, and JMLR 24, 2023, arXiv 2301.02151: effective neighbors.

n_W(decay), the effective number of neighbors, takes the place of the spectral gap. Records are over the numbers n_W,
beta_W (`direction_gap`) and omega; `theory.vogels` has them for a mixing matrix. Squared distances sum over the agents.
"""

from sympy import Integer, Min, Rational, exp, log, sqrt

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Vogels et al. 2023, JMLR 24, arXiv 2301.02151"

agents, steps, lr, L_local, mu = symbols("agents steps lr L_local mu")
one_minus_slem, decay, omega, curvature = symbols("one_minus_slem decay omega curvature")
effective_neighbors, effective_neighbors_start = symbols("effective_neighbors effective_neighbors_start")
spectral_dimension, spectral_constant = symbols("spectral_dimension spectral_constant")
sample_smoothness, direction_gap, direction_rate = symbols("sample_smoothness direction_gap direction_rate")
lyapunov, fixed_point_noise_sq, optimum_noise_sq = symbols("lyapunov fixed_point_noise_sq optimum_noise_sq")
fixed_point_gradient_sq, heterogeneity_energy = symbols("fixed_point_gradient_sq heterogeneity_energy")
sigma, initial_distance_sq = symbols("sigma initial_distance_sq")

SMOOTH_SPECTRUM = ("nonnegative_spectrum", "spectral_dimension")
THEOREM_6 = (
    "nonnegative_spectrum", "equal_diagonal", "relative_smoothness", "smooth_agents", "strongly_convex_agents",
    "independent_noise",
)  # fmt: skip
SHARE = 1 / effective_neighbors  # of the noise that an agent keeps
CAP = 4 * lr * ((SHARE + omega) * sample_smoothness + L_local) <= 1
SMALL_LR = (lr * L_local <= direction_gap * omega, CAP, mu <= L_local, effective_neighbors >= 1)
WEIGHTED_NOISE = 2 * ((1 - omega) * SHARE + omega)  # times the variance of the gradients: sigma_M^2


def _at_least(name, spread, where, statement, example, source="Section 3.2", tags=SMOOTH_SPECTRUM, rising=()):
    """A record n_W >= 1/(1/m + spread)."""
    return Bound(
        name=name, about="effective_neighbors", kind="lower", formula=1 / (1 / agents + spread),
        where=(decay < 1, *where), assumptions=tags, source=f"{PAPER}, {source}", statement=statement,
        example={"agents": 16, "decay": 0.9} | example, order="either", increasing=("agents", *rising),
    )  # fmt: skip


VOGELS_NEIGHBORS_MOST = Bound(
    name="vogels_neighbors_most",
    about="effective_neighbors",
    kind="upper",
    formula=agents,
    where=(decay < 1,),
    assumptions=("symmetric_mixing",),
    source=f"{PAPER}, Proposition 2: the eigenvalue 1 alone",
    statement="No gossip averages over more than all agents, at any decay.",
    example={"agents": 16, "decay": 0.9},
    order="either",
    increasing=("agents",),
)
VOGELS_NEIGHBORS_LEAST = Bound(
    name="vogels_neighbors_least",
    about="effective_neighbors",
    kind="lower",
    formula=Integer(1),
    where=(decay < 1,),
    assumptions=("symmetric_mixing",),
    source=f"{PAPER}, Proposition 2: every eigenvalue counts as 1 at most",
    statement="Gossip never makes an agent noisier than alone, at any decay; attained by no gossip.",
    example={"decay": 0.9},
    order="either",
)
VOGELS_NEIGHBORS_GAP = _at_least(
    "vogels_neighbors_gap",
    (1 - 1 / agents) * (1 - decay) * (1 - one_minus_slem) ** 2 / (1 - decay * (1 - one_minus_slem) ** 2),
    (),
    "Effective neighbors by the spectral gap alone; attained by (1 - a) I + a J.",
    {"one_minus_slem": 0.1}, "equation (11)", ("symmetric_mixing",), ("decay", "one_minus_slem"),
)  # fmt: skip
VOGELS_NEIGHBORS_DIMENSION_ABOVE = _at_least(
    "vogels_neighbors_dimension_above",
    (1 - decay) / (decay * (spectral_dimension - 2) * spectral_constant),
    (spectral_dimension > 2, decay > 0),
    "Effective neighbors by the spectral dimension, above 2: as many as on a well connected graph, up to constants.",
    {"spectral_dimension": 3.0, "spectral_constant": 0.1}, rising=("decay", "spectral_dimension", "spectral_constant"),
)  # fmt: skip
VOGELS_NEIGHBORS_DIMENSION_TWO = _at_least(
    "vogels_neighbors_dimension_two",
    -(1 - decay) * log(1 - decay) / (2 * decay * spectral_constant),
    (decay > 0,),
    "Effective neighbors at the spectral dimension 2, that of tori.",
    {"spectral_constant": 0.1}, rising=("decay", "spectral_constant"),
)  # fmt: skip
VOGELS_NEIGHBORS_DIMENSION_BELOW = _at_least(
    "vogels_neighbors_dimension_below",
    4 * (1 - decay) ** (spectral_dimension / 2)
    / (spectral_dimension * (2 - spectral_dimension) * spectral_constant),
    (spectral_dimension < 2,),
    "Effective neighbors by the spectral dimension, below 2: rings and other thin graphs.",
    {"spectral_dimension": 1.0, "spectral_constant": 0.1}, rising=("decay", "spectral_constant"),
)  # fmt: skip
VOGELS_DIRECTION_GAP = Bound(
    name="vogels_direction_gap",
    about="direction_gap",
    kind="lower",
    formula=(1 - decay) / 4,
    where=(decay < 1,),
    assumptions=("lambda_half",),
    source=f"{PAPER}, beside Theorem 6; derived here: x/(1 + x) >= 1/3, 1 - decay x^2 >= 1 - decay from x = 1/2 to 1",
    statement="How much of a learning rate the topology itself allows, where gossip is lazy enough.",
    example={"decay": 0.9},
    order="either",
    decreasing=("decay",),
)
VOGELS_RANDOM_QUADRATICS = Bound(
    name="vogels_random_quadratics",
    about="decrease_rate",
    kind="equal",
    formula=(
        1 - (1 - lr * curvature) ** 2
        - lr**2 * curvature * (sample_smoothness - curvature) / effective_neighbors
    ),
    where=(sample_smoothness > curvature, effective_neighbors >= 1),
    assumptions=("symmetric_mixing", "equal_diagonal", "random_quadratics"),
    source=f"{PAPER}, equation (7), n_W at the decay (1 - lr curvature)^2/(1 - decrease_rate); units restored",
    statement="The exact rate on random quadratics: as if each agent had averaged over n_W agents.",
    example={"lr": 0.02, "curvature": 1.0, "sample_smoothness": 12.0, "effective_neighbors": 6.0},
    increasing=("effective_neighbors",),
    decreasing=("sample_smoothness",),
)  # fmt: skip
VOGELS_THEOREM_6 = Bound(
    name="vogels_theorem_6",
    about="next_lyapunov",
    kind="upper",
    formula=(1 - lr * mu) * lyapunov + lr**2 * WEIGHTED_NOISE * fixed_point_noise_sq,
    where=SMALL_LR,
    assumptions=THEOREM_6,
    source=f"{PAPER}, Theorem 6",
    statement="Gossip allows learning rates as large as with the noise of n_W agents averaged.",
    example={"lr": 0.01, "L_local": 1.0, "mu": 1.0, "sample_smoothness": 52.0, "effective_neighbors": 5.07,
             "omega": 0.197, "direction_gap": 0.06, "lyapunov": 1.0, "fixed_point_noise_sq": 0.1},
    order="combine_then_adapt",
    increasing=("lyapunov", "fixed_point_noise_sq", "omega"),
    decreasing=("mu", "effective_neighbors"),
)  # fmt: skip
VOGELS_THEOREM_9 = Bound(
    name="vogels_theorem_9",
    about="weighted_distance_sq",
    kind="upper",
    formula=(
        2 * (1 - lr * mu) ** steps * lyapunov
        + 2 * lr * WEIGHTED_NOISE * fixed_point_noise_sq / mu
        + 2 * lr**2 * (1 + L_local / mu) * fixed_point_gradient_sq
    ),
    where=SMALL_LR,
    assumptions=THEOREM_6,
    source=f"{PAPER}, Theorem 9, with lyapunov taken at the start",
    statement="Distance to the minimizer for different losses: what counts is their direction, through I - W.",
    example={"lr": 0.01, "L_local": 1.0, "mu": 0.5, "steps": 100, "sample_smoothness": 52.0,
             "effective_neighbors": 5.07, "omega": 0.197, "direction_gap": 0.06, "lyapunov": 1.0,
             "fixed_point_noise_sq": 0.1, "fixed_point_gradient_sq": 0.1},
    order="combine_then_adapt",
    increasing=("lyapunov", "fixed_point_noise_sq", "fixed_point_gradient_sq", "omega", "L_local"),
    decreasing=("steps", "effective_neighbors", "mu"),
)  # fmt: skip
VOGELS_THEOREM_9_OPTIMUM = Bound(
    name="vogels_theorem_9_optimum",
    about="weighted_distance_sq",
    kind="upper",
    formula=(
        2 * (1 - lr * mu) ** steps * lyapunov
        + 6 * lr * WEIGHTED_NOISE * optimum_noise_sq / mu
        + 6 * lr**2 * L_local / mu * heterogeneity_energy / direction_rate
    ),
    where=SMALL_LR,
    assumptions=THEOREM_6,
    source=f"{PAPER}, Theorem 9, the form without the fixed point, with lyapunov taken at the start",
    statement="The same by noise and local gradients at the minimizer.",
    example={"lr": 0.01, "L_local": 1.0, "mu": 0.5, "steps": 100, "sample_smoothness": 52.0,
             "effective_neighbors": 5.07, "omega": 0.197, "direction_gap": 0.06, "lyapunov": 1.0,
             "optimum_noise_sq": 0.1, "heterogeneity_energy": 0.1, "direction_rate": 0.1},
    order="combine_then_adapt",
    increasing=("lyapunov", "optimum_noise_sq", "heterogeneity_energy", "omega", "L_local"),
    decreasing=("steps", "effective_neighbors", "direction_rate", "mu"),
)  # fmt: skip
_DIMENSION = spectral_constant * (spectral_dimension - 2)
VOGELS_COROLLARY_8_LR = Bound(
    name="vogels_corollary_8_lr",
    about="lr",
    kind="order",
    formula=(_DIMENSION / (sample_smoothness**2 * L_local)) ** Rational(1, 3) / 8,
    where=(spectral_dimension > 2, sample_smoothness > L_local),
    assumptions=(*THEOREM_6[1:], "lambda_half", "spectral_dimension"),
    source=f"{PAPER}, Corollary 8, for sample_smoothness far above L_local",
    statement="The learning rate that a topology of spectral dimension above 2 allows, whatever its spectral gap.",
    example={"sample_smoothness": 52.0, "L_local": 1.0, "spectral_dimension": 3.0, "spectral_constant": 0.1},
    order="combine_then_adapt",
    increasing=("spectral_dimension", "spectral_constant"),
    decreasing=("sample_smoothness", "L_local"),
)
VOGELS_COROLLARY_8_NEIGHBORS = Bound(
    name="vogels_corollary_8_neighbors",
    about="effective_neighbors",
    kind="order",
    formula=(_DIMENSION * sample_smoothness / L_local) ** Rational(1, 3),
    where=(spectral_dimension > 2, sample_smoothness > L_local),
    assumptions=(*THEOREM_6[1:], "lambda_half", "spectral_dimension"),
    source=f"{PAPER}, Corollary 8, for sample_smoothness far above L_local",
    statement="The effective neighbors at that learning rate.",
    example={"sample_smoothness": 52.0, "L_local": 1.0, "spectral_dimension": 3.0, "spectral_constant": 0.1},
    order="combine_then_adapt",
    increasing=("spectral_dimension", "spectral_constant", "sample_smoothness"),
    decreasing=("L_local",),
)
VOGELS_COROLLARY_10_NEIGHBORS = Bound(
    name="vogels_corollary_10_neighbors",
    about="effective_neighbors",
    kind="order",
    formula=Min(sqrt(_DIMENSION * mu * steps / L_local), agents),
    where=(spectral_dimension > 2, mu <= L_local),
    assumptions=(*THEOREM_6[1:], "lambda_half", "spectral_dimension"),
    source=f"{PAPER}, Corollary 10, where the constant stands below; derived here: 4 n_W lr L_local <= 1 - decay,"
    " n_W about spectral_constant (spectral_dimension - 2)/(1 - decay), lr = 1/(mu steps)",
    statement="The effective neighbors at the small learning rates of a long run, up to all agents.",
    example={"agents": 1000, "steps": 100, "mu": 0.5, "L_local": 1.0, "spectral_dimension": 3.0,
             "spectral_constant": 0.1},
    order="combine_then_adapt",
    increasing=("agents", "steps", "mu", "spectral_dimension", "spectral_constant"),
    decreasing=("L_local",),
)  # fmt: skip
VOGELS_COROLLARY_10 = Bound(
    name="vogels_corollary_10",
    about="weighted_distance_sq",
    kind="order",
    formula=(
        sigma**2 / (mu**2 * steps * effective_neighbors)
        + L_local * heterogeneity_energy / (mu**3 * direction_rate * steps**2)
        + initial_distance_sq * exp(-effective_neighbors_start * mu * steps / sample_smoothness)
    ),
    where=(mu <= L_local,),
    assumptions=(*THEOREM_6, "spectral_dimension", "best_lr"),
    source=f"{PAPER}, Corollary 10, up to logarithms; the start restored before the exponential",
    statement="The strongly convex rate: noise is averaged over n_W agents, at the decays of small and large lr.",
    example={"sigma": 1.0, "mu": 0.5, "L_local": 1.0, "steps": 100, "effective_neighbors": 12.0,
             "effective_neighbors_start": 4.0, "heterogeneity_energy": 0.1, "direction_rate": 0.1,
             "sample_smoothness": 52.0, "initial_distance_sq": 1.0},
    order="combine_then_adapt",
    increasing=("sigma", "heterogeneity_energy", "initial_distance_sq", "L_local", "sample_smoothness"),
    decreasing=("steps", "effective_neighbors", "effective_neighbors_start", "mu", "direction_rate"),
)  # fmt: skip
