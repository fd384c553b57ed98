import numpy as np
import pytest
import torch
from torch.func import grad, hessian

from sim.lifts import Lifted
from sim.network import Classification
from sim.probes.derivatives import directional, global_gradient, sharpening, sharpness
from sim.probes.exact_losses import ExactLosses
from sim.probes.snapshot import Snapshot
from sim.search.smooth_losses import torch_function
from sim.testbed import ORDERS, TESTBED
from theory.errors import OnemergeError

POINTS = (-0.9, -0.3, 0.2, 0.7, 1.0)
DIM = 3
LIFTS = {
    "separable": lambda f: lambda x: f(x).sum(),
    "direction": lambda f: lambda x: f(x @ torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)),
    "radial": lambda f: lambda x: f((x**2).sum().sqrt()),
}


def lifted(kind, profile):
    """The torch loss of a function of the testbed in DIM dimensions, with data that scale it, and its numpy twin."""
    f = LIFTS[kind](torch_function(TESTBED[profile]))
    twin = Lifted(TESTBED[profile], kind, DIM, (0.6, 0.0, 0.8) if kind == "direction" else ())
    return lambda theta, height: height * f(theta), twin


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


@pytest.mark.parametrize("name", TESTBED)
@pytest.mark.parametrize("order", ORDERS)
def test_directional_derivatives_are_those_of_the_testbed(name, order):
    f, direction = TESTBED[name], torch.tensor([0.7], dtype=torch.float64)
    value = torch_function(f)
    for point in POINTS:
        x = torch.tensor([point], dtype=torch.float64)
        found = float(directional(lambda y: value(y).sum(), x, *[direction] * order))
        assert found == pytest.approx(float(f(point, order)) * 0.7**order, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize(
    ("kind", "profile"), [("separable", "log_cosh"), ("direction", "softplus"), ("radial", "pseudo_huber")]
)
@pytest.mark.parametrize("agents", [1, 2, 3])
def test_curvature_and_sharpening_equal_the_lifts(kind, profile, agents):
    """Two replicas whose heights differ over the agents: L has their mean, which T2 takes squared."""
    loss, twin = lifted(kind, profile)
    heights = torch.arange(1, 2 * agents + 1, dtype=torch.float64).view(2, agents)
    points, directions = normal(2, DIM), normal(2, 4, DIM, seed=1)
    slope = global_gradient(ExactLosses.of(loss, (heights,)), points)
    losses, ends = ExactLosses.of(loss, (heights,)), points[:, None] + directions
    curved, turned = sharpness(losses, points, ends), sharpening(losses, points, ends, slope)
    assert curved.shape == turned.shape == (2, 4)
    for r in range(2):
        height, x = float(heights[r].mean()), points[r].numpy()
        np.testing.assert_allclose(slope[r], height * twin.gradient(x), rtol=1e-12, atol=1e-13)
        for n in range(4):
            v = directions[r, n].numpy()
            assert float(curved[r, n]) == pytest.approx(height * v @ twin.hessian(x) @ v, rel=1e-10)
            expected = height**2 * twin.gradient(x) @ twin.trace_gradient(x, np.outer(v, v))
            assert float(turned[r, n]) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("name", "where", "sign"),
    [
        ("cos", 0.5, -1),
        ("log_cosh", -1.0, -1),
        ("pseudo_huber", 2.0, -1),
        ("softplus", 1.0, -1),
        ("softplus", -1.0, 1),
        ("logistic", 1.0, 1),
        ("quadratic", 1.0, 0),
        ("quartic_on_ball", 0.5, 1),
        ("cos", 0.0, 0),
    ],
)
def test_sign_of_assumption_4(name, where, sign):
    """Negative is progressive sharpening; quadratics and critical points have 0, the tail of a logistic loss more."""
    loss = lambda theta, height: height * torch_function(TESTBED[name])(theta).sum()  # noqa: E731
    x = torch.full((1, 1), where, dtype=torch.float64)
    losses = ExactLosses.of(loss, (torch.ones(1, 2),))
    ends = x[:, None] + torch.tensor([[[0.3], [-2.0]]], dtype=torch.float64)
    found = sharpening(losses, x, ends, global_gradient(losses, x))
    assert (found.sign() == sign).all()


