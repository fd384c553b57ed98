"""Bounds of the paper and what replaces them, against derivations that do not use the records."""

from dataclasses import replace

import numpy as np
import pytest
import sympy

from theory.bounds import BOUNDS, corrected, zhu2025
from theory.notation import NOTATION, symbols

EFFECTIVE = 20  # samples that a test is about, at least


def at(bound, values):
    return bound(**{name: values[name] for name in bound.symbols})


def inside(*bounds, size=4096, seed=0):
    """Values {name: [n]} inside the regions of all `bounds`, at least EFFECTIVE of them."""
    generator = np.random.default_rng(seed)
    names = [name for name in NOTATION if any(name in bound.symbols for bound in bounds)]
    wide = {name: 10 ** generator.uniform(-3, 1, size) for name in names}
    wide |= {name: generator.uniform(0.01, 1, size) for name in names if NOTATION[name].domain == "rate"}
    wide |= {name: generator.integers(1, 65, size) * 1.0 for name in names if NOTATION[name].domain == "count"}
    wide |= {name: generator.normal(size=size) for name in names if NOTATION[name].domain == "real"}
    held = np.logical_and.reduce([b.inside(**{n: wide[n] for n in b.symbols}) for b in bounds])
    assert held.sum() >= EFFECTIVE, f"only {held.sum()} of {size} samples lie in the region"
    return {name: array[held] for name, array in wide.items()}


# One-step consensus recursions against exact expectations


def doubly_stochastic(agents, generator):
    """A directed mixture of permutation matrices."""
    weights = generator.dirichlet(np.full(4, 0.5))
    return sum(w * np.eye(agents)[generator.permutation(agents)] for w in weights)


def next_distance(W, theta, gradients, lr, sigma):
    """E Xi^2 after one adapt-then-combine step, noise independent with variance sigma^2 per agent; theta [m, d]."""
    m = len(W)
    A = W - np.full((m, m), 1 / m)
    mean_part = np.sum((A @ (theta - lr * gradients)) ** 2) / m
    return mean_part + lr**2 * sigma**2 * np.sum(A**2) / m


@pytest.mark.parametrize("agents", [1, 2, 3, 8])
def test_one_step_bounds_hold_for_directed_gossip(agents):
    generator = np.random.default_rng(agents)
    effective = 0
    for _ in range(200):
        W = doubly_stochastic(agents, generator)
        p = 1 - np.linalg.norm(W - 1 / agents, 2) ** 2
        if p < 1e-6:  # one permutation carries all the weight
            continue
        theta, gradients = generator.normal(size=(2, agents, 3))
        lr, sigma = generator.uniform(0.01, 2, 2)
        values = {
            "lr": lr, "sigma": sigma, "p": min(p, 1.0), "agents": agents,
            "consensus_distance": ((theta - theta.mean(axis=0)) ** 2).sum() / agents,
            "local_gradient_norm_sq": (gradients**2).sum() / agents,
        }  # fmt: skip
        exact = next_distance(W, theta, gradients, lr, sigma)
        for bound in (corrected.LEMMA_D1_EXACT_FORM, corrected.LEMMA_D1_SHARP, zhu2025.LEMMA_D1):
            assert exact <= at(bound, values) + 1e-12
        effective += 1
    assert effective >= EFFECTIVE


def linear_recursion(agents, a, lr, sigma, slopes, steps):
    """E Xi_t^2, t = 0..steps, of linear losses slopes[k] * x on W = (1 - a) I + a J from a common start."""
    W = (1 - a) * np.eye(agents) + a / agents
    center = np.eye(agents) - 1 / agents
    mean, covariance, distances = np.zeros(agents), np.zeros((agents, agents)), [0.0]
    for _ in range(steps):
        mean = W @ (mean - lr * slopes)
        covariance = W @ (covariance + lr**2 * sigma**2 * np.eye(agents)) @ W.T
        distances.append((mean @ center @ mean + np.trace(center @ covariance)) / agents)
    return np.array(distances)


