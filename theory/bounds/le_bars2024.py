"""Le Bars, Bellet, Tommasi, Scaman, Neglia, ICML 2024, arXiv 2306.02939: generalization that no topology can spoil.

The abstract (read) says that D-SGD recovers the bounds of plain SGD whatever the graph. Here they are derived here for
adapt-then-combine and any doubly stochastic gossip, which may depend on time but not on the samples. Replace one of the
`samples` of one agent. A local step on the same convex sample brings two models no further apart, gossip keeps the mean
over agents of their distances, and the replaced sample, drawn with probability 1/samples, adds at most 2 lr lipschitz
at one agent of `agents`. The mean over all samples of the resulting change of the loss is the generalization gap.
"""

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Le Bars et al. 2024, arXiv 2306.02939; constants derived here"

agents, samples, lipschitz, lr_sum, lr, L_local, mu = symbols("agents samples lipschitz lr_sum lr L_local mu")

TAGS = ("doubly_stochastic", "independent_gossip", "lipschitz_samples", "uniform_samples", "common_start")

LE_BARS_GENERALIZATION = Bound(
    name="le_bars_generalization",
    about="generalization_gap",
    kind="upper",
    formula=2 * lipschitz**2 * lr_sum / (agents * samples),
    assumptions=(*TAGS, "convex_samples"),
    source=f"{PAPER}; every learning rate at most 2/L_local",
    statement="The generalization gap of the merged model on convex losses: that of SGD on all samples of all agents.",
    example={"agents": 16, "samples": 100, "lipschitz": 1.0, "lr_sum": 10.0},
    increasing=("lipschitz", "lr_sum"),
    decreasing=("agents", "samples"),
)
LE_BARS_GENERALIZATION_STRONG = Bound(
    name="le_bars_generalization_strong",
    about="generalization_gap",
    kind="upper",
    formula=2 * lipschitz**2 / (mu * agents * samples),
    where=(lr * (L_local + mu) <= 2, mu <= L_local),
    assumptions=(*TAGS, "strongly_convex_samples", "bounded_domain"),
    source=f"{PAPER}: local steps contract by 1 - lr mu; projections on the domain do no harm",
    statement="The generalization gap of the merged model on strongly convex losses, after any number of steps.",
    example={"agents": 16, "samples": 100, "lipschitz": 1.0, "mu": 0.5, "L_local": 1.0, "lr": 0.1},
    increasing=("lipschitz",),
    decreasing=("agents", "samples", "mu"),
)
