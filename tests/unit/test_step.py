import numpy as np
import pytest
import torch

from sim.execution import EXECUTIONS, chosen, gradient_function
from sim.mixing import exchange, mix_
from sim.optimizer import Optimizer
from sim.probes.spread import consensus_distance
from sim.step import Work, local_steps_, one_round_
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


def flat(theta):
    return theta.flatten(0, 1)


class Parabolas:
    """½ Σ h (θ − b)² with the batch (b, h) of a step; `gradients` in closed form."""

    dim, statistics, device = DIM, 0, torch.device("cpu")

    def loss(self, theta, target, curvature):
        return (curvature * (theta - target) ** 2).sum() / 2

    def gradients(self, theta, target, curvature):
        slope = curvature * (theta - target)
        return slope, (slope * (theta - target)).sum(dim=1) / 2


def work(lr=0.1, chunk=AGENTS * REPLICAS, execution="vmap"):
    return Work(gradient_function(Parabolas(), execution), Optimizer("sgd", lr), chunk)


def steps():
    return zip(*batches(), strict=True)


def talk():
    """The gossip of `matrices` as the time loop does it."""
    law = exchange(list(matrices().numpy()), torch.float64, torch.device("cpu"))
    return lambda theta: mix_(theta, law)


@pytest.mark.parametrize("execution", [name for name in EXECUTIONS if name != "compiled"])
@pytest.mark.parametrize("chunk", [1, 4, 6])
def test_local_steps_equal_a_loop_over_agents(execution, chunk):
    theta = models()
    losses = local_steps_(work(chunk=chunk, execution=execution), flat(theta), None, (), steps())
    by_hand, losses_by_hand = local_by_hand(models(), 0.1)
    np.testing.assert_allclose(theta, by_hand, atol=1e-13)
    np.testing.assert_allclose(losses.view(STEPS, REPLICAS, AGENTS), losses_by_hand, rtol=1e-13)


def test_agents_that_rest_keep_their_models():
    theta, active = models(), torch.tensor([0, 2, 5])
    losses = local_steps_(work(chunk=2), flat(theta), None, (), steps(), active)
    by_hand, losses_by_hand = local_by_hand(models(), 0.1)
    expected = flat(models()).clone()
    expected[active] = flat(torch.from_numpy(by_hand))[active]
    np.testing.assert_allclose(flat(theta), expected, atol=1e-13)
    np.testing.assert_allclose(losses[:, active], losses_by_hand.reshape(STEPS, -1)[:, active], rtol=1e-13)
    assert (losses[:, [1, 3, 4]] == 0).all()
    assert local_steps_(work(), flat(theta), None, (), steps(), torch.tensor([], dtype=torch.int64)) is None
    np.testing.assert_allclose(flat(theta), expected, atol=1e-13)


@pytest.mark.parametrize("order", ["adapt_then_combine", "combine_then_adapt"])
def test_orders_equal_their_formulas(order):
    matrix, before = matrices().numpy(), models().numpy()
    adapted, _ = local_by_hand(models(), 0.1)
    if order == "adapt_then_combine":
        expected = gossip_by_hand(adapted, matrix)
    else:
        expected = gossip_by_hand(before, matrix) + (adapted - before)
    theta, silent = models(), models()
    one_round_(order, work(), flat(theta), None, (), steps(), talk())
    np.testing.assert_allclose(theta, expected, atol=1e-13)
    one_round_(order, work(), flat(silent), None, (), steps(), None)
    np.testing.assert_allclose(silent, adapted, atol=1e-13)


def test_orders_share_the_mean_and_differ_in_consensus():
    """From consensus, combine-then-adapt is adapt-then-combine before its mixing."""
    start = models()[:, :1].expand(-1, AGENTS, -1).clone()
    doubly = [one_peer_exponential(AGENTS).draw(t, None) for t in range(REPLICAS)]
    law = exchange(doubly, torch.float64, torch.device("cpu"))
    one, other = start.clone(), start.clone()
    for theta, order in ((one, "adapt_then_combine"), (other, "combine_then_adapt")):
        one_round_(order, work(), flat(theta), None, (), steps(), lambda x: mix_(x, law))
    torch.testing.assert_close(one.mean(dim=1), other.mean(dim=1), rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(one, torch.from_numpy(np.stack(doubly)) @ other, rtol=1e-12, atol=1e-13)
    assert (consensus_distance(one) < 0.9 * consensus_distance(other)).all()


def test_unknown_names():
    with pytest.raises(OnemergeError, match="'mix'; valid: adapt_then_combine, combine_then_adapt"):
        one_round_("mix", work(), flat(models()), None, (), steps())
    with pytest.raises(OnemergeError, match="'fast'; valid: auto, batched, vmap, loop, compiled"):
        gradient_function(Parabolas(), "fast")


def test_the_automatic_execution():
    class Silent(Parabolas):
        gradients = None

    assert chosen(Parabolas(), "auto") == "batched"
    assert chosen(Silent(), "auto") == "vmap"
    large = Silent()
    large.dim = 100_001
    assert chosen(large, "auto") == "loop"
    with pytest.raises(OnemergeError, match="'batched' needs stacked gradients"):
        chosen(Silent(), "batched")


def test_consensus_distance_equals_a_loop():
    theta = models()
    for r, distance in enumerate(consensus_distance(theta)):
        mean = sum(theta[r, k] for k in range(AGENTS)) / AGENTS
        expected = sum(float(torch.sum((theta[r, k] - mean) ** 2)) for k in range(AGENTS)) / AGENTS
        assert float(distance) == pytest.approx(expected, rel=1e-13)
    assert float(consensus_distance(theta[:, :1]).max()) == 0.0
