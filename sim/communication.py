"""The communication of one round of all replicas: drawn on the CPU, with its faults, counted, and applied in place."""

import numpy as np
import torch
from scipy.sparse import eye_array

from sim.arguments import require_communication
from sim.faults import apply
from sim.following import Views
from sim.mixing import exchange, mix_
from sim.randomness import Later
from sim.schedule import Average, ask, sees
from sim.traffic import sent
from theory.errors import require


class Communicator:
    """Who talks to whom in a run of `problem`, by one schedule for all replicas or a tuple of one for each.

    Draws are those of the streams "gossip" and of the faults' own, one for every seed: replicas of the same seed and
    schedule share them, unless the schedule sees the models (sim.following). After `next_round(state)`:

    talk    X [n, d] -> None, X ← W X in place (None: all are silent); with models that carry statistics it mixes them
            too, unless the problem keeps them apart, and has those of exact averages estimated again
    active  int64 rows of the agents that take local steps (None: all)
    sent    [replicas, 2] messages and bytes of the round
    """

    def __init__(self, problem, schedule, faults=None):
        self.problem, self.replicas = problem, len(problem.seeds)
        self.schedules = schedule if isinstance(schedule, tuple) else (schedule,) * self.replicas
        fits = len(self.schedules) == self.replicas
        require(fits, f"a tuple of schedules has one for each of {self.replicas} replicas, not {len(self.schedules)}.")
        self.faults = faults if faults is not None and faults.possible else None
        self.silence = eye_array(problem.agents, format="csr")
        self.mixes_statistics = getattr(problem, "mixes_statistics", False)
        self.size = problem.dim + (problem.statistics if self.mixes_statistics else 0)
        self.known, self.counted = ((), None), (None, (0, 0))
        self.views = Views(problem) if any(map(sees, self.schedules)) else None

    @property
    def stale(self):
        """Whether peers may hear old models, so that a state needs copies of what was published."""
        return self.faults is not None and self.faults.stale > 0

    def next_round(self, state):
        """Draw round `state.round`."""
        self.state, t = state, state.round
        seeds, agents = self.problem.seeds, self.problem.agents
        draws = {} if self.faults is None else {seed: self.faults.at(seed, agents, t) for seed in dict.fromkeys(seeds)}
        views = [None] * self.replicas if self.views is None else self.views(state)
        drawn, left, counts = {}, [], []
        for replica, (schedule, seed) in enumerate(zip(self.schedules, seeds, strict=True)):
            one = (id(schedule), seed, replica if sees(schedule) else None)
            if one not in drawn:
                said, draw = ask(schedule, t, Later(seed, "gossip", t), views[replica]), draws.get(seed)
                require_communication(said, agents)
                drawn[one] = said if draw is None else apply(said, draw), self._count(said, draw)
            said, count = drawn[one]
            left.append(said)
            counts.append(count)
        self.sent = np.array(counts, dtype=np.float64)
        self.averages = {r: said for r, said in enumerate(left) if isinstance(said, Average)}
        self.exchange = self._exchange([said for said in left if not isinstance(said, Average)], left)
        self.active = self._rows([draws[seed].active for seed in seeds]) if draws else None
        said = [one is not None for one in left]  # a replica in which nobody talks publishes nothing
        fresh = [draws[seed].fresh & talks for seed, talks in zip(seeds, said, strict=True)] if self.stale else []
        self.fresh = self._rows(fresh) if fresh else None
        self.talk = self._talk if any(said) else None

    def _count(self, said, draw):
        """Messages and bytes of what was said; a constant W is counted once."""
        if draw is None and said is self.counted[0]:
            return self.counted[1]
        count = sent(said, self.size, self.problem.dtype.itemsize, None if draw is None else draw.active)
        if draw is None:
            self.counted = said, count
        return count

    def _exchange(self, gossip, left):
        """The exchange of the replicas that gossip; kept while the matrices are the same ones."""
        if all(W is None for W in gossip):
            return None
        matrices = [self.silence if W is None or isinstance(W, Average) else W for W in left]
        before, made = self.known
        same = len(before) == len(matrices) and all(one is W for one, W in zip(before, matrices, strict=True))
        if not same:
            made = exchange(matrices, self.problem.dtype, self.problem.device)
            self.known = matrices, made
        return made

    def _rows(self, marks):
        """Flat rows of the marked agents, None where that is all of them."""
        marks = np.concatenate(marks)
        return None if marks.all() else torch.as_tensor(np.flatnonzero(marks), device=self.problem.device)

    def _talk(self, models):
        statistics = self.state.statistics
        statistics = None if statistics is None else statistics.flatten(0, 1)
        heard = self._published(models, statistics)
        if self.exchange is not None:
            mix_(models, self.exchange, None if heard is None else heard[:, : self.problem.dim])
            if self.mixes_statistics:
                mix_(statistics, self.exchange, None if heard is None else heard[:, self.problem.dim :])
        for r, average in self.averages.items():
            self._average(r, average, models, statistics)

    def _published(self, models, statistics):
        """What peers hear [n, d + b] after the fresh agents have published, None: the models themselves."""
        if self.state.published is None:
            return None
        published = self.state.published.flatten(0, 1)
        rows = slice(None) if self.fresh is None else self.fresh
        published[rows, : self.problem.dim] = models[rows]
        if statistics is not None:
            published[rows, self.problem.dim :] = statistics[rows]
        return published

    def _average(self, replica, average, models, statistics):
        """The exact average of one replica, over the models themselves."""
        first = replica * self.problem.agents
        members, hears = (torch.as_tensor(np.flatnonzero(marks) + first) for marks in (average.members, average.hears))
        for tensor in (models, statistics if self.mixes_statistics else None):
            if tensor is not None:
                tensor[hears] = _rows_of(tensor, members).mean(dim=0)
        if statistics is not None and self.problem.reestimates:
            statistics[hears] = self.problem.reestimated(self.problem.seeds[replica], models[hears[0]])


def _rows_of(tensor, rows):
    """The rows, which ascend; a view where they are neighbors."""
    first, last = int(rows[0]), int(rows[-1])
    return tensor[first : last + 1] if last - first + 1 == len(rows) else tensor[rows]
