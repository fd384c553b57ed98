"""Orders of the literature that follow from bounds with constants: how large the constants come out, sampled."""

import numpy as np
import pytest
import sympy

from theory.bounds import BOUNDS
from theory.notation import symbols


def at(name, values):
    return BOUNDS[name](**{key: values[key] for key in BOUNDS[name].symbols})


def samples(seed, size=2000):
    generator = np.random.default_rng(seed)
    names = ("sigma", "zeta", "L_local", "initial_gap", "initial_distance_sq")
    values = {name: 10 ** generator.uniform(-2, 2, size) for name in names}
    return generator, values | {"steps": 10 ** generator.uniform(0, 8, size), "agents": generator.integers(2, 65, size)}


def test_periodic_global_averages_have_the_rate_of_the_master_bound():
    """master_nonconvex at lr <= 1/(2 R L), tuned, with the gains of the schedule: at most 7 times the order."""
    generator, values = samples(0)
    values |= {"slem": generator.uniform(0, 0.999, 2000), "global_period": generator.integers(1, 65, 2000)}
    S, R = at("pga_noise_gain", values), at("pga_drift_gain", values)
    L = values["L_local"]
    parts = {
        "rate_start": 2 * values["initial_gap"], "rate_noise": L * values["sigma"] ** 2 / values["agents"],
        "rate_network": 4 * L**2 * (values["sigma"] * np.sqrt(S) + R * values["zeta"]) ** 2,
        "rate_cap": L * np.maximum(1, 2 * R), "steps": values["steps"],
    }  # fmt: skip
    order = at("pga_rate", values) + L * values["initial_gap"] / values["steps"]
    ratio = at("stepsize_tuning", parts) / order
    assert ratio.max() < 7
    assert ratio.max() > 1


def test_whole_spectra_have_the_convex_rate_of_the_master_bound():
    """master_convex at lr <= 1/(2 R L) and 1/(4 L), tuned, with R^2 <= 4 (1 - p)/p^2: at most 8 times the order."""
    generator, values = samples(1)
    lam = generator.uniform(0, 0.999, 2000)
    values["p"] = 1 - lam**2
    R = lam / (1 - lam)
    values["noise_gain"] = generator.uniform(0, 1, 2000) * lam**2 / values["p"]
    L = values["L_local"]
    drift = values["sigma"] * np.sqrt(values["noise_gain"]) + R * values["zeta"]
    parts = {
        "rate_start": values["initial_distance_sq"], "rate_noise": values["sigma"] ** 2 / values["agents"],
        "rate_network": 6 * L * drift**2, "rate_cap": L * np.maximum(4, 2 * R), "steps": values["steps"],
    }  # fmt: skip
    ratio = at("stepsize_tuning", parts) / at("takezawa_convex", values)
    assert ratio.max() < 8
    assert ratio.max() > 1
    np.testing.assert_array_less(R**2, 4 * (1 - values["p"]) / values["p"] ** 2 * (1 + 1e-12) + 1e-12)


def test_no_communication_at_all_has_the_rate_of_one_agent():
    _, values = samples(2)
    parts = {
        "rate_start": values["initial_distance_sq"] / 2, "rate_noise": values["sigma"] ** 2 / 2, "rate_network": 0.0,
        "rate_cap": values["L_local"], "steps": values["steps"],
    }  # fmt: skip
    ratio = at("stepsize_tuning", parts) / at("takezawa_alone", values)
    assert 0.4 < ratio.min() <= ratio.max() <= 1 + 1e-12


def test_agents_that_are_useful_to_dsgd():
    """sigma/sqrt(m T) with m T = N samples, against the noise that the network keeps: m^4 = (1 - slem)^2 N."""
    m, T, N, gap, s, zeta, L, r = symbols(
        "agents steps samples one_minus_slem sigma zeta L_local initial_distance_sq"
    )  # fmt: skip
    terms = [term.subs({T: N / m, s: 1, L: 1, r: 1}) for term in BOUNDS["koloskova_convex_rate"].formula.args]
    noisy = [term for term in terms if not term.has(zeta)]
    leading = next(term for term in noisy if sympy.simplify(term * sympy.sqrt(N)) == 1)
    network = next(term for term in noisy if sympy.simplify(term**3 * gap * N**2 / m**2) == 1)
    at_most = BOUNDS["eisen_dsgd"].formula
    assert sympy.simplify((network / leading).subs(m, at_most)) == 1


def windows(seed):
    """Samples of a problem, of a window of gossip and of a target, and the largest gains of that window."""
    generator, values = samples(seed)
    values |= {"window": generator.integers(1, 33, 2000), "p": generator.uniform(0.001, 1, 2000)}
    for name in ("epsilon", "loss_target"):
        values[name] = 10 ** generator.uniform(-4, 1, 2000)
    return values, {"noise_gain": at("window_noise_gain", values), "drift_gain": at("window_drift_gain", values)}


def test_windows_of_gossip_have_the_steps_of_koloskova():
    """master_nonconvex_tuned at 180 times the order is at most the target, and at twice the order it is not always."""
    values, gains = windows(3)
    order = at("koloskova_nonconvex", values)
    late, early = (at("master_nonconvex_tuned", values | gains | {"steps": factor * order}) for factor in (180, 2))
    assert (late <= values["epsilon"]).all()
    assert (early > values["epsilon"]).any()


