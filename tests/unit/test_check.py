from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from paper_repro.check import check_topology, runs
from paper_repro.check.plot import layout
from paper_repro.check.rule import margin, violated
from sim.optimizer import Optimizer
from theory.bounds import BOUNDS
from theory.errors import OnemergeError
from theory.gossip import constant, epidemic, local, one_peer_exponential, periodic, random_matching, random_peers
from theory.graphs import exponential, hypercube, path, ring, star, torus
from theory.mixing import complete_average, metropolis, uniform
from theory.spectrum import drift_gain, noise_gain, slem

SMALL = {"steps": 20, "runs": 8}
GAINS = {  # gossip, S, R
    "ring 8": (metropolis(ring(8)), 0.5111607143, 4.1213203436),
    "ring 16": (metropolis(ring(16)), 1.4720752025, 18.7056067768),
    "ring 64": (metropolis(ring(64)), 7.4427783269, 310.5087966739),
    "path 16": (metropolis(path(16)), 3.4486377019, 77.0651516899),
    "star 16": (metropolis(star(16)), 6.3508064516, 15),
    "torus 5x5": (metropolis(torus(5, 5)), 0.2690909091, 2.6180339887),
    "torus 8x8": (metropolis(torus(8, 8)), 0.4399992482, 7.5355339059),
    "hypercube 16": (metropolis(hypercube(16)), 0.2018229167, 1.5),
    "exponential 16": (uniform(exponential(16)), 0.1813551310, 1.5),
    "exponential 64": (uniform(exponential(64)), 0.1754981441, 2.5),
    "one peer 16": (one_peer_exponential(16), 0.6875, 3),
    "one peer 64": (one_peer_exponential(64), 0.890625, 5),
    "ring and averages": (periodic([metropolis(ring(16))] * 5 + [complete_average(16)]), 0.7691609934, 4.2883795996),
    "local and averages": (periodic([np.eye(16)] * 5 + [complete_average(16)]), 4.6875, 5),
    "average": (complete_average(5), 0, 0),
    "one agent": (np.eye(1), 0, 0),
    "silence": (local(4), np.inf, np.inf),
    "a mean that drifts": (uniform(star(5)), np.inf, np.inf),
    "a random mean that drifts": (random_peers(16, 0.2), np.inf, np.inf),
}


def directed(agents, seed):
    """A doubly stochastic matrix, not normal for 4 agents and more: identity, cycle and random permutations."""
    generator = np.random.default_rng(seed)
    permuted = [np.eye(agents)[generator.permutation(agents)] for _ in range(2)]
    return (np.eye(agents) + np.roll(np.eye(agents), 1, axis=1) + sum(permuted)) / 4


@pytest.mark.parametrize("name", GAINS)
def test_known_gains(name):
    gossip, S, R = GAINS[name]
    assert noise_gain(gossip) == pytest.approx(S, abs=1e-9)
    assert drift_gain(gossip) == pytest.approx(R, abs=1e-9)


@pytest.mark.parametrize(("agents", "seed"), [(2, 0), (3, 1), (7, 2), (12, 3)])
def test_gains_of_a_directed_matrix_by_lyapunov_and_by_powers(agents, seed):
    W = directed(agents, seed)
    A = W - complete_average(agents)
    Y = np.linalg.solve(np.eye(agents**2) - np.kron(A, A), (A @ A.T).ravel()).reshape(agents, agents)
    assert noise_gain(W) == pytest.approx(np.trace(Y) / agents, rel=1e-10, abs=1e-14)
    powers, total = np.eye(agents), 0.0
    for _ in range(3000):
        powers = powers @ A
        total += np.linalg.norm(powers, 2)
    assert drift_gain(W) == pytest.approx(total, rel=1e-10, abs=1e-14)
    assert drift_gain(W) >= slem(W) / (1 - slem(W)) - 1e-12


def test_gains_of_a_normal_matrix_by_the_sum_over_its_powers():
    W = metropolis(ring(8))
    twice = periodic([W, W])  # a period of 2 goes the slow way
    assert noise_gain(twice) == pytest.approx(noise_gain(W), rel=1e-12)
    assert drift_gain(twice) == pytest.approx(drift_gain(W), rel=1e-12)


