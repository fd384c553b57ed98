"""Proposition 3 (D.9), condition (11): the critical consensus edge below which U < 0."""

from sympy import Gt, Rational, sign, sqrt

from paper_repro.claims.exact import by_opposite
from sim.search.fleet import Fleet, exact_gain, pair, signs
from sim.testbed import function_of
from theory.bounds import corrected
from theory.edge import edge, largest_ratio, least_rate, peers_rate, printed_terms, repaired_terms, spread_level
from theory.errors import require
from theory.proof.derivations_descent import residual_homogeneous
from theory.proof.edges import infeasible, negative_gain
from theory.proof.evidence import Claim, Constant, Instance, Measured, Variant, by_instance
from theory.proof.exactly import number
from theory.proof.joined import joined
from theory.proof.step import Proof, Step, by_proof

PEERS = Rational(1, 5)


def condition_holds(fleet, lr, p, phi, sigma):
    """(11) at the merged model, roots on both sides, with the printed and with the repaired constants."""
    L1, L2, L3, L4 = fleet.loss.norms
    slope, third = fleet.global_derivative(1), fleet.global_derivative(3)
    require(slope * third < 0, "no progressive sharpening at the merged model")
    known = {
        "lr": lr,
        "agents": fleet.agents,
        "L1": L1,
        "L2": L2,
        "L3": L3,
        "L4": L4,
        "gamma": abs(third),
        "mu": abs(slope),
    }
    level = spread_level(p, lr, phi, sigma)
    require(all(level < edge(*terms(**known)) for terms in (printed_terms, repaired_terms)), "(11) does not hold")


def averaged_out(agents=2, share="1/2", apart="1/1000", lr="3/2"):
    """The sign of U after a step on W = J, p = 1, where the left side of (11) is 0; it is claimed to be -1.

    With a share below 1/2 (of two agents) models stay apart, and (11) is not asked.
    """
    lr, middle = number(lr), Rational(1, 2)
    start = Fleet(function_of("pseudo_huber"), (middle + number(apart), middle - number(apart)))
    after = start.after(lr, pair(share))
    if number(share) == Rational(1, 2):
        condition_holds(after, lr, 1, start.loss.norms[0], 0)
    return Measured(sign(exact_gain(after, lr)), -1)


def rare_gossip(chance="1/1000000000", width="1/20", noise="1/3", lr="3/2", every_path=False):
    """E U after one step of two agents of one pseudo-Huber loss; W = I with that chance, else J; noise ± on gradients.

    Corollary D.2 bounds E Ξ² by the chance, so that (11) holds; where models do part, they part by far more than the
    edge. With every_path = True the bound is asked of the parted models too, which (11) does not do.
    """
    chance, width, lr = number(chance), number(width), number(lr)
    loss = function_of("pseudo_huber").scaled(width**2, width)
    start = Fleet(loss, (width * Rational(3, 4),) * 2)
    expected = 0
    for probability, drawn in signs(2, noise):
        parted = start.after(lr, None, drawn)
        require(parted.consensus_distance <= 1, "Ξ is above 1")
        if parted.consensus_distance == 0:
            continue  # U is 0, with either W
        condition_holds(parted, lr, 1 - chance, loss.norms[0], number(noise))
        if every_path:
            L1, L2, L3, L4 = loss.norms
            slope, third = parted.global_derivative(1), parted.global_derivative(3)
            limit = edge(*repaired_terms(lr, 2, L1, L2, L3, L4, abs(third), abs(slope)))
            require(parted.consensus_distance < limit**2, "the parted models are beyond the edge")
        expected += probability * chance * exact_gain(parted, lr)
    return Measured(expected, 0)


def needed_gossip(agents, peers=PEERS):
    """√(1 - p)/p of random peers against the most that (11) allows any loss, 1.84/√m with the printed constants."""
    p = peers_rate(agents, number(peers))
    return Measured(sqrt(1 - p) / p, largest_ratio(agents))


