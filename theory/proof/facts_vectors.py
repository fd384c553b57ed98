"""Facts about random vectors, noise and gossip. Agents are rows: x is [agents, d], |.|_F^2/agents is a mean square.

Laws are discrete: outcomes with probabilities, so that expectations are sums without error of sampling.
"""

import numpy as np
from sympy import Abs, Eq, Le, Rational, Symbol

from theory.proof.fact import Fact


def _nonnegative(names):
    return (Symbol(name, nonnegative=True) for name in names.split())


whole, first, second, kept, noise, total, now, after, spread, cube = _nonnegative(
    "whole first second kept noise total now after spread cube"
)
sigma, largest, noise_gain, drift_gain, deviation = _nonnegative("sigma largest noise_gain drift_gain deviation")
inner, mean, next_mean, mean_image, image_mean = (
    Symbol(name, real=True) for name in ("inner", "mean", "next_mean", "mean_image", "image_mean")
)
weight, p = Symbol("weight", positive=True), Symbol("p", positive=True)
agents = Symbol("agents", positive=True, integer=True)


def _law(generator, outcomes):
    weights = generator.exponential(size=outcomes)
    return weights / weights.sum()


def _square(values, weights):
    """E|v|^2 of `values` [outcomes, ...]."""
    return float(weights @ (values.reshape(len(values), -1) ** 2).sum(1))


def _two(generator):
    """Two dependent random vectors on one law: sometimes parallel, where the inequalities are tight."""
    outcomes, d = generator.integers(1, 6, size=2)
    a = generator.normal(size=(outcomes, d)) * 10.0 ** generator.integers(-2, 3)
    b = a * generator.exponential() if generator.random() < 0.3 else generator.normal(size=(outcomes, d))
    return a, b, _law(generator, outcomes)


def _pair(generator):
    a, b, law = _two(generator)
    sums = np.sqrt(_square(a + b, law)), np.sqrt(_square(a, law)), np.sqrt(_square(b, law))
    inner = float(law @ (a * b).sum(1))
    weight = float(generator.choice([sums[1] / sums[2], generator.exponential()]))
    return dict(zip(("whole", "first", "second"), sums, strict=True)) | {"inner": inner, "weight": weight}


def _mean_square(generator):
    a, _, law = _two(generator)
    return {"first": float(((law @ a) ** 2).sum()), "second": _square(a, law)}


def doubly_stochastic(generator, agents):
    """A random, non-symmetric doubly stochastic matrix: a mean of permutations."""
    law = _law(generator, 3)
    return sum(w * np.eye(agents)[generator.permutation(agents)] for w in law)


def _deviations(x):
    return x - x.mean(0)


def _gossip(generator):
    agents, d, outcomes = generator.integers(1, 6), generator.integers(1, 4), generator.integers(1, 4)
    law = _law(generator, outcomes)
    matrices = [doubly_stochastic(generator, agents) for _ in law]
    x = generator.normal(size=(agents, d))
    flat = np.eye(agents) - 1 / agents
    rate = 1 - np.linalg.eigvalsh(sum(w * flat @ W.T @ W @ flat for w, W in zip(law, matrices, strict=True)))[-1]
    spread_after = sum(w * (_deviations(W @ x) ** 2).sum() for w, W in zip(law, matrices, strict=True)) / agents
    return {"now": (_deviations(x) ** 2).sum() / agents, "after": spread_after, "p": rate,
            "mean": x.mean(0)[0], "next_mean": (matrices[0] @ x).mean(0)[0]}  # fmt: skip


def _affine(generator):
    """The first coordinate of the mean of A x_k + c_k, and of A (mean of x) + mean of c."""
    agents, d = generator.integers(1, 6), generator.integers(1, 4)
    x, c, A = generator.normal(size=(agents, d)), generator.normal(size=(agents, d)), generator.normal(size=(d, d))
    images = [A @ own + more for own, more in zip(x, c, strict=True)]
    return {"mean_image": np.mean(images, axis=0)[0], "image_mean": (A @ x.mean(0) + c.mean(0))[0]}


