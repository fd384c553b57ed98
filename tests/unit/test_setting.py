"""Captions say what was run: every field that changes the numbers is told, and none that does not."""

from dataclasses import fields, replace

import numpy as np
import pytest

from paper_repro.items import ITEMS
from paper_repro.setting import GOSSIP, MODELS, OPTIMIZERS, describe
from sim import models, spec
from sim.network import Classification
from sim.optimizer import OPTIMIZERS as KNOWN_OPTIMIZERS
from sim.spec import Spec

TOLD = [  # (a spec, one field changed, what the caption then says)
    ({"gossip": "none"}, {"agents": 1}, "1 agent,"),
    ({}, {"rounds": 1}, "1 round of 10 local steps"),
    ({}, {"local_steps": 1}, "100 rounds of 1 local step,"),
    ({}, {"batch": 8}, "batch 8"),
    ({}, {"optimizer": "adamw"}, "AdamW (lr 0.1, batch 32)"),
    ({}, {"lr": 0.03}, "SGD (lr 0.03, batch 32)"),
    ({"optimizer": "momentum"}, {"momentum": 0.5}, "SGD with momentum 0.5 (lr"),
    ({}, {"weight_decay": 0.01}, "weight decay 0.01"),
    ({}, {"clip": 1.0}, "entries of gradients clipped to ±1"),
    ({}, {"gossip": "ring"}, "gossip on a ring"),
    ({}, {"peers": 0.5}, "random peers, R = 0.5"),
    ({}, {"order": "combine_then_adapt"}, "communication before the local steps"),
    ({"gossip": "server"}, {"participation": 0.5}, "a server that averages 0.5 of the agents"),
    ({"gossip": "edge"}, {"edge": 0.5}, "in rounds that begin with Ξ² > 0.5 ‖∇L(θ̄)‖²"),
    ({"gossip": "periodic"}, {"period": 4}, "an average over all agents after every 4 rounds"),
    ({}, {"drop": 0.1}, "every message lost with probability 0.1"),
    ({"drop": 0.1}, {"drop_pairs": True}, "probability 0.1, with the one that answers it"),
    ({}, {"outage": 0.2}, "outages of 1 round that begin for every agent with probability 0.2 a round"),
    ({"outage": 0.2}, {"outage_rounds": 3}, "outages of 3 rounds"),
    ({}, {"stale": 0.3}, "stale news of every agent with probability 0.3"),
    ({}, {"window_start": 2, "window_stop": 5}, "full averaging in rounds 2–5"),
    ({}, {"final_merge": True}, "one global merge in the last round"),
]
TOLD_OF_PROBLEM = [
    ({}, {"data": "glyphs"}, "glyphs of matplotlib's fonts"),
    ({"data": "glyphs"}, {"side": 17}, "17×17 pixels"),
    ({"data": "glyphs"}, {"per_class": 3}, "(186 training"),
    ({}, {"model": "resnet18"}, "ResNet-18 of width 64 with the 3×3 stem"),
    ({}, {"width": 32}, "two hidden layers of width 32"),
    ({"model": "cnn"}, {"width": 8}, "8 and 16 channels"),
    ({}, {"alpha": np.inf}, "IID agents"),
    ({}, {"sampling": "fixed"}, "a fixed pool of 4,096 images an agent"),
    ({"sampling": "fixed"}, {"samples": 7}, "a fixed pool of 7 images an agent"),
    ({}, {"init": "same"}, "same initial weights"),
    ({"data": "glyphs"}, {"init": "pretrained"}, "all layers but the last from 1,000 steps on glyphs of other"),
    ({"data": "glyphs", "init": "pretrained"}, {"pretraining_steps": 1}, "last from 1 step on glyphs"),
    ({}, {"label_smoothing": 0.1}, "label smoothing 0.1"),
    ({}, {"test": "mixture"}, "tested on the mixture of the agents' class distributions"),
    ({}, {"dtype": "float64"}, "in float64"),
    ({}, {"compute": "bf16"}, "products of the local steps in bf16"),
    ({"model": "clip_vit_b32"}, {"weights": "nowhere"}, "pretrained weights of the tower and different"),
    ({"model": "resnet18"}, {"statistics_gossip": "own"}, "statistics of BatchNorm kept by every agent"),
    ({"model": "resnet18"}, {"merged_statistics": "mean"}, "those of the merged model the mean of the agents'"),
    ({"model": "resnet18"}, {"statistics_images": 64}, "estimated again on 64 clean training images"),
]
UNTOLD = {  # how a run is watched or computed, not what it is
    *("measure_every", "gradients_every", "probes", "probes_every", "probe_images", "probe_dtype"),
    *("execution", "chunk", "keep_models"),
}
WITHOUT_MEANING = [  # fields that do nothing here
    (Spec(), {"momentum": 0.5}),
    (Spec(optimizer="adamw"), {"momentum": 0.5}),
    (Spec(gossip="ring"), {"peers": 0.5}),
    (Spec(), {"drop_pairs": True}),
    (Spec(), {"outage_rounds": 3}),
]


@pytest.mark.parametrize(("base", "change", "words"), TOLD, ids=lambda value: str(value)[:40])
def test_fields_of_a_run_are_told(base, change, words):
    assert words in describe(Spec(**base, **change))
    assert words not in describe(Spec(**base))


@pytest.mark.parametrize(("base", "change", "words"), TOLD_OF_PROBLEM, ids=lambda value: str(value)[:40])
def test_fields_of_a_problem_are_told(base, change, words):
    small = {"per_class": 2} if "glyphs" in (base.get("data"), change.get("data")) else {}
    before = Spec(Classification(**({} if "data" in change else small) | base))
    assert words in describe(Spec(Classification(**small | base | change)))
    assert words not in describe(before)


def test_no_field_is_forgotten():
    told = {name for cases in (TOLD, TOLD_OF_PROBLEM) for _, change, _ in cases for name in change}
    elsewhere = {"problem", "folder", "augmentation"}  # archives: tests/unit/test_augment.py; a folder changes nothing
    assert told | UNTOLD | elsewhere == {f.name for kind in (Spec, Classification) for f in fields(kind)}


@pytest.mark.parametrize(("base", "change"), WITHOUT_MEANING)
def test_what_has_no_meaning_is_not_told(base, change):
    assert describe(replace(base, **change)) == describe(base)


def test_what_changes_no_number_is_not_told():
    watched = Spec(measure_every=2, gradients_every=3, probes="spread", probes_every=4, execution="loop", chunk=2)
    assert describe(watched) == describe(Spec())
    assert "64" not in describe(Spec(Classification(model="logistic"))).partition("pixels")[2]  # it has no width
    for model in models.MODELS:
        assert ("BatchNorm" in describe(Spec(Classification(model=model)))) == model.startswith("resnet18")


def test_every_name_has_words():
    assert list(MODELS) == list(models.MODELS)
    assert set(GOSSIP) == set(spec.GOSSIPS)
    assert set(OPTIMIZERS) == set(KNOWN_OPTIMIZERS)


@pytest.mark.parametrize("name", [name for name in ITEMS if name.startswith("fig") and ITEMS[name].setting])
def test_titles_say_nothing_that_a_field_changes(name):
    title = ITEMS[name].title
    for word in ("random peers", "R =", "digits", "MLP"):
        assert word not in title
