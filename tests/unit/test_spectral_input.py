"""Wrong arguments of the spectral functions: one sentence with the value and what is valid, at every door."""

import math

import numpy as np
import pytest
from scipy.sparse import csr_array

from theory import closed_forms
from theory.enclosure import enclose, enclose_gap
from theory.errors import OnemergeError
from theory.operators import Circulant, Line, Product
from theory.scaling import fit
from theory.sparse_spectrum import moment_rate, sparse_contraction, sparse_gap, sparse_rate
from theory.spectrum import (
    consensus_rate,
    contraction,
    drift_gain,
    effective_neighbors,
    eigenvalues,
    finite_time,
    gap,
    mean_drift,
    mixing_time,
    noise_gain,
    rounds_to_halve,
    slem,
)
from theory.vogels import inverse_neighbors

OF_A_MATRIX = (
    slem, gap, contraction, consensus_rate, mean_drift, noise_gain, drift_gain, mixing_time, rounds_to_halve,
    finite_time, eigenvalues, lambda W: effective_neighbors(W, 0.5), enclose_gap,
)  # fmt: skip
OF_A_SPARSE_ONE = (sparse_gap, sparse_rate, sparse_contraction)
THIRDS = csr_array(np.full((3, 3), 1 / 3))
NO_MATRICES = [
    None, "ring", 3, [], [[]], [1, 0], [[0.5]], np.full((2, 3), 1 / 3), [[math.nan, 1], [0, 1]], np.eye(2) * 1j,
    [["a", "b"], ["c", "d"]], np.ones((2, 2, 2)), csr_array(np.full((2, 3), 1 / 3)), csr_array((0, 0)),
    csr_array([[math.nan, 1.0], [0.0, 1.0]]), csr_array(np.eye(2) * 1j), object(),
]  # fmt: skip


@pytest.mark.parametrize("function", [*OF_A_MATRIX, *OF_A_SPARSE_ONE])
def test_no_matrix(function):
    for W in NO_MATRICES:
        with pytest.raises(OnemergeError) as error:
            function(W)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("limit", [0, -1, math.nan, "5", True, [1]])
def test_no_time_limit(limit):
    for function in (*OF_A_SPARSE_ONE, moment_rate, gap, slem, contraction, consensus_rate):
        with pytest.raises(
            OnemergeError, match=r"the time limit is .*; it must be a positive number of seconds, or None"
        ):
            function(THIRDS, limit)


@pytest.mark.parametrize("tolerance", [0, 1, -1, math.nan, "5", None])
def test_no_tolerance(tolerance):
    for function in (*OF_A_SPARSE_ONE, moment_rate):
        with pytest.raises(OnemergeError, match=r"tolerance is .*; it must be a number in \(0, 1\)"):
            function(THIRDS, tolerance=tolerance)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Circulant(4, {0.5: 1.0}), r"an offset of the circulant is 0\.5; it must be an integer"),
        (lambda: Circulant(4, {"a": 1.0}), "an offset of the circulant is 'a'; it must be an integer"),
        (lambda: Circulant(4, {0: "a"}), "a weight of the circulant is 'a'; it must be a finite number"),
        (lambda: Circulant(4, {0: 1j}), "a weight of the circulant is 1j; it must be a finite number"),
        (lambda: Circulant(4, {0: 0.5, 1: math.nan}), "the circulant is nan; it must be a finite number"),
        (lambda: Circulant(4, [1.0]), r"weights is \[1\.0\]; a circulant takes a dict"),
        (lambda: Circulant(4, None), "weights is None; a circulant takes a dict"),
        (lambda: Line(4, None), "weight is None; it must be a finite number"),
        (lambda: Line(4, 1j), "weight is 1j; it must be a finite number"),
        (lambda: Line(4, [0.3]), r"weight is \[0\.3\]; it must be a finite number"),
        (lambda: Product((Line(3, 0.3), 3), (0.5, 0.5)), "a factor is 3; it must be a Circulant, Line or Product"),
        (lambda: Product((Line(3, 0.3),), ("a",)), "a share of the product is 'a'; it must be a finite number"),
        (lambda: Product(Line(3, 0.3), 1.0), "both must be tuples"),
        (lambda: mixing_time(np.eye(2), 0.1, ["spectral"]), r"unknown distance \['spectral'\]"),
        (lambda: enclose(["gap"], np.eye(2)), r"unknown quantity \['gap'\]"),
        (lambda: enclose_gap("ring", 3, agents=4), "unknown weights 3; valid weights are uniform"),
        (lambda: enclose_gap("ring", ["uniform"], agents=4), r"unknown weights \['uniform'\]"),
        (lambda: closed_forms.eigenvalues("ring", 3, agents=4), "no closed form for 3 weights of ring"),
        (lambda: closed_forms.eigenvalues(["ring"], "uniform", agents=4), "no closed form for uniform weights of"),
        (lambda: fit([8, 16, 32], [0.1, 0.2]), "2 gaps for 3 sizes; each size needs one"),
        (lambda: fit([8, 16], [0.1, 0.2]), "2 sizes are too few for a slope; 3 are needed"),
        (lambda: fit([8, 16, 32], [0.1, 0.2, 0.0]), "a gap is 0; a slope needs gaps above 0"),
        (lambda: fit([8, 16, 32], [0.1, 0.2, math.nan]), "the gaps are .*; they must be a list of numbers"),
        (lambda: fit("a", "b"), "the sizes are 'a'; they must be a list of numbers"),
        (lambda: fit([1, 2, 3], [0.1, 0.2, 0.3]), "a size is 1; a slope needs more than one agent"),
        (lambda: fit([3, 3, 3], [0.1, 0.2, 0.3]), "the larger half of the sizes are all 3"),
        (lambda: inverse_neighbors("a", 0.5), "the eigenvalues are 'a'; a symmetric mixing matrix has them"),
        (lambda: inverse_neighbors([[1.0]], 0.5), r"the eigenvalues are \[\[1\.0\]\]"),
        (lambda: inverse_neighbors([1.0], "a"), r"decay is 'a'; it must be in \[0, 1\)"),
    ],
)  # fmt: skip
def test_wrong_calls_say_what_is_wrong(call, sentence):
    with pytest.raises(OnemergeError, match=sentence):
        call()
