"""The items that can be regenerated, in the paper's order, then those it lacks: one small file each."""

from paper_repro.items import c1, c2, c3a, c3b, fig1a, fig1b, fig1c, fig1d, fig2a, fig2b, fig2c, t1, t2, table1

_FIGURES = (fig1a, fig1b, fig1c, fig1d, fig2a, fig2b, fig2c, table1, c1, c2, c3a, c3b)
ITEMS = {module.ITEM.name: module.ITEM for module in (*_FIGURES, t1, t2)}
