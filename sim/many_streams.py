"""Generators of many seeds at once: those of `sim.randomness.stream`, number for number, at a tenth of the time.

A generator of numpy is seeded by hashing its seed and key to eight 32-bit words (`SeedSequence`, whose algorithm numpy
keeps: O'Neill 2015, "Developing a seed_seq alternative"). The hash is a few dozen products of 32-bit integers, the same
for every seed, so it is computed here for all seeds as arrays. The tests hold it against numpy's own.
"""

import hashlib
from itertools import pairwise

import numpy as np

from sim.randomness import stream

FEW = 16  # seeds: below, numpy's own hash of one after the other is as fast
POOL, WORD = 4, 2**32
START_A, TIMES_A, START_B, TIMES_B = 0x43B0D7E5, 0x931E8875, 0x8B51F9DD, 0x58F38DED
LEFT, RIGHT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)


class _Words(np.random.bit_generator.ISeedSequence):
    """The hash of one seed, as a bit generator asks for it."""

    def __init__(self, words):
        self.words = words

    def generate_state(self, n_words, dtype=np.uint32):
        return self.words


def streams(seeds, purpose, *index):
    """[stream(seed, purpose, *index) for seed in seeds]."""
    if len(seeds) < FEW or max(seeds) >= WORD**POOL:
        return [stream(seed, purpose, *index) for seed in seeds]
    words = np.frombuffer(hashlib.sha256(purpose.encode()).digest()[:16], dtype="<u4")
    key = [word for number in (*map(int, words), *index) for word in _words(number)]
    entropy = [np.array([int(seed) >> 32 * i & WORD - 1 for seed in seeds], dtype=np.uint32) for i in range(POOL)]
    states = _states(_pool([*entropy, *map(np.uint32, key)]))
    return [np.random.Generator(np.random.PCG64(_Words(state))) for state in states]


def _words(number):
    """A whole number >= 0 as 32-bit words, the lowest first; 0 is one word."""
    out = [number % WORD]
    while number >= WORD:
        number //= WORD
        out.append(number % WORD)
    return out


def _constants(constant, times):
    """c₁, c₂, ...: cᵢ₊₁ = cᵢ · times, in 32 bits."""
    while True:
        yield np.uint32(constant)
        constant = constant * times % WORD


def _hashing(start, times):
    """value -> its hash v = (value ^ c) c', v ^ (v >> 16), with constants c, c' that go on from call to call."""
    pairs = pairwise(_constants(start, times))

    def hashed(value):
        before, after = next(pairs)
        value = (value ^ before) * after
        return value ^ value >> np.uint32(16)

    return hashed


def _mixed(x, y):
    value = LEFT * x - RIGHT * y
    return value ^ value >> np.uint32(16)


def _pool(entropy):
    """The POOL words that `SeedSequence` keeps, each [seeds] or one number, from its words of entropy."""
    hashed = _hashing(START_A, TIMES_A)
    with np.errstate(over="ignore"):
        pool = [hashed(word) for word in entropy[:POOL]]
        for i in range(POOL):
            for j in range(POOL):
                if i != j:
                    pool[j] = _mixed(pool[j], hashed(pool[i]))
        for word in entropy[POOL:]:
            pool = [_mixed(kept, hashed(word)) for kept in pool]
    return pool


def _states(pool):
    """What `SeedSequence.generate_state(4, uint64)` gives, [seeds, 4]."""
    hashed = _hashing(START_B, TIMES_B)
    with np.errstate(over="ignore"):
        words = np.stack([hashed(word) for word in pool * 2], axis=1)
    low, high = words[:, ::2].astype(np.uint64), words[:, 1::2].astype(np.uint64)
    return low | high << np.uint64(32)
