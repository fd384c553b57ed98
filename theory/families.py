"""Deterministic topologies as `Links`, size first: arrays from end to end, so that 10^6 agents take a moment.

The drawn ones are in `theory.random_families`, all by name in `theory.links`, and as networkx graphs in
`theory.graphs`.
"""

from numbers import Integral

import numpy as np

from theory.edges import at_least, few_enough, joined, ordered
from theory.errors import require, shown


def ring(agents):
    """Cycle i ~ i + 1 mod n. ring(1) is a single agent, ring(2) one edge."""
    agents = at_least(1, agents=agents)
    return _circulant(agents, np.ones(min(agents - 1, 1), dtype=np.int64))


def path(agents):
    """Line i ~ i + 1."""
    agents = at_least(1, agents=agents)
    few_enough(agents, f"path with {agents} agents")
    i = np.arange(agents - 1)
    return ordered(agents, np.stack([i, i + 1], axis=1))


def torus(rows, cols):
    """Grid closed in both directions; agent r * cols + c sits at (r, c). Sides 2 and 1 add one edge and none."""
    rows, cols = at_least(1, rows=rows, cols=cols)
    few_enough(2 * rows * cols, f"torus of {rows} x {cols} agents")
    cells = np.arange(rows * cols).reshape(rows, cols)
    return joined(cells.size, [cells, cells], [np.roll(cells, -1, axis=1), np.roll(cells, -1, axis=0)])


def grid(rows, cols):
    """Grid with open sides; agent r * cols + c sits at (r, c)."""
    rows, cols = at_least(1, rows=rows, cols=cols)
    few_enough(2 * rows * cols, f"grid of {rows} x {cols} agents")
    cells = np.arange(rows * cols).reshape(rows, cols)
    one = np.concatenate([cells[:, :-1].ravel(), cells[:-1].ravel()])
    return joined(cells.size, one, np.concatenate([cells[:, 1:].ravel(), cells[1:].ravel()]))


def dimension(agents):
    """log2 of `agents`, which must be a power of two."""
    agents = at_least(1, agents=agents)
    bits = (agents - 1).bit_length()
    require(agents == 1 << bits, f"agents is {agents}; a hypercube needs a power of two, such as {1 << bits}")
    return bits


def hypercube(agents):
    """Agents whose binary numbers differ in one bit; n = 2^d, degree d, diameter d."""
    bits = dimension(agents)
    few_enough(bits << bits >> 1, f"hypercube with {agents} agents")
    i = np.arange(1 << bits)
    ends = i[:, None] | 1 << np.arange(bits)
    other = ends > i[:, None]
    return ordered(agents, np.stack([np.repeat(i, other.sum(axis=1)), ends[other]], axis=1))


def star(agents):
    """Agent 0 linked to every other agent; n agents in all."""
    agents = at_least(1, agents=agents)
    few_enough(agents, f"star with {agents} agents")
    return joined(agents, 0, np.arange(1, agents))


