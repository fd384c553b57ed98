"""`onemerge topologies`, `compare` and `scale`, as a user calls them."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from paper_repro.cli import main
from paper_repro.compare import compare_topologies
from paper_repro.compare.steps import simulated_steps
from paper_repro.scale import scale_topologies
from sim.quadratic import Quadratic
from theory.bounds import BOUNDS
from theory.gossip import one_peer_exponential, random_matching
from theory.roster import ROSTER

QUICK = ("--epsilon", "0.05", "--runs", "4")


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def call(*words):
    return CliRunner().invoke(main, words)


def strict(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout, parse_constant=pytest.fail)


def sentence(result):
    assert result.exit_code == 2, result.output
    (line,) = [text for text in result.stderr.strip().splitlines() if text.startswith("onemerge: ")]
    assert "Traceback" not in result.stderr
    return line


def test_topologies_lists_everything():
    assert [record["name"] for record in strict(call("topologies", "--json"))] == list(ROSTER)
    shown = call("topologies").stdout
    assert all(name in shown for name in ROSTER)


@pytest.fixture(scope="module")
def record():
    words = ("ring", "torus", "exponential", "base-2", "random-0.2", "matching-0.2")
    return compare_topologies(words, 12, epsilon=0.05, runs=4)


def test_a_comparison_has_the_costs_and_rates_of_each(record):
    ring, torus, exponential, base, random, matching = record["rows"]
    assert [row["degree"] for row in record["rows"]] == [2, 4, 4, 1, 1, 1]
    assert (ring["messages"], torus["messages"], exponential["messages"]) == (24, 48, 48)
    assert random["messages"] == pytest.approx(0.2 * 12, rel=0.2)
    assert ring["slem"] == pytest.approx((1 + 2 * np.cos(np.pi / 6)) / 3)
    assert ring["p"] == pytest.approx(1 - ring["slem"] ** 2)
    assert (base["p_of_period"], base["period"]) == (pytest.approx(1), 5)
    q = 1 - 0.2 * 12 / 22
    assert matching["p"] == pytest.approx(1 - q)
    assert [row["doubly_stochastic"] for row in record["rows"]] == [True, True, True, True, False, True]
    assert ring["rounds_to_halve"] == int(np.ceil(np.log(0.5) / np.log(ring["slem"] ** 2)))
    assert matching["rounds_to_halve"] == int(np.ceil(np.log(0.5) / np.log(q)))


def test_every_bound_that_holds_needs_at_least_the_simulated_steps(record):
    compared = 0
    for row in record["rows"]:
        assert row["simulated"]["steps"] is not None
        assert abs(row["simulated"]["z"]) < 5
        for found in row["bounds"].values():
            if found["kind"] == "upper" and not found["needs"]:
                assert found["steps"] >= row["simulated"]["steps"]
                compared += 1
    assert compared >= 15


def test_a_bound_is_shown_or_its_absence_explained(record):
    for row in record["rows"]:
        assert not set(row["bounds"]) & set(row["left_out"])
        assert "master_nonconvex" in set(row["bounds"]) | set(row["left_out"])
        assert all(reason for reason in row["left_out"].values())
    assert "doubly_stochastic" in record["rows"][4]["left_out"]["master_nonconvex"]
    assert record["rows"][0]["bounds"]["rate_d12"]["needs"] == ["homogeneous"]


def test_steps_under_a_bound_are_those_of_its_formula(record):
    ring = record["rows"][0]
    found = ring["bounds"]["master_nonconvex"]
    values = {"agents": 12, "sigma": 1.0, "zeta": 1.5, "L_local": 1.5}
    problem = Quadratic(dim=5, spread=0.5).build(12, (0,))
    gains = dict(zip(("noise_gain", "drift_gain"), _gains(ring["slem"]), strict=True))
    bound = BOUNDS["master_nonconvex"](
        steps=found["steps"], lr=found["lr"], initial_gap=float(problem.initial_gap[0]), **values, **gains
    )
    assert bound == pytest.approx(0.05, rel=1e-6)


def _gains(slem):
    """S and R of the ring of 12 from its spectrum."""
    spectrum = (1 + 2 * np.cos(2 * np.pi * np.arange(1, 12) / 12)) / 3
    return (spectrum**2 / (1 - spectrum**2)).sum() / 12, slem / (1 - slem)


def test_equal_hessians_make_all_topologies_alike():
    rows = compare_topologies(("ring", "exponential", "one-peer"), 8, epsilon=0.05, runs=4, spread=0.0)["rows"]
    assert len({row["simulated"]["steps"] for row in rows}) == 1


@pytest.mark.parametrize("gossip", [one_peer_exponential(6), random_matching(6, 0.5)])
def test_simulated_steps_are_the_first_crossing(gossip):
    """Against the running means of plain runs, one learning rate after the other."""
    from sim.optimizer import Optimizer
    from sim.simulate import simulate

    config, epsilon, runs = Quadratic(dim=3, spread=0.5), 0.05, 3
    found = simulated_steps(gossip, config, epsilon, runs=runs)
    problem = config.build(6, tuple(range(runs)))
    crossings = []
    for lr in (found.lr, found.lr / 2**0.5):
        table, _ = simulate(problem, gossip.draw, Optimizer("sgd", lr), rounds=found.steps + 60, gradients_every=1)
        squares = table[table["metric"] == "gradient_norm_sq"].pivot(index="step", columns="seed", values="value")
        means = squares.expanding().mean().mean(axis=1).to_numpy()[:-1]
        crossings.append(int(np.argmax(means <= epsilon)) + 1 if (means <= epsilon).any() else np.inf)
    assert crossings[0] == found.steps
    assert crossings[1] >= found.steps


def test_what_is_never_reached_is_said():
    found = simulated_steps(one_peer_exponential(4), Quadratic(dim=2, spread=0.5), 1e-9, runs=2, most=100)
    assert (found.steps, found.lr, found.tried) == (None, None, 100)


def test_the_commands_print_a_table_and_draw():
    result = call("compare", "--agents", "8", "ring", "base-2", "random-0.2", *QUICK)
    assert result.exit_code == 0, result.output
    for text in ("messages a round", "rounds to halve", "master_nonconvex", "simulated steps", "homogeneous"):
        assert text in result.stdout
    assert "results/compare_ring_base-2_random-0.2_8.png" in result.stdout
    result = call("scale", "ring", "hypercube", "--agents", "8:512", "--points", "5", "--plot", "gap.pdf")
    assert result.exit_code == 0, result.output
    for text in ("-1.99", "1/n²", "1/log n", "gap.pdf"):
        assert text in result.stdout
    from pathlib import Path

    assert Path("results/compare_ring_base-2_random-0.2_8.png").read_bytes()[:4] == b"\x89PNG"
    assert Path("gap.pdf").read_bytes()[:4] == b"%PDF"


def test_json_is_strict_and_the_words_of_the_figure_go_to_stderr():
    record = strict(call("scale", "ring", "--agents", "8:64", "--points", "4", "--json"))
    assert record["rows"][0]["known"] == {"law": "1/n²", "source": "(4/3) sin²(π/n)"}
    record = strict(call("compare", "ring", "--agents", "6", *QUICK, "--json"))
    assert record["rows"][0]["simulated"]["steps"] > 0


def test_gaps_are_those_of_the_closed_form():
    (row,) = scale_topologies(("ring",), 8, 10**6, points=6)["rows"]
    np.testing.assert_allclose(row["gap"], 4 / 3 * np.sin(np.pi / np.array(row["agents"])) ** 2, rtol=1e-10)
    assert row["slope"] == pytest.approx(-2, abs=1e-4)


def test_a_size_that_takes_too_long_ends_its_curve():
    told = []
    record = scale_topologies(("regular-4",), 64, 10**6, points=4, time_limit=1e-9, tell=told.append)
    assert len(record["rows"][0]["agents"]) < 4
    assert len(told) == 1
    assert "left out" in told[0]


BAD = {  # words: what the sentence says
    "compare --agents 8 rign": "rign: unknown topology 'rign'",
    "compare --agents 8": "Missing argument 'TOPOLOGIES...'",
    "compare ring": "Missing option '--agents'",
    "compare --agents 1 ring": "agents is 1; it must be an integer of at least 2",
    "compare --agents x ring": "'x' is not a valid integer",
    "compare --agents 12 hypercube": "hypercube: agents is 12; a hypercube needs a power of two",
    "compare --agents 8 ring ring": "is given twice",
    "compare --agents 8 ring-2": "has the value 2 too many",
    "compare --agents 8 ring --epsilon 0": "epsilon is 0.0; it must be a positive number",
    "compare --agents 8 ring --runs 1": "runs is 1",
    "compare --agents 8 ring --decay 1": "decay is 1.0; it must be at least 0 and below 1",
    "compare --agents 8 ring --spread 1": "spread must lie in [0, 1)",
    "compare --agents 8 ring --plot x.svg": "x.svg has the suffix '.svg'",
    "compare --agents 8 local": "never brings its agents together",
    "compare --agents 9000 ring": "onemerge check takes at most 4096",
    "scale ring --agents 8": "agents is '8'; a range is SMALLEST:LARGEST",
    "scale rign --agents 8:64": "unknown topology 'rign'",
    "scale random-0.2 --agents 8:64": "random-0.2 is no static topology",
    "scale ring --agents 8:64 --points 2": "points is 2; a slope needs at least 3",
    "compare --agents 8 ring:agents=9": "ring:agents=9 has 9 agents, the others 8",
    "compare --agents 8 lost.gml": "lost.gml is not a file",
    "scale ring:agents=9 --agents 8:64": "ring:agents=9 gives agents; the sizes come from --agents",
    "scale ring ring --agents 8:64": "is given twice",
    "scale ring --agents 8:64 --time-limit 0": "time_limit is 0.0; it must be a positive number of seconds",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_one_sentence(words, tmp_path):
    assert BAD[words] in sentence(call(*words.split()))
    assert not list(tmp_path.rglob("*.png"))


def test_a_size_that_a_family_lacks_ends_its_curve():
    result = call("scale", "regular-9", "--agents", "8:64", "--points", "3")
    assert result.exit_code == 0
    assert "left out" in result.stderr


def test_files_and_folders_are_compared_too(tmp_path):
    (tmp_path / "mine.edgelist").write_text("0 1\n1 2\n2 3\n3 0\n")
    (tmp_path / "rounds").mkdir()
    for t, W in enumerate(hypercube_rounds(4)):
        np.save(tmp_path / "rounds" / f"{t}.npy", W)
    files = [str(tmp_path / "mine.edgelist"), str(tmp_path / "rounds")]
    mine, rounds, ring, hypercube = strict(
        call("compare", *files, "ring", "one-peer-hypercube", "--agents", "4", *QUICK, "--json")
    )["rows"]
    for one, other in ((mine, ring), (rounds, hypercube)):
        same = ("messages", "slem", "p", "period", "rounds_to_halve", "finite_time", "bounds", "simulated")
        assert {field: one[field] for field in same} == {field: other[field] for field in same}


def hypercube_rounds(agents):
    """Averages with the agent whose number differs in one bit, bit after bit."""
    return [(np.eye(agents) + np.eye(agents)[np.arange(agents) ^ bit]) / 2 for bit in (1, 2)]
