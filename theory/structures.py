"""Structured mixing matrices: their eigenvalues by formula, and so 10^6 agents in a moment.

Three structures cover ring, path, torus, grid, hypercube, complete and the (exponential) circulants. Each is symmetric
or at least normal, so that the eigenvalues λ_j alone decide every spectral quantity, and each hands them out without
cancellation: `sides` are 1 - λ_j and 1 + λ_j of a symmetric one, `losses` are 1 - |λ_j|² on deviations from consensus,
all to nearly full relative precision however small they are. Rows receive: x_i <- Σ_j W[i, j] x_j.
"""

from dataclasses import dataclass
from functools import reduce
from math import isfinite, prod
from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array, kron

from theory.edges import at_least
from theory.errors import OnemergeError, require
from theory.validate import TOLERANCE

COARSE = 1e-3  # below this 1 - λ from a Fourier transform loses digits, and is summed from sin² instead


def _numbers(values, name, kind=Real, words="a finite number"):
    """Raise unless all `values` are finite and of the `kind` of number that `words` say."""
    for value in values:
        if not issubclass(type(value), kind) or isinstance(value, bool) or not isfinite(value):
            raise OnemergeError(f"{name} is {value!r}; it must be {words}")


def _unit_sum(weights, name):
    total = float(np.sum(weights))
    require(abs(total - 1) <= TOLERANCE, f"the weights of {name} sum to {total:.10g}; they must sum to 1")


def _summed(agents, waves, hops, weights, root):
    """Σ_h 2 w_h root(jh mod n)² at the frequencies j in `waves`."""
    total = np.zeros(len(waves))
    if len(waves):
        for hop, weight in zip(hops.tolist(), weights.tolist(), strict=True):
            total += 2 * weight * root(waves * hop % agents) ** 2
    return total


