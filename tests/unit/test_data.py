from collections import Counter

import numpy as np
import pytest
import torch
from scipy import stats

from paper_repro.setting import describe
from sim.data.sets import class_shares, digits, draw_images
from sim.network import Classification
from sim.spec import Spec
from theory.errors import OnemergeError

LABELS = np.repeat([0, 1, 2, 3], [5, 1, 10, 4])
SHARES = np.array([[0.5, 0.25, 0.25, 0.0], [0.0, 0.1, 0.2, 0.7], [0.25, 0.25, 0.25, 0.25]])


def batches_of(problem, round, steps):
    """The batches of a round, stacked over its steps."""
    return tuple(torch.stack(parts) for parts in zip(*problem.batches(round, steps), strict=True))


def test_digits_are_split_once_without_overlap():
    """Row indices are recovered from the source, which holds 1,797 different images."""
    from sklearn.datasets import load_digits

    images, source = digits(), load_digits()
    assert images.train_x.shape == (1347, 1, 8, 8)
    assert images.test_x.shape == (450, 1, 8, 8)
    assert images.train_x.dtype == np.float32
    assert images.train_x.min() == 0.0
    assert images.train_x.max() == 1.0
    rows = {(image / 16).astype(np.float32).tobytes(): row for row, image in enumerate(source.images)}
    assert len(rows) == 1797
    train, test = ([rows[image.tobytes()] for image in part] for part in (images.train_x, images.test_x))
    assert sorted(train + test) == list(range(1797))
    np.testing.assert_array_equal(source.target[train], images.train_y)
    np.testing.assert_array_equal(source.target[test], images.test_y)
    for labels, size in ((images.train_y, 1347), (images.test_y, 450)):
        assert (np.diff(labels) >= 0).all()
        np.testing.assert_allclose(np.bincount(labels), np.bincount(source.target) * size / 1797, atol=1)
    assert digits() is images


def test_captions_name_the_data():
    assert describe(Spec()).startswith(
        "scikit-learn's digits (1,347 training and 450 test images of 8×8 pixels), "
        "an MLP with two hidden layers of width 64, different initial weights, 16 agents"
    )


@pytest.mark.parametrize("alpha", [1e-3, 0.1, 1.0, 10.0])
def test_shares_are_dirichlet(alpha):
    """E π_c = 1/C and Var π_c = (1/C)(1 − 1/C)/(Cα + 1), each with an error bar from the sample."""
    classes, agents = 10, 20000
    shares = class_shares(0, agents, classes, alpha)
    assert shares.shape == (agents, classes)
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-12)
    variance = (1 - 1 / classes) / classes / (classes * alpha + 1)
    for sample, expected in ((shares, 1 / classes), ((shares - 1 / classes) ** 2, variance)):
        z = (sample.mean(axis=0) - expected) / (sample.std(axis=0, ddof=1) / agents**0.5)
        assert np.abs(z).max() < 5, f"expected {expected:.5f}, z = {z}"


def test_shares_of_iid_agents_and_of_few_agents():
    assert (class_shares(0, 3, 4, np.inf) == 0.25).all()
    np.testing.assert_array_equal(class_shares(0, 3, 10, 0.1), class_shares(0, 8, 10, 0.1)[:3])
    assert not np.allclose(class_shares(0, 3, 10, 0.1), class_shares(1, 3, 10, 0.1))


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan")])
def test_alpha_must_be_positive(alpha):
    with pytest.raises(OnemergeError, match=f"not {alpha}"):
        class_shares(0, 3, 10, alpha)


def test_drawn_images_follow_the_shares():
    """Chi-square of every agent over the single images, whose probability is π_k(c)/n_c."""
    drawn = draw_images(np.random.default_rng(0), SHARES, LABELS, (50, 200))
    assert drawn.shape == (50, 3, 200)
    for agent, shares in enumerate(SHARES):
        seen = np.bincount(drawn[:, agent].ravel(), minlength=len(LABELS))
        expected = (shares / np.bincount(LABELS))[LABELS] * seen.sum()
        assert (seen[expected == 0] == 0).all()
        possible = expected > 0
        assert stats.chisquare(seen[possible], expected[possible]).pvalue > 1e-4


def problem(seeds=(0, 1, 2), agents=3, batch=8, **fields):
    return Classification(width=4, **fields).build(agents, seeds, batch)


@pytest.mark.parametrize("sampling", ["resample", "fixed"])
def test_draws_do_not_depend_on_what_else_is_stacked(sampling):
    together, alone = problem(sampling=sampling, samples=20), problem((1,), sampling=sampling, samples=20)
    for several, single in zip(batches_of(together, 4, 3), batches_of(alone, 4, 3), strict=True):
        assert several.shape[:3] == (3, 3 * 3, 8)
        assert several[:, 3:6].equal(single)
    np.testing.assert_array_equal(together.shares[1], alone.shares[0])


def test_resampled_rounds_are_independent_of_each_other():
    fresh, used = problem(), problem()
    for t in range(3):
        batches_of(used, t, 5)
    assert batches_of(fresh, 3, 2)[0].equal(batches_of(used, 3, 2)[0])
    assert not batches_of(fresh, 3, 2)[0].equal(batches_of(fresh, 4, 2)[0])


def test_batches_hold_images_with_their_labels_and_only_classes_of_the_agent():
    skewed = problem(alpha=0.1)
    x, y = batches_of(skewed, 0, 20)
    label_of = {image.tobytes(): label for image, label in zip(digits().train_x, digits().train_y, strict=True)}
    labels = [label_of[image.numpy().tobytes()] for image in x.flatten(0, 2)]
    assert y.flatten().tolist() == labels
    shares = skewed.shares.reshape(9, 10)
    for k in range(9):
        assert (shares[k][y[:, k].flatten().numpy()] > 0).all()
    frequency = np.bincount(y[:, 0].flatten().numpy(), minlength=10) / y[:, 0].numel()
    assert np.abs(frequency - shares[0]).max() < 5 * 0.5 / y[:, 0].numel() ** 0.5


@pytest.mark.parametrize(("samples", "per_epoch"), [(32, 4), (35, 4), (8, 1)])
def test_an_epoch_visits_each_pooled_sample_once(samples, per_epoch):
    """Where the batch does not divide the pool, the rest of the epoch is left out."""
    pooled = problem(sampling="fixed", samples=samples)
    train = digits().train_x
    orders = []
    for epoch in range(3):
        x = batches_of(pooled, epoch, per_epoch)[0].unflatten(1, (3, 3))
        for replica in range(3):
            for agent in range(3):
                seen = Counter(image.numpy().tobytes() for image in x[:, replica, agent].flatten(0, 1))
                pool = Counter(train[index].tobytes() for index in pooled.sampler.pools[replica, agent])
                assert seen.total() == per_epoch * 8
                assert seen <= pool
                assert samples % 8 or seen == pool
        orders.append(x)
    assert not orders[0].equal(orders[1])


def test_epochs_do_not_see_the_borders_of_rounds():
    pooled = problem(sampling="fixed", samples=40)
    long = batches_of(pooled, 0, 12)[0]
    short = [batches_of(pooled, t, 3)[0] for t in range(4)]
    assert all(long[3 * t : 3 * t + 3].equal(part) for t, part in enumerate(short))


def test_pools_follow_the_shares():
    pooled = problem((0,), agents=2, sampling="fixed", samples=5000, alpha=1.0)
    for pool, shares in zip(pooled.sampler.pools[0], pooled.shares[0], strict=True):
        seen = np.bincount(digits().train_y[pool], minlength=10)
        assert stats.chisquare(seen, shares * 5000).pvalue > 1e-4
