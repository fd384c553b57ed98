"""Figure C.3b: one merge after gossip on a ring and on the exponential graph."""

from dataclasses import replace

from figures.cost import by_round_and_bytes
from paper_repro.item import Claim, Item, last
from paper_repro.merging import COMMON_START, FEDERATED, LOCAL, METRIC, from_common_start, left_alone, lifts, recovers
from paper_repro.scales import full
from paper_repro.setting import describe
from sim.spec import Spec

RING, EXPONENTIAL = "ring, one final merge", "exponential graph, one final merge"


def runs(base):
    left_alone(base, gossip="ring")
    return {
        FEDERATED: replace(base, gossip="complete"),
        RING: replace(base, final_merge=True),
        EXPONENTIAL: replace(base, gossip="exponential", final_merge=True),
        LOCAL: replace(base, gossip="none"),
        COMMON_START: from_common_start(base),
    }


ITEM = Item(
    name="c3b",
    title="Average global test accuracy by round and by data sent with gossip on a ring and on the static exponential "
    "graph, each with one global merge in the last round, beside federated and local only. All start from different "
    "weights; the fifth curve, federated from common ones, is what the claims do not refer to",
    paper="ResNet-18 from scratch on Tiny ImageNet, 16 agents, AdamW, ring and exponential graph",
    setting=describe,
    base=Spec(gossip="ring"),
    paper_base=replace(full("tiny_imagenet"), gossip="ring"),
    runs=runs,
    table=lambda results: results.table(),
    draw=lambda table: by_round_and_bytes(table, jump=RING),
    claims=(
        lifts(RING, "ring: "),
        lifts(EXPONENTIAL, "exponential graph: "),
        recovers(RING, "ring: ", name="F5"),
        recovers(EXPONENTIAL, "exponential graph: ", name="F5"),
        Claim(
            "F5",
            "after the merge the exponential graph is above the ring",
            lambda table: last(table, EXPONENTIAL, METRIC) - last(table, RING, METRIC),
            ">",
            0.0,
        ),
    ),
)
