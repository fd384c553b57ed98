"""The page of `onemerge report`, on records that are made up."""

import json
from html.parser import HTMLParser
from itertools import pairwise

import pandas as pd
import pytest

from figures.style import axes, render
from paper_repro.items import ITEMS
from paper_repro.report import report
from paper_repro.report.verified import ledger_rows
from paper_repro.reproduce import digest
from sim.store import csv_bytes, json_bytes
from theory.errors import OnemergeError

EVIL = "<script>alert('x')</script> & <b>\"bold\"</b>"
PNG = render(axes()[0], ".png")
TABLE = csv_bytes(pd.DataFrame({"label": ["gossip"], "metric": ["test_loss"], "value": [0.5]}))


def verdict(**changes):
    return {
        "claim": "F1", "statement": "it lifts", "relation": ">", "threshold": 0.1, "mean": 0.25, "min": 0.2, "max": 0.3,
        "lower": 0.15, "upper": 0.35, "per_seed": {"0": 0.2, "1": 0.25, "2": 0.3}, "verdict": "confirmed", "note": "",
    } | changes  # fmt: skip


def a_record(name="fig1c", **changes):
    fields = {"agents": 3, "alpha": 0.1, "lr": 0.05}
    facts = {"sha256": "0", "rows": 1, "seconds": 1.5, "from_round": 0, "device": "CPU, one thread a run"}
    return {
        "item": name, "scale": "quick", "title": "What it shows", "setting": "digits; seeds 0", "paper": "ResNet-18",
        "caption": "What it shows. Here: digits; seeds 0. The paper: ResNet-18.",
        "claims": [verdict()], "seeds": [0, 1, 2],
        "runs": {"gossip": {"key": "k", "fields": fields, "results": {"0": facts}}},
        "seconds": {"runs": 1.5, "table, drawing and claims": 0.5}, "versions": {"python": "3", "torch": "2"},
        "revision": "abc", "inputs": "0",
        "files": {f"{name}.png": digest(PNG), f"{name}.csv": digest(TABLE), f"{name}.pdf": "0"},
    } | changes  # fmt: skip


def lay(folder, name="fig1c", **changes):
    """The three files that a report reads of an item."""
    (folder / f"{name}.png").write_bytes(PNG)
    (folder / f"{name}.csv").write_bytes(TABLE)
    (folder / f"{name}.json").write_bytes(json_bytes(a_record(name, **changes)))


