"""Figure 1b: one merge at the end lifts decentralized learning to near federated accuracy."""

from figures.cost import by_round_and_bytes
from paper_repro.item import Item
from paper_repro.merging import (
    COMMON_START,
    DECENTRALIZED,
    from_common_start,
    lifts,
    one_shot_guesses,
    recovers,
    three,
)
from paper_repro.scales import full
from paper_repro.setting import chance, describe
from sim.spec import Spec


def runs(base):
    return three(base) | {COMMON_START: from_common_start(base)}


ITEM = Item(
    name="fig1b",
    title="Average global test accuracy by round and by data sent: federated (all agents average every round), "
    "decentralized (gossip, one global merge in the last round), local only. The paper starts all agents from "
    "different weights; federated learning usually starts from common ones: the fourth curve, which F2 does not refer "
    "to",
    paper="ResNet-18 from scratch on Tiny ImageNet, 32 agents, Dirichlet α = 0.1, 300 rounds of 100 local steps, "
    "R = 0.2, AdamW",
    setting=describe,
    base=Spec(agents=32),
    paper_base=full("tiny_imagenet", agents=32),
    runs=runs,
    table=lambda results: results.table().assign(chance=chance(results.base)),
    draw=lambda table: by_round_and_bytes(table, jump=DECENTRALIZED),
    claims=(lifts(), recovers(), one_shot_guesses()),
)
