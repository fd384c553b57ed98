"""Probes of models with BatchNorm, pooling, attention and LayerNorm, built here from plain torch."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, grad
from torch.nn import functional
from torch.nn.functional import cross_entropy

from sim.probes.derivatives import directional
from sim.probes.named import make_probes
from sim.probes.plain_operators import PlainOperators
from theory.errors import OnemergeError

IMAGES, AGENTS = 12, 3
DERIVATIVES = "terms,sharpness,sharpening"


class Residual(nn.Module):
    """A stem, max pooling, a residual block and a linear layer, as a ResNet has them, with smooth activations."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.SiLU(), nn.MaxPool2d(3, 2, 1))
        self.block = nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2))
        self.head = nn.Linear(2, 3)

    def forward(self, x):
        x = self.stem(x)
        return self.head(functional.silu(x + self.block(x)).mean((2, 3)))


class Attention(nn.Module):
    """A pre-norm attention block over the rows of an image, as a ViT has it."""

    def __init__(self, causal=False):
        super().__init__()
        self.causal = causal
        self.norm, self.last = nn.LayerNorm(4), nn.LayerNorm(4)
        self.qkv, self.head = nn.Linear(4, 12), nn.Linear(4, 3)

    def forward(self, x):
        x = x[:, 0]
        q, k, v = (part[:, None] for part in self.qkv(self.norm(x)).chunk(3, dim=-1))
        x = x + functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)[:, 0]
        return self.head(self.last(functional.gelu(x)).mean(1))


class InTraining(Residual):
    """A model that takes BatchNorm's statistics from the images it is given."""

    def forward(self, x):
        return self.head(functional.batch_norm(x.mean((2, 3)).expand(-1, 2), None, None, training=True))


