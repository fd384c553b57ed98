"""The one family of exceptions of the toolkit.

Every error that a user can cause is an `OnemergeError` whose text is one sentence with the offending value and the
valid ones; the command line prints that sentence and exits with code 2.
"""


class OnemergeError(ValueError):
    """Bad input: the message is one sentence that names the offending value and the valid ones."""


def shown(value, longest=80):
    """A value as a message quotes it: its repr in one line, cut after some `longest` characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def require(condition, sentence):
    """Raise `OnemergeError(sentence)` unless `condition` holds."""
    if not condition:
        raise OnemergeError(sentence)
