from dataclasses import replace

import numpy as np
import pytest
import torch

from sim.following import EdgeMerge, View, Views
from sim.network import Classification
from sim.quadratic import Quadratic
from sim.run import run
from sim.schedule import Average, ask, silent, then_merge, window
from sim.simulate import State, simulate
from sim.smooth import Smooth
from sim.spec import Spec
from theory.errors import OnemergeError


@pytest.mark.parametrize(("agents", "edge"), [(1, 0.0), (2, 0.5), (3, 2.0)])
def test_it_merges_beyond_the_edge_only(agents, edge):
    schedule = EdgeMerge(agents, edge)
    for distance, gradient in ((0.0, 0.0), (1.0, 1.0), (1.0, 2.0), (1.0, 0.4), (3.0, 0.0)):
        said = schedule(7, None, View(distance, gradient))
        assert isinstance(said, Average) == (distance > edge * gradient)


def test_other_schedules_hand_on_what_they_are_told():
    inside = then_merge(window(EdgeMerge(4, 1.0), silent, 2, 3), 4, 9)
    assert inside.sees
    assert not window(silent, silent, 0, 1).sees
    far, near = View(2.0, 1.0), View(0.5, 1.0)
    assert [ask(inside, t, None, view) is not None for t, view in ((0, far), (0, near), (2, far), (9, near))] == [
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("problem", [Quadratic(), Smooth(), Classification(width=4, dtype="float64")])
def test_what_is_told_is_what_is_measured(problem):
    spec = Spec(problem, agents=3, rounds=3, local_steps=2, batch=4, gossip="none", gradients_every=1)
    table = run(spec, (0, 5))
    built = spec.build((0, 5))
    views = {}

    class Watch:
        sees = True

        def __call__(self, t, generator, view):
            views.setdefault(t, []).append(view)

    simulate(built, Watch(), spec.local_optimizer(), rounds=3, local_steps=2)
    for t in range(3):
        rows = table[(table["round"] == t) & table["agent"].isna()].pivot(
            index="seed", columns="metric", values="value"
        )
        for seed, view in zip((0, 5), views[t], strict=True):
            assert view.consensus_distance == pytest.approx(rows.loc[seed, "consensus_distance"], rel=1e-9, abs=1e-20)
            assert view.gradient_norm_sq == pytest.approx(rows.loc[seed, "gradient_norm_sq"], rel=1e-9)


def test_replicas_of_one_seed_decide_for_themselves():
    """Learning rates as replicas: the one that moves more passes its edge earlier, and each runs as it does alone."""
    spec = Spec(Quadratic(sigma=0.0, zeta=5.0), agents=4, rounds=12, local_steps=1, gossip="edge", edge=0.1, lr=0.1)

    def traffic(seeds, lr):
        built = spec.build(seeds)
        lr = torch.tensor(lr, dtype=torch.float64)
        return simulate(built, spec.schedule(), spec.local_optimizer(), rounds=12, lr=lr)[1].traffic[:, 0]

    both = traffic((0, 0), [0.02, 0.2])
    assert both.tolist() == [*traffic((0,), [0.02]), *traffic((0,), [0.2])]
    assert both[0] < both[1]


def test_an_edge_of_zero_merges_whenever_models_differ_and_a_wide_one_never():
    base = Spec(Quadratic(sigma=0.0, zeta=1.0), agents=3, rounds=6, local_steps=1, gossip="edge", lr=0.1)
    sent = {
        edge: run(replace(base, edge=edge), (0,)).query("metric == 'messages'")["value"].to_numpy()
        for edge in (0.0, 1e9)
    }
    assert np.diff(sent[0.0]).tolist() == [12, 0, 12, 0, 12, 0]  # the round after a merge begins with equal models
    assert not sent[1e9].any()


@pytest.mark.parametrize("edge", [-1.0, float("inf"), float("nan")])
def test_bad_edges(edge):
    with pytest.raises(OnemergeError, match=f"edge must be finite and >= 0, not {edge}"):
        Spec(gossip="edge", edge=edge)
    with pytest.raises(OnemergeError, match=r"edge is a field of gossip edge: with ring it is 1, not 2\.0\."):
        Spec(gossip="ring", edge=2.0)


def test_views_of_models_with_statistics_take_those_of_the_merged_model():
    spec = Spec(Classification(model="resnet18", width=1, statistics_images=4), agents=2, batch=4)
    problem = spec.build((0,))
    state = State.start(problem, spec.local_optimizer())
    expected = problem.measure_gradients(*state.models)["gradient_norm_sq"]
    assert Views(problem)(state)[0].gradient_norm_sq == pytest.approx(float(expected[0]), rel=1e-4)
