"""The consensus distance of two agents with linear losses, exactly, and of random gossip by exact expectations.

Bounds are given by their names in `theory.bounds`, so that an instance prints as a line that runs.
"""

import numpy as np
from sympy import Integer, S, false, sqrt

from sim.randomness import stream
from sim.search.fleet import Fleet, pair, signs
from sim.testbed import Function, x
from theory.bounds import BOUNDS
from theory.proof.evidence import Measured
from theory.proof.exactly import exactly, number

FLAT = Function("zero", S.Zero, (S.Zero,) * 4, S.Zero, S.Zero, false, minimizer=S.Zero)


def rate(share):
    """The consensus rate p of `pair`."""
    return 1 - (1 - 2 * number(share)) ** 2


def linear_pair(start, slope):
    """Two agents at ± start with L_k(x) = ∓ slope x, the signs such that they drift apart; the global loss is 0."""
    return Fleet(FLAT, (start, -number(start)), (1, -1), -number(slope) * x)


def one_step(bound, share, start, slope, lr, noise=0):
    """E Ξ² of two linear losses after one step and gossip, against a bound; noise ± `noise` on each gradient."""
    fleet, W = linear_pair(start, slope), pair(share)
    law = signs(2, noise) if noise else [(Integer(1), (0, 0))]
    after = sum(chance * fleet.after(lr, W, drawn).consensus_distance for chance, drawn in law)
    phi_sq = sum(gradient**2 for gradient in fleet.gradients) / 2
    known = {"consensus_distance": fleet.consensus_distance, "local_gradient_norm_sq": phi_sq}
    return Measured(after, exactly(BOUNDS[bound], lr=lr, p=rate(share), agents=2, sigma=noise, **known))


def after_steps(bound, share, start, slope, lr, steps):
    """Ξ² of two linear losses after `steps` steps, without noise, against a bound on it for all steps."""
    fleet, W = linear_pair(start, slope), pair(share)
    phi_sq = sum(gradient**2 for gradient in fleet.gradients) / 2
    for _ in range(steps):
        fleet = fleet.after(lr, W)
    allowed = exactly(BOUNDS[bound], lr=lr, p=rate(share), agents=2, sigma=0, phi=sqrt(phi_sq))
    return Measured(fleet.consensus_distance, allowed)


def random_step(bound, seed):
    """E Ξ² after one step of random agents on a random law of doubly stochastic matrices, by its exact expectation.

    Some are linear losses on two eigenvalues with the deviation along the gradients, where bounds are tight.
    """
    generator = stream(seed, "one random step")
    m, d = int(generator.integers(2, 7)), int(generator.integers(1, 4))
    law = generator.dirichlet(np.ones(2))
    if generator.random() < 0.5:
        law, matrices = np.ones(1), [np.eye(m) + generator.uniform(0.05, 0.95) * (1 / m - np.eye(m))]
    else:
        matrices = [_mixture(m, generator) for _ in law]
    J = np.full((m, m), 1 / m)
    moment = sum(w * (W - J).T @ (W - J) for w, W in zip(law, matrices, strict=True))
    p = 1 - float(np.linalg.eigvalsh(moment)[-1])
    if not 1e-6 < p <= 1:
        return None
    slopes = generator.normal(size=(m, d))
    slopes = slopes - slopes.mean(axis=0) if generator.random() < 0.5 else slopes
    apart = -generator.uniform(0, 3) * slopes if generator.random() < 0.5 else generator.normal(size=(m, d))
    lr, sigma = generator.uniform(0.01, 2, 2) * (generator.random(2) < 0.8) + 1e-3
    moved = apart - lr * slopes
    spread = lambda y: float(((y - y.mean(axis=0)) ** 2).sum() / m)  # noqa: E731
    measured = float(np.sum(moved * (moment @ moved)) / m + lr**2 * sigma**2 * np.trace(moment) / m)
    phi_sq = float((slopes**2).sum() / m)
    values = {"lr": lr, "sigma": sigma, "p": p, "agents": m, "consensus_distance": spread(apart),
              "local_gradient_norm_sq": phi_sq}  # fmt: skip
    allowed = float(BOUNDS[bound](**BOUNDS[bound].arguments(values)))
    return Measured(measured, allowed, 1e-9 * allowed)


def _mixture(m, generator):
    """A random doubly stochastic matrix, directed."""
    weights = generator.dirichlet(np.full(3, 0.5))
    return sum(w * np.eye(m)[generator.permutation(m)] for w in weights)


def drawn_mixing(bound, chance, expected=False):
    """W = J with probability `chance`, else I; agents at ±1, no gradients, no noise. W = I is drawn, or averaged over.

    p = chance, as E|ΘW - mean|² = (1 - chance)|Θ - mean|². Only the expectation over W is below the bound.
    """
    p = number(chance)
    fleet = Fleet(FLAT, (1, -1))
    zero = exactly(BOUNDS[bound], lr=1, p=p, agents=2, sigma=0, consensus_distance=fleet.consensus_distance,
                   local_gradient_norm_sq=0)  # fmt: skip
    return Measured((1 - p if expected else 1) * fleet.consensus_distance, zero)
