"""The master bounds as formulas: their gains by topology, known values, how they compare and what follows from them."""

from itertools import product

import numpy as np
import pytest

from theory.bounds import BOUNDS
from theory.bounds.stepsize import tuned_lr
from theory.errors import OnemergeError
from theory.gossip import (
    Gossip,
    epidemic_oracle,
    global_every,
    local,
    one_peer_exponential,
    periodic,
    random_matching,
)
from theory.graphs import exponential, hypercube, path, ring, star, torus
from theory.mixing import complete_average, metropolis, uniform
from theory.schedule_gains import noise_gramians, partial_drift, schedule_gains
from theory.spectrum import consensus_rate, drift_gain, noise_gain, slem

RING = metropolis(ring(16))
TABLE = [  # gossip, p, S, R
    (metropolis(ring(8)), 0.3523969861, 0.5111607143, 4.1213203436),
    (RING, 0.0989187008, 1.4720752025, 18.7056067768),
    (metropolis(ring(32)), 0.0254555348, 3.4525439519, 77.0651516899),
    (metropolis(ring(64)), 0.0064100592, 7.4427783269, 310.5087966739),
    (metropolis(path(16)), 0.0254555348, 3.4486377019, 77.0651516899),
    (metropolis(star(16)), 0.1210937500, 6.3508064516, 15.0),
    (metropolis(torus(5, 5)), 0.4763932023, 0.2690909091, 2.6180339887),
    (metropolis(torus(8, 8)), 0.2205887450, 0.4399992482, 7.5355339059),
    (metropolis(hypercube(8)), 0.75, 0.1666666667, 1.0),
    (metropolis(hypercube(16)), 0.64, 0.2018229167, 1.5),
    (metropolis(hypercube(64)), 0.4897959184, 0.1991536458, 2.5),
    (uniform(exponential(16)), 0.64, 0.1813551310, 1.5),
    (uniform(exponential(64)), 0.4897959184, 0.1754981441, 2.5),
    (one_peer_exponential(16), 1.0, 0.6875, 3.0),
    (one_peer_exponential(64), 1.0, 0.890625, 5.0),
    (global_every(RING, 6), 1.0, 0.7691609934, 4.2883795996),
    (global_every(local(16), 6), 1.0, 4.6875, 5.0),
    (epidemic_oracle(16, 2), 0.7111111111, 0.3808593750, 1.1620866639),
    (epidemic_oracle(16, 4), 0.8533333333, 0.1611328125, 0.6206689568),
]


def at(name, **values):
    bound = BOUNDS[name]
    return bound(**{symbol: values[symbol] for symbol in bound.symbols})


@pytest.mark.parametrize(("gossip", "p", "S", "R"), TABLE)
def test_the_table_of_gains(gossip, p, S, R):
    assert consensus_rate(gossip) == pytest.approx(p, abs=6e-11)
    assert noise_gain(gossip) == pytest.approx(S, abs=6e-11)
    assert drift_gain(gossip) == pytest.approx(R, rel=6e-11, abs=6e-11)
    agents = gossip.agents if isinstance(gossip, Gossip) else len(gossip)
    if agents <= 16:
        gains = schedule_gains(gossip)
        assert (gains.noise, gains.drift) == pytest.approx((S, R), rel=1e-9)
        assert gains.noise <= gains.uneven * (1 + 1e-12) <= gains.correlated * (1 + 1e-12)
        assert np.trace(noise_gramians(gossip), axis1=1, axis2=2).max() / agents == pytest.approx(S, rel=1e-9)


def damped(agents, kept):
    return kept * np.eye(agents) + (1 - kept) * complete_average(agents)


def directed_mixture(agents, generator):
    """A directed doubly stochastic matrix that is not normal: a mixture of permutations."""
    weights = generator.dirichlet(np.full(4, 1.0))
    return sum(w * np.eye(agents)[generator.permutation(agents)] for w in weights)


GAINS = [
    *(("ring_noise_gain", {"agents": n}, metropolis(ring(n))) for n in (4, 5, 16, 33)),
    *(("ring_half_noise_gain", {"agents": n}, 0.75 * metropolis(ring(n)) + 0.25 * np.eye(n)) for n in (3, 4, 5, 16)),
    *(("path_noise_gain", {"agents": n}, metropolis(path(n))) for n in (3, 4, 9)),
    *(("star_noise_gain", {"agents": n}, metropolis(star(n))) for n in (2, 3, 16)),
    *(("star_drift_gain", {"agents": n}, metropolis(star(n))) for n in (3, 16)),
    *(("damped_noise_gain", {"agents": n, "slem": 0.7}, damped(n, 0.7)) for n in (2, 3, 9)),
    ("damped_noise_gain", {"agents": 1, "slem": 0.0}, np.ones((1, 1))),
    ("drift_gain_normal", {"one_minus_slem": 0.3}, damped(5, 0.7)),
    *(("local_noise_gain", {"agents": 5, "period": k}, global_every(local(5), k)) for k in (1, 2, 6)),
    *(("local_drift_gain", {"period": k}, global_every(local(5), k)) for k in (1, 2, 6)),
]


