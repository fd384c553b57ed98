"""From the tidy table to the numbers that a figure draws: seeds by columns, means, spreads and divergences.

A run that diverged has a row with metric `diverged` whose value is the step; its other values count up to there and
the figure marks it. Any other hole in the table is an error, because a mean over what is left would look like a result.
"""

import numpy as np
import pandas as pd

from figures import labels
from theory.errors import require

RUN_COLUMNS = ("seed", "round", "metric", "agent", "value", "label")
SPREADS = {"range": "min to max", "deviation": "±1 standard deviation"}


def need(table, columns, what="The table"):
    """Raise one sentence with all the columns that are missing."""
    missing = [column for column in columns if column not in table.columns]
    require(
        not missing,
        f"{what} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it has {', '.join(table.columns)}.",
    )


def labels_of(table, metric):
    """The run labels that have `metric` or diverged, in order of appearance."""
    rows = table[table["metric"].isin([metric, "diverged"])]
    present = table["metric"].unique()
    require(
        (rows["metric"] == metric).any(), f"The table has no metric '{metric}'; its metrics are {', '.join(present)}."
    )
    return list(rows["label"].unique())


def divergences(table):
    """One row per diverged run: label, seed, round and step, an integer."""
    rows = table[table["metric"] == "diverged"].drop_duplicates(["label", "seed"])
    return rows.assign(step=rows["value"].astype(int))[["label", "seed", "round", "step"]].reset_index(drop=True)


def by_seed(table, metric):
    """Values over all agents of one label, in the unit of the axis: rounds by seeds, NaN after a divergence."""
    need(table, RUN_COLUMNS)
    names = table["label"].unique()
    require(len(names) == 1, f"One label at a time is expected here, not {', '.join(map(str, names)) or 'none'}.")
    rows = table[(table["metric"] == metric) & table["agent"].isna()]
    twice = rows[rows.duplicated(["seed", "round"])]
    require(
        twice.empty,
        f"'{metric}' of '{names[0]}' has two values for one seed and round, so different runs share one label.",
    )
    stops = divergences(table).set_index("seed")["round"]
    wide = rows.pivot(index="round", columns="seed", values="value")
    wide = wide.reindex(columns=sorted({*wide.columns, *stops.index})).astype(float).sort_index()
    wide = wide.where(np.isfinite(wide)) * labels.of(metric).scale
    for seed in stops.index:
        wide.loc[wide.index > stops[seed], seed] = np.nan
    for seed in wide.columns.difference(stops.index):
        holes = wide.index[wide[seed].isna()]
        require(
            len(holes) == 0,
            f"'{metric}' of '{names[0]}', seed {seed}, is missing or not finite at {len(holes)} of {len(wide)} rounds, "
            "and that run is not marked as diverged.",
        )
    return wide


def to_the_end(table, metric):
    """The columns of `by_seed` whose runs did not diverge."""
    return by_seed(table, metric).drop(columns=divergences(table)["seed"].unique())


def sent(table):
    """The text ", 12.2 MB sent": bytes of all agents after the last round, mean over runs and seeds; "" without any."""
    rows = table[(table["metric"] == "bytes") & table["agent"].isna()]
    if rows.empty:
        return ""
    bytes_sent = rows[rows["round"] == rows["round"].max()]["value"].mean()
    name, unit = labels.unit_of(bytes_sent)
    return f", {bytes_sent / unit:.3g} {name} sent"


def summary(wide, spread="range"):
    """Columns mean over seeds, and low, high of the band: min and max (`range`) or ±1 standard deviation."""
    require(spread in SPREADS, f"There is no spread '{spread}'; the spreads are {', '.join(SPREADS)}.")
    mean = wide.mean(axis=1)
    if spread == "range":
        low, high = wide.min(axis=1), wide.max(axis=1)
    else:
        low, high = mean - wide.std(axis=1), mean + wide.std(axis=1)
    return pd.DataFrame({"mean": mean, "low": low, "high": high})


def spread_note(table, spread="range", thing="band"):
    """What the band is, in words for the figure: 'band: min to max over 3 seeds'; None without seeds to compare."""
    counts = table.groupby("label")["seed"].nunique()
    fewest, most = counts.min(), counts.max()
    if most == 1:
        return "one seed"
    seeds = f"{most}" if fewest == most else f"{fewest} to {most}"
    return f"{thing}: {SPREADS[spread]} over {seeds} seeds"
