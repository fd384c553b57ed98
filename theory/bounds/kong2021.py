"""Kong, Lin, Koloskova, Jaggi, Stich, ICML 2021, arXiv 2102.04828: the critical consensus distance."""

from sympy import Rational

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Kong et al. 2021, arXiv 2102.04828"

agents, steps, lr, initial_gap, sigma, L_local = symbols("agents steps lr initial_gap sigma L_local")
(gradient_norm_sq,) = symbols("gradient_norm_sq")

KONG_CRITICAL = Bound(
    name="kong_critical",
    about="critical_consensus_distance",
    kind="equal",
    formula=lr * sigma**2 / (L_local * agents) + gradient_norm_sq / (8 * L_local**2),
    assumptions=("A3", "smooth_agents"),
    source=f"{PAPER} (constants read in a restatement; kong_rate proves what follows from them)",
    statement="The definition of the consensus distance that decentralized SGD may have without losing its rate.",
    example={"lr": 0.01, "L_local": 1.0, "agents": 16, "sigma": 1.0, "gradient_norm_sq": 0.1},
    order="either",
)
KONG_RATE = Bound(
    name="kong_rate",
    about="gradient_norm_sq_mean",
    kind="upper",
    formula=Rational(16, 7) * (initial_gap / (lr * steps) + lr * L_local * sigma**2 / agents),
    where=(lr * L_local <= 1,),
    assumptions=("doubly_stochastic", "A3", "independent_noise", "smooth_agents", "below_critical"),
    source=f"descent_r2 with |e|^2 <= L_local^2 kong_critical, summed over the steps; explicit form of {PAPER}",
    statement="Below the critical consensus distance the merged model keeps the rate of parallel SGD up to constants.",
    example={"lr": 0.01, "L_local": 1.0, "agents": 16, "sigma": 1.0, "steps": 1000, "initial_gap": 0.5},
    order="either",
)
