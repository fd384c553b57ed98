"""The consensus distance of any doubly stochastic gossip: variants of `corrected.MASTER_CONSENSUS` (see master.md).

Each changes one assumption of it: the order of combine and adapt, the start, who carries how much noise and how it is
correlated, what is known of the gradients, or of the mixing. Where E|W Theta - mean|^2 <= (1 - p)|Theta - mean|^2 in
every round, Minkowski's inequality gives, with q = 1 - p and c = sqrt(q)(1 + lr L_local),

    Xi_+^2 <= q ((1 + lr L_local) Xi + lr zeta)^2 + q (lr sigma)^2,   whose fixed point is `onestep_sharp`.
"""

from sympy import sqrt

from theory.bound import Bound
from theory.bounds import corrected
from theory.notation import symbols

lr, p, sigma, zeta, phi, L_local, steps = symbols("lr p sigma zeta phi L_local steps")
noise_gain, drift_gain, uneven_gain, correlated_gain = symbols("noise_gain drift_gain uneven_gain correlated_gain")
agents, initial_consensus_distance, contraction = symbols("agents initial_consensus_distance contraction")
(neighborhood_zeta,) = symbols("neighborhood_zeta")

STEADY = lr * L_local * drift_gain < 1
STEADY_LATE = lr * L_local * (drift_gain + 1) < 1
LATE = {noise_gain: noise_gain + 1 - 1 / agents, drift_gain: drift_gain + 1}
EXAMPLE = {"lr": 0.01, "L_local": 1.0, "sigma": 1.0, "zeta": 1.0, "noise_gain": 1.5, "drift_gain": 18.7}
ALL = ("lr", "L_local", "sigma", "zeta", "drift_gain")
ANY_START = tuple(tag for tag in corrected.MASTER if tag != "zero_start")
MEAN_VARIANCE = tuple(tag for tag in corrected.MASTER if tag != "noise_per_agent")
CORRELATED = tuple(tag for tag in MEAN_VARIANCE if tag != "independent_noise")
WITHOUT_SMOOTHNESS = tuple(tag for tag in corrected.MASTER if tag != "smooth_agents")
ONESTEP = (*corrected.CONSENSUS, "smooth_agents", "zero_start")

MASTER_CONSENSUS_CTA = Bound(
    name="master_consensus_cta",
    about="consensus_distance",
    kind="upper",
    formula=corrected.MASTER_CONSENSUS.formula.subs(LATE, simultaneous=True),
    where=(STEADY_LATE,),
    assumptions=corrected.MASTER,
    source="master_consensus with one more term I - J, the last local step that no gossip has followed yet",
    statement="Combine-then-adapt: S + 1 - 1/m for S and R + 1 for R.",
    example=EXAMPLE | {"agents": 16},
    order="combine_then_adapt",
    increasing=(*ALL, "noise_gain", "agents"),
)
MASTER_CONSENSUS_START = Bound(
    name="master_consensus_start",
    about="consensus_distance",
    kind="upper",
    formula=(
        (sqrt(initial_consensus_distance) + lr * (sigma * sqrt(noise_gain) + drift_gain * zeta))
        / (1 - lr * L_local * drift_gain)
    )
    ** 2,
    where=(STEADY,),
    assumptions=ANY_START,
    source="proof of master_consensus with the start in the supremum; the start alone, decaying, is not enough",
    statement="Agents that start apart: the largest consensus distance of the whole run.",
    example=EXAMPLE | {"initial_consensus_distance": 0.1},
    increasing=(*ALL, "noise_gain", "initial_consensus_distance"),
)
MASTER_CONSENSUS_DECAY = Bound(
    name="master_consensus_decay",
    about="consensus_distance",
    kind="upper",
    formula=(
        (contraction * (1 + lr * L_local)) ** steps * sqrt(initial_consensus_distance)
        + lr * (sigma * sqrt(noise_gain) + contraction * zeta / (1 - contraction))
        / (1 - lr * L_local * contraction / (1 - contraction))
    ) ** 2,
    where=(contraction < 1, contraction * (1 + lr * L_local) < 1),
    assumptions=ANY_START,
    source="proof of master_consensus with |Phi_k| <= contraction^k, the renewal equation solved",
    statement="Agents that start apart, after `steps` steps: the start is forgotten geometrically.",
    example={"lr": 0.01, "L_local": 1.0, "sigma": 1.0, "zeta": 1.0, "noise_gain": 1.5, "contraction": 0.9,
             "initial_consensus_distance": 0.1, "steps": 20},
    increasing=("lr", "L_local", "sigma", "zeta", "noise_gain", "contraction", "initial_consensus_distance"),
    decreasing=("steps",),
)  # fmt: skip


def _other_noise(name, gain, assumptions, source, said):
    return Bound(
        name=name,
        about="consensus_distance",
        kind="upper",
        formula=corrected.MASTER_CONSENSUS.formula.subs(noise_gain, gain),
        where=(STEADY,),
        assumptions=assumptions,
        source=source,
        statement=said,
        example={name: value for name, value in EXAMPLE.items() if name != "noise_gain"} | {gain.name: 2.0},
        increasing=(*ALL, gain.name),
    )


