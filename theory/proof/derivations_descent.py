"""Proofs of the records about the loss of the merged model: descent, the implicit residual U, rates and step counts.

Symbols that are not of the notation: `gradient` is |grad L| at the merged model, `e` the norm of the discrepancy,
`mean_noise` the mean square of the mean of the agents' noise, `total` that of an agent on average, `direction_sq` the
square of the mean local gradient, `bend` the norm of grad Tr(Hessian Gamma)/2, `rest` what Taylor's formula leaves and
`inner_rest` its inner product with the gradient.
"""

from sympy import Eq, Ge, Le, Rational, Symbol, sqrt

from theory.bounds import corrected, zhu2025
from theory.notation import symbols
from theory.proof.derivations import BOUNDED_NOISE, master_consensus, plain, record, total
from theory.proof.step import Proof, Step, cite

lr, L1, L2, L3, L4, L_local, sigma, agents = symbols("lr L1 L2 L3 L4 L_local sigma agents")
steps, initial_gap, epsilon, ell, zeta = symbols("steps initial_gap epsilon ell zeta")
loss, next_loss, g_sq, g_sq_mean = symbols("merged_loss next_merged_loss gradient_norm_sq gradient_norm_sq_mean")
e_sq, inner, T2, U, U_mean, X = symbols("discrepancy_norm_sq discrepancy_inner T2 U U_mean consensus_distance")

direction_sq, step_sq, mean_noise, gradient, e = plain("direction_sq step_sq mean_noise gradient e")
bend, rest, cube = plain("bend rest cube")
MEANS = {g_sq: g_sq_mean, U: U_mean}
inner_rest = Symbol("inner_rest", real=True)


def one_step(smooth):
    """One step of the merged model in expectation; gossip keeps the mean, so it moves by lr times the mean gradient."""
    return (
        cite("descent_lemma", "from the merged model to the next, whose mean gossip does not change", loss=loss,
             next_loss=next_loss, slope=-lr * (g_sq + inner), step_sq=step_sq, L2=smooth),
        cite("independent_noise", "the noise has mean zero", whole=step_sq, kept=lr**2 * direction_sq,
             noise=lr**2 * mean_noise),
        cite("expansion", "the mean gradient is grad L + e", whole=sqrt(direction_sq), first=sqrt(g_sq), inner=inner,
             second=sqrt(e_sq)),
        cite("mean_noise", "the noise of the agents is independent", mean_noise=mean_noise, total=total, agents=agents),
    )  # fmt: skip


def sum_over_steps(why, term, noise, given):
    """(step, step): the loss falls by `term` up to `noise` at every step, as follows from `given`; then summed."""
    summed = cite("telescoping", "summed over the steps", loss=loss, next_loss=next_loss, term=term,
                  average=term.subs(MEANS), start=initial_gap, steps=steps, noise=noise)  # fmt: skip
    (falls,) = summed.given
    return Step(falls, why, given), summed


def descent_r1(bound=corrected.DESCENT_R1):
    """The descent of the merged model to all orders."""
    facts = one_step(L2)
    claims = tuple(step.claim for step in facts)
    last = Step(record(bound), "all of it together", (BOUNDED_NOISE, *claims))
    return Proof(bound.name, (*facts, last), last.claim, (BOUNDED_NOISE,))


def descent_r2(bound=corrected.DESCENT_R2):
    """The same for lr L2 <= 1, with a completed square."""
    before = descent_r1()
    expansion = before.steps[2].claim
    last = Step(record(bound), "the square of the mean gradient, times (1 - lr L2) lr/2, is left out",
                (*bound.where, before.concludes, expansion))  # fmt: skip
    return Proof(bound.name, (*before.steps, last), last.claim, (*before.given, *bound.where))


def rate_d12(bound=zhu2025.RATE_D12):
    """(D.12) from the repaired descent, where U is the whole bracket of descent_r1 (and not the form of (D.11))."""
    before = descent_r1()
    whole = Eq(U, (lr * L2 - 1) * inner + lr * L2 / 2 * e_sq, evaluate=False)
    noise = lr**2 * L2 * sigma**2 / (2 * agents)
    term = lr * (1 - lr * L2 / 2) * g_sq - lr * U
    short, summed = sum_over_steps("the bracket by its name", term, noise, (whole, before.concludes))
    last = Step(record(bound), "divided by lr (1 - lr L2/2)", (*bound.where, summed.claim))
    given = (*before.given, whole, *bound.where)
    return Proof(bound.name, (*before.steps, short, summed, last), last.claim, given)


