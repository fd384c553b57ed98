"""The two scales of an item: quick, on embedded data; paper, the paper's own setting, which reads the user's files."""

from dataclasses import replace

from sim.data.archives import ARCHIVES
from sim.data.shaped import SHAPED
from sim.network import Classification
from sim.spec import Spec
from theory.errors import require

SCALES = ("quick", "paper")
GENERATED = "generated"  # instead of a folder: images in the shape of the archives
WEIGHTED = "clip_vit_b32"

# Steps, batch, augmentation and hidden terms of the official code, as far as the paper and that code tell.
_TRAINING = {
    "rounds": 300,
    "local_steps": 100,
    "batch": 128,
    "weight_decay": 5e-4,
    "clip": 1.0,
    "gossip": "random_peers",
    "peers": 0.2,
}
_TASK = {"alpha": 0.1, "label_smoothing": 0.1, "augmentation": "crop_flip_randaugment"}
RATES = {
    ("resnet18", "sgd"): 1e-2,
    ("resnet18", "adamw"): 5e-4,
    (WEIGHTED, "sgd"): 1e-3,
    (WEIGHTED, "adamw"): 1e-5,
    ("mlp", "sgd"): 1e-1,
    ("mlp", "adamw"): 1e-3,
    ("cnn", "sgd"): 5e-2,
    ("cnn", "adamw"): 1e-3,
}


def full(data, model="resnet18", optimizer="adamw", agents=16):
    """The paper's runs on `data`: 300 rounds of 100 local steps, batch 128, R = 0.2, α = 0.1, its learning rates."""
    width = 768 if model == WEIGHTED else 64
    problem = Classification(data=data, model=model, width=width, **_TASK)
    return Spec(problem, agents=agents, optimizer=optimizer, lr=RATES[model, optimizer], **_TRAINING)


def pretrained(optimizer="adamw", agents=16):
    """The quick scale's runs from pretrained weights: a CNN on glyphs that has learned other typefaces.

    The round before the last, which may merge, is measured.
    """
    problem = Classification(data="glyphs", model="cnn", width=8, init="pretrained")
    training = {"rounds": 31, "local_steps": 5, "measure_every": 5}
    return Spec(problem, agents=agents, optimizer=optimizer, lr=RATES["cnn", optimizer], **training)


def with_optimizer(spec, optimizer):
    """The spec with another optimizer, its learning rate in the ratio of the two optimizers' RATES for the model."""
    model = spec.problem.model
    for name in (spec.optimizer, optimizer):
        known = ", ".join(f"{rated} of {m}" for m, rated in RATES)
        require((model, name) in RATES, f"No learning rate is known for {name} of {model}; valid: {known}.")
    ratio = RATES[model, optimizer] / RATES[model, spec.optimizer]
    return replace(spec, optimizer=optimizer, lr=spec.lr * ratio)


def with_files(spec, data, weights):
    """The spec with the user's folders, as far as it reads any; `data` may be GENERATED.

    CLIP without `weights` starts from random ones, which only generated data is good for. Errors: an archive or weights
    that the spec reads and nobody named.
    """
    problem = spec.problem
    archive = getattr(problem, "data", None)
    if archive in ARCHIVES:
        file = ARCHIVES[archive].file
        where = f"--data FOLDER (or --data {GENERATED}, to try it on images of that shape)"
        require(data is not None, f"the paper's scale reads {file}: name the folder that holds it by {where}.")
        if data == GENERATED:
            shape = next(name for name, of in SHAPED.items() if of == archive)
            problem = replace(problem, data=shape)
        else:
            problem = replace(problem, folder=data)
    if getattr(problem, "model", None) == WEIGHTED:
        named = weights is not None or data == GENERATED
        require(named, "the paper's scale starts from CLIP's weights: name the folder that holds them by --weights.")
        problem = replace(problem, weights=weights)
    return replace(spec, problem=problem)