def exact_form_error(bound, sigma, gap):
    """Largest relative distance of `bound` from the exact recursion; noise alone or gradients alone attain it."""
    agents, a, lr = 5, 0.3, 0.2
    slopes = gap * np.array([2.0, -1.0, 0.5, -3.0, 1.5])
    distances = linear_recursion(agents, a, lr, sigma, slopes, steps=30)
    stated = bound(
        lr=lr, sigma=sigma, p=1 - (1 - a) ** 2, agents=agents, consensus_distance=distances[:-1],
        local_gradient_norm_sq=np.mean(slopes**2),
    )  # fmt: skip
    return np.max(np.abs(stated / distances[1:] - 1))


@pytest.mark.parametrize(("sigma", "gap"), [(0.0, 1.0), (1.0, 0.0)])
def test_the_exact_form_is_attained_by_linear_losses(sigma, gap):
    assert exact_form_error(corrected.LEMMA_D1_EXACT_FORM, sigma, gap) < 1e-12


def test_the_first_noisy_step_attains_the_exact_form():
    distances = linear_recursion(5, 0.3, 0.2, 0.7, np.array([2.0, -1.0, 0.5, -3.0, 1.5]), steps=1)
    stated = corrected.LEMMA_D1_EXACT_FORM(
        lr=0.2, sigma=0.7, p=1 - 0.7**2, agents=5, consensus_distance=0.0, local_gradient_norm_sq=16.5 / 5
    )
    assert stated == pytest.approx(distances[1], rel=1e-13)


def constants_moved(formula):
    """The formula with one of its numbers made 1 % larger, once for every number."""
    numbers = [n for n in formula.atoms(sympy.Number) if n not in (0, -1)]
    return {n: formula.xreplace({n: n * sympy.Rational(101, 100)}) for n in numbers}


def test_a_moved_constant_is_noticed():
    exact_form = corrected.LEMMA_D1_EXACT_FORM
    moved = constants_moved(exact_form.formula)
    flipped = {"sign of p": exact_form.formula.subs(NOTATION["p"].sympy, -NOTATION["p"].sympy)}
    assert len(moved) >= 3
    for formula in (moved | flipped).values():
        mutant = replace(exact_form, formula=formula)
        assert max(exact_form_error(mutant, 0.0, 1.0), exact_form_error(mutant, 1.0, 0.0)) > 1e-4


@pytest.mark.parametrize(("sigma", "gap"), [(0.0, 1.0), (1.0, 0.0), (1.0, 1.0)])
def test_the_sharp_level_is_reached_and_not_passed(sigma, gap):
    agents, a, lr = 5, 0.3, 0.2
    slopes = gap * np.array([2.0, -1.0, 0.5, -3.0, 1.5])  # sum zero
    distances = linear_recursion(agents, a, lr, sigma, slopes, steps=200)
    level = corrected.COROLLARY_D2_SHARP(
        lr=lr, sigma=sigma, p=1 - (1 - a) ** 2, agents=agents, phi=np.sqrt(np.mean(slopes**2))
    )
    assert (distances <= level * (1 + 1e-12)).all()
    if 0.0 in (sigma, gap):
        assert distances[-1] == pytest.approx(level, rel=1e-12)


def test_sharp_forms_are_below_the_printed_ones():
    for sharp, printed in [
        (corrected.LEMMA_D1_EXACT_FORM, corrected.LEMMA_D1_SHARP),
        (corrected.LEMMA_D1_SHARP, zhu2025.LEMMA_D1),
        (corrected.COROLLARY_D2_SHARP, zhu2025.COROLLARY_D2),
    ]:
        values = inside(sharp, printed)
        below, above = at(sharp, values), at(printed, values)
        assert (below <= above * (1 + 1e-12)).all(), f"{sharp.name} exceeds {printed.name}"
        assert (below < 0.9 * above).any()


