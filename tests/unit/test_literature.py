"""Bounds of the literature: known values, how they reduce to each other, and exact moments below every one of them."""

from itertools import islice

import numpy as np
import pytest
import sympy

from paper_repro.check import check_topology
from theory.bounds import BOUNDS
from theory.bounds.baselines import GHADIMI_LAN, GHADIMI_LAN_TUNED
from theory.bounds.corrected import MASTER_CONSENSUS, MASTER_NONCONVEX, RATE_PARALLEL_SGD
from theory.bounds.kong2021 import KONG_CRITICAL, KONG_RATE
from theory.bounds.stepsize import tuned_lr
from theory.bounds.wang_joshi2021 import WANG_JOSHI_DSGD, WANG_JOSHI_LOCAL, WANG_JOSHI_PERIODIC
from theory.bounds.zhu2025 import RATE_D12
from theory.graphs import hypercube, path, ring, star, torus
from theory.mixing import complete_average, metropolis
from theory.moments import dsgd_moments
from theory.notation import symbols
from theory.spectrum import consensus_rate, drift_gain, noise_gain, slem

RUN = {"agents": 16, "sigma": 1.0, "L_local": 1.0, "initial_gap": 0.5, "initial_distance_sq": 1.0}
RING = {"slem": 0.9492530217, "p": 0.0989187008, "noise_gain": 1.4720752025, "drift_gain": 18.7056067768}
THOUSAND = RUN | RING | {"lr": 0.01, "steps": 1000}
EIGHTH = THOUSAND | {"lr": RING["p"] / 8, "steps": 400}
DATA_FREE = {"neighborhood_heterogeneity": 0.2708333333**0.5}
DATA_WORST = {"neighborhood_heterogeneity": (0.2708333333 + 1 - RING["p"]) ** 0.5}
SPOTS = [  # ring of 16 with weights 1/3
    ("wang_joshi_dsgd", THOUSAND, 0.1024468624),
    ("le_bars_consensus", THOUSAND | DATA_FREE, 0.0664288217),
    ("le_bars_convex", THOUSAND | DATA_FREE, 0.2002682325),
    ("le_bars_nonconvex", THOUSAND | DATA_FREE, 0.4669652867),
    ("le_bars_consensus", EIGHTH | DATA_FREE, 0.1016),
    ("le_bars_consensus", EIGHTH | DATA_WORST, 0.4395),
    ("takezawa_consensus", EIGHTH | {"zeta": 0.0}, 6.752e-4),
    ("takezawa_consensus", EIGHTH | {"zeta": 1.0}, 0.3386),
    ("onestep_consensus", EIGHTH | {"zeta": 0.0}, 5.571e-3),
    ("onestep_consensus", EIGHTH | {"zeta": 1.0}, 0.2420),
    ("onestep_nonconvex", EIGHTH | {"zeta": 0.0}, 0.20853),
    ("onestep_nonconvex", EIGHTH | {"zeta": 1.0}, 0.44494),
    ("master_convex", THOUSAND | {"zeta": 0.0}, 0.1 + 0.01 / 16 + 1.5 * 2.2274543345e-4),
    ("master_convex", THOUSAND | {"zeta": 1.0}, 0.1 + 0.01 / 16 + 1.5 * 6.0035678147e-2),
    ("kong_critical", THOUSAND | {"gradient_norm_sq": 0.1}, 0.013125),
    ("ghadimi_lan_tuned", {"L2": 1.0, "agents": 1, "sigma": 1.0, "steps": 10**4, "initial_gap": 0.5}, 0.0201),
]  # fmt: skip
HAND = [  # worked out by hand from the formulas, at round numbers
    ("wang_joshi_periodic", {"lr": 0.1, "L_local": 1, "agents": 4, "sigma": 2, "steps": 10, "initial_gap": 5,
                             "slem": 0.5, "period": 2}, 10 + 0.1 + 0.04 * (10 / 3 - 1)),
    ("wang_joshi_different", {"lr": 0.1, "L_local": 1, "agents": 4, "sigma": 2, "zeta": 1, "steps": 10,
                              "initial_gap": 5, "slem": 0, "period": 2}, 2 * 10.14 + 0.12),
    ("wang_joshi_local", {"lr": 0.25, "L_local": 1, "agents": 4, "sigma": 2, "steps": 10, "initial_gap": 5,
                          "period": 3}, 4 + 0.25 + 0.5),
    ("master_strongly_convex", {"lr": 0.25, "L_local": 1, "mu": 1, "agents": 4, "sigma": 2, "zeta": 1, "steps": 2,
                                "initial_distance_sq": 16, "noise_gain": 1, "drift_gain": 2}, 9 + 0.25 + 1.5 * 4),
    ("le_bars_consensus_step", {"lr": 0.5, "L_local": 0.125, "p": 0.5, "neighborhood_heterogeneity": 2,
                                "consensus_distance": 8}, 7 + 12),
    ("le_bars_descent_convex", {"lr": 0.5, "L_local": 0.5, "agents": 4, "sigma": 2, "distance_sq": 16, "loss_gap": 2,
                                "consensus_distance": 8}, 16 + 0.25 - 1 + 3),
    ("typical_consensus_p", {"lr": 0.5, "p": 0.5, "sigma": 2, "phi": 1}, 0.5 * (5 + 4)),
    ("typical_consensus", {"lr": 0.5, "sigma": 2, "phi": 3, "noise_gain": 4, "drift_gain": 2}, 25),
    ("kong_rate", {"lr": 0.5, "L_local": 1, "agents": 4, "sigma": 2, "steps": 10, "initial_gap": 15}, 8),
    ("ghadimi_lan", {"lr": 0.5, "L2": 2, "agents": 4, "sigma": 2, "steps": 10, "initial_gap": 5}, 3),
]  # fmt: skip