def test_gains_of_random_matchings_by_simulation():
    gossip = random_matching(6, 0.8)
    generator = np.random.default_rng(0)
    sums = []
    for _ in range(1500):
        product, total = np.eye(6), 0.0
        for _ in range(40):
            product = product @ (gossip.draw(0, generator) - 1 / 6)
            total += (product**2).sum() / 6
        sums.append(total)
    z = (np.mean(sums) - noise_gain(gossip)) / (np.std(sums, ddof=1) / len(sums) ** 0.5)
    assert abs(z) < 5, f"simulated {np.mean(sums):.4f}, theory {noise_gain(gossip):.4f}, z = {z:.1f}"
    kept = 1 - 0.8 * 6 / (2 * 5)
    assert drift_gain(gossip) == pytest.approx(kept**0.5 / (1 - kept**0.5))


def test_gains_refuse_what_would_take_forever():
    W = 1e-7 * directed(5, 0) + (1 - 1e-7) * np.eye(5)
    with pytest.raises(OnemergeError, match="not normal need 1e-06"):
        drift_gain(W)


def test_the_rule_counts_standard_errors():
    noise = np.random.default_rng(0).standard_normal((64, 1000))
    noise = (noise - noise.mean(axis=0)) / noise.std(axis=0, ddof=1) * 8  # a standard error of 1, a mean of 0
    for shift, expected in ((margin(64) + 0.01, True), (margin(64) - 0.01, False), (-100.0, False)):
        assert (violated("upper", noise + shift, 0.0) == expected).all()
        assert (violated("lower", -noise - shift, 0.0) == expected).all()
    assert violated("equal", noise + 9, 0.0).all()
    assert violated("equal", noise - 9, 0.0).all()
    assert not violated("equal", noise, 0.0).any()
    assert not violated("upper", noise + 9, 0.0, rounding=4).any()
    assert violated("upper", np.ones(4), 1 - 1e-9)
    assert not violated("upper", np.ones(4), 1 - 1e-9, rounding=1e-8)


def test_the_margin_is_five_sigmas_for_many_runs():
    assert margin(10**6) == pytest.approx(5, abs=1e-3)
    assert 5.5 < margin(64) < 5.6
    assert margin(8) > 15


def rows(record):
    return {row["bound"]: row for row in record["bounds"]}


@pytest.mark.parametrize(
    "name", ["lemma_d1", "corollary_d2", "lemma_d1_sharp", "corollary_d2_sharp", "descent_r1", "master_nonconvex"]
)
def test_a_broken_constant_is_found(name, monkeypatch):
    options = {"agents": 8, "steps": 100, "runs": 32}
    sound = check_topology("ring", **options)
    assert rows(sound)[name]["verdict"] == "holds"
    assert sound["contradictions"] == []
    scale = 0.8 if name == "descent_r1" else 1e-3
    monkeypatch.setitem(BOUNDS, name, replace(BOUNDS[name], formula=scale * BOUNDS[name].formula))
    broken = check_topology("ring", **options)
    assert rows(broken)[name]["verdict"] == "violated"
    assert broken["contradictions"] == [name]


def test_a_theorem_for_one_loss_is_violated_by_different_hessians():
    record = check_topology("ring", agents=16, spread=0.9, sigma=0.0, distance=0.0, steps=200, runs=2)
    rate = rows(record)["rate_d12"]
    assert rate["verdict"] == "violated"
    unmet = [a for a in rate["assumptions"] if not a["met"]]
    assert [(a["assumption"], a["in_source"]) for a in unmet] == [("homogeneous", False)]
    assert "spread = 0.9" in unmet[0]["departure"]
    assert record["contradictions"] == []
    assert rows(record)["descent_r1"]["verdict"] == "holds"
    assert record["run"]["zeta"] > 0


