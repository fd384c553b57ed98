from itertools import combinations, pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.func import grad, jacrev, vmap

from sim.linear_network import LinearNetwork
from sim.optimizer import Optimizer
from sim.schedule import silent
from sim.simulate import simulate
from theory.errors import OnemergeError
from theory.gossip import constant
from theory.graphs import path
from theory.mixing import uniform


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def built(agents=3, seeds=(0, 1), batch=4, **fields):
    shape = {"inputs": 4, "hidden": 2, "outputs": 3, "samples": 20, "instance": None}
    return LinearNetwork(**{**shape, **fields}).build(agents, seeds, batch)


def joined(W1, W2):
    return torch.cat([W1.flatten(-2), W2.flatten(-2)], dim=-1)


def local_gradients(problem, theta):
    """∇L_k(θ_k) of Θ [replicas, agents, d] by automatic differentiation."""
    loss, data = problem.exact_losses()
    return vmap(vmap(grad(loss)))(theta, *data)


def barriers(problem, theta, points=21):
    """max over t of L((1 − t) θ_i + t θ_j) − (1 − t) L(θ_i) − t L(θ_j), [replicas, pairs]."""
    worth = lambda models: problem.measure(models)["global_loss"]  # noqa: E731
    first, second = zip(*combinations(range(theta.shape[1]), 2), strict=True)
    a, b = theta[:, list(first)], theta[:, list(second)]
    rises = [worth((1 - t) * a + t * b) - (1 - t) * worth(a) - t * worth(b) for t in np.linspace(0, 1, points)]
    return torch.stack(rises).amax(dim=0)


def gain(problem, theta):
    """What merging gains, (1/m) Σ L(θ_k) − L(θ̄), [replicas]: Definition 2 of arXiv 2507.06542."""
    values = problem.measure(theta)
    return values["global_loss"].mean(-1) - values["merged_loss"]


def descend(problem, theta, lr=0.1, steps=400):
    """Every agent on its own by full gradients, Θ [replicas, agents, d]."""
    x, y = problem.x.flatten(0, 1), problem.y.flatten(0, 1)
    for _ in range(steps):
        theta = theta - lr * problem.gradients(theta.flatten(0, 1), x, y)[0].view_as(theta)
    return theta


SHAPES = [(1, 1, 1), (2, 3, 1), (3, 1, 2), (4, 2, 3)]


@pytest.mark.parametrize("agents", [1, 2, 3])
@pytest.mark.parametrize(("inputs", "hidden", "outputs"), SHAPES)
def test_gradients_equal_those_of_autograd(agents, inputs, hidden, outputs):
    problem = built(agents, inputs=inputs, hidden=hidden, outputs=outputs)
    assert problem.dim == hidden * (inputs + outputs)
    theta = normal(2 * agents, problem.dim)
    for batch in problem.batches(0, 2):
        assert [tuple(part.shape) for part in batch] == [(2 * agents, 4, inputs), (2 * agents, 4, outputs)]
        gradients, losses = problem.gradients(theta, *batch)
        torch.testing.assert_close(gradients, vmap(grad(problem.loss))(theta, *batch), rtol=1e-11, atol=1e-12)
        torch.testing.assert_close(losses, vmap(problem.loss)(theta, *batch), rtol=1e-13, atol=0)


def test_the_loss_is_that_of_the_layers_one_after_the_other():
    problem = built(1, seeds=(0,))
    theta = normal(problem.dim)
    W1, W2 = theta[:8].view(2, 4), theta[8:].view(3, 2)
    errors = [float(((W2 @ (W1 @ x) - y) ** 2).sum()) for x, y in zip(problem.x[0, 0], problem.y[0, 0], strict=True)]
    assert float(problem.loss(theta, problem.x[0, 0], problem.y[0, 0])) == pytest.approx(sum(errors) / 40, rel=1e-13)