def at(name, values):
    return BOUNDS[name](**{key: values[key] for key in BOUNDS[name].symbols})


@pytest.mark.parametrize(("name", "values", "expected"), SPOTS + HAND)
def test_known_values(name, values, expected):
    digits = max(len(f"{expected:.10g}".split("e")[0].replace("0.", "").replace(".", "").lstrip("0")), 4)
    assert at(name, values) == pytest.approx(expected, rel=10.0 ** (1 - min(digits, 9)))


# How they reduce to each other

eta, T, m, L, L2, s, zeta, p, lam, tau = symbols("lr steps agents L_local L2 sigma zeta p slem period")
gap, distance, S, R = symbols("initial_gap initial_distance_sq noise_gain drift_gain")
PARALLEL = RATE_PARALLEL_SGD.formula.subs(L2, L)


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("wang_joshi_dsgd", {lam: 0}),
        ("wang_joshi_local", {tau: 1}),
        ("wang_joshi_periodic", {lam: 0, tau: 1}),
        ("onestep_nonconvex", {p: 1}),
    ],
)
def test_exact_averages_leave_parallel_sgd(name, case):
    assert sympy.simplify(BOUNDS[name].formula.subs(case) - PARALLEL) == 0


def test_periodic_gossip_has_gossip_and_local_sgd_as_its_ends():
    periodic = WANG_JOSHI_PERIODIC.formula
    assert sympy.simplify(periodic.subs(tau, 1) - WANG_JOSHI_DSGD.formula) == 0
    assert sympy.simplify(periodic.subs(lam, 0) - WANG_JOSHI_LOCAL.formula) == 0


def test_wang_and_joshi_bound_the_whole_spectrum_by_its_largest_eigenvalue():
    """At zeta = 0 the noise term of master_nonconvex, S <= lam^2/(1 - lam^2), is half as large."""
    extra = WANG_JOSHI_DSGD.formula - PARALLEL
    ours = (MASTER_NONCONVEX.formula - PARALLEL).subs({zeta: 0, R: 0, S: lam**2 / (1 - lam**2)})
    assert sympy.simplify(extra / ours) == 2