class Own(torch.autograd.Function):
    """An operator of somebody's own, that nobody has derived twice."""

    @staticmethod
    def forward(x):
        return x.exp()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, slope):
        return slope * ctx.saved_tensors[0]


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def problem_of(net, replicas=2):
    """A problem on random images, with what the probes ask for; the statistics are the model's float buffers."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = net().double().eval()
    shapes = {name: part.shape for name, part in net.named_parameters()}
    buffers = {name: part.shape for name, part in net.named_buffers() if part.is_floating_point()}
    dim = sum(shape.numel() for shape in shapes.values())

    def split(flat, shapes):
        parts = flat.split([shape.numel() for shape in shapes.values()])
        return {name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}

    def loss_of_images(theta, x, y, weights, statistics=None):
        own = {} if statistics is None else split(statistics, buffers)
        logits = functional_call(net, split(theta, shapes) | own, (x,))
        return (cross_entropy(logits, y, reduction="none") * weights).sum()

    x, y = normal(IMAGES, 1, 4, 4), torch.arange(IMAGES) % 3
    weights = normal(replicas, AGENTS, IMAGES, seed=1).softmax(-1)
    return SimpleNamespace(
        seeds=tuple(range(replicas)), agents=AGENTS, dim=dim, dtype=torch.float64, device=x.device, train_x=x,
        train_y=y, train_weights=lambda: weights, loss_of_images=loss_of_images, weights=weights,
        size=sum(shape.numel() for shape in buffers.values()),
        merged_statistics=lambda merged, statistics: statistics.mean(dim=1) + 0.1,
    )  # fmt: skip


def models_of(problem, statistics=True):
    theta = normal(2, 1, problem.dim, seed=2) / 2 + normal(2, AGENTS, problem.dim, seed=3) / 20
    return theta, normal(2, AGENTS, problem.size, seed=4).abs() + 0.5 if statistics else None


def slopes(problem, theta, weights, statistics):
    return grad(lambda at: problem.loss_of_images(at, problem.train_x, problem.train_y, weights, statistics))(theta)


@pytest.mark.parametrize(("net", "statistics"), [(Residual, True), (Attention, False)])
def test_third_derivatives_equal_differences_of_gradients(net, statistics):
    """In chunks and one by one, against central differences along every deviation at the merged model."""
    problem = problem_of(net)
    theta, own = models_of(problem, statistics)
    found = make_probes(DERIVATIVES, problem, lr=0.1, together=1, chunk=5)[0](theta, own)
    stacked = make_probes(DERIVATIVES, problem, lr=0.1)[0](theta, own)
    for metric, value in stacked.items():
        torch.testing.assert_close(found[metric], value, rtol=1e-9, atol=1e-13)
    torch.testing.assert_close(found["T2"], 2 * found["b_inner"], rtol=1e-9, atol=1e-15)
    merged = None if own is None else problem.merged_statistics(None, own)
    for r in range(2):
        total, mean, h = problem.weights[r].mean(dim=0), theta[r].mean(dim=0), 1e-3
        at_mean = None if own is None else merged[r]
        slope = lambda at: slopes(problem, at, total, at_mean)  # noqa: B023, E731
        g, v, T2, bend = slope(mean), 0.0, 0.0, 0.0
        for k in range(AGENTS):
            line = theta[r, k] - mean
            ahead, behind = slope(mean + h * line), slope(mean - h * line)
            T2 += float((ahead - 2 * g + behind) @ g) / h**2 / AGENTS
            bend += float((ahead - behind) @ line) / (2 * h) / AGENTS
            v += slopes(problem, theta[r, k], problem.weights[r, k], at_mean) / AGENTS
        assert float(found["T2"][r]) == pytest.approx(T2, rel=1e-4)
        assert float(found["sharpness"][r]) == pytest.approx(bend, rel=1e-4)
        assert float(found["mean_gradient_inner"][r]) == pytest.approx(float(g @ v), rel=1e-10)


def test_models_are_evaluated_with_their_own_statistics():
    """mergeability and barriers by hand: the ends with the agents', the merged model with its own, lines in between."""
    problem = problem_of(Residual)
    theta, own = models_of(problem)
    found = make_probes("mergeability,barriers", problem, points=3)[0](theta, own)
    merged = problem.merged_statistics(None, own)
    for r in range(2):
        total = problem.weights[r].mean(dim=0)
        loss = lambda at, s: float(problem.loss_of_images(at, problem.train_x, problem.train_y, total, s))  # noqa: B023, E731
        ends = [loss(theta[r, k], own[r, k]) for k in range(AGENTS)]
        gain = np.mean(ends) - loss(theta[r].mean(dim=0), merged[r])
        assert float(found["mergeability"][r]) == pytest.approx(gain, rel=1e-9)
        walls = [
            max(0.0, loss((theta[r, i] + theta[r, j]) / 2, (own[r, i] + own[r, j]) / 2) - (ends[i] + ends[j]) / 2)
            for i, j in ((0, 1), (0, 2), (1, 2))
        ]
        assert float(found["barrier_max"][r]) == pytest.approx(max(walls), rel=1e-9, abs=1e-13)
        assert float(found["barrier_mean"][r]) == pytest.approx(np.mean(walls), rel=1e-9, abs=1e-13)


def test_gradients_at_the_agents_are_with_their_own_statistics():
    problem = problem_of(Residual)
    theta, own = models_of(problem)
    found = make_probes("gradients", problem)[0](theta, own)
    for r in range(2):
        total = problem.weights[r].mean(dim=0)
        each = [slopes(problem, theta[r, k], problem.weights[r, k], own[r, k]) for k in range(AGENTS)]
        whole = [slopes(problem, theta[r, k], total, own[r, k]) for k in range(AGENTS)]
        phi = sum(float(x @ x) for x in each) / AGENTS
        zeta = sum(float(((x - y) ** 2).sum()) for x, y in zip(each, whole, strict=True)) / AGENTS
        assert float(found["local_gradient_norm_sq"][r]) == pytest.approx(phi, rel=1e-10)
        assert float(found["zeta_sq_at_agents"][r]) == pytest.approx(zeta, rel=1e-10)


