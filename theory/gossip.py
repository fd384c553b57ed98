"""What happens over time: which mixing matrix acts at which round, all under one small interface (`theory.rounds`)."""

from theory.epidemic import epidemic, epidemic_oracle
from theory.random_gossip import pairwise_exchange, random_matching, random_peers
from theory.rounds import Gossip, as_gossip, constant, global_every, local, local_steps, merge, periodic, sequence
from theory.sequences import one_peer_exponential, one_peer_hypercube

__all__ = [
    "Gossip",
    "as_gossip",
    "constant",
    "epidemic",
    "epidemic_oracle",
    "global_every",
    "local",
    "local_steps",
    "merge",
    "one_peer_exponential",
    "one_peer_hypercube",
    "pairwise_exchange",
    "periodic",
    "random_matching",
    "random_peers",
    "sequence",
]
