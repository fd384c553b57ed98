"""Random gossip along the links of a given graph: i.i.d. rounds with exact moments, agents need not be alike."""

from numbers import Real

import numpy as np

from theory.edges import dense, links_of
from theory.errors import OnemergeError, require, shown
from theory.mixing import TOLERANCE
from theory.random_gossip import smallest
from theory.rounds import Gossip, sequence


def _heard(net):
    """(table [m, d], degree [m]): row i of the table lists those that i hears, then i itself up to the largest d."""
    senders, receivers = net.arcs()
    order = np.lexsort((senders, receivers))
    degree = np.bincount(receivers, minlength=net.agents)
    table = np.tile(np.arange(net.agents)[:, None], (1, degree.max(initial=0)))
    place = np.arange(len(order)) - np.repeat(np.cumsum(degree) - degree, degree)
    table[receivers[order], place] = senders[order]
    return table, degree


def random_neighbors(topology, peers):
    """The "base+random" of arXiv:2507.06542 as its official code samples it: random ones of those an agent hears.

    Independently every round, each agent picks floor(r) of those it hears in the topology, r = `peers`, and one more
    with probability r - floor(r); an agent that hears fewer picks all. It averages equally over itself and the picked.
    On the complete graph this is `random_peers`. Rows sum to 1; columns do not, unless every agent always picks all and
    the graph is regular, and so the mean drifts. With w_i the rows, S_i = E[w_i w_iᵀ] and W̄ = E W, rows independent,

        E[Wᵀ M W] = W̄ᵀ (M - diag M) W̄ + Σ_i M_ii S_i,     E[W M Wᵀ]_ik = (W̄ M W̄ᵀ)_ik for i != k, Tr(M S_i) for i = k.

    With A the links, A_ij = 1 where i hears j, d = A 1 and k picked, the entries of S_i are the means over k of
    1/(1+k)² at (i, i), of k/(d (1+k)²) at (i, j) and (j, j), and of k(k-1)/(d(d-1)(1+k)²) at (j, j') for j, j' heard.
    """
    net = links_of(topology)
    table, degree = _heard(net)
    most, agents = table.shape[1], net.agents
    number = isinstance(peers, Real) and not isinstance(peers, bool)
    require(most > 0, "the graph has no links; base+random needs at least one")
    expected = f"above 0 and at most {most}, the most heard"
    require(number and 0 < peers <= most, f"peers is {shown(peers)}; it must be {expected}")
    dense(1, agents)
    peers = float(peers)
    fewest = int(peers)
    extra = peers - fewest  # chance of one more
    top = fewest + (extra > 0)
    rows = np.arange(agents)
    A = np.zeros((agents, agents))
    A[rows[:, None], table] = 1
    np.fill_diagonal(A, 0)
    if extra == 0 and fewest >= degree.max():
        W = (np.eye(agents) + A) / (1 + degree)[:, None]
        return sequence(agents, 1, lambda t: W, bool(np.abs(W.sum(axis=0) - 1).max() <= TOLERANCE))

    places = rows[:, None] * agents + table  # in W as a vector; on the diagonal behind the last that is heard
    behind = np.where(np.arange(most) < degree[:, None], 0, 1 + np.arange(most))

    def draw(_, generator):
        more = generator.random(agents) < extra
        weight = 1 / (1 + np.minimum(fewest + more, degree))
        W = np.diag(weight)
        if top == 1:
            picks = more | (fewest == 1)
            W.ravel()[places[rows, generator.integers(np.maximum(degree, 1))][picks]] = weight[picks]
            return W
        keys = generator.random(table.shape) + behind
        marks = smallest(keys, top)
        if extra > 0:
            marks[~more] = smallest(keys[~more], fewest)
        W.ravel()[places.take(np.flatnonzero(marks))] = np.repeat(weight, marks.sum(axis=1))
        return W

    def over_picks(f):
        """E f(k, d) for each agent [m]."""
        low, high = np.minimum(fewest, degree), np.minimum(fewest + 1, degree)
        return (1 - extra) * f(low, np.maximum(degree, 1)) + extra * f(high, np.maximum(degree, 1))

    own = over_picks(lambda k, d: 1 / (1 + k) ** 2)
    mixed = over_picks(lambda k, d: k / (d * (1 + k) ** 2))
    pair = over_picks(lambda k, d: k * (k - 1) / (d * np.maximum(d - 1, 1) * (1 + k) ** 2))
    mean = np.diag(over_picks(lambda k, d: 1 / (1 + k))) + over_picks(lambda k, d: k / (d * (1 + k)))[:, None] * A

    def pull_back(_, M):
        D = np.diagonal(M, axis1=-2, axis2=-1)
        apart = np.array(M)
        apart[..., rows, rows] = 0
        links = (mixed * D)[..., :, None] * A
        result = mean.T @ apart @ mean + links + np.swapaxes(links, -1, -2) + A.T @ ((pair * D)[..., :, None] * A)
        result[..., rows, rows] += own * D + ((mixed - pair) * D) @ A
        return result

    def push_forward(_, M):
        D = np.diagonal(M, axis1=-2, axis2=-1)
        result = mean @ M @ mean.T
        heard = (A * (M + np.swapaxes(M, -1, -2))).sum(axis=-1)
        both = ((A @ M) * A).sum(axis=-1)
        result[..., rows, rows] = own * D + mixed * heard + (mixed - pair) * (D @ A.T) + pair * both
        return result

    return Gossip(agents, 1, False, draw, lambda _: mean, pull_back, push_forward)


