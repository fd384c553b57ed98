from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from sim.network import Classification
from sim.optimizer import Optimizer
from sim.quadratic import Quadratic
from sim.run import run
from sim.schedule import always, silent
from sim.simulate import COLUMNS, simulate
from sim.spec import Spec
from theory.errors import OnemergeError

NETWORK = Spec(Classification(width=4), agents=4, rounds=5, local_steps=2, batch=4, lr=0.5, gossip="ring")
QUADRATIC = Spec(Quadratic(dim=3), agents=3, rounds=5, local_steps=2, gossip="one_peer_exponential")
PER_AGENT = {f"{who}_{what}" for who in ("global", "local") for what in ("accuracy", "loss")}
MERGED = {"merged_accuracy", "merged_loss"}
ALWAYS = {"consensus_distance", "messages", "bytes"}
GRADIENTS = {"gradient_norm_sq", "local_gradient_norm_sq"}


class Quartic:
    """L_k(θ) = ¼ θ⁴, exact gradients; the replica with seed s starts at s/10. One agent in one dimension."""

    agents, dim, dtype, device = 1, 1, torch.float64, torch.device("cpu")

    def __init__(self, *seeds):
        self.seeds = seeds

    def init(self):
        return torch.tensor(self.seeds, dtype=self.dtype)[:, None, None] / 10

    def batches(self, round, steps):
        return ((torch.zeros(len(self.seeds)),) for _ in range(steps))

    def loss(self, theta, batch):
        return theta.sum() ** 4 / 4

    def measure(self, theta):
        return {"merged_loss": theta.mean(dim=(1, 2)) ** 4 / 4, "own_loss": theta.mean(dim=2) ** 4 / 4}


def metrics_at(table, done):
    return set(table[table["round"] == done]["metric"])


@pytest.mark.parametrize("spec", [NETWORK, QUADRATIC], ids=["network", "quadratic"])
def test_table_is_tidy(spec):
    table = run(spec, (4, 1))
    assert tuple(table.columns) == COLUMNS
    assert table.dtypes.astype(str).to_dict() == {
        "seed": "int64",
        "round": "int64",
        "step": "int64",
        "metric": "str",
        "agent": "Int64",
        "value": "float64",
    }
    assert table["value"].notna().all()
    assert not table.duplicated(["seed", "round", "metric", "agent"]).any()
    assert (table["step"] == table["round"] * spec.local_steps).all()
    assert sorted(table["seed"].unique()) == [1, 4]
    assert list(table["round"].unique()) == list(range(6))
    pd.testing.assert_frame_equal(table, table.sort_values(["seed", "round"], kind="stable", ignore_index=True))


def test_per_agent_rows_of_the_last_round():
    table = run(NETWORK, (0, 1))
    whole = {*ALWAYS, *MERGED, *(f"average_{name}" for name in PER_AGENT)}
    for done in range(5):
        assert metrics_at(table, done) == whole
    assert metrics_at(table, 5) == whole | PER_AGENT
    agents = table[table["agent"].notna()]
    assert set(agents["round"]) == {5}
    assert set(agents["metric"]) == PER_AGENT
    for (seed, metric), rows in agents.groupby(["seed", "metric"]):
        assert rows["agent"].tolist() == [0, 1, 2, 3]
        chosen = (table["seed"] == seed) & (table["round"] == 5) & (table["metric"] == f"average_{metric}")
        assert table[chosen]["value"].item() == pytest.approx(rows["value"].mean(), rel=1e-12)
        assert "accuracy" in metric or len(set(rows["value"])) == 4


def test_values_are_those_of_the_final_models():
    problem = NETWORK.build((0, 1))
    table, state = simulate(problem, NETWORK.schedule(), NETWORK.local_optimizer(), rounds=3, local_steps=2)
    assert state.round == 3
    for name, value in problem.measure(state.theta).items():
        rows = table[(table["round"] == 3) & (table["metric"] == name)]
        np.testing.assert_array_equal(rows["value"], value.double().flatten())


@pytest.mark.parametrize(
    ("fields", "measured", "gradients"),
    [
        ({"measure_every": 2}, {0, 2, 4, 5}, set()),
        ({"measure_every": 5}, {0, 5}, set()),
        ({"measure_every": 9}, {0, 5}, set()),
        ({"gradients_every": 1}, set(range(6)), set(range(6))),
        ({"gradients_every": 3}, set(range(6)), {0, 3, 5}),
        ({"measure_every": 2, "gradients_every": 3}, {0, 2, 4, 5}, {0, 3, 5}),
    ],
)
def test_rounds_that_are_measured(fields, measured, gradients):
    dense = run(replace(QUADRATIC, gradients_every=1), (0,))
    table = run(replace(QUADRATIC, **fields), (0,))
    assert set(table[table["metric"] == "consensus_distance"]["round"]) == measured
    assert set(table[table["metric"] == "gradient_norm_sq"]["round"]) == gradients
    assert set(table["metric"]) == ALWAYS | {"merged_loss", "merged_norm_sq"} | (GRADIENTS if gradients else set())
    both = table.merge(dense, on=["seed", "round", "step", "metric"], suffixes=("", "_dense"))
    assert len(both) == len(table)
    assert (both["value"] == both["value_dense"]).all()


