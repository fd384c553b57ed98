"""The exercises of notebook 4: the single merge, on digits."""

from functools import cache

import numpy as np
import torch

from paper_repro.claims.definition_2 import concave
from paper_repro.course.checks import Unreadable, array, as_array, function, holds, number
from sim.probes.exact_losses import ExactLosses
from sim.probes.landscape import barriers
from sim.probes.named import make_probes
from sim.probes.snapshot import Snapshot
from sim.randomness import stream
from sim.run import run
from sim.schedule import merge
from sim.search.smooth_losses import torch_function
from sim.simulate import simulate
from sim.spec import Spec
from sim.testbed import function_of
from sim.traffic import sent
from theory.polygon import regular_polygon, wachspress
from theory.random_gossip import random_peers

AGENTS, ROUNDS, SEEDS = 16, 50, (0, 1, 2)
LETTERS = {"a", "b", "c"}


@cache
def model():
    """A problem with the notebook's model, for its sizes."""
    return Spec(agents=2).build((0,))


def weights_only():
    """P without the biases."""
    return sum(size for size, shape in zip(model().sizes, model().shapes.values(), strict=True) if len(shape) == 2)


def after_last_round(table, metric):
    """A metric over all agents after the last round, by seed."""
    rows = table[table["agent"].isna() & (table["metric"] == metric)]
    return rows[rows["round"] == rows["round"].max()].sort_values("seed")["value"].to_numpy()


def lift_of(table, local="average_global_accuracy"):
    """Accuracy of the merged model less the average of the local models, by seed."""
    return after_last_round(table, "merged_accuracy") - after_last_round(table, local)


def lift(answer):
    """4.2, judged on a small run."""
    table = run(Spec(agents=4, rounds=12, local_steps=20), seeds=(3, 5))
    judge = function(
        lift_of,
        [(table,)],
        "It is off on a small run: take the rows of the last round without an agent, and subtract seed by seed.",
        slips=(
            (lambda table: -lift_of(table), "The sign: how far does the merged model lie above the local ones?"),
            (lambda table: 100 * lift_of(table), "Leave it in shares of 1, as the table has it."),
            (
                lambda table: lift_of(table, "average_local_accuracy"),
                "The local models too are tested on all digits here, not each on its own.",
            ),
        ),
    )
    return judge(answer)


def no_average(weights):
    """Whether models that differ are mergeable by Definition 2 with these weights even where the loss is -θ²/2."""
    models = stream(0, "exercise").normal(size=(8, AGENTS))
    return all(concave(weights @ some) <= weights @ concave(some) + 1e-9 for some in models)


def gain_of(h, models):
    """mean L(θ_k) - L(mean) of L = h θ²/2, by the losses."""
    loss = lambda theta: h / 2 * theta**2  # noqa: E731
    return np.mean(loss(models)) - loss(np.mean(models))


@cache
def silent():
    """(gain in the training loss, merged accuracy, average accuracy), by seed, of models that never communicate."""
    spec = Spec(agents=AGENTS, rounds=ROUNDS, gossip="none")
    problem, steps = spec.build(SEEDS), spec.local_steps
    schedule, optimizer = spec.schedule(), spec.local_optimizer()
    _, state = simulate(problem, schedule, optimizer, rounds=ROUNDS, local_steps=steps, measure_every=ROUNDS)
    gain, scores = make_probes("mergeability", problem)[0](state.theta), problem.measure(state.theta)
    return gain["mergeability"].numpy(), scores["merged_accuracy"].numpy(), scores["global_accuracy"].mean(1).numpy()


def true_of_the_silent(answer):
    """4.5: which of the statements a, b, c hold for the models that never communicate."""
    several = isinstance(answer, (set, frozenset, list, tuple, str)) and all(isinstance(one, str) for one in answer)
    if not several or not set(answer) <= LETTERS:
        raise Unreadable(f"The answer is a set of some of the letters {', '.join(sorted(LETTERS))}.")
    gain, merged, average = silent()
    holds = {"a": (gain >= 0).all(), "b": ((gain > 0) & (merged < average)).all(), "c": (merged >= average).any()}
    wrong = [letter for letter in sorted(LETTERS) if holds[letter] != (letter in answer)]
    return f"Look at {wrong[0]} again: the tables and figures above decide it, seed by seed." if wrong else None


