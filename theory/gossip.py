"""What happens over time: which mixing matrix acts at which round, all under one small interface (`theory.rounds`)."""

from theory.epidemic import epidemic, epidemic_oracle
from theory.equidyn import od_equidyn, ou_equidyn
from theory.graph_gossip import pairwise_on, random_neighbors
from theory.matcha import matcha
from theory.matchings import random_matching_on, round_robin, round_robin_on
from theory.random_gossip import pairwise_exchange, random_matching, random_peers
from theory.rounds import Gossip, as_gossip, constant, global_every, local, local_steps, merge, periodic, sequence
from theory.sequences import (
    base_graph,
    k_peer_exponential,
    one_peer_exponential,
    one_peer_hypercube,
    simple_base_graph,
)

__all__ = [
    "Gossip",
    "as_gossip",
    "base_graph",
    "constant",
    "epidemic",
    "epidemic_oracle",
    "global_every",
    "k_peer_exponential",
    "local",
    "local_steps",
    "matcha",
    "merge",
    "od_equidyn",
    "one_peer_exponential",
    "one_peer_hypercube",
    "ou_equidyn",
    "pairwise_exchange",
    "pairwise_on",
    "periodic",
    "random_matching",
    "random_matching_on",
    "random_neighbors",
    "random_peers",
    "round_robin",
    "round_robin_on",
    "sequence",
    "simple_base_graph",
]
