"""Proofs for Theorem 1 and Table 1: the descent (9) where all agents share one loss, and what matches parallel SGD.

They put together what `derivations` and `derivations_descent` show.
"""

from sympy import Eq, Rational

from theory.bounds import corrected, kong2021
from theory.notation import symbols
from theory.proof.consensus import at_most
from theory.proof.derivations import BOUNDED_NOISE, record
from theory.proof.derivations_descent import descent_r1, one_step, residual_homogeneous, sum_over_steps
from theory.proof.step import Proof, Step, cite

lr, L2, L_local, sigma, agents = symbols("lr L2 L_local sigma agents")
loss, following, g_sq = symbols("merged_loss next_merged_loss gradient_norm_sq")
e_sq, inner, U, X = symbols("discrepancy_norm_sq discrepancy_inner U consensus_distance")


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


def below_critical(bound=kong2021.KONG_RATE):
    """`kong_rate`: the rate of parallel SGD up to 16/7, for any losses, while Ξ² is at most the critical distance."""
    below = at_most(X, kong2021.KONG_CRITICAL.formula)
    discrepancy = cite("smooth_discrepancy", "every agent is smooth", gap_sq=e_sq, smooth=L_local, spread_sq=X)
    facts = (*one_step(L_local), discrepancy)
    given = (BOUNDED_NOISE, *bound.where, below)
    noise, words = lr**2 * L_local * sigma**2 / agents, "one step at the critical distance"
    falls, rate = sum_over_steps(words, Rational(7, 16) * lr * g_sq, noise, (*given, *(step.claim for step in facts)))
    last = Step(record(bound), "divided by 7 lr/16", (rate.claim,))
    return Proof("rate below the critical consensus distance", (*facts, falls, rate, last), last.claim, given)
