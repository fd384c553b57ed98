"""Figure 2b: the windows of figure 2a, half and a third as long."""

from dataclasses import replace

from figures.windows import window_bars
from paper_repro.item import Claim, Item
from paper_repro.items.fig2a import BASELINE, WINDOWS, late_minus_early, window_runs
from paper_repro.scales import full
from paper_repro.setting import describe
from sim.spec import Spec
from theory.errors import require

SHARES = {"half": 1 / 2, "third": 1 / 3}


def runs(base):
    inside = {}
    for share in SHARES.values():
        windows, length = window_runs(base, share)
        inside |= {f"{label} ({length} long)": spec for label, spec in windows.items()}
    distinct = len(SHARES) * WINDOWS
    require(len(inside) == distinct, f"rounds must be at least 30 for windows of two lengths, not {base.rounds}.")
    return {BASELINE: replace(base, keep_models=True), **inside}


def table(results):
    table = results.table()
    return table.assign(window_length=table["window_stop"] - table["window_start"])


ITEM = Item(
    name="fig2b",
    title="As figure 2a, with windows half and a third as long (rounded to whole rounds)",
    paper="ResNet-18 on CIFAR-100, AdamW, 16 agents, windows of 15 and 10 of 300 rounds",
    setting=describe,
    base=Spec(),
    paper_base=full("cifar100"),
    runs=runs,
    table=table,
    draw=window_bars,
    claims=tuple(
        Claim(
            "F4",
            f"{name} as long, {kind} accuracy: the last three windows beat the first three",
            late_minus_early(which, length),
            ">",
            0.0,
        )
        for name, length in (("half", 1), ("third", 0))
        for kind, which in (("final", 1), ("best", 0))
    ),
)
