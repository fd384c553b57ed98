"""The runs that a command line asks for: {label: Spec}, one a method."""

import re
from dataclasses import replace

from sim.models import WIDTHS
from sim.schedule import METHODS
from sim.spec import PROBLEMS, Spec
from theory.errors import OnemergeError, require


def parse_fields(texts, option="--set"):
    """{"field": "text"} of ("field=text", ...). Errors: no "=", a field given twice."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        require(name and equals, f"{option} reads FIELD=VALUE (like lr=0.05), not {text!r}.")
        require(name not in found, f"{name} is set twice: to {found.get(name)} and to {value.strip()}.")
        found[name] = value.strip()
    return found


def parse_method(word):
    """(name, fields) of "fedavg" or "fedavg:lr=0.1,local_steps=5"."""
    name, colon, rest = word.partition(":")
    require(name in METHODS, f"Unknown method {name!r}; valid: {', '.join(METHODS)}.")
    texts = re.split(r",(?=\s*\w+=)", rest) if colon else ()
    return name, parse_fields(texts, f"what follows {name}:")


def chosen_runs(problem, methods, texts):
    """{label: Spec} for every method, a word such as "dsgd" or "fedavg:lr=0.1" (None: the run as its fields say).

    A method sets its own fields of `METHODS`; `texts` {field: text} are set in all runs, those behind the colon of a
    word in its run alone, where they may change what the method is. Probes without `probes_every` are taken at the
    first and the last round, and a model without a width has its own of `WIDTHS`. Errors: a field of all runs that
    would change what a method is; two methods that are the same run.
    """
    require(problem in PROBLEMS, f"Unknown problem {problem!r}; valid: {', '.join(PROBLEMS)}.")
    runs, labels = {}, {}
    for word in methods:
        try:
            spec = _run(problem, word, texts)
        except OnemergeError as error:
            if len(methods) > 1:
                raise OnemergeError(f"{word or 'the first run'}: {error}") from None
            raise
        label = word or name_of(spec)
        twin = labels.setdefault(spec.key(), label)
        require(label not in runs and twin == label, f"{label} and {twin} are the same run: give one of them.")
        runs[label] = spec
    return runs


def _run(problem, word, texts):
    base = Spec(PROBLEMS[problem]())
    name, own = parse_method(word) if word is not None else (None, {})
    fixed = METHODS[name] if name else {}
    for field in texts.keys() & fixed.keys() - own.keys():
        same = getattr(replace(base, **fixed).override(**{field: texts[field]}), field) == fixed[field]
        require(
            same,
            f"{field}={texts[field]} would change what {name} is, which has {field}={fixed[field]}: write "
            f"{name}:{field}={texts[field]} as the method where that is meant.",
        )
    given = texts | own
    if "model" in given and "width" not in given and WIDTHS.get(given["model"]):
        given = given | {"width": str(WIDTHS[given["model"]])}
    spec = replace(base, **fixed).override(**given)
    if spec.probes and "probes_every" not in given:
        spec = replace(spec, probes_every=spec.rounds)
    require(
        spec.probes or spec.probes_every == 0,
        f"probes_every is {spec.probes_every}, but no probes are named: give --probes.",
    )
    return spec


def name_of(spec):
    """The method that a run is, or what it consists of."""
    for name, fixed in METHODS.items():
        if all(getattr(spec, field) == value for field, value in ({"window_start": None} | fixed).items()):
            return name
    gossip = "no gossip" if spec.gossip == "none" else spec.gossip
    window = f", window {spec.window_start}-{spec.window_stop}" if spec.window_start is not None else ""
    return f"{spec.optimizer}, {gossip}{window}{', final merge' if spec.final_merge else ''}"
