"""Generalization bounds against exact expectations over all data sets and all draws, and the smoothed loss of D-SGD."""

from itertools import product

import numpy as np
import pytest

from theory.bounds import BOUNDS
from theory.graphs import complete, hypercube, ring, star
from theory.mixing import complete_average, metropolis
from theory.spectrum import slem

PAIR = np.array([[0.7, 0.3], [0.3, 0.7]])
CYCLE = 0.6 * np.eye(3) + 0.3 * np.roll(np.eye(3), 1, axis=1) + 0.1 * np.roll(np.eye(3), 2, axis=1)  # directed
LOSSES = {  # of z = 1 or -1: loss, gradient, its bound G on the models that occur, smoothness
    "linear": (lambda x, z: -z * x, lambda x, z: -z, 1.0, 1.0),
    "logistic": (lambda x, z: np.log1p(np.exp(-z * x)), lambda x, z: -z / (1 + np.exp(z * x)), 1.0, 0.25),
    "square": (lambda x, z: (x - z) ** 2 / 2, lambda x, z: x - z, 2.0, 1.0),  # on [-1, 1], where it stays
}
CASES = [(PAIR, 2, 2), (PAIR, 1, 6), (CYCLE, 1, 5), (np.eye(1), 3, 3), (complete_average(2), 2, 2)]  # W, samples, steps


def generalization_gap(W, samples, steps, lr, loss, slope):
    """Exact E[L - L_S] of the merged model, z uniform on {1, -1}: the mean over all data sets and all draws."""
    m, total, count = len(W), 0.0, 0
    for flat in product((1.0, -1.0), repeat=m * samples):
        data = np.array(flat).reshape(m, samples)
        for drawn in product(range(samples), repeat=m * steps):
            x = np.zeros(m)
            for picks in np.array(drawn).reshape(steps, m):
                x = W @ (x - lr * slope(x, data[np.arange(m), picks]))
            population = (loss(x.mean(), 1.0) + loss(x.mean(), -1.0)) / 2
            total, count = total + population - loss(x.mean(), data).mean(), count + 1
    return total / count


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("W", "samples", "steps"), CASES)
def test_no_topology_spoils_generalization(W, samples, steps, name):
    loss, slope, lipschitz, _ = LOSSES[name]
    lr, m = 0.4, len(W)
    gap = generalization_gap(W, samples, steps, lr, loss, slope)
    stated = BOUNDS["le_bars_generalization"](agents=m, samples=samples, lipschitz=lipschitz, lr_sum=lr * steps)
    assert 0 < gap <= stated
    if name == "linear":  # Var(mean z) lr steps, on every graph
        assert gap == pytest.approx(stated / 2, rel=1e-12)
    if name == "square":
        strong = {"agents": m, "samples": samples, "lipschitz": lipschitz, "mu": 1.0, "L_local": 1.0, "lr": lr}
        assert gap <= BOUNDS["le_bars_generalization_strong"](**strong)


def test_topologies_are_ordered_by_their_gap_where_the_literature_says_so():
    """Orders only, no constants: a larger slem never helps in the bounds of Zhu et al. and of Sun et al."""
    graphs = (complete(16), hypercube(16), ring(16), star(16))
    gaps = sorted(max(0.0, slem(metropolis(graph))) for graph in graphs)
    assert gaps[0] < 1e-12
    assert gaps[-1] > 0.9
    for name in ("zhu_stability", "zhu_stability_mixed", "zhu_generalization"):
        fixed = {key: value for key, value in BOUNDS[name].example.items() if key != "slem"}
        assert (np.diff(BOUNDS[name](slem=gaps, **fixed)) > 0).all()
    assert (np.diff(BOUNDS["sun_stability"](samples=100, one_minus_slem=1 - np.array(gaps))) > 0).all()
    fewer, more = ({"agents": m, "samples": 100, "slem": 0.5} for m in (4, 64))
    assert BOUNDS["zhu_stability_mixed"](**more) < BOUNDS["zhu_stability_mixed"](**fewer)


def under_normal_noise(function, mean, deviation):
    """E function(mean + deviation z), z standard normal, exact for polynomials up to degree 19."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(10)
    return weights @ function(mean + deviation * nodes) / np.sqrt(2 * np.pi)


@pytest.mark.parametrize("agents", [1, 2, 3, 8])
def test_the_mean_gradient_is_that_of_a_smoothed_loss(agents):
    generator = np.random.default_rng(agents)
    met = 0
    for _ in range(20):
        x = generator.exponential(size=agents)  # skewed
        coefficients = generator.normal(size=5)
        loss = np.polynomial.Polynomial(coefficients)
        center = x - x.mean()
        left_out = loss.deriv()(x).mean() - under_normal_noise(loss.deriv(), x.mean(), x.std())
        stated = BOUNDS["zhu_sam_residual"](fourth_derivative=24 * coefficients[4], third_moment=np.mean(center**3))
        assert left_out == pytest.approx(stated, rel=1e-9, abs=1e-12)
        cubic = np.polynomial.Polynomial(coefficients[:4])
        assert cubic.deriv()(x).mean() == pytest.approx(under_normal_noise(cubic.deriv(), x.mean(), x.std()), abs=1e-12)
        met += abs(stated) > 1e-3
    assert met >= (15 if agents > 2 else 0)


def test_the_sharpness_penalty_is_half_the_curvature_in_the_directions_of_disagreement():
    generator = np.random.default_rng(0)
    theta = generator.normal(size=(6, 3))
    root = generator.normal(size=(3, 3))
    H = root @ root.T
    covariance = np.cov(theta.T, bias=True)
    exact = np.trace(H @ covariance) / 2  # of a quadratic
    spread = ((theta - theta.mean(axis=0)) ** 2).sum() / 6
    assert 0 < exact <= BOUNDS["zhu_sam_penalty"](L2=np.linalg.eigvalsh(H)[-1], consensus_distance=spread)
    along = np.outer(generator.normal(size=6), np.linalg.eigh(H)[1][:, -1])  # attained along the sharpest direction
    exact = np.trace(H @ np.cov(along.T, bias=True)) / 2
    spread = ((along - along.mean(axis=0)) ** 2).sum() / 6
    assert exact == pytest.approx(BOUNDS["zhu_sam_penalty"](L2=np.linalg.eigvalsh(H)[-1], consensus_distance=spread))
    # a loss whose curvature is at most 1: sin(x)
    x = generator.normal(size=9)
    penalty = under_normal_noise(np.sin, x.mean(), x.std()) - np.sin(x.mean())
    assert penalty <= BOUNDS["zhu_sam_penalty"](L2=1.0, consensus_distance=x.var())
