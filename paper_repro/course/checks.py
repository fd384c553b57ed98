"""Is an answer right? `check("1.2", answer)` prints one line: right, or not yet with a hint, never the answer.

An exercise is a judge: a function of the answer that returns None where it is right, else a hint in a sentence. The
module of a chapter names its judges in EXERCISES, {"1.2": number(...)}; the right value is computed from the toolkit
when it is asked for, not stored. `number`, `choice`, `array`, `function` and `holds` make judges of the usual kinds.
A mistake of the student never ends in a traceback; one of the toolkit or of a judge does.
"""

from fractions import Fraction
from importlib import import_module

import numpy as np

from theory.errors import OnemergeError, require, shown

CHAPTERS = {"1": "gossip", "2": "quadratics", "3": "bounds", "4": "single_merge", "5": "audit", "6": "topology"}


class Unreadable(Exception):
    """The answer has another form than was asked for: the message is one sentence that names both."""


def check(exercise, answer=None):
    """Print whether `answer` is the right one of the exercise, "chapter.number"."""
    print(verdict(exercise, answer))


def verdict(exercise, answer=None):
    """The line that `check` prints: "1.2: right." or "1.2: not yet. <what to look at>"."""
    judge = find(exercise)
    try:
        hint = missing(answer) or judge(answer)
    except Unreadable as error:
        hint = str(error)
    return f"{exercise}: right." if hint is None else f"{exercise}: not yet. {hint}"


def find(exercise):
    """The judge of an exercise; only the module of its chapter is imported."""
    chapter = str(exercise).partition(".")[0]
    require(chapter in CHAPTERS, f"there is no chapter of exercise {exercise!r}; chapters are 1 to {len(CHAPTERS)}")
    judges = import_module(f"paper_repro.course.{CHAPTERS[chapter]}").EXERCISES
    require(exercise in judges, f"there is no exercise {exercise!r}; the chapter has {', '.join(judges)}")
    return judges[exercise]


def missing(answer):
    """The sentence about an answer that is not there yet: None, ..., or a list that still holds one of them."""
    parts = answer if isinstance(answer, (list, tuple)) else [answer]
    if any(part is None or part is ... for part in parts):
        return "There is no answer here yet: put yours in the place of the dots and run the cell again."
    return None


def number(right, hint, rtol=0.01, slips=()):
    """A number within a relative error `rtol` of right(); numpy and torch scalars, fractions and "1/4" are numbers.

    `slips` are pairs (value(), hint) of mistakes that are often made.
    """

    def judge(answer):
        given = as_number(answer)
        return compared(lambda value: near(given, value, rtol), right, hint, slips)

    return judge


def choice(right, hints):
    """One of the words that `hints` names, right() being the right one; a hint for each that is wrong."""

    def judge(answer):
        word = {True: "yes", False: "no"}.get(answer, answer) if isinstance(answer, (bool, np.bool_)) else answer
        word = word.strip().lower() if isinstance(word, str) else word
        words = {name.lower(): name for name in hints}
        if not isinstance(word, str) or word not in words:
            raise Unreadable(f"The answer is one of {', '.join(map(repr, hints))}; this is {shown(answer)}.")
        return None if words[word] == right() else hints[words[word]]

    return judge


def array(right, hint, rtol=0.01, slips=()):
    """An array, a nested list or a table of the shape and, within a relative error `rtol` (`near`), the values."""

    def judge(answer):
        given, shape = as_array(answer), np.shape(right())
        if given.shape != shape:
            raise Unreadable(f"The answer has shape {shape}; this has {given.shape}.")
        return compared(lambda value: near(given, value, rtol), right, hint, slips)

    return judge


def function(right, cases, hint, rtol=1e-6, slips=()):
    """A function that agrees with `right` on every tuple of arguments in `cases`, to a relative error `rtol`.

    `slips` are pairs (function, hint) of mistakes that are often made.
    """

    def judge(answer):
        if not callable(answer):
            raise Unreadable(f"The answer is a function; this is {shown(answer)}.")
        given = [value_at(answer, case, np.shape(right(*case))) for case in cases]

        def agrees(other):
            return all(near(value, other(*case), rtol) for value, case in zip(given, cases, strict=True))

        return compared(agrees, lambda: right, hint, [(lambda slip=slip: slip, about) for slip, about in slips])

    return judge


def holds(*tests, read=lambda answer: answer):
    """Any answer that passes the tests, pairs (condition of read(answer), hint), of which the first that fails speaks.

    For exercises with many right answers, such as a matrix or a setting with some property. Where the toolkit refuses
    the answer, its sentence is the hint.
    """

    def judge(answer):
        try:
            given = read(answer)
            return next((hint for condition, hint in tests if not condition(given)), None)
        except OnemergeError as error:
            raise Unreadable(f"The toolkit refuses it: {error}.") from error

    return judge


def compared(agrees, right, hint, slips):
    """None where right() agrees, else the hint of the first slip that does, else the general one."""
    if agrees(right()):
        return None
    return next((about for value, about in slips if agrees(value())), hint)


def near(value, wanted, rtol):
    """Whether |value - wanted| <= rtol |wanted|, for arrays in the Euclidean norm, so that a 0 may be one but for
    rounding."""
    wanted = np.asarray(wanted, dtype=float)
    return bool(np.linalg.norm(value - wanted) <= rtol * np.linalg.norm(wanted))


def as_number(answer):
    """The finite number that an answer stands for."""
    if not isinstance(answer, (bool, np.bool_)) and np.ndim(answer) == 0:
        try:
            given = float(Fraction(answer)) if isinstance(answer, str) else float(answer)
        except (TypeError, ValueError, ZeroDivisionError, OverflowError, RuntimeError):
            given = np.nan
        if np.isfinite(given):
            return given
    raise Unreadable(f"The answer is a finite number; this is {shown(answer)}.")


def as_array(answer):
    """The array of finite numbers that an answer stands for."""
    try:
        given = np.asarray(answer, dtype=float)
    except (TypeError, ValueError, RuntimeError):
        given = np.array(np.nan)
    if not np.isfinite(given).all():
        raise Unreadable(f"The answer is an array of finite numbers; this is {shown(answer)}.")
    return given


def value_at(answer, case, shape):
    """The value of a student's function, an array of this shape; what goes wrong in it is told in a sentence."""
    call = f"({', '.join(map(shown, case))})"
    try:
        given = answer(*case)
    except Exception as error:  # whatever a student's function raises is about the answer
        raise Unreadable(f"The function fails at {call}: {type(error).__name__}: {error}.") from error
    if sentence := missing(given):
        raise Unreadable(sentence)
    value = as_array(given)
    if value.shape != shape:
        raise Unreadable(f"The value at {call} has shape {value.shape}; it must have {shape}.")
    return value
