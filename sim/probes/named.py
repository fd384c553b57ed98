"""Probes by name: what a run can measure of the theory at chosen rounds, on any model of any size, without stopping.

`make_probes("terms,spread", problem, lr=0.1)` are the `probes` of `sim.simulate.simulate`: functions of Θ [replicas,
agents, d] (and of the statistics of models that carry them) that give {metric: [replicas] or [replicas, agents]}.

| probe | metric | what | unit |
|---|---|---|---|
| spread | consensus_distance | Ξ² = Tr Γ, Γ = (1/m) Σ δ_k δ_kᵀ, δ_k = θ_k − θ̄ | [θ]² |
| | spread_top | the largest eigenvalue λ₁ of Γ | [θ]² |
| | spread_dimension | (Σ λ_i)²/Σ λ_i², the number of directions of Γ | 1 |
| | spread_eigenvalue | λ_1 ≥ ... ≥ λ_m, one in each agent's place | [θ]² |
| gradients | gradient_norm_sq | ‖g‖², g = ∇L(θ̄) | [loss]²/[θ]² |
| | local_gradient_norm_sq | φ² = (1/m) Σ ‖∇L_k(θ_k)‖² | [loss]²/[θ]² |
| | phi_sq_at_mean, zeta_sq_at_mean | (1/m) Σ ‖∇L_k(θ̄)‖² and (1/m) Σ ‖∇L_k(θ̄) − g‖² | [loss]²/[θ]² |
| | zeta_sq_at_agents | ζ² = (1/m) Σ ‖∇L_k(θ_k) − ∇L(θ_k)‖² | [loss]²/[θ]² |
| noise | sigma_sq, sigma_sq_error | σ² of the run's batches at the agents, and its standard error | [loss]²/[θ]² |
| terms | mean_gradient_inner | g·v, v = (1/m) Σ ∇L_k(θ_k) = g + e | [loss]²/[θ]² |
| | discrepancy_inner, discrepancy_norm_sq | g·e and ‖e‖², e = h + b + rest | [loss]²/[θ]² |
| | h_inner, h_norm_sq | g·h and ‖h‖², h = (1/m) Σ (∇²L_k − ∇²L)(θ̄) δ_k, which the paper leaves out | [loss]²/[θ]² |
| | T2 | gᵀ∇Tr(∇²L Γ) at θ̄ | [loss]²/[θ]² |
| | b_inner, b_norm_sq | g·b = T2/2 and ‖b‖², b = ½ ∇Tr(∇²L Γ) | [loss]²/[θ]² |
| | rest_inner, rest_norm_sq | g·rest and ‖rest‖², of third order in Ξ where all agents share one loss | [loss]²/[θ]² |
| | U | (η L2 − 1) g·e + (η L2/2) ‖e‖² with L2 = step_curvature: what gossip adds to the descent | [loss]²/[θ]² |
| | U_printed | ½ (η L2 − 1) T2 with the same L2, as Theorem 1 prints it | [loss]²/[θ]² |
| descent | merged_descent | L(θ̄) − L(θ̄ − η v): one local step without noise, and a merge | [loss] |
| | step_smoothness | ‖∇L(θ̄ − η v) − g‖/‖η v‖ | [loss]/[θ]² |
| | step_curvature | 2 (L(θ̄ − η v) − L(θ̄) + η g·v)/‖η v‖², the L2 at which descent_r1 is an equality | [loss]/[θ]² |
| sharpness | sharpness | Tr(∇²L(θ̄) Γ) = (1/m) Σ δ_kᵀ ∇²L(θ̄) δ_k | [loss] |
| sharpening | sharpening_share | share of the δ_k beyond rounding with ∇³L(θ̄)[δ_k, δ_k, g] < 0 (Assumption 4) | 1 |
| | sharpening_against | number of those where it is >= 0, which refute it | 1 |
| | sharpening_worst | its largest value over the same | [loss]²/[θ]² |
| mergeability | mergeability | (1/m) Σ L(θ_k) − L(θ̄): the models merge (Definition 2) where it is >= 0 | [loss] |
| barriers | barrier_mean, barrier_max | over pairs of agents: max_t of L on their line above the chord | [loss] |

"terms" has consensus_distance, gradient_norm_sq, sharpness and those of "descent" too, whose L2 it takes. L_k and
L = (1/m) Σ L_k are training losses, exact or of a stated number of images; symbols of `theory.notation` keep their
names. A δ_k is beyond rounding where ‖δ_k‖ > 10 ε ‖θ_k‖, ε of the run's dtype. Models with BatchNorm are evaluated with
running statistics: "mergeability" and "barriers", and in "gradients" what is at the agents, take the agents' own, all
else those that the merged model gets.
"""

from contextlib import nullcontext
from dataclasses import dataclass

import torch

from sim.classifier import matmul_precision
from sim.execution import chunk_size, gradient_function
from sim.probes.exact_losses import CHUNK, TOGETHER, exact_losses
from sim.probes.gradients import gradient_noise, gradient_sizes
from sim.probes.landscape import agent_pairs, barriers, mergeability
from sim.probes.snapshot import Snapshot
from sim.probes.spread import consensus_distance, spread_spectrum
from sim.probes.terms import along_step, residuals, terms
from theory.errors import require

FRESH = 2**32  # the round whose batches "noise" takes, which no run reaches: fresh ones, and the run's stay as they are


@dataclass(frozen=True)
class Settings:
    """What probes take beside the models: the problem, η (a number or [replicas], None: none) and numbers of draws."""

    problem: object
    lr: float | torch.Tensor | None
    pairs: int
    points: int
    batches: int


