"""Probes by name: each against closed forms in numpy, and all the same whole, in chunks, stacked and one by one."""

import itertools

import numpy as np
import pytest
import torch
from torch.func import grad, vmap

from sim.network import Classification
from sim.probes.exact_losses import exact_losses, subset
from sim.probes.named import PROBES, make_probes, parse_probes
from sim.probes.snapshot import Snapshot
from sim.probes.terms import terms
from sim.quadratic import Quadratic
from sim.smooth import Smooth
from theory.errors import OnemergeError
from theory.notation import NOTATION

LR = 0.3
SHAPES = {  # f, f', f'', f''' of the separable functions
    "quartic_on_ball": (lambda x: x**4 / 24, lambda x: x**3 / 6, lambda x: x**2 / 2, lambda x: x),
    "cosine_well": (lambda x: 1 - np.cos(x), np.sin, np.cos, lambda x: -np.sin(x)),
}
DIM, SEEDS = 3, (0, 5)


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def probe(name, problem, **options):
    (found,) = make_probes(name, problem, **({"lr": LR} | options))
    return found


def smooth(shape, agents, sigma=0.0):
    zeta = 0.0 if agents == 1 else 0.7
    return Smooth(function=shape, dim=DIM, zeta=zeta, sigma=sigma, instance=None).build(agents, SEEDS)


def by_hand(shape, problem, theta, r):
    """All metrics of one replica of L_k(θ) = Σ_i f(θ_i) + c_kᵀθ, by its derivatives: Hessians are diagonal, h is 0."""
    f, f1, f2, f3 = SHAPES[shape]
    x, tilts = theta[r].numpy(), problem.tilts[r].numpy()
    mean, m = x.mean(axis=0), len(x)
    delta = x - mean
    value = lambda at: f(at).sum(-1)  # noqa: E731
    own, g = f1(x) + tilts, f1(mean)
    v, spread = own.mean(axis=0), (delta**2).mean(axis=0)
    e, b = v - g, f3(mean) * spread / 2
    step = -LR * v
    curvature = 2 * (value(mean + step) - value(mean) - g @ step) / (step @ step)
    signs = (f3(mean) * g * delta**2).sum(axis=1)[np.abs(delta).max(axis=1) > 0]
    eigenvalues = np.linalg.svd(delta, compute_uv=False) ** 2 / m
    eigenvalues = np.append(eigenvalues, np.zeros(m))[:m]
    t = np.linspace(0, 1, 11)[:, None, None]
    first, second = (x[list(k)] for k in zip(*itertools.combinations(range(m), 2), strict=True)) if m > 1 else (x, x)
    chord = (1 - t[:, 0]) * value(first) + t[:, 0] * value(second)
    walls = (value((1 - t) * first + t * second) - chord).max(axis=0)
    T2 = g @ (f3(mean) * spread)
    with np.errstate(invalid="ignore"):
        dimension = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
    return {
        "consensus_distance": spread.sum(), "spread_top": eigenvalues[0], "spread_dimension": dimension,
        "spread_eigenvalue": eigenvalues,
        "gradient_norm_sq": g @ g, "local_gradient_norm_sq": (own**2).sum() / m,
        "phi_sq_at_mean": ((g + tilts) ** 2).sum() / m, "zeta_sq_at_mean": (tilts**2).sum() / m,
        "zeta_sq_at_agents": (tilts**2).sum() / m,
        "mean_gradient_inner": g @ v, "discrepancy_inner": g @ e, "discrepancy_norm_sq": e @ e,
        "h_inner": 0.0, "h_norm_sq": 0.0, "b_inner": g @ b, "b_norm_sq": b @ b, "T2": T2,
        "rest_inner": g @ (e - b), "rest_norm_sq": (e - b) @ (e - b), "sharpness": f2(mean) @ spread,
        "U": (LR * curvature - 1) * g @ e + LR * curvature / 2 * e @ e, "U_printed": (LR * curvature - 1) * T2 / 2,
        "merged_descent": value(mean) - value(mean + step), "step_curvature": curvature,
        "step_smoothness": np.linalg.norm(f1(mean + step) - g) / np.linalg.norm(step),
        "sharpening_share": (signs < 0).mean() if len(signs) else np.nan,
        "sharpening_against": (signs >= 0).sum(), "sharpening_worst": max(signs, default=-np.inf),
        "mergeability": value(x).mean() - value(mean), "barrier_mean": walls.mean(), "barrier_max": walls.max(),
    }  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("agents", [1, 2, 3, 5])
