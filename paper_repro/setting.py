"""What was run, in words for captions: data, model, agents, local steps, gossip, faults; the level of guessing."""

import numpy as np

from sim.data.sets import DATASETS
from sim.network import BATCH_NORM

MODELS = {
    "logistic": "multinomial logistic regression",
    "linear2": "a linear network with a hidden layer of width {width}",
    "mlp": "an MLP with two hidden layers of width {width}",
    "cnn": "a CNN of two convolutions with {width} and {double} channels",
    "resnet18": "ResNet-18 of width {width} with the 3×3 stem",
    "resnet18_imagenet": "ResNet-18 of width {width} with the ImageNet stem",
    "vit": "a small ViT of width {width}",
    "clip_vit_b32": "the vision tower of CLIP ViT-B/32 of width {width} with a classification head",
}
GOSSIP = {
    "none": "no communication",
    "random_peers": "gossip with random peers, R = {peers:g}",
    "random_matching": "gossip in random pairs, R = {peers:g}",
    "ring": "gossip on a ring",
    "exponential": "gossip on the exponential graph",
    "one_peer_exponential": "gossip with one peer at a time of the exponential graph",
    "complete": "an average over all agents in every round",
    "server": "a server that averages {participation:g} of the agents in every round",
    "edge": "an average over all agents in rounds that begin with Ξ² > {edge:g} ‖∇L(θ̄)‖², silence in the others",
    "periodic": "an average over all agents after every {period} rounds",
}
OPTIMIZERS = {"sgd": "SGD", "momentum": "SGD with momentum {momentum:g}", "adamw": "AdamW"}


def describe(spec):
    """The setting of classification runs in one sentence: all fields that change what is computed, and differ from
    their defaults or are told anyway. What an item's runs change (its labels say it) is told as `spec` has it."""
    problem = spec.problem
    parts = (*_task(problem), *_model(problem), *_agents(spec), *_steps(spec), *_gossip(spec), *_faults(spec))
    return ", ".join(parts)


def chance(spec):
    """Accuracy of guessing, 1/classes."""
    return 1 / DATASETS[spec.problem.data](spec.problem).classes


def gossip_words(spec):
    """Who talks to whom."""
    return GOSSIP[spec.gossip].format(
        peers=spec.peers, participation=spec.participation, edge=spec.edge, period=spec.period
    )


def _task(problem):
    images = DATASETS[problem.data](problem)
    pixels = images.train_x.shape[-1]
    augmented = "" if problem.augmentation == "none" else ", augmented by crop, flip and RandAugment"
    yield (
        f"{images.name} ({len(images.train_y):,} training and {len(images.test_y):,} test images of "
        f"{pixels}×{pixels} pixels{augmented})"
    )
    if problem.test == "mixture":
        yield "tested on the mixture of the agents' class distributions"


def _model(problem):
    yield MODELS[problem.model].format(width=problem.width, double=2 * problem.width)
    if problem.model in BATCH_NORM:
        gossip = "mixed by gossip" if problem.statistics_gossip == "mix" else "kept by every agent"
        count = min(problem.statistics_images, len(DATASETS[problem.data](problem).train_y))
        again = f"estimated again on {count:,} clean training images"
        merged = again if problem.merged_statistics == "reestimate" else "the mean of the agents'"
        yield f"running statistics of BatchNorm {gossip}"
        yield f"those of the merged model {merged}"
    if problem.weights is not None:
        yield f"pretrained weights of the tower and {problem.init} initial weights of the head"
    elif problem.init == "pretrained":
        steps = _count(problem.pretraining_steps, "step")
        yield f"all layers but the last from {steps} on glyphs of other typefaces, the last of every agent its own"
    else:
        yield f"{problem.init} initial weights"
    if problem.dtype != "float32":
        yield f"in {problem.dtype}"
    if problem.compute != "same":
        yield f"products of the local steps in {problem.compute}"


def _agents(spec):
    problem = spec.problem
    yield _count(spec.agents, "agent")
    yield "IID agents" if np.isinf(problem.alpha) else f"Dirichlet label skew α = {problem.alpha:g}"
    if problem.sampling == "fixed":
        yield f"batches from a fixed pool of {problem.samples:,} images an agent"


def _steps(spec):
    yield f"{_count(spec.rounds, 'round')} of {_count(spec.local_steps, 'local step')}"
    if spec.order == "combine_then_adapt":
        yield "communication before the local steps"
    details = [f"lr {spec.lr:g}", f"batch {spec.batch}"]
    details += [f"weight decay {spec.weight_decay:g}"] * (spec.weight_decay > 0)
    details += [f"entries of gradients clipped to ±{spec.clip:g}"] * (spec.clip > 0)
    details += [f"label smoothing {spec.problem.label_smoothing:g}"] * (spec.problem.label_smoothing > 0)
    yield f"{OPTIMIZERS[spec.optimizer].format(momentum=spec.momentum)} ({', '.join(details)})"


def _gossip(spec):
    yield gossip_words(spec)
    if spec.window_start is not None:
        yield f"full averaging in rounds {spec.window_start}–{spec.window_stop}"
    if spec.final_merge:
        yield "one global merge in the last round"


def _faults(spec):
    if spec.drop > 0:
        both = ", with the one that answers it" if spec.drop_pairs else ""
        yield f"every message lost with probability {spec.drop:g}{both}"
    if spec.outage > 0:
        lasting = _count(spec.outage_rounds, "round")
        yield f"outages of {lasting} that begin for every agent with probability {spec.outage:g} a round"
    if spec.stale > 0:
        yield f"stale news of every agent with probability {spec.stale:g} a round"


def _count(number, what):
    return f"{number:,} {what}{'s' * (number != 1)}"
