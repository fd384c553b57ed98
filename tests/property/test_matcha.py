import sys
from itertools import product

import networkx as nx
import numpy as np
import pytest
from scipy.optimize import linprog, minimize_scalar

from theory.activation import activation, laplacian
from theory.errors import OnemergeError
from theory.gossip import matcha
from theory.graphs import complete, grid, path, ring, star
from theory.matcha import best_step, matching_activation, plan
from theory.matchings import matchings
from theory.mixing import check_mixing, complete_average
from theory.spectrum import consensus_rate, noise_gain

HOUSE = nx.Graph([(0, 1), (1, 2), (2, 3), (3, 0), (2, 4), (3, 4)])  # matchings that differ
GRAPHS = {"house": HOUSE, "path": path(5), "star": star(5), "grid": grid(3, 3), "barbell": nx.barbell_graph(4, 1)}


def second(agents, classes, probabilities, alpha):
    """E[W²], from all subsets of active matchings."""
    total = np.zeros((agents, agents))
    for active in product([False, True], repeat=len(classes)):
        chance = np.prod([p if on else 1 - p for p, on in zip(probabilities, active, strict=True)])
        W = np.eye(agents) - alpha * sum(laplacian(agents, c) for c, on in zip(classes, active, strict=True) if on)
        total += chance * W @ W
    return total


SPOTS = [  # probability of both matchings of a ring of 8, (alpha, rho) at the best alpha as rounded, rho at 1/3
    (1.0, 0.436, 0.554425, 0.647603),
    (0.5, 0.607, 0.783952, 0.846813),
    (0.25, 0.607, 0.911053, 0.929160),
]


@pytest.mark.parametrize(("probability", "alpha", "rho", "rho_third"), SPOTS)
def test_ring_of_eight_has_the_known_rates(probability, alpha, rho, rho_third):
    classes, J = matchings(ring(8)), complete_average(8)
    assert len(classes) == 2
    for step, expected in ((alpha, rho), (1 / 3, rho_third)):
        gossip = matching_activation(8, classes, [probability] * 2, step)
        assert np.linalg.norm(gossip.second_moment() - J, 2) == pytest.approx(expected, abs=1e-6)
        assert consensus_rate(gossip) == pytest.approx(1 - expected, abs=1e-6)
        np.testing.assert_allclose(gossip.second_moment(), second(8, classes, [probability] * 2, step), atol=1e-14)
    whole = plan(ring(8), probability)
    np.testing.assert_allclose(whole.probabilities, probability, atol=1e-4)
    assert whole.alpha == pytest.approx(alpha, abs=6e-4)
    assert rho - 2e-4 < whole.rho <= rho


@pytest.mark.parametrize("graph", [path(2), path(3), star(4), ring(4), HOUSE])
def test_exact_moments_and_draws_equal_the_full_enumeration(graph):
    m, classes, alpha = len(graph), matchings(graph), 0.4
    probabilities = np.linspace(0.3, 0.9, len(classes))
    gossip, draws = matching_activation(m, classes, probabilities, alpha), {}
    for active in product([False, True], repeat=len(classes)):
        chance = np.prod([p if on else 1 - p for p, on in zip(probabilities, active, strict=True)])
        W = np.eye(m)
        for pairs, on in zip(classes, active, strict=True):
            for i, j in pairs if on else []:
                b = np.eye(m)[i] - np.eye(m)[j]
                W -= alpha * np.outer(b, b)
        draws[W.round(9).tobytes()] = (chance, W)
    M = np.random.default_rng(m).standard_normal((2, m, m))
    slow = sum(c * W @ M @ W for c, W in draws.values())
    np.testing.assert_allclose(gossip.mean(0), sum(c * W for c, W in draws.values()), atol=1e-15)
    np.testing.assert_allclose(gossip.pull_back(0, M), slow, atol=1e-14)
    np.testing.assert_allclose(gossip.push_forward(0, M), slow, atol=1e-14)
    np.testing.assert_allclose(gossip.mean_moment(), complete_average(m), atol=1e-15)
    generator, trials = np.random.default_rng(1), 2000
    drawn = [gossip.draw(t, generator).round(9).tobytes() for t in range(trials)]
    assert set(drawn) <= set(draws)
    for key, (chance, _) in draws.items():
        error = (chance * (1 - chance) / trials) ** 0.5
        assert abs(drawn.count(key) / trials - chance) <= 5 * error + 2 / trials


