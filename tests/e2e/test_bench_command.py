"""`onemerge bench`, as a user calls it; nothing here depends on how long anything takes."""

import json

import pytest
from click.testing import CliRunner

from paper_repro.bench.measure import BENCHMARKS
from paper_repro.bench.show import COLUMNS
from paper_repro.cli import main

FIELDS = {"command", "hardware", "device", "threads", "quick", "versions", "revision", "left_out", "rows"}
ROW = {
    *("benchmark", "case", "unit", "ours", "against", "peer", "ratio", "cpu_ratio"),
    *("target", "met", "difference", "tolerance", "equal", "repetitions"),
}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def call(*words):
    return CliRunner().invoke(main, ["bench", *words])


def strict(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout, parse_constant=pytest.fail)


def sentence(*words):
    result = call(*words)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("onemerge: ")
    return line


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """(the record of a quick run of everything, its markdown file)."""
    path = tmp_path_factory.mktemp("bench") / "new" / "table.md"
    result = call(*BENCHMARKS, "--quick", "--json", "--out", str(path))
    assert f"The table is {path}." in result.stderr
    return strict(result), path.read_text(encoding="utf-8")


def test_a_quick_run_goes_through_everything(quick):
    record, _ = quick
    assert set(record) == FIELDS
    assert (record["device"], record["threads"], record["quick"], record["left_out"]) == ("cpu", 1, True, [])
    assert {"python", "torch", "numpy", "scipy"} <= set(record["versions"])
    assert "1 thread" in record["hardware"]
    rows = record["rows"]
    assert list(dict.fromkeys(row["benchmark"] for row in rows)) == list(BENCHMARKS)
    for row in rows:
        assert set(row) == ROW
        assert row["ours"] > 0
        assert row["peer"] > 0
        assert row["ratio"] == pytest.approx(row["ours"] / row["peer"])
        assert (row["target"], row["met"], row["repetitions"]) == (None, None, 1)


def test_all_that_is_compared_is_equal(quick):
    compared = {"mlp": 1, "cnn": 1, "resnet18": 1, "gossip": 12, "quadratics": 10, "memory": 0}
    for name, count in compared.items():
        found = [row["equal"] for row in quick[0]["rows"] if row["benchmark"] == name and row["equal"] is not None]
        assert found == [True] * count, name


def test_the_file_is_the_table_of_the_record(quick):
    record, text = quick
    heading, *rest = text.splitlines()
    assert heading == f"`onemerge bench {' '.join(BENCHMARKS)} --quick --threads 1`"
    table = [line for line in rest if line.startswith("|")]
    assert table[0] == f"| {' | '.join(COLUMNS)} |"
    assert len(table) == 2 + len(record["rows"])
    for line, row in zip(table[2:], record["rows"], strict=True):
        assert line.startswith(f"| {row['benchmark']} | {row['case']} | {row['unit']} |")


def test_named_benchmarks_run_alone_with_threads():
    result = call("cnn", "mlp", "--quick", "--threads", "2")
    assert result.exit_code == 0, result.output
    assert "2 thread" in result.stdout
    assert result.stdout.index("cnn: 3 agents") < result.stdout.index("mlp: 3 agents")
    assert "gossip" not in result.stdout


def test_what_does_not_suit_the_device_is_left_out_with_a_sentence(monkeypatch):
    for name in BENCHMARKS:
        monkeypatch.setitem(BENCHMARKS, name, lambda setting: [])
    result = call("--json")
    assert strict(result)["left_out"] == ["resnet18 is for a GPU: on a CPU it runs where it is named, at a small size."]
    assert result.stderr.startswith("resnet18 is for a GPU")
    assert strict(result)["command"] == "onemerge bench mlp cnn gossip quadratics memory --threads 1"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["mpl"], "Unknown benchmark 'mpl'; valid: mlp, cnn, resnet18, gossip, quadratics, memory."),
        (["mlp", "--threads", "0"], "threads must be a whole number of at least 1, not 0."),
        (["mlp", "--threads", "many"], "'many' is not a valid integer"),
        (["mlp", "--device", "tpu"], "Device 'tpu' is not available here; valid: cpu"),
        (["mlp", "--out", "table.csv"], "--out is a markdown file that ends in .md, not 'table.csv'."),
        (["mlp", "--out", "folder.md"], "--out 'folder.md' is a folder; name a file."),
        (["mlp", "--out", "file/table.md"], "Cannot write 'file/table.md'"),
        (["--fast"], "No such option"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(words, says, tmp_path):
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "file").write_text("")
    assert says in sentence(*words, "--quick")
