"""Checkpoints: states of runs on disk, content-addressed, of which the last whole one is found after any kill.

FOLDER/<sha256>.pt   a state; its name is the SHA-256 of its bytes
FOLDER/latest.json   round, sha256, seeds and device of the state to go on from; replaced when that is on the disk

What else is in the folder are leftovers of a process that was killed while it saved: nothing reads them, and the next
save removes them.
"""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import torch

from sim.atomic import write_stream, write_whole
from sim.simulate import State
from theory.errors import require

LATEST = "latest.json"
STEM = "state"


def save(folder, state, seeds, device):
    """Make `state` the one that `load` finds; the one before it is removed once the new one is found."""
    folder = Path(folder)
    digest = write_stream(folder, STEM, lambda file: torch.save(encoded(state), file), "{}.pt".format)
    pointer = {"round": state.round, "sha256": digest, "seeds": list(seeds), "device": str(device)}
    write_whole(folder / LATEST, (json.dumps(pointer) + "\n").encode())
    for path in folder.glob("*.pt"):
        if path.stem != digest:
            path.unlink(missing_ok=True)


def load(folder, device):
    """The last state saved, with what was not on the CPU on `device`; None where there is none.

    Its tensors are views of the file until they are written to, so that a state is in memory once when a run copies it.
    """
    folder = Path(folder)
    while (pointer := _pointer(folder)) is not None:
        path = folder / f"{pointer['sha256']}.pt"
        whole = path.exists() and _digest(path) == pointer["sha256"]
        if not whole and _pointer(folder) != pointer:
            continue  # another process has just saved a newer state, or dropped all
        require(
            whole,
            f"{path} is missing, truncated or changed (its name is not its SHA-256): "
            f"delete {folder / LATEST} to start its run afresh.",
        )
        kept = decoded(torch.load(path, map_location="cpu", weights_only=True, mmap=True), device)
        names = [f.name for f in dataclasses.fields(State)]
        require(
            sorted(kept) == sorted(names),
            f"{path} is of another version ({', '.join(kept)}; here a state is {', '.join(names)}): "
            f"delete {folder / LATEST} to start its run afresh.",
        )
        return State(**kept)
    return None


def drop(folder):
    """Forget the states of a folder: first that there is one, then the states."""
    folder = Path(folder)
    (folder / LATEST).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _pointer(folder):
    path = folder / LATEST
    try:
        pointer = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        pointer = None
    whole = isinstance(pointer, dict) and isinstance(pointer.get("sha256"), str)
    require(whole, f"{path} is truncated or not JSON: delete it to start its run afresh.")
    return pointer


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def encoded(state):
    """{field: value} of a state in types that `torch.load` reads with weights_only, whatever fields it has.

    Numpy arrays become ("array", dtype, first entry, shape): places in one tensor per dtype, as a long run has
    thousands of small ones. Tensors become ("tensor", tensor, whether it is on the CPU), tuples and lists ("tuple" or
    "list", items).
    """
    arrays, sizes = {}, {}

    def plain(value):
        if isinstance(value, torch.Tensor):
            value = value.detach()
            own = value.is_contiguous() and value.untyped_storage().nbytes() == value.nbytes
            return "tensor", value if own else value.clone(memory_format=torch.contiguous_format), value.is_cpu
        if isinstance(value, np.ndarray):
            name, first = value.dtype.name, sizes.get(value.dtype.name, 0)
            arrays.setdefault(name, []).append(value.ravel())
            sizes[name] = first + value.size
            return "array", name, first, value.shape
        if isinstance(value, tuple | list):
            return type(value).__name__, [plain(item) for item in value]
        require(
            value is None or type(value) in (bool, int, float, str),
            f"a state cannot keep a {type(value).__name__}; valid: tensors, arrays, numbers, texts, tuples, None.",
        )
        return value

    fields = {f.name: plain(getattr(state, f.name)) for f in dataclasses.fields(state)}
    packed = {name: torch.from_numpy(np.concatenate(parts)) for name, parts in arrays.items()}
    return {"fields": fields, "arrays": packed}


def decoded(kept, device):
    """{field: value} from what `encoded` gave."""
    arrays = {name: tensor.numpy() for name, tensor in kept["arrays"].items()}

    def value_of(item):
        if not isinstance(item, tuple):
            return item
        kind, *rest = item
        if kind == "tensor":
            tensor, on_cpu = rest
            return tensor if on_cpu else tensor.to(device)
        if kind == "array":
            name, first, shape = rest
            return arrays[name][first : first + int(np.prod(shape))].reshape(shape).copy()
        return {"tuple": tuple, "list": list}[kind](map(value_of, rest[0]))

    return {name: value_of(item) for name, item in kept["fields"].items()}
