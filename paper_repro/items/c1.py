"""Figure C.1: gossip with one merge against averaging every round and against one-shot averaging, four settings."""

from figures.cost import by_round_and_bytes
from paper_repro.item import Item
from paper_repro.merging import DECENTRALIZED, claims_of_four_panels, four_panels, four_settings, in_panels
from paper_repro.scales import full
from paper_repro.setting import chance
from sim.spec import Spec

TITLE = (
    "Average global test accuracy by round (above) and by data sent (below): federated (all agents average every "
    "round), gossip with one global merge in the last round, local models averaged once in the last round, local only. "
    "Panels: SGD and AdamW, each with m and 2m agents, where m is the number of agents below"
)


ITEM = Item(
    name="c1",
    title=f"{TITLE}. All agents start from different weights, and in the fifth curve from common ones, as federated "
    "learning usually does",
    paper="ResNet-18 from scratch on Tiny ImageNet, 16 and 32 agents, SGD and AdamW, Dirichlet α = 0.1, 300 rounds of "
    "100 local steps, R = 0.2; federated and one-shot learning with the same optimizers",
    setting=four_settings,
    base=Spec(),
    paper_base=full("tiny_imagenet", optimizer="sgd"),
    runs=lambda base: four_panels(base, common_start=True),
    table=lambda results: results.table().assign(chance=chance(results.base)),
    draw=lambda table: by_round_and_bytes(in_panels(table), jump=DECENTRALIZED),
    claims=claims_of_four_panels(common_start=True),
)
