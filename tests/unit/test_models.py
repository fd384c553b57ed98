import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from sim.data.images import Images
from sim.data.sets import DATASETS
from sim.models import MODELS, WIDTHS
from sim.models.vision import attention, clip_weights, library, regrid
from sim.network import BATCH_NORM, Classification
from sim.spec import Spec
from theory.errors import OnemergeError

NARROW = ("linear2", "mlp", "cnn", "resnet18", "resnet18_imagenet")
SMALL = {"logistic": None, "clip_vit_b32": 64, "vit": 16} | dict.fromkeys(NARROW, 4)
NORMED = BATCH_NORM


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def made(name, channels=3, side=32, classes=5, width=None, seed=0):
    """A float64 model in evaluation mode with random weights, and statistics that are not the initial ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MODELS[name](channels, side, classes, width or SMALL[name]).double().eval()
        for buffer_name, buffer in model.named_buffers():
            if buffer.is_floating_point():
                buffer.copy_(torch.rand(buffer.shape) + float("var" in buffer_name))
    return model


def images(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "channels", "side", "classes", "width", "expected"),
    [
        ("logistic", 1, 8, 10, None, 650),
        ("linear2", 1, 8, 10, 64, 64 * 65 + 650),
        ("mlp", 1, 8, 10, 64, 8970),
        ("resnet18", 3, 32, 10, 64, 11_173_962),  # the usual count of its CIFAR form
        ("resnet18_imagenet", 3, 224, 1000, 64, 11_689_512),  # torchvision's
        ("clip_vit_b32", 3, 224, 10, 768, 87_456_000 + 7690),  # CLIPVisionModel's, and the head
        ("clip_vit_b32", 3, 64, 10, 768, 87_456_000 + 7690 - 45 * 768),  # 5 positions in place of 50
        ("vit", 3, 32, 10, 64, 3 * 16 * 64 + 64 + 66 * 64 + 6 * (12 * 64**2 + 13 * 64) + 128 + 650),
    ],
)
def test_parameter_counts(name, channels, side, classes, width, expected):
    with torch.device("meta"):
        assert count(MODELS[name](channels, side, classes, width)) == expected


def test_every_model_has_a_default_width():
    assert list(WIDTHS) == list(MODELS)
    for name, width in WIDTHS.items():
        with torch.device("meta"):
            default = MODELS[name](3, 32, 10)
            assert count(default) == count(MODELS[name](3, 32, 10, width))


@pytest.mark.parametrize("name", MODELS)
def test_models_are_pure_functions_of_parameters_and_statistics(name):
    model = made(name)
    with torch.device("meta"):
        skeleton = MODELS[name](3, 32, 5, SMALL[name]).eval()
    floats = {key: value for key, value in model.named_buffers() if value.is_floating_point()}
    assert bool(floats) == (name in NORMED)
    assert all("num_batches_tracked" in key for key, _ in model.named_buffers() if key not in floats)
    assert not any(isinstance(module, nn.Dropout) and module.p for module in model.modules())
    x = images(4, 3, 32, 32)
    with torch.no_grad():
        logits = functional_call(skeleton, dict(model.named_parameters()) | floats, (x,))
        assert logits.shape == (4, 5)
        assert torch.equal(logits, model(x))
        assert torch.allclose(logits[[2, 0]], model(x[[2, 0]]), rtol=1e-10)  # an image does not depend on its neighbors


@pytest.mark.parametrize("name", MODELS)
def test_vmap_over_agents_agrees_with_autograd_on_each(name):
    models = [made(name, seed=seed) for seed in range(3)]
    floats = {key: value for key, value in models[0].named_buffers() if value.is_floating_point()}
    x, y = images(3, 4, 3, 32, 32), torch.arange(12).view(3, 4) % 5

    def loss(params, x, y):
        return F.cross_entropy(functional_call(models[0], params | floats, (x,)), y)

    for agents in (1, 2, 3):
        stacked = {
            key: torch.stack([dict(model.named_parameters())[key].detach() for model in models[:agents]])
            for key, _ in models[0].named_parameters()
        }
        gradients = vmap(grad(loss))(stacked, x[:agents], y[:agents])
        agent = agents - 1
        alone = {key: value[agent].clone().requires_grad_() for key, value in stacked.items()}
        expected = torch.autograd.grad(loss(alone, x[agent], y[agent]), list(alone.values()))
        for key, value in zip(alone, expected, strict=True):
            assert torch.allclose(gradients[key][agent], value, rtol=1e-8, atol=1e-11), key


def test_linear_models_are_affine_and_linear2_is_a_product():
    x = images(2, 1, 8, 8)
    for name in ("logistic", "linear2"):
        model = made(name, channels=1, side=8)
        with torch.no_grad():
            assert torch.allclose(model(x).mean(0), model(x.mean(0, keepdim=True))[0], rtol=1e-12)
    first, second = model[1], model[2]
    product = second.weight @ (first.weight @ x[0].flatten() + first.bias) + second.bias
    assert torch.allclose(model(x)[0], product, rtol=1e-12)


def plain_resnet18(model, x, imagenet):
    """ResNet-18 from its parameters alone, in the order in which the paper has its layers."""
    weights, statistics = iter(model.parameters()), iter(b for b in model.buffers() if b.is_floating_point())

    def conv_norm(x, stride, padding):
        x = F.conv2d(x, next(weights), stride=stride, padding=padding)
        return F.batch_norm(x, next(statistics), next(statistics), next(weights), next(weights))

    x = conv_norm(x, 2, 3) if imagenet else conv_norm(x, 1, 1)
    x = x.relu()
    if imagenet:
        x = F.max_pool2d(x, 3, 2, 1)
    for stage in range(4):
        for block in range(2):
            stride = 2 if stage > 0 and block == 0 else 1
            shortcut = conv_norm(x, 2, 0) if stride == 2 else x
            x = (conv_norm(conv_norm(x, stride, 1).relu(), 1, 1) + shortcut).relu()
    return F.linear(x.mean((2, 3)), next(weights), next(weights))


@pytest.mark.parametrize("side", [8, 33])
@pytest.mark.parametrize("name", NORMED)
def test_resnet18_is_the_network_of_its_paper(name, side):
    model, x = made(name, side=side), images(2, 3, side, side)
    with torch.no_grad():
        assert torch.allclose(model(x), plain_resnet18(model, x, "imagenet" in name), rtol=1e-10)


@pytest.mark.parametrize("name", NORMED)
def test_resnet18_starts_from_he_weights(name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = MODELS[name](1, 32, 10, 16)  # one channel, for which torch's default is far from He's variance
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] ** 2
            z = (module.weight.var() / (2 / fan_out) - 1) * (module.weight.numel() / 2) ** 0.5
            assert abs(z) < 5, f"{module}: z = {z:.1f}"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [8, 16, 32, 40, 64])
def test_vit_has_64_patches_and_a_cls_token_at_every_side(channels, side):
    model = made("vit", channels=channels, side=side)
    positions = dict(model.named_parameters())["classifier.vit.embeddings.position_embeddings"]
    assert positions.shape == (1, 65, 16)
    assert model(images(2, channels, side, side)).shape == (2, 5)


def test_attention_is_torchs_in_double_precision():
    q, k, v = (images(2, 3, 5, 4, seed=seed) for seed in range(3))
    out, maps = attention(None, q, k, v, scaling=0.3)
    expected = F.scaled_dot_product_attention(q, k, v, scale=0.3).transpose(1, 2)
    assert maps is None
    assert out.shape == (2, 5, 3, 4)
    assert torch.allclose(out, expected, rtol=1e-13)


@pytest.mark.parametrize("name", ["vit", "clip_vit_b32"])
def test_float64_derivatives_of_transformers_have_double_precision(name):
    """The library's own eager attention takes its softmax in float32 and fails this by a factor of a thousand."""
    model = made(name)
    params = {key: value.detach() for key, value in model.named_parameters()}
    x, y = images(2, 3, 32, 32), torch.tensor([1, 3])
    direction = {key: images(*value.shape, seed=9) for key, value in params.items()}

    def loss(params):
        return F.cross_entropy(functional_call(model, params, (x,)), y)

    slope = sum((gradient * direction[key]).sum() for key, gradient in grad(loss)(params).items())

    def shifted(h):
        return loss({key: value + h * direction[key] for key, value in params.items()})

    h = 1e-5
    numeric = (8 * (shifted(h) - shifted(-h)) - (shifted(2 * h) - shifted(-2 * h))) / (12 * h)
    assert abs(numeric / slope - 1) < 1e-8


