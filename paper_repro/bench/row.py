"""A measurement beside a peer's, as every benchmark gives it."""

import math
import operator
from dataclasses import asdict, dataclass

import torch

RELATIONS = {">=": operator.ge, "<=": operator.le}


@dataclass(frozen=True)
class Target:
    """What the row's `of` ("ratio" or "ours") should be: `relation` (>= or <=) `value`."""

    of: str
    relation: str
    value: float


@dataclass(frozen=True)
class Setting:
    """Where and how much is measured; `quick` is tiny sizes and one repetition, to see that all of it runs."""

    device: torch.device
    threads: int = 1
    quick: bool = False

    def sizes(self, full, quick):
        """The sizes of a real measurement, or those of a quick one."""
        return quick if self.quick else full

    def target(self, of, relation, value):
        """The `Target` of a real measurement; a quick one has none, nor has one without a value."""
        return None if self.quick or value is None else Target(of, relation, value)


@dataclass(frozen=True)
class Row:
    """`ours` and `peer` in `unit`; the `ratio` ours / peer, by wall time and, where work was timed, by CPU time too.

    `difference` is the largest one between the results of the two, which may be up to `tolerance` (None: nothing to
    compare). A target is met by equal results only; a quick row has none.
    """

    benchmark: str
    case: str
    unit: str
    ours: float
    against: str
    peer: float
    repetitions: int
    cpu_ratio: float | None = None
    target: Target | None = None
    difference: float | None = None
    tolerance: float | None = None

    @property
    def ratio(self):
        return self.ours / self.peer

    @property
    def equal(self):
        """Whether both computed the same; None: not compared."""
        return None if self.difference is None else self.difference <= self.tolerance

    @property
    def met(self):
        if self.target is None:
            return None
        holds = RELATIONS[self.target.relation](getattr(self, self.target.of), self.target.value)
        return holds and self.equal is not False

    def record(self):
        """The row as plain values, the derived ones among them; a difference that is no number is None."""
        known = self.difference is not None and not math.isnan(self.difference)
        derived = {"ratio": self.ratio, "equal": self.equal, "met": self.met}
        return asdict(self) | derived | {"difference": self.difference if known else None}


def rates(setting, unit, ours, peer, **fields):
    """A `Row` of rates: `ours` and `peer` are (amount of work, [(wall, CPU) seconds of each repetition]).

    The least of the repetitions counts, of wall and of CPU time alike: what took longer was held up by others. CPU time
    is compared where the work is done on a CPU.
    """
    (amount, times), (their_amount, their_times) = ours, peer
    wall, cpu = map(min, zip(*times, strict=True))
    their_wall, their_cpu = map(min, zip(*their_times, strict=True))
    by_cpu = (amount / cpu) / (their_amount / their_cpu) if setting.device.type == "cpu" else None
    return Row(
        unit=unit,
        ours=amount / wall,
        peer=their_amount / their_wall,
        cpu_ratio=by_cpu,
        repetitions=min(len(times), len(their_times)),
        **fields,
    )
