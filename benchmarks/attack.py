"""Search for violations of the master bounds: `python benchmarks/attack.py --seconds 30`.

Exact moments of DSGD on quadratics (no sampling) against each bound, over 2 to 6 agents, schedules of 1 to 3 mixtures
of permutations (directed, not normal), in turn or drawn at random, curvatures of either sign where the bound allows it,
slopes, noise and learning rates up to the edge of the region: random restarts and hill climbing on the ratio of the
measured value to the bound. A ratio above 1 would refute the bound; the largest ones are printed as a markdown table.
"""

import argparse
import time
from dataclasses import asdict, dataclass

import numpy as np

from theory.bounds import BOUNDS
from theory.rounds import Gossip, periodic
from theory.schedule_gains import schedule_gains

STEPS = 40
CONCAVE = ("master_consensus", "master_consensus_cta", "master_consensus_start", "master_consensus_decay",
           "master_consensus_uneven", "master_consensus_correlated", "master_neighborhood", "typical_consensus",
           "typical_consensus_p", "onestep_consensus", "onestep_sharp")  # fmt: skip
BOWLS = ("master_nonconvex", "master_nonconvex_cta", "onestep_nonconvex", "master_convex", "master_convex_sharp",
         "master_strongly_convex", "master_strongly_convex_sharp")  # fmt: skip
APART = ("master_consensus_start", "master_consensus_decay")
IN_TURN = ("master_consensus_decay",)  # speaks of the norm of every single matrix
CAPS = {"master_nonconvex": 1.0, "master_nonconvex_cta": 1.0, "master_convex": 0.25, "master_strongly_convex": 0.25,
        "master_convex_sharp": 0.5, "master_strongly_convex_sharp": 0.5}  # fmt: skip


@dataclass(frozen=True)
class Attack:
    """Mixings [k, m, m], in turn or drawn, f_k(x) = h_k x²/2 + g_k x with |h_k| <= 1, start x [m], noise [m, m], lr."""

    mixings: np.ndarray
    drawn: bool
    gains: dict
    contraction: float
    h: np.ndarray
    g: np.ndarray
    start: np.ndarray
    sigma: float
    noise: np.ndarray
    lr: float


def shape_of(name, generator):
    """(permutation matrices [k, n, m, m] of k mixings, whether they are drawn)."""
    agents, rounds = int(generator.integers(2, 7)), int(generator.integers(1, 4))
    eye, many = np.eye(agents), min(6, 2 + 4 * (agents > 2))
    permutations = [[eye, *(eye[generator.permutation(agents)] for _ in range(many - 1))] for _ in range(rounds)]
    return np.array(permutations), bool(generator.random() < 0.4) and name not in IN_TURN


def size_of(shape):
    k, n, m = shape[0].shape[:3]
    return k * n + 5 * m + 4


