"""Runs that are killed, at any file operation or in the middle of a round, end in the bits of an uninterrupted run."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sim import atomic
from sim.network import Classification
from sim.quadratic import Quadratic
from sim.run import run
from sim.spec import Spec
from sim.store import Store

SEEDS = (0, 3)
QUADRATIC = Spec(Quadratic(dim=3), agents=4, rounds=5, local_steps=2, lr=0.05, keep_models=True)
NETWORK = Spec(
    Classification(width=4),
    agents=3,
    rounds=5,
    local_steps=2,
    batch=4,
    optimizer="adamw",
    lr=0.01,
    gradients_every=2,
    keep_models=True,
)
SPECS = {"quadratic": (QUADRATIC, 1), "mlp": (NETWORK, 3)}  # and at every how manieth operation it is killed
LONG = replace(NETWORK, rounds=60, measure_every=20, gradients_every=0)
OPERATIONS = ("replace", "chmod", "unlink", "mkdir", "rmdir", "write", "batches")


def results(folder, spec):
    """{name: bytes} of all that a run leaves behind, but what may differ: the seconds and where it started from."""
    kept = {}
    for path in sorted((Path(folder) / "runs" / spec.key()).iterdir()):
        kept[path.name] = path.read_bytes()
        if path.name.startswith("seed") and path.suffix == ".json":
            facts = json.loads(path.read_text())
            assert facts.pop("seconds") > 0
            assert facts.pop("from_round") < spec.rounds + 1
            kept[path.name] = json.dumps(facts).encode()
    return kept


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What this file, as a program, prints: it forks processes, which pytest's own should not, nor a process whose
    OpenMP has a second thread, for which the child would wait for ever."""
    command, environment = [sys.executable, __file__, str(tmp_path_factory.mktemp("kills"))], {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ | environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", SPECS)
def test_killed_at_every_file_operation_and_in_every_round(found, name):
    found = found[name]
    assert found["wrong"] == []
    assert found["files"] == 7
    # two checkpoints and nine files of results, of which the list of what is done is removed at the end
    least = {"replace": 12, "chmod": 12, "unlink": 3, "mkdir": 4, "rmdir": 1, "write": 4, "batches": 5}
    stride = SPECS[name][1]
    assert sum(found["killed"].values()) >= sum(least.values()) // stride
    assert stride > 1 or all(found["killed"][operation] >= count for operation, count in least.items())
    assert found["second kills"] > 10 // stride


def test_a_process_killed_from_outside_goes_on(found):
    """Twice, wherever it is just then; and it has lost nothing but what came after its last checkpoint."""
    found = found["outside"]
    first, second = found["seen"]
    assert 1 <= first < second < found["went on"] <= LONG.rounds
    assert found["equal"]


def last_round(folder):
    """The round of the only checkpoint below a folder, 0 where there is none."""
    pointers = list(folder.glob("states/*/*/latest.json"))
    assert len(pointers) <= 1
    return json.loads(pointers[0].read_text())["round"] if pointers else 0


def test_interrupts_wait_for_the_end_of_the_round(found):
    found = found["signals"]
    good = {"raised": True, "handler": "as before", "equal": True}
    for number in ("SIGINT", "SIGTERM"):
        assert found[number] == {"seen": [1, 2, 3], "kept": 3, **good}
    assert found["twice"] == {"seen": [1, 2], "kept": 2, **good}
    assert found["while results are stored"] == {"seen": [1, 2, 3, 4, 5], "kept": 0, **good}
    assert found["in a thread"] == {"seen": [1, 2, 3, 4, 5], "raised": False}
    assert found["ignored"] == {"seen": [1, 2, 3, 4, 5], "raised": False}
    assert found["without a store"] == {"seen": [1, 2], "raised": True}


class Killer:
    """Counts the operations of a run and kills the process just before operation number `at`.

    All that change what a killed process leaves behind: fsync does not, nor does the mkdir of a folder that is there.
    """

    def __init__(self, spec, at=None):
        self.at, self.names = at, []
        for name in ("replace", "chmod", "unlink", "rmdir"):
            self.wrap(os, name)
        self.wrap(os, "mkdir", lambda path, *_: not os.path.exists(path))
        parts = itertools.count()
        self.wrap(atomic._Hashed, "write", lambda *_: next(parts) % 19 == 18)  # torch.save writes some forty
        self.wrap(type(spec.build((0,))), "batches")

    def wrap(self, owner, name, counts=lambda *_, **__: True):
        inner = getattr(owner, name)

        def outer(*arguments, **options):
            if counts(*arguments):
                if len(self.names) == self.at:
                    os.kill(os.getpid(), signal.SIGKILL)
                self.names.append(name)
            return inner(*arguments, **options)

        setattr(owner, name, outer)


def in_child(spec, folder, at):
    """Run in a process that is killed before its operation number `at`; the names of the operations it did, or None."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        killer = Killer(spec, at)
        run(spec, SEEDS, store=Store(folder), checkpoint_rounds=2)
        os.write(write, json.dumps(killer.names).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        done = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return None
    assert status == 0
    return json.loads(done)


def every(folder, spec, stride):
    """Kill at each operation (each `stride`-th) of an uninterrupted run, and half of what goes on at another one."""
    run(spec, SEEDS, store=Store(folder / "whole"), checkpoint_rounds=2)
    whole = results(folder / "whole", spec)
    names = in_child(spec, folder / "again", None)
    found = {"files": len(whole), "second kills": 0, "killed": dict.fromkeys(OPERATIONS, 0), "wrong": []}
    for at, operation in list(enumerate(names))[::stride]:
        broken = folder / str(at)
        assert in_child(spec, broken, at) is None
        found["killed"][operation] += 1
        if at % 2:
            found["second kills"] += in_child(spec, broken, (7 * at + 3) % len(names)) is None
        run(spec, SEEDS, store=Store(broken), checkpoint_rounds=2)
        if results(broken, spec) != whole or list(broken.rglob(".*")) or list(broken.glob("states/*/*")):
            found["wrong"].append([at, operation, *map(str, broken.rglob("*"))])
    return found


def outside(folder):
    """Kill a long run once it has a checkpoint, and what goes on from there once it has a later one."""
    seen, rounds = [], []
    for least in (1, 20):
        child = os.fork()
        if child == 0:
            run(LONG, SEEDS, store=Store(folder / "broken"), checkpoint_rounds=1)
            os._exit(0)
        while last_round(folder / "broken") < least and os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.002)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        seen.append(last_round(folder / "broken"))
    run(LONG, SEEDS, store=Store(folder / "broken"), on_round=lambda state: rounds.append(state.round))
    run(LONG, SEEDS, store=Store(folder / "whole"))
    return {
        "seen": seen,
        "went on": rounds[0],
        "equal": results(folder / "broken", LONG) == results(folder / "whole", LONG),
    }


def signals(folder):
    """Signals that the process sends itself in the middle of round 3, where two rounds end in a checkpoint."""
    found, spec = {}, QUADRATIC
    whole = run(spec, SEEDS)
    problem = type(spec.build((0,)))
    batches = problem.batches

    def send(number=signal.SIGINT, times=1):
        for _ in range(times):
            os.kill(os.getpid(), number)

    def one(name, act, **options):
        def acting(self, round, steps):
            if round == 2:
                act()
            return batches(self, round, steps)

        seen, raised = [], False
        problem.batches = acting
        try:
            run(spec, SEEDS, on_round=lambda state: seen.append(state.round), checkpoint_rounds=2, **options)
        except KeyboardInterrupt:
            raised = True
        problem.batches = batches
        found[name] = {"seen": seen, "raised": raised}

    def stored(name, number, act):
        store = Store(folder / name)
        signal.signal(number, signal.default_int_handler)
        one(name, act, store=store)
        same = signal.getsignal(number) is signal.default_int_handler
        found[name] |= {"kept": last_round(store.folder), "handler": "as before" if same else "another"}
        found[name]["equal"] = run(spec, SEEDS, store=store).equals(whole)

    stored("SIGINT", signal.SIGINT, send)
    stored("SIGTERM", signal.SIGTERM, lambda: send(signal.SIGTERM))
    stored("twice", signal.SIGINT, lambda: send(times=2))
    save = Store.save
    Store.save = lambda *arguments: (send(), save(*arguments))
    stored("while results are stored", signal.SIGINT, lambda: None)
    Store.save = save
    one("without a store", send)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    one("ignored", send, store=Store(folder / "ignored"))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stack = {"store": Store(folder / "thread")}
    thread = threading.Thread(target=one, args=("in a thread", lambda: None), kwargs=stack)
    thread.start()
    thread.join()
    return found


if __name__ == "__main__":
    top = Path(sys.argv[1])
    answers = {name: every(top / name, *spec) for name, spec in SPECS.items()}
    print(json.dumps({**answers, "outside": outside(top / "outside"), "signals": signals(top / "signals")}))
