"""Figure 2a: full averaging inside one window of rounds; late windows beat early ones."""

from dataclasses import replace

from figures.windows import best_and_final, rows_of, window_bars, windows_of
from paper_repro.item import Claim, Item
from paper_repro.scales import full
from paper_repro.setting import describe
from sim.spec import Spec
from theory.errors import require

WINDOWS = 10
BASELINE = "gossip throughout"


def window_runs(base, length):
    """Full averaging in rounds [start, start + length) for each of the ten tenths of the run, and none at all."""
    free = base.window_start is None
    require(free, f"windows are set here: leave window_start and window_stop at none, not {base.window_start}.")
    tenth, rest = divmod(base.rounds, WINDOWS)
    require(rest == 0, f"rounds must be a multiple of {WINDOWS} here (one window a tenth), not {base.rounds}.")
    length = max(1, round(length * tenth))
    starts = range(0, base.rounds, tenth)
    inside = {f"rounds {s}–{s + length}": replace(base, window_start=s, window_stop=s + length) for s in starts}
    return inside, length


def runs(base):
    return {BASELINE: replace(base, keep_models=True), **window_runs(base, 1)[0]}


def late_minus_early(which, length=None):
    """Mean over the last three windows minus mean over the first three, per seed, of best (0) or final (1) accuracy.

    `length` picks the windows of one length, by rank from the shortest (None: all are alike).
    """

    def effect(table):
        if length is not None:
            table = table[table["window_length"] == sorted(table["window_length"].dropna().unique())[length]]
        percent = [best_and_final(rows_of(table, window))[which] for window in windows_of(table)]
        return (sum(percent[-3:]) - sum(percent[:3])) / 3 / 100

    return effect


ITEM = Item(
    name="fig2a",
    title="Best and final average global test accuracy when all agents average every round inside one window only, and "
    "gossip in all other rounds",
    paper="ResNet-18 on CIFAR-100, AdamW, 16 agents, windows of 30 of 300 rounds",
    setting=describe,
    base=Spec(),
    paper_base=full("cifar100"),
    runs=runs,
    table=lambda results: results.table(),
    draw=window_bars,
    claims=(
        Claim(
            "F4",
            "final accuracy: the last three windows beat the first three",
            late_minus_early(1),
            ">",
            0.0,
        ),
        Claim(
            "F4",
            "best accuracy: the last three windows beat the first three",
            late_minus_early(0),
            ">",
            0.0,
        ),
    ),
)
