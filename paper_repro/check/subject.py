"""What is checked: a named topology, a graph, a matrix, a gossip or a file, with its matrix report."""

import math
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import networkx as nx
import numpy as np

from sim.randomness import stream
from theory import spectrum
from theory.errors import OnemergeError, require
from theory.files import GRAPH_FILES, read_graph
from theory.gossip import Gossip, constant, periodic
from theory.matrix_files import MATRIX_FILES, read_matrix
from theory.mixing import TOLERANCE, check_mixing, graph_of, mixing
from theory.roster import ROSTER, build, default_weights, entry
from theory.sequence_files import SEQUENCE_FILES, holds_sequence, is_sequence, read_sequence

PARAMETERS = {
    parameter: [found.name for found in ROSTER.values() if parameter in found.parameters]
    for entries in ROSTER.values()
    for parameter in entries.parameters
}
LARGEST = 4096  # agents
DRAWS = 16  # matrices of a random gossip that are checked
NEGATIVE = ("best_constant", "fdla")  # rules whose weights may be negative


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
        deterministic = self.gossip.deterministic
        return ("constant" if self.gossip.period == 1 else "periodic") if deterministic else "random"


def subject_of(topology, weights=None, **parameters):
    """`Subject` of what the user has.

    A name of `theory.roster` with its parameters, a networkx graph, a matrix [m, m], a sequence of matrices
    [rounds, m, m], a `Gossip`, or the Path of a file of one of these.
    """
    if isinstance(topology, str):
        return _named(topology, weights, parameters)
    require(not parameters, f"{', '.join(parameters)} are parameters of a named topology; leave them out here")
    if isinstance(topology, Gossip):
        return _gossip("gossip", topology, weights, ())
    if isinstance(topology, nx.Graph):
        return _weighted("graph", topology, weights, ())
    if isinstance(topology, Path):
        return _file(topology, weights)
    if is_sequence(topology):
        return _sequence("sequence", topology, weights)
    return _fixed("matrix", None, topology, weights, ())


def _file(path, weights):
    suffix, valid = path.suffix.lower(), dict.fromkeys((*GRAPH_FILES, *MATRIX_FILES, *SEQUENCE_FILES))
    if holds_sequence(path):
        return _sequence(str(path), read_sequence(path), weights)
    require(suffix in valid, f"{path} has the suffix {suffix!r}; valid suffixes are {', '.join(valid)}")
    if suffix in GRAPH_FILES:
        return _weighted(str(path), read_graph(path), weights, ())
    return _fixed(str(path), None, read_matrix(path), weights, ())


def _sequence(name, matrices, weights):
    """A periodic gossip of the user's matrices: each with nonnegative rows that sum to 1; single ones may be silent."""
    require(weights is None, f"{name} is a sequence of matrices, which have their weights; leave out {weights!r}")
    reports = [check_mixing(W) for W in matrices]
    for t, report in enumerate(reports):
        for problem in report.problems(doubly_stochastic=False):
            sound = report.nonnegative and report.row_stochastic  # what is left is about one round alone
            require(sound, f"{name}, round {t}: {problem}")
    return _gossip(name, periodic([report.W for report in reports]), None, ())


def _named(name, weights, parameters):
    sizes = [parameters[p] for p in ("agents", "rows", "cols") if p in parameters]
    if all(isinstance(size, int) for size in sizes):
        _not_too_large(name, math.prod(sizes))
    kind, built, given = entry(name).kind, build(name, **parameters), tuple(parameters.items())
    if kind == "gossip":
        return _gossip(name, built, weights, given)
    return _weighted(name, built, weights, given) if kind == "graph" else _fixed(name, None, built, weights, given)


def _not_too_large(name, agents):
    require(agents <= LARGEST, f"{name} has {agents} agents; onemerge check takes at most {LARGEST}")


def _weighted(name, graph, weights, parameters):
    _not_too_large(name, len(graph))
    weights = weights or default_weights(graph)
    return _fixed(name, graph, mixing(graph, weights), weights, parameters)


def _fixed(name, graph, W, weights, parameters):
    require(graph is not None or weights is None, f"{name} is a matrix and has its weights; leave out {weights!r}")
    report = check_mixing(W)
    _not_too_large(name, report.agents)
    for problem in report.problems(doubly_stochastic=False, nonnegative=weights not in NEGATIVE):
        raise OnemergeError(f"{name}: {problem}")
    graph = graph_of(report.W) if graph is None else graph
    return Subject(name, constant(report.W), (report.W,), graph, weights, parameters)


def _gossip(name, gossip, weights, parameters):
    require(weights is None, f"{name} is a gossip and has its weights; leave out {weights!r}")
    _not_too_large(name, gossip.agents)
    rounds = gossip.period if gossip.deterministic else DRAWS
    matrices = tuple(gossip.draw(t, stream(0, "gossip", t)) for t in range(rounds))
    subject = Subject(name, gossip, matrices, parameters=parameters)
    kept = spectrum.slem(product_of(matrices)) if subject.kind != "random" else 1 - spectrum.consensus_rate(gossip)
    require(1 - kept > spectrum.NO_GAP, f"{name} never brings its agents together: the rate of a period is {kept:.12g}")
    return subject


def product_of(matrices):
    """The product W_{period-1} ... W_1 W_0 of the matrices of a period."""
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
