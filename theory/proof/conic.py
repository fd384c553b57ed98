"""The semidefinite program of `decentralized.Program`, solved through its dual for as few eigenvalues as decide it.

    minimize y r   over y >= 0   with   y a = c   and   S_w(y) = Σ_i y_i A_i,w - C_w >= 0 for the mean and every w;

the Gram blocks M_w and the values f are its multipliers. S_w is a polynomial of w, and few eigenvalues matter: the
program is solved for some, and those at which S_w(y) has a negative eigenvalue join, until none is left. The y found is
then feasible for all of them, so that nothing was given up.
"""

import time
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, vstack

from theory.errors import OnemergeError
from theory.proof.interpolation import settings, solver

ATTEMPTS = ((1e-9, False), (1e-9, True), (1e-7, True))  # (tolerance, whether the solver rescales), the first that ends
SLACK = 1e-8  # least eigenvalue of S_w, relative to its size, that is taken as 0
SOLVED = ("Solved", "AlmostSolved")  # to the tolerance, and to 100 times it
AT_ONCE = 6  # eigenvalues that join in one round


@dataclass(frozen=True, eq=False)
class Solution:
    """y [constraints], blocks {w: M_w} of the eigenvalues that mattered (None: the mean), f [values], in scaled units.

    `primal` = Σ <C, M> + c f and `dual` = y r are the two values; `seconds` is the time of all rounds.
    """

    y: np.ndarray
    blocks: dict
    f: np.ndarray
    primal: float
    dual: float
    status: str
    seconds: float
    margin: float


def solve(program, eigenvalues, margin=0.0):
    """`Solution` for distinct `eigenvalues`; with a margin, S_w(y) - margin D >= 0, D = diag of the size of S_w."""
    start = time.perf_counter()
    eigenvalues = sorted(map(float, eigenvalues))
    forms = {None: program.forms(None)}
    active = _spread(eigenvalues)
    while True:
        forms |= {w: program.forms(w) for w in active if w not in forms}
        found = _solve({w: forms[w] for w in [None, *active]}, program.linear(), margin)
        y, blocks, f, primal, dual, status = found
        if status not in SOLVED:
            raise OnemergeError(f"the semidefinite program ended as {status}; its limits may bound nothing")
        left = [w for w in eigenvalues if w not in active]
        negative = {w: _least(y, *program.forms(w)) for w in left}
        worst = sorted((w for w in left if negative[w] < -SLACK), key=negative.get)
        if not worst:
            return Solution(y, blocks, f, primal, dual, status, time.perf_counter() - start, margin)
        active = sorted({*active, *worst[:AT_ONCE:2], *worst[: AT_ONCE // 2]})


def _spread(eigenvalues):
    """Few eigenvalues to begin with: the ends, the one nearest 0, and some between."""
    if len(eigenvalues) <= 8:
        return list(eigenvalues)
    places = np.linspace(0, len(eigenvalues) - 1, 5).round().astype(int)
    return sorted({*(eigenvalues[i] for i in places), min(eigenvalues, key=abs), eigenvalues[-2], eigenvalues[1]})


def slack(y, A, C):
    """S = Σ_i y_i A_i - C [n, n]."""
    return np.tensordot(y, A, 1) - C


def _least(y, A, C):
    """The least eigenvalue of S, its rows and columns scaled to a unit diagonal where that is not tiny."""
    S = slack(y, A, C)
    if not len(S):
        return 0.0
    size = np.sqrt(np.maximum(np.abs(np.diagonal(S)), 1e-6 * max(1e-300, np.abs(S).max())))
    return float(np.linalg.eigvalsh(S / size[:, None] / size)[0])


def _solve(forms, linear, margin):
    """(y, blocks, f, primal, dual, status) of the program with the blocks `forms`."""
    clarabel = solver()
    a, c, r, _ = linear
    unit = max([np.abs(C).max() for _, C in forms.values() if C.size] + [np.abs(c).max(initial=0.0)]) or 1.0
    size = np.max([np.abs(A).reshape(len(A), -1).max(1, initial=0.0) for A, _ in forms.values()], axis=0)
    size = np.where(size > 0, size, 1.0)  # every constraint in a unit of its own
    a, r = a / size[:, None], r / size
    k, values = a.shape
    rows, b, cones = [csc_array(a.T), csc_array(-np.eye(k))], [c / unit, np.zeros(k)], []
    if values:
        cones.append(clarabel.ZeroConeT(values))
    cones.append(clarabel.NonnegativeConeT(k))
    for A, C in forms.values():
        n = len(C)
        if not n:
            continue
        at, weight = _triangle(n)
        rows.append(csc_array(-(A[:, at[0], at[1]] * weight / size[:, None]).T))
        b.append(-((C / unit + margin * np.eye(n))[at] * weight))
        cones.append(clarabel.PSDTriangleConeT(n))
    G, h = csc_array(vstack(rows)), np.concatenate(b)
    for attempt in ATTEMPTS:
        chosen = settings(*attempt)
        found = clarabel.DefaultSolver(csc_array((k, k)), r, G, h, cones, chosen).solve()
        if str(found.status) in SOLVED:
            break
    z, place, blocks = np.array(found.z), values + k, {}
    for w, (_, C) in forms.items():
        n = len(C)
        at, weight = _triangle(n)
        M = np.zeros((n, n))
        M[at] = z[place : place + len(weight)] / weight
        blocks[w] = M + np.triu(M, 1).T
        place += len(weight)
    y, f = np.array(found.x) * unit, -z[:values]
    primal = sum(float((C * blocks[w]).sum()) for w, (_, C) in forms.items()) + float(c @ f)
    return y / size, blocks, f, primal, float(r @ y), str(found.status)


def _triangle(n):
    """(indices of the upper triangle column by column, their weights 1 or √2) as the solver stacks a matrix."""
    columns, rows = np.tril_indices(n)
    return (rows, columns), np.where(rows == columns, 1.0, np.sqrt(2))
