"""Figure 1d: who talks to whom, drawn."""

import pandas as pd

from figures.drawings import communication_drawing
from paper_repro.item import Item
from sim.spec import Spec

ITEM = Item(
    name="fig1d",
    title="Communication in federated learning (every round through a server), decentralized learning (sparse random "
    "exchanges and one final merge) and local training (none); a drawing, no data",
    paper="the same drawing",
    setting=None,
    base=Spec(),
    runs=lambda base: {},
    table=lambda results: pd.DataFrame({"panel": ["federated", "decentralized", "local"]}),
    draw=lambda table: communication_drawing(),
)
