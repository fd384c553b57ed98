"""Probes inside a run: what they record, and that they change nothing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from sim.network import Classification
from sim.optimizer import Optimizer
from sim.probes.named import PROBES, make_probes
from sim.probes.spread import consensus_distance, spread_spectrum
from sim.quadratic import Quadratic
from sim.schedule import silent
from sim.simulate import simulate
from sim.spec import Spec
from theory.errors import OnemergeError

SPECS = {
    "mlp": Spec(Classification(width=4), agents=4, rounds=5, local_steps=2, batch=4, lr=0.5, gossip="ring"),
    "pools": Spec(
        Classification(width=2, sampling="fixed", samples=9, dtype="float64"),
        agents=3, rounds=5, local_steps=2, batch=4, lr=0.01, optimizer="adamw", gossip="random_peers",
    ),
    "quadratic": Spec(Quadratic(dim=3, spread=0.5), agents=3, rounds=5, gossip="one_peer_exponential"),
}  # fmt: skip


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def all_probes(problem, lr):
    """Every probe there is, on the exact losses of the problem."""
    return make_probes(",".join(PROBES), problem, lr=lr, points=3, batches=4)


def go(spec, seeds=(0, 1), **fields):
    problem = spec.build(seeds)
    probes = all_probes(problem, spec.lr) if fields else ()
    return simulate(
        problem, spec.schedule(), spec.local_optimizer(), rounds=spec.rounds, local_steps=spec.local_steps,
        probes=probes, **fields,
    )  # fmt: skip


@pytest.mark.parametrize("name", SPECS)
def test_a_run_with_probes_has_the_bits_of_one_without(name):
    bare, bare_state = go(SPECS[name])
    probed, state = go(SPECS[name], probes_every=2)
    assert torch.equal(state.theta, bare_state.theta)
    for one, other in zip(state.optimizer, bare_state.optimizer, strict=True):
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(other))
    new = set(probed["metric"]) - set(bare["metric"])
    assert {"T2", "U", "h_norm_sq", "sigma_sq", "mergeability", "spread_top", "zeta_sq_at_mean"} <= new
    common = probed[~probed["metric"].isin(new)].reset_index(drop=True)
    pd.testing.assert_frame_equal(common, bare, check_exact=True)
    assert set(probed[probed["metric"] == "T2"]["round"]) == {0, 2, 4, 5}


def test_recorded_values_are_those_of_the_models():
    spec = SPECS["quadratic"]
    table, state = go(spec, probes_every=5)
    problem = spec.build((0, 1))
    for probe in all_probes(problem, spec.lr):
        for name, value in probe(state.theta).items():
            rows = table[(table["round"] == 5) & (table["metric"] == name)]
            np.testing.assert_array_equal(rows["value"], value.flatten(), err_msg=name)


def test_probes_of_each_agent_have_their_mean_recorded():
    spec = replace(SPECS["quadratic"], rounds=2)
    problem = spec.build((0, 1))
    probe = lambda theta: {"size": (theta**2).sum(-1)}  # noqa: E731
    table, state = simulate(problem, spec.schedule(), spec.local_optimizer(), rounds=2, probes=(probe,), probes_every=1)
    expected = (state.theta**2).sum(-1)
    np.testing.assert_array_equal(table[table["metric"] == "size"]["value"], expected.flatten())
    last = table[(table["metric"] == "average_size") & (table["round"] == 2)]["value"]
    np.testing.assert_allclose(last, expected.mean(dim=1), rtol=1e-15)
    assert set(table[table["metric"] == "average_size"]["round"]) == {0, 1, 2}


def test_metrics_of_the_problem_keep_their_values_and_order():
    problem = SPECS["quadratic"].build((0, 1))
    probe = lambda theta: dict.fromkeys(("extra", "merged_norm_sq", "merged_loss"), theta[:, 0, 0])  # noqa: E731
    bare, probed = (
        simulate(problem, silent, Optimizer("sgd", 0.1), rounds=2, probes=(probe,), probes_every=every)[0]
        for every in (0, 1)
    )
    assert (probed["metric"] == "extra").sum() == 6
    pd.testing.assert_frame_equal(probed[probed["metric"] != "extra"].reset_index(drop=True), bare, check_exact=True)


def test_a_quotient_of_nothing_is_no_divergence():
    """At the optimum of all agents no step is taken, and what a step would measure has no row."""
    problem = Quadratic(dim=2, zeta=0.0, sigma=0.0, distance=0.0).build(2, (0, 1))
    table, state = simulate(
        problem, silent, Optimizer("sgd", 0.1), rounds=3, probes=all_probes(problem, 0.1), probes_every=1
    )
    assert (state.diverged == -1).all()
    assert "step_smoothness" not in set(table["metric"])
    assert (table[table["metric"] == "merged_descent"]["value"] == 0).all()
    assert len(table[table["metric"] == "merged_descent"]) == 8


def test_probes_bear_with_a_diverged_replica():
    """Of two replicas one goes to infinity: the other is probed to the end."""
    problem = Quadratic(dim=1, zeta=0.0, sigma=0.0).build(2, (0, 1))
    problem.start[0] = 0.0
    table, state = simulate(
        problem, silent, Optimizer("sgd", 1e30), rounds=12, probes=all_probes(problem, 1e-3), probes_every=1
    )
    assert state.diverged[0] == -1
    assert state.diverged[1] > 0
    spread = table[table["metric"] == "spread_top"]
    assert set(spread[spread["seed"] == 0]["round"]) == set(range(13))
    assert spread[spread["seed"] == 1]["round"].max() < state.diverged[1]
    assert np.isfinite(table["value"]).all()


@pytest.mark.parametrize(("agents", "dim"), [(1, 3), (2, 3), (3, 2), (5, 40)])
def test_the_spectrum_is_that_of_the_full_matrix(agents, dim):
    theta = normal(2, agents, dim)
    found = spread_spectrum(theta)
    assert found.shape == (2, agents)
    for r in range(2):
        Gamma = np.cov(theta[r].numpy(), rowvar=False, bias=True)
        full = np.linalg.eigvalsh(Gamma)[::-1]
        count = min(agents, dim)
        np.testing.assert_allclose(found[r, :count], full[:count], rtol=1e-12, atol=1e-15 * dim)
        np.testing.assert_allclose(found[r, count:], 0.0, atol=1e-15)
    torch.testing.assert_close(found.sum(-1), consensus_distance(theta), rtol=1e-13, atol=1e-15)
    assert found[:, agents - 1 :].abs().max() < 1e-14


@pytest.mark.parametrize("together", [1, 60, 10**9])
def test_large_models_are_taken_in_parts(together):
    """Against a loop; the consensus distance, which runs record, has the same bits in every layout."""
    theta = normal(2, 3, 40)
    found = spread_spectrum(theta, together)
    for r in range(2):
        full = np.linalg.eigvalsh(gram(theta[r]))[::-1]
        np.testing.assert_allclose(found[r], full, rtol=1e-12, atol=1e-14)
        expected = sum(float(((x - theta[r].mean(dim=0)) ** 2).sum()) for x in theta[r]) / 3
        assert float(consensus_distance(theta, together)[r]) == pytest.approx(expected, rel=1e-13)
    assert torch.equal(consensus_distance(theta, together), consensus_distance(theta))


def gram(theta):
    deviations = (theta - theta.mean(dim=0)).numpy()
    return deviations @ deviations.T / len(deviations)


def test_the_spectrum_of_infinite_models_is_none():
    theta = normal(3, 4, 2)
    theta[1, 2, 0] = torch.inf
    found = spread_spectrum(theta)
    assert torch.isnan(found[1]).all()
    assert torch.equal(found[[0, 2]], spread_spectrum(theta[[0, 2]]))


@pytest.mark.parametrize("every", [-1, 1.5])
def test_bad_intervals_are_named(every):
    with pytest.raises(OnemergeError, match=f"probes_every must be a whole number .* not {every}"):
        go(SPECS["quadratic"], probes_every=every)
