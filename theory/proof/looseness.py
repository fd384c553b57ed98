"""How far a bound lies above the exact worst case, and what that says about a claim.

A bound that knows one topology by one number of it, p or slem, is compared on two agents with the mixing matrix

    W = [[1 + w, 1 - w], [1 - w, 1 + w]]/2,   p = 1 - w²,   slem = |w|,   drift_gain = |w|/(1 - |w|),

whose worst case is that of all symmetric mixing matrices with the one eigenvalue w, such as (1 - w) J + w I over any
number of agents. Gradients have no noise, sigma = 0. The losses are those of the bound's assumptions: convex, strongly
convex, or only smooth, with L = 1 where the bound names no smoothness. The program bounds their diversity by zeta at
the mean models alone, which is all that proofs use; an instance that refutes is measured at every model of its run.
"""

from dataclasses import dataclass
from functools import cache

import sympy

from theory.bound import Bound
from theory.errors import require
from theory.notation import NOTATION
from theory.proof.evidence import REFUTES, SUPPORTS, UNDECIDED, Constant, Evidence, Instance, Measured
from theory.proof.replay import diversity, replay
from theory.proof.worst_case import worst_case

ABOUT = ("consensus_distance", "next_consensus_distance", "gradient_norm_sq_mean", "loss_gap_mean", "final_distance_sq")
LIMITS = ("phi", "zeta", "initial_gap", "initial_distance_sq", "initial_consensus_distance")
SPEAKS = {
    "A1", "A3", "doubly_stochastic", "symmetric_mixing", "independent_gossip", "independent_noise", "noise_per_agent",
    "smooth_agents", "convex_agents", "strongly_convex_agents", "bounded_gradients", "zero_start", "common_start",
    "unconfirmed",
}  # fmt: skip
COMPARED = ("lemma_d1", "corollary_d2", "onestep_consensus", "master_nonconvex", "typical_consensus_p",
            "corollary_d2_sharp", "master_consensus")  # fmt: skip
ROUNDING = 1e-6  # of a ratio of two worst cases
ERROR = 1e-9  # relative, of a run in double precision
STAR_ERROR = 1e-3  # the same where the run is compared with a minimizer, whose gradient is 0 up to rounding only
SIZES = {"zeta": 1.0, "phi": 1.0, "initial_gap": 1.0, "initial_distance_sq": 1.0}


@dataclass(frozen=True)
class Case:
    """One worst case beside one bound; `limits` are pairs (name, value)."""

    about: str
    order: str
    kind: str
    eigenvalue: float
    lr: float
    steps: int
    mu: float
    limits: tuple

    def worst(self):
        return _worst(self)

    def known(self, limits):
        """Everything that a formula may ask about the case, with these limits."""
        w, steps = abs(self.eigenvalue), self.steps
        start = limits.get("initial_consensus_distance", 0.0)
        return {
            "agents": 2, "steps": steps, "lr": self.lr, "sigma": 0.0, "L_local": 1.0, "L2": 1.0, "mu": self.mu,
            "p": 1 - w**2, "slem": w, "contraction": w, "one_minus_slem": 1 - w, "drift_gain": w / (1 - w),
            "noise_gain": w**2 / (1 - w**2) / 2, "uneven_gain": w**2 / (1 - w**2) / 2,
            "correlated_gain": w**2 / (1 - w**2), "consensus_distance": start,
            "local_gradient_norm_sq": limits.get("phi", 0.0) ** 2, **limits,
        }  # fmt: skip


@cache
def _worst(case):
    """The `WorstCase` of a `Case`, kept: evidence on several variants asks for the same ones."""
    about = "consensus_distance" if case.about == "next_consensus_distance" else case.about
    setting = {"kind": case.kind, "mu": case.mu, "about": about, "order": case.order} | dict(case.limits)
    return worst_case([case.eigenvalue], case.steps, case.lr, 1.0, **setting)


def case_of(bound, eigenvalue, lr, steps):
    """The `Case` of a `Bound` at these numbers, None outside its region; an error where worst cases say nothing."""
    require(
        bound.kind == "upper", f"{bound.name} is of kind {bound.kind!r}; a worst case is compared with an upper bound"
    )
    require(bound.about in ABOUT, f"{bound.name} is about {bound.about}; valid are {', '.join(ABOUT)}")
    more = sorted(set(bound.assumptions) - SPEAKS)
    require(not more, f"{bound.name} assumes {', '.join(more)}, which a worst case does not know")
    apart = bound.about != "next_consensus_distance" or not {"zero_start", "common_start"} & set(bound.assumptions)
    require(apart, f"{bound.name} is about one step from a common start; a worst case takes one from models apart")
    require(0 < abs(eigenvalue) < 1, f"the eigenvalue is {eigenvalue}; it must be in (-1, 1) and not 0")
    convex = {"convex_agents", "strongly_convex_agents"} & set(bound.assumptions)
    mu = 0.1 if "mu" in bound.symbols else 0.0
    limits = {name: SIZES[name] for name in SIZES if name in bound.symbols}
    if bound.about == "next_consensus_distance":
        kept = eigenvalue**2
        start = (2 * kept / (1 - kept) * lr) ** 2  # where Young's inequality for the rate 1 - p/2 is an equality
        limits, steps = {"phi": 1.0, "initial_consensus_distance": start}, 1
    order = bound.order if bound.order != "either" else "adapt_then_combine"
    case = Case(
        bound.about, order, "convex" if convex else "nonconvex", eigenvalue, lr, steps, mu, tuple(limits.items())
    )
    known = case.known(limits)
    missing = [name for name in bound.symbols if name not in known]
    require(not missing, f"{bound.name} asks for {', '.join(missing)}, which a worst case does not know")
    return case if bound.inside(**bound.arguments(known)) else None


