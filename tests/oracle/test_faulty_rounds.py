"""Rounds with faults, against agents one by one and messages one by one, and over all patterns of who publishes."""

from itertools import combinations, product

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from sim.faults import Faults, apply
from sim.optimizer import Optimizer
from sim.quadratic import Quadratic
from sim.randomness import stream
from sim.schedule import Average, merge, server
from sim.simulate import State, simulate
from sim.step import ORDERS
from sim.traffic import sent
from theory.mixing import complete_average

DIRECTED = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.2, 0.3, 0.5]])
SKEWED = np.array([[0.7, 0.3], [0.6, 0.4]])
TRIANGLE = np.array([[0.4, 0.35, 0.25], [0.35, 0.45, 0.2], [0.25, 0.2, 0.55]])
MATRICES = {"one": np.eye(1), "pair": complete_average(2), "skewed": SKEWED, "directed": DIRECTED, "triangle": TRIANGLE}


def lost_messages(W, faults, seed, t):
    """The (receiver, sender) that are lost by `drop`, one message or one pair after the other."""
    generator, lost, agents = stream(seed, "drop", t), set(), len(W)
    if faults.drop_pairs:
        for i, j in combinations(range(agents), 2):
            if (W[i][j] != 0 or W[j][i] != 0) and generator.random() < faults.drop:
                lost |= {(i, j), (j, i)}
        return lost
    for i in range(agents):
        for j in range(agents):
            if i != j and W[i][j] != 0 and generator.random() < faults.drop:
                lost.add((i, j))
    return lost


def without(W, lost):
    """W whose receivers keep the weight of every lost message to themselves."""
    W = np.array(W)
    for i, j in lost:
        W[i, i] += W[i, j]
        W[i, j] = 0
    return W


def reference_round(models, published, communication, active, fresh, lost, local, order="adapt_then_combine"):
    """One round with faults on plain numbers, agent by agent: (models, published) after it.

    `models` and `published` are {agent: number}, `local(agent, model)` its local steps, `communication` a matrix, an
    `Average` or None, `lost` the set of (receiver, sender) whose message does not arrive.
    """
    stepped = {k: local(k, model) if active[k] else model for k, model in models.items()}
    mixing = stepped if order == "adapt_then_combine" else models
    mixed, published = dict(mixing), dict(published)
    average = isinstance(communication, Average)
    present = [k for k in models if average and communication.members[k] and active[k]]
    if present or (communication is not None and not average):
        published |= {k: mixing[k] for k in models if fresh[k]}
    for i in models:
        if not active[i] or communication is None:
            continue
        if average:
            if present and communication.hears[i]:
                mixed[i] = sum(mixing[k] for k in present) / len(present)
            continue
        mixed[i] = communication[i][i] * mixing[i]
        for j in models:
            if j != i and communication[i][j] != 0:
                heard = active[j] and (i, j) not in lost
                mixed[i] += communication[i][j] * (published[j] if heard else mixing[i])
    if order == "combine_then_adapt":
        mixed = {k: mixed[k] + (stepped[k] - models[k]) for k in models}
    return mixed, published


def stacked_round(x, published, communication, draw, local, order="adapt_then_combine"):
    """The same round with arrays and `apply`, as `sim.faults` documents it."""
    step = np.where(draw.active, local(x) - x, 0)
    mixing, late = (x + step, 0) if order == "adapt_then_combine" else (x, step)
    left = apply(communication, draw)
    if left is None:
        return mixing + late, published
    published = np.where(draw.fresh, mixing, published)
    if isinstance(left, Average):
        return left.W @ mixing + late, published
    own = left.diagonal()
    return own * mixing + (left @ published - own * published) + late, published


def local(x):
    return 0.9 * x + 0.1


FAULTS = {
    "none": Faults(),
    "drop": Faults(drop=0.4),
    "pairs": Faults(drop=0.4, drop_pairs=True),
    "stale": Faults(stale=0.5),
    "outage": Faults(outage=0.2, outage_rounds=3),
    "all": Faults(drop=0.3, outage=0.15, outage_rounds=2, stale=0.4, absences=((0, 2, 5), (0, 7, 8))),
}


