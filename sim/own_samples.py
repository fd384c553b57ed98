"""Batches that every agent draws, with replacement, from its own samples."""

import numpy as np
import torch

from sim.many_streams import streams


def own_indices(seeds, agents, samples, batch, round, steps):
    """Step by step the indices [replicas · agents, batch], int64 and below `samples`, of a round's batches.

    Drawn on the CPU from the stream "batch" of each seed.
    """
    distinct = list(dict.fromkeys(seeds))
    generators = dict(zip(distinct, streams(distinct, "batch", round), strict=True))
    for _ in range(steps):
        drawn = {seed: own.integers(samples, size=(agents, batch)) for seed, own in generators.items()}
        yield np.concatenate([drawn[seed] for seed in seeds])


def take(data, indices):
    """The rows [replicas · agents, batch, ...] of data [replicas, agents, samples, ...] that `own_indices` names."""
    agents = data.shape[1]
    row = torch.arange(len(indices), device=data.device)[:, None]
    return data[row // agents, row % agents, torch.as_tensor(indices, device=data.device)]