def test_the_consensus_distance_enters_the_rates():
    tau_bar, square = symbols("neighborhood_heterogeneity consensus_distance")
    xi = 24 * eta**2 * tau_bar**2 / p**2
    assert sympy.simplify(BOUNDS["le_bars_consensus"].formula - xi) == 0
    convex = distance / (eta * T) + eta * s**2 / m + sympy.Rational(3, 2) * L * square
    nonconvex = 4 * gap / (eta * T) + 2 * L * eta * s**2 / m + 4 * L**2 * square
    assert sympy.expand(BOUNDS["le_bars_convex"].formula - convex.subs(square, xi)) == 0
    assert sympy.expand(BOUNDS["le_bars_nonconvex"].formula - nonconvex.subs(square, xi)) == 0
    assert sympy.simplify(BOUNDS["master_convex"].formula - convex.subs(square, MASTER_CONSENSUS.formula)) == 0


def test_the_level_of_le_bars_is_the_fixed_point_of_its_step():
    (square,) = symbols("consensus_distance")
    (level,) = sympy.solve(sympy.Eq(square, BOUNDS["le_bars_consensus_step"].formula), square)
    assert sympy.simplify(level - BOUNDS["le_bars_consensus"].formula) == 0


def test_below_the_critical_distance_the_rate_follows():
    """Mean G <= parallel + L_local^2 critical(G), solved for G."""
    (G,) = symbols("gradient_norm_sq")
    (solution,) = sympy.solve(sympy.Eq(G, PARALLEL + L**2 * KONG_CRITICAL.formula), G)
    assert sympy.simplify(solution - KONG_RATE.formula) == 0


def test_ghadimi_and_lan_are_the_rate_without_gossip():
    (U,) = symbols("U_mean")
    assert sympy.simplify(RATE_D12.formula.subs(U, 0) - GHADIMI_LAN.formula) == 0
    for sigma in (0.0, 0.01, 1.0, 30.0):
        values = {"agents": 4, "sigma": sigma, "L2": 2.0, "steps": 500, "initial_gap": 0.7}
        tuned = min(0.5, np.sqrt(2 * 0.7 * 4 / (2 * 500)) / sigma) if sigma else 0.5
        assert GHADIMI_LAN(lr=tuned, **values) <= GHADIMI_LAN_TUNED(**values)


# Exact moments of scalar quadratics h_k (x - b_k)^2 / 2 from a common start

FAMILIES = {
    "ring": metropolis(ring(16)),
    "path": metropolis(path(16)),
    "star": metropolis(star(16)),
    "torus": metropolis(torus(5, 5)),
    "hypercube": metropolis(hypercube(16)),
    "average": complete_average(16),
}


def alternating(agents):
    return (-1.0) ** np.arange(agents)


def mixed(agents):
    return 1 + 0.5 * alternating(agents) * np.linspace(0.2, 1, agents)


CASES = {  # noise, heterogeneity along the slowest direction, curvatures of m agents
    "noise": (1.0, 0.0, np.ones),
    "drift": (0.0, 1.0, np.ones),
    "both": (1.0, 1.0, np.ones),
    "curvatures": (0.3, 1.0, mixed),
    "no noise, no drift": (0.0, 0.0, np.ones),
}


def slowest(W):
    """The eigenvector of slem of a symmetric W, as a vector of mean square 1."""
    values, vectors = np.linalg.eigh(W - 1 / len(W))
    vector = vectors[:, np.argmax(np.abs(values))]
    return vector / np.sqrt(np.mean(vector**2))


