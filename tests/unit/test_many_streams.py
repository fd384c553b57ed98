import numpy as np
import pytest

from sim.many_streams import FEW, streams
from sim.randomness import stream

SEEDS = {
    "few": (0, 3, 1),
    "small": tuple(range(FEW + 9)),
    "repeated": (5,) * FEW,
    "of several words": tuple((i + 1) ** 11 * 2**20 for i in range(FEW)),
    "up to the last of four words": tuple(2**128 - 1 - i for i in range(FEW)),
    "one of five words": (*range(FEW), 2**128 + 7),
}


@pytest.mark.parametrize("name", SEEDS)
@pytest.mark.parametrize("index", [(), (0,), (7,), (2**32 - 1,), (2**40 + 3, 5)])
def test_streams_are_those_of_numpys_own_hash(name, index):
    for seed, found in zip(SEEDS[name], streams(SEEDS[name], "noise", *index), strict=True):
        expected = stream(seed, "noise", *index)
        assert found.bit_generator.state == expected.bit_generator.state
        assert np.array_equal(found.standard_normal(3), expected.standard_normal(3))


def test_purposes_differ():
    one, other = (streams(range(FEW), purpose, 1) for purpose in ("noise", "gossip"))
    assert len({float(generator.random()) for generator in (*one, *other)}) == 2 * FEW
