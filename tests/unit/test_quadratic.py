from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.autograd.functional import hessian

from sim.optimizer import Optimizer
from sim.quadratic import BLOCK, NOISES, SIGNS, Quadratic
from sim.randomness import stream
from sim.schedule import silent
from sim.simulate import simulate
from sim.spectra import SPECTRA, curvatures
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


@pytest.mark.parametrize("agents", [1, 2, 3, 6])
@pytest.mark.parametrize("signs", SIGNS)
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_constants_of_every_shape_are_exact(agents, signs, spectrum):
    """L, μ of L and of every L_k by numeric eigenvalues of the Hessians of the loss; ζ at and away from the minimum."""
    zeta = 0.7 if agents > 1 else 0.0
    config = Quadratic(4, 0.2, 2.0, zeta, spread=0.6, spectrum=spectrum, decay=2.0, outliers=2, signs=signs)
    problem = config.build(agents, (0, 5))
    zeros, at = torch.zeros(4), torch.ones(4, dtype=torch.float64)
    hessians = torch.stack(
        [
            hessian(lambda one, k=k: problem.loss(one, zeros, problem.optima[0, k], problem.curvature[k]), at)
            for k in range(agents)
        ]
    )
    mean = torch.diag(torch.from_numpy(curvatures(spectrum, 4, 0.2, 2.0, 2.0, 2)))
    torch.testing.assert_close(hessians.mean(dim=0), mean, rtol=1e-14, atol=1e-15)
    eigenvalues, of_mean = torch.linalg.eigvalsh(hessians), torch.linalg.eigvalsh(mean)
    torch.testing.assert_close(problem.smoothness_of_each, eigenvalues[:, -1], rtol=1e-12, atol=0)
    torch.testing.assert_close(problem.convexity_of_each, eigenvalues[:, 0], rtol=1e-12, atol=0)
    assert (config.L, problem.convexity) == pytest.approx((float(of_mean[-1]), float(of_mean[0])), rel=1e-12)
    assert problem.smoothness == pytest.approx(2.0 * (1.6 if agents > 1 else 1.0), rel=1e-12)

    for theta in (torch.zeros(2, 4, dtype=torch.float64), torch.tensor([[1.0, 2, 3, 4], [-9, 0, 0.5, 2]]).double()):
        own = gradients(problem, theta[:, None].expand(-1, agents, -1))
        expected = ((own - own.mean(dim=1, keepdim=True)) ** 2).sum(-1).mean(-1)
        torch.testing.assert_close(problem.zeta_sq(theta), expected, rtol=1e-12, atol=1e-20)
        assert bool((problem.zeta_sq(theta) <= zeta**2 * (1 + 1e-12)).all()) == (agents == 1 or not theta.any())
    far = problem.zeta_sq(torch.full((2, 4), 1e9, dtype=torch.float64))
    assert (problem.zeta_sup == np.inf) == bool((far > 1e15).all()) == (agents > 1)


def test_one_hessian_has_one_heterogeneity():
    problem = Quadratic(dim=3, zeta=0.7, spectrum="log").build(4, (0,))
    assert problem.zeta_sup == 0.7
    anywhere = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 3)) * 100)
    assert float(problem.zeta_sq(anywhere)) == pytest.approx(0.49, rel=1e-12)


