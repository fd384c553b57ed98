"""Memory a run takes beside its models and optimizer state: peak of the resident set in a process of its own.

An MLP on digits of large width, some rounds of local steps, gossip and measures, each setting in a fresh process: the
peak (VmHWM) minus what was resident when all was imported and a small run done, over parameters + optimizer state.
`problem`, `start`, `steps` and `whole run` end where their names say; a whole run measures before and after its round.

    python benchmarks/memory.py [--width 1024] [--agents 64] [--optimizer sgd momentum adamw]
"""

import argparse
import json
import platform
import subprocess
import sys
from dataclasses import replace

import torch

STAGES = ("problem", "start", "steps", "whole run")


def resident(name):
    """A field of this process in bytes: VmRSS is resident now, VmHWM was at the peak."""
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return 1024 * int(fields[name].split()[0])


def measured(width, agents, optimizer, stage):
    """(bytes of parameters and optimizer state, peak growth, what `sim.memory` estimates), in this process."""
    from sim.memory import estimate
    from sim.network import Classification
    from sim.run import run
    from sim.simulate import State, simulate
    from sim.spec import Spec

    torch.set_num_threads(1)
    spec = Spec(
        Classification(width=width), agents=agents, rounds=1, local_steps=3, optimizer=optimizer, lr=0.01, gossip="ring"
    )
    run(replace(spec, agents=2, problem=Classification(width=8)), (0,))  # what is loaded at the first use
    parts = estimate(spec, (0,))
    before = resident("VmRSS")
    if stage == "whole run":
        run(spec, (0,))
    else:
        problem = spec.build((0,))
        if stage == "start":
            State.start(problem, spec.local_optimizer())
        if stage == "steps":
            problem.measure = lambda *models: {}
            simulate(problem, spec.schedule(), spec.local_optimizer(), rounds=1, local_steps=3)
    growth = resident("VmHWM") - before
    return parts["parameters"] + parts["optimizer state"], growth, sum(parts.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--agents", type=int, default=64)
    parser.add_argument("--optimizer", nargs="+", default=["sgd", "momentum", "adamw"])
    parser.add_argument("--stage", choices=STAGES, help="measure this one in this process and print it as JSON")
    options = parser.parse_args()
    if options.stage is not None:
        print(json.dumps(measured(options.width, options.agents, options.optimizer[0], options.stage)))
        return
    print(f"{platform.machine()} CPU, one thread, torch {torch.__version__}; MLP of width {options.width}, ", end="")
    print(f"{options.agents} agents")
    print("| optimizer | stage | parameters + optimizer state, MB | peak growth, MB | ratio | estimate, MB |")
    print("|---|---|---:|---:|---:|---:|")
    for optimizer in options.optimizer:
        for stage in STAGES:
            call = [sys.executable, __file__, "--width", str(options.width), "--agents", str(options.agents)]
            call += ["--optimizer", optimizer, "--stage", stage]
            done = subprocess.run(call, capture_output=True, text=True, check=True)
            held, growth, estimated = (size / 1e6 for size in json.loads(done.stdout))
            print(
                f"| {optimizer} | {stage} | {held:,.0f} | {growth:,.0f} | {growth / held:.2f} | {estimated:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
