"""Assumption 1 and the random peers of the official code: rows sum to one, columns do not."""

import sympy
from scipy.stats import binomtest
from sympy import Eq, Integer, Rational, Symbol

from paper_repro.claims.exact import by_enumeration
from sim.randomness import stream
from sim.search.confidence import bonferroni
from theory.errors import require
from theory.peer_law import (
    LARGEST,
    counted_moments,
    doubly_stochastic_chance,
    drift,
    keep,
    matching_moment,
    noise_inflation,
    on_deviations,
)
from theory.proof.evidence import INTERVALS, Claim, Constant, Instance, Measured, Variant, by_instance, by_interval
from theory.proof.step import Proof, Step, by_proof
from theory.random_gossip import random_peers

R, n = Symbol("R", positive=True), Symbol("n", integer=True, positive=True)  # n = m - 1 others
m = n + 1
z, S = Symbol("z", real=True), Symbol("S", nonnegative=True)  # one deviation; the sum of the squares of all
AGENTS, PEERS = 16, Rational(1, 5)  # of the paper's experiments
LEVEL = bonferroni(0.99, INTERVALS)


def column_gap(heard):
    """Largest |column sum - 1| of W = (I + F)/2, where agent i hears heard[i], itself where it hears nobody."""
    agents = len(heard)
    require(all(0 <= j < agents for j in heard), f"agents are 0..{agents - 1}; heard is {heard}")
    W = sympy.eye(agents) / 2
    for i, j in enumerate(heard):
        W[i, j] += Rational(1, 2)
    require(all(sum(W.row(i)) == 1 for i in range(agents)), f"the rows of W for {heard} do not sum to one")
    return Measured(max(abs(sum(W.col(j)) - 1) for j in range(agents)), Integer(0))


def rows_proof(kept=keep):
    """E|W z|^2 = kept(m, R) |z|^2 for the independent rows of random peers, and what the mean drifts."""
    q = kept(m, R)
    heard = (n * z**2 / 4 + z * (-z) / 2 + (S - z**2) / 4) / n
    one = (1 - R) * z**2 + R * heard
    row = Eq((1 - R / 2) * z + R / (2 * n) * (-z), q * z, evaluate=False)
    together = Eq((1 - R) * S + R * (n * S / 4 - S / 2 + (m * S - S) / 4) / n, q * S, evaluate=False)
    variance = Eq((q * S - q**2 * S) / m**2, q * (1 - q) / m * (S / m), evaluate=False)
    uniform = Eq(one, (1 - R) * z**2 + R / (4 * n) * ((n - 3) * z**2 + S), evaluate=False)
    return Proof(
        "random peers",
        (
            Step(uniform, "E (W z)_i^2: y = z_i, or (z_i + z_j)/2 for a uniform j; the other z_j sum to -z_i"),
            Step(together, "summed over the agents: E|W z|^2 = q|z|^2"),
            Step(row, "E (W z)_i = q z_i, as the other z_j sum to -z_i"),
            Step(variance, "rows are independent: the variance of their mean is Σ (E y_i^2 - (E y_i)^2)/m^2"),
        ),
        variance,
    )


def matching_proof(kept=keep):
    """E|W z|^2 = kept(m, R)|z|^2 for a uniform perfect matching, where W = W^T = W^2 and columns sum to one."""
    w = Symbol("w", real=True)
    kept_sum = Eq((z + w) / 2 + (z + w) / 2, z + w, evaluate=False)
    square = Eq(2 * ((z + w) / 2) ** 2, z * (z + w) / 2 + w * (z + w) / 2, evaluate=False)
    together = Eq((1 - R) * S + R * (S / 2 - S / (2 * n)), kept(m, R) * S, evaluate=False)
    return Proof(
        "random matching",
        (
            Step(kept_sum, "a pair that averages keeps its sum: columns sum to one"),
            Step(square, "|W z|^2 = z^T W z on a pair"),
            Step(together, "E z^T W z: with R the partner is uniform among the others, whose z_j sum to -z_i"),
        ),
        together,
    )


