"""Worst cases of decentralized gradient descent as a semidefinite program with one Gram block an eigenvalue of W.

Agents k = 1..m start at x_k,0, adapt-then-combine X <- W (X - lr G) or combine-then-adapt X <- W X - lr G, G_k the
gradient of L_k at x_k, W symmetric with W 1 = 1. Along an eigenvector of eigenvalue w, after t steps,

    x_t = w^t x_0 - lr Σ_{j<t} w^(t-j) g_j    (combine-then-adapt: w^(t-1-j)),                                   (1)

so no iterate is a variable. Everything that the program asks is a mean over agents of inner products of vectors that
agents have, points and gradients, and for any eigenvectors u of W,

    (1/m) Σ_k <a_k, b_k> = <ā, b̄> + Σ_u <a_u, b_u>,   a_u = Σ_k u(k) a_k/√m.                                   (2)

Upper bound, any symmetric W: replace the interpolation inequalities (`interpolation`) of every agent by their mean over
agents. By (1) and (2) what is left depends on one Gram block of the mean and, for each *distinct* eigenvalue, the sum
of the blocks of its eigenvectors. Multiplicities do not enter, nor does m.

Exact where the projection E_w on every eigenspace has a constant diagonal, that is where all powers of W have one
(vertex-transitive topologies such as ring, torus, hypercube and complete graph are of this kind; path and star are
not): blocks M_w give every agent the same inner products, those of Σ_w M_w ⊗ E_w m/tr E_w, and the same values f, so
that the mean inequality is the inequality of each agent. The dimension of the model is not bounded.

Units: L = 1 and a length `scale` are taken out (`Setting.scaled`). Points where gradients are taken: the agents' points
of steps 0..N-1, the mean models that a constraint or the objective names, and a minimizer of the mean loss L (convex).
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from theory.proof.interpolation import interpolation_forms, outer
from theory.proof.setting import LIMITS, Setting


@dataclass(frozen=True)
class Program:
    """Maximize Σ_b <C_b, M_b> + c f over M_b >= 0 and f with Σ_b <A_i,b, M_b> + a_i f <= r_i, for a setting of L = 1.

    `forms(w)` gives A [constraints, n, n] and C [n, n] of the block of the eigenvalue w, None for the mean; they are
    float or Fraction like the setting and w. a [constraints, values], c [values] and r [constraints] are `linear()`.
    """

    setting: Setting
    together: bool = False  # agents have equal models after every step: one agent, or W = J after the local step

    @cached_property
    def infimum(self):
        """How L* enters: "" not at all, "point" at a minimizer, "bound" by L - |grad L|²/2 >= L* (no convexity)."""
        s = self.setting
        if s.about == "consensus_distance" and s.initial_gap is None and s.initial_distance_sq is None:
            return ""
        return "point" if s.lower >= 0 else "bound"

    @cached_property
    def free(self):
        """Nothing bounds the gradient of L, and the mean models of different steps may lie as far apart as one likes.

        Then the worst case is approached, not attained, by adding <c, x> + k/2 <c, x>²/|c|² to all losses, |c| large:
        the inequalities between different steps become slack, so that only those of one step are left, and the mean
        gradient may be taken as 0.
        """
        return not self.infimum and self.setting.phi is None

    @cached_property
    def remote(self):
        """Nothing bounds how far the minimizer of convex losses lies: the worst case has it at infinity.

        There, along a slope that tends to 0, the inequalities of the pairs (minimizer, point) are slack; without them
        its place does not enter.
        """
        s = self.setting
        near = s.initial_distance_sq is not None or s.about == "final_distance_sq"
        return self.infimum == "point" and s.lower == 0 and not near

    @cached_property
    def points(self):
        """("agent", t), ("mean", t) and ("star", 0); the start is the agents' point too where it is common."""
        s, N = self.setting, self.setting.steps
        times = {
            "gradient_norm_sq": {N},
            "gradient_norm_sq_mean": set(range(N)),
            "gradient_norm_sq_least": set(range(N + 1)),
            "loss_gap": {N},
            "loss_gap_mean": set(range(N)),
        }.get(s.about, set())
        times |= set(range(N)) if s.zeta is not None else set()
        times |= {0} if s.initial_gap is not None else set()
        times |= set(range(N + 1)) if self.infimum == "bound" else set()
        times = {t for t in times if not self.shared(t)}
        star = [("star", 0)] if self.infimum == "point" else []
        return [("agent", t) for t in range(N)] + [("mean", t) for t in sorted(times)] + star

    def shared(self, t):
        """Whether the mean model of step t is the point of every agent at which it took a gradient."""
        common_start = self.setting.initial_consensus_distance is None
        return t < self.setting.steps and (common_start if t == 0 else self.together)

    def mean_point(self, t):
        """Index of the mean model of step t among the points."""
        return self.points.index(("agent" if self.shared(t) else "mean", t))

    @cached_property
    def pairs(self):
        """Pairs (i, j) of points whose interpolation inequality is imposed, [pairs, 2]."""
        n = len(self.points)
        kept = [
            (i, j)
            for i in range(n)
            for j in range(n)
            if i != j
            and not (self.free and self.points[i][1] != self.points[j][1])
            and not (self.remote and self.points[i][0] == "star")
        ]
        return np.array(kept, dtype=int).reshape(-1, 2)

    @cached_property
    def labels(self):
        """The names of the constraints, in order."""
        s, N = self.setting, self.setting.steps
        named = [("interpolation", (int(i), int(j))) for i, j in self.pairs]
        named += [("phi", t) for t in range(N) if s.phi is not None]
        named += [("zeta", t) for t in range(N) if s.zeta is not None]
        named += [(name, 0) for name in list(LIMITS)[2:] if getattr(s, name) is not None]
        named += [("infimum", t) for t in range(N + 1) if self.infimum == "bound"]
        named += [("least", t) for t in range(N + 1) if s.about == "gradient_norm_sq_least"]
        return named

    def vectors(self, w):
        """(points x, gradients g [points + 1, n]) of the block of w over its basis; the last x is that of step N."""
        s, N, mean = self.setting, self.setting.steps, w is None
        one = Fraction(1) if isinstance(s.lr, Fraction) else 1.0
        absent = {"star"} | ({"mean"} if self.free else set()) if mean else set()
        if mean and self.free:
            absent |= {("agent", t) for t in range(N) if self.shared(t)}
        lead = ["start"] if not mean and s.initial_consensus_distance is not None else []
        lead += ["minimizer"] if mean and self.infimum == "point" and not self.remote else []
        basis = lead + [p for p in self.points if p[0] not in absent and p not in absent]
        place = {name: index for index, name in enumerate(basis)}
        rows = len(self.points) + 1
        x, g = (np.full((rows, len(basis)), 0 * one) for _ in range(2))
        late = 1 if s.order == "combine_then_adapt" else 0
        weight = one if mean else w * one
        for index, (kind, t) in enumerate([*self.points, ("agent", N)]):
            own = (kind, t)
            if index < len(self.points) and own in place:
                near = ("mean", t) in place and kind == "agent"  # then the basis has (g - gradient at the mean)/lr
                g[index, place[own]] = s.lr * one if near else one
                if near:
                    g[index, place["mean", t]] = one
            if kind == "star" and "minimizer" in place:
                x[index, place["minimizer"]] = one
            if kind == "agent" or (kind == "mean" and mean):
                for j in range(t):
                    x[index] = x[index] - s.lr * weight ** (t - j - late) * g[j]
                if lead == ["start"]:
                    x[index, place["start"]] = weight**t
        return x, g

    def forms(self, w):
        """(A [constraints, n, n], C [n, n]) of the block of w, None for the mean."""
        s, N, mean = self.setting, self.setting.steps, w is None
        x, g = self.vectors(w)
        zero = np.zeros_like(outer(x[0], x[0]))
        squares = outer(g, g)
        A = list(interpolation_forms(x, g, self.pairs, s.lower)) if len(self.pairs) else []
        for name, t in self.labels[len(A) :]:
            if name == "phi":
                form = squares[t]
            elif name == "zeta":
                form = zero if mean else squares[self.mean_point(t)]
            elif name == "initial_distance_sq":
                form = outer(x[-2], x[-2]) if mean else zero
            elif name == "initial_consensus_distance":
                form = zero if mean else outer(x[0], x[0])
            elif name in ("infimum", "least"):
                factor = Fraction(1, 2) if name == "infimum" else -1
                factor = factor if isinstance(s.lr, Fraction) else float(factor)
                form = squares[self.mean_point(t)] * factor if mean else zero
            else:
                form = zero
            A.append(form)
        C = zero
        if s.about == "consensus_distance" and not mean:
            C = outer(x[-1], x[-1])
        elif s.about == "final_distance_sq" and mean:
            C = outer(x[-1] - x[-2], x[-1] - x[-2])
        elif s.about == "gradient_norm_sq" and mean:
            C = squares[self.mean_point(N)]
        elif s.about == "gradient_norm_sq_mean" and mean:
            C = sum(squares[self.mean_point(t)] for t in range(N)) / N
        return (np.stack(A) if A else zero[None][:0]), C

    def linear(self):
        """(a [constraints, values], c [values], r [constraints]); values: f of the points, L*, the least, less one."""
        s, N, n = self.setting, self.setting.steps, len(self.points)
        one = Fraction(1) if isinstance(s.lr, Fraction) else 1.0
        star = {"point": n - 1, "bound": n, "": 0}[self.infimum]
        a = np.full((len(self.labels), n + 2), 0 * one)
        r = np.full(len(self.labels), 0 * one)
        for row, (name, t) in enumerate(self.labels):
            if name == "interpolation":
                a[row, t[1]], a[row, t[0]] = one, -one
            elif name == "infimum":
                a[row, star], a[row, self.mean_point(t)] = one, -one
            elif name == "initial_gap":
                a[row, self.mean_point(0)], a[row, star] = one, -one
            elif name == "least":
                a[row, n + 1] = one
            if name in LIMITS:
                value = getattr(s, name)
                r[row] = value**2 if name in ("phi", "zeta") else value
        c = np.full(n + 2, 0 * one)
        ends = {"loss_gap": [N], "loss_gap_mean": range(N)}.get(s.about, [])
        for t in ends:
            c[self.mean_point(t)] += one / len(ends)
            c[star] -= one / len(ends)
        if s.about == "gradient_norm_sq_least":
            c[n + 1] = one
        fixed = {star} | {v for v in range(n) if self.free and self.points[v][0] == "mean"}  # f is up to constants
        used = [v for v in range(n + 2) if v not in fixed and (c[v] != 0 or (a[:, v] != 0).any())]
        return a[:, used], c[used], r, used
