"""The README's examples run as they stand."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from paper_repro.cli import main

README = Path(__file__).parents[2] / "README.md"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("source", blocks("python"))
def test_python_examples(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(source, str(README), "exec"), {"__name__": "readme"})
    for name in re.findall(r'"(\w+\.(?:png|pdf))"', source):
        assert (tmp_path / name).stat().st_size > 0


def commands():
    """Every `onemerge` line in the shell blocks that is not the full main job (which takes minutes)."""
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("onemerge")]


@pytest.mark.parametrize("line", commands())
def test_shell_examples(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mygraph.edgelist").write_text("0 1\n1 2\n2 3\n3 0\n0 2\n")
    (tmp_path / "results").mkdir()  # where reproduce leaves what report reads
    words = shlex.split(line)[1:]
    if words[0] == "reproduce":  # as it stands, but small
        sizes = ("rounds=30", "local_steps=1", "agents=4", "width=8", "batch=4")
        words += [word for size in sizes for word in ("--set", f"runs.{size}")] + ["--jobs", "1"]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code in (0, 1), done.stderr


def test_the_readme_is_short_and_has_its_two_commands():
    text = README.read_text()
    assert len(text.splitlines()) < 225
    assert "pip install . && onemerge reproduce" in text
    assert "pip install '.[test]' && pytest" in text
    assert len(blocks("python")) >= 1
    assert len(commands()) >= 3
