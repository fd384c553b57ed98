"""One HTML page from the record of a report: styles and pictures inside, all text escaped, nothing fetched or run."""

import base64
import struct
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from paper_repro.report.findings import finding_of
from paper_repro.report.remake import field_text

HERE = Path(__file__).parent
SIGNS = {"confirmed": "✓", "refuted": "✗", "not confirmed": "○"}
DPI, CSS_DPI, ENLARGED = 300, 96, 1.25  # pixels an inch of the PNGs and of CSS; figures are made for print
WIDE = 1500  # pixels of a PNG: a phone shows wider ones in a box that scrolls


def render_page(record, pictures):
    """The page as text: `record` as `paper_repro.report.report` makes it, `pictures` {item: bytes of a PNG}."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "anchor": anchor, "spread": spread, "text": field_text}
    style = Markup((HERE / "page.css").read_text(encoding="utf-8"))
    images = {name: image(png) for name, png in pictures.items()}
    template = environment.get_template("page.html")
    tools = {"signs": SIGNS, "plot": plot, "alternative": alternative, "size": size, "whole": whole, "share": share}
    tools["finding_of"] = finding_of
    return template.render(style=style, images=images, **tools, **record)


def image(png):
    """Source (a data URL), width and height of a picture on the page."""
    width, height = struct.unpack(">II", png[16:24])  # of the header that every PNG begins with
    scale = CSS_DPI / DPI * ENLARGED
    return {
        "source": "data:image/png;base64," + base64.b64encode(png).decode(),
        "width": round(width * scale),
        "height": round(height * scale),
        "wide": width > WIDE,
    }


def alternative(item):
    """What the picture of an item says, in words: its title and what was measured."""
    measured = [
        f"{claim['claim']}, {claim['statement']}: measured {number(claim['mean'])}, {claim['verdict']}"
        for claim in item["claims"]
    ]
    return ". ".join([f"{item['heading']}: {item['title']}", *measured]) + "."


def plot(claim):
    """Places in percent of the width of what is drawn of a claim, None where it has no mean.

    Threshold, mean, both ends of the interval (None for one seed) and the seeds, on an axis that just holds them all.
    """
    seeds = [value for value in claim["per_seed"].values() if value is not None]
    shown = [claim[name] for name in ("threshold", "mean", "lower", "upper") if claim[name] is not None] + seeds
    if claim["mean"] is None:
        return None
    low, high = min(shown), max(shown)
    place = lambda x: 50.0 if x is None or high == low else round(6 + 88 * (x - low) / (high - low), 2)  # noqa: E731
    ends = None if claim["lower"] is None else (place(claim["lower"]), place(claim["upper"]))
    above = claim["relation"] == ">"
    threshold = place(claim["threshold"])
    return {
        "threshold": threshold,
        "holds": (threshold, 100 - threshold) if above else (0, threshold),  # start and width of the claimed side
        "mean": place(claim["mean"]),
        "interval": ends,
        "seeds": [place(value) for value in seeds],
    }


def number(value, digits=4):
    """Significant digits with a minus sign, a dash for what is not there; "inf" and "-inf" are strings in JSON."""
    return "–" if value is None else f"{float(value):.{digits}g}".replace("-", "−")


def whole(count):
    """A count, or a mean of counts, without decimals."""
    return f"{count:,.0f}"


def share(part):
    """A part of one as a percentage."""
    return f"{100 * part:.1f} %"


def size(count):
    """Bytes in decimal units, as 22.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB" if count < 1000 else f"{count:,.0f} TB"


def spread(values, shown=number):
    """Mean with its range, the mean alone where the ends agree, a dash without values."""
    if values is None:
        return "–"
    ends = [shown(values[name]) for name in ("mean", "min", "max")]
    return ends[0] if ends[1] == ends[2] else f"{ends[0]} ({ends[1]} to {ends[2]})"


def anchor(text):
    """A text as the id of an element."""
    return "".join(c if c.isalnum() else "-" for c in text.lower()).strip("-")