def test_the_sharp_lemma_touches_its_exact_form():
    """Young's inequality is an equality at lr phi = p / (2 (1 - p)) Xi."""
    p, distance, eta = 0.3, 2.89, 0.2
    phi_sq = (p / (2 * (1 - p)) / eta) ** 2 * distance
    values = {"p": p, "lr": eta, "sigma": 0.4, "agents": 6, "consensus_distance": distance,
              "local_gradient_norm_sq": phi_sq}  # fmt: skip
    assert at(corrected.LEMMA_D1_SHARP, values) == pytest.approx(at(corrected.LEMMA_D1_EXACT_FORM, values), rel=1e-12)


# Descent of the merged model


def descent_terms(theta, curvatures, slopes, lr, sigma):
    """Exact terms of one step for L_k = c_k x^2 / 2 - b_k x, so that L = c x^2 / 2 - b x with the means c and b."""
    mean, c, b = theta.mean(), curvatures.mean(), slopes.mean()
    direction, gradient = np.mean(curvatures * theta - slopes), c * mean - b
    moved = mean - lr * direction

    def loss(x):
        return c * x**2 / 2 - b * x

    return {
        "lr": lr, "sigma": sigma, "agents": len(theta), "L2": c, "merged_loss": loss(mean),
        "gradient_norm_sq": gradient**2, "discrepancy_inner": gradient * (direction - gradient),
        "discrepancy_norm_sq": (direction - gradient) ** 2, "T2": 0.0, "descent_remainder": 0.0,
    }, loss(moved) + c / 2 * lr**2 * sigma**2 / len(theta)  # fmt: skip


def test_descent_r1_is_exact_and_r2_holds_on_different_quadratics():
    generator = np.random.default_rng(3)
    r2_samples = 0
    for _ in range(200):
        theta, slopes = generator.normal(size=(2, 6))
        curvatures = generator.uniform(0.1, 2, 6)
        values, exact = descent_terms(theta, curvatures, slopes, generator.uniform(0.01, 2), generator.uniform(0, 2))
        assert at(corrected.DESCENT_R1, values) == pytest.approx(exact, rel=1e-11, abs=1e-11)
        if values["lr"] * values["L2"] <= 1:
            assert exact <= at(corrected.DESCENT_R2, values) + 1e-12
            r2_samples += 1
    assert r2_samples >= EFFECTIVE


def test_descent_r2_is_r1_with_a_completed_square():
    eta, L2, g_sq, inner, e_sq = symbols("lr L2 gradient_norm_sq discrepancy_inner discrepancy_norm_sq")
    square = g_sq + 2 * inner + e_sq  # |g + e|^2
    difference = corrected.DESCENT_R2.formula - corrected.DESCENT_R1.formula
    assert sympy.expand(difference - eta * (1 - eta * L2) / 2 * square) == 0


@pytest.mark.parametrize(
    ("name", "edge", "closed"),
    [
        ("descent_r2", {"lr": 0.5, "L2": 2.0}, True),
        ("rate_parallel_sgd", {"lr": 0.5, "L2": 2.0}, True),
        ("rate_d12", {"lr": 1.0, "L2": 2.0}, False),
        ("theorem_1_descent", {"lr": 1.0, "L2": 2.0}, False),
        ("residual_d11", {"lr": 1.0, "L2": 2.0}, False),
        ("master_consensus", {"lr": 0.25, "L_local": 2.0, "drift_gain": 2.0}, False),
        ("master_nonconvex", {"lr": 0.25, "L_local": 2.0, "drift_gain": 2.0}, False),
        ("master_nonconvex", {"lr": 0.5, "L_local": 2.0, "drift_gain": 0.5}, True),
    ],
)
def test_regions_end_where_they_should(name, edge, closed):
    bound = BOUNDS[name]
    held = bound.inside(**(bound.example | edge | {"lr": edge["lr"] * np.array([0.99, 1, 1.01])}))
    np.testing.assert_array_equal(held, [True, closed, False])


