"""The page docs/ledger.md and the verdicts that `onemerge verify` compares with: `python -m paper_repro.ledger.page`.

Both are computed; run it in a checkout when claims, engines or bounds have changed.
"""

from collections import Counter
from pathlib import Path

from paper_repro.ledger import RECORDED, verify
from paper_repro.show import number, progress
from sim.store import json_bytes, write_whole
from theory.proof.evidence import VERDICTS

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"
HEAD = """# The ledger: every claim of arXiv 2507.06542, with a computed verdict

Made by `python -m paper_repro.ledger.page`; no verdict is typed in. `onemerge verify` computes it again (about a minute
on 2 cores, AMD EPYC), `onemerge verify D.5 --explain` has the argument of one claim, with `--latex` its formulas, and
`--json` everything.

| verdict | when |
|---|---|
| proved | every step of a proof of the statement as printed is decided by an engine |
| constant wrong | as printed it is refuted by an instance; with the constant that is named it is proved |
| holds with a stronger assumption | as printed it is refuted; under the assumption that is named it is proved |
| refuted | an instance inside all its assumptions violates it, and nothing in its place is proved |
| open | neither; what was tried is listed |

Evidence comes from four engines: *symbolic* (steps of a proof decided by sympy, ball arithmetic or z3; facts about
vectors and expectations are cited and sampled), *worst case* (semidefinite programs), *search* (exact instances,
enumeration, adversaries) and *simulation* (confidence intervals). Search and simulation support, and never prove.
"""


def page(records):
    """The markdown of the ledger."""
    counts = Counter(record["verdict"] for record in records)
    counted = ", ".join(f"{verdict}: {counts[verdict]}" for verdict in VERDICTS)
    lines = [HEAD, f"{len(records)} claims. {counted}.", ""]
    lines += ["| claim | what | verdict | right in its place | looseness |", "|---|---|---|---|---|"]
    for record in records:
        loose = "; ".join(f"{c['name']}: {number(c['printed'])} / {number(c['best'])}" for c in record["constants"])
        cells = (f"[{record['claim']}](#{anchor(record)})", record["title"], record["verdict"], record["what"], loose)
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join([*lines, "", *map(section, records)])


def anchor(record):
    """The anchor that renderers make of the heading of a claim."""
    return "".join(c for c in record["claim"].lower() if c.isalnum() or c == "-")


def section(record):
    """One claim: its variants with their evidence, and its constants."""
    lines = [f"## {record['claim']}", "", f"{record['title']} ({record['kind']}). **{record['verdict']}**", ""]
    for variant in record["variants"]:
        change = f", {variant['change']}: {variant['what']}" if variant["change"] else ""
        lines += [f"*{variant['name']}*{change}: {variant['statement']}", "", f"$${variant['latex']}$$", ""]
        for one in record["evidence"]:
            if one["variant"] == variant["name"]:
                steps = f" ({len(one['steps'])} steps)" if one["steps"] else ""
                lines.append(f"- {one['engine']}, {one['outcome']}{steps}: {one['found']}")
                if one["instance"]:
                    lines.append(f"  `{one['instance']['python']}`")
        lines.append("")
    for c in record["constants"]:
        lines.append(f"- {c['name']}: printed {number(c['printed'])}, best {number(c['best'])} ({c['how']})")
    return "\n".join([*lines, "", f"It would be refuted by: {record['refuted_by']}", ""])


def _cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def main():
    """Compute all claims, and write the page and the recorded verdicts."""
    with progress("claims") as bar:
        records = verify(jobs=2, bar=bar)
    write_whole(PAGE, page(records).encode())
    write_whole(RECORDED, json_bytes({record["claim"]: record["verdict"] for record in records}))


if __name__ == "__main__":
    main()
