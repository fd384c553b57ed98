"""Baselines without gossip by exact moments: SGD with varying learning rates, and the regret of mini-batches."""

import numpy as np
import pytest

from theory.bounds import BOUNDS


def merged_run(lrs, h, sigma_sq, start):
    """E x_t^2 before each step of SGD on h x^2/2 with noise of variance sigma_sq."""
    square, seen = start**2, []
    for lr in lrs:
        seen.append(square)
        square = (1 - lr * h) ** 2 * square + lr**2 * sigma_sq
    return np.array(seen)


@pytest.mark.parametrize("agents", [1, 2, 3, 8])
@pytest.mark.parametrize("schedule", ["constant", "decreasing", "alternating"])
def test_ghadimi_and_lan_with_any_learning_rates(agents, schedule):
    h, sigma, start, steps = 2.0, 1.5, 1.2, 300
    t = np.arange(steps)
    lrs = {"constant": 0.05 + 0 * t, "decreasing": 0.9 / (1 + t / 10), "alternating": 0.1 + 0.08 * (-1.0) ** t}[
        schedule
    ]
    square = merged_run(lrs, h, sigma**2 / agents, start)
    weights = 2 * lrs - h * lrs**2
    exact = (weights * h**2 * square).sum() / weights.sum()
    values = {"L2": h, "agents": agents, "sigma": sigma, "initial_gap": h * start**2 / 2}
    stated = BOUNDS["ghadimi_lan_varying"](lr_sum=lrs.sum(), lr_square_sum=(lrs**2).sum(), **values)
    assert exact <= stated < 4 * exact


def test_equal_learning_rates_leave_the_constant_form():
    values = {"L2": 2.0, "agents": 4, "sigma": 1.5, "initial_gap": 0.7}
    varying = BOUNDS["ghadimi_lan_varying"](lr_sum=300 * 0.05, lr_square_sum=300 * 0.05**2, **values)
    assert varying == pytest.approx(BOUNDS["ghadimi_lan"](lr=0.05, steps=300, **values), rel=1e-12)


@pytest.mark.parametrize("scale", [0.1, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("steps", [10, 1000])
def test_a_guessed_scale_of_the_learning_rate(scale, steps):
    h, sigma, start, agents = 2.0, 1.5, 1.2, 4
    lr = min(1 / h, scale * np.sqrt(agents / steps) / sigma)
    exact = h**2 * merged_run(np.full(steps, lr), h, sigma**2 / agents, start).mean()
    values = {"L2": h, "agents": agents, "sigma": sigma, "initial_gap": h * start**2 / 2, "steps": steps}
    assert exact <= BOUNDS["ghadimi_lan_scaled"](lr_scale=scale, **values)
    best = BOUNDS["ghadimi_lan_scaled"](lr_scale=np.sqrt(2 * values["initial_gap"] / h), **values)
    assert best == pytest.approx(BOUNDS["ghadimi_lan_tuned"](**values), rel=1e-12)
    assert best <= BOUNDS["ghadimi_lan_scaled"](lr_scale=scale, **values)


def exact_regret(steps, batch, cost, start):
    """Regret against 0 on (w - z)^2/2, z uniform on {1, -1}, of w <- w - lr (w - mean of `batch` z), lr as Dekel et al.

    Every model is used for `cost` samples. Models are means of samples and of the start, so that they never leave the
    domain [-1, 1], whose radius is sqrt(2): half of its squared diameter is 2.
    """
    square, total = start**2, 0.0
    for j in range(1, steps + 1):
        total += cost * square / 2
        lr = 1 / (1 + np.sqrt(j / batch) / np.sqrt(2))
        square = (1 - lr) ** 2 * square + lr**2 / batch
    return total


DOMAIN = {"sigma": 1.0, "L_local": 1.0, "radius": np.sqrt(2)}


@pytest.mark.parametrize("samples", [1, 2, 3, 100, 10000])
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_the_regret_of_serial_steps(samples, start):
    exact = exact_regret(samples, 1, 1, start)
    assert exact <= BOUNDS["dekel_serial"](samples=samples, **DOMAIN) < (30 * exact if samples > 99 else np.inf)


@pytest.mark.parametrize("batch", [1, 4, 16])
def test_the_regret_of_mini_batches(batch):
    exact = exact_regret(10000 // batch, batch, batch, 1.0)
    assert exact <= BOUNDS["dekel_minibatch"](samples=10000, batch=batch, **DOMAIN) < 30 * exact


@pytest.mark.parametrize("latency", [0, 8, 50])
def test_the_regret_of_distributed_mini_batches(latency):
    samples, batch = 10**6, 100
    batches = -(-samples // (batch + latency))
    exact = exact_regret(batches, batch, batch + latency, 1.0)
    stated = BOUNDS["dekel_distributed"](batch=batch, batches=batches, latency=latency, **DOMAIN)
    assert exact <= stated < 30 * exact
    assert stated <= BOUNDS["dekel_cube_root"](samples=samples, latency=latency, **DOMAIN)


def test_the_cube_root_covers_the_distributed_form():
    generator = np.random.default_rng(0)
    batch = generator.integers(1, 200, 500)
    samples, latency = batch**3, 10 ** generator.uniform(-1, 3, 500)
    values = {name: 10 ** generator.uniform(-1, 1, 500) for name in ("sigma", "L_local", "radius")}
    batches = np.ceil(samples / (batch + latency))
    inner = BOUNDS["dekel_distributed"](batch=batch, batches=batches, latency=latency, **values)
    outer = BOUNDS["dekel_cube_root"](samples=samples, latency=latency, **values)
    assert (inner <= outer * (1 + 1e-12)).all()
    assert (outer < 1.01 * inner).any()
