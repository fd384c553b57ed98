import math

import numpy as np
import pytest
import torch
from torch.func import grad, vmap

from sim.lifts import RADIAL as LIFTED_RADIALLY
from sim.lifts import Lifted
from sim.optimizer import Optimizer
from sim.probes.derivatives import directional
from sim.probes.named import make_probes
from sim.simulate import simulate
from sim.smooth import FORMS, REACH, Smooth
from sim.testbed import TESTBED
from theory.errors import OnemergeError
from theory.gossip import constant
from theory.graphs import path
from theory.mixing import uniform

CASES = [(form, function) for form, functions in FORMS.items() for function in functions]
EVERY = pytest.mark.parametrize(("form", "function"), CASES, ids=["-".join(case) for case in CASES])
SCALES = {"height": 1.5, "width": 2.0}


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def built(form, function, dim=3, agents=3, seeds=(0, 1), **fields):
    fields = {"zeta": 0.7 if agents > 1 else 0.0, **SCALES, **fields}
    return Smooth(function, form, dim=dim, **fields).build(agents, seeds)


def first(problem, round=0):
    return next(problem.batches(round, 1))


def within(problem, theta):
    """Models moved into the region, if there is one."""
    return theta * min(problem.config.reach, 4.0) / theta.norm(dim=-1, keepdim=True).clamp(min=1.0) * 0.9