def test_every_probe_equals_its_closed_form(shape, agents):
    problem = smooth(shape, agents)
    theta = normal(2, agents, DIM, seed=4) + 0.5
    names = [name for name in PROBES if name != "noise" and (agents > 1 or name != "barriers")]
    found = {name: probe(name, problem)(theta) for name in names}
    seen = set()
    for r in range(2):
        expected = by_hand(shape, problem, theta, r)
        for name in names:
            for metric, value in found[name].items():
                where = f"{name}: {metric}"
                np.testing.assert_allclose(value[r], expected[metric], rtol=1e-9, atol=1e-12, err_msg=where)
                seen.add(metric)
    assert seen == expected.keys() - (set() if agents > 1 else {"barrier_mean", "barrier_max"})
    together = probe(",".join(names), problem)(theta)
    for values in found.values():
        for metric, value in values.items():
            torch.testing.assert_close(together[metric], value, rtol=0, atol=0, equal_nan=True)


def test_the_table_names_every_metric_and_the_notation_its_own():
    import sim.probes.named as module

    found = probe(",".join(PROBES), smooth("cosine_well", 3, sigma=0.5))(normal(2, 3, DIM))
    rows = [line.split("|")[2:4] for line in module.__doc__.splitlines() if line.startswith("| ")]
    listed = [metric.strip() for row in rows[1:] for metric in row[0].split(",")]
    assert sorted(listed) == sorted(found)
    assert {
        "consensus_distance",
        "gradient_norm_sq",
        "T2",
        "U",
        "local_gradient_norm_sq",
    } <= found.keys() & NOTATION.keys()


def test_noise_is_the_stated_one_within_its_error():
    problem = smooth("cosine_well", 4, sigma=1.7)
    found = probe("noise", problem, batches=800)(normal(2, 4, DIM))
    z = (found["sigma_sq"] - 1.7**2) / found["sigma_sq_error"]
    assert (z.abs() < 5).all(), f"{found}"
    assert (found["sigma_sq_error"] < 0.15).all()


def test_quadratics_have_no_second_order():
    problem = Quadratic(dim=4, zeta=0.7, spread=0.5).build(3, (0, 1))
    found = probe("terms", problem)(normal(2, 3, 4))
    for metric in ("T2", "b_inner", "b_norm_sq", "U_printed"):
        assert (found[metric] == 0).all()
    assert found["rest_norm_sq"].max() < 1e-26
    assert found["h_norm_sq"].min() > 1e-3
    bracket = (LR * found["step_curvature"] - 1) * found["h_inner"]
    torch.testing.assert_close(
        found["U"], bracket + LR / 2 * found["step_curvature"] * found["h_norm_sq"], rtol=1e-10, atol=1e-14
    )


def test_every_replica_may_have_its_own_learning_rate():
    problem, theta = smooth("cosine_well", 3), normal(2, 3, DIM)
    each = probe("terms,descent", problem, lr=torch.tensor([0.1, 0.7]))(theta)
    for r, lr in enumerate((0.1, 0.7)):
        alone = probe("terms,descent", problem, lr=lr)(theta)
        for metric, value in alone.items():
            torch.testing.assert_close(each[metric][r], value[r], rtol=1e-6, atol=0)  # lr is of float32


def small(**fields):
    return Classification(width=2, dtype="float64", alpha=0.5, **fields).build(3, (0, 1), 4)


WHOLE = {"together": 2**40, "chunk": 10_000}
LAYOUTS = {  # all at once is the reference
    "one by one": {"together": 1, "chunk": 10_000},
    "in chunks": {"together": 2**40, "chunk": 400},
    "two agents at once, in chunks": {"together": 2 * 166, "chunk": 500},
    "all images as a subset": {"images": 1347},
}


@pytest.fixture(scope="module")
def whole():
    problem = small()
    assert problem.dim == 166
    theta, total = problem.init(), torch.full((1347,), 1 / 1347, dtype=torch.float64)
    for _ in range(20):  # each on its own, on all images alike, until there are barriers
        theta = theta - vmap(vmap(grad(lambda at: problem.weighted_loss(at, total))))(theta)
    return problem, theta, probe(",".join(PROBES), problem, points=4, **WHOLE)(theta)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_network_has_the_same_numbers_in_every_layout(whole, layout):
    problem, theta, expected = whole
    kept = theta.clone()
    found = probe(",".join(PROBES), problem, points=4, **LAYOUTS[layout])(theta)
    assert torch.equal(theta, kept)
    assert found.keys() == expected.keys()
    for metric, value in expected.items():
        assert value.abs().max() > 0
        torch.testing.assert_close(found[metric], value, rtol=1e-9, atol=1e-10 * float(value.abs().max()))


def test_chunks_are_those_of_the_loss_over_all_images(whole):
    """Against the problem's own exact losses as they are, of all images at once."""
    problem, theta, found = whole
    loss, data = problem.exact_losses()
    one = type(exact_losses(problem)).of(loss, data)
    for metric, value in terms(Snapshot(one, theta)).items():
        torch.testing.assert_close(found[metric], value, rtol=1e-9, atol=1e-12)


