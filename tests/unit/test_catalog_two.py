"""Known values of the records by source, and each record against a derivation of its own: moments, sums, products."""

from itertools import islice

import numpy as np
import pytest
import sympy
from scipy.special import comb

from theory.bounds import BOUNDS
from theory.bounds.niwa2025 import k_peer_residual
from theory.bounds.stepsize import tuned_lr
from theory.errors import OnemergeError
from theory.gossip import periodic
from theory.graphs import hypercube, path, ring, star, torus
from theory.mixing import complete_average, metropolis
from theory.moments import dsgd_moments
from theory.notation import symbols
from theory.spectrum import drift_gain, noise_gain, slem

RING = metropolis(ring(16))
FAMILIES = {
    "ring": RING,
    "path": metropolis(path(16)),
    "star": metropolis(star(16)),
    "torus": metropolis(torus(5, 5)),
    "hypercube": metropolis(hypercube(16)),
    "average": complete_average(16),
    "damped": 0.9 * np.eye(4) + 0.025,
}
KEPT = 0.9492530217  # slem of RING
UNIT = {"sigma": 1.0, "L_local": 1.0, "L2": 1.0, "radius": 1.0, "initial_gap": 0.5, "initial_distance_sq": 1.0}
THOUSAND = UNIT | {"agents": 16, "lr": 0.01, "steps": 1000, "slem": KEPT, "p": 0.0989187008, "zeta": 1.0, "period": 1,
                   "neighborhood_heterogeneity": 0.2708333333**0.5, "epsilon": 0.1, "loss_target": 0.1}  # fmt: skip
