"""A data set of images, as every source of data hands it over."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Images:
    """A data set split in two: x [N, channels, side, side] float32 in [0, 1], y [N] int64, sorted by class; `name` is
    what captions call it."""

    name: str
    classes: int
    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
