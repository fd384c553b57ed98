"""Wachspress coordinates: the properties that define them, and the polygons they refuse."""

import numpy as np
import pytest

from theory.errors import OnemergeError
from theory.polygon import inside, regular_polygon, wachspress

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
IRREGULAR = np.array([[0.0, 0.0], [4.0, -1.0], [5.0, 2.0], [2.0, 3.5], [-0.5, 2.0]])
POLYGONS = {
    "triangle": np.array([[0.0, 0.0], [2.0, 0.5], [0.5, 1.5]]),
    "square": SQUARE,
    "clockwise": IRREGULAR[::-1],
    "irregular": IRREGULAR,
    "far and small": 1e3 + 1e-2 * IRREGULAR,
    "tiny": 1e-9 * IRREGULAR,
    "sixteen": regular_polygon(16),
    "sixty-four": regular_polygon(64),
}
EACH = pytest.mark.parametrize("vertices", POLYGONS.values(), ids=POLYGONS)


def interior(vertices, size=200):
    return np.random.default_rng(0).dirichlet(np.ones(len(vertices)), size) @ vertices


@EACH
def test_coordinates_are_weights_that_reproduce_linear_functions(vertices):
    points = interior(vertices)
    weights = wachspress(points, vertices)
    assert weights.shape == (len(points), len(vertices))
    assert (weights > 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-14)
    extent = np.ptp(vertices, axis=0).max()
    np.testing.assert_allclose(weights @ vertices, points, rtol=1e-13, atol=1e-12 * extent)


@EACH
def test_coordinates_are_unit_vectors_at_vertices(vertices):
    np.testing.assert_allclose(wachspress(vertices, vertices), np.eye(len(vertices)), atol=1e-12)


@EACH
def test_coordinates_are_linear_along_edges(vertices):
    k = len(vertices)
    for share in (1e-3, 0.25, 0.5, 0.9):
        points = (1 - share) * vertices + share * np.roll(vertices, -1, axis=0)
        expected = (1 - share) * np.eye(k) + share * np.roll(np.eye(k), 1, axis=1)
        weights = wachspress(points, vertices)
        np.testing.assert_allclose(weights, expected, atol=1e-7 if vertices[0, 0] > 99 else 1e-11)
        assert (weights >= 0).all()


def test_coordinates_are_continuous_at_the_boundary():
    middle = (IRREGULAR[0] + IRREGULAR[1]) / 2
    near = middle + 1e-9 * (IRREGULAR.mean(axis=0) - middle)
    np.testing.assert_allclose(*wachspress([middle, near], IRREGULAR), atol=1e-8)


def test_a_triangle_has_its_barycentric_coordinates():
    triangle = POLYGONS["triangle"]
    points = interior(triangle)
    system = np.vstack([triangle.T, np.ones(3)])
    expected = np.linalg.solve(system, np.vstack([points.T, np.ones(len(points))])).T
    np.testing.assert_allclose(wachspress(points, triangle), expected, atol=1e-13)


def test_a_square_has_its_bilinear_coordinates():
    x, y = interior(SQUARE).T
    expected = np.column_stack([(1 - x) * (1 - y), x * (1 - y), x * y, (1 - x) * y])
    np.testing.assert_allclose(wachspress(np.column_stack([x, y]), SQUARE), expected, atol=1e-14)


def test_the_quotient_of_cotangents_is_the_same():
    """Meyer et al. 2002: w_i ~ (cot a + cot b) / |x - v_i|^2 with the angles at v_i between x and its two neighbors."""
    points = interior(IRREGULAR)
    weights = np.empty((len(points), len(IRREGULAR)))
    for n, x in enumerate(points):
        for i, v in enumerate(IRREGULAR):
            total = 0.0
            for neighbor in (IRREGULAR[i - 1], IRREGULAR[(i + 1) % len(IRREGULAR)]):
                a, b = x - v, neighbor - v
                total += a @ b / abs(a[0] * b[1] - a[1] * b[0])
            weights[n, i] = total / ((x - v) @ (x - v))
    np.testing.assert_allclose(wachspress(points, IRREGULAR), weights / weights.sum(axis=1, keepdims=True), atol=1e-12)


@pytest.mark.parametrize("k", [3, 4, 16, 400])
def test_the_center_of_a_regular_polygon_weighs_all_vertices_alike(k):
    np.testing.assert_allclose(wachspress([[0.0, 0.0]], regular_polygon(k)), np.full((1, k), 1 / k), rtol=1e-12)


def test_a_regular_polygon_starts_at_the_right_and_runs_counterclockwise():
    np.testing.assert_allclose(regular_polygon(4), [[1, 0], [0, 1], [-1, 0], [0, -1]], atol=1e-15)


@EACH
def test_inside_holds_on_the_boundary_and_nowhere_beyond(vertices):
    center = vertices.mean(axis=0)
    middles = (vertices + np.roll(vertices, -1, axis=0)) / 2
    assert inside(np.vstack([interior(vertices), vertices, middles]), vertices).all()
    beyond = np.vstack([vertices, middles])
    assert not inside(beyond + 1e-6 * (beyond - center), vertices).any()


def test_points_outside_are_refused():
    with pytest.raises(OnemergeError, match=r"2 points lie outside the polygon, the first at \[\[2.  0.5\]\]"):
        wachspress([[0.5, 0.5], [2.0, 0.5], [0.5, -0.1]], SQUARE)


@pytest.mark.parametrize(
    ("vertices", "sentence"),
    [
        (SQUARE[:2], "at least 3 vertices, got 2"),
        (np.zeros((4, 3)), r"vertices has shape \(4, 3\), expected \[N, 2\]"),
        ([[0, 0], [1, np.nan], [1, 1]], "not finite"),
        ([[0, 0], [4, 0], [1, 1], [0, 4]], r"not strictly convex: vertex \d is on or beyond the edge"),
        (SQUARE[[0, 2, 1, 3]], "not strictly convex"),
        (regular_polygon(5)[[0, 2, 4, 1, 3]], "not strictly convex"),
        ([[0, 0], [1, 0], [2, 0], [1, 1]], "not strictly convex"),
        ([[0, 0], [1, 0], [1, 0], [1, 1]], "not strictly convex"),
        ([[0, 0], [1, 1], [2, 2]], "not strictly convex"),
        (np.vstack([regular_polygon(5), regular_polygon(5)]), "not strictly convex"),
    ],
)
def test_polygons_that_are_not_convex_are_refused(vertices, sentence):
    with pytest.raises(OnemergeError, match=sentence):
        wachspress([[0.5, 0.25]], vertices)


def test_a_regular_polygon_of_two_is_refused():
    with pytest.raises(OnemergeError, match="at least 3 vertices, got 2"):
        regular_polygon(2)


def test_points_must_be_a_list_of_pairs():
    with pytest.raises(OnemergeError, match=r"points has shape \(2,\), expected \[N, 2\]"):
        wachspress([0.5, 0.5], SQUARE)