SPOTS = [
    ("le_bars_steps_nonconvex", THOUSAND, 53666.77),
    ("le_bars_steps_convex", THOUSAND, 17458.08),
    ("wang_joshi_different", THOUSAND, 0.6581512970),
    ("pga_period_sum", {"slem": KEPT, "global_period": 6}, 5.2883795996),
    ("pga_period_depth", {"slem": KEPT, "global_period": 6}, 6.0),
    ("pga_period_sum", {"slem": 0.9, "global_period": 10}, 6.513215599),
    ("pga_period_depth", {"slem": 0.9, "global_period": 10}, 10.0),
    ("pga_drift_gain", {"slem": KEPT, "global_period": 6}, 4.2883795996),
    ("ghadimi_lan_scaled", UNIT | {"agents": 1, "steps": 10**4, "lr_scale": 1.0}, 0.0201),
    ("dekel_serial", UNIT | {"samples": 10**4}, 202.0),
    ("dekel_minibatch", UNIT | {"samples": 10**4, "batch": 16}, 232.1599360511),
    ("dekel_cube_root", UNIT | {"samples": 10**6, "latency": 8}, 2803.2854249492),
]  # fmt: skip
HAND = [  # worked out by hand from the formulas, at round numbers
    ("stepsize_tuning", {"steps": 8, "rate_start": 2, "rate_noise": 4, "rate_network": 27, "rate_cap": 8},
     2 + 6 * 0.25 ** (2 / 3) + 2),
    ("le_bars_neighborhood", {"p": 0.75, "zeta": 6, "sigma": 8}, 5),
    ("le_bars_topology", {"regularizer": 0.5, "permutations": 4}, 4),
    ("wang_joshi_tuned", {"L_local": 2, "initial_gap": 3, "sigma": 2, "agents": 4, "steps": 100, "slem": 0,
                          "period": 1}, 16 / 20),
    ("wang_joshi_tuned", {"L_local": 2, "initial_gap": 3, "sigma": 2, "agents": 4, "steps": 400, "slem": 0.5,
                          "period": 1}, 0.4 + 0.04 * (5 / 3 - 1)),
    ("ghadimi_lan_scaled", {"L2": 1, "initial_gap": 0.5, "sigma": 1, "agents": 4, "steps": 100, "lr_scale": 1}, 0.11),
    ("takezawa_consensus_small_lr", {"lr": 0.5, "p": 0.5, "sigma": 2, "zeta": 3, "noise_gain": 0.25, "L_local": 0.1,
                                     "drift_gain": 3}, 108 + 0.75),
    ("takezawa_transient_ring", {"agents": 2}, 32),
    ("takezawa_transient_torus", {"agents": 4}, 64 * np.log(4) ** 2),
    ("takezawa_transient_hypercube", {"agents": 4}, 64),
    ("niwa_mode", {"agents": 4, "reach": 2, "frequency": 1}, 0.5**0.5),
    ("takezawa_gossip_noise", {"sigma": 2, "one_round_gain": 0.25}, 1),
    ("takezawa_convex", {"agents": 4, "steps": 4, "initial_distance_sq": 4, "sigma": 2, "zeta": 3, "L_local": 2,
                         "p": 0.5, "noise_gain": 0.75}, 1 + (2 * (3 + 18)) ** (1 / 3) + 4),
    ("takezawa_alone_explicit", {"lr": 0.5, "steps": 4, "initial_distance_sq": 4, "sigma": 2, "L_local": 2}, 2),
    ("takezawa_alone", {"steps": 4, "initial_distance_sq": 4, "sigma": 2, "L_local": 2}, 4),
    ("dekel_distributed", UNIT | {"batch": 4, "batches": 16, "latency": 6}, 60),
    ("ghadimi_lan_varying", {"L2": 1, "agents": 4, "sigma": 2, "initial_gap": 3, "lr_sum": 3, "lr_square_sum": 2}, 2),
    ("lu_desa_lower", {"initial_gap": 2, "L_local": 1, "sigma": 2, "agents": 4, "batch": 2, "norm_target": 0.5,
                       "diameter": 3}, 16 + 24),
    ("lu_desa_lower_gossip", {"initial_gap": 2, "L_local": 1, "sigma": 2, "agents": 4, "batch": 2, "norm_target": 0.5,
                              "one_minus_slem": 0.25}, 16 + 16),
    ("lu_desa_detag", {"initial_gap": 2, "L_local": 1, "sigma": 2, "agents": 4, "batch": 2, "norm_target": 0.5,
                       "one_minus_slem": 0.25}, 16 + 16),
    ("lu_desa_dpsgd", {"initial_gap": 2, "L_local": 1, "zeta": 3, "agents": 4, "norm_target": 0.5,
                       "one_minus_slem": 0.25}, 8 * 12 * 16),
    ("lu_desa_rounds", {"agents": 1, "steps": np.exp(4), "initial_gap": 2, "L_local": 2, "zeta_start": 2,
                        "one_minus_slem": 0.25}, 4),
    ("pga_transient", {"slem": 0.5, "agents": 2, "global_period": 3}, 40.5),
    ("yuan_transient_lower", {"agents": 4, "one_minus_slem": 0.5}, 8),
    ("yuan_transient_strong", {"agents": 4, "one_minus_slem": 0.5}, 16),
    ("yuan_transient_convex", {"agents": 4, "one_minus_slem": 0.5}, 1024),
    ("yuan_transient_d2_strong", {"agents": 4, "one_minus_slem": 0.5}, 8),
    ("yuan_transient_d2_convex", {"agents": 4, "one_minus_slem": 0.5}, 256),
    ("yuan_d2_descent", {"distance_sq": 4, "lr": 0.1, "loss_gap": 2, "L_local": 2, "transformed_sq": 8, "agents": 4,
                         "lazy_last": 0.6, "sigma": 4}, 4 - 0.2 + 1 + 0.04),
    ("yuan_d2_consensus", {"lr": 0.01, "loss_gap": 5, "L_local": 2, "transformed_sq": 4, "agents": 4,
                           "lazy_last": 0.25, "lazy_second": 0.25, "sigma": 50}, 3 + 0.008 + 0.25),
    ("yuan_d2_consensus_sharp", {"lr": 0.01, "loss_gap": 5, "L_local": 2, "transformed_sq": 4, "agents": 4,
                                 "lazy_last": 0.25, "lazy_second": 0.25, "sigma": 50}, 3 + 0.002 + 0.0625),
    ("zhu_stability", {"agents": 4, "samples": 8, "slem": 0.5}, 1),
    ("zhu_stability_mixed", {"agents": 4, "samples": 16, "slem": 0.5}, 0.5),
    ("zhu_generalization", {"agents": 4, "samples": 16, "slem": 0.5, "holder": 1}, 0.5),
    ("sun_stability", {"samples": 4, "one_minus_slem": 0.5}, 2.25),
    ("le_bars_generalization", {"agents": 4, "samples": 5, "lipschitz": 2, "lr_sum": 10}, 4),
    ("le_bars_generalization_strong", {"agents": 4, "samples": 5, "lipschitz": 2, "mu": 0.1, "L_local": 1, "lr": 1}, 4),
    ("dsgd_ac_damping", {"lr": 0.5, "lr_max": 2, "damping_power": 2}, 1 / 16),
    ("armacki_leading", {"agents": 4, "steps": 4, "initial_gap": 2, "sigma": 3, "L_local": 2,
                         "failure_probability": np.exp(-1)}, 3),
    ("eisen_dsgd", {"samples": 16, "one_minus_slem": 0.25}, 1),
    ("eisen_anytime", {"samples": 16, "one_minus_slem": 0.25}, 1),
    ("heterogeneity_steps", {"zeta": 2, "slem": 0.5, "curvature": 1, "distance_target": 0.25}, 4),
]  # fmt: skip


