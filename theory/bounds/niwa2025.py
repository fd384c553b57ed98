"""Niwa et al., NeurIPS 2025, Table 1 (read): what k-peer exponential rounds leave where n is no power of k + 1.

After tau = floor(log_(k+1) n) rounds every agent has the plain average of A = (k + 1)^tau consecutive agents of n on a
circle. The Fourier mode of frequency i is kept by a Dirichlet kernel, and |product - J|_2 is the largest of them.
"""

import numpy as np
from sympy import Abs, pi, sin

from theory.bound import Bound
from theory.errors import require
from theory.notation import symbols

agents, reach, frequency = symbols("agents reach frequency")

NIWA_MODE = Bound(
    name="niwa_mode",
    about="product_modulus",
    kind="equal",
    formula=Abs(sin(pi * frequency * reach / agents)) / (reach * sin(pi * frequency / agents)),
    where=(frequency < agents, reach <= agents),
    assumptions=("k_peer_exponential",),
    source="Niwa et al. 2025, Table 1; derived here from the eigenvalues of a circulant average",
    statement="What a period of k-peer rounds leaves of one Fourier mode; all of them vanish where reach = agents.",
    example={"agents": 12, "reach": 8, "frequency": 1},
    order="either",
)


def k_peer_residual(agents, peers):
    """|W_(tau-1) ... W_0 - J|_2 of `peers` k >= 1 hops i (k + 1)^t, i = 1 ... k, at round t < tau = floor(log_(k+1) n).

    The maximum of NIWA_MODE over the frequencies, for n >= 2 agents and k < n; 0 up to rounding where n = (k + 1)^tau.
    """
    require(isinstance(agents, int) and agents >= 2, f"agents is {agents!r}; it must be an int >= 2")
    require(isinstance(peers, int) and 1 <= peers < agents, f"peers is {peers!r}; it must be an int in [1, {agents})")
    reach = 1
    while reach * (peers + 1) <= agents:
        reach *= peers + 1
    return float(NIWA_MODE(agents=agents, reach=reach, frequency=np.arange(1, agents)).max())
