"""The law of one round of random peers at R = `peers` <= 1, exact in m and R: closed forms, and all draws counted.

W = (I + F)/2, where F has one 1 in each row: F[i, f(i)] = 1, f(i) the agent that i hears, f(i) = i if it hears none.
Rows are independent, f(i) = i has probability 1 - R, every other value R/(m - 1). With the deviations z from the old
mean, Xi^2 = |z|^2/m, and q = 1 - R m/(2(m - 1)) (`random_gossip.random_peers` has the proof):

    E|W z|^2/m = q Xi^2,   E(mean of W z)^2 = q(1 - q)/m Xi^2,   E Xi_+^2 = ρ Xi^2,   ρ = q(1 - (1 - q)/m).

A draw is doubly stochastic if and only if f is a permutation: the s agents that hear somebody are deranged.
"""

from functools import cache
from itertools import combinations, product
from math import comb

import numpy as np
import sympy
from sympy import Integer, Matrix, Rational

from theory.edges import dense
from theory.errors import require, shown

LARGEST = 5  # agents whose draws are counted one by one: m^m of them


def keep(m, R):
    """q, the factor of E|x_+ - old mean|^2; p = 1 - q."""
    return 1 - R * m / (2 * (m - 1))


def drift(m, R):
    """q(1 - q)/m, the variance of the mean of the agents after a round, in units of Xi^2."""
    q = keep(m, R)
    return q * (1 - q) / m


def keep_around_new_mean(m, R):
    """ρ = q(1 - (1 - q)/m), the factor of E Xi_+^2, which is around the new mean."""
    return keep(m, R) - drift(m, R)


def noise_inflation(m, R):
    """Variance a step of the merged model over η^2 σ^2/m, on linear losses with independent noise, once stationary.

    Before a round the consensus distance is S = ρ S + (1 - 1/m) η^2 σ^2, and the round adds q(1 - q)/m S to the
    variance η^2 σ^2/m of the mean of the noise. 2m/(m + 1) as R -> 0; 1 for a doubly stochastic W.
    """
    return 1 + m * drift(m, R) * (1 - Integer(1) / m) / (1 - keep_around_new_mean(m, R))


def doubly_stochastic_chance(m, R):
    """Probability that a draw is doubly stochastic: Σ_s C(m, s) D_s (R/(m - 1))^s (1 - R)^(m - s), D_s derangements."""
    m, R = dense(2, m), sympy.sympify(R)
    require(0 < R <= 1, f"peers is {shown(R)}; it must be a probability in (0, 1]")
    return sum(comb(m, s) * int(sympy.subfactorial(s)) * (R / (m - 1)) ** s * (1 - R) ** (m - s) for s in range(m + 1))


@cache
def draws(agents):
    """All f of m = `agents` <= 5 agents [m^m, m], integers 0..m-1."""
    agents = dense(2, agents)
    require(agents <= LARGEST, f"agents is {agents}; draws are counted one by one for 2 to {LARGEST} agents")
    return np.array(list(product(range(agents), repeat=agents)))


@cache
def counted(agents):
    """{s: (draws, of them doubly stochastic, Σ (2W)ᵀ(2W), Σ c cᵀ)} by the number s of agents that hear somebody.

    c [m] are the column sums of 2W. Each draw of s has the probability (R/(m - 1))^s (1 - R)^(m - s). Integers.
    """
    heard = draws(agents)
    twice = np.eye(agents, dtype=int) + np.eye(agents, dtype=int)[heard]  # [draws, m, m]
    columns = twice.sum(axis=1)
    active = (heard != np.arange(agents)).sum(axis=1)
    found = {}
    for s in range(agents + 1):
        chosen, sums = twice[active == s], columns[active == s]
        gram = np.einsum("nki,nkj->ij", chosen, chosen)
        found[s] = (len(chosen), int((sums == 2).all(axis=1).sum()), gram, sums.T @ sums)
    return found


def counted_moments(agents, R):
    """(E WᵀW, E WᵀJW, P(doubly stochastic), total probability) from all draws; R is a number or a symbol."""
    chance = {s: (R / (agents - 1)) ** s * (1 - R) ** (agents - s) for s in range(agents + 1)}
    moment, mean_moment = sympy.zeros(agents), sympy.zeros(agents)
    good = total = Integer(0)
    for s, (number, permutations, gram, outer) in counted(agents).items():
        moment += chance[s] * Matrix(gram.tolist()) / 4
        mean_moment += chance[s] * Matrix(outer.tolist()) / (4 * agents)
        good += permutations * chance[s]
        total += number * chance[s]
    return moment, mean_moment, good, total


def on_deviations(form):
    """The exact λ with zᵀ form z = λ |z|^2 for every z that sums to 0, or None where there is none.

    Checked on the basis e_0 - e_k, whose products under a multiple of the identity are 1 + δ_kl.
    """
    agents = form.shape[0]
    differences = Matrix(agents - 1, agents, lambda k, j: Integer(j == 0) - Integer(j == k + 1))
    products = (differences * form * differences.T).applyfunc(sympy.expand)
    factor = products[0, 0] / 2
    same = (products - factor * (sympy.eye(agents - 1) + sympy.ones(agents - 1))).applyfunc(sympy.expand)
    return factor if same.is_zero_matrix else None


def matching_moment(agents, R):
    """E WᵀW of a uniform perfect matching of an even number of agents, by listing all matchings and active pairs."""
    moment, matchings = sympy.zeros(agents), list(_matchings(tuple(range(agents))))
    for pairs in matchings:
        for s in range(len(pairs) + 1):
            for active in combinations(pairs, s):
                W = sympy.eye(agents)
                for i, j in active:
                    W[i, i] = W[j, j] = W[i, j] = W[j, i] = Rational(1, 2)
                moment += R**s * (1 - R) ** (len(pairs) - s) * W.T * W / len(matchings)
    return moment


def _matchings(agents):
    if not agents:
        yield ()
        return
    for place in range(1, len(agents)):
        rest = agents[1:place] + agents[place + 1 :]
        for others in _matchings(rest):
            yield ((agents[0], agents[place]), *others)
