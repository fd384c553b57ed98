"""Weighted sums of rows x [n, c], the two forms that a round of gossip takes: bags of few rows, and matrix products.

Both concern a `span` of consecutive rows of Θ, numbered from its first: they read the rows `reads` once, in a stream,
and give the sums that `rows` become; each of the two is a slice or int64, ascending. No sum counts a row whose weight
is 0, so a model that is not finite reaches only those who hear it. Sums have the dtype of the weights.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch.nn.functional import embedding_bag, pad


@dataclass(frozen=True, eq=False)
class Sums:
    """rows[k] <- Σ_e weights[e] x[reads[sources[e]]] over the entries e of bag which[k].

    Bag b has the entries offsets[b] <= e < offsets[b + 1]. which=None: row k has bag k, or all have the only one.
    """

    span: slice
    reads: slice | torch.Tensor
    rows: slice | torch.Tensor
    which: torch.Tensor | None
    offsets: torch.Tensor
    sources: torch.Tensor
    weights: torch.Tensor

    @property
    def load(self):
        """Rows that a block of columns should have room for in a cache."""
        many = len(self.offsets) - 1 if self.which is None else len(self.which)
        return max(many, _count(self.reads) // 2, 1)

    def of(self, x):
        """The sums of x [n, c]: [k, c], or [1, c] for all rows."""
        x = taken(x, self.reads).to(self.weights.dtype).contiguous()
        bags = embedding_bag(
            self.sources, x, self.offsets, mode="sum", per_sample_weights=self.weights, include_last_offset=True
        )
        return bags if self.which is None else bags.index_select(0, self.which)

    @cached_property
    def apart(self):
        """`Apart` of these sums: one bag for each row, and of that its own entry and the foreign ones."""
        device, bags = self.sources.device, len(self.offsets) - 1
        rows = indices(self.rows, device)
        which = torch.arange(bags, device=device).expand(len(rows)) if self.which is None else self.which
        sizes = self.offsets.diff()[which]
        bag = torch.repeat_interleave(torch.arange(len(rows), device=device), sizes)
        first = self.offsets[which] - (sizes.cumsum(0) - sizes)
        entry = torch.arange(len(bag), device=device) + first[bag]
        sources, weights = self.sources[entry], self.weights[entry]
        own = indices(self.reads, device)[sources] == rows[bag]

        def part(kept):
            offsets = _offsets(bag[kept], len(rows))
            return replace(self, which=None, offsets=offsets, sources=sources[kept], weights=weights[kept])

        return Apart(part(own), part(~own))


@dataclass(frozen=True, eq=False)
class Product:
    """rows <- weights [k, u] @ x[reads]; weights [1, u]: the one sum for all rows. `holes`: some weights are 0."""

    span: slice
    reads: slice | torch.Tensor
    rows: slice | torch.Tensor
    weights: torch.Tensor
    holes: bool

    @property
    def load(self):
        """Rows that a block of columns should have room for in a cache."""
        return max(len(self.weights), self.weights.shape[1] // 8)

    def of(self, x):
        """The sums of x [n, c]: [k, c], or [1, c] for all rows."""
        sums = self.weights @ taken(x, self.reads).to(self.weights.dtype)
        if self.holes and not torch.stack(torch.aminmax(sums)).isfinite().all():  # perhaps by 0 · inf
            return self.ragged.of(x)
        return sums

    @cached_property
    def ragged(self):
        """The same as `Sums`, without the weights that are 0."""
        bag, place = self.weights.nonzero(as_tuple=True)
        offsets = _offsets(bag, len(self.weights))
        return Sums(self.span, self.reads, self.rows, None, offsets, place, self.weights[bag, place])

    @property
    def apart(self):
        """`Apart` of these sums."""
        return self.ragged.apart


class Apart(NamedTuple):
    """Sums as two: `own` has the weights of the rows themselves, `foreign` those of the rows that they hear."""

    own: Sums
    foreign: Sums


def _offsets(bag, count):
    """Offsets [count + 1] of entries whose bags `bag` ascend."""
    return pad(torch.bincount(bag, minlength=count).cumsum(0), (1, 0))


def indices(rows, device):
    """Rows as int64 [k], of a slice or of themselves."""
    return torch.arange(rows.start, rows.stop, device=device) if isinstance(rows, slice) else rows


def taken(x, rows):
    """x[rows]: a view of a slice, else a copy."""
    return x[rows] if isinstance(rows, slice) else x.index_select(0, rows)


def _count(rows):
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)