def test_equality_in_the_descent_lemma_is_no_violation():
    for sigma in (0.0, 1.0):
        record = check_topology("ring", agents=6, mu=1.0, sigma=sigma, lr=0.05, steps=60, runs=32)
        assert rows(record)["descent_r1"]["ratio"] == pytest.approx(1, abs=0.05)
        assert record["contradictions"] == []


def test_exact_averages_leave_rounding_only():
    record = check_topology("complete", agents=10, **SMALL)
    assert record["spectrum"]["p"] == 1
    assert rows(record)["corollary_d2"]["note"] == "equal up to rounding"
    assert record["moments"]["note"] == "equal up to rounding"
    assert record["contradictions"] == []


def test_measured_and_exact_moments_agree():
    for topology in (metropolis(ring(5)), directed(5, 1), one_peer_exponential(5), uniform(star(5))):
        record = check_topology(topology, spread=0.4, runs=64, steps=30)
        assert record["moments"]["verdict"] == "agrees"
        assert abs(record["moments"]["z"]) < 5


def test_a_wrong_simulator_differs_from_the_moments(monkeypatch):
    monkeypatch.setattr(runs, "Optimizer", lambda name, lr: Optimizer(name, 1.3 * lr))
    record = check_topology("ring", agents=6, steps=60, runs=64)
    assert record["moments"]["verdict"] == "differs"
    assert "moments" in record["contradictions"]


def test_row_stochastic_gossip_fails_assumption_one():
    record = check_topology("random_peers", agents=8, peers=0.5, **SMALL)
    q = 1 - 0.5 * 8 / 14
    assert record["spectrum"]["mean_drift"] == pytest.approx(q * (1 - q) / 8)
    assert record["spectrum"]["noise_gain"] == np.inf
    lemma = rows(record)["lemma_d1"]
    assert [a["assumption"] for a in lemma["assumptions"] if not a["met"]] == ["A1"]
    assert rows(record)["master_consensus"]["verdict"] == "not applicable"
    assert "noise_gain is infinite" in rows(record)["master_consensus"]["note"]
    assert record["moments"]["verdict"] == "agrees"


def test_the_bound_on_gossip_whose_agents_are_alike_speaks_about_random_peers():
    alike = [random_peers(8, 0.5), random_matching(8, 0.5), epidemic(7, 2), complete_average(5)]
    apart = [one_peer_exponential(8), metropolis(star(5)), metropolis(ring(6))]
    for gossip, met in [*((g, True) for g in alike), *((g, False) for g in apart)]:
        row = rows(check_topology(gossip, lr=0.002, **SMALL))["exchangeable_nonconvex"]
        assumed = {a["assumption"]: a["met"] for a in row["assumptions"]}
        assert assumed["exchangeable"] == met
        assert row["verdict"] in ("holds", "not applicable")
        assert (row["verdict"] == "holds") or not met


def test_a_round_that_does_not_contract_is_outside_the_one_step_bounds():
    record = check_topology("one_peer_exponential", agents=8, **SMALL)
    assert (record["spectrum"]["p"], record["spectrum"]["p_of_period"]) == (0, 1)
    assert rows(record)["lemma_d1"]["verdict"] == "not applicable"
    assert "p in (0, 1], here 0" in rows(record)["lemma_d1"]["note"]
    assert rows(record)["master_consensus"]["verdict"] == "holds"


def test_regions_are_named_with_their_numbers():
    record = check_topology("ring", agents=16, lr=1.5, **SMALL)
    assert "L_local*drift_gain*lr < 1, here" in rows(record)["master_consensus"]["note"]
    assert rows(record)["rate_d12"]["verdict"] == "holds"


def test_a_diverged_run_says_so(tmp_path):
    record = check_topology("ring", agents=4, lr=1e4, steps=100, runs=4)
    assert 0 < record["run"]["diverged_at"] < 100
    assert {row["verdict"] for row in record["bounds"]} == {"diverged", "not applicable"}
    assert rows(record)["lemma_d1"]["note"] == f"diverged at step {record['run']['diverged_at']}"
    assert record["curve"] is None
    told = []
    check_topology("ring", agents=4, lr=1e4, steps=100, runs=4, plot=tmp_path / "never.png", tell=told.append)
    assert told == [f"The run diverged at step {record['run']['diverged_at']}: {tmp_path / 'never.png'} is not drawn."]
    assert list(tmp_path.iterdir()) == []