def test_the_sufficient_steps_ask_for_a_small_mean_of_U():
    bound = corrected.STEPS_SUFFICIENT
    third = (2 - 0.5) * 0.01 / 6
    held = bound.inside(**(bound.example | {"ell": 0.5, "epsilon": 0.01, "U_mean": third * np.array([0.99, 1.01])}))
    np.testing.assert_array_equal(held, [True, False])
    held = bound.inside(**(bound.example | {"ell": [1.99, 2.0, 2.01], "U_mean": -1.0}))
    np.testing.assert_array_equal(held, [True, False, False])


@pytest.mark.parametrize("delta", [0.1, -0.1])
def test_the_printed_descent_fails_for_different_losses(delta):
    """x^2 - hx and hx: the excess over (9) is eta delta (eta delta - 2 (1 - eta) x) / 2, of first order in delta."""
    x, eta, h = 0.3, 0.5, 0.7
    values, exact = descent_terms(np.array([x + delta, x - delta]), np.array([2.0, 0.0]), np.array([h, -h]), eta, 0.0)
    excess = exact - at(zhu2025.THEOREM_1_DESCENT, values)
    assert excess == pytest.approx(eta * delta / 2 * (eta * delta - 2 * (1 - eta) * x), rel=1e-10)
    assert (excess > 0) == (delta < 0)


def test_the_rate_is_the_sum_of_the_descent():
    """Averaging Delta/T >= eta (1 - eta L2/2) G - eta U - eta^2 L2 sigma^2 / (2m) over the steps and solving for G."""
    eta, L2, m, s, T, gap, U = symbols("lr L2 agents sigma steps initial_gap U_mean")
    averaged = (gap / T + eta * U + eta**2 * L2 * s**2 / (2 * m)) / (eta * (1 - eta * L2 / 2))
    assert sympy.simplify(averaged - zhu2025.RATE_D12.formula) == 0


def test_the_sufficient_steps_suffice_with_little_to_spare():
    values = inside(corrected.STEPS_SUFFICIENT)
    keep = (values["initial_gap"] > 0) & (values["sigma"] > 0)
    values = {name: array[keep] for name, array in values.items()}
    ell, epsilon = values["ell"], values["epsilon"]
    values["U_mean"] = (2 - ell) * epsilon / 6 * (1 - 1e-12)
    noise = (2 - ell) * values["agents"] * epsilon / (3 * values["sigma"] ** 2)
    values |= {"lr": np.minimum(ell, noise) / values["L2"], "steps": at(corrected.STEPS_SUFFICIENT, values)}
    start = 2 * values["initial_gap"] / ((2 - ell) * values["lr"] * values["steps"])
    np.testing.assert_allclose(start, epsilon / 3, rtol=1e-12)  # a third each for the start, U and the noise
    rate = at(zhu2025.RATE_D12, values)
    assert (rate <= epsilon * (1 + 1e-9)).all()
    assert (rate > 0.95 * epsilon).sum() >= EFFECTIVE


COSINE = {"L1": 1.0, "L2": 1.0, "L3": 1.0, "L4": 1.0}  # bounds of all derivatives of cos


def cosine_residual(theta, lr):
    """(U, T2, Xi^2) for agents theta [m] that share the loss cos; U is the bracket of the exact descent."""
    mean = theta.mean()
    g, e = -np.sin(mean), -np.sin(theta).mean() + np.sin(mean)
    distance = ((theta - mean) ** 2).mean()
    return (lr - 1) * g * e + lr / 2 * e**2, g * np.sin(mean) * distance, distance


