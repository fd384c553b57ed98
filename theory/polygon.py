"""Wachspress coordinates: a point of a convex polygon as a weighted average of the vertices.

They carry a plane of models: the vertices stand for agents, a point for the average of the models with its weights.
Sources: E. L. Wachspress, A Rational Finite Element Basis, 1975; M. S. Floater, Generalized barycentric coordinates and
applications, Acta Numerica 24, 2015.
"""

import numpy as np

from theory.errors import require

ROUNDING = 1e-12  # of the squared extent of the polygon: a triangle of this area is flat


def regular_polygon(k):
    """The vertices [k, 2] of the regular k-gon in the unit circle, counterclockwise from (1, 0)."""
    require(k >= 3, f"a polygon has at least 3 vertices, got {k}")
    angles = 2 * np.pi * np.arange(k) / k
    return np.column_stack([np.cos(angles), np.sin(angles)])


def inside(points, vertices):
    """Which of the points [N, 2] lie in the convex polygon of vertices [k, 2] or on its boundary, as booleans [N]."""
    vertices = _convex(vertices)
    return (_edge_areas(_plane(points, "points"), vertices) >= -_tolerance(vertices)).all(axis=1)


def wachspress(points, vertices):
    """Weights [N, k] of the points [N, 2] over the vertices [k, 2] of a convex polygon, in either orientation.

    w_i ~ area(v_(i-1), v_i, v_(i+1)) prod over edges j not at vertex i of area(x, v_j, v_(j+1)),
    normalized. Nonnegative, reproduce x = sum_i w_i v_i, are linear along edges and unit vectors at the vertices.
    The quotient form, with the areas at vertex i in a denominator, is undefined on edges; this product is not.
    """
    points, vertices = _plane(points, "points"), _convex(vertices)
    areas = _edge_areas(points, vertices)
    outside = (areas < -_tolerance(vertices)).any(axis=1)
    require(not outside.any(), f"{outside.sum()} points lie outside the polygon, the first at {points[outside][:1]}")
    areas = np.where(areas > _tolerance(vertices), areas, 0)  # on an edge, up to rounding
    areas /= areas.max(axis=1, keepdims=True)
    corners = _area(np.roll(vertices, 1, axis=0), vertices, np.roll(vertices, -1, axis=0))
    k = len(vertices)
    weights = np.stack([corners[i] * np.delete(areas, [i - 1, i], axis=1).prod(axis=1) for i in range(k)], axis=1)
    return weights / weights.sum(axis=1, keepdims=True)


def _area(a, b, c):
    """Twice the area of the triangles a, b, c [..., 2], positive where they run counterclockwise."""
    (ux, uy), (vx, vy) = np.moveaxis(b - a, -1, 0), np.moveaxis(c - a, -1, 0)
    return ux * vy - uy * vx


def _edge_areas(points, vertices):
    """Twice the areas [N, k] of a point and the edges from vertex j to j + 1; negative beyond the edge."""
    areas = _area(points[:, None], vertices, np.roll(vertices, -1, axis=0))
    return areas * _orientation(vertices)


def _orientation(vertices):
    return np.sign(_area(vertices[0], vertices[:-1], vertices[1:]).sum())


def _tolerance(vertices):
    return ROUNDING * np.ptp(vertices, axis=0).max() ** 2


def _plane(array, name):
    array = np.asarray(array, dtype=np.float64)
    require(array.ndim == 2 and array.shape[1] == 2, f"{name} has shape {array.shape}, expected [N, 2]")
    require(np.isfinite(array).all(), f"{name} has a coordinate that is not finite")
    return array


def _convex(vertices):
    """The vertices as floats, once they are seen to be the corners of a convex polygon in order."""
    vertices = _plane(vertices, "vertices")
    k = len(vertices)
    require(k >= 3, f"a polygon has at least 3 vertices, got {k}")
    corner = np.eye(k, dtype=bool) | np.roll(np.eye(k, dtype=bool), 1, axis=0)  # vertex i lies on edges i and i - 1
    areas = np.where(corner, np.inf, _edge_areas(vertices, vertices))
    i, j = np.unravel_index(areas.argmin(), areas.shape)
    require(
        areas[i, j] > _tolerance(vertices),
        f"the polygon is not strictly convex: vertex {i} is on or beyond the edge from vertex {j} to {(j + 1) % k}",
    )
    return vertices
