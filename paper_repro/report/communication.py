"""What every method sent and reached: measured in the runs of the items, and counted for the paper's setting."""

import json

import pandas as pd

from paper_repro.claims.communication import all_reduce, gossip

COLUMNS = {"label", "seed", "round", "metric", "agent", "value"}
METRICS = ("messages", "bytes", "average_global_accuracy", "merged_accuracy")
PLACE = ("window_start", "window_stop", "keep_models")  # change nothing that is sent, but for a window's length
PAPER = {"rounds": 300, "peers": 0.2, "agents": (16, 32)}


def methods_of(record, table):
    """One row a method of an item, measured after the last round; [] where its table counts no bytes of its runs.

    Runs that differ by the place of a window alone are one method: its numbers are over all their runs and seeds, a
    seed that diverged left out. `share` is the bytes of the method over those of averaging all agents in every round by
    Ring-AllReduce (`whole`); None where no run tells how large a model is.
    """
    if not set(table.columns) >= COLUMNS or "bytes" not in set(table["metric"]):
        return []
    numbers = _last(table[table["label"].isin(list(record["runs"]))])
    groups, size = {}, {}
    for label, run in record["runs"].items():
        groups.setdefault(_method(run["fields"]), []).append(label)
        found = _bytes_of_a_model(run["fields"], numbers[numbers.index.get_level_values("label") == label])
        size |= {} if found is None else {_model(run["fields"]): found}
    return [_row(labels, record["runs"][labels[0]]["fields"], numbers, size) for labels in groups.values()]


def _bytes_of_a_model(fields, sent):
    """What a run with these fields tells of it by the messages and bytes it `sent`; None where it tells nothing.

    A message of gossip or to and from a server is a model; an average of all by Ring-AllReduce sends 2(m − 1) of them.
    """
    sent = sent[["messages", "bytes"]].dropna()
    if fields["gossip"] == "complete":
        models = all_reduce(fields["agents"], 1, fields["rounds"]) * len(sent)
        return float(sent["bytes"].sum() / models) if models and not fields.get("outage") else None
    if fields["gossip"] in ("edge", "periodic") or fields["final_merge"] or fields["window_start"] is not None:
        return None
    models = sent["messages"].sum()
    return float(sent["bytes"].sum() / models) if models > 0 else None


def _model(fields):
    """What the size of a model in bytes depends on."""
    return tuple(fields.get(name) for name in ("problem", "data", "model", "width", "dim", "dtype"))


def whole(fields, size):
    """Bytes of averaging all agents of a run in every round, with models of `size` bytes: 2(m − 1) models a round."""
    return all_reduce(fields["agents"], size, fields["rounds"])


def _method(fields):
    """A key that runs share which differ by the place of a window alone."""
    start, stop = fields["window_start"], fields["window_stop"]
    length = None if start is None else stop - start
    return json.dumps([length, {name: value for name, value in fields.items() if name not in PLACE}], sort_keys=True)


def _last(table):
    """METRICS over all agents after the last round of each run, indexed by label and seed."""
    together = table[table["agent"].isna()]
    last = together[together["round"] == together.groupby("label")["round"].transform("max")]
    found = last[last["metric"].isin(METRICS)].pivot(index=["label", "seed"], columns="metric", values="value")
    gone = pd.MultiIndex.from_frame(table.loc[table["metric"] == "diverged", ["label", "seed"]])
    return found.drop(index=gone, errors="ignore").reindex(columns=METRICS)


def _row(labels, fields, numbers, size):
    own = numbers[numbers.index.get_level_values("label").isin(labels)]
    values = {name: _spread(own[name].dropna()) for name in METRICS}
    model = size.get(_model(fields))
    known = model is not None and values["bytes"] is not None
    return {
        "method": labels[0] if len(labels) == 1 else f"{labels[0]}, …, {labels[-1]}",
        "runs": len(labels),
        "agents": fields["agents"],
        "rounds": fields["rounds"],
        **values,
        "share": values["bytes"]["mean"] / whole(fields, model) if known else None,
    }


def _spread(values):
    """Mean and range, None without values."""
    if values.empty:
        return None
    return {"mean": float(values.mean()), "min": float(values.min()), "max": float(values.max())}


def counted_for_the_paper():
    """What each method sends in the paper's setting, in models of P numbers, exactly or in expectation."""
    rounds, peers, sizes = PAPER["rounds"], PAPER["peers"], PAPER["agents"]
    methods = (
        ("average of all agents in every round (Ring-AllReduce)", "2(m − 1)PT", lambda m: all_reduce(m, 1, rounds)),
        (
            f"gossip, R = {peers:g}, and one merge",
            "mRPT + 2(m − 1)P",
            lambda m: gossip(m, 1, rounds, peers),
        ),
        ("no gossip, one merge (one-shot averaging)", "2(m − 1)P", lambda m: all_reduce(m, 1, 1)),
        ("no communication", "0", lambda m: 0),
    )
    return [
        {"method": name, "formula": formula, "models": {str(m): float(count(m)) for m in sizes}}
        for name, formula, count in methods
    ]
