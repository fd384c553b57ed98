from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.func import grad

from sim.network import Classification
from sim.optimizer import Optimizer
from sim.probes.derivatives import global_gradient, global_losses
from sim.probes.exact_losses import ExactLosses
from sim.probes.snapshot import Snapshot
from sim.probes.terms import along_step, decomposition, residuals, terms
from sim.quadratic import Quadratic
from sim.search.smooth_losses import smooth_losses
from sim.search.smooth_run import SmoothRun, quantities
from sim.simulate import simulate
from theory.bounds.corrected import DESCENT_R1
from theory.bounds.zhu2025 import RESIDUAL_D11
from theory.gossip import constant
from theory.graphs import exponential
from theory.mixing import uniform

DIRECTED = ((0.5, 0.5, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5))
ONE = SmoothRun("log_cosh", 1.0, (1.0,), (0.0,), (0.0,), ((1.0,),), (0.8,), (0.0,), 0.4)
TWO = SmoothRun(
    "pseudo_huber", 0.7, (1.0, 2.0), (0.1, 0.0), (0.0, 0.3), ((0.5, 0.5),) * 2, (0.8, -0.1), (0.0,) * 2, 0.4
)
THREE = SmoothRun(
    "cos", 1.3, (1.0, 0.5, -0.2), (0.0, 0.4, 0.0), (0.1, 0.0, 0.2), DIRECTED, (0.5, 0.9, -0.4), (0.0,) * 3, 0.9
)
SAME = SmoothRun("softplus", 1.0, (1.0,) * 3, (0.0,) * 3, (0.0,) * 3, DIRECTED, (0.5, 0.9, -0.4), (0.0,) * 3, 1.1)
RUNS = {"one agent": ONE, "two": TWO, "three, directed": THREE, "one loss": SAME}


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def tanh_network(theta, x, y):
    """A tanh network 2-3-1 with squared loss on one sample: smooth, so that finite differences work."""
    hidden = torch.tanh(theta[:6].view(3, 2) @ x + theta[6:9])
    return (theta[9:12] @ hidden + theta[12] - y) ** 2


def snapshot(loss, theta, data):
    return Snapshot(ExactLosses.of(loss, data), theta)


def losses_of(loss, theta, data, lr):
    """L(θ̄) and L(θ̄ − η v), by the names of the notation."""
    mean = theta.mean(dim=1)
    after = mean - lr * decomposition(snapshot(loss, theta, data)).v
    before, after = global_losses(ExactLosses.of(loss, data), torch.stack([mean, after], dim=1)).unbind(dim=1)
    return {"merged_loss": before, "next_merged_loss": after}


def start(run):
    return torch.tensor(run.start, dtype=torch.float64)[None, :, None]


def bowl(theta, H, c):
    """½ θᵀ H θ − cᵀ θ, of any symmetric H."""
    return theta @ H @ theta / 2 - c @ theta


def bowls(agents, dim=4):
    H = normal(2, agents, dim, dim)
    return (H + H.mT) / 2, normal(2, agents, dim, seed=1)


def values_of(found):
    return {name: float(value[0]) for name, value in found.items()}


@pytest.mark.parametrize("name", RUNS)
def test_terms_equal_those_of_the_testbed(name):
    """Against arrays of numpy, whose derivatives are sympy's; one step without noise, W doubly stochastic."""
    run = RUNS[name]
    loss, data = smooth_losses(run)
    theta, expected = start(run), quantities(run)
    found = terms(snapshot(loss, theta, data))
    L2 = expected["L2"]
    step = along_step(
        ExactLosses.of(loss, data), theta.mean(dim=1), -run.lr * decomposition(snapshot(loss, theta, data)).v
    )
    found |= residuals(found, run.lr, L2) | step | losses_of(loss, theta, data, run.lr)
    shared = found.keys() & expected.keys()
    assert shared == {
        "consensus_distance",
        "T2",
        "gradient_norm_sq",
        "discrepancy_inner",
        "discrepancy_norm_sq",
        "U",
        "merged_loss",
        "next_merged_loss",
    }
    for metric in shared:
        assert float(found[metric][0]) == pytest.approx(float(expected[metric][0]), rel=1e-10, abs=1e-13), metric
    assert float(found["U_printed"][0]) == pytest.approx((run.lr * L2 - 1) * float(found["T2"][0]) / 2, abs=1e-14)
    assert float(found["step_smoothness"]) <= L2 * (1 + 1e-12)
    assert abs(float(found["step_curvature"])) <= L2 * (1 + 1e-12)


