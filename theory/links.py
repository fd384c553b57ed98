"""Every static topology by name, as `Links`: the one source of its edges, from one agent to 10^6 and more.

`theory.graphs` has the same families as networkx graphs.
"""

import inspect

from theory.edges import Links, links_of
from theory.errors import require, shown
from theory.families import (
    barbell,
    binary_tree,
    circulant,
    complete,
    directed_circulant,
    exponential,
    grid,
    hypercube,
    lollipop,
    path,
    ring,
    star,
    symmetric_exponential,
    torus,
)
from theory.random_families import barabasi_albert, erdos_renyi, random_geometric, random_regular, watts_strogatz

__all__ = ["FAMILIES", "Links", "links", "links_of"]

FAMILIES = {
    family.__name__: family
    for family in (
        ring,
        path,
        torus,
        grid,
        hypercube,
        star,
        complete,
        binary_tree,
        lollipop,
        barbell,
        circulant,
        directed_circulant,
        exponential,
        symmetric_exponential,
        random_regular,
        erdos_renyi,
        random_geometric,
        watts_strogatz,
        barabasi_albert,
    )
}


def family(name, parameters):
    """FAMILIES[name], after a check of the name and of the parameters' names."""
    known = isinstance(name, str) and name in FAMILIES
    require(known, f"unknown topology {shown(name)}; valid topologies are {', '.join(FAMILIES)}")
    valid = list(inspect.signature(FAMILIES[name]).parameters)
    unknown = [p for p in parameters if p not in valid]
    missing = [p for p in valid if p not in parameters]
    require(not unknown, f"{name} has no parameter {', '.join(unknown)}; its parameters are {', '.join(valid)}")
    require(not missing, f"{name} misses parameter {', '.join(missing)}; its parameters are {', '.join(valid)}")
    return FAMILIES[name]


def links(name, /, **parameters):
    """`Links` of FAMILIES[name](**parameters), after a check of the name and of the parameters' names."""
    return family(name, parameters)(**parameters)