def _signs(generator):
    """All outcomes of independent zero-mean noise [outcomes, agents, d], two values an agent, with its law."""
    agents, d = generator.integers(1, 5), generator.integers(1, 3)
    odds = generator.uniform(0.1, 0.9, size=agents)
    up = generator.normal(size=(agents, d))
    bits = (np.arange(2**agents)[:, None] >> np.arange(agents)) & 1
    law = np.prod(np.where(bits, odds, 1 - odds), axis=1)
    return np.where(bits[..., None], up * (1 - odds)[:, None], -up * odds[:, None]), law


def _noise(generator):
    values, law = _signs(generator)
    agents = values.shape[1]
    base = generator.normal(size=values.shape[1:])
    return {
        "whole": _square(base + values, law), "kept": float((base**2).sum()), "noise": _square(values, law),
        "total": _square(values, law) / agents, "agents": agents, "mean_noise": _square(values.mean(1), law),
        "spread": _square(values - values.mean(1, keepdims=True), law) / agents,
    }  # fmt: skip


def _cubes(generator):
    agents, d = int(generator.integers(2, 9)), generator.integers(1, 4)
    x = generator.normal(size=(agents, d)) * 0.01
    x[0] += generator.normal(size=d) * generator.choice([0, 1])  # one outlier is the worst case
    size = np.linalg.norm(_deviations(x), axis=1)
    return {"agents": agents, "cube": (size**3).mean(), "spread": np.sqrt((size**2).mean())}


def _products(generator):
    """sum_j Phi_j N_j with noise of mean square sigma^2 an agent, and sum_j Phi_j D_j, for products less J."""
    agents, d, rounds = int(generator.integers(1, 5)), 2, int(generator.integers(1, 4))
    J, product, products = np.full((agents, agents), 1 / agents), np.eye(agents), []
    for _ in range(rounds):
        product = product @ doubly_stochastic(generator, agents)
        products.append(product - J)
    sigma = generator.exponential()
    variance = sigma**2 * generator.uniform(0.5, 1, size=(rounds, agents))
    variance[0] = sigma**2
    noise = sum(((P**2) @ v).sum() for P, v in zip(products, variance, strict=True)) / agents
    drift = [generator.normal(size=(agents, d)) for _ in products]
    norm = lambda x: np.sqrt((x**2).sum() / agents)  # noqa: E731
    return {
        "noise": noise, "sigma": sigma, "noise_gain": sum((P**2).sum() for P in products) / agents,
        "whole": norm(sum(P @ D for P, D in zip(products, drift, strict=True))),
        "drift_gain": sum(np.linalg.norm(P, 2) for P in products), "largest": max(map(norm, drift)),
    }  # fmt: skip


def _spread(generator):
    x = generator.normal(size=generator.integers(1, 5, size=2)) + generator.choice([0, 1])
    x -= x.mean(0) * generator.choice([0, 1])  # without a mean it is an equality
    return {"deviation": (_deviations(x) ** 2).sum() / len(x), "whole": (x**2).sum() / len(x)}


