"""How much memory a run takes, told before it starts, and a sentence that says what to lower where it was too much."""

import math
import resource
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch

from sim.execution import chunk_size
from sim.quadratic import Quadratic
from theory.errors import OnemergeError

SIZES = ("dim", "width", "samples", "inputs", "hidden", "outputs", "side", "per_class")  # of the fields of problems
WORDS = (  # of the errors that tell of memory and are neither MemoryError nor torch.OutOfMemoryError
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "Cannot allocate memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "Maximum allowed dimension exceeded",
    "Maximum allowed size exceeded",
    "array is too big",
)


@dataclass(frozen=True)
class Need:
    """Bytes of a run: what grows with replicas · agents (`each`), with the chunk (`chunk`), and the problem's own data,
    c + αA + βR + γRA for R replicas of A agents (`data`)."""

    each: dict
    chunk: dict
    data: tuple
    at_once: int | None

    def parts(self, agents, replicas):
        """{part: bytes} for this many agents and replicas."""
        n, (constant, by_agent, by_replica, by_both) = agents * replicas, self.data
        together = n if self.at_once is None else min(self.at_once, n)
        return {
            **{name: n * size for name, size in self.each.items()},
            **{name: together * size for name, size in self.chunk.items()},
            "data": constant + by_agent * agents + by_replica * replicas + by_both * n,
        }


def estimate(spec, seeds, device="cpu"):
    """{part: bytes} that a run of the spec takes at its peak, beside Python and torch themselves.

    Exact: `parameters`, `optimizer state`, `statistics`, `published` copies (of stale messages), the `copy` of the
    models that combine_then_adapt takes, a `batch` of all agents, and `data`, the problem's own arrays. Rough:
    `gradients` (one a model of a chunk, and one temporary) and `activations` (what one model's loss keeps for its
    backward pass, times the chunk). Left out: what measures, gradient norms and probes take for a moment, buffers of
    the libraries, and fragmentation.
    """
    return need(spec, seeds, device).parts(spec.agents, len(seeds))


def need(spec, seeds, device="cpu"):
    """The `Need` of a spec, from problems of its kind with at most three agents and two seeds."""
    least = min(2, spec.agents)

    def build(agents, replicas):
        drawn = (seeds[0], *(max(seeds) + k for k in range(1, replicas)))
        return replace(spec.with_gossip("none"), agents=agents).build(drawn, device)

    problem = build(least, 1)
    size = problem.dtype.itemsize
    one = torch.zeros(1, 1, problem.dim, dtype=problem.dtype)
    statistics = getattr(problem, "statistics", 0)
    (batch,) = problem.batches(0, 1)
    each = {
        "parameters": problem.dim * size,
        "optimizer state": sum(part.nbytes for part in spec.local_optimizer().start(one)),
        "statistics": statistics * size,
        "published": (problem.dim + statistics) * size if spec.faults().stale > 0 else 0,
        "copy": problem.dim * size if spec.order == "combine_then_adapt" else 0,
        "batch": sum(part[0].numel() * part.element_size() for part in batch),
    }
    chunk = {"gradients": 2 * problem.dim * size, "activations": kept_for_backward(problem, batch)}
    n = spec.agents * len(seeds)
    at_once = spec.chunk or chunk_size(problem, spec.execution, n)
    together = spec.chunk is None and at_once >= n
    return Need(each, chunk, _bilinear(build, least, problem), None if together else at_once)


def _bilinear(build, least, problem):
    """(c, α, β, γ) of the bytes c + αA + βR + γRA of problems of A agents and R replicas, from four of them."""
    small = own_bytes(problem)
    agent, replica, both = (own_bytes(build(least + a, 1 + r)) for a, r in ((1, 0), (0, 1), (1, 1)))
    by_both = both - agent - replica + small
    by_agent, by_replica = agent - small - by_both, replica - small - by_both * least
    return small - by_agent * least - by_replica - by_both * least, by_agent, by_replica, by_both


def own_bytes(value):
    """Bytes of all tensors and arrays that a value of this package holds, each memory counted once."""
    memories, seen = {}, set()

    def walk(item):
        if id(item) in seen:
            return
        seen.add(id(item))
        if isinstance(item, torch.Tensor):
            memories[item.untyped_storage().data_ptr()] = item.untyped_storage().nbytes()
        elif isinstance(item, np.ndarray):
            while isinstance(item.base, np.ndarray):
                item = item.base
            memories[item.__array_interface__["data"][0]] = item.nbytes
        elif isinstance(item, dict):
            for inner in item.values():
                walk(inner)
        elif isinstance(item, tuple | list):
            for inner in item:
                walk(inner)
        elif type(item).__module__.startswith("sim."):
            walk(vars(item) if hasattr(item, "__dict__") else ())

    walk(value)
    return sum(memories.values())


def kept_for_backward(problem, batch):
    """Bytes that the loss of one model keeps for its backward pass, beside the model itself.

    The graph keeps nothing in their place, as no backward pass follows: a result that it kept as it is would hold the
    graph that holds it, and stay in memory.
    """
    theta = torch.zeros(problem.dim, dtype=problem.dtype, device=problem.device, requires_grad=True)
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda nothing: nothing):
        loss = problem.loss(theta, *(part[0].clone() for part in batch))
    del loss
    kept.pop(theta.untyped_storage().data_ptr(), None)
    return sum(storage.nbytes() for storage in kept.values())


