import numpy as np
import pytest
import torch
from torch.autograd.functional import hessian

from sim.optimizer import Optimizer
from sim.quadratic import Quadratic
from sim.schedule import silent
from sim.simulate import simulate
from theory.errors import OnemergeError
from theory.gossip import constant, one_peer_exponential, periodic, random_matching, random_peers
from theory.graphs import exponential, path
from theory.mixing import complete_average, metropolis, uniform

LR, ROUNDS = 0.3, 12
DOUBLY_STOCHASTIC = {
    "path": constant(metropolis(path(5))).draw,
    "exponential, directed": constant(uniform(exponential(5))).draw,
    "one peer, directed and periodic": one_peer_exponential(5).draw,
    "matching, random": random_matching(5, 0.7).draw,
    "complete": constant(complete_average(5)).draw,
    "complete, now and then": periodic([np.eye(5), complete_average(5)]).draw,
    "none": silent,
}


def gradients(problem, theta, noise=0.0):
    """∇L_k(θ_k) + ξ_k [replicas, agents, d] by automatic differentiation of the loss."""
    theta = theta.clone().requires_grad_()
    loss = 0.0
    for r in range(theta.shape[0]):
        for k in range(theta.shape[1]):
            loss = loss + problem.loss(
                theta[r, k], torch.zeros(problem.dim), problem.optima[r, k], problem.curvature[k]
            )
    return torch.autograd.grad(loss, theta)[0] + noise


@pytest.mark.parametrize("agents", [1, 2, 3, 6])
@pytest.mark.parametrize("spread", [0.0, 0.5])
@pytest.mark.parametrize("dim", [1, 4])
def test_constants_are_exact(agents, spread, dim):
    config = Quadratic(dim=dim, mu=0.2, L=2.0, zeta=0.7 if agents > 1 else 0.0, spread=spread, distance=3.0)
    problem = config.build(agents, (0, 5))
    theta = problem.init()
    assert theta.shape == (2, agents, dim)
    assert (theta == theta[:, :1]).all()
    torch.testing.assert_close(theta[:, 0].norm(dim=1), torch.full((2,), 3.0, dtype=torch.float64), rtol=1e-12, atol=0)

    def loss(one, r, k):
        return problem.loss(one, torch.zeros(dim), problem.optima[r, k], problem.curvature[k])

    def mean_loss(one, r):
        return sum(loss(one, r, k) for k in range(agents)) / agents

    hessians = [hessian(lambda one, k=k: loss(one, 0, k), theta[0, 0]) for k in range(agents)]
    mean = hessian(lambda one: mean_loss(one, 0), theta[0, 0])
    expected = torch.from_numpy(np.linspace(0.2, 2.0, dim) if dim > 1 else np.array([2.0]))
    torch.testing.assert_close(mean, torch.diag(expected), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(problem.mean_curvature, expected, rtol=1e-12, atol=0)
    assert float(torch.linalg.eigvalsh(mean).max()) == pytest.approx(2.0)
    largest = max(float(torch.linalg.eigvalsh(one).max()) for one in hessians)
    assert problem.smoothness == pytest.approx(largest, rel=1e-12)
    assert largest == pytest.approx(2.0 * (1 + spread * (agents > 1)), rel=1e-12)

    minimum = torch.zeros_like(theta)
    at_minimum = gradients(problem, minimum)
    assert float(at_minimum.mean(dim=1).abs().max()) < 1e-14
    zeta_sq = (at_minimum**2).sum(-1).mean(-1)
    torch.testing.assert_close(zeta_sq, torch.full((2,), config.zeta**2, dtype=torch.float64), rtol=1e-12, atol=1e-20)
    gaps = torch.stack([mean_loss(theta[r, 0], r) - mean_loss(minimum[r, 0], r) for r in range(2)])
    torch.testing.assert_close(problem.initial_gap, gaps, rtol=1e-12, atol=0)


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_heterogeneity_is_the_same_everywhere_only_for_common_curvature(spread):
    problem = Quadratic(dim=3, zeta=0.7, spread=spread, distance=2.0).build(4, (0,))
    own = gradients(problem, problem.init())
    zeta = float(((own - own.mean(dim=1, keepdim=True)) ** 2).sum(-1).mean()) ** 0.5
    assert (abs(zeta - 0.7) < 1e-12) == (spread == 0)


def test_noise_has_the_stated_variance():
    """‖ξ‖² has mean σ² over agents, steps and seeds, and ξ has mean zero; sampled gradients are ∇L_k + ξ."""
    problem = Quadratic(dim=5, sigma=1.7).build(4, (0, 1, 2))
    noise, optimum, curvature = problem.batches(0, 800)
    assert noise.shape == (800, 12, 5)
    size = (noise**2).sum(-1).flatten().numpy()
    for sample, expected in ((size, 1.7**2), (noise.flatten().numpy(), 0.0)):
        z = (sample.mean() - expected) / (sample.std(ddof=1) / len(sample) ** 0.5)
        assert abs(z) < 5, f"sampled {sample.mean():.5f}, stated {expected:.5f}, z = {z:.1f}"
    assert not noise.equal(problem.batches(1, 800)[0])
    theta = problem.init()
    sampled = torch.func.vmap(torch.func.grad(problem.loss))(theta.flatten(0, 1), noise[3], optimum[3], curvature[3])
    expected = gradients(problem, theta, noise[3].view_as(theta))
    torch.testing.assert_close(sampled.view_as(theta), expected, rtol=1e-12, atol=1e-13)


def test_noise_of_a_seed_does_not_depend_on_what_else_is_stacked():
    config = Quadratic(dim=3, instance=None)
    together, alone = config.build(4, (0, 1, 2)), config.build(4, (1,))
    for several, single in zip(together.batches(6, 2), alone.batches(6, 2), strict=True):
        assert several[:, 4:8].equal(single)
    assert together.init()[1].equal(alone.init()[0])


def test_instances():
    shared, own = Quadratic(instance=4).build(3, (0, 1)), Quadratic(instance=None).build(3, (4, 1))
    assert shared.optima[0].equal(shared.optima[1])
    assert shared.optima[0].equal(own.optima[0])
    assert not own.optima[0].allclose(own.optima[1])
    assert not own.init()[0].allclose(own.init()[1])


def test_measures_equal_a_loop():
    problem = Quadratic(dim=3, zeta=0.5, spread=0.4, distance=2.0).build(3, (0, 1))
    theta = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 3)))
    measured = problem.measure(theta) | problem.measure_gradients(theta)
    merged = theta.mean(dim=1, keepdim=True)
    everywhere = gradients(problem, merged.expand(-1, 3, -1)).mean(dim=1)  # ∇L(θ̄) = (1/m) Σ ∇L_k(θ̄)
    own = gradients(problem, theta)
    for r in range(2):
        h, mean = problem.mean_curvature, merged[r, 0]
        assert float(measured["merged_loss"][r]) == pytest.approx(sum(float(h[i] * mean[i] ** 2) / 2 for i in range(3)))
        assert float(measured["merged_norm_sq"][r]) == pytest.approx(sum(float(x) ** 2 for x in mean))
        assert float(measured["gradient_norm_sq"][r]) == pytest.approx(sum(float(x) ** 2 for x in everywhere[r]))
        by_agent = [sum(float(x) ** 2 for x in own[r, k]) for k in range(3)]
        assert float(measured["local_gradient_norm_sq"][r]) == pytest.approx(sum(by_agent) / 3)


