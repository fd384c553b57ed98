"""Content-addressed results on disk: every file is written whole or not at all.

DIR/runs/<key>/spec.json        the fields of the run
DIR/runs/<key>/seed<k>.csv      its tidy table for one seed (floats in full precision)
DIR/runs/<key>/seed<k>.json     written last: SHA-256 of the table, seconds, device; a seed without it is not done
DIR/runs/<key>/models<k>.npy    final models [agents, d], if the spec keeps them
DIR/runs/<key>/done-<seeds>.json  there for a moment: the contents of the seed<k>.json of all seeds of a stack
DIR/states/<key>/<name>-<seeds>/  checkpoints of interrupted runs and of trunks that others branch from (sim.checkpoint)

The seeds of a stack are done all at once, or none is: the last bits of a seed may depend on those beside it, so a run
that was killed between the files of two seeds must not compute the second one alone.
"""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from sim import checkpoint
from sim.atomic import write_stream, write_whole
from theory.errors import OnemergeError, require

INTERRUPTED = "interrupted"  # end of the name of the state from which an unfinished run goes on


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


def write_array(path, array):
    """Write a numpy array as .npy, without a copy of all its bytes."""
    write_stream(path.parent, path.name, lambda file: np.save(file, array), lambda _: path.name)


class Store:
    """Results below a folder."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def _file(self, spec, name):
        return self.folder / "runs" / spec.key() / name

    def missing(self, spec, seeds):
        """Those of the seeds whose results are not there; those that a killed process had as good as stored, are."""
        self._publish(spec)
        return tuple(seed for seed in seeds if not self._file(spec, f"seed{seed}.json").exists())

    def save(self, spec, seeds, table, models, facts):
        """Write the results of a stack of seeds, all in `table`; `models` {seed: [agents, d]}, `facts` a dict.

        Then the state from which a run of these seeds would have gone on is forgotten.
        """
        write_whole(self._file(spec, "spec.json"), json_bytes(spec.flat()))
        done = {}
        for seed, part in table.groupby("seed"):
            digest = write_whole(self._file(spec, f"seed{seed}.csv"), csv_bytes(part))
            if seed in models:
                write_array(self._file(spec, f"models{seed}.npy"), models[seed])
            done[f"seed{seed}.json"] = {"sha256": digest, "rows": len(part), **facts}
        write_whole(self._file(spec, f"done-{seeds_digest(seeds)}.json"), json_bytes(done))
        self._publish(spec)

    def _publish(self, spec):
        """Do what the files done-<seeds>.json promise: what was killed in between is done again from the beginning."""
        for path in sorted((self.folder / "runs" / spec.key()).glob("done-*.json")):
            try:
                done = json.loads(path.read_bytes())
            except FileNotFoundError:  # another process has just done it
                continue
            except ValueError:
                raise OnemergeError(f"{path} is truncated or not JSON: delete it to compute its seeds again.") from None
            for name, facts in done.items():
                write_whole(path.with_name(name), json_bytes(facts))
            for folder in self._states(spec).glob(f"*-{INTERRUPTED}-{path.stem.removeprefix('done-')}"):
                checkpoint.drop(folder)
            path.unlink(missing_ok=True)

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

    def _states(self, spec):
        return self.folder / "states" / spec.key()

    def _state(self, spec, seeds, name):
        return self._states(spec) / f"{name}-{seeds_digest(seeds)}"

    def save_state(self, spec, seeds, state, name, device):
        """Keep a state, so that the run (or one that branches off there) can go on from it."""
        checkpoint.save(self._state(spec, seeds, name), state, seeds, device)

    def load_state(self, spec, seeds, device, name):
        """The kept state, or None."""
        return checkpoint.load(self._state(spec, seeds, name), device)

    def drop_states(self, spec):
        """Forget all kept states of a spec."""
        for folder in self._states(spec).glob("*"):
            checkpoint.drop(folder)
        shutil.rmtree(self._states(spec), ignore_errors=True)


def seeds_digest(seeds):
    """A short name for seeds in their order, however many there are (the first 16 digits of a SHA-256)."""
    return hashlib.sha256(json.dumps(list(seeds)).encode()).hexdigest()[:16]
