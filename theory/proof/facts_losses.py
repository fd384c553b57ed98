"""Facts about smooth losses, on random sums of waves and convex quadratics whose constants are known in closed form."""

import numpy as np
from sympy import Le, Rational, Symbol

from theory.proof.fact import Fact


def _nonnegative(names):
    return (Symbol(name, nonnegative=True) for name in names.split())


step_sq, L2, L3, L4, remainder, cube, bend, spread_sq = _nonnegative("step_sq L2 L3 L4 remainder cube bend spread_sq")
loss_remainder, fourth, L5 = _nonnegative("loss_remainder fourth L5")
smooth, gap_sq, distance_sq, mu, drift, zeta, noise = _nonnegative("smooth gap_sq distance_sq mu drift zeta noise")
loss, next_loss, slope, start, average, term = (
    Symbol(name, real=True) for name in ("loss", "next_loss", "slope", "start", "average", "term")
)
inner = Symbol("inner", real=True)
steps = Symbol("steps", positive=True)


class Waves:
    """L(x) = sum_j a_j cos(k_j.x + s_j): the q-th derivative is at most sum_j |a_j| |k_j|^q."""

    def __init__(self, generator, d, waves=2):
        self.a, self.k = generator.normal(size=waves), generator.normal(size=(waves, d))
        self.s = generator.uniform(0, 2 * np.pi, size=waves)

    def loss(self, x):
        return float(self.a @ np.cos(self.k @ x + self.s))

    def gradient(self, x):
        return -(self.a * np.sin(self.k @ x + self.s)) @ self.k

    def second(self, x, v):
        return -(self.a * np.cos(self.k @ x + self.s) * (self.k @ v)) @ self.k

    def third(self, x, v):
        return (self.a * np.sin(self.k @ x + self.s) * (self.k @ v) ** 2) @ self.k

    def fourth(self, x, v):
        return (self.a * np.cos(self.k @ x + self.s) * (self.k @ v) ** 3) @ self.k

    def largest(self, order):
        return float(np.abs(self.a) @ np.linalg.norm(self.k, axis=1) ** order)


def _step(generator):
    d = int(generator.integers(1, 4))
    f, x, v = Waves(generator, d, int(generator.integers(1, 3))), generator.normal(size=d), generator.normal(size=d)
    v *= 10.0 ** generator.integers(-2, 1)
    left = f.gradient(x + v) - f.gradient(x) - f.second(x, v) - f.third(x, v) / 2
    beyond = f.loss(x + v) - f.loss(x) - f.gradient(x) @ v - f.second(x, v) @ v / 2
    return {
        "loss": f.loss(x), "next_loss": f.loss(x + v), "slope": f.gradient(x) @ v, "step_sq": v @ v,
        "L2": f.largest(2), "L4": f.largest(4), "remainder": np.linalg.norm(left), "cube": np.linalg.norm(v) ** 3,
        "L3": f.largest(3), "loss_remainder": abs(beyond),
    }  # fmt: skip


def _peak(generator):
    """One cosine at the point where the fourth derivative is largest: the Taylor remainder attains L4/6."""
    if generator.random() < 0.5:
        return _step(generator)
    f, size = Waves(generator, 1, 1), 10.0 ** -generator.uniform(0.5, 1.5)
    f.s[:] = 0
    x, v = np.zeros(1), np.array([size])
    left = f.gradient(x + v) - f.gradient(x) - f.second(x, v) - f.third(x, v) / 2
    return {"L4": f.largest(4), "remainder": np.linalg.norm(left), "cube": size**3}


def _paired(generator):
    """Deviations in pairs v, -v: what odd terms leave in the mean gradient; sometimes at the crest of one wave."""
    d, many = int(generator.integers(1, 3)), int(generator.integers(1, 4))
    f, x, size = Waves(generator, d), generator.normal(size=d), 10.0 ** -generator.uniform(0.5, 1.5)
    if generator.random() < 0.5:
        d, many, f, x = 1, 1, Waves(generator, 1, 1), np.zeros(1)
        f.s[:] = np.pi / 2
    half = size * generator.normal(size=(many, d))
    steps = np.concatenate([half, -half])
    left = np.mean([f.gradient(x + v) - f.third(x, v) / 2 for v in steps], axis=0) - f.gradient(x)
    return {"remainder": np.linalg.norm(left), "L5": f.largest(5),
            "fourth": (np.linalg.norm(steps, axis=1) ** 4).mean()}  # fmt: skip


