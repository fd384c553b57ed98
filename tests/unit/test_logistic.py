import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.func import grad, hessian, vmap

from sim.data.sets import class_shares
from sim.logistic import Logistic, newton
from sim.optimizer import Optimizer
from sim.probes.derivatives import directional
from sim.simulate import simulate
from theory.errors import OnemergeError
from theory.gossip import constant
from theory.graphs import path
from theory.mixing import complete_average, uniform


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def built(agents=3, seeds=(0, 1), batch=4, **fields):
    return Logistic(**{"dim": 4, "samples": 30, "instance": None, **fields}).build(agents, seeds, batch)


def mean_loss(problem, replica=0):
    """L as a function of θ [d]."""
    loss, (z,) = problem.exact_losses()
    return lambda theta: vmap(loss, in_dims=(None, 0))(theta, z[replica]).mean()


def local_gradients(problem, theta):
    """∇L_k(θ_k) of Θ [replicas, agents, d] by automatic differentiation."""
    loss, (z,) = problem.exact_losses()
    return vmap(vmap(grad(loss)))(theta, z)


@pytest.mark.parametrize("agents", [1, 2, 3])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_gradients_equal_those_of_autograd(agents, dim):
    problem = built(agents, dim=dim)
    theta = 3 * normal(2 * agents, dim)
    for batch in problem.batches(0, 2):
        assert batch[0].shape == (2 * agents, 4, dim)
        gradients, losses = problem.gradients(theta, *batch)
        torch.testing.assert_close(gradients, vmap(grad(problem.loss))(theta, *batch), rtol=1e-11, atol=1e-13)
        torch.testing.assert_close(losses, vmap(problem.loss)(theta, *batch), rtol=1e-13, atol=0)


def test_the_loss_is_the_textbook_one():
    """−log of the chance of the label, sample by sample, with x and y apart: y is the sign of z's intercept."""
    problem = built(2, seeds=(0,), l2=0.3)
    theta, expected = normal(4), 0.0
    for row in problem.z[0, 1]:
        y, x = float(row[-1].sign()), row / row[-1]
        expected -= math.log(1 / (1 + math.exp(-y * float(x @ theta))))
    expected = expected / 30 + 0.15 * float(theta @ theta)
    assert float(problem.loss(theta, problem.z[0, 1])) == pytest.approx(expected, rel=1e-13)
    assert problem.z[..., -1].abs().eq(1).all()


@pytest.mark.parametrize("agents", [1, 2, 3])
def test_measures_equal_automatic_differentiation(agents):
    problem, theta = built(agents), normal(2, agents, 4)
    own, measured, gradients = local_gradients(problem, theta), problem.measure(theta), problem.measure_gradients(theta)
    for r in range(2):
        merged = theta[r].mean(dim=0)
        slope = grad(mean_loss(problem, r))(merged)
        assert float(gradients["gradient_norm_sq"][r]) == pytest.approx(float(slope @ slope), rel=1e-11)
        phi_sq = float((own[r] ** 2).sum()) / agents
        assert float(gradients["local_gradient_norm_sq"][r]) == pytest.approx(phi_sq, rel=1e-12)
        assert float(measured["merged_loss"][r]) == pytest.approx(float(mean_loss(problem, r)(merged)), rel=1e-13)
        distance = float(((merged - problem.minimizer[r]) ** 2).sum())
        assert float(measured["merged_distance_sq"][r]) == pytest.approx(distance, rel=1e-13)


