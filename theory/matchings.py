"""Matchings: rounds in which every agent averages with at most one other, and how to split a graph into them."""

from itertools import pairwise
from numbers import Real

import networkx as nx
import numpy as np

from theory.edges import dense, links_of
from theory.errors import require, shown
from theory.rounds import Gossip, sequence


def _meeting(agents, t):
    """Pairs [m // 2, 2] of round t of the circle method: in N rounds all pairs of the complete graph, each once.

    Those with i + j = t mod N meet, N = m for odd m; for even m, N = m - 1 and the one left over meets agent m - 1.
    """
    circle = agents - 1 + agents % 2
    i = np.arange(circle)
    j = (t - i) % circle
    pairs = np.stack([i, j], axis=1)[i < j]
    return pairs if agents % 2 else np.concatenate([pairs, [[i[i == j][0], agents - 1]]])


class _Coloring:
    """Colors of edges, no two of one color at an agent: at[v] = {color: neighbor}."""

    def __init__(self, agents, colors):
        self.colors = colors
        self.at = [{} for _ in range(agents)]

    def free(self, v):
        return next(color for color in range(self.colors) if color not in self.at[v])

    def paint(self, u, v, color):
        self.at[u][color], self.at[v][color] = v, u

    def clear(self, u, v, color):
        del self.at[u][color], self.at[v][color]

    def color_of(self, u, v):
        return next(color for color, other in self.at[u].items() if other == v)

    def swap(self, start, first, second):
        """Exchange two colors along the path from `start` that begins with `first` and alternates."""
        path, v, color = [], start, first
        while color in self.at[v]:
            w = self.at[v][color]
            path.append((v, w, color))
            v, color = w, first + second - color
        for v, w, color in path:
            self.clear(v, w, color)
        for v, w, color in path:
            self.paint(v, w, first + second - color)

    def fan(self, u, v):
        """Neighbors v = f_0, f_1, ... of u, as many as there are, the color of u f_(i+1) being free at f_i."""
        fan, rest = [v], {w: color for color, w in self.at[u].items()}
        while following := [w for w, color in rest.items() if color not in self.at[fan[-1]]]:
            fan.append(following[0])
            del rest[following[0]]
        return fan


def _bipartite_step(coloring, u, v):
    """König: make a color that is free at u free at v too, by a path from v that cannot end at u."""
    a, b = coloring.free(u), coloring.free(v)
    if a != b:
        coloring.swap(v, a, b)
    coloring.paint(u, v, a)


def _fan_step(coloring, u, v):
    """Misra and Gries: rotate the colors of a fan of u, up to an agent at which a color that u lacks is free."""
    fan = coloring.fan(u, v)
    c, d = coloring.free(u), coloring.free(fan[-1])
    if c != d:
        coloring.swap(u, d, c)
    end = next(k for k, w in enumerate(fan) if d not in coloring.at[w])
    for w, following in pairwise(fan[: end + 1]):
        color = coloring.color_of(u, following)
        coloring.clear(u, following, color)
        coloring.paint(u, w, color)
    coloring.paint(u, fan[end], d)


def matchings(topology):
    """Matchings [(pairs [E_j, 2])] that share no edge and together are the undirected topology.

    As many as the largest degree for bipartite graphs (König) and complete ones with an even number of agents (the
    circle method), at most one more elsewhere (Misra and Gries, "A constructive proof of Vizing's theorem", Inf. Proc.
    Letters 41, 1992; fewer than the largest degree are impossible).
    """
    net = links_of(topology)
    require(not net.directed, f"matchings need an undirected graph; this one has {len(net.pairs)} directed edges")
    if 2 * len(net.pairs) == net.agents * (net.agents - 1):
        return [_meeting(net.agents, t) for t in range(net.agents - 1 + net.agents % 2) if net.agents > 1]
    largest = int(np.bincount(net.pairs.ravel(), minlength=1).max())
    bipartite = nx.is_bipartite(net.graph())
    coloring = _Coloring(net.agents, largest + (not bipartite))
    step = _bipartite_step if bipartite else _fan_step
    for u, v in net.pairs.tolist():
        step(coloring, u, v)
    colors = np.array([coloring.color_of(u, v) for u, v in net.pairs.tolist()], dtype=np.int64)
    classes = (net.pairs[colors == color] for color in range(coloring.colors))
    return [pairs for pairs in classes if len(pairs)]


