"""The worst case with one Gram matrix of all agents' vectors: exact for every fixed gossip, slow, for a few agents.

The obvious program that `decentralized` makes small: points and gradients of every agent are coefficient vectors over
all gradients of all agents, the run is followed step by step, and every agent has its own interpolation inequalities
and its own values. Nothing is averaged, diagonalized or left out, so it serves as the twin of the fast one, and for
gossip that changes from round to round or has a direction, which the fast one does not know.
"""

import numpy as np

from theory.errors import OnemergeError, require
from theory.proof.worst_case import setting_of
from theory.rounds import Gossip, constant, periodic
from theory.validate import as_mixing

LARGEST = 250  # vectors; the solver fills matrices of their number squared


def full_gram(
    mixing, steps, lr, L=1.0, kind="convex", mu=0.0, about="consensus_distance", order="adapt_then_combine", **limits
):
    """The worst case, a float; arguments as for `worst_case`, but for the mixing.

    mixing: W [m, m] whose rows sum to 1, symmetric or not; a sequence of them [rounds, m, m], which is repeated; or a
    `Gossip` that is not random.
    """
    try:
        import cvxpy as cp
    except ImportError as error:
        raise OnemergeError("the full Gram matrix needs cvxpy; install it with pip install '.[sdp]'") from error
    setting, factor = setting_of(steps, lr, L, kind, mu, about, order, limits).scaled()
    gossip = _gossip(mixing)
    m, N = gossip.agents, setting.steps
    spread, bounded = setting.initial_consensus_distance is not None, about != "consensus_distance"
    convex = setting.lower >= 0 and bounded
    names = [("agent", t) for t in range(N)] + [("mean", t) for t in range(N + 1)] + [("star", 0)] * convex
    size = (len(names) + spread) * m + convex
    require(size <= LARGEST, f"{m} agents and {N} steps need {size} vectors; the full Gram matrix takes {LARGEST}")
    unit = iter(np.eye(size))
    g = {name: np.array([next(unit) for _ in range(m)]) for name in names}
    x = {}
    if convex:
        g["star", 0][-1] = -g["star", 0][:-1].sum(0)  # the mean loss has its minimizer there
        x["star", 0] = np.tile(next(unit), (m, 1))
    X = np.array([next(unit) for _ in range(m)]) if spread else np.zeros((m, size))
    X = X - X.mean(0)
    for t in range(N):
        x["agent", t], x["mean", t] = X, np.tile(X.mean(0), (m, 1))
        if np.abs(X - X.mean(0)).max() < 1e-12:  # one point, one gradient
            g["mean", t] = g["agent", t]
        W = gossip.draw(t, None)
        moved = W @ X if setting.order == "combine_then_adapt" else X
        moved = moved - setting.lr * g["agent", t]
        X = W @ moved if setting.order == "adapt_then_combine" else moved
    x["mean", N] = np.tile(X.mean(0), (m, 1))

    gram = cp.Variable((size, size), PSD=True)
    f = {name: cp.Variable(m) for name in names}
    least, level = cp.Variable(), cp.Variable()

    def inner(a, b):
        """The mean over rows of <a, b>, linear in the Gram matrix."""
        form = a.T @ b / len(a)
        return cp.sum(cp.multiply((form + form.T) / 2, gram))

    def mean_gradient_sq(t):
        mean = g["mean", t].mean(0, keepdims=True)
        return inner(mean, mean)

    for t in range(N):
        if g["mean", t] is g["agent", t]:
            f["mean", t] = f["agent", t]
    constraints, lower = [f["mean", 0] == 0] if not bounded else [], setting.lower
    for k in range(m):
        for a in names:
            for b in names:
                if a != b and g[a] is not g[b]:
                    dx, dg = (x[a] - x[b])[k : k + 1], (g[a] - g[b])[k : k + 1]
                    square = inner(dg, dg) + lower * inner(dx, dx) - 2 * lower * inner(dg, dx)
                    gap = f[b][k] - f[a][k] + inner(g[b][k : k + 1], dx)
                    constraints.append(gap + square / (2 * (1 - lower)) <= 0)
    loss = {t: cp.sum(f["mean", t]) / m for t in range(N + 1)}
    if convex:
        constraints.append(least == cp.sum(f["star", 0]) / m)
    elif bounded:
        constraints += [loss[t] - mean_gradient_sq(t) / 2 >= least for t in range(N + 1)]
    if setting.phi is not None:
        constraints += [inner(g["agent", t], g["agent", t]) <= setting.phi**2 for t in range(N)]
    if setting.zeta is not None:
        spread = [g["mean", t] - g["mean", t].mean(0) for t in range(N)]
        constraints += [inner(one, one) <= setting.zeta**2 for one in spread]
    if setting.initial_gap is not None:
        constraints.append(loss[0] - least <= setting.initial_gap)
    if setting.initial_distance_sq is not None:
        constraints.append(inner(x["star", 0], x["star", 0]) <= setting.initial_distance_sq)
    if setting.initial_consensus_distance is not None:
        constraints.append(inner(x["agent", 0], x["agent", 0]) <= setting.initial_consensus_distance)
    if about == "gradient_norm_sq_least":
        constraints += [level <= mean_gradient_sq(t) for t in range(N + 1)]
    if bounded:
        constraints.append(least == 0)
    objectives = {
        "consensus_distance": inner(X - X.mean(0), X - X.mean(0)),
        "gradient_norm_sq": mean_gradient_sq(N),
        "gradient_norm_sq_mean": sum(map(mean_gradient_sq, range(N))) / N,
        "gradient_norm_sq_least": level,
        "loss_gap": loss[N] - least,
        "loss_gap_mean": sum(loss[t] for t in range(N)) / N - least,
    }
    if convex:
        away = x["mean", N] - x["star", 0]
        objectives["final_distance_sq"] = inner(away, away)
    value = cp.Problem(cp.Maximize(objectives[setting.about]), constraints).solve(solver="CLARABEL")
    return float(value) * factor


def _gossip(mixing):
    """The gossip of a matrix, of a sequence of them, or itself where it is not random."""
    if isinstance(mixing, Gossip):
        require(mixing.deterministic, "a worst case needs gossip that is not random; give its rounds as a sequence")
        return mixing
    require(np.ndim(mixing) in (2, 3), "the full Gram matrix needs mixing matrices, [m, m] or [rounds, m, m]")
    return constant(as_mixing(mixing)) if np.ndim(mixing) == 2 else periodic([as_mixing(W) for W in mixing])
