"""Every notebook runs from top to bottom, in a fresh kernel and a folder of its own.

A lesson comes twice: with cells to fill in, where every check says "not yet", and solved, where every check says
"right". They differ in the cells tagged "exercise", and the solution alone has those tagged "solution".
"""

import re
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from paper_repro.course.checks import CHAPTERS

FOLDER = Path(__file__).parents[2] / "notebooks"
LESSONS, SOLUTIONS = sorted(FOLDER.glob("[0-9]-*.ipynb")), sorted((FOLDER / "solutions").glob("*.ipynb"))
NOTEBOOKS = [FOLDER / "quickstart.ipynb", *LESSONS, *SOLUTIONS]
VERDICT = re.compile(r"^(\d\.\d+): (right|not yet)\.", re.MULTILINE)


def name(path):
    return str(path.relative_to(FOLDER).with_suffix(""))


def test_every_lesson_has_a_solution():
    assert LESSONS
    assert [path.name for path in LESSONS] == [path.name for path in SOLUTIONS]
    assert set(NOTEBOOKS) == set(FOLDER.rglob("*.ipynb")), "a notebook is not executed"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own libraries
@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_notebook_runs(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "outputs are not kept in the repository"
    NotebookClient(notebook, timeout=90, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert not any(output.get("name") == "stderr" for output in shown), "a warning is shown to the student"
    printed = "".join(output["text"] for output in shown if output.get("name") == "stdout")
    if path in LESSONS or path in SOLUTIONS:
        verdicts = VERDICT.findall(printed)
        exercises = import_module(f"paper_repro.course.{CHAPTERS[path.name[0]]}").EXERCISES
        assert sorted(exercises) == sorted(exercise for exercise, _ in verdicts), "each exercise is checked once"
        wanted = "right" if path in SOLUTIONS else "not yet"
        assert all(verdict == wanted for _, verdict in verdicts), printed


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_a_solution_differs_in_its_answers_only(path):
    lesson, solution = (
        [cell for cell in nbformat.read(at, as_version=4).cells if "solution" not in cell.metadata.get("tags", [])]
        for at in (path, path.parent / "solutions" / path.name)
    )
    assert [cell.id for cell in lesson] == [cell.id for cell in solution]
    for asked, solved in zip(lesson, solution, strict=True):
        answer = "exercise" in asked.metadata.get("tags", [])
        assert (asked.source != solved.source) if answer else (asked.source == solved.source), asked.id
        assert asked.metadata == solved.metadata, asked.id
