"""Version 1 of the paper: the merged model can converge faster than mini-batch SGD, by an acceleration U < 0."""

from sympy import Rational

from paper_repro.claims.exact import by_opposite
from sim.search.fleet import Fleet, exact_gain
from sim.testbed import function_of
from theory.bounds import BOUNDS
from theory.errors import require
from theory.proof.evidence import Claim, Constant, Instance, Measured, Variant, by_instance
from theory.proof.exactly import exactly, number
from theory.proof.gain import never_below_best, same_step_gain

SLOWER = {"middle": 3, "apart": "1/1000", "lr": "3/2"}
OVERSHOOT = {"middle": "1/2", "apart": 1, "lr": "19/10"}


def against_parallel(middle, apart, lr, rival="same", function="pseudo_huber", only_negative=True):
    """Loss of the merged model after a step less that of parallel SGD from there, at the "same" η or its "best".

    Two agents of one loss, no noise. U < 0 is asked of (D.11), of its repaired form and of all orders.
    """
    fleet = Fleet(function_of(function), (number(middle) + number(apart), number(middle) - number(apart)))
    if only_negative:
        values = fleet.values(lr)
        gains = [exactly(BOUNDS[name], **values) for name in ("residual_d11", "residual_homogeneous")]
        require(all(U < 0 for U in (*gains, exact_gain(fleet, lr))), "U is not negative at this point")
    step = {"same": number(lr), "best": 1 / fleet.loss.norms[1]}[rival]
    parallel = fleet.global_derivative(0, fleet.merged - step * fleet.global_derivative(1))
    return Measured(fleet.after(lr).global_derivative() - parallel, 0)


def check(effort, best=None):
    """Where U < 0 and the step is slower; where it is faster, but not than the best step size; the most it can gain."""
    words = "pseudo-Huber, models 3 ± 0.001, η = 3/2, U < 0 in all its forms: loss less that of parallel SGD"
    yield by_instance("printed", Instance(words, against_parallel, SLOWER))
    overshoot = OVERSHOOT | {"only_negative": False}
    words = "pseudo-Huber, models 1/2 ± 1, η = 1.9, in overshoot: loss less that of parallel SGD at "
    yield by_instance("printed", Instance(words + "the same step size", against_parallel, overshoot))
    yield by_instance(
        "best step", Instance(words + "its best step size", against_parallel, overshoot | {"rival": "best"})
    )
    yield by_opposite("best step", never_below_best(best))
    yield by_opposite("larger gain", same_step_gain())
    ell = Rational(3, 2)
    yield Constant("certified gain over parallel SGD at ℓ = 3/2: at the same step size, at its best",
                   float(1 / (ell * (2 - ell))), 1.0, "1/(ℓ(2 - ℓ)), where the mean gradient is g/ℓ")  # fmt: skip


CLAIM = Claim(
    name="version-1",
    kind="statement",
    title="Version 1: decentralized SGD can converge faster than mini-batch SGD",
    variants=(
        Variant(
            "printed",
            "Where U < 0, a step of the merged model lowers the loss by more than a step of mini-batch SGD at the "
            "same η.",
            r"U^{(t)}<0\;\Rightarrow\;L(\bar\theta^{(t+1)})\le L(\bar\theta^{(t)}-\eta\nabla L(\bar\theta^{(t)}))",
        ),
        Variant(
            "best step",
            "For η >= 1/L_2 the loss that the descent inequality certifies is below that of mini-batch SGD at η = "
            "1/L_2.",
            r"L-\eta(1-\tfrac\ell2)\|g\|^2+\eta U+\frac{\eta^2L_2\sigma^2}{2m}"
            r"<L-\frac{\|g\|^2}{2L_2}+\frac{\eta^2L_2\sigma^2}{2m}",
            "assumption",
            "mini-batch SGD takes its own best step size, 1/L_2",
        ),
        Variant(
            "larger gain",
            "Without noise the certified decrease exceeds 1/(ℓ(2 - ℓ)) times that of mini-batch SGD at the same η = "
            "ℓ/L_2.",
            r"\mathrm{gain}>\frac1{\ell(2-\ell)}",
            "constant",
            "a gain above 1/(ℓ(2 - ℓ)) at the same step size",
        ),
    ),
    check=check,
    refuted_by="agents with U < 0 whose merged model loses against mini-batch SGD in one step",
)
