"""The exercises of notebook 6: from an edge list to a verdict."""

import networkx as nx
import numpy as np

from paper_repro.check import check_topology
from paper_repro.course.checks import Unreadable, array, as_number, function, holds
from theory.assumptions import ASSUMPTIONS
from theory.errors import OnemergeError, shown
from theory.files import from_networkx
from theory.graphs import path, ring
from theory.mixing import check_mixing, metropolis, uniform
from theory.spectrum import consensus_rate, slem

VILLAGE = ("ann bob", "bob cat", "cat ann", "cat dan", "dan eve", "eve fay", "fay gus", "gus eve")
CLUB = ((0, 1), (1, 2), (2, 3), (3, 0), (0, 2))  # who is heard, who hears
CAT = 2
DIFFERENT = {"sigma": 0.0, "zeta": 5.0, "spread": 0.9, "lr": 0.2, "runs": 2}
LIMIT = 512  # rounds after which gossip of the club has long ended


def village():
    """The graph of the notebook's edge list."""
    return from_networkx(nx.Graph([edge.split() for edge in VILLAGE]))


def club():
    """The directed graph of section 6.5."""
    return from_networkx(nx.DiGraph(CLUB))


def symmetric():
    """Matrices whose p is asked for by their slem."""
    return [metropolis(graph) for graph in (ring(5), path(4), village())]


def rate_with(graph, edge):
    """p of the Metropolis weights of a graph with one more edge."""
    wider = graph.copy()
    wider.add_edge(*edge)
    return consensus_rate(metropolis(wider))


def best_edge(answer):
    """6.3: (graph, edge), where no other new edge raises p of the Metropolis weights more."""
    graph, edge = _with_graph(answer, 2)
    pair = isinstance(edge, (tuple, list)) and len(edge) == 2 and all(agent in graph for agent in edge)
    if not pair or edge[0] == edge[1]:
        raise Unreadable(f"An edge is a pair of two of the agents 0 to {len(graph) - 1}; this is {shown(edge)}.")
    if graph.has_edge(*edge):
        return f"Agents {edge[0]} and {edge[1]} have an edge already."
    rates, here = [rate_with(graph, other) for other in nx.non_edges(graph)], rate_with(graph, edge)
    better = sum(rate > here + 1e-9 for rate in rates)
    return f"It makes p {here:.4f}, and {better} of the {len(rates)} possible edges make it larger." if better else None


def tightest_bound(answer):
    """6.4: (graph, name, factor), the tightest bound on the consensus distance, and corollary_d2 over it."""
    graph, name, factor = _with_graph(answer, 3)
    rows = [row for row in check_topology(graph)["bounds"] if row["value"] is not None and row["kind"] == "upper"]
    values = {row["bound"]: row["value"] for row in rows if row["about"] == "consensus_distance"}
    if not isinstance(name, str) or name not in values:
        raise Unreadable(f"{shown(name)} is none of the bounds on consensus_distance here: {', '.join(values)}.")
    below = sum(value < values[name] * (1 - 1e-9) for value in values.values())
    if below:
        return f"{below} of the {len(values)} bounds on consensus_distance that apply here allow less."
    close = np.isclose(as_number(factor), values["corollary_d2"] / values[name], rtol=0.01)
    return None if close else "The name is right; the factor is the value of corollary_d2 over the value of that bound."


def _with_graph(answer, parts):
    if not isinstance(answer, tuple) or len(answer) != parts or not isinstance(answer[0], nx.Graph):
        raise Unreadable(f"The answer is a graph and {parts - 1} more, as the cell has it; this is {shown(answer)}.")
    try:
        problems = check_mixing(metropolis(answer[0])).problems()
    except OnemergeError as error:
        problems = [str(error)]
    for problem in problems:
        raise Unreadable(f"The toolkit refuses the graph: {problem}.")
    return answer


def pi_of_the_club():
    """Any row of W^t for large t."""
    return np.linalg.matrix_power(uniform(club()), LIMIT)[0]


def on_the_edges(report):
    """Whether weights are where agents hear each other, themselves among them, and nowhere else."""
    wanted = uniform(club()) > 0
    return report.W.shape == wanted.shape and np.array_equal(report.W > 1e-12, wanted)


def unsaid_assumption(answer):
    """6.7: what theorem_1_descent lacks on the village with different Hessians."""
    if not isinstance(answer, str) or answer not in ASSUMPTIONS:
        raise Unreadable(f"{shown(answer)} is no tag of theory.assumptions.ASSUMPTIONS.")
    rows = {row["bound"]: row for row in check_topology(village(), **DIFFERENT)["bounds"]}
    lacking = [one["assumption"] for one in rows["theorem_1_descent"]["assumptions"] if not one["met"]]
    return None if answer in lacking else f"Here that is met or not asked for: {ASSUMPTIONS[answer]}."


EXERCISES = {
    "6.1": array(
        lambda: metropolis(village())[CAT],
        "On each edge the larger degree of the two counts, and 1 for the agent itself; the rest stays at home.",
        rtol=1e-6,
        slips=(
            (
                lambda: metropolis(village())[CAT] * (1 - np.eye(7)[CAT]),
                "The row must sum to 1: what is left stays at home.",
            ),
            (
                lambda: np.array([1, 1, 0, 1, 0, 0, 0]) / 3,
                "An agent has itself to hear, too: hence the 1 in 1 + max(d_i, d_j).",
            ),
        ),
    ),
    "6.2": function(
        lambda lam: next(consensus_rate(W) for W in symmetric() if slem(W) == lam),
        [(slem(W),) for W in symmetric()],
        "Compare it with consensus_rate(W): p is the share that a squared distance loses.",
        slips=((lambda lam: 1 - lam, "A distance keeps the share λ; p is about squared distances."),),
    ),
    "6.3": best_edge,
    "6.4": tightest_bound,
    "6.5": array(
        pi_of_the_club,
        "π is a left eigenvector of W of the eigenvalue 1, an eigenvector of its transpose, and sums to one.",
        rtol=1e-3,
        slips=((lambda: np.full(4, 0.25), "Those are the weights where columns sum to 1 as well; here they do not."),),
    ),
    "6.6": holds(
        (lambda report: len(report.W) == len(CLUB) - 1, "The matrix is 4 x 4, one row for each agent."),
        (lambda report: report.row_stochastic, "Rows must sum to 1."),
        (lambda report: report.doubly_stochastic, "Columns must sum to 1, and no weight be negative."),
        (on_the_edges, "W[i, j] > 0 where agent i hears j, the edge (j, i), and on the diagonal; elsewhere 0."),
        read=check_mixing,
    ),
    "6.7": unsaid_assumption,
}