def _agents(generator):
    """Agents around their mean: |mean of gradients - gradient at the mean|^2, and |grad Tr(Hessian Gamma)|/2."""
    m, d = int(generator.integers(1, 5)), int(generator.integers(1, 3))
    own = [Waves(generator, d) for _ in range(m)]
    x = generator.normal(size=(m, d)) * 10.0 ** generator.integers(-2, 1)
    if generator.random() < 0.2:  # a hill and a valley with an agent on each: the discrepancy is nearly L Xi
        own, x = [Waves(generator, 1, 1), Waves(generator, 1, 1)], np.array([[0.01], [-0.01]])
        own[1].a, own[1].k, own[0].s[:], own[1].s[:], m = -own[0].a, own[0].k, 0, 0, 2
    mean, spread = x.mean(0), ((x - x.mean(0)) ** 2).sum() / m
    e = np.mean([f.gradient(y) - f.gradient(mean) for f, y in zip(own, x, strict=True)], axis=0)
    g = np.array([f.gradient(y) for f, y in zip(own, x, strict=True)])
    at_mean = np.array([f.gradient(mean) for f in own])
    zeta = np.sqrt(((at_mean - at_mean.mean(0)) ** 2).sum() / m)
    bend = np.mean([own[0].third(mean, y - mean) for y in x], axis=0) / 2
    left = np.mean([own[0].gradient(y) for y in x], axis=0) - own[0].gradient(mean) - bend
    return {
        "remainder": np.linalg.norm(left), "L4": own[0].largest(4),
        "cube": (np.linalg.norm(x - mean, axis=1) ** 3).mean(),
        "gap_sq": e @ e, "smooth": max(f.largest(2) for f in own), "spread_sq": spread, "zeta": zeta,
        "drift": np.sqrt(((g - g.mean(0)) ** 2).sum() / m), "bend": np.linalg.norm(bend), "L3": own[0].largest(3),
    }  # fmt: skip


def _apart(generator):
    """One cosine with an outlier among many agents comes near the constant; other losses do not."""
    if generator.random() < 0.5:
        return _agents(generator)
    f, m = Waves(generator, 1, 1), int(generator.integers(50, 200))
    x = np.zeros(m)
    x[0] = 0.1
    delta = x - x.mean()
    f.s[:] = 0
    left = np.mean([f.gradient(np.array([y])) - f.second(np.zeros(1), np.array([y])) for y in delta])
    return {"L4": f.largest(4), "remainder": abs(left), "cube": (np.abs(delta) ** 3).mean()}


def _convex(generator):
    d = int(generator.integers(1, 4))
    Q, _ = np.linalg.qr(generator.normal(size=(d, d)))
    h = generator.uniform(0.1, 2, size=d)
    v = generator.normal(size=d)
    g = Q @ (h * (Q.T @ v))
    return {"inner": g @ v, "gap_sq": g @ g, "distance_sq": v @ v, "smooth": h.max(), "mu": h.min()}


def _sums(generator):
    """A sequence with f_(t+1) <= f_t - a_t + noise, tight but for some slack; start = f_0 - inf f."""
    T = int(generator.integers(1, 8))
    a, noise, slack = generator.normal(1, 1, size=T), generator.exponential(), generator.exponential(size=T)
    values = np.concatenate([[0.0], np.cumsum(-a + noise - slack * generator.choice([0, 1]))])
    t = generator.integers(T)
    return {"average": a.mean(), "start": values[0] - values.min(), "steps": T, "noise": noise, "term": a[t],
            "loss": values[t], "next_loss": values[t + 1]}  # fmt: skip


