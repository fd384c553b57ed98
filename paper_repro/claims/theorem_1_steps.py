"""The number of steps of Theorem 1 as the body prints it: T = O(σ²/(mε²) + 1/ε + Σ U) Δ for a constant η < 2/L_2."""

from sim.search.fleet import Fleet, huber, signs
from theory.bounds import corrected, zhu2025
from theory.errors import require
from theory.proof.derivations_descent import steps_sufficient
from theory.proof.evidence import Claim, Constant, Instance, Measured, Variant, by_instance
from theory.proof.exactly import exactly, number
from theory.proof.step import by_proof
from theory.proof.unit_check import by_units


def noise_floor(lr=1, epsilon="1/4", constant=1000, start=1, noise=1):
    """Mean squared gradient of one agent on x²/2 (near 0), noise ± `noise`, over `constant` times the printed T.

    At lr = 1 every step goes to minus the noise, so the squared gradient is noise² from the first step on; U = 0, Δ =
    start²/2. With lr = ε/(2 noise²) in its place the floor lr noise²/(2 - lr) is below ε.
    """
    lr, epsilon, start, noise = map(number, (lr, epsilon, start, noise))
    require(0 < lr < 2, f"lr is {lr}; the theorem asks for lr < 2/L2 = 2")
    steps = constant * exactly(zhu2025.THEOREM_1_STEPS, epsilon=epsilon, agents=1, sigma=noise, U_sum=0,
                               initial_gap=start**2 / 2)  # fmt: skip
    kept, added = (1 - lr) ** 2, lr**2 * noise**2  # E x_+² = kept E x² + added
    level = added / (1 - kept)
    fading = (start**2 - level) * (1 - kept**steps) / (1 - kept) if kept else start**2 - level
    one = Fleet(huber(1), (start,))
    after = sum(chance * one.after(lr, None, drawn).merged ** 2 for chance, drawn in signs(1, noise))
    require(after == kept * start**2 + added, "the recursion is that of a step inside the core")
    return Measured(level + fading / steps, epsilon)


def check(effort):
    """A floor that no T passes at a constant η; the units; and the number that the proof gives."""
    words = (
        "one agent, x²/2, noise ± 1, η = 1 = 1/L2, U = 0: mean squared gradient over 1000 times the printed T, ε = 1/4"
    )
    yield by_instance("printed", Instance(words, noise_floor))
    tied = {"lr": "1/8", "constant": 8}
    yield by_instance("tied to ε", Instance("the same with η = ε/2, over 8 times the printed T", noise_floor, tied))
    yield by_units("printed", zhu2025.THEOREM_1_STEPS)
    yield by_proof("tied to ε", steps_sufficient(corrected.STEPS_SUFFICIENT))
    point = noise_floor()
    yield Constant("mean squared gradient at η = 1/L2 after long: as printed, and what noise leaves",
                   float(point.allowed), float(point.measured), "ησ²/(2 - η), the fixed point of one step")  # fmt: skip


CLAIM = Claim(
    name="theorem-1-steps",
    kind="theorem",
    title="Theorem 1: the number of steps",
    variants=(
        Variant(
            "printed",
            "For a constant η < 2/L_2 the mean squared gradient is at most ε after T = O(σ²/(mε²) + 1/ε + Σ U) Δ "
            "steps.",
            zhu2025.THEOREM_1_STEPS.latex(),
        ),
        Variant(
            "tied to ε",
            "For doubly stochastic W and noise that is independent across agents "
            "it is at most ε from T = Δ max{6 L_2/(ℓ(2 - ℓ)ε), 18 L_2 σ²/((2 - ℓ)² m ε²)} steps on, for "
            "η = min(ℓ/L_2, (2 - ℓ) m ε/(3 σ² L_2)), provided that the mean of U is at most (2 - ℓ) ε/6.",
            corrected.STEPS_SUFFICIENT.latex(),
            "assumption",
            "η = min(ℓ/L_2, (2 - ℓ)mε/(3σ²L_2)) is tied to ε, the mean of E U, to all orders, is at most (2 - ℓ)ε/6, "
            "W is doubly stochastic and noise independent across agents",
        ),
    ),
    check=check,
    refuted_by="a constant η < 2/L_2 with U = 0 at which the mean squared gradient never reaches ε",
)
