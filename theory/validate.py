"""Checks of a mixing matrix: what was measured on it, and one sentence for each departure from the assumption.

W is float64 [m, m], dense or sparse, and rows receive: x_i <- sum_j W[i, j] x_j. Rows that sum to 1 keep consensus,
columns that sum to 1 the mean. Assumption 1 of arXiv:2507.06542 asks for both, and for p > 0
(`theory.spectrum.consensus_rate`).
"""

from dataclasses import dataclass
from math import gcd

import networkx as nx
import numpy as np
from scipy.sparse import csr_array, issparse
from scipy.sparse.csgraph import breadth_first_order, connected_components

from theory.errors import OnemergeError, require

TOLERANCE = 1e-9  # largest rounding error accepted in a sum of weights, a sign or a symmetry


def as_square(W, name="the matrix"):
    """Copy of W as float64 [m, m] with m >= 1 and finite entries."""
    try:
        W = np.asarray(W)
        W = np.array(W, dtype=np.float64) if W.dtype.kind in "biufO" else None  # no complex numbers, text or dates
    except (OverflowError, TypeError, ValueError):
        W = None
    require(W is not None, f"{name} is not an array of real numbers; a mixing matrix is a dense m x m array of floats")
    square = W.ndim == 2 and W.shape[0] == W.shape[1] > 0
    require(square, f"{name} has the shape {W.shape}; a mixing matrix has the shape (m, m) with m >= 1")
    finite = np.isfinite(W)
    if not finite.all():
        i, j = np.unravel_index(finite.argmin(), W.shape)
        raise OnemergeError(f"entry [{i}, {j}] of {name} is {W[i, j]}; every weight must be a finite number")
    return W


def as_sparse(W, name="the matrix"):
    """Copy of the scipy sparse W as a csr_array float64 [m, m] with m >= 1, finite entries and no stored zeros."""
    real = issparse(W) and not np.iscomplexobj(W)
    require(real, f"{name} is not a sparse array of real numbers; a sparse mixing matrix is a scipy sparse array")
    W = csr_array(W, dtype=np.float64, copy=True)
    square = W.ndim == 2 and W.shape[0] == W.shape[1] > 0
    require(square, f"{name} has the shape {W.shape}; a mixing matrix has the shape (m, m) with m >= 1")
    W.sum_duplicates()
    W.eliminate_zeros()
    for k in np.flatnonzero(~np.isfinite(W.data))[:1]:
        i, j = np.searchsorted(W.indptr, k, side="right") - 1, W.indices[k]
        raise OnemergeError(f"entry [{i}, {j}] of {name} is {W.data[k]}; every weight must be a finite number")
    return W


def as_mixing(W):
    """Copy of W as float64 [m, m] with finite entries and rows that sum to 1: all that W 1 = 1 needs.

    Negative weights (which best constants may have) and several components (no communication) are allowed here;
    `validate_mixing` is the strict check.
    """
    return _with_unit_rows(as_square(W))


def as_sparse_mixing(W):
    """`as_mixing` of a scipy sparse array, as a csr_array."""
    return _with_unit_rows(as_sparse(W))


def _with_unit_rows(W):
    fault = _sum_fault(W, "row")
    require(fault is None, f"{fault}, and the rows of a mixing matrix must sum to 1")
    return W


def _sum_fault(W, line):
    """Sentence on the row or column of W whose sum is farthest from 1, None if within TOLERANCE."""
    sums = W.sum(axis=1 if line == "row" else 0)
    worst = np.argmax(np.abs(sums - 1))
    error = abs(sums[worst] - 1)
    return f"{line} {worst} sums to {sums[worst]:.10g}, {error:.3g} away from 1" if error > TOLERANCE else None