def test_the_residual_holds_where_the_printed_one_fails():
    generator = np.random.default_rng(5)
    failures = 0
    for _ in range(3000):
        spread = generator.uniform(0.01, 0.5) * generator.integers(0, 2, 6)
        theta = generator.normal() + spread * generator.normal(size=6)
        lr = generator.uniform(0.01, 1.99)
        U, T2, distance = cosine_residual(theta, lr)
        values = COSINE | {"lr": lr, "agents": 6, "T2": T2, "consensus_distance": distance}
        remainder = at(corrected.RESIDUAL_HOMOGENEOUS, values | {"T2": 0.0})
        leading = at(corrected.RESIDUAL_HOMOGENEOUS, values) - remainder
        assert abs(U - leading) <= remainder + 1e-14
        failures += at(zhu2025.RESIDUAL_D11, values) < U - 1e-9
    assert failures >= EFFECTIVE


def test_the_residual_expands_to_its_known_constants():
    eta, m, L1, L2, L3, L4, T2, square = symbols("lr agents L1 L2 L3 L4 T2 consensus_distance")
    ell, xi = eta * L2, sympy.sqrt(square)
    cubic = L4 / 6 * sympy.sqrt(m) * (sympy.Abs(ell - 1) * L1 + ell / 2 * L3 * xi**2) * xi**3
    expanded = (ell - 1) * T2 / 2 + cubic + ell * L3**2 / 8 * xi**4 + ell * m * L4**2 / 72 * xi**6
    assert sympy.expand(expanded - corrected.RESIDUAL_HOMOGENEOUS.formula) == 0


# The masters against exact moments


def noise_and_drift(W, terms=4000):
    """S and R of a fixed mixing matrix, by summing powers of W - J."""
    m = len(W)
    A = W - 1 / m
    power, S, R = np.eye(m), 0.0, 0.0
    for _ in range(terms):
        power = power @ A
        S, R = S + np.sum(power**2) / m, R + np.linalg.norm(power, 2)
    return S, R


def ring(agents):
    """Row i receives from itself and from both sides, 1/3 each."""
    W = np.zeros((agents, agents))
    for i in range(agents):
        W[i, i] = W[i, (i + 1) % agents] = W[i, i - 1] = 1 / 3
    return W


def directed_ring(agents):
    """Row i receives from itself, the previous agent and the one before that."""
    W = np.zeros((agents, agents))
    for i in range(agents):
        W[i, i], W[i, i - 1], W[i, i - 2] = 0.6, 0.3, 0.1
    return W


@pytest.mark.parametrize(
    ("family", "sigma", "zeta", "ceiling"),
    [
        ("ring", 1.0, 0.0, 1.1),
        ("ring", 0.0, 1.0, 1.1),
        ("ring", 1.0, 1.0, 3.0),
        ("directed_ring", 1.0, 0.0, 1.1),
        ("directed_ring", 0.0, 1.0, 6.0),
    ],
)
def test_master_consensus_holds_and_is_tight(family, sigma, zeta, ceiling):
    """f_i = (x - b_i)^2 / 2, stationary moments of X <- W (X - lr (X - b) - lr noise) by iteration; zeta^2 = var b."""
    agents = 6
    W = {"ring": ring, "directed_ring": directed_ring}[family](agents)
    S, R = noise_and_drift(W)
    b = np.cos(2 * np.pi * np.arange(agents) / agents)
    b *= zeta / b.std()
    lr, center = 0.02 / R, np.eye(agents) - 1 / agents
    mean, covariance = np.zeros(agents), np.zeros((agents, agents))
    for _ in range(2000):
        mean = W @ (mean - lr * (mean - b))
        covariance = (1 - lr) ** 2 * W @ covariance @ W.T + lr**2 * sigma**2 * W @ W.T
    exact = (mean @ center @ mean + np.trace(center @ covariance)) / agents
    stated = corrected.MASTER_CONSENSUS(lr=lr, L_local=1.0, sigma=sigma, zeta=zeta, noise_gain=S, drift_gain=R)
    assert exact <= stated
    assert stated <= exact * ceiling
