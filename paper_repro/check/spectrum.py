"""The spectral numbers of what is checked, beside closed forms and, where asked for, proved enclosures."""

from dataclasses import asdict

from paper_repro.check.subject import product_of
from theory import spectrum
from theory.bounds import BOUNDS
from theory.closed_forms import LAZY
from theory.enclosure import FRACTIONS, QUANTITIES, Enclosure, enclose
from theory.graphs import TOPOLOGIES

CLOSED_FORMS = {  # topology: (bound, the weights that it is about)
    "ring": ("ring_gap", ("metropolis", "uniform", "max_degree")),
    "path": ("path_gap", ("metropolis", "max_degree")),
    "torus": ("torus_gap", ("metropolis", "uniform", "max_degree")),
    "hypercube": ("hypercube_gap", ("metropolis", "uniform", "max_degree")),
    "star": ("star_gap", ("metropolis", "max_degree")),
    "complete": ("complete_gap", ("metropolis", "uniform", "max_degree")),
    "exponential": ("exponential_gap", ("uniform",)),
}
DECAY = 0.9  # γ of the effective number of neighbors
ROUNDING = 1e-12


def spectrum_report(subject, decay=DECAY):
    """Every number that a spectral gap may mean; `p` is that of the worst round, which one-step bounds speak about.

    `decay` is γ of the effective number of neighbors n_W(γ).
    """
    gossip, kind = subject.gossip, subject.kind
    period = product_of(subject.matrices) if kind != "random" else None
    of_period = spectrum.consensus_rate(gossip)
    p = of_period if kind != "periodic" else min(map(spectrum.consensus_rate, subject.matrices))
    gap = None if period is None else spectrum.gap(period)
    values = spectrum.eigenvalues(gossip.second_moment() if period is None else period)
    return {
        "eigenvalues_of": {"constant": "W", "periodic": "product of one period", "random": "E[W^T W]"}[kind],
        "eigenvalues": [[float(value.real), float(value.imag)] for value in values],
        "slem": None if period is None else spectrum.slem(period),
        "gap": gap,
        "contraction": None if period is None else spectrum.contraction(period),
        "p": _ends(p),
        "p_of_period": _ends(of_period),
        "mean_drift": _ends(spectrum.mean_drift(gossip)),
        "noise_gain": spectrum.noise_gain(gossip),
        "drift_gain": spectrum.drift_gain(gossip),
        "decay": decay,
        "effective_neighbors": spectrum.effective_neighbors(gossip, decay),
        "rounds_to_halve": spectrum.rounds_to_halve(gossip),
        "finite_time": spectrum.finite_time(gossip),
        "closed_form": _closed_form(subject, gap, of_period),
    }


def _ends(p):
    """p, but 0 and 1 themselves where it is one of them up to rounding."""
    return next((end for end in (0.0, 1.0) if abs(p - end) <= ROUNDING), float(p))


def _closed_form(subject, numeric_gap, numeric_p):
    """The closed forms of 1 - slem and p that `theory.bounds.spectra` has for this family, beside the numbers."""
    name, weights = CLOSED_FORMS.get(subject.name, (None, ()))
    if name is None or subject.weights not in weights or not BOUNDS[name].inside(**dict(subject.parameters)):
        return None
    gap = float(BOUNDS[name](**dict(subject.parameters)))
    return {
        "bound": name,
        "one_minus_slem": gap,
        "numeric_one_minus_slem": numeric_gap,
        "p": float(BOUNDS["consensus_rate_normal"](one_minus_slem=gap)),
        "numeric_p": numeric_p,
    }


def enclosures(subject):
    """One record for each of `theory.enclosure.QUANTITIES`: a proved interval, or the reason why there is none.

    Of the fractions themselves where a rule of fractions made the weights, else of the stored matrix.
    """
    if subject.kind != "constant":
        reason = f"not certified: enclosures are about one fixed matrix, and {subject.name} is {subject.kind}."
        return [asdict(Enclosure(quantity, None, None, False, "", reason)) for quantity in QUANTITIES]
    what, rule, parameters = subject.matrices[0], None, {}
    if subject.weights and subject.weights.removeprefix(LAZY) in FRACTIONS:
        what, rule = subject.graph, subject.weights
        if subject.name in TOPOLOGIES:
            what, parameters = subject.name, dict(subject.parameters)
    return [asdict(enclose(quantity, what, rule, **parameters)) for quantity in QUANTITIES]
