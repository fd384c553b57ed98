"""`onemerge check`: what every bound says about one topology, beside a simulated run on quadratics."""

import math
import time
from dataclasses import asdict
from pathlib import Path

from paper_repro.check import plot as drawing
from paper_repro.check.assumptions import departures_of
from paper_repro.check.compare import comparable, curve_of, floors_of, known_and_measured, row_of
from paper_repro.check.rule import margin
from paper_repro.check.runs import against_moments, divergence, simulated
from paper_repro.check.spectrum import enclosures, spectrum_report
from paper_repro.check.subject import PARAMETERS, matrix_report, subject_of
from sim.quadratic import Quadratic
from sim.step import ORDERS
from theory.bounds import BOUNDS
from theory.errors import require

__all__ = ["PARAMETERS", "check_topology"]

SLOW = 512  # agents: above, it is said what takes long


def check_topology(
    topology, *, weights=None, L=1.0, mu=None, sigma=1.0, zeta=1.0, spread=0.0, dim=10, distance=1.0, lr=None,
    steps=200, runs=64, order="adapt_then_combine", certify=False, plot=None, bar=lambda done, total: None,
    tell=lambda sentence: None, **parameters,
):  # fmt: skip
    """Check one topology against every bound, and return the record that docs/check.md describes.

    `topology` is a name of `theory.roster` with its `parameters`, a networkx graph, a matrix W [m, m], a sequence of
    matrices [rounds, m, m], a `Gossip`, or the `Path` of a file; `weights` a rule of theory.mixing (None: metropolis,
    and uniform for a directed graph). The quadratics are those of `sim.quadratic.Quadratic` (`mu` None: L/10). `lr`
    None: a quarter of the largest learning rate of the master bounds, 1/(4 R L_local) with R = drift_gain, and at most
    0.1/L_local. `order` of adapting and combining: only bounds about it are compared. `certify`: enclose the gaps of a
    fixed matrix in proved intervals. `plot` names a .png or .pdf file. `bar(done, total)` is told the progress in
    rounds, `tell(sentence)` what is slow or left out.
    """
    started = time.perf_counter()
    require(isinstance(runs, int) and runs >= 2, f"runs is {runs!r}; a standard error needs at least 2 runs")
    require(isinstance(steps, int) and steps >= 1, f"steps is {steps!r}; it must be an integer of at least 1")
    require(order in ORDERS, f"order is {order!r}; it must be one of {', '.join(ORDERS)}")
    require(lr is None or (math.isfinite(lr) and lr > 0), f"lr is {lr}; it must be a positive number")
    config = Quadratic(dim, L / 10 if mu is None else mu, L, zeta, sigma, spread, distance)
    drawing.check_plot(plot)
    subject = subject_of(topology, weights, **parameters)
    agents = subject.gossip.agents
    if agents > SLOW:
        tell(f"{agents} agents: eigenvalues take time of order m^3, and every step moves {runs} dense m x m matrices")
    proved = enclosures(subject) if certify else None
    matrix, numbers = matrix_report(subject), spectrum_report(subject)
    chosen = lr is None
    if chosen:
        gain = numbers["drift_gain"]
        lr = min(0.1, 1 / (4 * gain) if 0 < gain < math.inf else 0.1) / (L * (1 + spread))
    values, problem = simulated(config, subject.gossip, lr, steps, runs, order, bar)
    at = divergence(values)
    known, measured = known_and_measured(values, problem, config, subject, numbers, lr)
    distances = measured["consensus_distance"]
    departures = departures_of(subject, config, matrix, numbers, known, order)
    floor = {} if at is not None else floors_of(values, known)
    diverged = None if at is None else f"diverged at step {at}"
    compared = [bound for bound in BOUNDS.values() if comparable(bound, known, departures, order)]
    rows = [row_of(bound, known, measured, departures, floor, diverged) for bound in compared]
    exact = against_moments(subject, problem, lr, distances, order)
    curve = curve_of(rows, known, distances)
    met = {row["bound"]: all(a["met"] for a in row["assumptions"]) for row in rows}
    record = {
        "topology": {
            "name": subject.name,
            "parameters": dict(subject.parameters),
            "weights": subject.weights,
            "kind": subject.kind,
            "agents": agents,
            "period": subject.gossip.period,
            "edges": None if subject.graph is None else subject.graph.number_of_edges(),
            "directed": None if subject.graph is None else subject.graph.is_directed(),
        },
        "matrix": matrix,
        "spectrum": numbers,
        "enclosures": proved,
        "problem": {**asdict(config), "lr": lr, "lr_chosen": chosen, "steps": steps, "runs": runs, "order": order},
        "run": {
            "diverged_at": at,
            "initial_gap": known["initial_gap"],
            "phi": known["phi"],
            "zeta": None if at is not None else known["zeta"],
            "L_local": known["L_local"],
            "gradient_norm_sq_mean": known["epsilon"],
            "consensus_distance": None if distances is None else float(distances.mean(axis=0).max()),
        },
        "moments": exact,
        "margin": margin(runs),
        "bounds": rows,
        "not_compared": [name for name in BOUNDS if name not in met],
        "contradictions": [row["bound"] for row in rows if row["verdict"] == "violated" and met[row["bound"]]]
        + ["moments"] * (exact["verdict"] == "differs"),
        "curve": curve,
        "seconds": time.perf_counter() - started,
    }
    if plot is not None and at is not None:
        tell(f"The run diverged at step {at}: {plot} is not drawn.")
    elif plot is not None:
        drawing.draw(record, subject, Path(plot))
    return record
