"""What an engine found about one variant of a claim, and the one rule that turns findings into a verdict.

A claim has variants: as printed, and what can be put in its place (another constant, a stronger assumption). Evidence
is about one variant. The outcome of evidence is computed from numbers or from decided steps, never given: a proof
proves where every step is decided, an instance refutes where what it measures lies beyond what the variant allows, a
search or a simulation supports at best. The verdict is computed from all evidence.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from theory.errors import require

ENGINES = ("symbolic", "worst case", "search", "simulation")
PROVES, REFUTES, SUPPORTS, UNDECIDED = OUTCOMES = ("proves", "refutes", "supports", "undecided")
CHANGES = ("", "constant", "assumption")
INTERVALS = 16  # of simulations in the ledger, at most: all of them hold at once with probability 0.99
VERDICTS = ("proved", "holds with a stronger assumption", "constant wrong", "refuted", "open")


@dataclass(frozen=True)
class Effort:
    """How hard to try: points of a search, runs of a simulation, and the seed of both."""

    tries: int = 2000
    runs: int = 256
    seed: int = 0


@dataclass(frozen=True)
class Variant:
    """One reading of a claim: `change` is "" as printed, "constant" or "assumption", and `what` names the change.

    `what` is the right constant or form, or the assumption that is added, in words; `latex` states the variant.
    """

    name: str
    statement: str
    latex: str
    change: str = ""
    what: str = ""

    def __post_init__(self):
        require(self.change in CHANGES, f"{self.name}: change {self.change!r} is not one of {', '.join(CHANGES)}")
        require(bool(self.change) == bool(self.what), f"{self.name}: a change needs its words, and words a change")


@dataclass(frozen=True)
class Measured:
    """What an instance gives: `measured` and the largest value `allowed`, with a bound `error` on their difference.

    Numbers are floats, or exact: Fraction, or numbers of sympy.
    """

    measured: float
    allowed: float
    error: float = 0  # an integer keeps exact numbers exact

    @property
    def violates(self):
        return bool(self.measured > self.allowed + self.error)


@dataclass(frozen=True)
class Instance:
    """A point that can be run again: run(**values) is a `Measured`; `run` is a function of a module, `words` say it."""

    words: str
    run: Callable
    values: dict = field(default_factory=dict)

    def __call__(self):
        return self.run(**self.values)

    @property
    def python(self):
        """The line that runs it."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"from {self.run.__module__} import {self.run.__name__}; print({self.run.__name__}({given}))"


@dataclass(frozen=True)
class Evidence:
    """What `engine` found about the variant named `variant`; `found` is one sentence, `numbers` are for machines.

    `steps` are those of a proof (`theory.proof.step`), `tries` and `effective` count a search or a simulation: how many
    points were tried, and how many of them tested the claim, as they lie inside its assumptions.
    """

    engine: str
    variant: str
    outcome: str
    found: str
    numbers: dict = field(default_factory=dict)
    instance: Instance | None = None
    tries: int | None = None
    effective: int | None = None
    steps: tuple = ()

    def __post_init__(self):
        require(self.engine in ENGINES, f"engine {self.engine!r} is not one of {', '.join(ENGINES)}")
        require(self.outcome in OUTCOMES, f"outcome {self.outcome!r} is not one of {', '.join(OUTCOMES)}")
        sampled = self.engine in ("search", "simulation")
        require(not (sampled and self.outcome == PROVES), f"a {self.engine} proves nothing")
        require(not sampled or self.tries is not None, f"a {self.engine} says how often it tried")


@dataclass(frozen=True)
class Constant:
    """A constant of the statement: as printed, and the best one known; `how` it was found, `best` itself computed.

    looseness = printed/best, at least 1 for a valid bound that is not sharp, below 1 where the printed one is wrong.
    """

    name: str
    printed: float
    best: float
    how: str

    @property
    def looseness(self):
        return self.printed / self.best if self.best else float("inf")