LOSS_FACTS = (
    Fact("descent_lemma", "The loss after a step is at most its linear model plus L2/2 times the squared step.",
         r"L(\theta+v)\leq L(\theta)+\langle\nabla L(\theta),v\rangle+\tfrac{L_2}{2}\|v\|^2",
         Le(next_loss, loss + slope + L2 / 2 * step_sq), "Taylor's formula for L2-smooth losses", _step),
    Fact("taylor_gradient", "Taylor's formula of second order for the gradient leaves at most L4/6 |step|^3.",
         r"\|\nabla L(\theta+v)-\nabla L-\nabla^2L\,v-\tfrac12\nabla^3L[v,v]\|\leq\tfrac{L_4}{6}\|v\|^3",
         Le(remainder, L4 * Rational(1, 6) * cube), "integral form, kernel (1-s)^2/2", _peak),
    Fact("taylor_symmetric", "Over a symmetric law of deviations Taylor's formula leaves at most L5/24 mean |delta|^4.",
         r"\|\mathbb{E}\nabla L(\theta+\delta)-\nabla L-\tfrac12\nabla\mathrm{Tr}(\nabla^2L\,\Gamma)\|"
         r"\leq\tfrac{L_5}{24}\mathbb{E}\|\delta\|^4",
         Le(remainder, L5 * Rational(1, 24) * fourth), "integral form, kernel (1-s)^3/6; odd moments vanish", _paired),
    Fact("taylor_loss", "Taylor's formula of second order for the loss leaves at most L3/6 |step|^3.",
         r"|L(\theta+v)-L-\langle\nabla L,v\rangle-\tfrac12v^{\top}\nabla^2L\,v|\leq\tfrac{L_3}{6}\|v\|^3",
         Le(loss_remainder, L3 * Rational(1, 6) * cube), "integral form, kernel (1-s)^2/2", _step),
    Fact("third_derivative", "Half the gradient of Tr(Hessian Gamma) is at most L3/2 times the consensus distance.",
         r"\tfrac12\|\nabla\mathrm{Tr}(\nabla^2L\,\Gamma)\|\leq\tfrac{L_3}{2}\Xi^2", Le(bend, L3 / 2 * spread_sq),
         "norm of the third derivative", _agents),
    Fact("taylor_mean", "For one loss the mean gradient is known to second order, up to L4/6 mean |delta|^3.",
         r"\|\tfrac1m\sum_k\nabla L(\theta_k)-\nabla L-\tfrac12\nabla\mathrm{Tr}(\nabla^2L\,\Gamma)\|"
         r"\leq\tfrac{L_4}{6}\tfrac1m\sum_k\|\delta_k\|^3",
         Le(remainder, L4 * Rational(1, 6) * cube), "taylor_gradient for each agent; deviations sum to zero", _apart),
    Fact("smooth_discrepancy", "The mean gradient differs from that of the means by at most the smoothness times Xi.",
         r"\|\tfrac1m\sum_k\nabla L_k(\theta_k)-\nabla L(\bar\theta)\|^2\leq L_{loc}^2\Xi^2",
         Le(gap_sq, smooth**2 * spread_sq), "smoothness of every agent and Jensen", _agents),
    Fact("smooth_drift", "The local gradients deviate from their mean by at most their smoothness times Xi, plus zeta.",
         r"(\tfrac1m\sum_k\|\nabla L_k(\theta_k)-v\|^2)^{1/2}\leq L_{loc}\Xi+\zeta",
         Le(drift, smooth * spread_sq**Rational(1, 2) + zeta), "smoothness, Minkowski and deviation", _agents),
    Fact("cocoercivity", "Gradients of a convex smooth loss are cocoercive.",
         r"\|\nabla f(x)-\nabla f(y)\|^2\leq L\langle\nabla f(x)-\nabla f(y),x-y\rangle",
         Le(gap_sq, smooth * inner), "Baillon and Haddad", _convex),
    Fact("coercivity", "Gradients of a strongly convex smooth loss are coercive.",
         r"\mu L\|x-y\|^2+\|\nabla f(x)-\nabla f(y)\|^2\leq(\mu+L)\langle\nabla f(x)-\nabla f(y),x-y\rangle",
         Le(mu * smooth * distance_sq + gap_sq, (mu + smooth) * inner), "Nesterov 2004, Theorem 2.1.12", _convex),
    Fact("telescoping", "Steps that each bring a_t up to a constant bring its mean to the start's gap over the steps.",
         r"f_{t+1}\leq f_t-a_t+c\;\forall t\;\Rightarrow\;\tfrac1T\sum_t a_t\leq\frac{f_0-\inf f}{T}+c",
         Le(average, start / steps + noise), "the sum of the differences telescopes", _sums,
         needs=(Le(next_loss, loss - term + noise),)),
)  # fmt: skip
