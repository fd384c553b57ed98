import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from paper_repro import check
from paper_repro.cli import main
from theory.bounds import BOUNDS
from theory.graphs import ring
from theory.mixing import metropolis
from theory.roster import ROSTER

QUICK = ("--steps", "20", "--runs", "8")
COMMAND = [sys.executable, "-c", "from paper_repro.cli import main; main()", "check"]
SMALLEST = {
    "ring": "--agents 6",
    "path": "--agents 5",
    "torus": "--rows 3 --cols 4",
    "grid": "--rows 2 --cols 3",
    "hypercube": "--agents 8",
    "star": "--agents 5",
    "complete": "--agents 4",
    "binary_tree": "--agents 6",
    "lollipop": "--agents 6 --clique 4",
    "barbell": "--agents 5",
    "exponential": "--agents 6",
    "symmetric_exponential": "--agents 9",
    "random_regular": "--agents 8 --degree 3 --seed 0",
    "erdos_renyi": "--agents 7 --probability 0.7 --seed 1",
    "random_geometric": "--agents 8 --radius 0.7 --seed 0",
    "watts_strogatz": "--agents 8 --degree 4 --probability 0.3 --seed 0",
    "barabasi_albert": "--agents 8 --links 2 --seed 0",
    "one_peer_exponential": "--agents 6",
    "one_peer_hypercube": "--agents 8",
    "base_graph": "--agents 5 --peers 1",
    "random_peers": "--agents 6 --peers 0.2",
    "random_matching": "--agents 6 --peers 0.2",
    "pairwise_exchange": "--agents 5",
    "epidemic": "--agents 6 --peers 2",
    "circulant": "--agents 9 --hops 1,3",
    "directed_circulant": "--agents 7 --hops 1,3",
    "d_equistatic": "--agents 8 --terms 4 --seed 0",
    "u_equistatic": "--agents 8 --terms 4 --seed 0",
    "epidemic_oracle": "--agents 6 --peers 2",
    "od_equidyn": "--agents 6",
    "ou_equidyn": "--agents 6 --eta 0.6",
    "k_peer_exponential": "--agents 9 --peers 2",
    "simple_base_graph": "--agents 6 --peers 1",
    "round_robin": "--agents 6",
    "random_neighbors": "--graph torus --rows 3 --cols 3 --peers 0.5",
    "pairwise_on": "--graph ring --agents 5",
    "random_matching_on": "--graph ring --agents 6 --peers 0.5",
    "round_robin_on": "--graph path --agents 5",
    "matcha": "--graph ring --agents 6 --budget 0.5",
    "local_steps_on": "--graph ring --agents 5 --rounds 3",
    "global_every_on": "--graph exponential --agents 6 --rounds 4",
}
FIELDS = {"topology", "matrix", "spectrum", "enclosures", "problem", "run", "moments", "margin", "bounds",
          "not_compared", "contradictions", "curve", "seconds"}  # fmt: skip
ROW = {"bound", "source", "statement", "about", "kind", "value", "measured", "standard_error", "ratio", "z", "step",
       "assumptions", "verdict", "note"}  # fmt: skip


def call(*words):
    """Result of `onemerge check ...` in this process."""
    return CliRunner().invoke(main, ["check", *words])


def refuse(constant):
    raise AssertionError(f"{constant} is not strict JSON")


def strict(text):
    """The JSON value of a text without NaN and Infinity."""
    return json.loads(text, parse_constant=refuse)


