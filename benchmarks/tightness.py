"""How far above the exact value each bound lies, on the same runs: `python benchmarks/tightness.py`.

Quadratics (x - b_k)²/2 with σ = 1 (noise alone), or b along the slowest mode with ζ = 1 (zeta alone), or both, from one
start; exact moments over 12 (R + 1) + 60 steps. Printed as markdown: bound / largest exact consensus distance, and
bound / exact mean of the squared gradient over the steps, at lr = 0.02/R, 0.25/R and p/8, R = drift_gain, L = 1. A dash
marks a bound that does not speak there: outside its region, or of another kind of mixing.
"""

import argparse
from itertools import islice

import numpy as np

from theory.bounds import BOUNDS
from theory.gossip import as_gossip, global_every, local, one_peer_exponential, random_matching
from theory.graphs import exponential, hypercube, path, ring, star, torus
from theory.mixing import metropolis, uniform
from theory.moments import dsgd_moments
from theory.schedule_gains import schedule_gains
from theory.spectrum import consensus_rate, slem

RING = metropolis(ring(16))
SCHEDULES = {
    "ring 16": RING,
    "path 16": metropolis(path(16)),
    "star 16": metropolis(star(16)),
    "torus 5x5": metropolis(torus(5, 5)),
    "hypercube 16": metropolis(hypercube(16)),
    "exponential 16": uniform(exponential(16)),
    "one-peer 16": one_peer_exponential(16),
    "PGA ring 16, H 6": global_every(RING, 6),
    "local SGD 16, H 6": global_every(local(16), 6),
    "matching 16": random_matching(16, 1.0),
}
CONSENSUS = {
    "M-1": "master_consensus", "M-7 sharp": "onestep_sharp", "M-7": "onestep_consensus", "window": "window",
    "Takezawa 26": "takezawa_consensus", "Le Bars 23": "le_bars_consensus", "D.2 sharp": "corollary_d2_sharp",
    "D.2 printed": "corollary_d2",
}  # fmt: skip
RATES = {
    "M-2": "master_nonconvex", "M-7 rate": "onestep_nonconvex", "Wang-Joshi 21": "wang_joshi",
    "Le Bars 23": "le_bars_nonconvex",
}  # fmt: skip
CASES = {"noise": (1.0, 0.0), "zeta": (0.0, 1.0), "both": (1.0, 1.0)}


def slowest(gossip):
    """A direction [m], of mean 0 and mean square 1, that the product over one period keeps longest."""
    m = gossip.agents
    product = gossip.mean_product - 1 / m
    if np.abs(product).max() < 1e-12:  # exact averages: of the first round that keeps something
        product = next(gossip.mean(t) for t in range(gossip.period)) - 1 / m
    values, vectors = np.linalg.eig(product)
    direction = vectors[:, np.argmax(np.abs(values))].real
    direction = direction - direction.mean()
    if np.linalg.norm(direction) < 1e-9:
        direction = np.where(np.arange(m) % 2 == 0, 1.0, -1.0)
    return direction / np.sqrt(np.mean(direction**2))


def numbers_of(gossip):
    """What the bounds ask of a schedule; None for what it does not have."""
    gains = schedule_gains(gossip)
    fixed = gossip.deterministic and gossip.period == 1
    W = gossip.mean(0)
    symmetric = fixed and np.abs(W - W.T).max() < 1e-12
    return {
        "noise_gain": gains.noise, "drift_gain": gains.drift, "symmetric": symmetric,
        "p": consensus_rate(gossip) if gossip.period == 1 else None, "slem": slem(W) if symmetric else None,
        "window": gossip.period, "p_window": min(max(consensus_rate(gossip), 0.0), 1.0),
        "left": (gossip.second_moment() if gossip.period == 1 else None),
    }  # fmt: skip


