"""Everything with a name that says who hears whom: topologies, ready mixing matrices, and gossips over time.

A gossip on a base graph, whose function takes a `topology`, has the parameter `graph` here: the name of a topology,
with the parameters of that topology beside its own.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass

from theory import gossip
from theory.edges import links_of
from theory.equitopo import d_equistatic, u_equistatic
from theory.errors import require, shown
from theory.graphs import TOPOLOGIES, topology
from theory.mixing import mixing


def default_weights(graph):
    """Metropolis weights, and uniform ones where edges have a direction."""
    return "uniform" if links_of(graph).directed else "metropolis"


def local_steps_on(topology, rounds):
    """The default weights of a graph in every `rounds`-th round, silence in the others: local steps between gossips."""
    return gossip.local_steps(mixing(topology, default_weights(topology)), rounds)


def global_every_on(topology, rounds):
    """Gossip-PGA: the default weights of a graph, and a merge in every `rounds`-th round."""
    return gossip.global_every(mixing(topology, default_weights(topology)), rounds)


GOSSIPS = {
    f.__name__: f
    for f in (
        gossip.random_peers,
        gossip.random_matching,
        gossip.pairwise_exchange,
        gossip.epidemic,
        gossip.epidemic_oracle,
        gossip.od_equidyn,
        gossip.ou_equidyn,
        gossip.one_peer_exponential,
        gossip.k_peer_exponential,
        gossip.one_peer_hypercube,
        gossip.base_graph,
        gossip.simple_base_graph,
        gossip.round_robin,
        gossip.random_neighbors,
        gossip.pairwise_on,
        gossip.random_matching_on,
        gossip.round_robin_on,
        gossip.matcha,
        local_steps_on,
        global_every_on,
        gossip.local,
    )
}
MATRICES = {f.__name__: f for f in (d_equistatic, u_equistatic)}


@dataclass(frozen=True)
class Entry:
    """`build(**parameters)` makes a networkx graph, a mixing matrix or a Gossip, as `kind` says."""

    name: str
    kind: str
    build: Callable

    @property
    def parameters(self):
        """{parameter: its default, or inspect.Parameter.empty where a value is needed}."""
        given = inspect.signature(self.build).parameters.items()
        return {"graph" if name == "topology" else name: parameter.default for name, parameter in given}

    @property
    def summary(self):
        """The first sentence of the docstring, in one line; a sentence ends before a capital letter."""
        first = " ".join(inspect.getdoc(self.build).split("\n\n")[0].split())
        return re.split(r"(?<=[^.])\.(?= [A-Z])", first)[0].rstrip(".:") + "."

    @property
    def on_graph(self):
        return "graph" in self.parameters


ROSTER = {
    name: Entry(name, kind, build)
    for kind, group in (("graph", TOPOLOGIES), ("matrix", MATRICES), ("gossip", GOSSIPS))
    for name, build in group.items()
}


def entry(name):
    """The entry of a name."""
    known = isinstance(name, str) and name in ROSTER
    require(known, f"unknown topology {shown(name)}; valid topologies are {', '.join(ROSTER)}")
    return ROSTER[name]


def required(name, graph=None):
    """Parameters of a name that need a value; of its base graph too where that is given."""
    own = [p for p, default in entry(name).parameters.items() if default is inspect.Parameter.empty]
    return own + (required(graph) if entry(name).on_graph and graph is not None else [])


def build(name, /, **parameters):
    """The graph, matrix or gossip of a name, after a check of the names of its parameters.

    Where the entry has the parameter `graph`, that is the name of a topology (or a networkx graph), and what the entry
    itself does not take goes to that topology.
    """
    found = entry(name)
    own = {key: value for key, value in parameters.items() if key in found.parameters}
    rest = {key: value for key, value in parameters.items() if key not in found.parameters}
    if found.on_graph and isinstance(own.get("graph"), str):
        base = own["graph"]
        require(base in TOPOLOGIES, f"graph is {base!r}; it must be one of {', '.join(TOPOLOGIES)}")
        own["graph"], rest = topology(base, **rest), {}
    valid = ", ".join(found.parameters)
    require(not rest, f"{name} has no parameter {', '.join(rest)}; its parameters are {valid}")
    missing = [p for p in required(name) if p not in own]
    require(not missing, f"{name} misses parameter {', '.join(missing)}; its parameters are {valid}")
    if found.on_graph:
        own["topology"] = own.pop("graph")
    return found.build(**own)


def listing():
    """One record for each name: name, kind, parameters [{name, required, default}], summary."""
    empty = inspect.Parameter.empty
    return [
        {
            "name": found.name,
            "kind": found.kind,
            "parameters": [
                {"name": p, "required": default is empty, "default": None if default is empty else default}
                for p, default in found.parameters.items()
            ],
            "summary": found.summary,
        }
        for found in ROSTER.values()
    ]


def whole_or_real(text):
    """The number or the numbers of a text: "4", "0.2", "1,2,5" (a tuple); the text itself where it is neither."""
    for kind in (int, float, lambda numbers: tuple(map(int, numbers.split(",")))):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
