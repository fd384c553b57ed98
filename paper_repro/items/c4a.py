"""Figure C.4a: the single merge with a batch half as large."""

from dataclasses import replace

from paper_repro.item import Item
from paper_repro.scales import full
from paper_repro.setting import describe
from paper_repro.variation import draw, in_each, survives_in
from sim.spec import Spec
from theory.errors import require


def runs(base):
    require(base.batch >= 2, f"batch must be at least 2 here, so that it has a half, not {base.batch}.")
    return in_each({f"batch {spec.batch}": spec for spec in (replace(base, batch=base.batch // 2), base)})


ITEM = Item(
    name="c4a",
    title="The single merge with two sizes of batch, the one below and half of it: average global test accuracy by "
    "round and by data sent",
    paper="ResNet-18 on Tiny ImageNet, 16 agents, batch 64 and 128",
    setting=describe,
    base=Spec(),
    paper_base=full("tiny_imagenet"),
    runs=runs,
    table=lambda results: results.table(),
    draw=draw,
    claims=survives_in("half the batch", "the whole batch"),
)
