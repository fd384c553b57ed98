import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from sim import scores
from sim.execution import gradient_function
from sim.network import Classification
from sim.randomness import stream
from theory.errors import OnemergeError

SEEDS, AGENTS = (0, 1), 3


def problem(batch=6, agents=AGENTS, **fields):
    return Classification(**({"width": 4, "dtype": "float64", "alpha": 0.5} | fields)).build(agents, SEEDS, batch)


def models(of):
    """Models of the size of an initial one, none like another."""
    noise = np.random.default_rng(3).standard_normal((len(SEEDS), of.agents, of.dim))
    return of.init() + 0.1 * torch.from_numpy(noise)


def module(of, theta):
    """The plain torch module with the parameters θ [d]."""
    net = of.make().double()
    vector_to_parameters(theta, net.parameters())
    return net


def each(theta):
    """(replica, agent, θ [d]) one by one."""
    return [(r, k, theta[r, k]) for r in range(theta.shape[0]) for k in range(theta.shape[1])]


def mean_by_class(values, labels):
    """Mean of the values over the samples of each class, in a loop."""
    return [values[labels == c].mean() for c in range(10)]


def gradient_by_autograd(net, loss):
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(net.parameters()))])


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_flat_order_is_torchs_own(model):
    of = problem(model=model)
    theta = of.init()[0, 0]
    net = module(of, theta)
    assert torch.equal(parameters_to_vector(net.parameters()), theta)
    flat = of.unflatten(theta)
    for name, parameter in net.named_parameters():
        assert torch.equal(flat[name], parameter)
    assert of.dim == sum(p.numel() for p in net.parameters())


def test_size_of_the_default_model():
    assert Classification().build(1, (0,), 1).dim == 8970


