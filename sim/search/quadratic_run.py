"""Decentralized SGD on scalar quadratics by exact second moments, in floats or in fractions.

Agent k has L_k(x) = h_k x^2/2 + g_k x and noise of covariance `noise` [m, m] over the agents, independent over the
steps. With H = I - lr diag(h), y = H x - lr g and W the mixing of the round, E x and X = E[x x^T] follow

    adapt-then-combine   x <- W y,        X <- W (H (X - x x^T) H + y y^T + lr^2 noise) W^T
    combine-then-adapt   x <- W x - r,    X <- W X W^T - W E[x r^T] - E[r x^T] W^T + E[r r^T] + lr^2 noise,

with r = lr (h x + g) in the second, and the mean over the matrices where they are drawn. All of it is plain arithmetic
of arrays, so that arrays of fractions give exact numbers. `theory.moments` has it for any dimension, in float64.
"""

from dataclasses import dataclass, replace

import numpy as np

from theory.rounds import Gossip

OVERFLOW = 1e12


@dataclass(frozen=True, eq=False)
class QuadraticRun:
    """Mixings [k, m, m], in turn or drawn; h, g and start [m]; noise [m, m] of mean variance sigma^2; lr; steps."""

    mixings: np.ndarray
    drawn: bool
    h: np.ndarray
    g: np.ndarray
    start: np.ndarray
    noise: np.ndarray
    lr: float
    steps: int

    def each(self, kind):
        """The run with every number turned by `kind`, float or Fraction, say."""
        turned = np.vectorize(kind, otypes=[float if kind is float else object])
        names = ("mixings", "h", "g", "start", "noise")
        return replace(self, lr=kind(self.lr), **{name: turned(getattr(self, name)) for name in names})

    @property
    def agents(self):
        return len(self.h)


def variance_of(variances, tags):
    """The sigma^2 of agents' noise: the largest variance where the statement bounds every agent's, else their mean."""
    return max(variances) if "noise_per_agent" in tags else sum(variances) / len(variances)


def mixture(matrices):
    """I.i.d. rounds, each of the matrices [k, m, m] with probability 1/k."""
    transposed = np.swapaxes(matrices, 1, 2)
    return Gossip(
        agents=matrices.shape[1],
        period=1,
        mean_preserving=True,
        draw=lambda _, generator: matrices[generator.integers(len(matrices))],
        mean=lambda _: matrices.mean(axis=0),
        pull_back=lambda _, M: (transposed @ M @ matrices).mean(axis=0),
        push_forward=lambda _, M: (matrices @ M @ transposed).mean(axis=0),
    )


def moments(run, late):
    """(E x [t, m], E[x x^T] [t, m, m]) for t = 0 ... steps, or up to where they overflow; late: combine-then-adapt."""
    h, g, lr, k = run.h, run.g, run.lr, len(run.mixings)
    rounds = [run.mixings] * k if run.drawn else [W[None] for W in run.mixings]
    means = [Ws.sum(axis=0) / len(Ws) for Ws in rounds]
    H = np.diag(1 - lr * h)
    x, X, xs, Xs = run.start, np.outer(run.start, run.start), [], []
    for t in range(run.steps + 1):
        xs.append(x)
        Xs.append(X)
        Ws, average = rounds[t % k], means[t % k]
        if late:
            cross = average @ (X * (lr * h) + np.outer(x, lr * g))
            slopes = X * np.outer(h, h) + np.outer(h * x, g) + np.outer(g, h * x) + np.outer(g, g)
            X = _spread(Ws, X) - cross - cross.T + lr**2 * (slopes + run.noise)
            x = average @ x - lr * (h * x + g)
        else:
            moved = H @ x - lr * g
            X = _spread(Ws, H @ (X - np.outer(x, x)) @ H + np.outer(moved, moved) + lr**2 * run.noise)
            x = average @ moved
        if not np.abs(X).max() < OVERFLOW:
            break
    return np.array(xs), np.array(Xs)


def _spread(Ws, M):
    return sum(W @ M @ W.T for W in Ws) / len(Ws)


def history(run, late):
    """{quantity: [steps + 1]} of the run: its consensus distance, its merged model and the gradients at both."""
    x, X = moments(run, late)
    m, h, g, k = run.agents, run.h, run.g, len(run.mixings)
    rounds = [run.mixings] * k if run.drawn else [W[None] for W in run.mixings]
    total = X.sum(axis=(1, 2))
    at, at_sq = x.sum(axis=1) / m, total / m**2
    hh, hg, gg = np.outer(h, h), np.outer(h, g) + np.outer(g, h), np.outer(g, g)
    slope = at_sq[:, None, None] * hh + at[:, None, None] * hg + gg  # gradients of all agents at the mean
    diagonal, slopes = (np.diagonal(M, axis1=1, axis2=2) for M in (X, slope))
    mean_slope = slope.sum(axis=(1, 2)) / m**2
    off = [[W - W.sum(axis=0) / m for W in Ws] for Ws in rounds]  # W - J
    kept = [sum(D.T @ D for D in Ds) / len(Ds) for Ds in off]
    return {
        "consensus": (diagonal.sum(axis=1) - total / m) / m,
        "gradient": mean_slope,
        "middle": at,
        "middle_sq": at_sq,
        "zeta": slopes.sum(axis=1) / m - mean_slope,
        "phi": (h**2 * diagonal + 2 * h * g * x + g**2).sum(axis=1) / m,
        "near": (np.array([kept[t % k] for t in range(len(x))]) * slope).sum(axis=(1, 2)) / m,
    }
