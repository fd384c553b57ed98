"""Figure C.3a: one merge after gossip with one peer a round, and with a fifth of the messages, pretrained."""

from dataclasses import replace

from figures.cost import by_round_and_bytes
from paper_repro.item import Claim, Item, last
from paper_repro.merging import FEDERATED, LOCAL, METRIC, jump, left_alone, lifts, recovers
from paper_repro.scales import WEIGHTED, full, pretrained
from paper_repro.setting import describe

OFTEN, RARELY = "R = 1, one final merge", "R = 0.2, one final merge"


def runs(base):
    left_alone(base, gossip="random_peers", peers=0.2)
    return {
        FEDERATED: replace(base, gossip="complete"),
        OFTEN: replace(base, peers=1.0, final_merge=True),
        RARELY: replace(base, peers=0.2, final_merge=True),
        LOCAL: replace(base, gossip="none"),
    }


def kept(table):
    """Gain of R = 0.2 over local only, as a share of that of R = 1; none for a seed where that gains nothing."""
    floor = last(table, LOCAL, METRIC)
    gain = last(table, OFTEN, METRIC) - floor
    return (last(table, RARELY, METRIC) - floor) / gain.where(gain > 0)


ITEM = Item(
    name="c3a",
    title="Average global test accuracy by round and by data sent for two rates of gossip, R = 1 (every agent asks one "
    "random peer a round) and R = 0.2 (one in five does), each with one global merge in the last round, beside "
    "federated and local only. The start, told below, is a pretrained model in the paper",
    paper="ResNet-18 pretrained, on Tiny ImageNet, 16 agents, AdamW, R = 1 and R = 0.2 (at the paper's scale this "
    "toolkit starts from CLIP ViT-B/32, the pretrained weights that it reads)",
    setting=describe,
    base=pretrained(),
    paper_base=full("tiny_imagenet", WEIGHTED),
    runs=runs,
    table=lambda results: results.table(),
    draw=lambda table: by_round_and_bytes(table, jump=RARELY),
    claims=(
        lifts(OFTEN, "R = 1: "),
        lifts(RARELY, "R = 0.2: "),
        Claim(
            "F1",
            "the merge lifts the models of R = 0.2 more than those of R = 1",
            lambda table: jump(table, RARELY) - jump(table, OFTEN),
            ">",
            0.0,
        ),
        recovers(OFTEN, "R = 1: "),
        recovers(RARELY, "R = 0.2: "),
        Claim(
            "F2",
            "after the merge R = 0.2 keeps more than 80 % of what R = 1 gains over local only",
            kept,
            ">",
            0.80,
        ),
    ),
)
