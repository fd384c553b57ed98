"""The figure of `onemerge check --plot`."""

from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd

from figures.style import render
from figures.topology import topology_report
from sim.store import write_whole
from theory.errors import OnemergeError, require
from theory.mixing import graph_of

CIRCLE = ("ring", "complete", "exponential", "hypercube", "star")  # drawn on a circle, others by distance in the graph
DRAWN = 200  # agents: laid out by distance up to here, on a circle above


def check_plot(path):
    """Fail before any work is done where the figure could not be written."""
    if path is None:
        return
    suffix = Path(path).suffix.lower()
    require(suffix in (".png", ".pdf"), f"{path} has the suffix {suffix!r}; a plot is a .png or a .pdf file")
    require(not Path(path).is_dir(), f"{path} is a folder; give the path of a file")
    probe = Path(path).parent / ".writable"
    write_plot(probe, b"")
    probe.unlink()


def write_plot(path, data):
    """Write the bytes whole, or fail with a sentence that names the option."""
    try:
        write_whole(path, data)
    except OnemergeError as error:
        raise OnemergeError(str(error).replace("--out", "--plot")) from None


def layout(graph):
    """{agent: (x, y)} by distance in the graph, and then no two agents closer than a disc of the figure is wide."""
    placed = nx.kamada_kawai_layout(graph)
    spots = np.array([placed[agent] for agent in graph])
    spots = spots / np.abs(spots).max()
    wide = 1.15 * np.clip(280 / len(graph), 1.5, 9.2) / 56  # points of a disc, and of half a panel
    for _ in range(200):
        apart = spots[:, None] - spots
        distance = np.linalg.norm(apart, axis=-1) + np.eye(len(spots)) * wide
        push = np.maximum(wide - distance, 0)[..., None] * apart / np.maximum(distance, 1e-12)[..., None]
        spots = spots + push.sum(axis=1) / 2
    return dict(zip(graph, spots, strict=True))


def draw(record, subject, path):
    """Draw the record by `figures.topology.topology_report`."""
    agents, kind = subject.gossip.agents, subject.kind
    graph = subject.graph
    if graph is None:
        graph = nx.complete_graph(agents) if kind == "random" else graph_of(sum(subject.matrices))
    on_circle = subject.graph is None or subject.name in CIRCLE or agents > DRAWN
    positions = None if on_circle else layout(graph.to_undirected())
    curve = record["curve"]
    consensus = pd.DataFrame({name: curve[name] for name in ("step", "mean", "low", "high")})
    lines = [
        pd.DataFrame({"step": curve["step"], "bound": name, "value": value}) for name, value in curve["bounds"].items()
    ]
    eigenvalues = np.array([complex(*pair) for pair in record["spectrum"]["eigenvalues"]])
    band = f"min to max over {record['problem']['runs']} runs"
    shown = {"constant": "$W$", "periodic": r"$\Phi$", "random": "E$[W^T W]$"}[kind]
    table = pd.concat(lines) if lines else None
    figure = topology_report(graph, eigenvalues, consensus, table, band=band, positions=positions, matrix=shown)
    write_plot(path, render(figure, path.suffix.lower()))
