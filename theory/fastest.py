"""The fastest symmetric mixing of a graph: edge weights w with the smallest slem, between two proved bounds.

    FDLA   minimize |W - J|_2,   W = I - Σ_e w_e b_e b_eᵀ,   b_e = e_i - e_j on the edge e = {i, j};
    FMMC   the same with W >= 0, that is w >= 0 and Σ_{e at i} w_e <= 1

(Xiao and Boyd, "Fast linear iterations for distributed averaging", Systems & Control Letters 53, 2004; Boyd, Diaconis
and Xiao, "Fastest mixing Markov chain on a graph", SIAM Review 46, 2004). Weights of FDLA may be negative.

Upper bound: the slem of the W returned. Lower bound: for every symmetric Y [m, m] and z >= 0 [m] with

    b_eᵀ Y b_e = 0 and z = 0 (FDLA),   b_eᵀ Y b_e <= z_i + z_j (FMMC),   at every edge e = {i, j},

and Π = I - J, every feasible W has |W - J|_2 >= (Tr Π Y Π - Σ_i z_i) / |Π Y Π|_*, with the nuclear norm below. Proof:

    <Y, W - J> = <Y, Π> - Σ_e w_e b_eᵀ Y b_e >= Tr Π Y Π - Σ_i z_i Σ_{e at i} w_e >= Tr Π Y Π - Σ_i z_i,

and as W - J = Π (W - J) Π, <Y, W - J> = <Π Y Π, W - J> <= |Π Y Π|_* |W - J|_2. Any Y obeys the conditions once its
entries Y[i, j] on edges are reset, so no solver is trusted: it only proposes w, Y and z.
"""

import warnings
from dataclasses import dataclass, replace

import numpy as np

from theory.errors import OnemergeError, require, shown
from theory.interior import interior_points
from theory.laplacian import connected_net, extremes, laplacian
from theory.weights import assemble, max_degree, metropolis

SOLVERS = ("interior", "CLARABEL", "SCS", "MOSEK", "COPT", "CVXOPT", "SDPA")  # the first here, the others in cvxpy
CLOSE = 1e-9  # width of [lower, upper] at which the search ends
TIE = 1e-14  # difference of two slems that is rounding
LARGEST_EDGES = (
    4000  # a step of the solver fills matrices of edges x edges; 1200 edges took 16 s, and time grows as the cube
)
LARGEST_AGENTS = 2000


@dataclass(frozen=True, eq=False)
class Fastest:
    """W [m, m] symmetric, rows sum to 1, W[i, j] != 0 on edges only; lower <= the smallest slem <= upper = slem of W.

    `found_by` is the closed-form rule that gave W (best_constant: with no weight above 1/d_max where none may be
    negative), or the solver.
    """

    W: np.ndarray
    lower: float
    upper: float
    found_by: str

    @property
    def width(self):
        """upper - lower: how much W may be improved at most."""
        return self.upper - self.lower


def fastest(topology, nonnegative=False, solver="interior"):
    """`Fastest` of a connected, undirected networkx graph or `Links`: FDLA, or FMMC with nonnegative=True.

    Never worse than the closed-form rules, one of which is the optimum on paths and on graphs whose edges are all
    alike: then their lower bound meets it and no solver is asked. Elsewhere solver="interior" follows the central path
    of the semidefinite program (`theory.interior`), and any other name is that of a solver of cvxpy, such as CLARABEL,
    which stores m² x m² matrices: up to some 40 agents. A solver that fails leaves the best closed form, and
    [lower, upper] stays true.
    """
    known = isinstance(solver, str) and solver in SOLVERS
    require(known, f"unknown solver {shown(solver)}; valid solvers are {', '.join(SOLVERS)}")
    net = connected_net(topology, "fastest weights")
    agents, edges = net.agents, len(net.pairs)
    require(agents <= LARGEST_AGENTS, f"the graph has {agents} agents; fastest weights take at most {LARGEST_AGENTS}")
    best = _closed_form(net, nonnegative)
    if best.width <= CLOSE:
        return best
    require(edges <= LARGEST_EDGES, f"the graph has {edges} edges; fastest weights take at most {LARGEST_EDGES}")
    proposals = interior_points(net, nonnegative) if solver == "interior" else _cvxpy(net, nonnegative, solver)
    for w, Y, z in proposals:
        if not (np.isfinite(w).all() and np.isfinite(Y).all()):
            break
        W, lower = _feasible(net, w, nonnegative), max(best.lower, lower_bound(net, Y, z))
        upper = _slem(W)
        better = upper < best.upper
        best = Fastest(W, lower, upper, solver) if better else replace(best, lower=lower)
        if best.width <= CLOSE:
            break
    return best


def fdla(topology, sparse=False):
    """W of `fastest`: symmetric, rows and columns sum to 1, weights may be negative."""
    return _only_W(topology, False, sparse)


def fmmc(topology, sparse=False):
    """W of `fastest` with nonnegative=True: symmetric, doubly stochastic."""
    return _only_W(topology, True, sparse)


