"""Networks for small images by name, as torch modules from images [n, channels, side, side] to logits [n, classes].

`width` scales each of them: hidden units of `mlp` and `linear2`, channels of the first layer of `cnn` and the ResNets
(64 is ResNet-18), the embedding of `vit` and `clip_vit_b32`. `logistic` has none and leaves it unread.
"""

from sim.models.small import cnn, linear2, logistic, mlp
from sim.models.vision import clip_vit_b32, resnet18, resnet18_imagenet, vit

MODELS = {
    "logistic": logistic,
    "linear2": linear2,
    "mlp": mlp,
    "cnn": cnn,
    "resnet18": resnet18,
    "resnet18_imagenet": resnet18_imagenet,
    "vit": vit,
    "clip_vit_b32": clip_vit_b32,
}

BATCH_NORM = ("resnet18", "resnet18_imagenet")  # models that carry running means and variances

# The width a model has where none is chosen; None: the model has no width.
WIDTHS = {
    "logistic": None,
    "linear2": 64,
    "mlp": 64,
    "cnn": 16,
    "resnet18": 64,
    "resnet18_imagenet": 64,
    "vit": 64,
    "clip_vit_b32": 768,
}
