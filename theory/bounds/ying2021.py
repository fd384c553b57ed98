"""Ying, Yuan, Chen, Hu, Pan, Yin, NeurIPS 2021, arXiv 2110.13363: exponential graphs, static and one peer at a time.

The text was not seen; what is exact here is derived here. The rounds W_k = (I + P^(2^k))/2, P a cyclic shift, have as
their product the mean of N = 2^window shifts, with eigenvalues of modulus |sin(pi i N/n)|/(N sin(pi i/n)), 0 < i < n.
The largest is that of i = 1: with y the distance of pi N/n to the nearest multiple of pi, pi/n <= y <= pi/2 unless all
vanish, |sin(i y)|/sin(pi i/n) <= sin(y)/sin(pi/n) for i <= n/2, as sin(i x)/sin(x) falls up to x = pi/(2i) and its
modulus stays below 1/sin(pi/(2i)) from there on.

Static, K = ceil(log2 n) hops: with x = j/n the eigenvalue is (1 + sum_(k<K) z^(2^k))/(K + 1), z = exp(2 pi i x). The
distance of x to the integers is at least 1/n >= 2^-K, so that of some y = 2^k x, k <= K - 2, is at least 1/4. Three of
the terms, 1 + w + w^2 with w = exp(2 pi i y), have the modulus |1 + 2 cos(2 pi y)| <= 1, the rest K - 2 at most: slem
is at most (K - 1)/(K + 1) for every n > 2, and at j = n/2 it is that.
"""

from sympy import Eq, Mod, ceiling, pi, sin, sqrt
from sympy.codegen.cfunctions import log2

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Ying et al. 2021, arXiv 2110.13363"

agents, steps, window, peers, momentum = symbols("agents steps window peers momentum")
sigma, zeta, one_minus_slem = symbols("sigma zeta one_minus_slem")

POWER_OF_TWO = (agents >= 2, Eq(Mod(log2(agents), 1), 0))
EXACT = ("doubly_stochastic", "one_peer_exponential")
DMSGD = ("A3", "doubly_stochastic", "smooth_agents", "independent_noise", "momentum_steps", "unconfirmed")


def _period_rate(shifts):
    """1 - |Phi - J|_2^2 of the mean Phi of N = `shifts` successive cyclic shifts of all agents."""
    return 1 - (sin(pi * shifts / agents) / (shifts * sin(pi / agents))) ** 2


def _momentum_rate(network):
    """The order of DmSGD, 1/(1 - slem) written as `network`, in units of [loss]^2/[theta]^2."""
    return (
        sigma**2 / sqrt((1 - momentum) * agents * steps)
        + agents * sigma**2 * (1 - momentum) * network / steps
        + agents * zeta**2 * (1 - momentum) * network**2 / steps
    )


