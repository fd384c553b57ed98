"""Steps to an accuracy by simulation: decentralized SGD on quadratics, all learning rates of a grid at once."""

from dataclasses import dataclass

import numpy as np
import torch

from sim.optimizer import Optimizer
from sim.quadratic import QuadraticProblem
from sim.simulate import simulate
from theory.errors import require
from theory.moments import dsgd_moments

RATES = np.geomspace(1, 2**-8, 17)  # learning rates tried, times 1/L_local
FIRST = 64  # steps before the first look at the running means; then twice as many, and so on
EXACT = 64  # agents: above, the exact moments take longer than the simulation


@dataclass(frozen=True)
class Simulated:
    """The first T with (1/T) Σ_{t<T} ‖∇L(θ̄_t)‖² <= ε in the mean over the runs, and the learning rate that gets there.

    None for both if no learning rate of the grid does within `tried` steps. `exact` is the expectation of that running
    mean by `theory.moments` and z = (measured - exact)/standard error, None where they are not computed.
    """

    steps: int | None
    lr: float | None
    tried: int
    measured: float | None = None
    exact: float | None = None
    z: float | None = None


def simulated_steps(gossip, config, epsilon, runs=8, most=10_000, bar=lambda done, total: None):
    """`Simulated` for a Gossip and a `sim.quadratic.Quadratic`, from `runs` runs (seeds 0, 1, ...) a learning rate."""
    require(runs >= 2, f"runs is {runs}; a standard error needs at least 2 runs")
    smoothness = config.L * (1 + config.spread)
    rates = RATES / smoothness
    problem = QuadraticProblem(config, gossip.agents, tuple(range(runs)) * len(rates), torch.device("cpu"))
    sgd, lr = Optimizer("sgd", float(rates[0])), np.repeat(rates, runs)
    state, done = None, 0
    while done < most:
        done = min(max(2 * done, FIRST), most)
        _, state = simulate(
            problem, gossip.draw, sgd, lr=lr, rounds=done, gradients_every=1, measure_every=most + 1, state=state
        )
        squares = np.array([values for _, _, metric, values in state.records if metric == "gradient_norm_sq"])[:done]
        if len(squares) < done:  # every replica has diverged
            return Simulated(None, None, done)
        means = (np.cumsum(squares, axis=0) / np.arange(1, done + 1)[:, None]).reshape(done, len(rates), runs)
        reached = means.mean(axis=-1) <= epsilon
        bar(done, most)
        if reached.any():
            first = int(np.argmax(reached.any(axis=1)))
            best = int(np.argmin(np.where(reached[first], means[first].mean(axis=-1), np.inf)))
            return _against_moments(gossip, problem, first + 1, float(rates[best]), means[first, best])
    return Simulated(None, None, done)


def _against_moments(gossip, problem, steps, lr, means):
    """`Simulated` with the exact expectation of the running means [runs] beside them."""
    measured, error = float(means.mean()), float(means.std(ddof=1) / len(means) ** 0.5)
    if gossip.agents > EXACT:
        return Simulated(steps, lr, steps, measured)
    arrays = (problem.curvature, problem.optima[0], problem.start[0], problem.mean_curvature)
    curvature, optima, start, mean_curvature = (tensor.numpy() for tensor in arrays)
    moments = dsgd_moments(gossip, curvature, optima, start, lr, problem.config.sigma)
    squares = [now.gradient_norm_sq(mean_curvature) for now, _ in zip(moments, range(steps), strict=False)]
    exact = float(np.mean(squares))
    return Simulated(steps, lr, steps, measured, exact, (measured - exact) / error if error > 0 else None)
