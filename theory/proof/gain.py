"""Proofs about what one step of the merged model can gain: never more than parallel SGD at its best step size."""

from sympy import Eq, Ge

from theory.bounds import corrected
from theory.notation import symbols
from theory.proof.consensus import at_most
from theory.proof.step import Proof, Step

lr, L2, agents, sigma = symbols("lr L2 agents sigma")
loss, gradient_sq, inner, square = symbols("merged_loss gradient_norm_sq discrepancy_inner discrepancy_norm_sq")


def never_below_best(best=None):
    """The certified next loss is at least L - |g|²/(2 L_2) + noise, whatever the step size and the discrepancy.

    It is |g - ell v|²/(2 L_2) above it; parallel SGD at 1/L_2 is certified to reach L - |g|²/(2 L_2) + σ²/(2 m L_2).
    """
    best = gradient_sq / (2 * L2) if best is None else best
    steep = at_most(inner**2, gradient_sq * square)
    noise = lr**2 * L2 * sigma**2 / (2 * agents)
    v_sq, g_v = gradient_sq + 2 * inner + square, gradient_sq + inner  # v = g + e
    shape = Eq(
        corrected.DESCENT_R1.formula - (loss - gradient_sq / (2 * L2) + noise),
        (gradient_sq - 2 * lr * L2 * g_v + lr**2 * L2**2 * v_sq) / (2 * L2),
        evaluate=False,
    )
    last = Ge(corrected.DESCENT_R1.formula, loss - best + noise, evaluate=False)
    steps = (
        Step(shape, "the completed square |g - ell v|^2/(2 L2)"),
        Step(last, "a square is not negative (Cauchy and Schwarz for the mixed term)", (steep,)),
    )
    return Proof("no gain beyond the best step size", steps, last, (steep,))


def same_step_gain():
    """Without noise the certified decrease is at most 1/(ell (2 - ell)) times that of parallel SGD at the same η.

    Equality where v = g/ell: the discrepancy imitates the step size 1/L_2.
    """
    ell = lr * L2
    steep, stable = at_most(inner**2, gradient_sq * square), ell < 2
    decrease = loss - corrected.DESCENT_R1.formula.subs(sigma, 0)
    parallel = lr * (1 - ell / 2) * gradient_sq
    most = Eq(gradient_sq / (2 * L2), parallel / (ell * (2 - ell)), evaluate=False)
    shorter = {inner: (1 / ell - 1) * gradient_sq, square: (1 / ell - 1) ** 2 * gradient_sq}
    reached = Eq(decrease.subs(shorter), gradient_sq / (2 * L2), evaluate=False)
    bounded = at_most(decrease, gradient_sq / (2 * L2))
    last = at_most(decrease, parallel / (ell * (2 - ell)))
    steps = (
        Step(most, "the decrease at 1/L2 over that at lr", (stable,)),
        Step(reached, "attained where v = g/ell", (stable,)),
        Step(bounded, "the completed square", (steep,)),
        Step(last, "together", (bounded, most, stable)),
    )
    return Proof("largest gain at the same step size", steps, last, (steep, stable))
