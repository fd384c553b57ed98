"""One value for what happens over time: draws of mixing matrices with the exact moments of their law.

Rounds t = 0, 1, ... have independent matrices W_t, and a law that repeats after `period` rounds. Moments of a round:

    mean(t) = E W_t,   pull_back(t, M) = E[W_tᵀ M W_t],   push_forward(t, M) = E[W_t M W_tᵀ]   for any M [..., m, m].

pull_back carries a quadratic form back over a round, E[x_+ᵀ M x_+] = xᵀ pull_back(t, M) x for x_+ = W_t x;
push_forward carries the moments of a random x forward, E[x_+ x_+ᵀ] = push_forward(t, E[x xᵀ]). Over one period from
t = 0, with the product Phi = W_{period-1} ... W_1 W_0,

    second_moment() = E[Phiᵀ Phi],   mean_moment() = E[Phiᵀ J Phi]   [m, m],   J = 1 1ᵀ / m.

With the deviations z = x - x̄ 1 and Xi² = |z|²/m of values x [m] before the period, and x_+ = Phi x,

    E Xi_+² = zᵀ E[Phiᵀ (I - J) Phi] z / m,      E (mean of x_+ - mean of x)² = zᵀ E[Phiᵀ J Phi] z / m

for every Phi with Phi 1 = 1; the second is zero where every column of Phi sums to 1 (`mean_preserving`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, reduce
from math import lcm

import numpy as np

from theory.edges import at_least, dense
from theory.errors import require, shown
from theory.mixing import TOLERANCE, as_mixing, complete_average

ROUNDING = 1e-12  # a distance from consensus up to here is rounding


@dataclass(frozen=True, eq=False)
class Gossip:
    """Mixing over time, see the equations above.

    draw(t, generator) is the W [m, m] of round t (numpy Generator; deterministic rounds ignore it and hand out one
    read-only array). `period` counts the rounds after which the law repeats, 1 for a constant or i.i.d. gossip.
    """

    agents: int
    period: int
    mean_preserving: bool  # every draw has columns that sum to 1
    draw: Callable[[int, np.random.Generator], np.ndarray]
    mean: Callable[[int], np.ndarray]
    pull_back: Callable[[int, np.ndarray], np.ndarray]
    push_forward: Callable[[int, np.ndarray], np.ndarray]
    deterministic: bool = False  # every draw of a round is the same matrix

    @cached_property
    def mean_product(self):
        """E Phi = E W_{period-1} ... E W_0 [m, m]; Phi itself where the gossip is deterministic."""
        return reduce(lambda product, t: self.mean(t) @ product, range(1, self.period), self.mean(0))

    def over_period(self, M):
        """E[Phiᵀ M Phi] [m, m] of a matrix M [m, m]."""
        if self.deterministic:
            return self.mean_product.T @ M @ self.mean_product
        return reduce(lambda form, t: self.pull_back(t, form), reversed(range(self.period)), M)

    def second_moment(self):
        """E[Phiᵀ Phi] [m, m]."""
        return self.over_period(np.eye(self.agents))

    def mean_moment(self):
        """E[Phiᵀ J Phi] [m, m]."""
        return self.over_period(complete_average(self.agents))

    @property
    def finite_time(self):
        """Whether one period from t = 0 ends in consensus from every start, surely: Phi = 1 πᵀ up to rounding.

        That is, the rows of E Phi agree and E|(I - J) Phi|_F² = 0. π = 1/m where the columns sum to 1.
        """
        if np.abs(self.mean_product - self.mean_product.mean(axis=0)).max() > ROUNDING:
            return False
        deviations = np.eye(self.agents) - complete_average(self.agents)
        return self.deterministic or bool(np.trace(self.over_period(deviations)) <= ROUNDING)


def sequence(agents, period, build, mean_preserving):
    """Deterministic gossip of the trusted matrices build(t) [m, m], t = 0..period-1, built when asked for."""

    @cache
    def built(t):
        W = build(t)
        W.flags.writeable = False
        return W

    def at(t):
        return built(int(t) % period)

    return Gossip(
        agents=agents,
        period=period,
        mean_preserving=mean_preserving,
        draw=lambda t, _: at(t),
        mean=at,
        pull_back=lambda t, M: at(t).T @ M @ at(t),
        push_forward=lambda t, M: at(t) @ M @ at(t).T,
        deterministic=True,
    )


def periodic(matrices):
    """W_0, W_1, ..., W_{period-1}, W_0, ...; Phi = W_{period-1} ... W_1 W_0, one period that starts at t = 0.

    Every matrix has rows that sum to 1; weights may be negative and single matrices disconnected.
    """
    require(np.iterable(matrices), f"the matrices are {shown(matrices)}; they must be a sequence of arrays [m, m]")
    matrices = tuple(as_mixing(W) for W in matrices)
    require(matrices, "a periodic gossip of no matrices was given; it needs at least one")
    agents = len(matrices[0])
    for t, W in enumerate(matrices):
        require(len(W) == agents, f"matrix {t} has {len(W)} agents and matrix 0 has {agents}; all must have as many")
    keeps = all(np.abs(W.sum(axis=0) - 1).max() <= TOLERANCE for W in matrices)
    return sequence(agents, len(matrices), lambda t: matrices[t], keeps)


def constant(W):
    """The same W at every round."""
    return periodic([W])


def local(agents):
    """No communication: W = I."""
    agents = dense(1, agents)
    return sequence(agents, 1, lambda t: np.eye(agents), True)


def merge(agents):
    """W = J at every round: federated averaging, AllReduce."""
    agents = dense(1, agents)
    return sequence(agents, 1, lambda t: complete_average(agents), True)


def as_gossip(gossip):
    """A `Gossip` as it is, a matrix W [m, m] as `constant`."""
    return gossip if isinstance(gossip, Gossip) else constant(gossip)


def _interleaved(period, mean_preserving, at, gossip):
    """Round t is that of (part, its round) = at(t), the parts being `gossip` and deterministic ones."""

    def moment(name):
        return lambda t, *arguments: (lambda part, s: getattr(part, name)(s, *arguments))(*at(t))

    return Gossip(
        agents=gossip.agents,
        period=period,
        mean_preserving=mean_preserving,
        deterministic=gossip.deterministic,
        **{name: moment(name) for name in ("draw", "mean", "pull_back", "push_forward")},
    )


def local_steps(gossip, rounds):
    """`gossip` (or a matrix W) on its own clock, once every `rounds` rounds, at t = rounds - 1, 2 rounds - 1, ...

    In between nobody communicates, W = I: local SGD with `rounds` steps between two communications. A period is
    `rounds` times as long as that of the gossip and has the same product.
    """
    rounds = at_least(1, rounds=rounds)
    gossip = as_gossip(gossip)
    alone = local(gossip.agents)

    def at(t):
        return (gossip, t // rounds) if t % rounds == rounds - 1 else (alone, 0)

    return _interleaved(gossip.period * rounds, gossip.mean_preserving, at, gossip)


def global_every(gossip, rounds):
    """Gossip-PGA: follow `gossip` (or a matrix W), but merge, W_t = J, at t = rounds - 1, 2 rounds - 1, ...

    rounds = 1 is J alone. For i.i.d. and constant gossip the product of a period is J W_{rounds-2} ... W_0, which is J
    where W is doubly stochastic (Chen et al., "Accelerating gossip SGD with periodic global averaging", ICML 2021,
    arXiv:2105.09080).
    """
    rounds = at_least(1, rounds=rounds)
    gossip = as_gossip(gossip)
    everyone = merge(gossip.agents)
    if rounds == 1:
        return everyone

    def at(t):
        return (everyone, 0) if t % rounds == rounds - 1 else (gossip, t)

    return _interleaved(lcm(rounds, gossip.period), gossip.mean_preserving, at, gossip)
