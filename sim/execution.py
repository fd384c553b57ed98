"""How the gradients of many models are computed: all at once, or one after the other.

"batched"   the problem's own closed form or stacked products for all models of a chunk
"vmap"      torch.func.vmap over the models of a chunk
"loop"      one model after the other: where one alone keeps the device busy
"compiled"  the loop, with a step compiled by torch.compile (on CUDA captured as a graph)
"auto"      batched where the problem has it; else vmap up to LARGE parameters, loop above, or as the problem says
            (`one_by_one`)

All give the same numbers up to the order of sums: float64 gradients agree to 1e-10 of their size in the tests, those
of ResNet-18 (width 4) to 2e-14 when compiled. In float32 each is off by some 1e-6 where no ReLU's input is within a
rounding of 0; where one is, it may take the other side, which moved gradients of ResNet-18 on 8 images by 1e-3 of their
size in one of 8 draws with the loop and in two when compiled.
"""

import importlib
import warnings

import torch
from torch.func import grad_and_value, vmap

from theory.errors import require, shown

EXECUTIONS = ("auto", "batched", "vmap", "loop", "compiled")
LARGE = 100_000  # parameters of a model
TOGETHER = 16  # models of a chunk under vmap: convolutions of more lose to the loop


def chosen(problem, execution):
    """The execution that "auto" stands for; the same for the same problem on every machine."""
    known = isinstance(execution, str) and execution in EXECUTIONS
    require(known, f"Unknown execution {shown(execution)}; valid: {', '.join(EXECUTIONS)}.")
    batched = getattr(problem, "gradients", None) is not None
    if execution == "auto":
        alone = getattr(problem, "one_by_one", problem.dim > LARGE)
        return "batched" if batched else "loop" if alone else "vmap"
    require(
        execution != "batched" or batched,
        f"execution 'batched' needs stacked gradients, which this problem has not; valid here: "
        f"{', '.join(e for e in EXECUTIONS if e != 'batched')}.",
    )
    return execution


def gradient_function(problem, execution):
    """(Θ [n, d], S [n, b] or None, *batch [n, ...]) -> (gradients [n, d], losses [n] or None, S' or None)."""
    execution = chosen(problem, execution)
    if execution == "batched":
        return lambda theta, statistics, *batch: (*problem.gradients(theta, *batch), statistics)
    if execution == "vmap":
        return _stacked(problem)
    one = _one(problem)
    if execution == "compiled":
        one = _compiled(one, problem.device)
    return _looped(one, has_statistics(problem))


def _compiled(one, device):
    with warnings.catch_warnings():  # the compiler, as it is imported, calls what torch itself deprecates
        warnings.simplefilter("ignore", DeprecationWarning)
        importlib.import_module("torch._inductor.compile_fx")
    return torch.compile(one, mode="reduce-overhead" if device.type == "cuda" else "default")


def has_statistics(problem):
    """Whether the agents carry numbers that no gradient moves."""
    return getattr(problem, "statistics", 0) > 0


def _one(problem):
    """(θ [d], *batch) -> (gradient, loss), or (θ, s, *batch) -> (gradient, (loss, s'))."""
    if has_statistics(problem):
        return grad_and_value(problem.loss_and_statistics, has_aux=True)
    return grad_and_value(problem.loss)


def _stacked(problem):
    one = vmap(_one(problem))
    if not has_statistics(problem):

        def stacked(theta, statistics, *batch):
            gradients, losses = one(theta, *batch)
            return gradients, losses, statistics

        return stacked

    def stacked_with_statistics(theta, statistics, *batch):
        gradients, (losses, statistics) = one(theta, statistics, *batch)
        return gradients, losses, statistics

    return stacked_with_statistics


def _looped(one, with_statistics):
    def looped(theta, statistics, *batch):
        gradients, losses, moved = [], [], []
        for k in range(len(theta)):
            own = (theta[k], *((statistics[k],) if with_statistics else ()), *(part[k] for part in batch))
            gradient, value = one(*own)
            loss, new = value if with_statistics else (value, None)
            gradients.append(gradient)
            losses.append(loss)
            moved.append(new)
        stack = lambda parts: parts[0][None] if len(parts) == 1 else torch.stack(parts)  # noqa: E731 (no copy of one)
        return stack(gradients), stack(losses), stack(moved) if with_statistics else None

    return looped


def chunk_size(problem, execution, models):
    """Of `models` in all, how many have their gradients in memory at once: as the problem says, else 1 in a loop and
    TOGETHER under vmap."""
    execution = chosen(problem, execution)
    if execution in ("loop", "compiled"):
        return 1
    own = getattr(problem, "chunk", None)
    if own is not None:
        return own(execution, models)
    return TOGETHER if execution == "vmap" else models
