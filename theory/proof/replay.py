"""The losses of a worst case, rebuilt from its Gram blocks in closed form, and gradient descent run on them.

A Gram block M_w = R Rᵀ gives vectors, one row of R for each of its basis. With an orthonormal basis u of the eigenspace
of w, of dimension n_w, agent k has √(m/n_w) u(k) times those vectors for every u, in coordinates of their own, besides
what all agents share from the block of the mean. Points, gradients and values then give each agent's loss as
`interpolation.Interpolated`, which is in the class whatever rounding did to the data. The run takes its gradients from
the losses, and the limits are measured on it.

Where the worst case is approached only, one more coordinate comes near it: for `Program.free` a quadratic, from a start
far enough for the data to fit; for `Program.remote` a slight slope towards a minimizer far away.
"""

from dataclasses import dataclass

import numpy as np

from theory.errors import require
from theory.proof.decentralized import Program
from theory.proof.interpolation import Interpolated, violation
from theory.proof.worst_case import SAME, modes

KEPT = 1e-11  # eigenvalues of a Gram block below this share of its trace are rounding
FITS = 1e-6  # largest violation of the interpolation inequalities, in the units of the program
FARTHEST = 1e5  # start of the coordinate that moves mean models apart
SLOPE, FAR = 1e-4, 1e5  # of the coordinate along which the minimizer lies far away


@dataclass(frozen=True, eq=False)
class Replay:
    """`value` of the run, `limits` measured on it, and what was run: losses [m], W, models [steps + 1, m, d]."""

    value: float
    limits: dict
    losses: tuple
    W: np.ndarray
    models: np.ndarray


def replay(worst):
    """The `Replay` of a `WorstCase` that is exact."""
    require(worst.exact, f"the worst case is a bound only: {'; '.join(worst.relaxed)}")
    setting, W = worst.setting, worst.mixing if worst.mixing is not None else realized(worst.eigenvalues)
    points, x, g, f = rebuilt(worst, W)
    losses = tuple(Interpolated(x[k], g[k], f, setting.lower, setting.L) for k in range(len(W)))
    models = run(losses, x[:, 0], W, setting)
    star = x[0, -1] if points[-1][0] == "star" else None
    value, limits = measured(losses, models, star, setting)
    return Replay(value, limits, losses, W, models)


def realized(eigenvalues):
    """A symmetric W over 2^k agents with these eigenvalues on the complement of 1, its eigenvectors of entries ±1."""
    characters = np.ones((1, 1))
    while len(characters) <= len(eigenvalues):
        characters = np.block([[characters, characters], [characters, -characters]])
    m = len(characters)
    filled = np.resize(np.array([float(w) for w in eigenvalues]), m - 1) if eigenvalues else np.zeros(0)
    return characters.T * np.concatenate([[1.0], filled]) @ characters / m


def rebuilt(worst, W):
    """(names of the points, x [m, points, d], g [m, points, d], f [points]) in the units of the setting."""
    scaled, _ = worst.setting.scaled()
    program = Program(scaled, worst.together)
    m, n = len(W), len(program.points)
    values, vectors = modes(W)
    x, g = [], []
    for w, M in worst.solution.blocks.items():
        size, R = np.linalg.eigh((M + M.T) / 2) if len(M) else (np.zeros(0), M)
        kept = size > KEPT * max(1e-300, size.sum())
        if not kept.any():
            continue
        R = R[:, kept] * np.sqrt(size[kept])
        at, along = (rows[:n] @ R for rows in program.vectors(w))
        weights = np.ones((m, 1))
        if w is not None:
            own = np.abs(values - w) <= SAME * m
            weights = vectors[:, own] * np.sqrt(m / own.sum())
        for u in weights.T:
            x.append(u[:, None, None] * at)
            g.append(u[:, None, None] * along)
    x, g = (np.concatenate(parts, axis=2) if parts else np.zeros((m, n, 1)) for parts in (x, g))
    f = np.zeros(n + 2)
    f[program.linear()[3]] = worst.solution.f
    f = f[:n]
    if program.free:
        x, g, f = _far(program, x, g, f)
    if program.remote:
        x, g = _sloped(x, g, scaled)
    worst_fit = max(violation(x[k], g[k], f, scaled.lower, 1.0) for k in range(m))
    require(worst_fit <= FITS, f"the data miss the interpolation inequalities by {worst_fit:.2g}, more than {FITS}")
    L, length = worst.setting.L, worst.setting.length
    return program.points, x * length, g * L * length, f * L * length**2


