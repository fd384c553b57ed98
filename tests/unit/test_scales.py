from dataclasses import replace

import pytest

from paper_repro.execute import Unit
from paper_repro.items import ITEMS
from paper_repro.projection import Pace, image_bytes, project, seconds
from paper_repro.reproduce import reproduce
from paper_repro.scales import RATES, full, with_files, with_optimizer
from sim.network import Classification
from sim.quadratic import Quadratic
from sim.spec import Spec
from theory.errors import OnemergeError

SMALL = {"width": "2", "agents": "2", "local_steps": "1", "batch": "2", "rounds": "10", "statistics_images": "4"}

TINY = {"model": "mlp", "width": "2", "agents": "2", "local_steps": "1", "batch": "2", "rounds": "2"}


def test_the_papers_runs_are_the_papers():
    spec = full("tiny_imagenet", "resnet18", "sgd", 32)
    assert (spec.agents, spec.rounds, spec.local_steps, spec.batch, spec.lr) == (32, 300, 100, 128, 1e-2)
    assert (spec.weight_decay, spec.clip, spec.peers, spec.gossip) == (5e-4, 1.0, 0.2, "random_peers")
    problem = spec.problem
    assert (problem.alpha, problem.label_smoothing, problem.samples, problem.sampling) == (0.1, 0.1, 4096, "resample")
    assert (problem.model, problem.width, problem.init) == ("resnet18", 64, "different")
    assert problem.augmentation == "crop_flip_randaugment"
    assert full("tiny_imagenet", "clip_vit_b32", "adamw").lr == 1e-5


@pytest.mark.parametrize("model", ["mlp", "cnn", "resnet18", "clip_vit_b32"])
def test_another_optimizer_keeps_what_a_user_did_to_the_learning_rate(model):
    base = replace(Spec(Classification(model=model)), optimizer="sgd", lr=3 * RATES[model, "sgd"])
    other = with_optimizer(base, "adamw")
    assert other.lr == pytest.approx(3 * RATES[model, "adamw"], rel=1e-12)
    assert with_optimizer(other, "sgd") == replace(base, lr=with_optimizer(other, "sgd").lr)
    assert with_optimizer(base, "sgd") == base


def test_files_are_put_in_where_they_are_read():
    spec = full("cifar100")
    assert with_files(spec, "here", None).problem.folder == "here"
    assert with_files(spec, "here", None) == spec  # the folder is no part of the run
    assert with_files(spec, "generated", None).problem.data == "cifar100_shaped"
    assert with_files(spec, "generated", None).problem.augmentation == "crop_flip_randaugment"
    assert with_files(Spec(Quadratic()), None, None) == Spec(Quadratic())
    assert with_files(full("cifar100", "clip_vit_b32"), "here", "there").problem.weights == "there"
    for call, named in (
        (lambda: with_files(spec, None, None), "cifar-100-python.tar.gz"),
        (lambda: with_files(full("tiny_imagenet"), None, None), "--data FOLDER (or --data generated"),
        (lambda: with_files(full("cifar100", "clip_vit_b32"), "here", None), "--weights"),
    ):
        with pytest.raises(OnemergeError) as error:
            call()
        assert named in str(error.value)


def test_every_item_of_images_has_the_papers_setting():
    for item in ITEMS.values():
        if item.name.startswith(("fig", "c")) and item.name != "fig1d":  # fig1d is a drawing
            spec = item.at("paper")
            assert (spec.rounds, spec.local_steps) == (300, 100), item.name
            assert spec.problem.data in ("cifar100", "tiny_imagenet"), item.name
            assert item.at("quick") == item.base


def test_a_paper_run_on_generated_images_from_end_to_end(tmp_path):
    (record,) = reproduce(["fig2c"], scale="paper", seeds=1, overrides=TINY, data="generated", folder=tmp_path)
    assert record["scale"] == "paper"
    assert "generated patterns in the shape of CIFAR-100" in record["caption"]
    assert (tmp_path / "fig2c.png").is_file()
    assert {claim["verdict"] for claim in record["claims"]} == {"not confirmed"}  # one seed


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"scale": "huge"}, "Unknown scale 'huge'; valid: quick, paper."),
        ({"data": "here"}, "data is for scale paper"),
        ({"weights": "here"}, "weights is for scale paper"),
        ({"scale": "paper"}, "fig2c: the paper's scale reads cifar-100-python.tar.gz"),
        ({"scale": "paper", "data": "/nowhere"}, "cifar-100-python.tar.gz is missing"),
    ],
)
def test_bad_scales(options, named, tmp_path):
    with pytest.raises(OnemergeError) as error:
        reproduce(["fig2c"], seeds=1, folder=tmp_path, **options)
    assert named in str(error.value)


def test_the_seconds_of_a_unit_by_hand():
    """10 rounds of 5 steps of 3 agents, measured every 2nd round with the merged model, on 10,000 test images."""
    spec = replace(with_files(full("cifar100"), "generated", None), agents=3, rounds=10, local_steps=5, measure_every=2)
    whole = seconds(Unit(spec, (0,)), Pace(step=2.0, image=1e-3))
    assert whole == pytest.approx(10 * 5 * 3 * 2.0 + 5 * 4 * 10_000 * 1e-3)
    branch = Unit(replace(spec, final_merge=True), (0,), (), spec)
    assert seconds(branch, Pace(2.0, 0.0)) == pytest.approx(5 * 3 * 2.0)  # its last round alone
    assert image_bytes(spec) == (60_000 - 100 * 22) * 3 * 32 * 32 * 4


def test_a_projection():
    record = project(["fig2c"], overrides=SMALL)
    (one,) = record["items"]
    assert (one["item"], one["runs"], one["agent_steps"]) == ("fig2c", 2, 2 * 10 * 2)
    assert 0 < one["seconds_per_agent_step"][0] == one["seconds_per_agent_step"][1]
    assert record["hours"] == pytest.approx(one["hours"])
    assert one["hours"] * 3600 > one["agent_steps"] * one["seconds_per_agent_step"][0]
    assert one["bytes"] > 7e8  # the images alone
    with pytest.raises(OnemergeError, match="nothing to project"):
        project(["fig1d"])
