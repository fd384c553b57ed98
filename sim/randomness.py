"""The one place that makes random generators."""

import hashlib

import numpy as np


def stream(seed, purpose, *index):
    """Generator of the named stream (seed, purpose, index...): a pure function of its arguments.

    Each purpose ("partition", "init", "batch", "gossip", "noise", ...) has its own SeedSequence spawn key, so a new
    purpose never shifts another, and each round has its own generator, so a resumed run needs no generator state.
    Draws are made on the CPU for all agents at once: they do not depend on the device or on how agents are laid out.
    """
    words = np.frombuffer(hashlib.sha256(purpose.encode()).digest()[:16], dtype="<u4")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(*map(int, words), *index))))
