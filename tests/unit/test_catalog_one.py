"""Values of the literature on rates and topologies: known ones, and ones worked out by hand."""

import numpy as np
import pytest

from theory.bounds import BOUNDS

RING = 0.9492530217  # slem of a ring of 16 with weights 1/3
SPOTS = [
    ("epidemic_oracle_rate", {"agents": 8, "peers": 1}, 1 - 0.4285714286),
    ("epidemic_oracle_rate", {"agents": 8, "peers": 3}, 1 - 0.1428571429),
    ("epidemic_oracle_rate", {"agents": 16, "peers": 2}, 0.7111111111),
    ("epidemic_oracle_rate", {"agents": 16, "peers": 4}, 0.8533333333),
    ("epidemic_oracle_rate", {"agents": 32, "peers": 5}, 1 - 0.1397849462),
    ("epidemic_local_kept", {"agents": 8, "peers": 1}, 0.5657857054),
    ("epidemic_local_kept", {"agents": 8, "peers": 3}, 0.1866867564),
    ("epidemic_local_kept", {"agents": 16, "peers": 4}, 0.1815844420),
    ("epidemic_local_kept", {"agents": 32, "peers": 5}, 0.1670231440),
    ("boyd_complete_rate", {"agents": 8}, 1 - 0.8571428571),
    ("boyd_complete_rate", {"agents": 16}, 1 - 0.9333333333),
    ("boyd_ring_rate", {"agents": 8}, 1 - 0.9633883476),
    ("boyd_ring_rate", {"agents": 16}, 1 - 0.9952424708),
    ("boyd_star_rate", {"agents": 8}, 1 - 0.9285714286),
    ("boyd_star_rate", {"agents": 16}, 1 - 0.9666666667),
    ("boyd_averaging_least", {"accuracy": 0.01, "mean_eigenvalue": 14 / 15}, 33.3742),
    ("boyd_averaging_most", {"accuracy": 0.01, "mean_eigenvalue": 14 / 15}, 200.2455),
    ("boyd_averaging_least", {"accuracy": 0.01, "mean_eigenvalue": 0.9952424708}, 482.8354),
    ("boyd_averaging_most", {"accuracy": 0.01, "mean_eigenvalue": 0.9952424708}, 2897.0123),
    ("window_noise_gain", {"agents": 8, "window": 1, "p": 1 / 7}, 5.25),
    ("window_noise_gain", {"agents": 16, "window": 1, "p": 0.7111111111}, 0.3808593750),
    ("window_noise_gain", {"agents": 16, "window": 1, "p": 0.8533333333}, 0.1611328125),
    ("window_drift_gain", {"window": 1, "p": 0.7111111111}, 1.1620866639),
    ("window_drift_gain", {"window": 1, "p": 0.8533333333}, 0.6206689568),
    ("random_matching_rate", {"agents": 16}, 1 - 14 / 30),
    ("one_peer_noise_gain", {"agents": 16}, 0.6875),
    ("one_peer_noise_gain", {"agents": 64}, 0.890625),
    ("one_peer_drift_gain", {"agents": 16}, 3),
    ("one_peer_drift_gain", {"agents": 64}, 5),
    ("exponential_drift_gain", {"agents": 16}, 1.5),
    ("exponential_drift_gain", {"agents": 64}, 2.5),
    ("equidyn_rate", {"agents": 16, "damping": 0.5}, 1 - 0.46875),
    ("equidyn_best_rate", {"agents": 16}, 1 - 0.4666666667),
    ("equistatic_shifts", {"agents": 64, "accuracy": 0.5, "failure_probability": 0.1}, 8 / 3 * 4 * np.log(1280)),
    ("vogels_random_quadratics", {"lr": 1 / 52, "curvature": 1, "sample_smoothness": 52, "effective_neighbors": 1},
     1 / 52),
    ("vogels_random_quadratics", {"lr": 16 / 67, "curvature": 1, "sample_smoothness": 52, "effective_neighbors": 16},
     16 / 67),
]  # fmt: skip


SMALL = {"lr": 0.1, "L_local": 1, "mu": 0.5, "sample_smoothness": 1, "effective_neighbors": 2, "omega": 0.5,
         "direction_gap": 0.2, "lyapunov": 1}  # fmt: skip
