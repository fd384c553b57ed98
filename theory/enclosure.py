"""Proved intervals of spectral quantities, or "not certified": nothing here is an estimate.

    gap             1 - slem
    slem            second largest modulus of the eigenvalues, the spectral radius of W - J
    contraction     |W - J|_2
    consensus_rate  p = 1 - |(I - J) W|_2²

What is enclosed. A topology with the rule uniform, metropolis, max_degree or the lazy half of one stands for the matrix
of exact fractions, 1/3 and not its nearest float64. A stored matrix stands for itself, for whatever its rows sum to up
to 1e-9, and for every matrix whose rows sum to 1 exactly and whose off-diagonal weights are within one unit in the last
place (2^-52) of the stored ones: so the interval also contains the quantity of the matrix that was meant before its
weights were rounded. Of a gap that is smaller than the rounding of its stored matrix, the interval contains 0.

How. Closed forms in ball arithmetic (`theory.closed_forms`); all eigenvalues of a circulant (`theory.circulant_balls`);
Rayleigh quotients and negative pivots for a symmetric matrix, dense or sparse (`theory.inertia`), whether eigenvalues
are multiple, clustered or not; ball arithmetic for a small matrix that is not symmetric (`theory.unsymmetric`).
"""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import fsum

import networkx as nx
import numpy as np
from scipy.sparse import csr_array, issparse, triu

from theory.balls import ball, evaluate, in_balls, outward
from theory.circulant_balls import circulant_gap, circulant_rate, distances, gap_between
from theory.closed_forms import DIRECTED, LAZY, heard_offsets, known, one_minus_slem
from theory.edges import Links, links_of
from theory.errors import require
from theory.inertia import gap_of
from theory.laplacian import undirected
from theory.links import links
from theory.mixing import WEIGHTS, mixing
from theory.rayleigh import UNIT, Weights
from theory.structures import STRUCTURES, Circulant
from theory.unsymmetric import norm_of, slem_of
from theory.validate import as_mixing, as_sparse_mixing

QUANTITIES = ("gap", "slem", "contraction", "consensus_rate")
FRACTIONS = ("uniform", "metropolis", "max_degree")  # rules whose weights are exact, and their lazy halves
STORED = 2.0**-52  # relative error that a stored weight may have
STRUCTURED = 2.0**-50  # and that a weight of a structure may have, the quotient of a few roundings
FEW = 200  # offsets up to which a circulant's eigenvalues are summed one by one
NEARLY = 1e-12  # difference of two weights up to which a stored matrix is symmetric; the interval accounts for it


@dataclass(frozen=True)
class Enclosure:
    """lower <= quantity <= upper, proved by `method`; or certified=False, no bounds, and the `reason` in a sentence."""

    quantity: str
    lower: float | None
    upper: float | None
    certified: bool
    method: str
    reason: str


def enclose(quantity, what, weights=None, **parameters):
    """`Enclosure` of one of QUANTITIES for `what`:

    the name of a topology with its parameters, or a networkx graph or `Links`, with a rule of `theory.mixing.WEIGHTS`
    (by default uniform where directed, else metropolis); a structure of `theory.operators`; or a matrix [m, m] whose
    rows sum to 1, dense or scipy sparse.
    """
    require(
        isinstance(quantity, str) and quantity in QUANTITIES,
        f"unknown quantity {quantity!r}; valid ones are {', '.join(QUANTITIES)}",
    )
    named = isinstance(what, str)
    rule = weights is None or (isinstance(weights, str) and weights in WEIGHTS)
    require(rule, f"unknown weights {weights!r}; valid weights are {', '.join(WEIGHTS)}")
    require(named or not parameters, f"{', '.join(parameters)}: parameters go with the name of a topology")
    if named:
        interval, how = _named(quantity, what, weights, parameters)
    elif isinstance(what, (nx.Graph, Links)):
        interval, how = _linked(quantity, links_of(what), weights)
    else:
        require(weights is None, f"weights is {weights!r}; a matrix has its weights already")
        interval, how = (_structured if isinstance(what, STRUCTURES) else _stored)(quantity, what)
    if interval is None:
        return Enclosure(quantity, None, None, False, "", f"not certified: {how}.")
    return Enclosure(quantity, *map(float, interval), True, how, "")


def enclose_gap(what, weights=None, **parameters):
    """`enclose` of the gap 1 - slem."""
    return enclose("gap", what, weights, **parameters)


@in_balls
def _of_gap(quantity, gap):
    """The quantity of a symmetric W from the interval of its gap g: slem = contraction = 1 - g, p = g (2 - g)."""
    if gap is None or quantity == "gap":
        return gap
    low, high = map(ball, gap)
    if quantity == "consensus_rate":
        return outward(low * (2 - low))[0], outward(high * (2 - high))[1]
    return outward(1 - high)[0], outward(1 - low)[1]