MASTER_CONSENSUS_UNEVEN = _other_noise(
    "master_consensus_uneven", uneven_gain, MEAN_VARIANCE,
    "proof of master_consensus: agent j's noise counts by the j-th columns of the products",
    "Noise of mean variance sigma^2, however the agents share it; the same as S where all agents are alike.",
)  # fmt: skip
MASTER_CONSENSUS_CORRELATED = _other_noise(
    "master_consensus_correlated", correlated_gain, CORRELATED,
    "proof of master_consensus with |Phi N| <= |Phi|_2 |N| for noise that agents share",
    "Noise of mean variance sigma^2, however it is correlated across agents.",
)  # fmt: skip
MASTER_NEIGHBORHOOD = Bound(
    name="master_neighborhood",
    about="consensus_distance",
    kind="upper",
    formula=(
        lr**2
        * (sigma * sqrt(noise_gain) + (1 + drift_gain) * neighborhood_zeta) ** 2
        / (1 - lr * L_local * drift_gain) ** 2
    ),
    where=(STEADY,),
    assumptions=(*corrected.MASTER, "neighborhood_gradients"),
    source="proof of master_consensus with Phi_k = Phi_(k-1) (W - J); an idea of Le Bars et al. 2023",
    statement="A topology that fits the data: what counts is the diversity that one round of gossip leaves.",
    example={"lr": 0.01, "L_local": 1.0, "sigma": 1.0, "neighborhood_zeta": 0.1, "noise_gain": 1.5, "drift_gain": 18.7},
    increasing=("lr", "L_local", "sigma", "neighborhood_zeta", "noise_gain", "drift_gain"),
)
TYPICAL_CONSENSUS = Bound(
    name="typical_consensus",
    about="consensus_distance",
    kind="upper",
    formula=lr**2 * (sigma * sqrt(noise_gain) + drift_gain * phi) ** 2,
    assumptions=(*WITHOUT_SMOOTHNESS, "bounded_gradients"),
    source="proof of master_consensus with bounded gradients; explicit form of Kong et al. 2021, Proposition 2",
    statement="The level of the consensus distance for gradients of bounded size, at any learning rate.",
    example={"lr": 0.01, "sigma": 1.0, "phi": 1.0, "noise_gain": 1.5, "drift_gain": 18.7},
    increasing=("lr", "sigma", "phi", "noise_gain", "drift_gain"),
)
TYPICAL_CONSENSUS_P = Bound(
    name="typical_consensus_p",
    about="consensus_distance",
    kind="upper",
    formula=2 * lr**2 * (1 - p) / p * ((1 + 2 / p) * phi**2 + sigma**2),
    assumptions=(*corrected.CONSENSUS, "bounded_gradients", "zero_start"),
    source="fixed point of (1 - p/2) Xi^2 + (1 - p) lr^2 ((1 + 2/p) phi^2 + sigma^2), by Young's inequality",
    statement="The same by the consensus rate alone; corollary_d2_sharp is its sharp form.",
    example={"lr": 0.01, "p": 0.1, "sigma": 1.0, "phi": 1.0},
    increasing=("lr", "sigma", "phi"),
    decreasing=("p",),
)
ONESTEP_CONSENSUS = Bound(
    name="onestep_consensus",
    about="consensus_distance",
    kind="upper",
    formula=4 * lr**2 * (1 - p) * ((4 + 2 * p) * zeta**2 / p**2 + sigma**2 / p),
    where=(4 * lr * L_local <= p,),
    assumptions=ONESTEP,
    source="lemma_d1_sharp with local gradients of deviation at most L_local Xi + zeta, Young's inequality",
    statement="The consensus distance by the consensus rate alone: simple, and looser than onestep_sharp.",
    example={"lr": 0.01, "L_local": 1.0, "p": 0.1, "sigma": 1.0, "zeta": 1.0},
    increasing=("lr", "sigma", "zeta"),
    decreasing=("p",),
)
kept, grown = sqrt(1 - p), sqrt(1 - p) * (1 + lr * L_local)
ONESTEP_SHARP = Bound(
    name="onestep_sharp",
    about="consensus_distance",
    kind="upper",
    formula=lr**2 * (1 - p) * (grown * zeta + sqrt(zeta**2 + (1 - grown**2) * sigma**2)) ** 2 / (1 - grown**2) ** 2,
    where=(grown < 1,),
    assumptions=ONESTEP,
    source="fixed point of Minkowski's inequality for one step, without Young's",
    statement="The best that the consensus rate can say; attained on (1 - a) I + a J by concave losses, up to 1 - 1/m.",
    example={"lr": 0.01, "L_local": 1.0, "p": 0.1, "sigma": 1.0, "zeta": 1.0},
    increasing=("lr", "L_local", "sigma", "zeta"),
    decreasing=("p",),
)
