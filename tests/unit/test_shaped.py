import numpy as np
import pytest

from sim.data.archives import ARCHIVES
from sim.data.sets import DATASETS
from sim.data.shaped import SHAPED, shaped
from sim.network import Classification


@pytest.mark.parametrize("name", SHAPED)
def test_shape_types_and_order_are_those_of_the_archive(name):
    archive, images = ARCHIVES[SHAPED[name]], DATASETS[name](Classification(data=name))
    assert images.classes == archive.classes
    for x, y, each in ((images.train_x, images.train_y, 20), (images.test_x, images.test_y, 2)):
        assert x.shape == (archive.classes * each, 3, archive.side, archive.side)
        assert (x.dtype, y.dtype) == (np.float32, np.int64)
        assert x.min() >= 0
        assert x.max() <= 1
        assert y.tolist() == sorted(y.tolist())
        assert (np.bincount(y) == each).all()


def test_the_same_bits_again_and_other_images_for_test():
    images, again = shaped("cifar100"), shaped.__wrapped__("cifar100")
    assert images.train_x.tobytes() == again.train_x.tobytes()
    assert images.test_x.tobytes() == again.test_x.tobytes()
    assert not np.isin(images.test_x[:, 0, 0, 0], images.train_x[:, 0, 0, 0]).any()


def test_classes_can_be_told_apart():
    images = shaped("cifar10")
    means = images.train_x.reshape(10, 20, -1).mean(axis=1)
    distances = ((images.test_x.reshape(20, 1, -1) - means) ** 2).sum(axis=-1)
    assert (distances.argmin(axis=1) == images.test_y).all()


def test_they_can_be_augmented_and_trained_on():
    config = Classification(data="cifar10_shaped", model="mlp", width=4, augmentation="crop_flip_randaugment")
    problem = config.build(2, (0,), 3)
    x, y = next(iter(problem.batches(0, 1)))
    assert x.shape == (2, 3, 3, 32, 32)
    assert y.shape == (2, 3)
