"""Figure 1c: the loss over the polygon spanned by the local models has its low ground in the middle."""

from dataclasses import replace

import numpy as np
import pandas as pd

from figures.landscape import landscape
from paper_repro.item import Claim, Item
from paper_repro.scales import full
from paper_repro.setting import describe
from sim.spec import Spec
from sim.threads import cpu_threads
from theory.errors import require
from theory.polygon import inside, regular_polygon, wachspress

LABEL = "gossip"
SIDE, ON_EDGE, INNER = 61, 12, 0.99  # grid points across, parts of an edge, extent of the grid


def runs(base):
    again = base.problem.merged_statistics == "reestimate"
    require(again, "weighted models estimate their statistics again: merged_statistics must be reestimate, not mean.")
    return {LABEL: replace(base, keep_models=True)}


def grid(agents):
    """(vertices of the regular polygon, points): vertices first, center next, then points on its edges and inside."""
    vertices = regular_polygon(agents)
    along = np.linspace(0, 1, ON_EDGE, endpoint=False)[1:, None, None]
    edges = (1 - along) * vertices + along * np.roll(vertices, -1, axis=0)
    ticks = np.linspace(-1, 1, SIDE)
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    points = points[inside(points, INNER * vertices)]  # a margin to the edges, else slivers of triangles
    points = points[np.abs(points).max(axis=1) > 0]
    return vertices, np.concatenate([vertices, np.zeros((1, 2)), edges.reshape(-1, 2), points])


def table(results):
    """Test loss at the weighted models: vertices (with agent) and center for all seeds, the grid for the first."""
    runs = results.table()
    parts = [runs[runs["metric"] == "diverged"].drop(columns=["round", "step"])]
    for place, seed in enumerate(results.seeds):
        if seed in set(parts[0]["seed"]):
            continue
        models = results.models(LABEL, seed)
        vertices, points = grid(len(models))
        points = points if place == 0 else points[: len(vertices) + 1]
        with cpu_threads(1):
            losses = results.problem(LABEL, seed).polygon_loss(models, wachspress(points, vertices))
        agents = [*range(len(vertices))] + [pd.NA] * (len(points) - len(vertices))
        columns = {"label": LABEL, "seed": seed, "x": points[:, 0], "y": points[:, 1]}
        columns |= {"metric": "test_loss", "agent": pd.array(agents, dtype="Int64"), "value": losses}
        parts.append(pd.DataFrame(columns))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def depth(table):
    """Mean test loss of the local models minus that of the merged model, per seed [nats]."""
    table = table[table["metric"] == "test_loss"]
    local = table[table["agent"].notna()].groupby("seed")["value"].mean()
    center = table[table["agent"].isna()].groupby("seed")["value"].first()
    return local - center


ITEM = Item(
    name="fig1c",
    title="Test loss over the convex hull of the local models before merging (gossip to the end): the models are "
    "the vertices of a regular polygon, Wachspress coordinates weigh them, the center is the merged "
    "model (the first seed is drawn)",
    paper="ResNet-18 on CIFAR-100, 16 agents",
    setting=describe,
    base=Spec(),
    paper_base=full("cifar100"),
    runs=runs,
    table=table,
    draw=lambda table: landscape(table[table["seed"] == table["seed"].min()]),
    claims=(
        Claim("F1", "the merged model's test loss is more than 0.1 nats below the local models' mean", depth, ">", 0.1),
    ),
)
