"""Sizes of gradients of stacked models Θ [replicas, agents, d]: global and local, their diversity, their noise.

`loss` and `data` as in `sim.derivatives`. "At the mean" is at θ̄ = (1/m) Σ θ_k, the same point for all agents; "at the
agents" is agent k's term at θ_k. Assumption 3 of arXiv 2507.06542 can be read either way. Units [loss]²/[θ]².
"""

from torch import stack
from torch.func import grad, vmap

from sim.derivatives import global_gradient, global_loss, replicas, require_models
from theory.errors import require


def local_gradients(loss, theta, data):
    """∇L_k(θ_k) [replicas, agents, d] in [loss]/[θ]."""
    require_models(theta, data)
    return replicas(vmap(grad(loss)), data, theta)


def gradient_sizes(loss, theta, data):
    """{metric: [replicas]} of

    gradient_norm_sq        ‖∇L(θ̄)‖²
    local_gradient_norm_sq  φ² = (1/m) Σ ‖∇L_k(θ_k)‖², at the agents
    phi_sq_at_mean          (1/m) Σ ‖∇L_k(θ̄)‖² = gradient_norm_sq + zeta_sq_at_mean
    zeta_sq_at_mean         (1/m) Σ ‖∇L_k(θ̄) − ∇L(θ̄)‖²
    zeta_sq_at_agents       (1/m) Σ ‖∇L_k(θ_k) − ∇L(θ_k)‖²
    """
    require_models(theta, data)

    def of_all(theta, *data):
        return vmap(grad(global_loss(loss)), in_dims=(0, *[None] * len(data)))(theta, *data)

    def of_each(mean, *data):
        return vmap(grad(loss), in_dims=(None, *[0] * len(data)))(mean, *data)

    mean = theta.mean(dim=1)
    slope = global_gradient(loss, mean, data)
    own = local_gradients(loss, theta, data)
    at_mean = replicas(of_each, data, mean)
    return {
        "gradient_norm_sq": (slope**2).sum(-1),
        "local_gradient_norm_sq": _mean_square(own),
        "phi_sq_at_mean": _mean_square(at_mean),
        "zeta_sq_at_mean": _mean_square(at_mean - slope[:, None]),
        "zeta_sq_at_agents": _mean_square(own - replicas(of_all, data, theta)),
    }


def gradient_noise(loss, theta, batches, exact):
    """(σ², its standard error), each [replicas]: the mean over repeated batches i = 1 ... n of

        s_i = (1/m) Σ_k ‖∇L_k(θ_k; ξ_ki) − ∇L_k(θ_k)‖²,    standard error std(s)/√n,

    which has no bias. `loss` is that of a batch, `batches` are tensors [n, replicas · agents, ...] as a problem's
    `batches(round, n)` gives them (which leaves a run's own batches as they are), `exact` the ∇L_k(θ_k)
    [replicas, agents, d] of `local_gradients`. The error is that of independent batches: shuffled epochs over fixed
    pools repel each other within an epoch.
    """
    count = len(batches[0])
    require(count >= 2, f"a standard error needs at least 2 batches, not {count}.")
    gradients = vmap(grad(loss))
    sizes = stack(
        [
            _mean_square(gradients(theta.flatten(0, 1), *batch).view_as(theta) - exact)
            for batch in zip(*batches, strict=True)
        ]
    )
    return sizes.mean(dim=0), sizes.std(dim=0) / count**0.5


def _mean_square(vectors):
    """(1/m) Σ_k ‖x_k‖² [replicas] of vectors [replicas, agents, d]."""
    return (vectors**2).sum(-1).mean(-1)
