"""What each metric is called on an axis, in which unit, and by how much its values are multiplied: the one place."""

from typing import NamedTuple

from theory.errors import require


class Label(NamedTuple):
    text: str
    unit: str
    scale: float  # value on the axis = scale * value in the table


METRICS = {
    "average_global_accuracy": Label("average global accuracy", "%", 100.0),  # Definition 1
    "average_global_loss": Label("average global loss", "nats", 1.0),
    "average_local_accuracy": Label("average local accuracy", "%", 100.0),  # Definition C.2
    "average_local_loss": Label("average local loss", "nats", 1.0),
    "merged_accuracy": Label("accuracy of the merged model", "%", 100.0),  # Definition C.1
    "merged_loss": Label("loss of the merged model", "nats", 1.0),
    "consensus_distance": Label(r"consensus distance $\Xi^2$", r"$[\theta]^2$", 1.0),
    "gradient_norm_sq": Label(r"$\|\nabla L(\bar{\theta})\|^2$", r"nats$^2/[\theta]^2$", 1.0),
    "local_gradient_norm_sq": Label(r"$\frac{1}{m}\sum_k \|\nabla L_k(\theta_k)\|^2$", r"nats$^2/[\theta]^2$", 1.0),
}


def of(metric):
    """The record of a metric."""
    require(metric in METRICS, f"There is no metric '{metric}'; the metrics are {', '.join(METRICS)}.")
    return METRICS[metric]


def axis_label(metric):
    """Text and unit, as on an axis: 'average global loss (nats)'."""
    record = of(metric)
    return f"{record.text} ({record.unit})"
