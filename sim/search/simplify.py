"""Greedy moves to a smaller problem: fewer agents and steps, plainer matrices, and numbers that are small fractions.

A move is kept where the float ratio of the statement stays clearly above 1. What remains has numbers that are exact as
fractions, for `sim.search.exact_point` to confirm.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from sim.search.quadratic_run import QuadraticRun

GRIDS = (3, 20, 1000, 10**6)  # denominators of matrices that are no (1 - share) I + share J
PATH = np.array([[2, 1, 0], [1, 1, 1], [0, 1, 2]]) / 3  # of three agents, Metropolis weights
PLAIN = "smooth_huber"
PAIRS = ((2, 0), (1, 0), (1, -1), (0, 2), (0, 1), (-1, 1))
SMALL = (0, 1, -1, 2, -2, Fraction(1, 2), Fraction(-1, 2), 4, -4, Fraction(1, 4), Fraction(-1, 4), 3, -3)
DENOMINATORS = (1, 2, 3, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 256, 1000, 4096, 10**5, 10**7, 10**10)


def fractions_near(value):
    """Fractions from plain ones to those closer and closer to a float."""
    value = float(value)
    near = [Fraction(value).limit_denominator(d) for d in DENOMINATORS] if abs(value) > 1e-6 else []
    seen = dict.fromkeys([*map(Fraction, SMALL), *near, Fraction(value)])
    return [one for one in seen if one == 0 or one * value > 0 or value == 0]


def simplest(problem, ratio, together, least):
    """The problem after all moves that keep it a violation, with fractions for all of its numbers.

    ratio(problem) is that of the statement, above `least` where it is violated; `together` says that agents must start
    from one model.
    """
    moves, numbers = (
        (_quadratic_moves, _quadratic_numbers)
        if isinstance(problem, QuadraticRun)
        else (_smooth_moves, _smooth_numbers)
    )

    def violates(candidate):
        value = None if candidate is None else ratio(candidate)
        return value is not None and value > least

    while (smaller := next(filter(violates, moves(problem, together)), None)) is not None:
        problem = smaller
    for _ in range(2):  # what the first pass has made simple may let others be simpler
        for read, write in numbers(problem, together):
            candidates = (write(problem, value) for value in fractions_near(read(problem)))
            problem = next(filter(violates, candidates), problem)
    return problem


def mixed(agents, share):
    """(1 - share) I + share J as rows."""
    return tuple(tuple((1 - share if i == j else 0) + share / agents for j in range(agents)) for i in range(agents))


def _share(W):
    """The share of J in a matrix (1 - share) I + share J, or None for any other."""
    W = np.array(W, dtype=float)
    m = len(W)
    if m == 1:
        return 1.0
    share = m * W[0, 1]
    return share if np.abs(W - np.array(mixed(m, share))).max() < 1e-12 else None


def _shares(W):
    own = m / (m - 1) * (1 - np.trace(np.array(W, dtype=float)) / m) if (m := len(W)) > 1 else 1.0
    return dict.fromkeys((Fraction(1, 2), Fraction(1), Fraction(1, 4), Fraction(3, 4), min(own, 1.0)))


def _smooth_moves(run, together):
    m = run.agents
    for k in range(m if m > 2 else 0):
        rest = [j for j in range(m) if j != k]
        names = ("heights", "shifts", "slopes", "start", "noise")
        kept = {name: tuple(getattr(run, name)[j] for j in rest) for name in names}
        kept["slopes"] = tuple(slope - sum(kept["slopes"]) / (m - 1) for slope in kept["slopes"])
        for share in _shares(run.W):
            yield replace(run, **kept, W=mixed(m - 1, share))
    for steps in range(1, run.steps):
        yield replace(run, steps=steps)
    if any(run.noise):
        yield replace(run, noise=(0,) * m)
    if run.profile != PLAIN:
        yield replace(run, profile=PLAIN)
    if _share(run.W) is None:
        for share in _shares(run.W):
            yield replace(run, W=mixed(m, share))
    if run.width != 1:
        w, scale = run.width, max(map(abs, run.heights))
        yield replace(
            run, width=1, heights=tuple(a / scale for a in run.heights), start=tuple(v / w for v in run.start),
            shifts=tuple(v / w for v in run.shifts), slopes=tuple(v * w / scale for v in run.slopes),
            noise=tuple(v * w / scale for v in run.noise), lr=run.lr * scale / w**2,
        )  # fmt: skip
    if together and any(run.start):
        yield replace(run, start=(0,) * m)
    if any(run.slopes):
        yield replace(run, slopes=(0,) * m)
    if m == 2 and len(set(run.heights)) == 2 and run.heights not in PAIRS:
        for pair in PAIRS:
            yield replace(run, heights=pair)


def _entry(name, place):
    def write(run, value):
        values = list(getattr(run, name))
        values[place] = value
        if name == "slopes":  # whose mean is zero
            values[-1] = -sum(values[:-1])
        return replace(run, **{name: tuple(values)})

    return lambda run: getattr(run, name)[place], write


def _all(name):
    return lambda run: getattr(run, name)[0], lambda run, value: replace(run, **{name: (value,) * run.agents})


def _positive(name):
    return lambda run: getattr(run, name), lambda run, value: replace(run, **{name: value}) if value > 0 else None


def _smooth_numbers(run, together):
    m, every = run.agents, range(run.agents)
    if _share(run.W) is not None:
        yield lambda run: _share(run.W), _mix_smooth
    else:
        yield from (_grid_smooth(d) for d in GRIDS)
    yield _positive("width")
    yield from [_all("heights")] if len(set(run.heights)) == 1 else [_entry("heights", k) for k in every]
    yield _all("shifts")
    if any(run.slopes):
        yield from [_entry("slopes", k) for k in range(m - 1)]
    yield from [_all("start")] if together else [_entry("start", k) for k in every]
    yield from [_entry("noise", k) for k in every]
    yield _positive("lr")


def _mix_smooth(run, value):
    return replace(run, W=mixed(run.agents, value)) if _fits(run, value) else None


def _stochastic(W, denominator):
    """W to this denominator, its last row and column making up for the others; None where a weight would be below 0."""
    if isinstance(W[0][0], Fraction):  # a coarser grid has done
        return None
    near = [[Fraction(round(denominator * w), denominator) for w in row] for row in W]
    m = len(near)
    for row in near[:-1]:
        row[-1] = 1 - sum(row[:-1])
    near[-1] = [1 - sum(near[i][j] for i in range(m - 1)) for j in range(m)]
    return tuple(map(tuple, near)) if all(w >= 0 for row in near for w in row) else None


def _grid_smooth(denominator):
    def write(run, _):
        W = _stochastic(run.W, denominator)
        return W and replace(run, W=W)

    return lambda _: 1.0, write


def _grid_quadratic(denominator):
    def write(run, _):
        Ws = [_stochastic(W, denominator) for W in run.mixings]
        return replace(run, mixings=np.array(Ws, dtype=object)) if all(Ws) else None

    return lambda _: 1.0, write


def _quadratic_moves(run, together):
    m, k = run.agents, len(run.mixings)
    for gone in range(m if m > 2 else 0):
        rest = [j for j in range(m) if j != gone]
        noise = run.noise[np.ix_(rest, rest)]
        noise = noise * (np.trace(run.noise) / m) / (np.trace(noise) / (m - 1)) if np.trace(noise) > 0 else noise
        for share in _shares(run.mixings[0]):
            W = np.array(mixed(m - 1, share), dtype=float)
            yield replace(
                run, mixings=W[None], drawn=False, noise=noise, h=run.h[rest], g=run.g[rest], start=run.start[rest]
            )
    for W in run.mixings if k > 1 or run.drawn else ():
        yield replace(run, mixings=W[None], drawn=False)
    if k == 1 and _share(run.mixings[0]) is None:
        for share in _shares(run.mixings[0]):
            yield replace(run, mixings=np.array(mixed(m, share), dtype=float)[None])
    if m >= 3 and not (m == 3 and np.array_equal(run.mixings[0], PATH)):  # the least topology with agents unlike others
        kept = {name: getattr(run, name)[:3] for name in ("h", "g", "start")}
        yield from (replace(run, mixings=PATH[None], drawn=False, noise=N, **kept) for N in _noises(run, 3))
    for steps in (1, 2, 3, 5, 10, 20):
        if steps < run.steps:
            yield replace(run, steps=steps)
    for name in ("h", "g", "start"):
        if np.any(getattr(run, name)):
            yield replace(run, **{name: np.zeros(m)})
    if not any(np.array_equal(run.noise, N) for N in _noises(run, m)):
        yield from (replace(run, noise=N) for N in _noises(run, m))


def _noises(run, m):
    """Plain covariances over m agents of the same mean variance: none, independent, of one agent alone, opposite.

    The last one only where the noise of the run is not independent already, which the statement may assume.
    """
    level = np.trace(run.noise) / run.agents
    signs, first = np.where(np.arange(m) % 2, -1.0, 1.0), np.eye(m)[0]
    plain = [np.zeros((m, m)), np.eye(m), m * np.outer(first, first)]
    shared = np.any(run.noise - np.diag(np.diagonal(run.noise)))
    return [level * N for N in [*plain, *([np.outer(signs, signs)] if shared else [])]]


def _cell(name, place):
    def write(run, value):
        values = np.array(getattr(run, name), dtype=object)
        values[place] = value
        return replace(run, **{name: values})

    return lambda run: getattr(run, name)[place], write


def _mix(run, value):
    return replace(run, mixings=np.array(mixed(run.agents, value), dtype=object)[None]) if _fits(run, value) else None


def _fits(run, share):
    """Whether (1 - share) I + share J has no negative weights."""
    return 0 <= share <= Fraction(run.agents, max(run.agents - 1, 1))


def _together():
    return lambda run: run.start[0], lambda run, value: replace(run, start=np.array([value] * run.agents, dtype=object))


def _quadratic_numbers(run, together):
    every, levels = range(run.agents), np.unique(np.abs(run.noise[run.noise != 0]))
    if len(run.mixings) == 1 and _share(run.mixings[0]) is not None:
        yield lambda run: _share(run.mixings[0]), _mix
    else:
        yield from (_grid_quadratic(d) for d in GRIDS)
    if len(levels) == 1:
        yield (
            lambda run: np.abs(run.noise).max(),
            lambda run, value: replace(run, noise=np.array(np.sign(run.noise.astype(float)) * value, dtype=object)),
        )
    for name in ("h", "g"):
        yield from (_cell(name, k) for k in every if np.any(getattr(run, name)))
    yield from [_together()] if together else [_cell("start", k) for k in every]
    yield _positive("lr")