def below_edge():
    """U < 0 below the edge on a path with 0 < Ξ, from the proved bound on U."""
    return joined("U < 0 below the edge", residual_homogeneous(corrected.RESIDUAL_HOMOGENEOUS), negative_gain())


def dense_gossip_needed(agents=16):
    """(11) implies √(1 - p)/p < 1.84/√m, and random peers have more."""
    p = peers_rate(agents, PEERS)
    more = Gt(sqrt(1 - p) / p, largest_ratio(agents), evaluate=False)
    return joined("(11) and the gossip of the experiments", infeasible(),
                  Proof("random peers", (Step(more, f"R = 0.2 among {agents} agents"),), more))  # fmt: skip


def check(effort):
    """Exact averages; gossip that fails rarely; the edge on every path; and what the experiments' gossip would need."""
    words = "W = J (p = 1), pseudo-Huber, η = 3/2: (11) is 0 < edge, and all models are equal; sign of U"
    yield by_instance("printed", Instance(words, averaged_out))
    words = "W = I with chance 1e-9, else J, noise ± 1/3, pseudo-Huber of width 1/20: (11) holds, and E U"
    yield by_instance("printed", Instance(words, rare_gossip))
    yield by_proof("every path", below_edge())
    for agents in (16, 32):
        words = f"R = 0.2, m = {agents}: √(1 - p)/p against the most that (11) allows with the printed constants"
        yield by_instance("experiments", Instance(words, needed_gossip, {"agents": agents, "peers": "1/5"}))
    yield by_opposite("experiments", dense_gossip_needed())
    for agents in (16, 32):
        rate = peers_rate(agents, PEERS)
        name = f"p at m = {agents}: of random peers with R = 0.2, and needed for (11)"
        how = "γ <= L3, μ <= φ, ℓ < 2 and, by Landau and Kolmogorov, 2 L2 L3 <= 3 L1 L4"
        yield Constant(name, float(rate), float(least_rate(largest_ratio(agents))), how)


CLAIM = Claim(
    name="proposition-3",
    kind="proposition",
    title="Proposition 3 (D.9): the critical consensus edge, condition (11)",
    variants=(
        Variant(
            "printed",
            "Under A1-A4 (A4 at the merged model), η > 1/L_2 and Ξ <= 1, condition (11) gives U < 0. Both sides "
            "carry roots, "
            "as both are lengths: the left one is √(E Ξ²) by Corollary D.2.",
            r"\sqrt{24(1-p)}\,\frac\eta p\sqrt{\phi^2+\sigma^2}<\min\Big\{\frac K{2C},\sqrt{\frac K{2\Sigma}}\Big\}"
            r"\;\Rightarrow\;U^{(t)}<0,\quad K=(\eta L_2-1)\gamma^*\mu_t",
        ),
        Variant(
            "every path",
            "U < 0 on every path with 0 < Ξ < min{K/(2C), √(K/(2Σ))} and Ξ <= r, for one loss, with K = (ηL_2 - "
            "1)γμ/2, "
            "C = (ηL_2 - 1)√m L_1 L_4/6 and Σ = ηL_2/2 (L_3/2 + √m L_4 r/6)².",
            r"L_k\equiv L,\ 0<\Xi<\min\Big\{\frac K{2C},\sqrt{\frac K{2\Sigma}}\Big\},\ \Xi\le r\;\Rightarrow"
            r"\;U^{(t)}<0",
            "assumption",
            "Ξ itself, on every path and not in the mean square, is above 0 and below the edge with its constants "
            "set right, "
            "and all agents share one loss",
        ),
        Variant(
            "experiments",
            "The gossip of the experiments, R = 0.2 among 16 or 32 agents, can meet (11) for some loss, with tight "
            "L_1..L_4 and μ <= φ.",
            r"\frac{\sqrt{1-p}}p<\frac{1.84}{\sqrt m}\quad\text{at }p=\frac{Rm}{2(m-1)}",
            "assumption",
            "the gossip is that of the experiments",
        ),
    ),
    check=check,
    refuted_by="agents that meet (11) with U not below 0",
)