def at(name, values):
    return BOUNDS[name](**{key: values[key] for key in BOUNDS[name].symbols})


@pytest.mark.parametrize(("name", "values", "expected"), SPOTS)
def test_known_values(name, values, expected):
    assert at(name, values) == pytest.approx(expected, rel=2e-9 if expected < 1e4 else 5e-7)


@pytest.mark.parametrize(("name", "values", "expected"), HAND, ids=[row[0] for row in HAND])
def test_printed_formulas_by_hand(name, values, expected):
    assert at(name, values) == pytest.approx(expected, rel=1e-13)


def test_known_values_of_the_conditions_of_wang_and_joshi():
    def left(name, index):
        relation = BOUNDS[name].where[index]
        return float(relation.lhs.subs({symbol: THOUSAND[symbol.name] for symbol in relation.lhs.free_symbols}))

    assert left("wang_joshi_dsgd", 1) == pytest.approx(0.0855, abs=5e-5)
    assert left("wang_joshi_different", 2) == pytest.approx(2 * 0.4532575723, rel=2e-9)


# The best learning rate


@pytest.mark.parametrize(("zeta", "expected"), [(0.0, 8.985659585e-4), (1.0, 2.8702972783e-3)])
def test_tuning_the_master_rate(zeta, expected):
    S, R, T = 1.4720752025, 18.7056067768, 10**6
    parts = {"rate_start": 1.0, "rate_noise": 1 / 16, "rate_network": 4 * (S**0.5 + R * zeta) ** 2, "rate_cap": 2 * R}
    assert BOUNDS["stepsize_tuning"](steps=T, **parts) == pytest.approx(expected, rel=1e-9)


def test_no_tuned_rate_exceeds_the_lemma_and_none_is_far_below():
    generator = np.random.default_rng(0)
    r, b, e, d, T = 10 ** generator.uniform(-3, 3, size=(5, 300))
    b[:30], e[30:60], r[60:70] = 0, 0, 0
    lr = tuned_lr(r, b, e, d, T)
    stated = BOUNDS["stepsize_tuning"](rate_start=r, rate_noise=b, rate_network=e, rate_cap=d, steps=T)
    some = r > 0
    reached = (r / T)[some] / lr[some] + b[some] * lr[some] + e[some] * lr[some] ** 2
    assert (lr <= 1 / d).all()
    assert (lr[~some & (b > 0)] == 0).all()
    assert (reached <= stated[some] * (1 + 1e-12)).all()
    tried = np.logspace(-9, 0, 4001)[:, None] / d[some]
    best = ((r / T)[some] / tried + b[some] * tried + e[some] * tried**2).min(axis=0)
    assert (best <= reached * (1 + 1e-4)).all()  # the grid is fine to half a percent
    assert (stated[some] < 3.06 * best).all()  # 1 + 2/(3/4^(1/3)) + 1


@pytest.mark.parametrize(("value", "words"), [({"cap": 0.0}, "cap is 0.0"), ({"noise": -1.0}, "noise is -1.0")])
def test_a_rate_without_a_learning_rate_is_refused(value, words):
    with pytest.raises(OnemergeError, match=words):
        tuned_lr(**({"start": 1.0, "noise": 1.0, "network": 1.0, "cap": 1.0, "steps": 10} | value))