@pytest.mark.parametrize("execution", ["batched", "vmap", "loop"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("model", ["logistic", "linear2", "mlp", "cnn"])
def test_stacked_gradients_equal_autograd_of_each_agent(model, smoothing, execution):
    of = problem(model=model, label_smoothing=smoothing)
    theta, (x, y) = models(of), next(of.batches(0, 1))
    stacked, losses, _ = gradient_function(of, execution)(theta.flatten(0, 1), None, x, y)
    for r, k, one in each(theta):
        net = module(of, one)
        row = r * AGENTS + k
        loss = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(net(x[row]), y[row])
        torch.testing.assert_close(stacked[row], gradient_by_autograd(net, loss), rtol=1e-10, atol=1e-13)
        torch.testing.assert_close(losses[row], loss.detach(), rtol=1e-12, atol=0)


def test_label_smoothing_is_in_the_training_loss_only():
    plain, smooth = problem(), problem(label_smoothing=0.1)
    theta, (x, y) = models(plain)[0, 0], next(plain.batches(0, 1))
    logp = plain.logits(theta, x[0]).log_softmax(dim=1)
    by_hand = -(0.9 * logp.gather(1, y[0][:, None])[:, 0] + 0.1 * logp.mean(dim=1)).mean()
    torch.testing.assert_close(smooth.loss(theta, x[0], y[0]), by_hand, rtol=1e-12, atol=0)
    assert abs(plain.loss(theta, x[0], y[0]) - by_hand) > 1e-3
    for name, value in plain.measure(models(plain)).items():
        assert torch.equal(value, smooth.measure(models(plain))[name])


@pytest.mark.parametrize("test", ["test_set", "mixture"])
@pytest.mark.parametrize("alpha", [0.5, float("inf")])
def test_measures_equal_their_definitions(test, alpha):
    """Definitions 1, C.1, C.2, model by model and class by class."""
    of = problem(test=test, alpha=alpha)
    theta = models(of)
    measured = of.measure(theta)
    images = of.images
    x, y = torch.from_numpy(images.test_x).double(), torch.from_numpy(images.test_y)

    def scores(one):
        logits = module(of, one)(x).detach()
        return {
            "accuracy": (logits.argmax(1) == y).double().numpy(),
            "loss": cross_entropy(logits, y, reduction="none").numpy(),
        }

    def globally(values, r):
        if test == "test_set":
            return values.mean()
        by_class = mean_by_class(values, images.test_y)
        return sum(of.shares[r, k, c] * by_class[c] for k in range(AGENTS) for c in range(10)) / AGENTS

    assert set(measured) == {f"{who}_{what}" for who in ("global", "merged", "local") for what in ("accuracy", "loss")}
    for r, k, one in each(theta):
        for what, values in scores(one).items():
            local = sum(of.shares[r, k, c] * mean for c, mean in enumerate(mean_by_class(values, images.test_y)))
            assert float(measured[f"local_{what}"][r, k]) == pytest.approx(local, rel=1e-11)
            assert float(measured[f"global_{what}"][r, k]) == pytest.approx(globally(values, r), rel=1e-11)
    for r in range(len(SEEDS)):
        for what, values in scores(sum(theta[r]) / AGENTS).items():
            assert float(measured[f"merged_{what}"][r]) == pytest.approx(globally(values, r), rel=1e-11)


def test_mixture_and_test_set_differ_for_skewed_agents():
    theta = models(problem())
    one, other = (problem(test=test).measure(theta) for test in ("test_set", "mixture"))
    assert (one["merged_loss"] - other["merged_loss"]).abs().min() > 1e-4
    assert torch.equal(one["local_loss"], other["local_loss"])


@pytest.mark.parametrize("fields", [{"label_smoothing": 0.1}, {"sampling": "fixed", "samples": 25}, {"model": "cnn"}])
def test_gradient_norms_equal_autograd(fields):
    """L_k is the loss on the agent's class distribution, or on its own pool where that is fixed."""
    of = problem(**fields)
    theta = models(of)
    x, y = torch.from_numpy(of.images.train_x).double(), torch.from_numpy(of.images.train_y)

    def agent_loss(net, r, k):
        losses = cross_entropy(net(x), y, reduction="none", label_smoothing=of.config.label_smoothing)
        if of.config.sampling == "fixed":
            return sum(losses[index] for index in of.sampler.pools[r, k]) / of.config.samples
        return sum(of.shares[r, k, c] * mean for c, mean in enumerate(mean_by_class(losses, y)))

    measured = of.measure_gradients(theta)
    for r in range(len(SEEDS)):
        own = 0.0
        for k in range(AGENTS):
            net = module(of, theta[r, k])
            own += float((gradient_by_autograd(net, agent_loss(net, r, k)) ** 2).sum()) / AGENTS
        net = module(of, theta[r].mean(dim=0))
        merged = gradient_by_autograd(net, sum(agent_loss(net, r, k) for k in range(AGENTS)) / AGENTS)
        assert float(measured["local_gradient_norm_sq"][r]) == pytest.approx(own, rel=1e-9)
        assert float(measured["gradient_norm_sq"][r]) == pytest.approx(float((merged**2).sum()), rel=1e-9)


@pytest.mark.parametrize("sampling", ["resample", "fixed"])
def test_stochastic_gradients_are_unbiased(sampling):
    """The mean of ‖∇L_k‖-directed stochastic gradients is ‖∇L_k(θ)‖, which measure_gradients knows exactly."""
    of = Classification(width=2, dtype="float64", alpha=0.5, sampling=sampling, samples=30).build(1, (0,), 10)
    theta = of.init()
    exact = of.measure_gradients(theta)["gradient_norm_sq"].item()
    assert exact == of.measure_gradients(theta)["local_gradient_norm_sq"].item()
    batches = (torch.cat(parts) for parts in zip(*of.batches(0, 600), strict=True))
    gradients = torch.func.vmap(torch.func.grad(of.loss), in_dims=(None, 0, 0))(theta[0, 0], *batches)
    direction = gradients[:300].mean(dim=0)
    if sampling == "fixed":  # three batches make an epoch, and every epoch has the exact mean
        assert float((direction**2).sum()) == pytest.approx(exact, rel=1e-10)
        return
    sample = (gradients[:300] * gradients[300:]).sum(dim=1).numpy()  # independent halves: E g·g' = ‖E g‖²
    z = (sample.mean() - exact) / (sample.std(ddof=1) / len(sample) ** 0.5)
    assert abs(z) < 5, f"sampled {sample.mean():.5f}, exact {exact:.5f}, z = {z:.1f}"


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_initial_models_are_torchs_defaults_of_the_stream(model):
    of = problem(model=model)
    theta = of.init()
    state = torch.get_rng_state()
    assert theta.shape == (2, AGENTS, of.dim)
    assert theta.dtype == torch.float64
    for r, k, one in each(theta):
        with torch.random.fork_rng():
            torch.manual_seed(int(stream(SEEDS[r], "init", k).integers(2**63)))
            torch.testing.assert_close(one, parameters_to_vector(of.make().parameters()).double(), rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), state)


def test_initial_models_do_not_touch_the_global_generator():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one = problem().init()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(problem().init(), one)


def test_same_and_different_initial_models():
    different, same = problem().init(), problem(init="same").init()
    for r in range(len(SEEDS)):
        assert len({tuple(one[:5].tolist()) for one in different[r]}) == AGENTS
        assert all(torch.equal(one, different[r, 0]) for one in same[r])
    assert not torch.equal(same[0, 0], same[1, 0])
    assert torch.equal(problem(agents=2).init(), different[:, :2])
    same[0, 0] += 1  # the agents' models are their own memory
    assert not torch.equal(same[0, 0], same[0, 1])


def test_polygon_loss_is_the_test_loss_of_weighted_models():
    of = problem()
    theta = models(of)
    measured = of.measure(theta)
    corners = of.polygon_loss(theta[0].numpy(), np.eye(AGENTS))
    np.testing.assert_allclose(corners, measured["global_loss"][0], rtol=1e-12)
    center = of.polygon_loss(theta[0].numpy(), np.full((70, AGENTS), 1 / AGENTS))
    np.testing.assert_allclose(center, np.full(70, measured["merged_loss"][0]), rtol=1e-12)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (
            {"data": "mnist"},
            "Unknown data 'mnist'; valid: digits, glyphs, cifar10, cifar100, tiny_imagenet, cifar10_shaped, ",
        ),
        ({"model": "vgg"}, "Unknown model 'vgg'; valid: logistic, linear2, mlp, cnn, resnet18,"),
        ({"sampling": "all"}, "Unknown sampling 'all'; valid: resample, fixed."),
        ({"init": "zero"}, "Unknown init 'zero'; valid: different, same, pretrained."),
        ({"test": "train"}, "Unknown test 'train'; valid: test_set, mixture."),
        ({"dtype": "float16"}, "Unknown dtype 'float16'; valid: float32, float64."),
        ({"compute": "fp8"}, "Unknown compute 'fp8'; valid: same, bf16, tf32."),
        ({"compute": "bf16", "dtype": "float64"}, "compute 'bf16' needs dtype float32, not float64."),
        (
            {"statistics_gossip": "own"},
            "statistics_gossip is a field of model resnet18, resnet18_imagenet: with model ",
        ),
        ({"model": "resnet18", "statistics_images": 1}, "statistics_images must be at least 2, not 1."),
        (
            {"model": "resnet18", "merged_statistics": "none"},
            "merged_statistics 'none'; valid: reestimate, mean.",
        ),
        ({"alpha": 0.0}, "not 0.0."),
        ({"width": 0}, "not 0."),
        ({"samples": 0}, "not 0."),
        ({"label_smoothing": 1.0}, "not 1.0."),
        ({"side": 32}, "side is a field of data glyphs: with data digits leave it at 16, not 32."),
        ({"per_class": 7}, "per_class is a field of data glyphs: with data digits leave it at 100, not 7."),
        (
            {"folder": "a"},
            "folder is a field of data cifar10, cifar100, tiny_imagenet: with data digits leave it at None",
        ),
        (
            {"augmentation": "crop_flip_randaugment"},
            "augmentation is a field of data cifar10, cifar100, tiny_imagenet, cifar10_shaped, ",
        ),
        ({"augmentation": "mixup"}, "Unknown augmentation 'mixup'; valid: none, crop_flip_randaugment."),
        ({"data": "glyphs", "side": 8}, "side of glyphs must be a whole number from 16 to 64, not 8."),
        ({"data": "glyphs", "per_class": 0}, "per_class of glyphs must be a whole number of at least 1, not 0."),
    ],
)
def test_bad_fields_are_named(fields, named):
    with pytest.raises(OnemergeError) as error:
        Classification(**fields)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


def test_a_batch_must_fit_into_a_fixed_pool():
    with pytest.raises(OnemergeError, match=r"at most samples = 5 .*not 6"):
        problem(sampling="fixed", samples=5)


def test_scores_are_those_of_all_images_whatever_the_chunk(monkeypatch):
    problem = Classification(width=8, dtype="float64").build(3, (0,), 4)
    theta = problem.init().flatten(0, 1)
    whole = problem.test_scores(theta)
    monkeypatch.setattr(scores, "CHUNK", 7)
    for one, other in zip(whole, problem.test_scores(theta), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
