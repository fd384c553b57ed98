"""EquiDyn: one peer a round at a random offset, and a consensus rate that does not depend on the size.

Song et al., NeurIPS 2022, arXiv:2210.07881, as in the authors' code; see `theory.equitopo` for the static kinds. Every
matrix is W = (1 - c) I + c Q with c = eta (n - 1)/n and a random permutation Q, the same law at every round,

    (Q x)_i = x_{i + δ_u(i - s)},   u uniform over the offsets, s uniform over the agents, all indices mod n,

so that E[Q] is circulant, doubly stochastic, and with the shares C(a, b, d) of the x for which δ(x) = a, δ(x + d) = b

    E[Q M Qᵀ]_ij = E_u Σ_ab C(a, b, j - i) M_{i + a, j + b}.
"""

from numbers import Integral

import numpy as np

from theory.edges import at_most_one, dense
from theory.errors import require, shown
from theory.rounds import Gossip


def _basis(agents, eta, offsets):
    """(agents, eta, the array of offsets to draw from), after a check of all parameters."""
    agents = dense(2, agents)
    eta = at_most_one(eta=eta)
    require(eta > 0, f"eta is {eta}; it must be above 0, or nobody communicates")
    if offsets is None:
        return agents, eta, np.arange(1, agents)
    given = list(offsets) if np.iterable(offsets) and not isinstance(offsets, str) else [offsets]
    require(given, f"offsets are none; give at least one integer from 1 to {agents - 1}")
    for offset in given:
        valid = isinstance(offset, Integral) and not isinstance(offset, bool) and 1 <= offset < agents
        expected = f"it must be an integer from 1 to {agents - 1}"
        require(valid, f"offset {shown(offset)} with {agents} agents is none; {expected}")
    return agents, eta, np.array(given, dtype=np.int64)


def _spread(row):
    """Circulant matrix C[..., i, j] = row[..., j - i mod n]."""
    i = np.arange(row.shape[-1])
    return row[..., (i - i[:, None]) % len(i)]


def _conjugated(laws, M):
    """E[Q M Qᵀ] of M [..., n, n] and the pairs (probability, δ [n]) of `laws`, in n log n each if M is circulant."""
    agents = M.shape[-1]
    row = M[..., 0, :]
    circulant = np.array_equal(M, _spread(row))
    result = np.zeros(row.shape if circulant else M.shape)
    for probability, displacement in laws:
        moves = np.unique(displacement)
        places = np.fft.fft(displacement == moves[:, None], axis=1)
        for a, here in zip(moves, places, strict=True):
            for b, there in zip(moves, places, strict=True):
                share = probability / agents * np.rint(np.fft.ifft(here.conj() * there).real)
                if circulant:
                    result += share * np.roll(row, a - b, axis=-1)
                else:
                    result += _spread(share) * np.roll(M, (-a, -b), axis=(-2, -1))
    return _spread(result) if circulant else result


def _gossip(agents, eta, basis, moved, back):
    """`Gossip` of the law above, u from `basis`: moved(u) is δ_u [n] in 0..n-1, and back(u) that of Qᵀ."""
    c, i = eta * (agents - 1) / agents, np.arange(agents)
    distinct, times = np.unique(basis, return_counts=True)

    def laws(moves):
        return zip(times / times.sum(), map(moves, distinct.tolist()), strict=True)

    def mean_of(moves):
        return _spread(sum(chance / agents * np.bincount(d, minlength=agents) for chance, d in laws(moves)))

    def draw(_, generator):
        turned = np.roll(moved(int(generator.choice(basis))), generator.integers(agents))
        W = np.zeros((agents, agents))
        W[i, i] = 1 - c
        W[i, (i + turned) % agents] += c
        return W

    def moment(moves, M):
        Q = mean_of(moves)
        return (1 - c) ** 2 * M + c * (1 - c) * (Q @ M + M @ Q.T) + c**2 * _conjugated(laws(moves), M)

    return Gossip(
        agents=agents,
        period=1,
        mean_preserving=True,
        draw=draw,
        mean=lambda _: (1 - c) * np.eye(agents) + c * mean_of(moved),
        pull_back=lambda _, M: moment(back, M),
        push_forward=lambda _, M: moment(moved, M),
    )


def od_equidyn(agents, eta=0.5, offsets=None):
    """Each round all agents hear i + u mod n for one random u: W = (1 - eta) I + eta (I/n + (n - 1)/n P_u).

    Doubly stochastic, not symmetric, degree 1. u is uniform on 1..n-1, or on the given `offsets`, such as the ones of a
    D-EquiStatic, each as often as it is listed. With all offsets every direction of deviations keeps

        1 - p = (1 - eta)² + eta² (n - 2)/n,   at least (n - 2)/(2n - 2), at eta = n/(2n - 2), where W = (I + P_u)/2.

    In the authors' code eta is 1 by default, and 0.53, close to the best, in their runs of n = 17.
    """

    agents, eta, basis = _basis(agents, eta, offsets)

    def moved(u):
        return np.full(agents, u)

    return _gossip(agents, eta, basis, moved, back=lambda u: moved(agents - u))


def _first_of_pairs(agents, u):
    """Agents i of pairs i ~ i + u mod n, where i = 0, 1, ..., n - 1 take turns and pair if i and i + u are both free.

    For 2u <= n they are in every other block of u agents, as far as partners go. Else, with v = n - u, the first v
    agents pair with the last v, and of the agents in between i + v pairs with i as by the offset v.
    """
    v = min(u, agents - u)
    line = np.arange(agents if u == v else agents - 2 * v)
    first = line[(line // v % 2 == 0) & (line + v < len(line))]
    return first if u == v else np.concatenate([np.arange(v), first + 2 * v])


def ou_equidyn(agents, eta=0.5, offsets=None):
    """Each round agents pair up as i ~ i + u mod n: W = (1 - eta) I + eta (I/n + (n - 1)/n Q), where Q swaps the pairs.

    Symmetric, doubly stochastic, degree at most 1. u is drawn as in `od_equidyn` and a first agent s uniformly; the
    agents s, s + 1, ..., s - 1 take turns, and i pairs with i + u where both are free. For any s these are
    N_u = v floor(n/(2v)) + max(0, n mod 2v - v) pairs, v = min(u, n - u). With c = eta (n - 1)/n

        1 - p = max_j 1 - 4c(1 - c)/n E_u[N_u (1 - cos(2πju/n))],   j = 1..n-1,

    as Q² = I; smallest at eta = n/(2n - 2), c = 1/2, where W averages pairs. The authors' eta are as in `od_equidyn`.
    """

    agents, eta, basis = _basis(agents, eta, offsets)

    def moved(u):
        first = _first_of_pairs(agents, u)
        displacement = np.zeros(agents, dtype=np.int64)
        displacement[first] = u
        displacement[(first + u) % agents] = agents - u
        return displacement

    return _gossip(agents, eta, basis, moved, back=moved)
