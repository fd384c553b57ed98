"""Proved slem, contraction and consensus rate of a small dense mixing matrix that need not be symmetric.

    contraction = |W - J|_2,   1 - p = |(I - J) W|_2² as W 1 = 1,   slem = spectral radius of W - J.

A norm is bounded below by |A v|/|v| for any vector v, and above by t where t² I - AᵀA has positive pivots only, all in
balls. The spectral radius comes from enclosures of all eigenvalues, which do not exist for defective matrices.
"""

import numpy as np

from theory.balls import ball, flint, in_balls, negative_pivots, outward, triangle

NORM = 300  # agents up to which a norm is enclosed
RADIUS = 100  # agents up to which all eigenvalues are
SHARP = 40  # agents up to which by the sharper and slower method
MARGINS = 10.0 ** np.arange(-14, 0)


def _completed(W, relative):
    """(W with the own weights that make every row sum to 1, as balls; |W - W_true|_2 at most, a float).

    W_true is the stored W, or has off-diagonal weights within `relative` of the stored ones and rows that sum to 1.
    """
    n = len(W)
    rows = [[ball(x) for x in row] for row in W.tolist()]
    off = np.abs(W - np.diag(np.diag(W)))
    apart = np.zeros(n)
    for i, row in enumerate(rows):
        own = 1 - sum(row[:i] + row[i + 1 :], ball(0))
        apart[i] = outward(abs(row[i] - own))[1]
        row[i] = own
    error = relative * (off + np.diag(off.sum(axis=1))) + np.diag(apart)
    spread = (error.sum(axis=0).max() * error.sum(axis=1).max()) ** 0.5 * (1 + 1e-6)
    return flint().arb_mat(rows), float(spread)


def _norm(A):
    """((lower, upper) balls of |A|_2), or None."""
    n = A.nrows()
    v = np.linalg.svd(np.array([[float(x) for x in row] for row in A.tolist()]))[2][0]
    v = flint().arb_mat(n, 1, [ball(x) for x in v])
    image = A * v
    lower = (image.transpose() * image)[0, 0] / (v.transpose() * v)[0, 0]
    gram = A.transpose() * A
    for margin in MARGINS:
        top = ball(outward(lower)[1]) * (1 + float(margin)) + 1e-300
        diagonal, rows = triangle(-gram)
        if negative_pivots([top + entry for entry in diagonal], rows) == 0:
            return lower.sqrt(), top.sqrt()
    return None


@in_balls
def norm_of(W, relative, about_old_mean):
    """((lower, upper) of |W - J|_2 or, about the new mean, of |(I - J) W|_2, how), or (None, why not)."""
    n = len(W)
    if n > NORM:
        return None, f"a matrix of {n} agents is not symmetric, and such norms are enclosed up to {NORM} agents"
    exact, spread = _completed(W, relative)
    share = ball(1) / n
    mean = [sum((exact[i, j] for i in range(n)), ball(0)) * share for j in range(n)]
    drop = [share] * n if about_old_mean else mean
    A = flint().arb_mat(n, n, [exact[i, j] - drop[j] for i in range(n) for j in range(n)])
    found = _norm(A)
    if found is None:
        return None, "no count of pivots confirms the approximate norm"
    low, high = outward(found[0] - spread)[0], outward(found[1] + spread)[1]
    return (max(low, 0.0), high), "Rayleigh quotient and pivots of t² I - AᵀA in balls"


@in_balls
def slem_of(W, relative):
    """((lower, upper) of slem, how), or (None, why not)."""
    n, library = len(W), flint()
    if n > RADIUS:
        return None, f"a matrix of {n} agents is not symmetric, and its eigenvalues are enclosed up to {RADIUS} agents"
    exact, share = _completed(W, 0.0)[0], ball(1) / n
    for i in range(n):
        total = library.arb(0)
        for j in range(n):
            if j != i:
                error = library.arb(0, abs(float(W[i, j])) * relative * (1 + 1e-6))
                exact[i, j], total = exact[i, j] + error, total + error
        exact[i, i] = (exact[i, i] + total).union(ball(W[i, i]))
    A = library.arb_mat(n, n, [entry - share for entry in exact.entries()])
    method = "rump" if n <= SHARP else "vdhoeven_mourrain"
    moduli = [abs(z) for z in library.acb_mat(A).eig(multiple=True, algorithm=method, nonstop=True)]
    if not all(z.is_finite() for z in moduli):
        return None, "the eigenvalues cannot be told apart from their errors; the matrix may be defective"
    return (max(outward(z)[0] for z in moduli), max(outward(z)[1] for z in moduli)), "all eigenvalues in balls"