@pytest.mark.parametrize("convex", [True, False])
def test_the_sufficient_steps_of_le_bars_follow_from_the_tuning(convex):
    generator = np.random.default_rng(1)
    names = ("epsilon", "loss_target", "L_local", "sigma", "neighborhood_heterogeneity", "initial_gap",
             "initial_distance_sq")  # fmt: skip
    values = {name: 10 ** generator.uniform(-1, 1, 500) for name in names}
    values |= {"agents": generator.integers(1, 65, 500), "p": generator.uniform(0.01, 1, 500)}
    steps = at("le_bars_steps_convex" if convex else "le_bars_steps_nonconvex", values)
    L, tau, p, m = (values[name] for name in ("L_local", "neighborhood_heterogeneity", "p", "agents"))
    if convex:
        parts = values["initial_distance_sq"], values["sigma"] ** 2 / m, 36 * L * tau**2 / p**2
    else:
        parts = 4 * values["initial_gap"], 2 * L * values["sigma"] ** 2 / m, 96 * L**2 * tau**2 / p**2
    lr = tuned_lr(*parts, 8 * L / p, steps)
    reached = at("le_bars_convex" if convex else "le_bars_nonconvex", values | {"steps": steps, "lr": lr * (1 - 1e-14)})
    ratio = reached / values["loss_target" if convex else "epsilon"]
    assert (ratio <= 1).all()
    assert ratio.max() > 0.33  # a third for each term, and one of them may be nearly all


# Schedules and topologies


@pytest.mark.parametrize("global_period", [1, 2, 6])
@pytest.mark.parametrize("family", ["ring", "hypercube", "damped average"])
def test_gains_of_periodic_global_averages(family, global_period):
    W = {"ring": RING, "hypercube": metropolis(hypercube(8)), "damped average": 0.8 * np.eye(5) + 0.04}[family]
    gossip = periodic([W] * (global_period - 1) + [complete_average(len(W))])
    values = {"slem": slem(W), "global_period": global_period, "agents": len(W)}
    drift, noise = drift_gain(gossip), noise_gain(gossip)
    assert at("pga_drift_gain", values) == pytest.approx(drift, rel=1e-10, abs=1e-12)
    assert noise <= at("pga_noise_gain", values) * (1 + 1e-10) + 1e-12
    if family == "damped average":
        assert at("pga_noise_gain", values) == pytest.approx(noise, rel=1e-10, abs=1e-12)
    assert at("pga_period_sum", values) == pytest.approx(drift + 1, rel=1e-10)
    assert at("pga_period_sum", values) <= at("pga_period_depth", values) * (1 + 1e-12)


def test_the_transient_of_periodic_global_averages_follows_from_their_rate():
    """The zeta term at most the leading one: steps >= agents^3 slem^4 C^2 D^2 up to problem constants, C, D <= H."""
    lam, m, T, s, z, L, gap = symbols("slem agents steps sigma zeta L_local initial_gap")
    C, D = (BOUNDS[f"pga_period_{name}"].formula for name in ("sum", "depth"))
    leading = s * sympy.sqrt(L * gap / (m * T))
    network = (L * gap * lam / T) ** sympy.Rational(2, 3) * (C * D) ** sympy.Rational(1, 3) * z ** sympy.Rational(2, 3)
    ratio = sympy.simplify((network / leading) ** 6 * T * s**6 / (L * gap * z**4))
    assert sympy.simplify(ratio / (m**3 * lam**4 * C**2 * D**2)) == 1
    rest = BOUNDS["pga_rate"].formula.subs({z: 1, s: 1, L: 1, gap: 1, lam: 0})
    assert sympy.simplify(rest - 1 / sympy.sqrt(m * T)) == 0


@pytest.mark.parametrize(
    ("agents", "residual"), [(6, 0.4330127019), (12, 0.4182581519), (24, 0.4146798954), (33, 0.03125)]
)
def test_known_residuals_of_one_peer_rounds(agents, residual):
    assert k_peer_residual(agents, 1) == pytest.approx(residual, rel=1e-9)


