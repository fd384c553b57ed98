"""Arguments of topologies, weight rules and gossips: numpy's integers count as Python's, and wrong ones are named."""

import inspect

import networkx as nx
import numpy as np
import pytest

from theory.activation import activation
from theory.directed import push_sum, push_sum_rate, scaled
from theory.edges import LARGEST
from theory.equitopo import d_equistatic, equistatic_moment, equistatic_terms, u_equistatic
from theory.errors import OnemergeError, shown
from theory.gossip import periodic
from theory.links import FAMILIES, Links, links
from theory.matcha import matching_activation, plan
from theory.mixing import complete_average, mixing
from theory.operators import operator
from theory.roster import GOSSIPS, ROSTER, build, entry, required
from theory.rounds import Gossip
from theory.structures import Circulant, Line

GIVEN = {
    "agents": 100, "rows": 12, "cols": 14, "clique": 90, "hops": [1, 70], "degree": 6, "probability": 0.5, "seed": 3,
    "radius": 0.5, "links": 90, "terms": 120, "peers": 1, "rounds": 3, "budget": 0.5, "topology": nx.complete_graph(16),
}  # fmt: skip
SIZED = {"one_peer_hypercube": {"agents": 64}, "hypercube": {"agents": 64}, "barbell": {"agents": 6}}


def sentence(call):
    with pytest.raises(OnemergeError) as error:
        call()
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000
    return str(error.value)


def arguments(build):
    needed = [p for p, given in inspect.signature(build).parameters.items() if given.default is given.empty]
    return {p: GIVEN[p] for p in needed} | SIZED.get(build.__name__, {})


BUILDERS = [*FAMILIES.values(), d_equistatic, u_equistatic, equistatic_moment, *GOSSIPS.values()]


@pytest.mark.parametrize("made", BUILDERS, ids=lambda found: found.__name__)
@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64])
def test_integers_of_numpy_are_as_good_as_those_of_python(made, kind):
    values = arguments(made)
    narrow = {p: kind(v) if isinstance(v, int) else v for p, v in values.items()}
    one, other = made(**values), made(**narrow)
    if isinstance(one, Links):
        assert (one.agents, one.directed) == (other.agents, other.directed)
        one, other = one.pairs, other.pairs
    if isinstance(one, Gossip):
        assert (one.agents, one.period) == (other.agents, other.period)
        moment = np.diag(np.arange(float(one.agents)))
        np.testing.assert_array_equal(one.pull_back(0, moment), other.pull_back(0, moment))
        one, other = (gossip.draw(0, np.random.default_rng(0)) for gossip in (one, other))
    np.testing.assert_array_equal(one, other)


def test_single_precision_numbers_lose_no_digits_of_the_moments():
    for name in ("random_peers", "random_matching"):
        double, single = (GOSSIPS[name](8, kind(0.3)) for kind in (float, np.float32))
        assert single.second_moment()[0, 0] == pytest.approx(double.second_moment()[0, 0], abs=1e-7)
        np.testing.assert_allclose(single.second_moment().sum(axis=0), 1 if name == "random_matching" else
                                   single.second_moment().sum(axis=1), rtol=0, atol=1e-14)  # fmt: skip


@pytest.mark.parametrize("agents", [10**12, 10**30, 10**400], ids=["1e12", "1e30", "1e400"])
@pytest.mark.parametrize("made", [b for b in BUILDERS if "agents" in arguments(b)], ids=lambda found: found.__name__)
def test_too_many_agents_are_refused_before_memory_ends(made, agents):
    power = 1 << (agents - 1).bit_length()
    size = power if made.__name__ in ("hypercube", "one_peer_hypercube") else agents
    assert "at most" in sentence(lambda: made(**arguments(made) | {"agents": size}))


@pytest.mark.parametrize("family", ["torus", "grid"])
def test_long_sides_are_refused(family):
    assert "at most 100000000" in sentence(lambda: links(family, rows=10**12, cols=2))
    assert "at most 100000000" in sentence(lambda: operator(family, rows=3, cols=10**12))
    assert "at most 100000000" in sentence(lambda: operator("exponential", agents=10**30))


@pytest.mark.parametrize("rule", ["uniform", "metropolis", "max_degree", "sinkhorn"])
def test_dense_matrices_of_many_agents_are_refused(rule):
    net = links("ring", agents=LARGEST + 1)
    assert f"at most {LARGEST}" in sentence(lambda: mixing(net, rule))
    assert mixing(net, rule, sparse=True).shape == (LARGEST + 1, LARGEST + 1)
    assert f"at most {LARGEST}" in sentence(lambda: complete_average(LARGEST + 1))


