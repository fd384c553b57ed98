"""The one place that makes random generators."""

import hashlib
from functools import cache, cached_property

import numpy as np


def stream(seed, purpose, *index):
    """Generator of the named stream (seed, purpose, index...): a pure function of its arguments.

    Each purpose ("partition", "init", "batch", "gossip", "noise", ...) has its own SeedSequence spawn key, so a new
    purpose never shifts another, and each round has its own generator, so a resumed run needs no generator state.
    Draws are made on the CPU for all agents at once: they do not depend on the device or on how agents are laid out.
    """
    words = _words(purpose)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(*words, *index))))


@cache
def _words(purpose):
    return tuple(map(int, np.frombuffer(hashlib.sha256(purpose.encode()).digest()[:16], dtype="<u4")))


class Later:
    """The generator of a stream, made where something of it is asked for: a tenth of a small step for one that is not.

    It stands for the generator where only its methods are called, as schedules do.
    """

    def __init__(self, *key):
        self._key = key

    @cached_property
    def _generator(self):
        return stream(*self._key)

    def __getattr__(self, name):
        return getattr(self._generator, name)
