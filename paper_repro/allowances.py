"""The exact consensus distance of decentralized SGD on quadratics, and what bounds allow at the same point.

By `theory.moments` everything is an expectation: bounds that speak about E Ξ² and E φ² are compared without noise.
"""

import numpy as np

from figures.consensus import EXACT, ZERO
from theory.bounds import BOUNDS
from theory.moments import dsgd_moments

STEP = "lemma_d1_step"
ITERATED = ("lemma_d1", "lemma_d1_exact_form")  # of one step, iterated from Ξ = 0


def allowances(spec, problem, gossip, numbers, seed, names, every):
    """(round, {metric: value}) for one instance, the replica `seed` of `problem`.

    The round is where E Ξ² is largest, of the multiples of `every` and the last one; EXACT is its value there, and each
    of `names` what that bound allows, if its region holds the point: one of one round says nothing where p = 0. STEP is
    the largest quotient of E Ξ² after a step and what Lemma D.1 allows, over all steps. `numbers` are those of
    `paper_repro.check.spectrum`; φ² is the largest E φ_t² before the last round.
    """
    built = problem.build(spec.agents, (seed,))
    curvature, optima, start = built.curvature.numpy(), built.optima[0].numpy(), built.start[0].numpy()
    moments = dsgd_moments(gossip, curvature, optima, start, spec.lr, problem.sigma, spec.order)
    rounds = range(spec.rounds + 1)
    path = [(now.consensus_distance(), gradients_sq(now, curvature, optima)) for now, _ in zip(moments, rounds)]  # noqa: B905
    distances, squares = np.array(path, dtype=float).T
    at = max(sorted({*rounds[every::every], spec.rounds}), key=lambda t: distances[t])
    known = {
        "agents": spec.agents, "lr": spec.lr, "sigma": problem.sigma, "zeta": problem.zeta, "L_local": built.smoothness,
        "phi": squares[:-1].max() ** 0.5, **{name: numbers[name] for name in ("p", "noise_gain", "drift_gain")},
    }  # fmt: skip
    values = {EXACT: distances[at]}
    for name in names:
        state = {"consensus_distance": 0.0, "local_gradient_norm_sq": squares[0]} if name in ITERATED else {}
        bound, given = BOUNDS[name], known | state
        if bound.inside(**bound.arguments(given)):
            values[name] = iterated(bound, given, squares[:at]) if name in ITERATED else bound(**bound.arguments(given))
    if "lemma_d1" in values and distances[at] > ZERO:
        lemma = BOUNDS["lemma_d1"]
        before = {"consensus_distance": distances[:-1], "local_gradient_norm_sq": squares[:-1]}
        values[STEP] = (distances[1:] / lemma(**lemma.arguments(known | before))).max()
    return at, {name: float(value) for name, value in values.items()}


def gradients_sq(now, curvature, optima):
    """E φ² = (1/m) Σ_k E‖H_k (θ_k − b_k)‖² [loss]²/[θ]² of moments, for diagonal Hessians h [m, d], optima b [m, d]."""
    variance = np.diagonal(now.covariance, axis1=-2, axis2=-1).T
    return (curvature**2 * ((now.mean - optima) ** 2 + variance)).sum(axis=1).mean()


def iterated(bound, known, squares):
    """What a bound of one step allows after as many steps as there are φ_t² in `squares`, from Ξ = 0."""
    level = 0.0
    for square in squares:
        level = float(bound(**bound.arguments(known | {"consensus_distance": level, "local_gradient_norm_sq": square})))
    return level
