"""Who communicates when: schedules of mixing matrices over rounds, composed by functions.

A schedule is a callable (t, generator) -> W [agents, agents], or None when nobody talks in round t = 0, 1, ...; the
`draw` method of every gossip in theory.gossip is one. Rounds are integers.
"""

from theory.mixing import complete_average


def silent(t, generator):
    """Nobody communicates, ever (local training only)."""
    return


def always(W):
    """The same mixing matrix W in every round."""
    return lambda t, generator: W


def switch(before, after, at):
    """Follow `before` for t < at, then `after` on its own clock: after(0), after(1), ..."""
    return lambda t, generator: before(t, generator) if t < at else after(t - at, generator)


def window(outside, inside, start, stop):
    """Follow `inside` for start <= t < stop and `outside` elsewhere, both on the clock of the run."""
    return lambda t, generator: (inside if start <= t < stop else outside)(t, generator)


def every(schedule, rounds):
    """Follow `schedule` on its own clock, once every `rounds` rounds: at t = rounds − 1, 2·rounds − 1, ..."""
    return lambda t, generator: schedule(t // rounds, generator) if t % rounds == rounds - 1 else None


def merge(agents):
    """One exact global merge W = J = 11ᵀ/m in every round it acts (federated averaging, AllReduce)."""
    return always(complete_average(agents))


def then_merge(schedule, agents, at):
    """Follow `schedule`, but in round `at` merge globally, once."""
    return window(schedule, merge(agents), at, at + 1)
