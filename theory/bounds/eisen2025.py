"""Eisen, Dorfman, Levy, ICML 2025, arXiv 2506.00961: how many agents convex D-SGD can use, in orders.

With N samples in all, m agents that take one each have N/m steps; beyond useful_agents the network term exceeds the
statistical rate 1/sqrt(N). The abstract (read) claims the improvement; the orders were read in restatements, that of
the new algorithm also in the abstract of a later paper, which keeps 1/sqrt(N) up to sqrt(1 - slem) N^(3/4) agents. The
order for D-SGD is derived here from the convex rate of Koloskova et al. 2020, for agents that share one loss.
"""

from sympy import Rational, sqrt

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Eisen et al. 2025, arXiv 2506.00961"

samples, one_minus_slem = symbols("samples one_minus_slem")
TAGS = ("A3", "convex_agents", "smooth_agents", "symmetric_mixing", "independent_noise", "best_lr")

EISEN_DSGD = Bound(
    name="eisen_dsgd",
    about="useful_agents",
    kind="order",
    formula=sqrt(one_minus_slem) * samples ** Rational(1, 4),
    assumptions=(*TAGS, "homogeneous"),
    source=f"{PAPER}, as restated; derived here: koloskova_convex_rate at steps = samples/agents, noise against noise",
    statement="Agents that D-SGD can use on convex losses.",
    example={"samples": 10000, "one_minus_slem": 0.5},
    increasing=("samples", "one_minus_slem"),
)
EISEN_ANYTIME = Bound(
    name="eisen_anytime",
    about="useful_agents",
    kind="order",
    formula=one_minus_slem * sqrt(samples),
    assumptions=(*TAGS, "anytime_average", "unconfirmed"),
    source=f"{PAPER}, as restated: decentralized anytime SGD",
    statement="Agents that D-SGD can use when its gradients are taken at running averages.",
    example={"samples": 10000, "one_minus_slem": 0.5},
    increasing=("samples", "one_minus_slem"),
)
