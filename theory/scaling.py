"""How the gap 1 - slem of a family falls with its size: what is known, and the slope of what is measured."""

from dataclasses import dataclass

import numpy as np

from theory.errors import require


@dataclass(frozen=True)
class Scaling:
    """1 - slem = Θ(n^power (log n)^log_power) for Metropolis weights, uniform ones where edges have a direction."""

    power: int
    log_power: int
    source: str

    @property
    def words(self):
        """Like "1/n²" or "1/log n"."""
        parts = [(base, -power) for base, power in (("n", self.power), ("log n", self.log_power)) if power]
        return "1/" + " ".join(f"{base}{'²' * (power == 2)}" for base, power in parts) if parts else "constant"


KNOWN = {
    "ring": Scaling(-2, 0, "(4/3) sin²(π/n)"),
    "path": Scaling(-2, 0, "(4/3) sin²(π/(2n))"),
    "torus": Scaling(-1, 0, "(4/5) sin²(π/√n), equal sides"),
    "grid": Scaling(-1, 0, "Laplacian 4 sin²(π/(2√n)), equal sides, weights between 1/5 and 1/3"),
    "hypercube": Scaling(0, -1, "2/(1 + log2 n)"),
    "star": Scaling(-1, 0, "1/n"),
    "complete": Scaling(0, 0, "1"),
    "binary_tree": Scaling(-1, 0, "Laplacian 1/n up to constants, by the cut at the root; weights at least 1/4"),
    "barbell": Scaling(-2, 0, "Laplacian 1/n up to constants, by the cut between the cliques; weights about 2/n"),
    "lollipop": Scaling(-2, 0, "a path of n agents but for the clique, which has a fixed size"),
    "circulant": Scaling(-2, 0, "sum over the hops h of sin²(πh/n)"),
    "directed_circulant": Scaling(-2, 0, "eigenvalues over the hops h of exp(2πi h/n)"),
    "exponential": Scaling(0, -1, "2/(1 + ceil(log2 n)) for even n"),
    "symmetric_exponential": Scaling(0, -1, "real parts of the spectrum of the directed graph"),
    "random_regular": Scaling(0, 0, "with probability tending to 1 for a degree of at least 3 (Friedman 2008)"),
}


@dataclass(frozen=True)
class Fit:
    """Least squares of log gap = intercept + slope x, with the standard error of the slope; x = `against`."""

    slope: float
    error: float
    intercept: float
    against: str  # "log n" or "log log n"

    def at(self, agents):
        """The fitted gap at sizes [k]."""
        return np.exp(self.intercept + self.slope * abscissa(agents, self.against))


def abscissa(agents, against):
    """log n or log log n of sizes [k]."""
    logs = np.log(np.asarray(agents, dtype=float))
    return np.log(logs) if against == "log log n" else logs


def _row(values, name):
    """The values as finite float64 [k]."""
    try:
        row = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        row = np.array(np.nan)
    require(row.ndim == 1 and np.isfinite(row).all(), f"the {name} are {values!r}; they must be a list of numbers")
    return row


def fit(agents, gaps, known=None):
    """`Fit` over the larger half of the sizes, at least 3: against log log n where the known law is one of log n."""
    against = "log log n" if known is not None and known.log_power else "log n"
    agents, gaps = _row(agents, "sizes"), _row(gaps, "gaps")
    require(len(agents) == len(gaps), f"{len(gaps)} gaps for {len(agents)} sizes; each size needs one")
    require(len(agents) >= 3, f"{len(agents)} sizes are too few for a slope; 3 are needed")
    require(agents.min() > 1, f"a size is {agents.min():g}; a slope needs more than one agent")
    require(gaps.min() > 0, f"a gap is {gaps.min():g}; a slope needs gaps above 0")
    order = np.argsort(agents)[-max(3, (len(agents) + 1) // 2) :]
    x, y = abscissa(agents[order], against), np.log(gaps[order])
    require(np.ptp(x) > 0, f"the larger half of the sizes are all {agents[order[0]]:g}; a slope needs different ones")
    slope, intercept = np.polyfit(x, y, 1)
    rest = y - slope * x - intercept
    error = np.sqrt((rest**2).sum() / max(len(x) - 2, 1) / ((x - x.mean()) ** 2).sum())
    return Fit(float(slope), float(error), float(intercept), against)
