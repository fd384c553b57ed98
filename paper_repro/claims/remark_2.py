"""Remark 2: with R = 0.2 over 300 rounds an agent makes about 60 exchanges."""

from scipy.stats import binom, binomtest
from sympy import Eq, Integer, Rational, Symbol, binomial

from paper_repro.claims.exact import by_enumeration
from sim.randomness import stream
from sim.search.confidence import bonferroni
from theory.peer_law import keep
from theory.proof.evidence import INTERVALS, Claim, Constant, Variant, by_interval
from theory.proof.step import Proof, Step, by_proof
from theory.random_gossip import random_peers

ROUNDS, PEERS, AGENTS = 300, Rational(1, 5), 16
ABOUT = 6  # "about 60" is read as 54 to 66
SMALL = 6  # rounds whose outcomes are listed
LEVEL = bonferroni(0.99, INTERVALS)


def proof(stated=60, rounds=ROUNDS, peers=PEERS):
    """An agent draws a peer with probability R in each of T rounds, and is drawn as often: R T = `stated` of each."""
    R, T = Symbol("R", positive=True), Symbol("T", integer=True, positive=True)
    n, drawn = Symbol("n", integer=True, positive=True), Symbol("drawn", positive=True)
    pulled = Eq(n * (R / n) * T, R * T, evaluate=False)
    number = Eq(drawn, stated, evaluate=False)
    given = (Eq(drawn, rounds * peers, evaluate=False),)
    return Proof(
        "expected exchanges",
        (
            Step(pulled, "each of the n = m - 1 others hears it with probability R/n in each round"),
            Step(number, "R T at R = 0.2 and T = 300", given),
        ),
        number,
        given,
    )


def check(effort):
    """The expectation, the exact law for a few rounds, and draws of the official gossip."""
    yield by_proof("printed", proof())
    mean = sum(k * binomial(SMALL, k) * PEERS**k * (1 - PEERS) ** (SMALL - k) for k in range(SMALL + 1))
    yield by_enumeration("printed", [(mean, SMALL * PEERS)], f"all outcomes of {SMALL} rounds of one agent", 2**SMALL)
    yield _drawn(effort)
    inside = binom.cdf(75, ROUNDS, float(PEERS)) - binom.cdf(44, ROUNDS, float(PEERS))
    yield Constant("exchanges of an agent, its own", 60.0, float(PEERS * ROUNDS),
                   f"R T; within 45 to 75 with probability {inside:.3f}")  # fmt: skip
    kept = float(keep(Integer(AGENTS), PEERS)) ** ROUNDS
    yield Constant("exchanges of an agent, with those in which others hear it", 60.0, float(2 * PEERS * ROUNDS),
                   f"2 R T; exchanges alone would leave {kept:.1g} of Ξ² (m = 16)")  # fmt: skip


def _drawn(effort):
    """Draws of 128 agents: is the mean within ABOUT of 60? Rounds and agents are independent, each a trial of R."""
    agents, generator = 128, stream(effort.seed, "gossip")
    gossip = random_peers(agents, float(PEERS))
    trials = agents * effort.runs
    heard = sum(int((gossip.draw(t, generator).diagonal() < 1).sum()) for t in range(effort.runs))
    limits = binomtest(heard, trials).proportion_ci(LEVEL)
    low, high = ROUNDS * limits.low - 60, ROUNDS * limits.high - 60
    nearest = max(low, -high, 0)
    words = f"|mean exchanges in {ROUNDS} rounds - 60| against {ABOUT}, {ROUNDS * heard / trials:.2f} by draws"
    return by_interval("printed", nearest - ABOUT, max(abs(low), abs(high)) - ABOUT, words, effort.runs, trials, LEVEL)


CLAIM = Claim(
    name="remark-2",
    kind="remark",
    title="Remark 2: about 60 exchanges per agent",
    variants=(
        Variant(
            "printed",
            "At R = 0.2 over T = 300 rounds an agent makes 60 exchanges on average: it hears a peer RT times (and is "
            "heard as often). How accurate the models then are is an observation, not this claim.",
            r"E[\text{exchanges}]=RT=0.2\cdot300=60",
        ),
    ),
    check=check,
    refuted_by="a law of the draws under which the expected number is not RT",
)