mean_noise = Symbol("mean_noise", nonnegative=True)
VECTOR_FACTS = (
    Fact("minkowski", "The root mean square of a sum is at most the sum of the root mean squares.",
         r"(\mathbb{E}\|A+B\|^2)^{1/2}\leq(\mathbb{E}\|A\|^2)^{1/2}+(\mathbb{E}\|B\|^2)^{1/2}",
         Le(whole, first + second), "Minkowski's inequality", _pair),
    Fact("cauchy_schwarz", "An expected inner product is at most the product of the root mean squares.",
         r"|\mathbb{E}\langle A,B\rangle|\leq(\mathbb{E}\|A\|^2)^{1/2}(\mathbb{E}\|B\|^2)^{1/2}",
         Le(Abs(inner), first * second), "Cauchy-Schwarz inequality", _pair),
    Fact("young", "The mean square of a sum is at most the weighted sum of the mean squares.",
         r"\mathbb{E}\|A+B\|^2\leq(1+w)\mathbb{E}\|A\|^2+(1+1/w)\mathbb{E}\|B\|^2",
         Le(whole**2, (1 + weight) * first**2 + (1 + 1 / weight) * second**2), "Young's inequality", _pair),
    Fact("expansion", "The mean square of a sum is that of its parts and twice their expected inner product.",
         r"\mathbb{E}\|A+B\|^2=\mathbb{E}\|A\|^2+2\mathbb{E}\langle A,B\rangle+\mathbb{E}\|B\|^2",
         Eq(whole**2, first**2 + 2 * inner + second**2), "bilinearity", _pair),
    Fact("jensen", "The square of a mean is at most the mean of the squares.",
         r"\|\mathbb{E}A\|^2\leq\mathbb{E}\|A\|^2", Le(first, second), "Jensen's inequality", _mean_square),
    Fact("deviation", "The mean square deviation from the mean is at most the mean square.",
         r"\tfrac1m\sum_k\|x_k-\bar x\|^2\leq\tfrac1m\sum_k\|x_k\|^2", Le(deviation, whole), "Pythagoras", _spread),
    Fact("independent_noise", "Zero-mean noise that is independent of a vector adds its mean square.",
         r"\mathbb{E}\|A+N\|^2=\mathbb{E}\|A\|^2+\mathbb{E}\|N\|^2", Eq(whole, kept + noise),
         "the mixed term has mean zero", _noise),
    Fact("mean_noise", "The mean of independent noise has 1/m of the mean variance of an agent.",
         r"\mathbb{E}\|\bar N\|^2=\tfrac1m\,\tfrac1m\sum_k\mathbb{E}\|N_k\|^2", Eq(mean_noise, total / agents),
         "independence across agents", _noise),
    Fact("spread_noise", "Independent noise leaves 1 - 1/m of its mean variance around the mean of the agents.",
         r"\tfrac1m\sum_k\mathbb{E}\|N_k-\bar N\|^2=(1-\tfrac1m)\tfrac1m\sum_k\mathbb{E}\|N_k\|^2",
         Eq(spread, (1 - 1 / agents) * total), "mean_noise and Pythagoras", _noise),
    Fact("contraction", "Gossip of consensus rate p leaves at most 1 - p of the mean square deviation.",
         r"\mathbb{E}\|W\Theta-\bar\Theta\|^2\leq(1-p)\|\Theta-\bar\Theta\|^2", Le(after, (1 - p) * now),
         "definition of p", _gossip),
    Fact("mean_preserved", "Doubly stochastic gossip keeps the mean of the agents, in every coordinate.",
         r"\tfrac1m 1^{\top}W\Theta=\tfrac1m 1^{\top}\Theta", Eq(next_mean, mean), "columns sum to 1", _gossip),
    Fact("mean_affine", "The mean of A theta_k + c_k over the agents is A times their mean, plus the mean of c_k.",
         r"\tfrac1m\sum_k(A\theta_k+c_k)=A\bar\theta+\bar c", Eq(mean_image, image_mean), "linearity", _affine),
    Fact("mean_cube", "The mean cube of deviations is at most ((m-1)^(3/2) + 1)/m times Xi^3.",
         r"\tfrac1m\sum_k\|\delta_k\|^3\leq\frac{(m-1)^{3/2}+1}{m}\,\Xi^3",
         Le(cube, ((agents - 1) ** Rational(3, 2) + 1) / agents * spread**3),
         "deviations sum to zero, so each |delta|^2 is at most (m-1) Xi^2; then convexity", _cubes),
    Fact("orthogonal_noise", "Noise independent over agents and rounds has mean square at most sigma^2 S after gossip.",
         r"\tfrac1m\mathbb{E}\|\sum_j\Phi_jN_j\|_F^2\leq\sigma^2S,\;S=\tfrac1m\sum_j\|\Phi_j\|_F^2",
         Le(noise, sigma**2 * noise_gain), "orthogonality of martingale differences", _products),
    Fact("product_drift", "A sum of products times drifts is at most R times the largest drift.",
         r"\|\sum_j\Phi_jD_j\|\leq R\max_j\|D_j\|,\;R=\sum_j\|\Phi_j\|_2", Le(whole, drift_gain * largest),
         "triangle inequality and the spectral norm", _products),
)  # fmt: skip
