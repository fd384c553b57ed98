"""Versini, Mangold, Dieuleveut, AISTATS 2026, arXiv 2601.07021: stationary D-SGD as a Markov chain.

The abstract (read) says that the variance of every local model is inversely proportional to the number of agents to
first order in lr, whatever the graph. The record says how much is left, derived here for quadratics of one curvature:
a mode of eigenvalue lambda_i has the variance lr^2 sigma^2 lambda_i^2/(1 - lambda_i^2 (1 - lr h)^2). It also says that
decentralization biases the mean, more for heterogeneous agents; on quadratics that takes different curvatures.
"""

from theory.bound import Bound
from theory.notation import symbols

agents, lr, sigma, curvature, slem, L2 = symbols("agents lr sigma curvature slem L2")
curvature_spread, consensus_distance = symbols("curvature_spread consensus_distance")
KEPT = (1 - lr * curvature) ** 2

VERSINI_LOCAL_VARIANCE = Bound(
    name="versini_local_variance",
    about="local_variance",
    kind="upper",
    formula=(
        lr * sigma**2 / (agents * curvature * (2 - lr * curvature))
        + (1 - 1 / agents) * (lr * sigma * slem) ** 2 / (1 - slem**2 * KEPT)
    ),
    where=(lr * curvature < 2,),
    assumptions=("scalar_quadratics", "symmetric_mixing", "independent_noise", "noise_per_agent", "stationary"),
    source="Versini et al. 2026, arXiv 2601.07021; derived here, with equality for (1 - a) I + a J and full noise",
    statement="The variance of a local model: noise of all agents to first order, the graph to second.",
    example={"agents": 16, "lr": 0.05, "sigma": 1.0, "curvature": 1.0, "slem": 0.9},
    increasing=("sigma", "slem"),
)
VERSINI_BIAS = Bound(
    name="versini_bias",
    about="merged_bias_sq",
    kind="upper",
    formula=curvature_spread**2 * consensus_distance / L2**2,
    assumptions=("weighted_quadratics", "doubly_stochastic", "stationary"),
    source="Versini et al. 2026, arXiv 2601.07021; derived here: sum_k h_k (E theta_k - theta*) = 0 at stationarity, L2"
    " the mean of h_k, and Cauchy and Schwarz; equality for two agents without noise",
    statement="The bias of the merged model: the consensus distance, weighted by how much the curvatures differ.",
    example={"curvature_spread": 0.3, "consensus_distance": 0.01, "L2": 1.0},
    order="either",
    increasing=("curvature_spread", "consensus_distance"),
    decreasing=("L2",),
)
