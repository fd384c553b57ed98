"""Liu et al. 2025, arXiv 2511.19513: row-stochastic gossip in the geometry of its own weights.

The abstract (read) says that a row-stochastic W made for the weights pi of the agents is self-adjoint in L^2(pi), where
its analysis is tighter than in Euclidean space; its rates were not seen. The record is what self-adjointness gives for
one round, derived here: pi keeps the weighted mean, and deviations contract by slem.
"""

from theory.bound import Bound
from theory.notation import symbols

slem, weighted_spread_sq = symbols("slem weighted_spread_sq")

LIU_WEIGHTED_ROUND = Bound(
    name="liu_weighted_round",
    about="next_weighted_spread_sq",
    kind="upper",
    formula=slem**2 * weighted_spread_sq,
    assumptions=("reversible_mixing",),
    source="Liu et al. 2025, arXiv 2511.19513 (abstract); derived here, with equality along the eigenvector of slem",
    statement="One round of reversible row-stochastic gossip about the weighted mean: slem, as for symmetric gossip.",
    example={"slem": 0.9, "weighted_spread_sq": 1.0},
    order="either",
    increasing=("slem", "weighted_spread_sq"),
)
