"""Zhu et al., ICML 2022, arXiv 2206.12680: topology-aware stability and generalization of D-SGD, in orders.

The stability order was read in the authors' repository, the finer forms on their slides. For a fixed spectral gap they
fall with the number of agents. `le_bars2024` proves bounds without the topology for merged models: these records are
upper bounds that grow with slem, and no evidence that the error of a run does.
"""

from theory.bound import Bound
from theory.notation import symbols

PAPER = "Zhu et al. 2022, arXiv 2206.12680"

agents, samples, slem, holder = symbols("agents samples slem holder")
MIXED = (1 - 1 / agents) * slem**2 + 1 / agents
TAGS = ("symmetric_mixing", "hoelder_gradients", "gaussian_differences")

ZHU_STABILITY = Bound(
    name="zhu_stability",
    about="stability",
    kind="order",
    formula=agents / samples + 1 / agents + slem**2,
    assumptions=TAGS,
    source=f"{PAPER}, as the authors' repository states it",
    statement="The on-average stability of the merged model, samples over all agents.",
    example={"agents": 16, "samples": 50000, "slem": 0.9},
    order="combine_then_adapt",
    increasing=("slem",),
    decreasing=("samples",),
)
ZHU_STABILITY_MIXED = Bound(
    name="zhu_stability_mixed",
    about="stability",
    kind="order",
    formula=1 / samples + MIXED,
    assumptions=TAGS,
    source=f"{PAPER}, as on the slides, with the factor of the step size and the training error hidden",
    statement="The on-average stability of the merged model, samples of one agent.",
    example={"agents": 16, "samples": 3125, "slem": 0.9},
    order="combine_then_adapt",
    increasing=("slem",),
    decreasing=("samples", "agents"),
)
ZHU_GENERALIZATION = Bound(
    name="zhu_generalization",
    about="generalization_gap",
    kind="order",
    formula=samples ** (-(1 + holder) / 2) + MIXED ** ((1 + holder) / 2),
    assumptions=TAGS,
    source=f"{PAPER}, as on the slides, with the training error hidden",
    statement="The generalization gap of the merged model, samples of one agent.",
    example={"agents": 16, "samples": 3125, "slem": 0.9, "holder": 1.0},
    order="combine_then_adapt",
    increasing=("slem",),
    decreasing=("samples", "agents"),
)
