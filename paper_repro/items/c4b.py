"""Figure C.4b: the single merge with a learning rate a fifth as large."""

from dataclasses import replace

from paper_repro.item import Item
from paper_repro.scales import full
from paper_repro.setting import describe
from paper_repro.variation import draw, in_each, survives_in
from sim.spec import Spec


def runs(base):
    return in_each({f"learning rate {spec.lr:g}": spec for spec in (replace(base, lr=base.lr / 5), base)})


ITEM = Item(
    name="c4b",
    title="The single merge with two learning rates, the one below and a fifth of it: average global test accuracy by "
    "round and by data sent",
    paper="ResNet-18 on Tiny ImageNet, 16 agents, learning rates 1e-4 and 5e-4",
    setting=describe,
    base=Spec(),
    paper_base=full("tiny_imagenet"),
    runs=runs,
    table=lambda results: results.table(),
    draw=draw,
    claims=survives_in("a fifth of the learning rate", "the whole learning rate"),
)
