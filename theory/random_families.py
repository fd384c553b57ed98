"""Drawn topologies as `Links`, size first and seed last: the same seed gives the same edges, everywhere.

All but `barabasi_albert` may be disconnected; `theory.graphs.connected` tells.
"""

from numbers import Real

import numpy as np
from scipy.spatial import cKDTree

from theory.edges import at_least, at_most_one, few_agents, few_enough, joined, ordered
from theory.errors import require, shown
from theory.families import all_pairs, star


def _uniforms(generator):
    """Endless independent uniform floats of [0, 1), drawn in blocks."""
    while True:
        yield from generator.random(1 << 14).tolist()


def _pairing(agents, degree, generator):
    """Codes i * agents + j of the edges i < j of a graph of this degree, None where the pairing is stuck.

    Every agent has `degree` stubs. Pair all of them at random, keep the edges that are new and no loops, and pair the
    other stubs again, until none is left or no two of their agents can still be linked.
    """
    codes, stubs = np.empty(0, dtype=np.int64), np.repeat(np.arange(agents), degree)
    while len(stubs):
        one, other = generator.permutation(stubs).reshape(-1, 2).T
        drawn = np.minimum(one, other) * agents + np.maximum(one, other)
        order = np.argsort(drawn, kind="stable")
        repeated = np.diff(drawn[order], prepend=-1) == 0
        place = np.searchsorted(codes, drawn[order])
        known = codes[place % len(codes)] == drawn[order] if len(codes) else np.zeros(len(order), dtype=bool)
        new = ~repeated & ~known & (one != other)[order]
        if not new.any() and _stuck(agents, codes, stubs):
            return None
        codes = np.insert(codes, place[new], drawn[order][new])
        again = order[~new]
        stubs = np.concatenate([one[again], other[again]])
    return codes