@pytest.mark.parametrize(("name", "size", "gossip"), GAINS)
def test_closed_forms_of_the_gains(name, size, gossip):
    gains = schedule_gains(gossip)
    expected = gains.noise if BOUNDS[name].about == "noise_gain" else gains.drift
    assert BOUNDS[name](**size) == pytest.approx(expected, rel=1e-10, abs=1e-13)


RUN = {"agents": 16, "L_local": 1.0, "sigma": 1.0, "initial_gap": 0.5, "noise_gain": 1.4720752025036827,
       "drift_gain": 18.70560677681597}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("master_consensus", {"lr": 0.01, "zeta": 0.0}, 2.2274543345e-4),
        ("master_consensus", {"lr": 0.01, "zeta": 1.0}, 6.0035678147e-2),
        ("master_nonconvex", {"lr": 0.01, "steps": 1000, "zeta": 0.0}, 0.1008477454),
        ("master_nonconvex", {"lr": 0.01, "steps": 1000, "zeta": 1.0}, 0.1606606781),
        ("master_nonconvex_tuned", {"steps": 10**6, "zeta": 0.0}, 8.985659585e-4),
        ("master_nonconvex_tuned", {"steps": 10**6, "zeta": 1.0}, 2.8702972783e-3),
        ("master_transient", {"zeta": 0.0}, 142016.8660),
    ],
)
def test_known_values(name, values, expected):
    assert at(name, **RUN | values) == pytest.approx(expected, rel=5e-10)


ROUND = {
    "lr": 0.25,
    "L_local": 1,
    "sigma": 2,
    "zeta": 1,
    "noise_gain": 1,
    "drift_gain": 2,
    "agents": 2,
    "steps": 8,
    "initial_gap": 1,
    "initial_distance_sq": 4,
    "mu": 0.5,
}  # network 4, consensus distance 4
QUIET = ROUND | {"sigma": 1, "noise_gain": 4}  # the same network
STEP = {"lr": 0.5, "L_local": 1, "sigma": 4, "zeta": 3, "p": 0.75, "agents": 2, "steps": 8, "initial_gap": 1}
SLOW = {"lr": 0.125, "L_local": 1, "sigma": 4, "zeta": 1, "p": 0.5, "agents": 2, "steps": 16, "initial_gap": 1}
SHORT = {"initial_gap": 1, "L_local": 1, "agents": 2, "sigma": 1, "zeta": 0}
ONE = {"lr": 0.5, "p": 0.5, "agents": 2, "sigma": 2, "consensus_distance": 4, "local_gradient_norm_sq": 4, "phi": 1}
LOSS = {"lr": 0.5, "L2": 1, "agents": 2, "sigma": 4, "merged_loss": 10, "gradient_norm_sq": 4, "discrepancy_inner": 2,
        "discrepancy_norm_sq": 8}  # fmt: skip
