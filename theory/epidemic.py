"""Epidemic learning: every agent sends to s random others in every round, with exact moments.

De Vos, Farhadkhani, Guerraoui, Kermarrec, Pires, Sharma, "Epidemic Learning: Boosting decentralized learning with
randomized communication", NeurIPS 2023, arXiv:2310.01972.
"""

import numpy as np

from theory.edges import at_least, dense
from theory.errors import require
from theory.exchangeable import Orbits, exchangeable
from theory.random_gossip import smallest, with_self


def _to_everyone(agents):
    return Orbits(*[1 / agents**2] * 11)


def _check(agents, peers):
    agents, peers = dense(2, agents), at_least(1, peers=peers)
    require(peers < agents, f"peers is {peers} with {agents} agents; it must be at most {agents - 1}")
    return agents, peers


def _local_orbits(agents, peers):
    """`Orbits` of `epidemic`, as W_ki = a_ki/(1 + K_k) with a_kk = 1, a_ki = 1 where i sends to k, K_k = Σ a_ki - 1.

    1/((1 + K_k)(1 + K_l)) = ∫∫ u^(K_k) v^(K_l) du dv over [0, 1]², so that each moment is the integral of a generating
    function, a product over independent senders: those that send to neither, one or both of k and l, and k and l
    themselves. It is a polynomial of degree <= m - 1 in u and in v, which the quadrature integrates exactly.
    """
    p = peers / (agents - 1)
    both = p * (peers - 1) / max(agents - 2, 1)  # that a sender picks both of two given agents
    nodes, weights = np.polynomial.legendre.leggauss(agents // 2 + 1)
    u, v = (nodes[:, None] + 1) / 2, (nodes + 1) / 2
    to_k, to_l = u * (p - both + both * v), v * (p - both + both * u)  # a sender that picks k, picks l
    sender = 1 - 2 * p + both + to_k + (p - both) * v  # any sender: neither, one or both of k and l
    l_sends, k_sends = 1 - p + p * u, 1 - p + p * v  # to k, to l
    same = 1 - p + p * u * v  # a sender of k alone, for 1/(1 + K_k)²
    powers = {lost: sender ** max(agents - lost, 0) for lost in (2, 3, 4)}

    def integral(integrand):
        return float(weights @ np.broadcast_to(integrand, (len(u), len(u))) @ weights) / 4

    return Orbits(
        own=integral(same ** (agents - 1)),
        other=integral(p * u * v * same ** (agents - 2)),
        own_other=integral(p * u * v * same ** (agents - 2)),
        pair_other=integral((p * u * v) ** 2 * same ** max(agents - 3, 0)),
        own_column=integral(p * v * l_sends * powers[2]),
        column=integral(both * u * v * k_sends * l_sends * powers[3]),
        diagonal=integral(k_sends * l_sends * powers[2]),
        exchange=integral(p * u * p * v * powers[2]),
        apart=integral(to_l * k_sends * l_sends * powers[3]),
        chain=integral(p * u * k_sends * to_l * powers[3]),
        disjoint=integral(to_k * to_l * k_sends * l_sends * powers[4]),
    )


def epidemic(agents, peers):
    """EL-Local: each agent sends to s = `peers` random others, and averages equally over itself and what it received.

        E|x_+ - x̄ 1|²/m = alpha Xi²,   alpha = (1 - (1 - s/(m - 1))^m)/s - 1/(m - 1),
        E(x̄_+ - x̄)² = beta Xi²,        E Xi_+² = (alpha - beta) Xi²,   beta = m²/(m - 1) Var(a column mean of W).

    Rows sum to 1, columns do not, the mean drifts; the paper bounds beta by alpha/m. Proof: agent i receives a binomial
    number K of uniformly random others, and alpha = E[(1 - K/(m - 1))/(K + 1)] as in `random_peers`; rows are not
    independent, see `_local_orbits`.
    """
    agents, peers = _check(agents, peers)
    everyone = peers == agents - 1

    def draw(_, generator):
        sent = with_self(smallest(generator.random((agents, agents - 1)), peers))  # rows send
        return (sent * (1 / sent.sum(axis=0))).T

    orbits = _to_everyone if everyone else lambda m: _local_orbits(m, peers)
    return exchangeable(agents, draw, lambda: orbits(agents), mean_preserving=everyone)


def epidemic_oracle(agents, peers):
    """EL-Oracle: a random digraph in which every agent sends to s = `peers` and hears s others; W = (I + A)/(s + 1).

        E Xi_+² = alpha Xi²,   alpha = (1 - s/(m - 1))/(s + 1),   and the mean stays.

    This holds for every exchangeable law of digraphs A with s ones in each row and column, none on the diagonal: then
    E[Aᵀ A] has the diagonal s and equal entries elsewhere, and as AᵀA 1 = s² 1 these are (s² - s)/(m - 1), so that
    E[Aᵀ A] = s - (s² - s)/(m - 1) on deviations; with E[A] = -s/(m - 1) there, E[Wᵀ W] is
    (1 - 2 s/(m - 1) + s - (s² - s)/(m - 1))/(s + 1)² = (s + 1)(1 - s/(m - 1))/(s + 1)² = alpha. All other moments
    depend on the law by the expected number rho = E Tr A² of pairs that hear each other alone. Here A is a circulant
    graph with s distinct uniformly random offsets, on the agents in uniformly random order. Counting the offsets whose
    negative is one too, rho = m s (s - 1)/(m - 2) for odd m and m s²/(m - 1) for even m.
    """
    agents, peers = _check(agents, peers)
    rows = np.arange(agents)

    def draw(_, generator):
        order = generator.permutation(agents)
        offsets = 1 + generator.choice(agents - 1, peers, replace=False)
        W = np.diag(np.full(agents, 1 / (peers + 1)))
        W[order[:, None], order[(rows[:, None] + offsets) % agents]] = 1 / (peers + 1)
        return W

    def orbits():
        pairs = agents * (agents - 1)
        triples, quadruples = pairs * max(agents - 2, 1), pairs * max((agents - 2) * (agents - 3), 1)
        arcs = agents * peers
        mutual = arcs * peers / (agents - 1) if agents % 2 == 0 else arcs * (peers - 1) / (agents - 2)
        forks, chains = arcs * (peers - 1), arcs * peers - mutual  # ordered pairs of arcs with one agent in common
        apart = arcs**2 - arcs - mutual - 2 * forks - 2 * chains
        one = arcs / pairs
        own = {"own": 1, "other": one, "own_other": one, "own_column": one, "diagonal": 1, "apart": one}
        two = {"exchange": mutual / pairs, "chain": chains / triples, "disjoint": apart / quadruples}
        fork = {"pair_other": forks / triples, "column": forks / triples}
        return Orbits(**{name: value / (peers + 1) ** 2 for name, value in (own | two | fork).items()})

    return exchangeable(agents, draw, orbits, mean_preserving=True)