@EVERY
@pytest.mark.parametrize(("agents", "dim"), [(1, 1), (2, 3), (3, 2)])
def test_gradients_equal_those_of_autograd(form, function, agents, dim):
    problem = built(form, function, dim, agents)
    theta, batch = normal(2 * agents, dim, seed=1), first(problem)
    gradients, losses = problem.gradients(theta, *batch)
    expected = vmap(grad(problem.loss))(theta, *batch)
    torch.testing.assert_close(gradients, expected, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(losses, vmap(problem.loss)(theta, *batch), rtol=1e-13, atol=1e-14)
    at_zero = problem.slope(torch.zeros(dim, dtype=torch.float64))
    assert (at_zero == 0).all()


@EVERY
def test_it_is_the_function_of_the_testbed(form, function):
    problem, x = built(form, function), normal(7, 3, seed=2)
    scaled, points = TESTBED[function].scaled(1.5, 2.0), x.numpy()
    if form == "separable":
        value, slope = scaled(points).sum(-1), scaled(points, 1)
    else:
        length = np.linalg.norm(points, axis=1)
        value, slope = scaled(length), scaled(length, 1)[:, None] * points / length[:, None]
    np.testing.assert_allclose(problem.value(x), value, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(problem.slope(x), slope, rtol=1e-12, atol=1e-14)
    assert problem.config.infimum == pytest.approx(float(problem.value(torch.zeros(3, dtype=torch.float64))))


def test_the_regions_are_those_of_the_testbed():
    assert REACH["quartic_on_ball"] == float(TESTBED["quartic_on_ball"].region.sup)
    assert "sqrt(3)" in str(TESTBED["gaussian_well"].where_a4)
    assert REACH["gaussian_well"] == math.sqrt(3)
    assert all(TESTBED[name].region.sup == math.inf for name in FORMS["separable"] if name != "quartic_on_ball")


def largest_derivative(problem, q):
    """The largest |∇^q L(θ)[v, ..., v]| that a search finds which narrows around the best (θ, v) so far."""
    dim = problem.dim
    of = vmap(lambda x, v: directional(problem.value, x, *[v] * q).abs())
    reach, generator = min(problem.config.reach, 12.0), np.random.default_rng(q)
    best, at, line, width = 0.0, torch.zeros(dim, dtype=torch.float64), torch.zeros(dim, dtype=torch.float64), 1.0
    for _ in range(10):
        drawn = torch.from_numpy(generator.uniform(-1, 1, (2, 400, dim)))
        x, v = at + width * reach * drawn[0], line + width * drawn[1]
        over = x.norm(dim=1) if problem.config.form == "radial" else x.abs().amax(dim=1)
        x = x * (reach / over).clamp(max=1)[:, None]
        v = v / v.norm(dim=1, keepdim=True)
        found = of(x, v)
        top = int(found.argmax())
        if float(found[top]) > best:
            best, at, line = float(found[top]), x[top], v[top]
        width *= 0.55
    return best


@EVERY
def test_constants_are_the_largest_derivatives(form, function):
    problem = built(form, function, dim=3)
    for q, stated in enumerate(problem.config.constants.values(), start=1):
        seen = largest_derivative(problem, q)
        assert stated * (1 - 0.02) <= seen <= stated * (1 + 1e-9), (q, seen, stated)


@EVERY
def test_constants_are_those_of_the_lifts(form, function):
    config = Smooth(function, form, dim=3, zeta=0, **SCALES)
    scaled = [1.5 * float(norm) / 2.0**q for q, norm in enumerate(TESTBED[function].norms, start=1)]
    assert list(config.constants) == ["L1", "L2", "L3", "L4"]
    assert list(config.constants.values())[1:] == pytest.approx(scaled[1:], rel=1e-12)
    if form == "separable" or function in LIFTED_RADIALLY:
        lifted = Lifted(TESTBED[function], form, 3)
        norms = [1.5 * float(norm) / 2.0**q for q, norm in enumerate(lifted.norms, start=1)]
        assert list(config.constants.values()) == pytest.approx(norms, rel=1e-12)


@EVERY
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_strong_convexity_is_the_smallest_curvature_of_a_ball(form, function, dim):
    problem = built(form, function, dim)
    curvature = vmap(torch.func.hessian(problem.value))
    for radius in (0.0, 1.0, 3.0, 9.0):
        drawn = normal(3000, dim)
        lengths = torch.linspace(0, radius, 3000, dtype=torch.float64)[:, None]
        points = drawn / drawn.norm(dim=1, keepdim=True) * lengths + 1e-9
        on_axis = torch.eye(dim, dtype=torch.float64)[0] * lengths
        at = torch.cat([points, on_axis]) if form == "separable" else points
        seen = float(torch.linalg.eigvalsh(curvature(at))[:, 0].min())
        stated = problem.config.strong_convexity(radius)
        assert stated - 1e-8 <= seen <= stated + 2e-3 * 1.5 / 4 + 1e-8, (radius, seen, stated)
    if function in ("log_cosh", "pseudo_huber"):
        assert problem.config.strong_convexity(9.0) > 0


@EVERY
@pytest.mark.parametrize("agents", [2, 3, 5])
def test_heterogeneity_is_the_same_everywhere(form, function, agents):
    """Assumption A3 at every θ, in either reading, and the tilts cancel."""
    problem = built(form, function, agents=agents)
    assert problem.tilts.sum(dim=1).abs().max() < 1e-14
    loss, data = problem.exact_losses()
    slopes = vmap(grad(loss))
    for seed in range(3):
        theta = 2 * normal(2, agents, 3, seed=seed)
        gradients, measured = problem.measure_gradients(theta), problem.measure(theta)
        for r in range(2):
            own = [part[r] for part in data]
            merged = theta[r].mean(dim=0)
            for at in (merged, *theta[r]):
                each = slopes(at.expand(agents, -1), *own)
                zeta_sq = ((each - each.mean(dim=0)) ** 2).sum(-1).mean()
                assert float(zeta_sq) == pytest.approx(0.49, rel=1e-12)
            at_mean = slopes(merged.expand(agents, -1), *own).mean(dim=0)
            assert float(gradients["gradient_norm_sq"][r]) == pytest.approx(float(at_mean @ at_mean), rel=1e-11)
            at_agents = float((slopes(theta[r], *own) ** 2).sum() / agents)
            assert float(gradients["local_gradient_norm_sq"][r]) == pytest.approx(at_agents, rel=1e-12)
            worth = float(vmap(loss)(merged.expand(agents, -1), *own).mean())
            assert float(measured["merged_loss"][r]) == pytest.approx(worth, rel=1e-12, abs=1e-14)
            assert float(measured["merged_norm_sq"][r]) == pytest.approx(float(merged @ merged))


def t2(problem, theta):
    """gᵀ∇Tr(∇²L Γ) [replicas] as the mean of ∇³L[δ_k, δ_k, g] over the agents."""
    out = []
    for models in theta:
        mean = models.mean(dim=0)
        slope = grad(problem.value)(mean)
        out.append(sum(float(directional(problem.value, mean, x - mean, x - mean, slope)) for x in models))
    return np.array(out) / theta.shape[1]


@pytest.mark.parametrize("function", FORMS["separable"])
@pytest.mark.parametrize("agents", [1, 2, 3])
def test_t2_of_a_separable_function(function, agents):
    """T2 = Σ_i f'(θ̄_i) f'''(θ̄_i) Γ_ii, by derivatives of sympy's."""
    problem, theta = built("separable", function, agents=agents), normal(2, agents, 3, seed=4)
    f, mean = TESTBED[function].scaled(1.5, 2.0), theta.mean(dim=1).numpy()
    spread = ((theta - theta.mean(dim=1, keepdim=True)) ** 2).mean(dim=1).numpy()
    expected = (f(mean, 1) * f(mean, 3) * spread).sum(-1)
    np.testing.assert_allclose(t2(problem, theta), expected, rtol=1e-10, atol=1e-15)
    assert agents == 1 or np.abs(expected).max() > 1e-4


@pytest.mark.parametrize("function", LIFTED_RADIALLY[:2])
def test_t2_of_a_radial_function(function):
    problem, theta = built("radial", function, height=1.0, width=1.0), normal(2, 3, 3, seed=4)
    twin, found = Lifted(TESTBED[function], "radial", 3), t2(problem, theta)
    for r in range(2):
        mean = theta[r].mean(dim=0)
        Gamma = ((theta[r] - mean).mT @ (theta[r] - mean) / 3).numpy()
        expected = twin.gradient(mean.numpy()) @ twin.trace_gradient(mean.numpy(), Gamma)
        assert found[r] == pytest.approx(expected, rel=1e-10)


@EVERY
def test_progressive_sharpening_in_the_region(form, function):
    """∇³L[v, v, ∇L] <= 0 for all v, but for the quartic, where it is >= 0; the Gaussian well loses it outside."""
    problem = built(form, function, agents=1)
    of = vmap(lambda x, v: directional(problem.value, x, v, v, grad(problem.value)(x)))
    found = of(within(problem, 4 * normal(300, 3)), normal(300, 3, seed=1))
    sign = 1 if function == "quartic_on_ball" else -1
    assert (sign * found >= -1e-14).all()
    assert (sign * found > 1e-12).double().mean() > 0.9
    if function == "gaussian_well":
        beyond = torch.tensor([[2.0 * problem.config.reach, 0.0, 0.0]], dtype=torch.float64)
        assert of(beyond, beyond) > 0


@pytest.mark.parametrize(("form", "share"), [("separable", 1 / 3), ("radial", 2 / 3)])
def test_agents_outside_are_counted(form, share):
    """Nothing is clamped: at (1.3, 1.3, 0) all coordinates are in [-2, 2], and the length is not; both leave at 2.5."""
    problem = built(form, "quartic_on_ball", width=1.5)
    theta = torch.tensor([[[0.1, 0, 0], [1.3, 1.3, 0], [0, 0, -1.6]], [[0.1, 0, 0]] * 3], dtype=torch.float64)
    assert problem.measure(theta)["outside"].tolist() == pytest.approx([share, 0.0])
    assert "outside" not in built("separable", "log_cosh").measure(theta)
    inside = problem.init()
    assert (problem.measure(inside)["outside"] == 0).all()


def test_noise_has_the_stated_variance():
    problem = built("separable", "log_cosh", dim=5, agents=4, seeds=(0, 1, 2), sigma=1.7)
    batches = list(problem.batches(0, 300))
    noise = torch.stack([batch[0] for batch in batches])
    assert noise.shape == (300, 12, 5)
    assert all(batch[1].equal(problem.tilts.flatten(0, 1)) for batch in batches)
    size = (noise**2).sum(-1).flatten().numpy()
    for sample, expected in ((size, 1.7**2), (noise.flatten().numpy(), 0.0)):
        z = (sample.mean() - expected) / (sample.std(ddof=1) / len(sample) ** 0.5)
        assert abs(z) < 5, f"sampled {sample.mean():.5f}, stated {expected:.5f}, z = {z:.1f}"
    assert not noise[0].equal(first(problem, 1)[0])
    assert noise[0].equal(first(problem)[0])


@EVERY
def test_a_replica_does_not_depend_on_the_others(form, function):
    config = Smooth(function, form, dim=3, instance=None)
    together, alone = config.build(4, (0, 1, 0)), config.build(4, (1,))
    theta, own = together.init(), alone.init()
    assert theta[1].equal(own[0])
    assert theta[0].equal(theta[2])
    assert not theta[0].allclose(theta[1])
    for several, single in zip(together.batches(6, 3), alone.batches(6, 3), strict=True):
        assert all(a[4:8].equal(b) for a, b in zip(several, single, strict=True))
        assert all(a[:4].equal(a[8:]) for a in several)
        gradients = together.gradients(theta.flatten(0, 1), *several)[0]
        theta, own = theta - 0.3 * gradients.view_as(theta), own - 0.3 * alone.gradients(own[0], *single)[0]
    torch.testing.assert_close(theta[1], own[0], rtol=1e-14, atol=1e-15)


def test_starts_and_instances():
    shared = Smooth("cosine_well", distance=2.5, instance=4).build(3, (0, 1))
    own = Smooth("cosine_well", distance=2.5, instance=None).build(3, (4, 1))
    assert shared.start.norm(dim=1).tolist() == pytest.approx([2.5, 2.5])
    assert shared.tilts[1].equal(own.tilts[0])
    assert not own.tilts[0].allclose(own.tilts[1])
    gap = shared.value(shared.start) - shared.value(torch.zeros_like(shared.start))
    torch.testing.assert_close(shared.initial_gap, gap, rtol=1e-13, atol=0)


def test_far_models_have_finite_losses_and_derivatives():
    for form, function in CASES:
        problem = Smooth(function, form, dim=2, zeta=0).build(1, (0,))
        x, line = torch.tensor([[-2000.0, 2000.0], [1.0, 1.0]], dtype=torch.float64)
        values = [directional(problem.value, x, *[line] * q) for q in range(5)]
        assert torch.isfinite(torch.stack(values)).all()


@pytest.mark.parametrize("execution", ["batched", "vmap", "loop"])
def test_a_run_is_the_loop_of_its_steps(execution):
    """Against automatic differentiation and W Θ, for a W whose columns do not sum to one."""
    W = uniform(path(4))
    problem = built("separable", "log_cosh", agents=4)
    theta = problem.init()
    for round in range(3):
        for batch in problem.batches(round, 2):
            theta = theta - 0.3 * vmap(grad(problem.loss))(theta.flatten(0, 1), *batch).view_as(theta)
        theta = torch.from_numpy(W) @ theta
    run = {"rounds": 3, "local_steps": 2, "execution": execution}
    _, state = simulate(problem, constant(W).draw, Optimizer("sgd", 0.3), **run)
    torch.testing.assert_close(state.theta, theta, rtol=1e-11, atol=1e-13)


def test_probes_of_a_run_know_the_exact_values():
    """T2 by sympy's derivatives, ζ² and h = 0 exactly, σ² within its error, and the share of agents outside."""
    problem = built("separable", "quartic_on_ball", agents=4, sigma=0.8, zeta=12.0)
    probes = make_probes("terms,gradients,noise", problem, lr=0.3)
    table, state = simulate(
        problem, constant(uniform(path(4))).draw, Optimizer("sgd", 0.3), rounds=8, probes=probes, probes_every=8
    )
    whole = table[(table["round"] == 8) & table["agent"].isna()]
    last = whole.pivot_table(index="seed", columns="metric", values="value")
    f, theta = TESTBED["quartic_on_ball"].scaled(1.5, 2.0), state.theta.numpy()
    mean, spread = theta.mean(axis=1), theta.var(axis=1)
    np.testing.assert_allclose(last["T2"], (f(mean, 1) * f(mean, 3) * spread).sum(-1), rtol=1e-9)
    np.testing.assert_allclose(last["zeta_sq_at_mean"], 144.0, rtol=1e-12)
    np.testing.assert_allclose(last["zeta_sq_at_agents"], 144.0, rtol=1e-12)
    assert (last["h_norm_sq"] < 1e-24).all()
    assert ((last["sigma_sq"] - 0.8**2).abs() < 5 * last["sigma_sq_error"]).all()
    np.testing.assert_allclose(last["outside"], (np.abs(theta).max(-1) > 2.0).mean(-1))
    assert (last["outside"] > 0).any()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"function": "cos"}, "'cos'; valid: log_cosh"),
        ({"form": "ball"}, "'ball'; valid: separable, radial"),
        ({"form": "radial", "function": "log_cosh"}, "radial function 'log_cosh'; valid: pseudo_huber"),
        ({"dim": 0}, "not 0"),
        ({"height": 0.0}, "not 0.0 and 1.0"),
        ({"width": math.inf}, "not 1.0 and inf"),
        ({"sigma": -1.0}, "-1.0"),
        ({"zeta": math.nan}, "nan"),
        ({"distance": math.inf}, "not inf"),
        (
            {"function": "quartic_on_ball", "distance": 1.0},
            "below 1, where the region of quartic_on_ball ends, not 1.0",
        ),
        ({"function": "gaussian_well", "distance": 2.0}, "below 1.732, where the region of gaussian_well"),
    ],
)
def test_bad_fields_are_named(fields, named):
    with pytest.raises(OnemergeError) as error:
        Smooth(**fields)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_arguments_are_named():
    with pytest.raises(OnemergeError, match=r"zeta must be 0, not 1\.0"):
        Smooth(zeta=1.0).build(1, (0,))
    with pytest.raises(OnemergeError, match="radius must be finite and >= 0, not inf"):
        Smooth().strong_convexity(math.inf)