def attack_of(name, shape, x):
    """The problem that the numbers x encode, inside the region of the bound; None where gossip hardly contracts."""
    permutations, drawn = shape
    k, n, m = permutations.shape[:3]
    logits, h, g, start, share, vector, last = np.split(x, np.cumsum([k * n, m, m, m, m, m]))
    weights = np.exp(logits.reshape(k, n) - logits.max())
    weights /= weights.sum(axis=1, keepdims=True)
    mixings = np.einsum("kn,knij->kij", weights, permutations)
    J = np.full((m, m), 1 / m)
    product = np.linalg.multi_dot([*mixings, np.eye(m)]) if k > 1 else mixings[0]
    square = np.mean([W.T @ W for W in mixings], axis=0)
    kept = np.linalg.norm(square - J, 2) ** 0.5 if drawn else max(np.linalg.norm(W - J, 2) for W in mixings)
    if (kept if drawn else np.abs(np.linalg.eigvals(product - J)).max() ** (1 / k)) > 0.9:
        return None
    gains = asdict(schedule_gains(mixture(mixings) if drawn else periodic(mixings)))
    low = -1.0 if name in CONCAVE else 0.02 if "strongly" in name else 0.0
    h = low + (1 - low) / (1 + np.exp(-h))
    h = h + (h.mean() - h) / (1 + np.exp(-last[3]))
    h = h / max(np.abs(h).max(), 1e-9)
    sigma = float(np.exp(last[0]))
    noise = np.eye(m)
    if name.endswith("uneven"):
        noise = np.diag(np.exp(3 * share)) / np.exp(3 * share).mean()
    if name.endswith("correlated"):
        noise = np.outer(vector, vector) + 0.1 * np.diag(np.exp(share))
        noise *= m / np.trace(noise)
    edges = [CAPS.get(name, 10.0)]
    if name in ("onestep_sharp", "master_consensus_decay"):
        edges.append(1 / max(kept, 0.1) - 1)
    elif name.startswith("onestep"):
        edges.append((1 - kept**2) / 4)
    elif name.startswith("master"):
        edges.append(1 / max(gains["drift"] + ("cta" in name), 0.1))
    return Attack(
        mixings, drawn, gains, kept, h, g * np.exp(last[2]), start if name in APART else np.full(m, start[0]), sigma,
        sigma**2 * noise, min(edges) / (1 + np.exp(-last[1])) * (1 - 1e-9),
    )  # fmt: skip


def mixture(matrices):
    """I.i.d. rounds, each of the matrices [k, m, m] with probability 1/k."""
    transposed = np.swapaxes(matrices, 1, 2)
    return Gossip(
        agents=matrices.shape[1],
        period=1,
        mean_preserving=True,
        draw=lambda _, generator: matrices[generator.integers(len(matrices))],
        mean=lambda _: matrices.mean(axis=0),
        pull_back=lambda _, M: (transposed @ M @ matrices).mean(axis=0),
        push_forward=lambda _, M: (matrices @ M @ transposed).mean(axis=0),
    )


def history(attack, late):
    """{quantity: [steps + 1]} of the run and of its gradients, by plain second moments E[x xᵀ]."""
    m, h, g, lr, k = len(attack.h), attack.h, attack.g, attack.lr, len(attack.mixings)
    rounds = [attack.mixings] * k if attack.drawn else [W[None] for W in attack.mixings]
    means = [W.mean(axis=0) for W in rounds]
    H = np.eye(m) - lr * np.diag(h)
    x, X, xs, Xs = attack.start, np.outer(attack.start, attack.start), [], []
    for t in range(STEPS + 1):
        xs.append(x)
        Xs.append(X)
        Ws, average = rounds[t % k], means[t % k]
        moved = H @ x - lr * g
        if late:
            pull = lr * (h * x + g)
            cross = average @ (X * (lr * h) + np.outer(x, lr * g))
            local = lr**2 * (
                X * np.outer(h, h) + np.outer(h * x, g) + np.outer(g, h * x) + np.outer(g, g) + attack.noise
            )
            X = (Ws @ X @ np.swapaxes(Ws, 1, 2)).mean(axis=0) - cross - cross.T + local
            x = average @ x - pull
        else:
            adapted = H @ (X - np.outer(x, x)) @ H + np.outer(moved, moved) + lr**2 * attack.noise
            X = (Ws @ adapted @ np.swapaxes(Ws, 1, 2)).mean(axis=0)
            x = average @ moved
        if not np.abs(X).max() < 1e12:
            break
    x, X = np.array(xs), np.array(Xs)
    at, at_sq = x.mean(axis=1), X.mean(axis=(1, 2))
    hh, hg, gg = np.outer(h, h), np.outer(h, g) + np.outer(g, h), np.outer(g, g)
    slope = at_sq[:, None, None] * hh + at[:, None, None] * hg + gg  # gradients at the mean
    local = h**2 * np.diagonal(X, axis1=1, axis2=2) + 2 * h * g * x + g**2
    center = np.eye(m) - 1 / m
    kept = [(center @ np.swapaxes(W, 1, 2) @ W @ center).mean(axis=0) for W in rounds]
    return {
        "consensus": np.einsum("ij,tji->t", center, X) / m,
        "gradient": slope.mean(axis=(1, 2)),
        "middle": at,
        "middle_sq": at_sq,
        "zeta": np.einsum("ij,tji->t", center, slope) / m,
        "phi": local.mean(axis=1),
        "near": np.einsum("tij,tji->t", np.array([kept[t % k] for t in range(len(x))]), slope) / m,
    }