def residual_homogeneous(bound=corrected.RESIDUAL_HOMOGENEOUS):
    """U, the bracket of descent_r1, where all agents share one loss: e = bend + rest, <grad L, bend> = T2/2."""
    spread, ratio = sqrt(X), ((agents - 1) ** Rational(3, 2) + 1) / agents
    bounded = Le(gradient, L1)  # A2
    whole = Eq(U, (lr * L2 - 1) * (T2 / 2 + inner_rest) + lr * L2 / 2 * e**2, evaluate=False)
    facts = (
        cite("taylor_mean", "the mean gradient to second order", remainder=rest, L4=L4, cube=cube),
        cite("mean_cube", "the mean cube of the deviations", cube=cube, agents=agents, spread=spread),
        cite("third_derivative", "the term of second order", bend=bend, L3=L3, spread_sq=X),
        cite("cauchy_schwarz", "gradient and rest", inner=inner_rest, first=gradient, second=rest),
        cite("minkowski", "both parts of e", whole=e, first=bend, second=rest),
    )
    taylor, cubes, second, cauchy, parts = (step.claim for step in facts)
    simple = Step(Le(ratio, sqrt(agents)), "the constant of the mean cube is at most the root of m")
    size = Step(Le(rest, L4 / 6 * sqrt(agents) * spread**3), "what Taylor's formula leaves",
                (taylor, cubes, simple.claim))  # fmt: skip
    linear = Step(Le((lr * L2 - 1) * inner_rest, abs(lr * L2 - 1) * L1 * rest), "the linear part", (cauchy, bounded))
    square = Step(Le(e, L3 / 2 * X + rest), "the square part", (second, parts))
    last = Step(record(bound), "all of it together", (whole, size.claim, linear.claim, square.claim))
    return Proof(bound.name, (*facts, simple, size, linear, square, last), last.claim, (bounded, whole))


def rate_parallel_sgd(bound=corrected.RATE_PARALLEL_SGD):
    """Parallel SGD: no discrepancy."""
    before = descent_r2()
    none = Eq(e_sq, 0, evaluate=False)
    noise = lr**2 * L2 * sigma**2 / (2 * agents)
    short, summed = sum_over_steps("without discrepancy", lr / 2 * g_sq, noise, (none, before.concludes))
    last = Step(record(bound), "divided by lr/2", (summed.claim,))
    return Proof(bound.name, (*before.steps, short, summed, last), last.claim, (*before.given, none))


def master_nonconvex(bound=corrected.MASTER_NONCONVEX):
    """M-2: the descent with |e|^2 <= L_local^2 Xi^2, summed, and M-1 for the largest consensus distance."""
    level = master_consensus()
    facts = (
        *one_step(L_local),
        cite("smooth_discrepancy", "every agent is smooth", gap_sq=e_sq, smooth=L_local, spread_sq=X),
    )
    noise = lr**2 * L_local * sigma**2 / (2 * agents)
    short, steady = lr * L_local <= 1, lr * L_local * symbols("drift_gain")[0] < 1
    claims = (short, BOUNDED_NOISE, *(step.claim for step in facts))
    words = "one step with the largest consensus distance, the square of the mean gradient left out"
    descent, summed = sum_over_steps(words, lr / 2 * g_sq, noise + lr / 2 * L_local**2 * X, claims)
    rate = Step(
        Le(g_sq_mean, 2 * initial_gap / (lr * steps) + lr * L_local * sigma**2 / agents + L_local**2 * X),
        "divided by lr/2",
        (summed.claim,),
    )
    last = Step(record(bound), "with the bound on the consensus distance", (steady, rate.claim, level.concludes))
    given = (*level.given, BOUNDED_NOISE, short, steady)
    return Proof(bound.name, (*level.steps, *facts, descent, summed, rate, last), last.claim, given)


def steps_sufficient(bound=corrected.STEPS_SUFFICIENT):
    """The rate (D.12) is at most epsilon from the record's number of steps on, at the learning rate of its source."""
    before = rate_d12()
    cap, noise_cap = Le(lr * L2, ell), Le(3 * lr * sigma**2 * L2, (2 - ell) * agents * epsilon)
    one_is_met = Eq((ell - lr * L2) * ((2 - ell) * agents * epsilon - 3 * lr * sigma**2 * L2), 0, evaluate=False)
    enough = Ge(steps, bound.formula, evaluate=False)
    small_U = Le(6 * U_mean, (2 - ell) * epsilon)
    below = ell < 2
    start = Step(Le(6 * initial_gap, (2 - ell) * epsilon * lr * steps), "the start has a third of epsilon",
                 (below, one_is_met, enough, cap, noise_cap))  # fmt: skip
    last = Step(
        Le(g_sq_mean, epsilon),
        "start, noise and U have a third of epsilon each",
        (below, cap, noise_cap, small_U, start.claim, before.concludes),
    )
    given = (*before.given, cap, noise_cap, one_is_met, enough, small_U, below)
    return Proof(bound.name, (*before.steps, start, last), last.claim, given)


def descent_proofs():
    """{name: proof} of all proofs of this file, for the records as they stand."""
    proofs = (descent_r1(), descent_r2(), rate_d12(), residual_homogeneous(), rate_parallel_sgd(), master_nonconvex())
    return {proof.name: proof for proof in (*proofs, steps_sufficient())}
