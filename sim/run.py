"""run(spec) -> table: one named run, from the store where it is there, else simulated and stored."""

import time

import torch

from sim.simulate import simulate
from theory.errors import require

SAVE_SECONDS = 30  # between two savings of the state of a long run


def pick_device(name):
    """torch device by name; a missing accelerator is an error, never a silent fallback."""
    valid = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
    require(name in valid, f"Device {name!r} is not available here; valid: {', '.join(valid)}.")
    return torch.device(name)


def run(spec, seeds=(0, 1, 2), *, device="cpu", store=None, on_round=None, branches=()):
    """The tidy table of a spec (see `simulate`), with one replica per seed, all in one stack.

    With a `store`, seeds that are there are not run again, an interrupted run goes on from its last state, and the
    states at the rounds in `branches` are kept for other runs of the same trunk to branch from (`Spec.trunk`).
    `on_round(state)` is called after each round; a KeyboardInterrupt leaves a state to go on from.
    """
    seeds = tuple(seeds)
    require(len(set(seeds)) == len(seeds) > 0, f"seeds must be distinct and at least one, not {seeds}.")
    require(all(isinstance(s, int) and s >= 0 for s in seeds), f"seeds must be whole numbers >= 0, not {seeds}.")
    where = pick_device(device)
    if store is None:
        return _simulate(spec, seeds, where, None, on_round)[0]
    missing = store.missing(spec, seeds)
    if missing:
        started, interrupted = time.perf_counter(), f"{where.type}-interrupted"
        state, latest = _first_state(spec, missing, where, store), [None, started]

        def each(state):
            latest[0] = state
            if state.round in branches and state.round < spec.rounds:
                store.save_state(spec.trunk(), missing, state, f"{where.type}-round{state.round}")
            if time.perf_counter() - latest[1] > SAVE_SECONDS:
                store.save_state(spec, missing, state, interrupted)
                latest[1] = time.perf_counter()
            if on_round is not None:
                on_round(state)

        try:
            table, final = _simulate(spec, missing, where, state, each)
        except KeyboardInterrupt:
            if latest[0] is not None:
                store.save_state(spec, missing, latest[0], interrupted)
            raise
        models = dict(zip(missing, final.theta.cpu().numpy(), strict=True)) if spec.keep_models else {}
        seconds = time.perf_counter() - started
        facts = {"seconds": seconds, "from_round": state.round if state else 0, "device": device_name(where)}
        store.save(spec, table, models, facts)
        store.drop_state(spec, missing, interrupted)
    return store.load(spec, seeds)


def _simulate(spec, seeds, device, state, on_round):
    return simulate(
        spec.build(seeds, device),
        spec.schedule(),
        spec.local_optimizer(),
        rounds=spec.rounds,
        local_steps=spec.local_steps,
        order=spec.order,
        measure_every=spec.measure_every,
        gradients_every=spec.gradients_every,
        state=state,
        on_round=on_round,
    )


def _first_state(spec, seeds, device, store):
    """Where to start: this run's own last state, else its trunk's state at the branch, else None (the beginning)."""
    own = store.load_state(spec, seeds, device, f"{device.type}-interrupted")
    return own or store.load_state(spec.trunk(), seeds, device, f"{device.type}-round{spec.branch}")


def device_name(device):
    """What the numbers were computed on, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "CPU, one thread a run"
