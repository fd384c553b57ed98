"""Periodic gossips in which an agent hears few others a round, and all of them over a period."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from theory.base_graph import base_graph, simple_base_graph
from theory.edges import at_least, dense
from theory.errors import require
from theory.families import dimension
from theory.rounds import global_every, local, sequence

__all__ = [
    "base_graph",
    "global_every",
    "k_peer_exponential",
    "one_peer_exponential",
    "one_peer_hypercube",
    "simple_base_graph",
]


def _exponential(agents, peers, rounds):
    """Round t: agent i hears i + j (k+1)^t mod n, j = 1..k; no communication for rounds = 0."""

    def build(t):
        row = np.zeros(agents)
        row[np.arange(peers + 1) * (peers + 1) ** t] = 1 / (peers + 1)
        return sliding_window_view(np.concatenate([row, row]), agents)[agents:0:-1].copy()  # row i is row 0, i later

    return sequence(agents, rounds, build, True) if rounds else local(agents)


def one_peer_exponential(agents):
    """Round t: agent i averages with agent i + 2^(t mod tau) mod n, tau = ceil(log2 n); W = (I + shift)/2.

    Doubly stochastic, not symmetric; one edge of `graphs.exponential` an agent in each round. Where n is a power of two
    the product over one period is J exactly (Ying et al., "Exponential Graph is Provably Efficient for
    Decentralized Deep Training", NeurIPS 2021); for other n it is not: |Phi - J|_2 = 0.2165 for n = 6.
    """
    agents = dense(1, agents)
    return _exponential(agents, 1, (agents - 1).bit_length())


def k_peer_exponential(agents, peers):
    """Round t: agent i averages equally with the k agents i + j (k+1)^(t mod tau) mod n, j = 1..k, k = `peers`.

    tau = floor(log_(k+1) n). Doubly stochastic, not symmetric. The product of a period is the average over the
    N = (k+1)^tau agents from i on, hence J exactly where n = N and otherwise

        |Phi - J|_2 = max_{1 <= i < n} |sin(π i N/n) / (N sin(π i/n))|

    (Niwa et al., NeurIPS 2025, Table 1). With one peer and n no power of two it has one round fewer than
    `one_peer_exponential`, in whose product some agents count twice.
    """
    agents = dense(2, agents)
    peers = at_least(1, peers=peers)
    require(peers < agents, f"peers is {peers} with {agents} agents; it must be at most {agents - 1}")
    rounds = 1
    while (peers + 1) ** (rounds + 1) <= agents:
        rounds += 1
    return _exponential(agents, peers, rounds)


def one_peer_hypercube(agents):
    """Round t: agent i averages with the agent whose number differs in bit t mod log2 n; n is a power of two.

    W = (I + P)/2 with the exchange P = Pᵀ: symmetric, doubly stochastic, one edge of `graphs.hypercube` an agent and
    round. The product over one period of log2 n rounds, in any order, is J exactly.
    """
    agents = dense(1, agents)
    bits, rows = dimension(agents), np.arange(agents)

    def build(t):
        W = np.zeros((agents, agents))
        W[rows, rows] = W[rows, rows ^ 1 << t] = 0.5
        return W

    return sequence(agents, bits, build, True) if bits else local(agents)
