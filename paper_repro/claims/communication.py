"""Communication: Ring-AllReduce in every round against sparse gossip and one merge."""

import numpy as np
from scipy.stats import binomtest
from sympy import Eq, Ge, Integer, Le, Lt, Rational, Symbol, solve

from paper_repro.claims.exact import both, by_enumeration
from sim.randomness import stream
from sim.search.confidence import bonferroni
from theory.errors import require
from theory.proof.evidence import INTERVALS, Claim, Constant, Instance, Measured, Variant, by_instance, by_interval
from theory.proof.step import Proof, Step
from theory.random_gossip import random_peers
from theory.traffic import pulled, ring_all_reduce

m, T = Symbol("m", integer=True, positive=True), Symbol("T", integer=True, positive=True)
n, P, R = Symbol("n", integer=True, positive=True), Symbol("P", positive=True), Symbol("R", positive=True)  # n = m - 1
ROUNDS, PEERS = 300, Rational(1, 5)  # of the paper
LEVEL = bonferroni(0.99, INTERVALS)
RUNS = tuple((agents, size) for agents in range(1, 9) for size in (agents, 2 * agents, 7))


def all_reduce(m, P, T):
    """Numbers sent by Ring-AllReduce in each of T rounds."""
    return 2 * (m - 1) * P * T


def gossip(m, P, T, R):
    """Numbers sent, in expectation, by T rounds of pulls at R and one Ring-AllReduce."""
    return m * R * P * T + 2 * (m - 1) * P


def break_even(m, T):
    """The R at which gossip and one merge send as much as Ring-AllReduce in every round."""
    return solve(Eq(gossip(m, P, T, R), all_reduce(m, P, T)), R)[0]


def ratio(agents, peers=PEERS, rounds=ROUNDS):
    """Gossip and one merge over Ring-AllReduce, exact."""
    return gossip(Integer(agents), 1, rounds, peers) / all_reduce(Integer(agents), 1, rounds)


def exceeds(agents, rounds, peers):
    """Gossip and one merge over Ring-AllReduce, which should be at most 1; `peers` is an integer, or text as "1/5"."""
    R = Rational(peers)
    require(0 < R < agents, f"peers is {peers}; it must be above 0 and below {agents}")
    return Measured(ratio(agents, R, rounds), Integer(1))


def proofs(low=1, high=2):
    """low m P T <= cost of Ring-AllReduce <= high m P T for m >= 2, and gossip's cost within mRPT + 2mP."""
    every = all_reduce(n + 1, P, T)
    below = Ge(every, low * (n + 1) * P * T, evaluate=False)
    above = Le(every, high * (n + 1) * P * T, evaluate=False)
    once = Le(gossip(n + 1, P, T, R), (n + 1) * R * P * T + 2 * (n + 1) * P, evaluate=False)
    floor = Ge(gossip(n + 1, P, T, R), ((n + 1) * R * P * T + 2 * (n + 1) * P) / 2, evaluate=False)
    stages = Eq(2 * n * (n + 1) * (P / (n + 1)) * T, every, evaluate=False)
    return (
        Proof("Ring-AllReduce", (
            Step(stages, "2(m - 1) stages of T rounds, in each of which m agents send a chunk of P/m"),
            Step(below, "at least mPT, so that the order 2mPT is attained"),
            Step(above, "at most 2mPT"),
        ), above),
        Proof("gossip and one merge", (
            Step(floor, "at least half of mRPT + 2mP"),
            Step(once, "R pulls of P an agent and round, and 2(m - 1)P once"),
        ), once),
    )  # fmt: skip


