"""The table of topologies of a report: what a round costs and brings, computed, not simulated."""

from paper_repro.compare import costs_of
from paper_repro.compare.lineup import label, subject

AGENTS = 16
DECAY = 0.9  # γ of the effective number of neighbors
LINEUP = (
    "complete", "hypercube", "exponential", "torus", "regular-4", "grid", "ring", "star", "path", "one-peer", "base-2",
    "random-1", "random-0.2", "matching-0.2",
)  # fmt: skip
KEPT = (
    "agents", "weights", "kind", "period", "degree", "messages", "messages_counted", "doubly_stochastic", "not_because",
    "slem", "contraction", "p", "p_of_period", "effective_neighbors", "rounds_to_halve", "finite_time",
)  # fmt: skip


def topology_rows(lineup=LINEUP, agents=AGENTS):
    """One row a topology: the costs of `onemerge compare`, the contraction ‖W − J‖₂ of `onemerge check` among them."""
    rows = []
    for word in lineup:
        costs = costs_of(subject(word, agents), DECAY)
        costs["contraction"] = costs["report"][1]["contraction"]
        rows.append(
            {"word": word, "label": label(costs["name"], costs["parameters"]), **{name: costs[name] for name in KEPT}}
        )
    return rows
