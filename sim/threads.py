"""How many CPU threads torch may use."""

from contextlib import contextmanager

import torch


@contextmanager
def cpu_threads(count):
    """`count` threads inside, as many as before after it.

    The bits of a sum depend on their number, so it is set where numbers are made. One is the default throughout: small
    tensors wait longer for a second thread than they gain, and processes share the cores better than threads do.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