def check(effort):
    """The formulas, Ring-AllReduce run and counted, pulls of drawn rounds, and where the comparison turns."""
    yield both("printed", *proofs())
    pairs = []
    for agents, size in RUNS:
        models = np.arange(agents * size).reshape(agents, size) ** 2
        means, sent = ring_all_reduce(models)
        require(np.array_equal(means, np.tile(models.sum(axis=0) / agents, (agents, 1))), "the ring does not average")
        pairs.append((sent, all_reduce(agents, size, 1)))
    yield by_enumeration(
        "printed", pairs, "numbers sent by Ring-AllReduce of 1 to 8 agents, run stage by stage", len(RUNS)
    )
    yield _pulls(effort)
    turn = break_even(m, T)
    yield by_instance("always less", Instance("16 agents that pull from 2 peers in each of 300 rounds", exceeds,
                                              {"agents": 16, "rounds": ROUNDS, "peers": 2}))  # fmt: skip
    yield both("below break-even", *below(turn))
    for agents in (16, 32):
        even = float(turn.subs({m: agents, T: ROUNDS}))
        words = f"{agents} agents, R = {PEERS}, {ROUNDS} rounds, share of Ring-AllReduce (even at R = {even:.3f})"
        values = {"agents": agents, "rounds": ROUNDS, "peers": str(PEERS)}
        yield by_instance("below break-even", Instance(words, exceeds, values))
    yield Constant("Ring-AllReduce of a round, in messages of P (m = 16)", 32.0, float(all_reduce(16, 1, 1)),
                   "2(m - 1), counted from a run")  # fmt: skip


def below(turn):
    """Gossip sends less exactly where R < `turn`, which was solved for."""
    edge = turn.subs(m, n + 1)
    sent, every = gossip(n + 1, P, T, R), all_reduce(n + 1, P, T)
    less, not_less = Lt(sent, every, evaluate=False), Ge(sent, every, evaluate=False)
    return (
        Proof("below break-even", (Step(less, f"R < {turn}", (Lt(R, edge),)),), less, (Lt(R, edge),)),
        Proof("from break-even on", (Step(not_less, f"R >= {turn}", (Ge(R, edge),)),), not_less, (Ge(R, edge),)),
    )


def _pulls(effort):
    """Pulls of a drawn round, 64 agents: their mean within 10 % of mR."""
    agents, generator = 64, stream(effort.seed, "gossip")
    peers = random_peers(agents, float(PEERS))
    counts = np.array([pulled(peers.draw(t, generator), 1) for t in range(effort.runs)])
    stated, trials = float(agents * PEERS), agents * effort.runs
    limits = binomtest(int(counts.sum()), trials).proportion_ci(LEVEL)
    low, high = agents * limits.low - stated, agents * limits.high - stated
    nearest = max(low, -high, 0.0)
    words = f"models sent in a round of random peers, mean {counts.mean():.3f}, off {stated} against a tenth of it"
    allowed = stated / 10
    far = max(abs(low), abs(high))
    return by_interval("printed", nearest - allowed, far - allowed, words, effort.runs, trials, LEVEL)


CLAIM = Claim(
    name="communication",
    kind="cost",
    title="Communication: Ring-AllReduce in every round O(2mPT), sparse gossip and one merge O(mRPT + 2mP)",
    variants=(
        Variant(
            "printed",
            "Ring-AllReduce in each of T rounds sends O(2mPT) numbers, exactly 2(m - 1)PT; gossip with R expected "
            "peers and one merge O(mRPT + 2mP), exactly mRPT + 2(m - 1)P in expectation.",
            r"2(m-1)PT=O(2mPT),\quad mRPT+2(m-1)P=O(mRPT+2mP)",
        ),
        Variant(
            "always less",
            "Gossip and one merge send less than Ring-AllReduce in every round, whatever R is.",
            r"mRPT+2(m-1)P<2(m-1)PT",
            "assumption",
            "for every R",
        ),
        Variant(
            "below break-even",
            "They send less where R < 2(1 - 1/m)(1 - 1/T), and only there.",
            r"mRPT+2(m-1)P<2(m-1)PT\ \Leftrightarrow\ R<2\Big(1-\frac1m\Big)\Big(1-\frac1T\Big)",
            "assumption",
            "R below 2(1 - 1/m)(1 - 1/T)",
        ),
    ),
    check=check,
    refuted_by="a run of Ring-AllReduce that averages and sends another number than 2(m - 1)P",
)
