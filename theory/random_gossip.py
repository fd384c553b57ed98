"""Random gossip among all agents: i.i.d. rounds whose law is the same for every agent, with exact moments."""

from numbers import Real

import numpy as np

from theory.edges import dense
from theory.errors import require, shown
from theory.exchangeable import Orbits, exchangeable, independent_rows


def smallest(order, picks):
    """Marks [rows, columns] of the `picks` >= 1 smallest of each row of `order`, exactly so many also among equals."""
    marks = order <= np.partition(order, picks - 1, axis=1)[:, picks - 1 : picks]
    if np.count_nonzero(marks) > len(order) * picks:
        marks = np.zeros(order.shape, dtype=bool)
        np.put_along_axis(marks, order.argpartition(picks - 1, axis=1)[:, :picks], True, axis=1)
    return marks


def with_self(marks):
    """Marks [m, m] from marks [m, m - 1] of the others: true on the diagonal, row i of `marks` around it.

    Read row by row, the result is a true and then, m - 1 times, m of the marks and a true.
    """
    agents = len(marks)
    whole = np.ones(agents * agents, dtype=bool)
    whole[1:].reshape(agents - 1, agents + 1)[:, :agents] = marks.reshape(agents - 1, agents)
    return whole.reshape(agents, agents)


def picked(agents, peers):
    """(r, picks) of `random_peers` among `agents`: the checked number r = `peers` and how many an agent picks."""
    number = isinstance(peers, Real) and not isinstance(peers, bool)
    valid = number and (0 < peers < 1 or (1 <= peers < agents and peers == int(peers)))
    expected = f"a probability in (0, 1) or an integer from 1 to {agents - 1}"
    require(valid, f"peers is {shown(peers)}; it must be {expected}")
    return float(peers), int(max(peers, 1))


def one_peer(agents, peers, generator):
    """(heard, weight) [m] of a round of `random_peers` with one pick: whom an agent hears, 0.5 or 0 if it does not."""
    heard = (np.arange(agents) + generator.integers(1, agents, agents)) % agents
    return heard, 0.5 * (generator.random(agents) < peers)


def probability(peers):
    """The checked probability r = `peers` of `random_matching`, that a pair averages."""
    valid = isinstance(peers, Real) and not isinstance(peers, bool) and 0 < peers <= 1
    require(valid, f"peers is {shown(peers)}; it must be a probability in (0, 1]")
    return float(peers)


def matched(agents, peers, generator):
    """(one, other, weight) [m // 2] of a round of `random_matching`: the pairs, 0.5 or 0 if one does not average."""
    pairs = agents // 2
    order = generator.permutation(agents)
    return order[:pairs], order[pairs : 2 * pairs], 0.5 * (generator.random(pairs) < peers)


def random_peers(agents, peers):
    """The "R r" of arXiv:2507.06542 as its official code samples it: rows sum to 1, columns do not, the mean drifts.

    Independently every round, each agent picks one uniformly random other agent with probability r = `peers` < 1, or
    r distinct others for an integer r >= 1, and averages equally over itself and the picked. With K picked agents and

        q = E[(m - 1 - K) / ((m - 1)(K + 1))],   that is   q = 1 - r m / (2(m - 1)) for r < 1:

        E|x_+ - x̄ 1|²/m = q Xi²,   E(x̄_+ - x̄)² = q(1 - q)/m Xi²,   E Xi_+² = q (1 - (1 - q)/m) Xi².

    Proof: E[W] is q on deviations z and E|W z|² = q |z|², both as E[(1 - K/(m - 1))/(K + 1)] = q; rows are independent,
    so Var(x̄_+) = (q - q²) Xi²/m. For no communication use `local`.
    """
    agents = dense(2, agents)
    peers, picks = picked(agents, peers)

    def draw(_, generator):
        if picks == 1:
            heard, weight = one_peer(agents, peers, generator)
            W = np.diag(1 - weight)
            W[np.arange(agents), heard] = weight
            return W
        return with_self(smallest(generator.random((agents, agents - 1)), picks)) * (1 / (1 + picks))

    def orbits():
        chance = min(peers, 1)  # that it picks at all
        weight = 1 / (1 + picks)
        heard, both = picks / (agents - 1), picks * (picks - 1) / ((agents - 1) * max(agents - 2, 1))
        one = chance * weight**2 * heard
        own = 1 - chance + chance * weight**2, 1 - chance + chance * weight
        return independent_rows(own[0], one, one, chance * weight**2 * both, own[1], chance * weight * heard)

    return exchangeable(agents, draw, orbits, mean_preserving=picks == agents - 1 and peers >= 1)


def _pairs_averaging(agents, pairs, chance):
    """`Orbits` of `pairs` uniformly random disjoint pairs, each of which averages with probability `chance`.

    W = I - L/2 with the Laplacian L of the averaging pairs; e = P(a given pair averages), f = P(two given disjoint do).
    """
    links = max(agents * (agents - 1) / 2, 1)
    rest = max((agents - 2) * (agents - 3) / 2, 1)
    e, f = chance * pairs / links, chance**2 * pairs * (pairs - 1) / (links * rest)
    either = (agents - 1) * e  # that a given agent averages
    both = e + (agents - 2) * (agents - 3) * f  # that two given agents do
    return Orbits(
        own=1 - 3 / 4 * either,
        other=e / 4,
        own_other=e / 4,
        pair_other=0.0,
        own_column=e / 4,
        column=0.0,
        diagonal=1 - either + both / 4,
        exchange=e / 4,
        apart=e / 2 - (agents - 3) * f / 4,
        chain=0.0,
        disjoint=f / 4,
    )


def random_matching(agents, peers):
    """Pairwise averages over a uniformly random perfect matching (one agent idle where m is odd): doubly stochastic.

    Each pair averages with probability r = `peers` in (0, 1]. W is a projection, W = Wᵀ = W², and so
    E[Wᵀ W] = E[W] = J + q (I - J) with q = 1 - r m/(2(m - 1)) for even m and 1 - r/2 for odd m: E Xi_+² = q Xi², and
    the mean stays. For even m this is the q, and the expected number of messages, of `random_peers` without its drift.
    """
    agents, peers = dense(1, agents), probability(peers)

    def draw(_, generator):
        one, other, weight = matched(agents, peers, generator)
        W = np.eye(agents)
        W[one, one] = W[other, other] = 1 - weight
        W[one, other] = W[other, one] = weight
        return W

    return exchangeable(agents, draw, lambda: _pairs_averaging(agents, agents // 2, peers), mean_preserving=True)


def pairwise_exchange(agents):
    """One uniformly random agent wakes and averages with a uniformly random other; all the others keep their values.

    W = I - (e_i - e_j)(e_i - e_j)ᵀ/2 is a projection and so E[Wᵀ W] = E[W] = J + q (I - J) with q = 1 - 1/(m - 1):
    E Xi_+² = q Xi², and the mean stays (Boyd et al., "Randomized gossip algorithms", IEEE Trans. IT 52, 2006, on the
    complete graph; `graph_gossip.pairwise_on` on any). A round is one exchange in all, not one an agent.
    """
    agents = dense(2, agents)

    def draw(_, generator):
        pair = generator.choice(agents, 2, replace=False)
        W = np.eye(agents)
        W[np.ix_(pair, pair)] = 0.5
        return W

    return exchangeable(agents, draw, lambda: _pairs_averaging(agents, 1, 1), mean_preserving=True)
