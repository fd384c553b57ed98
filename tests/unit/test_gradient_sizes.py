import numpy as np
import pytest
import torch
from torch.func import grad, vmap

from sim.network import Classification
from sim.probes.exact_losses import ExactLosses
from sim.probes.gradients import gradient_noise, gradient_sizes
from sim.probes.snapshot import Snapshot
from sim.quadratic import Quadratic
from sim.search.smooth_losses import smooth_losses
from sim.search.smooth_run import SmoothRun, quantities
from theory.errors import OnemergeError


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def snapshot(loss, theta, data):
    return Snapshot(ExactLosses.of(loss, data), theta)


def cubic(theta, a, b):
    return (a * theta**3).sum() + b @ theta


@pytest.mark.parametrize("agents", [1, 2, 3])
def test_sizes_equal_a_loop(agents):
    theta, a, b = normal(2, agents, 3), normal(2, agents, 3, seed=1), normal(2, agents, 3, seed=2)
    models = snapshot(cubic, theta, (a, b))
    found = gradient_sizes(models)
    for r in range(2):
        slopes = lambda x, r=r: 3 * a[r] * x**2 + b[r]  # noqa: E731 (of all agents at one point)
        mean = theta[r].mean(dim=0)
        at_mean, total = slopes(mean), slopes(mean).mean(dim=0)
        each = [slopes(theta[r, k]) for k in range(agents)]
        expected = {
            "gradient_norm_sq": total @ total,
            "local_gradient_norm_sq": sum(each[k][k] @ each[k][k] for k in range(agents)) / agents,
            "phi_sq_at_mean": sum(x @ x for x in at_mean) / agents,
            "zeta_sq_at_mean": sum((x - total) @ (x - total) for x in at_mean) / agents,
            "zeta_sq_at_agents": sum(((x[k] - x.mean(dim=0)) ** 2).sum() for k, x in enumerate(each)) / agents,
        }
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert float(found[name][r]) == pytest.approx(float(value), rel=1e-11, abs=1e-14), name
        torch.testing.assert_close(models.v[r], sum(each[k][k] for k in range(agents)) / agents, rtol=1e-12, atol=1e-14)
    split = found["gradient_norm_sq"] + found["zeta_sq_at_mean"]
    torch.testing.assert_close(found["phi_sq_at_mean"], split, rtol=1e-12, atol=0)


def test_the_diversity_of_quadratics_is_the_stated_one():
    """With one curvature it is ζ² everywhere; with different ones it is at the minimizer alone."""
    theta = normal(2, 4, 3)
    for spread, everywhere in ((0.0, True), (0.5, False)):
        problem = Quadratic(dim=3, zeta=0.7, spread=spread).build(4, (0, 5))
        loss, data = problem.exact_losses()
        found = gradient_sizes(snapshot(loss, theta, data))
        for name in ("zeta_sq_at_mean", "zeta_sq_at_agents"):
            assert ((found[name] - 0.49).abs() < 1e-12).all() == everywhere
        at_minimum = gradient_sizes(snapshot(loss, torch.zeros_like(theta), data))["zeta_sq_at_mean"]
        torch.testing.assert_close(at_minimum, torch.full_like(at_minimum, 0.49), rtol=1e-12, atol=0)


def test_the_testbed_agrees():
    W = ((0.5, 0.5, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5))
    run = SmoothRun(
        "cos", 1.3, (1.0, 0.5, -0.2), (0.0, 0.4, 0.0), (0.1, 0.0, 0.2), W, (0.5, 0.9, -0.4), (0.0,) * 3, 0.9
    )
    loss, data = smooth_losses(run)
    found = gradient_sizes(snapshot(loss, torch.tensor(run.start, dtype=torch.float64)[None, :, None], data))
    for name in ("gradient_norm_sq", "local_gradient_norm_sq"):
        assert float(found[name]) == pytest.approx(float(quantities(run)[name][0]), rel=1e-12)


@pytest.mark.parametrize("fields", [{"label_smoothing": 0.1}, {"sampling": "fixed", "samples": 25}, {"model": "cnn"}])
def test_classifiers_agree_with_their_own_measures(fields):
    problem = Classification(width=2, dtype="float64", alpha=0.5, **fields).build(3, (0, 1), 4)
    theta = problem.init()
    loss, data = problem.exact_losses()
    found = gradient_sizes(snapshot(loss, theta, data))
    for name, value in problem.measure_gradients(theta).items():
        torch.testing.assert_close(found[name], value, rtol=1e-10, atol=0)
    at_mean = theta.mean(dim=1)[0]
    slopes = [grad(loss)(at_mean, data[0][0, k]) for k in range(3)]
    expected = sum(float(((slope - sum(slopes) / 3) ** 2).sum()) for slope in slopes) / 3
    assert float(found["zeta_sq_at_mean"][0]) == pytest.approx(expected, rel=1e-10)


class Whole:
    """Gradients of all models at once, as `gradient_noise` takes them, and of a slice at a time."""

    def __init__(self, problem, theta, size=None):
        self.one, self.theta = vmap(grad(problem.loss)), theta.flatten(0, 1)
        self.size = size or len(self.theta)

    def blocks(self):
        return (slice(k, k + self.size) for k in range(0, len(self.theta), self.size))

    def __call__(self, k, *batch):
        return self.one(self.theta[k], *batch)


def test_noise_of_a_quadratic_is_the_stated_one_within_its_error():
    problem = Quadratic(dim=5, sigma=1.7, zeta=0.4, spread=0.3).build(4, (0, 1, 2))
    theta = normal(3, 4, 5)
    size, error = gradient_noise(Whole(problem, theta), theta, problem.batches(0, 800))
    noise = torch.stack([batch[0].clone() for batch in problem.batches(0, 800)]).view(400, 2, 3, 4, 5)
    samples = ((noise[:, 0] - noise[:, 1]) ** 2).sum(-1).mean(-1) / 2
    torch.testing.assert_close(size, samples.mean(dim=0), rtol=1e-10, atol=0)
    torch.testing.assert_close(error, samples.std(dim=0) / 20, rtol=1e-10, atol=0)
    assert (((size - 1.7**2) / error).abs() < 5).all(), f"{size}, {error}"
    assert (error < 0.1).all()  # the test can see a factor of 1.1
    in_parts = gradient_noise(Whole(problem, theta, size=5), theta, problem.batches(0, 800))
    torch.testing.assert_close(in_parts, (size, error), rtol=1e-12, atol=0)


def test_noise_of_a_classifier_falls_with_the_batch():
    """σ² of B independent images is that of one over B."""
    of = Classification(width=2, dtype="float64", alpha=0.5)
    theta = of.build(2, (0,), 1).init()
    found = []
    for batch in (4, 16):
        problem = of.build(2, (0,), batch)
        found.append([float(x) for x in gradient_noise(Whole(problem, theta), theta, problem.batches(0, 400))])
    (small, small_error), (large, large_error) = found
    z = (small - 4 * large) / np.hypot(small_error, 4 * large_error)
    assert abs(z) < 5, f"σ² = {small:.4f} for 4 images and {large:.4f} for 16, z = {z:.1f}"
    assert large_error < 0.1 * large


@pytest.mark.parametrize(("count", "named"), [(2, "at least 2 pairs of batches, not 1"), (5, "pairs .* not 5 batches")])
def test_noise_takes_pairs_of_batches(count, named):
    problem = Quadratic(dim=2).build(2, (0,))
    theta = problem.init()
    with pytest.raises(OnemergeError, match=named):
        gradient_noise(Whole(problem, theta), theta, problem.batches(0, count))
