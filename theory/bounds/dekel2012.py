"""Dekel, Gilad-Bachrach, Shamir, Xiao, JMLR 13:165-202, 2012: the regret of serial, mini-batch and distributed SGD.

psi(sigma^2, m) = 2 D^2 L + 2 D sigma sqrt(m) is the serial regret over m samples. A mini-batch of B counts as one
sample of variance sigma^2/B that costs B samples, or B + latency where the agents talk meanwhile.
"""

from sympy import Rational, sqrt

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Dekel et al. 2012, JMLR 13:165-202"

sigma, L_local, samples, radius = symbols("sigma L_local samples radius")
batch, batches, latency = symbols("batch batches latency")

ONLINE = ("convex_samples", "noise_per_agent", "bounded_domain", "decreasing_lr")
VALUES = {"sigma": 1.0, "L_local": 1.0, "radius": 1.0}

DEKEL_SERIAL = Bound(
    name="dekel_serial",
    about="regret",
    kind="upper",
    formula=2 * radius**2 * L_local + 2 * radius * sigma * sqrt(samples),
    assumptions=ONLINE,
    source=f"{PAPER}, serial SGD and dual averaging",
    statement="The regret of one agent that takes a step for every sample.",
    example=VALUES | {"samples": 10000},
    order="either",
    increasing=("sigma", "L_local", "samples", "radius"),
)
DEKEL_MINIBATCH = Bound(
    name="dekel_minibatch",
    about="regret",
    kind="upper",
    formula=2 * batch * radius**2 * L_local + 2 * radius * sigma * sqrt(samples + batch),
    assumptions=ONLINE,
    source=f"{PAPER}, serial mini-batches",
    statement="The regret of one step for every batch: only the term that does not grow with the samples suffers.",
    example=VALUES | {"samples": 10000, "batch": 16},
    order="either",
    increasing=("sigma", "L_local", "samples", "radius", "batch"),
)
DEKEL_DISTRIBUTED = Bound(
    name="dekel_distributed",
    about="regret",
    kind="upper",
    formula=(batch + latency) * (2 * radius**2 * L_local + 2 * radius * sigma * sqrt(batches / batch)),
    assumptions=(*ONLINE, "independent_noise", "parallel"),
    source=f"{PAPER}, distributed mini-batches",
    statement="The regret of all agents: batches = ceil(samples/(batch + latency)), each of batch gradients in all.",
    example=VALUES | {"batch": 100, "batches": 9260, "latency": 8},
    order="either",
    increasing=("sigma", "L_local", "radius", "batches", "latency"),
)
DEKEL_CUBE_ROOT = Bound(
    name="dekel_cube_root",
    about="regret",
    kind="upper",
    formula=(
        2 * radius * sigma * sqrt(samples)
        + 2 * radius * samples ** Rational(1, 3) * (L_local * radius + sigma * sqrt(latency))
        + 2 * radius * sigma * samples ** Rational(1, 6)
        + 2 * radius * sigma * latency * samples ** Rational(-1, 6)
        + 2 * latency * radius**2 * L_local
    ),
    assumptions=(*ONLINE, "independent_noise", "parallel"),
    source=f"{PAPER}, distributed mini-batches of samples^(1/3) gradients; derived here from dekel_distributed",
    statement="With batches that grow as the cube root of the samples, latency and agents cost nothing to first order.",
    example=VALUES | {"samples": 1000000, "latency": 8},
    order="either",
    increasing=("sigma", "L_local", "radius", "latency"),
)
