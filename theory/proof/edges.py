"""Proofs about the critical consensus edge: what implies U < 0, and why the printed condition cannot be met."""

from sympy import Abs, Eq, Gt, Lt, Symbol, sqrt

from theory.bounds import corrected
from theory.edge import largest_ratio, printed_terms, repaired_terms
from theory.notation import symbols
from theory.proof.consensus import at_most
from theory.proof.step import Proof, Step

lr, agents, L1, L2, L3, L4, T2, U = symbols("lr agents L1 L2 L3 L4 T2 U")
p, phi, sigma, now = symbols("p phi sigma consensus_distance")
gamma, mu = Symbol("gamma", positive=True), Symbol("mu_t", positive=True)
radius, Xi = Symbol("radius", positive=True), Symbol("Xi", positive=True)
K, C, high = (Symbol(name, nonnegative=True) for name in ("K", "C", "Sigma_high"))


def negative_gain(terms=repaired_terms):
    """U < 0 wherever 0 < Ξ < min{K/(2 C), √(K/(2 Σ))}, Ξ <= radius, η L_2 > 1 and T_2 <= -γ μ Ξ²; one loss for all.

    The bound on U is the record `residual_homogeneous`.
    """
    bound = corrected.RESIDUAL_HOMOGENEOUS.formula.subs(now, Xi**2).subs(Abs(lr * L2 - 1), lr * L2 - 1)
    k, c, h = terms(lr, agents, L1, L2, L3, L4, gamma, mu, radius)
    steep, sharp = Gt(lr * L2, 1), at_most(T2, -gamma * mu * Xi**2)
    near, stated = at_most(Xi, radius), at_most(U, bound)
    given = (steep, sharp, near, stated, Lt(2 * c * Xi, k, evaluate=False), Lt(2 * h * Xi**2, k, evaluate=False))
    cubic, square = L4 / 6 * sqrt(agents) * Xi, L3 / 2
    pulled = at_most((lr * L2 - 1) * T2 / 2, -(lr * L2 - 1) * gamma * mu * Xi**2 / 2)
    rest = (lr * L2 - 1) * L1 * cubic + lr * L2 / 2 * Xi**2 * (square + cubic) ** 2  # over Xi^2
    shape = Eq(bound, (lr * L2 - 1) * T2 / 2 + Xi**2 * rest, evaluate=False)
    grown = at_most(lr * L2 / 2 * (square + cubic) ** 2, h)
    steps = (
        Step(pulled, "Assumption 4 at the merged model", (steep, sharp)),
        Step(grown, "a consensus distance of at most radius^2", (near,)),
        Step(shape, "the record of the residual, in powers of Xi"),
        Step(Lt(rest, (lr * L2 - 1) * gamma * mu / 2, evaluate=False), "each of the two terms is below a half of K",
             (grown, given[4], given[5], near, steep)),
        Step(Lt(U, 0), "together", (stated, pulled, shape, Lt(rest, (lr * L2 - 1) * gamma * mu / 2, evaluate=False))),
    )  # fmt: skip
    return Proof("negative gain below the edge", steps, steps[-1].claim, given)


def some_distance():
    """There is a Ξ > 0 below the edge: Ξ = r K/(K + 2 C r + 2 Σ r²) is one."""
    K_ = Symbol("K", positive=True)
    found = radius * K_ / (K_ + 2 * C * radius + 2 * high * radius**2)
    steps = (
        Step(Gt(found, 0, evaluate=False), "it is positive"),
        Step(at_most(found, radius), "it is at most r"),
        Step(Lt(2 * C * found, K_, evaluate=False), "below the first entry"),
        Step(Lt(2 * high * found**2, K_, evaluate=False), "below the second entry"),
    )
    return Proof("a distance below the edge", steps, steps[-1].claim, ())


def infeasible(terms=printed_terms, ratio=None):
    """√(1 - p)/p < ratio, 1.84/√m, is necessary for the first entry of (11): γ <= L_3, μ <= φ, ell < 2, tight norms."""
    k, c, _ = terms(lr, agents, L1, L2, L3, L4, gamma, mu)
    ratio = largest_ratio(agents) if ratio is None else ratio
    level = Symbol("ratio", nonnegative=True)  # sqrt(1 - p)/p
    holds = Lt(sqrt(24) * lr * level * phi * 2 * c, k, evaluate=False)
    given = (
        holds, at_most(gamma, L3), at_most(mu, phi), Gt(lr * L2, 1), Lt(lr * L2, 2),
        at_most(2 * L2 * L3, 3 * L1 * L4),
    )  # fmt: skip
    smaller = at_most(L4 / 24 * sqrt(agents) * L1, c)
    top = at_most(k, (lr * L2 - 1) * L3 * phi)
    left, right = sqrt(24) * lr * level * L4 / 12 * sqrt(agents) * L1, (lr * L2 - 1) * L3
    entry, over = Lt(left * phi, right * phi, evaluate=False), Lt(left, right, evaluate=False)
    steps = (
        Step(smaller, "C is at least sqrt(m) L1 L4/24"),
        Step(top, "gamma is at most L3, and mu at most phi", given[1:4]),
        Step(entry, "the first entry of (11)", (holds, smaller, top)),
        Step(over, "divided by phi", (entry,)),
        Step(Lt(level, ratio, evaluate=False), "2 L2 L3 <= 3 L1 L4 (Landau and Kolmogorov), and ell < 2",
             (over, *given[3:])),
    )  # fmt: skip
    return Proof("condition (11) needs dense gossip", steps, steps[-1].claim, given)
