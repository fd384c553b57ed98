"""Figures C.5a to C.5d: the single merge with strong and with weak label skew, on two data sets."""

from dataclasses import replace

from figures.cost import by_round_and_bytes
from paper_repro.item import Item
from paper_repro.merging import DECENTRALIZED
from paper_repro.scales import full
from paper_repro.variation import GLYPHS, in_words, survives, three
from sim.spec import Spec

AGENTS = 32


def item(letter, alpha, data, named, quick):
    """One panel of the figure: a Dirichlet label skew on a data set of the paper, `quick` the spec that stands in."""

    def skewed(spec):
        return replace(spec, agents=AGENTS, problem=replace(spec.problem, alpha=alpha))

    return Item(
        name=f"c5{letter}",
        title=f"The single merge with Dirichlet label skew α = {alpha:g}: average global test accuracy by round and by "
        "data sent",
        paper=f"ResNet-18 on {named}, {AGENTS} agents, α = {alpha:g}",
        setting=in_words,
        base=skewed(quick),
        paper_base=skewed(full(data)),
        runs=three,
        table=lambda results: results.table(),
        draw=lambda table: by_round_and_bytes(table, jump=DECENTRALIZED),
        claims=(survives(f"α = {alpha:g}, in place of {named}"),),
    )


ITEMS = (
    item("a", 0.1, "cifar100", "CIFAR-100", Spec()),
    item("b", 1.0, "cifar100", "CIFAR-100", Spec()),
    item("c", 0.1, "tiny_imagenet", "Tiny ImageNet", GLYPHS),
    item("d", 1.0, "tiny_imagenet", "Tiny ImageNet", GLYPHS),
)
