from functools import reduce
from itertools import combinations, permutations, product
from math import comb, factorial

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.errors import OnemergeError
from theory.gossip import (
    constant,
    epidemic,
    epidemic_oracle,
    global_every,
    local,
    local_steps,
    merge,
    one_peer_exponential,
    pairwise_exchange,
    periodic,
    random_matching,
    random_peers,
)
from theory.graphs import connected, exponential, star
from theory.mixing import WEIGHTS, check_mixing, complete_average, graph_of, lazy, metropolis, uniform
from theory.random_gossip import smallest
from theory.spectrum import consensus_rate, contraction, mean_drift, noise_gain, slem

SLOW = [
    *(("random_peers", m, r) for m in (2, 3, 4) for r in (0.2, 0.75, *range(1, m))),
    *(("random_matching", m, r) for m in (1, 2, 3, 4) for r in (0.2, 0.75, 1)),
    *(("pairwise_exchange", m, None) for m in (2, 3, 4)),
    *(("epidemic", m, s) for m in (2, 3, 4) for s in range(1, m)),
    *(("epidemic_oracle", m, s) for m in (2, 3, 4, 5) for s in range(1, m)),
]
BUILD = {
    "random_peers": random_peers,
    "random_matching": random_matching,
    "pairwise_exchange": lambda m, _: pairwise_exchange(m),
    "epidemic": epidemic,
    "epidemic_oracle": epidemic_oracle,
}


def every_draw(name, m, r):
    """All (probability, W) of a random gossip, by enumeration of what its definition says."""
    if name == "random_matching":
        for order in permutations(range(m)):
            pairs = [order[k : k + 2] for k in range(0, m - 1, 2)]
            for active in product([False, True], repeat=len(pairs)):
                W, chance = np.eye(m), 1.0
                for (i, j), on in zip(pairs, active, strict=True):
                    chance *= r if on else 1 - r
                    if on:
                        W[i, i] = W[j, j] = W[i, j] = W[j, i] = 0.5
                yield chance / len(list(permutations(range(m)))), W
        return
    if name == "pairwise_exchange":
        for i, j in permutations(range(m), 2):
            W = np.eye(m)
            W[[i, i, j, j], [i, j, i, j]] = 0.5
            yield 1 / (m * (m - 1)), W
        return
    if name == "epidemic":
        sent = [list(combinations([j for j in range(m) if j != i], r)) for i in range(m)]
        for receivers in product(*sent):
            heard = [[i, *(j for j in range(m) if i in receivers[j])] for i in range(m)]
            yield 1 / len(sent[0]) ** m, np.array([[(j in own) / len(own) for j in range(m)] for own in heard])
        return
    if name == "epidemic_oracle":
        for order in permutations(range(m)):
            for offsets in combinations(range(1, m), r):
                W = np.eye(m) / (r + 1)
                for i, offset in product(range(m), offsets):
                    W[order[i], order[(i + offset) % m]] = 1 / (r + 1)
                yield 1 / (factorial(m) * comb(m - 1, r)), W
        return
    choices = []
    for i in range(m):
        others = [j for j in range(m) if j != i]
        if r < 1:
            choices.append([(1 - r, ()), *((r / (m - 1), (j,)) for j in others)])
        else:
            sets = list(combinations(others, r))
            choices.append([(1 / len(sets), chosen) for chosen in sets])
    for rows in product(*choices):
        W, chance = np.zeros((m, m)), 1.0
        for i, (probability, chosen) in enumerate(rows):
            chance *= probability
            W[i, [i, *chosen]] = 1 / (1 + len(chosen))
        yield chance, W


