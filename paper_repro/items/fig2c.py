"""Figure 2c: mergeability curves, the local models against the counterfactual merged model at every round."""

from dataclasses import replace

from figures.curves import mergeability
from paper_repro.item import Claim, Item, last
from paper_repro.scales import full
from paper_repro.setting import chance, describe
from sim.spec import Spec

GOSSIP, SILENT = "gossip", "no communication"
LOCAL, MERGED = "average_global_accuracy", "merged_accuracy"


def runs(base):
    return {GOSSIP: replace(base, keep_models=True), SILENT: replace(base, gossip="none")}


def gap(table, metric):
    return last(table, GOSSIP, metric) - last(table, SILENT, metric)


ITEM = Item(
    name="fig2c",
    title="Mergeability: average global test accuracy of the local models and of the model that a merge would give, at "
    "every round, with gossip and without communication",
    paper="ResNet-18 on CIFAR-100, AdamW, 16 agents",
    setting=describe,
    base=Spec(),
    paper_base=full("cifar100"),
    runs=runs,
    table=lambda results: results.table().assign(chance=chance(results.base)),
    draw=lambda table: mergeability(table, chance=table["chance"].iloc[0]),
    claims=(
        Claim(
            "F1",
            "with gossip the merged model is more than 0.10 above the local models",
            lambda table: last(table, GOSSIP, MERGED) - last(table, GOSSIP, LOCAL),
            ">",
            0.10,
        ),
        Claim(
            "F3",
            "without communication the merged model stays below twice the accuracy of guessing",
            lambda table: last(table, SILENT, MERGED) / table["chance"].iloc[0],
            "<",
            2.0,
        ),
        Claim(
            "F3",
            "gossip adds more than 0.30 more to the merged accuracy than to the local accuracy",
            lambda table: gap(table, MERGED) - gap(table, LOCAL),
            ">",
            0.30,
        ),
        Claim(
            "F8",
            "without gossip one average at the end is worse than the local models themselves",
            lambda table: last(table, SILENT, MERGED) - last(table, SILENT, LOCAL),
            "<",
            0.0,
        ),
    ),
)
