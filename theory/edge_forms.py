"""Quadratic forms of a symmetric mixing matrix as sums of squares over its links, and the shape of its graph.

For a symmetric W with rows that sum to 1, on vectors x that sum to 0,

    xᵀ(I - W)x = Σ_{i<j} w_ij (x_i - x_j)²,        xᵀ(I + W)x = Σ_{i<j} w_ij (x_i + x_j)² + 2 Σ_i w_ii x_i²,

without cancellation where no weight is negative: a small value keeps its digits, and its error is quadratic in that of
the vector.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import block_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from theory.lanczos import error_of

LEVELS = 4000  # of a breadth-first search: a graph with more is thin
ROUNDING = 1e-15  # relative, of a sum of squares


@dataclass(frozen=True, eq=False)
class Edges:
    """The weights w of the pairs i < j and the self-weights own [n] of a symmetric W."""

    agents: int
    i: np.ndarray
    j: np.ndarray
    w: np.ndarray
    own: np.ndarray

    @classmethod
    def of(cls, W):
        coo = W.tocoo()
        i, j = coo.coords
        upper = i < j
        return cls(W.shape[0], i[upper], j[upper], coo.data[upper], W.diagonal())

    def applied(self, x, sign):
        """(I + sign W) x [n]: Σ_j w_ij (x_i + sign x_j), and 2 w_ii x_i for sign = 1."""
        flow = self.w * (x[self.i] + sign * x[self.j])
        total = np.bincount(self.i, flow, self.agents) + sign * np.bincount(self.j, flow, self.agents)
        return total + (2 * self.own * x if sign > 0 else 0)

    def quotient(self, x, sign):
        """xᵀ(I + sign W)x / |x|² as a sum of squares."""
        squares = self.w @ (x[self.i] + sign * x[self.j]) ** 2
        return float((squares + (2 * self.own @ x**2 if sign > 0 else 0)) / (x @ x))

    def measured(self, x, sign, ladder):
        """(quotient, its estimated error) of a vector x, `ladder` the distances to the next eigenvalues."""
        x = x - x.mean()
        value = self.quotient(x, sign)
        residual = float(np.linalg.norm(self.applied(x, sign) - value * x) / np.linalg.norm(x))
        return value, max(error_of(residual, ladder), ROUNDING * abs(value))


def floor(W):
    """Lower bound 2 min_i w_ii of I + W, by Gershgorin's circles; -inf where a weight is negative."""
    return 2 * float(W.diagonal().min()) if W.data.min() >= 0 else -np.inf


def components(W):
    """Number of components of a symmetric W: a breadth-first search where it is one."""
    if len(breadth_first_order(W, 0, return_predecessors=False)) == W.shape[0]:
        return 1
    return connected_components(W, directed=False, return_labels=False)


def two_colored(W):
    """Whether λ_n = -1: no self-weight, no negative weight, and links only between two classes of agents."""
    if W.diagonal().any() or W.data.min() < 0:
        return False
    return connected_components(block_array([[None, W], [W, None]]), directed=False, return_labels=False) > 1


def shape_of(W):
    """(whether the connected graph of a symmetric W is thin, estimated multiplications of a factorization).

    The breadth-first level that holds the median agent separates the graph; the order that nested dissection makes of
    such separators of s agents needs some 10 s³ multiplications where smaller parts have smaller ones, as in the plane.
    A graph is thin if it is deeper than an expander, whose depth is a small multiple of log n; a tree never fills in.
    """
    agents = W.shape[0]
    if W.nnz - np.count_nonzero(W.diagonal()) == 2 * (agents - 1):
        return True, float(agents)
    far = breadth_first_order(W, 0, return_predecessors=False)[-1]
    order, parent = breadth_first_order(W, far)
    position = np.empty(agents, dtype=np.int64)
    position[order] = np.arange(agents)
    parents = position[parent[order[1:]]]  # in the order of the search, never falls
    starts = [0, 1]
    while starts[-1] < agents and len(starts) < LEVELS:
        starts.append(1 + int(np.searchsorted(parents, starts[-1])))
    widths = np.diff(starts)
    median = np.searchsorted(starts, agents / 2) - 1
    width = float(widths[median] if median < len(widths) else widths.max())
    return len(widths) > 4 * np.log2(agents), 10 * width**3 + agents