@pytest.mark.parametrize(("name", "m", "r"), SLOW)
def test_exact_moments_equal_the_full_enumeration(name, m, r):
    gossip, J = BUILD[name](m, r), complete_average(m)
    draws = list(every_draw(name, m, r))
    assert sum(chance for chance, _ in draws) == pytest.approx(1, abs=1e-14)
    second = sum(chance * W.T @ W for chance, W in draws)
    mean = sum(chance * W.T @ J @ W for chance, W in draws)
    np.testing.assert_allclose(gossip.second_moment(), second, atol=1e-14)
    np.testing.assert_allclose(gossip.mean_moment(), mean, atol=1e-14)
    np.testing.assert_allclose(gossip.mean(0), sum(chance * W for chance, W in draws), atol=1e-14)
    M = np.random.default_rng(m).standard_normal((2, m, m))  # not symmetric, several at once
    back, forward = (sum(chance * A @ M @ A.T for chance, A in side) for side in ([(c, W.T) for c, W in draws], draws))
    np.testing.assert_allclose(gossip.pull_back(0, M), back, atol=1e-14)
    np.testing.assert_allclose(gossip.push_forward(0, M), forward, atol=1e-14)
    assert gossip.finite_time == (np.abs(second - mean).max() < 1e-12)
    columns = max(np.abs(W.sum(axis=0) - 1).max() for _, W in draws)
    assert gossip.mean_preserving == (columns < 1e-12)


@pytest.mark.parametrize(("name", "m", "r"), SLOW)
def test_draws_are_those_of_the_enumeration(name, m, r):
    gossip, generator = BUILD[name](m, r), np.random.default_rng(5)
    possible = {}
    for chance, W in every_draw(name, m, r):
        key = W.round(12).tobytes()
        possible[key] = possible.get(key, 0) + chance
    possible = {key: chance for key, chance in possible.items() if chance > 0}
    trials = 3000
    drawn = [gossip.draw(t, generator).round(12).tobytes() for t in range(trials)]
    assert set(drawn) <= set(possible)
    for key, chance in possible.items():
        error = (chance * (1 - chance) / trials) ** 0.5
        assert abs(drawn.count(key) / trials - chance) <= 5 * error + 2 / trials


@pytest.mark.parametrize(
    ("gossip", "q", "drift"),
    [
        (random_peers(16, 0.2), 1 - 0.2 * 16 / 30, None),
        (random_peers(16, 1), 14 / 30, None),
        (random_peers(16, 3), 12 / (15 * 4), None),
        (random_matching(16, 0.2), 1 - 0.2 * 16 / 30, 0.0),
        (random_matching(16, 1), 14 / 30, 0.0),
        (random_matching(15, 0.5), 0.75, 0.0),
    ],
)
def test_one_round_follows_the_closed_forms_in_simulation(gossip, q, drift):
    m, trials = gossip.agents, 4000
    generator = np.random.default_rng(7)
    x = generator.standard_normal(m) + 3.0
    after = np.stack([gossip.draw(t, generator) @ x for t in range(trials)])
    spread = x.var()
    drift = q * (1 - q) / m if drift is None else drift
    samples = {
        "consensus distance": (after.var(axis=1), (q - drift) * spread),
        "about the old mean": (((after - x.mean()) ** 2).mean(axis=1), q * spread),
        "drift": ((after.mean(axis=1) - x.mean()) ** 2, drift * spread),
    }
    for name, (sample, theory) in samples.items():
        if drift == 0 and name == "drift":
            assert np.abs(after.mean(axis=1) - x.mean()).max() < 1e-12
            continue
        z = (sample.mean() - theory) / (sample.std(ddof=1) / trials**0.5)
        assert abs(z) < 5, f"{name}: simulated {sample.mean():.5f}, theory {theory:.5f}, z = {z:.1f}"
    assert consensus_rate(gossip) == pytest.approx(1 - q + drift, abs=1e-14)
    assert mean_drift(gossip) == pytest.approx(drift, abs=1e-15)


EPIDEMIC = [  # m, s, alpha, beta
    (8, 1, 0.5657857054, 0.0119118367),
    (8, 3, 0.1866867564, 0.0035844871),
    (16, 4, 0.1815844420, 0.0016936483),
    (32, 5, 0.1670231440, 0.0007277101),
]


@pytest.mark.parametrize(("m", "s", "alpha", "beta"), EPIDEMIC)
def test_epidemic_follows_its_closed_forms(m, s, alpha, beta):
    gossip, J = epidemic(m, s), complete_average(m)
    np.testing.assert_allclose(gossip.second_moment(), J + alpha * (np.eye(m) - J), atol=1e-10)
    assert mean_drift(gossip) == pytest.approx(beta, abs=1e-10)
    assert consensus_rate(gossip) == pytest.approx(1 - alpha + beta, abs=2e-10)
    assert beta < alpha / m  # the published bound of the drift
    generator = np.random.default_rng(3)
    x = generator.standard_normal(m) + 3.0
    after = np.stack([gossip.draw(t, generator) @ x for t in range(4000)])
    for sample, theory in ((after.var(axis=1), alpha - beta), ((after.mean(axis=1) - x.mean()) ** 2, beta)):
        z = (sample.mean() - theory * x.var()) / (sample.std(ddof=1) / len(sample) ** 0.5)
        assert abs(z) < 5, f"simulated {sample.mean():.5f}, theory {theory * x.var():.5f}, z = {z:.1f}"