def sentence(result):
    """The one line of stderr of a call that ended with code 2."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert isinstance(result.exception, SystemExit)
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("onemerge: ")
    return lines[0]


def test_every_topology_is_tried():
    assert set(SMALLEST) | {"local"} == set(ROSTER)  # agents that never talk are refused, see BAD


@pytest.mark.parametrize("name", SMALLEST)
def test_every_topology_is_checked(name):
    result = call(name, *SMALLEST[name].split(), *QUICK, "--json")
    assert result.exit_code == 0, result.output
    record = strict(result.stdout)
    assert set(record) == FIELDS
    assert record["contradictions"] == []
    compared = [row["bound"] for row in record["bounds"]]
    assert sorted(compared + record["not_compared"]) == sorted(BOUNDS)
    assert {"lemma_d1", "corollary_d2", "rate_d12", "master_nonconvex", "table1_dsgd_koloskova"} <= set(compared)
    decided = 0
    for row in record["bounds"]:
        assert set(row) == ROW
        assert row["verdict"] in ("holds", "violated", "order", "not applicable")
        assert (row["verdict"] == "not applicable") == (row["value"] is None) == bool("outside" in row["note"])
        assert (row["verdict"] == "order") == (row["kind"] == "order" and row["value"] is not None)
        decided += row["verdict"] == "holds"
    assert decided >= 4
    assert len(record["spectrum"]["eigenvalues"]) == record["topology"]["agents"]
    assert len(record["curve"]["step"]) == len(record["curve"]["mean"]) == 20


def test_the_report_is_for_people():
    result = call("ring", "--agents", "8", *QUICK)
    assert result.exit_code == 0
    for text in ("doubly stochastic", "slem", "ring_gap", "master_nonconvex", "hides its constant", "No contradiction"):
        assert text in result.stdout
    assert "nan" not in result.stdout.lower()
    assert "proved" not in result.stdout


def test_certify_prints_what_is_proved_and_why_the_rest_is_not():
    ring = call("ring", "--agents", "8", *QUICK, "--certify")
    found = re.search(r"gap, proved +\[(\S+), (\S+)\]", ring.stdout)
    assert float(found[1]) <= 4 / 3 * math.sin(math.pi / 8) ** 2 <= float(found[2])
    assert "not certified" not in ring.stdout
    sequence = call("one_peer_exponential", "--agents", "8", *QUICK, "--certify")
    assert "not certified: enclosures are about one fixed matrix" in " ".join(sequence.stdout.split())
    directed = call("exponential", "--agents", "6", *QUICK, "--certify", "--json")
    assert all(found["certified"] for found in strict(directed.stdout)["enclosures"])


def test_what_is_not_met_has_a_letter():
    stdout = call("random_peers", "--agents", "8", "--peers", "0.3", *QUICK).stdout
    letter = re.search(r"Not met, (\w): homogeneous: ", stdout)[1]
    row = next(line for line in stdout.splitlines() if line.strip().startswith("theorem_1_descent "))
    assert f"{letter}*" in row.replace(",", " ").split()


def test_the_json_is_what_python_returns():
    record = strict(call("ring", "--agents", "5", "--lr", "0.05", *QUICK, "--json").stdout)
    other = check.check_topology("ring", agents=5, lr=0.05, steps=20, runs=8)
    del record["seconds"], other["seconds"]
    assert record == json.loads(json.dumps(other))


def test_a_contradiction_ends_with_code_one(monkeypatch):
    from dataclasses import replace

    small = replace(BOUNDS["lemma_d1_sharp"], formula=BOUNDS["lemma_d1_sharp"].formula / 1000)
    monkeypatch.setitem(BOUNDS, "lemma_d1_sharp", small)
    result = call("ring", "--agents", "6", *QUICK)
    assert result.exit_code == 1
    assert "Contradicted, with all assumptions met: lemma_d1_sharp" in result.stdout


def test_a_violation_without_an_assumption_ends_with_code_zero():
    words = ["--agents", "16", "--spread", "0.9", "--sigma", "0", "--distance", "0", "--steps", "200", "--runs", "2"]
    result = call("ring", *words, "--json")
    assert result.exit_code == 0
    rows = {row["bound"]: row for row in strict(result.stdout)["bounds"]}
    assert rows["rate_d12"]["verdict"] == "violated"
    unmet = [a["assumption"] for a in rows["rate_d12"]["assumptions"] if not a["met"]]
    assert unmet == ["homogeneous"]


def test_a_diverged_run_is_a_result():
    result = call("ring", "--agents", "4", "--lr", "10000", "--steps", "100", "--runs", "4")
    assert result.exit_code == 0
    assert "diverged at step" in result.stdout
    record = strict(call("ring", "--agents", "4", "--lr", "10000", "--steps", "100", "--runs", "4", "--json").stdout)
    assert record["run"]["diverged_at"] > 0


def test_row_stochastic_gossip_reports_its_drift():
    record = strict(call("random_peers", "--agents", "16", "--peers", "0.2", *QUICK, "--json").stdout)
    assert record["spectrum"]["mean_drift"] > 0.001
    assert record["spectrum"]["noise_gain"] == "inf"
    assert not record["matrix"]["doubly_stochastic"]
    lemma = next(row for row in record["bounds"] if row["bound"] == "lemma_d1")
    assert [a["assumption"] for a in lemma["assumptions"] if not a["met"]] == ["A1"]


@pytest.mark.parametrize("suffix", ["png", "pdf"])
@pytest.mark.parametrize("name", ["torus", "exponential", "one_peer_exponential", "random_matching", "complete"])
def test_plots(name, suffix, tmp_path):
    target = tmp_path / "new" / f"figure.{suffix}"
    result = call(name, *SMALLEST[name].split(), *QUICK, "--plot", str(target))
    assert result.exit_code == 0, result.output
    assert target.read_bytes()[:4] in (b"\x89PNG", b"%PDF")
    first = target.read_bytes()
    call(name, *SMALLEST[name].split(), *QUICK, "--plot", str(target))
    assert target.read_bytes() == first
    assert [file.name for file in target.parent.iterdir()] == [target.name]


def test_files(tmp_path):
    W = metropolis(ring(5))
    (tmp_path / "ring.edgelist").write_text("0 1\n1 2\n2 3\n3 4\n4 0\n")
    (tmp_path / "ring.graphml").write_text(
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="undirected">'
        + "".join(f'<edge source="{i}" target="{(i + 1) % 5}"/>' for i in range(5))
        + "</graph></graphml>"
    )
    np.save(tmp_path / "ring.npy", W)
    np.savetxt(tmp_path / "ring.csv", W, delimiter=",", fmt="%.17g")
    for kind in ("edgelist", "graphml", "npy", "csv"):
        result = call("--file", str(tmp_path / f"ring.{kind}"), *QUICK, "--json")
        assert result.exit_code == 0, result.output
        assert strict(result.stdout)["topology"]["agents"] == 5


BAD = {  # words: what the sentence says
    "": "give either --file or one topology of ring,",
    "ring --agents 4 --file x.npy": "give either --file or one topology",
    "rign --agents 4": "unknown topology 'rign'; valid topologies are ring, path",
    "ring": "ring misses parameter agents; its parameters are agents",
    "ring --agents 4 --degree 2": "ring has no parameter degree",
    "ring --agents four": "agents is 'four'; it must be an integer of at least 1",
    "ring --agents 4.5": "agents is 4.5; it must be an integer",
    "ring --agents 0": "agents is 0",
    "ring --agents 4097": "4097 agents; onemerge check takes at most 4096",
    "torus --rows 100 --cols 100": "10000 agents",
    "hypercube --agents 12": "needs a power of two",
    "random_geometric --agents 9 --radius 0.01 --seed 0": "components that do not all hear each other",
    "random_peers --agents 8 --peers 0": "peers is 0; it must be a probability",
    "random_matching --agents 8 --peers nan": "peers is nan",
    "lollipop --agents 4 --clique 5": "clique is 5 with 4 agents",
    "base_graph --agents 6 --peers 0.5": "peers is 0.5; it must be an integer of at least 1",
    "one_peer_hypercube --agents 12": "needs a power of two",
    "ring --agents 4 --weights best": "unknown weights 'best'; valid weights are uniform, metropolis",
    "exponential --agents 4 --weights metropolis": "metropolis weights need an undirected graph",
    "one_peer_exponential --agents 4 --weights uniform": "is a gossip and has its weights",
    "ring --agents 4 --lr 0": "lr is 0.0; it must be a positive number",
    "ring --agents 4 --lr -1": "lr is -1.0",
    "ring --agents 4 --lr nan": "lr is nan",
    "ring --agents 4 --lr x": "'x' is not a valid float",
    "ring --agents 4 --sigma -1": "sigma and zeta must be finite and >= 0",
    "ring --agents 4 --zeta inf": "sigma and zeta must be finite and >= 0",
    "ring --agents 4 --mu 2": "curvatures need 0 < mu <= L",
    "ring --agents 4 --L 0": "curvatures need 0 < mu <= L",
    "ring --agents 4 --spread 1": "spread must lie in [0, 1)",
    "ring --agents 4 --dim 0": "dim must be at least 1",
    "ring --agents 4 --distance -1": "distance must be finite and >= 0",
    "ring --agents 4 --steps 0": "steps is 0; it must be an integer of at least 1",
    "ring --agents 4 --runs 1": "runs is 1; a standard error needs at least 2 runs",
    "ring --agents 1": "one agent has no heterogeneity",
    "ring --agents 4 --plot figure.svg": "figure.svg has the suffix '.svg'; a plot is a .png or a .pdf file",
    "ring --agents 4 --plot /dev/null/figure.png": "Cannot write /dev/null/",
    "ring --agents 4 --nonsense": "No such option",
    "--file missing.npy": "missing.npy is not a file",
    "--file missing.edgelist": "missing.edgelist is not a file",
    "--file missing.xyz": "valid suffixes are .edgelist, .txt, .edges, .graphml, .adjlist, .gml, .net, .mtx, .npy",
    "--file missing.npz": "missing.npz is not a file",
    "ring --agents 4 --order sideways": "order is 'sideways'; it must be one of adapt_then_combine, combine_then_adapt",
    "local --agents 4": "local never brings its agents together",
    "circulant --agents 8 --hops 1,x": "hops is '1,x'",
    "matcha --agents 8 --budget 0.5": "matcha has no parameter agents",
    "matcha --graph rign --agents 8 --budget 0.5": "graph is 'rign'; it must be one of ring, path",
    "matcha --graph ring --budget 0.5": "ring misses parameter agents",
    "matcha --graph ring --agents 8 --budget 2": "budget is 2",
    "matcha --graph exponential --agents 8 --budget 0.5": "directed",
    "local_steps_on --graph ring --agents 8 --rounds 0": "rounds is 0",
    "od_equidyn --agents 8 --eta 2": "eta is 2",
    "d_equistatic --agents 8 --terms 0 --seed 0": "terms is 0",
    "random_neighbors --graph ring --agents 8 --peers 5": "peers is 5",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_one_sentence(words):
    assert BAD[words] in sentence(call(*words.split()))


FILES = {  # name: (content, what the sentence says)
    "sums.csv": ("0.5,0.4\n0.5,0.5\n", "row 0 sums to 0.9, 0.1 away from 1"),
    "negative.csv": ("1.5,-0.5\n-0.5,1.5\n", "weight [0, 1] is -0.5; weights must not be negative"),
    "nan.csv": ("nan,1\n1,0\n", "must be a finite number"),
    "wide.csv": ("1,0\n", "entries"),
    "words.csv": ("a,b\nc,d\n", "every weight must be a finite number"),
    "apart.csv": ("1,0\n0,1\n", "2 components that do not all hear each other"),
    "periodic.csv": ("0,1\n1,0\n", "multiples of 2"),
    "empty.csv": ("", "is empty"),
    "apart.edgelist": ("0 1\n2 3\n", "2 components"),
    "loop.edgelist": ("0 0\n0 1\n", "has an edge to itself"),
    "three.edgelist": ("0 1 x y\n", "an edge is two labels"),
    "broken.graphml": ("<graphml><graph>", "is not a GraphML file"),
    "text.npy": ("hello", "is not an array of numbers"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_one_sentence(name, tmp_path):
    content, expected = FILES[name]
    (tmp_path / name).write_text(content)
    said = sentence(call("--file", str(tmp_path / name)))
    assert expected in said
    assert name in said


def test_weights_of_a_matrix_and_a_large_matrix(tmp_path):
    np.save(tmp_path / "W.npy", metropolis(ring(4)))
    assert "is a matrix and has its weights" in sentence(
        call("--file", str(tmp_path / "W.npy"), "--weights", "uniform")
    )
    np.save(tmp_path / "flat.npy", np.ones(4))
    assert "has the shape (4,)" in sentence(call("--file", str(tmp_path / "flat.npy")))
    (tmp_path / "long.edgelist").write_text("".join(f"{i} {i + 1}\n" for i in range(4096)))
    assert "4097 agents" in sentence(call("--file", str(tmp_path / "long.edgelist")))


def test_a_large_topology_says_what_is_slow(monkeypatch):
    monkeypatch.setattr(check, "SLOW", 5)
    result = call("ring", "--agents", "6", *QUICK, "--json")
    assert "6 agents: eigenvalues take time" in result.stderr
    assert strict(result.stdout)["topology"]["agents"] == 6


def test_the_program_itself():
    done = subprocess.run([*COMMAND, "ring", "--agents", "5", *QUICK, "--json"], capture_output=True, text=True)
    assert done.returncode == 0
    assert strict(done.stdout)["contradictions"] == []
    assert "20/20 rounds" in done.stderr
    done = subprocess.run([*COMMAND, "ring", "--agents", "five"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "onemerge: agents is 'five'; it must be an integer of at least 1\n"


def test_help_names_every_parameter_and_the_group_answers_without_torch():
    result = call("--help")
    assert result.exit_code == 0
    for name in ("--agents", "--rows", "--cols", "--degree", "--seed", "--probability", "--radius", "--peers"):
        assert name in result.stdout
    code = (
        "import sys\nfrom paper_repro.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
