"""`memory`: the peak of a whole run against its parameters and optimizer state, and against what `sim.memory` tells."""

import json
import subprocess
import sys
from functools import partial

from paper_repro.bench.row import Row
from theory.errors import require

MOST = 1.2  # of parameters and optimizer state
OPTIMIZERS = ("sgd", "momentum", "adamw")


def memory(setting):
    """A case for every optimizer, in a process of its own."""
    return [partial(measured, optimizer, setting) for optimizer in setting.sizes(OPTIMIZERS, ("sgd",))]


def measured(optimizer, setting):
    """The rows of one optimizer."""
    width, agents = setting.sizes((1024, 64), (256, 4))
    given = {"width": width, "agents": agents, "optimizer": optimizer, "device": setting.device.type}
    call = [sys.executable, "-m", "paper_repro.bench.footprint", json.dumps(given)]
    done = subprocess.run(call, capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1:]
    require(done.returncode == 0, f"The process that measures memory failed: {''.join(last) or done.returncode}")
    found = {name: size / 1e6 for name, size in json.loads(done.stdout).items()}
    both = {
        "benchmark": "memory",
        "case": f"{agents} agents, MLP of width {width}, {optimizer}",
        "unit": "MB",
        "ours": found["peak"],
        "repetitions": 1,
    }
    return [
        Row(
            **both,
            against="parameters and optimizer state",
            peer=found["held"],
            target=setting.target("ratio", "<=", MOST),
        ),
        Row(**both, against="the estimate of sim.memory", peer=found["estimate"]),
    ]
