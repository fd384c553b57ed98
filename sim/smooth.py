"""Smooth test functions as objectives to run on: L1 to L4, ζ and σ known exactly."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch.nn.functional import softplus

from sim.arguments import require_build
from sim.kinds import require_instance, require_kinds
from sim.many_streams import streams
from sim.randomness import stream
from sim.testbed import function_of
from theory.errors import require

FAR = 700.0  # beyond it e^x overflows, and softplus(x) is x to the last bit long before

SEPARABLE = {  # f and f'
    "log_cosh": (lambda x: x + softplus(-2 * x, threshold=FAR) - math.log(2), torch.tanh),
    "pseudo_huber": (lambda x: torch.sqrt(1 + x**2), lambda x: x / torch.sqrt(1 + x**2)),
    "cosine_well": (lambda x: 2 * torch.sin(x / 2) ** 2, torch.sin),
    "gaussian_well": (lambda x: -torch.exp(-(x**2) / 2), lambda x: x * torch.exp(-(x**2) / 2)),
    "quartic_on_ball": (lambda x: x**4 / 24, lambda x: x**3 / 6),
}
RADIAL = {  # ψ and 2ψ' with f(x) = ψ(x²), so that there is no root at 0
    "pseudo_huber": (lambda s: torch.sqrt(1 + s), lambda s: 1 / torch.sqrt(1 + s)),
    "gaussian_well": (lambda s: -torch.exp(-s / 2), lambda s: torch.exp(-s / 2)),
    "quartic_on_ball": (lambda s: s**2 / 24, lambda s: s / 6),
}
FORMS = {"separable": SEPARABLE, "radial": RADIAL}
REACH = {"gaussian_well": math.sqrt(3), "quartic_on_ball": 1.0}  # the statement holds for |x| up to it
TURN = {  # f'' is even and falls on [0, TURN], where it is smallest
    "log_cosh": math.inf,
    "pseudo_huber": math.inf,
    "cosine_well": math.pi,
    "gaussian_well": math.sqrt(3),
    "quartic_on_ball": 0.0,
}


@dataclass(frozen=True)
class Smooth:
    """L_k(θ) = L(θ) + c_kᵀθ, stochastic gradient ∇L_k(θ) + ξ with ξ ~ N(0, (σ²/d) I), L a function of `sim.testbed`:

        separable  L(θ) = height Σ_i f(θ_i/width)
        radial     L(θ) = height f(‖θ‖/width), for pseudo_huber, gaussian_well and quartic_on_ball

    The tilts c_k sum to zero and have (1/m) Σ ‖c_k‖² = ζ², so that L is the mean of the L_k and the heterogeneity is
    ζ² at every θ (Assumption A3). They and the direction of the start are drawn from the stream "tilts" of `instance`
    (None: of each replica's own seed). L has its infimum at 0; all agents start at the same model, `distance` from it.

    Two functions have a region, |θ_i| <= reach (separable) or ‖θ‖ <= reach (radial): quartic_on_ball has its constants
    for |x| <= 1, and gaussian_well, whose constants hold everywhere, sharpens progressively for |x| <= √3: T2 <= 0
    whatever the deviations (Assumption 4 of arXiv 2507.06542 without its degree). That log_cosh, pseudo_huber and
    cosine_well do everywhere. A run that leaves the region shows in the metric `outside`.

    Units: height [loss], width and distance [θ], σ and ζ [loss]/[θ].
    """

    function: str = "log_cosh"
    form: str = "separable"
    dim: int = 10
    height: float = 1.0
    width: float = 1.0
    zeta: float = 1.0
    sigma: float = 1.0
    distance: float = 0.5
    instance: int | None = 0

    def __post_init__(self):
        require_kinds(self)
        require_instance(self.instance)
        require(self.form in FORMS, f"Unknown form {self.form!r}; valid: {', '.join(FORMS)}.")
        valid = FORMS[self.form]
        require(self.function in valid, f"Unknown {self.form} function {self.function!r}; valid: {', '.join(valid)}.")
        require(self.dim >= 1, f"dim must be at least 1, not {self.dim}.")
        scales = 0 < self.height < math.inf and 0 < self.width < math.inf
        require(scales, f"height and width must be finite and above 0, not {self.height} and {self.width}.")
        finite = 0 <= self.sigma < math.inf and 0 <= self.zeta < math.inf
        require(finite, f"sigma and zeta must be finite and >= 0, not {self.sigma} and {self.zeta}.")
        require(0 <= self.distance < math.inf, f"distance must be finite and >= 0, not {self.distance}.")
        end = f"{self.reach:.4g}, where the region of {self.function} ends"
        require(self.distance < self.reach, f"distance must be below {end}, not {self.distance}.")

    @property
    def constants(self):
        """{"L1": ..., "L4": ...}: L_q = sup ‖∇^q L‖, exact, in [loss]/[θ]^q; of every L_k too from L2 on.

        By symmetry ‖∇^q L‖ is the largest |∇^q L[v, ..., v]| over unit v. Separable: Σ |v_i|^q <= 1 for q >= 2, and
        Σ |v_i| <= √d. Radial: that of f, by `sim.lifts`; quartic_on_ball on a line at distance r from 0 is
        (r² + s²)²/24, with derivatives s(r² + s²)/6, (r² + 3s²)/6, s and 1 that are largest at r = 0, s = 1.
        """
        wide = math.sqrt(self.dim) if self.form == "separable" else 1.0
        norms = function_of(self.function).constants.items()
        return {
            name: self.height * norm / self.width**q * (wide if q == 1 else 1.0)
            for q, (name, norm) in enumerate(norms, start=1)
        }

    @property
    def reach(self):
        """Half the width of the region [θ]; inf: all of R^d."""
        return self.width * REACH.get(self.function, math.inf)

    @property
    def infimum(self):
        """L* = L(0) [loss]."""
        copies = self.dim if self.form == "separable" else 1
        return self.height * float(function_of(self.function).infimum) * copies

    def strong_convexity(self, radius):
        """The smallest eigenvalue of ∇²L over ‖θ‖ <= radius [loss]/[θ]²: μ there where it is above 0.

        Separable: the Hessian is diagonal, f''(θ_i/width). Radial: its eigenvalues are f''(r) and f'(r)/r, the mean of
        f'' over [0, r].
        """
        require(0 <= radius < math.inf, f"radius must be finite and >= 0, not {radius}.")
        lowest = min(radius / self.width, TURN[self.function])
        return self.height / self.width**2 * float(function_of(self.function)(lowest, 2))

    def build(self, agents, seeds, batch=1, device="cpu"):
        """The problem for `agents` agents, one replica per seed; σ is the noise of a step, whatever its batch."""
        require_build(agents, seeds, batch)
        return SmoothProblem(self, agents, tuple(seeds), torch.device(device))


class SmoothProblem:
    """`Smooth` on a device in float64: tilts c_k [replicas, agents, d], initial models [replicas, d]."""

    dtype = torch.float64
    statistics = 0

    def __init__(self, config, agents, seeds, device):
        require(config.zeta == 0 or agents > 1, f"one agent has no heterogeneity: zeta must be 0, not {config.zeta}.")
        self.config, self.agents, self.seeds, self.dim, self.device = config, agents, seeds, config.dim, device
        self._f, self._slope = FORMS[config.form][config.function]
        keys = seeds if config.instance is None else (config.instance,)
        drawn = zip(*(self._instance(key) for key in keys), strict=True)
        tilts, starts = (self._tensor(np.stack(part)) for part in drawn)
        self.tilts, self.start = tilts.expand(len(seeds), -1, -1), starts.expand(len(seeds), -1)

    def _tensor(self, array):
        return torch.as_tensor(array, dtype=self.dtype, device=self.device)

    def _instance(self, key):
        """(c_k [agents, d], initial model [d])."""
        config = self.config
        generator = stream(key, "tilts")
        tilts = generator.standard_normal((self.agents, self.dim))
        tilts -= tilts.mean(axis=0)
        scale = config.zeta / np.sqrt((tilts**2).sum(axis=1).mean()) if config.zeta > 0 else 0.0
        direction = generator.standard_normal(self.dim)
        return tilts * scale, config.distance * direction / np.linalg.norm(direction)

    def value(self, theta):
        """L [...] of models θ [..., d], without tilts, in [loss]."""
        x = theta / self.config.width
        if self.config.form == "separable":
            return self.config.height * self._f(x).sum(-1)
        return self.config.height * self._f((x**2).sum(-1))

    def slope(self, theta):
        """∇L [..., d] at models θ [..., d], in [loss]/[θ]."""
        x, scale = theta / self.config.width, self.config.height / self.config.width
        if self.config.form == "separable":
            return scale * self._slope(x)
        return scale * self._slope((x**2).sum(-1, keepdim=True)) * x

    @property
    def initial_gap(self):
        """L(θ⁰) − L* of each replica, [replicas] in [loss]."""
        return self.value(self.start) - self.config.infimum

    def init(self):
        return self.start[:, None].repeat(1, self.agents, 1)

    def batches(self, round, steps):
        scale = self.config.sigma / math.sqrt(self.dim)
        seeds = list(dict.fromkeys(self.seeds))
        generators = dict(zip(seeds, streams(seeds, "noise", round), strict=True))
        for _ in range(steps):
            drawn = {seed: own.standard_normal((self.agents, self.dim)) for seed, own in generators.items()}
            yield self._tensor(np.concatenate([drawn[seed] for seed in self.seeds]) * scale), self._flat_tilts

    @cached_property
    def _flat_tilts(self):
        return self.tilts.flatten(0, 1)

    def loss(self, theta, noise, tilt):
        return self.value(theta) + ((noise + tilt) * theta).sum(-1)

    def gradients(self, theta, noise, tilt):
        pull = noise + tilt
        return self.slope(theta) + pull, self.value(theta) + (pull * theta).sum(-1)

    def exact_losses(self):
        """(loss, data) of every L_k without noise, as the probes of `sim.probes.derivatives` take them."""
        return self.loss, (torch.zeros_like(self.tilts), self.tilts)

    def measure(self, theta):
        """merged_loss L(θ̄), merged_norm_sq ‖θ̄‖², and with a region `outside`, the share of the agents out of it."""
        merged = theta.mean(dim=1)
        out = {"merged_loss": self.value(merged), "merged_norm_sq": (merged**2).sum(-1)}
        if self.config.reach < math.inf:
            far = theta.abs().amax(-1) if self.config.form == "separable" else theta.norm(dim=-1)
            out["outside"] = (far > self.config.reach).to(self.dtype).mean(-1)
        return out

    def measure_gradients(self, theta):
        return {
            "gradient_norm_sq": (self.slope(theta.mean(dim=1)) ** 2).sum(-1),
            "local_gradient_norm_sq": ((self.slope(theta) + self.tilts) ** 2).sum(-1).mean(-1),
        }