@pytest.mark.parametrize("peers", [1, 2, 3])
def test_residuals_of_k_peer_rounds_are_those_of_their_matrices(peers):
    met = 0
    for agents in range(peers + 1, 41):
        product, hop = np.eye(agents), 1
        while hop * (peers + 1) <= agents:
            W = sum(np.roll(np.eye(agents), i * hop, axis=1) for i in range(peers + 1)) / (peers + 1)
            product, hop = W @ product, hop * (peers + 1)
        exact = np.linalg.norm(product - 1 / agents, 2)
        assert k_peer_residual(agents, peers) == pytest.approx(exact, rel=1e-9, abs=1e-14)
        assert (exact < 1e-14) == (hop == agents)
        met += exact > 1e-3
    assert met >= 30


@pytest.mark.parametrize("call", [lambda: k_peer_residual(1, 1), lambda: k_peer_residual(4, 4)])
def test_residuals_of_impossible_rounds_are_refused(call):
    with pytest.raises(OnemergeError, match="must be an int"):
        call()


def test_whole_spectra_grow_as_the_transients_say():
    """agents^3 noise_gain^2 in closed form; on an even torus the eigenvalues are (1 + 2 cos + 2 cos)/5."""

    def gain(eigenvalues):
        square = np.sort(eigenvalues.ravel())[:-1] ** 2
        return (square / (1 - square)).sum() / eigenvalues.size

    def turn(n):
        return 2 * np.cos(2 * np.pi * np.arange(n) / n)

    sizes = 2 ** np.arange(6, 13)
    rings = np.array([gain((1 + turn(n)) / 3) for n in sizes])
    stated = BOUNDS["takezawa_transient_ring"](agents=sizes)
    assert np.diff(np.log(sizes**3 * rings**2 / stated))[-1] == pytest.approx(0, abs=0.01)
    sides = 2 ** np.arange(4, 10)
    tori = np.array([gain((1 + turn(a)[:, None] + turn(a)) / 5) for a in sides])
    stated = BOUNDS["takezawa_transient_torus"](agents=sides**2) / sides**6.0
    ratio = tori**2 / stated
    assert np.all(np.abs(np.diff(ratio)[-3:] / ratio[-1]) < 0.1)
    dimensions = np.arange(4, 24)
    cubes = []
    for d in dimensions:
        k = np.arange(1, d + 1)
        square = (1 - 2 * k / (d + 1)) ** 2
        cubes.append((comb(d, k) * square / (1 - square)).sum() / 2.0**d)
    stated = BOUNDS["takezawa_transient_hypercube"](agents=2.0**dimensions)
    assert (8.0**dimensions * np.array(cubes) ** 2 / stated).max() < 0.21**2
    assert cubes[-1] * dimensions[-1] == pytest.approx(1, abs=0.15)  # so that the order is not sharp


# Quadratics by exact moments


def states(W, h, b, start, lr, sigma, steps, order="adapt_then_combine"):
    shape = (len(W), 1)
    return list(islice(dsgd_moments(lambda t: W, np.broadcast_to(np.reshape(h, (-1, 1)), shape), np.reshape(b, shape),
                                    np.full(shape, start), lr, sigma, order), steps + 1))  # fmt: skip