def stated(bound, case):
    """The value of the bound at a case."""
    known = case.known(dict(case.limits))
    return float(bound(**bound.arguments(known)))


def looseness(bounds, slems=(0.1, 0.3, 0.5, 0.7, 0.85, 0.95), lrs=(0.01, 0.1, 0.5), steps=8):
    """A list of dicts, one a bound and point of the grid in its region: bound / exact worst case after `steps` steps.

    Keys: bound, about, kind, order, slem, p, lr (in units of 1/L), steps, worst, stated, looseness, exact.
    """
    rows = []
    for bound in bounds:
        require(isinstance(bound, Bound), f"{bound!r} is no Bound")
        for slem in slems:
            for lr in lrs:
                case = case_of(bound, slem, lr, steps)
                if case is None:
                    continue
                worst, value = case.worst(), stated(bound, case)
                rows.append({
                    "bound": bound.name, "about": bound.about, "kind": case.kind, "order": case.order, "slem": slem,
                    "p": 1 - slem**2, "lr": lr, "steps": case.steps, "worst": worst.value, "stated": value,
                    "looseness": value / worst.value, "exact": worst.exact,
                })  # fmt: skip
    return rows


def evidence_of(bound, variant, eigenvalues=(0.5, 0.9, -0.5), lrs=(0.01, 0.1), steps=(1, 5)):
    """The `Evidence` that exact worst cases give about the variant named `variant`, which states `bound`.

    Supports where no worst case on the grid is above the bound. Where one is, the losses of the worst case are rebuilt
    and run: that `Instance` refutes.
    """
    cases = {case_of(bound, w, lr, N) for w in eigenvalues for lr in lrs for N in steps} - {None}
    tried, most, worst = len(cases), 0.0, None
    for case in sorted(cases, key=repr):
        ratio = case.worst().value / stated(bound, case)
        if ratio > most:
            most, worst = ratio, case
    numbers = {"worst": most, "looseness": 1 / most if most else float("inf")}
    if worst is None:
        return Evidence(
            "worst case", variant, UNDECIDED, "no worst case lies inside the region", tries=tried, effective=0
        )
    at = f"eigenvalue {worst.eigenvalue:g}, lr L = {worst.lr:g}, {worst.steps} steps"
    if most <= 1 + ROUNDING:
        found = f"{tried} exact worst cases lie within the bound, the largest at {most:.4g} of it: {at}"
        return Evidence("worst case", variant, SUPPORTS, found, numbers, tries=tried, effective=tried)
    kind = "convex" if "initial_gap" in dict(worst.limits) else worst.kind  # L* is exact for convex losses alone
    instance = Instance(
        f"two agents, {at}, the losses of the worst case run",
        replayed,
        {"formula": str(bound.formula)} | vars(worst) | {"kind": kind, "limits": dict(worst.limits)},
    )
    point = instance()
    outcome = REFUTES if point.violates else UNDECIDED
    found = f"{instance.words}: {float(point.measured):.6g}, the bound says {float(point.allowed):.6g}"
    return Evidence("worst case", variant, outcome, found, numbers, instance, tries=tried, effective=tried)


def replayed(formula, limits, **numbers):
    """`Measured` of a run on the rebuilt losses of the worst case `Case(**numbers, limits)`, against a formula (text).

    The limits of the formula are those measured on the run, zeta at all models of it, so that the losses are inside the
    assumptions whatever rounding did.
    """
    case = Case(**numbers, limits=tuple(limits.items()))
    require(abs(case.eigenvalue) <= 1, f"the eigenvalue is {case.eigenvalue}; W is doubly stochastic in [-1, 1] only")
    run = replay(case.worst())
    zeta = {"zeta": max(diversity(run.losses, run.models))} if "zeta" in limits else {}
    known = case.known(run.limits | zeta)
    symbols = {name: NOTATION[name].sympy for name in NOTATION}
    expression = sympy.sympify(formula, locals=symbols)
    allowed = float(expression.subs({symbols[name]: value for name, value in known.items() if name in symbols}))
    error = STAR_ERROR if {"initial_gap", "initial_distance_sq"} & set(limits) else ERROR
    return Measured(run.value, allowed, error * (abs(run.value) + abs(allowed)))


def constant_of(bound, name, printed, **grid):
    """`Constant`: `printed` scaled by the largest worst case / bound on the grid of `looseness`.

    For a constant that multiplies the whole bound, the smallest value that these worst cases allow.
    """
    rows = looseness([bound], **grid)
    require(rows, f"no point of the grid lies inside the region of {bound.name}")
    tightest = min(rows, key=lambda row: row["looseness"])
    how = f"exact worst case at slem {tightest['slem']:g}, lr L = {tightest['lr']:g}, {tightest['steps']} steps"
    return Constant(name, printed, printed / tightest["looseness"], how)
