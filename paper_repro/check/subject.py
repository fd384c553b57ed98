"""What is checked: a named topology, a graph, a matrix, a gossip or a file, with its matrix report and its spectrum."""

import inspect
import math
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import networkx as nx
import numpy as np

from sim.randomness import stream
from theory import spectrum
from theory.bounds import BOUNDS
from theory.errors import OnemergeError, require
from theory.files import GRAPH_FILES, read_graph
from theory.gossip import (
    Gossip,
    constant,
    epidemic,
    one_peer_exponential,
    pairwise_exchange,
    random_matching,
    random_peers,
)
from theory.graphs import TOPOLOGIES
from theory.matrix_files import MATRIX_FILES, read_matrix
from theory.mixing import TOLERANCE, check_mixing, graph_of, mixing
from theory.sequences import base_graph, one_peer_hypercube

GOSSIPS = {
    f.__name__: f
    for f in (
        one_peer_exponential,
        one_peer_hypercube,
        base_graph,
        random_peers,
        random_matching,
        pairwise_exchange,
        epidemic,
    )
}
NAMES = TOPOLOGIES | GOSSIPS
PARAMETERS = {
    parameter: [name for name, function in NAMES.items() if parameter in inspect.signature(function).parameters]
    for function in NAMES.values()
    for parameter in inspect.signature(function).parameters
}
CLOSED_FORMS = {  # topology: (bound, the weights that it is about)
    "ring": ("ring_gap", ("metropolis", "uniform", "max_degree")),
    "path": ("path_gap", ("metropolis", "max_degree")),
    "torus": ("torus_gap", ("metropolis", "uniform", "max_degree")),
    "hypercube": ("hypercube_gap", ("metropolis", "uniform", "max_degree")),
    "star": ("star_gap", ("metropolis", "max_degree")),
    "complete": ("complete_gap", ("metropolis", "uniform", "max_degree")),
    "exponential": ("exponential_gap", ("uniform",)),
}
LARGEST = 4096  # agents
DRAWS = 16  # matrices of a random gossip that are checked
ROUNDING = 1e-12


@dataclass(frozen=True)
class Subject:
    """A topology as it is checked: the gossip and the matrices of one period (of the first DRAWS rounds if random)."""

    name: str
    gossip: Gossip
    matrices: tuple
    graph: nx.Graph | None = None  # None: a gossip has none
    weights: str | None = None
    parameters: tuple = ()

    @property
    def kind(self):
        """constant, periodic or random."""
        deterministic = spectrum.deterministic(self.gossip)
        return ("constant" if self.gossip.period == 1 else "periodic") if deterministic else "random"


def subject_of(topology, weights=None, **parameters):
    """`Subject` of a name with its parameters, a networkx graph, a matrix, a `Gossip`, or the Path of a file."""
    if isinstance(topology, str):
        return _named(topology, weights, parameters)
    require(not parameters, f"{', '.join(parameters)} are parameters of a named topology; leave them out here")
    if isinstance(topology, Gossip):
        return _gossip("gossip", topology, weights, ())
    if isinstance(topology, nx.Graph):
        return _weighted("graph", topology, weights, ())
    if not isinstance(topology, Path):
        return _fixed("matrix", None, topology, weights, ())
    suffix, valid = topology.suffix.lower(), (*GRAPH_FILES, *MATRIX_FILES)
    require(suffix in valid, f"{topology} has the suffix {suffix!r}; valid suffixes are {', '.join(valid)}")
    if suffix in GRAPH_FILES:
        return _weighted(str(topology), read_graph(topology), weights, ())
    return _fixed(str(topology), None, read_matrix(topology), weights, ())


def _named(name, weights, parameters):
    require(name in NAMES, f"unknown topology {name!r}; valid topologies are {', '.join(NAMES)}")
    valid = list(inspect.signature(NAMES[name]).parameters)
    unknown = [p for p in parameters if p not in valid]
    missing = [p for p in valid if p not in parameters]
    require(not unknown, f"{name} has no parameter {', '.join(unknown)}; its parameters are {', '.join(valid)}")
    require(not missing, f"{name} misses parameter {', '.join(missing)}; its parameters are {', '.join(valid)}")
    sizes = [parameters[p] for p in ("agents", "rows", "cols") if p in parameters]
    if all(isinstance(size, int) for size in sizes):
        _not_too_large(name, math.prod(sizes))
    built = NAMES[name](**parameters)
    given = tuple(parameters.items())
    if name in GOSSIPS:
        return _gossip(name, built, weights, given)
    return _weighted(name, built, weights, given)


