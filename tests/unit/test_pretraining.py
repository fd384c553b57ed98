from dataclasses import replace

import pytest
import torch
from torch.func import functional_call

from sim.data.glyphs import PRETRAINING_FONTS, draw_set
from sim.models.pretraining import last_layer, pretrained_layers
from sim.network import Classification
from sim.randomness import stream
from theory.errors import OnemergeError

START = Classification(data="glyphs", per_class=2, model="mlp", width=16, init="pretrained", pretraining_steps=400)


def parts(problem, theta):
    return problem.unflatten(theta)


def test_agents_share_all_layers_but_the_last_whose_weights_are_those_of_the_other_starts():
    problem = START.build(3, (0, 1), 4)
    own = replace(START, init="different", pretraining_steps=1000).build(3, (0, 1), 4)
    theta, drawn, head = problem.init(), own.init(), last_layer(problem.skeleton)
    assert head == {"5.weight", "5.bias"}
    for r in range(2):
        for k in range(3):
            here, there = parts(problem, theta[r, k]), parts(own, drawn[r, k])
            for name in here:
                first = parts(problem, theta[0, 0])[name]
                assert torch.equal(here[name], there[name]) == (name in head), name
                assert torch.equal(here[name], first) == (name not in head or (r, k) == (0, 0)), name


def test_the_layers_know_glyphs_of_fonts_that_are_in_no_run():
    """A nearest class mean on their features beats one on features of random layers, on fresh images."""
    x, y = map(torch.from_numpy, draw_set(PRETRAINING_FONTS, 16, 6, 1, "glyphs pretraining test"))
    problem = START.build(1, (0,), 4)
    random, scores = replace(START, init="same", pretraining_steps=1000), {}
    for name, theta in (("pretrained", problem.init()), ("random", random.build(1, (0,), 4).init())):
        layers = {k: v for k, v in problem.unflatten(theta[0, 0]).items() if k not in last_layer(problem.skeleton)}
        features = functional_call(problem.skeleton[:5], layers, (x,))
        means = torch.stack([features[y == c][:3].mean(0) for c in range(62)])
        late = torch.arange(len(y)) % 6 >= 3
        scores[name] = float((torch.cdist(features[late], means).argmin(1) == y[late]).float().mean())
    assert scores["pretrained"] > scores["random"] + 0.1, scores


def test_the_layers_are_the_same_bits_again_and_touch_no_global_generator():
    before = torch.random.get_rng_state()
    once, again = pretrained_layers("mlp", 4, 16, 3), pretrained_layers.__wrapped__("mlp", 4, 16, 3)
    assert torch.equal(before, torch.random.get_rng_state())
    assert once.keys() == again.keys()
    assert all(torch.equal(once[name], again[name]) for name in once)
    one_step = pretrained_layers("mlp", 4, 16, 1)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(stream(0, "pretraining init").integers(2**63)))
        start = dict(START.build(1, (0,), 4).make().named_parameters())
    assert start["1.weight"].shape[0] == 16
    assert not any(torch.equal(once[name], one_step[name]) for name in once)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"data": "digits"}, "init 'pretrained' is a start on data glyphs, not on digits."),
        ({"model": "resnet18"}, "init 'pretrained' needs a model without BatchNorm, not resnet18"),
        ({"pretraining_steps": 0}, "pretraining_steps must be a whole number of at least 1, not 0."),
        ({"pretraining_steps": 2.0}, "not 2.0."),
        (
            {"init": "same"},
            "pretraining_steps is a field of init pretrained: with init same leave it at 1000, not",
        ),
        ({"model": "clip_vit_b32", "weights": "here"}, "starts from glyphs, not from the weights in here."),
    ],
)
def test_bad_fields(fields, named):
    with pytest.raises(OnemergeError) as error:
        replace(START, **({"per_class": 100} if fields.get("data") else {}) | fields)
    assert named in str(error.value)
