"""What every field of a run means, in one line: names, types and defaults come from the dataclasses themselves."""

from dataclasses import MISSING, fields

from sim.data.sets import DATASETS
from sim.execution import EXECUTIONS
from sim.linear_network import INITS as LINEAR_INITS
from sim.models import MODELS, WIDTHS
from sim.network import AUGMENTATIONS, COMPUTE, DTYPES, INITS, SAMPLING, TESTS
from sim.optimizer import OPTIMIZERS
from sim.probes.named import __doc__ as probes_documentation
from sim.quadratic import NOISES, SIGNS
from sim.schedule import METHODS
from sim.smooth import FORMS
from sim.spec import GOSSIPS, PROBE_DTYPES, PROBLEMS, Spec
from sim.spectra import SPECTRA
from sim.statistics import MERGED_STATISTICS, STATISTICS_GOSSIP
from sim.step import ORDERS

RUN = {
    "agents": "number of agents",
    "rounds": "number of rounds, each ended by one communication",
    "local_steps": "optimizer steps of every agent in a round",
    "batch": "samples of one step of one agent (quadratic and smooth: no meaning)",
    "optimizer": "local optimizer",
    "lr": "learning rate η",
    "momentum": "β of optimizer momentum",
    "weight_decay": "λ, decoupled for adamw",
    "clip": "every entry of a gradient is limited to ±clip (0: no clipping)",
    "gossip": "who talks to whom at the end of a round",
    "peers": "R of random_peers and random_matching: share of the agents that communicate",
    "order": "local steps before the communication, or after it",
    "participation": "share of the agents that the server averages",
    "edge": "Ξ²/‖∇L(θ̄)‖² beyond which all agents are averaged",
    "period": "rounds from one average over all agents to the next",
    "drop": "chance that a message is lost",
    "drop_pairs": "whether both directions between two agents are lost together",
    "outage": "chance that an outage of an agent begins in a round",
    "outage_rounds": "rounds that an outage lasts",
    "stale": "chance that peers hear an agent's old model in a round",
    "window_start": "first round of a window in which all agents are averaged",
    "window_stop": "first round after that window",
    "final_merge": "whether the last communication is one global merge",
    "measure_every": "rounds between two measurements",
    "gradients_every": "rounds between two exact gradient norms (0: never)",
    "probes": "names with commas between",
    "probes_every": "rounds between two uses of the probes (0: never)",
    "probe_images": "training images that probes take (0: all)",
    "probe_dtype": "precision of the probes: that of the run, or float64",
    "execution": "how gradients are computed; changes the last bits only",
    "chunk": "models whose gradients are in memory at once (none: by rule)",
    "keep_models": "whether the final models are stored",
}
INSTANCE = "seed of the problem (none: each replica's own seed)"
SIGMA = "σ, root of the total variance of the gradient noise"
ZETA = "ζ, root mean square distance of the agents' gradients from their mean"
DISTANCE = "from the common start to the minimum"
OF_PROBLEM = {
    "classification": {
        "data": "data set",
        "model": "network",
        "width": "its width"
        + f" (where model is set and width is not: {', '.join(f'{k} {v}' for k, v in WIDTHS.items() if v)})",
        "alpha": "Dirichlet parameter of the label skew (inf: IID agents)",
        "sampling": "batches drawn afresh, or from a fixed pool in shuffled epochs",
        "samples": "size of an agent's pool with sampling=fixed",
        "init": "initial weights over the agents",
        "label_smoothing": "in [0, 1)",
        "test": "distribution of global accuracy: test set, or the agents' mixture",
        "dtype": "precision of models, sums and measures",
        "compute": "precision of the products of local steps (tf32: CUDA only)",
        "side": "pixels of a side",
        "per_class": "training images of a class",
        "augmentation": "of the images that are trained on",
        "folder": "folder that holds the data set's archive",
        "pretraining_steps": "steps on other typefaces, after which runs start with all layers but the last",
        "weights": "folder with CLIP's pretrained weights (none: random weights)",
        "statistics_gossip": "BatchNorm: gossip mixes running statistics, or agents keep their own",
        "merged_statistics": "BatchNorm of the merged model: estimated again, or the agents' mean",
        "statistics_images": "training images for reestimate",
    },
    "quadratic": {
        "dim": "dimension d of a model",
        "mu": "smallest curvature of the mean loss",
        "L": "largest curvature of the mean loss",
        "zeta": ZETA,
        "sigma": SIGMA,
        "spread": "relative difference of the agents' Hessians, in [0, 1)",
        "distance": DISTANCE,
        "instance": INSTANCE,
        "spectrum": "how curvatures lie between mu and L",
        "decay": "exponent of spectrum power",
        "outliers": "number of curvatures L of spectrum two",
        "signs": "Hessians steeper by agent throughout, or coordinate by coordinate",
        "noise": "covariance of the gradient noise",
    },
    "smooth": {
        "function": "test function",
        "form": "a sum over the coordinates, or a function of the norm",
        "dim": "dimension d of a model",
        "height": "factor of the function [loss]",
        "width": "scale of its argument [θ]",
        "zeta": ZETA,
        "sigma": SIGMA,
        "distance": DISTANCE,
        "instance": INSTANCE,
    },
    "logistic": {
        "dim": "features, the intercept among them",
        "samples": "samples of an agent",
        "l2": "strength of the ridge, above 0",
        "alpha": "Dirichlet parameter of the label skew (inf: half and half)",
        "condition": "largest over smallest variance of the features",
        "label_noise": "chance that a label is turned over, at most 1/2",
        "instance": INSTANCE,
    },
    "linearnetwork": {
        "inputs": "length of x",
        "hidden": "width of the layer between",
        "outputs": "length of y",
        "samples": "samples of an agent",
        "condition": "largest over smallest second moment of x",
        "noise": "size of the noise of the targets",
        "skew": "0: samples are dealt out at random; 1: in the order of the first input",
        "init": "initial weights over the agents",
        "scale": "size of the initial weights",
        "instance": INSTANCE,
    },
}
VALID = {
    "run": {
        "optimizer": OPTIMIZERS,
        "gossip": GOSSIPS,
        "order": ORDERS,
        "probe_dtype": PROBE_DTYPES,
        "execution": EXECUTIONS,
    },
    "classification": {
        "data": DATASETS,
        "model": MODELS,
        "sampling": SAMPLING,
        "init": INITS,
        "test": TESTS,
        "dtype": DTYPES,
        "compute": COMPUTE,
        "augmentation": AUGMENTATIONS,
        "statistics_gossip": STATISTICS_GOSSIP,
        "merged_statistics": MERGED_STATISTICS,
    },
    "quadratic": {"spectrum": SPECTRA, "signs": SIGNS, "noise": NOISES},
    "smooth": {"function": FORMS["separable"], "form": FORMS},
    "logistic": {},
    "linearnetwork": {"init": LINEAR_INITS},
}


