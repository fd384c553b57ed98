"""Takezawa, Koloskova, Stich, ICML 2026, arXiv 2606.09154: the whole spectrum in place of the spectral gap.

The constants were read in a restatement and the condition on the learning rate was not seen: the record carries the
tag "unconfirmed", and no comparison with it counts.
"""

from theory.bound import Bound
from theory.notation import symbols

lr, p, sigma, zeta, noise_gain = symbols("lr p sigma zeta noise_gain")

TAKEZAWA_CONSENSUS = Bound(
    name="takezawa_consensus",
    about="consensus_distance",
    kind="upper",
    formula=lr**2 * (24 * zeta**2 * (1 - p) / p**2 + 3 * sigma**2 * noise_gain),
    assumptions=("A3", "symmetric_mixing", "independent_noise", "noise_per_agent", "smooth_agents", "zero_start",
                 "unconfirmed"),
    source="Takezawa et al. 2026, arXiv 2606.09154 (constants read in a restatement; step-size condition not seen)",
    statement="Noise enters by the sum over the spectrum, heterogeneity by the gap; for small learning rates only.",
    example={"lr": 0.01, "p": 0.1, "sigma": 1.0, "zeta": 1.0, "noise_gain": 1.5},
)  # fmt: skip
