"""The exercises of notebook 1: gossip and spectral gaps."""

import networkx as nx
import numpy as np

from paper_repro.course.checks import array, as_array, choice, function, holds, number
from theory.gossip import random_peers
from theory.graphs import path, ring, star
from theory.mixing import TOLERANCE, check_mixing, lazy_metropolis, max_degree, metropolis, uniform
from theory.rates import largest_on_deviations
from theory.scaling import KNOWN
from theory.spectrum import consensus_rate, finite_time, gap, mean_drift, rounds_to_halve

FAMILIES = ("ring", "torus", "star", "complete")  # of exercise 1.3, in the order in which it asks
SIX = star(6)


def adjacency(graph):
    """The symmetric matrix [m, m] of an undirected graph, 1 where two agents hear each other."""
    return nx.to_numpy_array(graph, nodelist=range(len(graph)))


def weighing(rule):
    """The function of an adjacency matrix that a rule of `theory.mixing` is."""
    return lambda A: rule(nx.from_numpy_array(np.asarray(A)))


def shuffle(agents):
    """W [m, m], m even: agent i hears the agents 2i and 2i + 1, counted around the circle (a de Bruijn graph)."""
    W, row = np.zeros((agents, agents)), np.arange(agents)
    W[row, 2 * row % agents] = W[row, (2 * row + 1) % agents] = 0.5
    return W


def exact_ring_gap(n):
    """The gap of the ring with Metropolis weights, from its matrix."""
    return gap(metropolis(ring(n)))


def on_links(W):
    """Whether a matrix has weights on the links of the star of six agents only."""
    return not W[(adjacency(SIX) == 0) & ~np.eye(6, dtype=bool)].any()


def sums_to_one(W):
    """Whether rows and columns sum to 1; weights may be negative."""
    report = check_mixing(W)
    return max(report.row_error, report.column_error) <= TOLERANCE


def notices():
    """Whether |Theta W - old mean|^2 contracts in expectation for no random peers: inequality (4) of the paper."""
    return "no" if largest_on_deviations(random_peers(16, 0.2).second_moment()) < 1 else "yes"


def mean_variance(kept=consensus_rate):
    """Variance of the value on which random peers agree, in units of Xi_0^2: the drift of all rounds."""
    gossip = random_peers(16, 0.2)
    return mean_drift(gossip) / kept(gossip)


def rate_about_old_mean(gossip):
    """1 - q, the rate at which agents approach the mean that they had."""
    return 1 - largest_on_deviations(gossip.second_moment())


EXERCISES = {
    "1.1": function(
        weighing(metropolis),
        [(adjacency(graph),) for graph in (ring(6), path(4), star(5), path(2), path(1))],
        "Start with W[i, j] = 1/(1 + the larger degree of i and j) on links; what is left of each row is the agent's "
        "own. Look at a path of two agents, where nothing can go wrong but the order of these steps.",
        slips=[
            (weighing(uniform), "The rows sum to 1, but do the columns? Look at the star: what does its center weigh?"),
            (weighing(max_degree), "It is doubly stochastic, but a link knows the degrees of its own two ends only."),
            (weighing(lazy_metropolis), "That is lazier than Metropolis: the larger degree plus one is enough."),
        ],
    ),
    "1.2": number(
        lambda: rounds_to_halve(metropolis(ring(64))),
        "The gap of the ring falls like a power of n, and rounds are one over the gap: which power?",
        rtol=0.1,
        slips=[
            (
                lambda: 4 * rounds_to_halve(metropolis(ring(16))),
                "A message does not march, it walks at random: how far in t steps?",
            ),
            (lambda: rounds_to_halve(metropolis(ring(16))), "Has the size of the ring no influence at all?"),
        ],
    ),
    "1.3": array(
        lambda: [KNOWN[name].power for name in FAMILIES],
        "The order is ring, torus, star, complete. On a line a random walk needs n² steps to cross n agents; "
        " a torus is √n agents wide; a leaf of the star weighs its center by 1/n.",
        slips=[(lambda: [-KNOWN[name].power for name in FAMILIES], "Those are the powers of 1/n: mind the sign.")],
    ),
    "1.4": function(
        exact_ring_gap,
        [(n,) for n in (3, 4, 5, 16, 100)],
        "The eigenvectors are waves cos(2πkj/n): put one into W x, with weights 1/3, and see what it is multiplied by. "
        "Which k > 0 is multiplied by most?",
        rtol=1e-9,
        slips=[
            (lambda n: 1 - exact_ring_gap(n), "That is slem itself; the gap is what it lacks to 1."),
            (
                lambda n: 4 * np.pi**2 / (3 * n**2),
                "That is right for large rings only: keep the trigonometric function.",
            ),
        ],
    ),
    "1.5": holds(
        (lambda W: np.shape(W) == (6, 6), "The star has 6 agents, so W is a 6 × 6 matrix."),
        (on_links, "There is a weight between two agents that no link joins: leaves hear the center, agent 0, only."),
        (sums_to_one, "Rows and columns have to sum to 1."),
        (
            lambda W: gap(W) > gap(metropolis(SIX)) * (1 + 1e-6),
            "The gap is not above that of Metropolis weights. A weight w on every link gives 1 − w for the leaves: "
            "which w brings the eigenvalues 1 − w and 1 − 6w closest to 0? The center may keep less than nothing.",
        ),
        read=as_array,
    ),
    "1.6": number(
        lambda: consensus_rate(metropolis(ring(16))),
        "Xi² is a square: what does one round leave of it, if it leaves slem of the distance?",
        slips=[
            (lambda: gap(metropolis(ring(16))), "That is 1 − slem, the rate of the distance and not of its square.")
        ],
    ),
    "1.7": number(
        lambda: finite_time(shuffle(16)),
        "Write i in binary: the agents that i hears after one round, after two, ... How many agents have been heard?",
        slips=[
            (lambda: 1, "slem = 0 speaks about the long run; after one round an agent has heard two others."),
            (lambda: finite_time(shuffle(8)), "That is for eight agents: how does it grow with their number?"),
        ],
    ),
    "1.8": choice(
        notices,
        {
            "yes": "It measures how far agents are from the mean that they had: does it ask where the mean went?",
            "no": "It does: its constant is not below 1.",
        },
    ),
    "1.9": number(
        mean_variance,
        "Round t moves the mean by a variance of d Xi_t² at most, and E Xi_t² falls by 1 − p in every round: sum them.",
        slips=[
            (lambda: mean_drift(random_peers(16, 0.2)), "That is the first round alone: the mean drifts on after it."),
            (
                lambda: mean_variance(rate_about_old_mean),
                "Close: E Xi_t² is about the new mean, which the agents follow; its rate is `consensus_rate`.",
            ),
        ],
    ),
}
