"""MATCHA: the matchings of a graph, each active in a round with a probability of its own, chosen under a budget.

    W = I - alpha Σ_j B_j L_j,   B_j independent Bernoulli(p_j),   L_j the Laplacian of matching j,   Σ_j L_j = L_G.

With L̄ = Σ p_j L_j and L̃ = Σ p_j (1 - p_j) L_j, as L_j² = 2 L_j,

    E[W²] = I - 2 alpha L̄ + alpha² (L̄² + 2 L̃),   rho = |E[W²] - J|_2 = 1 - p.

Wang, Sahu, Yang, Joshi, Kar, "MATCHA: Speeding up decentralized SGD via matching decomposition sampling",
arXiv:1905.09435.
"""

from dataclasses import dataclass
from numbers import Real

import numpy as np

from theory.activation import activation, laplacian
from theory.edges import dense, links_of
from theory.errors import require, shown
from theory.matchings import between, matchings
from theory.rounds import Gossip


def _moments(agents, classes, probabilities):
    """(L̄, L̃) [m, m]."""
    pairs = np.concatenate(classes)
    chance = np.repeat(probabilities, [len(own) for own in classes])
    return laplacian(agents, pairs, chance), laplacian(agents, pairs, chance * (1 - chance))


def matching_activation(agents, classes, probabilities, alpha):
    """`Gossip` W = I - alpha Σ_j B_j L_j of matchings [(pairs [E_j, 2])] that share no edge; doubly stochastic.

    E[W M W] = W̄ M W̄ + alpha² Σ_j p_j (1 - p_j) L_j M L_j with W̄ = I - alpha L̄, as the B_j are independent.
    """
    agents = dense(1, agents)
    ends = [np.max(pairs, initial=-1) for pairs in classes]
    last = f"they must be of agents from 0 to {agents - 1}"
    require(len(ends) > 0 and max(ends) < agents, f"the matchings are {shown(classes)}; {last}")
    number = isinstance(alpha, Real) and not isinstance(alpha, bool) and np.isfinite(alpha)
    require(number, f"alpha is {shown(alpha)}; it must be a finite number")
    try:
        probabilities = np.asarray(probabilities, dtype=np.float64)
    except (TypeError, ValueError):
        probabilities = np.asarray(np.nan)
    valid = probabilities.shape == (len(classes),) and bool(((probabilities >= 0) & (probabilities <= 1)).all())
    expected = f"one from 0 to 1 for each of {len(classes)} matchings"
    require(valid, f"probabilities are {probabilities.tolist()}; there must be {expected}")
    mean = np.eye(agents) - alpha * _moments(agents, classes, probabilities)[0]

    def draw(_, generator):
        active = np.flatnonzero(generator.random(len(classes)) < probabilities)
        pairs = np.concatenate([np.empty((0, 2), dtype=np.int64), *(classes[j] for j in active)])
        one, other = pairs.T
        W = np.diag(1.0 - alpha * np.bincount(pairs.ravel(), minlength=agents))
        W[one, other] = W[other, one] = alpha
        return W

    def conjugate(_, M):
        spread = alpha**2 * probabilities * (1 - probabilities)
        return mean @ M @ mean + sum(c * between(pairs, M) for c, pairs in zip(spread, classes, strict=True))

    return Gossip(agents, 1, True, draw, lambda _: mean, conjugate, conjugate)


def best_step(mean, variance):
    """(alpha, rho) that minimize rho = largest eigenvalue of I - J - 2 alpha L̄ + alpha² (L̄² + 2 L̃) over alpha.

    rho is a maximum of quadratics of alpha and so convex; with an eigenvector v of rho, a slope of it is
    vᵀ(-2 L̄ + 2 alpha (L̄² + 2 L̃)) v, whose sign is bisected between alpha = 0 and 2/mu_max(L̄), where rho >= 1.
    """
    agents = len(mean)
    curvature, deviations = mean @ mean + 2 * variance, np.eye(agents) - 1 / agents

    def worst(alpha):
        values, vectors = np.linalg.eigh(deviations - 2 * alpha * mean + alpha**2 * curvature)
        return float(values[-1]), vectors[:, -1]

    low, high = 0.0, 2 / np.linalg.eigvalsh(mean)[-1]
    for _ in range(60):
        alpha = (low + high) / 2
        v = worst(alpha)[1]
        rising = v @ (alpha * curvature - mean) @ v > 0
        low, high = (low, alpha) if rising else (alpha, high)
    return float(high), worst(high)[0]


@dataclass(frozen=True, eq=False)
class Matcha:
    """What `plan` chose: matchings, their probabilities, the step alpha, and rho = 1 - p of the gossip."""

    agents: int
    matchings: tuple  # of pairs [E_j, 2]
    probabilities: np.ndarray  # [M]
    connectivity: tuple  # [lower, upper] on the largest mu_2(L̄) that the budget allows; lower is attained
    alpha: float
    rho: float

    def gossip(self):
        """The `Gossip` of these matchings."""
        return matching_activation(self.agents, self.matchings, self.probabilities, self.alpha)


def plan(topology, budget, solver="barrier"):
    """`Matcha` of a connected undirected topology: at most a share `budget` of its M matchings is active on average.

    The matchings are those of `theory.matchings.matchings`; the authors' code finds them by a random greedy search.
    budget = 1 activates all, the best constant weight of the topology. `solver` is that of `theory.activation`.
    """
    net = links_of(topology)
    classes = matchings(net)
    require(net.agents > 1, f"agents is {net.agents}; MATCHA needs at least 2")
    linked = len(classes) > 0 and np.linalg.eigvalsh(laplacian(net.agents, net.pairs))[1] > 1e-12
    require(linked, "the graph is not connected; MATCHA needs a connected one")
    probabilities, connectivity = activation(net.agents, classes, budget, solver)
    alpha, rho = best_step(*_moments(net.agents, classes, probabilities))
    return Matcha(net.agents, tuple(classes), probabilities, connectivity, alpha, rho)


def matcha(topology, budget):
    """MATCHA: the matchings of a topology, each active by a chance of its own, `budget` times their number in the mean.

    The `Gossip` W = I - alpha Σ_j B_j L_j; `plan` has its matchings, probabilities, alpha and rho.
    """
    return plan(topology, budget).gossip()