def test_windows_of_gossip_have_the_convex_steps_of_koloskova():
    values, gains = windows(4)
    order, L = at("koloskova_convex", values), values["L_local"]
    drift = values["sigma"] * np.sqrt(gains["noise_gain"]) + gains["drift_gain"] * values["zeta"]
    parts = {
        "rate_start": values["initial_distance_sq"], "rate_noise": values["sigma"] ** 2 / values["agents"],
        "rate_network": 6 * L * drift**2, "rate_cap": L * np.maximum(4, 2 * gains["drift_gain"]),
    }  # fmt: skip
    late, early = (at("stepsize_tuning", parts | {"steps": factor * order}) for factor in (120, 2))
    assert (late <= values["loss_target"]).all()
    assert (early > values["loss_target"]).any()


def test_windows_of_gossip_have_the_strongly_convex_steps_of_koloskova():
    """sum_t w_t (lr gap_t - lr^2 sigma^2/m - 3 lr L Xi^2) <= r_0, w_t = (1 - lr mu/2)^(-t-1): the weighted mean gap."""
    values, gains = windows(5)
    generator = np.random.default_rng(6)
    values["mu"] = values["L_local"] * 10 ** generator.uniform(-3, 0, 2000)
    inside = BOUNDS["koloskova_strongly_convex"].inside(
        **{name: values[name] for name in BOUNDS["koloskova_strongly_convex"].symbols}
    )
    assert inside.sum() > 500
    values, gains = ({n: v[inside] for n, v in d.items()} for d in (values, gains))
    L, mu, target, r = (values[name] for name in ("L_local", "mu", "loss_target", "initial_distance_sq"))
    drift = values["sigma"] * np.sqrt(gains["noise_gain"]) + gains["drift_gain"] * values["zeta"]
    with np.errstate(divide="ignore"):
        lr = np.minimum.reduce([
            target * values["agents"] / (4 * values["sigma"] ** 2), np.sqrt(target / (48 * L)) / drift,
            1 / (L * np.maximum(12, 2 * gains["drift_gain"])),
        ])  # fmt: skip
    logarithm = 1 + np.log(mu * r / target)
    steps = 100 * at("koloskova_strongly_convex", values) * logarithm
    kept = np.exp(steps * np.log1p(-lr * mu / 2))
    left = r * mu / 2 * kept / (1 - kept)  # r_0 over lr and the sum of the weights
    rest = (
        lr * values["sigma"] ** 2 / values["agents"]
        + 3 * L * (lr * drift) ** 2 / (1 - lr * L * gains["drift_gain"]) ** 2
    )
    assert (left + rest <= target).all()


def test_noise_that_grows_with_the_gradient_costs_its_growth_and_not_the_root():
    """x <- x - lr h x (1 + sqrt(M) noise): E x^2 is kept by (1 - lr h)^2 + M (lr h)^2, least at lr h = 1/(1 + M)."""
    needed = []
    for growth in (1e2, 1e4, 1e6):
        step = np.geomspace(1e-9, 1, 20001)
        lost = 1 - (1 - step) ** 2 - growth * step**2
        needed.append(2 / lost.max())  # steps times the mean of |grad|^2, in units of h (L(x_0) - L*)
    assert np.diff(np.log10(needed)) == pytest.approx([2, 2], abs=0.01)
    values = BOUNDS["koloskova_nonconvex_growth"].example | {"sigma": 0.0, "zeta": 0.0, "agents": 1, "p": 1.0}
    stated = BOUNDS["koloskova_nonconvex_growth"](**values | {"noise_growth": np.array([1e2, 1e4, 1e6])})
    assert np.diff(np.log10(stated)) == pytest.approx([1, 1], abs=0.01)


@pytest.mark.parametrize("agents", [1, 2, 3, 16])
@pytest.mark.parametrize("communication", ["none", "directed", "average"])
def test_one_convex_loss_is_never_worse_off_than_alone(agents, communication):
    """Exact recursion of x <- W (x - lr h x - lr noise) on h x^2/2, noise correlated across agents or not."""
    W = {"none": np.eye(agents), "average": np.full((agents, agents), 1 / agents),
         "directed": 0.6 * np.eye(agents) + 0.4 * np.roll(np.eye(agents), 1, axis=1)}[communication]  # fmt: skip
    h, lr, sigma, start, steps = 1.5, 0.3, 0.8, 2.0, 200
    for correlation in (np.eye(agents), np.ones((agents, agents))):
        covariance, mean, total = np.zeros((agents, agents)), start, 0.0
        for _ in range(steps):
            total += h / 2 * (mean**2 + covariance.mean())
            mean *= 1 - lr * h
            covariance = W @ ((1 - lr * h) ** 2 * covariance + (lr * sigma) ** 2 * correlation) @ W.T
        exact = total / steps
        stated = BOUNDS["takezawa_alone_explicit"](
            lr=lr, steps=steps, initial_distance_sq=start**2, sigma=sigma, L_local=h
        )
        assert exact <= stated
        if communication == "none" and agents == 1:
            assert stated < 2 * exact