def _symmetric_below(agents, hops, weights):
    """1 - λ_j = Σ_h w_h 2 sin²(πjh/n), j = 0..n-1, of a symmetric circulant; hops, weights [k]; h = 0 adds nothing.

    A Fourier transform gives all of them to 1e-16 in absolute terms; those below COARSE are summed again from sin², a
    sum without cancellation where no weight is negative.
    """
    row = np.bincount(hops, weights, minlength=agents)
    half = row.sum() - np.fft.rfft(row).real
    half[0] = 0
    near = 1 + np.flatnonzero(half[1:] < COARSE)
    half[near] = _summed(
        agents, near, hops, weights, lambda turn: np.sin(np.pi / agents * np.minimum(turn, agents - turn))
    )
    return np.concatenate([half, half[1 : (agents + 1) // 2][::-1]])


@dataclass(frozen=True, eq=False)
class Circulant:
    """W[i, (i + h) mod n] = weights[h]: agent i hears i + h. λ_j = Σ_h w_h exp(2πi jh/n), j = 0..n-1; always normal.

    `weights` {offset: weight}: any integer offsets, those equal mod n are added; the weights sum to 1 and may be
    negative.
    """

    agents: int
    weights: dict

    def __post_init__(self):
        object.__setattr__(self, "agents", at_least(1, agents=self.agents))
        given = isinstance(self.weights, dict)
        require(given, f"weights is {self.weights!r}; a circulant takes a dict of offsets and their weights")
        kinds = {type(hop): hop for hop in self.weights}, {type(weight): weight for weight in self.weights.values()}
        _numbers(kinds[0].values(), "an offset of the circulant", Integral, "an integer")
        _numbers(kinds[1].values(), "a weight of the circulant")
        merged = {}
        for hop, weight in self.weights.items():
            merged[int(hop) % self.agents] = merged.get(int(hop) % self.agents, 0.0) + float(weight)
        _numbers([sum(merged.values())], "the sum of the weights of the circulant")
        _unit_sum(list(merged.values()), "the circulant")
        object.__setattr__(self, "weights", merged)

    @property
    def shape(self):
        return self.agents, self.agents

    @property
    def symmetric(self):
        """Whether w_h = w_(n-h) for every h."""
        return all(self.weights.get(-hop % self.agents, 0.0) == weight for hop, weight in self.weights.items())

    def _arrays(self):
        return np.array(list(self.weights), dtype=np.int64), np.array(list(self.weights.values()))

    def eigenvalues(self):
        """λ_j [n] in the order of the frequency j: real where W is symmetric, complex otherwise."""
        values = np.fft.ifft(np.bincount(*self._arrays(), minlength=self.agents)) * self.agents
        return values.real if self.symmetric else values

    def sides(self):
        """(1 - λ_j, 1 + λ_j) [n] each, of a symmetric circulant; 1 + λ_j = Σ_h w_h 2 cos²(πjh/n), summed so near -1."""
        require(self.symmetric, "the circulant is not symmetric and has complex eigenvalues; use its losses")
        hops, weights = self._arrays()
        below = _symmetric_below(self.agents, hops, weights)
        above = 2 - below
        near = np.flatnonzero(above < COARSE)
        n = self.agents  # cos(πx/n) = sin(π(n - 2x)/(2n)), which keeps its digits near 0
        above[near] = _summed(n, near, hops, weights, lambda turn: np.sin(np.pi / (2 * n) * (n - 2 * turn)))
        return below, above

    def losses(self):
        """1 - |λ_j|² [n - 1], j = 1..n-1: 1 - the eigenvalues of W Wᵀ, the circulant of the autocorrelated weights."""
        if self.symmetric:
            below, above = self.sides()
            return (below * above)[1:]
        hops, weights = self._arrays()
        pairs = (hops[:, None] - hops).ravel() % self.agents
        return _symmetric_below(self.agents, pairs, np.outer(weights, weights).ravel())[1:]

    def to_sparse(self):
        """W as csr_array [n, n]."""
        hops, weights = self._arrays()
        rows = np.repeat(np.arange(self.agents), len(hops))
        cols = (np.arange(self.agents)[:, None] + hops).ravel() % self.agents
        return csr_array((np.tile(weights, self.agents), (rows, cols)), shape=self.shape)

    def toarray(self):
        """W [n, n], dense."""
        return self.to_sparse().toarray()


@dataclass(frozen=True)
class Line:
    """W = I - w L with the Laplacian L of a path and the weight w of every edge: 1 - λ_k = 4 w sin²(πk/(2n)), k < n."""

    agents: int
    weight: float

    def __post_init__(self):
        object.__setattr__(self, "agents", at_least(1, agents=self.agents))
        _numbers([self.weight], "weight")

    @property
    def shape(self):
        return self.agents, self.agents

    symmetric = True

    def sides(self):
        """(1 - λ_k, 1 + λ_k) [n] each; 1 + λ_k = 2 - 4w + 4w cos²(πk/(2n))."""
        angles = np.pi / (2 * self.agents) * np.arange(self.agents)
        below, above = 4 * self.weight * np.sin(angles) ** 2, 4 * self.weight * np.cos(angles) ** 2
        return below, 2 - 4 * self.weight + above

    def eigenvalues(self):
        """λ_k [n], decreasing for w > 0."""
        return 1 - self.sides()[0]

    def losses(self):
        """1 - λ_k² [n - 1], k = 1..n-1."""
        below, above = self.sides()
        return (below * above)[1:]

    def to_sparse(self):
        """W as csr_array [n, n]."""
        links = np.full(self.agents - 1, self.weight)
        kept = 1 - np.concatenate([links, [0.0]]) - np.concatenate([[0.0], links])
        return csr_array(diags_array([kept, links, links], offsets=[0, 1, -1]) if self.agents > 1 else [[1.0]])

    def toarray(self):
        """W [n, n], dense."""
        return self.to_sparse().toarray()


@dataclass(frozen=True, eq=False)
class Product:
    """W = Σ_k share_k (I ⊗ ... ⊗ W_k ⊗ ... ⊗ I), shares that sum to 1: mixing along each axis of a Cartesian product.

    `factors` are symmetric structures. λ = Σ_k share_k λ^(k) over all choices of one eigenvalue of each, and likewise
    1 - λ and 1 + λ: sums of nonnegative terms. The last factor's agent number varies fastest.
    """

    factors: tuple
    shares: tuple

    def __post_init__(self):
        lists = isinstance(self.factors, (tuple, list)) and isinstance(self.shares, (tuple, list))
        require(lists, f"factors is {self.factors!r} and shares {self.shares!r}; both must be tuples")
        for factor in self.factors:
            require(isinstance(factor, STRUCTURES), f"a factor is {factor!r}; it must be a Circulant, Line or Product")
        _numbers(self.shares, "a share of the product")
        matched = len(self.factors) == len(self.shares) > 0
        require(matched, f"{len(self.shares)} shares for {len(self.factors)} factors; each factor needs one")
        require(all(factor.symmetric for factor in self.factors), "a factor is not symmetric; all factors must be")
        _unit_sum(self.shares, "the product")

    symmetric = True

    @property
    def agents(self):
        return prod(factor.agents for factor in self.factors)

    @property
    def shape(self):
        return self.agents, self.agents

    def sides(self):
        """(1 - λ, 1 + λ) [n] each; the first is the eigenvalue of consensus."""

        def added(side):
            parts = [share * factor.sides()[side] for factor, share in zip(self.factors, self.shares, strict=True)]
            return reduce(lambda some, more: np.add.outer(some, more).ravel(), parts)

        return added(0), added(1)

    def eigenvalues(self):
        """λ [n], one for each choice of an eigenvalue of every factor."""
        return 1 - self.sides()[0]

    def losses(self):
        """1 - λ² [n - 1], consensus left out."""
        below, above = self.sides()
        return (below * above)[1:]

    def to_sparse(self):
        """W as csr_array [n, n]."""
        total, before, after = csr_array(self.shape), 1, self.agents
        for factor, share in zip(self.factors, self.shares, strict=True):
            after //= factor.agents
            total += share * kron(eye_array(before), kron(factor.to_sparse(), eye_array(after)))
            before *= factor.agents
        return csr_array(total)

    def toarray(self):
        """W [n, n], dense."""
        return self.to_sparse().toarray()


STRUCTURES = (Circulant, Line, Product)
