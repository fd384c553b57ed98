"""What a figure or table of the paper is made of, and the one rule by which its claims are judged."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd
from scipy import stats

LEVEL = 0.95
MIN_SEEDS = 3


@dataclass(frozen=True)
class Claim:
    """A statement as a number: `effect(table)` gives one value per seed, to lie beyond `threshold`.

    `relation` ">" or "<": on which side. The effect is chosen so that it would not lie there if the effect vanished.
    """

    name: str
    statement: str
    effect: Callable[[pd.DataFrame], pd.Series]
    relation: str
    threshold: float


@dataclass(frozen=True)
class Item:
    """A figure or table: `base` spec, the named runs made from it, table, drawing, claims, and what the caption says.

    `base` is of the quick scale; `paper_base` of the paper's own (None: the paper has no experiment, and both are one).

    runs(base) -> {label: Spec}; table(results) -> the tidy table that is drawn and kept as CSV (results: see
    reproduce.Results); draw(table) -> Figure; setting(base) -> what was run here, in words; `paper` says what the
    original used.
    """

    name: str
    title: str
    paper: str
    setting: str
    base: object
    runs: Callable
    table: Callable
    draw: Callable
    claims: tuple[Claim, ...] = field(default=())
    paper_base: object = None

    def at(self, scale):
        """The base spec of a scale, "quick" or "paper"."""
        return self.paper_base if scale == "paper" and self.paper_base is not None else self.base


def judge(claim, table, seeds):
    """The verdict on a claim: a dict with the effect's mean, min and max over seeds, bounds and the verdict.

    The rule: with the one-sided 95 % Student bounds of the mean over seeds, lower and upper, a claim "effect > c" is
    confirmed if lower > c, refuted if upper < c, else not confirmed ("<" likewise). Fewer than 3 seeds, or a seed
    without a value (a run that diverged, a quotient by nothing), confirm and refute nothing.
    """
    effect = claim.effect(table).reindex(seeds).astype(float)
    mean, spread = effect.mean(), effect.sem() if len(effect) > 1 else float("nan")
    margin = stats.t.ppf(LEVEL, len(effect) - 1) * spread if len(effect) > 1 else float("inf")
    lower, upper = mean - margin, mean + margin
    beyond, short = (lower > claim.threshold, upper < claim.threshold)
    if claim.relation == "<":
        beyond, short = upper < claim.threshold, lower > claim.threshold
    lacking = [int(seed) for seed in effect.index[effect.isna()]]
    note = ""
    if lacking:
        verdict, note = "not confirmed", f"no value for seeds {lacking} (diverged, or nothing to divide by)"
    elif len(seeds) < MIN_SEEDS:
        verdict, note = "not confirmed", f"{len(seeds)} seeds, at least {MIN_SEEDS} are needed"
    else:
        verdict = "confirmed" if beyond else "refuted" if short else "not confirmed"
    number = lambda x: None if pd.isna(x) or abs(x) == float("inf") else float(x)  # noqa: E731
    return {
        "claim": claim.name,
        "statement": claim.statement,
        "relation": claim.relation,
        "threshold": claim.threshold,
        "mean": number(mean),
        "min": number(effect.min()),
        "max": number(effect.max()),
        "lower": number(lower),
        "upper": number(upper),
        "per_seed": {str(seed): number(value) for seed, value in effect.items()},
        "verdict": verdict,
        "note": note,
    }


def last(table, label, metric):
    """Value of a metric after the last round, per seed, for the run with this label; none for a seed that diverged."""
    rows = table[(table["label"] == label) & table["agent"].isna()]
    diverged = rows.loc[rows["metric"] == "diverged", "seed"]
    rows = rows[(rows["metric"] == metric) & ~rows["seed"].isin(diverged)]
    return rows[rows["round"] == rows["round"].max()].set_index("seed")["value"]