@pytest.mark.parametrize("name", RUNS)
def test_each_vector_equals_its_derivatives_in_one_dimension(name):
    run = RUNS[name]
    loss, data = smooth_losses(run)
    parts = decomposition(snapshot(loss, start(run), data))
    f, heights, shifts = run.function, np.array(run.heights), np.array(run.shifts)
    x = np.array(run.start)
    at = (x.mean() - shifts) / run.width
    delta = x - x.mean()
    bends = heights * f(at, 2) / run.width**2
    third = (heights * f(at, 3) / run.width**3).mean()
    assert float(parts.h) == pytest.approx(((bends - bends.mean()) * delta).mean(), rel=1e-11, abs=1e-14)
    assert float(parts.b) == pytest.approx(third * (delta**2).mean() / 2, rel=1e-11, abs=1e-14)
    own = heights * f((x - shifts) / run.width, 1) / run.width + np.array(run.slopes)
    assert float(parts.v) == pytest.approx(own.mean(), rel=1e-11)
    torch.testing.assert_close(parts.g + parts.h + parts.b + parts.rest, parts.v, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("agents", [1, 2, 3, 5])
def test_quadratics_have_the_first_order_term_and_no_other(agents):
    """v = g + h exactly, h = (1/m) Σ (H_k − H) δ_k by dense matrices, not symmetric in the agents."""
    H, c = bowls(agents)
    theta = normal(2, agents, 4, seed=2)
    parts, found = decomposition(snapshot(bowl, theta, (H, c))), terms(snapshot(bowl, theta, (H, c)))
    mean = theta.mean(dim=1)
    for r in range(2):
        expected = sum((H[r, k] - H[r].mean(dim=0)) @ (theta[r, k] - mean[r]) for k in range(agents)) / agents
        torch.testing.assert_close(parts.h[r], expected, rtol=1e-12, atol=1e-14)
        assert agents == 1 or expected.norm() > 0.1
        Gamma = sum(torch.outer(d, d) for d in theta[r] - mean[r]) / agents
        trace = float(torch.trace(H[r].mean(dim=0) @ Gamma))
        assert float(found["sharpness"][r]) == pytest.approx(trace, rel=1e-11, abs=1e-14)
        assert float(found["consensus_distance"][r]) == pytest.approx(float(torch.trace(Gamma)), rel=1e-12, abs=1e-15)
    torch.testing.assert_close(parts.e, parts.h, rtol=1e-11, atol=1e-13)
    for name in ("T2", "b_inner", "b_norm_sq"):
        assert (found[name] == 0).all()
    assert found["rest_norm_sq"].max() < 1e-26


def test_two_bowls_of_one_dimension():
    """L_{1,2} = (c ± a)/2 x², θ = x ± δ: v − g = a δ, whose sign turns with δ."""
    H = torch.tensor([2.0 + 0.5, 2.0 - 0.5], dtype=torch.float64).view(1, 2, 1, 1)
    for delta in (0.3, -0.3):
        theta = torch.tensor([1 + delta, 1 - delta], dtype=torch.float64).view(1, 2, 1)
        parts = decomposition(snapshot(bowl, theta, (H, torch.zeros(1, 2, 1, dtype=torch.float64))))
        assert float(parts.e) == pytest.approx(0.5 * delta, rel=1e-12)
        assert float(parts.h) == pytest.approx(0.5 * delta, rel=1e-12)


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_a_problem_gives_its_exact_losses(spread):
    problem = Quadratic(dim=3, zeta=0.7, spread=spread, distance=2.0).build(4, (0, 5))
    theta = normal(2, 4, 3)
    found = terms(snapshot(*arguments(problem, theta)))
    measured = problem.measure_gradients(theta)
    torch.testing.assert_close(found["gradient_norm_sq"], measured["gradient_norm_sq"], rtol=1e-12, atol=0)
    assert (found["h_norm_sq"] > 1e-3).all() == (spread > 0)
    at_start = terms(snapshot(*arguments(problem, problem.init())))
    assert at_start["discrepancy_norm_sq"].max() < 1e-28
    assert at_start["consensus_distance"].max() < 1e-28


def arguments(problem, theta):
    loss, data = problem.exact_losses()
    return loss, theta, data


def test_without_deviation_nothing_is_left():
    """Agents with different losses at one model: v = g, and all terms beyond it are 0."""
    run = replace(THREE, start=(0.5,) * 3)
    loss, data = smooth_losses(run)
    found = terms(snapshot(loss, start(run), data))
    assert float(found.pop("gradient_norm_sq")) == pytest.approx(float(found.pop("mean_gradient_inner")), rel=1e-14)
    assert all(abs(float(value)) < 1e-15 for value in found.values())
    assert all(
        abs(float(value)) < 1e-15 for value in residuals(terms(snapshot(loss, start(run), data)), 0.3, 2.0).values()
    )


@pytest.mark.parametrize(("run", "orders"), [(SAME, {"rest": 3, "b": 2, "e": 2}), (THREE, {"rest": 2, "h": 1, "e": 1})])
def test_orders_in_the_consensus_distance(run, orders):
    """Halving all deviations shows the order of every part: the rest is of third order where the loss is one."""
    loss, data = smooth_losses(run)
    x = start(run)
    sizes = []
    for scale in (2e-2, 1e-2):
        theta = x.mean(dim=1, keepdim=True) + scale * (x - x.mean(dim=1, keepdim=True))
        parts = decomposition(snapshot(loss, theta, data))
        sizes.append({name: float(getattr(parts, name).norm()) for name in orders})
    for name, order in orders.items():
        assert np.log2(sizes[0][name] / sizes[1][name]) == pytest.approx(order, abs=0.05), name


def test_descent_r1_is_an_equality_for_one_curvature():
    """L has the Hessian L2 I, the agents' own ones differ: the bracket is exact, U is what gossip adds."""
    H, c = bowls(3)
    H = H - H.mean(dim=1, keepdim=True) + 2.0 * torch.eye(4, dtype=torch.float64)
    theta = normal(2, 3, 4, seed=2)
    lr = 0.3
    found = terms(snapshot(bowl, theta, (H, c)))
    found |= along_step(
        ExactLosses.of(bowl, (H, c)), theta.mean(dim=1), -lr * decomposition(snapshot(bowl, theta, (H, c))).v
    )
    found |= losses_of(bowl, theta, (H, c), lr)
    descent = found["merged_loss"] - found["next_merged_loss"]
    torch.testing.assert_close(found["merged_descent"], descent, rtol=1e-12, atol=1e-14)
    assert found["discrepancy_norm_sq"].min() > 0.1
    named = {name: found[name].numpy() for name in DESCENT_R1_NAMES}
    np.testing.assert_allclose(
        DESCENT_R1(lr=lr, L2=2.0, agents=3, sigma=0.0, **named), found["next_merged_loss"], rtol=1e-12
    )
    parallel = found["merged_loss"] - lr * (1 - lr) * found["gradient_norm_sq"]
    U = residuals(found, lr, 2.0)["U"]
    torch.testing.assert_close(found["next_merged_loss"], parallel + lr * U, rtol=1e-12, atol=1e-13)
    for name in ("step_smoothness", "step_curvature"):
        torch.testing.assert_close(found[name], torch.full_like(found[name], 2.0), rtol=1e-10, atol=0)


DESCENT_R1_NAMES = ("merged_loss", "gradient_norm_sq", "discrepancy_inner", "discrepancy_norm_sq")


@pytest.mark.parametrize("name", RUNS)
def test_descent_r1_is_an_equality_for_the_curvature_of_the_step(name):
    run = RUNS[name]
    loss, data = smooth_losses(run)
    theta = start(run)
    found = terms(snapshot(loss, theta, data))
    found |= along_step(
        ExactLosses.of(loss, data), theta.mean(dim=1), -run.lr * decomposition(snapshot(loss, theta, data)).v
    )
    found |= losses_of(loss, theta, data, run.lr)
    curvature = float(found["step_curvature"])
    U = float(residuals(found, run.lr, curvature)["U"])
    descent = run.lr * (1 - run.lr * curvature / 2) * float(found["gradient_norm_sq"]) - run.lr * U
    assert float(found["merged_descent"]) == pytest.approx(descent, rel=1e-10)
    L2 = float(quantities(run)["L2"])
    at_most = DESCENT_R1(lr=run.lr, L2=L2, agents=run.agents, sigma=0.0, **pick(found, DESCENT_R1_NAMES))
    assert float(found["next_merged_loss"]) <= float(at_most) + 1e-14


def pick(found, names):
    return {name: float(found[name][0]) for name in names}


def test_metrics_are_the_keywords_of_d11():
    loss, data = smooth_losses(SAME)
    found, known = terms(snapshot(loss, start(SAME), data)), quantities(SAME)
    constants = {name: float(known[name]) for name in ("L1", "L2", "L3", "L4")}
    explicit = RESIDUAL_D11(lr=SAME.lr, agents=3, **constants, **pick(found, ("T2", "consensus_distance")))
    assert explicit > float(residuals(found, SAME.lr, constants["L2"])["U_printed"])


def test_the_step_of_a_run_is_the_step_of_the_terms():
    """One round on a directed graph moves the mean by −η v: its descent is that of the noiseless step."""
    problem = Quadratic(dim=3, zeta=0.7, spread=0.5, sigma=0.0).build(5, (0,))
    schedule = constant(uniform(exponential(5))).draw
    before, after = (simulate(problem, schedule, Optimizer("sgd", 0.3), rounds=rounds)[1].theta for rounds in (4, 5))
    loss, theta, data = arguments(problem, before)
    mean, move = before.mean(dim=1), after.mean(dim=1) - before.mean(dim=1)
    parts = decomposition(snapshot(loss, theta, data))
    assert float((parts.v - parts.g).norm()) > 1e-3
    torch.testing.assert_close(move, -0.3 * parts.v, rtol=1e-10, atol=1e-14)
    found = along_step(ExactLosses.of(loss, data), mean, move)
    worth = lambda x: float((problem.mean_curvature * x**2).sum()) / 2  # noqa: E731 (up to the agents' own offsets)
    assert float(found["merged_descent"]) == pytest.approx(worth(mean) - worth(mean + move), rel=1e-9)


def test_a_step_of_no_length_has_no_quotient():
    loss, data = smooth_losses(SAME)
    mean = start(SAME).mean(dim=1)
    found = values_of(along_step(ExactLosses.of(loss, data), mean, torch.zeros_like(mean)))
    assert found["merged_descent"] == 0
    assert np.isnan([found["step_smoothness"], found["step_curvature"]]).all()


def test_a_smooth_network_equals_differences_of_gradients():
    """h and b from gradients at θ̄ ± ε δ_k, in float64."""
    x, y = normal(1, 3, 2), normal(1, 3, seed=1)
    theta = normal(1, 1, 13, seed=2) + 0.2 * normal(1, 3, 13, seed=3)
    parts = decomposition(snapshot(tanh_network, theta, (x, y)))
    mean, h = theta.mean(dim=1), 1e-3
    first = second = 0.0
    for k in range(3):
        line = theta[:, k] - mean
        own = lambda at, k=k: grad(tanh_network)(at[0], x[0, k], y[0, k])  # noqa: E731
        total = lambda at: global_gradient(ExactLosses.of(tanh_network, (x, y)), at)[0]  # noqa: E731
        for slope, sign in ((own, 1), (total, -1)):
            first = first + sign * (slope(mean + h * line) - slope(mean - h * line)) / (2 * h) / 3
        second = second + (total(mean + h * line) - 2 * total(mean) + total(mean - h * line)) / h**2 / 6
    torch.testing.assert_close(parts.h[0], first, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(parts.b[0], second, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_a_classifier_has_two_equal_derivations_of_t2(model):
    problem = Classification(model=model, width=2, dtype="float64", alpha=0.5).build(3, (0, 1), 4)
    theta = problem.init()
    found = terms(snapshot(*arguments(problem, theta)))
    torch.testing.assert_close(found["T2"], 2 * found["b_inner"], rtol=1e-9, atol=1e-15)
    assert found["T2"].abs().min() > 1e-6
    total = found["gradient_norm_sq"] + found["h_inner"] + found["b_inner"] + found["rest_inner"]
    torch.testing.assert_close(total, found["mean_gradient_inner"], rtol=1e-10, atol=1e-14)
    measured = problem.measure_gradients(theta)["gradient_norm_sq"]
    torch.testing.assert_close(found["gradient_norm_sq"], measured, rtol=1e-10, atol=0)
