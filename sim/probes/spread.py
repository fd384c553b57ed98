"""Metrics of stacked models that need no data, in memory that does not grow with the models."""

import torch

TOGETHER = 2**22  # numbers of the models that are copied at once


def consensus_distance(theta, together=TOGETHER):
    """Ξ² = (1/m) Σ_k ‖θ_k − θ̄‖² [θ]², for Θ [..., agents, d] -> [...]."""
    mean = theta.mean(dim=-2, keepdim=True)
    agents = theta.shape[-2]
    size = max(1, together * agents // theta.numel())
    return torch.cat([((some - mean) ** 2).sum(dim=-1) for some in theta.split(size, dim=-2)], dim=-1).mean(dim=-1)


def spread_spectrum(theta, together=TOGETHER):
    """The m largest eigenvalues of Γ = (1/m) Σ δ_k δ_kᵀ [θ]², descending, for Θ [..., agents, d] -> [..., agents].

    They are those of the Gram matrix (1/m) ⟨δ_j, δ_k⟩ [agents, agents], with zeros where Γ has fewer: at most m − 1 are
    not 0, and their sum is Ξ². Rounding is that of the largest, so that a zero may come out below 0. NaN where a model
    is not finite.
    """
    size = max(1, together * theta.shape[-1] // theta.numel())
    parts = (some - some.mean(dim=-2, keepdim=True) for some in theta.split(size, dim=-1))
    gram = sum(some @ some.mT for some in parts) / theta.shape[-2]
    finite = torch.isfinite(gram).flatten(-2).all(dim=-1)
    # a zero matrix stands in for one that is not finite: the last bits depend on where in memory a matrix lies
    spectrum = torch.linalg.eigvalsh(gram.masked_fill(~finite[..., None, None], 0)).flip(-1)
    return spectrum.masked_fill(~finite[..., None], torch.nan)
