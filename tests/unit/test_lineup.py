"""Words of the command line, the roster behind them, and the known laws of gaps."""

import numpy as np
import pytest

from paper_repro.compare.lineup import label, parse, sides, sized
from paper_repro.scale import sizes, span
from theory.errors import OnemergeError
from theory.graphs import TOPOLOGIES, ring
from theory.matcha import matcha
from theory.mixing import mixing
from theory.roster import ROSTER, build, default_weights, entry, listing, whole_or_real
from theory.rounds import Gossip
from theory.scaling import KNOWN, fit

WORDS = [  # word, agents, name and parameters
    ("ring", 6, "ring", {"agents": 6}),
    ("torus", 32, "torus", {"rows": 4, "cols": 8}),
    ("torus", 7, "torus", {"rows": 1, "cols": 7}),
    ("torus:rows=2,cols=3", 99, "torus", {"rows": 2, "cols": 3}),
    ("base-2", 32, "base_graph", {"agents": 32, "peers": 1}),
    ("random-0.2", 32, "random_peers", {"agents": 32, "peers": 0.2}),
    ("one-peer", 8, "one_peer_exponential", {"agents": 8}),
    ("one-peer-exponential", 8, "one_peer_exponential", {"agents": 8}),
    ("regular-4", 9, "random_regular", {"agents": 9, "degree": 4, "seed": 0}),
    ("watts-strogatz-4-0.1", 9, "watts_strogatz", {"agents": 9, "degree": 4, "probability": 0.1, "seed": 0}),
    ("erdos:probability=0.5,seed=7", 9, "erdos_renyi", {"agents": 9, "probability": 0.5, "seed": 7}),
    ("circulant-1,2,5", 16, "circulant", {"agents": 16, "hops": (1, 2, 5)}),
    ("circulant:hops=1,2", 16, "circulant", {"agents": 16, "hops": (1, 2)}),
    ("matcha-ring-0.5", 8, "matcha", {"graph": "ring", "budget": 0.5, "agents": 8}),
    ("matcha:graph=torus,budget=0.5", 8, "matcha", {"graph": "torus", "budget": 0.5, "rows": 2, "cols": 4}),
    ("random_neighbors:graph=regular,peers=1", 8, None, "graph is 'regular'"),
    ("lollipop-3", 8, "lollipop", {"agents": 8, "clique": 3}),
    ("od-equidyn", 8, "od_equidyn", {"agents": 8}),
    ("rign", 8, None, "unknown topology 'rign'"),
    ("ring-3", 8, None, "'ring-3' has the value 3 too many; ring takes agents"),
    ("base-1", 8, None, "base is 1; Base-"),
    ("random:0.2", 8, None, "'0.2' in 'random:0.2' is not of the form parameter=value"),
]


@pytest.mark.parametrize(("word", "agents", "name", "expected"), WORDS, ids=[word for word, *_ in WORDS])
def test_words_name_topologies(word, agents, name, expected):
    if name is None:
        with pytest.raises(OnemergeError, match=expected):
            build(parse(word)[0], **sized(*parse(word), agents))
        return
    found, given = parse(word)
    assert (found, sized(found, given, agents)) == (name, expected)
    built = build(found, **expected)
    count = getattr(built, "agents", None) or len(built)
    assert count == np.prod([expected.get(p, 1) for p in ("agents", "rows", "cols")])


def test_sides_are_as_equal_as_they_can_be():
    for agents in range(1, 200):
        rows, cols = sides(agents)
        assert rows * cols == agents
        assert rows <= cols
        assert not any(agents % r == 0 for r in range(rows + 1, int(agents**0.5) + 1))


def test_labels_say_what_tells_apart():
    assert label("torus", {"rows": 4, "cols": 8}) == "torus (4×8)"
    assert label("random_peers", {"peers": 0.2, "agents": 8}) == "random_peers (peers 0.2)"
    assert label("ring", {"agents": 8}) == "ring"


def test_values_are_numbers_lists_or_names():
    assert [whole_or_real(text) for text in ("4", "0.2", "1,2,5", "ring", "1,x")] == [4, 0.2, (1, 2, 5), "ring", "1,x"]


def test_the_listing_has_everything_once():
    records = listing()
    assert [record["name"] for record in records] == list(ROSTER)
    assert set(TOPOLOGIES) < set(ROSTER)
    assert all(len(record["summary"]) > 14 and record["summary"].endswith(".") for record in records)
    eta = next(
        p for record in records if record["name"] == "od_equidyn" for p in record["parameters"] if p["name"] == "eta"
    )
    assert eta == {"name": "eta", "required": False, "default": 0.5}