HAND = [  # worked out by hand from the formulas, at round numbers
    ("lian_consensus", {"agents": 2, "lr": 0.1, "L_local": 1, "slem": 0, "sigma": 1, "zeta": 0, "initial_gap": 0,
                        "steps": 7}, 0.03125 * (2 + 1 / 0.21875 + 1.8 / 0.875)),
    ("lian_consensus", {"agents": 2, "lr": 0.05, "L_local": 1, "slem": 0.5, "sigma": 1, "zeta": 1, "initial_gap": 1,
                        "steps": 10}, 0.005 / 0.64 * (224 / 3 + 112 / 3 / 0.21875 + 72 * (2 + 0.05 / 0.875))),
    ("lian_corollary_2", {"agents": 2, "steps": 10**4, "L_local": 1, "slem": 0.5, "sigma": 1, "zeta": 0.1,
                          "initial_gap": 0.5, "lr_scale": 0.5}, 0.0004 + 10 / 20000**0.5),
    ("lian_corollary_2", {"agents": 1, "steps": 10**4, "L_local": 1, "slem": 0, "sigma": 1, "zeta": 0,
                          "initial_gap": 0.5, "lr_scale": 0.5}, 0.1004),
    ("koloskova_nonconvex", {"L_local": 1, "initial_gap": 1, "sigma": 2, "agents": 4, "epsilon": 0.25, "zeta": 1,
                             "window": 4, "p": 0.25}, 272),
    ("koloskova_nonconvex_growth", {"L_local": 1, "initial_gap": 1, "sigma": 2, "agents": 4, "epsilon": 0.25,
                                    "zeta": 1, "window": 4, "noise_growth": 3, "heterogeneity_growth": 8, "p": 0.25},
     720),
    ("koloskova_convex", {"L_local": 4, "initial_distance_sq": 1, "sigma": 2, "agents": 4, "loss_target": 0.25,
                          "zeta": 1, "window": 4, "p": 0.25}, 656),
    ("koloskova_strongly_convex", {"L_local": 4, "mu": 1, "initial_distance_sq": 1, "sigma": 2, "agents": 4,
                                   "loss_target": 0.25, "zeta": 1, "window": 4, "p": 0.25}, 100 + 64 * np.log(4)),
    ("koloskova_convex_rate", {"L_local": 1, "initial_distance_sq": 1, "sigma": 2, "agents": 4, "zeta": 0.5,
                               "steps": 1, "one_minus_slem": 0.5}, 6),
    ("koloskova_convex_rate", {"L_local": 1, "initial_distance_sq": 1, "sigma": 2, "agents": 4, "zeta": 2,
                               "steps": 4, "one_minus_slem": 0.5}, 2 + 0.5 ** (1 / 3)),
    ("koloskova_descent_convex", {"lr": 0.1, "L_local": 0.5, "mu": 0.5, "distance_sq": 1, "loss_gap": 0.25,
                                  "sigma": 2, "agents": 4, "consensus_distance": 1}, 1.11),
    ("koloskova_descent_nonconvex", {"lr": 0.1, "L_local": 1, "noise_growth": 1, "merged_loss": 1, "sigma": 2,
                                     "gradient_norm_sq": 4, "agents": 4, "consensus_distance": 1}, 1.01),
    ("window_noise_gain", {"agents": 4, "window": 2, "p": 0.5}, 3),
    ("window_drift_gain", {"window": 2, "p": 0.75}, 4),
    ("kong_rate_koloskova", {"lr": 0.25, "L_local": 1, "agents": 4, "sigma": 2, "steps": 16, "initial_gap": 2}, 8),
    ("kong_typical", {"p": 0.5, "lr": 2, "sigma": 1, "local_gradient_norm_sq": 1}, 12),
    ("ying_static", {"sigma": 2, "zeta": 1, "momentum": 0.75, "agents": 4, "steps": 4, "one_minus_slem": 0.5}, 5),
    ("ying_one_peer", {"sigma": 2, "zeta": 1, "momentum": 0.75, "agents": 4, "steps": 4}, 5),
    ("ying_transient", {"agents": 4}, 1024),
    ("vogels_neighbors_dimension_above", {"agents": 2, "decay": 0.5, "spectral_dimension": 4,
                                          "spectral_constant": 1}, 1),
    ("vogels_neighbors_dimension_two", {"agents": 2, "decay": 0.5, "spectral_constant": 1}, 2 / (1 + np.log(2))),
    ("vogels_neighbors_dimension_below", {"agents": 2, "decay": 0.75, "spectral_dimension": 1,
                                          "spectral_constant": 1}, 0.4),
    ("vogels_theorem_6", SMALL | {"fixed_point_noise_sq": 1}, 0.965),
    ("vogels_theorem_9", SMALL | {"steps": 1, "fixed_point_noise_sq": 1, "fixed_point_gradient_sq": 1}, 2.56),
    ("vogels_theorem_9_optimum", SMALL | {"steps": 1, "optimum_noise_sq": 1, "heterogeneity_energy": 1,
                                          "direction_rate": 0.5}, 3.94),
    ("vogels_corollary_8_lr", {"spectral_constant": 1, "spectral_dimension": 10, "sample_smoothness": 4,
                               "L_local": 0.5}, 1 / 8),
    ("vogels_corollary_8_lr", {"spectral_constant": 8, "spectral_dimension": 10, "sample_smoothness": 4,
                               "L_local": 0.5}, 1 / 4),
    ("vogels_corollary_8_neighbors", {"spectral_constant": 8, "spectral_dimension": 10, "sample_smoothness": 4,
                                      "L_local": 0.5}, 8),
    ("vogels_corollary_8_neighbors", {"spectral_constant": 1, "spectral_dimension": 10, "sample_smoothness": 4,
                                      "L_local": 0.5}, 4),
    ("vogels_corollary_10_neighbors", {"agents": 9, "steps": 8, "mu": 1, "L_local": 2, "spectral_dimension": 4,
                                       "spectral_constant": 2}, 4),
    ("vogels_corollary_10_neighbors", {"agents": 3, "steps": 8, "mu": 1, "L_local": 2, "spectral_dimension": 4,
                                       "spectral_constant": 2}, 3),
    ("vogels_corollary_10", {"sigma": 2, "mu": 1, "steps": 4, "effective_neighbors": 1, "L_local": 2,
                             "heterogeneity_energy": 4, "direction_rate": 0.5, "effective_neighbors_start": 1,
                             "sample_smoothness": 4, "initial_distance_sq": 1}, 2 + np.exp(-1)),
    ("epidemic_oracle_order", {"L_local": 1, "initial_gap": 1, "sigma": 2, "agents": 4, "steps": 1, "p": 0.5,
                               "zeta": 12**0.5}, 4),
    ("epidemic_oracle_order", {"L_local": 1, "initial_gap": 1, "sigma": 2, "agents": 4, "steps": 4, "p": 0.5,
                               "zeta": 12**0.5}, 0.75 + 0.5 ** (1 / 3)),
    ("epidemic_local_order", {"L_local": 1, "initial_gap": 1, "sigma": 2, "agents": 4, "steps": 4,
                              "kept_old_mean": 0.5, "zeta": 12**0.5}, 0.25 + 0.625**0.5 + 0.5 ** (1 / 3)),
    ("epidemic_local_order", {"L_local": 1, "initial_gap": 1, "sigma": 2, "agents": 4, "steps": 1,
                              "kept_old_mean": 0.5, "zeta": 12**0.5}, 3 + 2.5**0.5),
    ("epidemic_transient", {"agents": 4, "peers": 2}, 16),
    ("epidemic_local_drift", {"agents": 3, "peers": 1}, 0.125),
    ("equistatic_mean_rate", {"agents": 4, "basis": 2}, 0.75),
    ("consensus_rate_normal", {"one_minus_slem": 0.5}, 0.75),
    ("neighbors_from_noise_gain", {"agents": 4, "decay": 0.5, "noise_gain": 1.5}, 1),
    ("le_bars_topology_sharp", {"regularizer": 0.5, "permutations": 4}, 2),
    ("boyd_averaging_least_sharp", {"accuracy": 0.5, "mean_eigenvalue": 0.75}, 1),
    ("base_length", {"agents": 9, "peers": 2}, 6),
    ("finite_time_noise_gain", {"agents": 4, "window": 3}, 3),
    ("finite_time_drift_gain", {"window": 3}, 4),
    ("every_phase_noise_gain", {"agents": 4, "window": 3}, 1.5),
    ("every_phase_drift_gain", {"window": 3}, 2),
    ("matcha_rate", {"edge_weight": 0.4, "laplacian_gap": 1, "laplacian_max": 2.5}, 0.2),
    ("matcha_rate", {"edge_weight": 0.25, "laplacian_gap": 1, "laplacian_max": 2}, 0.3125),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values", "expected"), SPOTS + HAND)
def test_known_values(name, values, expected):
    assert BOUNDS[name](**values) == pytest.approx(expected, rel=2e-6 if expected > 30 else 1e-9, abs=6e-11)


def test_the_rate_of_lian_on_a_ring_of_sixteen():
    values = {"agents": 16, "lr": 0.001, "steps": 10**4, "L_local": 1, "sigma": 1, "zeta": 1, "initial_gap": 0.5}
    steep = 16 * 1e-6 / (1 - RING) ** 2
    d2 = 1 - 18 * steep
    d1 = 0.5 - 9 * steep / d2
    assert (d2, d1) == pytest.approx((0.8881664498, 0.4370424596), rel=1e-8)
    assert BOUNDS["lian_nonconvex"](**values, slem=RING) * d1 == pytest.approx(0.1131709060, rel=1e-8)