ENOUGH = {"initial_gap": 2, "epsilon": 0.5, "agents": 4, "L2": 1, "ell": 1, "U_mean": 0}
HAND = [  # worked out by hand from the formulas, at round numbers
    ("master_consensus_start", ROUND | {"initial_consensus_distance": 1}, 16),
    ("master_consensus_decay", ROUND | {"contraction": 0.5, "initial_consensus_distance": 4, "steps": 1}, 2.25**2),
    ("master_neighborhood", ROUND | {"neighborhood_zeta": 1}, 6.25),
    ("master_consensus_uneven", ROUND | {"uneven_gain": 4}, 9),
    ("master_consensus_correlated", ROUND | {"correlated_gain": 4}, 9),
    ("master_consensus_cta", ROUND | {"noise_gain": 0.5, "drift_gain": 1}, 4),
    ("master_nonconvex_cta", ROUND | {"noise_gain": 0.5, "drift_gain": 1}, 5.5),
    ("master_convex_sharp", ROUND, 8.5),
    ("master_strongly_convex_sharp", ROUND | {"steps": 2}, 8.640625),
    ("master_nonconvex_tuned", ROUND | {"noise_gain": 1 / 256, "drift_gain": 0, "steps": 4}, 3),
    ("master_transient", SHORT | {"noise_gain": 1, "drift_gain": 0}, 256),
    ("master_transient", SHORT | {"noise_gain": 0, "drift_gain": 10}, 1600),
    ("master_transient", SHORT | {"noise_gain": 0, "drift_gain": 0}, 4),
    ("onestep_consensus", SLOW, 1.625),
    ("onestep_nonconvex", SLOW, 3.625),
    ("onestep_sharp", STEP, 0.0625 * (6.25 / 0.4375) ** 2),
    ("exchangeable_nonconvex", STEP | {"mean_drift": 0.25}, 4.5 + 0.1875 * (6.25 / 0.4375) ** 2),
    ("lemma_d1_exact_form", ONE, 4.75),
    ("lemma_d1_sharp", ONE, 4.75),
    ("corollary_d2_sharp", ONE, 2.25),
    ("descent_r1", LOSS, 10),
    ("descent_r2", LOSS, 12),
    ("residual_homogeneous", {"lr": 0.5, "L1": 1, "L2": 1, "L3": 2, "L4": 6, "agents": 4, "T2": 2,
                              "consensus_distance": 1}, 2.75),
    ("steps_sufficient", ENOUGH | {"sigma": 2}, 144),
    ("steps_sufficient", ENOUGH | {"sigma": 0}, 24),
    ("ghadimi_lan_tuned", {"L2": 2, "agents": 4, "sigma": 3, "steps": 9, "initial_gap": 9}, 4 + 6),
    ("pga_rate", {"sigma": 1, "L_local": 1, "initial_gap": 1, "agents": 4, "steps": 4, "slem": 0.5, "global_period": 2,
                  "zeta": 1}, 0.25 + 0.25 * (1.5 ** (1 / 3) + 3 ** (1 / 3)) + 0.25),
    ("lu_desa_rounds", {"agents": 16, "steps": 1, "initial_gap": 1, "L_local": 1, "zeta_start": 1,
                        "one_minus_slem": 0.25}, np.log(16)),
    ("pga_period_depth", {"slem": 0.75, "global_period": 10}, 4),
    ("master_consensus_start", QUIET | {"initial_consensus_distance": 1}, 16),
    ("master_consensus_decay", QUIET | {"contraction": 0.5, "initial_consensus_distance": 4, "steps": 1}, 2.25**2),
    ("master_neighborhood", QUIET | {"neighborhood_zeta": 1}, 6.25),
    ("master_consensus_cta", QUIET | {"noise_gain": 3.5, "drift_gain": 1}, 4),
    ("master_nonconvex_cta", QUIET | {"noise_gain": 3.5, "drift_gain": 1}, 5.125),
    ("master_convex_sharp", QUIET, 8.125),
    ("master_strongly_convex", QUIET | {"steps": 2}, 15.3125),
    ("master_strongly_convex_sharp", QUIET | {"steps": 2}, 8.140625),
    ("master_nonconvex_tuned", ROUND | {"noise_gain": 0, "drift_gain": 1, "zeta": 0.125, "steps": 4}, 3.5),
    ("master_transient", SHORT | {"noise_gain": 4, "drift_gain": 0}, 4096),
    ("steps_sufficient", ENOUGH | {"sigma": 2, "ell": 1.5}, 576),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values", "expected"), HAND)
def test_formulas_by_hand(name, values, expected):
    assert at(name, **values) == pytest.approx(expected, rel=1e-13)


# How they compare and what follows


@pytest.mark.parametrize(
    ("sharp", "loose"),
    [
        ("master_convex_sharp", "master_convex"),
        ("master_strongly_convex_sharp", "master_strongly_convex"),
        ("onestep_sharp", "onestep_consensus"),
        ("corollary_d2_sharp", "typical_consensus_p"),
        ("master_consensus", "master_consensus_start"),
        ("master_consensus", "master_consensus_cta"),
    ],
)
def test_sharp_forms_are_never_above(sharp, loose):
    generator, size = np.random.default_rng(0), 5000
    values = {
        "lr": 10 ** generator.uniform(-3, 0, size), "L_local": 1.0, "mu": generator.random(size), "agents": 7,
        "sigma": generator.choice([0, 1], size), "zeta": generator.choice([0, 1], size),
        "phi": generator.random(size), "steps": generator.integers(1, 100, size),
        "initial_distance_sq": generator.random(size), "noise_gain": generator.exponential(size=size),
        "drift_gain": generator.exponential(size=size), "p": generator.uniform(0.01, 1, size),
        "initial_consensus_distance": generator.random(size),
    }  # fmt: skip
    low, high = ({symbol: values[symbol] for symbol in BOUNDS[name].symbols} for name in (sharp, loose))
    inside = BOUNDS[sharp].inside(**low) & BOUNDS[loose].inside(**high)
    assert inside.sum() >= 100
    below, above = (
        BOUNDS[name](**{key: np.broadcast_to(value, size)[inside] for key, value in of.items()})
        for name, of in ((sharp, low), (loose, high))
    )
    assert (below <= above * (1 + 1e-12)).all()
    assert (below < 0.9 * above).sum() >= 20


def test_the_sharp_step_is_below_the_master_where_agents_are_alike():
    """(1 - a) I + a J and exchangeable gossip: equal for drift, sharper by a factor (1 - q)(1 + c)/((1 + q)(1 - c))."""
    for kept, share in product((0.2, 0.6, 0.9), (0.1, 0.5, 0.9)):
        R, S = kept / (1 - kept), kept**2 / (1 - kept**2)
        values = {"lr": share / R, "L_local": 1.0, "p": 1 - kept**2, "noise_gain": S, "drift_gain": R}
        drift = values | {"sigma": 0.0, "zeta": 1.0}
        assert at("onestep_sharp", **drift) == pytest.approx(at("master_consensus", **drift), rel=1e-9)
        noise, c = values | {"sigma": 1.0, "zeta": 0.0}, kept * (1 + share / R)
        factor = (1 - kept) * (1 + c) / ((1 + kept) * (1 - c))
        assert at("master_consensus", **noise) / at("onestep_sharp", **noise) == pytest.approx(factor, rel=1e-9)


def test_the_tuned_rate_and_its_transient():
    generator = np.random.default_rng(1)
    reached = 0
    for _ in range(300):
        values = {
            "agents": int(generator.integers(1, 64)), "sigma": generator.uniform(0.1, 3), "zeta": generator.random(),
            "L_local": generator.uniform(0.1, 3), "noise_gain": generator.exponential(),
            "drift_gain": generator.exponential() * 5, "initial_gap": generator.uniform(0.1, 2),
        }  # fmt: skip
        steps = max(at("master_transient", **values), 1.0)
        L, m, network = values["L_local"], values["agents"], values["sigma"] * values["noise_gain"] ** 0.5
        network += values["drift_gain"] * values["zeta"]
        floor = 2 * np.sqrt(2 * values["initial_gap"] * L * values["sigma"] ** 2 / (m * steps))
        tuned = at("master_nonconvex_tuned", **values | {"steps": steps})
        assert tuned <= 2.5 * floor * (1 + 1e-12)
        reached += tuned > 1.9 * floor
        cap = max(L, 2 * L * values["drift_gain"])
        lr = tuned_lr(2 * values["initial_gap"], L * values["sigma"] ** 2 / m, 4 * L**2 * network**2, cap, steps)
        assert at("master_nonconvex", **values | {"steps": steps, "lr": lr}) <= tuned * (1 + 1e-12)
    assert reached >= 100


@pytest.mark.parametrize("window", [1, 2, 3])
def test_windows_bound_the_gains(window):
    """Aligned windows of directed mixtures: p is the rate of the worst window, S and R of the whole schedule below."""
    generator, tight = np.random.default_rng(window), 0.0
    for _ in range(40):
        agents = int(generator.integers(2, 6))
        matrices = [directed_mixture(agents, generator) for _ in range(2 * window)]
        products = [
            np.linalg.multi_dot([np.eye(agents), np.eye(agents), *matrices[i : i + window][::-1]]) for i in (0, window)
        ]
        p = min(1 - np.linalg.norm(product - 1 / agents, 2) ** 2 for product in products)
        if p < 0.05:
            continue
        gains = schedule_gains(periodic(matrices))
        S = BOUNDS["window_noise_gain"](agents=agents, window=window, p=min(p, 1.0))
        R = BOUNDS["window_drift_gain"](window=window, p=min(p, 1.0))
        assert gains.noise <= S * (1 + 1e-9) + 1e-12
        assert gains.drift <= R * (1 + 1e-9) + 1e-12
        tight = max(tight, gains.noise / max(S, 1e-12))
    assert tight > 0.2


def test_gains_refuse_what_has_none():
    with pytest.raises(OnemergeError, match="slem of a period is 1; it must be < 1"):
        noise_gramians(np.eye(3))
    with pytest.raises(OnemergeError, match="asked for a random gossip"):
        partial_drift(random_matching(4, 0.5), np.ones(4))
    assert schedule_gains(np.ones((1, 1))).drift == 0.0
    assert slem(np.ones((1, 1))) == 0.0
