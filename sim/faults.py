"""Networks as users have them: messages that get lost, agents that fail and rejoin, peers whose news is old.

A round t of a run with faults, in this order:

1. Local steps of the active agents. An absent agent keeps its model and its optimizer's state, and goes on from there
   when it rejoins.
2. Publication, in rounds that communicate (`apply` leaves something of the communication): the fresh agents publish
   the model that they are about to mix, published_k <- θ_k. Of the others peers hear the last published copy, at the
   start their initial model.
3. Communication. Gossip with W' = `apply`(W, draw) has the agent's own term from its model and the foreign ones from
   what is published,

       θ_i <- W'_ii θ_i + Σ_{j != i} W'_ij published_j.

   An `Average` (AllReduce, server) is synchronous and reliable: it is of the present models themselves, over the
   members that are there, and neither lost messages nor stale copies touch it.

With combine_then_adapt, 1 comes last.

Everything is a pure function of (seed, t): a resumed run needs no state but the published copies.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array, issparse

from sim.randomness import stream
from sim.schedule import Average
from sim.traffic import messages
from theory.edges import at_least, at_most_one
from theory.errors import require, shown


@dataclass(frozen=True)
class Faults:
    """Chances of faults in a round, and absences that are planned.

    `drop`: each message is lost with this probability, independently; the receiver gives the weight to itself. W' is
    row-stochastic with E[W'] = drop I + (1 - drop) W, but its columns do not sum to 1 and the mean drifts. With
    `drop_pairs` both directions between two agents are lost together: a symmetric W stays doubly stochastic.
    `outage`: with this probability an outage of an agent begins in a round, independently; it is absent for
    `outage_rounds` rounds from there on. Outages may overlap: an agent is there in round t with probability
    (1 - outage)^min(t + 1, outage_rounds).
    `stale`: with this probability an agent publishes nothing in a round, independently.
    `absences`: ((agent, start, stop), ...), the agent is absent in the rounds start <= t < stop.
    """

    drop: float = 0.0
    drop_pairs: bool = False
    outage: float = 0.0
    outage_rounds: int = 1
    stale: float = 0.0
    absences: tuple = ()

    def __post_init__(self):
        at_most_one(drop=self.drop, outage=self.outage, stale=self.stale)
        at_least(1, outage_rounds=self.outage_rounds)
        pairs = isinstance(self.drop_pairs, bool)
        require(pairs, f"drop_pairs is {shown(self.drop_pairs)}; it must be True or False")
        require(isinstance(self.absences, tuple), f"absences are {shown(self.absences)}; they must be a tuple")
        for absence in self.absences:
            three = isinstance(absence, tuple) and len(absence) == 3 and all(type(part) is int for part in absence)
            valid = three and absence[0] >= 0 and 0 <= absence[1] < absence[2]
            expected = "integers (agent, start, stop) with 0 <= start < stop"
            require(valid, f"an absence is {shown(absence)}; it must be {expected}")

    @property
    def possible(self):
        """Whether anything can fail at all."""
        return self.drop > 0 or self.outage > 0 or self.stale > 0 or bool(self.absences)

    def at(self, seed, agents, t):
        """The `FaultDraw` of round t >= 0 among `agents` agents in the run of `seed`."""
        agents, t = at_least(1, agents=agents), at_least(0, t=t)
        active, stale = np.ones(agents, dtype=bool), np.zeros(agents, dtype=bool)
        if self.outage > 0:
            for begin in range(max(t - self.outage_rounds + 1, 0), t + 1):
                active &= stream(seed, "outage", begin).random(agents) >= self.outage
        for agent, start, stop in self.absences:
            require(agent < agents, f"agent {agent} is to be absent; there are agents from 0 to {agents - 1}")
            active[agent] &= not start <= t < stop
        if self.stale > 0:
            stale = stream(seed, "stale", t).random(agents) < self.stale
        return FaultDraw(active, active & ~stale, self, seed, t)


@dataclass(frozen=True, eq=False)
class FaultDraw:
    """What happens in one round: `active` bool [agents] takes part, `fresh` bool [agents] publishes its model."""

    active: np.ndarray
    fresh: np.ndarray
    faults: Faults
    seed: int
    round: int

    def arrives(self, receivers, senders):
        """Which of the messages of a W arrive, bool [k]; `receivers`, `senders` int64 [k] as `messages` lists them.

        The draws go through the messages of W (with drop_pairs: the pairs that talk, in lexicographic order), whether
        or not the agents are there, so that an outage shifts no other loss.
        """
        there, faults = self.active[receivers] & self.active[senders], self.faults
        if faults.drop == 0:
            return there
        generator = stream(self.seed, "drop", self.round)
        if not faults.drop_pairs:
            return there & (generator.random(len(receivers)) >= faults.drop)
        pair = np.minimum(receivers, senders) * len(self.active) + np.maximum(receivers, senders)
        pairs, which = np.unique(pair, return_inverse=True)
        return there & (generator.random(len(pairs)) >= faults.drop)[which]


def apply(communication, draw):
    """What is left of a communication in the round of a `FaultDraw`: W' of W, dense or sparse as W is (rows of W sum
    to 1), an `Average` among those present, or None.

    W'_ij = W_ij where the message from j to i arrives, else 0, and W'_ii = W_ii + Σ_lost W_ij. The row of an agent that
    hears nobody is exactly that of the identity. Without a loss W itself is returned.
    """
    if communication is None:
        return None
    agents = len(draw.active)
    shape = communication.members.shape * 2 if isinstance(communication, Average) else communication.shape
    require(shape == (agents, agents), f"faults of {agents} agents do not fit a communication among {list(shape)}.")
    if isinstance(communication, Average):
        return communication.among(draw.active)
    if draw.faults.drop == 0 and draw.active.all():
        return communication
    receivers, senders, weights = messages(communication)
    arrives = draw.arrives(receivers, senders)
    if arrives.all():
        return communication
    lost = ~arrives
    own = communication.diagonal() + np.bincount(receivers[lost], weights[lost], agents)
    own[np.bincount(receivers[arrives], minlength=agents) == 0] = 1.0
    if not issparse(communication):
        W = np.array(communication, dtype=np.float64)
        W[receivers[lost], senders[lost]] = 0.0
        np.fill_diagonal(W, own)
        return W
    everyone = np.arange(agents)
    rows, columns = np.concatenate([receivers[arrives], everyone]), np.concatenate([senders[arrives], everyone])
    W = csr_array(coo_array((np.concatenate([weights[arrives], own]), (rows, columns)), shape=(agents, agents)))
    W.eliminate_zeros()
    return W
