"""The ledger of a report: records of `onemerge verify` where the folder has them, else verdicts of docs/ledger.md."""

from paper_repro.claims import CLAIMS
from paper_repro.ledger import recorded
from paper_repro.report.sidecars import kept_claim

TAKEN = ("engine", "variant", "outcome", "found")


def ledger_rows(folder):
    """One row a claim of the paper: statement, verdict, and where it was computed here, evidence and constants.

    `computed` tells the two apart; `recorded` is the verdict of docs/ledger.md (None for a claim that is not in it).
    """
    before = recorded()
    return [_row(name, kept_claim(name, folder), before.get(name)) for name in CLAIMS]


def _row(name, record, before):
    if record is None:
        claim = CLAIMS[name]
        return {
            "claim": name, "title": claim.title, "statement": claim.printed.statement, "verdict": before, "what": "",
            "refuted_by": claim.refuted_by, "evidence": [], "constants": [], "computed": False, "recorded": before,
            "revision": None,
        }  # fmt: skip
    kept = ("claim", "title", "statement", "verdict", "what", "refuted_by", "constants", "revision")
    evidence = [{field: one[field] for field in TAKEN} for one in record["evidence"]]
    return {**{field: record[field] for field in kept}, "evidence": evidence, "computed": True, "recorded": before}
