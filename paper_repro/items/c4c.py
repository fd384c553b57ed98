"""Figure C.4c: the single merge from the same, from different and from pretrained initial weights."""

from dataclasses import replace

from paper_repro.item import Item
from paper_repro.scales import RATES, WEIGHTED, full
from paper_repro.variation import GLYPHS, draw, in_each, in_words, survives_in
from sim.models import WIDTHS
from sim.network import Classification
from theory.errors import require

SAME, DIFFERENT, PRETRAINED = "same weights", "different weights", "pretrained weights"
SCRATCH = "resnet18"  # where the pretrained model is CLIP, which the paper trains from its published weights only


def runs(base):
    scratch = from_scratch(base)
    starts = {SAME: "same", DIFFERENT: "different"}
    panels = {panel: replace(scratch, problem=replace(scratch.problem, init=init)) for panel, init in starts.items()}
    return in_each(panels | {PRETRAINED: base})


def from_scratch(base):
    """The run without a pretrained start: of the same model, or of ResNet-18 in place of CLIP, at its own rate."""
    problem = base.problem
    if problem.model == WEIGHTED:
        width = WIDTHS[SCRATCH] if problem.width == WIDTHS[WEIGHTED] else problem.width
        ratio = RATES[SCRATCH, base.optimizer] / RATES[WEIGHTED, base.optimizer]
        return replace(base, problem=replace(problem, model=SCRATCH, width=width, weights=None), lr=base.lr * ratio)
    pretrained = f"init must be pretrained for a model other than {WEIGHTED}, not {problem.init}."
    require(problem.init == "pretrained", pretrained)
    steps = Classification.pretraining_steps  # a field of pretrained starts, else at its default
    return replace(base, problem=replace(problem, init="different", pretraining_steps=steps))


ITEM = Item(
    name="c4c",
    title="The single merge from three starts: all agents with the same random weights, every agent with its own, and "
    "with the pretrained ones below: average global test accuracy by round and by data sent",
    paper="ResNet-18 on Tiny ImageNet, 16 agents (the paper's scale here takes CLIP ViT-B/32 for the pretrained start)",
    setting=in_words,
    base=replace(GLYPHS, problem=replace(GLYPHS.problem, init="pretrained")),
    paper_base=full("tiny_imagenet", WEIGHTED),
    runs=runs,
    table=lambda results: results.table(),
    draw=draw,
    claims=survives_in(SAME, DIFFERENT, PRETRAINED),
)
