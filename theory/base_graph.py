"""Base-(k+1) graphs: J exactly in about 2 log_(k+1) n rounds, for any number of agents and any degree k.

A round is a list of (pairs [E, 2], weight): x_i <- x_i + weight (x_j - x_i) for both ends of each pair, all at once.
"""

from itertools import chain, zip_longest

import numpy as np

from theory.edges import at_least, dense
from theory.errors import require
from theory.rounds import sequence


def _together(sequences):
    """One sequence of rounds in which all `sequences`, on different agents, run at the same time."""
    return [list(chain(*links)) for links in zip_longest(*sequences, fillvalue=[])]


def _averaging(agents, factors):
    """Rounds that average each run of Π factors consecutive `agents` [n] exactly.

    In the round of the factor f, groups of f agents average, at distances of the product of the factors before it
    (the hyper-hypercube graph of Takezawa et al., see `base_graph`).
    """
    rounds, stride = [], 1
    for factor in factors:
        groups = agents.reshape(-1, factor, stride)
        one, other = np.triu_indices(factor, 1)
        pairs = np.stack([groups[:, one], groups[:, other]], axis=-1).reshape(-1, 2)
        rounds.append([(pairs, 1 / factor)])
        stride *= factor
    return rounds


def _factors(number, largest):
    """The fewest factors from 2 to `largest` with the product `number`, None if there are none."""
    if number == 1:
        return []
    found = [
        [factor, *rest]
        for factor in range(min(number, largest), 1, -1)
        if number % factor == 0 and (rest := _factors(number // factor, largest)) is not None
    ]
    return min(found, key=len, default=None)


def _simple(agents, base):
    """Rounds of the simple Base-(k+1) graph on `agents` [n], base = k + 1.

    Where all prime factors of n are <= base, that is `_averaging` alone. Otherwise n = Σ_l a_l B_l, B_l = base^(p_l),
    p_1 > p_2 > ..., 1 <= a_l <= k, and part l is the next a_l B_l agents. First all parts average, each within itself.
    Then, l = 1, 2, ..., the agents behind part l, whose number r < B_l is known from n_l = a_l B_l + r, link to one
    agent each of the a_l blocks of part l with the weight B_l/n_l. With the means x of part l and y of those behind,
    this moves the mean of every block, and of those behind, to (a_l B_l x + r y)/n_l, the mean of all; agents of one
    part behind stay equal. Last, each block averages within itself, while l goes on.
    """
    factors = _factors(len(agents), base)
    if factors is not None:
        return _averaging(agents, factors)
    power, behind, first, after = 0, agents, [], []
    while base ** (power + 1) <= len(agents):
        power += 1
    for digit in range(power, -1, -1):
        block, size = base**digit, len(behind)
        count = size // block
        if count == 0:
            continue
        part, behind = behind[: count * block], behind[count * block :]
        first.append(_averaging(part, [base] * digit + [count] * (count > 1)))
        if len(behind):
            heads = part.reshape(count, block)[:, : len(behind)]
            pairs = np.stack(np.broadcast_arrays(heads, behind), axis=-1).reshape(-1, 2)
            after.append([[]] * len(after) + [[(pairs, block / size)]] + _averaging(part, [base] * digit))
    return _together(first) + _together(after)


def _gossip(agents, rounds):
    def build(t):
        W, kept = np.zeros((agents, agents)), np.ones(agents)
        for pairs, weight in rounds[t]:
            i, j = pairs.T
            W[i, j] = W[j, i] = weight
            kept -= weight * np.bincount(pairs.ravel(), minlength=agents)
        np.fill_diagonal(W, kept)
        return W

    return sequence(agents, len(rounds), build, mean_preserving=True)


def _check(agents, peers):
    agents, peers = dense(2, agents), at_least(1, peers=peers)
    require(peers < agents, f"peers is {peers} with {agents} agents; it must be at most {agents - 1}")
    return agents, peers


def simple_base_graph(agents, peers):
    """Simple Base-(k+1) graph, k = `peers`: as `base_graph`, by its one basic construction, in as many rounds or more.

    J exactly in <= 2 log_(k+1) n + 2 rounds, for any n, with <= k neighbors a round (Algorithm 1 of Takezawa et al.,
    see `base_graph`).
    """
    agents, peers = _check(agents, peers)
    return _gossip(agents, _simple(np.arange(agents), peers + 1))


def base_graph(agents, peers):
    """Base-(k+1) graph, k = `peers`: J exactly in <= 2 log_(k+1) n + 2 rounds, for any n, with <= k neighbors a round.

    Every round is symmetric and doubly stochastic. n = s q with s the largest divisor without a prime factor above
    k + 1: each of s groups of q follows the simple graph, then the groups average over their j-th agents, j < q; or the
    simple graph on all n where that has fewer rounds (Takezawa et al., "Beyond exponential graph:
    communication-efficient topologies for decentralized learning via finite-time convergence", NeurIPS 2023,
    arXiv:2305.11420).
    """
    agents, peers = _check(agents, peers)
    everyone = np.arange(agents)
    smooth = max(d for d in range(1, agents + 1) if agents % d == 0 and _factors(d, peers + 1) is not None)
    rest = agents // smooth
    groups = everyone.reshape(smooth, rest)
    within = _together(_simple(group, peers + 1) for group in groups)
    across = _averaging(everyone.reshape(smooth, rest).T.ravel(), _factors(smooth, peers + 1))
    return _gossip(agents, min(_simple(everyone, peers + 1), within + across, key=len))
