"""Structured mixing matrices against the dense matrices of the same topology and weights."""

import math

import numpy as np
import pytest

from theory.bounds import BOUNDS
from theory.errors import OnemergeError
from theory.links import FAMILIES, links
from theory.mixing import WEIGHTS, mixing
from theory.operators import CIRCULANTS, DIRECTED, MESHES, STRUCTURES, Circulant, Line, Product, operator
from theory.spectrum import gap

SIDES = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 5), (5, 1), (2, 5), (3, 2), (3, 3), (4, 5)]
SIZES = (1, 2, 3, 4, 7, 8)
CASES = [
    *[(name, {"agents": n}) for name in ("ring", "path", "complete", "symmetric_exponential") for n in SIZES],
    *[("exponential", {"agents": n}) for n in SIZES],
    *[(name, {"rows": r, "cols": c}) for name in ("torus", "grid") for r, c in SIDES],
    *[("hypercube", {"agents": n}) for n in (1, 2, 4, 8, 16)],
    *[(name, {"agents": n}) for name in ("star", "binary_tree", "barbell") for n in SIZES],
    *[(name, {"agents": 9, "hops": hops}) for name in ("circulant", "directed_circulant") for hops in (1, [1, 4, 7])],
    *[("circulant", {"agents": n, "hops": hops}) for n, hops in ((8, 4), (12, [4, 8]), (9, [3]))],  # in parts
]


def dense(name, weights, parameters):
    return mixing(links(name, **parameters), weights or ("uniform" if name in DIRECTED else "metropolis"))


def result(build, *arguments):
    """(what build returns, None), or (None, the sentence of its refusal)."""
    try:
        return build(*arguments), None
    except OnemergeError as refused:
        return None, str(refused)


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_the_operator_is_the_matrix_of_the_rule(name, parameters):
    counted = 0
    for weights in (None, *WEIGHTS):
        W, refusal = result(dense, name, weights, parameters)
        built, same = result(lambda rule: operator(name, rule, **parameters), weights)
        assert same == refusal
        if refusal:
            continue
        np.testing.assert_allclose(built.toarray(), W, rtol=0, atol=3e-15)
        counted += 1
        if not isinstance(built, STRUCTURES):
            continue
        assert built.shape == W.shape
        assert built.symmetric == np.array_equal(W, W.T)
        singular = np.linalg.svd(W - 1 / len(W), compute_uv=False)  # the moduli, W being normal
        expected = np.sort(1 - singular**2)[: len(W) - 1]
        np.testing.assert_allclose(np.sort(built.losses()), expected, rtol=0, atol=1e-13)
        np.testing.assert_allclose(np.sort(np.abs(built.eigenvalues()))[:-1], np.sort(singular)[1:], atol=1e-7)
        if built.symmetric:
            below, above = built.sides()
            assert below[0] == 0  # consensus comes first
            np.testing.assert_allclose(np.sort(1 - below), np.linalg.eigvalsh(W), rtol=0, atol=1e-13)
            np.testing.assert_allclose(np.sort(above - 1), np.linalg.eigvalsh(W), rtol=0, atol=1e-13)
    assert counted >= 2


@pytest.mark.parametrize(
    ("name", "weights", "structure"),
    [
        ("ring", None, Circulant),
        ("exponential", None, Circulant),
        ("torus", None, Product),
        ("hypercube", "lazy_metropolis", Product),
        ("path", None, Line),
        ("grid", "max_degree", Product),
        ("grid", "best_constant", Product),
        ("grid", "metropolis", None),  # its border has other weights: no Kronecker sum
        ("path", "uniform", None),
    ],
)
def test_the_structure_is_used_where_it_is_one(name, weights, structure):
    parameters = {"rows": 4, "cols": 6} if name in ("torus", "grid") else {"agents": 16}
    W = operator(name, weights, **parameters)
    assert isinstance(W, structure) if structure else not isinstance(W, STRUCTURES)


def test_a_circulant_hears_the_agents_ahead():
    W = Circulant(5, {0: 0.5, 1: 0.2, -2: 0.3}).toarray()
    expected = np.zeros((5, 5))
    for i in range(5):
        for offset, weight in ((0, 0.5), (1, 0.2), (-2, 0.3)):
            expected[i, (i + offset) % 5] += weight
    np.testing.assert_array_equal(W, expected)
    assert Circulant(3, {1: 0.25, 4: 0.25, 0: 0.5}).weights == {1: 0.5, 0: 0.5}  # equal mod 3


def test_circulant_eigenvalues_belong_to_their_waves():
    circulant, j, i = Circulant(7, {0: 0.1, 1: 0.6, 3: 0.3}), np.arange(7), np.arange(7)[:, None]
    waves = np.exp(2j * np.pi * i * j / 7)
    np.testing.assert_allclose(circulant.toarray() @ waves, waves * circulant.eigenvalues(), atol=1e-14)


