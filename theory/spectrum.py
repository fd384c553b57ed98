"""The numbers that a "spectral gap" may mean, each with its own name, and what follows from them.

slem, contraction and consensus_rate answer different questions about x <- W x on deviations from consensus:

    slem            spectral radius of W - J: the rate of |W^t x - limit|^(1/t) for large t;   gap = 1 - slem
    contraction     |W - J|_2: the worst case of one round about the old mean, W doubly stochastic or not;
    consensus_rate  p of E|x_+ - x̄_+|² <= (1 - p)|x - x̄|², in the mean and about the new mean.

For symmetric W, 1 - p = contraction² = slem². Otherwise slem <= contraction, with a wide gap where W is not normal, and
1 - p = contraction² still holds for a single doubly stochastic W.

noise_gain and drift_gain sum over all powers, what gossip leaves of the noise and of the heterogeneity of all earlier
steps; effective_neighbors counts the agents that average with a given memory; mixing_time, rounds_to_halve and
finite_time count rounds. Every one takes a dense array, a scipy sparse array or a structure of `theory.operators`, and
those about time a `Gossip` too.
"""

from theory.agreement import finite_time, mixing_time, rounds_to_halve
from theory.gains import NO_GAP, SMALLEST_GAP, drift_gain, effective_neighbors, noise_gain
from theory.rates import consensus_rate, contraction, eigenvalues, gap, mean_drift, slem

__all__ = [
    "NO_GAP",
    "SMALLEST_GAP",
    "consensus_rate",
    "contraction",
    "drift_gain",
    "effective_neighbors",
    "eigenvalues",
    "finite_time",
    "gap",
    "mean_drift",
    "mixing_time",
    "noise_gain",
    "rounds_to_halve",
    "slem",
]
