"""Records on one-peer, random and optimal gossip against matrices, draws and exact moments."""

import networkx as nx
import numpy as np
import pytest

from theory import gossip, graphs
from theory.bounds import BOUNDS
from theory.equitopo import d_equistatic
from theory.errors import OnemergeError
from theory.fastest import fdla
from theory.matcha import matching_activation
from theory.mixing import metropolis, mixing
from theory.spectrum import consensus_rate, contraction, drift_gain, mean_drift, noise_gain, slem

# One peer at a time

PERIODS = [(gossip.one_peer_exponential, n, {}) for n in (2, 3, 5, 6, 8, 12, 24, 31, 33, 48, 64)] + [
    (gossip.k_peer_exponential, n, {"peers": k})
    for n, k in ((6, 1), (12, 1), (24, 1), (33, 1), (15, 2), (27, 2), (50, 4))
]  # fmt: skip
RESIDUALS = {  # |product of a period - J|_2
    ("one_peer_exponential", 6): 0.2165063509, ("one_peer_exponential", 12): 0.2091290759,
    ("one_peer_exponential", 24): 0.2073399477, ("one_peer_exponential", 33): 0.0311084976,
    ("one_peer_exponential", 48): 0.2068960170, ("k_peer_exponential", 6): 0.4330127019,
    ("k_peer_exponential", 12): 0.4182581519, ("k_peer_exponential", 24): 0.4146798954,
    ("k_peer_exponential", 33): 0.03125,
}  # fmt: skip


@pytest.mark.parametrize(("family", "agents", "peers"), PERIODS)
def test_a_period_of_exponential_rounds_leaves_its_first_frequency(family, agents, peers):
    rounds = family(agents, **peers)
    record = BOUNDS["k_peer_rate" if peers else "one_peer_rate"]
    p = record(agents=agents, window=rounds.period, **peers)
    assert p == pytest.approx(consensus_rate(rounds), abs=1e-12)
    known = RESIDUALS.get((family.__name__, agents))
    assert known is None or peers.get("peers", 1) > 1 or np.sqrt(1 - p) == pytest.approx(known, abs=5e-11)


@pytest.mark.parametrize("agents", [2, 4, 16, 64])
def test_one_peer_rounds_average_exactly_from_any_phase_on(agents):
    rounds = gossip.one_peer_exponential(agents)
    for phase in range(rounds.period):
        product = np.eye(agents)
        for t in range(phase, phase + rounds.period):
            product = rounds.draw(t, None) @ product
        assert np.abs(product - 1 / agents).max() < 1e-15
    assert BOUNDS["one_peer_noise_gain"](agents=agents) == pytest.approx(noise_gain(rounds), abs=1e-12)
    assert BOUNDS["one_peer_drift_gain"](agents=agents) == pytest.approx(drift_gain(rounds), abs=1e-12)
    assert noise_gain(rounds) <= BOUNDS["every_phase_noise_gain"](agents=agents, window=rounds.period) + 1e-12
    assert drift_gain(rounds) <= BOUNDS["every_phase_drift_gain"](window=rounds.period) + 1e-12


def test_the_static_exponential_graph_of_any_size_has_its_least_gap():
    for agents in [*range(2, 300), 1000, 1023, 1025, 4097]:
        hops = 2 ** np.arange((agents - 1).bit_length())
        row = np.bincount(np.concatenate([[0], hops % agents]), minlength=agents) / (len(hops) + 1)
        gap = 1 - np.abs(np.fft.fft(row))[1:].max()
        least = BOUNDS["exponential_gap_least"](agents=agents)
        assert gap >= least - 1e-12
        assert agents % 2 or gap == pytest.approx(least, abs=1e-12)


ODD = {3: 1.0, 5: 0.75, 7: 0.6464466094, 9: 0.5582133890, 15: 0.5101020514, 17: 0.4523790895, 33: 0.3921999563}


@pytest.mark.parametrize("agents", [*ODD, 2, 4, 6, 10, 64, 100])
def test_the_static_exponential_graph_mixes_faster_at_odd_sizes(agents):
    W = mixing(graphs.exponential(agents), "uniform")
    formula = 2 / (1 + (agents - 1).bit_length())
    assert contraction(W) == pytest.approx(slem(W), abs=1e-12)
    if agents in ODD:
        assert 1 - slem(W) == pytest.approx(ODD[agents], abs=1e-9)
        assert 1 - slem(W) > formula + 0.01
        with pytest.raises(OnemergeError, match="exponential_drift_gain needs"):
            BOUNDS["exponential_drift_gain"](agents=agents)
    else:
        assert 1 - slem(W) == pytest.approx(formula, abs=1e-12)
        assert BOUNDS["exponential_drift_gain"](agents=agents) == pytest.approx(drift_gain(W), abs=1e-10)


