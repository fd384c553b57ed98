"""Mixing matrices: how agents weigh what they hear.

W is float64 [m, m] and rows receive: x_i <- sum_j W[i, j] x_j. W[i, j] > 0 off the diagonal only where i hears j, the
edge j -> i of the graph; row i belongs to agent i. Rows that sum to 1 keep consensus, columns that sum to 1 the mean.
Assumption 1 of arXiv:2507.06542 asks for both, and for p > 0 (`theory.spectrum.consensus_rate`).
"""

from dataclasses import dataclass
from math import gcd
from pathlib import Path

import networkx as nx
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, shortest_path

from theory.errors import OnemergeError, require
from theory.graphs import GRAPH_FILES, at_least, read_graph, read_text

TOLERANCE = 1e-9  # largest rounding error accepted in a sum of weights, a sign or a symmetry


def hears(graph):
    """A [n, n], A[i, j] = 1 where i hears j (edge j -> i) and 0 elsewhere, also on the diagonal."""
    nodes = range(len(graph))
    require(len(graph) > 0 and set(graph) == set(nodes), "the graph's nodes must be the integers 0..n-1, with n >= 1")
    simple = not graph.is_multigraph() and nx.number_of_selfloops(graph) == 0
    require(simple, f"{graph} has loops or multiple edges; a topology has neither")
    return nx.to_numpy_array(graph, nodelist=nodes, weight=None).T


def uniform(graph):
    """Each agent averages equally over itself and those it hears: W[i, j] = 1 / (1 + indegree_i).

    Row-stochastic always; doubly stochastic on regular graphs, and not on a star or a path, where the mean drifts.
    """
    heard = hears(graph) + np.eye(len(graph))
    return heard / heard.sum(axis=1, keepdims=True)


def _with_self_weight(W):
    """W with the diagonal that makes every row sum to 1."""
    return W + np.diag(1 - W.sum(axis=1))


def _undirected(graph, rule):
    require(
        not graph.is_directed(),
        f"{rule} weights need an undirected graph, this one has {graph.number_of_edges()} directed edges; "
        "the valid rule for a directed graph is uniform",
    )
    return hears(graph)


def metropolis(graph):
    """Metropolis weights W[i, j] = 1 / (1 + max(d_i, d_j)) on edges: symmetric, doubly stochastic, W[i, i] > 0."""
    A = _undirected(graph, "metropolis")
    degree = A.sum(axis=1)
    return _with_self_weight(A / (1 + np.maximum.outer(degree, degree)))


def max_degree(graph):
    """W = I - L / (1 + d_max) with the graph Laplacian L: symmetric, doubly stochastic, W[i, i] > 0."""
    A = _undirected(graph, "max_degree")
    return _with_self_weight(A / (1 + A.sum(axis=1).max()))


def lazy(W):
    """(I + W) / 2: the eigenvalues of a symmetric W move from [-1, 1] to [0, 1]."""
    W = as_mixing(W)
    return (np.eye(len(W)) + W) / 2


def lazy_metropolis(graph):
    """`lazy` of `metropolis`: symmetric, doubly stochastic, positive semidefinite."""
    return lazy(metropolis(graph))


WEIGHTS = {"uniform": uniform, "metropolis": metropolis, "max_degree": max_degree, "lazy_metropolis": lazy_metropolis}


def mixing(graph, weights="metropolis"):
    """W [m, m] of a graph by the rule WEIGHTS[weights]."""
    require(weights in WEIGHTS, f"unknown weights {weights!r}; valid weights are {', '.join(WEIGHTS)}")
    return WEIGHTS[weights](graph)


def complete_average(agents):
    """J = 1 1ᵀ / m [m, m], the merge."""
    at_least(1, agents=agents)
    return np.full((agents, agents), 1 / agents)


def as_square(W, name="the matrix"):
    """Copy of W as float64 [m, m] with m >= 1 and finite entries."""
    try:
        W = np.array(W, dtype=np.float64) if not np.iscomplexobj(W) else None
    except (TypeError, ValueError):
        W = None
    require(W is not None, f"{name} is not an array of real numbers; a mixing matrix is a dense m x m array of floats")
    square = W.ndim == 2 and W.shape[0] == W.shape[1] > 0
    require(square, f"{name} has the shape {W.shape}; a mixing matrix has the shape (m, m) with m >= 1")
    for i, j in np.argwhere(~np.isfinite(W))[:1]:
        raise OnemergeError(f"entry [{i}, {j}] of {name} is {W[i, j]}; every weight must be a finite number")
    return W