@pytest.mark.parametrize("l2", [1e-8, 0.01, 10.0])
@pytest.mark.parametrize("dim", [1, 4])
def test_the_minimizer_by_newton_and_by_scipy(l2, dim):
    problem = built(3, l2=l2, dim=dim, alpha=math.inf)
    for r in range(2):
        value = mean_loss(problem, r)
        found = problem.minimizer[r]
        assert float(grad(value)(found).norm()) < 1e-14
        function = lambda at, value=value: float(value(torch.from_numpy(at)))  # noqa: E731
        slope = lambda at, value=value: grad(value)(torch.from_numpy(at)).numpy()  # noqa: E731
        other = minimize(function, np.zeros(dim), jac=slope, method="BFGS", options={"gtol": 1e-9})
        np.testing.assert_allclose(found, other.x, atol=1e-6)
        assert float(problem.infimum[r]) <= other.fun + 1e-15
        assert float(problem.infimum[r]) == pytest.approx(other.fun, rel=1e-12)


def test_newton_on_separable_samples():
    """One sample: l2 θ = z σ(−zθ), which pushes far for a small l2."""
    for l2 in (1e-10, 1e-3, 1.0, 1e6):
        theta = float(newton(torch.tensor([[2.0]], dtype=torch.float64), l2))
        assert l2 * theta == pytest.approx(2 / (1 + math.exp(2 * theta)), rel=1e-7)


@pytest.mark.parametrize("agents", [1, 3])
def test_smoothness_is_the_largest_curvature(agents):
    """L2 is attained at 0 and not exceeded; l2 is a lower bound that is approached far out."""
    problem = built(agents, l2=0.2)
    loss, (z,) = problem.exact_losses()
    zero = torch.zeros(4, dtype=torch.float64)
    for r in range(2):
        curvature = lambda at, r=r: torch.linalg.eigvalsh(hessian(mean_loss(problem, r))(at))  # noqa: E731
        assert float(curvature(zero)[-1]) == pytest.approx(float(problem.constants["L2"][r]), rel=1e-12)
        for point in 10 ** torch.linspace(-1, 2.5, 8)[:, None] * normal(8, 4, seed=r):
            lowest, *_, largest = curvature(point)
            assert problem.mu - 1e-12 <= float(lowest)
            assert float(largest) <= float(problem.constants["L2"][r])
        assert float(curvature(1000 * normal(4))[0]) == pytest.approx(0.2, rel=1e-2)
        for k in range(agents):
            own = torch.linalg.eigvalsh(hessian(lambda at, r=r, k=k: loss(at, z[r, k]))(zero))[-1]
            assert float(own) == pytest.approx(float(problem.local_smoothness[r, k]), rel=1e-12)


@pytest.mark.parametrize("dim", [1, 2, 4])
def test_third_and_fourth_derivatives_are_below_their_bounds(dim):
    problem = built(2, dim=dim)
    value = mean_loss(problem)
    points, lines = 2 * normal(400, dim), normal(400, dim, seed=1)
    points[0] = 0
    lines = lines / lines.norm(dim=1, keepdim=True)
    for q in (3, 4):
        found = vmap(lambda x, v, q=q: directional(value, x, *[v] * q))(points, lines).abs()
        bound = float(problem.constants[f"L{q}"][0])
        assert float(found.max()) <= bound * (1 + 1e-12)
        assert float(found.max()) >= bound / 8


def test_bounds_are_attained_by_one_sample():
    problem = built(1, seeds=(0,), samples=1)
    z = problem.z[0, 0, 0]
    line, length = z / z.norm(), float(z.norm())
    for q, margin in ((2, 0.0), (3, math.log(2 + math.sqrt(3))), (4, 0.0)):
        found = abs(float(directional(mean_loss(problem), line * margin / length, *[line] * q)))
        assert found == pytest.approx(float(problem.constants[f"L{q}"][0]), rel=1e-12)


