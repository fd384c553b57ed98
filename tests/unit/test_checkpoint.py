import hashlib
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from sim import checkpoint
from sim.atomic import remove_leftovers, write_stream, write_whole
from sim.quadratic import Quadratic
from sim.run import run
from sim.simulate import State
from sim.spec import Spec
from theory.errors import OnemergeError

SPEC = Spec(Quadratic(dim=3), agents=3, rounds=4, gossip="ring", optimizer="adamw", lr=0.01)
CPU = torch.device("cpu")


def sentence(call):
    with pytest.raises(OnemergeError) as error:
        call()
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(".")
    return str(error.value)


def equal(one, other):
    """Whether two values of a state are the same: types, shapes and bits."""
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.device == other.device and one.equal(other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


@pytest.fixture
def states():
    """The states of SPEC after every round."""
    kept = []
    run(SPEC, (0, 1), on_round=lambda state: kept.append(replace(state, theta=state.theta.clone())))
    return kept


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_states_keep_every_bit(tmp_path, states):
    checkpoint.save(tmp_path / "name", states[2], (0, 1), CPU)
    again = checkpoint.load(tmp_path / "name", CPU)
    assert again.round == 3
    for name, value in vars(states[2]).items():
        assert equal(getattr(again, name), value), name
    assert len(again.records) > 10
    again.theta[:] = 0  # a mapped file is not written to
    assert checkpoint.load(tmp_path / "name", CPU).theta.equal(states[2].theta)


@dataclass(frozen=True)
class Fields:
    """One field of each kind that a state may have."""

    round: int
    part: torch.Tensor
    nothing: torch.Tensor | None
    scalar: torch.Tensor
    optimizer: tuple
    arrays: tuple
    record: tuple


@pytest.mark.parametrize("n", [1, 2, 3])
def test_any_fields_are_kept(tmp_path, n):
    """Also what is a view of something larger, is empty, has no axes or is not finite."""
    whole = torch.arange(6.0 * n).view(n, 6)
    odd = np.array([np.nan, np.inf, -0.0, 5e-324])
    value = Fields(
        n,
        whole[:, 1:3],
        None,
        torch.tensor(3),
        (whole.T, torch.ones(0, n), (torch.tensor([True] * n),)),
        (np.arange(n), np.zeros((0, n)), np.array(2.5), odd[::-1], np.array([True, False]), np.int32([[n]])),
        ((1, 10, "merged_loss", odd), (2, 20, "spread", np.full((n, 2), 0.1)), [1.5, "x", False]),
    )
    torch.save(checkpoint.encoded(value), tmp_path / "file")
    assert (tmp_path / "file").stat().st_size < 10_000 + 3 * whole.nbytes
    again = checkpoint.decoded(torch.load(tmp_path / "file", weights_only=True), CPU)
    assert list(again) == list(vars(value))
    for name, part in vars(value).items():
        assert equal(again[name], part), name


def test_what_cannot_be_kept_is_named():
    for value, kind in ((np.float64(1), "float64"), (object(), "object"), ({1: 2}, "dict")):
        with pytest.raises(OnemergeError, match=f"cannot keep a {kind}; valid"):
            checkpoint.encoded(Fields(1, value, None, None, (), (), ()))


def test_tensors_go_to_the_device_unless_they_were_on_the_cpu():
    """Counters live on the CPU whatever the device; "meta" stands for an accelerator."""
    kept = checkpoint.encoded(Fields(1, torch.ones(2, device="meta"), None, torch.ones(1), (), (), ()))
    assert kept["fields"]["part"][2] is False
    assert kept["fields"]["scalar"][2] is True
    moved = checkpoint.decoded({"fields": {"a": ("tensor", torch.ones(2), False)}, "arrays": {}}, torch.device("meta"))
    assert moved["a"].device.type == "meta"


def test_a_long_run_has_few_tensors(tmp_path, states):
    """A tensor a record would make a save of a long run seconds long."""
    long = replace(states[-1], records=states[-1].records * 500)
    torch.save(checkpoint.encoded(long), tmp_path / "file")
    floats = sum(record[3].size for record in long.records)
    assert len(long.records) > 5000
    assert (tmp_path / "file").stat().st_size < 8 * floats + 100 * len(long.records) + 10_000


def test_a_folder_holds_one_state_and_what_names_it(tmp_path, states):
    folder = tmp_path / "deep" / "name"
    assert checkpoint.load(folder, CPU) is None
    for state in states:
        checkpoint.save(folder, state, (0, 1), CPU)
        pointer = json.loads((folder / "latest.json").read_text())
        assert pointer == {"round": state.round, "sha256": pointer["sha256"], "seeds": [0, 1], "device": "cpu"}
        kept = folder / f"{pointer['sha256']}.pt"
        assert names(folder) == sorted([kept.name, "latest.json"])
        assert hashlib.sha256(kept.read_bytes()).hexdigest() == pointer["sha256"]
        checkpoint.save(folder, state, (0, 1), CPU)  # the same bytes have the same name
        assert names(folder) == sorted([kept.name, "latest.json"])
    checkpoint.drop(folder)
    checkpoint.drop(folder)
    assert checkpoint.load(folder, CPU) is None
    assert not folder.exists()


def test_leftovers_are_harmless_and_removed_by_the_next_save(tmp_path, states):
    checkpoint.save(tmp_path, states[0], (0, 1), CPU)
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sim.atomic.os.getpid", lambda: int(dead.stdout))
        patch.setattr("sim.atomic.Path.unlink", lambda *_, **__: None)
        for stem in ("state", "latest.json"):
            with pytest.raises(ZeroDivisionError):
                write_stream(tmp_path, stem, lambda file: file.write(b"half") / 0, str)
    (tmp_path / f"{'0' * 64}.pt").write_bytes(b"a state that nothing names")
    assert len(names(tmp_path)) == 5
    assert checkpoint.load(tmp_path, CPU).theta.equal(states[0].theta)
    checkpoint.save(tmp_path, states[1], (0, 1), CPU)
    assert len(names(tmp_path)) == 2
    assert checkpoint.load(tmp_path, CPU).theta.equal(states[1].theta)


def test_files_that_others_are_writing_are_left_alone(tmp_path):
    """A process of this machine that runs, whatever is on another machine, and other files' temporary files."""

    def look(file):
        (ours,) = names(tmp_path)
        assert ours.startswith(".file-")
        foreign = ours.replace(f"@{platform.node()}@", f"@{platform.node()}-{os.getpid()}@").replace(
            str(os.getpid()), "1" * 9, 1
        )
        for name in (foreign, ours.replace(".file-", ".file2-"), "file-1@x@"):
            (tmp_path / name).touch()
        remove_leftovers(tmp_path, "file")
        assert len(names(tmp_path)) == 4
        file.write(b"all")

    write_stream(tmp_path, "file", look, lambda digest: digest[:5])
    assert hashlib.sha256(b"all").hexdigest()[:5] in names(tmp_path)


@pytest.mark.parametrize("damage", ["missing", "empty", "half", "one bit"])
def test_a_damaged_state_is_named_with_what_to_delete(tmp_path, states, damage):
    checkpoint.save(tmp_path, states[1], (0, 1), CPU)
    (path,) = tmp_path.glob("*.pt")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    if damage != "missing":
        path.write_bytes({"empty": b"", "half": data[: len(data) // 2], "one bit": data}[damage])
    text = sentence(lambda: checkpoint.load(tmp_path, CPU))
    assert text.startswith(f"{path} is missing, truncated or changed")
    assert f"delete {tmp_path / 'latest.json'} to start" in text
    (tmp_path / "latest.json").unlink()
    assert checkpoint.load(tmp_path, CPU) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"{}", b"\xff"])
def test_a_damaged_pointer_is_named(tmp_path, states, content):
    checkpoint.save(tmp_path, states[1], (0, 1), CPU)
    (tmp_path / "latest.json").write_bytes(content)
    text = sentence(lambda: checkpoint.load(tmp_path, CPU))
    assert text == f"{tmp_path / 'latest.json'} is truncated or not JSON: delete it to start its run afresh."


def test_a_state_of_other_fields_is_named(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, Fields(1, None, None, None, (), (), ()), (0,), CPU)
    assert "is of another version (round, part," in sentence(lambda: checkpoint.load(tmp_path, CPU))


def test_a_reader_follows_another_process(tmp_path, states, monkeypatch):
    """The state that the pointer named was replaced, and then dropped, while it was read."""
    for then, round in ((lambda: checkpoint.save(tmp_path, states[3], (0, 1), CPU), 4), (None, None)):
        checkpoint.save(tmp_path, states[1], (0, 1), CPU)
        digest, turns = checkpoint._digest, []

        def replaced(path, digest=digest, turns=turns, then=then):
            if not turns:
                turns.append((then or (lambda: checkpoint.drop(tmp_path)))())
                return "changed"
            return digest(path)

        with monkeypatch.context() as patch:
            patch.setattr(checkpoint, "_digest", replaced)
            found = checkpoint.load(tmp_path, CPU)
        assert (found and found.round) == round


def test_a_full_disk_leaves_the_state_before(tmp_path, states, monkeypatch):
    """Whether it fills while the state is written (torch.save has words of its own for that) or later."""
    checkpoint.save(tmp_path, states[0], (0, 1), CPU)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    for place in ("sim.atomic.os.fsync", "sim.atomic.os.replace", "sim.atomic.os.fdopen"):
        with monkeypatch.context() as patch:
            if place.endswith("fdopen"):
                fdopen = os.fdopen

                def small(handle, mode, fdopen=fdopen):
                    file = fdopen(handle, mode, buffering=0)
                    wrapped = type("Small", (), {"write": full, "flush": file.flush, "fileno": file.fileno})()
                    wrapped.__class__.__enter__ = lambda self: self
                    wrapped.__class__.__exit__ = lambda self, *_: file.close()
                    return wrapped

                patch.setattr(place, small)
            else:
                patch.setattr(place, full)
            text = sentence(lambda: checkpoint.save(tmp_path, states[1], (0, 1), CPU))
        assert text.startswith(f"Cannot write {tmp_path / 'state'}: No space left on device; choose a folder")
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert isinstance(checkpoint.load(tmp_path, CPU), State)


def test_an_interruption_right_after_the_rename_is_one(tmp_path, monkeypatch):
    replace_file = os.replace

    def late(source, target):
        replace_file(source, target)
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.atomic.os.replace", late)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "file", b"new")
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"new"
