"""Metrics of stacked models that need no data."""


def consensus_distance(theta):
    """Ξ² = (1/m) Σ_k ‖θ_k − θ̄‖² [θ]², for Θ [..., agents, d] -> [...]."""
    return ((theta - theta.mean(dim=-2, keepdim=True)) ** 2).sum(dim=-1).mean(dim=-1)
