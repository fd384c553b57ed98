"""Ctrl-C that waits for the end of a round."""

import signal
import threading
from contextlib import contextmanager


class Pending:
    """A signal that waits, and whether a second one did not."""

    def __init__(self):
        self.handlers, self.waiting, self.forced = {}, None, False

    def note(self, number, frame):
        """The handler: the first signal waits, another one acts at once."""
        if self.waiting is None:
            self.waiting = number
        else:
            self.forced = True
            self.handlers[number](number, frame)

    def deliver(self):
        """Let the signal that waits act now, if there is one: KeyboardInterrupt, or what its handler does."""
        if self.waiting is not None:
            number, self.waiting = self.waiting, None
            self.handlers[number](number, None)


@contextmanager
def deferred_interrupts():
    """Inside, the first SIGINT or SIGTERM waits for `deliver()`, at the latest for the end; a second one acts at once.

    Models are updated in place, so a KeyboardInterrupt in the middle of a round would leave none. A signal that has no
    Python handler is left alone, as are all of them outside the main thread, where Python runs no handlers.
    """
    pending = Pending()
    try:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if callable(handler):
                    pending.handlers[number] = handler
                    signal.signal(number, pending.note)
        yield pending
    finally:
        for number, handler in pending.handlers.items():
            signal.signal(number, handler)
    pending.deliver()