@pytest.mark.parametrize("agents", [1, 2, 3])
@pytest.mark.parametrize("condition", [1.0, 50.0])
def test_measures_equal_means_over_all_samples(agents, condition):
    problem = built(agents, condition=condition, skew=0.5)
    theta = normal(2, agents, problem.dim)
    measured, gradients, own = problem.measure(theta), problem.measure_gradients(theta), local_gradients(problem, theta)
    each = vmap(problem.loss, in_dims=(None, 0, 0))
    for r in range(2):
        worth = lambda at, r=r: each(at, problem.x[r], problem.y[r]).mean()  # noqa: E731
        merged = theta[r].mean(dim=0)
        assert float(measured["merged_loss"][r]) == pytest.approx(float(worth(merged)), rel=1e-12)
        slope = grad(worth)(merged)
        assert float(gradients["gradient_norm_sq"][r]) == pytest.approx(float(slope @ slope), rel=1e-11)
        phi_sq = float((own[r] ** 2).sum()) / agents
        assert float(gradients["local_gradient_norm_sq"][r]) == pytest.approx(phi_sq, rel=1e-12)
        for k in range(agents):
            assert float(measured["global_loss"][r, k]) == pytest.approx(float(worth(theta[r, k])), rel=1e-12)
        for k in range(agents):
            W1, W2 = (W.numpy() for W in problem.layers(theta[r, k]))
            expected = np.sqrt(((W1 @ W1.T - W2.T @ W2) ** 2).sum())
            assert float(measured["imbalance"][r, k]) == pytest.approx(expected, rel=1e-13)


def test_the_hessian_is_that_of_kronecker_products():
    """L = ½ tr(P S Pᵀ) − tr(P S_xy) + const with P = W2 W1; mixed second derivatives carry the residual too."""
    problem = built(1, seeds=(0,), condition=3.0)
    x, y = problem.x[0, 0], problem.y[0, 0]
    theta, S, cross = normal(problem.dim, seed=3), problem.x[0, 0].mT @ x / 20, y.mT @ x / 20
    W1, W2 = problem.layers(theta)
    E = W2 @ W1 @ S - cross
    first = torch.kron(W2.mT @ W2, S)
    second = torch.kron(torch.eye(3, dtype=torch.float64), W1 @ S @ W1.mT)
    mixed = torch.einsum("oh,ip,gp->hiog", W2, S, W1).reshape(8, 6)
    mixed += torch.einsum("oi,hg->hiog", E, torch.eye(2, dtype=torch.float64)).reshape(8, 6)
    expected = torch.cat([torch.cat([first, mixed], dim=1), torch.cat([mixed.mT, second], dim=1)])
    found = jacrev(grad(lambda at: problem.loss(at, x, y)))(theta)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)
    assert torch.linalg.eigvalsh(found)[0] < 0  # nonconvex


@pytest.mark.parametrize("agents", [1, 3])
@pytest.mark.parametrize("condition", [1.0, 30.0])
@pytest.mark.parametrize("hidden", [1, 2, 3, 5])
def test_the_infimum_by_svd_of_the_fit_and_by_descent(agents, condition, hidden):
    problem = built(agents, hidden=hidden, condition=condition, noise=0.5, seeds=(0,))
    x, y = (part.flatten(1, 2)[0] for part in (problem.x, problem.y))
    fit = torch.linalg.svdvals(torch.linalg.qr(x)[0].mT @ y)
    expected = float((y**2).sum() - (fit[:hidden] ** 2).sum()) / (2 * len(x))
    infimum = float(problem.infimum[0])
    assert infimum == pytest.approx(expected, rel=1e-11)
    value = lambda at: problem.loss(at, x, y)  # noqa: E731
    descents = [
        minimize(
            lambda at: float(value(torch.from_numpy(at))),
            normal(problem.dim, seed=seed).numpy(),
            jac=lambda at: grad(value)(torch.from_numpy(at)).numpy(),
            method="L-BFGS-B",
            options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 5000},
        ).fun
        for seed in range(2)
    ]
    assert min(descents) >= infimum * (1 - 1e-12)
    assert min(descents) == pytest.approx(infimum, rel=1e-6)


def test_a_wide_enough_network_without_noise_fits_all():
    problem = built(2, hidden=3, noise=0.0)
    assert (problem.infimum >= 0).all()
    assert (problem.infimum < 1e-28).all()


@pytest.mark.parametrize("condition", [1.0, 50.0])
@pytest.mark.parametrize("agents", [1, 2, 3])
def test_the_inputs_have_their_spectrum_exactly(agents, condition):
    problem = built(agents, condition=condition)
    x = problem.x.flatten(1, 2)
    moments = x.mT @ x / x.shape[1]
    spectrum = torch.diag(torch.from_numpy(np.geomspace(1, 1 / condition, 4)))
    torch.testing.assert_close(moments, spectrum.expand(2, -1, -1), rtol=0, atol=1e-14)