# Random gossip


@pytest.mark.parametrize("agents", [2, 3, 8, 16])
def test_epidemic_learning_keeps_what_its_records_say(agents):
    for peers in range(1, agents):
        oracle, local = gossip.epidemic_oracle(agents, peers), gossip.epidemic(agents, peers)
        size = {"agents": agents, "peers": peers}
        assert BOUNDS["epidemic_oracle_rate"](**size) == pytest.approx(consensus_rate(oracle), abs=1e-12)
        about_old = BOUNDS["epidemic_local_kept"](**size)
        assert about_old == pytest.approx(1 - consensus_rate(local) + mean_drift(local), abs=1e-12)


@pytest.mark.parametrize(
    ("agents", "peers", "drift", "about_new"),
    [
        (8, 1, 0.0119118367, 0.5538738687),
        (8, 3, 0.0035844871, 0.1831022693),
        (16, 4, 0.0016936483, 0.1798907937),
        (32, 5, 0.0007277101, 0.1662954339),
    ],
)
def test_the_drift_of_epidemic_learning_is_far_below_its_bound(agents, peers, drift, about_new):
    local = gossip.epidemic(agents, peers)
    assert (mean_drift(local), 1 - consensus_rate(local)) == pytest.approx((drift, about_new), abs=1e-10)
    assert BOUNDS["epidemic_local_drift"](agents=agents, peers=peers) > 4 * drift


def test_the_drift_of_epidemic_learning_is_bounded_at_all_small_sizes():
    ratios = [
        mean_drift(gossip.epidemic(agents, peers)) / BOUNDS["epidemic_local_drift"](agents=agents, peers=peers)
        for agents in range(3, 41) for peers in range(1, agents - 1)
    ]  # fmt: skip
    assert len(ratios) == 741
    assert max(ratios) < 1 / 5


@pytest.mark.parametrize(
    ("record", "graph", "sizes"),
    [
        ("boyd_complete_rate", graphs.complete, (2, 3, 8)),
        ("boyd_ring_rate", graphs.ring, (3, 8, 16)),
        ("boyd_star_rate", graphs.star, (3, 8, 16)),
    ],
)
def test_one_wake_up_contracts_as_its_record_says(record, graph, sizes):
    for agents in sizes:
        rate = consensus_rate(gossip.pairwise_on(graph(agents)))
        assert BOUNDS[record](agents=agents) == pytest.approx(rate, abs=1e-12)


@pytest.mark.parametrize(("agents", "eigenvalue"), [(8, 0.9902540140), (16, 0.9987952978)])
def test_one_wake_up_on_a_path(agents, eigenvalue):
    W = np.eye(agents)
    for i in range(agents):  # E W = I - (1/n) sum over calls of P_ij (e_i - e_j)(e_i - e_j)^T/2
        called = [j for j in (i - 1, i + 1) if 0 <= j < agents]
        for j in called:
            e = np.zeros(agents)
            e[i], e[j] = 1, -1
            W -= np.outer(e, e) / (2 * agents * len(called))
    assert np.linalg.eigvalsh(W)[-2] == pytest.approx(eigenvalue, abs=1e-10)
    assert 1 - consensus_rate(gossip.pairwise_on(graphs.path(agents))) == pytest.approx(eigenvalue, abs=1e-10)


@pytest.mark.parametrize("agents", [2, 4, 8])
def test_random_matchings_keep_a_half(agents):
    rate = consensus_rate(gossip.random_matching(agents, 1.0))
    assert BOUNDS["random_matching_rate"](agents=agents) == pytest.approx(rate, abs=1e-12)


def test_the_averaging_time_is_between_its_bounds():
    """Eight agents who call anyone: the share of runs still off by the accuracy, at both ends, over 4000 runs."""
    agents, accuracy, runs = 8, 0.1, 4000
    values = {"accuracy": accuracy, "mean_eigenvalue": 1 - 1 / (agents - 1)}
    least = int(np.floor(BOUNDS["boyd_averaging_least_sharp"](**values)))
    most = int(np.ceil(BOUNDS["boyd_averaging_most"](**values)))
    generator = np.random.default_rng(0)
    x = np.zeros((runs, agents))
    x[:, 0], x[:, 1] = 1, -1
    off = []
    for _ in range(most):
        off.append((np.linalg.norm(x, axis=1) >= accuracy * np.sqrt(2)).mean())
        one, other = generator.random((runs, agents)).argpartition(2, axis=1)[:, :2].T
        rows = np.arange(runs)
        x[rows, one] = x[rows, other] = (x[rows, one] + x[rows, other]) / 2
    assert off[least] > accuracy + 5 * 0.5 / np.sqrt(runs)
    assert (np.linalg.norm(x, axis=1) >= accuracy * np.sqrt(2)).mean() < accuracy - 5 * 0.5 / np.sqrt(runs)