def test_small_losses_keep_their_digits():
    """Many weights go by a Fourier transform, small losses by sin²; exact fractions of π as the second derivation."""
    n = 10_001
    slow = Circulant(n, {0: 1 - 2e-4, 1: 1e-4, -1: 1e-4})  # every loss is small
    j = np.arange(1, n)
    half = np.minimum(j, n - j)
    below = 4e-4 * np.sin(np.pi * half / n) ** 2
    np.testing.assert_allclose(slow.losses(), below * (2 - below), rtol=1e-12)
    shift = Circulant(n, {0: 0.5, 1: 0.5})  # directed: 1 - |cos(πj/n)|²
    np.testing.assert_allclose(shift.losses(), np.sin(np.pi * half / n) ** 2, rtol=1e-9)
    away = Circulant(n, {1: 0.5, -1: 0.5})  # odd: the smallest loss is at -1, 1 - cos²(π(n - 1)/n)
    assert away.losses().min() == pytest.approx(math.sin(math.pi / n) ** 2, rel=1e-12)


@pytest.mark.parametrize(
    ("bound", "name", "weights", "parameters"),
    [
        ("ring_gap", "ring", None, {"agents": 10**6}),
        ("path_gap", "path", None, {"agents": 10**6}),
        ("torus_gap", "torus", None, {"rows": 1000, "cols": 1000}),
        ("torus_gap", "torus", None, {"rows": 500, "cols": 2000}),
        ("hypercube_gap", "hypercube", None, {"agents": 2**20}),
        ("hypercube_lazy_gap", "hypercube", "lazy_metropolis", {"agents": 2**10}),
        ("exponential_gap", "exponential", None, {"agents": 10**6}),
        ("complete_gap", "complete", None, {"agents": 12}),
    ],
)
def test_gaps_of_a_million_agents_are_the_closed_forms(bound, name, weights, parameters):
    W = operator(name, weights, **parameters)
    share = 2 if bound == "hypercube_lazy_gap" else 1
    formula = float(BOUNDS[bound](**parameters)) if share == 1 else 1 / (1 + math.log2(W.agents))
    assert gap(W) == pytest.approx(formula, rel=1e-11)


def test_best_constant_on_a_structure_has_the_smallest_slem():
    for name, parameters in (("path", {"agents": 8}), ("grid", {"rows": 3, "cols": 3}), ("ring", {"agents": 8})):
        best = operator(name, "best_constant", **parameters)
        below, above = best.sides()
        assert below[1:].min() == pytest.approx(above.min(), rel=1e-12)  # both ends are equally far from the rim
    assert 1 - gap(operator("path", "best_constant", agents=8)) == pytest.approx(0.9238795325, abs=1e-10)
    assert 1 - gap(operator("grid", "best_constant", rows=3, cols=3)) == pytest.approx(0.7142857143, abs=1e-10)
    assert 1 - gap(operator("ring", "best_constant", agents=8)) == pytest.approx(0.7445213, abs=1e-6)


def test_products_take_any_symmetric_factors():
    factors, shares = (Line(3, 0.4), Circulant(4, {0: 0.2, 1: 0.3, 2: 0.2, 3: 0.3})), (0.25, 0.75)
    W = Product(factors, shares)
    one, other = (factor.toarray() for factor in factors)
    expected = 0.25 * np.kron(one, np.eye(4)) + 0.75 * np.kron(np.eye(3), other)
    np.testing.assert_allclose(W.toarray(), expected, atol=1e-16)
    np.testing.assert_allclose(np.sort(W.eigenvalues()), np.linalg.eigvalsh(expected), atol=1e-14)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: Circulant(5, {0: 0.5, 1: 0.4}), r"the weights of the circulant sum to 0\.9; they must sum to 1"),
        (lambda: Circulant(5, {0: math.nan}), "a weight of the circulant is nan; it must be a finite number"),
        (lambda: Circulant(0, {0: 1.0}), "agents is 0; it must be an integer of at least 1"),
        (lambda: Line(3, math.inf), "weight is inf; it must be a finite number"),
        (lambda: Circulant(3, {0: 0.5, 1: 0.5}).sides(), "the circulant is not symmetric"),
        (lambda: Product((Circulant(3, {0: 0.5, 1: 0.5}),), (1.0,)), "a factor is not symmetric"),
        (lambda: Product((Line(3, 0.3),), (0.5,)), r"the weights of the product sum to 0\.5"),
        (lambda: Product((Line(3, 0.3),), ()), "0 shares for 1 factors; each factor needs one"),
        (lambda: operator("cycle", agents=4), "unknown topology 'cycle'; valid topologies are ring"),
        (lambda: operator("ring", rows=4), "ring has no parameter rows; its parameters are agents"),
        (lambda: operator("ring", agents=2.5), r"agents is 2\.5; it must be an integer of at least 1"),
        (lambda: operator("hypercube", agents=12), "agents is 12; a hypercube needs a power of two, such as 16"),
        (lambda: operator("ring", "best", agents=4), "unknown weights 'best'; valid weights are uniform"),
        (lambda: operator("circulant", agents=4, hops=[4]), "hop 4 with 4 agents is none"),
    ],
)
def test_wrong_calls_say_what_is_wrong(build, sentence):
    with pytest.raises(OnemergeError, match=sentence):
        build()


def test_every_named_structure_is_a_family():
    assert set(CIRCULANTS + MESHES) <= set(FAMILIES)
