"""Periodic gossips that reach the exact mean in finitely many rounds: the product over one period is J."""

from itertools import chain, combinations, zip_longest

import numpy as np

from theory.errors import require
from theory.gossip import periodic
from theory.graphs import at_least, dimension
from theory.mixing import as_mixing, complete_average


def one_peer_hypercube(agents):
    """Round t: agent i averages with the agent whose number differs in bit t mod log2 n; n is a power of two.

    W = (I + P)/2 with the exchange P = Pᵀ: symmetric, doubly stochastic, one edge of `graphs.hypercube` an agent and
    round. The product over one period of log2 n rounds, in any order, is J exactly.
    """
    bits, eye = dimension(agents), np.eye(agents)
    return periodic([(eye + eye[np.arange(agents) ^ 1 << bit]) / 2 for bit in range(bits)] or [eye])


def global_every(W, rounds):
    """Gossip-PGA: W for rounds - 1 rounds, then one merge J, and again; rounds = 1 is J alone.

    The product of a period is J W^(rounds-1), J for a doubly stochastic W (Chen et al., "Accelerating gossip SGD with
    periodic global averaging", ICML 2021, arXiv:2105.09080).
    """
    at_least(1, rounds=rounds)
    W = as_mixing(W)
    return periodic([*[W] * (rounds - 1), complete_average(len(W))])


def _together(sequences):
    """One sequence of rounds in which all `sequences`, on different agents, run at the same time."""
    return [list(chain(*edges)) for edges in zip_longest(*sequences, fillvalue=[])]


def _averaging(agents, factors):
    """Rounds, lists of edges (i, j, weight), that average each run of Π factors consecutive `agents` exactly.

    In the round of the factor f, groups of f agents average, at distances of the product of the factors before it
    (the hyper-hypercube graph of Takezawa et al., see `base_graph`).
    """
    rounds, stride = [], 1
    for factor in factors:
        heads = [i for i in range(len(agents)) if i // stride % factor == 0]
        groups = [[agents[i + k * stride] for k in range(factor)] for i in heads]
        rounds.append([(i, j, 1 / factor) for group in groups for i, j in combinations(group, 2)])
        stride *= factor
    return rounds


def _simple_base(agents, base):
    """Rounds of the simple Base-(k+1) graph on the list `agents`, base = k + 1.

    With n = Σ_l a_l B_l, B_l = base^(p_l), p_1 > p_2 > ..., 1 <= a_l <= k, part l is the next a_l B_l agents. First all
    parts average, each within itself. Then, l = 1, 2, ..., the agents behind part l, whose number r < B_l is known from
    n_l = a_l B_l + r, link to one agent each of the a_l blocks of part l with the weight B_l/n_l. With the means x of
    part l and y of those behind, this moves the mean of every block, and of those behind, to (a_l B_l x + r y)/n_l, the
    mean of all; agents of one part behind stay equal. Last, each block averages within itself, while l goes on.
    """
    power, behind, first, after = 0, list(agents), [], []
    while base ** (power + 1) <= len(agents):
        power += 1
    for digit in range(power, -1, -1):
        block, size = base**digit, len(behind)
        count = size // block
        if count == 0:
            continue
        part, behind = behind[: count * block], behind[count * block :]
        first.append(_averaging(part, [base] * digit + [count] * (count > 1)))
        if behind:
            links = [(part[b * block + i], j, block / size) for i, j in enumerate(behind) for b in range(count)]
            after.append([[]] * len(after) + [links] + _averaging(part, [base] * digit))
    return _together(first) + _together(after)


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


def base_graph(agents, peers):
    """Base-(k+1) graph, k = `peers`: J exactly in <= 2 log_(k+1) n + 2 rounds, for any n, with <= k neighbors a round.

    Every round is symmetric and doubly stochastic. n = s q with s the largest divisor without a prime factor above
    k + 1: each of s groups of q follows the simple graph, then the groups average over their j-th agents, j < q; or the
    simple graph on all n where that has fewer rounds (Takezawa et al., "Beyond exponential graph:
    communication-efficient topologies for decentralized learning via finite-time convergence", NeurIPS 2023,
    arXiv:2305.11420).
    """
    at_least(2, agents=agents)
    at_least(1, peers=peers)
    require(peers < agents, f"peers is {peers} with {agents} agents; it must be at most {agents - 1}")
    everyone = range(agents)
    smooth = max(d for d in range(1, agents + 1) if agents % d == 0 and _factors(d, peers + 1) is not None)
    rest = agents // smooth
    groups = [everyone[start : start + rest] for start in range(0, agents, rest)]
    across = [_averaging(everyone[j::rest], _factors(smooth, peers + 1)) for j in range(rest)]
    split = _together(_simple_base(group, peers + 1) for group in groups) + _together(across)
    rounds = min(_simple_base(everyone, peers + 1), split, key=len)
    matrices = []
    for edges in rounds:
        W = np.zeros((agents, agents))
        for i, j, weight in edges:
            W[i, j] = W[j, i] = weight
        matrices.append(W + np.diag(1 - W.sum(axis=1)))
    return periodic(matrices)
