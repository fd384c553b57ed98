"""Table 1, second row: decentralized SGD by the classical analysis, Theorem D.6 without its factor Δ."""

from paper_repro.claims.d6 import CONSTANT, evidence
from theory.bounds import zhu2025
from theory.proof.evidence import Claim, Variant


def check(effort):
    """The evidence of Theorem D.6."""
    yield from evidence("printed", effort)


CLAIM = Claim(
    name="table-1-koloskova",
    kind="table",
    title="Table 1, second row: decentralized SGD (Koloskova et al. 2020)",
    variants=(
        Variant(
            "printed",
            f"The mean squared gradient is at most ε in that many steps, up to a factor: {CONSTANT}, times Δ.",
            zhu2025.TABLE1_DSGD_KOLOSKOVA.latex(),
        ),
    ),
    check=check,
    refuted_by="agents of smooth losses that need more steps than the order at every learning rate",
)
