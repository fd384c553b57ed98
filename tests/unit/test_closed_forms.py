"""Closed forms of spectra against matrices built by loops."""

import numpy as np
import pytest

from theory.bounds import BOUNDS
from theory.errors import OnemergeError
from theory.notation import NOTATION


def ring(agents, own=1 / 3, side=1 / 3):
    W = np.zeros((agents, agents))
    for i in range(agents):
        W[i, i] += own
        W[i, (i + 1) % agents] += side
        W[i, (i - 1) % agents] += side
    return W


def ring_half(agents):
    return ring(agents, 1 / 2, 1 / 4)


def metropolis(agents, edges):
    degree = [sum(i in edge for edge in edges) for i in range(agents)]
    W = np.zeros((agents, agents))
    for i, j in edges:
        W[i, j] = W[j, i] = 1 / (1 + max(degree[i], degree[j]))
    for i in range(agents):
        W[i, i] = 1 - W[i].sum()
    return W


def path(agents):
    return metropolis(agents, [(i, i + 1) for i in range(agents - 1)])


def star(agents):
    return metropolis(agents, [(0, i) for i in range(1, agents)])


def complete(agents):
    return metropolis(agents, [(i, j) for i in range(agents) for j in range(i)])


def torus(rows, cols):
    W = np.zeros((rows * cols, rows * cols))
    for a in range(rows):
        for b in range(cols):
            for da, db in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
                W[a * cols + b, (a + da) % rows * cols + (b + db) % cols] += 1 / 5
    return W


def hypercube(agents, lazy=False):
    d = agents.bit_length() - 1
    W = np.eye(agents) * (1 / 2 if lazy else 1 / (d + 1))
    for i in range(agents):
        for bit in range(d):
            W[i, i ^ (1 << bit)] = 1 / (2 * d) if lazy else 1 / (d + 1)
    return W


def hypercube_lazy(agents):
    return hypercube(agents, lazy=True)


def exponential(agents):
    """Row i receives from i - 2^k."""
    hops = [2**k for k in range(agents) if 2**k < agents]
    W = np.zeros((agents, agents))
    for i in range(agents):
        for hop in (0, *hops):
            W[i, (i - hop) % agents] += 1 / (1 + len(hops))
    return W


def slem(W):
    return np.sort(np.abs(np.linalg.eigvals(W)))[-2]


SIZES = [3, 4, 5, 6, 7, 8, 16, 31]
SPECTRA = [
    *((family, {"agents": n}) for family in (ring, ring_half, path, star) for n in SIZES),
    *((complete, {"agents": n}) for n in (2, *SIZES)),
    *((family, {"agents": n}) for family in (hypercube, hypercube_lazy) for n in (2, 4, 8, 16, 64)),
    *((exponential, {"agents": n}) for n in (2, 4, 6, 8, 10, 12, 16, 18, 32, 34, 64)),
    *((torus, {"rows": a, "cols": b}) for a, b in ((3, 3), (3, 4), (4, 4), (5, 5), (3, 8), (8, 3), (4, 7))),
]


@pytest.mark.parametrize(("family", "size"), SPECTRA, ids=[f"{f.__name__}-{list(s.values())}" for f, s in SPECTRA])
def test_closed_forms_equal_the_spectrum(family, size):
    W = family(**size)
    np.testing.assert_allclose(W.sum(axis=0), 1, atol=1e-14)
    np.testing.assert_allclose(W.sum(axis=1), 1, atol=1e-14)
    gap = BOUNDS[f"{family.__name__}_gap"](**size)
    assert gap == pytest.approx(1 - slem(W), abs=1e-12)
    p = 1 - np.linalg.norm(W - 1 / len(W), 2) ** 2
    assert BOUNDS["consensus_rate_normal"](one_minus_slem=gap) == pytest.approx(p, abs=1e-12)


def test_every_closed_form_was_met_by_a_matrix():
    met = {f"{family.__name__}_gap" for family, _ in SPECTRA}
    assert met == {name for name, bound in BOUNDS.items() if bound.about == "one_minus_slem"}


@pytest.mark.parametrize(
    ("family", "size", "matrix"),
    [
        (ring, {"agents": 2}, np.full((2, 2), 1 / 2)),
        (path, {"agents": 2}, path(2)),
        (star, {"agents": 2}, star(2)),
        (exponential, {"agents": 5}, exponential(5)),
        (exponential, {"agents": 9}, exponential(9)),
        (torus, {"rows": 2, "cols": 3}, None),
        (torus, {"rows": 3, "cols": 2}, None),
        (hypercube, {"agents": 12}, None),
        (complete, {"agents": 1}, None),
    ],
)
def test_closed_forms_are_refused_where_they_are_wrong(family, size, matrix):
    bound = BOUNDS[f"{family.__name__}_gap"]
    with pytest.raises(OnemergeError, match=f"{bound.name} needs"):
        bound(**size)
    if matrix is not None:  # the region is not too small: the formula does fail there
        values = {NOTATION[name].sympy: value for name, value in size.items()}
        assert abs(float(bound.formula.subs(values)) - (1 - slem(matrix))) > 0.01
