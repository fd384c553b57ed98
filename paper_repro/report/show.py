"""What `onemerge report` prints: the page, and what is on it."""

from collections import Counter

from paper_repro.report.page import size
from paper_repro.show import console


def print_report(record):
    """A few lines: where the page is, how many items and verdicts it has, what has not run yet."""
    ran = [item for item in record["items"] if item["ran"]]
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in record["verdicts"].items()) or "none"
    of_ledger = Counter(row["verdict"] for row in record["ledger"])
    say = lambda text: console().print(text, soft_wrap=True, markup=False)  # noqa: E731
    say(f"{record['page']} ({size(record['bytes'])}): {len(ran)} of {len(record['items'])} items.")
    say(f"Claims of the items: {verdicts}.")
    say(f"Claims of the paper: {', '.join(f'{count} {verdict}' for verdict, count in of_ledger.items())}.")
    for item in record["items"]:
        if not item["ran"]:
            say(f"Not run: {item['heading']}, made by {item['command']}")