def test_a_gossip_on_a_graph_takes_its_name_or_the_graph():
    by_name, by_graph = build("matcha", graph="ring", agents=6, budget=0.5), matcha(ring(6), 0.5)
    assert isinstance(by_name, Gossip)
    np.testing.assert_array_equal(by_name.second_moment(), by_graph.second_moment())
    np.testing.assert_array_equal(build("matcha", graph=ring(6), budget=0.5).second_moment(), by_graph.second_moment())
    local = build("local_steps_on", graph="exponential", agents=6, rounds=2)
    graph = TOPOLOGIES["exponential"](6)
    np.testing.assert_array_equal(local.draw(1, None), mixing(graph, default_weights(graph)))
    np.testing.assert_array_equal(local.draw(0, None), np.eye(6))


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("ring", {}, "ring misses parameter agents; its parameters are agents"),
        ("ring", {"agents": 4, "hops": 2}, "ring has no parameter hops"),
        ("matcha", {"budget": 0.5}, "matcha misses parameter graph"),
        ("matcha", {"graph": "ring", "budget": 0.5}, "ring misses parameter agents"),
        ("nothing", {}, "unknown topology 'nothing'; valid topologies are ring"),
    ],
)
def test_bad_calls_of_the_roster(name, parameters, message):
    with pytest.raises(OnemergeError, match=message):
        build(name, **parameters)


# Laws of the gap


@pytest.mark.parametrize("text", ["8", "8:", "8:4", "3:9", "8:x", "8:9:10", "-8:9", "1e3:1e4"])
def test_bad_ranges(text):
    with pytest.raises(OnemergeError, match=r"a range is SMALLEST:LARGEST"):
        span(text)


def test_sizes_are_those_that_a_family_has():
    assert span("8:100000") == (8, 100000)
    assert sizes("hypercube", 8, 1024, 20) == [8, 16, 32, 64, 128, 256, 512, 1024]
    assert all(round(n**0.5) ** 2 == n for n in sizes("torus", 8, 10**5, 12))
    assert all(n % 2 == 0 and 9 <= n <= 999 for n in sizes("ring", 9, 999, 30))


@pytest.mark.parametrize("name", [name for name, known in KNOWN.items() if name != "random_regular"])
def test_known_laws_are_the_slopes_of_large_sizes(name):
    from theory.operators import operator
    from theory.spectrum import gap

    chosen = {"torus": [400, 900, 1600, 2500], "grid": [400, 900, 1600, 2500], "hypercube": [64, 256, 1024, 4096],
              "barbell": [60, 120, 240, 480]}.get(name, [256, 512, 1024, 2048])  # fmt: skip
    extra = {"lollipop": {"clique": 4}, "circulant": {"hops": (1, 2)}, "directed_circulant": {"hops": (1, 2)}}
    gaps = [float(gap(operator(name, **sized(name, extra.get(name, {}), n)))) for n in chosen]
    if name == "complete":
        assert gaps == pytest.approx([1] * 4)
        return
    found = fit(chosen, gaps, KNOWN[name])
    expected = KNOWN[name].log_power or KNOWN[name].power
    assert found.slope == pytest.approx(expected, abs=0.25 if KNOWN[name].log_power else 0.06)


def test_expanders_keep_their_gap():
    from theory.operators import operator
    from theory.spectrum import gap

    gaps = [float(gap(operator("random_regular", agents=n, degree=4, seed=0))) for n in (200, 800, 3200)]
    assert min(gaps) > (4 - 2 * 3**0.5) / 5 * 0.9  # 1 - (1 + λ₂)/5 with λ₂ near 2√3


def test_a_fit_finds_a_power_and_its_error():
    n = np.array([10, 20, 40, 80, 160, 320])
    exact = fit(n, 3 * n**-1.5)
    assert exact.slope == pytest.approx(-1.5, abs=1e-12)
    np.testing.assert_allclose(exact.at(n), 3 * n**-1.5)
    noisy = fit(np.repeat(n, 50), 3 * np.repeat(n, 50) ** -1.5 * np.exp(np.random.default_rng(0).normal(0, 0.1, 300)))
    assert abs(noisy.slope + 1.5) < 5 * noisy.error
    assert noisy.error == pytest.approx(0.1 / (np.log(n[3:]).std() * 150**0.5), rel=0.2)
    with pytest.raises(OnemergeError, match="2 sizes are too few"):
        fit([10, 20], [1, 0.5])


def test_words_of_laws():
    words = {name: KNOWN[name].words for name in ("ring", "torus", "hypercube", "complete")}
    assert words == {"ring": "1/n²", "torus": "1/n", "hypercube": "1/log n", "complete": "constant"}
    assert entry("ring").kind == "graph"