def test_one_agent_and_two():
    for agents in (1, 2, 3):
        record = check_topology("ring", agents=agents, zeta=0.0, **SMALL)
        assert record["contradictions"] == []
        assert (record["spectrum"]["closed_form"] is None) == (agents < 3)
    with pytest.raises(OnemergeError, match="one agent has no heterogeneity"):
        check_topology("ring", agents=1, **SMALL)


@pytest.mark.parametrize(
    ("name", "parameters", "weights", "bound"),
    [
        ("ring", {"agents": 9}, "uniform", "ring_gap"),
        ("path", {"agents": 6}, "max_degree", "path_gap"),
        ("torus", {"rows": 3, "cols": 5}, None, "torus_gap"),
        ("hypercube", {"agents": 8}, None, "hypercube_gap"),
        ("star", {"agents": 7}, None, "star_gap"),
        ("complete", {"agents": 4}, None, "complete_gap"),
        ("exponential", {"agents": 12}, None, "exponential_gap"),
        ("exponential", {"agents": 7}, None, None),
        ("torus", {"rows": 2, "cols": 5}, None, None),
        ("ring", {"agents": 9}, "lazy_metropolis", None),
        ("star", {"agents": 7}, "uniform", None),
    ],
)
def test_closed_forms_stand_beside_the_numbers(name, parameters, weights, bound):
    closed = check_topology(name, weights=weights, **parameters, **SMALL)["spectrum"]["closed_form"]
    assert (closed["bound"] if closed else None) == bound
    if closed:
        assert closed["one_minus_slem"] == pytest.approx(closed["numeric_one_minus_slem"], abs=1e-12)
        assert closed["p"] == pytest.approx(closed["numeric_p"], abs=1e-12)


def test_a_graph_a_matrix_and_a_gossip_are_one():
    graph = check_topology(ring(6), **SMALL)
    matrix = check_topology(metropolis(ring(6)), **SMALL)
    gossip = check_topology(constant(metropolis(ring(6))), **SMALL)
    for other in (matrix, gossip):
        assert other["bounds"] == graph["bounds"]
        assert other["curve"] == graph["curve"]
    with pytest.raises(OnemergeError, match="agents are parameters of a named topology"):
        check_topology(ring(6), agents=6)
    with pytest.raises(OnemergeError, match="never brings its agents together"):
        check_topology(local(4), **SMALL)
    with pytest.raises(OnemergeError, match="gossip has 5000 agents"):
        check_topology(replace(local(4), agents=5000), **SMALL)
    with pytest.raises(OnemergeError, match="is a matrix and has its weights"):
        check_topology(np.eye(1), weights="uniform")


def test_runs_in_several_stacks_are_the_same_runs(monkeypatch):
    whole = check_topology("random_matching", agents=6, peers=0.5, **SMALL)
    monkeypatch.setattr(runs, "CHUNK", 3 * 36)
    told = []
    parts = check_topology("random_matching", agents=6, peers=0.5, bar=lambda *at: told.append(at), **SMALL)
    assert parts["bounds"] == whole["bounds"]
    assert told == [(done, 60) for done in range(1, 61)]


def test_layouts_keep_agents_apart():
    for graph in (nx.star_graph(11), nx.complete_graph(12), nx.random_geometric_graph(40, 0.3, seed=2)):
        spots = np.array(list(layout(graph).values()))
        distance = np.linalg.norm(spots[:, None] - spots, axis=-1) + 9 * np.eye(len(spots))
        wide = 1.05 * np.clip(280 / len(spots), 1.5, 9.2) / 56
        assert distance.min() > wide * 0.95


