"""Figure 1c: the loss over the polygon spanned by the local models has its low ground in the middle."""

from dataclasses import replace

import numpy as np
import pandas as pd

from figures.landscape import landscape
from paper_repro.item import Claim, Item, describe
from sim.spec import Spec
from theory.polygon import inside, regular_polygon, wachspress

LABEL = "R 0.2"
SIDE = 61  # grid points across the polygon


def runs(base):
    return {LABEL: replace(base, keep_models=True)}


def grid(agents):
    """Points (x, y) of a square grid inside the regular polygon, its vertices first, its center next."""
    vertices = regular_polygon(agents)
    ticks = np.linspace(-1, 1, SIDE)
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    return vertices, np.concatenate([vertices, np.zeros((1, 2)), points[inside(points, vertices)]])


def table(results):
    """Test loss at the weighted models: vertices (with agent) and center for all seeds, the grid for the first."""
    parts = []
    for place, seed in enumerate(results.seeds):
        models = results.models(LABEL, seed)
        vertices, points = grid(len(models))
        points = points if place == 0 else points[: len(vertices) + 1]
        losses = results.problem(LABEL, seed).polygon_loss(models, wachspress(points, vertices))
        agents = [*range(len(vertices))] + [pd.NA] * (len(points) - len(vertices))
        columns = {"label": LABEL, "seed": seed, "x": points[:, 0], "y": points[:, 1]}
        parts.append(pd.DataFrame({**columns, "agent": pd.array(agents, dtype="Int64"), "value": losses}))
    return pd.concat(parts, ignore_index=True).assign(metric="test_loss")


def depth(table):
    """Mean test loss of the local models minus that of the merged model, per seed [nats]."""
    local = table[table["agent"].notna()].groupby("seed")["value"].mean()
    center = table[table["agent"].isna() & (table["x"] == 0) & (table["y"] == 0)].groupby("seed")["value"].first()
    return local - center


ITEM = Item(
    name="fig1c",
    title="Test loss over the convex hull of the local models before merging: the models are the vertices of a regular "
    "polygon, Wachspress coordinates weigh them, the center is the merged model (the first seed is drawn)",
    paper="ResNet-18 on CIFAR-100, 16 agents",
    setting=describe,
    base=Spec(),
    runs=runs,
    table=table,
    draw=lambda table: landscape(table[table["seed"] == table["seed"].iloc[0]]),
    claims=(
        Claim("F1", "the merged model's test loss is more than 0.1 nats below the local models' mean", depth, ">", 0.1),
    ),
)