def cutting_planes(agents, classes, budget, rounds=200):
    """An upper bound on the largest mu_2(Σ p_j L_j): a linear program with one cut vᵀ L v for each eigenvector met."""
    laplacians = [laplacian(agents, pairs) for pairs in classes]
    count, cuts, best = len(classes), [], 0.0
    p = np.full(count, budget)
    for _ in range(rounds):
        shifted = sum(w * L for w, L in zip(p, laplacians, strict=True)) + 2 * agents * complete_average(agents)
        values, vectors = np.linalg.eigh(shifted)  # the vector of ones comes last
        best = max(best, values[0])
        cuts += [[-(v @ L @ v) for L in laplacians] + [1] for v in vectors.T[:3]]
        limits = [*cuts, [1] * count + [0]]
        bounds = [(0, 1)] * count + [(0, 2 * agents)]
        found = linprog([0] * count + [-1], limits, [0] * len(cuts) + [budget * count], bounds=bounds)
        p, upper = found.x[:count], -found.fun
        if upper - best < 1e-7:
            break
    return best, upper


@pytest.mark.parametrize("budget", [0.3, 0.7, 1])
@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_probabilities_are_the_best_under_the_budget(graph, budget):
    classes = matchings(graph)
    p, (lower, upper) = activation(len(graph), classes, budget)
    assert ((p >= 0) & (p <= 1)).all()
    assert p.sum() <= budget * len(classes) + 1e-12
    mean = sum(w * laplacian(len(graph), pairs) for w, pairs in zip(p, classes, strict=True))
    assert np.linalg.eigvalsh(mean)[1] == pytest.approx(lower, abs=1e-12)
    assert -1e-14 <= upper - lower < 1e-6 * upper
    reached, bound = cutting_planes(len(graph), classes, budget)
    assert reached <= upper + 1e-12
    assert lower <= bound + 1e-12
    assert bound - reached < 1e-4
    even = np.linalg.eigvalsh(budget * laplacian(len(graph), np.concatenate(classes)))[1]
    assert lower >= even - 1e-9  # no worse than the same probability for all
    generator = np.random.default_rng(0)
    for _ in range(50):
        other = generator.dirichlet(np.ones(len(classes))) * budget * len(classes)
        other = np.minimum(other, 1)
        rival = sum(w * laplacian(len(graph), pairs) for w, pairs in zip(other, classes, strict=True))
        assert np.linalg.eigvalsh(rival)[1] <= upper + 1e-12


