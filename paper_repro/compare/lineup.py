"""What a user names on the command line of `onemerge compare` and `onemerge scale`: "torus", "base-2", "regular-4".

    NAME, NAME-VALUE-VALUE... or NAME:parameter=value,parameter=value..., or the path of a file, or of a folder with a /

NAME is a name of `theory.roster` (hyphens count as underscores) or of SHORT. Values without a name fill the parameters
that need one, in their order. `agents` comes from the command, the sides of a torus or grid are as equal as they can
be, and `seed` is 0 unless it is given.
"""

import os
import re
from math import isqrt
from pathlib import Path

from paper_repro.check.subject import subject_of
from theory.errors import OnemergeError, require
from theory.files import GRAPH_FILES
from theory.graphs import TOPOLOGIES
from theory.matrix_files import MATRIX_FILES
from theory.roster import ROSTER, entry, required, whole_or_real
from theory.sequence_files import SEQUENCE_FILES

FILES = {*GRAPH_FILES, *MATRIX_FILES, *SEQUENCE_FILES}

SHORT = {  # name: (name in the roster, what is done to the values)
    "random": ("random_peers", lambda values: values),
    "matching": ("random_matching", lambda values: values),
    "base": ("base_graph", lambda values: [_one_less(values[0]), *values[1:]] if values else values),
    "one_peer": ("one_peer_exponential", lambda values: values),
    "regular": ("random_regular", lambda values: values),
    "geometric": ("random_geometric", lambda values: values),
    "erdos": ("erdos_renyi", lambda values: values),
}


def _one_less(base):
    """k of Base-(k+1), as `base_graph` takes it."""
    require(isinstance(base, int) and base >= 2, f"base is {base}; Base-(k+1) needs a whole number of at least 2")
    return base - 1


def sides(agents):
    """(rows, cols) with rows * cols = agents, rows the largest divisor up to the root."""
    rows = max(divisor for divisor in range(1, isqrt(agents) + 1) if agents % divisor == 0)
    return rows, agents // rows


def parse(text):
    """(name of the roster, {parameter: value}) of one word of the command line, without the agents."""
    head, colon, tail = text.partition(":")
    words = head.split("-")
    known = ROSTER.keys() | SHORT.keys()
    names = [("_".join(words[:k]), words[k:]) for k in range(len(words), 0, -1)]
    found = next(((name, rest) for name, rest in names if name in known), None)
    valid = f"{', '.join([*ROSTER, *SHORT])}, or the path of a file, or of a folder with a /"
    require(found, f"unknown topology {text!r}; valid ones are {valid}")
    name, rest = found
    values = [whole_or_real(word) for word in rest]
    if name in SHORT:
        name, change = SHORT[name]
        values = change(values)
    given = {}
    for pair in re.split(r",(?=[a-zA-Z_]+=)", tail) if colon else ():
        key, equals, value = pair.partition("=")
        require(equals and key and value, f"{pair!r} in {text!r} is not of the form parameter=value")
        given[key] = whole_or_real(value)
    while values:
        wanted = [p for p in _wanted(name, given) if p not in ("agents", "rows", "cols", "seed", *given)]
        require(wanted, f"{text!r} has the value {values[0]} too many; {_needs(name, given)}")
        given[wanted[0]] = values.pop(0)
    return name, given


def _wanted(name, given):
    """Parameters that need a value, those of the base graph that is given among them."""
    graph = given.get("graph")
    return required(name, graph if graph in TOPOLOGIES else None)


def _needs(name, given):
    return f"{name} takes {', '.join(entry(name).parameters)}" + (
        f" and those of {given['graph']}" if "graph" in given else ""
    )


def sized(name, given, agents):
    """The parameters with the number of agents (or two sides) and the seed filled in."""
    takes = list(entry(name).parameters)
    graph = given.get("graph")
    if graph in TOPOLOGIES:
        takes += entry(graph).parameters
    filled = dict(given)
    if "rows" in takes and "cols" in takes and not {"rows", "cols"} & set(given):
        filled["rows"], filled["cols"] = sides(agents)
    elif "agents" in takes:
        filled.setdefault("agents", agents)
    if "seed" in takes:
        filled.setdefault("seed", 0)
    return filled


def subject(text, agents):
    """The `Subject` of one word, of as many agents as all others, with an error sentence that names the word."""
    path = Path(text)
    try:
        if path.suffix.lower() in FILES or (path.suffix and path.is_file()) or (os.sep in text and path.is_dir()):
            found = subject_of(path)
        else:
            name, given = parse(text)
            found = subject_of(name, **sized(name, given, agents))
    except OnemergeError as error:
        raise OnemergeError(f"{text}: {error}") from error
    size = found.gossip.agents
    require(size == agents, f"{text} has {size} agents, the others {agents}; all must have as many as --agents says")
    return found


def label(name, parameters):
    """How a subject is called in tables and figures: its name and what tells it from others of its name."""
    shown = {p: v for p, v in parameters.items() if p not in ("agents", "seed")}
    if "rows" in shown and "cols" in shown:
        shown = {f"{shown.pop('rows')}×{shown.pop('cols')}": None} | shown
    words = [p if v is None else f"{p} {v}" for p, v in shown.items()]
    return f"{name} ({', '.join(words)})" if words else name
