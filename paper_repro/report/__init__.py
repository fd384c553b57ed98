"""`onemerge report`: one HTML page about everything that was regenerated, from the records in a folder."""

import os
import platform
import re
import shlex
from pathlib import Path

from paper_repro.items import ITEMS
from paper_repro.ledger import verify as verify_claims
from paper_repro.report.communication import counted_for_the_paper, methods_of
from paper_repro.report.findings import counted, grouped
from paper_repro.report.items_table import items_table
from paper_repro.report.page import render_page
from paper_repro.report.remake import remake
from paper_repro.report.sidecars import kept_item
from paper_repro.report.topologies import topology_rows
from paper_repro.report.verified import ledger_rows
from paper_repro.reproduce import check_writable, processor
from sim.store import write_whole
from theory.errors import require

__all__ = ["report", "table_of"]


def report(folder="results", out="report.html", *, verify=False, jobs=1, bar=lambda done, total: None):
    """Write the page `out` about the results in `folder`, and return its record (docs/report.md).

    With `verify`, every claim of the ledger is computed first, by `jobs` processes, or taken from the folder where
    nothing changed; `bar(done, total)` counts claims. Errors: no such folder, a damaged record in it.
    """
    folder, out = _folder(folder), Path(out)
    require(out.suffix.lower() in (".html", ".htm"), f"--out is {out}; it must be an .html file.")
    require(not out.is_dir(), f"--out is {out}, a folder; it must be a file.")
    check_writable(out.parent)
    kept = {name: kept_item(name, folder) for name in ITEMS}
    if verify:
        verify_claims(folder=folder, jobs=jobs, bar=bar)
    scales = {one.record["scale"] for one in kept.values() if one is not None}
    scale = scales.pop() if len(scales) == 1 else "quick"
    items = [_item(name, kept[name], folder, scale) for name in ITEMS]
    record = {
        "folder": str(folder),
        "command": shlex.join(["onemerge", "report", str(folder), "--out", str(out), *["--verify"] * verify]),
        "machine": machine(),
        "items": items,
        "made_with": made_with(items),
        "findings": grouped(items),
        "verdicts": counted([claim for item in items if item["ran"] for claim in item["claims"]]),
        "ledger": ledger_rows(folder),
        "topologies": topology_rows(),
        "communication": [
            {"item": name, "heading": heading(name), "methods": methods}
            for name, one in kept.items()
            if one is not None and (methods := methods_of(one.record, one.table))
        ],
        "paper_communication": counted_for_the_paper(),
    }
    pictures = {name: one.picture for name, one in kept.items() if one is not None}
    page = render_page(record, pictures).encode()
    write_whole(out, page)
    return {"page": str(out), "bytes": len(page), **record}


def table_of(folder="results"):
    """The table in Markdown of the items in `folder` (`items_table`). Errors as those of `report`."""
    return items_table(ITEMS, _folder(folder))


def _folder(name):
    folder = Path(name)
    require(folder.is_dir(), f"There is no folder {folder}; onemerge reproduce --out {folder} makes it.")
    return folder


def heading(name):
    """The name of an item as a reader knows it: fig2a is Figure 2a, c3a Figure C.3a, table1 Table 1, t1 is T1."""
    kind, appendix, rest = re.fullmatch(r"(fig|table|)_?(c_?(?=\d)|)(.*)", name, re.IGNORECASE).groups()
    if kind or appendix:
        return f"{'Table' if kind == 'table' else 'Figure'} {'C.' if appendix else ''}{rest}"
    return rest[:1].upper() + rest[1:]


def _item(name, kept, folder, scale):
    """One item of the page; what a run leaves is empty where there was none, of `scale` if it will be run."""
    item = ITEMS[name]
    if kept is None:
        claims = [{"claim": claim.name, "statement": claim.statement} for claim in item.claims]
        return {
            "item": name, "heading": heading(name), "ran": False, "scale": None, "title": item.title, "here": None,
            "paper": item.paper, "claims": claims, "seeds": [], "seconds": None, "runs": {}, "shared": {}, "files": [],
            "devices": [], "versions": None, "revision": None, **remake(item, folder, scale=scale),
        }  # fmt: skip
    record = kept.record
    return {
        "item": name,
        "heading": heading(name),
        "ran": True,
        "scale": record["scale"],
        "title": record["title"],
        "here": record["setting"],
        "paper": record["paper"],
        **{field: record[field] for field in ("claims", "seeds", "seconds", "runs")},
        "files": sorted([*record["files"], f"{name}.json"]),
        "shared": shared_fields(record["runs"]),
        "devices": sorted({fact["device"] for run in record["runs"].values() for fact in run["results"].values()}),
        **{field: record[field] for field in ("versions", "revision")},
        **remake(item, folder, record),
    }


def shared_fields(runs):
    """The fields that all runs have in common, with their values."""
    first, *others = [run["fields"] for run in runs.values()] or [{}]
    return {name: value for name, value in first.items()
            if all(name in other and other[name] == value for other in others)}  # fmt: skip


def made_with(items):
    """The versions and revisions that records were made with, and which items with each."""
    groups = []
    for item in items:
        if item["ran"]:
            own = {"versions": item["versions"], "revision": item["revision"]}
            group = next((one for one in groups if own.items() <= one.items()), None)
            if group is None:
                group = {**own, "items": []}
                groups.append(group)
            group["items"].append(item["item"])
    return groups


def machine():
    """Processor, cores and system of the machine that writes the page, in words."""
    return f"{processor()}, {os.cpu_count()} cores, {platform.system()}"