def all_pairs(agents):
    """All pairs i < j of the agents 0..n-1 in lexicographic order, int64 [n (n - 1)/2, 2]."""
    pairs, everyone, done = np.empty((agents * (agents - 1) // 2, 2), dtype=np.int64), np.arange(agents), 0
    for i in range(agents - 1):
        own = pairs[done : done + agents - 1 - i]
        own[:, 0], own[:, 1] = i, everyone[i + 1 :]
        done += len(own)
    return pairs


def complete(agents):
    """Every pair of agents linked."""
    agents = at_least(1, agents=agents)
    few_enough(agents * (agents - 1) // 2, f"complete with {agents} agents")
    return ordered(agents, all_pairs(agents))


def binary_tree(agents):
    """Agent i > 0 linked to its parent floor((i - 1)/2), the order of a heap: every level is full but the last."""
    agents = at_least(1, agents=agents)
    few_enough(agents, f"binary_tree with {agents} agents")
    i = np.arange(1, agents)
    return joined(agents, (i - 1) // 2, i)


def lollipop(agents, clique):
    """Agents 0..clique-1 all linked, and the line clique - 1 ~ clique ~ ... ~ n - 1: one agent or two make a path."""
    agents, clique = at_least(1, agents=agents, clique=clique)
    require(clique <= agents, f"clique is {clique} with {agents} agents; it must be at most {agents}")
    few_enough(clique * (clique - 1) // 2 + agents, f"lollipop with a clique of {clique}")
    line = np.arange(clique - 1, agents - 1)
    return ordered(agents, np.concatenate([all_pairs(clique), np.stack([line, line + 1], axis=1)]))


def barbell(agents):
    """Agents below h = ceil(n/2) all linked, those from h on too, and one edge h - 1 ~ h between the two cliques."""
    agents = at_least(1, agents=agents)
    few_enough(agents * agents // 4, f"barbell with {agents} agents")
    half = (agents + 1) // 2
    bridge = np.array([[half - 1, half]] if agents > 1 else []).reshape(-1, 2)
    return ordered(agents, np.concatenate([all_pairs(half), bridge, half + all_pairs(agents - half)]))


def offsets(agents, hops):
    """Distinct hops in increasing order, int64; one integer, a sequence of them or text such as "1,2,5"."""
    agents = at_least(1, agents=agents)
    if isinstance(hops, str):
        parts = hops.split(",")
        whole = all(part.strip().isdecimal() for part in parts)
        require(whole, f"hops is {shown(hops)}; it must be integers separated by commas, such as 1,2,5")
        hops = [int(part) for part in parts]
    single = isinstance(hops, Integral) or not np.iterable(hops)
    values = [hops] if single else list(hops)
    for hop in values:
        valid = isinstance(hop, Integral) and not isinstance(hop, bool) and 1 <= hop < agents
        expected = f"every hop must be an integer from 1 to {agents - 1}"
        require(valid, f"hop {shown(hop)} with {agents} agents is none; {expected}")
    return np.unique(np.array(values, dtype=np.int64))


def _spans(agents, ahead):
    """(first, end, inside): the agents first <= i < end have i + d < n for just the first `inside` of these offsets."""
    ends = [*(agents - ahead[::-1]).tolist(), agents]
    firsts = [0, *ends[:-1]]
    return [(first, end, len(ahead) - k) for k, (first, end) in enumerate(zip(firsts, ends, strict=True))]


def circulant(agents, hops):
    """Agent i linked to i + h and i - h mod n for every h in `hops`, integers from 1 to n - 1.

    The Laplacian has the eigenvalues Σ_d (1 - cos(2πjd/n)), j < n, over the different offsets d = ±h mod n.
    """
    agents = at_least(1, agents=agents)
    return _circulant(agents, offsets(agents, hops))


def _circulant(agents, hops):
    """i ~ i ± h for every h of `hops`, an increasing array of 1..n-1."""
    few_enough(agents * len(hops), f"a circulant of {agents} agents with {len(hops)} hops")
    ahead = np.union1d(hops, agents - hops)
    spans = _spans(agents, ahead)
    pairs = np.empty((sum((end - first) * inside for first, end, inside in spans), 2), dtype=np.int64)
    done = 0
    for first, end, inside in spans:
        block = pairs[done : done + (end - first) * inside].reshape(end - first, inside, 2)
        block[..., 0] = np.arange(first, end)[:, None]
        block[..., 1] = block[..., 0] + ahead[:inside]
        done += block.shape[0] * inside
    return ordered(agents, pairs)


def directed_circulant(agents, hops):
    """Agent i hears i + h mod n for every h in `hops`, integers from 1 to n - 1: the edges i + h -> i."""
    agents = at_least(1, agents=agents)
    return _directed_circulant(agents, offsets(agents, hops))


def _directed_circulant(agents, hops):
    """The edges i + h -> i for every h of `hops`, an increasing array of 1..n-1."""
    few_enough(agents * len(hops), f"a circulant of {agents} agents with {len(hops)} hops")
    ahead = agents - hops[::-1]
    pairs = np.empty((agents, len(hops), 2), dtype=np.int64)
    pairs[..., 0] = np.arange(agents)[:, None]
    for first, end, inside in _spans(agents, ahead):
        pairs[first:end, :, 1] = pairs[first:end, :, 0] + np.concatenate([ahead[inside:] - agents, ahead[:inside]])
    return ordered(agents, pairs, directed=True)


def powers(agents):
    """1, 2, 4, ..., 2^(tau - 1) with tau = ceil(log2 n)."""
    few_enough(agents, f"an exponential graph of {agents} agents")
    return 1 << np.arange((agents - 1).bit_length())


def exponential(agents):
    """Static exponential graph, directed: agent i hears i + 2^k mod n, k < ceil(log2 n), which is the degree both ways.

    With uniform weights 1 - slem = 2 / (1 + ceil(log2 n)) for even n only; for odd n >= 3 the gap is larger
    (Ying et al., "Exponential Graph is Provably Efficient for Decentralized Deep Training", NeurIPS 2021).
    """
    agents = at_least(1, agents=agents)
    return _directed_circulant(agents, powers(agents))


def symmetric_exponential(agents):
    """Exponential graph without its direction: agent i linked to i + 2^k and i - 2^k mod n, k < ceil(log2 n).

    It is the `circulant` of the hops 2^k.
    """
    agents = at_least(1, agents=agents)
    return _circulant(agents, powers(agents))
