"""Chen, Yuan, Zhang, Pan, Xu, Yin, ICML 2021, arXiv 2105.09080: gossip with a periodic global average (Gossip-PGA).

An exact average at every H-th step, gossip by one fixed symmetric W in between, lambda = slem of W:
C = sum_(k<H) lambda^k and D = min(H, 1/(1 - lambda)). The abstract (read) states the transient steps; the rate was read
in a restatement. `PGA_NOISE_GAIN` <= lambda^2 C and `PGA_DRIFT_GAIN` <= lambda C put the schedule into the master
bounds, with constants, and the rate follows from them.
"""

from sympy import Min, Rational, sqrt

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Chen et al. 2021, arXiv 2105.09080"

agents, steps, initial_gap, sigma, zeta, L_local = symbols("agents steps initial_gap sigma zeta L_local")
slem, global_period = symbols("slem global_period")

SUM = (1 - slem**global_period) / (1 - slem)
DEPTH = Min(global_period, 1 / (1 - slem))
THIRD = Rational(1, 3)
PERIODIC = ("A3", "independent_noise", "smooth_agents", "periodic_global_average")
AVERAGED = ("periodic_global_average",)
EXAMPLE = {"slem": 0.9, "global_period": 10}

PGA_PERIOD_SUM = Bound(
    name="pga_period_sum",
    about="period_sum",
    kind="equal",
    formula=SUM,
    where=(slem < 1,),
    assumptions=AVERAGED,
    source=f"{PAPER}, C_beta as restated; derived here: a geometric series",
    statement="Rounds for which a step is remembered: global_period on a bad graph, 1/(1 - slem) on a good one.",
    example=EXAMPLE,
    order="either",
    increasing=("slem", "global_period"),
)
PGA_PERIOD_DEPTH = Bound(
    name="pga_period_depth",
    about="period_depth",
    kind="equal",
    formula=DEPTH,
    where=(slem < 1,),
    assumptions=AVERAGED,
    source=f"{PAPER}, D_beta as restated: a definition; derived here that it is at least period_sum",
    statement="The shorter of the period and of the time that gossip alone needs; at least period_sum.",
    example={"slem": 0.8, "global_period": 10},
    order="either",
    increasing=("slem", "global_period"),
)
PGA_DRIFT_GAIN = Bound(
    name="pga_drift_gain",
    about="drift_gain",
    kind="equal",
    formula=slem * (1 - slem ** (global_period - 1)) / (1 - slem),
    where=(slem < 1,),
    assumptions=AVERAGED,
    source="sum of slem^k, k = 1 ... H - 1: the products of a period, and 0 from its average on; C_beta - 1",
    statement="The drift gain of gossip with a periodic global average.",
    example=EXAMPLE,
    order="either",
    increasing=("slem", "global_period"),
)
PGA_NOISE_GAIN = Bound(
    name="pga_noise_gain",
    about="noise_gain",
    kind="upper",
    formula=(1 - 1 / agents) * slem**2 * (1 - slem ** (2 * global_period - 2)) / (1 - slem**2),
    where=(slem < 1,),
    assumptions=AVERAGED,
    source="(1/m) sum_(i>=2) sum_(k<H) lambda_i^(2k) with |lambda_i| <= slem; equality for (1 - a) I + a J",
    statement="The noise gain of gossip with a periodic global average, by the spectral gap alone.",
    example=EXAMPLE | {"agents": 16},
    order="either",
    increasing=("agents", "slem", "global_period"),
)
PGA_RATE = Bound(
    name="pga_rate",
    about="gradient_norm_sq_mean",
    kind="order",
    formula=(
        sigma * sqrt(L_local * initial_gap / (agents * steps))
        + (L_local * initial_gap * slem / steps) ** (2 * THIRD)
        * (SUM**THIRD * sigma ** (2 * THIRD) + (SUM * DEPTH) ** THIRD * zeta ** (2 * THIRD))
        + slem * DEPTH * L_local * initial_gap / steps
    ),
    where=(slem < 1,),
    assumptions=(*PERIODIC, "best_lr"),
    source=f"{PAPER}, nonconvex rate as restated without L and the initial gap; derived here from master_nonconvex, its"
    " gains and stepsize_tuning, up to the L initial_gap/steps of parallel SGD, which the restatement leaves out",
    statement="The network term of gossip with a periodic global average, by C and D in place of 1/(1 - slem).",
    example=EXAMPLE | {"agents": 16, "steps": 1000, "initial_gap": 0.5, "sigma": 1.0, "zeta": 1.0, "L_local": 1.0},
    increasing=("slem", "global_period", "initial_gap", "sigma", "zeta", "L_local"),
    decreasing=("steps", "agents"),
)
PGA_TRANSIENT = Bound(
    name="pga_transient",
    about="transient_steps",
    kind="order",
    formula=slem**4 * agents**3 * global_period**4,
    assumptions=(*PERIODIC, "best_lr"),
    source=f"{PAPER}, abstract (read), nonconvex losses; Gossip SGD has slem^4 agents^3/(1 - slem)^4 there",
    statement="With periodic global averages the transient depends on the period in place of the spectral gap.",
    example=EXAMPLE | {"agents": 16},
    increasing=("slem", "agents", "global_period"),
)
