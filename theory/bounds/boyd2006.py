"""Boyd, Ghosh, Prabhakar, Shah, IEEE Trans. Information Theory 52(6), 2006: randomized gossip, and random matchings.

A round in which pairs average is a projection, W = W^T = W^2: E|W x - mean|^2 contracts by lambda_2(E W) = 1 - p.
Rounds here are single wake-ups: one agent, uniformly random, averages with one of its neighbors, uniformly random.

From a start x_0 along the eigenvector of lambda_2, lambda_2^t |x_0| = |E x_t - mean| <= E|x_t - mean|, which at the
averaging time is at most |x_0| (accuracy (1 - accuracy) + accuracy), as no round takes x further from its mean.
"""

from sympy import Eq, Mod, Rational, log, pi, sin

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Boyd et al. 2006, IEEE Trans. Information Theory 52(6)"

agents, accuracy, mean_eigenvalue = symbols("agents accuracy mean_eigenvalue")

PAIRS = ("doubly_stochastic", "pairwise_gossip", "independent_rounds")
AVERAGING = ("doubly_stochastic", "independent_rounds", "pairwise_gossip")
PROPER = (accuracy < 1, mean_eigenvalue > 0, mean_eigenvalue < 1)
HALF = Rational(1, 2)


def _rate(name, formula, where, source, statement, assumptions=PAIRS):
    return Bound(
        name=name, about="p", kind="equal", formula=formula, where=where, assumptions=assumptions, source=source,
        statement=statement, example={"agents": 16}, order="either", decreasing=("agents",),
    )  # fmt: skip


BOYD_COMPLETE_RATE = _rate(
    "boyd_complete_rate", 1 / (agents - 1), (agents >= 2,),
    f"E W of {PAPER}; Laplacian of the complete graph",
    "One wake-up on the complete graph.",
)  # fmt: skip
BOYD_RING_RATE = _rate(
    "boyd_ring_rate", 2 * sin(pi / agents) ** 2 / agents, (agents >= 3,),
    f"E W of {PAPER}; Laplacian of the ring",
    "One wake-up on a ring.",
)  # fmt: skip
BOYD_STAR_RATE = _rate(
    "boyd_star_rate", 1 / (2 * (agents - 1)), (agents >= 3,),
    f"E W of {PAPER}: edge {{center, leaf}} with probability 1/(n - 1), whose Laplacian has the eigenvalue 1",
    "One wake-up on a star of n agents, center included.",
)  # fmt: skip
RANDOM_MATCHING_RATE = _rate(
    "random_matching_rate", agents / (2 * (agents - 1)), (agents >= 2, Eq(Mod(agents, 2), 0)),
    "E W = (1/2) I + (1/2) of a uniformly random partner",
    "One round of a uniformly random perfect matching: about one half, for any size.",
    ("doubly_stochastic", "random_matching", "independent_rounds"),
)  # fmt: skip
BOYD_AVERAGING_MOST = Bound(
    name="boyd_averaging_most",
    about="averaging_time",
    kind="upper",
    formula=3 * log(accuracy) / log(mean_eigenvalue),
    where=PROPER,
    assumptions=AVERAGING,
    source=f"{PAPER}, Theorem 3 as recalled; derived here: Markov's inequality for |x - mean|^2",
    statement="Wake-ups that suffice to average with a given accuracy, from any start.",
    example={"accuracy": 0.01, "mean_eigenvalue": 1 - 1 / 15},
    order="either",
    increasing=("mean_eigenvalue",),
    decreasing=("accuracy",),
)
BOYD_AVERAGING_LEAST = Bound(
    name="boyd_averaging_least",
    about="averaging_time",
    kind="lower",
    formula=HALF * log(accuracy) / log(mean_eigenvalue),
    where=(*PROPER, accuracy * (2 - accuracy) ** 2 <= 1),
    assumptions=AVERAGING,
    source=f"{PAPER}, Theorem 3 as recalled, for any accuracy; derived here up to 0.38: boyd_averaging_least_sharp",
    statement="Wake-ups that are needed to average with a given accuracy, from the worst start.",
    example={"accuracy": 0.01, "mean_eigenvalue": 1 - 1 / 15},
    order="either",
    increasing=("mean_eigenvalue",),
    decreasing=("accuracy",),
)
BOYD_AVERAGING_LEAST_SHARP = Bound(
    name="boyd_averaging_least_sharp",
    about="averaging_time",
    kind="lower",
    formula=log(accuracy * (2 - accuracy)) / log(mean_eigenvalue),
    where=PROPER,
    assumptions=AVERAGING,
    source="lambda_2(E W)^t <= E|x - mean|/|x_0| <= accuracy (2 - accuracy) for a start along the eigenvector",
    statement="About twice as many: the mean of the start decays by lambda_2 a round, not by its root.",
    example={"accuracy": 0.01, "mean_eigenvalue": 1 - 1 / 15},
    order="either",
    increasing=("mean_eigenvalue",),
    decreasing=("accuracy",),
)