def _stuck(agents, codes, stubs):
    """Whether all agents with stubs are linked to each other already."""
    open_ends = np.zeros(agents, dtype=bool)
    open_ends[stubs] = True
    ends = np.count_nonzero(open_ends)
    return np.count_nonzero(open_ends[codes // agents] & open_ends[codes % agents]) == ends * (ends - 1) // 2


def random_regular(agents, degree, seed):
    """Random graph in which every agent has `degree` neighbors; may be disconnected.

    Pairing in the manner of Steger and Wormald ("Generating random regular graphs quickly", Combinatorics, Probability
    and Computing 8, 1999), drawn anew where it is stuck. Every such graph may come, on few agents not all equally
    often: of degree 2 on 6 agents, two triangles are 0.31 of the draws in place of 1/7. As pairing stalls on dense
    graphs, above half of n - 1 the complement is drawn instead.
    """
    agents = few_agents(1, agents)
    degree, seed = at_least(0, degree=degree, seed=seed)
    require(
        degree < agents and agents * degree % 2 == 0,
        f"degree is {degree} with {agents} agents; it must be at most {agents - 1} with agents * degree even",
    )
    few_enough(agents * degree // 2, f"random_regular with {agents} agents of degree {degree}")
    dense = 2 * degree > agents - 1
    generator, codes = np.random.default_rng(seed), None
    while codes is None:
        codes = _pairing(agents, agents - 1 - degree if dense else degree, generator)
    if dense:
        codes = np.setdiff1d(all_pairs(agents) @ [agents, 1], codes, assume_unique=True)
    return ordered(agents, np.stack(np.divmod(codes, agents), axis=1))


def erdos_renyi(agents, probability, seed):
    """Every pair linked independently with `probability`; may be disconnected.

    The gaps between the linked pairs, in lexicographic order, are independent geometric numbers (Batagelj and Brandes,
    "Efficient generation of large random networks", Phys. Rev. E 71, 2005): the cost follows the edges, not n².
    """
    agents = few_agents(1, agents)
    seed = at_least(0, seed=seed)
    probability = at_most_one(probability=probability)
    possible = agents * (agents - 1) // 2
    mean = possible * probability
    few_enough(mean, f"erdos_renyi with {agents} agents and probability {probability}")
    generator, linked, last = np.random.default_rng(seed), [np.empty(0, dtype=np.int64)], -1
    while probability > 0 and last < possible:
        gaps = np.minimum(generator.geometric(probability, int(mean + 5 * mean**0.5) + 5), possible + 1)
        linked.append(last + np.cumsum(gaps))
        last = linked[-1][-1]
    ranks = np.concatenate(linked)
    ranks = ranks[ranks < possible]
    i = np.arange(agents)
    before = i * (2 * agents - i - 1) // 2  # pairs whose first agent is below i
    own = np.diff(np.searchsorted(ranks, before), append=len(ranks))
    pairs = np.stack([np.repeat(i, own), ranks - np.repeat(before - i - 1, own)], axis=1)
    return ordered(agents, pairs)


def random_geometric(agents, radius, seed):
    """Agents uniform in the unit square, linked where their distance is at most `radius`; may be disconnected."""
    agents = few_agents(1, agents)
    seed = at_least(0, seed=seed)
    number = isinstance(radius, Real) and not isinstance(radius, bool)
    require(number and radius >= 0, f"radius is {shown(radius)}; it must be a number of at least 0")
    area = min(np.pi * min(float(radius), 1.0) ** 2, 1.0)
    few_enough(area * agents**2 / 2, f"random_geometric with {agents} agents and radius {radius}")
    points = np.random.default_rng(seed).random((agents, 2))
    one, other = cKDTree(points).query_pairs(min(float(radius), 2.0), output_type="ndarray").T
    return joined(agents, one, other)


def watts_strogatz(agents, degree, probability, seed):
    """Small world: i ~ i ± 1, ..., i ± degree/2 mod n, each edge i ~ i + k rewired with `probability`; degree is even.

    A rewired edge keeps i and has a uniformly random other end that i is not linked to yet. There are n degree/2 edges
    for every probability; the graph may be disconnected (Watts and Strogatz, "Collective dynamics of 'small-world'
    networks", Nature 393, 1998).
    """
    agents = few_agents(1, agents)
    degree, seed = at_least(0, degree=degree, seed=seed)
    probability = at_most_one(probability=probability)
    valid = degree < agents and degree % 2 == 0
    require(valid, f"degree is {degree} with {agents} agents; it must be even and at most {agents - 1}")
    few_enough(agents * degree // 2, f"watts_strogatz with {agents} agents of degree {degree}")
    generator, starts = np.random.default_rng(seed), np.arange(agents)
    one = np.tile(starts, degree // 2)
    other = (one + np.repeat(np.arange(1, degree // 2 + 1), agents)) % agents
    rewired = np.flatnonzero(generator.random(len(one)) < probability)
    present = set((np.minimum(one, other) * agents + np.maximum(one, other)).tolist())
    neighbors, uniforms = [degree] * agents, _uniforms(generator)
    for edge, i, j in zip(rewired.tolist(), one[rewired].tolist(), other[rewired].tolist(), strict=True):
        if neighbors[i] == agents - 1:
            continue
        end = i
        while end == i or min(i, end) * agents + max(i, end) in present:
            end = int(next(uniforms) * agents)
        present.remove(min(i, j) * agents + max(i, j))
        present.add(min(i, end) * agents + max(i, end))
        neighbors[j] -= 1
        neighbors[end] += 1
        other[edge] = end
    return joined(agents, one, other)


def barabasi_albert(agents, links, seed):
    """Scale-free: a star of the agents 0..links, then each new agent links to `links` others, drawn by their degree.

    links (n - links) edges, always connected (Barabási and Albert, "Emergence of scaling in random networks",
    Science 286, 1999, which leaves the start open).
    """
    agents = few_agents(2, agents)
    seed = at_least(0, seed=seed)
    links = at_least(1, links=links)
    require(links < agents, f"links is {links} with {agents} agents; it must be at most {agents - 1}")
    few_enough(links * (agents - links), f"barabasi_albert with {agents} agents of {links} links")
    first, uniforms = star(links + 1).pairs, _uniforms(np.random.default_rng(seed))
    ends = first.ravel().tolist()  # every agent as often as its degree
    for agent in range(links + 1, agents):
        heard = set()
        while len(heard) < links:
            heard.add(ends[int(next(uniforms) * len(ends))])
        for other in sorted(heard):
            ends += (other, agent)
    one, other = np.array(ends, dtype=np.int64).reshape(-1, 2).T
    return joined(agents, one, other)
