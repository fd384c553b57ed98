"""Theorem D.6 (Koloskova et al. 2020): steps of decentralized SGD for any gossip of consensus rate p, an order only."""

from dataclasses import replace

from sim.search.adversary import searched
from sim.search.evidence import simulated
from sim.search.non_iid import noisy_cosines
from theory.bounds import corrected, master, master_consensus
from theory.proof.derivations_onestep import onestep_nonconvex
from theory.proof.evidence import INTERVALS, Claim, Variant
from theory.proof.joined import joined
from theory.proof.looseness import constant_of, evidence_of
from theory.proof.step import by_proof
from theory.proof.step_counts import DECENTRALIZED, decentralized_steps

LATEX = (
    r"T=O\!\left(\frac{\sigma^2}{m\varepsilon^2}+\frac{\sqrt p\,\sigma+\zeta}{p\,\varepsilon^{3/2}}"
    r"+\frac1{p\,\varepsilon}\right)(L(\theta^{(0)})-L^\star)"
)
CONSTANT = f"constant {DECENTRALIZED} L, L the smoothness of the agents' losses"


def evidence(variant, effort):
    """The proof of the rate and of the number of steps; exact worst cases and a search for what both rest on."""
    yield by_proof(
        variant, joined("rate and steps by p alone", onestep_nonconvex(master.ONESTEP_NONCONVEX), decentralized_steps())
    )
    yield evidence_of(master_consensus.ONESTEP_CONSENSUS, variant)
    yield simulated(master.ONESTEP_NONCONVEX, noisy_cosines(), variant, effort, INTERVALS)
    yield searched(corrected.MASTER_NONCONVEX, variant, replace(effort, tries=effort.tries // 4))


def check(effort):
    """All of `evidence`, and how loose the consensus distance is in which the gossip enters."""
    yield from evidence("printed", effort)
    name = "factor of the consensus distance 4(1 - p)η²((4 + 2p)ζ²/p² + σ²/p) in the proof, without noise"
    yield constant_of(master_consensus.ONESTEP_CONSENSUS, name, 1.0, lrs=(0.01,), slems=(0.3, 0.7, 0.9))


CLAIM = Claim(
    name="D.6",
    kind="theorem",
    title="Theorem D.6 (Koloskova et al. 2020): steps of decentralized SGD",
    variants=(
        Variant(
            "printed",
            "From equal models, with L-smooth losses, noise that is independent across agents and η <= O(p/L), the "
            "mean "
            f"squared gradient is at most ε in that many steps; shown here with the {CONSTANT}.",
            LATEX,
        ),
    ),
    check=check,
    refuted_by="agents of smooth losses that need more steps than the order at every learning rate",
)
