"""What `simulate` and the `build` of a problem are given, checked before anything is computed."""

import math
from numbers import Integral

import numpy as np
import torch

from sim.faults import Faults
from sim.schedule import Average
from theory.errors import OnemergeError, require, shown


def whole(least, note="", **values):
    """OnemergeError unless all values are whole numbers (int) of at least `least`; `note` says what one stands for."""
    for name, value in values.items():
        valid = type(value) is int and value >= least
        require(valid, f"{name} must be a whole number of at least {least}{note}, not {shown(value)}.")


def require_build(agents, seeds, batch=1):
    """OnemergeError unless a problem can be built of `agents`, a replica for each of `seeds`, in batches of `batch`."""
    whole(1, agents=agents, batch=batch)
    listed = isinstance(seeds, tuple | list | range) and len(seeds) > 0
    valid = listed and all(isinstance(seed, Integral) and not isinstance(seed, bool) and seed >= 0 for seed in seeds)
    require(valid, f"seeds must be whole numbers >= 0 and at least one, not {shown(seeds)}.")


def require_parts(problem, schedule, optimizer, faults, probes, on_round):
    """OnemergeError unless these are what their names say, as far as a look at them can tell."""
    offers = all(hasattr(problem, name) for name in ("agents", "seeds", "dim", "dtype", "device", "batches", "measure"))
    require(offers, f"problem must be what the build of a configuration gives (sim.problem), not {shown(problem)}.")
    for one in schedule if isinstance(schedule, tuple) else (schedule,):
        require(callable(one), f"a schedule must be a function of (t, generator), not {shown(one)}.")
    steps = all(hasattr(optimizer, name) for name in ("start", "step_", "plain", "lr"))
    require(steps, f"optimizer must be a sim.optimizer.Optimizer, not {shown(optimizer)}.")
    known = faults is None or isinstance(faults, Faults)
    require(known, f"faults must be a sim.faults.Faults, or None, not {shown(faults)}.")
    functions = isinstance(probes, tuple | list) and all(map(callable, probes))
    require(functions, f"probes must be a tuple of functions of the models, not {shown(probes)}.")
    require(on_round is None or callable(on_round), f"on_round must be a function, or None, not {shown(on_round)}.")


def require_communication(said, agents):
    """OnemergeError unless what a schedule said is a communication among so many agents; that its rows sum to 1 is not
    checked."""
    if said is None:
        return
    average = isinstance(said, Average)
    found = said.members if average else said
    real = hasattr(found, "shape") and getattr(getattr(found, "dtype", None), "kind", None) in ("b", "i", "u", "f")
    if not real:  # asked in every round of every replica: a sound matrix is not put into words, which takes longest
        valid = "a matrix of real numbers [agents, agents], dense or scipy sparse, an Average, or None"
        raise OnemergeError(f"a schedule must say {valid}, not {shown(said)}.")
    shape = (agents,) if average else (agents, agents)
    what = "an average among" if average else "a mixing matrix of"
    require(
        found.shape == shape, f"a schedule said {what} {list(found.shape)}; for {agents} agents it is {list(shape)}."
    )


def require_held(optimizer, dtype):
    """OnemergeError unless models of `dtype` hold the optimizer's numbers, also times the 10 of AdamW's first step."""
    most = torch.finfo(dtype).max / 16
    for name in ("lr", "weight_decay", "clip"):
        value = getattr(optimizer, name, 0.0)
        held = value <= most or value == math.inf  # which is no clipping
        require(held, f"{name} must be at most {most:.3g} for models of {dtype}, not {value}.")


def rates(lr, problem):
    """`lr` as a tensor [replicas]: a learning rate for each replica, finite and positive."""
    replicas, found = len(problem.seeds), None
    try:
        found = np.asarray(lr.cpu() if torch.is_tensor(lr) else lr)
        found = found.astype(np.float64) if found.dtype.kind in "iuf" else None
    except (TypeError, ValueError):
        found = None
    fits = found is not None and found.shape == (replicas,)
    require(fits, f"lr must hold a learning rate for each of {replicas} replicas, not {shown(lr)}.")
    tensor = torch.as_tensor(found, dtype=problem.dtype, device=problem.device)
    valid = (tensor > 0) & (tensor <= torch.finfo(problem.dtype).max / 16)
    require(bool(valid.all()), f"lr must be positive numbers that {problem.dtype} holds, not {shown(lr)}.")
    return tensor


def require_state(state, kind, problem, optimizer, stale, rounds):
    """OnemergeError unless `state` is a `kind` from which a run of `rounds` rounds of these can go on."""
    require(isinstance(state, kind), f"state must be a State of an earlier run, or None, not {shown(state)}.")
    require(state.round <= rounds, f"state is of round {state.round}: a run of {rounds} rounds does not go on from it.")
    n, d, b = [len(problem.seeds), problem.agents], problem.dim, getattr(problem, "statistics", 0)
    wanted = [[*n, d], [*n, b] if b else None, [*n, d + b] if stale else None]
    wanted += [[*n, d][: part.ndim] for part in optimizer.start(torch.empty(*n, 0))]  # of no numbers, only its form
    parts = [state.theta, state.statistics, state.published, *state.optimizer]
    found = [None if part is None else list(part.shape) for part in parts]
    told = f"models, statistics, published copies and the optimizer's state of shapes {wanted}"
    require(found == wanted, f"state must hold {told}, not {found}.")
    dtype = state.theta.dtype
    require(dtype == problem.dtype, f"state must hold models of {problem.dtype}, as the problem's are, not {dtype}.")
