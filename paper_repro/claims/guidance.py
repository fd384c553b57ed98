"""Practical guidance of the paper: the late stage of training needs more mixing, as the gradient is smaller there."""

from sympy import Gt, Le, Lt, Symbol, sqrt

from theory.edge import edge, least_rate, printed_terms, repaired_terms
from theory.errors import require
from theory.notation import symbols
from theory.proof.evidence import Claim, Constant, Instance, Measured, Variant, by_instance
from theory.proof.exactly import number
from theory.proof.step import Proof, Step, by_proof

LOSS = {"lr": "3/2", "agents": 16, "L1": 1, "L2": 1, "L3": 10, "L4": 7, "gamma": 10}
TERMS = {"printed": printed_terms, "repaired": repaired_terms}
lr, agents, L1, L2, L3, L4 = symbols("lr agents L1 L2 L3 L4")


def allowed_ratio(early=1, late="1/100", form="printed", noise=0):
    """√(1 - p)/p that (11) allows at a gradient norm μ: late, against early, with φ = μ as for agents of one loss."""
    values = {name: number(value) for name, value in LOSS.items()}
    require(2 * values["L2"] * values["L3"] <= 3 * values["L1"] * values["L4"], "no loss has such tight norms")
    require(values["gamma"] <= values["L3"], "the degree of progressive sharpening is at most L3")

    def ratio(mu):
        return edge(*TERMS[form](**values, mu=mu)) / (sqrt(24) * values["lr"] * sqrt(mu**2 + number(noise) ** 2))

    return Measured(ratio(number(late)), ratio(number(early)))


def spread_that_stays(terms=printed_terms):
    """A p that meets (11) at a small μ meets it at a larger one, where √(φ² + σ²) has one value for both.

    `spread` is √(24 (1 - p)) η/p √(φ² + σ²), which falls in p.
    """
    gamma, late, early = (Symbol(name, positive=True) for name in ("gamma", "mu_late", "mu_early"))
    spread, C, high = (Symbol(name, nonnegative=True) for name in ("spread", "C_lin", "Sigma_high"))
    (K_late, *_), (K_early, *_) = (terms(lr, agents, L1, L2, L3, L4, gamma, mu) for mu in (late, early))
    steep, later = Gt(lr * L2, 1), Le(late, early)
    first, second = Lt(2 * C * spread, K_late, evaluate=False), Lt(2 * high * spread**2, K_late, evaluate=False)
    grown = Le(K_late, K_early)
    last = Lt(2 * high * spread**2, K_early, evaluate=False)
    steps = (
        Step(grown, "K grows with mu, while C and Sigma do not have it", (steep, later)),
        Step(Lt(2 * C * spread, K_early, evaluate=False), "the first entry of (11)", (first, grown)),
        Step(last, "the second entry of (11)", (second, grown)),
    )
    return Proof("what is enough late is enough early", steps, last, (steep, later, first, second))


def check(effort):
    """One loss without noise, where gradients of agents fall with the merged one; and a spread that does not fall."""
    words = "one loss, σ = {}, φ = μ: √(1 - p)/p that (11) allows at μ = 1/100, against μ = 1, {} constants"
    for form in TERMS:
        yield by_instance("printed", Instance(words.format(0, form), allowed_ratio, {"form": form}))
    yield by_instance("noise", Instance(words.format(1, "printed"), allowed_ratio, {"noise": 1}))
    yield by_proof("noise", spread_that_stays())
    late, early = (float(least_rate(ratio)) for ratio in (allowed_ratio().measured, allowed_ratio().allowed))
    yield Constant("1 - p that (11) allows without noise: at μ = 1, at μ = 1/100", 1 - early, 1 - late,
                   "both sides of (11) fall with μ where φ does")  # fmt: skip


CLAIM = Claim(
    name="guidance",
    kind="statement",
    title="Practical guidance: communicate more in the late stage of training",
    variants=(
        Variant(
            "printed",
            "As the gradient μ of the merged model falls, condition (11) asks for a larger p.",
            r"\mu_t\ \text{falls}\;\Rightarrow\;\text{the least }p\text{ of (11) rises}",
        ),
        Variant(
            "noise",
            "The same where φ² + σ² does not fall with μ, as noise or different data keep it up.",
            r"\phi^2+\sigma^2\ \text{fixed},\ \mu'\le\mu\;\Rightarrow\;p_{(11)}(\mu')\ge p_{(11)}(\mu)",
            "assumption",
            "φ² + σ² stays up while μ falls, by noise or different data",
        ),
    ),
    check=check,
    refuted_by="a loss whose condition (11) asks for less mixing at a smaller gradient",
)
