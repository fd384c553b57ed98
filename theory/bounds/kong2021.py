"""Kong, Lin, Koloskova, Jaggi, Stich, ICML 2021, arXiv 2102.04828: the critical consensus distance."""

from sympy import Rational

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Kong et al. 2021, arXiv 2102.04828"

agents, steps, lr, initial_gap, sigma, L_local = symbols("agents steps lr initial_gap sigma L_local")
p, gradient_norm_sq, local_gradient_norm_sq = symbols("p gradient_norm_sq local_gradient_norm_sq")

BELOW = ("doubly_stochastic", "A3", "independent_noise", "smooth_agents", "below_critical")

KONG_CRITICAL = Bound(
    name="kong_critical",
    about="critical_consensus_distance",
    kind="equal",
    formula=lr * sigma**2 / (L_local * agents) + gradient_norm_sq / (8 * L_local**2),
    assumptions=("A3", "smooth_agents"),
    source=f"{PAPER}: a definition, as two restatements have it; derived here what follows from it, kong_rate",
    statement="The definition of the consensus distance that decentralized SGD may have without losing its rate.",
    example={"lr": 0.01, "L_local": 1.0, "agents": 16, "sigma": 1.0, "gradient_norm_sq": 0.1},
    order="either",
    increasing=("lr", "sigma", "gradient_norm_sq"),
    decreasing=("L_local", "agents"),
)
KONG_RATE = Bound(
    name="kong_rate",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=Rational(16, 7) * (initial_gap / (lr * steps) + lr * L_local * sigma**2 / agents),
    where=(lr * L_local <= 1,),
    assumptions=BELOW,
    source=f"descent_r2 with |e|^2 <= L_local^2 kong_critical, summed over the steps; explicit form of {PAPER}",
    statement="Below the critical consensus distance the merged model keeps the rate of parallel SGD up to constants.",
    example={"lr": 0.01, "L_local": 1.0, "agents": 16, "sigma": 1.0, "steps": 1000, "initial_gap": 0.5},
    order="either",
    increasing=("sigma", "initial_gap", "L_local"),
    decreasing=("steps", "agents"),
)
KONG_RATE_KOLOSKOVA = Bound(
    name="kong_rate_koloskova",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=8 * initial_gap / (lr * steps) + 16 * lr * L_local * sigma**2 / agents,
    where=(4 * lr * L_local <= 1,),
    assumptions=BELOW,
    source=f"koloskova_descent_nonconvex with kong_critical, summed over the steps; the way of {PAPER}",
    statement="The same by the looser descent lemma of Koloskova et al., for comparison.",
    example={"lr": 0.01, "L_local": 1.0, "agents": 16, "sigma": 1.0, "steps": 1000, "initial_gap": 0.5},
    order="either",
    increasing=("sigma", "initial_gap", "L_local"),
    decreasing=("steps", "agents"),
)
KONG_TYPICAL = Bound(
    name="kong_typical",
    about="consensus_distance",
    kind="order",
    formula=(1 - p) * lr**2 * (local_gradient_norm_sq / p**2 + sigma**2 / p),
    assumptions=("A1", "A3", "independent_gossip", "independent_noise", "slow_gradients", "zero_start"),
    source=f"{PAPER}, Proposition 2 as recalled; derived here: typical_consensus and corollary_d2_sharp are explicit",
    statement="The consensus distance that gossip reaches while gradients shrink slowly.",
    example={"lr": 0.01, "p": 0.4, "sigma": 1.0, "local_gradient_norm_sq": 2.0},
    increasing=("lr", "sigma", "local_gradient_norm_sq"),
    decreasing=("p",),
)
