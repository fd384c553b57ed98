"""Figure 1a: one merge at the end lifts decentralized learning from a pretrained start to near federated accuracy."""

from figures.cost import by_round_and_bytes
from paper_repro.item import Item
from paper_repro.merging import DECENTRALIZED, lifts, one_shot_guesses, recovers, three
from paper_repro.scales import WEIGHTED, full, pretrained
from paper_repro.setting import chance, describe

ITEM = Item(
    name="fig1a",
    title="Average global test accuracy by round and by data sent: federated (all agents average every round), "
    "decentralized (gossip, one global merge in the last round), local only. The start, told below, is a pretrained "
    "model in the paper",
    paper="CLIP ViT-B/32 pretrained, on Tiny ImageNet, 32 agents, Dirichlet α = 0.1, 300 rounds of 100 local steps, "
    "R = 0.2, AdamW",
    setting=describe,
    base=pretrained(agents=32),
    paper_base=full("tiny_imagenet", WEIGHTED, agents=32),
    runs=three,
    table=lambda results: results.table().assign(chance=chance(results.base)),
    draw=lambda table: by_round_and_bytes(table, jump=DECENTRALIZED),
    claims=(lifts(), recovers(), one_shot_guesses()),
)
