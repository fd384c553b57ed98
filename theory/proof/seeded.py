"""A search by seeds: one random instance a seed, so that the worst one can be run again by its number."""

from theory.proof.evidence import Instance, by_search


def by_seeds(variant, run, tries, words, first=0, **values):
    """The evidence of run(seed=..., **values) for `tries` seeds from `first` on, each a `Measured`.

    `run` gives None for an instance outside the assumptions. The ratio is measured over allowed + error, both >= 0.
    """
    worst, at, effective = 0.0, None, 0
    for seed in range(first, first + tries):
        point = run(seed=seed, **values)
        if point is None:
            continue
        effective += 1
        limit = float(point.allowed) + float(point.error)
        ratio = float(point.measured) / limit if limit > 0 else (float("inf") if point.violates else 0.0)
        if ratio > worst:
            worst, at = ratio, seed
    found = None if worst <= 1 else Instance(f"{words}, seed {at}", run, {"seed": at} | values)
    return by_search(variant, worst, tries, effective, words, found)
