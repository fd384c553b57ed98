"""Agent-steps per second: the stacked simulator against a loop over separate modules and optimizers.

Both train the same MLP (64-w-w-10) on digits with the same batches, SGD with lr 0.1, and gossip once every ten steps
with the same mixing matrices (R 0.2); the loop is how decentralized learning is usually simulated: one
nn.Module and one torch.optim.SGD an agent, gossip over state dicts. The two take turns in one process, after a warm-up,
and the median of the repetitions counts; nothing is measured or stored while the clock runs.

    python benchmarks/stacked.py [--device cpu] [--threads 2] [--agents 16 64 256] [--width 64]
"""

import argparse
import itertools
import platform
import statistics
import time

import torch

from sim.network import Classification
from sim.optimizer import Optimizer
from sim.randomness import stream
from sim.step import gossip, local_steps
from theory.gossip import random_peers

STEPS, BATCH, LR, PEERS = 10, 32, 0.1, 0.2


def stacked(problem, W):
    """A round of the stacked simulator: Θ -> Θ."""
    optimizer = Optimizer("sgd", LR)

    def round_of(theta, batches):
        theta, _, _ = local_steps(problem.loss, optimizer, theta, (), batches)
        return gossip(theta, W)

    return round_of


def looped(problem, W):
    """A round as a loop over agents, each with its own module and optimizer: modules are updated in place."""
    W = W[0].cpu()

    def round_of(agents, batches):
        x, y = batches
        for k, (module, optimizer) in enumerate(agents):
            for step in range(STEPS):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(module(x[step, k]), y[step, k]).backward()
                optimizer.step()
        states = [{name: value.clone() for name, value in module.state_dict().items()} for module, _ in agents]
        for k, (module, _) in enumerate(agents):
            heard = [j for j in range(len(agents)) if W[k, j] > 0]
            if heard != [k]:
                mixed = {name: sum(float(W[k, j]) * states[j][name] for j in heard) for name in states[k]}
                module.load_state_dict(mixed)
        return agents

    return round_of


def modules(problem, theta):
    """One module and one optimizer an agent, with the weights of Θ [1, agents, d]."""
    out = []
    for one in theta[0]:
        module = problem.make().to(problem.device)
        module.load_state_dict({name: value.clone() for name, value in problem.unflatten(one).items()})
        out.append((module, torch.optim.SGD(module.parameters(), lr=LR)))
    return out


def seconds(device, call):
    """Wall time of a call, with the device idle before and after."""
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    wait()
    started = time.perf_counter()
    call()
    wait()
    return time.perf_counter() - started


def compare(agents, width, device, repetitions):
    """(agent-steps per second stacked, looped, largest difference of the models after a round)."""
    problem = Classification(width=width).build(agents, (0,), BATCH, device)
    W = random_peers(agents, PEERS).draw(0, stream(0, "gossip", 0))
    W = torch.as_tensor(W, dtype=problem.dtype, device=device)[None]
    theta, batches = problem.init(), problem.batches(0, STEPS)
    fast, slow = stacked(problem, W), looped(problem, W)
    ours = fast(theta, batches)
    theirs = torch.stack(
        [
            torch.nn.utils.parameters_to_vector(module.parameters())
            for module, _ in slow(modules(problem, theta), batches)
        ]
    )
    difference = float((ours[0] - theirs.detach()).abs().max())
    times = {"stacked": [], "looped": []}
    for _ in range(repetitions):
        times["stacked"].append(seconds(device, lambda: fast(theta, batches)))
        agents_now = modules(problem, theta)
        times["looped"].append(seconds(device, lambda agents_now=agents_now: slow(agents_now, batches)))
    rates = {name: agents * STEPS / statistics.median(values) for name, values in times.items()}
    return rates["stacked"], rates["looped"], difference


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--agents", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--width", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--repetitions", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    where = torch.cuda.get_device_name() if options.device == "cuda" else f"{platform.machine()} CPU"
    print(f"{where}, {options.threads} thread(s), torch {torch.__version__}, {options.repetitions} repetitions")
    print("| width | agents | stacked, agent-steps/s | loop, agent-steps/s | ratio | largest difference of models |")
    print("|---:|---:|---:|---:|---:|---:|")
    for width, agents in itertools.product(options.width, options.agents):
        ours, theirs, difference = compare(agents, width, options.device, options.repetitions)
        print(f"| {width} | {agents} | {ours:,.0f} | {theirs:,.0f} | {ours / theirs:.2f} | {difference:.1e} |")


if __name__ == "__main__":
    main()