def test_epidemic_to_everyone_is_the_merge():
    for m in (2, 3, 7):
        gossip = epidemic(m, m - 1)
        np.testing.assert_allclose(gossip.draw(0, np.random.default_rng(0)), complete_average(m), atol=1e-16)
        assert gossip.mean_preserving
        assert mean_drift(gossip) == pytest.approx(0, abs=1e-15)
        assert consensus_rate(gossip) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize(("m", "s", "alpha"), [(8, 1, 3 / 7), (8, 3, 1 / 7), (16, 4, 11 / 75), (32, 5, 13 / 93)])
def test_epidemic_oracle_is_regular_and_follows_its_closed_form(m, s, alpha):
    gossip, J = epidemic_oracle(m, s), complete_average(m)
    np.testing.assert_allclose(gossip.second_moment(), J + alpha * (np.eye(m) - J), atol=1e-15)
    assert consensus_rate(gossip) == pytest.approx(1 - alpha, abs=1e-14)
    assert mean_drift(gossip) == pytest.approx(0, abs=1e-15)
    assert noise_gain(gossip) == pytest.approx((m - 1) / m * alpha / (1 - alpha), abs=1e-12)
    generator = np.random.default_rng(11)
    x, draws = generator.standard_normal(m), [gossip.draw(t, generator) for t in range(2000)]
    for W in draws[:50]:
        assert ((W > 0).sum(axis=0) == s + 1).all()
        assert ((W > 0).sum(axis=1) == s + 1).all()
        np.testing.assert_allclose(W[W > 0], 1 / (s + 1), atol=1e-16)
        assert (np.diag(W) > 0).all()
    sample = np.array([(W @ x).var() for W in draws])
    z = (sample.mean() - alpha * x.var()) / (sample.std(ddof=1) / len(sample) ** 0.5)
    assert abs(z) < 5, f"simulated {sample.mean():.5f}, theory {alpha * x.var():.5f}, z = {z:.1f}"


def test_smallest_marks_exactly_so_many_among_equals_too():
    order = np.array([[0.3, 0.1, 0.2, 0.2], [0.5, 0.5, 0.5, 0.5]])
    for picks in (1, 2, 3, 4):
        marks = smallest(order, picks)
        assert (marks.sum(axis=1) == picks).all()
        assert set(order[0][marks[0]]) == set(np.sort(order[0])[:picks])


def test_moments_of_an_asymmetric_law_are_told_from_those_of_its_transpose():
    gossip, M = random_peers(4, 1), np.diag([1.0, 2.0, 3.0, 4.0])
    assert np.abs(gossip.pull_back(0, M) - gossip.push_forward(0, M)).max() > 0.1


PERIODS = {  # gossip, law, and what each round of a period is: 0 nothing, 1 that law, 2 a merge
    "local steps of random peers": (local_steps(random_peers(3, 0.4), 3), "random_peers", (3, 0.4), [0, 0, 1]),
    "epidemic learning with merges": (global_every(epidemic(3, 1), 3), "epidemic", (3, 1), [1, 1, 2]),
    "matching, local": (local_steps(random_matching(3, 0.6), 2), "random_matching", (3, 0.6), [0, 1]),
    "merges of local steps": (
        global_every(local_steps(random_peers(3, 1), 2), 3),
        "random_peers",
        (3, 1),
        [0, 1, 2, 1, 0, 2],
    ),
}