def free_bytes(device):
    """Bytes that this process could still get on the device, None where that is not known.

    On the CPU the least of what the system, the control group (of a container or a batch job) and the limit of the
    address space leave.
    """
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    known = [size for size in (_available(), _left_in_group(), _left_in_limit()) if size is not None]
    return min(known, default=None)


def _available():
    fields = _table("/proc/meminfo")
    return None if "MemAvailable" not in fields else 1024 * int(fields["MemAvailable"])


def _left_in_group():
    """Of the control group (version 2), whose file cache is given up where memory runs out."""
    group = Path("/sys/fs/cgroup")
    try:
        most, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return None
    return None if most == "max" else int(most) - int(used) + int(_table(group / "memory.stat").get("inactive_file", 0))


def _left_in_limit():
    most, fields = resource.getrlimit(resource.RLIMIT_AS)[0], _table("/proc/self/status")
    return None if most == resource.RLIM_INFINITY or "VmSize" not in fields else most - 1024 * int(fields["VmSize"])


def _table(path):
    """{first word: second word} of the lines of a file, empty where there is none."""
    try:
        lines = [line.replace(":", " ").split() for line in Path(path).read_text().splitlines()]
    except OSError:
        return {}
    return {words[0]: words[1] for words in lines if len(words) > 1}


@contextmanager
def enough_memory(spec, seeds, device):
    """Refuse a run that needs more than is free before it starts, and have one sentence where memory runs out inside.

    The sentence, an `OnemergeError`, says what the parts need and what to lower. Other errors pass.
    """
    models, free = spec.agents * len(seeds) * getattr(spec.problem, "dim", 0) * 8, free_bytes(device)
    if free is not None and models > free:  # not even a few of them are worth making
        raise OnemergeError(
            f"The models of this run alone need {amount(models)} on {device.type}, where {amount(free)} are free: "
            f"lower agents ({spec.agents}), the number of seeds ({len(seeds)}) or {_sizes(spec)}."
        )
    try:
        needed = need(spec, seeds, device)
    except (MemoryError, RuntimeError, ValueError) as error:
        if not _of_memory(error):
            raise
        raise OnemergeError(
            f"The data of this run, of at most three agents and two seeds even, do not fit in the memory of "
            f"{device.type}: lower {_sizes(spec)}."
        ) from None
    parts = needed.parts(spec.agents, len(seeds))
    if free is not None and sum(parts.values()) > free:
        raise OnemergeError(
            f"This run needs about {told(parts)} on {device.type}, where {amount(free)} are free: "
            f"{lower(spec, seeds, needed, free)}."
        )
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _of_memory(error):
            raise
        raise OnemergeError(
            f"Out of memory on {device.type} in a run that needs about {told(parts)}: "
            f"{lower(spec, seeds, needed, None)}; what was stored before is kept."
        ) from None


def _of_memory(error):
    """Whether an error tells of memory, or of an array that no memory holds."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in str(error) for words in WORDS)


def _sizes(spec):
    """The fields of a problem that are sizes, with their values, in words."""
    sizes = [f.name for f in fields(spec.problem) if f.name in SIZES and f.type is int]
    return " or ".join(f"{name} ({getattr(spec.problem, name)})" for name in sizes)


def told(parts):
    """The sum and the parts in words, the largest first."""
    ordered = sorted(((size, name) for name, size in parts.items() if size > 0.01 * sum(parts.values())), reverse=True)
    return f"{amount(sum(parts.values()))} ({', '.join(f'{name} {amount(size)}' for size, name in ordered)})"


def lower(spec, seeds, needed, free):
    """What to lower, with the values that fit into `free` bytes where they are known."""
    fits = lambda agents, replicas: free is None or sum(needed.parts(agents, replicas).values()) <= free  # noqa: E731
    names = []
    for name, now, parts in (
        ("agents", spec.agents, lambda k: (k, len(seeds))),
        ("seeds at once", len(seeds), lambda k: (spec.agents, k)),
    ):
        if now > 1 and fits(*parts(1)):
            most = now if free is None else _largest(now, lambda k, parts=parts: fits(*parts(k)))
            names.append(f"{name} ({now})" if free is None else f"{name} ({now}) to at most {most}")
    if not isinstance(spec.problem, Quadratic):  # whose steps have no batch
        names.append(f"batch ({spec.batch})")
    at_once = min(needed.at_once or math.inf, spec.agents * len(seeds))
    if at_once > 1:
        names.append(f"chunk ({at_once})")
    size = next((name for name in ("width", "dim") if hasattr(spec.problem, name)), None)
    if size is not None:
        names.append(f"{size} ({getattr(spec.problem, size)})")
    return f"lower {', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else f"lower {names[0]}"


def _largest(now, fits):
    """The largest k < now with fits(k), where fits(1) holds and fits(now) does not."""
    low, high = 1, now
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def amount(size):
    """Bytes in words, with three digits."""
    power = min(max(int(math.log(max(size, 1), 1024)), 0), 4)
    return f"{size / 1024**power:.3g} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"
