"""The mixing matrix of a named topology as the structure that it has, from one agent to 10^6 and more.

A ring, torus, hypercube, complete or exponential graph mixes by a `Circulant` or a `Product`, a path and a grid of
equal edge weights by `Line` factors; every other one is a scipy csr_array. `theory.spectrum` takes them all.
"""

from math import prod

import numpy as np

from theory.edges import at_least, few_enough
from theory.errors import require
from theory.families import dimension, offsets, powers
from theory.links import family, links
from theory.mixing import mixing
from theory.structures import STRUCTURES, Circulant, Line, Product

__all__ = ["STRUCTURES", "Circulant", "Line", "Product", "operator"]

DIRECTED = ("exponential", "directed_circulant")
CIRCULANTS = (*DIRECTED, "circulant", "symmetric_exponential", "complete")
MESHES = ("ring", "path", "torus", "grid", "hypercube")
SHARE = {  # I - L/(share (1 + d_max)) on regular graphs
    "metropolis": 1,
    "uniform": 1,
    "max_degree": 1,
    "lazy_metropolis": 2,
    "lazy_uniform": 2,
    "lazy_max_degree": 2,
}


def _even(agents, hops, weight):
    """Circulant that hears each of `hops` with `weight` and itself with the rest."""
    return Circulant(agents, {0: 1 - len(hops) * weight} | dict.fromkeys(map(int, hops), weight))


def _both_ways(agents, hops):
    """The different offsets ±h mod n that are not 0."""
    ends = np.union1d(hops % agents, -hops % agents)
    return ends[ends > 0]


def _circulant(name, agents, hops=None):
    """(agents, the offsets of the agents that each one hears)."""
    agents = at_least(1, agents=agents)
    few_enough(agents, f"{name} with {agents} agents")
    if name == "complete":
        return agents, np.arange(1, agents)
    hops = powers(agents) if hops is None else offsets(agents, hops)
    return agents, hops if name in DIRECTED else _both_ways(agents, hops)


def _axes(name, agents=None, rows=None, cols=None):
    """(sizes of the axes longer than 1, whether they are closed)."""
    if name == "hypercube":
        bits = dimension(agents)
        few_enough(1 << bits, f"hypercube with {agents} agents")
        return (2,) * bits, True
    sizes = {"agents": agents} if rows is None else {"rows": rows, "cols": cols}
    at_least(1, **sizes)
    few_enough(prod(map(int, sizes.values())), f"{name} of {sizes}")
    return tuple(int(size) for size in sizes.values() if size > 1), name in ("ring", "torus")


def _mesh(sizes, closed, share):
    """I - L/(share (1 + d_max)) on a mesh, closed to a torus or not; each axis takes its part of the degree."""
    degrees = [min(size - 1, 2) for size in sizes]
    weight = sum(degrees) / (share * (1 + sum(degrees)))  # of all links of an agent together

    def along(size, degree):
        one_way = np.array([1])
        return _even(size, _both_ways(size, one_way), weight / degree) if closed else Line(size, weight / degree)

    factors = tuple(along(size, degree) for size, degree in zip(sizes, degrees, strict=True))
    if len(factors) == 1:
        return factors[0]
    return Product(factors, tuple(degree / sum(degrees) for degree in degrees)) if factors else Line(1, 0.0)


def _best_share(plain):
    """share at which I - L/(share (1 + d)) has its smallest slem: half the sum of the extremes of L/(1 + d)."""
    below = plain.sides()[0][1:]
    components = 1 + int(np.count_nonzero(below == 0))  # which their sums of sin² are exactly
    require(components == 1, f"best_constant weights need a connected graph, this one has {components} components")
    return (below.min() + below.max()) / 2 if len(below) else 1


def _structured(name, weights, parameters):
    """share -> I - L/(share (1 + d_max)) as a structure; None where the topology with these weights is not one."""
    if name in CIRCULANTS and (name not in DIRECTED or weights in ("uniform", "lazy_uniform")):
        agents, hops = _circulant(name, **parameters)
        return lambda share: _even(agents, hops, 1 / (share * (1 + len(hops))))
    if name in MESHES:
        sizes, closed = _axes(name, **parameters)
        regular = closed or max(sizes, default=1) <= 2
        equal_weights = len(sizes) <= 1 and "metropolis" in weights  # 1/3 on every edge of a path
        if regular or equal_weights or weights in ("max_degree", "lazy_max_degree", "best_constant"):
            return lambda share: _mesh(sizes, closed, share)
    return None


def operator(name, weights=None, **parameters):
    """Mixing matrix of the named topology: a `Circulant`, `Line` or `Product` where it is one, else a csr_array.

    `weights` names a rule of `theory.mixing.WEIGHTS`; by default uniform on directed topologies and metropolis on the
    others. No dense matrix and no networkx graph is built.
    """
    family(name, parameters)
    weights = weights or ("uniform" if name in DIRECTED else "metropolis")
    build = _structured(name, weights, parameters) if weights in (*SHARE, "best_constant") else None
    if build is None:
        return mixing(links(name, **parameters), weights, sparse=True)
    return build(SHARE[weights] if weights in SHARE else _best_share(build(1)))
