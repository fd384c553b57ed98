"""Every operation against Pillow's on single images of bytes, or against a loop where Pillow has none."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from scipy import stats

from paper_repro.setting import describe
from sim.data.augment import BLENDS, GEOMETRIC, OPERATIONS, PAD, apply, augment, crop, draw, flip, randaugment
from sim.data.images import Images
from sim.network import Classification
from sim.randomness import stream
from sim.spec import Spec
from theory.errors import OnemergeError

MAGNITUDES = (1, 9, 17, 30)


def batches_of(problem, round, steps):
    """The batches of a round, stacked over its steps."""
    return tuple(torch.stack(parts) for parts in zip(*problem.batches(round, steps), strict=True))


def pictures(n=4, channels=3, side=21):
    """Bytes [n, side, side, channels], no two rows, columns or channels alike; the last image has few levels."""
    generator = np.random.default_rng(0)
    ramp = np.linspace(20, 200, side)[None, :, None, None] + np.linspace(0, 30, side)[None, None, :, None]
    images = np.clip(ramp + generator.normal(0, 25, (n, side, side, channels)), 0, 255).astype(np.uint8)
    images[-1] = images[-1] // 100 * 100
    return images


def tensor(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def picture(image):
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def by_pillow(name, image, sign, magnitude):
    side, strength = image.size[0], sign * magnitude / 30
    shear, shift = 0.3 * strength, sign * int(150 / 331 * side * magnitude / 30)
    affine = {
        "shear_x": (1, -shear, 0, 0, 1, 0),
        "shear_y": (1, 0, 0, -shear, 1, 0),
        "translate_x": (1, 0, -shift, 0, 1, 0),
        "translate_y": (1, 0, 0, 0, 1, -shift),
    }
    enhancers = {
        "brightness": ImageEnhance.Brightness,
        "color": ImageEnhance.Color,
        "contrast": ImageEnhance.Contrast,
        "sharpness": ImageEnhance.Sharpness,
    }
    if name in affine:
        return image.transform(image.size, Image.Transform.AFFINE, affine[name], Image.Resampling.NEAREST)
    if name == "rotate":
        return image.rotate(sign * magnitude, Image.Resampling.NEAREST)
    if name in enhancers:
        return enhancers[name](image).enhance(1 + 0.9 * strength)
    return {
        "identity": lambda: image,
        "posterize": lambda: ImageOps.posterize(image, 8 - round(magnitude / 7.5)),
        "solarize": lambda: ImageOps.solarize(image, 255 * (1 - magnitude / 30) + 1e-9),
        "autocontrast": lambda: ImageOps.autocontrast(image),
        "equalize": lambda: ImageOps.equalize(image),
    }[name]()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_equals_pillows(name, channels):
    """Exactly for pixels that are moved or looked up, within two levels of rounding where Pillow computes in bytes."""
    images, changed = pictures(channels=channels), 0
    for magnitude in MAGNITUDES:
        for sign in (-1, 1):
            signs = np.full(len(images), sign)
            out = randaugment(
                tensor(images), np.full((len(images), 1), OPERATIONS.index(name)), signs[:, None], magnitude
            )
            expected = np.stack(
                [np.asarray(by_pillow(name, picture(image), sign, magnitude)) for image in images]
            ).reshape(images.shape)
            error = np.abs(out.permute(0, 2, 3, 1).numpy() * 255 - expected)
            assert out.dtype == torch.float32
            assert error.max() < (2.01 if name in (*BLENDS, "autocontrast") else 1e-3), (magnitude, sign)
            changed += not np.array_equal(expected, images)
    still = name == "identity" or (name == "color" and channels == 1)
    assert changed == (0 if still else 6 if name in (*GEOMETRIC, "posterize") else 8)  # M = 1 moves no pixel of 21


@pytest.mark.parametrize("name", ["identity", *GEOMETRIC, *BLENDS, "posterize", "solarize"])
def test_zero_magnitude_changes_no_bit(name):
    x = torch.from_numpy(np.random.default_rng(0).random((3, 3, 16, 16), dtype=np.float32))
    x[0, 0, 0, :2] = torch.tensor([0.0, 1.0])
    if name == "posterize":
        x = (x * 255).round() / 255
    for sign in (-1, 1):
        assert torch.equal(apply(name, x, np.full(3, sign), 0), x)


def test_signs_are_by_image():
    x = tensor(pictures(side=16))
    signs = np.array([1, -1, -1, 1])
    for name in (*GEOMETRIC, *BLENDS):
        together = apply(name, x, signs, 9)
        for k in range(4):
            assert torch.equal(together[k : k + 1], apply(name, x[k : k + 1], signs[k : k + 1], 9)), name
        assert not torch.equal(together, apply(name, x, -signs, 9)), name


def test_crop_and_flip_equal_loops():
    images = pictures(side=17)
    start = np.array([[0, 0], [PAD, PAD], [2 * PAD, 1], [3, 2 * PAD]])
    where = np.array([True, False, True, False])
    cropped, flipped = crop(tensor(images), start), flip(tensor(images), where)
    assert torch.equal(cropped[1], tensor(images)[1])
    for k, image in enumerate(images):
        padded = np.asarray(ImageOps.expand(picture(image), PAD))
        row, column = start[k]
        expected = padded[row : row + 17, column : column + 17]
        np.testing.assert_array_equal((cropped[k].permute(1, 2, 0) * 255).round().numpy(), expected)
        mirrored = np.asarray(ImageOps.mirror(picture(image))) if where[k] else image
        np.testing.assert_array_equal((flipped[k].permute(1, 2, 0) * 255).round().numpy(), mirrored)


def test_a_batch_is_its_images_one_by_one():
    """Crop, flip and two operations; also a batch of one."""
    x = tensor(pictures(40, side=16))
    draws = draw(stream(0, "augment", 0), (40,))
    together = augment(x, draws)
    assert together.dtype == torch.float32
    assert (together.min() >= 0) & (together.max() <= 1)
    for k in range(40):
        one = flip(crop(x[k : k + 1], draws.crop[k : k + 1]), draws.flip[k : k + 1])
        for slot in range(2):
            one = apply(OPERATIONS[draws.operation[k, slot]], one, draws.sign[k : k + 1, slot], 9)
        torch.testing.assert_close(together[k : k + 1], one, rtol=0, atol=1e-6)
    single = augment(x[:1], draw(stream(0, "augment", 0), (1,)))
    torch.testing.assert_close(single, together[:1], rtol=0, atol=1e-6)


def test_draws_are_uniform_and_independent_of_what_follows():
    draws = draw(stream(0, "augment", 3), (5, 4000))
    again = draw(stream(0, "augment", 3), (2, 4000))
    for name in ("crop", "flip", "operation", "sign"):
        np.testing.assert_array_equal(getattr(draws, name)[:2], getattr(again, name))
    assert draws.crop.shape == draws.operation.shape == draws.sign.shape == (5, 4000, 2)
    for values, possible in (
        (draws.crop[..., 0], range(2 * PAD + 1)),
        (draws.crop[..., 1], range(2 * PAD + 1)),
        (draws.flip, (0, 1)),
        (draws.operation[..., 0], range(14)),
        (draws.operation[..., 1], range(14)),
        (draws.sign[..., 0], (-1, 1)),
        (draws.sign[..., 1], (-1, 1)),
    ):
        count = [(values == value).sum() for value in possible]
        assert sum(count) == values.size
        assert stats.chisquare(count).pvalue > 1e-4
    joint = np.histogram2d(*(draws.operation[..., k].ravel() for k in (0, 1)), bins=14)[0]
    assert stats.chi2_contingency(joint).pvalue > 1e-4


def test_the_global_generator_is_not_touched():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    augment(tensor(pictures()), draw(stream(0, "augment"), (4,)))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.gpu
def test_a_gpu_gives_the_same_images():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    x, draws = tensor(pictures(200, side=32)), draw(stream(0, "augment", 0), (200,))
    # Posterize and equalize look bytes up: a rounding before them may move a pixel by a step of theirs.
    error = (augment(x.cuda(), draws).cpu() - augment(x, draws)).abs()
    assert (error > 1e-5).float().mean() < 1e-3


@pytest.mark.parametrize(
    ("shape", "draws", "magnitude", "named"),
    [
        ((2, 3, 16, 17), 2, 9, "augmentation needs square images [n, 1 or 3, side, side], not [2, 3, 16, 17]."),
        ((2, 2, 16, 16), 2, 9, "augmentation needs square images [n, 1 or 3, side, side], not [2, 2, 16, 16]."),
        ((3, 16, 16), 3, 9, "augmentation needs square images [n, 1 or 3, side, side], not [3, 16, 16]."),
        ((2, 3, 16, 16), 3, 9, "2 images need as many draws, not 3."),
        ((2, 3, 16, 16), 2, 31, "magnitude must be a whole number from 0 to 30, not 31."),
        ((2, 3, 16, 16), 2, 9.0, "magnitude must be a whole number from 0 to 30, not 9.0."),
    ],
)
def test_bad_arguments_are_named(shape, draws, magnitude, named):
    with pytest.raises(OnemergeError) as error:
        augment(torch.zeros(shape), draw(stream(0, "augment"), (draws,)), magnitude)
    assert str(error.value) == named


@pytest.fixture
def cifar(monkeypatch):
    """A build(augmentation, seeds) of runs on random images of 8×8 pixels in the place of CIFAR-10."""
    x = np.random.default_rng(0).random((60, 3, 8, 8), dtype=np.float32)
    images = Images("cifar10", 10, x, np.arange(60) // 6, x[:10], np.arange(10))
    monkeypatch.setattr("sim.data.sets.read_archive", lambda folder, archive: images)

    def build(augmentation, seeds=(0, 1), **fields):
        config = Classification(data="cifar10", augmentation=augmentation, alpha=1.0, width=4, **fields)
        return config.build(3, seeds, 5)

    return build


@pytest.mark.parametrize("fields", [{}, {"sampling": "fixed", "samples": 20}, {"dtype": "float64"}])
def test_a_run_trains_on_augmented_images_of_its_plain_batches(cifar, fields):
    """Image by image from the stream of the replica, in the order of step, agent and place in the batch."""
    plain, augmented = cifar("none", **fields), cifar("crop_flip_randaugment", **fields)
    (x, y), (ax, ay) = batches_of(plain, 2, 4), batches_of(augmented, 2, 4)
    assert torch.equal(y, ay)
    assert ax.dtype == x.dtype
    for replica, seed in enumerate((0, 1)):
        draws = draw(stream(seed, "augment", 2), (4, 3, 5))
        for step in range(4):
            for agent in range(3):
                row = replica * 3 + agent
                expected = augment(x[step, row], draws.at(step).at(agent))
                torch.testing.assert_close(ax[step, row], expected, rtol=0, atol=1e-6)
    assert (ax != x).flatten(3).any(dim=3).float().mean() > 0.9
    assert torch.equal(augmented.train_x, plain.train_x)
    captions = [describe(Spec(problem.config)) for problem in (plain, augmented)]
    assert [", augmented by crop, flip and RandAugment" in caption for caption in captions] == [False, True]


def test_augmented_batches_do_not_depend_on_what_else_is_stacked(cifar):
    together, alone = cifar("crop_flip_randaugment"), cifar("crop_flip_randaugment", (1,))
    assert torch.equal(batches_of(together, 0, 3)[0][:, 3:], batches_of(alone, 0, 3)[0])
    assert not torch.equal(batches_of(together, 0, 1)[0], batches_of(together, 1, 1)[0])
