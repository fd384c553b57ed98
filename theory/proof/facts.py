"""The facts that proofs may cite: FACTS by name, and the test of each on random instances."""

from functools import cache

import numpy as np

from theory.proof.facts_gaussian import GAUSSIAN_FACTS
from theory.proof.facts_losses import LOSS_FACTS
from theory.proof.facts_vectors import VECTOR_FACTS

FACTS = {fact.name: fact for fact in (*VECTOR_FACTS, *LOSS_FACTS, *GAUSSIAN_FACTS)}


@cache
def tested(name):
    """The largest violation of the fact of that name on its random instances (one fixed seed, kept)."""
    return FACTS[name].check(np.random.default_rng(0))
