"""The exercises of notebook 3: what a bound says and how loose it is."""

import numpy as np

from paper_repro.course.checks import array, choice, function, number
from theory.bounds import BOUNDS
from theory.mixing import complete_average, damped
from theory.proof.worst_case import worst_case
from theory.spectrum import consensus_rate, drift_gain, noise_gain

SLEM, LR = 0.9, 0.1  # of exercise 3.3
PRINTED = 12.0  # of Lemma D.1
SMALL = (1e-3, 1e-2)  # where slopes are taken


def one_step(consensus_distance, lr, p, phi):
    """The best bound on the next Xi^2 without noise."""
    at = {"consensus_distance": consensus_distance, "local_gradient_norm_sq": phi**2}
    return BOUNDS["lemma_d1_exact_form"](agents=16, lr=lr, p=p, sigma=0.0, **at)


def level(lr, p, sigma, phi):
    """The fixed point of the recursion of Lemma D.1, which is Corollary D.2."""
    return BOUNDS["corollary_d2"](lr=lr, p=p, sigma=sigma, phi=phi)


def least_constant():
    """The smallest c for which (1 - p/2) Xi^2 + c (1 - p)/p (η φ)^2 holds in one step, by exact worst cases.

    The start is the one at which Young's inequality for the rate 1 - p/2 is an equality.
    """
    kept = SLEM**2
    p, start = 1 - kept, (2 * kept / (1 - kept) * LR) ** 2
    worst = worst_case([SLEM], 1, LR, kind="nonconvex", phi=1.0, initial_consensus_distance=start)
    return (worst.value - (1 - p / 2) * start) * p / ((1 - p) * LR**2)


def slope(value, points):
    """The slope of log value over log of two points."""
    first, last = (float(value(point)) for point in points)
    return np.log(last / first) / np.log(points[1] / points[0])


def slopes_in_p():
    """Slopes of the exact E Xi^2 over p, noise alone and drift alone, on (1 - a) I + a J with a small p."""
    found = []
    for gain, power in ((noise_gain, 1), (drift_gain, 2)):
        values = [damped(complete_average(16), a) for a in SMALL]
        rates = [consensus_rate(W) for W in values]
        sizes = [gain(W) ** power for W in values]
        found.append(np.log(sizes[1] / sizes[0]) / np.log(rates[1] / rates[0]))
    return found


def powers_of_steps():
    """Powers of 1/ε in the rate of Koloskova et al.: with noise, with heterogeneity alone, with neither."""
    record = BOUNDS["koloskova_nonconvex"]
    rest = {"agents": 16, "p": 0.1, "window": 1, "L_local": 1.0, "initial_gap": 1.0}
    cases = ({"sigma": 1.0, "zeta": 1.0}, {"sigma": 0.0, "zeta": 1.0}, {"sigma": 0.0, "zeta": 0.0})
    return [
        -slope(lambda epsilon, case=case: record(epsilon=epsilon, **rest, **case), (1e-12, 1e-11)) for case in cases
    ]


EXERCISES = {
    "3.1": function(
        level,
        [(0.1, 0.4, 1.0, 2.0), (0.01, 0.05, 0.0, 1.0), (0.3, 1.0, 1.0, 1.0)],
        "A level is where Xi² is the same before and after: set X = (1 − p/2) X + B and solve for X.",
        slips=[
            (lambda *at: level(*at) / 2, "A factor 2 is missing: X − (1 − p/2) X is p/2 times X, not p times."),
            (lambda lr, p, sigma, phi: level(lr, p, sigma, phi) * p / 2, "That is what one step adds; sum the steps."),
        ],
    ),
    "3.2": function(
        one_step,
        [(0.5, 0.1, 0.4, 2.0), (0.0, 0.1, 0.1, 1.0), (2.0, 0.01, 0.9, 0.5)],
        "Gossip leaves 1 − p of the squared distance of what it is given. How far apart can agents at distance Xi be "
        "after a step of at most η φ each, in the root mean square?",
        slips=[
            (
                lambda X, lr, p, phi: 2 * (1 - p) * (X + (lr * phi) ** 2),
                "(a + b)² ≤ 2 a² + 2 b² is true, and loses a factor of up to 2: keep the square of the sum.",
            ),
            (
                lambda X, lr, p, phi: (np.sqrt((1 - p) * X) + lr * phi) ** 2,
                "Here the step comes first and is averaged, too: the factor 1 − p is outside of the square.",
            ),
            (lambda X, lr, p, phi: (1 - p) * (X + (lr * phi) ** 2), "Distances add, their squares do not."),
        ],
    ),
    "3.3": number(
        least_constant,
        "Take the worst case of one step from that start, subtract (1 − p/2) Xi_0², and divide by (1 − p)/p (η φ)².",
        slips=[
            (lambda: PRINTED, "That is the printed one; the worst case is far below it."),
            (lambda: PRINTED / least_constant(), "That is how loose the printed constant is; c is what replaces it."),
        ],
    ),
    "3.4": array(
        slopes_in_p,
        "Look at the two curves where p is small: over one decade of p, how many decades does each fall?",
        rtol=0.03,
        slips=[
            (lambda: [-2.0, -2.0], "So says the printed bound, for both. Which of the two exact curves is flatter?"),
            (lambda: [-2.0, -1.0], "The order is noise, heterogeneity."),
            (lambda: [1.0, 2.0], "Mind the sign: both fall as p grows."),
        ],
    ),
    "3.5": array(
        powers_of_steps,
        "The order is noise, heterogeneity alone, neither. For a small ε the largest power of 1/ε wins: read it off "
        "the formula with σ = 0, and with σ = ζ = 0.",
        slips=[(lambda: [-power for power in powers_of_steps()], "Powers of 1/ε, not of ε: mind the sign.")],
    ),
    "3.6": choice(
        lambda: "no" if BOUNDS["koloskova_nonconvex"].kind == "order" else "yes",
        {"yes": "What number does an O(...) with a hidden constant say, at one point?", "no": "It is no order bound."},
    ),
}
