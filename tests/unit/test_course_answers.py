"""Chapters 1 to 3: every slip gets its own hint, every right value has a second derivation."""

import numpy as np
import pytest

from paper_repro.course.checks import verdict
from paper_repro.course.gossip import adjacency, shuffle
from theory.graphs import ring, star
from theory.mixing import best_constant, metropolis, uniform
from theory.random_gossip import random_peers
from theory.spectrum import gap


def weights(A):
    """Metropolis weights entry by entry."""
    W = np.zeros(A.shape)
    for i in range(len(A)):
        for j in range(len(A)):
            if i != j and A[i, j]:
                W[i, j] = 1 / (1 + max(A[i].sum(), A[j].sum()))
        W[i, i] = 1 - W[i].sum()
    return W


def drift_by_rounds():
    """The variance of the final mean of random peers, E[x xᵀ] carried forward round by round."""
    gossip, x = random_peers(16, 0.2), np.repeat([1.0, -1.0], 8)
    moment = np.outer(x, x)
    for t in range(400):
        moment = gossip.push_forward(t, moment)
    return moment.mean()


GOSSIP = {
    "1.1": weights,
    "1.2": 112,
    "1.3": [-2, -1, -1, 0],
    "1.4": lambda n: 2 / 3 * (1 - np.cos(2 * np.pi / n)),
    "1.5": best_constant(star(6)),
    "1.6": 1 - (1 / 3 + 2 / 3 * np.cos(2 * np.pi / 16)) ** 2,
    "1.7": 4,
    "1.8": "no",
    "1.9": drift_by_rounds(),
}


def step(x, W, lr, h, b, noise):
    """One round of adapt-then-combine, agent by agent."""
    moved = [x[j] - lr * (h[j] * (x[j] - b[j]) + noise[j]) for j in range(len(x))]
    return [sum(W[i, j] * moved[j] for j in range(len(x))) for i in range(len(x))]


def settled(W, h, b, lr):
    """The fixed point, by many rounds."""
    x = np.zeros(len(b))
    for _ in range(5000):
        x = W @ (x - lr * h * (x - b))
    return x


QUADRATICS = {
    "2.1": step,
    "2.2": lambda x, W, lr, h, b, noise: [W[i] @ x - lr * (h[i] * (x[i] - b[i]) + noise[i]) for i in range(len(x))],
    "2.3": "15/16",
    "2.4": lambda lr, zeta, slem, h: (lr * zeta / (1 / slem - 1 + lr * h)) ** 2,
    "2.5": 4,
    "2.6": "same",
    "2.7": settled,
}


def climbed(lr, p, sigma, phi):
    """The level of Lemma D.1, by many steps from 0."""
    level = 0.0
    for _ in range(2000):
        level = (1 - p / 2) * level + 12 * (1 - p) / p * lr**2 * (phi**2 + sigma**2)
    return level


STATED = {
    "3.1": climbed,
    "3.2": lambda X, lr, p, phi: (1 - p) * (X + 2 * lr * phi * X**0.5 + (lr * phi) ** 2),
    "3.3": 2 - 0.19,
    "3.4": [-1, -2],
    "3.5": [2, 1.5, 1],
    "3.6": False,
}


@pytest.mark.parametrize(("exercise", "answer"), [*GOSSIP.items(), *QUADRATICS.items(), *STATED.items()])
def test_answers_by_a_second_way_are_right(exercise, answer):
    assert verdict(exercise, answer) == f"{exercise}: right."


SLIPS = [
    ("1.1", lambda A: (A + np.eye(len(A))) / (A.sum(axis=1, keepdims=True) + 1), "columns"),
    ("1.2", 28, "walks at random"),
    ("1.3", [2, 1, 1, 0], "sign"),
    ("1.4", lambda n: 4 * np.pi**2 / (3 * n**2), "large rings"),
    ("1.5", metropolis(star(6)), "not above"),
    ("1.5", metropolis(ring(6)), "no link joins"),
    ("1.5", uniform(star(6)), "columns have to"),
    ("1.5", np.ones((6, 6)), "between two agents"),
    ("1.5", 2 * best_constant(star(6)), "Rows and columns"),
    ("1.6", gap(metropolis(ring(16))), "not of its square"),
    ("1.7", 1, "long run"),
    ("1.7", 3, "eight agents"),
    ("1.5", "a star", "array of finite numbers"),
    ("1.8", "yes", "where the mean went"),
    ("2.1", lambda x, W, lr, h, b, noise: W @ x - lr * (h * (x - b) + noise), "other order"),
    ("2.1", lambda x, W, lr, h, b, noise: W.T @ (x - lr * (h * (x - b) + noise)), "transposed"),
    ("2.1", lambda x, W, lr, h, b, noise: x, "Write one agent first"),
    ("2.2", step, "first order"),
    ("2.2", lambda x, W, lr, h, b, noise: W @ x - lr * (h * (W @ x - b) + noise), "before mixing"),
    ("2.3", 1, "in the mean"),
    ("2.4", lambda lr, zeta, slem, h: (lr * zeta / (1 - slem + lr * h)) ** 2, "combine-then-adapt"),
    ("2.4", lambda lr, zeta, slem, h: lr * zeta / (1 / slem - 1 + lr * h), "about its square"),
    ("2.5", 2, "its square"),
    ("2.6", "worse", "Where is W"),
    ("2.7", lambda W, h, b, lr: settled(W.T, h, b, lr), "transposed"),
    ("3.1", lambda lr, p, sigma, phi: climbed(lr, p, sigma, phi) / 2, "factor 2"),
    ("3.1", lambda lr, p, sigma, phi: 12 * (1 - p) / p * lr**2 * (phi**2 + sigma**2), "one step adds"),
    ("3.2", lambda X, lr, p, phi: 2 * (1 - p) * (X + (lr * phi) ** 2), "square of the sum"),
    ("3.2", lambda X, lr, p, phi: (((1 - p) * X) ** 0.5 + lr * phi) ** 2, "step comes first"),
    ("3.3", 12, "printed one"),
    ("3.3", 12 / 1.81, "how loose"),
    ("3.4", [-2, -2], "flatter"),
    ("3.4", [-2, -1], "order is noise"),
    ("3.4", [1, 2], "sign"),
    ("3.5", [-2, -1.5, -1], "sign"),
    ("3.6", "yes", "hidden constant"),
    ("1.9", 0.9 * (16 / 15 * 0.1) / 16, "first round alone"),
]


@pytest.mark.parametrize(("exercise", "answer", "hint"), SLIPS)
def test_mistakes_get_their_hint(exercise, answer, hint):
    assert hint in verdict(exercise, answer)


def test_the_shuffle_averages_exactly_and_is_directed():
    for agents in (2, 4, 16):
        W = shuffle(agents)
        power = np.linalg.matrix_power(W, int(np.log2(agents)))
        np.testing.assert_allclose(power, 1 / agents, atol=1e-15)
    assert not np.array_equal(W, W.T)
    assert adjacency(ring(2)).tolist() == [[0, 1], [1, 0]]