@pytest.mark.parametrize(("agents", "lr", "curvature"), [(1, 0.2, 1.0), (2, 0.2, 1.0), (3, 1.7, 0.8), (16, 0.05, 2.0)])
def test_the_instance_of_yuan_is_exact(agents, lr, curvature):
    kept, sigma = 0.9, 0.7
    W = kept * np.eye(agents) + (1 - kept) / agents
    run = states(W, curvature, np.zeros(agents), 1.0, lr, sigma, 60)
    for t in (1, 2, 7, 60):
        stated = BOUNDS["yuan_consensus"](agents=agents, steps=t, lr=lr, sigma=sigma, slem=kept, curvature=curvature)
        assert stated == pytest.approx(run[t].consensus_distance(), rel=1e-9, abs=1e-25)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_round_leaves_the_whole_spectrum_of_the_noise(family):
    W = FAMILIES[family]
    gain = np.sum((W - 1 / len(W)) ** 2) / len(W)
    first = states(W, 1.0, np.zeros(len(W)), 0.0, 0.1, 0.7, 1)[1].consensus_distance()
    assert 0.01 * BOUNDS["takezawa_gossip_noise"](sigma=0.7, one_round_gain=gain) == pytest.approx(first, rel=1e-9)
    assert gain == pytest.approx(np.sum(np.linalg.eigvalsh(W)[:-1] ** 2) / len(W), rel=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_local_variance_is_that_of_all_agents_to_first_order(family):
    W = FAMILIES[family]
    m, kept, h, sigma = len(W), max(0.0, slem(W)), 0.8, 0.7
    beyond = []
    for lr in (0.2, 0.02):
        last = states(W, h, np.zeros(m), 0.0, lr, sigma, int(20 / (lr * h)))[-1].covariance[0]
        exact = np.trace(last) / m
        stated = BOUNDS["versini_local_variance"](agents=m, lr=lr, sigma=sigma, curvature=h, slem=kept)
        assert exact <= stated * (1 + 1e-9)
        if family in ("damped", "average"):
            assert exact == pytest.approx(stated, rel=1e-9)
        beyond.append(exact - lr * sigma**2 / (2 * m * h))
    assert beyond[1] < 0.05 * beyond[0]  # of second order


@pytest.mark.parametrize(("damping", "expected"), [(1.0, 0.0043104175), (0.1, 0.0121173934)])
def test_damping_keeps_the_disagreement(damping, expected):
    values, vectors = np.linalg.eigh(RING)
    damped = (1 - damping) * np.eye(16) + damping * RING
    run = states(damped, 1.0, np.zeros(16), 0.0, 0.05, 1.0, 800, "combine_then_adapt")[-1].covariance[0]
    exact = np.einsum("ki,kl,li->i", vectors, run, vectors)[:-1]
    stated = BOUNDS["dsgd_ac_mode"](lr=0.05, sigma=1.0, curvature=1.0, mode_gap=1 - values[:-1], damping=damping)
    np.testing.assert_allclose(stated, exact, rtol=1e-9)
    assert stated.sum() / 16 == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("order", ["adapt_then_combine", "combine_then_adapt"])
@pytest.mark.parametrize("agents", [1, 2, 3, 16])
def test_the_bias_of_the_mean_needs_different_curvatures(agents, order):
    generator = np.random.default_rng(agents)
    h, b = generator.uniform(0.5, 1.5, agents), generator.normal(size=agents)
    W = 0.5 * np.eye(agents) + 0.3 * np.roll(np.eye(agents), 1, axis=1) + 0.2 / agents  # directed for agents > 2
    mean = states(W, h, b, 0.0, 0.1, 0.0, 1500, order)[-1].mean[:, 0]
    bias_sq = (mean.mean() - (h @ b) / h.sum()) ** 2
    values = {"consensus_distance": mean.var(), "L2": h.mean()}
    stated = BOUNDS["versini_bias"](curvature_spread=h.std(), **values)
    assert bias_sq <= stated * (1 + 1e-9) + 1e-28
    if agents == 2:
        assert bias_sq == pytest.approx(stated, rel=1e-9)
    if agents > 1:
        assert bias_sq > 1e-10
        assert stated < (100 if agents < 4 else 1000) * bias_sq


@pytest.mark.parametrize("agents", [1, 2, 3, 9])
def test_reversible_gossip_contracts_about_its_weighted_mean(agents):
    generator = np.random.default_rng(agents)
    weights = generator.dirichlet(np.ones(agents))
    hops = np.minimum(1, weights[None, :] / weights[:, None]) / agents  # Metropolis and Hastings
    W = hops - np.diag(hops.sum(axis=1)) + np.eye(agents)
    np.testing.assert_allclose(weights @ W, weights, atol=1e-14)
    kept = min(slem(W), 1.0)

    def spread(x):
        return weights @ (x - weights @ x) ** 2

    values, vectors = np.linalg.eig(W)
    along = vectors[:, np.argsort(-np.abs(values))[min(1, agents - 1)]].real
    for x in [*generator.normal(size=(20, agents)), along]:
        stated = BOUNDS["liu_weighted_round"](slem=kept, weighted_spread_sq=spread(x))
        assert spread(W @ x) <= stated * (1 + 1e-9) + 1e-28
    assert spread(W @ along) == pytest.approx(stated, rel=1e-9, abs=1e-25)