@pytest.mark.parametrize(("gossip", "name", "law", "kinds"), PERIODS.values(), ids=PERIODS)
def test_moments_of_a_period_of_random_gossip_equal_the_enumeration_of_its_products(gossip, name, law, kinds):
    assert (gossip.period, gossip.deterministic) == (len(kinds), False)
    draws, J = list(every_draw(name, *law)), complete_average(3)
    rounds = [{0: [(1, np.eye(3))], 1: draws, 2: [(1, J)]}[kind] for kind in kinds]
    second, mean, first = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3))
    for way in product(*rounds):
        chance = np.prod([c for c, _ in way])
        Phi = reduce(lambda later, W: W @ later, [W for _, W in way])
        second, mean, first = second + chance * Phi.T @ Phi, mean + chance * Phi.T @ J @ Phi, first + chance * Phi
    np.testing.assert_allclose(gossip.second_moment(), second, atol=1e-14)
    np.testing.assert_allclose(gossip.mean_moment(), mean, atol=1e-14)
    np.testing.assert_allclose(gossip.mean_product, first, atol=1e-14)
    assert gossip.finite_time == (2 in kinds)
    generator = np.random.default_rng(2)
    for t in range(2 * gossip.period):
        W, kind = gossip.draw(t, generator), kinds[t % len(kinds)]
        assert any(np.allclose(W, V, atol=1e-14) for _, V in {0: [(1, np.eye(3))], 1: draws, 2: [(1, J)]}[kind])