def test_files_of_every_kind(tmp_path):
    W = metropolis(ring(6))
    (tmp_path / "a.edgelist").write_text("0 1\n1 2\n2 3\n3 4\n4 5\n5 0\n")
    nx.write_graphml(nx.cycle_graph(6), tmp_path / "a.graphml")
    np.save(tmp_path / "a.npy", W)
    np.savetxt(tmp_path / "a.csv", W, delimiter=",", fmt="%.17g")
    records = [check_topology(Path(tmp_path / f"a.{kind}"), **SMALL) for kind in ("edgelist", "graphml", "npy", "csv")]
    for record in records:
        assert record["spectrum"]["slem"] == pytest.approx(2 / 3)
        assert record["bounds"] == records[0]["bounds"]


def test_theorem_1_is_violated_by_different_hessians_and_says_why():
    """Without noise, started at equal models: the paper's rate with U = 0 needs agents that share one loss."""
    record = check_topology("ring", agents=16, sigma=0.0, zeta=5.0, spread=0.9, lr=0.2, runs=2)
    rate = next(row for row in record["bounds"] if row["bound"] == "rate_d12")
    assert rate["verdict"] == "violated"
    assert [a["assumption"] for a in rate["assumptions"] if not a["met"]] == ["homogeneous"]
    assert record["contradictions"] == []


# Sequences of matrices


def halves(agents):
    """The matrices of one period of the one-peer exponential graph."""
    gossip = one_peer_exponential(agents)
    return [gossip.draw(t, None) for t in range(gossip.period)]


def test_a_sequence_of_matrices_is_the_gossip_of_its_rounds():
    named = check_topology("one_peer_exponential", agents=8, **SMALL)
    own = check_topology(halves(8), **SMALL)
    assert own["topology"]["kind"] == "periodic"
    assert own["topology"]["period"] == 3
    for part in ("spectrum", "moments", "curve"):
        assert own[part] == named[part]
    assert check_topology(np.array(halves(8)), **SMALL)["bounds"] == own["bounds"]


def test_sequences_of_files_are_read_in_their_natural_order(tmp_path):
    matrices = halves(8) * 4  # 12 files: W2 comes before W10
    shifted = [np.eye(8)[np.roll(np.arange(8), t)] @ W for t, W in enumerate(matrices)]  # no two rounds alike
    np.save(tmp_path / "all.npy", np.array(shifted))
    np.savez(tmp_path / "all.npz", **{f"W{t}": W for t, W in enumerate(shifted)})
    (tmp_path / "folder").mkdir()
    for t, W in enumerate(shifted):
        np.savetxt(tmp_path / "folder" / f"W{t}.csv", W, delimiter=",", fmt="%.17g")
    expected = check_topology(shifted, **SMALL)
    assert expected["topology"]["period"] == 12
    for name in ("all.npy", "all.npz", "folder"):
        found = check_topology(tmp_path / name, **SMALL)
        assert (found["spectrum"], found["curve"]) == (expected["spectrum"], expected["curve"])
    assert check_topology(shifted[::-1], **SMALL)["curve"] != expected["curve"]


@pytest.mark.parametrize(
    ("matrices", "message"),
    [
        ([np.eye(3), np.full((3, 3), 0.5)], "round 1: row 0 sums to 1.5"),
        ([np.eye(3), np.array([[1.5, -0.5, 0], [0, 1, 0], [0, 0, 1]])], "round 1: weight \\[0, 1\\] is -0.5"),
        ([np.eye(3), np.eye(4)], "matrix 1 has 4 agents and matrix 0 has 3"),
        ([np.eye(3), np.eye(3)], "never brings its agents together"),
        (np.zeros((0, 3, 3)), "no matrices"),
        (np.zeros((2, 3, 4)), "shape \\(3, 4\\)"),
    ],
)
def test_bad_sequences_are_refused(matrices, message):
    with pytest.raises(OnemergeError, match=message):
        check_topology(matrices, **SMALL)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("broken.npz", b"PK no archive", "is not a set of arrays as numpy writes it"),
        ("broken.npy", b"no array", "is not an array of numbers as numpy.save writes it"),
        ("empty", None, "has no file of a matrix"),
    ],
)
def test_bad_files_of_sequences_are_refused(name, content, message, tmp_path):
    if content is None:
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(OnemergeError, match=message):
        check_topology(tmp_path / name, **SMALL)


# What the bounds of the literature are given


