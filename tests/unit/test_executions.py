"""All ways to compute the gradients of many models give the same numbers."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from sim.execution import chosen, gradient_function
from sim.linear_network import LinearNetwork
from sim.logistic import Logistic
from sim.network import Classification
from sim.quadratic import Quadratic
from sim.simulate import simulate
from sim.smooth import Smooth
from sim.spec import Spec
from theory.errors import OnemergeError

WIDTHS = {
    "logistic": (16, 4),
    "linear2": (16, 4),
    "mlp": (16, 8),
    "cnn": (16, 4),
    "resnet18": (16, 4),
    "resnet18_imagenet": (32, 4),
    "vit": (16, 16),
    "clip_vit_b32": (32, 64),
}
AUTOMATIC = {
    **dict.fromkeys(("logistic", "linear2", "mlp", "cnn"), "batched"),
    "resnet18": "loop",
    "resnet18_imagenet": "loop",
    "vit": "vmap",
    "clip_vit_b32": "loop",
}


def glyphs(model, **fields):
    side, width = WIDTHS[model]
    return Classification(data="glyphs", per_class=2, side=side, model=model, width=width, **fields)


def gradients(problem, execution, theta=None, batch=None):
    """(gradients, losses, statistics) of the first step; of other models and another batch where they are given."""
    theta = problem.init() if theta is None else theta
    statistics = problem.init_statistics().flatten(0, 1) if problem.statistics else None
    batch = next(problem.batches(0, 1)) if batch is None else batch
    return gradient_function(problem, execution)(theta.flatten(0, 1), statistics, *batch)


@pytest.mark.parametrize("model", WIDTHS)
def test_gradients_of_every_model(model):
    problem = glyphs(model, dtype="float64").build(2, (0, 1), 4)
    assert chosen(problem, "auto") == AUTOMATIC[model]
    expected = gradients(problem, "loop")
    for execution in ("vmap", "batched") if AUTOMATIC[model] == "batched" else ("vmap",):
        for one, other in zip(gradients(problem, execution), expected, strict=True):
            if other is None:
                assert one is None
            else:
                assert float((one - other).norm()) <= 1e-12 * float(other.norm())
    if AUTOMATIC[model] != "batched":
        with pytest.raises(OnemergeError, match="'batched' needs stacked gradients"):
            gradients(problem, "batched")


@pytest.mark.parametrize("model", ["mlp", "cnn", "vit"])
def test_products_in_bfloat16(model):
    """Off by roundings of 2⁻⁸, not more, and not less, as they would be in float32; models and sums stay float32."""
    exact, rounded = (glyphs(model, compute=compute).build(2, (0,), 8) for compute in ("same", "bf16"))
    one, other = gradients(exact, "auto"), gradients(rounded, "auto")
    assert other[0].dtype == other[1].dtype == torch.float32
    assert 1e-4 < float((one[0] - other[0]).norm() / one[0].norm()) < 0.03
    assert float((one[1] - other[1]).abs().max()) < 0.02


def test_tf32_needs_a_gpu():
    with pytest.raises(OnemergeError, match="compute 'tf32' needs a CUDA device, not cpu; valid here: same, bf16"):
        glyphs("mlp", compute="tf32").build(2, (0,), 4)


PROBLEMS = {
    "mlp": Classification(width=4, dtype="float64"),
    "resnet18": glyphs("resnet18", dtype="float64", statistics_images=16),
    "quadratic": Quadratic(spread=0.5),
    "smooth": Smooth(),
    "logistic": Logistic(),
    "linear_network": LinearNetwork(),
}


def last(spec, execution, chunk):
    """The end of a run whose metrics nobody asks for."""
    problem = spec.build((0,))
    problem.measure = lambda *models: {}
    rules = {"execution": execution, "chunk": chunk, "local_steps": spec.local_steps, "faults": spec.faults()}
    return simulate(problem, spec.schedule(), spec.local_optimizer(), rounds=spec.rounds, **rules)[1]


@pytest.mark.parametrize("name", PROBLEMS)
def test_runs_of_every_problem(name):
    """With absent agents, adamw's own counts and chunks that do not divide the agents."""
    spec = Spec(PROBLEMS[name], agents=3, rounds=2, local_steps=2, batch=4, lr=0.01, outage=0.3, optimizer="adamw")
    if name == "resnet18":  # adamw divides rounding by rounding where batches of 4 leave a gradient of 0
        spec = replace(spec, optimizer="sgd", lr=1e-3)
    expected = last(spec, "loop", None)
    assert not np.array_equal(spec.faults().at(0, 3, 1).active, np.ones(3))
    for execution in ("auto", "vmap"):
        for chunk in (None, 2):
            found = last(spec, execution, chunk)
            torch.testing.assert_close(found.theta, expected.theta, rtol=1e-7, atol=1e-10)
            assert (found.statistics is None) == (name != "resnet18")
            torch.testing.assert_close(found.statistics, expected.statistics, rtol=1e-7, atol=1e-10)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_gradients():
    problem = Classification(model="logistic", dtype="float64").build(2, (0,), 4)
    for one, other in zip(gradients(problem, "compiled")[:2], gradients(problem, "loop")[:2], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)