class Page(HTMLParser):
    """Elements [(tag, attributes)] and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "br", "rect", "line"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in {"rect", "line"}:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, attribute):
        return [attrs[attribute] for _, attrs in self.elements if attribute in attrs]


@pytest.fixture
def page(tmp_path):
    def made(**changes):
        lay(tmp_path, **changes)
        record = report(tmp_path, tmp_path / "page.html")
        return record, Page((tmp_path / "page.html").read_text())

    return made


def test_texts_of_records_are_escaped(page):
    runs = a_record()["runs"]
    runs = {EVIL: {**runs["gossip"], "fields": {"agents": 3, EVIL: EVIL}}}
    claims = [verdict(claim=EVIL, statement=EVIL, note=EVIL, verdict=EVIL)]
    _, found = page(
        title=EVIL, setting=EVIL, paper=EVIL, claims=claims, runs=runs,
        revision=EVIL, versions={EVIL: EVIL},
    )  # fmt: skip
    assert not {tag for tag, _ in found.elements} & {"script", "b"}
    assert found.text.count("alert('x')") >= 10
    assert found.open == []


def test_nothing_is_fetched_or_run(page):
    _, found = page()
    assert {tag for tag, _ in found.elements}.isdisjoint(
        {"script", "link", "iframe", "object", "embed", "base", "form"}
    )
    assert all(source.startswith("data:image/png;base64,") for source in found.all("src"))
    assert {link for link in found.all("href") if not link.startswith("#")} == {"https://arxiv.org/abs/2507.06542"}
    assert [name for _, attrs in found.elements for name in attrs if name.startswith("on") or name == "srcset"] == []
    assert any("default-src 'none'" in content for content in found.all("content"))


def test_styles_fetch_nothing(page, tmp_path):
    page()
    style = (tmp_path / "page.html").read_text().partition("<style>")[2].partition("</style>")[0]
    assert len(style) > 1000
    assert not any(word in style for word in ("url(", "@import", "http:", "//", "expression"))


def test_the_page_can_be_read_by_machines(page):
    _, found = page()
    tags = found.elements
    assert next(attrs for tag, attrs in tags if tag == "html")["lang"] == "en"
    assert any(attrs.get("name") == "viewport" for _, attrs in tags)
    levels = [int(tag[1]) for tag, _ in tags if tag in {"h1", "h2", "h3", "h4"}]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    assert all(attrs.get("scope") in {"col", "row", "rowgroup"} for tag, attrs in tags if tag == "th")
    assert all(attrs["alt"] for tag, attrs in tags if tag == "img")
    assert all(attrs["aria-label"] for tag, attrs in tags if tag == "svg")
    assert all({"aria-label", "tabindex"} <= set(attrs) for _, attrs in tags if attrs.get("role") == "region")
    ids = found.all("id")
    assert len(set(ids)) == len(ids)
    assert {link[1:] for link in found.all("href") if link.startswith("#")} <= set(ids)


def test_the_same_records_give_the_same_bytes(page, tmp_path):
    page()
    first = (tmp_path / "page.html").read_bytes()
    page()
    assert (tmp_path / "page.html").read_bytes() == first


def test_settings_stand_side_by_side(page):
    record, found = page()
    assert "Here, at the quick scale, changed digits; seeds 0. In the paper ResNet-18." in found.text
    assert "Changed from that scale: agents = 3, lr = 0.05." in found.text
    assert "What it shows." in found.text
    (item,) = [one for one in record["items"] if one["ran"]]
    assert (item["here"], item["paper"]) == ("digits; seeds 0", "ResNet-18")
    assert item["shared"] == {"agents": 3, "alpha": 0.1, "lr": 0.05}


def test_items_that_did_not_run_are_listed_with_their_command(page, tmp_path):
    record, found = page()
    others = [item for item in record["items"] if not item["ran"]]
    assert len(others) == len(ITEMS) - 1
    for item in others:
        assert item["command"] == f"onemerge reproduce {item['item']} --out {tmp_path}"
        assert item["command"] in found.text
        assert f"{item['heading']}: not run" in found.text
    assert "F4" in found.text
    (late,) = [group for group in record["findings"] if group["finding"] == "F4"]
    assert late["claims"] == []
    assert {"item": "fig2a", "heading": "Figure 2a"} in late["not_run"]


def test_all_verdicts_are_shown_in_words(page):
    claims = [
        verdict(),
        verdict(verdict="refuted", mean=0.01, lower=0.0, upper=0.02, per_seed={"0": 0.0, "1": 0.01, "2": 0.02}),
        verdict(verdict="not confirmed", mean=None, lower=None, upper=None, min=None, max=None,
                per_seed={"0": None, "1": None}, note="no value for seeds [0, 1] (diverged)"),
    ]  # fmt: skip
    record, found = page(claims=claims)
    assert record["verdicts"] == {"confirmed": 1, "not confirmed": 1, "refuted": 1}
    shown = [found.text.count(sign) for sign in ("✓ confirmed", "○ not confirmed", "✗ refuted")]
    assert shown == [2, 2, 2 + sum(row["verdict"] == "refuted" for row in record["ledger"])]
    assert "no value for seeds [0, 1] (diverged)" in found.text
    assert "1 confirmed, 1 not confirmed, 1 refuted" in found.text


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda path: path.write_text(path.read_text()[:100]), "truncated or not JSON"),
        (lambda path: path.write_bytes(b"\xff\xfe{}"), "truncated or not JSON"),
        (lambda path: path.write_text("[]"), r"has \[\] where an object belongs"),
        (lambda path: change(path, claims=None), "has None as 'claims', which is of the wrong kind"),
        (lambda path: change(path, claims=[{"claim": "F1"}]), "lacks the field 'statement'"),
        (lambda path: change(path, claims=["F1"]), "has 'F1' where an object belongs"),
        (lambda path: change(path, runs={"gossip": {"key": "k"}}), "lacks the field 'fields'"),
        (lambda path: change(path, seconds={}), "lacks the seconds of 'runs'"),
        (lambda path: change(path, item="fig2a"), "is the record of 'fig2a', not of 'fig1c'"),
        (lambda path: path.with_suffix(".png").write_bytes(PNG[:50]), "fig1c.png is missing or not the one"),
        (lambda path: path.with_suffix(".csv").unlink(), "fig1c.csv is missing or not the one"),
    ],
)
def test_a_damaged_record_is_one_sentence(tmp_path, damage, sentence):
    lay(tmp_path)
    damage(tmp_path / "fig1c.json")
    with pytest.raises(OnemergeError, match=sentence) as caught:
        report(tmp_path, tmp_path / "page.html")
    assert f"delete it, and onemerge reproduce fig1c --out {tmp_path} makes it again." in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "page.html").exists()


def change(path, **changes):
    path.write_bytes(json_bytes(json.loads(path.read_text()) | changes))


def test_the_wrong_folder_or_page_is_refused(tmp_path):
    with pytest.raises(OnemergeError, match=f"no folder {tmp_path}/there; onemerge reproduce --out"):
        report(tmp_path / "there", tmp_path / "page.html")
    with pytest.raises(OnemergeError, match=r"page.txt; it must be an .html file"):
        report(tmp_path, tmp_path / "page.txt")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(OnemergeError, match="a folder; it must be a file"):
        report(tmp_path, tmp_path / "folder.html")


def test_the_ledger_has_what_was_computed_and_else_what_is_recorded(tmp_path):
    rows = {row["claim"]: row for row in ledger_rows(tmp_path)}
    assert rows["D.1"]["verdict"] == rows["D.1"]["recorded"] == "proved"
    assert not any(row["computed"] for row in rows.values())
    record = {
        "claim": "D.1", "title": "t", "statement": "s", "verdict": "open", "what": "w", "refuted_by": "r",
        "evidence": [{"engine": "search", "variant": "printed", "outcome": "supports", "found": "nothing"}],
        "constants": [{"name": "c", "printed": "inf", "best": 2, "how": "h"}], "seconds": 1, "revision": None,
    }  # fmt: skip
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "D.1.json").write_bytes(json_bytes(record))
    rows = {row["claim"]: row for row in ledger_rows(tmp_path)}
    assert rows["D.1"]["computed"]
    assert (rows["D.1"]["verdict"], rows["D.1"]["recorded"]) == ("open", "proved")
    report(tmp_path, tmp_path / "page.html")
    found = Page((tmp_path / "page.html").read_text())
    assert "open recorded: proved" in found.text
    assert "search supports “printed”: nothing" in found.text
    assert "c: printed inf, best 2 (h)" in found.text
    (tmp_path / "ledger" / "D.1.json").write_text("{")
    with pytest.raises(OnemergeError, match=r"D.1.json is truncated or not JSON: delete it, and onemerge verify D.1"):
        ledger_rows(tmp_path)
