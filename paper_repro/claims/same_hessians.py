"""Equal Hessians: the merged model of decentralized SGD is parallel SGD with the same noise, whatever the gossip."""

from fractions import Fraction

import numpy as np
from sympy import Eq, Integer, Matrix, Rational, Symbol

from paper_repro.claims.exact import by_enumeration
from sim.randomness import stream
from theory.errors import require
from theory.proof.evidence import Claim, Instance, Measured, Variant, by_instance
from theory.proof.step import Proof, Step, by_proof, cite

lr = Symbol("eta", positive=True)


def drawn(generator, *shape):
    """Random fractions with a denominator of 8."""
    return np.vectorize(lambda n: Fraction(int(n), 8), otypes=[object])(generator.integers(-16, 17, shape))


def doubly(agents, generator):
    """A mixture of permutations with weights 1/2, 1/3, 1/6: directed, doubly stochastic, exact."""
    eye = np.vectorize(Fraction, otypes=[object])(np.eye(agents, dtype=int))
    weights = (Fraction(1, 2), Fraction(1, 3), Fraction(1, 6))
    return sum(w * eye[generator.permutation(agents)] for w in weights)


def hub(agents):
    """Every agent averages with agent 0: rows sum to one, columns do not."""
    W = np.full((agents, agents), Fraction(0), dtype=object)
    for i in range(agents):
        W[i, i] += Fraction(1, 2)
        W[i, 0] += Fraction(1, 2)
    return W


def merged_against_parallel(seed=0, agents=3, dim=2, steps=6, rows_only=False, hessians="equal"):
    """Largest |θ̄_t - parallel SGD_t| over the steps, in exact fractions, on quadratics with the same noise.

    L_k = θᵀHθ/2 - b_kᵀθ, H symmetric, maybe indefinite; a fresh W in every step. `rows_only` takes a W whose columns do
    not sum to one, hessians = "different" an H_k of each agent's own.
    """
    require(hessians in ("equal", "different"), f"hessians is {hessians!r}; it must be equal or different")
    generator = stream(seed, "equal Hessians")
    lr = Fraction(1, 5)
    drafts = [drawn(generator, dim, dim) for _ in range(agents)]
    H = [(M + M.T) / 2 for M in (drafts if hessians == "different" else drafts[:1] * agents)]
    b = drawn(generator, agents, dim)
    theta = np.repeat(drawn(generator, 1, dim), agents, axis=0)
    single, worst = theta[0], Fraction(0)
    for _ in range(steps):
        noise, W = drawn(generator, agents, dim), hub(agents) if rows_only else doubly(agents, generator)
        gradients = np.array([h @ x for h, x in zip(H, theta, strict=True)]) - b + noise
        theta = W @ (theta - lr * gradients)
        single = single - lr * (sum(H) @ single / agents - b.mean(axis=0) + noise.mean(axis=0))
        worst = max(worst, *abs(theta.mean(axis=0) - single))
    return Measured(Rational(worst.numerator, worst.denominator), Integer(0))


def explicit(agents, dim, columns=1):
    """θ̄_+ - (θ̄ - η(Hθ̄ - b̄ + n̄)) of the first coordinate, all entries symbols; the columns of W sum to `columns`."""
    W = Matrix(agents, agents, lambda i, j: Symbol(f"w{i}{j}", real=True))
    for j in range(agents):
        W[agents - 1, j] = columns - sum(W[i, j] for i in range(agents - 1))
    H = Matrix(dim, dim, lambda i, j: Symbol(f"h{min(i, j)}{max(i, j)}", real=True))
    entries = lambda name: Matrix(agents, dim, lambda k, i: Symbol(f"{name}{k}{i}", real=True))  # noqa: E731
    theta, b, n = map(entries, "xbn")
    mean = lambda A: sum((A.row(k) for k in range(agents)), Matrix(1, dim, [0] * dim)) / agents  # noqa: E731
    after = mean(W * (theta - lr * (theta * H - b + n)))
    return after[0], (mean(theta) - lr * (mean(theta) * H - mean(b) + mean(n)))[0]


def proof(columns=1):
    """Gossip keeps the mean, and the mean of a linear map is that of the mean; in symbols for two and three agents.

    By induction over the steps the merged model is that of parallel SGD, which takes the same step.
    """
    names = ("merged", "next_merged", "moved", "image", "slope", "noise")
    merged, following, moved, image, slope, noise = (Symbol(name, real=True) for name in names)
    parallel = merged - lr * (image - slope + noise)  # image is H times the merged model
    steps = []
    for agents, dim in ((2, 2), (3, 2)):
        words = f"{agents} agents in {dim} dimensions, every entry of W, H, models, slopes and noise a symbol"
        steps.append(Step(Eq(*explicit(agents, dim, columns), evaluate=False), words))
    local = cite("mean_affine", "the mean of the local steps (I - η H) θ_k + η (b_k - n_k)", mean_image=moved,
                 image_mean=parallel)  # fmt: skip
    kept = cite("mean_preserved", "columns of W sum to one", mean=moved, next_mean=following)
    last = Step(Eq(following, parallel, evaluate=False), "for any number of agents", (local.claim, kept.claim))
    return Proof("equal Hessians", (*steps, local, kept, last), last.claim)


def check(effort):
    """Symbols, and exact runs with random fractions; what fails without either assumption."""
    yield by_proof("printed", proof())
    tries = min(max(effort.tries // 10, 1), 20)
    sizes = [(seed, 1 + seed % 5, 1 + seed % 3) for seed in range(effort.seed, effort.seed + tries)]
    pairs = [(merged_against_parallel(seed, agents, dim).measured, 0) for seed, agents, dim in sizes]
    yield by_enumeration("printed", pairs, "exact runs of 1 to 5 agents, six steps, directed gossip", tries)
    for variant, change in (("rows", {"rows_only": True}), ("different", {"hessians": "different"})):
        words = "three agents, six steps in fractions: largest distance from parallel SGD"
        yield by_instance(variant, Instance(words, merged_against_parallel, change))


CLAIM = Claim(
    name="same-hessians",
    kind="statement",
    title="Equal Hessians: the merged model is parallel SGD",
    variants=(
        Variant(
            "printed",
            "Where all agents' losses are quadratics of one Hessian and noise is added to gradients, the merged "
            "model is, "
            "step by step, that of parallel SGD with the same noise, for any doubly stochastic W, W = I among them.",
            r"\nabla^2L_k\equiv H\;\Rightarrow\;\bar\theta^{(t)}=\theta_{\mathrm{par}}^{(t)}\quad\forall t,\ \forall W",
        ),
        Variant(
            "rows",
            "The same where only the rows of W sum to one.",
            r"W\mathbf 1=\mathbf 1\;\Rightarrow\;\bar\theta^{(t)}=\theta_{\mathrm{par}}^{(t)}",
            "assumption",
            "only the rows of W sum to one, as for random peers of the official code",
        ),
        Variant(
            "different",
            "The same where the Hessians of the agents differ.",
            r"\nabla^2L_k\equiv H_k\;\Rightarrow\;\bar\theta^{(t)}=\theta_{\mathrm{par}}^{(t)}",
            "assumption",
            "the Hessians differ between agents",
        ),
    ),
    check=check,
    refuted_by="quadratics of one Hessian whose merged model leaves parallel SGD under the same noise",
)