@dataclass(frozen=True)
class Claim:
    """One statement of the paper: `check(effort)` yields its `Evidence` and `Constant`s when the ledger is computed.

    The first variant is the statement as printed. `refuted_by` says what would refute it.
    """

    name: str
    kind: str
    title: str
    variants: tuple
    check: Callable
    refuted_by: str

    def __post_init__(self):
        require(self.variants and not self.variants[0].change, f"{self.name}: the first variant is the printed one")
        names = [variant.name for variant in self.variants]
        require(len(set(names)) == len(names), f"{self.name}: two variants have the name of one")

    @property
    def printed(self):
        return self.variants[0]


def by_instance(variant, instance, engine="search"):
    """The evidence of one instance, which is run: it refutes the variant, or decides nothing."""
    point = instance()
    measured, allowed, error = map(float, (point.measured, point.allowed, point.error))
    numbers = {"measured": measured, "allowed": allowed, "error": error}
    outcome = REFUTES if point.violates else UNDECIDED
    relation = "above" if point.violates else "within"
    found = f"{instance.words}: {measured:.6g}, {relation} the allowed {allowed:.6g}"
    return Evidence(engine, variant, outcome, found, numbers, instance, tries=1, effective=1)


def by_search(variant, worst, tries, effective, words, instance=None, engine="search"):
    """The evidence of many points: `worst` is the largest measured/allowed; one above 1 needs the `instance` of it."""
    numbers = {"worst": worst}
    if instance is not None and instance().violates:
        return Evidence(engine, variant, REFUTES, f"{words}: {instance.words}", numbers, instance, tries, effective)
    require(worst <= 1 or instance is not None, f"{words}: the ratio {worst} needs the instance that shows it")
    outcome = SUPPORTS if effective and worst <= 1 else UNDECIDED
    found = f"{words}: no violation in {effective} tries inside the assumptions, the largest ratio is {worst:.4g}"
    return Evidence(engine, variant, outcome, found, numbers, None, tries, effective)


def by_interval(variant, low, high, words, tries, effective, level):
    """The evidence of an interval [low, high], of confidence `level`, for measured - allowed."""
    outcome = REFUTES if low > 0 else SUPPORTS if high <= 0 else UNDECIDED
    found = f"{words}: measured - allowed in [{low:.4g}, {high:.4g}] at level {level:g}, {effective} samples"
    numbers = {"low": low, "high": high, "level": level}
    return Evidence("simulation", variant, outcome, found, numbers, None, tries, effective)


@dataclass(frozen=True)
class Verdict:
    """`verdict` is one of VERDICTS; `what` names the right constant or the stronger assumption, or what refutes."""

    verdict: str
    what: str
    variant: str


def outcome_of(variant, evidence):
    """The outcome for one variant: contradictory evidence is an error, and proof goes before support."""
    outcomes = {one.outcome for one in evidence if one.variant == variant}
    require(not {PROVES, REFUTES} <= outcomes, f"{variant} is proved and refuted at once: one of the engines is wrong")
    return next((outcome for outcome in (PROVES, REFUTES, SUPPORTS) if outcome in outcomes), UNDECIDED)


def verdict_of(claim, evidence):
    """The `Verdict` on a claim.

    proved where the printed variant is proved. Where it is refuted: the first variant that is proved says what is
    right, a variant of another constant ("constant wrong") or of a stronger assumption; without one the claim is
    refuted. Else it is open.
    """
    evidence = list(evidence)
    names = [variant.name for variant in claim.variants]
    for one in evidence:
        require(one.variant in names, f"{claim.name} has no variant {one.variant!r}; it has {', '.join(names)}")
    outcomes = {name: outcome_of(name, evidence) for name in names}
    printed = claim.printed.name
    if outcomes[printed] == PROVES:
        return Verdict("proved", "", printed)
    if outcomes[printed] != REFUTES:
        tried = sum(one.effective or 0 for one in evidence if one.variant == printed)
        return Verdict("open", f"{tried} tries decide nothing" if tried else "no engine decides it", printed)
    right = next((v for v in claim.variants[1:] if outcomes[v.name] == PROVES), None)
    if right is None:
        shown = next(one for one in evidence if one.variant == printed and one.outcome == REFUTES)
        return Verdict("refuted", shown.found, printed)
    verdict = "constant wrong" if right.change == "constant" else "holds with a stronger assumption"
    return Verdict(verdict, right.what, right.name)