def averaging_time(agents, start, accuracy):
    """First t with P(|x_t - mean| >= accuracy |x_0|) <= accuracy: every sequence of calls, any agent calling anyone."""
    states = np.array([start])
    for t in range(12):
        if (np.linalg.norm(states, axis=1) >= accuracy * np.linalg.norm(start)).mean() <= accuracy:
            return t
        called = []
        for i in range(agents):
            for j in range(i):
                after = states.copy()
                after[:, i] = after[:, j] = (states[:, i] + states[:, j]) / 2
                called.append(after)
        states = np.concatenate(called)
    raise AssertionError("no average within 12 rounds")


@pytest.mark.parametrize("accuracy", [0.38, 0.3, 0.2, 0.1, 0.05])
def test_the_averaging_time_of_three_agents_is_exact(accuracy):
    """E W has the one eigenvalue 1/2 on deviations, so that every start is along its eigenvector."""
    values = {"accuracy": accuracy, "mean_eigenvalue": 1 / 2}
    exact = averaging_time(3, np.array([2.0, -1.0, -1.0]), accuracy)
    sharp, least, most = (BOUNDS[f"boyd_averaging_{name}"](**values) for name in ("least_sharp", "least", "most"))
    assert least <= sharp * (1 + 1e-12)
    assert sharp <= exact <= most


def test_the_least_averaging_time_as_recalled_is_refused_where_it_is_not_proved():
    with pytest.raises(OnemergeError, match=r"boyd_averaging_least needs accuracy\*\(2 - accuracy\)\*\*2 <= 1"):
        BOUNDS["boyd_averaging_least"](accuracy=0.39, mean_eigenvalue=0.5)


# Optimal weights, Base-(k+1), EquiTopo, MATCHA

WEIGHTS = [  # graph, slem of the fastest weights, of the best constant one, of Metropolis weights
    (graphs.path(8), 0.92388, 0.92388, 0.949253),
    (graphs.ring(8), 0.744521, 0.744521, 0.804738),
    (graphs.grid(3, 3), 0.692551, 0.714286, 0.767423),
    (graphs.grid(4, 4), 0.824389, 0.841983, 0.868641),
    (graphs.star(8), 0.777778, 0.777778, 0.875),
]


@pytest.mark.parametrize(("graph", "fastest", "constant", "plain"), WEIGHTS)
def test_the_best_weights_of_small_graphs(graph, fastest, constant, plain):
    L = nx.laplacian_matrix(graph).toarray().astype(float)
    spectrum = np.linalg.eigvalsh(L)
    ends = {"laplacian_gap": spectrum[1], "laplacian_max": spectrum[-1]}
    W = np.eye(len(L)) - BOUNDS["best_constant_weight"](**ends) * L
    assert BOUNDS["best_constant_slem"](**ends) == pytest.approx(slem(W), abs=1e-12)
    assert slem(W) == pytest.approx(constant, abs=6e-7)
    assert slem(metropolis(graph)) == pytest.approx(plain, abs=6e-7)
    assert slem(fdla(graph)) == pytest.approx(fastest, abs=6e-7)
    for factor in (0.999, 1.001):
        off = np.eye(len(L)) - factor * BOUNDS["best_constant_weight"](**ends) * L
        assert slem(off) > slem(W)


LENGTHS = {  # peers: {agents: rounds of the full graph, of the simple one}
    1: {5: (5, 5), 6: (4, 5), 7: (5, 5), 10: (6, 7), 12: (5, 7), 15: (7, 7), 16: (4, 4), 21: (9, 9), 25: (9, 9),
        33: (11, 11), 50: (10, 11), 100: (11, 13)},
    2: {6: (2, 2), 10: (4, 5), 25: (6, 6), 100: (8, 9)},
    3: {16: (2, 2), 100: (6, 7)},
    4: {100: (3, 3)},
}  # fmt: skip


@pytest.mark.parametrize("peers", LENGTHS)
def test_base_graphs_are_as_short_as_known(peers):
    for agents, (full, simple) in LENGTHS[peers].items():
        assert gossip.base_graph(agents, peers).period == full
        assert gossip.simple_base_graph(agents, peers).period == simple


@pytest.mark.parametrize("peers", [1, 2, 3, 4])
def test_base_graphs_are_exact_within_their_length(peers):
    for agents in range(peers + 1, 65):
        rounds = gossip.base_graph(agents, peers)
        assert rounds.period <= BOUNDS["base_length"](agents=agents, peers=peers) + 1e-12
        product = np.eye(agents)
        for t in range(rounds.period):
            product = rounds.draw(t, None) @ product
        assert np.abs(product - 1 / agents).max() < 1e-14


