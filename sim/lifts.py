"""Functions of the testbed in d dimensions: a sum over the coordinates, a function of the length, or of a direction.

The norms are exact again. Along a unit direction v the q-th derivative is D^q F[v, ..., v], and by symmetry the norm of
D^q F is its largest modulus over v (Banach), so that

    separable  F(x) = sum_i f(x_i):  L1 sqrt(d), L2, L3, L4, as sum |v_i|^q <= 1 for q >= 2;
    direction  F(x) = f(u . x), |u| = 1:  L1, L2, L3, L4, as |u . v| <= 1;
    radial     F(x) = f(|x|):  L1, L2, L3, L4 for pseudo_huber, gaussian_well and quadratic. On every line F is f of a
               point at distance r from the center, which is c f(y/c) with c = sqrt(1 + r^2), exp(-r^2/2) f(y), and
               f(y) + r^2/2: no derivative is larger than that of f.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from sim.testbed import Function, x
from theory.errors import require

KINDS = ("separable", "direction", "radial")
RADIAL = ("pseudo_huber", "gaussian_well", "quadratic")


@dataclass(frozen=True, eq=False)
class Lifted:
    """`profile` in `dim` dimensions; `direction` [dim] is the u of a direction, normalized here."""

    profile: Function
    kind: str
    dim: int
    direction: tuple = ()

    def __post_init__(self):
        require(self.kind in KINDS, f"kind {self.kind!r} is not one of {', '.join(KINDS)}")
        require(self.dim >= 1, f"dim is {self.dim}; it must be at least 1")
        known = self.kind != "radial" or self.profile.name in RADIAL
        require(known, f"{self.profile.name} has no known norms as a function of |x|; {', '.join(RADIAL)} have")
        length = self.dim if self.kind == "direction" else 0
        require(len(self.direction) == length, f"direction has {len(self.direction)} entries; it must have {length}")

    @property
    def norms(self):
        """(L1, L2, L3, L4) on R^dim, exact."""
        first, *rest = self.profile.norms
        return (first * sympy.sqrt(self.dim) if self.kind == "separable" else first, *rest)

    @cached_property
    def _unit(self):
        return np.asarray(self.direction, dtype=float) / np.linalg.norm(self.direction)

    @cached_property
    def _of_square(self):
        """psi, psi', psi'', psi''' with f(x) = psi(x^2), as functions of arrays."""
        s = sympy.Symbol("s", positive=True)
        psi = sympy.simplify(self.profile.expression.subs(x, sympy.sqrt(s)))
        forms = [sympy.lambdify(s, psi.diff(s, q) if q else psi, "numpy") for q in range(4)]
        return lambda q, square: np.broadcast_to(forms[q](square), square.shape)

    def __call__(self, points):
        """F [...] at points [..., dim]."""
        points = np.asarray(points, dtype=float)
        if self.kind == "separable":
            return self.profile(points).sum(axis=-1)
        if self.kind == "direction":
            return self.profile(points @ self._unit)
        return np.array(self._of_square(0, (points**2).sum(axis=-1)))

    def gradient(self, points):
        """grad F [..., dim]."""
        points = np.asarray(points, dtype=float)
        if self.kind == "separable":
            return self.profile(points, 1)
        if self.kind == "direction":
            return self.profile(points @ self._unit, 1)[..., None] * self._unit
        return 2 * self._of_square(1, (points**2).sum(axis=-1))[..., None] * points

    def hessian(self, points):
        """The Hessian [..., dim, dim]."""
        points = np.asarray(points, dtype=float)
        if self.kind == "separable":
            return self.profile(points, 2)[..., None] * np.eye(self.dim)
        if self.kind == "direction":
            return self.profile(points @ self._unit, 2)[..., None, None] * np.outer(self._unit, self._unit)
        square = (points**2).sum(axis=-1)
        outer = points[..., :, None] * points[..., None, :]
        curved, turned = (self._of_square(q, square)[..., None, None] for q in (1, 2))
        return 2 * curved * np.eye(self.dim) + 4 * turned * outer

    def trace_gradient(self, points, Gamma):
        """grad Tr(Hessian Gamma) [..., dim] for a symmetric Gamma [dim, dim], what T2 multiplies by the gradient."""
        points, Gamma = np.asarray(points, dtype=float), np.asarray(Gamma, dtype=float)
        if self.kind == "separable":
            return self.profile(points, 3) * np.diagonal(Gamma)
        if self.kind == "direction":
            u = self._unit
            return self.profile(points @ u, 3)[..., None] * (u @ Gamma @ u) * u
        square = (points**2).sum(axis=-1)
        turned, third = (self._of_square(q, square)[..., None] for q in (2, 3))
        pulled = points @ Gamma
        along = (pulled * points).sum(axis=-1)[..., None]
        return 4 * turned * np.trace(Gamma) * points + 8 * third * along * points + 8 * turned * pulled
