"""Figure C.6: a few rounds of gossip on the exponential graph in place of the exact merge."""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from figures.cost import by_round_and_bytes
from paper_repro.item import Claim, Item, last
from paper_repro.merging import METRIC, left_alone
from paper_repro.scales import full
from paper_repro.setting import describe
from sim.probes.spread import consensus_distance
from sim.schedule import merge
from sim.spec import GOSSIPS, Spec
from sim.threads import cpu_threads
from sim.traffic import sent
from theory.errors import require

TRAINED = "gossip"
EXACT, GOSSIP = "exact merge", "exponential graph"
ROUNDS = {EXACT: 1, GOSSIP: 5}


def runs(base):
    left_alone(base, final_merge=False)  # the merge is made here, after the run
    again = base.problem.merged_statistics == "reestimate"
    require(again, "mixed models estimate their statistics again: merged_statistics must be reestimate, not mean.")
    return {TRAINED: replace(base, keep_models=True)}


def communication(spec):
    """{label: what one round of it communicates}: a matrix W or an `Average`, the same in every round."""
    acting = {EXACT: merge(spec.agents), GOSSIP: GOSSIPS["exponential"](spec.with_gossip("exponential"))}
    return {label: schedule(0, None) for label, schedule in acting.items()}


def mixed(said, models, rounds):
    """W^0 Θ, W Θ, ..., W^rounds Θ of float64 models Θ [agents, d], W what is said in every round."""
    W = said.toarray() if hasattr(said, "toarray") else np.asarray(said)
    yield models
    for _ in range(rounds):
        models = W @ models
        yield models


def measured(problem, models):
    """Measures {metric: value}, over all agents, of models [agents, d] of one replica, with statistics of their own."""
    theta = torch.as_tensor(models, dtype=problem.dtype, device=problem.device)
    statistics = ()
    if problem.statistics:
        statistics = (torch.stack([problem.reestimated(problem.seeds[0], one) for one in theta])[None],)
    found = {"consensus_distance": consensus_distance(theta[None]), **problem.measure(theta[None], *statistics)}
    return {name if v.ndim == 1 else f"average_{name}": float(v[0].mean()) for name, v in found.items()}


def table(results):
    """The run, and measures and bytes by rounds of mixing after the last local step, from its final models."""
    spec, stored = results.specs[TRAINED], results.table()
    done = spec.rounds * spec.local_steps
    gone = stored.loc[stored["metric"] == "diverged", "seed"]
    require(set(results.seeds) > set(gone), "every seed diverged, so there are no models to mix.")
    rows = []
    for seed in results.seeds:
        own = stored[(stored["seed"] == seed) & stored["agent"].isna()]
        for label, said in communication(spec).items():
            found = _gone(own) if seed in set(gone) else _mixing(results, seed, said, ROUNDS[label])
            rows += [(label, seed, at, done, metric, value) for at, metric, value in found]
    found = pd.DataFrame(rows, columns=["label", "seed", "round", "step", "metric", "value"])
    found["agent"] = pd.array([pd.NA] * len(found), dtype="Int64")
    return pd.concat([stored, found], ignore_index=True)


def _mixing(results, seed, said, rounds):
    """(rounds of mixing, metric, value) of a seed, with the bytes sent so far."""
    problem = results.problem(TRAINED, seed)
    _, cost = sent(said, problem.dim, problem.dtype.itemsize)
    start = results.models(TRAINED, seed).astype(np.float64)
    with cpu_threads(1):
        for at, models in enumerate(mixed(said, start, rounds)):
            for metric, value in (measured(problem, models) | {"bytes": float(at * cost)}).items():
                yield at, metric, value


def _gone(own):
    """A seed that diverged: its last value, and that there is nothing to mix."""
    values = own.groupby("metric")["value"].last()
    return [(0, metric, values[metric]) for metric in (METRIC, "diverged")] + [(0, "bytes", 0.0)]


def short(table):
    """Average global accuracy after the exact merge minus that after five rounds, per seed."""
    return last(table, EXACT, METRIC) - last(table, GOSSIP, METRIC)


def setting(spec):
    models = {label: rounds * sent(communication(spec)[label], 1, 1)[1] for label, rounds in ROUNDS.items()}
    return (
        f"{describe(spec)}; then rounds of mixing without local steps, from the models that this leaves. Data is "
        f"counted from there: the exact merge, a Ring-AllReduce, sends {models[EXACT]} sizes of a model, "
        f"{ROUNDS[GOSSIP]} rounds on the exponential graph {models[GOSSIP]}"
    )


ITEM = Item(
    name="c6",
    title="The final merge replaced by rounds of gossip on the static exponential graph, against the exact merge: "
    "average global test accuracy by round of mixing and by data sent",
    paper="1 or 5 rounds of gossip on the exponential graph, 32 agents (model and data taken here: those of figure 1b)",
    setting=setting,
    base=Spec(agents=32),
    paper_base=full("tiny_imagenet", agents=32),
    runs=runs,
    table=table,
    draw=lambda table: by_round_and_bytes(table[table["label"].isin(ROUNDS)]),
    claims=(
        Claim(
            "F7",
            "five rounds of gossip on the exponential graph come within 0.02 of the exact merge's accuracy",
            short,
            "<",
            0.02,
        ),
    ),
)
