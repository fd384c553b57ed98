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