@pytest.mark.parametrize("wrong", [[3], {}, np.eye(3), None, 2.5])
def test_names_that_are_no_text_are_unknown(wrong):
    for call in (lambda: mixing(nx.path_graph(3), wrong), lambda: links(wrong, agents=3), lambda: entry(wrong)):
        assert "unknown" in sentence(call)
    assert "unknown solver" in sentence(lambda: plan(nx.path_graph(3), 0.5, wrong))


@pytest.mark.parametrize("name", [name for name in ROSTER if entry(name).on_graph])
@pytest.mark.parametrize("wrong", [None, 3, np.eye(3), nx.Graph(), nx.Graph([(0, 0)]), nx.Graph([("a", "b")])])
def test_gossips_on_what_is_no_topology_are_refused(name, wrong):
    own = {p: GIVEN[p] for p in required(name) if p != "graph"}
    assert any(word in sentence(lambda: build(name, graph=wrong, **own)) for word in ("topology", "nodes must be"))


@pytest.mark.parametrize("wrong", [3, None, np.nan, np.int64(2)])
def test_what_is_no_sequence_of_matrices_is_refused(wrong):
    assert "sequence of arrays" in sentence(lambda: periodic(wrong))


@pytest.mark.parametrize("wrong", ["x", {}, 3 + 0j, [[1], [1, 2]], None])
def test_what_is_no_array_has_no_push_sum(wrong):
    sentence(lambda: push_sum(wrong))


def test_numbers_too_small_to_count_are_refused():
    assert "square" in sentence(lambda: equistatic_terms(8, 1e-300, 0.1))
    assert equistatic_terms(8, 0.5, 1e-300) == 7398  # 32/3 (4 log 2 + 300 log 10) = 7397.9
    assert "from 1e-06 to 1" in sentence(lambda: plan(nx.path_graph(5), 1e-100))
    assert plan(nx.path_graph(5), 1e-6).rho < 1


CLASSES = [np.array([[0, 1], [2, 3]]), np.array([[1, 2]])]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"agents": 0}, "agents is 0"),
        ({"agents": 3}, "agents from 0 to 2"),
        ({"classes": []}, "the matchings are []"),
        ({"alpha": np.nan}, "alpha is nan"),
        ({"alpha": "x"}, "alpha is 'x'"),
        ({"probabilities": "x"}, "one from 0 to 1 for each of 2 matchings"),
    ],
)
def test_active_matchings_are_checked(changes, words):
    values = {"agents": 4, "classes": CLASSES, "probabilities": [0.5, 0.5], "alpha": 1} | changes
    assert words in sentence(lambda: matching_activation(**values))


@pytest.mark.parametrize("budget", [0, -1, 2, np.nan, None, "x", 1e-12])
def test_a_budget_is_a_share_of_the_matchings(budget):
    assert "from 1e-06 to 1" in sentence(lambda: activation(4, CLASSES, budget))


def test_whole_steps_make_matrices_of_floats():
    W = matching_activation(4, CLASSES, [1, 1], 1).draw(0, np.random.default_rng(0))
    np.testing.assert_array_equal(W, [[0, 1, 0, 0], [1, -1, 1, 0], [0, 1, -1, 1], [0, 0, 1, 0]])
    assert W.dtype == np.float64


def test_matrices_of_different_agents_have_no_common_rate():
    assert "2 and 3 agents" in sentence(lambda: push_sum_rate(np.eye(2), np.eye(3)))


def test_weights_that_rounding_loses_are_not_scaled():
    assert "fewer orders of magnitude" in sentence(lambda: scaled([[1e-300, 1], [1, 1e300]]))
    np.testing.assert_allclose(scaled([[1e-200, 1], [1, 1e-200]]), [[0, 1], [1, 0]], rtol=0, atol=1e-13)


def test_circulants_of_narrow_integers_are_those_of_wide_ones():
    weights = {0: 0.5, 3: 0.25, -3: 0.25}
    np.testing.assert_array_equal(Circulant(np.int8(100), weights).toarray(), Circulant(100, weights).toarray())
    np.testing.assert_array_equal(Line(np.int8(100), 0.25).losses(), Line(100, 0.25).losses())


def test_a_message_quotes_long_values_in_one_short_line():
    assert shown(np.eye(40)).startswith("array([[1., 0.")
    assert len(shown(np.eye(40))) == 80
    assert shown("a\nb") == r"'a\nb'"
    assert "array(" in sentence(lambda: FAMILIES["ring"](np.eye(9)))