@in_balls
def _of_rate(quantity, rate):
    """The quantity of a normal W from the interval of p: slem = contraction = (1 - p)^(1/2), gap = p/(1 + slem)."""
    if rate is None or quantity == "consensus_rate":
        return rate
    low, high = ((1 - ball(p)).nonnegative_part().sqrt() for p in rate)
    if quantity == "gap":
        return outward(ball(rate[0]) / (1 + low))[0], outward(ball(rate[1]) / (1 + high))[1]
    return outward(high)[0], outward(low)[1]


def _named(quantity, name, rule, parameters):
    rule = rule or ("uniform" if name in DIRECTED else "metropolis")
    if not known(name, rule):
        return _linked(quantity, links(name, **parameters), rule)
    gap = one_minus_slem(name, rule, **parameters)
    if gap is not None:
        return _of_gap(quantity, outward(evaluate(gap))), "closed form in balls"
    heard = heard_offsets(name, **parameters)
    return _equal_circulant(quantity, int(parameters["agents"]), heard, rule)


def _equal_circulant(quantity, agents, heard, rule):
    weight = Fraction(1, (1 + len(heard)) * (2 if rule.startswith(LAZY) else 1))
    return _circulant(quantity, agents, dict.fromkeys(heard, weight), 0)


def _circulant(quantity, agents, weights, relative):
    """Of a symmetric circulant both forms hold: 1 - λ² is the sharper one near λ = -1, and 1 - λ elsewhere."""
    rate, how = circulant_rate(agents, weights, relative)
    found = _of_rate(quantity, rate)
    if found and all(weights.get(-hop % agents) == weight for hop, weight in weights.items()):
        other = _of_gap(quantity, circulant_gap(agents, weights, relative))
        found = max(found[0], other[0]), min(found[1], other[1])
    return found, how


def _linked(quantity, net, rule):
    rule = rule or ("uniform" if net.directed else "metropolis")
    base = rule.removeprefix(LAZY)
    if base not in FRACTIONS:
        return _stored(quantity, mixing(net, rule, sparse=True))
    if base != "uniform":
        undirected(net, f"{rule} weights")
    senders, receivers = net.arcs()
    offsets, counts = np.unique((senders - receivers) % net.agents, return_counts=True)
    if len(offsets) <= FEW and (counts == net.agents).all():
        return _equal_circulant(quantity, net.agents, offsets.tolist(), rule)
    heard = np.bincount(receivers, minlength=net.agents)
    if net.directed or (base == "uniform" and np.ptp(heard) > 0):
        return _stored(quantity, mixing(net, rule, sparse=True))
    one, other = net.pairs.T
    top = heard.max() if base == "max_degree" else np.maximum(heard[one], heard[other])
    weights = np.broadcast_to(1 / ((1 + top) * (2 if rule != base else 1)), one.shape)
    gap, how = gap_of(Weights(net.agents, one, other, weights, relative=UNIT))
    return _of_gap(quantity, gap), how


def _structured(quantity, structure):
    if isinstance(structure, Circulant):
        return _circulant(quantity, structure.agents, structure.weights, STRUCTURED)
    gap = gap_between(*distances(structure, STRUCTURED))
    return _of_gap(quantity, gap), "ends of the spectrum of a structure from balls of sin²"


def _stored(quantity, W):
    W = as_sparse_mixing(W) if issparse(W) else as_mixing(W)
    rows = csr_array(W)
    skew = abs(rows - rows.T)
    if skew.max() > NEARLY:
        return _unsymmetric(quantity, W)
    ends = rows.indptr.tolist()
    stored = rows.data.tolist()
    missing = [abs(fsum([*stored[a:b], -1.0])) for a, b in pairwise(ends)]
    absolute = (max(missing) + skew.sum(axis=1).max()) * (1 + 1e-9)
    above = triu((rows + rows.T) / 2, k=1).tocoo()
    used = above.data != 0
    i, j = (index[used].astype(np.int64) for index in above.coords)
    relative = STORED * (2 if skew.nnz else 1)  # the mean of two weights is rounded once more
    weights = Weights(rows.shape[0], i, j, above.data[used], relative=relative, absolute=float(absolute))
    gap, how = gap_of(weights)
    return _of_gap(quantity, gap), how


def _unsymmetric(quantity, W):
    W = W.toarray() if issparse(W) and W.shape[0] <= 1000 else W
    if issparse(W):
        return None, f"a matrix of {W.shape[0]} agents is not symmetric, and such ones are enclosed where small only"
    if quantity in ("contraction", "consensus_rate"):
        norm, how = norm_of(W, STORED, quantity == "contraction")
        return norm and (_rate(norm) if quantity == "consensus_rate" else norm), how
    slem, how = slem_of(W, STORED)
    return slem and (slem if quantity == "slem" else _gap(slem)), how


@in_balls
def _rate(norm):
    low, high = map(ball, norm)
    return outward(1 - high * high)[0], outward(1 - low * low)[1]


@in_balls
def _gap(slem):
    low, high = map(ball, slem)
    return outward(1 - high)[0], outward(1 - low)[1]
