import numpy as np
import pytest

from sim.ensemble import COLUMNS, ensemble
from sim.faults import Faults
from sim.optimizer import Optimizer
from sim.quadratic import Quadratic
from sim.schedule import merge, silent, then_merge
from sim.simulate import simulate
from theory.errors import OnemergeError
from theory.gossip import constant, one_peer_exponential, random_matching, random_peers
from theory.graphs import exponential, ring
from theory.mixing import metropolis, uniform

CONFIG = Quadratic(dim=3, zeta=0.7, spread=0.4, signs="coordinates", spectrum="log", noise="curvature")


def schedules(agents):
    return {
        "ring": constant(metropolis(ring(agents))).draw,
        "exponential, directed": constant(uniform(exponential(agents))).draw,
        "one peer, directed": one_peer_exponential(agents).draw,
        "matching": random_matching(agents, 0.7).draw,
        "peers": random_peers(agents, 0.4).draw,
        "silent": silent,
        "merge at 2": then_merge(silent, agents, 2),
        "merged": merge(agents),
    }


def wide(table, index):
    """Values by metric and step, of a table without agents."""
    return table.pivot(index=index, columns=["metric", "step"], values="value").sort_index(axis=1)


OPTIMIZERS = {"sgd": None, "momentum": Optimizer("momentum", 1.0), "adamw": Optimizer("adamw", 1.0, weight_decay=0.1)}


@pytest.mark.parametrize("order", ["adapt_then_combine", "combine_then_adapt"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("agents", [2, 3, 5])
def test_a_replica_is_the_single_run(agents, optimizer, order):
    lrs, seeds, given = (0.05, 0.3), (4, 0), schedules(agents)
    options = {"rounds": 3, "local_steps": 2, "order": order, "measure_every": 2, "gradients_every": 3}
    if optimizer == "sgd":
        options["faults"] = Faults(drop=0.3, stale=0.2)
    table = ensemble(CONFIG, agents, given, lrs, seeds, optimizer=OPTIMIZERS[optimizer], **options)
    assert tuple(table.columns) == COLUMNS
    found, compared = wide(table, ["schedule", "lr", "seed"]), 0
    for label, schedule in given.items():
        for lr in lrs:
            own = Optimizer(optimizer, lr, weight_decay=0.1 if optimizer == "adamw" else 0.0)
            single, _ = simulate(CONFIG.build(agents, seeds), schedule, own, **options)
            expected = wide(single[single["agent"].isna()], "seed")
            assert list(found.columns) == list(expected.columns)
            for seed in seeds:
                np.testing.assert_allclose(
                    found.loc[(label, lr, seed)], expected.loc[seed], rtol=1e-11, atol=1e-13, err_msg=f"{label} {lr}"
                )
                compared += 1
    assert compared == len(found) == 32


def test_one_agent_without_noise_follows_the_closed_form():
    """θ_t = (1 − lr h)^t θ_0 for every learning rate, whatever the schedule."""
    config = Quadratic(dim=4, zeta=0.0, sigma=0.0, spectrum="power", instance=None)
    lrs, seeds = (0.1, 0.7, 1.9), (0, 1)
    table = ensemble(config, 1, {"ring": constant(np.eye(1)).draw, "silent": silent}, lrs, seeds, rounds=5)
    problem = config.build(1, seeds)
    h = problem.mean_curvature.numpy()
    losses = table[table["metric"] == "merged_loss"]
    assert len(losses) == 2 * 3 * 2 * 6
    for row in losses.itertuples():
        theta = (1 - row.lr * h) ** row.step * problem.start[seeds.index(row.seed), 0].numpy()
        assert row.value == pytest.approx(float(h @ theta**2) / 2, rel=1e-12)


def test_rows_go_replica_by_replica():
    given = schedules(3)
    table = ensemble(CONFIG, 3, given, (0.1, 0.2), (5, 2), rounds=2)
    replicas = table[["schedule", "lr", "seed"]].drop_duplicates()
    expected = [(label, lr, seed) for label in given for lr in (0.1, 0.2) for seed in (5, 2)]
    assert list(replicas.itertuples(index=False, name=None)) == expected
    for _, own in table.groupby(["schedule", "lr", "seed"]):
        assert own["step"].is_monotonic_increasing
        assert set(own["step"]) == {0, 1, 2}


def test_combinations_of_a_seed_are_paired():
    """One seed, one curvature: every doubly stochastic schedule has the same merged model, and another seed has not."""
    config = Quadratic(dim=3, zeta=0.7)
    some = {name: schedules(5)[name] for name in ("ring", "exponential, directed", "matching", "silent", "merged")}
    table = ensemble(config, 5, some, (0.2,), (0, 1), rounds=6)
    last = table[(table["metric"] == "merged_loss") & (table["step"] == 6)]
    first, second = (own["value"].to_numpy() for _, own in last.groupby("seed"))
    assert np.ptp(first) < 1e-14
    assert np.ptp(second) < 1e-14
    assert abs(first[0] - second[0]) > 1e-3


def test_a_diverged_replica_leaves_the_others_as_they_are():
    given = {name: schedules(4)[name] for name in ("ring", "silent", "matching")}
    options = {"rounds": 9, "local_steps": 2}
    alone = ensemble(CONFIG, 4, given, (0.1,), (0, 1), **options)
    table = ensemble(CONFIG, 4, given, (1e40, 0.1), (0, 1), **options)
    assert table[table["lr"] == 0.1].reset_index(drop=True).equals(alone)
    wild = table[table["lr"] == 1e40]
    ends = wild[wild["metric"] == "diverged"]
    assert len(ends) == 6
    for _, own in wild.groupby(["schedule", "seed"]):
        assert own.iloc[-1]["metric"] == "diverged"
        assert own.iloc[-1]["value"] == own.iloc[-1]["step"] > 0
        assert (own["step"] <= own.iloc[-1]["step"]).all()
        assert np.isfinite(own["value"]).all()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"schedules": {}}, "at least one schedule"),
        ({"lrs": ()}, "lrs must be distinct and at least one, not ()"),
        ({"lrs": (0.1, 0.1)}, "not (0.1, 0.1)"),
        ({"lrs": (0.1, -1)}, "positive numbers, not (0.1, -1.0)"),
        ({"lrs": (float("nan"),)}, "not (nan,)"),
        ({"seeds": (3, 3)}, "not (3, 3)"),
        ({"seeds": ()}, "not ()"),
        ({"rounds": 0}, "not 0"),
    ],
)
def test_bad_arguments_are_named(changes, named):
    arguments = {"schedules": {"silent": silent}, "lrs": (0.1,), "seeds": (0,), "rounds": 1} | changes
    with pytest.raises(OnemergeError) as error:
        ensemble(CONFIG, 3, **arguments)
    assert named in str(error.value)
    assert "\n" not in str(error.value)