def test_local_steps_act_in_the_last_round_on_the_clock_of_the_gossip():
    inner = one_peer_exponential(8)
    gossip = local_steps(inner, 5)
    assert (gossip.period, gossip.deterministic, gossip.finite_time) == (15, True, True)
    for t in range(30):
        expected = inner.draw(t // 5, None) if t % 5 == 4 else np.eye(8)
        np.testing.assert_array_equal(gossip.draw(t, None), expected)
        np.testing.assert_array_equal(gossip.mean(t), expected)
    np.testing.assert_allclose(gossip.second_moment(), complete_average(8), atol=1e-15)
    W = uniform(star(3))
    np.testing.assert_allclose(local_steps(W, 2).second_moment(), W.T @ W, atol=1e-16)


def test_finite_time_is_told_from_a_fast_decay():
    J = complete_average(4)
    assert merge(4).finite_time
    assert constant(J).finite_time
    assert constant(np.ones((4, 1)) @ [[0.7, 0.1, 0.1, 0.1]]).finite_time  # consensus, elsewhere than at the mean
    assert not constant(J + 1e-7 * (np.eye(4) - J)).finite_time
    assert one_peer_exponential(8).finite_time
    assert not one_peer_exponential(6).finite_time
    assert local(1).finite_time
    assert not local(2).finite_time


@pytest.mark.parametrize(
    ("m", "q", "S"), [(2, 0, 0), (3, 0.5, 2 / 3), (8, 0.8571428571, 5.25), (16, 0.9333333333, 13.125)]
)
def test_pairwise_exchange_follows_boyd(m, q, S):
    gossip = pairwise_exchange(m)
    assert consensus_rate(gossip) == pytest.approx(1 - q, abs=1e-10)
    assert noise_gain(gossip) == pytest.approx(S, abs=1e-12)
    laplacian = nx.laplacian_matrix(nx.complete_graph(m)).toarray()
    np.testing.assert_allclose(gossip.second_moment(), np.eye(m) - laplacian / (m * (m - 1)), atol=1e-15)
    for t in range(20):
        W = gossip.draw(t, np.random.default_rng(t))
        assert check_mixing(W).doubly_stochastic
        np.testing.assert_array_equal(W @ W, W)
        assert np.trace(W) == m - 1


def test_same_q_as_the_matching_for_even_sizes():
    for m in (2, 8, 32):
        peers, matching = random_peers(m, 0.4), random_matching(m, 0.4)
        np.testing.assert_allclose(peers.second_moment(), matching.second_moment(), atol=1e-15)
        assert matching.mean_preserving
        assert not peers.mean_preserving


@pytest.mark.parametrize("m", [2, 3, 5, 16])
def test_every_draw_keeps_what_it_promises(m):
    generator = np.random.default_rng(0)
    for r in (0.3, *range(1, min(m, 5)), m - 1):
        drift = 0.0
        for t in range(20):
            W = random_peers(m, r).draw(t, generator)
            report = check_mixing(W)
            assert report.row_stochastic
            others = (W > 0).sum(axis=1) - 1
            assert set(others) <= ({0, 1} if r < 1 else {r})
            np.testing.assert_allclose(W[W > 0], np.repeat(1 / (1 + others), 1 + others), atol=1e-15)
            assert (np.diag(W) > 0).all()
            drift = max(drift, report.column_error)
        assert (drift < 1e-12) == (r == m - 1)
    for r in (0.3, 1):
        for t in range(20):
            W = random_matching(m, r).draw(t, generator)
            assert check_mixing(W).doubly_stochastic
            np.testing.assert_array_equal(W, W.T)
            np.testing.assert_array_equal(W @ W, W)
            assert ((W > 0).sum(axis=1) <= 2).all()
    assert np.isclose(np.trace(W), m - m // 2)  # r = 1: every pair averages, one agent idles where m is odd


def test_draws_depend_on_the_generator_alone():
    for gossip in (
        random_peers(9, 0.5),
        random_peers(9, 3),
        random_matching(9, 0.5),
        epidemic(9, 3),
        epidemic_oracle(9, 3),
        pairwise_exchange(9),
        local_steps(random_peers(9, 0.5), 2),
    ):
        one, same, other = (np.random.default_rng(seed) for seed in (1, 1, 2))
        first = [gossip.draw(t, one) for t in range(4)]
        np.testing.assert_array_equal(first, [gossip.draw(t, same) for t in range(4)])
        assert not np.array_equal(first, [gossip.draw(t, other) for t in range(4)])


@pytest.mark.parametrize("agents", [1, 2, 4, 8, 32])
def test_one_peer_exponential_averages_exactly_at_powers_of_two(agents):
    gossip = one_peer_exponential(agents)
    assert gossip.period == max((agents - 1).bit_length(), 1)
    for phase in range(gossip.period):
        total = np.eye(agents)
        for t in range(phase, phase + gossip.period):
            total = gossip.draw(t, None) @ total
        np.testing.assert_array_equal(total, complete_average(agents))


@pytest.mark.parametrize(("agents", "residual"), [(6, 0.2165063509), (12, 0.2091290759), (48, 0.2068960170)])
def test_one_peer_exponential_leaves_a_residual_elsewhere(agents, residual):
    gossip = one_peer_exponential(agents)
    total = np.linalg.multi_dot([gossip.draw(t, None) for t in reversed(range(gossip.period))])
    assert np.linalg.norm(total - complete_average(agents), 2) == pytest.approx(residual, abs=1e-10)


def test_one_peer_exponential_hears_its_peer():
    x = np.arange(6.0) ** 2
    for t in range(7):
        i = np.arange(6)
        peer = (i + 2 ** (t % 3)) % 6
        W = one_peer_exponential(6).draw(t, None)
        np.testing.assert_array_equal(W @ x, (x + x[peer]) / 2)
        assert check_mixing(W).doubly_stochastic
    links = {e for t in range(3) for e in nx.DiGraph(graph_of(one_peer_exponential(6).draw(t, None))).edges}
    assert links == set(exponential(6).edges)


def test_periodic_products_and_read_only_draws():
    A, B = uniform(star(4)), np.roll(np.eye(4), 1, axis=1)
    gossip, J = periodic([A, B]), complete_average(4)
    assert (gossip.agents, gossip.period, gossip.mean_preserving) == (4, 2, False)
    np.testing.assert_array_equal(gossip.draw(4, None), A)
    np.testing.assert_array_equal(gossip.draw(7, None), B)
    np.testing.assert_allclose(gossip.second_moment(), A.T @ B.T @ B @ A, atol=1e-15)
    np.testing.assert_allclose(gossip.mean_moment(), A.T @ B.T @ J @ B @ A, atol=1e-15)
    with pytest.raises(ValueError, match="read-only"):
        gossip.draw(0, None)[0, 0] = 2
    A[0, 0] = 9  # the caller's array is not the gossip's
    assert gossip.draw(0, None)[0, 0] == 0.25


def test_local_is_no_communication():
    for agents in (1, 2, 5):
        gossip = local(agents)
        np.testing.assert_array_equal(gossip.draw(3, None), np.eye(agents))
        assert gossip.mean_preserving
        assert gossip.period == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: random_peers(1, 0.5), ["agents is 1", "at least 2"]),
        (lambda: random_peers(8, 0), ["peers is 0", "(0, 1)", "1 to 7"]),
        (lambda: random_peers(8, -0.2), ["peers is -0.2"]),
        (lambda: random_peers(8, 2.5), ["peers is 2.5", "integer from 1 to 7"]),
        (lambda: random_peers(8, 8), ["peers is 8", "1 to 7"]),
        (lambda: random_peers(8, float("nan")), ["peers is nan"]),
        (lambda: random_peers(8, "2"), ["peers is '2'"]),
        (lambda: random_peers(8, True), ["peers is True"]),
        (lambda: random_matching(0, 0.5), ["agents is 0", "at least 1"]),
        (lambda: random_matching(8, 0), ["peers is 0", "(0, 1]"]),
        (lambda: random_matching(8, 2), ["peers is 2", "(0, 1]"]),
        (lambda: random_matching(8, float("inf")), ["peers is inf"]),
        (lambda: one_peer_exponential(0), ["agents is 0"]),
        (lambda: pairwise_exchange(1), ["agents is 1", "at least 2"]),
        (lambda: epidemic(1, 1), ["agents is 1", "at least 2"]),
        (lambda: epidemic(8, 0), ["peers is 0", "at least 1"]),
        (lambda: epidemic(8, 0.5), ["peers is 0.5", "integer"]),
        (lambda: epidemic(8, 8), ["peers is 8 with 8 agents", "at most 7"]),
        (lambda: epidemic_oracle(1, 1), ["agents is 1", "at least 2"]),
        (lambda: epidemic_oracle(8, 8), ["peers is 8 with 8 agents", "at most 7"]),
        (lambda: local_steps(np.eye(2), 0), ["rounds is 0", "at least 1"]),
        (lambda: local_steps(np.eye(2), 1.5), ["rounds is 1.5", "integer"]),
        (lambda: local_steps([[1, 1], [0, 1]], 2), ["row 0 sums to 2"]),
        (lambda: merge(0), ["agents is 0"]),
        (lambda: local(0), ["agents is 0"]),
        (lambda: periodic([]), ["no matrices", "at least one"]),
        (lambda: periodic([np.eye(2), np.eye(3)]), ["matrix 1 has 3 agents", "matrix 0 has 2"]),
        (lambda: constant([[0.5, 0.25], [0, 1]]), ["row 0 sums to 0.75", "0.25 away from 1"]),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises(OnemergeError) as error:
        call()
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


@st.composite
def connected_graphs(draw):
    """A random tree on 1..9 agents, in random order, and some more links."""
    n = draw(st.integers(1, 9))
    names = draw(st.permutations(range(n)))
    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from((names[i], names[draw(st.integers(0, i - 1))]) for i in range(1, n))
    more = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=10))
    graph.add_edges_from((i, j) for i, j in more if i != j)
    return graph


