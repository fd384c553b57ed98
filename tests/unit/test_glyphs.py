import matplotlib
import numpy as np
import pytest
from matplotlib.font_manager import get_font
from matplotlib.path import Path as Outline

from paper_repro.setting import describe
from sim.data import glyphs as module
from sim.data.glyphs import (
    CHARACTERS,
    HIGHEST,
    LOWEST,
    PRETRAINING_FONTS,
    TEST_FONTS,
    TRAIN_FONTS,
    affine,
    draw_class,
    glyphs,
    outline,
)
from sim.network import Classification
from sim.randomness import stream
from sim.run import run
from sim.spec import Spec
from theory.errors import OnemergeError

LABELS = [CHARACTERS.index(character) for character in "8Rgil"]


@pytest.fixture
def noiseless(monkeypatch):
    monkeypatch.setattr(module, "HIGHEST", np.array([*HIGHEST[:5], 0.0]))


def parameters(seed, purpose, label, samples):
    """The drawn fonts (as numbers in [0, 1)) and affine parameters, from the documented stream."""
    drawn = stream(seed, purpose, label, 0).random((samples, 7))
    return drawn[:, 0], LOWEST + drawn[:, 1:] * (HIGHEST - LOWEST)


@pytest.mark.parametrize(("side", "per_class", "test_per_class"), [(16, 3, 2), (17, 1, 1), (64, 2, 1)])
def test_shapes_types_and_order(side, per_class, test_per_class):
    images = glyphs(side, per_class, test_per_class)
    assert images.classes == len(set(CHARACTERS)) == 62
    for x, y, samples in (
        (images.train_x, images.train_y, per_class),
        (images.test_x, images.test_y, test_per_class),
    ):
        assert x.shape == (62 * samples, 1, side, side)
        assert (x.dtype, y.dtype) == (np.float32, np.int64)
        assert (x.min(), x.max()) == (0.0, 1.0)
        assert y.tolist() == sorted(y.tolist())
        assert (np.bincount(y) == samples).all()
    assert glyphs(side, per_class, test_per_class) is images


def test_the_same_arguments_give_the_same_bits_and_more_images_begin_with_the_fewer():
    images = glyphs(16, 3, 2)
    again, other = glyphs.__wrapped__(16, 3, 2), glyphs.__wrapped__(16, 3, 2, seed=1)
    assert again.train_x.tobytes() == images.train_x.tobytes()
    assert again.test_x.tobytes() == images.test_x.tobytes()
    assert not np.array_equal(other.train_x, images.train_x)
    more = glyphs.__wrapped__(16, 5, 2)
    assert more.train_x.reshape(62, 5, 256)[:, :3].tobytes() == images.train_x.tobytes()
    assert more.test_x.tobytes() == images.test_x.tobytes()


def test_train_and_test_typefaces_are_apart_and_hold_every_character():
    families = {}
    for fonts in (TRAIN_FONTS, PRETRAINING_FONTS, TEST_FONTS):
        for name in fonts:
            font = get_font(f"{matplotlib.get_data_path()}/fonts/ttf/{name}.ttf")
            assert all(font.get_char_index(ord(character)) for character in CHARACTERS), name
            families.setdefault(font.family_name, set()).add(fonts)
    assert len(families) == 9
    assert all(len(sides) == 1 for sides in families.values()), families
    assert len({*TRAIN_FONTS, *PRETRAINING_FONTS, *TEST_FONTS}) == 8 + 7 + 6


@pytest.mark.parametrize("label", LABELS)
def test_images_equal_supersampled_outlines_under_the_documented_map(noiseless, label):
    """16² points a pixel inside the outline, moved by the written-out matrices; rows count from the top."""
    side, points = 20, 16
    images = draw_class(TRAIN_FONTS, label, side, 3, 0, "glyphs train")
    fonts, values = parameters(0, "glyphs train", label, 3)
    grid = (np.arange(side * points) + 0.5) / points
    where = np.stack(np.meshgrid(grid, side - grid), axis=-1).reshape(-1, 2)
    for image, font, (zoom, degrees, shear, right, up, _) in zip(images, fonts, values, strict=True):
        path = outline(TRAIN_FONTS[int(font * 8)], CHARACTERS[label])
        turn = np.deg2rad(degrees)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        matrix = side * 0.5 * zoom * rotation @ np.array([[1, shear], [0, 1]])
        move = lambda corners: corners @ matrix.T + side * (0.5 + np.array([right, up]))  # noqa: B023, E731
        contours = [Outline(move(corners)).contains_points(where) for corners in path.to_polygons()]
        inside = np.logical_xor.reduce(contours).reshape(side, points, side, points).mean(axis=(1, 3))
        assert np.abs(image[0] - inside).max() < 0.06
        assert np.abs(image[0] - inside).mean() < 0.005
        assert inside.sum() > 5


