"""The command that makes an item again, found from its record: scale, seeds, folder, device, fields that were set."""

import json
import shlex

from paper_repro.scales import GENERATED, with_files
from sim.data.shaped import SHAPED
from sim.store import json_bytes
from theory.errors import OnemergeError


def remake(item, folder, record=None, scale="quick"):
    """`command` (`onemerge reproduce …`) for an `Item`, `same_runs`: whether it gives the very runs of its record, and
    `set`: {field: text} that it sets.

    Without a record the command has the defaults of `scale`. Where no settings of this version give the runs, it has
    those of the record that the command line takes: scale, seeds and device.
    """
    words, changed = ["onemerge", "reproduce", item.name], {}
    if record is None:
        words += _scale(scale, {None}, {None})
    else:
        changed = overrides(item, record)
        files = [{run["fields"].get(name) for run in record["runs"].values()} for name in ("data", "weights")]
        words += [*_scale(record["scale"], *files), "--seeds", str(len(record["seeds"]))]
        words += [part for name, text in (changed or {}).items() for part in ("--set", f"runs.{name}={text}")]
        words += ["--device", "cuda"] if on_gpu(record) else []
    command = shlex.join([*words, "--out", str(folder)])
    return {"command": command, "same_runs": changed is not None, "set": changed or {}}


def _scale(scale, data, weights):
    """Words for the scale; of the paper's own with the folders that runs on these `data` from these `weights` read."""
    if scale == "quick":
        return []
    words = ["--scale", scale, "--data", GENERATED if data & set(SHAPED) else "DATA"]
    return words + ["--weights", "WEIGHTS"] * bool(weights - {None})


def on_gpu(record):
    """Whether a run of the record was computed on a GPU, whose name is its device."""
    devices = {result["device"] for run in record["runs"].values() for result in run["results"].values()}
    return any(not device.startswith("CPU") for device in devices)


def overrides(item, record):
    """{field: text} that --set has to change for the item to have the runs of the record; None where nothing does.

    Weights of the user are not compared; a field that the record lacks is newer than it, and at its default.
    """
    runs = {label: run["fields"] for label, run in record["runs"].items()}
    if not runs:
        return {}
    base = item.at(record["scale"])
    if any(fields.get("data") in SHAPED for fields in runs.values()):
        base = with_files(base, GENERATED, None)
    usual = _fields(item, base)
    changed = {}
    for label in usual.keys() & runs.keys():
        changed |= _different(runs[label], usual[label])
    texts = {name: field_text(changed[name]) for name in sorted(changed)}
    try:
        found = _fields(item, base.override(**texts))
    except OnemergeError:  # fields that cannot be set, or not together, as those of an older version
        return None
    alike = found.keys() == runs.keys() and not any(_different(runs[label], found[label]) for label in runs)
    return texts if alike else None


def _fields(item, base):
    """{label: {field: value as JSON has it}} of the runs of an item."""
    return {label: json.loads(json_bytes(spec.flat())) for label, spec in item.runs(base).items()}


def _different(recorded, own):
    """Fields of the record that are other ones here, with the values that they have in the record."""
    absent = object()
    return {name: value for name, value in recorded.items() if name != "weights" and own.get(name, absent) != value}


def field_text(value):
    """A value of a field as --set takes it."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