@pytest.mark.parametrize(
    ("name", "side", "width", "words"),
    [
        ("vit", 20, 16, "multiple of 8, not 20"),
        ("vit", 0, 16, "multiple of 8, not 0"),
        ("vit", 32, 40, "multiple of 16.*not 40"),
        ("clip_vit_b32", 48, 64, "multiple of 32, not 48"),
        ("clip_vit_b32", 64, 100, "multiple of 64.*not 100"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(name, side, width, words):
    with pytest.raises(OnemergeError, match=words):
        MODELS[name](3, side, 10, width)


@pytest.mark.parametrize("name", [*NORMED, "vit", "clip_vit_b32"])
def test_a_missing_library_is_named(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(OnemergeError, match=r"pip install 'onemerge\[models\]'"):
        MODELS[name](3, 32, 10, 64)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folders of a CLIP at 224 × 224 (7 × 7 patches): the whole model and its vision tower alone; and that tower."""
    transformers, folder = library(), tmp_path_factory.mktemp("clip")
    vision = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 12, "num_attention_heads": 1}
    text = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = transformers.CLIPConfig(text_config=text | {"vocab_size": 8}, vision_config=vision)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        whole = transformers.CLIPModel(config)
        tower = transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**vision)).eval()
    numbers = whole.state_dict()  # version 4 of the library has the prefix inside the tower, too
    tower.load_state_dict(
        {key: numbers[key if key in numbers else f"vision_model.{key}"] for key in tower.state_dict()}
    )
    whole.save_pretrained(folder / "whole")
    tower.save_pretrained(folder / "tower")
    return folder, tower


@pytest.mark.parametrize("part", ["whole", "tower"])
@pytest.mark.parametrize("side", [32, 64, 224])
def test_pretrained_clip_is_the_librarys_own_at_any_side(saved, part, side):
    folder, tower = saved
    with torch.device("meta"):
        skeleton = MODELS["clip_vit_b32"](3, side, 5, 64)
    weights = clip_weights(skeleton, folder / part)
    head = {"head.weight": torch.eye(5, 64), "head.bias": torch.zeros(5)}
    assert {name: tuple(p.shape) for name, p in skeleton.named_parameters()} == {
        name: tuple(p.shape) for name, p in (weights | head).items()
    }
    x = images(2, 3, side, side).float()
    with torch.no_grad():
        logits = functional_call(skeleton, weights | head, (x,))
        expected = tower(x, interpolate_pos_encoding=True).pooler_output[:, :5]
    assert torch.allclose(logits, expected, atol=2e-5)


def test_agents_start_with_pretrained_towers_and_heads_of_their_own(saved, monkeypatch):
    folder, _ = saved
    config = Classification(model="clip_vit_b32", width=64)
    gray = Classification(data="glyphs", side=32, per_class=1, model="clip_vit_b32", width=64)
    with pytest.raises(OnemergeError, match="num_channels 3, but the model in use 1"):
        replace(gray, weights=str(folder / "tower")).build(2, (0,), 2).init()
    x, y = images(4, 3, 32, 32).numpy(), np.array([0, 0, 1, 1])
    monkeypatch.setitem(DATASETS, "digits", lambda config: Images("noise", 2, x, y, x, y))
    problem = replace(config, weights=str(folder / "tower")).build(2, (0,), 2)
    pretrained, theta = clip_weights(problem.skeleton, folder / "tower"), problem.init()
    for one, drawn in zip(theta[0], config.build(2, (0,), 2).init()[0], strict=True):
        parameters = problem.unflatten(one)
        for name, part in parameters.items():
            expected = pretrained[name] if name in pretrained else problem.unflatten(drawn)[name]
            assert torch.equal(part, expected), name
    heads = [problem.unflatten(one)["head.weight"] for one in theta[0]]
    assert not torch.equal(*heads)


def test_the_files_of_pretrained_weights_are_part_of_a_run_and_their_folder_is_not(saved, tmp_path):
    folder, _ = saved
    of = lambda path: Spec(Classification(model="clip_vit_b32", weights=str(path))).key()  # noqa: E731
    key, copy = of(folder / "tower"), shutil.copytree(folder / "tower", tmp_path / "copy")
    assert of(copy) == key != of(folder / "whole")
    with (copy / "config.json").open("a") as file:
        file.write("\n")
    assert of(copy) != key != Spec(Classification(model="clip_vit_b32")).key()
    with pytest.raises(OnemergeError, match="with weights; name a folder"):
        of(tmp_path)


def test_regrid_keeps_a_grid_that_fits_and_the_cls_position():
    positions = images(50, 6)
    assert torch.equal(regrid(positions, 7), positions)
    smaller = regrid(positions, 2)
    assert smaller.shape == (5, 6)
    assert torch.equal(smaller[0], positions[0])
    flat = torch.cat([positions[:1], torch.ones(49, 1) * positions[7]])
    assert torch.allclose(regrid(flat, 3)[1:], positions[7].expand(9, 6), rtol=1e-12)


def test_folders_without_that_clip_are_refused(saved, tmp_path):
    folder, tower = saved
    with torch.device("meta"):
        model, wider = (MODELS["clip_vit_b32"](3, 64, 5, width) for width in (64, 128))
        gray = MODELS["clip_vit_b32"](1, 64, 5, 64)
    with pytest.raises(OnemergeError, match=r"No config.json in .*absent"):
        clip_weights(model, tmp_path / "absent")
    with pytest.raises(OnemergeError, match="hidden_size 64, but the model in use 128"):
        clip_weights(wider, folder / "tower")
    with pytest.raises(OnemergeError, match="num_channels 3, but the model in use 1"):
        clip_weights(gray, folder / "tower")
    made("vit", side=16).classifier.save_pretrained(tmp_path / "vit")
    with pytest.raises(OnemergeError, match="model of type 'vit'"):
        clip_weights(model, tmp_path / "vit")
    tower.config.save_pretrained(tmp_path / "empty")
    with pytest.raises(OnemergeError, match=r"Cannot read a CLIP from .*empty"):
        clip_weights(model, tmp_path / "empty")
    weights = folder / "tower" / "model.safetensors"
    (tmp_path / "empty" / "model.safetensors").write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(OnemergeError, match=r"Cannot read a CLIP from .*empty"):
        clip_weights(model, tmp_path / "empty")


def test_a_clip_that_lacks_weights_is_refused(saved, tmp_path):
    tower = saved[1]
    kept = {key: value for key, value in tower.state_dict().items() if "post_layernorm" not in key}
    tower.save_pretrained(tmp_path, state_dict=kept)
    with torch.device("meta"):
        model = MODELS["clip_vit_b32"](3, 64, 5, 64)
    with pytest.raises(OnemergeError, match=r"lacks weights of its vision tower .*post_layernorm"):
        clip_weights(model, tmp_path)
