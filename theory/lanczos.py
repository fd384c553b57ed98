"""Extreme eigenvalues of a symmetric map on the vectors that sum to 0, with residuals, under a time limit.

The Lanczos recurrence A V = V T + b v eᵀ turns the map into a tridiagonal T. An eigenvalue θ of T, T s = θ s, has the
residual r = |A V s - θ V s| = b |s_last|, and A has an eigenvalue within r of θ. Without reorthogonalization T repeats
eigenvalues that have converged and invents none at the ends (Paige, "Accuracy and effectiveness of the Lanczos
algorithm for the symmetric eigenproblem", 1980), so that three vectors are enough for 10^6 agents.
"""

import math
import time
from dataclasses import dataclass, field
from numbers import Real

import numpy as np
from scipy.linalg import eigh_tridiagonal, eigvalsh_tridiagonal

from theory.errors import OnemergeError, require

MOST = 100_000  # steps
FIRST_LOOK = 12  # steps before the first eigenvalues of T
TINY = 1e-300  # in the place of a distance of 0
BREAKDOWN = 1e-14  # the space is exhausted when the next vector is this small beside T


@dataclass(frozen=True)
class Clock:
    """A time limit in seconds, None for none, that starts to run when the value is made."""

    limit: float | None = None
    started: float = field(default_factory=time.perf_counter)

    def __post_init__(self):
        number = isinstance(self.limit, Real) and not isinstance(self.limit, bool)
        valid = self.limit is None or (number and self.limit > 0)
        require(valid, f"the time limit is {self.limit!r}; it must be a positive number of seconds, or None")

    def seconds(self):
        return time.perf_counter() - self.started

    def left(self):
        return math.inf if self.limit is None else self.limit - self.seconds()

    def check(self, state):
        """Raise when the time is over; `state` says in words how far the computation came."""
        if self.left() < 0:
            raise OnemergeError(f"no result within the time limit of {self.limit:g} s: {state}")


@dataclass(frozen=True)
class End:
    """One end of the spectrum of T: the extreme eigenvalue, its residual, and the distances to the next ones inward."""

    value: float
    residual: float
    ladder: np.ndarray
    coordinates: np.ndarray  # s of the extreme eigenvalue

    @property
    def error(self):
        return error_of(self.residual, self.ladder)


def error_of(residual, ladder):
    """Estimated error of an extreme eigenvalue: the best of r and w_j + r²/w_(j+1) over the `ladder` 0 < w_1 < w_2 ...

    Kato and Temple: an eigenvalue of residual r that lies d from the rest errs by r²/d. Nearer ones count as a cluster
    whose width adds to the error. The distances come from T and not from A, hence an estimate.
    """
    widths = np.concatenate([[0.0], ladder])
    return float(min([residual, *(widths[:-1] + residual**2 / np.maximum(widths[1:], TINY))]))


def _end(alphas, betas, upper):
    """`End` of T with the diagonal alphas [k] and, but for the last, the off-diagonal betas [k]."""
    k = len(alphas)
    sign = 1 if upper else -1
    diagonal, off = sign * np.array(alphas), np.array(betas[:-1])
    if k == 1:
        return End(alphas[0], betas[-1], np.empty(0), np.ones(1))
    few = min(k, 8)
    values = eigvalsh_tridiagonal(diagonal, off, select="i", select_range=(k - few, k - 1))[::-1]
    vector = eigh_tridiagonal(diagonal, off, select="i", select_range=(k - 1, k - 1))[1][:, 0]
    coordinates = vector * sign ** np.arange(k)  # off-diagonals of -T change their signs with those of every other row
    return End(float(sign * values[0]), float(betas[-1] * abs(vector[-1])), values[0] - values[1:], coordinates)


def lanczos(apply, agents, accepted, clock, most=MOST, keep=False):
    """((upper End, lower End), vector) of the symmetric map `apply` of [n] to [n], n >= 2, on vectors that sum to 0.

    Goes on until accepted(upper, lower), the space is exhausted, or `most` steps are done; steps that were not accepted
    give None. vector(end) is the unit Ritz vector V s: from the kept basis, which is then also reorthogonalized, or by
    the recurrence once more.
    """
    start = np.random.default_rng(0).standard_normal(agents)
    start -= start.mean()
    start /= np.linalg.norm(start)
    alphas, betas, basis = [], [], []
    v, before, look = start, np.zeros(agents), FIRST_LOOK
    for step in range(1, most + 1):
        clock.check(f"Lanczos came to step {step}, not to its tolerance")
        if keep:
            basis.append(v)
        w = apply(v) - (betas[-1] if betas else 0.0) * before
        alphas.append(float(v @ w))
        w -= alphas[-1] * v
        for u in basis:
            w -= (u @ w) * u
        w -= w.mean()
        betas.append(float(np.linalg.norm(w)))
        exhausted = betas[-1] <= BREAKDOWN * max(map(abs, (*alphas, *betas))) or step >= agents - 1 == len(basis)
        if step == look or exhausted:
            ends = _end(alphas, betas, True), _end(alphas, betas, False)
            if exhausted or accepted(*ends):
                return ends, lambda end: _ritz_vector(apply, start, alphas, betas, basis, end)
            look += max(4, step // 12)
        v, before = w / betas[-1], v
    return None


def _ritz_vector(apply, start, alphas, betas, basis, end):
    if basis:
        x = np.column_stack(basis) @ end.coordinates
        return x / np.linalg.norm(x)
    x, v, before, beta = np.zeros(len(start)), start, np.zeros(len(start)), 0.0
    for alpha, after, weight in zip(alphas, betas, end.coordinates, strict=True):
        x += weight * v
        w = apply(v) - beta * before - alpha * v
        w -= w.mean()
        v, before, beta = w / after if after else w, v, after
    return x / np.linalg.norm(x)
