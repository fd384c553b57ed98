"""The items that can be regenerated, in the paper's order, then those it lacks: one small file each."""

from paper_repro.items import fig1b, fig1c, fig1d, fig2a, fig2b, fig2c, t1, t2, table1

ITEMS = {module.ITEM.name: module.ITEM for module in (fig1b, fig1c, fig1d, fig2a, fig2b, fig2c, table1, t1, t2)}
