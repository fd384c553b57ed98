"""Federated averaging as a schedule, against the loop of McMahan et al. with a server and clients written out."""

import numpy as np
import pytest

from sim.optimizer import Optimizer
from sim.quadratic import Quadratic
from sim.randomness import stream
from sim.schedule import Average, merge, server
from sim.simulate import simulate
from theory.errors import OnemergeError
from theory.mixing import complete_average

AGENTS, DIM, LR, LOCAL_STEPS, ROUNDS, SEED = 5, 3, 0.1, 4, 6, 2
CURVATURE = np.random.default_rng(0).uniform(0.5, 2, (AGENTS, DIM))
OPTIMA = np.random.default_rng(1).standard_normal((AGENTS, DIM))


def gradient(agent, model):
    return CURVATURE[agent] * (model - OPTIMA[agent])


def fedavg(start, chosen, gradient=gradient):
    """FedAvg on quadratics: the server sends its model to the chosen clients, they take steps, it averages."""
    model = start.copy()
    for t in range(ROUNDS):
        updates = []
        for k in chosen(t):
            client = model.copy()
            for _ in range(LOCAL_STEPS):
                client = client - LR * gradient(k, client)
            updates.append(client)
        model = sum(updates) / len(updates)
    return model


def by_schedule(start, schedule):
    """The models [agents, d] of all agents after local steps of everyone and x <- W x in every round."""
    models = np.tile(start, (AGENTS, 1))
    for t in range(ROUNDS):
        for _ in range(LOCAL_STEPS):
            models = models - LR * CURVATURE * (models - OPTIMA)
        models = schedule(t, stream(SEED, "gossip", t)).W @ models
    return models


@pytest.mark.parametrize("participation", [0.2, 0.4, 0.8, 1.0])
def test_the_schedule_is_federated_averaging(participation):
    start, schedule = np.ones(DIM), server(AGENTS, participation)

    def chosen(t):
        return np.flatnonzero(schedule(t, stream(SEED, "gossip", t)).members)

    sizes = {len(chosen(t)) for t in range(ROUNDS)}
    assert sizes == {round(participation * AGENTS)}
    expected = fedavg(start, chosen)
    np.testing.assert_allclose(by_schedule(start, schedule), np.tile(expected, (AGENTS, 1)), rtol=0, atol=1e-14)
    assert np.abs(expected - fedavg(start, lambda t: range(AGENTS))).max() > 1e-3 or participation == 1


def test_the_simulator_runs_federated_averaging():
    problem = Quadratic(dim=DIM, sigma=0.0, spread=0.3).build(AGENTS, (SEED,))
    schedule = server(AGENTS, 0.4)
    _, end = simulate(problem, schedule, Optimizer("sgd", LR), rounds=ROUNDS, local_steps=LOCAL_STEPS)
    curvature, optima = problem.curvature.numpy(), problem.optima[0].numpy()
    expected = fedavg(
        problem.init()[0, 0].numpy(),
        lambda t: np.flatnonzero(schedule(t, stream(SEED, "gossip", t)).members),
        lambda k, x: curvature[k] * (x - optima[k]),
    )
    np.testing.assert_allclose(end.theta[0], np.tile(expected, (AGENTS, 1)), rtol=0, atol=1e-14)
    assert end.traffic.tolist() == [[ROUNDS * (2 + AGENTS), ROUNDS * (2 + AGENTS) * DIM * 8]]


@pytest.mark.parametrize("agents", [1, 2, 3, 8])
def test_all_agents_by_a_server_are_a_merge(agents):
    communication = server(agents)(0, None)
    np.testing.assert_array_equal(communication.W, complete_average(agents))
    assert communication.server
    assert not merge(agents)(0, None).server


def test_every_row_is_the_average_of_the_subset():
    communication = server(4, 0.5)(0, stream(0, "gossip", 0))
    np.testing.assert_array_equal(communication.W, np.tile(communication.members / 2, (4, 1)))


def test_subsets_are_uniform_and_change_by_the_round():
    draws = [server(5, 0.4)(t, stream(0, "gossip", t)).members for t in range(3000)]
    joint = np.mean([np.outer(members, members) for members in draws], axis=0)
    expected = np.where(np.eye(5, dtype=bool), 2 / 5, 2 / 5 * 1 / 4)  # with and without replacement differ here
    z = (joint - expected) / np.sqrt(expected * (1 - expected) / len(draws))
    assert np.abs(z).max() < 5, f"shares {joint.round(3).tolist()}, z up to {np.abs(z).max():.1f}"


@pytest.mark.parametrize(("agents", "participation", "size"), [(10, 0.25, 2), (10, 0.35, 4), (3, 0.5, 2), (2, 0.3, 1)])
def test_the_subset_has_the_rounded_size(agents, participation, size):
    assert np.count_nonzero(server(agents, participation)(0, stream(0, "gossip", 0)).members) == size


@pytest.mark.parametrize("participation", [0.0, 0.1, 1.5, -0.1, "half", True, float("nan")])
def test_a_participation_of_nobody_is_refused(participation):
    with pytest.raises(OnemergeError, match="participation"):
        server(4, participation)


def test_a_server_sends_to_those_present_only():
    members, hears = np.array([True, True, False]), np.ones(3, dtype=bool)
    left = Average(members, hears, server=True).among(np.array([False, True, True]))
    np.testing.assert_array_equal(left.W, [[1, 0, 0], [0, 1, 0], [0, 1, 0]])
    assert Average(members, hears, server=True).among(np.array([False, False, True])) is None