ONE_PEER_RATE = Bound(
    name="one_peer_rate",
    about="p",
    kind="equal",
    formula=_period_rate(2**window),
    where=(agents >= 2, 2**window >= agents, 2**window < 2 * agents),
    assumptions=(*EXACT, "period_rate"),
    source=f"Dirichlet kernel of the product of all rounds; {PAPER}, Theorem 2, for powers of two; derived here",
    statement="One period of ceil(log2 n) rounds: an exact average for powers of two, and close to one for the others.",
    example={"agents": 33, "window": 6},
    order="either",
)
K_PEER_RATE = Bound(
    name="k_peer_rate",
    about="p",
    kind="equal",
    formula=_period_rate((peers + 1) ** window),
    where=(agents >= 2, (peers + 1) ** window <= agents, (peers + 1) ** (window + 1) > agents),
    assumptions=("doubly_stochastic", "k_peer_exponential", "period_rate"),
    source="Niwa et al., NeurIPS 2025, Theorem 2, whose maximum over the frequencies is at the first one; derived here",
    statement="One period of floor(log_(k+1) n) rounds in which every agent hears k others.",
    example={"agents": 33, "peers": 1, "window": 5},
    order="either",
)
ONE_PEER_NOISE_GAIN = Bound(
    name="one_peer_noise_gain",
    about="noise_gain",
    kind="equal",
    formula=1 - (1 + log2(agents)) / agents,
    where=POWER_OF_TWO,
    assumptions=EXACT,
    source="sum over k < log2 n of (2^-k - 1/n), the squared norm of the product of k rounds; derived here",
    statement="S of the one-peer exponential graph, below 1 for every size.",
    example={"agents": 16},
    order="either",
    increasing=("agents",),
)
ONE_PEER_DRIFT_GAIN = Bound(
    name="one_peer_drift_gain",
    about="drift_gain",
    kind="equal",
    formula=log2(agents) - 1,
    where=POWER_OF_TWO,
    assumptions=EXACT,
    source="in some phase the products of fewer than log2 n rounds keep an alternating vector; derived here",
    statement="R of the one-peer exponential graph.",
    example={"agents": 16},
    order="either",
    increasing=("agents",),
)
EXPONENTIAL_GAP_LEAST = Bound(
    name="exponential_gap_least",
    about="one_minus_slem",
    kind="lower",
    formula=2 / (1 + ceiling(log2(agents))),
    where=(agents >= 2,),
    assumptions=("doubly_stochastic", "exponential"),
    source=f"{PAPER}, Proposition 1 as recalled; derived here",
    statement="Directed exponential graph of any size; an equality at even sizes, exponential_gap.",
    example={"agents": 33},
    order="either",
    decreasing=("agents",),
)
EXPONENTIAL_DRIFT_GAIN = Bound(
    name="exponential_drift_gain",
    about="drift_gain",
    kind="equal",
    formula=(ceiling(log2(agents)) - 1) / 2,
    where=(Eq(Mod(agents, 2), 0),),
    assumptions=("normal_mixing", "exponential"),
    source="slem/(1 - slem) with exponential_gap; derived here",
    statement="R of the static exponential graph of even size: half as much as with one peer at a time.",
    example={"agents": 16},
    order="either",
    increasing=("agents",),
)
YING_STATIC = Bound(
    name="ying_static",
    about="gradient_norm_sq_mean",
    kind="order",
    formula=_momentum_rate(1 / one_minus_slem),
    where=(one_minus_slem > 0, momentum < 1),
    assumptions=(*DMSGD, "normal_mixing"),
    source=f"{PAPER}, rate of DmSGD as recalled; its order without momentum follows from master_nonconvex",
    statement="Decentralized SGD with momentum on one fixed graph.",
    example={"agents": 16, "steps": 10000, "momentum": 0.9, "one_minus_slem": 0.4, "sigma": 1.0, "zeta": 1.0},
    increasing=("sigma", "zeta"),
    decreasing=("steps", "one_minus_slem"),
)
YING_ONE_PEER = Bound(
    name="ying_one_peer",
    about="gradient_norm_sq_mean",
    kind="order",
    formula=_momentum_rate(log2(agents)),
    where=(*POWER_OF_TWO, momentum < 1),
    assumptions=(*DMSGD, "one_peer_exponential"),
    source=f"{PAPER}, rate of DmSGD as recalled; its order without momentum follows from master_nonconvex",
    statement="The same with one peer at a time: log2 n takes the place of 1/(1 - slem).",
    example={"agents": 16, "steps": 10000, "momentum": 0.5, "sigma": 1.0, "zeta": 1.0},
    increasing=("sigma", "zeta"),
    decreasing=("steps",),
)
YING_TRANSIENT = Bound(
    name="ying_transient",
    about="transient_steps",
    kind="order",
    formula=agents**3 * log2(agents) ** 4,
    where=(agents >= 2,),
    assumptions=(
        "A3",
        "doubly_stochastic",
        "smooth_agents",
        "independent_noise",
        "noise_per_agent",
        "zero_start",
        "best_lr",
        "exponential",
    ),
    source=f"{PAPER} as recalled, with momentum, up to logarithms; derived here from master_transient without momentum",
    statement="Steps of different losses until noise leads: cubic in the agents up to logarithms.",
    example={"agents": 16},
    increasing=("agents",),
)