def as_mixing(W):
    """Copy of W as float64 [m, m] with finite entries and rows that sum to 1: all that W 1 = 1 needs.

    Negative weights (which best constants may have) and several components (no communication) are allowed here;
    `validate_mixing` is the strict check.
    """
    W = as_square(W)
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

    W: np.ndarray  # [m, m]
    components: int  # strongly connected components of the support
    period: int  # gcd of the lengths of the cycles of the support, 1 = aperiodic, 0 = no cycle

    @property
    def agents(self):
        return len(self.W)

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
        return float(self.W.min(initial=0.0))

    @property
    def asymmetry(self):
        """max_ij |W[i, j] - W[j, i]|."""
        return float(np.abs(self.W - self.W.T).max())

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

    def problems(self, doubly_stochastic=True):
        """One sentence for each departure from a doubly stochastic, connected, aperiodic matrix, the gravest first.

        With doubly_stochastic=False the columns may have any sum: agents still agree in the end, on a drifted mean.
        """
        i, j = np.unravel_index(np.argmin(self.W), self.W.shape)
        several = f"the agents form {self.components} components that do not all hear each other; there must be one"
        periodic = f"the lengths of all cycles are multiples of {self.period}, so W^t does not converge"
        found = (
            None if self.nonnegative else f"weight [{i}, {j}] is {self.W[i, j]:.10g}; weights must not be negative",
            _sum_fault(self.W, "row"),
            None if self.connected else several,
            _sum_fault(self.W, "column") if doubly_stochastic else None,
            periodic if self.connected and self.period > 1 else None,
        )
        return [problem for problem in found if problem]


def _components_and_period(W):
    """Number of strongly connected components of the support W[i, j] != 0 and the gcd of the lengths of its cycles.

    In one component, with the distances l from any agent, the gcd is that of l_i + 1 - l_j over the links i, j
    (Denardo, "Periods of connected networks", 1977).
    """
    support = csr_array(W != 0)
    count, component = connected_components(support, directed=True, connection="strong")
    starts, ends = support.nonzero()
    inside = component[starts] == component[ends]
    starts, ends = starts[inside], ends[inside]
    period = 0
    for root in np.unique(component, return_index=True)[1]:
        own = component[starts] == component[root]
        distance = shortest_path(support, unweighted=True, indices=root)
        steps = distance[starts[own]] + 1 - distance[ends[own]]
        period = gcd(period, *np.unique(steps).astype(int).tolist())
    return int(count), period


def check_mixing(W):
    """`MixingReport` on any square, finite W."""
    W = as_square(W)
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


def _read_npy(path):
    require(Path(path).is_file(), f"{path} is not a file; give the path of an existing file")
    try:
        return np.load(path, allow_pickle=False)
    except (EOFError, OSError, ValueError) as error:
        raise OnemergeError(f"{path} is not an array of numbers as numpy.save writes it, without pickles") from error


def _read_csv(path):
    rows = [line.split(",") for line in read_text(path).splitlines() if line.strip()]
    for number, row in enumerate(rows):
        square = f"a square matrix of {len(rows)} rows needs {len(rows)}"
        require(len(row) == len(rows), f"row {number} of {path} has {len(row)} entries; {square}")
        for column, entry in enumerate(row):
            try:
                row[column] = float(entry)
            except ValueError as error:
                place = f"entry [{number}, {column}] of {path}"
                raise OnemergeError(f"{place} is {entry!r}; every weight must be a finite number") from error
    return rows


MATRIX_FILES = {".npy": _read_npy, ".csv": _read_csv}


def read_matrix(path):
    """Square finite float64 matrix [m, m] of a .npy file (no pickles) or of a .csv file (commas, no header)."""
    suffix = Path(path).suffix.lower()
    require(suffix in MATRIX_FILES, f"{path} has the suffix {suffix!r}; valid suffixes are {', '.join(MATRIX_FILES)}")
    return as_square(MATRIX_FILES[suffix](path), name=str(path))


def read_topology(path, weights="metropolis"):
    """(graph, W) of a matrix file (`read_matrix`) or of a graph file (`read_graph`).

    `weights` names the rule for a graph; a matrix has its weights already. W must be nonnegative, row-stochastic,
    connected and aperiodic; that the columns sum to 1 as well is left to `check_mixing`.
    """
    suffix = Path(path).suffix.lower()
    valid = (*MATRIX_FILES, *GRAPH_FILES)
    require(suffix in valid, f"{path} has the suffix {suffix!r}; valid suffixes are {', '.join(valid)}")
    if suffix in MATRIX_FILES:
        W = read_matrix(path)
        graph = graph_of(W)
    else:
        graph = read_graph(path)
        W = mixing(graph, weights)
    for problem in check_mixing(W).problems(doubly_stochastic=False):
        raise OnemergeError(f"{path}: {problem}")
    return graph, W