def _spread(at, settings):
    spectrum = spread_spectrum(at.theta)
    return {
        "consensus_distance": consensus_distance(at.theta),
        "spread_top": spectrum[:, 0],
        "spread_dimension": spectrum.sum(-1) ** 2 / (spectrum**2).sum(-1),
        "spread_eigenvalue": spectrum,
    }


def _noise(at, settings):
    problem = settings.problem
    run = RunGradients(problem, at.theta.to(problem.dtype), at.statistics)
    size, error = gradient_noise(run, run.theta, problem.batches(FRESH, settings.batches))
    return {"sigma_sq": size, "sigma_sq_error": error}


class RunGradients:
    """The stochastic gradients of a run, as its steps compute them, of models and statistics that stay as they are."""

    def __init__(self, problem, theta, statistics):
        self.problem, self.theta, self.statistics = problem, theta, statistics
        self.gradients = gradient_function(problem, "auto")

    def blocks(self):
        n = self.theta.shape[:2].numel()
        size = chunk_size(self.problem, "auto", n)
        return (slice(start, start + size) for start in range(0, n, size))

    def __call__(self, k, *batch):
        statistics = None if self.statistics is None else self.statistics.flatten(0, 1)[k].to(self.theta.dtype)
        with getattr(self.problem, "precision", nullcontext)():
            return self.gradients(self.theta.flatten(0, 1)[k], statistics, *batch)[0]


def _descent(at, settings):
    lr = torch.as_tensor(settings.lr, dtype=at.theta.dtype, device=at.theta.device)
    return along_step(at.losses, at.mean, -lr.reshape(-1, 1) * at.v, at.mean_statistics)


def _terms(at, settings):
    found, step = terms(at), _descent(at, settings)
    return found | step | residuals(found, settings.lr, step["step_curvature"])


def _sharpening(at, settings):
    values, rounding = at.sharpening, 10 * torch.finfo(settings.problem.dtype).eps
    moved = torch.empty_like(values, dtype=torch.bool)
    for block in at.blocks():
        moved[block] = at.deviations(block).norm(dim=-1) > rounding * at.theta[block].norm(dim=-1)
    meets = moved & (values < 0)
    return {
        "sharpening_share": meets.sum(-1).to(values) / moved.sum(-1),
        "sharpening_against": (moved & (values >= 0)).sum(-1).to(values),
        "sharpening_worst": values.masked_fill(~moved, -torch.inf).amax(-1),
    }


def _barriers(at, settings):
    pairs = agent_pairs(at.theta.shape[1], settings.problem.seeds, settings.pairs)
    found = barriers(at, pairs, settings.points)
    return {"barrier_mean": found.mean(-1), "barrier_max": found.amax(-1)}


PROBES = {
    "spread": _spread,
    "gradients": lambda at, settings: gradient_sizes(at),
    "noise": _noise,
    "terms": _terms,
    "descent": _descent,
    "sharpness": lambda at, settings: {"sharpness": at.sharpness.mean(-1)},
    "sharpening": _sharpening,
    "mergeability": lambda at, settings: {"mergeability": mergeability(at)},
    "barriers": _barriers,
}
NEED_LR = ("terms", "descent")


def parse_probes(text):
    """The names in a comma list, ("terms", "spread") of "terms,spread"; none of "". Errors: unknown or named twice."""
    names = tuple(name.strip() for name in text.split(",")) if text.strip() else ()
    for name in names:
        require(name in PROBES, f"Unknown probe {name!r}; valid: {', '.join(PROBES)}.")
        require(names.count(name) == 1, f"Probe {name!r} is named twice in {text!r}.")
    return names


def make_probes(
    text,
    problem,
    *,
    lr=None,
    images=0,
    chunk=CHUNK,
    dtype=None,
    pairs=32,
    points=11,
    batches=20,
    together=TOGETHER,
):
    """The probes named in `text`, for `simulate(probes=...)`: one function, which computes once what they share.

    `lr` is η of "terms" and "descent", a number or [replicas]; their step is plain SGD's, whatever the run's optimizer.
    Problems on images are probed on `images` training images (0: all), `chunk` at a time (`sim.probes.exact_losses`).
    "barriers" takes at most `pairs` pairs of agents and `points` points of each line, "noise" `batches` batches of
    every agent. `dtype` "float64" computes all but the noise in it where the run is in float32 (None: as the run), as
    differences of losses along a short step lose digits. `together` bounds the memory (`ExactLosses`).
    """
    names = parse_probes(text)
    if not names:
        return ()
    for name in NEED_LR:
        require(name not in names or lr is not None, f"probe {name!r} needs the learning rate of its step: give lr.")
    require(dtype in (None, "float64"), f"dtype of the probes must be None (the run's) or 'float64', not {dtype!r}.")
    losses = exact_losses(problem, images, chunk, together)
    settings = Settings(problem, lr, pairs, points, batches)

    def probe(theta, statistics=None):
        kind, mean_statistics = theta.dtype if dtype is None else torch.float64, None
        if statistics is not None:
            mean_statistics = problem.merged_statistics(theta.mean(dim=1), statistics).to(kind)
            statistics = statistics.to(kind)
        at, found = Snapshot(losses, theta.to(kind), statistics, mean_statistics), {}
        with matmul_precision(False) if theta.device.type == "cuda" else nullcontext():
            for name in names:
                found |= PROBES[name](at, settings)
        return found

    return (probe,)
