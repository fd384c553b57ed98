import gc
import math
import re
import subprocess
import sys
import weakref
from dataclasses import replace

import pytest
import torch

from sim import memory
from sim.linear_network import LinearNetwork
from sim.logistic import Logistic
from sim.memory import amount, enough_memory, estimate, free_bytes, lower, need, own_bytes
from sim.network import Classification
from sim.quadratic import Quadratic
from sim.run import run
from sim.simulate import State
from sim.smooth import Smooth
from sim.spec import Spec
from sim.store import Store
from theory.errors import OnemergeError

CPU = torch.device("cpu")
MLP = Spec(Classification(width=4), agents=5, rounds=3, batch=4, optimizer="adamw", lr=0.01, stale=0.1)
SPECS = {
    "mlp": MLP,
    "cnn, fixed pools": replace(MLP, problem=Classification(model="cnn", width=2, sampling="fixed", samples=15)),
    "batch norm": replace(MLP, problem=Classification(model="resnet18", width=1, dtype="float64"), agents=3),
    "quadratic": Spec(Quadratic(dim=7, instance=None), agents=9, rounds=3, optimizer="momentum"),
    "one agent": Spec(Quadratic(dim=2, zeta=0.0), agents=1, rounds=3, gossip="none", order="combine_then_adapt"),
    "logistic": Spec(Logistic(), agents=4, batch=3),
    "linear network": Spec(LinearNetwork(), agents=4, batch=3),
    "smooth": Spec(Smooth(), agents=4),
}


def sentence(call):
    with pytest.raises(OnemergeError) as error:
        call()
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(".")
    return str(error.value)


@pytest.mark.parametrize("seeds", [(4,), (7, 1, 2)])
@pytest.mark.parametrize("name", SPECS)
def test_exact_parts_are_those_of_the_run(name, seeds):
    """Against the tensors of a real start, of all agents and seeds, none of which the estimate builds."""
    spec = SPECS[name]
    parts = estimate(spec, seeds)
    problem = spec.build(seeds)
    state = State.start(problem, spec.local_optimizer(), stale=spec.stale > 0)
    assert parts["data"] == own_bytes(problem)
    assert parts["parameters"] == state.theta.nbytes
    assert parts["optimizer state"] == sum(part.nbytes for part in state.optimizer)
    assert parts["statistics"] == (0 if state.statistics is None else state.statistics.nbytes)
    assert parts["published"] == (0 if state.published is None else state.published.nbytes)
    assert parts["copy"] == (state.theta.nbytes if spec.order == "combine_then_adapt" else 0)
    (batch,) = problem.batches(0, 1)
    assert parts["batch"] == sum(math.prod(part.shape) * part.element_size() for part in batch)
    chunk = min(need(spec, seeds).at_once or math.inf, spec.agents * len(seeds))
    assert parts["gradients"] == 2 * chunk * problem.dim * problem.dtype.itemsize
    assert parts["activations"] > 0


def test_a_chunk_of_its_own_counts():
    large = Spec(Classification(width=64), agents=64)
    one, all_ = (estimate(replace(large, chunk=chunk), (0,))["gradients"] for chunk in (1, 1000))
    assert all_ == 64 * one


def test_what_is_kept_for_the_backward_pass_grows_with_batch_and_width():
    """A linear layer keeps its input: 4 · batch · (64 + w + w) bytes at least, twice that with the masks of ReLU."""
    for batch, width in ((1, 8), (16, 8), (16, 64)):
        parts = estimate(Spec(Classification(width=width), agents=2, batch=batch, chunk=1), (0,))
        inputs = 4 * batch * (64 + 2 * width)
        assert inputs <= parts["activations"] <= 4 * inputs + 100


def test_memory_that_is_shared_counts_once():
    class Holder:
        __module__ = "sim.made_up"

    holder = Holder()
    holder.whole = torch.zeros(10)
    holder.part, holder.again, holder.array = holder.whole[2:], [holder, (holder.whole,)], holder.whole.numpy()[:3]
    holder.other = {"x": torch.zeros(3, dtype=torch.float64), "text": "none"}
    assert own_bytes(holder) == 40 + 24


def test_a_run_that_cannot_fit_is_refused_before_it_starts(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2_000_000)
    wide = Spec(Classification(width=64), agents=40, rounds=2)
    begun = []
    text = sentence(lambda: run(wide, (0, 1, 2), store=Store(tmp_path), on_round=begun.append))
    assert begun == []
    assert text.startswith("This run needs about ")
    assert "on cpu, where 1.91 MiB are free: lower " in text
    assert re.search(r"batch \(32\), chunk \(\d+\) or width \(64\)\.$", text)
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("share", [0.7, 0.95])
def test_what_the_sentence_says_fits(name, share):
    """And one more would not."""
    spec = replace(SPECS[name], agents=40 if SPECS[name].agents > 1 else 1)
    seeds = tuple(range(30))
    needed = need(spec, seeds)
    free = share * sum(needed.parts(spec.agents, 30).values())
    text = lower(spec, seeds, needed, free)
    for words, parts in (("agents", lambda k: (k, 30)), ("seeds at once", lambda k: (spec.agents, k))):
        found = re.search(rf"{words} \((\d+)\) to at most (\d+)", text)
        assert (found is not None) == (
            (words != "agents" or spec.agents > 1) and sum(needed.parts(*parts(1)).values()) <= free
        )
        if found:
            most = int(found[2])
            assert sum(needed.parts(*parts(most)).values()) <= free < sum(needed.parts(*parts(most + 1)).values())
    assert "to at most" in text


