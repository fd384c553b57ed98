"""Agent-steps per second: stacked gradients by hand against a loop over separate modules and optimizers.

Both train the same networks (MLP 64-64-64-10, small CNN; random images of 8×8, batch 32) with the same batches, SGD of
lr 0.1, and gossip once every ten steps with the same mixing matrix (R 0.2). The loop is how decentralized learning is
usually simulated, the paper's official code among it: one nn.Module and one torch.optim.SGD an agent, and gossip on a
flat host buffer to which the models that talk are copied, and from which they are read back. The two take turns in one
process, after a warm-up, and medians count; ratios are of wall time and, as other work may run beside, of CPU time. The
last column is of the models after the first round: where it is large, a ReLU's input fell on the other side of 0.

    python benchmarks/stacked.py [--device cpu] [--threads 1] [--agents 16 64 256] [--models mlp cnn] [--repetitions 9]
"""

import argparse
import itertools
import platform
import statistics
import time

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector

from sim.models import MODELS, WIDTHS
from sim.randomness import stream
from sim.stacked import stacked
from theory.gossip import random_peers

STEPS, BATCH, LR, PEERS, SIDE, CLASSES = 10, 32, 0.1, 0.2, 8, 10


def hand_batched(network, W):
    """A round on Θ [agents, d], in place: gradients and step of a chunk, while it is in the cache, then gossip."""
    kernel = stacked(network, {name: leaf.shape for name, leaf in network.named_parameters()})
    talking = (W.diagonal() != 1).nonzero().flatten()
    mixing = W[talking][:, talking]

    def round_of(theta, x, y):
        chunk = kernel.chunk(x.shape[2:], theta.dtype, theta.device, len(theta))
        gradients = torch.empty_like(theta[:chunk])
        for step in range(STEPS):
            for models, images, labels in zip(*(a.split(chunk) for a in (theta, x[step], y[step])), strict=True):
                gradient, _ = kernel(models, images, labels, out=gradients[: len(models)])
                models.add_(gradient, alpha=-LR)
        theta[talking] = mixing @ theta[talking]

    return round_of


def looped(W):
    """A round as a loop over (module, optimizer) pairs, in place."""
    W = W.cpu()
    talking = (W.diagonal() != 1).nonzero().flatten().tolist()
    mixing = W[talking][:, talking]

    def round_of(agents, x, y):
        for k, (network, optimizer) in enumerate(agents):
            for step in range(STEPS):
                optimizer.zero_grad()
                cross_entropy(network(x[step, k]), y[step, k]).backward()
                optimizer.step()
        with torch.no_grad():
            buffer = torch.stack([parameters_to_vector(agents[k][0].parameters()).cpu() for k in talking])
            for k, mixed in zip(talking, mixing @ buffer, strict=True):
                for leaf, part in zip(agents[k][0].parameters(), split(mixed, agents[k][0]), strict=True):
                    leaf.copy_(part)

    return round_of


def split(flat, network):
    """The leaves of a flat model, as views."""
    leaves = list(network.parameters())
    parts = flat.split([leaf.numel() for leaf in leaves])
    return [part.view_as(leaf) for leaf, part in zip(leaves, parts, strict=True)]


def flat_models(agents):
    return torch.stack([parameters_to_vector(network.parameters()) for network, _ in agents]).detach()


def seconds(device, call):
    """(wall, CPU) time of a call, with the device idle before and after."""
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    wait()
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    wait()
    return time.perf_counter() - wall, time.process_time() - cpu


def compare(model, agents, device, repetitions):
    """({method: (wall, CPU) seconds a round}, largest difference of the models after the first round)."""
    torch.manual_seed(0)
    make = lambda: MODELS[model](1, SIDE, CLASSES, WIDTHS[model]).to(device)  # noqa: E731
    modules = [make() for _ in range(agents)]
    pairs = [(network, torch.optim.SGD(network.parameters(), lr=LR)) for network in modules]
    x = torch.rand(STEPS, agents, BATCH, 1, SIDE, SIDE, device=device)
    y = torch.randint(CLASSES, (STEPS, agents, BATCH), device=device)
    W = random_peers(agents, PEERS).draw(0, stream(0, "gossip", 0))
    W = torch.as_tensor(W, dtype=torch.float32, device=device)
    theta = flat_models(pairs)
    methods = {"stacked": (hand_batched(make(), W), theta), "loop": (looped(W), pairs)}
    for round_of, state in methods.values():
        round_of(state, x, y)
    difference = float((theta - flat_models(pairs)).abs().max())
    times = {name: [] for name in methods}
    for _ in range(repetitions):
        for name, (round_of, state) in methods.items():
            times[name].append(seconds(device, lambda round_of=round_of, state=state: round_of(state, x, y)))
    return {name: [statistics.median(kind) for kind in zip(*t, strict=True)] for name, t in times.items()}, difference


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--agents", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--models", nargs="+", default=["mlp", "cnn"], choices=["mlp", "cnn", "logistic", "linear2"])
    parser.add_argument("--repetitions", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    where = torch.cuda.get_device_name() if options.device == "cuda" else f"{platform.machine()} CPU"
    print(f"{where}, {options.threads} thread(s), torch {torch.__version__}, {options.repetitions} repetitions")
    print("| model | agents | stacked, agent-steps/s | loop, agent-steps/s | ratio | CPU ratio | largest difference |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for model, agents in itertools.product(options.models, options.agents):
        times, difference = compare(model, agents, options.device, options.repetitions)
        (ours, our_cpu), (theirs, their_cpu) = times["stacked"], times["loop"]
        rates = [agents * STEPS / wall for wall in (ours, theirs)]
        print(
            f"| {model} | {agents} | {rates[0]:,.0f} | {rates[1]:,.0f} | {theirs / ours:.2f} | "
            f"{their_cpu / our_cpu:.2f} | {difference:.1e} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