@dataclass(frozen=True, eq=False)
class MixingReport:
    """What `check_mixing` measured on W; the properties compare with TOLERANCE, `components` and `period` are exact."""

    W: np.ndarray | csr_array  # [m, m]
    components: int  # strongly connected components of the support
    period: int  # gcd of the lengths of the cycles of the support, 1 = aperiodic, 0 = no cycle

    @property
    def agents(self):
        return self.W.shape[0]

    @property
    def row_error(self):
        """max_i |sum_j W[i, j] - 1|."""
        return float(np.abs(self.W.sum(axis=1) - 1).max())

    @property
    def column_error(self):
        """max_j |sum_i W[i, j] - 1|."""
        return float(np.abs(self.W.sum(axis=0) - 1).max())

    @property
    def most_negative(self):
        """The smallest weight, 0 if none is negative."""
        return min(float(self.W.min()), 0.0)

    @property
    def asymmetry(self):
        """max_ij |W[i, j] - W[j, i]|."""
        return float(abs(self.W - self.W.T).max())

    @property
    def connected(self):
        return self.components == 1

    @property
    def nonnegative(self):
        return self.most_negative >= -TOLERANCE

    @property
    def row_stochastic(self):
        return self.nonnegative and self.row_error <= TOLERANCE

    @property
    def doubly_stochastic(self):
        return self.row_stochastic and self.column_error <= TOLERANCE

    @property
    def symmetric(self):
        return self.asymmetry <= TOLERANCE

    @property
    def valid(self):
        """Doubly stochastic, connected and aperiodic."""
        return not self.problems()

    def problems(self, doubly_stochastic=True, nonnegative=True):
        """One sentence for each departure from a doubly stochastic, connected, aperiodic matrix, the gravest first.

        With doubly_stochastic=False the columns may have any sum: agents still agree in the end, on a drifted mean.
        With nonnegative=False weights may have any sign, as some fastest ones do.
        """
        allowed = self.nonnegative or not nonnegative
        i, j = np.unravel_index(self.W.argmin(), self.W.shape)
        several = f"the agents form {self.components} components that do not all hear each other; there must be one"
        periodic = f"the lengths of all cycles are multiples of {self.period}, so W^t does not converge"
        found = (
            None if allowed else f"weight [{i}, {j}] is {self.W[i, j]:.10g}; weights must not be negative",
            _sum_fault(self.W, "row"),
            None if self.connected else several,
            _sum_fault(self.W, "column") if doubly_stochastic else None,
            periodic if self.connected and self.period > 1 else None,
        )
        return [problem for problem in found if problem]


def _depths(order, parents):
    """Depth of each agent of a breadth-first `order`, in the tree of `parents`; -1 for agents not reached."""
    depth = np.full(len(parents), -1)
    depth[order[0]] = 0
    for agent, parent in zip(order[1:].tolist(), parents[order[1:]].tolist(), strict=True):
        depth[agent] = depth[parent] + 1
    return depth


def _components_and_period(W):
    """Number of strongly connected components of the support W[i, j] != 0 and the gcd of the lengths of its cycles.

    In one component, with the distances l from any agent, the gcd is that of l_i + 1 - l_j over the links i, j
    (Denardo, "Periods of connected networks", 1977). A component with a loop has the gcd 1.
    """
    support = csr_array(W != 0)
    count, component = connected_components(support, directed=True, connection="strong")
    starts, ends = support.nonzero()
    inside = component[starts] == component[ends]
    starts, ends = starts[inside], ends[inside]
    looped = np.zeros(count, dtype=bool)
    looped[component[starts[starts == ends]]] = True
    period = int(looped.any())
    for root in np.unique(component, return_index=True)[1][~looped]:
        own = component[starts] == component[root]
        if own.any():
            depth = _depths(*breadth_first_order(support, root))
            period = gcd(period, *np.unique(depth[starts[own]] + 1 - depth[ends[own]]).tolist())
    return int(count), int(period)


def check_mixing(W):
    """`MixingReport` on any square, finite W, dense or scipy sparse."""
    W = as_sparse(W) if issparse(W) else as_square(W)
    return MixingReport(W, *_components_and_period(W))


def validate_mixing(W, doubly_stochastic=True):
    """Copy of W as float64 [m, m]; raises the first of `MixingReport.problems`."""
    report = check_mixing(W)
    for problem in report.problems(doubly_stochastic):
        raise OnemergeError(problem)
    return report.W


def graph_of(W):
    """Support of W less its loops: edge j -> i where W[i, j] != 0; undirected where the support is symmetric."""
    heard = as_square(W) != 0
    np.fill_diagonal(heard, False)
    graph = nx.Graph() if np.array_equal(heard, heard.T) else nx.DiGraph()
    graph.add_nodes_from(range(len(heard)))
    graph.add_edges_from(np.argwhere(heard.T).tolist())
    return graph