def test_skew_moves_samples_and_not_the_global_loss():
    theta = normal(2, 5, 14)
    problems = {skew: built(5, skew=skew) for skew in (0.0, 0.6, 1.0)}
    losses = [problem.measure(theta)["global_loss"] for problem in problems.values()]
    for other in losses[1:]:
        torch.testing.assert_close(other, losses[0], rtol=1e-12, atol=0)
    zeta = []
    for skew, problem in problems.items():
        firsts = problem.x[..., 0]
        in_order = (firsts[:, :-1].amax(-1) <= firsts[:, 1:].amin(-1)).all()
        assert in_order == (skew == 1.0)
        each = local_gradients(problem, theta[:, :1].expand(-1, 5, -1))
        zeta.append(((each - each.mean(dim=1, keepdim=True)) ** 2).sum(-1).mean(-1))
    assert (zeta[2] > zeta[1]).all()
    assert (zeta[1] > zeta[0]).all()


def test_gradient_flow_keeps_the_balance():
    """The change of W1 W1ᵀ − W2ᵀ W2 along the gradient is 0 at every point."""
    problem = built(3)
    theta = normal(2, 3, problem.dim)
    gradient = problem.gradients(theta.flatten(0, 1), problem.x.flatten(0, 1), problem.y.flatten(0, 1))[0]
    (W1, W2), (G1, G2) = problem.layers(theta.flatten(0, 1)), problem.layers(gradient)
    change = G1 @ W1.mT + W1 @ G1.mT - G2.mT @ W2 - W2.mT @ G2
    assert float(change.abs().max()) < 1e-12 * float((G1 @ W1.mT).abs().max())


def test_imbalance_drifts_in_proportion_to_the_learning_rate():
    """Over a fixed time of gradient flow, steps · η: halving η halves the drift."""
    problem = built(3)
    theta = normal(2, 3, problem.dim) / 2
    begun = problem.measure(theta)["imbalance"]
    drifts = [
        (problem.measure(descend(problem, theta, lr=lr, steps=round(1 / lr)))["imbalance"] - begun).norm()
        for lr in (0.01, 0.005, 0.0025)
    ]
    slopes = [float(torch.log2(a / b)) for a, b in pairwise(drifts)]
    assert slopes == pytest.approx([1, 1], abs=0.1)


def rotated(problem, theta, R):
    W1, W2 = problem.layers(theta)
    return joined(R @ W1, W2 @ torch.linalg.inv(R))


def test_equal_functions_lie_apart_and_their_mean_is_worse():
    """W2 R⁻¹ R W1 is the same network; the mean with its rotation by 180° has W1 = 0: it has lost all it learned."""
    problem = built(2, seeds=(0,), hidden=2)
    theta = descend(problem, problem.init())[:, :1]
    angle = 1.1
    turn = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for R in (turn, torch.tensor([[2.0, 1.0], [0.0, 0.5]], dtype=torch.float64)):
        pair = torch.cat([theta, rotated(problem, theta, R)], dim=1)
        same = problem.measure(pair)["global_loss"][0]
        assert float(same[0]) == pytest.approx(float(same[1]), rel=1e-10)
        assert float(barriers(problem, pair)) > 0.01 * float(same[0])
        assert float(gain(problem, pair)) < 0
    opposed = torch.cat([theta, rotated(problem, theta, -torch.eye(2, dtype=torch.float64))], dim=1)
    nothing = problem.measure(torch.zeros_like(theta))["merged_loss"]
    torch.testing.assert_close(problem.measure(opposed)["merged_loss"], nothing, rtol=1e-12, atol=0)


def test_separate_networks_merge_only_from_one_start():
    """Agents that never talk, on like data: from different weights a barrier, from the same weights hardly any."""
    found = {}
    for init in ("different", "same"):
        problem = built(3, init=init, samples=200, hidden=3, noise=0.1)
        theta = descend(problem, problem.init(), steps=800)
        values = problem.measure(theta)
        assert (values["global_loss"] < problem.infimum[:, None] * 1.2).all()
        found[init] = barriers(problem, theta) / problem.infimum[:, None]
        won = gain(problem, theta) / problem.infimum
        assert (won < -1).all() if init == "different" else (won.abs() < 0.1).all()
    most = found["different"].amax(dim=1)  # a pair of two starts may end in like weights by chance
    assert (most > 10).all()
    assert (found["same"].amax(dim=1) < 0.01 * most).all()