def parallel_sgd(problem):
    """θ ← θ − η (1/m) Σ_k (∇L_k(θ) + ξ_k), the m agents' batches in one model [replicas, d]."""
    theta = problem.init()
    for t in range(ROUNDS):
        noise = problem.batches(t, 1)[0][0].view_as(theta)
        theta = (theta - LR * gradients(problem, theta, noise)).mean(dim=1, keepdim=True).expand_as(theta)
    return theta[:, 0]


def merged_iterate(problem, schedule, order="adapt_then_combine"):
    _, state = simulate(problem, schedule, Optimizer("sgd", LR), rounds=ROUNDS, order=order)
    return state.theta.mean(dim=1)


@pytest.mark.parametrize("order", ["adapt_then_combine", "combine_then_adapt"])
@pytest.mark.parametrize("name", DOUBLY_STOCHASTIC)
def test_common_curvature_merges_into_parallel_sgd(name, order):
    """For one Hessian and doubly stochastic gossip of any kind, even none, θ̄ is parallel SGD, noise by noise."""
    problem = Quadratic(dim=4, zeta=2.0, sigma=1.0).build(5, (0, 1))
    merged = merged_iterate(problem, DOUBLY_STOCHASTIC[name], order)
    torch.testing.assert_close(merged, parallel_sgd(problem), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    "draw",
    [random_peers(5, 0.7).draw, random_peers(5, 2).draw, constant(uniform(path(5))).draw],
    ids=["0.7", "2", "path"],
)
def test_rows_alone_do_not_keep_the_mean(draw):
    problem = Quadratic(dim=4, zeta=2.0, sigma=1.0).build(5, (0, 1))
    assert (merged_iterate(problem, draw) - parallel_sgd(problem)).norm(dim=1).min() > 0.01


def test_different_curvatures_do_not_merge_into_parallel_sgd():
    problem = Quadratic(dim=4, zeta=2.0, sigma=1.0, spread=0.5).build(5, (0, 1))
    expected = parallel_sgd(problem)
    torch.testing.assert_close(merged_iterate(problem, DOUBLY_STOCHASTIC["complete"]), expected, rtol=0, atol=1e-13)
    for name in ("path", "none", "one peer, directed and periodic"):
        assert (merged_iterate(problem, DOUBLY_STOCHASTIC[name]) - expected).norm(dim=1).min() > 0.01


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"dim": 0}, "not 0"),
        ({"mu": 0.0}, "mu = 0.0"),
        ({"mu": 2.0}, "mu = 2.0 and L = 1.0"),
        ({"L": float("inf")}, "L = inf"),
        ({"sigma": -1.0}, "-1.0"),
        ({"zeta": float("inf")}, "inf"),
        ({"spread": 1.0}, "not 1.0"),
        ({"distance": float("nan")}, "nan"),
    ],
)
def test_bad_fields_are_named(fields, named):
    with pytest.raises(OnemergeError) as error:
        Quadratic(**fields)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


def test_one_agent_has_no_heterogeneity():
    with pytest.raises(OnemergeError, match=r"zeta must be 0, not 1\.0"):
        Quadratic(zeta=1.0).build(1, (0,))
