"""A pretrained start without downloads: a model that has learned glyphs of typefaces that no run sees.

The stand-in for the published weights that the paper starts from. The model learns the 62 glyphs of
`sim.data.glyphs.PRETRAINING_FONTS` by AdamW, centrally; a run takes all layers but the last, which every agent draws
anew, as for CLIP, whose tower has no classifier.
"""

from functools import lru_cache

import torch
from torch.nn.functional import cross_entropy

from sim.arguments import whole
from sim.data.glyphs import CHARACTERS, PRETRAINING_FONTS, draw_set
from sim.models import BATCH_NORM, MODELS
from sim.randomness import stream
from sim.threads import cpu_threads
from theory.errors import require

PER_CLASS = 100  # images
BATCH = 128
LR = 1e-3
WEIGHT_DECAY = 1e-4


def check_pretraining(config):
    """Refuse a `sim.network.Classification` that has no pretrained start."""
    whole(1, pretraining_steps=config.pretraining_steps)
    require(config.data == "glyphs", f"init 'pretrained' is a start on data glyphs, not on {config.data}.")
    require(
        config.model not in BATCH_NORM,
        f"init 'pretrained' needs a model without BatchNorm, not {config.model}; "
        f"valid: {', '.join(name for name in MODELS if name not in BATCH_NORM)}.",
    )
    require(config.weights is None, f"init 'pretrained' starts from glyphs, not from the weights in {config.weights}.")


@lru_cache(maxsize=8)
def pretrained_layers(model, width, side, steps):
    """{parameter name: float32 tensor} of all layers but the last; the same for every seed, as published weights are.

    `steps` steps of AdamW (lr 1e-3, weight decay 1e-4, batch 128) on 100 images a class, on the CPU with one thread, so
    that the bits depend on neither the device nor the number of cores.
    """
    images, labels = map(torch.from_numpy, draw_set(PRETRAINING_FONTS, side, PER_CLASS, 0, "glyphs pretraining"))
    with cpu_threads(1), torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(int(stream(0, "pretraining init").integers(2**63)))
        network = MODELS[model](1, side, len(CHARACTERS), width)
        optimizer = torch.optim.AdamW(network.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
        for batch in stream(0, "pretraining batches").integers(len(labels), size=(steps, BATCH)):
            optimizer.zero_grad()
            cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()
    head = last_layer(network)
    return {name: tensor.detach() for name, tensor in network.named_parameters() if name not in head}


def last_layer(network):
    """Names of the parameters of the last linear layer."""
    name = [name for name, layer in network.named_modules() if isinstance(layer, torch.nn.Linear)][-1]
    return {f"{name}.{part}" for part, _ in network.get_submodule(name).named_parameters()}
