"""(D.10) and (D.12): the mean squared gradient of the merged model is that of parallel SGD plus the mean of U."""

from dataclasses import replace

from sim.search.adversary import searched
from sim.search.non_iid import floor
from theory.bounds import corrected, zhu2025
from theory.proof.derivations_descent import rate_d12, residual_homogeneous
from theory.proof.evidence import Claim, Constant, Instance, Variant, by_instance
from theory.proof.joined import joined
from theory.proof.step import by_proof

AGENTS = 16


def with_residual():
    """(D.12) from the descent to all orders, and U of agents of one loss at most `residual_homogeneous`."""
    rate, bound = rate_d12(zhu2025.RATE_D12), residual_homogeneous(corrected.RESIDUAL_HOMOGENEOUS)
    return joined("(D.12) for agents of one loss", bound, rate)


def check(effort):
    """The floor of different data; the sum of the descents; the bound on U that makes it explicit for one loss."""
    words = "L_1 = x² - x/10 and L_2 = x/10 near 0, no noise, from the minimum of L, 30 steps: mean squared gradient"
    yield by_instance("printed", Instance(words + " against (D.12) with U of (D.11)", floor))
    words = words.replace("x/10", "x/100")
    yield by_instance("printed", Instance(words + " against (D.12) with U of (D.11)", floor, {"h": "1/100"}))
    yield searched(zhu2025.RATE_D12, "printed", replace(effort, tries=effort.tries // 4))
    yield by_instance("one loss", Instance("the same with one loss for both", floor, {"tilt": 0}))
    yield by_proof("one loss", with_residual())
    yield by_proof("all orders", rate_d12(zhu2025.RATE_D12))
    yield Constant(f"factor of η²σ²L2/2 in (D.10), m = {AGENTS}", 1.0, 1 / AGENTS, "the noise of independent agents")
    closer = floor("1/100")
    yield Constant("mean squared gradient of that pair: what (D.12) allows, and what it is", float(closer.allowed),
                   float(closer.measured), "exact; the quotient goes to 0 like h, Ξ³ against Ξ²")  # fmt: skip


CLAIM = Claim(
    name="D.12",
    kind="equation",
    title="(D.10) and (D.12): the mean squared gradient over the steps",
    variants=(
        Variant(
            "printed",
            "Under A2 and A3, from equal models, for η L_2 < 2: the mean squared gradient is at most that of "
            "parallel SGD "
            "plus 2/(2 - ηL_2) times the mean of U, U of (D.11).",
            zhu2025.RATE_D12.latex(),
        ),
        Variant(
            "one loss",
            "The same for one loss, doubly stochastic W and independent noise, with the expectation of U and U at most "
            "residual_homogeneous.",
            zhu2025.RATE_D12.latex() + r",\quad " + corrected.RESIDUAL_HOMOGENEOUS.latex(),
            "assumption",
            "all agents share one loss, W is doubly stochastic, noise is independent across agents; U set right",
        ),
        Variant(
            "all orders",
            "The same for agents of any losses, doubly stochastic W and independent noise, with "
            "U = (η L_2 - 1)⟨g, e⟩ + η L_2 |e|²/2, in expectation.",
            r"U=(\eta L_2-1)\langle g,e\rangle+\tfrac{\eta L_2}2\|e\|^2\;\Rightarrow\;" + zhu2025.RATE_D12.latex(),
            "constant",
            "U to all orders, of first order in Ξ where Hessians differ; W is doubly stochastic and noise independent "
            "across agents",
        ),
    ),
    check=check,
    refuted_by="agents whose mean squared gradient stays above what (D.12) allows",
)
