import numpy as np
import pytest

from theory import gossip, sparse_draws
from theory.errors import OnemergeError
from theory.links import links
from theory.mixing import mixing

SIZES = (2, 3, 5, 16, 100)


def same(dense, sparse, rounds=6):
    """Whether both give the same W for the same numbers, and leave their generators in the same state."""
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    for t in range(rounds):
        W = sparse(t, other)
        assert W.format == "csr"
        assert (W.data != 0).all()
        np.testing.assert_array_equal(W.toarray(), dense(t, one))
    return one.random() == other.random()


@pytest.mark.parametrize("agents", SIZES)
def test_sparse_draws_are_the_dense_ones_bit_for_bit(agents, monkeypatch):
    monkeypatch.setattr(sparse_draws, "BLOCK", 250)  # two rows of 100 agents at a time
    for peers in {0.2, 0.75, *range(1, min(agents, 4)), agents - 1}:
        assert same(gossip.random_peers(agents, peers).draw, sparse_draws.random_peers(agents, peers))
    for peers in (0.3, 1):
        assert same(gossip.random_matching(agents, peers).draw, sparse_draws.random_matching(agents, peers))
    assert same(gossip.one_peer_exponential(agents).draw, sparse_draws.one_peer_exponential(agents), rounds=16)


def test_a_single_agent_keeps_its_model():
    for schedule in (sparse_draws.random_matching(1, 0.5), sparse_draws.one_peer_exponential(1)):
        np.testing.assert_array_equal(schedule(0, np.random.default_rng(0)).toarray(), [[1.0]])


@pytest.mark.parametrize("agents", SIZES)
@pytest.mark.parametrize(
    ("family", "weights"),
    [("ring", "metropolis"), ("ring", "uniform"), ("exponential", "uniform"), ("path", "lazy_uniform")],
)
def test_constant_matrices_are_the_dense_ones_bit_for_bit(agents, family, weights):
    topology = links(family, agents=agents)
    assert same(lambda t, _: mixing(topology, weights), sparse_draws.constant(topology, weights), rounds=2)


def test_constant_matrices_of_other_graphs():
    torus, star = links("torus", rows=3, cols=4), links("star", agents=100)
    assert same(lambda t, _: mixing(torus), sparse_draws.constant(torus))
    np.testing.assert_allclose(sparse_draws.constant(star)(0, None).toarray(), mixing(star), atol=1e-14)


def test_many_agents_take_little_memory():
    agents, generator = 200_000, np.random.default_rng(0)
    for schedule, most in (
        (sparse_draws.random_peers(agents, 0.2), 1.25),
        (sparse_draws.random_matching(agents, 1), 2),
        (sparse_draws.one_peer_exponential(agents), 2),
        (sparse_draws.constant(links("ring", agents=agents)), 3),
    ):
        W = schedule(5, generator)
        assert agents < W.nnz <= most * agents
        np.testing.assert_allclose(W.sum(axis=1), 1, atol=1e-15)


def test_bad_numbers_are_refused_as_by_the_dense_draws():
    for module in (sparse_draws, gossip):
        for peers in (0, 1.5, 5, True, "x", np.nan):
            with pytest.raises(OnemergeError, match="peers is"):
                module.random_peers(5, peers)
        for peers in (0, 2, True):
            with pytest.raises(OnemergeError, match="peers is"):
                module.random_matching(5, peers)
        with pytest.raises(OnemergeError, match="agents is 1"):
            module.random_peers(1, 0.5)
        with pytest.raises(OnemergeError, match="agents is 0"):
            module.one_peer_exponential(0)