def exact(gossip, lr, sigma, zeta, steps):
    """(largest consensus distance, mean squared gradient, largest mean square local gradient, b) of a run."""
    m = gossip.agents
    b = zeta * slowest(gossip)
    columns = np.ones((m, 1)), b[:, None], np.ones((m, 1))
    states = list(islice(dsgd_moments(gossip, *columns, lr, sigma), steps + 1))
    consensus = np.array([state.consensus_distance() for state in states])
    gradient = np.array([state.gradient_norm_sq(np.ones(1)) for state in states])
    phi_sq = [((s.mean[:, 0] - b) ** 2).mean() + np.trace(s.covariance[0]) / m for s in states]
    return consensus.max(), gradient[:-1].mean(), max(phi_sq), b


def stated(name, known, numbers):
    """The bound, None where it says nothing here."""
    if name == "window":
        window, agents, p = numbers["window"], known["agents"], numbers["p_window"]
        if p <= 0:
            return None
        gains = {
            "noise_gain": BOUNDS["window_noise_gain"](agents=agents, window=window, p=p),
            "drift_gain": BOUNDS["window_drift_gain"](window=window, p=p),
        }
        name, known = "master_consensus", known | gains
    if name == "wang_joshi":
        name = "wang_joshi_local" if "period" in known else "wang_joshi_dsgd"
        if known["zeta"] > 0 or (known.get("slem") is None and name == "wang_joshi_dsgd"):
            return None
    if name == "takezawa_consensus" and not numbers["symmetric"]:
        return None
    values = {symbol: known.get(symbol) for symbol in BOUNDS[name].symbols}
    if any(value is None for value in values.values()) or not BOUNDS[name].inside(**values):
        return None
    return float(BOUNDS[name](**values))


def rows(schedule, gossip):
    gossip = as_gossip(gossip)
    numbers, m = numbers_of(gossip), gossip.agents
    deviations = np.eye(m) - 1 / m
    edges = {"0.02/R": 0.02 / numbers["drift_gain"], "0.25/R": 0.25 / numbers["drift_gain"]}
    if numbers["p"]:
        edges["p/8"] = numbers["p"] / 8
    for edge, lr in edges.items():
        for case, (sigma, zeta) in CASES.items():
            steps = int(12 * (numbers["drift_gain"] + 1)) + 60
            largest, gradient, phi_sq, b = exact(gossip, lr, sigma, zeta, steps)
            known = {
                "agents": m, "steps": steps, "lr": lr, "L_local": 1.0, "sigma": sigma, "zeta": zeta, "phi": phi_sq**0.5,
                "initial_gap": 0.5, "noise_gain": numbers["noise_gain"], "drift_gain": numbers["drift_gain"],
                "p": numbers["p"], "slem": numbers["slem"],
            }  # fmt: skip
            if numbers["left"] is not None:
                kept = deviations @ numbers["left"] @ deviations
                known["neighborhood_heterogeneity"] = ((b @ kept @ b + sigma**2 * np.trace(kept)) / m) ** 0.5
            if schedule.startswith("local"):
                known["period"] = gossip.period
            ratios = [
                value and value / largest for value in (stated(name, known, numbers) for name in CONSENSUS.values())
            ]
            ratios += [
                value and value / gradient for value in (stated(name, known, numbers) for name in RATES.values())
            ]
            yield [schedule, edge, case, *("-" if ratio is None else f"{ratio:.3g}" for ratio in ratios)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("schedules", nargs="*", default=tuple(SCHEDULES))
    arguments = parser.parse_args()
    header = ["schedule", "lr L", "case", *(f"Ξ² {name}" for name in CONSENSUS), *(f"rate {name}" for name in RATES)]
    print(f"| {' | '.join(header)} |\n|{'---|' * 3}{'---:|' * (len(header) - 3)}")
    for chosen in arguments.schedules:
        for row in rows(chosen, SCHEDULES[chosen]):
            print(f"| {' | '.join(row)} |", flush=True)
