"""Glyphs: the 62 letters and digits, drawn from the fonts that ship with matplotlib; nothing is downloaded.

Fonts (matplotlib's mpl-data/fonts/ttf): DejaVu Sans, Sans Mono and Serif (license of Bitstream Vera, changes in the
public domain), STIX General (STIX Font License of 2010) and the Computer Modern fonts cm* of the BaKoMa collection
(BaKoMa license). All may be used and passed on; no font is copied here, as matplotlib brings them.

The fonts of training, of testing and of pretraining (`sim.models.pretraining`) are different typefaces.

An image is the glyph's outline v (unhinted, capital H of height 1, the middle of its width and of the capitals' height
in the origin) under a random affine map, and noise:

    v' = side (1/2 + s + a z R(φ) K(k) v),   x = clip(coverage(v') + σ n, 0, 1),   n ~ N(0, 1) a pixel

with size a = 0.5, zoom z ∈ [0.8, 1.15], rotation φ ∈ [−12°, 12°], shear k ∈ [−0.2, 0.2] (K = [[1, k], [0, 1]]), shift
s ∈ [−0.07, 0.07]² and noise level σ ∈ [0, 0.1], all uniform. Coverage is the share of the pixel's area, in steps of
1/255 (Agg, whose corners lie on a grid of 1/256 pixel). All images of a class follow one stream of numbers: the first
images do not depend on how many are drawn, and the map of an image does not depend on the side.
"""

import string
from functools import cache

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from sim.data.images import Images
from sim.randomness import stream
from theory.errors import require

CHARACTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
SIDES = range(16, 65)
STYLES = ("", "-Bold", "-Oblique", "-BoldOblique"), ("", "-Bold", "-Italic", "-BoldItalic")
# Whole typefaces: the oblique of a font is its upright under a shear, so a style held back alone would be no test.
TRAIN_FONTS = (*(f"DejaVuSans{style}" for style in STYLES[0]), *(f"DejaVuSerif{style}" for style in STYLES[1]))
PRETRAINING_FONTS = (*(f"DejaVuSansMono{style}" for style in STYLES[0]), "cmr10", "cmb10", "cmti10")
TEST_FONTS = ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta", "cmss10", "cmtt10")
SIZE = 0.5
FINE = 20.0  # times TextPath's 100 pixels an em
LOWEST = np.array([0.8, -12.0, -0.2, -0.07, -0.07, 0.0])  # zoom, degrees, shear, shift right, shift up, noise
HIGHEST = np.array([1.15, 12.0, 0.2, 0.07, 0.07, 0.1])


@cache
def outline(font, character):
    """The glyph's path: capital H of height 1, centered between the ends of its width and on half the capitals.

    Curves are polygons already, as fine as for an image of 1,400 pixels: left to Agg, they are rougher the smaller
    the image is (a pixel's coverage at side 16 then is off by up to 0.09).
    """
    file = f"{matplotlib.get_data_path()}/fonts/ttf/{font}.ttf"
    draw = lambda text: TextPath((0, 0), text, size=100, prop=FontProperties(fname=file))  # noqa: E731
    capital, curves = draw("H").get_extents().y1, draw(character)
    polygons = [Path(corners, closed=True) for corners in curves.to_polygons(Affine2D().scale(FINE))]
    path = Path.make_compound_path(*polygons)
    box = path.get_extents()
    centered = Affine2D().translate(-(box.x0 + box.x1) / 2, -FINE * capital / 2).scale(1 / (FINE * capital))
    path = centered.transform_path(path)
    path.should_simplify = False
    return path


def affine(side, zoom, degrees, shear, right, up):
    """The map v -> side (1/2 + s + a z R K v) of the module's docstring, in pixels from the lower left corner."""
    return (
        Affine2D(np.array([[1, shear, 0], [0, 1, 0], [0, 0, 1]], dtype=float))
        .rotate_deg(degrees)
        .scale(side * SIZE * zoom)
        .translate(side * (0.5 + right), side * (0.5 + up))
    )


def draw_class(fonts, label, side, samples, seed, purpose):
    """Images [samples, 1, side, side] of class `label`, from the streams (seed, purpose, label, 0 and 1)."""
    drawn = stream(seed, purpose, label, 0).random((samples, 1 + len(LOWEST)))
    chosen = np.floor(drawn[:, 0] * len(fonts)).astype(int)
    parameters = LOWEST + drawn[:, 1:] * (HIGHEST - LOWEST)
    renderer = RendererAgg(side, side, 72)
    gc = renderer.new_gc()
    gc.set_linewidth(0)
    gc.set_snap(False)
    images = np.empty((samples, 1, side, side), dtype=np.float32)
    for image, font, values in zip(images, chosen, parameters, strict=True):
        renderer.clear()
        renderer.draw_path(gc, outline(fonts[font], CHARACTERS[label]), affine(side, *values[:5]), (1.0, 1.0, 1.0))
        image[0] = np.asarray(renderer.buffer_rgba())[:, :, 3]
    images /= 255
    noise = stream(seed, purpose, label, 1).standard_normal(images.shape, dtype=np.float32)
    images += parameters[:, 5].astype(np.float32)[:, None, None, None] * noise
    return np.clip(images, 0, 1, out=images)


def check_glyphs(side, per_class, test_per_class=1):
    """Refuse sizes that no set of glyphs has, before anything is drawn."""
    whole = lambda value: isinstance(value, int) and not isinstance(value, bool)  # noqa: E731
    require(whole(side) and side in SIDES, f"side of glyphs must be a whole number from 16 to 64, not {side!r}.")
    for name, value in (("per_class", per_class), ("test_per_class", test_per_class)):
        require(whole(value) and value >= 1, f"{name} of glyphs must be a whole number of at least 1, not {value!r}.")


@cache
def glyphs(side=16, per_class=100, test_per_class=20, seed=0):
    """62 classes (0-9, A-Z, a-z) of `per_class` training and `test_per_class` test images each, of side² pixels.

    Training images use TRAIN_FONTS, test images TEST_FONTS, and different streams. The same arguments give the same
    bits wherever matplotlib's fonts and its Agg are the same.
    """
    check_glyphs(side, per_class, test_per_class)
    return Images(
        "glyphs of matplotlib's fonts",
        len(CHARACTERS),
        *draw_set(TRAIN_FONTS, side, per_class, seed, "glyphs train"),
        *draw_set(TEST_FONTS, side, test_per_class, seed, "glyphs test"),
    )


def draw_set(fonts, side, per_class, seed, purpose):
    """(images [62 · per_class, 1, side, side], labels), sorted by label."""
    labels = np.arange(len(CHARACTERS))
    images = np.concatenate([draw_class(fonts, label, side, per_class, seed, purpose) for label in labels])
    return images, np.repeat(labels, per_class)
