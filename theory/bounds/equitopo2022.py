"""Song, Li, Jin, Shi, Yan, Yin, Yuan, NeurIPS 2022, arXiv 2210.07881: EquiTopo, rates that do not depend on the size.

A shift by u hops, A_u = (1 - 1/n) P^u + I/n with u uniform on 1 ... n - 1, has the Fourier eigenvalues
a_j = (1 - 1/n) w^(ju) + 1/n, j != 0, of mean 0 and mean square (n - 2)/n. The authors' code was seen, the text was not.
"""

from sympy import Rational, log

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Song et al. 2022, arXiv 2210.07881"

agents, basis, accuracy, failure_probability, damping = symbols("agents basis accuracy failure_probability damping")

ONE = ("doubly_stochastic", "random_shifts", "independent_rounds")
KEPT = 1 - 2 / agents  # mean square of an eigenvalue of one shift

EQUISTATIC_SHIFTS = Bound(
    name="equistatic_shifts",
    about="basis",
    kind="upper",
    formula=Rational(8, 3) * log(2 * agents / failure_probability) / accuracy**2,
    where=(agents >= 2, accuracy < 1, failure_probability < 1),
    assumptions=("doubly_stochastic", "random_shifts"),
    source=f"{PAPER}, in the authors' code, which rounds it down; derived here from the matrix Bernstein inequality",
    statement="Random shifts that suffice for |W - J|_2 < accuracy, except with failure_probability.",
    example={"agents": 64, "accuracy": 0.5, "failure_probability": 0.1},
    order="either",
    increasing=("agents",),
    decreasing=("accuracy", "failure_probability"),
)
EQUISTATIC_MEAN_RATE = Bound(
    name="equistatic_mean_rate",
    about="p",
    kind="equal",
    formula=1 - KEPT / basis,
    where=(agents >= 2, basis >= 1),
    assumptions=ONE,
    source="independent shifts of mean 0 on deviations",
    statement="A mean of `basis` random shifts, drawn anew for each round.",
    example={"agents": 16, "basis": 4.0},
    order="either",
    increasing=("basis",),
    decreasing=("agents",),
)
EQUIDYN_RATE = Bound(
    name="equidyn_rate",
    about="p",
    kind="equal",
    formula=1 - (1 - damping) ** 2 - damping**2 * KEPT,
    where=(agents >= 2,),
    assumptions=ONE,
    source=f"E|(1 - a) x + a A_u x|^2, a = `damping`; {PAPER}, OD-EquiDyn of the authors' code with all hops",
    statement="One peer a round, and a rate that does not depend on the size: about one half at damping = 1/2.",
    example={"agents": 16, "damping": 0.5},
    order="either",
    decreasing=("agents",),
)
EQUIDYN_BEST_DAMPING = Bound(
    name="equidyn_best_damping",
    about="damping",
    kind="equal",
    formula=agents / (2 * agents - 2),
    where=(agents >= 2,),
    assumptions=ONE,
    source="equidyn_rate, largest over the damping",
    statement="The best damping, a little above one half.",
    example={"agents": 16},
    order="either",
    decreasing=("agents",),
)
EQUIDYN_BEST_RATE = Bound(
    name="equidyn_best_rate",
    about="p",
    kind="equal",
    formula=agents / (2 * agents - 2),
    where=(agents >= 2,),
    assumptions=ONE,
    source="equidyn_rate at equidyn_best_damping",
    statement="The rate at the best damping, that of a random perfect matching.",
    example={"agents": 16},
    order="either",
    decreasing=("agents",),
)
