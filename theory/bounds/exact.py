"""Equalities about decentralized SGD on quadratics of one curvature: what a theory has to reproduce.

With W = (1 - a) I + a J every deviation from consensus has the eigenvalue slem = 1 - a, so that the closed forms of
`theory.oracles`, sums over the spectrum of any symmetric W, are formulas in slem. The equality before a limit is
`yuan_consensus`.
"""

from theory.bound import Bound
from theory.notation import symbols

agents, steps, lr, sigma, zeta, slem = symbols("agents steps lr sigma zeta slem")
curvature, noise_gain, drift_gain = symbols("curvature noise_gain drift_gain")
initial_consensus_distance, decay = symbols("initial_consensus_distance decay")

NOISE = ("independent_noise", "full_noise")
SETTLED = ("scalar_quadratics", "damped_average", *NOISE, "stationary")
FLAT = ("doubly_stochastic", "linear_losses", "homogeneous", "independent_gossip", *NOISE, "stationary")
EXAMPLE = {"agents": 16, "lr": 0.1, "curvature": 1.0, "sigma": 1.0, "zeta": 1.0, "slem": 0.9}

GOSSIP_DECAY = Bound(
    name="gossip_decay",
    about="consensus_distance",
    kind="equal",
    formula=slem ** (2 * steps) * initial_consensus_distance,
    where=(slem > 0,),
    assumptions=("symmetric_mixing", "slowest_start"),
    source="W^t u = slem^t u up to signs; every other start decays at least as fast",
    statement="Gossip alone: the slowest direction decays by slem in every round.",
    example={"slem": 0.9, "steps": 10, "initial_consensus_distance": 1.0},
    order="either",
    increasing=("slem", "initial_consensus_distance"),
    decreasing=("steps",),
)
STATIONARY_MERGED = Bound(
    name="stationary_merged",
    about="distance_sq",
    kind="equal",
    formula=lr * sigma**2 / (agents * curvature * (2 - lr * curvature)),
    where=(lr * curvature < 2,),
    assumptions=("scalar_quadratics", "doubly_stochastic", "independent_gossip", *NOISE, "stationary"),
    source="fixed point of (1 - lr h)^2 v + lr^2 sigma^2/m, v the variance of the merged model",
    statement="The merged model on quadratics of one curvature is parallel SGD, whatever the gossip.",
    example={name: EXAMPLE[name] for name in ("agents", "lr", "curvature", "sigma")},
    order="either",
    increasing=("lr", "sigma"),
    decreasing=("agents",),
)
STATIONARY_CONSENSUS = Bound(
    name="stationary_consensus",
    about="consensus_distance",
    kind="equal",
    formula=(
        (1 - 1 / agents) * (lr * sigma * slem) ** 2 / (1 - slem**2 * (1 - lr * curvature) ** 2)
        + (lr * zeta * slem / (1 - slem * (1 - lr * curvature))) ** 2
    ),
    where=(slem < 1, lr * curvature < 2),
    assumptions=SETTLED,
    source="fixed points of slem (x - lr h x + lr g) and of its variance on every deviation; zeta attained exactly",
    statement="Adapt-then-combine on (1 - a) I + a J: noise and heterogeneity, damped by gossip and by curvature.",
    example=EXAMPLE,
    increasing=("agents", "sigma", "zeta", "slem"),
)
STATIONARY_CONSENSUS_CTA = Bound(
    name="stationary_consensus_cta",
    about="consensus_distance",
    kind="equal",
    formula=(
        (1 - 1 / agents) * (lr * sigma) ** 2 / (1 - (slem - lr * curvature) ** 2)
        + (lr * zeta / (1 - slem + lr * curvature)) ** 2
    ),
    where=(slem < 1, lr * curvature < 1 + slem),
    assumptions=SETTLED,
    source="fixed points of slem x - lr h x + lr g and of its variance on every deviation; zeta attained exactly",
    statement="Combine-then-adapt on (1 - a) I + a J: the last local step is not averaged yet.",
    example=EXAMPLE,
    order="combine_then_adapt",
    increasing=("agents", "sigma", "zeta"),
)
PURE_NOISE = Bound(
    name="pure_noise",
    about="consensus_distance",
    kind="equal",
    formula=lr**2 * sigma**2 * noise_gain,
    assumptions=FLAT,
    source="independence over steps and agents: sum over the products of the mixing matrices; at the worst phase",
    statement="Noise alone: the definition of S, and the limit of master_consensus.",
    example={"lr": 0.1, "sigma": 1.0, "noise_gain": 1.5},
    increasing=("lr", "sigma", "noise_gain"),
)
PURE_NOISE_CTA = Bound(
    name="pure_noise_cta",
    about="consensus_distance",
    kind="equal",
    formula=lr**2 * sigma**2 * (noise_gain + 1 - 1 / agents),
    assumptions=FLAT,
    source="pure_noise and the noise of the last step, less its part in the mean",
    statement="Noise alone before it is averaged: 1 - 1/m more.",
    example={"lr": 0.1, "sigma": 1.0, "noise_gain": 1.5, "agents": 16},
    order="combine_then_adapt",
    increasing=("lr", "sigma", "noise_gain", "agents"),
)
PURE_DRIFT = Bound(
    name="pure_drift",
    about="consensus_distance",
    kind="equal",
    formula=lr**2 * zeta**2 * drift_gain**2,
    assumptions=("symmetric_mixing", "linear_losses", "slowest_slopes", "stationary"),
    source="lr slem/(1 - slem) times the slopes, R = slem/(1 - slem); zeta attained exactly, no noise",
    statement="Heterogeneity alone, along the slowest direction: the definition of R for symmetric mixing.",
    example={"lr": 0.1, "zeta": 1.0, "drift_gain": 18.7},
    increasing=("lr", "zeta", "drift_gain"),
)
NEIGHBORS_FROM_NOISE_GAIN = Bound(
    name="neighbors_from_noise_gain",
    about="effective_neighbors",
    kind="lower",
    formula=1 / (1 / agents + (1 - decay) * noise_gain),
    where=(decay < 1,),
    assumptions=("symmetric_mixing",),
    source="1/n_W = 1/m + (1 - decay)(1/m) sum_(i>=2) lambda^2/(1 - decay lambda^2), each term largest at decay = 1",
    statement="The effective number of neighbors by S; equality to first order in 1 - decay.",
    example={"agents": 16, "decay": 0.99, "noise_gain": 1.5},
    order="either",
    increasing=("agents", "decay"),
    decreasing=("noise_gain",),
)
