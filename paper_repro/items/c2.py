"""Figure C.2: the four settings of Figure C.1 from a pretrained start."""

from dataclasses import replace

from figures.cost import by_round_and_bytes
from paper_repro.item import Item
from paper_repro.items.c1 import TITLE
from paper_repro.merging import DECENTRALIZED, claims_of_four_panels, four_panels, four_settings, in_panels
from paper_repro.scales import WEIGHTED, full, pretrained
from paper_repro.setting import chance

ITEM = Item(
    name="c2",
    title=f"{TITLE}. The start, told below, is a pretrained model in the paper",
    paper="CLIP ViT-B/32 pretrained, on Tiny ImageNet, 16 and 32 agents, SGD and AdamW, Dirichlet α = 0.1, 300 rounds "
    "of 100 local steps, R = 0.2; federated and one-shot learning with the same optimizers",
    setting=four_settings,
    base=replace(pretrained("sgd"), measure_every=10),  # rounds 30 and 31 are measured, as in Figure 1a
    paper_base=full("tiny_imagenet", WEIGHTED, "sgd"),
    runs=lambda base: four_panels(base, common_start=False),
    table=lambda results: results.table().assign(chance=chance(results.base)),
    draw=lambda table: by_round_and_bytes(in_panels(table), jump=DECENTRALIZED),
    claims=claims_of_four_panels(common_start=False),
)
