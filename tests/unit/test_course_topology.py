"""The exercises on a topology of one's own: right answers in several forms, and what is said about wrong ones."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from scipy.optimize import linprog

from paper_repro.course import topology
from paper_repro.course.checks import verdict
from theory.graphs import path, ring
from theory.mixing import metropolis, mixing

VILLAGE, CLUB = topology.village(), topology.club()


def test_row_of_the_metropolis_matrix():
    row = [1 / 4] * 4 + [0] * 3
    assert verdict("6.1", row) == "6.1: right."
    assert verdict("6.1", np.array(row)) == "6.1: right."
    assert "stays at home" in verdict("6.1", [1 / 4, 1 / 4, 0, 1 / 4, 0, 0, 0])
    assert "itself to hear" in verdict("6.1", [1 / 3, 1 / 3, 0, 1 / 3, 0, 0, 0])
    assert "larger degree" in verdict("6.1", [1 / 3, 1 / 3, 0.0, 1 / 4, 0, 0, 1 / 12])
    assert "shape (7,)" in verdict("6.1", row[:5])


def test_rate_of_the_slem():
    assert verdict("6.2", lambda lam: 1 - lam**2) == "6.2: right."
    assert verdict("6.2", lambda lam: (1 - lam) * (1 + lam)) == "6.2: right."
    assert "squared" in verdict("6.2", lambda lam: 1 - lam)
    assert "consensus_rate" in verdict("6.2", lambda lam: lam**2)


def rate(graph, edge):
    """p by the eigenvalues, a second way."""
    wider = nx.Graph([*graph.edges, edge])
    values = np.sort(np.abs(np.linalg.eigvalsh(metropolis(nx.relabel_nodes(wider, int)))))
    return 1 - values[-2] ** 2


@pytest.mark.parametrize("graph", [VILLAGE, path(5), ring(6), path(3)], ids=["village", "path", "ring", "three"])
def test_the_best_edges_are_right_and_all_others_are_not(graph):
    rates = {pair: rate(graph, pair) for pair in combinations(graph, 2) if not graph.has_edge(*pair)}
    for pair, value in rates.items():
        said = verdict("6.3", (graph, pair[::-1]))
        assert ("right." in said) == (value > max(rates.values()) - 1e-8), pair
        assert "right." in said or f"of the {len(rates)} possible edges" in said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((VILLAGE, (0, 1)), "have an edge already"),
        ((VILLAGE, (0, 0)), "a pair of two of the agents 0 to 6"),
        ((VILLAGE, (0, 7)), "a pair of two of the agents 0 to 6"),
        ((VILLAGE, 3), "a pair of two of the agents 0 to 6"),
        ((VILLAGE, ([0], 5)), "a pair of two of the agents 0 to 6"),
        ((VILLAGE, ...), "no answer"),
        ((0, 5), "a graph and 1 more"),
        ((CLUB, (0, 1)), "refuses the graph: metropolis weights need an undirected graph"),
        ((nx.Graph([(0, 1), (2, 3)]), (0, 2)), "2 components"),
    ],
)
def test_what_is_no_edge(answer, said):
    assert said in verdict("6.3", answer)


def test_tightest_bound_is_asked_of_the_record(monkeypatch):
    record = topology.check_topology(VILLAGE)
    monkeypatch.setattr(topology, "check_topology", lambda graph: record)
    rows = [row for row in record["bounds"] if row["value"] is not None]
    values = {row["bound"]: row["value"] for row in rows if row["about"] == "consensus_distance"}
    values.pop("equation_10")  # of kind order
    name = min(values, key=values.get)
    factor = values["corollary_d2"] / values[name]
    assert factor > 2
    assert verdict("6.4", (VILLAGE, name, factor)) == "6.4: right."
    assert "the factor is" in verdict("6.4", (VILLAGE, name, 1 / factor))
    assert "allow less" in verdict("6.4", (VILLAGE, "corollary_d2", 1))
    assert "none of the bounds" in verdict("6.4", (VILLAGE, "equation_10", factor))
    assert "none of the bounds" in verdict("6.4", (VILLAGE, [name], factor))


def test_weights_in_the_limit():
    """π as the fixed point of a linear program, against powers of W."""
    W = mixing(CLUB, "uniform")
    pi = linprog(np.zeros(4), A_eq=np.vstack([W.T - np.eye(4), np.ones(4)]), b_eq=[0, 0, 0, 0, 1]).x
    assert verdict("6.5", pi) == "6.5: right."
    assert "columns sum to 1" in verdict("6.5", [0.25] * 4)
    assert "left eigenvector" in verdict("6.5", 2 * pi)
    assert "shape (4,)" in verdict("6.5", pi[:3])


def mended(share=0.3):
    """Two directed cycles of the club and the agents themselves: 0 1 2 3 and 0 2 3."""
    W = 0.4 * np.eye(4)
    for cycle, weight in (((0, 1, 2, 3), share), ((0, 2, 3), 0.6 - share)):
        for sender, receiver in zip(cycle, cycle[1:] + cycle[:1], strict=True):
            W[receiver, sender] += weight
        for agent in set(range(4)) - set(cycle):
            W[agent, agent] += weight
    return W


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (mended(), "right."),
        (mended(0.1).tolist(), "right."),
        (mixing(CLUB, "sinkhorn"), "right."),
        (mixing(CLUB, "uniform"), "Columns"),
        (2 * mended(), "Rows"),
        (mended(0.6), "W[i, j] > 0 where"),
        (np.full((4, 4), 0.25), "W[i, j] > 0 where"),
        (mended().T, "W[i, j] > 0 where"),
        (np.eye(3), "4 x 4"),
        ("sinkhorn", "refuses"),
    ],
)
def test_mended_matrix(answer, said):
    assert said in verdict("6.6", answer)


def test_unsaid_assumption():
    assert verdict("6.7", "homogeneous") == "6.7: right."
    assert "met or not asked for" in verdict("6.7", "A2")
    assert "no tag" in verdict("6.7", "equal losses")
    assert "no tag" in verdict("6.7", ["homogeneous"])