def test_heterogeneity_and_noise_at_the_minimizer():
    """ζ² by automatic differentiation; σ² of a batch by the variance of single samples and by sampling."""
    problem = built(3, batch=4, alpha=0.3)
    loss = problem.loss
    everywhere = problem.minimizer[:, None].expand(-1, 3, -1)
    exact = local_gradients(problem, everywhere)
    zeta = ((exact - exact.mean(dim=1, keepdim=True)) ** 2).sum(-1).mean(-1)
    torch.testing.assert_close(problem.zeta_sq_at_minimizer, zeta, rtol=1e-10, atol=0)
    assert float(zeta.min()) > 1e-3
    for r in range(2):
        each = [
            float(((grad(loss)(problem.minimizer[r], z[None]) - exact[r, k]) ** 2).sum())
            for k in range(3)
            for z in problem.z[r, k]
        ]
        assert float(problem.sigma_sq_at_minimizer[r]) == pytest.approx(np.mean(each) / 4, rel=1e-11)
    drawn = tuple(torch.stack(part) for part in zip(*problem.batches(0, 400), strict=True))
    sampled = torch.stack([
        ((problem.gradients(everywhere.flatten(0, 1), z)[0].view_as(exact) - exact) ** 2).sum(-1).mean(-1)
        for z in drawn[0]
    ])  # fmt: skip
    error = sampled.std(dim=0) / 400**0.5
    assert ((sampled.mean(dim=0) - problem.sigma_sq_at_minimizer).abs() < 5 * error).all()


def test_skew_and_label_noise():
    """α sets the shares of the labels, half and half for IID agents; without noise a plane separates all samples."""
    alike, skewed = built(6, samples=400, alpha=math.inf), built(6, samples=400, alpha=0.05)
    share = lambda problem: (problem.z[..., -1] > 0).double().mean(-1)  # noqa: E731
    assert ((share(alike) - 0.5).abs() < 5 * 0.5 / 20).all()
    assert ((share(skewed) - 0.5).abs() > 0.3).double().mean() > 0.5
    stated = torch.stack([torch.from_numpy(class_shares(seed, 6, 2, 0.05)[:, 1]) for seed in (0, 1)])
    assert ((share(skewed) - stated).abs() <= 5 * (stated * (1 - stated) / 400).sqrt() + 1e-9).all()
    assert (skewed.zeta_sq_at_minimizer > 10 * alike.zeta_sq_at_minimizer).all()
    clean, noisy = (built(2, samples=300, l2=1e-9, label_noise=noise, alpha=math.inf) for noise in (0.0, 0.25))
    for problem, expected in ((clean, 0.0), (noisy, 0.25)):
        margins = (problem.z.flatten(1, 2) @ problem.minimizer[:, :, None])[..., 0]
        wrong = (margins < 0).double().mean(-1)
        assert ((wrong - expected).abs() <= 5 * (expected * (1 - expected) / 600) ** 0.5).all()


def test_the_spectrum_of_the_features():
    problem = built(4, dim=4, samples=4000, condition=100.0, alpha=math.inf)
    moments = (problem.z[..., :-1] ** 2).mean((1, 2))
    expected = torch.tensor([1.0, 0.1, 0.01], dtype=torch.float64)
    assert ((moments / expected - 1).abs() < 5 * (2 / 16000) ** 0.5).all()


def test_a_replica_does_not_depend_on_the_others():
    together, alone = built(3, seeds=(0, 1, 0)), built(3, seeds=(1,))
    assert together.z[1].equal(alone.z[0])
    assert together.z[0].equal(together.z[2])
    assert not together.z[0].allclose(together.z[1])
    theta, own = together.init(), alone.init()
    for (several,), (single,) in zip(together.batches(5, 3), alone.batches(5, 3), strict=True):
        assert several[3:6].equal(single)
        assert several[:3].equal(several[6:])
        theta = theta - together.gradients(theta.flatten(0, 1), several)[0].view_as(theta)
        own = own - alone.gradients(own[0], single)[0]
    torch.testing.assert_close(theta[1], own[0], rtol=1e-13, atol=1e-14)
    assert not next(together.batches(5, 1))[0].equal(next(together.batches(6, 1))[0])


def test_batches_are_the_agents_own_samples():
    problem = built(3, batch=50)
    (z,) = next(problem.batches(0, 1))
    own = problem.z.flatten(0, 1)
    for row in range(6):
        same = (z[row][:, None] == own[row][None]).all(-1)
        assert same.any(dim=1).all()
        assert same.any(dim=0).sum() > 15  # 30 (1 − (29/30)^50) = 24.5 in the mean


