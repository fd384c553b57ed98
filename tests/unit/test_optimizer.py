from dataclasses import replace

import numpy as np
import pytest
import torch

from sim.optimizer import Optimizer
from theory.errors import OnemergeError

STACK = (2, 3, 5)  # replicas, agents, d
CASES = {
    "sgd": (Optimizer("sgd", 0.1), torch.optim.SGD, {}),
    "sgd, decay": (Optimizer("sgd", 0.1, weight_decay=0.3), torch.optim.SGD, {"weight_decay": 0.3}),
    "momentum": (Optimizer("momentum", 0.05, momentum=0.8), torch.optim.SGD, {"momentum": 0.8}),
    "momentum, decay": (
        Optimizer("momentum", 0.05, weight_decay=0.3),
        torch.optim.SGD,
        {"momentum": 0.9, "weight_decay": 0.3},
    ),
    "adamw": (Optimizer("adamw", 0.05), torch.optim.AdamW, {"weight_decay": 0.0}),
    "adamw, decay": (Optimizer("adamw", 0.05, weight_decay=0.3), torch.optim.AdamW, {"weight_decay": 0.3}),
}


def gradient_at(theta, t, scale=1.0):
    """A gradient that depends on the models and on the step, with entries of very different sizes."""
    noise = torch.from_numpy(np.random.default_rng(t).standard_normal(STACK) * np.logspace(-3, 1, STACK[-1]))
    return scale * (theta + noise)


@pytest.mark.parametrize("clip", [0.0, 0.5])
@pytest.mark.parametrize("case", CASES)
def test_steps_of_torch_optim(case, clip):
    ours, rule, options = CASES[case]
    ours = replace(ours, clip=clip)
    theta = torch.from_numpy(np.random.default_rng(99).standard_normal(STACK))
    state = ours.start(theta)
    twin = torch.nn.Parameter(theta.clone())
    theirs = rule([twin], lr=ours.lr, **options)
    clipped = 0
    for t in range(30):
        gradient = gradient_at(theta, t)
        twin.grad = gradient_at(twin.detach(), t)
        clipped += int((twin.grad.abs() > clip).sum())
        if clip > 0:
            torch.nn.utils.clip_grad_value_([twin], clip)
        theirs.step()
        theta, state = ours.update(theta, gradient, state)
        torch.testing.assert_close(theta, twin.detach(), rtol=1e-12, atol=1e-13)
    assert clipped > 0


@pytest.mark.parametrize("clip", [0.0, 0.5])
@pytest.mark.parametrize("case", CASES)
def test_arguments_stay_as_they_were(case, clip):
    ours = replace(CASES[case][0], clip=clip)
    theta = torch.ones(STACK, dtype=torch.float64)
    _, state = ours.update(theta, gradient_at(theta, 0), ours.start(theta))
    gradient = gradient_at(theta, 1)
    kept = [tensor.clone() for tensor in (theta, gradient, *state)]
    new, new_state = ours.update(theta, gradient, state)
    for tensor, copy in zip((theta, gradient, *state), kept, strict=True):
        assert torch.equal(tensor, copy)
    assert not torch.equal(new, theta)
    assert all(not torch.equal(one, other) for one, other in zip(state, new_state, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_each_agent_steps_on_its_own(case):
    ours = CASES[case][0]
    theta = torch.from_numpy(np.random.default_rng(5).standard_normal(STACK))
    alone, state, own = theta[1, 2], ours.start(theta), ours.start(theta[1, 2])
    for t in range(4):
        gradient = gradient_at(theta, t)
        theta, state = ours.update(theta, gradient, state)
        alone, own = ours.update(alone, gradient[1, 2], own)
        torch.testing.assert_close(theta[1, 2], alone, rtol=1e-14, atol=0)


@pytest.mark.parametrize("name", ["sgd", "momentum", "adamw"])
def test_dtype_is_kept(name):
    ours = Optimizer(name, 0.1, weight_decay=0.1, clip=1.0)
    theta = torch.ones(2, 3)
    assert ours.update(theta, theta, ours.start(theta))[0].dtype == torch.float32


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "adam"}, "'adam'; valid: sgd, momentum, adamw"),
        ({"lr": 0.0}, "0.0"),
        ({"lr": float("nan")}, "nan"),
        ({"lr": float("inf")}, "inf"),
        ({"momentum": 1.0}, "1.0"),
        ({"weight_decay": -1.0}, "-1.0"),
        ({"clip": -2.0}, "-2.0"),
    ],
)
def test_bad_fields_are_named(fields, named):
    with pytest.raises(OnemergeError) as error:
        Optimizer(**({"name": "sgd", "lr": 0.1} | fields))
    assert named in str(error.value)
    assert "\n" not in str(error.value)