@settings(max_examples=60, deadline=None)
@given(connected_graphs(), st.sampled_from(["metropolis", "max_degree", "lazy_metropolis"]))
def test_symmetric_weights_of_connected_graphs_reach_consensus(graph, rule):
    W = WEIGHTS[rule](graph)
    assert connected(graph)
    assert check_mixing(W).valid
    assert check_mixing(W).symmetric
    p = consensus_rate(W)
    assert 1e-4 < p <= 1 + 1e-12
    assert slem(W) == pytest.approx(contraction(W), abs=1e-12)
    assert p == pytest.approx(1 - slem(W) ** 2, abs=1e-12)
    assert set(graph_of(W).edges) == {(min(e), max(e)) for e in graph.edges}


@settings(max_examples=60, deadline=None)
@given(connected_graphs(), st.integers(0, 1000))
def test_rates_bound_every_direction_of_row_stochastic_gossip(graph, seed):
    W = uniform(graph)
    m = len(W)
    x = np.random.default_rng(seed).standard_normal(m)
    spread = x.var()
    after = W @ x
    assert after.var() <= (1 - consensus_rate(W)) * spread + 1e-12
    assert (after.mean() - x.mean()) ** 2 <= mean_drift(W) * spread + 1e-12
    assert ((after - x.mean()) ** 2).mean() <= contraction(W) ** 2 * spread + 1e-12
    assert slem(W) <= contraction(W) + 1e-12
    assert slem(lazy(W)) < 1
    assert consensus_rate(metropolis(graph)) > 0
