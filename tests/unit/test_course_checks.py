"""The mechanism of the course: every kind of answer is judged, every mistake ends in a sentence."""

from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch

from paper_repro.course import checks
from paper_repro.course.checks import array, check, choice, function, holds, number, verdict
from theory.errors import OnemergeError, require

EXERCISES = {
    "1.1": number(lambda: 0.25, "Look again.", slips=[(lambda: 4.0, "That is its inverse.")]),
    "1.2": choice(lambda: "ring", {"ring": "No.", "star": "The star has a hub."}),
    "1.3": array(lambda: np.eye(2), "Not this matrix.", slips=[(lambda: -np.eye(2), "Mind the sign.")]),
    "1.4": function(
        lambda n, k=1: k / n, [(1,), (2,), (3, 2)], "Try n = 1.", slips=[(lambda n, k=1: n, "Upside down.")]
    ),
    "1.5": holds((lambda x: x > 1, "Larger."), (lambda x: x < 2, "Smaller."), read=checks.as_number),
    "1.6": choice(lambda: "yes", {"yes": "It does not.", "no": "It does."}),
}


@pytest.fixture(autouse=True)
def chapter(monkeypatch):
    monkeypatch.setattr(
        "paper_repro.course.checks.import_module", lambda name: type("chapter", (), {"EXERCISES": EXERCISES})
    )


RIGHT = [
    *[("1.1", value) for value in (0.25, "1/4", " 0.25 ", Fraction(1, 4), np.float64(0.25), np.array(0.25), 0.2501)],
    *[("1.1", value) for value in (torch.tensor(0.25), sympy.Rational(1, 4))],
    *[("1.2", value) for value in ("ring", " Ring ")],
    *[("1.3", value) for value in (np.eye(2), [[1, 0], [0, 1]], torch.eye(2))],
    *[("1.4", value) for value in (lambda n, k=1: k / n, lambda *at: np.array((*at, 1)[1] / at[0]))],
    ("1.5", 1.5),
    *[("1.6", value) for value in (True, np.True_, "YES")],
]


@pytest.mark.parametrize(("exercise", "answer"), RIGHT)
def test_right_answers_in_every_form(exercise, answer):
    assert verdict(exercise, answer) == f"{exercise}: right."


WRONG = [
    ("1.1", 0.26, "Look again."),
    ("1.1", 4, "That is its inverse."),
    ("1.1", True, "The answer is a finite number; this is True."),
    ("1.1", "a quarter", "The answer is a finite number; this is 'a quarter'."),
    ("1.1", [0.25], "The answer is a finite number; this is [0.25]."),
    ("1.1", np.nan, "The answer is a finite number; this is nan."),
    ("1.1", "1/0", "The answer is a finite number; this is '1/0'."),
    ("1.1", 1j, "The answer is a finite number; this is 1j."),
    ("1.2", "star", "The star has a hub."),
    ("1.2", "wheel", "The answer is one of 'ring', 'star'; this is 'wheel'."),
    ("1.2", ["ring"], "The answer is one of 'ring', 'star'; this is ['ring']."),
    ("1.3", [[1, 0], [0, 0.9]], "Not this matrix."),
    ("1.3", -np.eye(2), "Mind the sign."),
    ("1.3", np.eye(3), "The answer has shape (2, 2); this has (3, 3)."),
    ("1.3", [[1, 0], [1]], "The answer is an array of finite numbers; this is [[1, 0], [1]]."),
    ("1.4", lambda n, k=1: k / n + 0.1, "Try n = 1."),
    ("1.4", lambda n, k=1: n, "Upside down."),
    ("1.4", lambda n, k=1: [k / n], "The value at (1) has shape (1,); it must have ()."),
    ("1.4", 3, "The answer is a function; this is 3."),
    ("1.4", lambda n: 1 / n, "The function fails at (3, 2): TypeError:"),
    ("1.4", lambda n, k=1: 1 / (n - 1), "The function fails at (1): ZeroDivisionError: division by zero."),
    ("1.5", 0.5, "Larger."),
    ("1.5", 2.5, "Smaller."),
    ("1.5", "many", "The answer is a finite number; this is 'many'."),
    ("1.6", False, "It does."),
]


@pytest.mark.parametrize(("exercise", "answer", "hint"), WRONG)
def test_wrong_answers_get_their_hint(exercise, answer, hint):
    assert verdict(exercise, answer).startswith(f"{exercise}: not yet. {hint}")


@pytest.mark.parametrize("answer", [None, ..., [1, ...], (None, 2), lambda n, k=1: ..., lambda n, k=1: None])
def test_a_missing_answer_is_told_in_a_sentence(answer):
    exercise = "1.4" if callable(answer) else "1.3"
    assert "There is no answer here yet" in verdict(exercise, answer)
    assert "There is no answer here yet" in verdict(exercise)


def test_the_sentence_of_the_toolkit_is_the_hint(monkeypatch):
    refuses = holds((lambda x: require(x > 0, "x must be > 0"), "Look again."))
    monkeypatch.setitem(EXERCISES, "1.5", refuses)
    assert verdict("1.5", -1) == "1.5: not yet. The toolkit refuses it: x must be > 0."


def test_a_defect_of_a_judge_is_not_told_as_a_mistake_of_the_student(monkeypatch):
    monkeypatch.setitem(EXERCISES, "1.5", number(lambda: 1 / 0, "Look again."))
    with pytest.raises(ZeroDivisionError):
        verdict("1.5", 1)


def test_rounding_of_a_zero_is_no_mistake():
    assert verdict("1.3", [[1, 1e-17], [0, 1]]) == "1.3: right."


def test_check_prints_the_verdict_and_returns_nothing(capsys):
    assert check("1.1", 0.25) is None
    assert capsys.readouterr().out == "1.1: right.\n"


@pytest.mark.parametrize("exercise", ["9.1", "1.9", 1.1, "one"])
def test_an_unknown_exercise_is_refused(exercise):
    with pytest.raises(OnemergeError, match="there is no"):
        check(exercise, 1)
