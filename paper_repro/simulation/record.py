"""What runs gave: simulated through the store, and summed up over seeds in one record."""

import time
from pathlib import Path

import pandas as pd

from paper_repro.execute import default_jobs, execute
from paper_repro.reproduce import check_writable, revision, versions
from sim.atomic import write_whole
from sim.run import check_rounds, pick_device
from sim.store import Store, csv_bytes
from theory.errors import OnemergeError, require

SCHEMA = "onemerge simulate 1"


def simulate_runs(
    runs, seeds, folder="results", *, device="cpu", jobs=None, checkpoint_rounds=None, csv=None, bar=lambda *_: None
):
    """The record (docs/simulate.md) of {label: Spec} on seeds 0 ... `seeds` − 1; what is in the folder is reused.

    `csv` names a file for the tidy table of all runs: label, key, seed, round, step, metric, agent, value, and the
    fields in which the runs differ. `jobs` are processes (None: as many as there are runs, at most one per core).
    """
    started = time.perf_counter()
    require(isinstance(seeds, int) and seeds >= 1, f"seeds must be a whole number of at least 1, not {seeds!r}.")
    require(jobs is None or jobs >= 1, f"jobs must be at least 1, not {jobs}.")
    check_rounds(checkpoint_rounds)
    pick_device(device)
    folder, seeds = Path(folder), tuple(range(seeds))
    if csv is not None:
        _check_file(Path(csv))
    check_writable(folder)
    store, specs = Store(folder), list(runs.values())
    new = {label: store.missing(spec, seeds) for label, spec in runs.items()}
    execute(specs, seeds, folder, device, jobs or min(default_jobs(device), len(specs)), bar, checkpoint_rounds)
    tables = {label: store.load(spec, seeds) for label, spec in runs.items()}
    rows = []
    for label, spec in runs.items():
        facts = {seed: store.facts(spec, seed) for seed in seeds}
        rows.append(
            {
                "label": label,
                "key": spec.key(),
                "fields": spec.flat(),
                **summary(tables[label], spec.rounds, seeds),
                "reused": [seed for seed in seeds if seed not in new[label]],
                "seconds": sum({fact["seconds"] for fact in facts.values()}),  # those of a stack share one number
                "device": sorted({fact["device"] for fact in facts.values()}),
                "results": {str(seed): fact for seed, fact in facts.items()},
            }
        )
    if csv is not None:
        write_whole(Path(csv), csv_bytes(tidy(tables, runs)))
    return {
        "schema": SCHEMA,
        "problem": specs[0].flat()["problem"],
        "seeds": seeds,
        "rows": rows,
        "out": str(folder),
        "csv": csv,
        "seconds": time.perf_counter() - started,
        "versions": versions(),
        "revision": revision(),
    }


def _check_file(path):
    """Fail before any work is done where this file could not be written."""
    require(not path.is_dir(), f"--csv is {path}, a folder; it must be a file.")
    try:
        check_writable(path.parent)
    except OnemergeError:
        raise OnemergeError(f"Cannot write {path}: choose a file that you can write with --csv.") from None


def summary(table, rounds, seeds):
    """`metrics` {name: mean, min, max, per_seed} over all agents after the last round, and `diverged` {seed: step}.

    A seed that diverged has no value (null in `per_seed`) and no part in mean, min and max; nor has a probe's value
    that was not finite.
    """
    rows = table[table["agent"].isna()]
    marks = rows[rows["metric"] == "diverged"]
    diverged = {str(seed): int(step) for seed, step in zip(marks["seed"], marks["step"], strict=True)}
    names = [name for name in rows["metric"].unique() if name != "diverged"]
    last = rows[(rows["round"] == rounds) & ~rows["seed"].isin(marks["seed"])]
    found = last[last["metric"].isin(names)].pivot(index="seed", columns="metric", values="value")
    found = found.reindex(index=list(seeds), columns=names)
    there = lambda value: None if pd.isna(value) else float(value)  # noqa: E731
    metrics = {
        name: {
            **{statistic: there(getattr(found[name], statistic)()) for statistic in ("mean", "min", "max")},
            "per_seed": {str(seed): there(value) for seed, value in found[name].items()},
        }
        for name in names
    }
    return {"metrics": metrics, "diverged": diverged}


def differing(runs):
    """The fields in which the runs differ, {label: {field: value}}; a field that a run has not is None."""
    flat = {label: spec.flat() for label, spec in runs.items()}
    names = dict.fromkeys(name for values in flat.values() for name in values)
    vary = [name for name in names if len({repr(values.get(name)) for values in flat.values()}) > 1]
    return {label: {name: values.get(name) for name in vary} for label, values in flat.items()}


def tidy(tables, runs):
    """One table of all runs."""
    vary = differing(runs)
    parts = []
    for label, table in tables.items():
        part = table.assign(**vary[label])
        part.insert(0, "label", label)
        part.insert(1, "key", runs[label].key())
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
