"""The one family of exceptions of the toolkit.

Every error that a user can cause is an `OnemergeError` whose text is one sentence with the offending value and the
valid ones; the command line prints that sentence and exits with code 2.
"""


class OnemergeError(ValueError):
    """Bad input: the message is one sentence that names the offending value and the valid ones."""


def require(condition, sentence):
    """Raise `OnemergeError(sentence)` unless `condition` holds."""
    if not condition:
        raise OnemergeError(sentence)
