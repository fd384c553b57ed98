from itertools import combinations

import numpy as np
import torch

from sim.randomness import stream

STREAMS = [
    *((seed, purpose) for seed in (0, 1, 2) for purpose in ("init", "batch", "gossip", "noise")),
    *((seed, "batch", index) for seed in (0, 1) for index in (0, 1, 2)),
    (0, "batch", 0, 0),
    (0, "batch", 0, 1),
    (0, "batch", 1, 0),
]


def test_golden_numbers():
    """These numbers name the stream: another algorithm or key would change every result of the toolkit."""
    assert stream(0, "batch").integers(0, 1000, 5).tolist() == [371, 243, 784, 914, 408]
    assert stream(0, "batch", 0).integers(0, 1000, 5).tolist() == [151, 877, 66, 279, 997]
    np.testing.assert_allclose(stream(1, "gossip", 7).random(3), [0.95078662, 0.73177509, 0.85610268], atol=1e-8)


def test_pure_function_of_its_arguments():
    forward = {name: stream(*name).random(4) for name in STREAMS}
    np.random.seed(7)  # noqa: NPY002 (the global generator must not matter)
    torch.manual_seed(7)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    for name in reversed(STREAMS):
        stream(*name).random(1000)  # what one stream draws does not move another
        np.testing.assert_array_equal(stream(*name).random(4), forward[name])
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])


def test_streams_are_uncorrelated():
    n = 4000
    drawn = {name: stream(*name).standard_normal(n) for name in STREAMS}
    for one, other in combinations(STREAMS, 2):
        z = drawn[one] @ drawn[other] / n**0.5
        assert abs(z) < 5, f"{one} and {other} are correlated, z = {z:.1f}"
