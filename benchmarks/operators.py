"""CPU milliseconds a round to build each mixing matrix, dense float64 [n, n], and Base-2 of 1000 agents.

The rounds of a sequence are drawn in order, up to 32, each for the first time; a random gossip is drawn several times;
their median counts. A static topology goes from its name to its matrix, and the best of the repetitions counts.
Set-up (matchings, the tables of neighbors) is a column of its own; MATCHA's probabilities are given here, as its
semidefinite program is no part of a round.

    OMP_NUM_THREADS=1 python benchmarks/operators.py [--agents 1024] [--repetitions 7]
"""

import argparse
import platform
import statistics
import time

import numpy as np

from theory.gossip import (
    base_graph,
    epidemic,
    epidemic_oracle,
    global_every,
    k_peer_exponential,
    local_steps,
    one_peer_exponential,
    one_peer_hypercube,
    pairwise_exchange,
    pairwise_on,
    random_matching,
    random_matching_on,
    random_neighbors,
    random_peers,
    round_robin,
    round_robin_on,
    simple_base_graph,
)
from theory.links import links
from theory.matcha import matching_activation
from theory.matchings import matchings
from theory.mixing import mixing


def matcha_on(topology):
    """MATCHA of a topology with the same probability and step for all matchings."""
    classes = matchings(topology)
    return matching_activation(topology.agents, classes, [0.5] * len(classes), 1 / len(classes))


def gossips(n):
    """{name: () -> Gossip} of every time-varying and random gossip on n agents, n a power of two."""
    ring, exponential, hypercube = (links(name, agents=n) for name in ("ring", "exponential", "hypercube"))
    regular = links("random_regular", agents=n, degree=8, seed=0)
    return {
        "one_peer_exponential": lambda: one_peer_exponential(n),
        "one_peer_hypercube": lambda: one_peer_hypercube(n),
        "k_peer_exponential, k = 3": lambda: k_peer_exponential(n, 3),
        "k_peer_exponential, k = n - 1": lambda: k_peer_exponential(n, n - 1),
        "simple_base_graph, k = 1": lambda: simple_base_graph(n - 1, 1),
        "base_graph, k = 1": lambda: base_graph(n - 1, 1),
        "base_graph, k = 4": lambda: base_graph(n - 1, 4),
        "round_robin": lambda: round_robin(n),
        "round_robin_on random 8-regular": lambda: round_robin_on(regular),
        "local_steps of random_peers, every 4": lambda: local_steps(random_peers(n, 0.2), 4),
        "global_every of random_peers, every 4": lambda: global_every(random_peers(n, 0.2), 4),
        "random_peers, r = 0.2": lambda: random_peers(n, 0.2),
        "random_peers, r = 3": lambda: random_peers(n, 3),
        "random_peers, r = n/2": lambda: random_peers(n, n // 2),
        "random_matching": lambda: random_matching(n, 1),
        "pairwise_exchange": lambda: pairwise_exchange(n),
        "epidemic, s = 3": lambda: epidemic(n, 3),
        "epidemic, s = n/2": lambda: epidemic(n, n // 2),
        "epidemic_oracle, s = 3": lambda: epidemic_oracle(n, 3),
        "epidemic_oracle, s = n/2": lambda: epidemic_oracle(n, n // 2),
        "random_neighbors of exponential, r = 0.2": lambda: random_neighbors(exponential, 0.2),
        "random_neighbors of exponential, r = 3": lambda: random_neighbors(exponential, 3),
        "random_neighbors of complete, r = n/2": lambda: random_neighbors(links("complete", agents=n), n // 2),
        "pairwise_on ring": lambda: pairwise_on(ring),
        "random_matching_on hypercube": lambda: random_matching_on(hypercube, 1),
        "matcha on ring": lambda: matcha_on(ring),
        "matcha on random 8-regular": lambda: matcha_on(regular),
    }


def statics(n):
    """{name: () -> W} of every static topology of about n agents, as `theory.links` builds it."""
    side, sized = int(n**0.5), {"agents": n}
    families = dict.fromkeys(("ring", "path", "hypercube", "star", "complete"), sized)
    families |= dict.fromkeys(("exponential", "symmetric_exponential"), sized)
    families |= {name: {"rows": side, "cols": side} for name in ("torus", "grid")}
    families |= {"random_regular": {**sized, "degree": 4, "seed": 0}}
    return {
        f"{name}, {rule}": lambda name=name, rule=rule, p=p: mixing(links(name, **p), rule)
        for name, p in families.items()
        for rule in (("uniform",) if name == "exponential" else ("uniform", "metropolis"))
    }


def milliseconds(call, repetitions):
    """(the last value of call(), the shortest CPU time of a call in ms)."""
    times = []
    for _ in range(repetitions):
        start = time.process_time()
        value = call()
        times.append(1e3 * (time.process_time() - start))
    return value, min(times)


def measure(build, repetitions):
    """(rounds of a period, ms of set-up, ms a round)."""
    gossip, setup = milliseconds(build, 2)
    generator = np.random.default_rng(0)
    rounds = min(gossip.period, 32) if gossip.deterministic else 4 * gossip.period * repetitions
    times = [milliseconds(lambda t=t: gossip.draw(t, generator), 1)[1] for t in range(rounds)]
    return gossip.period, setup, statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=1024, help="a power of two")
    parser.add_argument("--repetitions", type=int, default=7)
    arguments = parser.parse_args()
    np.ones(1 << 26)  # memory that the machine has not yet handed out costs more than a matrix
    print(f"{platform.processor() or platform.machine()}, numpy {np.__version__}, {arguments.agents} agents\n")
    print("| gossip | rounds | set-up, ms | ms a round |\n|:---|---:|---:|---:|")
    for name, build in gossips(arguments.agents).items():
        rounds, setup, ms = measure(build, arguments.repetitions)
        print(f"| {name} | {rounds} | {setup:.2f} | {ms:.2f} |")
    print("\n| static topology, weights | ms |\n|:---|---:|")
    for name, build in statics(arguments.agents).items():
        print(f"| {name} | {milliseconds(build, arguments.repetitions)[1]:.2f} |")

    def thousand():
        gossip = base_graph(1000, 1)
        return [gossip.draw(t, None) for t in range(gossip.period)]

    matrices, ms = milliseconds(thousand, arguments.repetitions)
    product = np.linalg.multi_dot(matrices[::-1])
    error = np.abs(product - 1 / 1000).max()
    print(f"\nbase_graph(1000, 1): {len(matrices)} rounds in {ms / 1e3:.4f} s of CPU, product within {error:.1e} of J")


if __name__ == "__main__":
    main()
