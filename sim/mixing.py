"""Gossip along its edges: x_i <- Σ_j W_ij x_j of all replicas, in place, at the cost of the weights that are not zero.

Θ [n, d] holds the agents of all replicas, row r · A + i is agent i of replica r. An `Exchange` is made of the W on the
CPU and moved to the device once; `mix_` works on blocks of columns that fit into a cache, reads a block before it
writes there, and touches no agent that keeps only itself (W_ii = 1). What runs is decided by the structure of each W:

- few weights a row: each row gathers its own sources (`sim.edge_sums.Sums`);
- all rows that change alike (a merge, a federated average of some agents): one sum, copied;
- at least half of many weights present (those of one sum are): a matrix product (`sim.edge_sums.Product`).

Models of 16 bits are summed in float32, with weights in float32: three times a third of bfloat16 is 1.002.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array, issparse

from sim.edge_sums import Product, Sums, indices
from theory.errors import OnemergeError, require
from theory.validate import as_sparse

ROWS = 4096  # rows of small replicas that are summed together
MANY = 1024  # weights from which on the W of a replica may be a matrix product
SPACE = {"cpu": 2**19, "cuda": 2**26}  # bytes of the sums of one block of columns: half an L2 cache, or few launches
NARROW = 64  # columns that a block has at least


@dataclass(frozen=True, eq=False)
class Exchange:
    """One communication of all replicas, `count` rows of Θ in all; no two `parts` have a row or a source in common."""

    count: int
    dtype: torch.dtype
    parts: tuple

    def W(self):
        """The matrix [n, n] float64 that all parts stand for, block-diagonal over the replicas."""
        W = np.eye(self.count)
        for part in self.parts:
            block = W[part.span, part.span]
            rows = indices(part.rows, part.weights.device).numpy(force=True)
            block[rows] = 0
            for half in part.apart:
                receivers = np.repeat(rows, half.offsets.diff().numpy(force=True))
                senders = indices(half.reads, half.sources.device)[half.sources].numpy(force=True)
                block[receivers, senders] = half.weights.numpy(force=True)
        return W


def exchange(Ws, dtype, device):
    """`Exchange` of one W [A, A] for each replica, dense numpy or scipy sparse, for models of `dtype` on `device`.

    Every row needs a weight; that rows sum to 1 is not checked.
    """
    Ws = list(Ws)
    require(Ws, "no mixing matrix was given; an exchange takes one for each replica.")
    for W in Ws:
        square = len(W.shape) == 2 and W.shape[0] == W.shape[1] > 0 and W.shape == Ws[0].shape
        require(square, f"a mixing matrix has the shape {list(W.shape)}; all must be [agents, agents] alike.")
    agents, parts = Ws[0].shape[0], []
    together = max(1, ROWS // agents)
    summed = torch.promote_types(dtype, torch.float32)
    for first in range(0, len(Ws), together):
        for span, reads, rows, *form in _planned(Ws[first : first + together], agents):
            span = slice(span.start + first * agents, span.stop + first * agents)
            place, weights = (span, _moved(reads, device), _moved(rows, device)), torch.as_tensor(form.pop())
            holes, weights = bool((weights == 0).any()), weights.to(device, summed)
            if form:
                bags = (None if part is None else torch.as_tensor(part, device=device) for part in form)
                parts.append(Sums(*place, *bags, weights))
            else:
                parts.append(Product(*place, weights, holes))
    return Exchange(len(Ws) * agents, dtype, tuple(parts))


def _moved(rows, device):
    """Ascending rows as a slice where they are neighbors, else as a tensor on the device."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else torch.as_tensor(rows, device=device)


def _entries(Ws, agents):
    """(row, source, weight) [e] each, of the weights of some replicas that are not 0, row by row, columns ascending."""
    if any(issparse(W) for W in Ws):
        found = [as_sparse(W if issparse(W) else csr_array(W)).tocoo() for W in Ws]
        row = np.concatenate([W.row + r * agents for r, W in enumerate(found)], dtype=np.int64)
        source = np.concatenate([W.col + r * agents for r, W in enumerate(found)], dtype=np.int64)
        return row, source, np.concatenate([W.data for W in found])
    stacked = np.asarray(Ws[0])[None] if len(Ws) == 1 else np.stack(Ws)
    place = np.flatnonzero(stacked)
    row, column = np.divmod(place, agents)
    weight = stacked.ravel()[place].astype(np.float64, copy=False)
    for k in np.flatnonzero(~np.isfinite(weight))[:1]:
        where = f"entry [{row[k] % agents}, {column[k]}]"
        raise OnemergeError(f"{where} of a mixing matrix is {weight[k]}; every weight must be a finite number.")
    return row, column + row // agents * agents, weight


