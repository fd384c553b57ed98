"""How many rounds gossip takes: to mix, to halve the consensus distance, to agree exactly.

Matrices W may be dense, sparse or structures, as in `theory.rates`. Where W is normal, |W^t - J|_2 = slem^t with
log slem = log1p(-gap), which keeps its digits for a small gap.
"""

import math
from numbers import Real

import numpy as np
from scipy.sparse import issparse

from theory.errors import require
from theory.mixing import complete_average
from theory.rates import consensus_rate, contraction, dense, gap, given, largest_on_deviations, normal, scalable, slem
from theory.rounds import Gossip, as_gossip
from theory.structures import STRUCTURES

NO_GAP = 1e-12  # a gap of a dense matrix up to here is none, up to rounding
SLACK = 1e-9  # relative error accepted where a number of rounds is at the edge
ROUNDS = 100_000  # of a gossip that is followed round by round
EXACT, FAR = 1e-9, 1e-3  # m times the largest entry of |product - J|: at J up to rounding; not yet there


def mixing_time(W, eps=0.25, distance="spectral"):
    """Smallest t >= 0 with d(t) <= `eps`; inf where d does not tend to 0, as where columns do not sum to 1.

    distance "spectral": d(t) = |W^t - J|_2, J = 1 1ᵀ/m. "variation": d(t) = max_i (1/2) Σ_j |W^t[i, j] - 1/m|, the
    total variation of the chain of the row i, at most (√m/2) |W^t - J|_2; always by dense powers. eps is in (0, 1).
    """
    valid = isinstance(eps, Real) and not isinstance(eps, bool) and 0 < eps < 1
    require(valid, f"eps is {eps!r}; it must be a number in (0, 1)")
    measures = {"spectral": (_spectral, contraction), "variation": (_variation, lambda W: np.abs(W).sum(axis=1).max())}
    require(
        isinstance(distance, str) and distance in measures,
        f"unknown distance {distance!r}; valid distances are {', '.join(measures)}",
    )
    W = given(W)
    if W.shape[0] == 1:
        return 0
    if distance == "spectral" and (closed := _decay(W)) is not None:
        return _rounds(closed, eps)
    W = dense(W, "the mixing time")
    if np.abs(W.sum(axis=0) - 1).max() > SLACK or 1 - slem(W) <= NO_GAP:
        return math.inf
    J = complete_average(len(W))
    measure, largest_growth = measures[distance]
    if measure(np.eye(len(W)) - J) <= eps:
        return 0
    return 1 + _first_power(W - J, lambda power: measure(power) <= eps * (1 + SLACK), largest_growth(W) <= 1 + SLACK)


def _spectral(deviation):
    return float(np.linalg.norm(deviation, 2))


def _variation(deviation):
    return float(np.abs(deviation).sum(axis=1).max() / 2)


def _decay(W):
    """-log slem of a W that is normal (a structure, or equal to its transpose, or dense and normal), None otherwise."""
    if isinstance(W, STRUCTURES) or (issparse(W) and abs(W - W.T).max() == 0) or (not issparse(W) and normal(W)):
        found = gap(W)
        tiny = 0 if scalable(W) else NO_GAP
        return -math.log1p(-found) if tiny < found < 1 else math.inf if found >= 1 else 0.0
    return None


def _rounds(decay, eps):
    """Smallest t >= 1 with exp(-decay t) <= eps < 1."""
    return max(1, math.ceil(-math.log(eps) / decay * (1 - SLACK))) if decay > 0 else math.inf


def _first_power(A, reached, monotone):
    """Smallest k >= 0 for which reached(A^(k+1)); by doubling and bisection where it stays reached, else one by one."""
    if not monotone:
        power = A
        for k in range(ROUNDS):
            if reached(power):
                return k
            power = power @ A
        require(False, f"{ROUNDS} rounds did not bring the agents together, and single rounds take them apart")
    squares = [A]  # A^(2^0), A^(2^1), ...
    while not reached(squares[-1]):
        squares.append(squares[-1] @ squares[-1])
    k, power = 0, np.eye(len(A))
    for level in range(len(squares) - 2, -1, -1):  # the largest power that is not reached, bit by bit
        further = power @ squares[level]
        if not reached(further):
            k, power = k + (1 << level), further
    return k


