"""Zhu et al., ICML 2023, arXiv 2306.02913: D-SGD follows a smoothed loss, as sharpness-aware minimization does.

E mean model_(t+1) = mean model - lr E_eps grad L(mean model + eps) + third order, eps normal with the agents'
covariance. The identity is exact for polynomials of degree three; both records are derived here. For the loss
L^(4) x^4/24 of one parameter the whole third order is the first record.
"""

from sympy import Rational

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Zhu et al. 2023, arXiv 2306.02913"

fourth_derivative, third_moment, L2, consensus_distance = symbols(
    "fourth_derivative third_moment L2 consensus_distance"
)  # fmt: skip

ZHU_SAM_RESIDUAL = Bound(
    name="zhu_sam_residual",
    about="sam_residual",
    kind="equal",
    formula=fourth_derivative * third_moment / 6,
    assumptions=("one_parameter", "fourth_degree", "homogeneous"),
    source=f"{PAPER}; derived here: normal noise has no third moment, and the agents may",
    statement="What the picture of a smoothed loss leaves out of the mean gradient, exactly.",
    example={"fourth_derivative": 24.0, "third_moment": 0.1},
    order="combine_then_adapt",
)
ZHU_SAM_PENALTY = Bound(
    name="zhu_sam_penalty",
    about="sharpness_penalty",
    kind="upper",
    formula=Rational(1, 2) * L2 * consensus_distance,
    assumptions=("smooth",),
    source=f"{PAPER}; derived here: half the trace of Hessian times covariance to second order, at most L2 times it",
    statement="What the smoothing adds to the loss of the merged model, and so at most what it may regularize.",
    example={"L2": 1.0, "consensus_distance": 0.01},
    order="combine_then_adapt",
    increasing=("L2", "consensus_distance"),
)