def averaging(agents, pairs, weight=0.5):
    """W = I - weight L [m, m] with the Laplacian L of a matching, weight [1] or [E]."""
    one, other = pairs.T
    W = np.eye(agents)
    W[one, one] = W[other, other] = 1 - weight
    W[one, other] = W[other, one] = weight
    return W


def between(pairs, M):
    """L M L [..., m, m] with the Laplacian L of a matching: L exchanges partners and subtracts, 0 on agents without."""
    partner = np.arange(M.shape[-1])
    partner[pairs] = pairs[:, ::-1]
    L_M = M - M[..., partner, :]
    return L_M - L_M[..., :, partner]


def round_robin(agents):
    """A tournament, again and again: in each round all agents (for odd m, but one) average in pairs, all pairs in turn.

    m - 1 rounds for even m and m for odd m (the circle method). Symmetric and doubly stochastic rounds; the product of
    a period is J for m = 2 and m = 4, and for no other m up to 64.
    """
    agents = dense(2, agents)
    return sequence(agents, agents - 1 + agents % 2, lambda t: averaging(agents, _meeting(agents, t)), True)


def round_robin_on(topology):
    """The pairs of an undirected topology average one after the other: round t is matching t mod M of `matchings`."""
    net = links_of(topology)
    rounds = matchings(net)
    require(rounds, "the graph has no links; a round-robin needs at least one")
    return sequence(net.agents, len(rounds), lambda t: averaging(net.agents, rounds[t]), True)


def random_matching_on(topology, peers):
    """A random one of the M `matchings` of a topology, each pair of which averages with probability r = `peers`.

    W = I - L/2 is a projection, E[Wᵀ W] = E W = I - r L_G/(2 M) with the Laplacian L_G of the topology, and
    1 - p = 1 - r mu_2(L_G)/(2 M). With b = e_i - e_j, E[W M W] = M - r (L_G M + M L_G)/(2 M) + E[L M L]/4, and in
    E[L M L] the terms of two pairs of a matching have r² and those of one pair twice, a Laplacian of weights bᵀ M b, r.
    """
    net = links_of(topology)
    valid = isinstance(peers, Real) and not isinstance(peers, bool) and 0 < peers <= 1
    require(valid, f"peers is {shown(peers)}; it must be a probability in (0, 1]")
    peers = float(peers)
    classes = matchings(net)
    require(classes, "the graph has no links; a random matching needs at least one")
    agents, rows = net.agents, np.arange(net.agents)
    one, other = net.pairs.T
    mean = np.eye(agents)
    mean[one, other] = mean[other, one] = peers / (2 * len(classes))
    mean[rows, rows] = 2 - mean.sum(axis=1)

    def draw(_, generator):
        pairs = classes[generator.integers(len(classes))]
        return averaging(agents, pairs[generator.random(len(pairs)) < peers])

    def conjugate(_, M):
        D = np.diagonal(M, axis1=-2, axis2=-1)
        alone = np.zeros(M.shape)
        spread = D[..., one] + D[..., other] - M[..., one, other] - M[..., other, one]
        alone[..., one, other] = alone[..., other, one] = -spread
        alone[..., rows, rows] = -alone.sum(axis=-1)
        both = sum(between(pairs, M) for pairs in classes)
        return mean @ M + M @ mean - M + (peers**2 * both + peers * (1 - peers) * alone) / (4 * len(classes))

    return Gossip(agents, 1, True, draw, lambda _: mean, conjugate, conjugate)