def test_on_round_sees_every_round():
    seen = []
    run(QUADRATIC, (0,), on_round=lambda state: seen.append(state.round))
    assert seen == [1, 2, 3, 4, 5]


def test_final_merge_ends_in_consensus():
    last = run(replace(NETWORK, final_merge=True), (0,)).query("round == 5").set_index("metric")["value"]
    assert last["consensus_distance"] < 1e-10
    assert last["average_global_loss"] == pytest.approx(last["merged_loss"], rel=1e-5)
    assert run(NETWORK, (0,)).query("round == 5 and metric == 'consensus_distance'")["value"].item() > 1e-3


def test_divergence_is_told_with_its_step():
    """θ ← (1 − ηh)θ with ηh = 10³⁰ + 1: |θ_t| = 10^(30t), so ½θ² overflows 1.8·10³⁰⁸ at t = 6 and not at t = 5."""
    problem = Quadratic(dim=1, zeta=0.0, sigma=0.0).build(2, (0, 1))
    table, state = simulate(problem, silent, Optimizer("sgd", 1e30), rounds=50, local_steps=4, execution="vmap")
    for seed in (0, 1):
        rows = table[table["seed"] == seed]
        assert rows.iloc[-1][["round", "step", "metric", "value"]].tolist() == [1, 6, "diverged", 6.0]
        assert rows.iloc[-1]["agent"] is pd.NA
        assert set(rows["round"]) == {0, 1}
        assert rows.query("round == 1 and metric == 'merged_norm_sq'")["value"].item() == pytest.approx(1e240)
    assert state.diverged.tolist() == [6, 6]
    assert state.round == 2  # nothing is computed after all replicas have diverged
    assert np.isfinite(table["value"]).all()


@pytest.mark.parametrize(("local_steps", "step", "done"), [(1, 6, 6), (2, 6, 3), (3, 6, 2), (5, 6, 1), (7, 6, 0)])
def test_divergence_in_other_rounds(local_steps, step, done):
    problem = Quadratic(dim=1, zeta=0.0, sigma=0.0).build(1, (0,))
    rates = Optimizer("sgd", 1e30)
    table, _ = simulate(problem, silent, rates, rounds=9, local_steps=local_steps, execution="vmap")
    row = table[table["metric"] == "diverged"]
    assert row[["round", "step", "value"]].to_numpy().tolist() == [[done, step, step]]