def met(row):
    return all(a["met"] for a in row["assumptions"])


def test_the_bounds_on_one_loss_are_met_where_all_agents_share_it():
    record = check_topology("ring", agents=8, zeta=0.0, **SMALL)
    found = rows(record)
    for name in ("wang_joshi_dsgd", "wang_joshi_periodic", "le_bars_convex", "master_convex", "master_strongly_convex"):
        assert met(found[name]), name
    assert found["wang_joshi_dsgd"]["verdict"] == "holds"
    assert not met(rows(check_topology("ring", agents=8, **SMALL))["wang_joshi_dsgd"])


def test_local_steps_and_exact_averages_are_told_from_other_schedules():
    periodic_average = rows(check_topology("local_steps_on", graph="complete", agents=6, rounds=4, zeta=0.0, **SMALL))
    assert met(periodic_average["wang_joshi_local"])
    some = rows(check_topology("local_steps_on", graph="ring", agents=6, rounds=4, zeta=0.0, **SMALL))
    assert met(some["wang_joshi_periodic"])
    assert not met(some["wang_joshi_local"])
    other = rows(check_topology("global_every_on", graph="ring", agents=6, rounds=4, zeta=0.0, **SMALL))
    assert not met(other["wang_joshi_periodic"])
    assert met(rows(check_topology("complete", agents=6, **SMALL))["ghadimi_lan"])


def test_the_neighborhood_heterogeneity_is_the_one_of_the_data():
    """Against its definition by drawn noise: (1/m) E|(W - J)(G + noise)|_F²."""
    from paper_repro.check.compare import neighborhood
    from paper_repro.check.subject import subject_of
    from sim.quadratic import Quadratic

    subject = subject_of("ring", agents=7)
    problem = Quadratic(dim=4, zeta=2.0).build(7, (0,))
    noisy, noiseless = neighborhood(subject, problem, 1.5)
    gradients = -(problem.curvature * problem.optima[0]).numpy()
    left = subject.matrices[0] - 1 / 7
    noise = np.random.default_rng(0).normal(scale=1.5 / 2, size=(20_000, 7, 4))
    sample = ((left @ (gradients + noise)) ** 2).sum(axis=(1, 2)) / 7
    assert noiseless**2 == pytest.approx(((left @ gradients) ** 2).sum() / 7, rel=1e-12)
    z = (sample.mean() - noisy**2) / (sample.std(ddof=1) / len(sample) ** 0.5)
    assert abs(z) < 5


def test_the_order_decides_what_is_compared():
    combine = check_topology("ring", agents=8, order="combine_then_adapt", **SMALL)
    adapt = check_topology("ring", agents=8, **SMALL)
    assert combine["run"]["consensus_distance"] > adapt["run"]["consensus_distance"]
    assert {"lian_nonconvex", "master_consensus_cta"} <= set(rows(combine))
    assert "master_consensus" not in rows(combine)
    assert "lian_nonconvex" not in rows(adapt)
    assert combine["moments"]["verdict"] == adapt["moments"]["verdict"] == "agrees"
    assert combine["contradictions"] == []
    assert rows(combine)["lian_nonconvex"]["verdict"] in ("holds", "not applicable")


def test_exact_averages_before_the_step_are_not_parallel_sgd():
    for order, met in (("adapt_then_combine", True), ("combine_then_adapt", False)):
        row = rows(check_topology("complete", agents=4, order=order, **SMALL))["rate_parallel_sgd"]
        assert {a["assumption"]: a["met"] for a in row["assumptions"]}["parallel"] == met


@pytest.mark.parametrize("weights", ["best_constant", "fdla", "fmmc"])
def test_optimal_weights_are_checked_though_some_are_negative(weights):
    record = check_topology("star", agents=8, weights=weights, **SMALL)
    negative = record["matrix"]["most_negative"] < 0
    assert negative == (weights != "fmmc")
    lemma = rows(record)["lemma_d1"]
    assert [a["assumption"] for a in lemma["assumptions"] if not a["met"]] == ["A1"] * negative
    assert record["moments"]["verdict"] == "agrees"
