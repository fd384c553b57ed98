"""One vocabulary: every metric of every problem and probe has a label, in the unit that its source states."""

import pytest

from figures import labels
from sim.linear_network import LinearNetwork
from sim.logistic import Logistic
from sim.network import Classification
from sim.probes import named
from sim.quadratic import Quadratic
from sim.run import run
from sim.smooth import Smooth
from sim.spec import PROBLEMS, Spec

SMALL = {
    "classification": Classification(model="logistic"),
    "quadratic": Quadratic(dim=2),
    "smooth": Smooth(function="quartic_on_ball", dim=2),
    "logistic": Logistic(dim=2, samples=8),
    "linearnetwork": LinearNetwork(inputs=2, hidden=2, outputs=1, samples=8),
}


def probe_rows():
    """(metric, unit) of the table in the documentation of the probes."""
    cells = [[cell.strip() for cell in line.split(" | ")] for line in named.__doc__.splitlines() if line[:1] == "|"]
    return [(metric, row[-1].strip("| ")) for row in cells[2:] for metric in row[1].split(", ")]


def metrics_of(kind, probes=""):
    """Of a round after which agents differ: where they are equal, what compares deviations has no value and no row."""
    images = 10 * (kind == "classification")
    small = {"agents": 4, "rounds": 1, "local_steps": 1, "batch": 4, "lr": 0.01, "gossip": "ring"}
    probing = {"gradients_every": 1, "probes": probes, "probes_every": int(bool(probes)), "probe_images": images}
    return set(run(Spec(SMALL[kind], **small, **probing), (0,))["metric"])


@pytest.mark.parametrize("kind", PROBLEMS)
def test_every_metric_of_a_problem_has_a_label(kind):
    found = metrics_of(kind)
    assert {"merged_loss", "consensus_distance", "messages", "bytes", "gradient_norm_sq"} <= found
    assert found <= set(labels.METRICS)


def test_every_metric_of_a_probe_has_a_label():
    assert set(labels.METRICS) >= metrics_of("classification", ",".join(named.PROBES))


def test_no_label_is_of_nothing():
    everything = set().union(*map(metrics_of, PROBLEMS), metrics_of("quadratic", ",".join(named.PROBES)))
    assert set(labels.METRICS) == everything


def test_units_are_those_of_the_probes():
    rows = probe_rows()
    assert len(rows) > 30
    plain = str.maketrans({"$": None, "\\": None, "^": None, "2": "²"})
    for metric, unit in rows:
        label = labels.of(metric)
        stated = {"": "1", "%": "1"}.get(label.unit, label.unit.replace(r"\theta", "θ").translate(plain))
        assert stated == unit, metric


def test_labels_are_distinct_and_drawn():
    texts = [labels.axis_label(metric) for metric in labels.METRICS]
    assert len(set(texts)) == len(texts)