def exact_run(mixing, h, b, lr, sigma, steps, start=1.0):
    """Left sides of the bounds, by exact moments, and the constants of the problem along the run."""
    agents = len(h)
    optimum, mean_h = (h @ b) / h.sum(), h.mean()
    moments = list(islice(
        dsgd_moments(mixing, h[:, None], b[:, None], np.full((agents, 1), start), lr, sigma), steps + 1
    ))  # fmt: skip
    consensus = np.array([state.consensus_distance() for state in moments])
    mean = np.array([state.mean[:, 0] for state in moments])
    covariance = np.array([state.covariance[0] for state in moments])
    at_mean, spread = mean.mean(axis=1), covariance.mean(axis=(1, 2))
    distance = (at_mean - optimum) ** 2 + spread
    local = h**2 * ((mean - b) ** 2 + np.diagonal(covariance, axis1=1, axis2=2))
    slopes = h * (at_mean[:, None] - b)
    diversity = ((slopes - slopes.mean(axis=1, keepdims=True)) ** 2).mean(axis=1) + np.var(h) * spread
    measured = {
        "consensus_distance": consensus.max(),
        "gradient_norm_sq_mean": mean_h**2 * distance[:-1].mean(),
        "loss_gap_mean": mean_h / 2 * distance[:-1].mean(),
        "final_distance_sq": distance[-1],
    }
    constants = {
        "agents": agents, "steps": steps, "lr": lr, "sigma": sigma, "L2": mean_h, "L_local": h.max(), "mu": h.min(),
        "initial_gap": mean_h / 2 * distance[0], "initial_distance_sq": distance[0],
        "zeta": diversity.max() ** 0.5, "phi": local.mean(axis=1).max() ** 0.5,
    }  # fmt: skip
    return measured, constants, consensus


def all_runs(slowness):
    """{(family, case): (measured, constants, consensus distances)} at lr = p/(slowness L_local)."""
    runs = {}
    for family, W in FAMILIES.items():
        p, m = consensus_rate(W), len(W)
        for case, (sigma, zeta, curvatures) in CASES.items():
            h = curvatures(m)
            b = zeta * slowest(W) if family != "average" else zeta * alternating(m)
            measured, known, consensus = exact_run(lambda t, W=W: W, h, b, p / slowness / h.max(), sigma, 400)
            topology = {"p": p, "slem": slem(W), "noise_gain": noise_gain(W), "drift_gain": drift_gain(W)}
            known |= {name: max(0.0, min(1.0, v)) if name in ("p", "slem") else v for name, v in topology.items()}
            A = W - 1 / m
            known["neighborhood_heterogeneity"] = np.sqrt((np.sum((A @ (h * b)) ** 2) + sigma**2 * np.sum(A**2)) / m)
            known["period"] = 1
            runs[family, case] = measured, known, consensus
    return runs


@pytest.fixture(scope="module")
def gossiped():
    """Every run at lr = p/(8 L_local), which lies in most regions."""
    return all_runs(8)


@pytest.fixture(scope="module")
def gossiped_slowly():
    """Every run at lr = p/(24 L_local), for bounds of small learning rates."""
    return all_runs(24)


HOLDS = {  # bound: cases it speaks about; neighborhood heterogeneity is bounded at equal curvatures only
    "master_convex": CASES,
    "master_strongly_convex": CASES,
    "typical_consensus": CASES,
    "onestep_consensus": CASES,
    "onestep_nonconvex": CASES,
    "takezawa_consensus": CASES,
    **dict.fromkeys(("le_bars_consensus", "le_bars_convex", "le_bars_nonconvex"),
                    ("noise", "drift", "both", "no noise, no drift")),
    "wang_joshi_dsgd": ("noise", "no noise, no drift"),
}  # fmt: skip


def ratios_of(name, cases, runs):
    """{(family, case): stated/exact} of the runs that leave something to bound; no run may exceed the bound."""
    bound, ratios = BOUNDS[name], {}
    for family in FAMILIES:
        for case in cases:
            measured, known, _ = runs[family, case]
            exact, stated = measured[bound.about], at(name, known)
            assert exact <= stated * (1 + 1e-9) + 1e-28, f"{family}, {case}: {exact:.6g} above {stated:.6g}"
            if exact > 1e-20:
                ratios[family, case] = stated / exact
    return ratios


@pytest.mark.parametrize("name", HOLDS)
def test_exact_moments_stay_below(name, gossiped):
    ratios = ratios_of(name, HOLDS[name], gossiped)
    assert len(ratios) >= 5 * len(set(HOLDS[name]) - {"no noise, no drift"})
    assert min(ratios.values()) < 10, "looser everywhere than known"