def barrier_of(losses, ends, name):
    """The barrier that `sim.probes.landscape` finds on the line between two models of one parameter."""
    f = torch_function(function_of(name))
    exact = ExactLosses.of(lambda theta, none: f(theta).sum() + none.sum(), (torch.zeros(1, 2, 1),))
    theta = torch.tensor(ends, dtype=torch.float64)[None, :, None]
    return barriers(Snapshot(exact, theta), torch.tensor([[[0, 1]]]), len(losses)).item()


def barrier(answer):
    """4.6, judged on lines through losses of the testbed."""
    lines = (("cos", (-2.0, 2.5), 3), ("cos", (0.5, 9.0), 21), ("gaussian_well", (-4.0, 0.5), 11))
    for name, ends, points in lines:
        losses = function_of(name)(np.linspace(*ends, points))
        judge = function(
            lambda losses, ends=ends, name=name: barrier_of(losses, ends, name),
            [(losses,)],
            f"It is off for the losses of {name} from {ends[0]:g} to {ends[1]:g}: subtract the chord (1 - t) L(θ_i) + "
            "t L(θ_j) at each t, and then take the largest.",
            slips=(
                (lambda losses: losses.max() - losses[[0, -1]].max(), "The chord, not the higher end, is the level."),
                (lambda losses: losses.max() - losses[[0, -1]].mean(), "The chord changes with t along the line."),
            ),
        )
        if hint := judge(answer):
            return hint
    return None


def points_of_the_polygon():
    """Weights [2, 16] of the center and of the middle of the first side."""
    vertices = regular_polygon(AGENTS)
    return wachspress([[0, 0], vertices[:2].mean(axis=0)], vertices)


def even_rate(merged_last=True):
    """R at which gossip and a merge in the last round send as much as a merge in every round.

    One model is sent a round for each agent at R = 1.
    """
    size, draw = 1000, random_peers(AGENTS, 1).draw
    average = sent(merge(AGENTS)(0, None), size, 1)[1]
    gossip = sent(draw(0, stream(0, "exercise")), size, 1)[1]
    return (ROUNDS - merged_last) * average / ((ROUNDS - 1) * gossip)


EXERCISES = {
    "4.1": number(
        lambda: model().dim,
        "A layer from a to b numbers has a·b weights and b biases, and there are three layers.",
        rtol=1e-9,
        slips=((weights_only, "Every layer has biases, too."),),
    ),
    "4.2": lift,
    "4.3": holds(
        (lambda weights: weights.shape == (AGENTS,), f"There are {AGENTS} weights, one for each agent."),
        (lambda weights: (weights >= 0).all() and (weights <= 1).all(), "Weights lie between 0 and 1."),
        (lambda weights: abs(weights.sum() - 1) <= 1e-9, "The weights sum to one."),
        (no_average, "With the loss -θ²/2 every true average is worse than the average loss: there yours fail."),
        read=as_array,
    ),
    "4.4": function(
        gain_of,
        [(2.0, np.array([1.0, 2.0])), (-0.5, np.array([4.0, -1.0, 0.0])), (3.0, np.array([5.0]))],
        "It is off: the Hessian is h, and Γ is the mean square of the deviations from the mean model.",
        slips=(
            (lambda h, models: 2 * gain_of(h, models), "There is a half in front of the trace."),
            (
                lambda h, models: gain_of(h, models) * len(models) / max(len(models) - 1, 1),
                "Γ has 1/m in front, not 1/(m - 1).",
            ),
        ),
    ),
    "4.5": true_of_the_silent,
    "4.6": barrier,
    "4.7": array(
        points_of_the_polygon,
        "Which models does a point on a side depend on, and what does the symmetry of the center say? "
        "Weights sum to one.",
        rtol=1e-6,
    ),
    "4.8": number(
        even_rate,
        "Set the two expressions equal and solve for R; P and T cancel.",
        slips=((lambda: even_rate(False), "The final merge takes the place of one round of gossip, and is paid for."),),
        rtol=1e-3,
    ),
}