def test_finite_time_schedules_stay_below_their_gains():
    attained = 0
    for agents, peers in ((3, 1), (5, 1), (6, 1), (7, 2), (12, 1), (25, 1)):
        rounds = gossip.base_graph(agents, peers)
        S = BOUNDS["finite_time_noise_gain"](agents=agents, window=rounds.period)
        R = BOUNDS["finite_time_drift_gain"](window=rounds.period)
        assert noise_gain(rounds) < S
        assert drift_gain(rounds) <= R + 1e-12
        attained += drift_gain(rounds) > rounds.period - 1 + 1e-9
    assert attained >= 1, "the bound for every phase would do"


@pytest.mark.parametrize("agents", [2, 3, 16])
def test_one_peer_equitopo_keeps_what_its_records_say(agents):
    for damping in (0.3, 0.5, 1.0):
        rate = BOUNDS["equidyn_rate"](agents=agents, damping=damping)
        assert rate == pytest.approx(consensus_rate(gossip.od_equidyn(agents, damping)), abs=1e-12)
        assert rate <= BOUNDS["equidyn_best_rate"](agents=agents) + 1e-15
    if agents > 2:  # a damping of at most 1
        best = BOUNDS["equidyn_best_damping"](agents=agents)
        attained = BOUNDS["equidyn_rate"](agents=agents, damping=best)
        assert attained == pytest.approx(BOUNDS["equidyn_best_rate"](agents=agents), rel=1e-13)


def test_static_equitopo_mixes_as_often_as_promised():
    values = {"agents": 64, "accuracy": 0.5, "failure_probability": 0.1}
    shifts = int(np.ceil(BOUNDS["equistatic_shifts"](**values)))
    assert shifts == 77  # the authors' code rounds down, to 76
    drawn = [d_equistatic(64, shifts, seed) for seed in range(60)]
    norms = np.array([contraction(W) for W in drawn])
    assert (norms < 0.5).all()
    squares = [np.linalg.norm(W - 1 / 64, "fro") ** 2 / 63 for W in drawn]
    mean, error = np.mean(squares), np.std(squares, ddof=1) / np.sqrt(len(squares))
    assert abs(mean - (1 - BOUNDS["equistatic_mean_rate"](agents=64, basis=shifts))) < 5 * error


@pytest.mark.parametrize(
    ("activation", "best", "weight", "at_third"),
    [(1.0, 0.554425, 0.436, 0.647603), (0.5, 0.783952, 0.607, 0.846813), (0.25, 0.911053, 0.607, 0.929160)],
)
def test_matcha_on_a_ring_of_eight(activation, best, weight, at_third):
    spectrum = np.linalg.eigvalsh(nx.laplacian_matrix(graphs.ring(8)).toarray().astype(float))
    ends = {"laplacian_gap": spectrum[1], "laplacian_max": spectrum[-1], "activation": activation}
    weights = np.linspace(0.01, 1.2, 1191)
    weights = weights[BOUNDS["matcha_uniform_rate"].inside(edge_weight=weights, **ends)]
    rates = BOUNDS["matcha_uniform_rate"](edge_weight=weights, **ends)
    assert 1 - rates.max() == pytest.approx(best, abs=2e-6)
    assert weights[rates.argmax()] == pytest.approx(weight, abs=2e-3)
    assert 1 - BOUNDS["matcha_uniform_rate"](edge_weight=1 / 3, **ends) == pytest.approx(at_third, abs=6e-7)
    classes = [np.array([(i, (i + 1) % 8) for i in range(first, 8, 2)]) for first in (0, 1)]
    drawn = matching_activation(8, classes, [activation] * 2, 1 / 3)
    assert 1 - consensus_rate(drawn) == pytest.approx(at_third, abs=6e-7)


def test_matcha_with_uneven_activations_stays_above_its_bound():
    classes = [np.array([(i, (i + 1) % 8) for i in range(first, 8, 2)]) for first in (0, 1)]
    generator = np.random.default_rng(2)
    for _ in range(20):
        chances = generator.uniform(0.1, 1, 2)
        mean = sum(
            q * nx.laplacian_matrix(nx.Graph(pairs.tolist()), nodelist=range(8)).toarray()
            for q, pairs in zip(chances, classes, strict=True)
        )
        spectrum = np.linalg.eigvalsh(mean)
        weight = 0.9 * 2 / (2 + spectrum[-1])
        values = {"edge_weight": weight, "laplacian_gap": spectrum[1], "laplacian_max": spectrum[-1]}
        stated = BOUNDS["matcha_rate"](**values)
        assert 0 < stated <= consensus_rate(matching_activation(8, classes, chances, weight)) + 1e-12
