"""Regenerate figures and tables: run what is missing, draw, judge, and write everything down."""

import hashlib
import importlib.metadata
import json
import platform
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from figures.style import save
from paper_repro.execute import execute
from paper_repro.item import judge
from paper_repro.items import ITEMS
from paper_repro.scales import SCALES, with_files
from sim.run import pick_device
from sim.store import Store, csv_bytes, json_bytes, write_whole
from theory.errors import OnemergeError, require

PACKAGES = ("theory", "sim", "figures", "paper_repro")
NEEDED = ("onemerge", "torch", "numpy", "scipy", "sympy", "networkx", "pandas", "matplotlib", "pillow", "scikit-learn")
EXTRAS = ("transformers",)
KEPT = ("label", "seed", "round", "step", "metric", "agent", "value")


@dataclass(frozen=True)
class Results:
    """What an item's table is made from: its base spec as overridden, and the stored runs by label."""

    store: Store
    base: object
    specs: dict
    seeds: tuple
    device: str
    scale: str = "quick"

    def table(self):
        """All runs as one tidy table: label, seed, round, step, metric, agent, value, and the fields that differ."""
        fields = pd.DataFrame({label: spec.flat() for label, spec in self.specs.items()}).T
        differing = [name for name in fields if len(set(map(str, fields[name]))) > 1]
        parts = []
        for label, spec in self.specs.items():
            part = self.store.load(spec, self.seeds)
            parts.append(part.assign(label=label, **{name: fields.loc[label, name] for name in differing}))
        table = pd.concat(parts, ignore_index=True)
        for name in ("window_start", "window_stop"):
            if name in table:
                table[name] = table[name].astype("Int64")
        return table[[*KEPT, *differing]]

    def models(self, label, seed):
        """Final models [agents, d] of a run that keeps them."""
        return self.store.models(self.specs[label], seed)

    def problem(self, label, seed):
        """The objective of a run, for one seed."""
        return self.specs[label].build((seed,), self.device)


def chosen_items(names):
    """Items by name, all of them when no name is given."""
    for name in names:
        require(name in ITEMS, f"Unknown item {name!r}; valid: {', '.join(ITEMS)}.")
    return [ITEMS[name] for name in (dict.fromkeys(names) or ITEMS)]


def parse_overrides(texts):
    """{"field": "text"} from ("runs.field=text", ...)."""
    overrides = {}
    for text in texts:
        name, equals, value = text.partition("=")
        require(
            equals and name.startswith("runs."),
            f"An override reads runs.FIELD=VALUE (like runs.lr=0.05), not {text!r}.",
        )
        overrides[name.removeprefix("runs.")] = value
    return overrides


def reproduce(
    names=(),
    *,
    scale="quick",
    seeds=3,
    overrides=None,
    data=None,
    weights=None,
    folder="results",
    device="cpu",
    jobs=1,
    bar=lambda *_: None,
):
    """Regenerate items into `folder`; returns one record per item (the JSON side-car, see docs/json.md).

    `scale` "paper" runs the paper's own settings, on the archives in the folder `data` (or on "generated" images in
    their shape) and from the weights in the folder `weights`.
    """
    items = chosen_items(names)
    require(scale in SCALES, f"Unknown scale {scale!r}; valid: {', '.join(SCALES)}.")
    for name, value in (("data", data), ("weights", weights)):
        require(scale == "paper" or value is None, f"{name} is for scale paper: the quick one reads no files.")
    require(isinstance(seeds, int) and seeds >= 1, f"seeds must be a whole number of at least 1, not {seeds!r}.")
    require(jobs >= 1, f"jobs must be at least 1, not {jobs}.")
    pick_device(device)
    seeds = tuple(range(seeds))
    bases = {item.name: _base(item, scale, overrides or {}, data, weights) for item in items}
    specs = {item.name: _runs(item, bases[item.name]) for item in items}
    folder = Path(folder)
    check_writable(folder)
    execute([spec for runs in specs.values() for spec in runs.values()], seeds, folder, device, jobs, bar)
    results = {name: Results(Store(folder), bases[name], specs[name], seeds, device, scale) for name in specs}
    return [_finish(item, results[item.name], folder) for item in items]


def _base(item, scale, overrides, data, weights):
    """The item's base spec with the overrides; an error names the item, since not all have the same fields."""
    with _named(item):
        base = item.at(scale).override(**overrides)
        return with_files(base, data, weights) if scale == "paper" else base


def _runs(item, base):
    with _named(item):
        return item.runs(base)


@contextmanager
def _named(item):
    """Errors inside begin with the item's name."""
    try:
        yield
    except OnemergeError as error:
        raise OnemergeError(f"{item.name}: {error}") from None


