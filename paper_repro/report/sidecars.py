"""What `onemerge reproduce` and `onemerge verify` left in a folder, read and checked: no damage gets on a page."""

import io
import json
from dataclasses import dataclass

import pandas as pd

from paper_repro.reproduce import digest
from theory.errors import OnemergeError, require

NUMBER = (int, float)
MAYBE = (*NUMBER, type(None))
ITEM = {
    "item": str, "scale": str, "title": str, "setting": (str, type(None)), "paper": str, "caption": str, "claims": list,
    "seeds": list, "runs": dict, "seconds": dict, "versions": dict, "revision": (str, type(None)), "files": dict,
}  # fmt: skip
CLAIM = {
    "claim": str, "statement": str, "relation": str, "threshold": NUMBER, "mean": MAYBE, "min": MAYBE, "max": MAYBE,
    "lower": MAYBE, "upper": MAYBE, "per_seed": dict, "verdict": str, "note": str,
}  # fmt: skip
RUN = {"key": str, "fields": dict, "results": dict}
RESULT = {"seconds": NUMBER, "from_round": int, "device": str}
LEDGER = {
    "claim": str, "title": str, "statement": str, "verdict": str, "what": str, "refuted_by": str, "evidence": list,
    "constants": list, "seconds": NUMBER, "revision": (str, type(None)),
}  # fmt: skip
EVIDENCE = {"engine": str, "variant": str, "outcome": str, "found": str}
CONSTANT = {"name": str, "printed": (*NUMBER, str), "best": (*NUMBER, str), "how": str}  # infinities are strings


@dataclass(frozen=True)
class Kept:
    """An item as it lies in a folder: its record (docs/json.md), the bytes of its PNG, and its tidy table."""

    record: dict
    picture: bytes
    table: pd.DataFrame


def kept_item(name, folder):
    """The `Kept` item of this name, or None where `folder` has no record of it.

    Errors: a record that is cut short or lacks a field, a figure or table that is not the one of the record.
    """
    path = folder / f"{name}.json"
    again = f"delete it, and onemerge reproduce {name} --out {folder} makes it again."
    record = _read(path, again)
    if record is None:
        return None
    _check(record, ITEM, path, again)
    require(record["item"] == name, f"{path} is the record of {record['item']!r}, not of {name!r}: {again}")
    for claim in record["claims"]:
        _check(claim, CLAIM, path, again)
    for run in record["runs"].values():
        _check(run, RUN, path, again)
        for result in run["results"].values():
            _check(result, RESULT, path, again)
    for words in ("runs", "table, drawing and claims"):
        require(isinstance(record["seconds"].get(words), NUMBER), f"{path} lacks the seconds of {words!r}: {again}")
    files = {}
    for suffix in ("png", "csv"):
        file = folder / f"{name}.{suffix}"
        files[suffix] = file.read_bytes() if file.is_file() else b""
        same = digest(files[suffix]) == record["files"].get(file.name)
        require(same, f"{file} is missing or not the one that {path.name} beside it was written with: {again}")
    return Kept(record, files["png"], pd.read_csv(io.BytesIO(files["csv"])))


def kept_claim(name, folder):
    """The record of a claim of the ledger (docs/verify.md), or None where `folder` has none."""
    path = folder / "ledger" / f"{name}.json"
    again = f"delete it, and onemerge verify {name} --out {folder} makes it again."
    record = _read(path, again)
    if record is None:
        return None
    _check(record, LEDGER, path, again)
    for kind, fields in (("evidence", EVIDENCE), ("constants", CONSTANT)):
        for one in record[kind]:
            _check(one, fields, path, again)
    return record


def _read(path, again):
    """What a JSON file holds, None where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise OnemergeError(f"{path} is truncated or not JSON: {again}") from None


def _check(value, fields, path, again):
    """Fail with one sentence where `value` is no object with all of these fields, each of its type."""
    require(isinstance(value, dict), f"{path} has {value!r:.40} where an object belongs: {again}")
    for name, kind in fields.items():
        require(name in value, f"{path} lacks the field {name!r}: {again}")
        right = isinstance(value[name], kind)
        require(right, f"{path} has {value[name]!r:.40} as {name!r}, which is of the wrong kind: {again}")
