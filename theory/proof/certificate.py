"""An upper bound on a worst case, proved in exact rationals.

With multipliers y >= 0 of the inequalities <A_i, M> + a_i f <= r_i of `decentralized.Program`, summed over blocks,

    <C, M> + c f = y r - Σ_i y_i (r_i - <A_i, M> - a_i f) - Σ_w <S_w, M_w>   if   y a = c,   S_w = Σ_i y_i A_i,w - C_w,

so that y r bounds the objective where every S_w is positive semidefinite. The solver proposes multipliers, with a
margin in S_w; they are rounded to decimals; the equation y a = c is mended exactly, on independent rows of the largest
ones; and S_w >= 0 is decided by L D Lᵀ in Fractions. The solver is trusted for nothing.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from theory.errors import OnemergeError, require, shown
from theory.proof.conic import solve
from theory.proof.decentralized import Program
from theory.proof.setting import UNITS
from theory.proof.worst_case import equal_models, setting_of

DIGITS = 10  # decimals of a multiplier, relative to the largest
MARGINS = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5)  # of the least eigenvalue of S_w, in units of the objective


@dataclass(frozen=True, eq=False)
class Certificate:
    """worst case <= `bound`, a Fraction: `multipliers` [constraints] >= 0 of `program`, in the order of its labels.

    `pivots` {w: D of S_w = L D Lᵀ}, None the mean, are all >= 0; `factor` is the unit of the objective. It is verified
    where it is made.
    """

    bound: Fraction
    multipliers: tuple
    pivots: dict
    eigenvalues: tuple
    factor: Fraction
    program: Program

    def __post_init__(self):
        self.verify()

    def verify(self):
        """The bound again, from the multipliers alone; an OnemergeError where one of the conditions fails."""
        bound, _ = checked(self.program, self.multipliers, self.eigenvalues)
        require(bound * self.factor == self.bound, f"the multipliers prove {bound * self.factor}, not {self.bound}")
        return self.bound


def certificate(
    eigenvalues, steps, lr, L=1, kind="convex", mu=0, about="consensus_distance", order="adapt_then_combine", **limits
):
    """A `Certificate` for symmetric W whose eigenvalues on the complement of 1 are `eigenvalues`.

    Arguments as for `worst_case`, every number a Fraction, an int, a text like "1/3", or a float, read as the decimal
    that it prints.
    """
    lr, L, mu = exact("lr", lr), exact("L", L), exact("mu", mu)
    limits = {name: exact(name, value) for name, value in limits.items()}
    eigenvalues = tuple(sorted({exact("an eigenvalue", w) for w in eigenvalues}))
    setting = setting_of(steps, lr, L, kind, mu, about, order, limits).exact()
    together = equal_models(eigenvalues, order)
    program = Program(setting, together)
    loss, _ = UNITS.get(about, (2, 2))
    factor = L**loss
    floats = Program(setting.scaled()[0], together)
    for margin in MARGINS:
        try:
            y = mended(rounded(solve(floats, eigenvalues, margin).y), *program.linear()[:2])
            bound, pivots = checked(program, y, eigenvalues)
        except OnemergeError:  # the solver fails at this margin, or rounding ate it
            continue
        return Certificate(bound * factor, tuple(y), pivots, eigenvalues, factor, program)
    raise OnemergeError(f"no margin from {MARGINS[0]:g} to {MARGINS[-1]:g} leaves multipliers that can be rounded")


def exact(name, value):
    """The Fraction of an argument; a float is the decimal that it prints."""
    try:
        return Fraction(repr(float(value)) if isinstance(value, float | np.floating) else value)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise OnemergeError(f"{name} is {shown(value)}; it must be a rational number") from error


def rounded(y):
    """y [constraints] >= 0 as Fractions of DIGITS decimals relative to the largest."""
    unit = Fraction(10) ** (int(np.floor(np.log10(y.max()))) - DIGITS)
    return [max(Fraction(0), round(Fraction(float(value)) / unit) * unit) for value in y]


def mended(y, a, c):
    """y with y a = c exactly, changed on independent rows of a that have the largest multipliers."""
    missing = [c[v] - sum(y[i] * a[i, v] for i in range(len(y)) if a[i, v]) for v in range(a.shape[1])]
    rows = []  # (pivot column, row reduced to have 1 there, its combination of rows of a)
    for i in sorted(range(len(y)), key=lambda i: -y[i]):
        left, made = list(a[i]), {i: Fraction(1)}
        for column, row, combination in rows:
            if factor := left[column]:
                left = [x - factor * z for x, z in zip(left, row, strict=True)]
                for j, weight in combination.items():
                    made[j] = made.get(j, Fraction(0)) - factor * weight
        pivot = next((v for v, x in enumerate(left) if x), None)
        if pivot is not None:
            scale = 1 / left[pivot]
            rows.append((pivot, [x * scale for x in left], {j: weight * scale for j, weight in made.items()}))
        if len(rows) == a.shape[1]:
            break
    changed = list(y)
    for column, row, combination in rows:
        if factor := missing[column]:
            missing = [x - factor * z for x, z in zip(missing, row, strict=True)]
            for j, weight in combination.items():
                changed[j] += factor * weight
    return changed


def checked(program, y, eigenvalues):
    """(y r, {w: pivots}) of exact multipliers that prove a bound; an OnemergeError that says which condition fails."""
    negative = [label for label, value in zip(program.labels, y, strict=True) if value < 0]
    require(not negative, f"the multiplier of {negative[:1]} is negative")
    a, c, r, _ = program.linear()
    for v in range(a.shape[1]):
        require(sum(y[i] * a[i, v] for i in range(len(y)) if a[i, v]) == c[v], "the values of the losses do not cancel")
    pivots = {}
    for w in (None, *eigenvalues):
        A, C = program.forms(w)
        S = sum((value * form for value, form in zip(y, A, strict=True) if value), -C)
        pivots[w] = ldl_pivots(S)
        require(pivots[w] is not None, f"the form of the eigenvalue {w} is not positive semidefinite")
    return sum((value * bound for value, bound in zip(y, r, strict=True)), Fraction(0)), pivots


def ldl_pivots(S):
    """The pivots D of S = L D Lᵀ for a symmetric matrix of Fractions; None unless it is positive semidefinite.

    A pivot of 0 needs a row of zeros: else the form takes negative values.
    """
    S, pivots = [list(row) for row in S], []
    for k in range(len(S)):
        pivot = S[k][k]
        if pivot < 0 or (pivot == 0 and any(S[k][k:])):
            return None
        pivots.append(pivot)
        for i in range(k + 1, len(S)):
            if pivot and S[i][k]:
                factor = S[i][k] / pivot
                S[i] = [x - factor * z for x, z in zip(S[i], S[k], strict=True)]
    return tuple(pivots)
