"""The findings of the paper, what its theory needs beside them, and the claims of the items grouped under both."""

from collections import Counter

VERDICTS = ("confirmed", "not confirmed", "refuted")
FINDINGS = {
    "F1": "One merge lifts accuracy far above the local models.",
    "F2": "The accuracy of the merged model is close to federated learning.",
    "F3": "No communication leaves the merged model at chance, R = 0.2 does not, although local accuracies are alike.",
    "F4": "Late windows of full averaging beat early ones, in final and in best accuracy.",
    "F5": "Ring and exponential graph keep mergeability, the exponential graph a little better.",
    "F6": "The effect survives batch size, learning rate, initialization and α.",
    "F7": "Five rounds of gossip on the exponential graph come close to the exact merge.",
    "F8": "One-shot averaging without gossip fails.",
    "T1": "The terms of the descent inequality along training: exact ones against the printed U.",
    "T2": "The consensus distance against Lemma D.1, Corollary D.2 and the best constants, over topologies.",
    "T3": "The critical consensus edge over training, and what a schedule that follows it does against fixed ones at "
    "equal communication.",
    "Table 1": "The rates of Table 1 against exact numbers of steps.",
}


def finding_of(item, claim):
    """The finding that a claim's name begins with ("T1 regime" belongs to T1), else the name itself.

    The claims of the item table1 are its own, whatever their names.
    """
    if item == "table1":
        return "Table 1"
    first = claim.partition(" ")[0]
    return first if first in FINDINGS else claim


def grouped(items):
    """One record a finding, those of FINDINGS first: its claims with their verdicts, and items that would judge it.

    `items` are records of the page: `item`, `heading`, `ran`, and `claims` (verdicts of docs/json.md where it ran, else
    the claim and its statement alone).
    """
    groups = {name: [] for name in FINDINGS}
    for item in items:
        for claim in item["claims"]:
            groups.setdefault(finding_of(item["item"], claim["claim"]), []).append((item, claim))
    return [_group(name, found) for name, found in groups.items()]


def _group(name, found):
    where = lambda item: {"item": item["item"], "heading": item["heading"]}  # noqa: E731
    judged = [{**where(item), **claim} for item, claim in found if item["ran"]]
    waiting = {item["item"]: where(item) for item, _ in found if not item["ran"]}
    return {
        "finding": name,
        "statement": FINDINGS.get(name, ""),
        "verdicts": counted(judged),
        "claims": judged,
        "not_run": list(waiting.values()),
    }


def counted(claims):
    """{verdict: how many} of claims, in one order, without those that do not occur."""
    counts = Counter(claim["verdict"] for claim in claims)
    return {verdict: counts[verdict] for verdict in (*VERDICTS, *sorted(counts.keys() - set(VERDICTS)))
            if counts[verdict]}  # fmt: skip