@pytest.mark.parametrize("budget", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("graph", [*GRAPHS.values(), ring(8), complete(5)])
def test_two_solvers_agree_on_the_best_connectivity(graph, budget):
    classes = matchings(graph)
    _, (lower, upper) = activation(len(graph), classes, budget)
    _, (other_lower, other_upper) = activation(len(graph), classes, budget, solver="cvxpy")
    assert other_upper - other_lower < 1e-6
    assert lower <= other_upper + 1e-14
    assert other_lower <= upper + 1e-14


def test_the_probabilities_of_more_agents_are_within_a_millionth():
    graph = nx.random_regular_graph(6, 40, seed=1)
    p, (lower, upper) = activation(40, matchings(graph), 0.4)
    assert upper - lower <= 1e-6 * upper
    assert p.sum() == pytest.approx(0.4 * len(p), abs=1e-12)


@pytest.mark.parametrize("budget", [0.4, 1])
@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_the_step_is_the_best(graph, budget):
    whole, m = plan(graph, budget), len(graph)
    gossip, J = whole.gossip(), complete_average(m)
    assert np.linalg.norm(gossip.second_moment() - J, 2) == pytest.approx(whole.rho, abs=1e-13)
    assert consensus_rate(gossip) == pytest.approx(1 - whole.rho, abs=1e-13)
    assert noise_gain(gossip) <= (m - 1) / m * whole.rho / (1 - whole.rho) + 1e-9
    np.testing.assert_allclose(
        gossip.second_moment(), second(m, whole.matchings, whole.probabilities, whole.alpha), atol=1e-13
    )

    def rho(alpha):
        other = matching_activation(m, whole.matchings, whole.probabilities, alpha)
        return np.linalg.norm(other.second_moment() - J, 2)

    slow = minimize_scalar(rho, bounds=(0, 2), method="bounded", options={"xatol": 1e-9})
    assert slow.fun == pytest.approx(whole.rho, abs=1e-7)
    assert whole.rho <= min(rho(alpha) for alpha in np.linspace(0.01, 1, 60)) + 1e-13
    assert whole.rho < 1
    if budget == 1:  # all active in every round: the best constant weight of the graph
        values = np.linalg.eigvalsh(laplacian(m, np.concatenate(whole.matchings)))
        assert whole.alpha == pytest.approx(2 / (values[1] + values[-1]), abs=1e-9)
        assert whole.rho == pytest.approx(((values[-1] - values[1]) / (values[-1] + values[1])) ** 2, abs=1e-13)


def test_matcha_draws_are_doubly_stochastic_within_the_budget():
    whole = plan(HOUSE, 0.5)
    gossip, generator, links = matcha(HOUSE, 0.5), np.random.default_rng(0), []
    for t in range(400):
        W = gossip.draw(t, generator)
        np.testing.assert_array_equal(W, W.T)
        assert np.abs(W.sum(axis=0) - 1).max() < 1e-14
        assert set(map(tuple, np.argwhere(np.triu(W, 1) != 0).tolist())) <= {tuple(sorted(e)) for e in HOUSE.edges}
        links.append(np.count_nonzero(np.triu(W, 1)))
    expected = sum(p * len(pairs) for p, pairs in zip(whole.probabilities, whole.matchings, strict=True))
    z = (np.mean(links) - expected) / (np.std(links, ddof=1) / len(links) ** 0.5)
    assert abs(z) < 5
    assert check_mixing(gossip.mean(0)).connected


def test_matcha_of_two_agents_merges_when_it_acts():
    whole = plan(path(2), 0.5)
    assert whole.alpha == pytest.approx(0.5, abs=1e-12)
    assert whole.rho == pytest.approx(0.5, abs=1e-8)
    assert plan(complete(2), 1).rho == pytest.approx(0, abs=1e-12)
    alpha, rho = best_step(laplacian(3, np.array([[0, 1], [0, 2], [1, 2]])), np.zeros((3, 3)))
    assert (alpha, rho) == (pytest.approx(1 / 3, abs=1e-8), pytest.approx(0, abs=1e-15))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: matcha(ring(4), 0), ["budget is 0", "from 1e-06 to 1"]),
        (lambda: matcha(ring(4), 1.5), ["budget is 1.5"]),
        (lambda: matcha(ring(4), True), ["budget is True"]),
        (lambda: matcha(ring(4), float("nan")), ["budget is nan"]),
        (lambda: matcha(nx.Graph([(0, 1), (2, 3)]), 0.5), ["not connected"]),
        (lambda: matcha(ring(1), 0.5), ["agents is 1", "at least 2"]),
        (lambda: matcha(nx.DiGraph([(0, 1), (1, 0)]), 0.5), ["2 directed edges"]),
        (lambda: plan(ring(4), 0.5, solver="simplex"), ["unknown solver 'simplex'", "barrier, cvxpy"]),
        (lambda: activation(50000, [np.array([[0, 1]])], 0.5), ["1 matchings of 50000 agents", "limit"]),
        (lambda: matching_activation(4, matchings(ring(4)), [0.5], 0.3), ["[0.5]", "2 matchings"]),
        (lambda: matching_activation(4, matchings(ring(4)), [0.5, 1.5], 0.3), ["1.5", "from 0 to 1"]),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises(OnemergeError) as error:
        call()
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_a_missing_solver_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    with pytest.raises(OnemergeError, match=r"needs cvxpy; install the extra sdp"):
        plan(ring(4), 0.5, solver="cvxpy")
    assert plan(ring(4), 0.5).rho < 1  # needs none
