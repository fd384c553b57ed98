"""Proofs for Theorem 1: the descent (9) where all agents share one loss, and the rate of Koloskova et al. for any.

Both put together what `derivations` and `derivations_descent` show.
"""

from sympy import Eq, Rational, sqrt

from theory.bounds import corrected, kong2021, master_consensus
from theory.notation import symbols
from theory.proof.consensus import at_most
from theory.proof.derivations import BOUNDED_NOISE, plain, total
from theory.proof.derivations_descent import descent_r1, descent_r2, residual_homogeneous
from theory.proof.step import Proof, Step, cite

lr, L2, L_local, sigma, zeta, agents, p, steps, gap = symbols("lr L2 L_local sigma zeta agents p steps initial_gap")
loss, following, g_sq, g_sq_mean = symbols("merged_loss next_merged_loss gradient_norm_sq gradient_norm_sq_mean")
e_sq, inner, U, X, later = symbols("discrepancy_norm_sq discrepancy_inner U consensus_distance next_consensus_distance")
moved, kept, apart, spread = plain("moved kept apart spread")


def descent_homogeneous(residual=None):
    """(9) with its remainder: L_+ <= L - lr (1 - ell/2)|g|² + lr U + noise/m, U at most `residual_homogeneous`."""
    residual = corrected.RESIDUAL_HOMOGENEOUS if residual is None else residual
    descent, bound = descent_r1(), residual_homogeneous(residual)
    noise = lr**2 * L2 * sigma**2 / (2 * agents)
    named = at_most(following, loss - lr * (1 - lr * L2 / 2) * g_sq + lr * U + noise)
    last = at_most(following, loss - lr * (1 - lr * L2 / 2) * g_sq + lr * residual.formula + noise)
    same = Eq(U, (lr * L2 - 1) * inner + lr * L2 / 2 * e_sq, evaluate=False)
    steps = (
        *descent.steps,
        Step(named, "the bracket by its name U", (same, descent.concludes)),
        *bound.steps,
        Step(last, "U by its bound", (named, bound.concludes)),
    )
    return Proof("descent of agents that share one loss", steps, last, (*descent.given, same, *bound.given))


def onestep_consensus(bound=None):
    """`onestep_consensus` for a mean variance: what holds at t holds at t + 1, at 4 lr L <= p, from a common start."""
    level = (master_consensus.ONESTEP_CONSENSUS if bound is None else bound).formula
    slow, below = at_most(4 * lr * L_local, p), at_most(X, level)
    facts = (
        cite("contraction", "gossip after the local step", now=moved, after=later, p=p),
        cite("independent_noise", "the noise has mean zero", whole=moved, kept=kept, noise=lr**2 * spread),
        cite("spread_noise", "the noise of the agents is independent", spread=spread, agents=agents, total=total),
        cite("minkowski", "models and gradients around their means", whole=sqrt(kept), first=sqrt(X),
             second=lr * sqrt(apart)),
        cite("smooth_drift", "gradients around their mean", drift=sqrt(apart), smooth=L_local, spread_sq=X, zeta=zeta),
    )  # fmt: skip
    contract, noisy, shared, parts, drift = (step.claim for step in facts)
    grown = at_most(sqrt(kept), (1 + p / 4) * sqrt(X) + lr * zeta)
    young = at_most(kept, (1 + p / 4) ** 3 * X + (1 + 4 / p) * lr**2 * zeta**2)
    once = at_most(later, (1 - p) * ((1 + p / 4) ** 3 * X + (1 + 4 / p) * lr**2 * zeta**2 + lr**2 * sigma**2))
    steps = (
        *facts,
        Step(grown, "lr L is at most p/4", (parts, drift, slow)),
        Step(young, "squared, Young's inequality with the weight p/4", (grown,)),
        Step(once, "with the noise and the gossip", (contract, noisy, shared, young, BOUNDED_NOISE)),
        Step(at_most(later, level), "the level is kept", (once, below)),
    )
    return Proof("consensus distance by p alone", steps, steps[-1].claim, (slow, below, BOUNDED_NOISE))


def decentralized_rate(level=None):
    """The mean of |g|² from one step of the merged model, |e|² <= L² Ξ², and `onestep_consensus` for every Ξ."""
    bound = (master_consensus.ONESTEP_CONSENSUS if level is None else level).formula
    spread_proof, descent = onestep_consensus(level), descent_r2()
    smooth, slow, short = at_most(L2, L_local), at_most(4 * lr * L_local, p), lr * L2 <= 1
    discrepancy = cite("smooth_discrepancy", "every agent is smooth", gap_sq=e_sq, smooth=L_local, spread_sq=X)
    noise = lr**2 * L_local * sigma**2 / (2 * agents) + lr / 2 * L_local**2 * bound
    summed = cite("telescoping", "summed over the steps", loss=loss, next_loss=following, term=lr / 2 * g_sq,
                  average=lr / 2 * g_sq_mean, start=gap, steps=steps, noise=noise)  # fmt: skip
    (falls,) = summed.given
    everywhere = at_most(X, bound)
    last = at_most(g_sq_mean, 2 * gap / (lr * steps) + lr * L_local * sigma**2 / agents + L_local**2 * bound)
    listed = (
        *spread_proof.steps,
        Step(short, "lr L is at most p/4 <= 1/4", (slow, smooth)),
        *descent.steps,
        discrepancy,
        Step(falls, "one step, at the level of the consensus distance",
             (descent.concludes, discrepancy.claim, everywhere, smooth)),
        summed,
        Step(last, "divided by lr/2", (summed.claim,)),
    )  # fmt: skip
    given = (*spread_proof.given, *descent.given, smooth, slow)
    return Proof("rate of decentralized SGD by p alone", listed, last, tuple(dict.fromkeys(given)))


def below_critical(bound=kong2021.KONG_RATE):
    """`kong_rate`: the rate of parallel SGD up to 16/7, for any losses, while Ξ² is at most the critical distance."""
    critical, descent = kong2021.KONG_CRITICAL.formula, descent_r2()
    smooth, short, below = at_most(L2, L_local), lr * L_local <= 1, at_most(X, critical)
    discrepancy = cite("smooth_discrepancy", "every agent is smooth", gap_sq=e_sq, smooth=L_local, spread_sq=X)
    noise, term = lr**2 * L_local * sigma**2 / agents, Rational(7, 16) * lr
    summed = cite("telescoping", "summed over the steps", loss=loss, next_loss=following, term=term * g_sq,
                  average=term * g_sq_mean, start=gap, steps=steps, noise=noise)  # fmt: skip
    (falls,) = summed.given
    last = at_most(g_sq_mean, bound.formula)
    (allowed,) = descent_conditions = tuple(relation for relation in descent.given if relation != BOUNDED_NOISE)
    listed = (
        Step(allowed, "L2 is at most L_local", (smooth, short)),
        *descent.steps,
        discrepancy,
        Step(falls, "one step at the critical distance", (descent.concludes, discrepancy.claim, below, smooth)),
        summed,
        Step(last, "divided by 7 lr/16", (summed.claim,)),
    )
    given = (BOUNDED_NOISE, *descent_conditions, smooth, short, below)
    return Proof("rate below the critical consensus distance", listed, last, given)
