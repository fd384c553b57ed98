"""Content-addressed results on disk: every file is written whole or not at all.

DIR/runs/<key>/spec.json      the fields of the run
DIR/runs/<key>/seed<k>.csv    its tidy table for one seed (floats in full precision)
DIR/runs/<key>/seed<k>.json   written last: SHA-256 of the table, seconds, device; a seed without it is not done
DIR/runs/<key>/models<k>.npy  final models [agents, d], if the spec keeps them
DIR/states/<key>/...pt        states of interrupted runs and of trunks that other runs branch from
"""

import hashlib
import json
import os
import pickle
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sim.simulate import State
from theory.errors import OnemergeError, require


def write_whole(path, data):
    """Write bytes to `path` through a temporary file beside it: a reader sees the old file or the whole new one."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise OnemergeError(
            f"Cannot write {path}: {error.strerror}; choose a folder you can write with --out."
        ) from None


def json_bytes(value):
    """Strict JSON: full double precision, infinities as the strings "inf" and "-inf", never NaN."""

    def plain(item):
        if isinstance(item, dict):
            return {key: plain(inner) for key, inner in item.items()}
        if isinstance(item, list | tuple):
            return [plain(inner) for inner in item]
        if isinstance(item, np.generic):
            item = item.item()
        return str(item) if isinstance(item, float) and np.isinf(item) else item

    return (json.dumps(plain(value), indent=1, allow_nan=False) + "\n").encode()


def csv_bytes(table):
    """A table as CSV with every float in full double precision."""
    return table.to_csv(index=False, lineterminator="\n").encode()


class Store:
    """Results below a folder."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def _file(self, spec, name):
        return self.folder / "runs" / spec.key() / name

    def missing(self, spec, seeds):
        """Those of the seeds whose results are not there."""
        return tuple(seed for seed in seeds if not self._file(spec, f"seed{seed}.json").exists())

    def save(self, spec, table, models, facts):
        """Write the results of the seeds in `table`; `models` {seed: [agents, d]}, `facts` a dict (seconds, ...)."""
        write_whole(self._file(spec, "spec.json"), json_bytes(spec.flat()))
        for seed, part in table.groupby("seed"):
            data = csv_bytes(part)
            write_whole(self._file(spec, f"seed{seed}.csv"), data)
            if seed in models:
                with tempfile.SpooledTemporaryFile() as buffer:
                    np.save(buffer, models[seed])
                    buffer.seek(0)
                    write_whole(self._file(spec, f"models{seed}.npy"), buffer.read())
            done = {"sha256": hashlib.sha256(data).hexdigest(), "rows": len(part), **facts}
            write_whole(self._file(spec, f"seed{seed}.json"), json_bytes(done))

    def load(self, spec, seeds):
        """The tidy table of these seeds."""
        parts = []
        for seed in seeds:
            self.facts(spec, seed)
            path = self._file(spec, f"seed{seed}.csv")
            parts.append(pd.read_csv(path, dtype={"agent": "Int64"}, converters={"value": float}))
        return pd.concat(parts, ignore_index=True)

    def facts(self, spec, seed):
        """What was recorded beside the table of a seed (sha256, rows, seconds, ...), and the table is as recorded.

        A truncated or changed file is an error that names it and says what to delete; it is never computed over.
        """
        path, table = self._file(spec, f"seed{seed}.json"), self._file(spec, f"seed{seed}.csv")
        try:
            facts = json.loads(path.read_text())
        except (OSError, ValueError):
            facts = None
        whole = isinstance(facts, dict) and "sha256" in facts
        require(whole, f"{path} is missing, truncated or not JSON: delete it to compute its seed again.")
        data = table.read_bytes() if table.exists() else b""
        require(
            hashlib.sha256(data).hexdigest() == facts["sha256"],
            f"{table} is truncated or changed (its SHA-256 is not the one recorded beside it): "
            f"delete {path.name} next to it to compute it again.",
        )
        return facts

    def models(self, spec, seed):
        """Final models [agents, d] of a run that keeps them."""
        path = self._file(spec, f"models{seed}.npy")
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, EOFError, ValueError):
            raise OnemergeError(
                f"{path} is missing or truncated: delete seed{seed}.json next to it to compute it again."
            ) from None

    def _state_file(self, spec, seeds, name):
        return self.folder / "states" / spec.key() / f"{'-'.join(map(str, seeds))}-{name}.pt"

    def save_state(self, spec, seeds, state, name):
        """Keep a state, so that the run (or one that branches off there) can go on from it."""
        records = [(*where, torch.from_numpy(values)) for *where, values in state.records]
        kept = vars(state) | {"diverged": torch.from_numpy(state.diverged), "records": records}
        with tempfile.SpooledTemporaryFile() as buffer:
            torch.save(kept, buffer)
            buffer.seek(0)
            write_whole(self._state_file(spec, seeds, name), buffer.read())

    def load_state(self, spec, seeds, device, name):
        """The kept state, or None."""
        path = self._state_file(spec, seeds, name)
        if not path.exists():
            return None
        try:
            kept = torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError):
            raise OnemergeError(f"{path} is truncated: delete it to start its run afresh.") from None
        move = lambda t: t.to(device) if t.dim() else t  # noqa: E731 (step counters live on the CPU)
        records = tuple((*where, values.numpy()) for *where, values in kept["records"])
        return State(
            kept["round"], move(kept["theta"]), tuple(map(move, kept["optimizer"])), kept["diverged"].numpy(), records
        )

    def drop_state(self, spec, seeds, name):
        """Forget one kept state, if it is there."""
        self._state_file(spec, seeds, name).unlink(missing_ok=True)

    def drop_states(self, spec):
        """Forget all kept states of a spec."""
        shutil.rmtree(self.folder / "states" / spec.key(), ignore_errors=True)