def tanh_network(theta, x, y):
    """A tanh network 2-3-1 with squared loss on one sample: smooth, so that finite differences work."""
    hidden = torch.tanh(theta[:6].view(3, 2) @ x + theta[6:9])
    return (theta[9:12] @ hidden + theta[12] - y) ** 2


def test_a_network_equals_differences_of_its_gradient():
    x, y, point, v = normal(1, 4, 2), normal(1, 4, seed=1), normal(1, 13, seed=2), normal(1, 2, 13, seed=3) / 4
    slope = lambda at: global_gradient(ExactLosses.of(tanh_network, (x, y)), at[None])[0]  # noqa: E731
    losses, ends = ExactLosses.of(tanh_network, (x, y)), point[:, None] + v
    curved = sharpness(losses, point, ends)[0]
    turned = sharpening(losses, point, ends, slope(point[0])[None])[0]
    for n in range(2):
        at, line, h = point[0], v[0, n], 1e-3
        ahead, here, behind = slope(at + h * line), slope(at), slope(at - h * line)
        assert float(curved[n]) == pytest.approx(float((ahead - behind) @ line) / (2 * h), rel=1e-5)
        assert float(turned[n]) == pytest.approx(float((ahead - 2 * here + behind) @ here) / h**2, rel=1e-4)


def test_a_classifier_equals_its_full_hessian():
    of = Classification(width=1, dtype="float64", label_smoothing=0.1).build(2, (0,), 4)
    loss, data = of.exact_losses()
    point, v = of.init().mean(dim=1), normal(1, 1, of.dim) / 10
    mean = lambda theta: (loss(theta, data[0][0, 0]) + loss(theta, data[0][0, 1])) / 2  # noqa: E731
    bend = lambda theta: v[0, 0] @ hessian(mean)(theta) @ v[0, 0]  # noqa: E731
    slope = grad(mean)(point[0])
    assert float(slope.norm()) > 1e-3
    torch.testing.assert_close(global_gradient(ExactLosses.of(loss, data), point)[0], slope, rtol=1e-10, atol=1e-14)
    losses, ends = ExactLosses.of(loss, data), point[:, None] + v
    assert float(sharpness(losses, point, ends)) == pytest.approx(float(bend(point[0])), rel=1e-9)
    turned = float(sharpening(losses, point, ends, slope[None]))
    assert turned == pytest.approx(float(grad(bend)(point[0]) @ slope), rel=1e-9)


def test_replicas_are_taken_one_by_one():
    loss = lambda theta, a, b: (a * theta**3).sum() + b @ theta  # noqa: E731
    a, b, points = normal(3, 2), normal(3, 2, DIM, seed=1), normal(3, DIM, seed=2)
    together = global_gradient(ExactLosses.of(loss, (a, b)), points)
    for r in range(3):
        alone = global_gradient(ExactLosses.of(loss, (a[r : r + 1], b[r : r + 1])), points[r : r + 1])
        torch.testing.assert_close(together[r : r + 1], alone, rtol=1e-13, atol=1e-14)
        expected = 3 * a[r].mean() * points[r] ** 2 + b[r].mean(dim=0)
        torch.testing.assert_close(together[r], expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: ExactLosses.of(torch.sum, ()), "data is empty; it must hold tensors"),
        (lambda: ExactLosses.of(torch.sum, (normal(2, 2), normal(2, 3))), r"\(2, 2\), \(2, 3\)"),
        (lambda: ExactLosses.of(torch.sum, (normal(2),)), r"\(2,\)"),
        (lambda: Snapshot(ExactLosses.of(torch.sum, (normal(2, 4),)), normal(2, 3, 4)), r"\[2, 3\], .* \[2, 4\]"),
        (lambda: Snapshot(ExactLosses.of(torch.sum, (normal(2, 4),)), normal(2, 4)), r"= \[2\]"),
    ],
)
def test_axes_that_do_not_fit_are_named(call, named):
    with pytest.raises(OnemergeError, match=named):
        call()
