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


def begun(optimizer):
    """Models [6, 5] and the optimizer's state for them."""
    theta = torch.from_numpy(np.random.default_rng(99).standard_normal(STACK))
    return theta.flatten(0, 1), tuple(part.flatten(0, 1) for part in optimizer.start(theta))


def gradient_at(theta, t, rows=slice(None)):
    """A gradient that depends on the models and on the step, with entries of very different sizes."""
    noise = np.random.default_rng(t).standard_normal((6, STACK[-1])) * np.logspace(-3, 1, STACK[-1])
    return theta + torch.from_numpy(noise[rows])


@pytest.mark.parametrize("clip", [0.0, 0.5])
@pytest.mark.parametrize("case", CASES)
def test_steps_of_torch_optim(case, clip):
    ours, rule, options = CASES[case]
    ours = replace(ours, clip=clip)
    theta, state = begun(ours)
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
        ours.step_(theta, gradient, state)
        torch.testing.assert_close(theta, twin.detach(), rtol=1e-12, atol=1e-13)
    assert clipped > 0


@pytest.mark.parametrize("case", CASES)
def test_each_agent_steps_on_its_own(case):
    """All agents at once, in chunks, or one that is left out in some rounds, each as if it were alone."""
    ours = CASES[case][0]
    theta, state = begun(ours)
    twin, kept = begun(ours)
    alone, own = theta[5:].clone(), tuple(part[5:].clone() for part in state)
    for t in range(6):
        gradient = gradient_at(theta, t)
        ours.step_(alone, gradient_at(alone, t, rows=slice(5, 6)), own)
        ours.step_(theta, gradient, state)
        for rows in (slice(0, 2), slice(2, 6)):
            ours.step_(twin[rows], gradient_at(twin, t)[rows], tuple(part[rows] for part in kept))
        torch.testing.assert_close(theta[5:], alone, rtol=1e-14, atol=0)
        torch.testing.assert_close(theta, twin, rtol=1e-14, atol=0)


@pytest.mark.parametrize("case", CASES)
def test_agents_that_have_taken_fewer_steps(case):
    """Agent 1 rests in the second step; its third is then its own second."""
    ours = CASES[case][0]
    theta, state = begun(ours)
    alone, own = theta[1:2].clone(), tuple(part[1:2].clone() for part in state)
    for t in range(3):
        rows = torch.tensor([0, 2, 3, 4, 5]) if t == 1 else torch.arange(6)
        chosen, parts = theta[rows], tuple(part[rows] for part in state)
        ours.step_(chosen, gradient_at(theta, t)[rows], parts)
        theta[rows] = chosen
        for part, new in zip(state, parts, strict=True):
            part[rows] = new
        if t != 1:
            ours.step_(alone, gradient_at(alone, t, rows=slice(1, 2)), own)
    torch.testing.assert_close(theta[1:2], alone, rtol=1e-12, atol=0)


@pytest.mark.parametrize("case", CASES)
def test_a_learning_rate_for_every_model(case):
    """Rates [n, 1] do what a number of each does."""
    ours = CASES[case][0]
    rates = torch.tensor([0.1, 0.2, 0.03, 0.1, 0.5, 0.001], dtype=torch.float64)
    theta, state = begun(ours)
    for t in range(3):
        ours.step_(theta, gradient_at(theta, t), state, rates[:, None])
    for row, rate in enumerate(rates.tolist()):
        alone, own = begun(replace(ours, lr=rate))
        for t in range(3):
            replace(ours, lr=rate).step_(alone, gradient_at(alone, t), own)
        torch.testing.assert_close(theta[row], alone[row], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["sgd", "momentum", "adamw"])
def test_dtype_is_kept(name):
    ours = Optimizer(name, 0.1, weight_decay=0.1, clip=1.0)
    theta = torch.ones(2, 3)
    ours.step_(theta, theta.clone(), tuple(part.flatten(0, 1) for part in ours.start(theta[None])))
    assert theta.dtype == torch.float32
    assert float(theta.max()) < 1


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