def check_writable(folder):
    """Fail before any work is done where nothing could be written."""
    probe = folder / ".writable"
    write_whole(probe, b"")
    probe.unlink()


def _finish(item, results, folder):
    """The item's record: as it stands in the folder when nothing behind it changed, else made anew."""
    facts = {
        label: {str(seed): results.store.facts(spec, seed) for seed in results.seeds}
        for label, spec in results.specs.items()
    }
    tables = [fact["sha256"] for by_seed in facts.values() for fact in by_seed.values()]
    made_from = [code_digest(), item.name, results.scale, list(results.specs), results.seeds, tables]
    inputs = digest(json.dumps(made_from).encode())
    return _standing(folder, item, inputs) or _made(item, results, folder, facts, inputs)


def _standing(folder, item, inputs):
    """The record in the folder, if it was made from these inputs and its files are as they were left, else None."""
    try:
        record = json.loads((folder / f"{item.name}.json").read_text())
        kept = {name: digest((folder / name).read_bytes()) for name in record["files"]}
    except (OSError, ValueError, KeyError, TypeError):  # not there, or cut short: it can be made anew from the runs
        return None
    return record if record["inputs"] == inputs and record["files"] == kept else None


def _made(item, results, folder, facts, inputs):
    started = time.perf_counter()
    table = item.table(results)
    figure = item.draw(table)
    save(figure, folder / item.name)
    write_whole(folder / f"{item.name}.csv", csv_bytes(table))
    verdicts = [judge(claim, table, results.seeds) for claim in item.claims]
    seeds = ", ".join(map(str, results.seeds))
    setting = f"{item.setting(results.base)}; seeds {seeds}" if item.setting else None
    record = {
        "item": item.name,
        "scale": results.scale,
        "title": item.title,
        "setting": setting,
        "paper": item.paper,
        "caption": caption(item.title, setting, item.paper, verdicts),
        "claims": verdicts,
        "seeds": list(results.seeds),
        "runs": {
            label: {"key": spec.key(), "fields": spec.flat(), "results": facts[label]}
            for label, spec in results.specs.items()
        },
        "seconds": {
            "runs": sum(max(fact["seconds"] for fact in by_seed.values()) for by_seed in facts.values()),
            "table, drawing and claims": time.perf_counter() - started,
        },
        "versions": versions(),
        "revision": revision(),
        "inputs": inputs,
        "files": {
            name: digest((folder / name).read_bytes())
            for name in (f"{item.name}.{suffix}" for suffix in ("pdf", "png", "csv"))
        },
    }
    write_whole(folder / f"{item.name}.json", json_bytes(record))
    return record


def caption(title, setting, paper, verdicts):
    """What the figure shows, on which data and seeds, which claims did not come out, and what the paper used."""
    ran = f" Here: {setting}." if setting else ""
    return f"{title}.{ran}{missed(verdicts)} The paper: {paper}."


def missed(verdicts):
    """The claims that these runs do not confirm, in words; empty where they confirm all."""
    found = [
        f"{one['claim']} is {one['verdict']} ({one['statement']})" for one in verdicts if one["verdict"] != "confirmed"
    ]
    return f" Not shown here: {'; '.join(found)}." if found else ""


def digest(data):
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@cache
def code_digest():
    """SHA-256 of the source files of the four packages: a change of the code makes figures anew (runs are kept)."""
    top = Path(__file__).resolve().parents[1]
    sources = [path for package in PACKAGES for path in sorted((top / package).rglob("*.py"))]
    return digest(b"".join(str(path.relative_to(top)).encode() + path.read_bytes() for path in sources))


@cache
def versions():
    """Versions of what computes the numbers (pillow's libjpeg makes pixels of JPEGs); extras where installed."""
    there = [name for name in EXTRAS if any(importlib.metadata.distributions(name=name))]
    found = {name: importlib.metadata.version(name) for name in (*NEEDED, *there)}
    return {"python": platform.python_version(), **found}


@cache
def processor():
    """Name of the processor, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@cache
def revision():
    """Git revision of this code: of the checkout it runs from ("+changes" when that differs), else the installed one.

    An installed package carries its revision in its version (0.1.0+g1a2b3c4); None where neither is known.
    """
    here = Path(__file__).resolve()

    def git(*words):
        done = subprocess.run(["git", "-C", str(here.parent), *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", here.name)  # a checkout that merely contains the environment does not count
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--", "..") else "")
    except (OSError, subprocess.CalledProcessError):
        local = importlib.metadata.version("onemerge").partition("+")[2]
        return local.partition(".")[0].removeprefix("g") or None
