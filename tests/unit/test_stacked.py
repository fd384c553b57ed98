"""Stacked gradients and outputs by hand against torch.func on each model, which goes through autograd."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad_and_value, vmap
from torch.nn.functional import cross_entropy

from sim import stacked as module
from sim.models import MODELS
from sim.stacked import stacked
from sim.stacked_layers import beyond, taps
from theory.errors import OnemergeError


def sequential(*layers, side, classes=3, channels=2):
    """The layers before a Flatten and a Linear layer of the size that fits."""
    before = nn.Sequential(*layers, nn.Flatten())
    features = before(torch.zeros(1, channels, side, side)).shape[1]
    return nn.Sequential(*before, nn.Linear(features, classes)), (channels, side, classes)


NETWORKS = {
    "logistic": lambda: sequential(side=4),
    "no_bias": lambda: (nn.Sequential(nn.Flatten(-3), nn.Linear(18, 5, bias=False), nn.Linear(5, 4)), (2, 3, 4)),
    "linear": lambda: (nn.Sequential(nn.Flatten(), nn.Linear(18, 6), nn.Linear(6, 5), nn.Linear(5, 3)), (2, 3, 3)),
    "mlp": lambda: (MODELS["mlp"](1, 5, 4, 7), (1, 5, 4)),
    "cnn_even": lambda: (MODELS["cnn"](1, 8, 10, 4), (1, 8, 10)),
    "cnn_odd": lambda: (MODELS["cnn"](3, 7, 4, 2), (3, 7, 4)),
    "no_padding": lambda: sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 3), side=7),
    "stride_3": lambda: sequential(nn.Conv2d(2, 3, 2, stride=3), nn.Conv2d(3, 2, 1, stride=2, bias=False), side=11),
    "oblong": lambda: sequential(
        nn.Conv2d(2, 3, (3, 2), stride=(1, 2), padding=(0, 1)), nn.Conv2d(3, 4, (1, 3), (2, 1), (1, 2)), side=6
    ),
    "wide_padding": lambda: sequential(nn.Conv2d(2, 3, 1, padding=2), nn.Conv2d(3, 2, 5, stride=2, padding=2), side=3),
    "relu_first": lambda: sequential(nn.ReLU(), nn.ReLU(), nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), side=4),
    "relu_last": lambda: (nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(8, 3), nn.ReLU()), (2, 2, 3)),
}


class Case:
    """A network with random models Θ [n, d], each with its own random batch."""

    def __init__(self, name, n, batch, dtype=torch.float64, seed=0):
        self.network, (channels, side, self.classes) = NETWORKS[name]()
        generator = torch.Generator().manual_seed(seed)
        self.shapes = {name: leaf.shape for name, leaf in self.network.named_parameters()}
        d = sum(shape.numel() for shape in self.shapes.values())
        self.theta = torch.randn(n, d, generator=generator, dtype=dtype) / 2
        self.x = torch.randn(n, batch, channels, side, side, generator=generator, dtype=dtype)
        self.y = torch.randint(self.classes, (n, batch), generator=generator)
        self.kernel = stacked(self.network, self.shapes)

    def logits(self, theta, x):
        parts = theta.split([shape.numel() for shape in self.shapes.values()])
        leaves = {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}
        return functional_call(self.network, leaves, (x,))

    def expected(self, smoothing=0.0):
        loss = lambda theta, x, y: cross_entropy(self.logits(theta, x), y, label_smoothing=smoothing)  # noqa: E731
        return vmap(grad_and_value(loss))(self.theta, self.x, self.y)


def distance(a, b):
    """Largest difference as a share of the largest number (as it is, where all numbers are 0)."""
    return float((a - b).abs().max() / (b.abs().max() or 1))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("n", "batch"), [(1, 1), (2, 5), (3, 4)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradients_and_losses_are_those_of_autograd(name, n, batch, smoothing):
    case = Case(name, n, batch)
    case.kernel(1 - case.theta, 1 - case.x, case.y)  # leaves other numbers in the buffers
    gradients, losses = case.kernel(case.theta, case.x, case.y, smoothing)
    expected, expected_losses = case.expected(smoothing)
    assert gradients.shape == case.theta.shape
    assert losses.shape == (n,)
    assert distance(gradients, expected) < 1e-12
    assert distance(losses, expected_losses) < 1e-12


@pytest.mark.parametrize("name", ["mlp", "cnn_odd"])
def test_central_differences_of_the_loss(name):
    case = Case(name, 2, 3)
    gradients, _ = case.kernel(case.theta, case.x, case.y, 0.1)
    direction = torch.randn(case.theta.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    up, down = (case.kernel(case.theta + h * direction, case.x, case.y, 0.1)[1] for h in (1e-6, -1e-6))
    slope = (gradients * direction).sum(1)
    assert torch.allclose((up - down) / 2e-6, slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", NETWORKS)
def test_logits_of_shared_images(name):
    case = Case(name, 3, 1)
    images = Case(name, 1, 6, seed=1).x[0]
    expected = vmap(case.logits, in_dims=(0, None))(case.theta, images)
    found = case.kernel.logits(case.theta, images)
    assert found.shape == (3, 6, case.classes)
    assert distance(found, expected) < 1e-12


@pytest.mark.parametrize("name", ["mlp", "cnn_even", "oblong"])
def test_chunks_give_the_numbers_of_the_whole(monkeypatch, name):
    case = Case(name, 5, 3)
    images = Case(name, 1, 7, seed=1).x[0]
    whole = *case.kernel(case.theta, case.x, case.y, 0.1), case.kernel.logits(case.theta, images)
    fresh = stacked(case.network, case.shapes)
    most = fresh.chunk(case.x.shape[1:], torch.float64, torch.device("cpu"))
    monkeypatch.setitem(module.WORKING_SET, "cpu", 2 * module.WORKING_SET["cpu"] // most)
    monkeypatch.setattr(module, "IMAGES", 4)
    fresh = stacked(case.network, case.shapes)
    assert 1 <= fresh.chunk(case.x.shape[1:], torch.float64, torch.device("cpu"), 5) < 5
    parts = *fresh(case.theta, case.x, case.y, 0.1), fresh.logits(case.theta, images)
    for a, b in zip(parts, whole, strict=True):
        assert distance(a, b) < 1e-14


@pytest.mark.parametrize("name", ["mlp", "cnn_odd"])
def test_a_model_that_is_not_a_number_leaves_the_others_alone(name):
    case = Case(name, 3, 4)
    clean, clean_losses = (a.clone() for a in case.kernel(case.theta, case.x, case.y, 0.1))
    broken = case.theta.clone()
    broken[1] = torch.nan
    gradients, losses = case.kernel(broken, case.x, case.y, 0.1)
    assert gradients[1].isnan().any()
    assert losses[1].isnan()
    assert torch.equal(gradients[[0, 2]], clean[[0, 2]])
    assert torch.equal(losses[[0, 2]], clean_losses[[0, 2]])
    again, _ = case.kernel(case.theta, case.x, case.y, 0.1)
    assert torch.equal(again, clean), "numbers that are none must not stay in the buffers"


def test_inputs_stay_and_outputs_belong_to_the_caller():
    case = Case("relu_first", 2, 3)
    before = [a.clone() for a in (case.theta, case.x, case.y)]
    out = torch.full_like(case.theta, 7.0)
    gradients, losses = case.kernel(case.theta, case.x, case.y, 0.0, out=out)
    assert gradients is out
    assert distance(out, case.expected()[0]) < 1e-12
    logits = case.kernel.logits(case.theta, case.x[0])
    kept = [a.clone() for a in (gradients, losses, logits)]
    case.kernel(2 * case.theta, case.x + 1, case.y)
    case.kernel.logits(2 * case.theta, case.x[1])
    assert all(torch.equal(a, b) for a, b in zip((gradients, losses, logits), kept, strict=True))
    assert all(torch.equal(a, b) for a, b in zip((case.theta, case.x, case.y), before, strict=True))


def test_rows_of_a_larger_tensor_are_stepped_in_place():
    """A caller's step: the gradient of some rows of Θ, and their SGD step, while the others stay."""
    case = Case("cnn_odd", 4, 3)
    start, expected = case.theta.clone(), case.expected()[0]
    rows = slice(1, 3)
    gradient, _ = case.kernel(case.theta[rows], case.x[rows], case.y[rows])
    case.theta[rows].add_(gradient, alpha=-0.5)
    assert torch.equal(case.theta[[0, 3]], start[[0, 3]])
    assert distance(case.theta[rows], (start - 0.5 * expected)[rows]) < 1e-14