@pytest.mark.parametrize("agents", [2, 3, 8])
def test_shuffled_signs_differ_between_coordinates(agents):
    """Whoever is steeper in one coordinate may be flatter in another; in each, as many are steeper as flatter."""
    config = Quadratic(dim=64, spread=0.5, signs="coordinates")
    problem = config.build(agents, (0,))
    signs = (problem.curvature / problem.mean_curvature - 1) / 0.5
    for column in signs.T.round().tolist():
        assert sorted(column) == [-1.0] * (agents // 2) + [0.0] * (agents % 2) + [1.0] * (agents // 2)
    assert len({tuple(column) for column in signs.T.round().tolist()}) > 1
    assert not problem.curvature.equal(replace(config, instance=1).build(agents, (0,)).curvature)
    assert problem.curvature.equal(replace(config, instance=None).build(agents, (7,)).curvature)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("spectrum", ["even", "power"])
def test_noise_by_curvature_has_the_same_total(noise, spectrum):
    """Each coordinate's variance is σ²/d or σ² h_i / Σ h, by a z of 6000 draws; both sum to σ²."""
    problem = Quadratic(dim=5, sigma=1.7, noise=noise, spectrum=spectrum, spread=0.3).build(3, (0, 1))
    h = problem.mean_curvature.numpy()
    variance = 1.7**2 * (np.full(5, 0.2) if noise == "isotropic" else h / h.sum())
    assert variance.sum() == pytest.approx(1.7**2)
    drawn = torch.cat([batch[0] for batch in problem.batches(3, 1000)]).numpy()
    squares = drawn**2
    z = (squares.mean(axis=0) - variance) / (squares.std(axis=0, ddof=1) / len(squares) ** 0.5)
    assert np.abs(z).max() < 5, f"z of the variances {z}"


@pytest.mark.parametrize(("agents", "dim", "seeds"), [(1, 1, (0,)), (3, 2, (4, 4, 1)), (5, BLOCK // 4, (0, 1))])
def test_noise_is_drawn_step_by_step_from_one_stream(agents, dim, seeds):
    """The steps of a round share one generator: the numbers are those of a draw of all of them at once."""
    problem = Quadratic(dim=dim, sigma=1.3, zeta=0.0).build(agents, seeds)
    whole = {seed: stream(seed, "noise", 2).standard_normal((3, agents, dim)) * (1.3 / np.sqrt(dim)) for seed in seeds}
    for step, (noise, _, _) in enumerate(problem.batches(2, 3)):
        expected = torch.from_numpy(np.concatenate([whole[seed][step] for seed in seeds]))
        torch.testing.assert_close(noise, expected, rtol=1e-15, atol=0)


def test_nothing_is_drawn_or_copied_without_need():
    silent_problem = Quadratic(sigma=0.0).build(7, tuple(range(40)))
    first, second = silent_problem.batches(0, 2)
    assert not first[0].any()
    assert first[0].stride() == (0, 0)
    noisy = Quadratic(spread=0.5, signs="coordinates").build(7, (0,))
    own, other = noisy.batches(0, 1), noisy.batches(5, 1)
    pairs = [*zip(first, second, strict=True), *list(zip(next(own), next(other), strict=True))[1:]]
    assert all(one.data_ptr() == two.data_ptr() for one, two in pairs)
    assert first[2].stride()[0] == silent_problem.optima.stride()[0] == 0  # one row, one replica
    assert noisy.optima.data_ptr() == noisy._flat[0].data_ptr()


SHAPES = {
    "one agent": ({"dim": 1, "zeta": 0.0}, 1, (0,)),
    "shared instance, repeated seed": ({"dim": 3, "spread": 0.4}, 3, (2, 5, 2)),
    "own instances": ({"dim": 4, "spread": 0.4, "signs": "coordinates", "instance": None}, 5, (0, 1)),
    "no noise": ({"dim": 2, "sigma": 0.0}, 4, (0, 1)),
    "more than a block": ({"dim": BLOCK // 4 + 1, "noise": "curvature"}, 5, (0, 1)),
    "a row is more than a block": ({"dim": BLOCK + 1}, 2, (0,)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_closed_forms_are_the_gradients_of_the_loss_bit_for_bit(name):
    """`gradients` against autograd, and `sgd_step_` with a number and with a tensor of rates against the optimizer."""
    fields, agents, seeds = SHAPES[name]
    problem = Quadratic(**fields).build(agents, seeds)
    count = agents * len(seeds)
    theta = torch.from_numpy(np.random.default_rng(1).standard_normal((count, problem.dim)))
    batch = next(problem.batches(1, 1))
    found, losses = problem.gradients(theta, *batch)
    assert losses is None
    automatic = torch.func.vmap(torch.func.grad(problem.loss))(theta, *batch)
    assert found.equal(automatic)
    several = torch.linspace(0.1, 0.5, count, dtype=torch.float64)[:, None]
    for lr in (0.3, several):
        moved, expected = theta.clone(), theta.clone()
        problem.sgd_step_(moved, lr, *batch)
        Optimizer("sgd", 0.3).step_(expected, automatic.clone(), (), lr)
        assert moved.equal(expected)
        torch.testing.assert_close(moved, theta - lr * automatic, rtol=1e-13, atol=1e-14)
    rows = torch.arange(0, count, 2)
    part = theta[rows]
    problem.sgd_step_(part, several[rows], *(tensor[rows] for tensor in batch))
    assert part.equal(moved[rows])


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_heterogeneity_is_the_same_everywhere_only_for_common_curvature(spread):
    problem = Quadratic(dim=3, zeta=0.7, spread=spread, distance=2.0).build(4, (0,))
    own = gradients(problem, problem.init())
    zeta = float(((own - own.mean(dim=1, keepdim=True)) ** 2).sum(-1).mean()) ** 0.5
    assert (abs(zeta - 0.7) < 1e-12) == (spread == 0)


def test_noise_has_the_stated_variance():
    """‖ξ‖² has mean σ² over agents, steps and seeds, and ξ has mean zero; sampled gradients are ∇L_k + ξ."""
    problem = Quadratic(dim=5, sigma=1.7).build(4, (0, 1, 2))
    noise, optimum, curvature = (torch.stack(parts) for parts in zip(*problem.batches(0, 800), strict=True))
    assert noise.shape == (800, 12, 5)
    size = (noise**2).sum(-1).flatten().numpy()
    for sample, expected in ((size, 1.7**2), (noise.flatten().numpy(), 0.0)):
        z = (sample.mean() - expected) / (sample.std(ddof=1) / len(sample) ** 0.5)
        assert abs(z) < 5, f"sampled {sample.mean():.5f}, stated {expected:.5f}, z = {z:.1f}"
    assert not noise[0].equal(next(problem.batches(1, 800))[0])
    theta = problem.init()
    sampled = torch.func.vmap(torch.func.grad(problem.loss))(theta.flatten(0, 1), noise[3], optimum[3], curvature[3])
    expected = gradients(problem, theta, noise[3].view_as(theta))
    torch.testing.assert_close(sampled.view_as(theta), expected, rtol=1e-12, atol=1e-13)


def test_noise_of_a_seed_does_not_depend_on_what_else_is_stacked():
    config = Quadratic(dim=3, instance=None)
    together, alone = config.build(4, (0, 1, 2)), config.build(4, (1,))
    for batch, other in zip(together.batches(6, 2), alone.batches(6, 2), strict=True):
        for several, single in zip(batch, other, strict=True):
            assert several[4:8].equal(single)
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
        noise = next(problem.batches(t, 1))[0].view_as(theta)
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
        ({"spectrum": "flat"}, "'flat'; valid: even, power, two, log"),
        ({"spectrum": "two", "dim": 4, "outliers": 4}, "not 4"),
        ({"decay": -1.0}, "not -1.0"),
        ({"signs": "random"}, "'random'; valid: agents, coordinates"),
        ({"noise": "white"}, "'white'; valid: isotropic, curvature"),
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