def _not_too_large(name, agents):
    require(agents <= LARGEST, f"{name} has {agents} agents; onemerge check takes at most {LARGEST}")


def _weighted(name, graph, weights, parameters):
    _not_too_large(name, len(graph))
    weights = weights or ("uniform" if graph.is_directed() else "metropolis")
    return _fixed(name, graph, mixing(graph, weights), weights, parameters)


def _fixed(name, graph, W, weights, parameters):
    require(graph is not None or weights is None, f"{name} is a matrix and has its weights; leave out {weights!r}")
    report = check_mixing(W)
    _not_too_large(name, report.agents)
    for problem in report.problems(doubly_stochastic=False):
        raise OnemergeError(f"{name}: {problem}")
    graph = graph_of(report.W) if graph is None else graph
    return Subject(name, constant(report.W), (report.W,), graph, weights, parameters)


def _gossip(name, gossip, weights, parameters):
    require(weights is None, f"{name} is a gossip and has its weights; leave out {weights!r}")
    _not_too_large(name, gossip.agents)
    rounds = gossip.period if spectrum.deterministic(gossip) else DRAWS
    matrices = tuple(gossip.draw(t, stream(0, "gossip", t)) for t in range(rounds))
    subject = Subject(name, gossip, matrices, parameters=parameters)
    kept = spectrum.slem(_product(matrices)) if subject.kind != "random" else 1 - spectrum.consensus_rate(gossip)
    require(1 - kept > spectrum.NO_GAP, f"{name} never brings its agents together: the rate of a period is {kept:.12g}")
    return subject


def _product(matrices):
    """W_{period-1} ... W_1 W_0."""
    return reduce(lambda later, W: W @ later, matrices)


def matrix_report(subject):
    """What was measured on the matrices: the largest violations, and the properties within TOLERANCE."""
    reports = [check_mixing(W) for W in subject.matrices]
    fixed = reports[0] if subject.kind == "constant" else None
    return {
        "checked": len(reports),
        "row_error": max(report.row_error for report in reports),
        "column_error": max(report.column_error for report in reports),
        "most_negative": min(report.most_negative for report in reports),
        "asymmetry": max(report.asymmetry for report in reports),
        "tolerance": TOLERANCE,
        "doubly_stochastic": all(report.doubly_stochastic for report in reports),
        "symmetric": all(report.symmetric for report in reports),
        "connected": True,  # else refused
        "cycle_period": fixed.period if fixed else None,
        "normal": fixed is not None and bool(np.abs(fixed.W @ fixed.W.T - fixed.W.T @ fixed.W).max() <= TOLERANCE),
    }


def spectrum_report(subject):
    """Every number that a spectral gap may mean; `p` is that of the worst round, which one-step bounds speak about."""
    gossip, kind = subject.gossip, subject.kind
    period = _product(subject.matrices) if kind != "random" else None
    of_period = spectrum.consensus_rate(gossip)
    p = of_period if kind != "periodic" else min(map(spectrum.consensus_rate, subject.matrices))
    values = spectrum.eigenvalues(gossip.second_moment() if period is None else period)
    return {
        "eigenvalues_of": {"constant": "W", "periodic": "product of one period", "random": "E[W^T W]"}[kind],
        "eigenvalues": [[float(value.real), float(value.imag)] for value in values],
        "slem": None if period is None else spectrum.slem(period),
        "contraction": None if period is None else spectrum.contraction(period),
        "p": _ends(p),
        "p_of_period": _ends(of_period),
        "mean_drift": _ends(spectrum.mean_drift(gossip)),
        "noise_gain": spectrum.noise_gain(gossip),
        "drift_gain": spectrum.drift_gain(gossip),
        "closed_form": _closed_form(subject),
    }


def _ends(p):
    """p, but 0 and 1 themselves where it is one of them up to rounding."""
    return next((end for end in (0.0, 1.0) if abs(p - end) <= ROUNDING), float(p))


def _closed_form(subject):
    """The closed forms of 1 - slem and p that `theory.bounds.spectra` has for this family, beside the numbers."""
    name, weights = CLOSED_FORMS.get(subject.name, (None, ()))
    if name is None or subject.weights not in weights or not BOUNDS[name].inside(**dict(subject.parameters)):
        return None
    gap = float(BOUNDS[name](**dict(subject.parameters)))
    return {
        "bound": name,
        "one_minus_slem": gap,
        "numeric_one_minus_slem": 1 - spectrum.slem(subject.matrices[0]),
        "p": float(BOUNDS["consensus_rate_normal"](one_minus_slem=gap)),
        "numeric_p": spectrum.consensus_rate(subject.gossip),
    }
