"""Rounds of gossip as sparse matrices, for more agents than a dense W has room for (800 MB at 10^4).

Each function returns a schedule (t, generator) -> W, csr_array float64 [m, m], that draws the same numbers as the dense
`draw` of `theory.gossip` and gives the same W, bit for bit. Rows receive: x_i <- Σ_j W[i, j] x_j.
"""

from functools import cache

import numpy as np
from scipy.sparse import coo_array, csr_array, eye_array

from theory.edges import few_agents
from theory.mixing import mixing
from theory.random_gossip import matched, one_peer, picked, probability, smallest
from theory.structures import Circulant

BLOCK = 2**22  # random numbers at a time


def _with_own(own, rows, columns, weights):
    """W of the self-weights own [m] and the others' weights, those that are 0 left out."""
    agents = np.arange(len(own))
    places = np.concatenate([agents, rows]), np.concatenate([agents, columns])
    W = csr_array(coo_array((np.concatenate([own, weights]), places), shape=(len(own), len(own))))
    W.eliminate_zeros()
    return W


def random_peers(agents, peers):
    """`gossip.random_peers`. With r = `peers` > 1 it draws m (m - 1) numbers a round, as the dense one does, though
    only a block of them at a time: some seconds at 10^4 agents."""
    agents = few_agents(2, agents)
    peers, picks = picked(agents, peers)

    def draw(_, generator):
        if picks == 1:
            heard, weight = one_peer(agents, peers, generator)
            return _with_own(1 - weight, np.arange(agents), heard, weight)
        rows, columns = [], []
        for first in range(0, agents, max(1, BLOCK // agents)):
            size = min(max(1, BLOCK // agents), agents - first)
            row, other = np.nonzero(smallest(generator.random((size, agents - 1)), picks))
            rows.append(row + first)
            columns.append(other + (other >= row + first))  # the others, around the agent itself
        share = 1 / (1 + picks)
        return _with_own(np.full(agents, share), *map(np.concatenate, (rows, columns)), np.full(agents * picks, share))

    return draw


def random_matching(agents, peers):
    """`gossip.random_matching`."""
    agents, peers = few_agents(1, agents), probability(peers)

    def draw(_, generator):
        one, other, weight = matched(agents, peers, generator)
        own = np.ones(agents)
        own[one] = own[other] = 1 - weight
        return _with_own(own, np.append(one, other), np.append(other, one), np.append(weight, weight))

    return draw


def one_peer_exponential(agents):
    """`gossip.one_peer_exponential`; each of the ceil(log2 m) matrices is built once."""
    agents = few_agents(1, agents)
    rounds = (agents - 1).bit_length()
    if rounds == 0:
        return lambda t, generator: eye_array(1, format="csr")

    @cache
    def built(t):
        return Circulant(agents, {0: 0.5, 2**t: 0.5}).to_sparse()

    return lambda t, generator: built(int(t) % rounds)


def constant(topology, weights="metropolis"):
    """The W of a networkx graph or `Links` by the rule `mixing.WEIGHTS[weights]` in every round, built once.

    `links` has ring, torus, exponential and all other families at any size. Self-weights that are 1 minus the sum of
    many others may differ from those of the dense W in the last bit.
    """
    W = mixing(topology, weights, sparse=True)
    return lambda t, generator: W
