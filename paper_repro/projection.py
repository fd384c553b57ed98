"""How long the paper's scale would take here: a few steps of every kind of run are timed, all others are multiplied.

Steps and measures run on generated images in the true shape and number of classes, with random weights in place of
pretrained ones: neither changes what is computed. The time of measures is that of the generated test set times the
ratio of the sizes. Runs that share the rounds before a window or a merge count these once.
"""

from dataclasses import dataclass, replace

from paper_repro.bench.timing import Clock
from paper_repro.bench.timing import seconds as clocked
from paper_repro.execute import plan
from paper_repro.items import ITEMS
from paper_repro.reproduce import chosen_items
from paper_repro.scales import GENERATED, with_files
from sim.data.archives import ARCHIVES
from sim.data.shaped import SHAPED, TEST, TRAIN
from sim.execution import chunk_size
from sim.memory import estimate
from sim.network import Classification
from sim.run import pick_device
from sim.simulate import State, simulate
from theory.errors import require

STEPS = {"cpu": 1, "cuda": 10}  # timed, after as many that warm up


class Nothing:
    """A store that holds no run."""

    @staticmethod
    def missing(spec, seeds):
        return seeds


@dataclass(frozen=True)
class Pace:
    """Seconds of one step of one agent, and of measuring one model on one test image."""

    step: float
    image: float


class _Timed(Exception):
    """Ends a run after the round that was timed, before it measures: (state, seconds of the round)."""


def kind(spec):
    """What the pace of a run depends on: the runs of one kind are timed once, by the first of them. The optimizer's own
    share of a step is small beside a gradient of these models, and is not told apart.
    """
    problem = spec.problem
    return problem.data, problem.model, problem.width, problem.dtype, problem.compute, spec.batch


def pace(spec, device):
    """The Pace of a run's kind on a device, from as many agents as the run has in memory at once, at most all."""
    problem = spec.build((0,), device)
    together = min(spec.agents, chunk_size(problem, spec.execution, spec.agents))
    few = replace(spec.with_gossip("none"), agents=together, final_merge=False, window_start=None, window_stop=None)
    problem = few.build((0,), device)
    clock, steps = Clock(device), STEPS[device.type]

    def lap(state):
        if state.round == 2:
            raise _Timed(state, clock.lap()[0])
        clock.restart()

    try:
        simulate(
            problem,
            few.schedule(),
            few.local_optimizer(),
            rounds=3,
            local_steps=steps,
            execution=spec.execution,
            chunk=spec.chunk,
            measure_every=3,
            state=State.start(problem, few.local_optimizer()),  # a run that goes on does not measure first
            on_round=lap,
        )
    except _Timed as timed:
        state, round = timed.args
    measure, _ = clocked(device, lambda: problem.measure(*state.models))
    images = len(problem.images.test_y) * (together + 1)  # of the agents' models and the merged one
    return Pace(round / (steps * together), measure / images)


def seconds(unit, pace):
    """Seconds of one unit of a plan, one seed, with all test images of the archive."""
    spec = unit.spec
    archive = ARCHIVES[SHAPED[spec.problem.data]]
    measures = unit.rounds / spec.measure_every * (spec.agents + 1) * archive.test * archive.classes
    return unit.rounds * spec.local_steps * spec.agents * pace.step + measures * pace.image


def project(names=(), *, overrides=None, device="cpu", bar=lambda *_: None):
    """One record an item of the paper's scale that reads an archive: runs, agent-steps and hours of one seed, and the
    memory of its largest run; `bar(done, total)` counts the kinds of runs that are timed.
    """
    where, runs = pick_device(device), {}
    for item in chosen_items(names):
        if item.paper_base is not None and isinstance(item.paper_base.problem, Classification):
            base = with_files(item.paper_base.override(**(overrides or {})), GENERATED, None)
            runs[item.name] = list(item.runs(base).values())
    known = ", ".join(name for name, item in ITEMS.items() if item.paper_base is not None)
    require(runs, f"There is nothing to project: these items have no runs at scale paper; those that have: {known}.")
    kinds = {}
    for spec in (spec for specs in runs.values() for spec in specs):
        kinds.setdefault(kind(spec), spec)
    paces = {}
    for done, (name, spec) in enumerate(kinds.items()):
        bar(done, len(kinds))
        paces[name] = pace(spec, where)
    bar(len(kinds), len(kinds))
    records = [_record(name, specs, paces, where) for name, specs in runs.items()]
    every = plan([spec for specs in runs.values() for spec in specs], (0,), Nothing)
    return {"items": records, "hours": sum(seconds(unit, paces[kind(unit.spec)]) for unit in every) / 3600}


def _record(name, specs, paces, device):
    units = plan(specs, (0,), Nothing)
    used = sorted({kind(unit.spec): paces[kind(unit.spec)].step for unit in units}.values())
    return {
        "item": name,
        "runs": len(specs),
        "agent_steps": sum(unit.rounds * unit.spec.local_steps * unit.spec.agents for unit in units),
        "seconds_per_agent_step": [used[0], used[-1]],
        "hours": sum(seconds(unit, paces[kind(unit.spec)]) for unit in units) / 3600,
        "bytes": max(sum(estimate(spec, (0,), device).values()) + image_bytes(spec) for spec in _largest(specs)),
    }


def _largest(specs):
    """Of the runs of one kind and optimizer, one with the most agents: an estimate takes seconds."""
    found = {}
    for spec in sorted(specs, key=lambda spec: spec.agents):
        found[kind(spec), spec.optimizer] = spec
    return found.values()


def image_bytes(spec):
    """Bytes of the true archive's images on the device, beyond the generated ones'."""
    archive, problem = ARCHIVES[SHAPED[spec.problem.data]], spec.problem
    count = archive.classes * (archive.train + archive.test - TRAIN - TEST)
    return count * 3 * archive.side**2 * (8 if problem.dtype == "float64" else 4)
