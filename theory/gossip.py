"""What happens over time: which mixing matrix acts at which round, and its exact second moments.

The moments are about Phi, the product of the matrices of one period (one round where the period is 1):

    second_moment() = E[Phiᵀ Phi],   mean_moment() = E[Phiᵀ J Phi]   [m, m],   J = 1 1ᵀ / m.

With the deviations z = x - x̄ 1 and Xi² = |z|²/m of values x [m] before the period, and x_+ = Phi x,

    E Xi_+² = zᵀ E[Phiᵀ (I - J) Phi] z / m,      E (mean of x_+ - mean of x)² = zᵀ E[Phiᵀ J Phi] z / m

for every Phi with Phi 1 = 1; the second is zero where every column of Phi sums to 1 (`mean_preserving`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from numbers import Real

import numpy as np

from theory.errors import require
from theory.graphs import at_least
from theory.mixing import TOLERANCE, as_mixing, complete_average


@dataclass(frozen=True, eq=False)
class Gossip:
    """Mixing over time. Rounds t = 0, 1, ...; draws of different rounds are independent.

    draw(t, generator) is the W [m, m] of round t (numpy Generator; deterministic gossips ignore it and hand out one
    read-only array). `period` counts the rounds after which the law repeats, 1 for a constant or i.i.d. gossip.
    """

    agents: int
    period: int
    mean_preserving: bool  # every draw has columns that sum to 1
    draw: Callable[[int, np.random.Generator], np.ndarray]
    second_moment: Callable[[], np.ndarray]
    mean_moment: Callable[[], np.ndarray]


def periodic(matrices):
    """W_0, W_1, ..., W_{period-1}, W_0, ...; Phi = W_{period-1} ... W_1 W_0, one period that starts at t = 0.

    Every matrix has rows that sum to 1; weights may be negative and single matrices disconnected.
    """
    matrices = tuple(as_mixing(W) for W in matrices)
    require(matrices, "a periodic gossip of no matrices was given; it needs at least one")
    agents = len(matrices[0])
    for t, W in enumerate(matrices):
        require(len(W) == agents, f"matrix {t} has {len(W)} agents and matrix 0 has {agents}; all must have as many")
        W.flags.writeable = False
    product = reduce(lambda later, W: W @ later, matrices)
    return Gossip(
        agents=agents,
        period=len(matrices),
        mean_preserving=all(np.abs(W.sum(axis=0) - 1).max() <= TOLERANCE for W in matrices),
        draw=lambda t, _: matrices[t % len(matrices)],
        second_moment=lambda: product.T @ product,
        mean_moment=lambda: product.T @ complete_average(agents) @ product,
    )


def constant(W):
    """The same W at every round."""
    return periodic([W])


def local(agents):
    """No communication: W = I."""
    at_least(1, agents=agents)
    return constant(np.eye(agents))


def one_peer_exponential(agents):
    """Round t: agent i averages with agent i + 2^(t mod tau) mod n, tau = ceil(log2 n); W = (I + shift)/2.

    Doubly stochastic, not symmetric; one edge of `graphs.exponential` an agent in each round. Where n is a power of two
    the product over one period is J exactly (Ying et al., "Exponential Graph is Provably Efficient for
    Decentralized Deep Training", NeurIPS 2021); for other n it is not: |Phi - J|_2 = 0.2165 for n = 6.
    """
    at_least(1, agents=agents)
    hops = [1 << k for k in range((int(agents) - 1).bit_length())]
    eye = np.eye(agents)
    return periodic([(eye + np.roll(eye, hop, axis=1)) / 2 for hop in hops] or [eye])


def _exchangeable(agents, on_deviations):
    """Symmetric matrix with the eigenvalue 1 on the vector of ones and `on_deviations` on its complement."""
    J = complete_average(agents)
    return J + on_deviations * (np.eye(agents) - J)


def _independent(agents, draw, kept, drift=None):
    """Gossip of independent rounds in which all agents are alike: E[Wᵀ W] = J + `kept` (I - J).

    drift() is the eigenvalue of E[Wᵀ J W] on deviations, computed when it is asked for; None: every W keeps the mean.
    """
    return Gossip(
        agents=agents,
        period=1,
        mean_preserving=drift is None,
        draw=draw,
        second_moment=lambda: _exchangeable(agents, kept),
        mean_moment=lambda: _exchangeable(agents, 0.0 if drift is None else drift()),
    )


def random_peers(agents, peers):
    """The "R r" of arXiv:2507.06542 as its official code samples it: rows sum to 1, columns do not, the mean drifts.

    Independently every round, each agent picks one uniformly random other agent with probability r = `peers` < 1, or
    r distinct others for an integer r >= 1, and averages equally over itself and the picked. With K picked agents and

        q = E[(m - 1 - K) / ((m - 1)(K + 1))],   that is   q = 1 - r m / (2(m - 1)) for r < 1:

        E|x_+ - x̄ 1|²/m = q Xi²,   E(x̄_+ - x̄)² = q(1 - q)/m Xi²,   E Xi_+² = q (1 - (1 - q)/m) Xi².

    Proof: E[W] is q on deviations z and E|W z|² = q |z|², both as E[(1 - K/(m - 1))/(K + 1)] = q; rows are independent,
    so Var(x̄_+) = (q - q²) Xi²/m. For no communication use `local`.
    """
    at_least(2, agents=agents)
    number = isinstance(peers, Real) and not isinstance(peers, bool)
    valid = number and (0 < peers < 1 or (1 <= peers < agents and peers == int(peers)))
    require(valid, f"peers is {peers!r}; it must be a probability in (0, 1) or an integer from 1 to {agents - 1}")
    if peers < 1:
        q = 1 - peers * agents / (2 * (agents - 1))
    else:
        q = (agents - 1 - peers) / ((agents - 1) * (peers + 1))
    picks, rows = int(max(peers, 1)), np.arange(agents)

    def draw(_, generator):
        if picks == 1:
            heard = (rows + generator.integers(1, agents, agents)) % agents
            weight = 0.5 * (generator.random(agents) < peers)
            W = np.diag(1 - weight)
            W[rows, heard] = weight
            return W
        order = generator.random((agents, agents - 1)).argpartition(picks - 1, axis=1)[:, :picks]
        W = np.eye(agents)
        W[rows[:, None], order + (order >= rows[:, None])] = 1
        return W / (1 + picks)

    return _independent(agents, draw, q, drift=(lambda: q * (1 - q) / agents) if q > 0 else None)


def random_matching(agents, peers):
    """Pairwise averages over a uniformly random perfect matching (one agent idle where m is odd): doubly stochastic.

    Each pair averages with probability r = `peers` in (0, 1]. W is a projection, W = Wᵀ = W², and so
    E[Wᵀ W] = E[W] = J + q (I - J) with q = 1 - r m/(2(m - 1)) for even m and 1 - r/2 for odd m: E Xi_+² = q Xi², and
    the mean stays. For even m this is the q, and the expected number of messages, of `random_peers` without its drift.
    """
    at_least(1, agents=agents)
    valid = isinstance(peers, Real) and not isinstance(peers, bool) and 0 < peers <= 1
    require(valid, f"peers is {peers!r}; it must be a probability in (0, 1]")
    pairs = agents // 2
    q = 1 - peers * pairs / (agents - 1) if agents % 2 == 0 else 1 - peers / 2

    def draw(_, generator):
        order = generator.permutation(agents)
        one, other = order[:pairs], order[pairs : 2 * pairs]
        weight = 0.5 * (generator.random(pairs) < peers)
        W = np.eye(agents)
        W[one, one] = W[other, other] = 1 - weight
        W[one, other] = W[other, one] = weight
        return W

    return _independent(agents, draw, q)


def pairwise_exchange(agents):
    """One uniformly random agent wakes and averages with a uniformly random other; all the others keep their values.

    W = I - (e_i - e_j)(e_i - e_j)ᵀ/2 is a projection and so E[Wᵀ W] = E[W] = J + q (I - J) with q = 1 - 1/(m - 1):
    E Xi_+² = q Xi², and the mean stays (Boyd et al., "Randomized gossip algorithms", IEEE Trans. IT 52, 2006, on the
    complete graph). A round is one exchange in all, not one an agent.
    """
    at_least(2, agents=agents)
    q = (agents - 2) / (agents - 1)

    def draw(_, generator):
        pair = generator.choice(agents, 2, replace=False)
        W = np.eye(agents)
        W[np.ix_(pair, pair)] = 0.5
        return W

    return _independent(agents, draw, q)


def _epidemic_drift(agents, peers):
    """beta_s of `epidemic`: (E[S²] - 1)/(m - 1), S = a column sum, that is what one agent has in the others' averages.

    With s = `peers`, p = s/(m - 1) and K_i values received by i, S = 1/(1 + K_1) + Σ_{i in T} 1/(1 + K_i) over the s
    receivers T of agent 1. As 1/((a + X)(b + Y)) = ∫∫ u^(a-1+X) v^(b-1+Y) du dv over [0, 1]², each term of E[S²] is the
    integral of a generating function of independent senders, a polynomial of degree <= m in u and in v.
    """
    p = peers / (agents - 1)
    both = p * (peers - 1) / max(agents - 2, 1)  # that a sender picks both of two given agents
    nodes, weights = np.polynomial.legendre.leggauss(agents // 2 + 1)  # exact up to the degree agents + 1
    u, v = (nodes[:, None] + 1) / 2, (nodes + 1) / 2
    one_u, one_v, same = 1 - p + p * u, 1 - p + p * v, 1 - p + p * u * v
    pair = 1 - 2 * p + both + (p - both) * (u + v) + both * u * v
    squares = same ** (agents - 1) + peers * u * v * same ** (agents - 2)
    own = 2 * peers * v * one_u * pair ** (agents - 2)
    others = peers * (peers - 1) * u * v * one_u * one_v * pair ** max(agents - 3, 0)
    return float(weights @ (squares + own + others) @ weights / 4 - 1) / (agents - 1)


def epidemic(agents, peers):
    """EL-Local: each agent sends to s = `peers` random others, and averages equally over itself and what it received.

        E|x_+ - x̄ 1|²/m = alpha Xi²,   alpha = (1 - (1 - s/(m - 1))^m)/s - 1/(m - 1),
        E(x̄_+ - x̄)² = beta Xi²,        E Xi_+² = (alpha - beta) Xi²,   beta = m²/(m - 1) Var(a column mean of W).

    Rows sum to 1, columns do not, the mean drifts (De Vos et al., "Epidemic Learning", NeurIPS 2023, arXiv:2310.01972,
    which bounds beta by alpha/m). Proof: agent i receives a binomial number K of uniformly random others, and
    alpha = E[(1 - K/(m - 1))/(K + 1)] as in `random_peers`; rows are not independent, see `_epidemic_drift`.
    """
    at_least(2, agents=agents)
    at_least(1, peers=peers)
    require(peers < agents, f"peers is {peers} with {agents} agents; it must be at most {agents - 1}")
    alpha = (1 - (1 - peers / (agents - 1)) ** agents) / peers - 1 / (agents - 1)
    everyone = peers == agents - 1
    senders = np.arange(agents)[:, None]

    def draw(_, generator):
        order = generator.random((agents, agents - 1)).argpartition(peers - 1, axis=1)[:, :peers]
        W = np.eye(agents)
        W[order + (order >= senders), senders] = 1
        return W / W.sum(axis=1, keepdims=True)

    return _independent(agents, draw, alpha, drift=None if everyone else lambda: _epidemic_drift(agents, peers))