@pytest.mark.parametrize(
    ("name", "ceiling"),
    [("takezawa_consensus_small_lr", 3.3), ("takezawa_consensus", 3.3), ("wang_joshi_different", 20)],
)
def test_exact_moments_stay_below_at_small_learning_rates(name, ceiling, gossiped_slowly):
    ratios = ratios_of(name, CASES, gossiped_slowly)
    assert len(ratios) >= 20
    assert min(ratios.values()) < ceiling


def test_neighborhoods_are_at_most_as_heterogeneous_as_all_agents(gossiped):
    tight = 0
    for case in ("noise", "drift", "both"):
        for family in FAMILIES:
            _, known, _ = gossiped[family, case]
            assert known["neighborhood_heterogeneity"] <= at("le_bars_neighborhood", known) * (1 + 1e-9) + 1e-9
            tight += known["neighborhood_heterogeneity"] > 0.99 * at("le_bars_neighborhood", known)
    assert tight >= 5  # heterogeneity along the slowest mode


@pytest.mark.parametrize(("convex", "family"), [(True, "torus"), (False, "torus"), (True, "hypercube")])
def test_the_sufficient_steps_of_le_bars_suffice(convex, family):
    W, target, sigma = FAMILIES[family], 0.3, 0.5
    m, h, b = len(W), np.ones(len(W)), 0.1 * slowest(W)
    tau = np.sqrt((np.sum((W @ b) ** 2) + sigma**2 * np.sum((W - 1 / m) ** 2)) / m)
    known = {"agents": m, "sigma": sigma, "L_local": 1.0, "p": consensus_rate(W), "neighborhood_heterogeneity": tau,
             "initial_gap": 0.5, "initial_distance_sq": 1.0, "loss_target": target, "epsilon": target}  # fmt: skip
    steps = int(np.ceil(at("le_bars_steps_convex" if convex else "le_bars_steps_nonconvex", known)))
    factor = 1 if convex else 2
    parts = ((1.0, sigma**2 / m, 36 * tau**2 / known["p"] ** 2) if convex
             else (2.0, 2 * sigma**2 / m, 96 * tau**2 / known["p"] ** 2))  # fmt: skip
    measured, _, _ = exact_run(lambda t: W, h, b, tuned_lr(*parts, 8 / known["p"], steps), sigma, steps)
    reached = measured["loss_gap_mean" if convex else "gradient_norm_sq_mean"]
    assert target / 1000 < reached <= target / factor


@pytest.mark.parametrize(
    ("name", "case", "ratio"),
    [
        ("onestep_consensus", "noise", 5.571e-3 / 1.916e-4),
        ("takezawa_consensus", "noise", 6.752e-4 / 1.916e-4),
        ("le_bars_consensus", "noise", 0.1016 / 1.916e-4),
        ("onestep_consensus", "both", 0.2420 / 3.548e-2),
        ("takezawa_consensus", "both", 0.3386 / 3.548e-2),
        ("le_bars_consensus", "both", 0.4395 / 3.548e-2),
    ],
)
def test_known_ratios_of_a_ring_of_sixteen(name, case, ratio, gossiped):
    measured, known, _ = gossiped["ring", case]
    assert at(name, known) / measured["consensus_distance"] == pytest.approx(ratio, rel=2e-3)


def test_every_step_of_le_bars_stays_below(gossiped):
    name, met = "le_bars_consensus_step", 0
    for (_, case), (_, known, consensus) in gossiped.items():
        if case in HOLDS["le_bars_consensus"]:
            stated = at(name, known | {"consensus_distance": consensus[:-1]})
            assert (consensus[1:] <= stated * (1 + 1e-9) + 1e-28).all()
            met += 1
    assert met == 24


def test_the_ring_of_sixteen_by_the_consensus_rate(gossiped):
    measured, _, _ = gossiped["ring", "noise"]
    assert measured["gradient_norm_sq_mean"] == pytest.approx(0.10207, abs=5e-6)


