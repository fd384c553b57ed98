"""Image classification data, and who holds which classes."""

from functools import cache

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sim.data.archives import ARCHIVES, read_archive
from sim.data.glyphs import glyphs
from sim.data.images import Images
from sim.data.shaped import SHAPED, shaped
from sim.randomness import stream
from theory.errors import require


@cache
def digits():
    """scikit-learn's digits: 1,797 real handwritten digits of 8×8 pixels (UCI Optical Recognition, Alpaydin and Kaynak
    1998), 1,347 for training and 450 for testing, split once and for all, stratified by class."""
    data = load_digits()
    x = (data.images / 16.0).astype(np.float32)[:, None]
    parts = train_test_split(x, data.target, test_size=450, random_state=0, stratify=data.target)
    train_x, test_x, train_y, test_y = parts
    train, test = np.argsort(train_y, kind="stable"), np.argsort(test_y, kind="stable")
    return Images(
        "scikit-learn's digits",
        10,
        train_x[train],
        train_y[train].astype(np.int64),
        test_x[test],
        test_y[test].astype(np.int64),
    )


DATASETS = {  # by name: the images that the fields of a Classification ask for
    "digits": lambda config: digits(),
    "glyphs": lambda config: glyphs(config.side, config.per_class),
    **{
        name: lambda config, archive=archive: read_archive(config.folder, archive) for name, archive in ARCHIVES.items()
    },
    **{name: lambda config, archive=archive: shaped(archive) for name, archive in SHAPED.items()},
}


def class_shares(seed, agents, classes, alpha):
    """π [agents, classes]: each agent's class distribution, a draw of Dirichlet(α, ..., α); uniform for α = inf (IID).

    Small α: an agent sees few classes. Source: the label-skew protocol of Hsu, Qi and Brown 2019, arXiv:1909.06335.
    """
    require(alpha > 0, f"alpha must be positive (inf for IID agents), not {alpha}.")
    if np.isinf(alpha):
        return np.full((agents, classes), 1 / classes)
    # Tiny α underflows to 0/0 in the ratio of gammas; numpy's Dirichlet falls back on beta draws there.
    return stream(seed, "partition").dirichlet(np.full(classes, alpha), size=agents)


def draw_images(generator, shares, labels, shape):
    """Indices [*shape, agents, n] of images drawn with replacement: a class from π_k, then an image of that class.

    `labels` are sorted, `shape` is (*leading, n); classes by inverse distribution function, so that one uniform
    number decides one class whatever the number of agents drawn before.
    """
    *leading, n = shape
    agents, classes = shares.shape
    first = np.searchsorted(labels, np.arange(classes))
    count = np.bincount(labels, minlength=classes)
    steps = np.cumsum(shares, axis=1)
    steps[:, -1] = np.inf
    u = generator.random((2, *leading, agents, n))
    drawn = (u[0][..., None] >= steps[:, None, :]).sum(axis=-1)
    return first[drawn] + np.floor(u[1] * count[drawn]).astype(np.int64)
