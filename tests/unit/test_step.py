import numpy as np
import pytest
import torch

from sim.optimizer import Optimizer
from sim.probe import consensus_distance
from sim.step import gossip, local_steps, one_round
from theory.errors import OnemergeError
from theory.gossip import one_peer_exponential

REPLICAS, AGENTS, DIM, STEPS = 2, 3, 4, 3
W = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.2, 0.3, 0.5]])  # directed: Wᵀ is another gossip


def models(seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((REPLICAS, AGENTS, DIM)))


def matrices():
    """One directed matrix per replica."""
    return torch.from_numpy(np.stack([W, W @ W]))


def batches():
    """Targets and curvatures of each step, replica and agent."""
    generator = np.random.default_rng(1)
    shape = (STEPS, REPLICAS * AGENTS, DIM)
    return torch.from_numpy(generator.standard_normal(shape)), torch.from_numpy(generator.uniform(0.5, 2, shape))


def loss(theta, target, curvature):
    return (curvature * (theta - target) ** 2).sum() / 2


def local_by_hand(theta, lr):
    """Gradient descent of agent k of replica r on its own batches, with the gradient written out."""
    target, curvature = (batch.view(STEPS, REPLICAS, AGENTS, DIM).numpy() for batch in batches())
    theta, losses = theta.numpy().copy(), np.zeros((STEPS, REPLICAS, AGENTS))
    for r in range(REPLICAS):
        for k in range(AGENTS):
            for t in range(STEPS):
                h, b = curvature[t, r, k], target[t, r, k]
                losses[t, r, k] = 0.5 * np.sum(h * (theta[r, k] - b) ** 2)
                theta[r, k] -= lr * h * (theta[r, k] - b)
    return theta, losses


def gossip_by_hand(theta, matrix):
    out = np.zeros_like(theta)
    for r in range(REPLICAS):
        for i in range(AGENTS):
            for j in range(AGENTS):
                out[r, i] += matrix[r, i, j] * theta[r, j]
    return out


def test_rows_receive():
    theta, matrix = models(), matrices()
    mixed = gossip(theta, matrix).numpy()
    np.testing.assert_allclose(mixed, gossip_by_hand(theta.numpy(), matrix.numpy()), atol=1e-14)
    transposed = gossip(theta, matrix.transpose(1, 2)).numpy()
    assert np.abs(mixed - transposed).max() > 0.1


def test_local_steps_equal_a_loop_over_agents():
    theta, _, losses = local_steps(loss, Optimizer("sgd", 0.1), models(), (), batches())
    by_hand, losses_by_hand = local_by_hand(models(), 0.1)
    np.testing.assert_allclose(theta, by_hand, atol=1e-13)
    np.testing.assert_allclose(losses, losses_by_hand, rtol=1e-13)


@pytest.mark.parametrize("order", ["adapt_then_combine", "combine_then_adapt"])
def test_orders_equal_their_formulas(order):
    theta, matrix = models(), matrices()
    adapted, _ = local_by_hand(theta, 0.1)
    before = theta.numpy()
    if order == "adapt_then_combine":
        expected = gossip_by_hand(adapted, matrix.numpy())
    else:
        expected = gossip_by_hand(before, matrix.numpy()) + (adapted - before)
    new, _, _ = one_round(order, loss, Optimizer("sgd", 0.1), theta, (), batches(), matrix)
    np.testing.assert_allclose(new, expected, atol=1e-13)
    assert torch.equal(theta, models())
    silent, _, _ = one_round(order, loss, Optimizer("sgd", 0.1), theta, (), batches(), None)
    np.testing.assert_allclose(silent, adapted, atol=1e-13)


def test_orders_share_the_mean_and_differ_in_consensus():
    """From consensus, combine-then-adapt is adapt-then-combine before its mixing."""
    theta = models()[:, :1].expand(-1, AGENTS, -1).clone()
    doubly = torch.from_numpy(np.stack([one_peer_exponential(AGENTS).draw(t, None) for t in range(REPLICAS)]))
    one, other = (
        one_round(order, loss, Optimizer("sgd", 0.1), theta, (), batches(), doubly)[0]
        for order in ("adapt_then_combine", "combine_then_adapt")
    )
    torch.testing.assert_close(one.mean(dim=1), other.mean(dim=1), rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(one, gossip(other, doubly), rtol=1e-12, atol=1e-13)
    assert (consensus_distance(one) < 0.9 * consensus_distance(other)).all()


def test_unknown_order():
    with pytest.raises(OnemergeError, match="'mix'; valid: adapt_then_combine, combine_then_adapt"):
        one_round("mix", loss, Optimizer("sgd", 0.1), models(), (), batches(), matrices())


def test_consensus_distance_equals_a_loop():
    theta = models()
    for r, distance in enumerate(consensus_distance(theta)):
        mean = sum(theta[r, k] for k in range(AGENTS)) / AGENTS
        expected = sum(float(torch.sum((theta[r, k] - mean) ** 2)) for k in range(AGENTS)) / AGENTS
        assert float(distance) == pytest.approx(expected, rel=1e-13)
    assert float(consensus_distance(theta[:, :1]).max()) == 0.0