def test_equal_models_have_no_discrepancy_whatever_their_statistics():
    """All at one model but for rounding, where no direction is left to have a sign."""
    problem = problem_of(Residual)
    theta, own = models_of(problem)
    theta = theta[:, :1] * (1 + 1e-16 * normal(2, AGENTS, problem.dim))
    found = make_probes("terms,sharpening", problem, lr=0.1)[0](theta, own)
    assert found["gradient_norm_sq"].min() > 1e-3
    assert found["discrepancy_norm_sq"].max() < 1e-24
    assert (found["sharpening_against"] == 0).all()
    assert found["sharpening_share"].isnan().all()
    torch.testing.assert_close(found["merged_descent"], 0.1 * found["gradient_norm_sq"], rtol=0.3, atol=0)


def test_the_rest_is_of_third_order_with_statistics_too():
    """Where all agents share one loss: halving the deviations shows it."""
    problem = problem_of(Residual)
    problem.weights[:] = problem.weights[:, :1].clone()
    theta, own = models_of(problem)
    mean = theta.mean(dim=1, keepdim=True)
    sizes = [
        make_probes("terms", problem, lr=0.1)[0](mean + scale * (theta - mean), own)["rest_norm_sq"]
        for scale in (0.02, 0.01)
    ]
    torch.testing.assert_close((sizes[0] / sizes[1]).log2() / 2, torch.full((2,), 3.0).double(), rtol=0.02, atol=0)


def plain_norm(x):
    centered = x - x.mean(-1, keepdim=True)
    return centered / ((centered**2).mean(-1, keepdim=True) + 1e-5).sqrt()


@pytest.mark.parametrize(
    ("operator", "definition"),
    [
        (lambda x: functional.layer_norm(x, (5,)), plain_norm),
        (nn.LayerNorm(5, dtype=torch.float64), plain_norm),
        (lambda x: torch.layer_norm(x, (5,), torch.full((5,), 2.0).double(), torch.ones(5).double()),
         lambda x: 2 * plain_norm(x) + 1),
        (lambda x: functional.instance_norm(x[None])[0], plain_norm),
        (lambda x: functional.instance_norm(x[None], weight=torch.arange(6).double())[0],
         lambda x: torch.arange(6)[:, None] * plain_norm(x)),
        (lambda x: functional.scaled_dot_product_attention(x, 2 * x, x**2, scale=0.3),
         lambda x: torch.softmax(0.6 * x @ x.T, dim=-1) @ x**2),
    ],
)  # fmt: skip
def test_plain_operators_have_the_derivatives_of_their_definitions(operator, definition):
    """Along three directions, by forward derivatives and by reverse ones; torch's LayerNorm fails here beyond one."""
    x, *lines = (normal(6, 5, seed=seed) for seed in range(4))
    for order in range(4):
        for derive in (directional, lambda f, at, *along: directional(grad(f), at, *along)):
            with PlainOperators():
                found = derive(lambda at: (operator(at).sin() * lines[2]).sum(), x, *lines[:order])
            expected = derive(lambda at: (definition(at).sin() * lines[2]).sum(), x, *lines[:order])
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


def test_operators_without_derivatives_are_named():
    problem = problem_of(lambda: Attention(causal=True))
    theta, _ = models_of(problem, statistics=False)
    with pytest.raises(OnemergeError, match=r"operator .*dot_product.*: leave out the probes that need it"):
        make_probes("sharpness", problem)[0](theta)
    assert make_probes("mergeability", problem, together=1)[0](theta)["mergeability"].isfinite().all()


def test_an_operator_of_ones_own_is_named():
    problem = problem_of(Attention)
    plain = problem.loss_of_images
    problem.loss_of_images = lambda *parts: Own.apply(plain(*parts))
    theta, _ = models_of(problem, statistics=False)
    with pytest.raises(OnemergeError, match=r"operator custom autograd\.Function: leave out"):
        make_probes("sharpness", problem, together=1)[0](theta)


def test_statistics_of_the_images_at_hand_are_refused():
    problem = problem_of(InTraining)
    theta, own = models_of(problem)
    with pytest.raises(OnemergeError, match="evaluate BatchNorm in eval mode"):
        make_probes("mergeability", problem)[0](theta, own)
