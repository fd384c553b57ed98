"""Armacki & Sayed 2026, arXiv 2510.06141 (PMLR 306): D-SGD with high probability, in orders.

The abstract (read) claims order-optimal rates, the linear speed-up and the assumptions of the mean square theory, for
light-tailed noise. The leading term was read in a summary by others; its network term was not consistent there and is
left out.
"""

from sympy import log, sqrt

from theory.bound import Bound
from theory.notation import symbols

agents, steps, initial_gap, sigma, L_local, failure_probability = symbols(
    "agents steps initial_gap sigma L_local failure_probability"
)  # fmt: skip

ARMACKI_LEADING = Bound(
    name="armacki_leading",
    about="gradient_norm_sq_mean",
    kind="order",
    formula=sigma * sqrt(L_local * initial_gap / (agents * steps)) * (1 + log(1 / failure_probability)),
    assumptions=("A3", "smooth_agents", "symmetric_mixing", "independent_noise", "light_tails", "best_lr",
                 "unconfirmed"),
    source="Armacki & Sayed 2026, arXiv 2510.06141, nonconvex: leading term as restated, with units put back",
    statement="With probability 1 - failure_probability, not in expectation: the noise still falls with all agents.",
    example={"agents": 16, "steps": 1000, "initial_gap": 0.5, "sigma": 1.0, "L_local": 1.0,
             "failure_probability": 0.05},
    order="either",
    increasing=("sigma", "L_local", "initial_gap"),
    decreasing=("agents", "steps", "failure_probability"),
)  # fmt: skip
