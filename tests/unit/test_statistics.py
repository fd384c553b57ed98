import copy

import pytest
import torch
from torch import nn
from torch.func import grad, vmap
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import update_bn

from sim.models import MODELS
from sim.statistics import (
    eval_logits,
    flatten,
    initial,
    lengths,
    modes,
    reestimate,
    size,
    train_logits,
    unflatten,
)
from theory.errors import OnemergeError

CLASSES = 3


def resnet(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MODELS["resnet18"](1, 8, CLASSES, 4).double()


def two_momenta(seed=0):
    """A network whose layers forget at different rates, with one layer for vectors."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.BatchNorm2d(1, momentum=0.5),
            nn.Conv2d(1, 2, 3),
            nn.BatchNorm2d(2, momentum=0.03, affine=False),
            nn.Flatten(),
            nn.Linear(72, CLASSES),
            nn.BatchNorm1d(CLASSES),
        ).double()


NETWORKS = [resnet, two_momenta]


def skeletons():
    with torch.device("meta"):
        return modes(MODELS["resnet18"](1, 8, CLASSES, 4))


def params_of(model):
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def stack(models):
    """{name: [models, ...]}"""
    return {name: torch.stack([params_of(model)[name] for model in models]) for name in params_of(models[0])}


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, 1, 8, 8, generator=generator, dtype=torch.float64) * 2 + 1


def labels(*shape, seed=0):
    return torch.randint(CLASSES, shape, generator=torch.Generator().manual_seed(seed))


def loss(skeleton):
    def of(params, statistics, x, y):
        logits, new = train_logits(skeleton, params, statistics, x)
        return cross_entropy(logits, y), new

    return grad(of, has_aux=True)


def torch_run(module, steps, lr=0.05):
    """Torch's own: a module in training mode, backward and SGD on the batches (x, y)."""
    sgd = torch.optim.SGD(module.train().parameters(), lr=lr)
    for x, y in steps:
        sgd.zero_grad()
        cross_entropy(module(x), y).backward()
        sgd.step()
        yield module


def close(value, expected):
    return torch.allclose(value, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("network", NETWORKS)
def test_training_steps_are_those_of_torchs_module(network):
    module = network()
    train, evaluation = modes(module)
    params, statistics, test = params_of(module), initial(module, torch.float64), draw(4, seed=99)
    steps = [(draw(6, seed=t), labels(6, seed=t)) for t in range(4)]
    for (x, y), twin in zip(steps, torch_run(copy.deepcopy(module), steps), strict=True):
        gradient, statistics = loss(train)(params, statistics, x, y)
        params = {name: value - 0.05 * gradient[name] for name, value in params.items()}
        assert all(close(params[name], value) for name, value in twin.named_parameters())
        assert close(statistics, flatten(module, dict(twin.named_buffers())))
        with torch.no_grad():
            assert close(eval_logits(evaluation, params, statistics, test), copy.deepcopy(twin).eval()(test))
    assert (statistics - initial(module, torch.float64)).abs().min() > 0  # every number moved


@pytest.mark.parametrize("agents", [1, 2, 3])
def test_agents_under_vmap_are_torchs_modules_one_by_one(agents):
    """On a skeleton without numbers; agents differ in weights, statistics and images."""
    train, evaluation = skeletons()
    models = [resnet(seed) for seed in range(agents)]
    stacked = stack(models)
    statistics = torch.stack([initial(model, torch.float64) * (1 + k) for k, model in enumerate(models)])
    for model, row in zip(models, statistics, strict=True):
        model.load_state_dict(unflatten(model, row), strict=False)
    steps = [(draw(agents, 4, seed=t), labels(agents, 4, seed=t)) for t in range(3)]
    for x, y in steps:
        gradient, statistics = vmap(loss(train))(stacked, statistics, x, y)
        stacked = {name: value - 0.05 * gradient[name] for name, value in stacked.items()}
    test = draw(5, seed=7)
    logits = vmap(eval_logits, in_dims=(None, 0, 0, None))(evaluation, stacked, statistics, test)
    for k, model in enumerate(models):
        *_, twin = torch_run(model, [(x[k], y[k]) for x, y in steps])
        assert all(close(stacked[name][k], value) for name, value in twin.named_parameters())
        assert close(statistics[k], flatten(twin, dict(twin.named_buffers())))
        with torch.no_grad():
            assert close(logits[k], twin.eval()(test))


def test_no_argument_and_no_skeleton_is_changed():
    module = resnet()
    before = copy.deepcopy(module.state_dict())
    train, evaluation = modes(module)
    params, statistics, x = params_of(module), initial(module, torch.float64), draw(4)
    kept = copy.deepcopy((params, statistics, x))
    first, new = train_logits(train, params, statistics, x)
    eval_logits(evaluation, params, statistics, x)
    reestimate(train, params, [x])
    assert not torch.equal(new, statistics)
    assert torch.equal(train_logits(train, params, statistics, x)[0], first)
    assert torch.equal(kept[1], statistics)
    assert torch.equal(kept[2], x)
    assert all(torch.equal(kept[0][name], value) for name, value in params.items())
    for one in (module, train, evaluation):
        assert all(torch.equal(before[name], value) for name, value in one.state_dict().items())


def test_modes_leave_the_skeleton_in_its_own():
    module = resnet().eval()
    train, evaluation = modes(module)
    assert (module.training, train.training, evaluation.training) == (False, True, False)


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("network", NETWORKS)
def test_reestimation_is_update_bn(network, count):
    """From whatever statistics, and with a last batch that is smaller."""
    module = network()
    batches = [draw(6, seed=t) * (1 + t) for t in range(count)] + [draw(2, seed=9)]
    statistics = reestimate(modes(module)[0], params_of(module), iter(batches))
    module.load_state_dict(unflatten(module, initial(module, torch.float64) * 7 + 3), strict=False)
    update_bn(batches, module)
    assert torch.allclose(statistics, flatten(module, dict(module.named_buffers())), rtol=1e-13, atol=1e-14)


def test_reestimation_in_float32_is_update_bn_to_rounding():
    module = resnet().float()
    batches = [draw(8, seed=t).float() for t in range(20)]
    statistics = reestimate(modes(module)[0], params_of(module), batches)
    update_bn(batches, module)
    assert torch.allclose(statistics, flatten(module, dict(module.named_buffers())), rtol=3e-6, atol=1e-6)


def test_the_first_layer_is_reestimated_as_the_average_of_mean_and_variance():
    module = two_momenta()
    batches = [draw(4, seed=1), 3 * draw(7, seed=2)]
    statistics = reestimate(modes(module)[0], params_of(module), batches)
    assert close(statistics[0], sum(x.mean() for x in batches) / 2)
    assert close(statistics[1], sum(x.var() for x in batches) / 2)  # var() divides by n − 1


@pytest.mark.parametrize("models", [1, 2, 3])
def test_reestimation_of_several_merged_models_at_once(models):
    train, _ = skeletons()
    members = [resnet(seed) for seed in range(models)]
    stacked = stack(members)
    batches = [draw(4, seed=t) for t in range(3)]
    together = vmap(lambda params: reestimate(train, params, batches))(stacked)
    for row, model in zip(together, members, strict=True):
        assert torch.allclose(row, reestimate(train, params_of(model), batches), rtol=1e-10, atol=1e-12)


def test_after_reestimation_evaluation_is_training_on_that_batch_but_for_the_biased_variance():
    """One batch of n images, first layer alone: eval divides by √(n/(n−1) v), training by √v."""
    module = nn.Sequential(nn.BatchNorm1d(4, eps=1e-30)).double()
    train, evaluation = modes(module)
    x = torch.randn(9, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    statistics = reestimate(train, params_of(module), [x])
    trained, _ = train_logits(train, params_of(module), statistics, x)
    assert close(eval_logits(evaluation, params_of(module), statistics, x) * (9 / 8) ** 0.5, trained)


def test_the_vector_holds_every_float_buffer_once():
    module = resnet()
    assert size(module) == 2 * 4 * (1 + 4 + 2 * 5 + 4 * 5 + 8 * 5)
    names = [name for name in module.state_dict() if "running" in name]
    assert list(lengths(module)) == names
    start = initial(module, torch.float64)
    assert torch.equal(start, flatten(module, module.state_dict()))
    vector = torch.arange(size(module), dtype=torch.float64)
    assert torch.equal(flatten(module, unflatten(module, vector)), vector)
    module.load_state_dict(unflatten(module, vector), strict=False)
    assert torch.equal(flatten(module, module.state_dict()), vector)
    with torch.device("meta"):
        full = MODELS["resnet18"](3, 32, 10)
    assert size(full) == 9600
    assert initial(full).shape == (9600,)
    assert initial(full).sum() == 4800


@pytest.mark.parametrize("name", ["mlp", "vit", "clip_vit_b32"])
def test_models_without_batchnorm_have_no_statistics(name):
    module = MODELS[name](3, 32, CLASSES, 64)
    assert size(module) == 0
    assert lengths(module) == {}


def test_wrong_calls_are_named():
    module = resnet()
    (train, evaluation), params, start = modes(module), params_of(module), initial(module, torch.float64)
    with pytest.raises(OnemergeError, match="at least 2, not 1"):
        train_logits(train, params, start, draw(1))
    with pytest.raises(OnemergeError, match="at least one batch"):
        reestimate(train, params, [])
    with pytest.raises(OnemergeError, match="training mode"):
        train_logits(evaluation, params, start, draw(2))
    with pytest.raises(OnemergeError, match="evaluation mode"):
        eval_logits(train, params, start, draw(2))