def _planned(Ws, agents):
    """The parts of some replicas as numpy arrays: (span, reads, rows, which, offsets, sources, weights) of `Sums`, or
    (span, reads, rows, weights [k, u]) of a `Product`."""
    row, source, weight = _entries(Ws, agents)
    count, shape = len(Ws) * agents, (len(Ws), agents)
    sizes = np.bincount(row, minlength=count)
    for i in np.flatnonzero(sizes == 0)[:1]:
        raise OnemergeError(f"row {i % agents} of a mixing matrix is all zeros; every agent needs a weight.")
    start = np.cumsum(sizes) - sizes

    single = np.flatnonzero(sizes == 1)
    keeps = single[(source[start[single]] == single) & (weight[start[single]] == 1)]
    changed = np.ones(count, dtype=bool)
    changed[keeps] = False
    head = changed.reshape(shape).argmax(axis=1) + np.arange(len(Ws)) * agents  # the first row that changes

    twin = np.minimum(start[head][row // agents] + np.arange(len(row)) - start[row], len(row) - 1)
    unlike = (sizes != np.repeat(sizes[head], agents)) & changed
    unlike[row[changed[row] & ((source != source[twin]) | (weight != weight[twin]))]] = True
    alike = (changed.reshape(shape).sum(axis=1) > 1) & ~unlike.reshape(shape).any(axis=1)
    summed = changed & ~np.repeat(alike, agents)  # rows that have a bag of their own
    summed[head[alike]] = True

    bagged = np.ones(len(Ws), dtype=bool)
    for r in np.flatnonzero((sizes * changed).reshape(shape).sum(axis=1) >= MANY):
        span = slice(r * agents, (r + 1) * agents)
        bags = np.flatnonzero(summed[span])
        inside = slice(start[span.start], start[span.stop - 1] + sizes[span.stop - 1])
        mine = inside.start + np.flatnonzero(summed[row[inside]])
        reads, column = _numbered(source[mine] - span.start, agents)
        if 2 * len(mine) >= len(bags) * len(reads):
            bagged[r] = False
            weights = np.zeros((len(bags), len(reads)))
            weights[np.searchsorted(bags, row[mine] - span.start), column] = weight[mine]
            yield span, reads, np.flatnonzero(changed[span]), weights
    left = np.repeat(bagged, agents)
    rows, bags = np.flatnonzero(changed & left), np.flatnonzero(summed & left)
    if len(rows):
        mine = (summed & left)[row]
        leader = np.where(alike[rows // agents], head[rows // agents], rows)
        which = None if len(bags) in (1, len(rows)) else np.searchsorted(bags, leader)
        reads, sources = _numbered(source[mine], count)
        yield slice(0, count), reads, rows, which, np.append(0, np.cumsum(sizes[bags])), sources, weight[mine]


def _numbered(values, count):
    """(the distinct ones of values < count, ascending; the number of each value among them)."""
    present = np.zeros(count, dtype=bool)
    present[values] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[values]


@torch.no_grad()
def mix_(theta, exchange, heard=None):
    """x_i <- Σ_j W_ij x_j in place on Θ [n, d]; with `heard` [n, d] the terms j != i are of what peers published."""
    fits = len(theta) == exchange.count and theta.dtype == exchange.dtype
    wanted = f"{exchange.count} rows of {exchange.dtype}"
    require(fits, f"an exchange of {wanted} does not fit models {list(theta.shape)} of {theta.dtype}.")
    alike = heard is None or (heard.shape == theta.shape and heard.dtype == theta.dtype)
    require(alike, f"what is heard must be {list(theta.shape)} of {theta.dtype}, as the models are.")
    with torch.autocast(theta.device.type, enabled=False):
        for part in exchange.parts:
            own, foreign = (part, None) if heard is None else part.apart
            for columns in _blocks(theta.shape[1], own if foreign is None else foreign):
                x = theta[part.span, columns]
                new = own.of(x)
                if foreign is not None:
                    new += foreign.of(heard[part.span, columns])
                x[part.rows] = new.to(theta.dtype)


def _blocks(columns, part):
    """Slices of columns whose sums fit into SPACE, or NARROW ones."""
    space = SPACE.get(part.weights.device.type, SPACE["cuda"])
    width = max(space // (part.weights.element_size() * part.load), NARROW)
    return [slice(first, first + width) for first in range(0, columns, width)]
