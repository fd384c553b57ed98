"""Generated images of the shape of a published archive, to try what reads one where there is none.

An image is half the pattern of its class, a 4 × 4 grid of uniform colors enlarged to side², and half uniform noise:
classes can be told apart, and nothing else of the real images is in them. 20 training and 2 test images a class.
"""

from functools import cache

import numpy as np

from sim.data.archives import ARCHIVES
from sim.data.images import Images
from sim.randomness import stream

TRAIN, TEST, GRID = 20, 2, 4


@cache
def shaped(name):
    """The Images in the shape of the archive `name`, with its number of classes; the same for every seed of a run."""
    archive = ARCHIVES[name]
    generator = stream(0, "shaped", archive.classes, archive.side)
    coarse = generator.random((archive.classes, 3, GRID, GRID), dtype=np.float32)
    block = archive.side // GRID
    patterns = coarse.repeat(block, axis=2).repeat(block, axis=3)

    def drawn(each):
        noise = generator.random((archive.classes, each, *patterns.shape[1:]), dtype=np.float32)
        images = (patterns[:, None] + noise) / 2
        return images.reshape(-1, *patterns.shape[1:]), np.repeat(np.arange(archive.classes), each)

    return Images(f"generated patterns in the shape of {archive.title}", archive.classes, *drawn(TRAIN), *drawn(TEST))


SHAPED = {f"{name}_shaped": name for name in ARCHIVES}