def varied(W):
    """Twelve rounds of gossip by W, but three with an average by AllReduce or a server, and two silent ones."""
    agents = len(W)
    averages = {3: merge(agents), 7: server(agents, max(0.5, 1 / agents)), 11: merge(agents)}
    return lambda t, generator: averages[t](t, generator) if t in averages else (None if t in (4, 9) else W)


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_rounds_with_faults_follow_the_agents_one_by_one(name, order, sparse):
    faults, seed, generator = FAULTS[name], 3, np.random.default_rng(5)
    big = generator.random((4, 4)) * (generator.random((4, 4)) < 0.7) + np.eye(4)
    for W in (*MATRICES.values(), big / big.sum(axis=1, keepdims=True)):
        agents, schedule = len(W), varied(W)
        x = np.random.default_rng(0).standard_normal(agents)
        heard, models = x.copy(), dict(enumerate(x))
        published = dict(models)
        for t in range(12):
            said, draw = schedule(t, stream(seed, "gossip", t)), faults.at(seed, agents, t)
            lost = lost_messages(W, faults, seed, t) if said is W else ()
            models, published = reference_round(
                models, published, said, draw.active, draw.fresh, lost, lambda _, x: local(x), order
            )
            x, heard = stacked_round(x, heard, csr_array(W) if sparse and said is W else said, draw, local, order)
            np.testing.assert_allclose(x, list(models.values()), atol=1e-13)
            np.testing.assert_allclose(heard, list(published.values()), atol=1e-13)


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("W", [SKEWED, DIRECTED, TRIANGLE], ids=["skewed", "directed", "triangle"])
def test_the_simulator_follows_the_agents_one_by_one(name, order, W):
    """Two replicas, two coordinates, two local steps of exact gradients, from models that differ."""
    agents, seeds, faults, schedule, lr = len(W), (3, 8), FAULTS[name], varied(W), 0.1
    problem, optimizer = Quadratic(dim=2, sigma=0.0, spread=0.3).build(agents, seeds), Optimizer("sgd", lr)
    begun = State.start(problem, optimizer, stale=faults.stale > 0)
    begun.theta.add_(torch.from_numpy(np.random.default_rng(0).standard_normal(begun.theta.shape)))
    if begun.published is not None:
        begun.published.copy_(begun.theta)
    start, traffic = begun.theta.numpy().copy(), np.zeros((2, 2))
    _, end = simulate(problem, schedule, optimizer, rounds=12, local_steps=2, order=order, faults=faults, state=begun)
    for (r, seed), c in product(enumerate(seeds), range(2)):

        def local_steps(k, x, r=r, c=c):
            for _ in range(2):
                x = x - lr * float(problem.curvature[k, c]) * (x - float(problem.optima[r, k, c]))
            return x

        models = published = dict(enumerate(start[r, :, c].tolist()))
        for t in range(12):
            said, draw = schedule(t, stream(seed, "gossip", t)), faults.at(seed, agents, t)
            lost = lost_messages(W, faults, seed, t) if said is W else ()
            models, published = reference_round(
                models, published, said, draw.active, draw.fresh, lost, local_steps, order
            )
            traffic[r] += np.array(sent(said, 2, 8, draw.active)) / 2  # each of two coordinates counts the round
        np.testing.assert_allclose(end.theta[r, :, c], list(models.values()), atol=1e-14)
    np.testing.assert_array_equal(end.traffic, traffic)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("name", MATRICES)
def test_losses_follow_the_stream_message_by_message(name, pairs):
    W, faults = MATRICES[name], Faults(drop=0.5, drop_pairs=pairs)
    patterns = set()
    for t in range(40):
        lost = lost_messages(W, faults, 7, t)
        draw = faults.at(7, len(W), t)
        np.testing.assert_allclose(apply(W, draw), without(W, lost), atol=1e-15)
        np.testing.assert_array_equal(apply(csr_array(W), draw).toarray(), apply(W, draw))
        patterns.add(frozenset(lost))
    assert len(patterns) > 1 or name == "one"


@pytest.mark.parametrize("agents", [2, 3])
def test_stale_rounds_have_the_moments_of_all_patterns(agents):
    """E Ξ² after two rounds of gossip with stale peers, exactly over all patterns of who publishes, and over seeds."""
    W, stale, count = (SKEWED, DIRECTED)[agents - 2], 0.4, 1500
    start = np.array([1.0, -0.4, 2.2])[:agents]
    exact = 0.0
    for fresh in product(product((False, True), repeat=agents), repeat=2):
        models = published = dict(enumerate(start))
        for now in fresh:
            models, published = reference_round(models, published, W, [True] * agents, now, (), lambda _, x: local(x))
        published_count = sum(map(sum, fresh))
        exact += (
            (1 - stale) ** published_count * stale ** (2 * agents - published_count) * np.var(list(models.values()))
        )
    samples = []
    for seed in range(count):
        x = heard = start
        for t in range(2):
            x, heard = stacked_round(x, heard, W, Faults(stale=stale).at(seed, agents, t), local)
        samples.append(np.var(x))
    z = (np.mean(samples) - exact) / (np.std(samples, ddof=1) / count**0.5)
    assert abs(z) < 5, f"simulated {np.mean(samples):.5f}, exact {exact:.5f}, z = {z:.1f}"
