"""Sizes of gradients of stacked models: global and local, their diversity, their noise.

"At the mean" is at θ̄ = (1/m) Σ θ_k, the same point for all agents; "at the agents" is agent k's term at θ_k.
Assumption 3 of arXiv 2507.06542 can be read either way. Units [loss]²/[θ]².
"""

import torch

from sim.probes.derivatives import part, slope
from theory.errors import require


def gradient_sizes(at):
    """{metric: [replicas]} of a `sim.probes.snapshot.Snapshot`:

    gradient_norm_sq        ‖∇L(θ̄)‖²
    local_gradient_norm_sq  φ² = (1/m) Σ ‖∇L_k(θ_k)‖², at the agents
    phi_sq_at_mean          (1/m) Σ ‖∇L_k(θ̄)‖² = gradient_norm_sq + zeta_sq_at_mean
    zeta_sq_at_mean         (1/m) Σ ‖∇L_k(θ̄) − ∇L(θ̄)‖²
    zeta_sq_at_agents       (1/m) Σ ‖∇L_k(θ_k) − ∇L(θ_k)‖²
    """
    sizes = {name: torch.zeros_like(at.theta[:, 0, 0]) for name in ("phi", "phi_mean", "zeta_mean", "zeta_agents")}
    for block in at.blocks():
        r, _ = block
        own, at_mean = at.own(slope, block), at.own_at_mean(slope, block)
        total = at.losses.all(slope, r, at.theta[block], statistics=part(at.statistics, *block))
        sizes["phi"][r] += _square(own)
        sizes["phi_mean"][r] += _square(at_mean)
        sizes["zeta_mean"][r] += _square(at_mean - at.g[r, None])
        sizes["zeta_agents"][r] += _square(own - total)
    agents = at.theta.shape[1]
    return {
        "gradient_norm_sq": (at.g**2).sum(-1),
        "local_gradient_norm_sq": sizes["phi"] / agents,
        "phi_sq_at_mean": sizes["phi_mean"] / agents,
        "zeta_sq_at_mean": sizes["zeta_mean"] / agents,
        "zeta_sq_at_agents": sizes["zeta_agents"] / agents,
    }


def gradient_noise(gradients, theta, batches):
    """(σ², its standard error), each [replicas], from n pairs of independent batches ξ, ξ':

        s = (1/2m) Σ_k ‖∇L_k(θ_k; ξ_k) − ∇L_k(θ_k; ξ'_k)‖²,    σ² = mean(s),    standard error std(s)/√n.

    s has no bias for (1/m) Σ_k E ‖∇L_k(θ_k; ξ_k) − E ∇L_k(θ_k; ξ_k)‖², whatever the batches are of: augmented images,
    and BatchNorm's own statistics of the batch, too, where the mean of the stochastic gradients is not that of the
    exact loss. gradients(k, *batch) [k, d] are those of a slice k of models Θ [replicas, agents, d] in flat order, a
    generator of such slices is its attribute `blocks`; `batches` an iterator over tuples of tensors [n, ...]. The error
    is that of independent batches: shuffled epochs over fixed pools repel each other within an epoch.
    """
    samples, batches = [], iter(batches)
    for first in batches:
        second = next(batches, None)
        require(second is not None, f"noise takes pairs of batches, not {2 * len(samples) + 1} batches.")
        sizes = torch.zeros_like(theta[..., 0]).flatten()
        for k in gradients.blocks():
            difference = gradients(k, *(tensor[k] for tensor in first)).clone()  # the next may be in the same memory
            difference -= gradients(k, *(tensor[k] for tensor in second))
            sizes[k] = (difference**2).sum(-1) / 2
        samples.append(sizes.view(theta.shape[:2]).mean(-1))
    require(len(samples) >= 2, f"a standard error needs at least 2 pairs of batches, not {len(samples)}.")
    samples = torch.stack(samples)
    return samples.mean(dim=0), samples.std(dim=0) / len(samples) ** 0.5


def _square(vectors):
    """Σ_k ‖x_k‖² [replicas] of vectors [replicas, agents, d]."""
    return (vectors**2).sum((-1, -2))
