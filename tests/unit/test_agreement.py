"""Numbers of rounds against one round after the other."""

import math
from itertools import product as choices

import networkx as nx
import numpy as np
import pytest
from scipy.sparse import csr_array

from theory.errors import OnemergeError
from theory.gossip import constant, epidemic, local, one_peer_exponential, periodic, random_matching, random_peers
from theory.mixing import best_constant, complete_average, metropolis, uniform
from theory.operators import operator
from theory.rounds import global_every, local_steps, merge
from theory.sequences import base_graph, one_peer_hypercube
from theory.spectrum import finite_time, mixing_time, rounds_to_halve

DIRECTED = uniform(nx.DiGraph([(0, 1), (0, 2), (1, 0), (1, 2), (2, 0)]))
DOUBLY = 0.5 * np.eye(4)[[1, 2, 0, 3]] + 0.3 * np.eye(4)[[0, 1, 3, 2]] + 0.2 * np.eye(4)[[1, 0, 3, 2]]
SLOW = 0.9 * np.eye(4)[[1, 2, 3, 0]] + 0.1 * DOUBLY
MATRICES = {
    "ring": metropolis(nx.cycle_graph(12)),
    "path": metropolis(nx.path_graph(7)),
    "exponential": operator("exponential", agents=11).toarray(),
    "doubly stochastic": DOUBLY,
    "slow": SLOW,
    "negative weights": metropolis(nx.path_graph(4)) * 1.4 - 0.4 * np.eye(4),
    "one step": complete_average(5),
}


def distances(W, rounds):
    """[(|W^t - J|_2, worst total variation, |(I - J) W^t (I - J)|_2) for t = 0, 1, ..., rounds]."""
    J, power, found = complete_average(len(W)), np.eye(len(W)), []
    for _ in range(rounds + 1):
        deviation = power - J
        inner = np.linalg.norm((np.eye(len(W)) - J) @ deviation, 2)
        found.append((np.linalg.norm(deviation, 2), np.abs(deviation).sum(axis=1).max() / 2, inner))
        power = W @ power
    return found


def first(values, limit):
    return next(t for t, value in enumerate(values) if value <= limit * (1 + 1e-9))


@pytest.mark.parametrize("name", MATRICES)
def test_times_are_those_of_the_powers(name):
    W = MATRICES[name]
    spectral, variation, inner = zip(*distances(W, 400), strict=True)
    for eps in (0.9, 0.5, 0.25, 0.01, 1e-3):
        assert mixing_time(W, eps) == mixing_time(csr_array(W), eps) == first(spectral, eps)
        assert mixing_time(W, eps, distance="variation") == first(variation, eps)
    assert rounds_to_halve(W) == rounds_to_halve(csr_array(W)) == first(inner, 0.5**0.5)
    assert rounds_to_halve(constant(W)) == rounds_to_halve(W)


def test_structures_take_the_same_time():
    for name, n in choices(("ring", "exponential", "path"), (1, 2, 3, 9)):
        W = operator(name, agents=n)
        assert mixing_time(W, 0.1) == mixing_time(W.toarray(), 0.1) == mixing_time(W.to_sparse(), 0.1)
        assert rounds_to_halve(W) == rounds_to_halve(W.toarray()) == rounds_to_halve(W.to_sparse())
    assert (mixing_time(np.ones((1, 1)), 0.1), rounds_to_halve(np.ones((1, 1)))) == (0, 0)
    slow = operator("ring", agents=10**6)
    gap = 4 / 3 * math.sin(math.pi / 10**6) ** 2
    assert mixing_time(slow, 0.01) == pytest.approx(math.log(100) / gap, rel=1e-8)
    assert rounds_to_halve(slow) == pytest.approx(math.log(2) / (2 * gap), rel=1e-8)


def test_some_never_mix():
    for W in (np.eye(3), csr_array(np.eye(3)), DIRECTED, np.array([[0.0, 1.0], [1.0, 0.0]])):
        assert mixing_time(W, 0.1) == math.inf  # of DIRECTED: its mean drifts, and W^t tends to another limit than J
    assert rounds_to_halve(np.eye(3)) == rounds_to_halve(local(3)) == math.inf
    assert rounds_to_halve(DIRECTED) == first([inner for _, _, inner in distances(DIRECTED, 50)], 0.5**0.5)


def test_rounds_that_take_agents_apart_are_followed_one_by_one():
    pull = np.array([[1.0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0.02, 0, 0, 0.98]])  # deviations grow at first
    W = 0.999 * pull + 0.001 * complete_average(4)
    inner = [value for _, _, value in distances(W, 3000)]
    assert max(inner[1:]) > 1.1
    assert rounds_to_halve(W) == first(inner, 0.5**0.5) > 1