def pairwise_on(topology):
    """A uniformly random agent wakes and averages with a uniformly random neighbor; all the others keep their values.

    W = I - b bᵀ/2 with b = e_i - e_j on the edge i ~ j, which has the chance P_ij = (1/d_i + 1/d_j)/m. W is a
    projection, so that E[Wᵀ W] = E W = I - L̄/2 with the Laplacian L̄ of the weights P, and 1 - p = lambda_2(E W):
    1 - 1/(m - 1) on the complete graph, 1 - (1 - cos(2π/m))/m on the ring, 1 - 1/(2(m - 1)) on the star (Boyd, Ghosh,
    Prabhakar, Shah, "Randomized gossip algorithms", IEEE Trans. IT 52, 2006). Further, with the Laplacian L_c of the
    weights c = P bᵀ M b, E[W M W] = M - (L̄ M + M L̄)/2 + L_c/4. The mean stays. A round is one exchange in all.
    """
    net = links_of(topology)
    require(not net.directed, f"an exchange needs an undirected graph; this one has {len(net.pairs)} directed edges")
    table, degree = _heard(net)
    for agent in np.flatnonzero(degree == 0)[:1]:
        raise OnemergeError(f"agent {agent} has no neighbor; every agent that wakes needs one to average with")
    agents = dense(1, net.agents)
    one, other = net.pairs.T
    chance = (1 / degree[one] + 1 / degree[other]) / agents

    def weighted_laplacian(weights):
        """Σ_e w_e b_e b_eᵀ [..., m, m] of weights [..., edges]."""
        L = np.zeros((*weights.shape[:-1], agents, agents))
        L[..., one, other] = L[..., other, one] = -weights
        L[..., np.arange(agents), np.arange(agents)] = -L.sum(axis=-1)
        return L

    mean_laplacian = weighted_laplacian(chance)

    def draw(_, generator):
        i = generator.integers(agents)
        pair = np.array([i, table[i, generator.integers(degree[i])]])
        W = np.eye(agents)
        W[np.ix_(pair, pair)] = 0.5
        return W

    def conjugate(_, M):
        D = np.diagonal(M, axis1=-2, axis2=-1)
        spread = D[..., one] + D[..., other] - M[..., one, other] - M[..., other, one]
        return M - (mean_laplacian @ M + M @ mean_laplacian) / 2 + weighted_laplacian(chance * spread) / 4

    return Gossip(agents, 1, True, draw, lambda _: np.eye(agents) - mean_laplacian / 2, conjugate, conjugate)
