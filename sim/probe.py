"""Metrics of stacked models that need no data."""

import torch


def consensus_distance(theta):
    """Ξ² = (1/m) Σ_k ‖θ_k − θ̄‖² [θ]², for Θ [..., agents, d] -> [...]."""
    return ((theta - theta.mean(dim=-2, keepdim=True)) ** 2).sum(dim=-1).mean(dim=-1)


def spread_spectrum(theta):
    """The m largest eigenvalues of Γ = (1/m) Σ δ_k δ_kᵀ [θ]², descending, for Θ [..., agents, d] -> [..., agents].

    They are those of the Gram matrix (1/m) ⟨δ_j, δ_k⟩ [agents, agents], with zeros where Γ has fewer: at most m − 1 are
    not 0, and their sum is Ξ². Rounding is that of the largest, so that a zero may come out below 0. NaN where a model
    is not finite.
    """
    deviations = theta - theta.mean(dim=-2, keepdim=True)
    gram = deviations @ deviations.mT / theta.shape[-2]
    finite = torch.isfinite(gram).flatten(-2).all(dim=-1)
    spectrum = torch.full_like(gram[..., 0], torch.nan)
    spectrum[finite] = torch.linalg.eigvalsh(gram[finite]).flip(-1)
    return spectrum