def test_errors_of_memory_become_the_sentence_and_others_pass(monkeypatch, tmp_path):
    allocator = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: {} you tried to allocate 9 bytes."
    errors = (
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
        RuntimeError(allocator.format("can't allocate memory:")),
        RuntimeError(allocator.format("not enough memory:")),
    )
    for number, error in enumerate(errors):
        store, rounds = Store(tmp_path / str(number)), []

        def fail(state, error=error):
            if state.round == 2:
                raise error

        options = {"store": store, "checkpoint_rounds": 1}
        text = sentence(lambda fail=fail, options=options: run(MLP, (0,), on_round=fail, **options))
        assert text.startswith("Out of memory on cpu in a run that needs about ")
        assert text.endswith("; what was stored before is kept.")
        assert "lower agents (5), batch (4), chunk (5) or width (4)" in text
        run(MLP, (0,), store=store, on_round=lambda state, rounds=rounds: rounds.append(state.round))
        assert rounds == [3]
    for error in (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("x"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, enough_memory(MLP, (0,), CPU):
            raise error
        assert caught.value is error


LIMITED = """
import resource
from sim import memory
from sim.network import Classification
from sim.run import run
from sim.spec import Spec
from theory.errors import OnemergeError
import torch
small = Spec(Classification(width=8), agents=4, rounds=1)
run(small, (0,))
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
limit = 1024 * int(status["VmSize"].split()[0]) + 2**28
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
print(memory.free_bytes(torch.device("cpu")) <= 2**28)
large = Spec(Classification(width=2048), agents=64, rounds=1)
for known in (True, False):
    if not known:
        memory.free_bytes = lambda device: None
    try:
        run(large, (0,))
    except OnemergeError as error:
        print(error)
run(small, (0,))
print("goes on")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the limits as Linux tells them")
def test_a_limit_of_the_address_space_is_seen_and_an_allocation_that_fails_is_told():
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    known, refused, failed, after = done.stdout.splitlines()
    assert known == "True"
    assert refused.startswith("This run needs about ")
    assert re.search(r"where 2\d\d MiB are free: lower agents \(64\) to at most \d+, batch \(32\)", refused)
    assert failed.startswith("Out of memory on cpu in a run that needs about ")
    assert after == "goes on"


def test_free_memory_is_the_least_that_is_known(monkeypatch):
    total = torch.zeros(1).nbytes
    assert free_bytes(CPU) is None or free_bytes(CPU) > total
    for left, least in (((5, 3, None), 3), ((None, None, 7), 7), ((None, None, None), None), ((0, 3, 4), 0)):
        for name, value in zip(("_available", "_left_in_group", "_left_in_limit"), left, strict=True):
            monkeypatch.setattr(memory, name, lambda value=value: value)
        assert free_bytes(CPU) == least


def test_where_nothing_is_known_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: None)
    with enough_memory(replace(MLP, agents=10**9, gossip="none"), (0,), CPU) as nothing:
        assert nothing is None


def test_amounts_have_three_digits():
    assert [amount(size) for size in (0, 1, 1023, 1024, 1536, 10 * 2**20, 3.5 * 2**30, 2**50)] == [
        "0 B",
        "1 B",
        "1.02e+03 B",
        "1 KiB",
        "1.5 KiB",
        "10 MiB",
        "3.5 GiB",
        "1.02e+03 TiB",
    ]


def test_models_that_cannot_fit_are_refused_before_any_is_made(monkeypatch):
    """Even three agents of a problem this large take minutes to make."""
    monkeypatch.setattr("sim.memory.need", lambda *_: pytest.fail("made"))
    spec = Spec(Quadratic(dim=10**9), agents=1000)
    with pytest.raises(OnemergeError, match=r"models of this run alone need .*lower agents \(1000\), "):
        run(spec, (0, 1))


class Exponential:
    """A problem whose loss keeps a result for its backward pass: exp does."""

    dim, dtype, device, result = 3, torch.float64, CPU, None

    def loss(self, theta, x):
        y = (theta * x).exp()
        self.result = weakref.ref(y)
        return y.sum()


def test_an_estimate_leaves_nothing_in_memory():
    problem = Exponential()
    gc.disable()
    try:
        kept = memory.kept_for_backward(problem, (torch.ones(1, 3, dtype=torch.float64),))
        assert problem.result() is None
    finally:
        gc.enable()
    assert kept == 2 * 3 * 8  # x, and exp(θ x)