def test_initial_weights():
    different, same = (built(400, init=init, hidden=4, scale=0.5).init() for init in ("different", "same"))
    assert same.equal(different[:, :1].expand(-1, 400, -1))
    for part, expected in ((different[..., :16], 0.25 / 4), (different[..., 16:], 0.25 / 4)):
        assert float((part**2).mean()) == pytest.approx(expected, rel=5 * (2 / part.numel()) ** 0.5)
    wide = built(400, hidden=1, inputs=16, outputs=16).init()
    assert float((wide[..., :16] ** 2).mean()) == pytest.approx(1 / 16, rel=0.07)
    assert float((wide[..., 16:] ** 2).mean()) == pytest.approx(1.0, rel=0.07)


def test_a_replica_does_not_depend_on_the_others():
    together, alone = built(3, seeds=(0, 1, 0)), built(3, seeds=(1,))
    assert together.x[1].equal(alone.x[0])
    assert together.y[0].equal(together.y[2])
    assert not together.y[0].allclose(together.y[1])
    theta, own = together.init(), alone.init()
    assert theta[1].equal(own[0])
    for several, single in zip(together.batches(5, 3), alone.batches(5, 3), strict=True):
        assert all(a[3:6].equal(b) for a, b in zip(several, single, strict=True))
        theta = theta - 0.1 * together.gradients(theta.flatten(0, 1), *several)[0].view_as(theta)
        own = own - 0.1 * alone.gradients(own[0], *single)[0]
    torch.testing.assert_close(theta[1], own[0], rtol=1e-12, atol=1e-13)
    shared = built(3, instance=1)
    assert shared.x[0].equal(shared.x[1])
    assert shared.y[0].equal(alone.y[0])
    assert shared.infimum.shape == (2,)


def test_batches_are_pairs_of_the_agents_own_samples():
    problem = built(3, batch=50)
    x, y = next(problem.batches(0, 1))
    own = torch.cat([problem.x, problem.y], dim=-1).flatten(0, 1)
    drawn = torch.cat([x, y], dim=-1)
    for row in range(6):
        assert (drawn[row][:, None] == own[row][None]).all(-1).any(dim=1).all()


@pytest.mark.parametrize("execution", ["batched", "vmap", "loop"])
def test_a_run_is_the_loop_of_its_steps(execution):
    """Against automatic differentiation and W Θ, for a W whose columns do not sum to one."""
    W = uniform(path(4))
    problem = built(4)
    theta = problem.init()
    for round in range(3):
        for batch in problem.batches(round, 2):
            theta = theta - 0.3 * vmap(grad(problem.loss))(theta.flatten(0, 1), *batch).view_as(theta)
        theta = torch.from_numpy(W) @ theta
    run = {"rounds": 3, "local_steps": 2, "execution": execution}
    _, state = simulate(problem, constant(W).draw, Optimizer("sgd", 0.3), **run)
    torch.testing.assert_close(state.theta, theta, rtol=1e-11, atol=1e-13)


def test_gossip_keeps_different_starts_mergeable():
    """Silent agents from different weights do not merge; agents on a path do, and come near the global minimum."""
    problem = built(4, batch=20, samples=100)
    silent_run, talking = (
        simulate(problem, schedule, Optimizer("sgd", 0.1), rounds=400, measure_every=400)[1].theta
        for schedule in (silent, constant(uniform(path(4))).draw)
    )
    assert (gain(problem, silent_run) < -problem.infimum).all()
    assert (gain(problem, talking) > 0).all()
    assert (problem.measure(talking)["merged_loss"] < 1.1 * problem.infimum).all()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"inputs": 0}, "inputs must be at least 1, not 0"),
        ({"hidden": 0}, "hidden"),
        ({"outputs": -1}, "not -1"),
        ({"samples": 0}, "samples"),
        ({"condition": 0.5}, "not 0.5"),
        ({"noise": -0.1}, "not -0.1"),
        ({"skew": 1.5}, "not 1.5"),
        ({"init": "zero"}, "'zero'; valid: different, same"),
        ({"scale": float("nan")}, "nan"),
    ],
)
def test_bad_fields_are_named(fields, named):
    with pytest.raises(OnemergeError) as error:
        LinearNetwork(**fields)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_arguments_are_named():
    with pytest.raises(OnemergeError, match="4 inputs need as many samples in all, not 3"):
        built(3, samples=1)
    with pytest.raises(OnemergeError, match="batch must be a whole number of at least 1, not 0"):
        built(batch=0)
