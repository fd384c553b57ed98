"""Who communicates when: schedules of communications over rounds, composed by functions, and the methods they make.

A schedule is a callable (t, generator) -> what is communicated in round t = 0, 1, ...: a mixing matrix W
[agents, agents], dense or a scipy sparse array (gossip: one message per foreign weight), an `Average`, or None when
nobody talks. The `draw` method of every gossip in theory.gossip is one. Rounds are integers. A schedule with a true
attribute `sees` has a third argument, what it is told of the models (sim.following); `ask` calls either kind.
"""

from dataclasses import dataclass

import numpy as np

from theory.edges import at_least, at_most_one
from theory.errors import require


@dataclass(frozen=True, eq=False)
class Average:
    """An exact average over the agents S = `members`, given to everyone in `hears`; both bool [agents].

        x_i <- (1/|S|) Σ_{j in S} x_j  for i in `hears`,   x_i stays otherwise.

    It is W = 1 (1_S/|S|)ᵀ in the rows of `hears`, but not gossip by pulls of W: it is computed by Ring-AllReduce among
    the members, who are then those who hear, or with `server` by a server that gets |S| models and sends the average.
    So a merge is what its schedule says, and no matrix is taken for one because it equals J.
    """

    members: np.ndarray
    hears: np.ndarray
    server: bool = False

    def __post_init__(self):
        marks = [np.asarray(part) for part in (self.members, self.hears)]
        fits = all(part.ndim == 1 and part.dtype == bool for part in marks) and len(marks[0]) == len(marks[1])
        shapes = " and ".join(f"{part.dtype} {list(part.shape)}" for part in marks)
        require(fits, f"members and hears of an average must be bool [agents], not {shapes}.")
        require(marks[0].any(), "an average over no members was given; it needs at least one.")
        alike = self.server or np.array_equal(*marks)
        require(alike, "without a server an average is heard by its members; members and hears differ.")

    @property
    def W(self):
        """The matrix [agents, agents] of this average; `theory.mixing.complete_average` where all are members."""
        agents = len(self.members)
        return np.where(self.hears[:, None], self.members / np.count_nonzero(self.members), np.eye(agents))

    def __array__(self, dtype=None, copy=None):
        return self.W.astype(dtype or np.float64)

    def among(self, active):
        """This average among those who are there, `active` bool [agents]; None where no member is."""
        members = self.members & active
        return Average(members, self.hears & active, self.server) if members.any() else None


def sees(schedule):
    """Whether a schedule asks for the state of the models."""
    return getattr(schedule, "sees", False)


def ask(schedule, t, generator, view=None):
    """What a schedule says in round t; `view` is for those that see."""
    return schedule(t, generator, view) if sees(schedule) else schedule(t, generator)


def silent(t, generator):
    """Nobody communicates, ever (local training only)."""
    return


def always(W):
    """The same mixing matrix or `Average` W in every round."""
    return lambda t, generator: W


def switch(before, after, at):
    """Follow `before` for t < at, then `after` on its own clock: after(0), after(1), ..."""
    return lambda t, generator: before(t, generator) if t < at else after(t - at, generator)


def window(outside, inside, start, stop):
    """Follow `inside` for start <= t < stop and `outside` elsewhere, both on the clock of the run."""

    def acting(t, generator, view=None):
        return ask(inside if start <= t < stop else outside, t, generator, view)

    acting.sees = sees(inside) or sees(outside)
    return acting


def every(schedule, rounds):
    """Follow `schedule` on its own clock, once every `rounds` rounds: at t = rounds − 1, 2·rounds − 1, ..."""
    return lambda t, generator: schedule(t // rounds, generator) if t % rounds == rounds - 1 else None


def merge(agents):
    """One exact global merge J = 11ᵀ/m by AllReduce in every round it acts: an `Average` over everyone."""
    everyone = np.ones(at_least(1, agents=agents), dtype=bool)
    return always(Average(everyone, everyone))


def server(agents, participation=1.0):
    """Federated averaging: in every round a server averages the models of a random subset S and sends it to all.

    S has round(participation · agents) >= 1 agents (a half rounds to the even number), uniformly without replacement;
    every row of W is 1_S/|S|. McMahan et al., "Communication-efficient learning of deep networks from decentralized
    data", AISTATS 2017, arXiv:1602.05629, with shares of equal size. There the rest of the agents does no local steps;
    here it does and loses them to the average, so that the models are the same (a momentum of theirs moves on).
    """
    agents, share = at_least(1, agents=agents), at_most_one(participation=participation)
    size = round(share * agents)
    least = "so that at least one agent takes part"
    require(size >= 1, f"participation is {participation!r}; it must be larger among {agents} agents, {least}.")
    everyone = np.ones(agents, dtype=bool)
    if size == agents:
        return always(Average(everyone, everyone, server=True))

    def drawn(t, generator):
        members = np.zeros(agents, dtype=bool)
        members[generator.choice(agents, size, replace=False)] = True
        return Average(members, everyone, server=True)

    return drawn


def then_merge(schedule, agents, at):
    """Follow `schedule`, but in round `at` merge globally, once."""
    return window(schedule, merge(agents), at, at + 1)


# Named methods as fields of `sim.spec.Spec`; what a method leaves open (lr, rounds, peers, participation) is the run's.
METHODS = {
    "local": {"optimizer": "sgd", "gossip": "none", "final_merge": False},
    "fedavg": {"optimizer": "sgd", "gossip": "server", "final_merge": False},
    "fedadamw": {"optimizer": "adamw", "gossip": "server", "final_merge": False},
    "one_shot": {"optimizer": "sgd", "gossip": "none", "final_merge": True},
    "one_shot_fedadamw": {"optimizer": "adamw", "gossip": "none", "final_merge": True},
    "dsgd": {"optimizer": "sgd", "gossip": "random_peers", "final_merge": False},
    "dadamw": {"optimizer": "adamw", "gossip": "random_peers", "final_merge": False},
    "dsgd_one_merge": {"optimizer": "sgd", "gossip": "random_peers", "final_merge": True},
    "dadamw_one_merge": {"optimizer": "adamw", "gossip": "random_peers", "final_merge": True},
    "parallel_sgd": {"optimizer": "sgd", "gossip": "complete", "final_merge": False, "local_steps": 1},
}
