import numpy as np
import pytest
import torch
from torch.func import grad, vmap

from sim.network import Classification
from sim.probes.derivatives import global_losses
from sim.probes.exact_losses import ExactLosses
from sim.probes.landscape import agent_pairs, barriers, mergeability, pair
from sim.probes.snapshot import Snapshot
from sim.search.smooth_losses import torch_function
from sim.testbed import TESTBED
from theory.errors import OnemergeError

PI = np.pi


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def snapshot(loss, theta, data):
    return Snapshot(ExactLosses.of(loss, data), theta)


def all_pairs(theta):
    return agent_pairs(theta.shape[1], range(len(theta)), 100)


def bowl(theta, H, c):
    return theta @ H @ theta / 2 - c @ theta


def bowls(agents, dim=3):
    H = normal(2, agents, dim, dim)
    return H @ H.mT, normal(2, agents, dim, seed=1)


def of_testbed(name):
    f = torch_function(TESTBED[name])
    return lambda theta, height: (height * f(theta)).sum()


def on_a_line(*xs):
    """(Θ [1, agents, 1], heights of 1)."""
    return torch.tensor(xs, dtype=torch.float64).view(1, -1, 1), (torch.ones(1, len(xs), dtype=torch.float64),)


@pytest.mark.parametrize("agents", [1, 2, 3, 5])
def test_quadratics_gain_half_of_the_sharpness(agents):
    H, c = bowls(agents)
    theta = normal(2, agents, 3, seed=2)
    found = mergeability(snapshot(bowl, theta, (H, c)))
    for r in range(2):
        deviations = theta[r] - theta[r].mean(dim=0)
        expected = sum(float(d @ H[r].mean(dim=0) @ d) for d in deviations) / (2 * agents)
        assert float(found[r]) == pytest.approx(expected, rel=1e-11, abs=1e-13)


def test_signs_of_mergeability():
    """cos merges near its minimum and not near its maximum; ((θ_1 + θ_2)/2 of two minima is a maximum)."""
    loss = of_testbed("cos")
    for xs, expected in (
        ((PI - 0.3, PI + 0.3), 1 - np.cos(0.3)),
        ((-0.3, 0.3), np.cos(0.3) - 1),
        ((PI, -PI), -2.0),
        ((0.2, 0.5, 1.1), np.mean(np.cos([0.2, 0.5, 1.1])) - np.cos(0.6)),
    ):
        theta, data = on_a_line(*xs)
        assert float(mergeability(snapshot(loss, theta, data))) == pytest.approx(expected, rel=1e-12)


def test_barriers_of_a_cosine():
    """Between the minima −π and π lies a barrier of 2; convex stretches have none."""
    theta, data = on_a_line(-PI, PI, PI - 1, PI / 2)
    found = barriers(snapshot(of_testbed("cos"), theta, data), all_pairs(theta), points=41)
    assert found.shape == (1, 6)
    t = np.linspace(0, 1, 41)
    for number, (i, j) in enumerate(all_pairs(theta)[0].tolist()):
        a, b = theta[0, [i, j], 0].tolist()
        line = np.cos((1 - t) * a + t * b) - (1 - t) * np.cos(a) - t * np.cos(b)
        assert float(found[0, number]) == pytest.approx(max(line.max(), 0.0), rel=1e-12, abs=1e-15)
    assert float(found[0, 0]) == pytest.approx(2.0, rel=1e-12)
    assert float(found[0, 5]) == pytest.approx(0.0, abs=1e-15)
    finer = barriers(snapshot(of_testbed("cos"), theta, data), all_pairs(theta), points=161)
    assert (finer >= found - 1e-15).all()
    assert finer.max() <= 2.0 + 1e-12


def test_convex_losses_have_no_barriers():
    H, c = bowls(3)
    theta = normal(2, 3, 3, seed=2)
    assert barriers(snapshot(bowl, theta, (H, c)), all_pairs(theta)).abs().max() < 1e-13


def test_classifiers_equal_a_loop():
    problem = Classification(width=8, dtype="float64", alpha=float("inf")).build(3, (0, 1), 4)
    loss, data = problem.exact_losses()
    theta = problem.init()
    for _ in range(40):  # each on its own until they have left each other
        theta = theta - vmap(vmap(grad(loss)))(theta, *data)
    worth = lambda one, r: float(sum(loss(one, data[0][r, k]) for k in range(3))) / 3  # noqa: E731
    losses, merged = global_losses(ExactLosses.of(loss, data), theta), mergeability(snapshot(loss, theta, data))
    found = barriers(snapshot(loss, theta, data), all_pairs(theta), points=5)
    assert found.max() > 1e-3
    for r in range(2):
        own = [worth(theta[r, k], r) for k in range(3)]
        np.testing.assert_allclose(losses[r], own, rtol=1e-12)
        assert float(merged[r]) == pytest.approx(np.mean(own) - worth(theta[r].mean(dim=0), r), rel=1e-10)
        for number, (i, j) in enumerate(((0, 1), (0, 2), (1, 2))):
            rise = [
                worth((1 - t) * theta[r, i] + t * theta[r, j], r) - (1 - t) * own[i] - t * own[j]
                for t in (0, 0.25, 0.5, 0.75, 1)
            ]
            assert float(found[r, number]) == pytest.approx(max(rise), rel=1e-9, abs=1e-13)


def test_many_models_are_taken_in_parts():
    H, c = bowls(2)
    models = normal(2, 19, 3)
    found = global_losses(ExactLosses.of(bowl, (H, c), together=5 * 3 * 2), models)
    expected = torch.einsum("rnd,rde,rne->rn", models, H.mean(dim=1), models) / 2
    expected -= torch.einsum("rd,rnd->rn", c.mean(dim=1), models)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("points", [2, 0, 5.0])
def test_bad_points_are_named(points):
    theta, data = on_a_line(0.0, 1.0)
    with pytest.raises(OnemergeError, match=f"not {points}"):
        barriers(snapshot(of_testbed("cos"), theta, data), all_pairs(theta), points=points)


def test_one_agent_has_no_barriers():
    with pytest.raises(OnemergeError, match="two agents; there is 1"):
        agent_pairs(1, (0,), 10)


@pytest.mark.parametrize("agents", [2, 3, 7])
def test_pairs_are_numbered_without_gaps(agents):
    every = {(i, j) for j in range(agents) for i in range(j)}
    assert {pair(number) for number in range(len(every))} == every
    for pairs in agent_pairs(agents, (0, 1), len(every)).tolist():
        assert {tuple(p) for p in pairs} == every


def test_many_agents_have_pairs_drawn_by_seed():
    """Ten thousand agents: distinct pairs of distinct agents, the same for a seed whatever seeds run beside it."""
    drawn = agent_pairs(10_000, (3, 4), 50)
    assert drawn.shape == (2, 50, 2)
    assert drawn.min() >= 0
    assert drawn.max() < 10_000
    assert (drawn[..., 0] < drawn[..., 1]).all()
    assert len({tuple(p) for p in drawn[0].tolist()}) == 50
    assert torch.equal(drawn[1], agent_pairs(10_000, (4,), 50)[0])
    assert not torch.equal(drawn[0], drawn[1])
    assert drawn.double().mean() == pytest.approx(5000, abs=1500)  # of both ends: 5 standard errors
