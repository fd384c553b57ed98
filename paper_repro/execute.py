"""Runs many specs: what is missing, in parallel, with a progress bar, interruptible and resumable."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from sim.run import check_rounds, run
from sim.store import Store
from theory.errors import OnemergeError


@dataclass(frozen=True)
class Unit:
    """One call of `run`: a spec, the seeds it lacks, the rounds whose states other units branch from."""

    spec: object
    seeds: tuple
    branches: tuple = ()
    leader: object = None  # the spec whose kept state this unit starts from

    @property
    def first(self):
        """The round from which on it is this unit's."""
        return self.spec.branch if self.leader else 0

    @property
    def rounds(self):
        return self.spec.rounds - self.first


class _Progress:
    """Rounds of a unit as they are done; those that an interrupted call has done count with the first one."""

    def __init__(self, unit):
        self.done = unit.first

    def more(self, round):
        """Rounds that were done since the call before."""
        before, self.done = self.done, round
        return self.done - before


def plan(specs, seeds, store):
    """Units for everything that is missing; runs of one trunk share its rounds.

    Of several missing runs with the same trunk (the same run but for windows and final merge) the one that follows it
    longest leads: it keeps its state at each round where another branches off, and the others start there.
    """
    families = {}
    for spec in dict.fromkeys(specs):
        missing = store.missing(spec, seeds)
        if missing:
            families.setdefault((spec.trunk(), missing), []).append(spec)
    units = []
    for (_, missing), family in families.items():
        leader = max(family, key=lambda spec: spec.branch)
        others = [spec for spec in family if spec is not leader]
        branches = tuple(sorted({spec.branch for spec in others if 0 < spec.branch < leader.rounds}))
        units.append(Unit(leader, missing, branches))
        units += [Unit(s, missing, (), leader if s.branch in branches else None) for s in others]
    return units


def execute(specs, seeds, folder, device, jobs, bar, checkpoint_rounds=None):
    """Run what is missing of the specs; `bar(done, total)` is told the progress in rounds.

    On the CPU each run has one thread, so its bits do not depend on `jobs`, the number of processes. Ctrl-C stops
    every run after its current round with its state kept, and raises KeyboardInterrupt. A process that is killed has
    kept states by the clock, and every `checkpoint_rounds` rounds (see `run`).
    """
    check_rounds(checkpoint_rounds)
    store = Store(folder)
    units = plan(specs, seeds, store)
    total = sum(unit.rounds for unit in units)
    # longest first, leaders before their followers: two processes then end at about the same time
    units.sort(key=lambda unit: (unit.leader is not None, -unit.rounds * unit.spec.agents))
    if units and jobs == 1:
        _alone(units, store, device, bar, total, checkpoint_rounds)
    elif units:
        _pool(units, folder, device, jobs, bar, total, checkpoint_rounds)
    for trunk in {spec.trunk() for spec in specs}:  # also where an earlier call was killed right before
        store.drop_states(trunk)
    return len(units)


def _alone(units, store, device, bar, total, checkpoint_rounds):
    done = 0
    for unit in units:
        progress = _Progress(unit)

        def each(state, progress=progress):
            nonlocal done
            done += progress.more(state.round)
            bar(done, total)

        run(
            unit.spec,
            unit.seeds,
            device=device,
            store=store,
            on_round=each,
            branches=unit.branches,
            checkpoint_rounds=checkpoint_rounds,
        )
        if rest := progress.more(unit.spec.rounds):  # of a run that diverged in all seeds, and so ended early
            done += rest
            bar(done, total)


def _pool(units, folder, device, jobs, bar, total, checkpoint_rounds):
    context = multiprocessing.get_context("spawn")
    rounds, stop = context.Value("q", 0), context.Event()
    with ProcessPoolExecutor(jobs, context, _start_worker, (rounds, stop)) as pool:
        waiting, running, finished = list(units), {}, set()
        try:
            while waiting or running:
                for unit in [u for u in waiting if u.leader is None or u.leader in finished]:
                    if len(running) >= jobs:
                        break
                    waiting.remove(unit)
                    running[submit(pool, _work, unit, folder, device, checkpoint_rounds)] = unit
                done, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                    finished.add(running.pop(future).spec)
                bar(min(rounds.value, total), total)
        except BrokenProcessPool:
            raise OnemergeError(
                "A process died in the middle of a run (out of memory?); what was finished is kept: call again, "
                f"with fewer than --jobs {jobs}."
            ) from None
        except BaseException:
            stop.set()
            wait(running)
            raise


def submit(pool, *work):
    """Submit work; a process that is started for it inherits a blocked SIGINT, even while it is still importing."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(*work)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent():
    """In a worker process: end where the parent is killed, as nobody else would tell it that no work comes."""
    threading.Thread(target=_end_after, args=(multiprocessing.parent_process().sentinel,), daemon=True).start()


def _end_after(sentinel):
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _start_worker(rounds, stop):
    """In a worker process: the parent handles Ctrl-C and tells the workers through `stop`."""
    global _ROUNDS, _STOP
    _ROUNDS, _STOP = rounds, stop
    end_with_parent()


def _work(unit, folder, device, checkpoint_rounds):
    progress = _Progress(unit)

    def each(state):
        with _ROUNDS.get_lock():
            _ROUNDS.value += progress.more(state.round)
        if _STOP.is_set():
            raise KeyboardInterrupt

    run(
        unit.spec,
        unit.seeds,
        device=device,
        store=Store(folder),
        on_round=each,
        branches=unit.branches,
        checkpoint_rounds=checkpoint_rounds,
    )
    with _ROUNDS.get_lock():  # those of a run that diverged in all seeds, and so ended early
        _ROUNDS.value += progress.more(unit.spec.rounds)


def default_jobs(device):
    """Number of processes: the cores this process may use on the CPU, one on an accelerator."""
    if device != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