def test_kong_holds_where_its_premise_does(gossiped):
    met = 0
    for (family, case), (measured, known, consensus) in gossiped.items():
        premise = known | {"gradient_norm_sq": 0.0}
        if consensus.max() <= at("kong_critical", premise):
            assert measured["gradient_norm_sq_mean"] <= at("kong_rate", known), (family, case)
            met += 1
    assert met >= 4


@pytest.mark.parametrize("period", [1, 2, 5])
@pytest.mark.parametrize("family", FAMILIES)
def test_periodic_gossip_stays_below(family, period):
    W = FAMILIES[family]
    kept, m = max(0.0, slem(W)), len(W)

    def mixing(t):
        return W if (t + 1) % period == 0 else np.eye(m)

    lr = 0.3 * (1 - kept) / period
    measured, known, _ = exact_run(mixing, np.ones(m), np.zeros(m), lr, 1.0, 403)
    known |= {"period": period, "slem": kept}
    names = ["wang_joshi_periodic", *(["wang_joshi_local"] if family == "average" else [])]
    for name in names:
        assert measured["gradient_norm_sq_mean"] <= at(name, known)
        assert at(name, known) < 5 * measured["gradient_norm_sq_mean"]


@pytest.mark.parametrize("period", [1, 2, 5])
@pytest.mark.parametrize("family", FAMILIES)
def test_periodic_gossip_of_different_losses_stays_below(family, period):
    W = FAMILIES[family]
    kept, m = max(0.0, slem(W)), len(W)
    b = slowest(W) if family != "average" else alternating(m)
    measured, known, _ = exact_run(
        lambda t: W if (t + 1) % period == 0 else np.eye(m), mixed(m), b, 0.1 * (1 - kept) / period, 0.3, 400
    )
    known |= {"period": period, "slem": kept}
    assert BOUNDS["wang_joshi_different"].inside(**{n: known[n] for n in BOUNDS["wang_joshi_different"].symbols})
    assert measured["gradient_norm_sq_mean"] <= at("wang_joshi_different", known)


@pytest.mark.parametrize("family", ["torus", "hypercube", "average"])
def test_the_learning_rate_of_the_linear_speed_up(family):
    W = FAMILIES[family]
    kept, m = max(0.0, slem(W)), len(W)
    steps = int(np.ceil(10 * m / (1 - kept) ** 2))
    measured, known, _ = exact_run(lambda t: W, np.ones(m), np.zeros(m), np.sqrt(m / steps), 1.0, steps)
    known |= {"period": 1, "slem": kept}
    assert measured["gradient_norm_sq_mean"] <= at("wang_joshi_tuned", known) < 7 * measured["gradient_norm_sq_mean"]
    periodic = {name: known[name] for name in WANG_JOSHI_PERIODIC.symbols}
    assert at("wang_joshi_tuned", known) == pytest.approx(WANG_JOSHI_PERIODIC(**periodic), rel=1e-12)


def test_mini_batches_attain_ghadimi_and_lan_up_to_a_constant(gossiped):
    for case in ("noise", "both", "curvatures"):
        measured, known, _ = gossiped["average", case]
        assert measured["gradient_norm_sq_mean"] <= at("ghadimi_lan", known) < 3 * measured["gradient_norm_sq_mean"]


def test_an_unconfirmed_bound_never_contradicts(monkeypatch):
    from dataclasses import replace

    name = "takezawa_consensus"
    monkeypatch.setitem(BOUNDS, name, replace(BOUNDS[name], formula=BOUNDS[name].formula / 1e6))
    record = check_topology("ring", agents=16, steps=60, runs=16)
    (row,) = [row for row in record["bounds"] if row["bound"] == name]
    assert row["verdict"] == "violated"
    assert [a["assumption"] for a in row["assumptions"] if not a["met"]] == ["unconfirmed"]
    assert record["contradictions"] == []
    assert name not in record["curve"]["bounds"]
