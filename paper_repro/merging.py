"""Runs with one final merge beside federated, local and one-shot ones, and what F1, F2 and F8 say of them as numbers.

Items with panels name a run "panel: method"; `of_panel` and `in_panels` take the two apart.
"""

from dataclasses import replace

from paper_repro.item import Claim, last
from paper_repro.scales import with_optimizer
from paper_repro.setting import describe
from theory.errors import require

FEDERATED, DECENTRALIZED, LOCAL = "federated", "decentralized, one final merge", "local only"
COMMON_START, ONE_SHOT = "federated, common start", "one-shot average of local models"
METRIC = "average_global_accuracy"
BETWEEN = ": "
OPTIMIZERS = {"sgd": "SGD", "adamw": "AdamW"}


def before_merge(table, label=DECENTRALIZED):
    """Average global accuracy of the models one measured round before the merge."""
    part = table[(table["label"] == label) & (table["metric"] == METRIC)]
    return part[part["round"] < part["round"].max()].groupby("seed")["value"].last()


def jump(table, label=DECENTRALIZED):
    """What the merge adds to the average global accuracy."""
    return last(table, label, METRIC) - before_merge(table, label)


def recovered(table, label=DECENTRALIZED, goal=FEDERATED):
    """Share of the way from local-only to federated accuracy; none for a seed where federated is not the better."""
    floor = last(table, LOCAL, METRIC)
    way = last(table, goal, METRIC) - floor
    return (last(table, label, METRIC) - floor) / way.where(way > 0)


def lifts(label=DECENTRALIZED, where="", of=lambda table: table, name="F1"):
    """F1 for the run `label` of the rows `of(table)`; `where` begins the statement. Under a variation it is F6."""
    statement = f"{where}one merge lifts accuracy by more than 0.10 above the local models"
    return Claim(name, statement, lambda table: jump(of(table), label), ">", 0.10)


def recovers(label=DECENTRALIZED, where="", of=lambda table: table, name="F2", goal=FEDERATED):
    """F2 likewise; `goal` is the label of the federated run, from the same start or from a common one."""
    start = " from a common start" if goal == COMMON_START else ""
    statement = f"{where}the merge recovers more than 80 % of the way from local-only to federated accuracy{start}"
    return Claim(name, statement, lambda table: recovered(of(table), label, goal), ">", 0.80)


def one_shot_guesses(where="", of=lambda table: table):
    """F8 likewise: the model merged from the local-only runs, in a table with the column `chance`."""
    return Claim(
        "F8",
        f"{where}one-shot averaging without gossip stays below twice the accuracy of guessing",
        lambda table: last(of(table), LOCAL, "merged_accuracy") / table["chance"].iloc[0],
        "<",
        2.0,
    )


def one_shot_loses(where="", of=lambda table: table):
    """F8 likewise: the two ways to one merge against each other."""

    def effect(table):
        rows = of(table)
        return last(rows, DECENTRALIZED, METRIC) - last(rows, ONE_SHOT, METRIC)

    statement = f"{where}one-shot averaging ends more than 0.10 below gossip with one merge"
    return Claim("F8", statement, effect, ">", 0.10)


def left_alone(base, **set_here):
    """Refuse overrides of fields that an item's runs set themselves, as they would change nothing."""
    for name, value in set_here.items():
        have = getattr(base, name)
        require(have == value, f"{name} is set here: leave it at {value}, not {have}.")


def from_common_start(base):
    """Federated learning whose agents all start from the same weights."""
    return replace(base, gossip="complete", problem=replace(base.problem, init="same"))


def three(base):
    """{method: Spec}: an average in every round, the base's gossip with one final merge, nobody talks."""
    return {
        FEDERATED: replace(base, gossip="complete"),
        DECENTRALIZED: replace(base, final_merge=True),
        LOCAL: replace(base, gossip="none"),
    }


def with_all(base, common_start):
    """The base's gossip with one merge, and all that it is compared with; `common_start` adds federated learning from
    equal weights. Local-only and one-shot runs share their rounds.
    """
    found = three(base)
    local = found.pop(LOCAL)
    found |= {ONE_SHOT: replace(local, final_merge=True), LOCAL: local}
    return found | ({COMMON_START: from_common_start(base)} if common_start else {})


def four_panels(base, common_start):
    """`with_all` for SGD and AdamW with m and 2m agents, m = base.agents."""
    found = {}
    for optimizer, name in OPTIMIZERS.items():
        for agents in (base.agents, 2 * base.agents):
            own = replace(with_optimizer(base, optimizer), agents=agents)
            runs = with_all(own, common_start)
            found |= {f"{name}, {agents} agents{BETWEEN}{label}": spec for label, spec in runs.items()}
    return found


def four_settings(base):
    """The setting of the first of the four panels in words, and how the others differ from it."""
    first, other = (with_optimizer(base, optimizer) for optimizer in OPTIMIZERS)
    names = list(OPTIMIZERS.values())
    return f"{describe(first)}; other panels with {2 * base.agents} agents, or with {names[1]} (lr {other.lr:g})"


def claims_of_four_panels(common_start):
    """F1, F2 and F8 in each of the panels: by finding, then in the order of the panels."""
    places = [f"{name}, {agents}: " for name in OPTIMIZERS.values() for agents in ("m agents", "2m agents")]
    panels = [{"where": where, "of": of_panel(number)} for number, where in enumerate(places)]
    goals = (FEDERATED, COMMON_START) if common_start else (FEDERATED,)
    return (
        *(lifts(**panel) for panel in panels),
        *(recovers(**panel, goal=goal) for goal in goals for panel in panels),
        *(one_shot_guesses(**panel) for panel in panels),
        *(one_shot_loses(**panel) for panel in panels),
    )


def in_panels(table):
    """The table with `panel` and `label`, the method, from labels "panel: method"."""
    names = {label: label.split(BETWEEN, 1) for label in table["label"].unique()}
    parts = {label: pair[0] for label, pair in names.items()}, {label: pair[1] for label, pair in names.items()}
    return table.assign(panel=table["label"].map(parts[0]), label=table["label"].map(parts[1]))


def of_panel(number):
    """table -> the rows of the panel with this number, labels the methods: panels are known by their order."""

    def rows(table):
        begin = list(dict.fromkeys(label.split(BETWEEN, 1)[0] for label in table["label"].unique()))[number] + BETWEEN
        own = table[table["label"].str.startswith(begin)]
        return own.assign(label=own["label"].str.removeprefix(begin))

    return rows