def listing(problem):
    """The fields of runs on a problem, its own first: `field`, `of`, `type`, `default` (as text), `valid`, `only`,
    `meaning`; `only` is {what: values} where the field belongs to some values of another."""
    owners = ((problem, PROBLEMS[problem], OF_PROBLEM[problem]), ("run", Spec, RUN))
    return [
        {
            "field": f.name,
            "of": owner,
            "type": getattr(f.type, "__name__", str(f.type)),
            "default": as_text(f.default),
            "valid": list(VALID[owner][f.name]) if f.name in VALID[owner] else None,
            "only": {what: list(values) for what, values in f.metadata.items()},
            "meaning": meanings[f.name],
        }
        for owner, kind, meanings in owners
        for f in fields(kind)
        if f.default is not MISSING  # the problem itself, which is no field to set
    ]


def choices(problem):
    """All that can be chosen: `problems`, `methods` {name: what it sets}, `fields` of runs on a problem (`listing`) and
    `probes` {name: metrics}."""
    return {
        "problems": list(PROBLEMS),
        "methods": METHODS,
        "fields": listing(problem),
        "probes": probe_metrics(probes_documentation),
    }


def as_text(value):
    """A value as `--set` takes it."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def probe_metrics(documentation):
    """{probe: metrics} of the table in the documentation of `sim.probes.named`."""
    found, probe = {}, None
    for line in documentation.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 6 or cells[1] == "probe" or set(cells[1]) == {"-"}:
            continue
        probe = cells[1] or probe
        found.setdefault(probe, []).extend(cells[2].split(", "))
    return found
