"""The largest eigenvalue modulus on deviations from consensus of a mixing matrix that is neither symmetric nor normal.

Where the agents form several strongly connected classes, an order of the agents makes W block triangular, and its
eigenvalues are those of the blocks W_cc: exactly so, while those of W as a whole may be off by the root of a rounding
error as high as a chain of such classes is long. One block that hears no other class loses its eigenvalue 1: of it
W_cc - 1 cᵀ, c the means of its columns, has the eigenvalues of W_cc with one 1 replaced by 0 (Brauer, "Limits for the
characteristic roots of a matrix IV", 1952).
"""

import numpy as np
from scipy.linalg import lu_factor, lu_solve
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs

from theory.errors import OnemergeError

FULL = 2000  # agents of a class up to which all its eigenvalues are computed: a second or two
LEADING, SPACE, POWERS = 10, 120, 1000  # eigenvalues sought by Arnoldi's method, its space, products before it
CROWDED = 1e-2  # relative difference of moduli that Arnoldi's method may take for each other
NILPOTENT = 1e-15  # a product this much smaller than its vector is 0 up to rounding
BESIDE = 1e-13  # distance of the shift from an eigenvalue of which the vectors are sought


def largest_modulus(W, clock, full=FULL):
    """(slem, its estimated error, method) of a csr W [m, m] whose rows sum to 1, m >= 2."""
    classes, own = connected_components(W, directed=True, connection="strong")
    if classes == 1:
        return _of_class(W, W.sum(axis=0) / W.shape[0], clock, full)
    rows, cols = W.nonzero()
    listening = np.zeros(classes, dtype=bool)
    listening[own[rows[own[rows] != own[cols]]]] = True
    if np.count_nonzero(~listening) > 1 and W.data.min() >= 0:
        return 1.0, 0.0, "several closed classes"
    closed = int(np.argmin(listening))
    sizes = np.bincount(own)
    alone = (sizes[own] == 1) & (own != closed)
    found = [(float(np.abs(W.diagonal()[alone]).max(initial=0.0)), 0.0, "classes of one agent")]
    for part in np.flatnonzero(sizes > 1):
        members = np.flatnonzero(own == part)
        block = csr_array(W[members][:, members])
        means = block.sum(axis=0) / len(members) if part == closed else np.zeros(len(members))
        found.append(_of_class(block, means, clock, full))
    return max(found)


def _of_class(block, means, clock, full):
    return (_dense if block.shape[0] <= full else _arnoldi)(block, means, clock)


def _dense(block, means, _):
    """All eigenvalues; the error is that of rounding times the condition |x||y|/|yᴴx| of the largest one."""
    A = block.toarray() - means
    values = np.linalg.eigvals(A).astype(complex)
    largest = values[np.argmax(np.abs(values))]
    factors = lu_factor(A - (largest + BESIDE * (0.6 + 0.8j)) * np.eye(len(A)))
    start = np.random.default_rng(0).standard_normal(len(A))
    right, left = (lu_solve(factors, lu_solve(factors, start, trans=way), trans=way) for way in (0, 2))
    condition = np.linalg.norm(right) * np.linalg.norm(left) / max(abs(np.vdot(left, right)), np.finfo(float).tiny)
    return float(abs(largest)), float(min(1e-15 * len(A) * condition, 1.0)), "dense"


def _arnoldi(block, means, clock):
    """The largest of LEADING eigenvalues; the error is its residual, or the spread of moduli that crowd together.

    Arnoldi's method may converge to the second of two moduli that differ by little, hence several at once, and a start
    that POWERS products have turned to the largest. The residual is no bound where W is far from normal.
    """

    def apply(x):
        clock.check("Arnoldi did not come to its tolerance")
        return block @ x - means @ x

    x = np.random.default_rng(0).standard_normal(block.shape[0])
    for _ in range(POWERS):
        image = apply(x)
        size = np.linalg.norm(image)
        if size <= NILPOTENT * np.linalg.norm(x):
            return 0.0, NILPOTENT, "powers"
        x = image / size
    operator = LinearOperator(block.shape, matvec=lambda y: apply(y.ravel()), dtype=np.float64)
    space = min(SPACE, block.shape[0] - 1)
    try:
        values, vectors = eigs(operator, k=LEADING, which="LM", v0=x, ncv=space, tol=1e-12, maxiter=100)
    except ArpackNoConvergence as failure:
        raise OnemergeError(
            f"Arnoldi's method found no {LEADING} leading eigenvalues in 100 restarts: "
            "too many eigenvalues have nearly the same modulus"
        ) from failure
    moduli, first = np.abs(values), np.argmax(np.abs(values))
    vector = vectors[:, first]
    residual = np.linalg.norm(apply(vector) - values[first] * vector)
    spread = np.ptp(moduli) if np.ptp(moduli) <= CROWDED * moduli[first] else 0.0
    return float(moduli[first]), float(max(residual, spread, 1e-15)), "Arnoldi"