def test_instances():
    shared, own = built(2, instance=1), built(2)
    assert shared.z[0].equal(own.z[1])
    assert shared.z[1].equal(own.z[1])
    assert shared.minimizer.shape == shared.init()[:, 0].shape
    assert shared.constants["L2"].shape == shared.infimum.shape == (2,)
    assert shared.local_smoothness.shape == (2, 2)
    first, second = (next(shared.batches(0, 1))[0][row] for row in (slice(2), slice(2, 4)))
    assert not first.equal(second)


def test_far_margins_have_finite_losses():
    problem = built(1, seeds=(0,))
    theta = torch.full((1, 4), 1e4, dtype=torch.float64)
    gradients, losses = problem.gradients(theta, problem.z[0])
    assert torch.isfinite(gradients).all()
    assert torch.isfinite(losses).all()
    torch.testing.assert_close(grad(problem.loss)(theta[0], problem.z[0, 0]), gradients[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("execution", ["batched", "vmap", "loop"])
def test_a_run_is_the_loop_of_its_steps(execution):
    """Against automatic differentiation and W Θ, for a W whose columns do not sum to one."""
    W = uniform(path(4))
    problem = built(agents=4)
    theta = problem.init()
    for round in range(3):
        for batch in problem.batches(round, 2):
            theta = theta - 0.3 * vmap(grad(problem.loss))(theta.flatten(0, 1), *batch).view_as(theta)
        theta = torch.from_numpy(W) @ theta
    run = {"rounds": 3, "local_steps": 2, "execution": execution}
    _, state = simulate(problem, constant(W).draw, Optimizer("sgd", 0.3), **run)
    torch.testing.assert_close(state.theta, theta, rtol=1e-11, atol=1e-13)


def test_runs_come_as_near_the_minimizer_as_their_bound():
    """‖θ̄ − θ*‖² <= (1 − η μ)^t ‖θ⁰ − θ*‖² + 2 η σ²/(μ m) in the mean for η <= 1/(2 max_i L_i), all merged every step.

    Gower et al. 2019 (arXiv 1901.09401), Theorem 3.1, with σ² at the minimizer.
    """
    problem, lr = built(agents=4, batch=16, l2=0.3), 0.1
    steepest = float((problem.z**2).sum(-1).max()) / 4 + 0.3
    assert lr <= 1 / (2 * steepest)
    table, _ = simulate(problem, constant(complete_average(4)).draw, Optimizer("sgd", lr), rounds=200)
    distance = table[table["metric"] == "merged_distance_sq"].pivot_table(index="round", columns="seed", values="value")
    start = (problem.minimizer**2).sum(-1).numpy()
    left = (2 * lr * problem.sigma_sq_at_minimizer / (problem.mu * 4)).numpy()
    np.testing.assert_allclose(distance.loc[0], start)
    for t in (10, 50, 190):
        allowed = (1 - lr * problem.mu) ** t * start + left
        assert (distance.loc[t : t + 10].mean().to_numpy() <= allowed).all()
    assert (allowed < start / 10).all()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"dim": 0}, "not 0"),
        ({"samples": 0}, "not 0"),
        ({"l2": 0.0}, "not 0.0"),
        ({"l2": math.inf}, "not inf"),
        ({"alpha": 0.0}, "not 0.0"),
        ({"alpha": math.nan}, "not nan"),
        ({"condition": 0.5}, "not 0.5"),
        ({"label_noise": 0.6}, "not 0.6"),
    ],
)
def test_bad_fields_are_named(fields, named):
    with pytest.raises(OnemergeError) as error:
        Logistic(**fields)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


def test_an_empty_batch_is_named():
    with pytest.raises(OnemergeError, match="batch must be a whole number of at least 1, not 0"):
        built(batch=0)
