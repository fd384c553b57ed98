"""The peak of memory that a run takes beside what was resident before it, measured in a process of its own.

    python -m paper_repro.bench.footprint '{"width": 1024, "agents": 64, "optimizer": "sgd", "device": "cpu"}'

prints {"held": bytes of parameters and optimizer state, "peak": bytes, "estimate": what `sim.memory` tells}. Resident
is what the process has when all is imported and a small run done: VmRSS (and VmHWM at the peak) on a CPU, what torch
allocated on CUDA.
"""

import json
import sys
from dataclasses import replace

import torch

from sim.memory import estimate
from sim.network import Classification
from sim.run import run
from sim.spec import Spec


def footprint(width, agents, optimizer, device):
    """The three sizes in bytes of an MLP on digits that is measured before and after a round of three local steps."""
    spec = Spec(
        Classification(width=width), agents=agents, rounds=1, local_steps=3, optimizer=optimizer, lr=0.01, gossip="ring"
    )
    run(replace(spec, agents=2, problem=Classification(width=8)), (0,), device=device)  # what is loaded at first use
    parts, before = estimate(spec, (0,)), now(device)
    run(spec, (0,), device=device)
    held = parts["parameters"] + parts["optimizer state"]
    return {"held": held, "peak": peak(device) - before, "estimate": sum(parts.values())}


def now(device):
    """Bytes in use; on CUDA the peak is counted from here."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    return resident("VmRSS")


def peak(device):
    """Bytes at the peak."""
    return torch.cuda.max_memory_allocated() if device == "cuda" else resident("VmHWM")


def resident(name):
    """A field of this process in bytes: VmRSS is resident now, VmHWM was at the peak."""
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return 1024 * int(fields[name].split()[0])


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(footprint(**json.loads(sys.argv[1]))))
