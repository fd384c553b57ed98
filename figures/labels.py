"""What each metric is called on an axis, in which unit, and by how much its values are multiplied: the one place."""

from typing import NamedTuple

from theory.errors import require

LOSS, THETA_SQ = "[loss]", r"$[\theta]^2$"  # of a problem that is not always in nats
GRADIENT_SQ = r"[loss]$^2/[\theta]^2$"
CURVATURE = r"[loss]$/[\theta]^2$"


BYTES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("bytes", 1.0))


class Label(NamedTuple):
    text: str
    unit: str  # empty: a pure number
    scale: float = 1.0  # value on the axis = scale * value in the table


MODELS = {
    "global_accuracy": Label("global accuracy", "%", 100.0),
    "average_global_accuracy": Label("average global accuracy", "%", 100.0),  # Definition 1
    "global_loss": Label("global loss", LOSS),
    "average_global_loss": Label("average global loss", LOSS),
    "local_accuracy": Label("local accuracy", "%", 100.0),
    "average_local_accuracy": Label("average local accuracy", "%", 100.0),  # Definition C.2
    "local_loss": Label("local loss", "nats"),
    "average_local_loss": Label("average local loss", "nats"),
    "merged_accuracy": Label("accuracy of the merged model", "%", 100.0),  # Definition C.1
    "merged_loss": Label("loss of the merged model", LOSS),
    "merged_norm_sq": Label(r"$\|\bar{\theta}\|^2$", THETA_SQ),
    "merged_distance_sq": Label(r"$\|\bar{\theta} - \theta^*\|^2$", THETA_SQ),
    "outside": Label("agents outside the region", "%", 100.0),
    "imbalance": Label(r"imbalance $\|W_1 W_1^T - W_2^T W_2\|_F$", THETA_SQ),
    "average_imbalance": Label(r"average imbalance $\|W_1 W_1^T - W_2^T W_2\|_F$", THETA_SQ),
    "consensus_distance": Label(r"consensus distance $\Xi^2$", THETA_SQ),
    "messages": Label("messages sent", ""),
    "bytes": Label("data sent", "bytes"),
}
GRADIENTS = {
    "gradient_norm_sq": Label(r"$\|\nabla L(\bar{\theta})\|^2$", GRADIENT_SQ),
    "local_gradient_norm_sq": Label(r"$\frac{1}{m}\sum_k \|\nabla L_k(\theta_k)\|^2$", GRADIENT_SQ),
    "phi_sq_at_mean": Label(r"$\frac{1}{m}\sum_k \|\nabla L_k(\bar{\theta})\|^2$", GRADIENT_SQ),
    "zeta_sq_at_mean": Label(r"$\frac{1}{m}\sum_k \|\nabla (L_k - L)(\bar{\theta})\|^2$", GRADIENT_SQ),
    "zeta_sq_at_agents": Label(r"$\frac{1}{m}\sum_k \|\nabla (L_k - L)(\theta_k)\|^2$", GRADIENT_SQ),
    "sigma_sq": Label(r"gradient noise $\sigma^2$", GRADIENT_SQ),
    "sigma_sq_error": Label(r"standard error of $\sigma^2$", GRADIENT_SQ),
}
SPREAD = {
    "spread_top": Label(r"largest eigenvalue of $\Gamma$", THETA_SQ),
    "spread_dimension": Label(r"directions of $\Gamma$", ""),
    "spread_eigenvalue": Label(r"eigenvalues of $\Gamma$", THETA_SQ),
    "average_spread_eigenvalue": Label(r"mean eigenvalue of $\Gamma$", THETA_SQ),
}
TERMS = {  # v = g + e, e = h + b + rest: sim.probes.terms
    "mean_gradient_inner": Label(r"$g \cdot v$", GRADIENT_SQ),
    "discrepancy_inner": Label(r"$g \cdot e$", GRADIENT_SQ),
    "discrepancy_norm_sq": Label(r"$\|e\|^2$", GRADIENT_SQ),
    "h_inner": Label(r"$g \cdot h$", GRADIENT_SQ),
    "h_norm_sq": Label(r"$\|h\|^2$", GRADIENT_SQ),
    "T2": Label(r"$T_2 = g^T \nabla \mathrm{Tr}(\nabla^2 L\, \Gamma)$", GRADIENT_SQ),
    "b_inner": Label(r"$g \cdot b$", GRADIENT_SQ),
    "b_norm_sq": Label(r"$\|b\|^2$", GRADIENT_SQ),
    "rest_inner": Label(r"$g \cdot$ rest", GRADIENT_SQ),
    "rest_norm_sq": Label(r"$\|$rest$\|^2$", GRADIENT_SQ),
    "U": Label(r"$U$", GRADIENT_SQ),
    "U_printed": Label(r"$U$ as printed", GRADIENT_SQ),
}
LANDSCAPE = {
    "merged_descent": Label("descent of the merged model", LOSS),
    "step_smoothness": Label("smoothness along the step", CURVATURE),
    "step_curvature": Label("curvature along the step", CURVATURE),
    "sharpness": Label(r"sharpness $\mathrm{Tr}(\nabla^2 L\, \Gamma)$", LOSS),
    "sharpening_share": Label("deviations that meet Assumption 4", "%", 100.0),
    "sharpening_against": Label("deviations against Assumption 4", ""),
    "sharpening_worst": Label(r"largest $\nabla^3 L[\delta_k, \delta_k, g]$", GRADIENT_SQ),
    "mergeability": Label(r"mergeability $\frac{1}{m}\sum_k L(\theta_k) - L(\bar{\theta})$", LOSS),
    "barrier_mean": Label("mean loss barrier between agents", LOSS),
    "barrier_max": Label("largest loss barrier between agents", LOSS),
}
METRICS = MODELS | GRADIENTS | SPREAD | TERMS | LANDSCAPE


def unit_of(largest):
    """The unit, name and bytes, in which `largest` bytes are at least 1."""
    return next((unit for unit in BYTES if largest >= unit[1]), BYTES[-1])


def of(metric):
    """The record of a metric."""
    require(metric in METRICS, f"There is no metric '{metric}'; the metrics are {', '.join(METRICS)}.")
    return METRICS[metric]


def axis_label(metric):
    """Text and unit, as on an axis: 'average global accuracy (%)'; a pure number has no unit."""
    record = of(metric)
    return f"{record.text} ({record.unit})" if record.unit else record.text