def worst(gossip, rounds):
    """Largest E Xi_t²/Xi_0² for t = 0..rounds, by the moments of each round from the last to the first."""
    m = gossip.agents
    deviations, found = np.eye(m) - complete_average(m), []
    for t in range(rounds + 1):
        form = deviations
        for s in reversed(range(t)):
            form = gossip.pull_back(s, form)
        found.append(np.linalg.eigvalsh(deviations @ form @ deviations)[-1])
    return found


@pytest.mark.parametrize(
    "gossip",
    [
        random_matching(8, 0.3),
        random_matching(7, 1),
        random_peers(6, 0.2),
        epidemic(9, 1),
        local_steps(random_matching(8, 0.5), 4),
        global_every(random_matching(8, 0.05), 9),
        local_steps(MATRICES["path"], 3),
        periodic([MATRICES["negative weights"], DOUBLY, np.eye(4)]),
        one_peer_exponential(12),
        one_peer_exponential(16),
        base_graph(11, 1),
        merge(3),
    ],
)
def test_halving_follows_the_moments(gossip):
    assert rounds_to_halve(gossip) == first(worst(gossip, 60), 0.5)


def nilpotent(k):
    """The de Bruijn graph on 2^k agents: W^k = J, and it is not normal."""
    m = 1 << k
    W = np.zeros((m, m))
    for i, bit in choices(range(m), (0, 1)):
        W[i, (2 * i + bit) % m] += 0.5
    return W


def rounds_for_every_phase(gossip, most):
    J = complete_average(gossip.agents)
    for t in range(1, most):
        products = []
        for start in range(gossip.period):
            product = np.eye(gossip.agents)
            for s in range(start, start + t):
                product = gossip.draw(s, None) @ product
            products.append(np.abs(product - J).max())
        if max(products) < 1e-13:
            return t
    return None


@pytest.mark.parametrize(
    ("gossip", "rounds"),
    [
        (one_peer_exponential(16), 4),
        (one_peer_hypercube(8), 3),
        (one_peer_exponential(12), None),
        (global_every(metropolis(nx.cycle_graph(6)), 5), 5),
        (local_steps(complete_average(4), 3), 3),
        (constant(nilpotent(3)), 3),
        (merge(5), 1),
        (local(4), None),
        (local(1), 1),
        (constant(DOUBLY), None),
        (random_matching(4, 1), None),
        (random_peers(3, 2), 1),
        (random_matching(2, 1), 1),
        (epidemic(6, 5), 1),
        *[(base_graph(n, 1), ...) for n in (2, 3, 5, 6, 7)],
    ],
)
def test_finite_time_agreement(gossip, rounds):
    if gossip.deterministic:
        assert finite_time(gossip) == rounds_for_every_phase(gossip, 30)
    if rounds is ...:
        assert gossip.period <= finite_time(gossip) <= 2 * gossip.period - 1
    else:
        assert finite_time(gossip) == rounds


def test_decay_to_rounding_is_no_agreement():
    for share in (0.9, 1 - 1e-8):
        W = (1 - share) * np.eye(6) + share * complete_average(6)
        assert finite_time(W) is None
        assert np.abs(np.linalg.matrix_power(W, 40) - complete_average(6)).max() < 1e-15
    assert finite_time(csr_array(nilpotent(4))) == 4
    assert finite_time(operator("complete", agents=10**5)) == 1
    assert finite_time(operator("ring", agents=10**6)) is None
    assert finite_time(operator("ring", agents=3)) == finite_time(operator("ring", agents=1)) == 1


def test_negative_weights_may_take_the_variation_up_again():
    """Row sums of |W| above 1: the distance falls below eps, rises and falls, and the first time counts."""
    W = best_constant(nx.full_rary_tree(2, 21))
    assert np.abs(W).sum(axis=1).max() > 1
    assert np.linalg.norm(W - complete_average(21), 2) < 1
    for eps in (0.3, 0.25, 0.1):
        variations = [variation for _, variation, _ in distances(W, 90)]
        below = [t for t, variation in enumerate(variations) if variation <= eps]
        assert below != list(range(below[0], 91))
        assert mixing_time(W, eps, "variation") == below[0]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: mixing_time(DOUBLY, 0), r"eps is 0; it must be a number in \(0, 1\)"),
        (lambda: mixing_time(DOUBLY, 1.0), r"eps is 1\.0; it must be a number in \(0, 1\)"),
        (lambda: mixing_time(DOUBLY, 0.1, "l2"), "unknown distance 'l2'; valid distances are spectral, variation"),
        (lambda: mixing_time([[0.5]], 0.1), r"row 0 sums to 0\.5"),
        (
            lambda: finite_time(operator("random_regular", agents=5000, degree=4, seed=0)),
            "finite-time agreement of this",
        ),
    ],
)
def test_wrong_calls_say_what_is_wrong(call, sentence):
    with pytest.raises(OnemergeError, match=sentence):
        call()
