"""Which assumptions of a bound are met here, decided by computation."""

import numpy as np

from paper_repro.check.rule import ROUNDING

BY_CONSTRUCTION = (  # of the quadratics, of their noise and of the simulated runs
    "A2", "A3", "bounded_gradients", "common_start", "convex_agents", "independent_gossip", "independent_noise",
    "noise_per_agent", "smooth", "smooth_agents", "smooth_samples", "strongly_convex_agents", "zero_start",
)  # fmt: skip


def departures_of(subject, config, matrix, numbers, known, order="adapt_then_combine"):
    """{assumption: what departs from it, "" where it is met}; an assumption that is not here cannot be decided here.

    `known` has the state of the runs before each step [runs, steps], None where there is no sound run.
    """
    column = f"columns sum to 1 only within {matrix['column_error']:.3g}"
    balance = "" if matrix["doubly_stochastic"] and subject.gossip.mean_preserving else column
    rate = "" if numbers["p"] > 0 else f"p = {numbers['p']:.3g} in the worst round"
    differ = f"zeta = {config.zeta:g}, spread = {config.spread:g}"
    unbounded = "" if config.spread == 0 else f"gradients differ without bound, spread = {config.spread:g}"
    symmetric = "" if matrix["normal"] and matrix["symmetric"] else "not one fixed symmetric W"
    return dict.fromkeys(BY_CONSTRUCTION, "") | {
        "A1": balance or rate,
        "doubly_stochastic": balance,
        "homogeneous": "" if config.zeta == config.spread == 0 else differ,
        "slow_gradients": _fast_gradients(known["local_gradient_norm_sq"], numbers["p"]),
        "below_critical": _above_critical(known),
        "normal_mixing": "" if matrix["normal"] else "W does not commute with its transpose",
        "symmetric_mixing": symmetric,
        "neighborhood": unbounded,
        "neighborhood_gradients": unbounded,
        "independent_rounds": "" if subject.gossip.period == 1 else "the law of the rounds differs",
        "exchangeable": _unlike_agents(subject.gossip),
        **_schedules(subject, matrix, order),
        "unconfirmed": "its source was not seen, so that it decides nothing here",
    }


def _unlike_agents(gossip):
    """Whether E[Wᵀ M W] changes when agents are renamed, by one M and two renamings that generate all of them."""
    m = gossip.agents
    if gossip.period > 1:
        return "the law of the rounds differs"
    M, swap = np.outer(np.arange(m), np.arange(m) ** 2 % (m + 1)) / m**2, np.arange(m)
    swap[:2] = swap[:2][::-1]
    for renamed in (swap, np.roll(np.arange(m), 1)):
        pick = np.ix_(renamed, renamed)
        if np.abs(gossip.pull_back(0, M)[pick] - gossip.pull_back(0, M[pick])).max() > ROUNDING * m:
            return "agents differ in their law"
    return ""


def _fast_gradients(phi_sq, p):
    """phi_t² <= (1 + p/4) phi_(t+1)² for every step."""
    if phi_sq is None:
        return "not decided without a sound run"
    mean = phi_sq.mean(axis=0)
    return "" if (mean[:-1] <= (1 + p / 4) * mean[1:] * (1 + ROUNDING)).all() else "they shrink faster"


def _above_critical(known):
    """E Xi_t² <= η σ²/(L m) + E‖∇L(θ̄_t)‖²/(8 L²) for every step, L = L_local."""
    if known["consensus_distance"] is None:
        return "not decided without a sound run"
    noise = known["lr"] * known["sigma"] ** 2 / (known["L_local"] * known["agents"])
    critical = noise + known["gradient_norm_sq"].mean(axis=0) / (8 * known["L_local"] ** 2)
    excess = (known["consensus_distance"].mean(axis=0) / critical).max() if critical.all() else np.inf
    return "" if excess <= 1 + ROUNDING else f"it is {excess:.3g} times the critical one at some step"


def _schedules(subject, matrix, order):
    """The assumptions about when agents talk: nothing but one W after every period, which may be the exact average."""
    *before, last = subject.matrices
    fixed = subject.kind != "random" and all(np.array_equal(W, np.eye(len(W))) for W in before)
    average = fixed and np.abs(last - 1 / len(last)).max() <= ROUNDING
    symmetric = fixed and matrix["symmetric"] and matrix["doubly_stochastic"]
    together = order == "adapt_then_combine" or subject.gossip.agents == 1
    apart = "" if together else "agents are apart after their local steps"
    every_step = average and subject.kind == "constant"
    return {
        "periodic_gossip": "" if symmetric else "not one symmetric W after every period, and silence between",
        "periodic_average": "" if average else "not the exact average after every period, and silence between",
        "parallel": apart if every_step else "not the exact average after every step",
    }