@pytest.mark.parametrize(("local_steps", "step"), [(1, 6), (4, 8), (7, 7)])
def test_divergence_without_losses_is_told_with_its_round(local_steps, step):
    """In closed form no loss is computed: the round's last models or metrics tell, at its end."""
    problem = Quadratic(dim=1, zeta=0.0, sigma=0.0).build(1, (0,))
    table, _ = simulate(problem, silent, Optimizer("sgd", 1e30), rounds=9, local_steps=local_steps)
    row = table[table["metric"] == "diverged"]
    assert row[["round", "step", "value"]].to_numpy().tolist() == [[step // local_steps, step, step]]


def test_a_metric_that_is_not_finite_is_a_divergence_too():
    """At the end of the last round θ = 10¹⁸⁰ is finite and ½θ² is not: the run has not ended well."""
    problem = Quadratic(dim=1, zeta=0.0, sigma=0.0).build(1, (0,))
    table, _ = simulate(problem, silent, Optimizer("sgd", 1e30), rounds=2, local_steps=3)
    assert table[table["metric"] == "diverged"][["round", "step", "value"]].to_numpy().tolist() == [[2, 6, 6]]
    assert set(table["round"]) == {0, 1, 2}
    assert np.isfinite(table["value"]).all()


def test_other_seeds_do_not_notice_a_divergence():
    """θ ← θ − ½θ³ goes to zero from 0.3 and 1.2 and to infinity from 9."""
    go = lambda *seeds: simulate(  # noqa: E731
        Quartic(*seeds), always(np.ones((1, 1))), Optimizer("sgd", 0.5), rounds=20, local_steps=2
    )[0]
    together = go(3, 90, 12)
    assert together[together["metric"] == "diverged"]["seed"].tolist() == [90]
    assert together["value"].notna().all()
    for seed in (3, 12, 90):
        alone = go(seed)
        pd.testing.assert_frame_equal(
            together[together["seed"] == seed].reset_index(drop=True), alone, check_exact=True
        )
    assert set(go(3)["round"]) == set(range(21))
    assert go(90)["round"].max() < 20


def test_a_network_diverges_without_nan():
    table = run(replace(NETWORK, lr=1e30, rounds=8), (0, 1))
    assert table[table["metric"] == "diverged"]["seed"].tolist() == [0, 1]
    assert np.isfinite(table["value"]).all()


@pytest.mark.parametrize(
    "spec",
    [
        replace(QUADRATIC, gossip="random_peers"),
        replace(
            NETWORK, problem=Classification(width=4, dtype="float64"), gossip="random_peers", optimizer="adamw", lr=0.01
        ),
        replace(NETWORK, problem=Classification(width=2, dtype="float64", model="cnn", sampling="fixed", samples=9)),
    ],
    ids=["quadratic", "mlp", "cnn"],
)
def test_seeds_together_equal_seeds_one_by_one(spec):
    """Draws are exact (see the tests of the problems); products of stacked matrices may differ in the last bits."""
    together = run(replace(spec, gradients_every=2), (0, 1, 2))
    alone = pd.concat([run(replace(spec, gradients_every=2), (seed,)) for seed in (0, 1, 2)], ignore_index=True)
    pd.testing.assert_frame_equal(together, alone, check_exact=False, rtol=1e-9, atol=1e-14)
    assert together.query("seed == 0")["value"].tolist() != together.query("seed == 1")["value"].tolist()


def test_orders_of_a_spec_differ():
    one, other = (
        run(replace(QUADRATIC, order=order, local_steps=1), (0,)).query("round == 1").set_index("metric")["value"]
        for order in ("adapt_then_combine", "combine_then_adapt")
    )
    assert one["merged_loss"] == pytest.approx(other["merged_loss"], rel=1e-12)
    assert one["consensus_distance"] < 0.9 * other["consensus_distance"]


def test_runs_leave_the_global_generators_alone():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = run(NETWORK, (0,))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    pd.testing.assert_frame_equal(run(NETWORK, (0,)), first, check_exact=True)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"rounds": 0}, "rounds .*not 0"),
        ({"rounds": 2.5}, r"rounds .*not 2\.5"),
        ({"local_steps": 0}, "local_steps .*not 0"),
        ({"measure_every": 0}, "measure_every .*not 0"),
        ({"gradients_every": -1}, "gradients_every .*not -1"),
        ({"gradients_every": 1.5}, r"gradients_every .*not 1\.5"),
        ({"order": "mix"}, "'mix'; valid: adapt_then_combine, combine_then_adapt"),
    ],
)
def test_bad_arguments_are_named(fields, named):
    with pytest.raises(OnemergeError, match=named):
        simulate(Quartic(1), silent, Optimizer("sgd", 0.1), **({"rounds": 1} | fields))


@pytest.mark.parametrize(
    ("seeds", "device", "named"),
    [
        ((), "cpu", r"not \(\)"),
        ((1, 1), "cpu", r"not \(1, 1\)"),
        ((-1,), "cpu", r"not \(-1,\)"),
        ((0.5,), "cpu", r"not \(0\.5,\)"),
        ((0,), "tpu", "'tpu' is not available here; valid: cpu"),
    ],
)
def test_bad_seeds_and_devices_are_named(seeds, device, named):
    with pytest.raises(OnemergeError, match=named):
        run(QUADRATIC, seeds, device=device)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    "spec",
    [
        replace(QUADRATIC, gossip="random_peers", gradients_every=1),
        replace(NETWORK, problem=Classification(width=4, dtype="float64"), gossip="random_peers", gradients_every=5),
        replace(NETWORK, problem=Classification(width=4, dtype="float64", model="cnn"), optimizer="adamw", lr=0.01),
    ],
    ids=["quadratic", "mlp", "cnn"],
)
def test_cpu_and_cuda_agree(spec):
    """The draws exactly, the numbers to the rounding of another summation order."""
    before = torch.cuda.get_rng_state()
    cpu, cuda = (spec.build((0, 1), device) for device in ("cpu", "cuda"))
    assert cuda.init().cpu().equal(cpu.init())
    for t in (0, 3):
        for steps in zip(cpu.batches(t, 2), cuda.batches(t, 2), strict=True):
            for one, other in zip(*steps, strict=True):
                assert other.is_cuda
                assert other.cpu().equal(one)
    tables = [run(spec, (0, 1), device=device) for device in ("cpu", "cuda")]
    pd.testing.assert_frame_equal(*tables, check_exact=False, rtol=1e-8, atol=1e-12)
    assert torch.cuda.get_rng_state().equal(before)


def test_threads_outside_change_no_bit_and_are_left_as_they_were():
    """One thread inside whatever there is outside, so that a run's bits do not depend on the machine's cores."""
    spec = Spec(agents=4, rounds=2, local_steps=2)
    alone = run(spec, (0,))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        pd.testing.assert_frame_equal(run(spec, (0,)), alone, check_exact=True)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    problem, seen = spec.build((0,)), []
    simulate(
        problem,
        spec.schedule(),
        spec.local_optimizer(),
        rounds=1,
        threads=2,
        on_round=lambda state: seen.append(torch.get_num_threads()),
    )
    assert seen == [2]