def _only_W(topology, nonnegative, sparse):
    net = connected_net(topology, "fastest weights")
    W = fastest(net, nonnegative).W
    one, other = net.pairs.T
    return assemble(net, np.tile(W[one, other], 2), True, own=W.diagonal()) if sparse else W


def lower_bound(net, Y, z=None):
    """The lower bound of the module's docstring for any Y [m, m] and z [m], None for FDLA; at least 0.

    z is reset to its positive part and Y on the edges, both as little as the conditions ask. Less m² times the unit of
    rounding, above the error of the eigenvalues that make the nuclear norm.
    """
    one, other = net.pairs.T
    Y, z = (Y + Y.T) / 2, None if z is None else np.maximum(z, 0)
    half = (Y.diagonal()[one] + Y.diagonal()[other]) / 2
    Y[one, other] = half if z is None else np.maximum(Y[one, other], half - (z[one] + z[other]) / 2)
    Y[other, one] = Y[one, other]
    Y -= Y.mean(axis=0)
    Y -= Y.mean(axis=1)[:, None]
    norm = np.abs(np.linalg.eigvalsh((Y + Y.T) / 2)).sum()
    value = Y.trace() - (0.0 if z is None else z.sum())
    return max(float(value / norm - len(Y) ** 2 * np.finfo(float).eps), 0.0) if norm > 0 else 0.0


def _slem(W):
    return float(np.abs(np.linalg.eigvalsh(W - 1 / len(W))).max())


def _feasible(net, w, nonnegative):
    """W of the edge weights w, which are scaled down to self-weights of at least 0 where asked."""
    if nonnegative:
        w = np.maximum(w, 0)
        w = w / max(1.0, np.bincount(net.pairs.ravel(), np.repeat(w, 2), minlength=net.agents).max())
    W = assemble(net, np.tile(w, 2), False)
    if nonnegative:
        np.fill_diagonal(W, np.maximum(W.diagonal(), 0))  # a rounding error below 0
    return W


def _closed_form(net, nonnegative):
    """The best closed form, with the lower bound of Y = mu_max P_2/m_2 - mu_2 P_max/m_max.

    P_2 and P_max project on the eigenspaces, of dimension m_2 and m_max, of the ends of the Laplacian's spectrum. Where
    b_eᵀ P_2 b_e and b_eᵀ P_max b_e are the same for all edges, as where all edges are alike, the bound is the slem of
    `best_constant`, (mu_max - mu_2)/(mu_max + mu_2).
    """
    if net.agents == 1:
        return Fastest(np.ones((1, 1)), 0.0, 0.0, "best_constant")
    degree = np.bincount(net.pairs.ravel(), minlength=net.agents)
    smallest, largest = extremes(net)
    constant = 2 / (smallest + largest)
    if nonnegative:
        constant = min(constant, 1 / int(degree.max()))
    found = {
        "best_constant": _feasible(net, np.full(len(net.pairs), constant), nonnegative),
        "metropolis": metropolis(net),
        "max_degree": max_degree(net),
    }
    slems = {name: _slem(W) for name, W in found.items()}
    name = next(name for name in found if slems[name] <= min(slems.values()) + TIE)
    values, vectors = np.linalg.eigh(laplacian(net).toarray())
    low, high = (vectors[:, np.abs(values - end) <= 1e-8 * largest] for end in (smallest, largest))
    Y = largest / low.shape[1] * (low @ low.T) - smallest / high.shape[1] * (high @ high.T)
    lower = lower_bound(net, Y, np.zeros(net.agents) if nonnegative else None)
    return Fastest(found[name], lower, slems[name], name)


def _cvxpy(net, nonnegative, solver):
    """[(w, Y, z)] of a solver of cvxpy, [] where it fails."""
    try:
        import cvxpy as cp
    except ImportError as error:
        raise OnemergeError(f"the solver {solver!r} needs cvxpy; install it with pip install '.[sdp]'") from error
    valid = [name for name in SOLVERS if name in ("interior", *cp.installed_solvers())]
    require(solver in valid, f"the solver {solver} is not installed; valid solvers are {', '.join(valid)}")
    eye, (one, other) = np.eye(net.agents), net.pairs.T
    B = (eye[one] - eye[other]).T
    w, s = cp.Variable(len(one)), cp.Variable()
    deviation = eye - 1 / net.agents - B @ cp.diag(w) @ B.T
    constraints = [s * eye - deviation >> 0, s * eye + deviation >> 0]
    if nonnegative:
        constraints += [w >= 0, np.abs(B) @ w <= 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the solution may be inaccurate: [lower, upper] says how much
        try:
            cp.Problem(cp.Minimize(s), constraints).solve(solver=solver)
        except cp.SolverError:
            return []
    if w.value is None or any(constraint.dual_value is None for constraint in constraints):
        return []
    z = constraints[3].dual_value if nonnegative else None
    return [(w.value, constraints[0].dual_value - constraints[1].dual_value, z)]
