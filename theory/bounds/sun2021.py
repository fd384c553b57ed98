"""Sun, Li, Wang, AAAI 2021, arXiv 2102.01302: the first stability bound of D-SGD, in orders.

The abstract (read) says that decentralization deteriorates stability; the order was read in a restatement. For merged
models under adapt-then-combine, `le_bars2024` proves that it does not.
"""

from theory.bound import Bound
from theory.notation import symbols

samples, one_minus_slem = symbols("samples one_minus_slem")

SUN_STABILITY = Bound(
    name="sun_stability",
    about="stability",
    kind="order",
    formula=1 / samples + 1 / one_minus_slem,
    where=(one_minus_slem > 0,),
    assumptions=("symmetric_mixing", "lipschitz_samples", "bounded_domain", "unconfirmed"),
    source="Sun et al. 2021, arXiv 2102.01302, projected D-SGD, as restated by Zhu et al. 2022",
    statement="The uniform stability of D-SGD with projections.",
    example={"samples": 1000, "one_minus_slem": 0.05},
    order="either",
    decreasing=("samples", "one_minus_slem"),
)
