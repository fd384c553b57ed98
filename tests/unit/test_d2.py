"""D2 (exact diffusion) on quadratics: its lemmas against exact expectations of one step, and its unbiased limit."""

import numpy as np
import pytest

from theory.bounds import BOUNDS
from theory.graphs import hypercube, path, ring
from theory.mixing import metropolis


class D2:
    """x <- V (x - lr g) - B y, y <- y + B x for agent k's h_k (x - b_k)^2/2, V = (I + W)/2, B = (I - V)^(1/2)."""

    def __init__(self, W, h, b, lr):
        self.V, self.h, self.b, self.lr = (np.eye(len(W)) + W) / 2, h, b, lr
        self.values, self.vectors = np.linalg.eigh(self.V)  # ascending, 1 comes last
        modes, lost = self.vectors[:, :-1], np.sqrt(1 - self.values[:-1])
        self.B = modes @ np.diag(lost) @ modes.T
        self.optimum = (h @ b) / h.sum()
        self.dual = modes @ (-lr * self.values[:-1] / lost * (modes.T @ (h * (self.optimum - b))))

    def step(self, x, y, noise=0.0):
        x = self.V @ (x - self.lr * (self.h * (x - self.b) + noise)) - self.B @ y
        return x, y + self.B @ x

    def transformed_sq(self, x, y):
        x, y = (self.vectors.T @ v for v in (x, y - self.dual))
        return (self.values[:-1] * x[:-1] ** 2 + y[:-1] ** 2).sum()

    def constants(self):
        return {"lr": self.lr, "L_local": self.h.max(), "agents": len(self.h), "lazy_second": self.values[-2],
                "lazy_last": self.values[0]}  # fmt: skip


GRAPHS = {"ring": metropolis(ring(16)), "path": metropolis(path(8)), "cube": metropolis(hypercube(8)),
          "pair": np.full((2, 2), 0.5), "three": metropolis(path(3))}  # fmt: skip


def instance(W, seed):
    generator = np.random.default_rng(seed)
    m = len(W)
    h, b = generator.uniform(0, 2, m), 3 * generator.normal(size=m)
    lazy = np.linalg.eigvalsh((np.eye(m) + W) / 2)
    root = np.sqrt(lazy[-2])
    lr = generator.uniform(0.2, 1) * (1 - root) * np.sqrt(lazy[0]) / (2 * lazy[-2] * h.max())
    return generator, D2(W, h, b, lr)


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_two_forms_of_d2_agree_and_it_has_no_bias(graph):
    """x_(t+2) = V (2 x_(t+1) - x_t - lr (g_(t+1) - g_t)) from x_1 = V (x_0 - lr g_0), and all agents at the optimum."""
    W = GRAPHS[graph]
    generator, d2 = instance(W, 1)
    x, y = generator.normal(size=(2, len(W)))
    y = np.zeros(len(W))
    before, now = x, d2.V @ (x - d2.lr * d2.h * (x - d2.b))
    for _ in range(20):
        x, y = d2.step(x, y)
        np.testing.assert_allclose(x, now, atol=1e-11)
        before, now = now, d2.V @ (2 * now - before - d2.lr * d2.h * (now - before))
    x, y = d2.step(np.full(len(W), d2.optimum), d2.dual)
    np.testing.assert_allclose(x, d2.optimum, atol=1e-12)
    np.testing.assert_allclose(y, d2.dual, atol=1e-12)


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_lemmas_on_d2_hold_for_exact_expectations(graph):
    W, sigma = GRAPHS[graph], 0.7
    m, tight, printed = len(W), 0.0, 0
    for seed in range(60):
        generator, d2 = instance(W, seed)
        x = generator.normal(size=m) * 10 ** generator.uniform(-2, 1) + d2.optimum + generator.normal()
        spread = generator.normal(size=m) * 10 ** generator.uniform(-2, 1)
        y = d2.dual + spread - spread.mean()
        after_x, after_y = d2.step(x, y)
        modes = d2.values[:-1]
        exact = d2.transformed_sq(after_x, after_y) + (d2.lr * sigma) ** 2 * (modes**2).sum()
        mean_h, mean = d2.h.mean(), x.mean()
        state = d2.constants() | {
            "sigma": sigma, "loss_gap": mean_h / 2 * (mean - d2.optimum) ** 2,
            "transformed_sq": d2.transformed_sq(x, y), "distance_sq": (mean - d2.optimum) ** 2,
        }  # fmt: skip
        assert ((x - mean) ** 2).sum() <= state["transformed_sq"] / state["lazy_last"] * (1 + 1e-9)
        sharp = BOUNDS["yuan_d2_consensus_sharp"]
        stated = sharp(**{name: state[name] for name in sharp.symbols})
        assert exact <= stated * (1 + 1e-12)
        tight = max(tight, exact / stated)
        weaker = BOUNDS["yuan_d2_consensus"]
        if weaker.inside(**{name: state[name] for name in weaker.symbols}):
            assert stated <= weaker(**{name: state[name] for name in weaker.symbols})
            printed += 1
        descent = BOUNDS["yuan_d2_descent"]
        if descent.inside(**{name: state[name] for name in descent.symbols}):
            exact = (after_x.mean() - d2.optimum) ** 2 + (d2.lr * sigma) ** 2 / m
            assert exact <= descent(**{name: state[name] for name in descent.symbols}) * (1 + 1e-12)
    assert printed >= 10
    assert tight > 0.3
