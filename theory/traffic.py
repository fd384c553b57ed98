"""What algorithms of averaging send, counted by running them: Ring-AllReduce and pulls from single peers.

A model is a vector of P numbers; counts are numbers sent by all agents together.
"""

import numpy as np

from theory.edges import at_least, dense


def ring_all_reduce(models):
    """(the mean of models [m, P] at every agent, numbers sent) by Ring-AllReduce: 2(m - 1) P in all.

    Chunk c of m goes around the ring, summed up on its way (m - 1 stages), and then around again as the sum (m - 1
    more). In each stage every agent sends one chunk to the next, all of them different: P numbers a stage.
    """
    models = np.asarray(models)
    agents = dense(1, len(models))
    chunks = [np.array_split(model, agents) for model in models.copy()]
    sent = 0
    for stage in range(agents - 1):
        moving = [(i, (i - stage) % agents) for i in range(agents)]
        parcels = [chunks[i][c].copy() for i, c in moving]
        for (i, c), parcel in zip(moving, parcels, strict=True):
            chunks[(i + 1) % agents][c] = chunks[(i + 1) % agents][c] + parcel
            sent += parcel.size
    for stage in range(agents - 1):
        moving = [(i, (i + 1 - stage) % agents) for i in range(agents)]
        parcels = [chunks[i][c].copy() for i, c in moving]
        for (i, c), parcel in zip(moving, parcels, strict=True):
            chunks[(i + 1) % agents][c] = parcel
            sent += parcel.size
    return np.array([np.concatenate(own) for own in chunks]) / agents, sent


def pulled(W, size):
    """Numbers sent in one gossip round of W [m, m]: `size` for every agent that another one listens to, each time."""
    size, W = at_least(1, size=size), np.asarray(W)
    return int(np.count_nonzero(W - np.diag(np.diag(W)))) * size
