"""run(spec) -> table: one named run, from the store where it is there, else simulated and stored."""

import time

import torch

from sim.interrupts import deferred_interrupts
from sim.memory import enough_memory
from sim.simulate import simulate
from sim.spec import Spec
from sim.store import INTERRUPTED, Store
from theory.errors import require, shown

SAVE_SECONDS = 30  # between two savings of the state of a long run


def pick_device(name):
    """torch device by name; a missing accelerator is an error, never a silent fallback."""
    valid = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
    known = isinstance(name, str) and name in valid
    require(known, f"Device {shown(name)} is not available here; valid: {', '.join(valid)}.")
    return torch.device(name)


def run(spec, seeds=(0, 1, 2), *, device="cpu", store=None, on_round=None, branches=(), checkpoint_rounds=None):
    """The tidy table of a spec (see `simulate`), with one replica per seed, all in one stack.

    With a `store`, seeds that are there are not run again, an interrupted run goes on from its last state, and the
    states at the rounds in `branches` are kept for other runs of the same trunk to branch from (`Spec.trunk`). The
    state is kept every `checkpoint_rounds` rounds (None: by the clock alone) and at least every SAVE_SECONDS, so that a
    run that is killed goes on from there, to the same bits.

    `on_round(state)` is called after each round, and its KeyboardInterrupt leaves a state to go on from. So does
    Ctrl-C, which waits for the end of the round; a second one acts at once, and the last state kept is the one to go on
    from. Where memory does not suffice, one sentence says what to lower, before the start if that can be told.
    """
    require(isinstance(spec, Spec), f"a run is of a sim.spec.Spec, not {shown(spec)}.")
    kept = store is None or isinstance(store, Store)
    require(kept, f"store must be a sim.store.Store, or None, not {shown(store)}.")
    for name, values in (("seeds", seeds), ("branches", branches)):
        listed = isinstance(values, tuple | list | range) and all(type(k) is int and k >= 0 for k in values)
        require(listed, f"{name} must be a tuple of whole numbers >= 0, not {shown(values)}.")
    seeds = tuple(seeds)
    require(len(set(seeds)) == len(seeds) > 0, f"seeds must be distinct and at least one, not {shown(seeds)}.")
    called = on_round is None or callable(on_round)
    require(called, f"on_round must be a function, or None, not {shown(on_round)}.")
    check_rounds(checkpoint_rounds)
    where = pick_device(device)
    if store is None:
        with enough_memory(spec, seeds, where):
            return _simulate(spec, seeds, where, [None], on_round)[0]
    missing = store.missing(spec, seeds)
    if missing:
        with enough_memory(spec, missing, where):
            _run_and_store(spec, missing, where, store, on_round, branches, checkpoint_rounds)
    return store.load(spec, seeds)


def check_rounds(checkpoint_rounds):
    """Refuse what is no number of rounds between two checkpoints."""
    whole = checkpoint_rounds is None or (type(checkpoint_rounds) is int and checkpoint_rounds >= 1)
    require(whole, f"checkpoint_rounds must be a whole number of at least 1, or None, not {shown(checkpoint_rounds)}.")


def _run_and_store(spec, seeds, device, store, on_round, branches, checkpoint_rounds):
    started, interrupted = time.perf_counter(), f"{device.type}-{INTERRUPTED}"
    start = [_first_state(spec, seeds, device, store)]
    from_round = start[0].round if start[0] else 0
    saved = [from_round, started]  # the last round whose state is kept, and when it was

    def keep(state):
        if saved[0] != state.round:
            store.save_state(spec, seeds, state, interrupted, device)
            saved[:] = state.round, time.perf_counter()

    def each(state):
        if state.round in branches and state.round < spec.rounds:
            store.save_state(spec.trunk(), seeds, state, f"{device.type}-round{state.round}", device)
        due = checkpoint_rounds is not None and state.round % checkpoint_rounds == 0
        if (due or time.perf_counter() - saved[1] > SAVE_SECONDS) and state.round < spec.rounds:
            keep(state)
        try:
            if on_round is not None:
                on_round(state)
            pending.deliver()
        except KeyboardInterrupt:
            if not pending.forced:
                keep(state)
            raise

    with deferred_interrupts() as pending:
        table, final = _simulate(spec, seeds, device, start, each)
        models = dict(zip(seeds, final.theta.cpu().numpy(), strict=True)) if spec.keep_models else {}
        seconds = time.perf_counter() - started
        facts = {"seconds": seconds, "from_round": from_round, "device": device_name(device)}
        store.save(spec, seeds, table, models, facts)


def _simulate(spec, seeds, device, start, on_round):
    """`start` is a list of the state to start from, which is taken out: nobody here holds a second copy of it."""
    problem = spec.build(seeds, device)
    return simulate(
        problem,
        spec.schedule(),
        spec.local_optimizer(),
        rounds=spec.rounds,
        local_steps=spec.local_steps,
        order=spec.order,
        faults=spec.faults(),
        execution=spec.execution,
        chunk=spec.chunk,
        measure_every=spec.measure_every,
        gradients_every=spec.gradients_every,
        probes=spec.probing(problem),
        probes_every=spec.probes_every,
        state=start.pop(),
        on_round=on_round,
    )


def _first_state(spec, seeds, device, store):
    """Where to start: this run's own last state, else its trunk's state at the branch, else None (the beginning)."""
    own = store.load_state(spec, seeds, device, f"{device.type}-{INTERRUPTED}")
    return own or store.load_state(spec.trunk(), seeds, device, f"{device.type}-round{spec.branch}")


def device_name(device):
    """What the numbers were computed on, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "CPU, one thread a run"
