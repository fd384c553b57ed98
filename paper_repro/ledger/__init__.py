"""`onemerge verify`: every claim of the paper, its evidence computed anew, and the verdict that follows from it."""

import importlib.metadata
import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from paper_repro.claims import CLAIMS
from paper_repro.execute import end_with_parent, submit
from paper_repro.reproduce import check_writable, code_digest, digest, revision, versions
from sim.store import json_bytes, write_whole
from theory.errors import OnemergeError, require
from theory.proof.evidence import Constant, Effort, Evidence, outcome_of, verdict_of
from theory.proof.explain import formula

__all__ = ["chosen_claims", "record_of", "verify"]

RECORDED = Path(__file__).parent / "recorded.json"  # {claim: verdict}, written by paper_repro.ledger.page
LIBRARIES = ("cvxpy", "clarabel", "python-flint", "z3-solver")  # of the engines
DEFAULT = Effort()


def require_engines(what):
    """Fail before any work is done where a library of an engine is not installed."""
    missing = [name for name in ("clarabel", "flint", "z3") if find_spec(name) is None]
    require(not missing, f"{what} needs {', '.join(missing)}; install the extras: pip install '.[sdp,rigor]'")


def chosen_claims(names):
    """Names of claims in the paper's order, all where none is given; capitals do not matter."""
    by_lower = {name.lower(): name for name in CLAIMS}
    for name in names:
        require(name.lower() in by_lower, f"unknown claim {name!r}; valid claims are {', '.join(CLAIMS)}")
    wanted = {by_lower[name.lower()] for name in names}
    return [name for name in CLAIMS if name in wanted or not wanted]


def record_of(claim, effort):
    """The record of one claim that docs/ledger.md describes: its verdict, from evidence that is computed here."""
    started = time.perf_counter()
    found = list(claim.check(effort))
    evidence = [one for one in found if isinstance(one, Evidence)]
    verdict = verdict_of(claim, evidence)
    return {
        "claim": claim.name,
        "kind": claim.kind,
        "title": claim.title,
        "statement": claim.printed.statement,
        "latex": claim.printed.latex,
        "refuted_by": claim.refuted_by,
        **asdict(verdict),
        "variants": [{**asdict(variant), "outcome": outcome_of(variant.name, evidence)} for variant in claim.variants],
        "evidence": [_plain(one) for one in evidence],
        "constants": [{**asdict(c), "looseness": c.looseness} for c in found if isinstance(c, Constant)],
        "effort": asdict(effort),
        "seconds": time.perf_counter() - started,
    }


def _plain(evidence):
    instance = evidence.instance
    return {
        "engine": evidence.engine,
        "variant": evidence.variant,
        "outcome": evidence.outcome,
        "found": evidence.found,
        "numbers": evidence.numbers,
        "instance": instance and {"words": instance.words, "python": instance.python},
        "tries": evidence.tries,
        "effective": evidence.effective,
        "steps": [_step(step, decision) for step, decision in evidence.steps],
    }


def _step(step, decision):
    """One step of a proof, in words and as a formula, and how it was decided."""
    return {
        "claim": str(step.claim),
        "latex": formula(step.claim, latex=True),
        "given": [str(relation) for relation in step.given],
        "why": step.why,
        "cited": step.cited,
        "verdict": decision.verdict,
        "engine": decision.engine,
        "detail": decision.detail,
    }


def verify(names=(), *, effort=DEFAULT, folder="results", jobs=1, bar=lambda done, total: None):
    """The records of the claims, in the paper's order; `bar(done, total)` counts claims.

    Each is kept in <folder>/ledger as soon as it is done, and taken from there where code and effort are the same: an
    interrupted call goes on where it stopped.
    """
    require_engines("verify")
    require(jobs >= 1, f"jobs must be at least 1, not {jobs}.")
    chosen, folder = chosen_claims(names), Path(folder) / "ledger"
    check_writable(folder)
    inputs = {name: _inputs(name, effort) for name in chosen}
    records = {name: _kept(folder / f"{name}.json", inputs[name]) for name in chosen}
    missing = [name for name in chosen if records[name] is None]
    bar(len(chosen) - len(missing), len(chosen))
    for name, record in _computed(missing, effort, jobs):
        record |= {"versions": versions() | _engines(), "revision": revision(), "inputs": inputs[name]}
        write_whole(folder / f"{name}.json", json_bytes(record))
        records[name] = json.loads(json_bytes(record))
        bar(sum(record is not None for record in records.values()), len(chosen))
    return [records[name] for name in chosen]


def _computed(names, effort, jobs):
    """(name, record) of each, as they are done."""
    if jobs == 1 or len(names) < 2:
        for name in names:
            yield name, record_of(CLAIMS[name], effort)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(names)), context, end_with_parent) as pool:
        try:
            running = {submit(pool, _work, name, effort): name for name in names}
            for future in as_completed(running):
                yield running[future], future.result()
        except BrokenProcessPool:
            raise OnemergeError(
                f"A process died; what was finished is kept: call again, with fewer than {jobs} jobs."
            ) from None
        except BaseException:
            pool.shutdown(cancel_futures=True)  # claims that run are finished, which takes seconds
            raise


def _work(name, effort):
    return record_of(CLAIMS[name], effort)


def _inputs(name, effort):
    return digest(json.dumps([code_digest(), name, asdict(effort), versions(), _engines()]).encode())


def _engines():
    """Versions of the libraries of the engines, None where one is not installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def _kept(path, inputs):
    """The record in a file, if it was made from these inputs, else None."""
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):  # not there, or cut short: it can be computed anew
        return None
    return record if isinstance(record, dict) and record.get("inputs") == inputs else None


def recorded():
    """{claim: verdict} of the ledger in the docs."""
    return json.loads(RECORDED.read_text())


def lost(records):
    """Claims whose recorded verdict was that something is proved, and whose verdict is another now."""
    before = recorded()
    proved = ("proved", "holds with a stronger assumption", "constant wrong")
    return [r["claim"] for r in records if before.get(r["claim"]) in proved and r["verdict"] != before[r["claim"]]]
