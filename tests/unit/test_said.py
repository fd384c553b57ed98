"""What a schedule says in a round is checked, and costs next to nothing where it is sound."""

import numpy as np
import pytest
from scipy.sparse import eye_array

from sim.arguments import require_communication
from sim.schedule import merge
from theory.errors import OnemergeError


class Unspoken(np.ndarray):
    """A matrix that nobody may put into words: 16 agents take a millisecond, and a round has thousands of replicas."""

    def __repr__(self):
        raise AssertionError("a sound matrix was put into words")

    __str__ = __repr__


def test_a_sound_matrix_is_not_put_into_words():
    require_communication(np.eye(3).view(Unspoken), 3)


@pytest.mark.parametrize("said", [None, np.eye(3), eye_array(3, format="csr"), merge(3)(0, None)])
def test_what_can_be_said(said):
    require_communication(said, 3)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("ring", "a schedule must say a matrix of real numbers .* not 'ring'"),
        (np.eye(3) * 1j, "a schedule must say a matrix of real numbers"),
        (np.eye(2), r"a schedule said a mixing matrix of \[2, 2\]; for 3 agents it is \[3, 3\]"),
        (merge(2)(0, None), r"a schedule said an average among \[2\]; for 3 agents it is \[3\]"),
    ],
)
def test_what_cannot(said, sentence):
    with pytest.raises(OnemergeError, match=sentence):
        require_communication(said, 3)