@pytest.mark.parametrize("name", ["mlp", "cnn_even"])
def test_single_and_half_precision(name):
    exact = Case(name, 3, 8)
    gradients, losses = exact.expected()
    theta, x = exact.theta.float(), exact.x.float()
    for compute, tolerance in ((None, 1e-5), (torch.bfloat16, 0.05)):
        found, found_losses = stacked(exact.network, exact.shapes, compute)(theta, x, exact.y)
        assert found.dtype == found_losses.dtype == torch.float32
        error = (found.double() - gradients).norm() / gradients.norm()
        assert 1e-10 < error < tolerance
        assert torch.allclose(found_losses.double(), losses, rtol=tolerance)


def test_the_chunk_is_what_fits_the_working_set(monkeypatch):
    """2-3-2 on images of one pixel with 2 channels, B = 5, float64: values and gradients 2 · (3 + 2) · 5 numbers, the
    copy of the images 2 · 5, the largest leaf 6, Θ and its gradient 2 · 17."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    shapes = {name: leaf.shape for name, leaf in network.named_parameters()}
    numbers = 2 * 5 * 5 + 2 * 5 + 6 + 2 * 17
    for budget, n, chunk in (
        (3, 9, 3),
        (3 - 1e-9, 9, 2),
        (3, 4, 2),
        (3, 2, 2),
        (0, 2, 1),
        (1, 1, 1),
        (3, None, 3),
        (0, None, 1),
    ):
        monkeypatch.setitem(module.WORKING_SET, "cpu", math.floor(8 * numbers * budget))
        assert stacked(network, shapes).chunk((5, 2, 1, 1), torch.float64, torch.device("cpu"), n) == chunk


@pytest.mark.parametrize("size", range(1, 9))
def test_taps_list_each_pair_of_a_pixel_and_an_output_once(size):
    cases = 0
    for kernel, stride, padding in [(k, s, p) for k in (1, 2, 3, 5) for s in (1, 2, 3) for p in (0, 1, 2)]:
        outputs = (size + 2 * padding - kernel) // stride + 1
        if size + 2 * padding < kernel:
            continue
        listed, found = taps(size, kernel, stride, padding)
        pairs = [
            (i, o, pixel)
            for i, to, of in listed
            for o, pixel in zip(range(to.start, to.stop), range(of.start, of.stop, of.step), strict=True)
        ]
        meet = lambda o, i, s=stride, p=padding: o * s + i - p  # noqa: E731
        expected = [(i, o, meet(o, i)) for i in range(kernel) for o in range(outputs) if 0 <= meet(o, i) < size]
        assert found == outputs
        assert pairs == expected
        other = [(i, o) for i, to in beyond(listed, kernel, outputs) for o in range(to.start, to.stop)]
        assert sorted(other + [(i, o) for i, o, _ in pairs]) == [(i, o) for i in range(kernel) for o in range(outputs)]
        cases += 1
    assert cases > 20


def test_unknown_networks_have_no_kernel():
    def kernel(*layers):
        network = nn.Sequential(*layers)
        return stacked(network, {name: leaf.shape for name, leaf in network.named_parameters()})

    flat, head, same = nn.Flatten(), nn.Linear(8, 2), nn.Linear(8, 8)
    assert kernel(flat, copy.deepcopy(same), head) is not None
    unknown = {
        "other layer": (flat, nn.Tanh(), head),
        "batch norm": (nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2), flat, head),
        "groups": (nn.Conv2d(2, 2, 1, groups=2), flat, head),
        "dilation": (nn.Conv2d(2, 2, 2, dilation=2), flat, head),
        "padding by name": (nn.Conv2d(2, 2, 1, padding="same"), flat, head),
        "padding by pixels": (nn.Conv2d(2, 2, 1, padding_mode="circular"), flat, head),
        "no parameters": (flat, nn.ReLU()),
        "no flatten": (nn.Conv2d(2, 2, 1),),
        "linear on pixels": (nn.Linear(2, 2), flat, head),
        "convolution after flatten": (flat, nn.Conv2d(2, 2, 1)),
        "two flattens": (flat, nn.Flatten(), head),
        "part of the image": (nn.Flatten(-2), head),
        "one layer twice": (flat, same, same, head),
        "one flatten twice": (flat, flat, head),
    }
    assert [name for name, layers in unknown.items() if kernel(*layers) is not None] == []
    assert stacked(head, {}) is None


def test_wrong_shapes_are_named():
    case = Case("no_padding", 2, 3)
    with pytest.raises(OnemergeError, match=r"shape \[n, .*not \[2, 5\]"):
        case.kernel(torch.zeros(2, 5), case.x, case.y)
    with pytest.raises(OnemergeError, match="at least 3 pixels a side, padding included, not 2"):
        case.kernel(case.theta, case.x[..., :2, :2], case.y)
