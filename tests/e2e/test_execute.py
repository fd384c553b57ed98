"""Many runs in one or two processes, interrupted or not, end in the same bytes."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from paper_repro.cli import main
from paper_repro.execute import execute, plan, submit
from sim.network import Classification
from sim.quadratic import Quadratic
from sim.spec import Spec
from sim.store import Store
from theory.errors import OnemergeError

SEEDS = (0, 1)
BASE = Spec(Classification(width=4), agents=3, rounds=8, local_steps=2, batch=4, optimizer="adamw", lr=0.01)
FAMILY = [
    replace(BASE, window_start=3, window_stop=5),
    replace(BASE, window_start=6, window_stop=8, keep_models=True),
    replace(BASE, final_merge=True),
    replace(BASE, window_start=0, window_stop=2),
]
ALONE = replace(BASE, gossip="ring")
SPECS = [*FAMILY, ALONE]
LONG = replace(ALONE, rounds=2500, local_steps=1, measure_every=500)  # longer than the family together


def silent(*_):
    pass


@pytest.fixture(autouse=True)
def _sigterm():
    """The command catches SIGTERM; here its handler is put back."""
    terminate = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, terminate)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """Every run for itself, with no trunk shared."""
    folder = tmp_path_factory.mktemp("scratch")
    for spec in SPECS:
        execute([spec], SEEDS, folder, "cpu", 1, silent)
    return results(folder)


def results(folder):
    """Bytes of every table and model below the folder."""
    kept = [path for path in Path(folder).glob("runs/*/*") if path.suffix in (".csv", ".npy")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


def test_plan_shares_the_trunk(tmp_path):
    units = {unit.spec: unit for unit in plan([*SPECS, ALONE], SEEDS, Store(tmp_path))}
    assert set(units) == set(SPECS)
    leader = FAMILY[2]
    assert units[leader].leader is None
    assert units[leader].branches == (3, 6)
    assert [units[spec].leader for spec in FAMILY] == [leader, leader, None, None]
    assert [units[spec].rounds for spec in SPECS] == [5, 2, 8, 8, 8]
    assert units[ALONE].branches == ()


def test_shared_trunks_change_no_bit(tmp_path, scratch):
    assert len(scratch) == len(SPECS) * 2 + 2
    told = []
    assert execute(SPECS, SEEDS, tmp_path, "cpu", 1, lambda *progress: told.append(progress)) == 5
    assert results(tmp_path) == scratch
    assert told == [(done, 31) for done in range(1, 32)]
    store = Store(tmp_path)
    assert [store.facts(spec, 0)["from_round"] for spec in SPECS] == [3, 6, 0, 0, 0]
    assert not list(tmp_path.glob("states/*/*"))
    assert execute(SPECS, SEEDS, tmp_path, "cpu", 1, silent) == 0


def test_runs_of_different_lengths_share_a_trunk(tmp_path):
    """The shorter run ends inside the longer: its last round is measured in full all the same."""
    base = replace(BASE, measure_every=3)
    specs = [base, replace(base, rounds=5), replace(base, rounds=5, final_merge=True)]
    execute(specs, SEEDS, tmp_path / "together", "cpu", 1, silent)
    for spec in specs:
        execute([spec], SEEDS, tmp_path / "alone", "cpu", 1, silent)
    assert results(tmp_path / "together") == results(tmp_path / "alone")
    table = Store(tmp_path / "together").load(specs[1], SEEDS)
    assert table[table["agent"].notna()]["round"].unique().tolist() == [5]


def test_two_processes_change_no_bit_and_are_resumed_by_one(tmp_path, scratch):
    """Ctrl-C as the parent sees it, in the loop that waits, once the family is done and the long run is not."""
    together, alone, store = tmp_path / "together", tmp_path / "alone", Store(tmp_path / "together")

    def interrupt(done, total):
        if not any(store.missing(spec, SEEDS) for spec in FAMILY):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute([*FAMILY, LONG], SEEDS, together, "cpu", 2, interrupt)
    assert results(together) == {name: data for name, data in scratch.items() if ALONE.key() not in name}
    assert [store.facts(spec, 0)["from_round"] for spec in FAMILY] == [3, 6, 0, 0]
    assert store.missing(LONG, SEEDS) == SEEDS
    for folder in (together, alone):
        execute([LONG], SEEDS, folder, "cpu", 1, silent)
    assert store.facts(LONG, 0)["from_round"] > 0
    assert results(alone).items() < results(together).items()


def test_states_are_kept_every_so_many_rounds(tmp_path):
    """A call that ends in the middle of round 6, by what is no interruption."""

    def die(done, total):
        if done == 6:
            raise SystemError

    with pytest.raises(SystemError):
        execute([ALONE], SEEDS, tmp_path, "cpu", 1, die, checkpoint_rounds=4)
    execute([ALONE], SEEDS, tmp_path, "cpu", 1, silent, checkpoint_rounds=4)
    assert Store(tmp_path).facts(ALONE, 0)["from_round"] == 4
    with pytest.raises(OnemergeError, match="checkpoint_rounds must be a whole number of at least 1, or None, not 0"):
        execute([ALONE], SEEDS, tmp_path, "cpu", 1, silent, checkpoint_rounds=0)


def test_rounds_of_interrupted_and_of_diverged_runs_are_all_told(tmp_path):
    def interrupt(done, total):
        if done == 5:
            raise KeyboardInterrupt

    told = []
    with pytest.raises(KeyboardInterrupt):
        execute([ALONE], SEEDS, tmp_path, "cpu", 1, interrupt)
    execute([ALONE], SEEDS, tmp_path, "cpu", 1, lambda *progress: told.append(progress))
    assert told == [(6, 8), (7, 8), (8, 8)]

    diverging = Spec(Quadratic(dim=2), agents=2, rounds=500, lr=1e6)
    execute([diverging], SEEDS, tmp_path, "cpu", 1, lambda *progress: told.append(progress))
    assert told[-1] == (500, 500)
    assert told[-2][0] < 100


def test_killed_processes_are_told_of_and_lose_no_bit(tmp_path):
    """As the system kills them where memory runs out."""

    def kill(done, total):
        if list(tmp_path.glob("states/*/*/latest.json")):
            for process in multiprocessing.active_children():
                process.kill()

    spec, store = replace(LONG, rounds=1000), Store(tmp_path)
    with pytest.raises(OnemergeError, match=r"A process died .* call again, with fewer than --jobs 2\.$"):
        execute([spec], SEEDS, tmp_path, "cpu", 2, kill, checkpoint_rounds=10)
    assert store.missing(spec, SEEDS) == SEEDS
    for folder in (tmp_path, tmp_path / "whole"):
        execute([spec], SEEDS, folder, "cpu", 1, silent)
    assert store.facts(spec, 0)["from_round"] >= 10
    assert results(tmp_path) == results(tmp_path / "whole")


def test_states_of_trunks_that_a_killed_call_left_are_forgotten(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Store, "drop_states", lambda *_: None)
        execute(FAMILY[:3], SEEDS, tmp_path, "cpu", 1, silent)
    assert list(tmp_path.glob("states/*/*/latest.json"))
    assert execute(FAMILY[:3], SEEDS, tmp_path, "cpu", 1, silent) == 0
    assert not list(tmp_path.glob("states/*"))


def test_followers_wait_for_their_leader(tmp_path, monkeypatch):
    """In a pool whose newest work is done first, so that the leader of the family ends last."""
    pending, done, ready = [], [], []

    class Pool(contextlib.AbstractContextManager):
        def __init__(self, *_):
            pass

        def __exit__(self, *_):
            pass

        def submit(self, work, unit, *_):
            ready.append(unit.leader is None or unit.leader in done)
            pending.append((unit.spec, Future()))
            return pending[-1][1]

    def finish_one(*_):
        if pending:
            spec, future = pending.pop()
            done.append(spec)
            future.set_result(None)

    monkeypatch.setattr("paper_repro.execute.ProcessPoolExecutor", Pool)
    execute(SPECS, SEEDS, tmp_path, "cpu", 3, finish_one)
    assert ready == [True] * 5
    assert done.index(FAMILY[2]) < min(done.index(FAMILY[0]), done.index(FAMILY[1]))


def test_workers_start_with_a_blocked_interrupt():
    """A terminal sends Ctrl-C to the workers too, which would print a traceback each while they are importing."""

    class Pool:
        def submit(self, *work):
            return signal.pthread_sigmask(signal.SIG_BLOCK, ()), work

    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert submit(Pool(), print, 1) == (before | {signal.SIGINT}, (print, 1))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_an_interrupted_command_goes_on_where_it_stopped(tmp_path):
    """SIGINT while the second of two runs goes on: one sentence, exit code 130; then the bytes of an unbroken call."""
    arguments = ["reproduce", "fig2c", "--seeds", "1", "--jobs", "1"]
    for override in ("rounds=40", "local_steps=5", "agents=4", "measure_every=20"):
        arguments += ["--set", f"runs.{override}"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    uninterrupted = CliRunner().invoke(main, [*arguments, "--out", str(whole)])
    assert uninterrupted.exit_code in (0, 1), uninterrupted.output

    command = [sys.executable, "-c", "from paper_repro.cli import main; main()", *arguments, "--out", str(broken)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while not list(broken.glob("runs/*/seed0.json")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert errors.strip().splitlines()[-1] == "Interrupted; the same command goes on from here."
    assert not (broken / "fig2c.csv").exists()

    again = CliRunner().invoke(main, [*arguments, "--out", str(broken)])
    assert again.exit_code == uninterrupted.exit_code
    assert (broken / "fig2c.csv").read_bytes() == (whole / "fig2c.csv").read_bytes()
    assert results(broken) == results(whole)


KILLED = """
import multiprocessing, os, signal
from concurrent.futures import ProcessPoolExecutor
from paper_repro.execute import end_with_parent
if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), end_with_parent)
    print(pool.submit(os.getpid).result(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_where_their_parent_is_killed(tmp_path):
    """Else they wait without end, and hold the pipes of the command."""
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)  # to the pipe's end
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.strip().isdigit(), done.stderr