def ratio(name, shape, x):
    """Measured value over the bound at the worst step; 0 where the bound says nothing."""
    attack, bound = attack_of(name, shape, x), BOUNDS[name]
    if attack is None or attack.lr < 1e-6:
        return 0.0
    seen = history(attack, late=bound.order == "combine_then_adapt")
    lengths = np.arange(1, len(seen["consensus"]))
    known = {
        "agents": len(attack.h), "lr": attack.lr, "sigma": attack.sigma, "L_local": 1.0, "mu": attack.h.min(),
        "zeta": seen["zeta"].max() ** 0.5, "phi": seen["phi"].max() ** 0.5, "steps": lengths,
        "neighborhood_zeta": seen["near"].max() ** 0.5, "p": 1 - attack.contraction**2,
        "contraction": attack.contraction, "initial_consensus_distance": max(seen["consensus"][0], 0.0),
        **{f"{gain}_gain": value for gain, value in attack.gains.items()},
    }  # fmt: skip
    curvature = attack.h.mean()
    measured = {
        "consensus_distance": seen["consensus"][1:],
        "gradient_norm_sq_mean": np.cumsum(seen["gradient"][:-1]) / lengths,
    }
    if bound.about not in measured or "initial_gap" in bound.symbols:
        if curvature < 1e-3:
            return 0.0
        optimum = -attack.g.mean() / curvature
        distance = seen["middle_sq"] - 2 * optimum * seen["middle"] + optimum**2
        known |= {"initial_gap": curvature / 2 * distance[0], "initial_distance_sq": distance[0]}
        losses = curvature / 2 * np.cumsum(distance[:-1]) / lengths
        measured |= {"loss_gap_mean": losses, "final_distance_sq": distance[1:]}
    values = {symbol: known[symbol] for symbol in bound.symbols}
    if len(lengths) == 0 or not bound.inside(**values).all():
        return 0.0
    stated, exact = bound(**values), measured[bound.about]
    floor = 1e-9 * max(np.abs(seen["middle_sq"]).max(), np.abs(seen["consensus"]).max())  # rounding of the moments
    return float(np.max(np.where(stated > floor, exact / np.maximum(stated, 1e-300), 0)))


def climb(name, seconds=np.inf, most=np.inf, seed=0):
    """(largest ratio found, number of tries) in some seconds, or in some tries."""
    generator, began, tries, best = np.random.default_rng(seed), time.monotonic(), 0, 0.0
    while time.monotonic() - began < seconds and tries < most:
        shape = shape_of(name, generator)
        candidates = generator.normal(size=(20, size_of(shape))) * generator.choice([0.5, 1, 3], (20, 1))
        values = [ratio(name, shape, candidate) for candidate in candidates]
        tries += 20
        x, here, scale, failures = candidates[np.argmax(values)], max(values), 1.0, 0
        while scale > 0.02 and time.monotonic() - began < seconds and tries < most:
            moved = x + scale * generator.normal(size=len(x)) * (generator.random(len(x)) < 0.3)
            value, tries, failures = ratio(name, shape, moved), tries + 1, failures + 1
            if value > here:
                x, here, failures = moved, value, 0
            elif failures > 25:
                scale, failures = scale / 2, 0
        best = max(best, here)
    return best, tries


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30, help="for each bound")
    parser.add_argument("names", nargs="*", default=(*CONCAVE, *BOWLS))
    arguments = parser.parse_args()
    print("| bound | tries | largest measured / bound |\n|---|---:|---:|")
    for bound in arguments.names:
        largest, number = climb(bound, arguments.seconds)
        print(f"| {bound} | {number:,} | {largest:.4f} |", flush=True)