def test_what_is_at_work_at_once_follows_from_the_sizes():
    problem = small()
    losses = exact_losses(problem, together=5 * 166)
    assert [k for _, k in losses.blocks(1, 7, 166)] == [slice(0, 5), slice(5, 10)]
    assert [r for r, _ in losses.blocks(7, 2, 166)] == [slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 8)]
    assert list(losses.blocks(2, 2, 10_000)) == [(slice(r, r + 1), slice(k, k + 1)) for r in (0, 1) for k in (0, 1)]
    quadratic = exact_losses(Quadratic(dim=10).build(4, (0,)), together=2 * 4 * 10)  # L is of all agents' data
    assert [k for _, k in quadratic.blocks(1, 4, 10)] == [slice(0, 2), slice(2, 4)]


def test_float64_mends_the_digits_of_a_short_step():
    problem = Classification(width=2, alpha=0.5).build(2, (0,), 4)
    exact = Classification(width=2, alpha=0.5, dtype="float64").build(2, (0,), 4)
    theta = problem.init()
    rough, fine = (probe("descent", problem, lr=1e-3, dtype=kind)(theta) for kind in (None, "float64"))
    true = probe("descent", exact, lr=1e-3)(theta.double())
    for metric, value in true.items():
        torch.testing.assert_close(fine[metric], value, rtol=1e-4, atol=0)
    off = abs(float(rough["step_curvature"] / true["step_curvature"]) - 1)
    assert off > 1e-3, "float32 needs no help here"
    assert theta.dtype == torch.float32


def test_a_subset_keeps_the_agents_distributions():
    problem = small()
    labels, shares = problem.train_y.numpy(), torch.as_tensor(problem.shares)
    for images in (10, 37, 500, 1347):
        index, weight = subset(labels, images)
        assert len(set(index.tolist())) == images
        counts, drawn = np.bincount(labels), np.bincount(labels[index])
        assert np.abs(drawn - 1 - (images - 10) * (counts - 1) / 1337).max() < 1
        np.testing.assert_allclose(weight, (counts / drawn)[labels[index]])
        losses = exact_losses(problem, images=images, chunk=100)
        mass = torch.zeros(2, 3, 10, dtype=torch.float64)
        for chunk in losses.chunks:
            mass.index_add_(2, chunk.shared[1], chunk.own[0])
        torch.testing.assert_close(mass, shares, rtol=1e-12, atol=1e-15)
    assert np.array_equal(subset(labels, 1347)[0], np.arange(1347))  # the images are sorted by class
    other = Classification(width=2, dtype="float64").build(2, (7,), 4)
    assert torch.equal(exact_losses(other, 37).chunks[0].shared[0], exact_losses(problem, 37).chunks[0].shared[0])


def test_losses_of_a_subset_are_those_of_all_images_within_their_error():
    problem = small()
    at = problem.init()[0, 0][None, None].expand(2, 1, -1)
    all_images, some = (
        float(exact_losses(problem, images).all(lambda loss, x: loss(x), slice(0, 1), at[:1])) for images in (0, 300)
    )
    each = problem.logits(at[0, 0], problem.train_x).log_softmax(-1).gather(1, problem.train_y[:, None])
    error = float(each.std()) / 300**0.5
    assert abs(some - all_images) < 5 * error
    assert error < 0.2 * all_images


@pytest.mark.parametrize(
    ("text", "options", "named"),
    [
        ("spread,terns", {}, "Unknown probe 'terns'; valid: spread, gradients, noise, terms, .*, barriers"),
        ("spread,", {}, "Unknown probe ''"),
        ("spread, spread", {}, "'spread' is named twice"),
        ("terms", {"lr": None}, "'terms' needs the learning rate"),
        ("spread", {"dtype": "float16"}, "not 'float16'"),
        ("spread", {"images": 9}, r"from 10 \(one a class\) to 1347, not 9"),
        ("spread", {"images": 1348}, "to 1347, not 1348"),
        ("spread", {"images": -1}, "images of the probes must be a whole number >= 0, not -1"),
        ("spread", {"chunk": 0}, "chunk of the probes must be a whole number >= 1, not 0"),
        ("barriers", {"pairs": 0}, "pairs must be a whole number of at least 1, not 0"),
        ("barriers", {"points": 2}, "points must be .* not 2"),
        ("noise", {"batches": 3}, "pairs of batches, not 3"),
    ],
)
def test_bad_values_are_named(text, options, named):
    problem = small()
    with pytest.raises(OnemergeError, match=named):
        probe(text, problem, **options)(problem.init())


def test_images_are_of_problems_on_images():
    with pytest.raises(OnemergeError, match="problems on images: leave it at 0 here, not 5"):
        make_probes("spread", Quadratic(dim=2).build(2, (0,)), images=5)


def test_no_name_is_no_probe():
    assert make_probes("", small()) == ()
    assert parse_probes(" terms , spread ") == ("terms", "spread")
