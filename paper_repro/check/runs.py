"""The simulated run on quadratics, and its second derivation: the exact moments."""

import math
from itertools import islice

import numpy as np
import pandas as pd
import torch

from paper_repro.check.rule import ROUNDING, violated
from sim.optimizer import Optimizer
from sim.quadratic import QuadraticProblem
from sim.simulate import simulate
from theory.moments import dsgd_moments

EXACT = 128  # agents: above, the exact moments take longer than the simulation
OVERFLOW = 1e100  # a value beyond has diverged: its square leaves float64
CHUNK = 2**25  # weights in the stack of the runs' matrices


class Probed(QuadraticProblem):
    """Quadratics that also measure the discrepancy of the descent lemma and the diversity of Assumption 3."""

    def measure_gradients(self, theta):
        merged = theta.mean(dim=1, keepdim=True)
        gradient = self.mean_curvature * merged[:, 0]
        discrepancy = (self.curvature * (theta - self.optima)).mean(dim=1) - gradient
        differences = self.curvature * (merged - self.optima) - gradient[:, None]
        return super().measure_gradients(theta) | {
            "discrepancy_norm_sq": (discrepancy**2).sum(-1),
            "discrepancy_inner": (gradient * discrepancy).sum(-1),
            "gradient_diversity": (differences**2).sum(-1).mean(-1),
        }


def simulated(config, gossip, lr, steps, runs, order, bar):
    """({metric: values [runs, steps + 1]}, problem), gossip and noise independent over the runs (seeds 0, 1, ...)."""
    stack, tables = max(1, CHUNK // gossip.agents**2), []
    for first in range(0, runs, stack):
        seeds = tuple(range(first, min(first + stack, runs)))
        problem = Probed(config, gossip.agents, seeds, torch.device("cpu"))
        done = steps * len(tables)
        table, _ = simulate(
            problem,
            gossip.draw,
            Optimizer("sgd", lr),
            rounds=steps,
            order=order,
            gradients_every=1,
            on_round=lambda state, done=done: bar(done + state.round, steps * math.ceil(runs / stack)),
        )
        tables.append(table[table["agent"].isna()])
    wide = pd.concat(tables).pivot(index="seed", columns=["metric", "step"], values="value")
    metrics = [metric for metric in wide.columns.unique("metric") if metric != "diverged"]
    return {metric: wide[metric].reindex(columns=range(steps + 1)).to_numpy() for metric in metrics}, problem


def divergence(values):
    """The first step at which a metric of some run is not finite or beyond OVERFLOW, None if there is none."""
    sound = np.logical_and.reduce([np.abs(array) <= OVERFLOW for array in values.values()]).all(axis=0)
    return None if sound.all() else int(np.argmin(sound))


def against_moments(subject, problem, lr, distances, order):
    """The last consensus distance against the exact moments of `theory.moments`: a second derivation, or why not."""
    record = {"exact": None, "measured": None, "standard_error": None, "z": None, "verdict": "not computed", "note": ""}
    if subject.gossip.agents > EXACT:
        return record | {"note": f"left out above {EXACT} agents, where it would take longer than the simulation"}
    if distances is None:
        return record | {"note": "diverged"}
    curvature, optima, start = (tensor.numpy() for tensor in (problem.curvature, problem.optima[0], problem.start[0]))
    last_round = distances[:, -1]
    moments = dsgd_moments(subject.gossip, curvature, optima, start, lr, problem.config.sigma, order)
    last = next(islice(moments, distances.shape[1], None))
    exact = float(last.consensus_distance())
    size = (last.mean**2).sum(-1).mean() + np.trace(last.covariance, axis1=-2, axis2=-1).sum() / len(curvature)
    rounding = ROUNDING * float(size)
    difference, error = float(last_round.mean()) - exact, float(last_round.std(ddof=1) / len(last_round) ** 0.5)
    small = abs(difference) <= rounding
    return record | {
        "exact": exact,
        "measured": float(last_round.mean()),
        "standard_error": error,
        "z": 0.0 if small else difference / error if error > 0 else None,
        "verdict": "differs" if violated("equal", last_round, np.float64(exact), rounding) else "agrees",
        "note": "equal up to rounding" if small else "",
    }
