"""Baselines without gossip: SGD on mini-batches of one gradient an agent, as parallel SGD takes them.

Ghadimi & Lan, SIAM J. Optim. 23(4), 2013, give the mean over a random iterate; the noise of a mini-batch of m
gradients has variance sigma^2/m. All forms follow from the descent lemma summed over the steps, which is how their
constants were settled.
"""

from sympy import sqrt

from theory.bound import Bound
from theory.notation import symbols

agents, steps, lr, initial_gap, sigma, L2 = symbols("agents steps lr initial_gap sigma L2")
lr_scale, lr_sum, lr_square_sum = symbols("lr_scale lr_sum lr_square_sum")
PARALLEL = ("A3", "smooth", "independent_noise", "parallel")

GHADIMI_LAN = Bound(
    name="ghadimi_lan",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=(2 * initial_gap / (lr * steps) + lr * L2 * sigma**2 / agents) / (2 - lr * L2),
    where=(lr * L2 < 2,),
    assumptions=PARALLEL,
    source="Ghadimi & Lan 2013, at a constant learning rate, noise of a mini-batch; derived here",
    statement="Parallel SGD at any stable learning rate.",
    example={"lr": 0.01, "L2": 1.0, "agents": 16, "sigma": 1.0, "steps": 1000, "initial_gap": 0.5},
    order="either",
    increasing=("initial_gap", "sigma", "L2"),
    decreasing=("steps", "agents"),
)
GHADIMI_LAN_TUNED = Bound(
    name="ghadimi_lan_tuned",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=2 * L2 * initial_gap / steps + 2 * sigma * sqrt(2 * L2 * initial_gap / (agents * steps)),
    assumptions=(*PARALLEL, "tuned_lr"),
    source="Ghadimi & Lan 2013, Corollary 2.2, at the best scale of the learning rate; derived here",
    statement="Parallel SGD at its best constant learning rate: noise falls with agents times steps.",
    example={"L2": 1.0, "agents": 16, "sigma": 1.0, "steps": 1000, "initial_gap": 0.5},
    order="either",
    increasing=("initial_gap", "sigma", "L2"),
    decreasing=("steps", "agents"),
)
GHADIMI_LAN_SCALED = Bound(
    name="ghadimi_lan_scaled",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=(
        2 * L2 * initial_gap / steps
        + L2 * (lr_scale + 2 * initial_gap / (L2 * lr_scale)) * sigma / sqrt(agents * steps)
    ),
    assumptions=(*PARALLEL, "scaled_lr"),
    source="Ghadimi & Lan 2013, Corollary 2.2; derived here",
    statement="Parallel SGD at a guessed scale of the learning rate; the best one is sqrt(2 initial_gap/L2).",
    example={"L2": 1.0, "agents": 16, "sigma": 1.0, "steps": 1000, "initial_gap": 0.5, "lr_scale": 0.5},
    order="either",
    increasing=("initial_gap", "sigma", "L2"),
    decreasing=("steps", "agents"),
)
GHADIMI_LAN_VARYING = Bound(
    name="ghadimi_lan_varying",
    about="gradient_norm_sq_weighted",
    kind="upper",
    formula=(2 * initial_gap + L2 * sigma**2 * lr_square_sum / agents) / (2 * lr_sum - L2 * lr_square_sum),
    where=(L2 * lr_square_sum < 2 * lr_sum,),
    assumptions=(*PARALLEL, "varying_lr"),
    source="Ghadimi & Lan 2013, Theorem 2.1, noise of a mini-batch; derived here",
    statement="Parallel SGD with any learning rates, at a step drawn by how much each of them moves the model.",
    example={"L2": 1.0, "agents": 16, "sigma": 1.0, "initial_gap": 0.5, "lr_sum": 10.0, "lr_square_sum": 0.2},
    order="either",
    increasing=("initial_gap", "sigma", "L2", "lr_square_sum"),
    decreasing=("agents", "lr_sum"),
)
