"""Who talks to whom, without data: federated, decentralized with one merge, local only (fig. 1d)."""

import numpy as np
from matplotlib.patches import FancyArrowPatch

from figures import style

AGENTS = 8
GOSSIP = ((3, 0), (1, 6), (4, 5))  # (from, to): one sparse random round, chosen so that no arrow passes an agent
APART = 3.4  # between the centers of two rings in one panel, in radii


def ring(x=0.0):
    """Positions of the agents on the unit circle around (x, 0), the first at the top: [agents, 2]."""
    angles = np.pi / 2 + 2 * np.pi * np.arange(AGENTS) / AGENTS
    return np.column_stack([x + np.cos(angles), np.sin(angles)])


def arrow(ax, tail, head, shape="-|>", **look):
    """An arrow between two positions that stops short of the discs there."""
    options = {"color": "black", "linewidth": 0.9, "mutation_scale": 7, "shrinkA": 7, "shrinkB": 7, **look}
    ax.add_patch(FancyArrowPatch(tail, head, arrowstyle=shape, **options))


def draw_agents(ax, places, note):
    """Numbered discs, and a note below them."""
    ax.scatter(*places.T, s=110, facecolor=style.LIGHT, edgecolor="black", linewidth=0.7, zorder=3)
    for number, place in enumerate(places):
        ax.text(*place, str(number), ha="center", va="center_baseline", fontsize=6.5, zorder=4)
    ax.text(places[:, 0].mean(), -1.35, note, ha="center", va="top", fontsize=7)


def draw_center(ax, places, text, color, **box):
    """A box in the middle of a ring, with an arrow to and from every agent."""
    middle = places.mean(axis=0)
    for place in places:
        arrow(ax, place, middle, "<|-|>", shrinkB=15)
    box = {"boxstyle": "round,pad=0.3", "edgecolor": "black", "linewidth": 0.8, **box}
    ax.text(*middle, text, ha="center", va="center", fontsize=7, color=color, bbox=box, zorder=4)


@style.look()
def communication_drawing():
    """Fig. 1d: the three ways to train, side by side; the decentralized one gossips, then merges once."""
    figure, panels = style.axes(style.PAGE_WIDTH, 2.05, columns=3, width_ratios=(2.5, 2.5 + APART, 2.5))
    federated, decentralized, local = panels
    draw_agents(federated, ring(), "every round: a server\naverages all agents")
    draw_center(federated, ring(), "server", "white", facecolor=style.DARK)
    draw_agents(decentralized, ring(), "every round: a few random\npeers exchange models")
    for tail, head in GOSSIP:
        arrow(decentralized, ring()[tail], ring()[head])
    draw_agents(decentralized, ring(APART), "once, at the end:\naverage of all agents")
    draw_center(decentralized, ring(APART), "merge", "black", facecolor="white", linestyle="--")
    arrow(decentralized, (1.25, 0), (APART - 1.25, 0), "simple,head_width=0.6,tail_width=0.2", color=style.GRAY)
    draw_agents(local, ring(), "no communication")
    titles = ("federated", "decentralized, one merge", "local only")
    for ax, title, right in zip(panels, titles, (1.25, 1.25 + APART, 1.25), strict=True):
        ax.set_title(title, fontweight="bold")
        ax.set(xlim=(-1.25, right), ylim=(-1.8, 1.2), aspect="equal")
        ax.set_axis_off()
    return figure