def check(effort):
    """Columns of one draw, all draws counted up to five agents, draws of the official law, and both proofs."""
    yield by_instance(
        "printed", Instance("two agents, the first hears the second: columns sum to 1/2 and 3/2", column_gap,
                            {"heard": (1, 1)})
    )  # fmt: skip
    gossip, generator = random_peers(AGENTS, float(PEERS)), stream(effort.seed, "gossip")
    failed = sum(abs(gossip.draw(t, generator).sum(axis=0) - 1).max() > 1e-9 for t in range(effort.runs))
    chance = doubly_stochastic_chance(AGENTS, PEERS)
    limits = binomtest(failed, effort.runs).proportion_ci(LEVEL)
    words = f"share of draws that are not doubly stochastic, m = {AGENTS}, R = {PEERS}, exactly {float(1 - chance):.6f}"
    yield by_interval("printed", limits.low, limits.high, words, effort.runs, effort.runs, LEVEL)
    yield by_proof("matching", matching_proof())
    even = [(on_deviations(matching_moment(m, R)), keep(Integer(m), R)) for m in (2, 4)]
    yield by_enumeration(
        "matching", even, "E W^T W of all matchings of 2 and 4 agents, as polynomials in R", 1 + 2 + 3 * 4
    )
    yield by_proof("rows", rows_proof())
    yield from _counted()
    yield Constant("variance of the merged model from noise, over η²σ²/m (m = 16, R = 0.2)", 1.0,
                   float(noise_inflation(Integer(AGENTS), PEERS)), "stationary moments of random peers")  # fmt: skip
    yield Constant("drift of the mean in one round, over Ξ² (m = 16, R = 0.2)", 0.0,
                   float(drift(Integer(AGENTS), PEERS)), "q(1 - q)/m of independent rows")  # fmt: skip


def _counted():
    pairs, draws = [], 0
    for m in range(2, LARGEST + 1):
        moment, mean_moment, good, total = counted_moments(m, R)
        pairs += [(total, 1), (on_deviations(moment), keep(Integer(m), R))]
        pairs += [(on_deviations(mean_moment), drift(Integer(m), R))]
        pairs += [(good.subs(R, PEERS), doubly_stochastic_chance(m, PEERS))]
        draws += m**m
    words = f"contraction, drift and chance of double stochasticity for 2 to {LARGEST} agents, polynomials in R"
    yield by_enumeration("rows", pairs, words, draws)


CLAIM = Claim(
    name="A1",
    kind="assumption",
    title="Assumption 1: mixing matrices of the gossip are doubly stochastic and contract",
    variants=(
        Variant(
            "printed",
            "Every sample of W, as the official code draws random peers, is doubly stochastic, and "
            "E |ΘW - Θ̄|² <= (1 - p)|Θ - Θ̄|² for a p in (0, 1].",
            r"W\mathbf 1=W^\top\mathbf 1=\mathbf 1,\quad "
            r"E_W\|\Theta W-\bar\Theta\|_F^2\le(1-p)\|\Theta-\bar\Theta\|_F^2,\quad p\in(0,1]",
        ),
        Variant(
            "matching",
            "Where the pairs of a round are a uniformly random perfect matching, of which each averages with "
            "probability R, W is doubly stochastic and E Ξ² shrinks by exactly 1 - p, p = Rm/(2(m - 1)).",
            r"E\,\Xi_+^2=(1-p)\,\Xi^2,\quad p=\frac{Rm}{2(m-1)}",
            "assumption",
            "peers are drawn as a random perfect matching, of the same p and as many messages as random peers",
        ),
        Variant(
            "rows",
            "For random peers as drawn, rows sum to one; around the mean before the round the inequality is an "
            "equality with p = Rm/(2(m - 1)), while the mean drifts: E(x̄_+ - x̄)² = p(1 - p)/m Ξ².",
            r"E\|\Theta W-\bar\Theta\|_F^2=(1-p)\|\Theta-\bar\Theta\|_F^2,\quad "
            r"E\|\bar\theta_+-\bar\theta\|^2=\frac{p(1-p)}m\,\Xi^2,\quad p=\frac{Rm}{2(m-1)}",
            "assumption",
            "only rows sum to one, and Θ̄ is the mean before the round",
        ),
    ),
    check=check,
    refuted_by="one draw of W with a column that does not sum to one",
)