def test_outlines_have_capitals_of_height_one_around_the_origin():
    for font in (*TRAIN_FONTS, *TEST_FONTS):
        box = outline(font, "H").get_extents()
        np.testing.assert_allclose([box.y0, box.y1], [-0.5, 0.5], atol=0.01)
        assert abs(box.x0 + box.x1) < 1e-12
        assert outline(font, "c").get_extents().height < 0.85 * outline(font, "C").get_extents().height
        assert outline(font, "p").get_extents().y0 < -0.6


@pytest.mark.parametrize("label", LABELS)
def test_a_small_image_is_the_block_mean_of_a_large_one(noiseless, label):
    """Coverage is an area, so sides differ by averaging alone; the maps must not depend on the side."""
    small, large = (draw_class(TEST_FONTS, label, side, 4, 3, "glyphs test") for side in (16, 64))
    np.testing.assert_allclose(small, large.reshape(4, 1, 16, 4, 16, 4).mean(axis=(3, 5)), atol=0.012)
    assert large.max() > 0.9


def test_noise_has_the_drawn_level(monkeypatch):
    """Where ink and ground are far enough (3 σ) from the ends of [0, 1], (x - coverage)/σ is standard normal."""
    noisy = draw_class(TRAIN_FONTS, 8, 64, 40, 0, "glyphs train")
    _, values = parameters(0, "glyphs train", 8, 40)
    monkeypatch.setattr(module, "HIGHEST", np.array([*HIGHEST[:5], 0.0]))
    clean = draw_class(TRAIN_FONTS, 8, 64, 40, 0, "glyphs train")
    middle = (clean > 0.4) & (clean < 0.6)
    standard = ((noisy - clean) / values[:, 5, None, None, None])[middle]
    assert standard.size > 1000
    assert abs(standard.mean()) * standard.size**0.5 < 5
    assert abs((standard**2).mean() - 1) * (standard.size / 2) ** 0.5 < 5


def test_settings_of_matplotlib_change_no_pixel():
    before = draw_class(TRAIN_FONTS, 20, 16, 3, 0, "glyphs train")
    settings = {"path.simplify_threshold": 1.0, "path.snap": True, "text.hinting": "native", "lines.linewidth": 9}
    outline.cache_clear()
    with matplotlib.rc_context(settings):
        after = draw_class(TRAIN_FONTS, 20, 16, 3, 0, "glyphs train")
    outline.cache_clear()
    assert before.tobytes() == after.tobytes()


def test_the_map_turns_counterclockwise_after_the_shear():
    moved = affine(1, 1.0, 90.0, 1.0, 0.0, 0.0).transform([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(moved, [[0.0, 1.0], [0.5, 1.0]], atol=1e-12)  # (0,1) -> (1,1) -> (-1,1)


def test_classes_can_be_told_apart_across_fonts():
    """The nearest mean of a class, far above the 1/62 of chance and short of a task that is solved."""
    images = glyphs(16, 30, 10)
    means = images.train_x.reshape(62, 30, 256).mean(axis=1)
    test = images.test_x.reshape(-1, 1, 256)
    accuracy = (((test - means) ** 2).sum(axis=2).argmin(axis=1) == images.test_y).mean()
    assert 0.25 < accuracy < 0.9


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((15,), "side of glyphs must be a whole number from 16 to 64, not 15."),
        ((65,), "side of glyphs must be a whole number from 16 to 64, not 65."),
        ((16.0,), "side of glyphs must be a whole number from 16 to 64, not 16.0."),
        (("16",), "side of glyphs must be a whole number from 16 to 64, not '16'."),
        ((16, 0), "per_class of glyphs must be a whole number of at least 1, not 0."),
        ((16, True), "per_class of glyphs must be a whole number of at least 1, not True."),
        ((16, 1, 0), "test_per_class of glyphs must be a whole number of at least 1, not 0."),
    ],
)
def test_bad_sizes_are_named(arguments, named):
    with pytest.raises(OnemergeError) as error:
        glyphs.__wrapped__(*arguments)
    assert str(error.value) == named


def test_a_run_trains_on_the_glyphs_that_its_fields_name():
    spec = Spec(
        Classification(data="glyphs", side=18, per_class=4, alpha=float("inf"), width=16),
        agents=2, rounds=2, local_steps=30, gossip="complete", optimizer="adamw", lr=0.01, momentum=0.9,
    )  # fmt: skip
    problem = spec.build((0,))
    assert problem.train_x.shape == (62 * 4, 1, 18, 18)
    assert problem.dim == 18 * 18 * 16 + 16 + 16 * 16 + 16 + 16 * 62 + 62
    assert describe(spec).startswith(
        "glyphs of matplotlib's fonts (248 training and 1,240 test images of 18×18 pixels), "
        "an MLP with two hidden layers of width 16, "
    )
    table = run(spec, (0,))
    loss = table[table["metric"] == "merged_loss"].set_index("round")["value"]
    assert loss[2] < loss[1] - 0.1
