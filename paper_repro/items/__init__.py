"""The items that can be regenerated, in the paper's order, then those it lacks: one small file each."""

from paper_repro.items import (
    c1,
    c2,
    c3a,
    c3b,
    c4a,
    c4b,
    c4c,
    c5,
    c6,
    fig1a,
    fig1b,
    fig1c,
    fig1d,
    fig2a,
    fig2b,
    fig2c,
    t1,
    t2,
    t3,
    table1,
)

_FIGURES = (fig1a, fig1b, fig1c, fig1d, fig2a, fig2b, fig2c, table1, c1, c2, c3a, c3b, c4a, c4b, c4c)
_ALL = (*(module.ITEM for module in _FIGURES), *c5.ITEMS, c6.ITEM, t1.ITEM, t2.ITEM, t3.ITEM)
ITEMS = {item.name: item for item in _ALL}