def _far(program, x, g, f):
    """The data with one more coordinate, of a quadratic loss that all agents share."""
    s = program.setting
    curvature = (max(s.lower, 0) + 1) / 2
    kept = (1 - s.lr * curvature) ** np.array([t for _, t in program.points], dtype=float)
    start = 1.0
    while True:
        z = np.broadcast_to(start * kept[None, :, None], (*x.shape[:2], 1))
        far = np.concatenate([x, z], 2), np.concatenate([g, curvature * z], 2), f + curvature / 2 * (start * kept) ** 2
        fit = max(violation(a, b, far[2], s.lower, 1.0) for a, b in zip(*far[:2], strict=True))
        if fit <= FITS:
            return far
        start *= 4
        require(start < FARTHEST, "the mean models of two steps cannot be moved apart, as lr (L + mu)/2 is 2")


def _sloped(x, g, setting):
    """The data with one more coordinate, along which all losses fall slowly until a minimizer far away, the last point.

    It is as far as the inequalities of the pairs (minimizer, point) need, and these are linear in it.
    """
    steps = np.arange(x.shape[1], dtype=float)[None, :, None]  # the run's own moves of at most lr SLOPE are rounding
    slope = np.where(steps < x.shape[1] - 1, -SLOPE, 0.0) + np.zeros((len(x), 1, 1))
    far = np.where(steps < x.shape[1] - 1, 0.0, FAR) + np.zeros((len(x), 1, 1))
    return np.concatenate([x, far], 2), np.concatenate([g, slope], 2)


def run(losses, start, W, setting):
    """Models [steps + 1, m, d] of gradient descent on the losses, from `start` [m, d]."""
    models = [start]
    for _ in range(setting.steps):
        X = models[-1]
        G = np.array([loss(point)[1] for loss, point in zip(losses, X, strict=True)])
        moved = X - setting.lr * G
        models.append(W @ moved if setting.order == "adapt_then_combine" else W @ X - setting.lr * G)
    return np.array(models)


def diversity(losses, models):
    """Root of the mean of |grad L_k - grad L|² at every model of a run [steps + 1, m, d] and at the means, a list."""
    points = np.concatenate([models, models.mean(1, keepdims=True)], axis=1).reshape(-1, models.shape[2])
    gradients = [np.array([loss(point)[1] for loss in losses]) for point in points]
    return [float(((G - G.mean(0)) ** 2).sum(1).mean()) ** 0.5 for G in gradients]


def measured(losses, models, star, setting):
    """(value of setting.about, the limits) of a run; each of the limits that the setting has is measured again."""
    N, means = setting.steps, models.mean(1)

    def local(t):
        return np.array([loss(point)[1] for loss, point in zip(losses, models[t], strict=True)])

    def at(point):
        """(mean loss, local gradients [m, d]) at one point."""
        found = [loss(point) for loss in losses]
        return float(np.mean([value for value, _ in found])), np.array([gradient for _, gradient in found])

    def spread(rows):
        return float(((rows - rows.mean(0)) ** 2).sum(1).mean())

    limits, least = {}, at(star)[0] if star is not None else None
    if setting.phi is not None:
        limits["phi"] = max(float((local(t) ** 2).sum(1).mean()) for t in range(N)) ** 0.5
    if setting.zeta is not None:
        limits["zeta"] = max(spread(at(means[t])[1]) for t in range(N)) ** 0.5
    if setting.initial_gap is not None:
        limits["initial_gap"] = at(means[0])[0] - least
    if setting.initial_distance_sq is not None:
        limits["initial_distance_sq"] = float(((means[0] - star) ** 2).sum())
    if setting.initial_consensus_distance is not None:
        limits["initial_consensus_distance"] = spread(models[0])
    if setting.about == "consensus_distance":
        return spread(models[N]), limits
    if setting.about == "final_distance_sq":
        return float(((means[N] - star) ** 2).sum()), limits
    if setting.about.startswith("loss_gap"):
        steps = range(N) if setting.about == "loss_gap_mean" else [N]
        return float(np.mean([at(means[t])[0] - least for t in steps])), limits
    steps = {"gradient_norm_sq": [N], "gradient_norm_sq_mean": range(N), "gradient_norm_sq_least": range(N + 1)}
    norms = [float((at(means[t])[1].mean(0) ** 2).sum()) for t in steps[setting.about]]
    return min(norms) if setting.about == "gradient_norm_sq_least" else float(np.mean(norms)), limits