def rounds_to_halve(gossip):
    """Smallest t >= 0 with E Xi_t² <= Xi_0²/2 from every start at t = 0, Xi² the mean squared distance from the mean.

    E Xi_t² = E|(I - J) W_{t-1} ... W_0 x|²/m. Takes a matrix W or a Gossip; 0 for m = 1, inf where it never happens.
    For a normal W it is log 2/(-2 log slem), rounded up.
    """
    if not isinstance(gossip, Gossip):
        W = given(gossip)
        if W.shape[0] > 1 and (decay := _decay(W)) is not None:
            return _rounds(2 * decay, 0.5)
        gossip = as_gossip(dense(W, "the number of rounds to halve the consensus distance"))
    m = gossip.agents
    if m == 1:
        return 0
    deviations = np.eye(m) - complete_average(m)
    if gossip.deterministic:
        return _halved_by_products(gossip, deviations)
    return _halved_in_the_mean(gossip, deviations)


def _halved(form_or_square):
    return form_or_square <= 0.5 * (1 + SLACK)


def _halved_by_products(gossip, deviations):
    """Whole periods by bisection where no round takes agents apart, then the rounds of the next one."""
    Phi = deviations @ gossip.mean_product @ deviations  # (I - J) W = (I - J) W (I - J), as the rows of W sum to 1

    def halved(product):
        return _halved(_spectral(product) ** 2)

    def first_round(product, most):
        for t in range(most):
            product = gossip.draw(t, None) @ product
            if halved(deviations @ product):
                return t + 1
        return None

    if np.abs(np.linalg.eigvals(Phi)).max() >= 1 - NO_GAP:
        return first_round(deviations, gossip.period) or math.inf
    if any(consensus_rate(gossip.draw(t, None)) < -SLACK for t in range(gossip.period)):
        found = first_round(deviations, ROUNDS)
        require(found, f"the consensus distance has not halved in {ROUNDS} rounds, some of which take agents apart")
        return found
    periods = _first_power(Phi, halved, True)
    return periods * gossip.period + first_round(np.linalg.matrix_power(Phi, periods) @ deviations, gossip.period)


def _halved_in_the_mean(gossip, deviations):
    """Forms E[Phiᵀ (I - J) Phi] of 1, 2, ... periods, until one is halved; then the rounds of that period."""
    if slem(gossip.mean_product) >= 1 - NO_GAP:
        return math.inf

    def halved(form):
        return _halved(np.trace(form) / (gossip.agents - 1)) and _halved(largest_on_deviations(form))

    def after(periods, rounds):
        form = deviations
        for t in reversed(range(rounds)):
            form = gossip.pull_back(t, form)
        for _ in range(periods):
            form = gossip.over_period(form)
        return form

    form = gossip.over_period(deviations)
    kept = float(np.trace(form) / (gossip.agents - 1))
    if np.abs(form - kept * deviations).max() <= 1e-14:  # alike agents: k periods leave kept^k
        periods = _rounds(-math.log(kept), 0.5) - 1 if kept > 0 else 0
    else:
        periods = 0
        while not halved(form):
            periods += 1
            require(periods < ROUNDS, f"the mean consensus distance has not halved in {ROUNDS} periods")
            form = gossip.over_period(form)
    return next(periods * gossip.period + t for t in range(1, gossip.period + 1) if halved(after(periods, t)))


def finite_time(gossip):
    """Smallest t such that every product of t consecutive rounds is J = 1 1ᵀ/m up to rounding; None if there is none.

    Takes a matrix W or a Gossip, and every phase of its period as a start: log2 m for the one-peer exponential graph of
    m = 2^k agents. Exact agreement comes in one round, from far away to rounding; products that merely decay to J do
    not count. For a random gossip the answer is 1 (every draw is J) or None.
    """
    if isinstance(gossip, STRUCTURES):
        return 1 if gossip.losses().min(initial=1.0) >= 1 - EXACT else None
    gossip = (
        gossip if isinstance(gossip, Gossip) else as_gossip(dense(gossip, "the detection of finite-time agreement"))
    )
    m = gossip.agents
    J = complete_average(m)
    if m == 1:
        return 1
    if not gossip.deterministic:
        exact = gossip.mean_preserving and np.abs(gossip.second_moment() - J).max() * m <= EXACT
        return 1 if exact and gossip.period == 1 else None
    A = gossip.mean_product - J
    square = A @ A
    traces = (np.trace(A), np.trace(square), np.vdot(square.T, A))  # of A, A² and A³: all 0 where A is nilpotent
    if np.abs(traces).max() > EXACT * m:
        return None
    found = [_rounds_to_average(gossip, start, J) for start in range(gossip.period)]
    return None if None in found else max(found)


def _rounds_to_average(gossip, start, J):
    """Smallest t with W_{start+t-1} ... W_start = J, None if the products decay or keep away from it."""
    product, before, m = np.eye(gossip.agents), math.inf, gossip.agents
    for t in range(gossip.period * m):
        product = gossip.draw(start + t, None) @ product
        off = float(np.abs(product - J).max()) * m
        if off <= EXACT:
            return t + 1 if before >= FAR else None
        if off < FAR:
            return None
        before = off
    return None
