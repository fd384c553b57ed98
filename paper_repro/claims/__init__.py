"""The claims of the paper, in its order: one small file each, with what the engines are to find out about it."""

from paper_repro.claims import (
    a1,
    a2,
    a3,
    a4,
    communication,
    d3,
    d4,
    d5,
    definition_2,
    random_graphs,
    remark_2,
    remark_6,
)

CLAIMS = {
    module.CLAIM.name: module.CLAIM
    for module in (
        definition_2,
        a1,
        a2,
        a3,
        a4,
        d3,
        d4,
        d5,
        remark_6,
        communication,
        random_graphs,
        remark_2,
    )
}
