"""Messages and bytes of one communication round, counted from what is communicated.

A round of gossip sends one model per foreign weight: W[i, j] != 0, i != j, is a message from j to i. An `Average` is
computed by Ring-AllReduce or by a server. What it is, the schedule says: the matrix J given as a plain W is gossip on
the complete graph, m(m - 1) models.
"""

import numpy as np
from scipy.sparse import csr_array, issparse

from sim.schedule import Average
from theory.edges import at_least
from theory.errors import require
from theory.validate import as_sparse


def square(W):
    """A dense W as an array, after a check of its shape."""
    W = np.asarray(W)
    valid = W.ndim == 2 and W.shape[0] == W.shape[1]
    require(valid, f"a mixing matrix has the shape [agents, agents], not {list(W.shape)}.")
    return W


def messages(W):
    """(receivers, senders, weights) of the messages of W [agents, agents], dense or sparse: its entries off the
    diagonal that are not 0, row by row; int64 [k], int64 [k], float64 [k]."""
    if issparse(W):
        found = as_sparse(W).tocoo()
        receivers, senders, weights = found.row.astype(np.int64), found.col.astype(np.int64), found.data
    else:
        W = square(W)
        receivers, senders = np.nonzero(W)
        weights = W[receivers, senders]
    foreign = receivers != senders
    return receivers[foreign], senders[foreign], weights[foreign]


def sent(communication, size, itemsize, active=None):
    """(messages, bytes) of one round on models of `size` numbers P of `itemsize` bytes; ints.

    gossip W            one message of P numbers per foreign weight (`theory.traffic.pulled`);
    Ring-AllReduce      2 m (m - 1) messages and 2 (m - 1) P numbers in all (`theory.traffic.ring_all_reduce`);
    server              |S| models up, and the average down to each who hears it;
    None                nothing.
    `active` bool [agents] marks who is there (None: all). Messages to or from an absent agent are not sent, and an
    average is one among those present. A message that is lost, or that holds an older model, was sent and counts.
    """
    size, itemsize = at_least(1, size=size, itemsize=itemsize)
    if isinstance(communication, Average) and active is not None:
        communication = communication.among(active)
    if communication is None:
        return 0, 0
    if isinstance(communication, Average):
        members, hears = (int(np.count_nonzero(part)) for part in (communication.members, communication.hears))
        if not communication.server:
            return 2 * members * (members - 1), 2 * (members - 1) * size * itemsize
        return members + hears, (members + hears) * size * itemsize
    W = csr_array(communication) if issparse(communication) else square(communication)
    if active is not None and not active.all():
        W = W[active][:, active]
    entries = W.count_nonzero() if issparse(W) else np.count_nonzero(W)
    foreign = int(entries - np.count_nonzero(W.diagonal()))
    return foreign, foreign * size * itemsize
