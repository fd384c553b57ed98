"""The sharp critical edge: against numbers computed elsewhere, exact gains, units, and its own equation."""

from math import sqrt

import numpy as np
import pytest
from sympy import Rational

from paper_repro.claims.proposition_2 import gain
from theory.edge import edge, printed_terms, repaired_terms, sharp_edge, sharp_share
from theory.errors import OnemergeError

HUBER = {"L2": 1.0, "L3": 48 / 25 / sqrt(5), "L4": 3.0}  # √(1 + x²)
AUDITED = {1.0: (0.346, 0.041), 0.5: (0.409, 0.042), 0.1: (0.142, 0.0032), 0.01: (0.0158, 0.00003)}


def at(x):
    """μ and γ of the pseudo-Huber at x."""
    return {"mu": x / sqrt(1 + x**2), "gamma": 3 * x * (1 + x**2) ** -2.5}


@pytest.mark.parametrize("x", AUDITED)
def test_the_audited_edges_of_two_agents(x):
    sharp, printed = AUDITED[x]
    assert sharp_edge(1.5, 2, **HUBER, **at(x)) == pytest.approx(sharp, abs=6e-4)
    assert float(edge(*printed_terms(1.5, 2, 1, **HUBER, **at(x)))) == pytest.approx(printed, abs=6e-4)


@pytest.mark.parametrize("agents", [2, 3, 16])
@pytest.mark.parametrize("x", AUDITED)
def test_it_is_the_root_of_a_polynomial_and_beyond_the_repaired_edge(x, agents):
    known = HUBER | at(x)
    found = sharp_edge(1.5, agents, **known)
    grown = [float(sharp_share(found * factor, 1.5, agents, **known)) for factor in (0.5, 1, 2)]
    assert grown[0] < 1 < grown[2]
    assert grown[1] == pytest.approx(1)
    cubic = float({2: 1, 3: sqrt(1.5), 16: 226 / (16 * sqrt(15))}[agents] * known["L4"])
    scale = 1.5 / (0.5 * known["gamma"] * known["mu"])  # Q - 1 by powers of Ξ, from the highest
    high, low = cubic / 6, known["L3"] / 2
    roots = np.roots([scale * high**2, 2 * scale * high * low, scale * low**2, cubic / (3 * known["gamma"]), -1])
    positive = roots[(abs(roots.imag) < 1e-12) & (roots.real > 0)].real
    assert positive == pytest.approx([found])
    assert float(edge(*repaired_terms(1.5, agents, 1, **known))) < found


@pytest.mark.parametrize("x", ["1", "1/2", "1/10"])
def test_the_exact_gain_is_negative_below_it(x):
    limit = sharp_edge(1.5, 2, **HUBER, **at(float(Rational(x))))
    for share in (0.01, 0.5, 0.999):
        apart = Rational(share * limit).limit_denominator(10**6)
        assert not gain(x, apart, "3/2", tilt=0).violates


@pytest.mark.parametrize("scale", [0.1, 10.0])
def test_it_is_a_length(scale):
    known = HUBER | at(0.5)
    units = {"L2": -2, "L3": -3, "L4": -4, "mu": -1, "gamma": -3}
    scaled = {name: value * scale ** units[name] for name, value in known.items()}
    assert sharp_edge(1.5 * scale**2, 16, **scaled) == pytest.approx(scale * sharp_edge(1.5, 16, **known))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"agents": 1}, "1 agents have no consensus distance"),
        ({"lr": 1.0}, "ell = lr L2 is 1.0"),
        ({"gamma": 0.0}, "gamma and mu are .*, 3.0, 0.0, "),
        ({"L4": -1.0}, "must be above 0"),
    ],
)
def test_where_there_is_none(changed, named):
    known = {"lr": 1.5, "agents": 2} | HUBER | at(0.5) | changed
    with pytest.raises(OnemergeError, match=named):
        sharp_edge(known.pop("lr"), known.pop("agents"), **known)
