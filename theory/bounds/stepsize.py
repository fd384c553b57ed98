"""The best constant learning rate of a rate r/(lr T) + b lr + e lr^2, lr <= 1/d, which almost every theorem ends with.

The lemma holds for any unit of the rate; here it is that of the mean squared gradient. With a = r/T the learning rate
sqrt(a/b), (a/e)^(1/3) or 1/d, whichever is the smallest, leaves at most twice sqrt(a b), twice e^(1/3) a^(2/3) and a d.
"""

import numpy as np
from sympy import Rational, sqrt

from theory.bound import Bound
from theory.errors import require
from theory.notation import symbols

steps, rate_start, rate_noise, rate_network, rate_cap = symbols("steps rate_start rate_noise rate_network rate_cap")

STEPSIZE_TUNING = Bound(
    name="stepsize_tuning",
    about="tuned_rate",
    kind="upper",
    formula=(
        2 * sqrt(rate_noise * rate_start / steps)
        + 2 * rate_network ** Rational(1, 3) * (rate_start / steps) ** Rational(2, 3)
        + rate_cap * rate_start / steps
    ),
    assumptions=("best_lr",),
    source="Le Bars et al. 2023, Lemma 6, also Koloskova et al. 2020, Lemma 15, with T for T + 1; derived here",
    statement="What a rate is at its best learning rate: the start against the noise, the network and the cap.",
    example={"steps": 1000, "rate_start": 1.0, "rate_noise": 0.1, "rate_network": 2.0, "rate_cap": 4.0},
    order="either",
    increasing=("rate_start", "rate_noise", "rate_network", "rate_cap"),
    decreasing=("steps",),
)


def tuned_lr(start, noise, network, cap, steps):
    """lr = min(sqrt(r/(b T)), (r/(e T))^(1/3), 1/d) for r, b, e >= 0 and d, T > 0, numbers or arrays; 1/d if b = e = 0.

    With r [u lr], b [u/lr], e [u/lr^2], d [1/lr] for any unit u of the rate. Source: STEPSIZE_TUNING. 0 where r = 0.
    """
    start, noise, network, cap, steps = (np.asarray(x, dtype=float) for x in (start, noise, network, cap, steps))
    for name, value in {"start": start, "noise": noise, "network": network}.items():
        require((np.isfinite(value) & (value >= 0)).all(), f"{name} is {value}; it must be a finite number >= 0")
    for name, value in {"cap": cap, "steps": steps}.items():
        require((np.isfinite(value) & (value > 0)).all(), f"{name} is {value}; it must be a finite number > 0")
    with np.errstate(divide="ignore", invalid="ignore"):
        by_noise = np.where(noise > 0, np.sqrt(start / (noise * steps)), np.inf)
        by_network = np.where(network > 0, np.cbrt(start / (network * steps)), np.inf)
    return np.minimum(np.minimum(by_noise, by_network), 1 / cap)[()]
