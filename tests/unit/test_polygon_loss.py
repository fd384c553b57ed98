"""The loss of weighted models with BatchNorm: each has statistics of its own, as the merged model has."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from paper_repro.items import fig1c
from paper_repro.reproduce import Results
from sim import scores
from sim.network import Classification
from sim.randomness import stream
from sim.run import run
from sim.spec import Spec
from sim.statistics import eval_logits, reestimate
from sim.store import Store
from theory.errors import OnemergeError
from theory.polygon import regular_polygon, wachspress

TINY = Classification("digits", "resnet18", width=4, dtype="float64", statistics_images=64)
SPEC = Spec(TINY, agents=3, rounds=1, local_steps=2, batch=16, lr=0.05, gossip="none", keep_models=True)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("polygon"))
    table = run(SPEC, (3,), store=store)
    return store, table, SPEC.build((3,))


def slow(problem, theta):
    """Mean test loss of one model by the definitions: statistics over batches, then image by image."""
    index = stream(3, "statistics").permutation(len(problem.train_y))[:64]
    params = problem.unflatten(theta)
    own = reestimate(problem.training, params, problem.train_x[torch.as_tensor(index)].split(16))
    logits = eval_logits(problem.evaluation, params, own, problem.test_x)
    return -torch.log_softmax(logits, dim=-1).gather(1, problem.test_y[:, None]).mean().item()


def test_the_center_is_the_merged_model_of_the_run(ran):
    store, table, problem = ran
    models = store.models(SPEC, 3)
    vertices = regular_polygon(3)
    weights = wachspress(np.concatenate([np.zeros((1, 2)), vertices]), vertices)
    losses = problem.polygon_loss(models, weights)
    last = table[(table["metric"] == "merged_loss") & (table["round"] == 1)]["value"].item()
    assert losses[0] == pytest.approx(last, rel=1e-9)
    assert losses[1:] == pytest.approx([slow(problem, torch.as_tensor(model)) for model in models], rel=1e-9)
    assert np.ptp(losses) > 1e-3


def test_fewer_models_at_once_give_the_same_losses(ran, monkeypatch):
    store, _, problem = ran
    models = store.models(SPEC, 3)
    together = problem.polygon_loss(models, np.eye(3))
    for room, points in ((2 * problem.dim, 3), (1, 1)):
        monkeypatch.setattr(scores, "TOGETHER", room)
        assert problem.polygon_loss(models, np.eye(3)[:points]) == pytest.approx(together[:points], rel=1e-12)


def test_figure_1c_of_models_with_batch_norm(ran, monkeypatch):
    store, _, problem = ran
    monkeypatch.setattr(fig1c, "SIDE", 3)
    monkeypatch.setattr(fig1c, "ON_EDGE", 2)
    table = fig1c.table(Results(store, SPEC, {fig1c.LABEL: SPEC}, (3,), "cpu"))
    drawn = table[table["metric"] == "test_loss"]
    assert drawn["agent"].count() == 3
    assert np.isfinite(drawn["value"]).all()
    center = slow(problem, torch.as_tensor(store.models(SPEC, 3)).mean(dim=0))
    expected = drawn["value"].iloc[:3].mean() - center
    assert fig1c.depth(table)[3] == pytest.approx(expected, abs=1e-9)
    assert len(fig1c.ITEM.draw(table).axes) == 2


def test_statistics_that_are_not_given_are_refused(ran):
    store, _, _ = ran
    mean = replace(SPEC, problem=replace(TINY, merged_statistics="mean"))
    with pytest.raises(OnemergeError, match="must be reestimate, not mean"):
        mean.build((3,)).polygon_loss(store.models(SPEC, 3), np.full((1, 3), 1 / 3))
    with pytest.raises(OnemergeError, match="must be reestimate, not mean"):
        fig1c.ITEM.runs(mean)
